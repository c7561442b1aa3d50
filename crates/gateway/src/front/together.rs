//! Small payloads that are judged and kept together.
//!
//! A message of MQTT holds a reading or two. To judge each by itself, and to lay out columns for it,
//! costs many times as much as its one row. The lake commits one group at a time, so while it does,
//! what comes waits here rather than there, and then goes on as one: at no cost in time, and the
//! busier the doors are, the more goes together.

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard, PoisonError};

use longlead_stream::{Judged, Refusal};
use tokio::sync::oneshot;

use super::{BLOCKING_BYTES, Front, Parcel};

/// Payloads of fewer bytes are taken together.
const SMALL_BYTES: usize = 4 << 10;

/// Bytes of payloads that are taken together, so that nobody waits long for a thread.
const TOGETHER_BYTES: usize = 256 << 10;

/// What a payload counts beside its bytes: even an empty one is judged, and ends in a row.
const EACH_BYTES: usize = 64;

/// How many are on their way to the lake at once: one that it commits, and one that waits.
const UNDER_WAY: usize = 2;

type Answer = oneshot::Sender<Result<(), Refusal>>;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    parcels: VecDeque<(Parcel, Answer)>,
    under_way: usize,
}

/// Payloads of one sender and one format, and who waits for each.
#[derive(Debug, Default)]
struct Bundle {
    parcels: Vec<Parcel>,
    answers: Vec<Answer>,
}

/// What was judged together, and who waits for it.
type Outcome = (Judged, Vec<Answer>);

impl Bundle {
    fn push(&mut self, parcel: Parcel, answer: Answer) {
        self.parcels.push(parcel);
        self.answers.push(answer);
    }
}

/// One that is under way. Should it fail, others may still begin.
struct UnderWay<'a>(&'a Front);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.waiting().under_way -= 1;
        }
    }
}

impl Front {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a payload kept, together with others that come at the same time.
    pub(crate) async fn take_together(self: &Arc<Front>, parcel: Parcel) -> Result<(), Refusal> {
        if parcel.payload.len() >= SMALL_BYTES {
            // In a box, so that the usual way stays small.
            return Box::pin(self.take(parcel)).await.map(drop);
        }
        let (answer, answered) = oneshot::channel();
        let begins = {
            let mut waiting = self.waiting();
            waiting.parcels.push_back((parcel, answer));
            let begins = waiting.under_way < UNDER_WAY;
            waiting.under_way += usize::from(begins);
            begins
        };
        if begins {
            let front = Arc::clone(self);
            tokio::spawn(async move { front.take_waiting().await });
        }
        answered.await.unwrap_or(Err(Refusal::Closing))
    }

    /// Takes what waits until nothing does.
    async fn take_waiting(self: Arc<Front>) {
        let _under_way = UnderWay(&self);
        loop {
            let (bundles, bytes) = self.next_bundles();
            if bundles.is_empty() {
                return;
            }
            let judged = if bytes < BLOCKING_BYTES {
                self.judged_bundles(bundles)
            } else {
                // Others that this thread serves don't wait for that.
                let front = Arc::clone(&self);
                let judging = tokio::task::spawn_blocking(move || front.judged_bundles(bundles));
                match judging.await {
                    Ok(judged) => judged,
                    // Whoever waited is told by the loss of their answer.
                    Err(_) => continue,
                }
            };
            let keeping = judged.into_iter().map(|outcome| self.keep(outcome));
            futures_util::future::join_all(keeping).await;
        }
    }

    /// What waits, by sender and format, with the bytes that it counts; or nothing, and the end of
    /// one that is under way.
    fn next_bundles(&self) -> (Vec<Bundle>, usize) {
        let mut waiting = self.waiting();
        let mut bundles: Vec<Bundle> = Vec::new();
        let mut bytes = 0;
        while bytes < TOGETHER_BYTES
            && let Some((parcel, answer)) = waiting.parcels.pop_front()
        {
            bytes += parcel.payload.len() + EACH_BYTES;
            // Those of one sender come together mostly, so the last are looked at first.
            let like = |it: &Bundle| it.parcels.first().is_some_and(|it| is_like(it, &parcel));
            match bundles.iter_mut().rev().take(16).find(|it| like(it)) {
                Some(bundle) => bundle.push(parcel, answer),
                None => {
                    let mut bundle = Bundle::default();
                    bundle.push(parcel, answer);
                    bundles.push(bundle);
                }
            }
        }
        waiting.under_way -= usize::from(bundles.is_empty());
        (bundles, bytes)
    }

    fn judged_bundles(&self, bundles: Vec<Bundle>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for Bundle { parcels, answers } in bundles {
            let Some(first) = parcels.first() else { continue };
            let judged = self.judged_together(&first.peer, first.format, &parcels);
            let mut answers = answers.into_iter();
            let told = |(judged, count): (Judged, usize)| {
                (judged, answers.by_ref().take(count).collect::<Vec<Answer>>())
            };
            outcomes.extend(judged.into_iter().map(told));
        }
        outcomes
    }

    async fn keep(&self, (judged, answers): Outcome) {
        let outcome = match judged.rows.is_empty() && judged.quarantined.is_empty() {
            true => Ok(()),
            false => self.intake.accept(judged).await.map(drop),
        };
        for answer in answers {
            // Who doesn't wait any more isn't told.
            let _ = answer.send(outcome);
        }
    }
}

fn is_like(one: &Parcel, other: &Parcel) -> bool {
    one.format == other.format && one.peer == other.peer
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use longlead_stream::Refusal;

    use crate::front::tests::{Keeper, of};
    use crate::front::{Parcel, Peer};
    use crate::{Format, Precision};

    fn parcel(peer: &Peer, device: &str, payload: &str) -> Parcel {
        Parcel {
            format: Format::Json,
            payload: payload.into(),
            stream: Some("spoken".to_owned()),
            device: Some(device.to_owned()),
            precision: Precision::default(),
            peer: peer.clone(),
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_comes_at_once_is_kept_together_and_each_is_answered() {
        let (keeper, front) = of(Keeper::slow(20), false);
        let taking = (0..500).map(|number| {
            let (front, payload) = (Arc::clone(&front), format!("{{\"seq\":{number},\"t\":4}}"));
            let parcel = parcel(&Peer::System, &format!("CT-{}", number % 7), &payload);
            tokio::spawn(async move { front.take_together(parcel).await })
        });
        for answered in join_all(taking).await {
            assert_eq!(answered.expect("it ends"), Ok(()));
        }
        let (calls, rows) = keeper.calls_and_rows();
        assert_eq!(rows, 500);
        assert!(calls < 50, "{calls} calls for 500 messages");
    }

    #[tokio::test]
    async fn readings_that_only_their_arrival_tells_apart_never_arrive_at_one_instant() {
        let (keeper, front) = of(Keeper::slow(5), false);
        let payloads = [r#"{"t":4.5}"#, r#"{"t":4.5}"#, r#"{"age":2,"values":{"t":4.5}}"#];
        let parcels = (0..60).map(|it| parcel(&Peer::System, "CT-1", payloads[it % 3]));
        let taken = join_all(parcels.map(|it| front.take_together(it))).await;
        assert_eq!(taken, vec![Ok(()); 60]);
        assert_eq!(keeper.calls_and_rows().1, 60);
        let captured = keeper.captured();
        let apart: std::collections::BTreeSet<i64> = captured.iter().copied().collect();
        assert_eq!(apart.len(), 60, "{captured:?}");
    }

    #[tokio::test]
    async fn each_speaks_for_itself_and_what_is_malformed_harms_no_other() {
        let (keeper, front) = of(Keeper::slow(5), false);
        let device = |serial: &str| Peer::Device(serial.into());
        let parcels = [
            parcel(&device("CT-1"), "CT-1", r#"{"seq":1,"t":1}"#),
            parcel(&device("CT-2"), "CT-2", r#"{"seq":1,"t":2}"#),
            // It names another device than the one that it is.
            parcel(&device("CT-1"), "CT-1", r#"{"device":"CT-2","seq":2,"t":3}"#),
            parcel(&device("CT-1"), "CT-1", r#"{"seq":3,"t":"#),
            parcel(&device("CT-1"), "CT-1", r#"{"seq":4,"t":5}"#),
        ];
        let taken = join_all(parcels.into_iter().map(|it| front.take_together(it))).await;
        assert_eq!(taken, vec![Ok(()); 5]);
        assert_eq!(keeper.calls_and_rows().1, 3);
        let mut reasons = keeper.reasons();
        reasons.sort_unstable();
        assert_eq!(reasons, ["malformed", "not-its-device"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn payloads_of_no_bytes_are_bounded_too_and_each_is_answered() {
        let (keeper, front) = of(Keeper::gated(), false);
        let parcels = (0..10_000).map(|_| parcel(&Peer::System, "CT-1", ""));
        let mut taking: Vec<_> = parcels.map(|it| Box::pin(front.take_together(it))).collect();
        // All of them wait, but for those that are under way, before any is kept.
        assert!(taking.iter_mut().all(|it| it.now_or_never().is_none()));
        keeper.open();
        let taken = join_all(taking).await;
        assert_eq!(taken.len(), 10_000);
        assert!(taken.iter().all(Result::is_ok));
        let largest = keeper.largest();
        assert!(largest <= super::TOGETHER_BYTES / super::EACH_BYTES, "{largest}");
        assert!(largest > 1000, "{largest}");
    }

    #[tokio::test]
    async fn a_refusal_is_told_to_all_and_later_ones_are_taken() {
        let (keeper, front) = of(Keeper::slow(1), false);
        keeper.refuse(Refusal::DiskFull);
        let parcels =
            (0..20).map(|it| parcel(&Peer::System, "CT-1", &format!("{{\"seq\":{it},\"t\":1}}")));
        let taken = join_all(parcels.map(|it| front.take_together(it))).await;
        assert_eq!(taken, vec![Err(Refusal::DiskFull); 20]);
        keeper.take_again();
        let taken = front.take_together(parcel(&Peer::System, "CT-1", r#"{"seq":1,"t":1}"#)).await;
        assert_eq!(taken, Ok(()));
    }
}
