//! What doesn't fit: kept once, and gone once it has been judged anew.

use longlead_stream::{
    Arrival, Batch, Captured, Contracts, Head, Judged, Plausible, Receipt, Sender, Value, judge,
};

use crate::accept::reopen;
use crate::sample::{CONTRACTS, RECEIVED, Reading, SECOND, ask, contracts, judged, open};

const HELD: &str = "SELECT count(*), count(DISTINCT payload), count(contract) FROM quarantine";

/// Readings of a stream without a contract.
fn untold(numbers: std::ops::Range<i64>, captured: impl Fn(i64) -> Captured) -> Judged {
    let mut batch = Batch::default();
    let (stream, device) = (batch.name("shock"), batch.name("a"));
    let peak = batch.name("peak");
    for number in numbers {
        let head = Head { device: Some(device), captured: captured(number), ..Head::of(stream) };
        batch.push(head, [(peak, Value::Float(number as f64), None)]);
    }
    let plausible = Plausible::default();
    let arrival =
        Arrival { received: RECEIVED, sender: Sender::Trusted, format: "json", plausible };
    judge(&Contracts::default(), &batch, &arrival)
}

fn told(receipt: Receipt) -> (u64, u64, u64) {
    (receipt.rows, receipt.duplicates, receipt.quarantined)
}

#[tokio::test]
async fn what_is_sent_again_is_in_quarantine_once_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    let at = |number| Captured::At(RECEIVED - number * SECOND);
    let some = lake.accept(untold(0..20, at)).await.expect("there is room");
    assert_eq!(told(some), (0, 0, 20));
    let again = lake.accept(untold(10..30, at)).await.expect("there is room");
    assert_eq!(told(again), (0, 10, 10));
    lake.flush().await.expect("it flushes");
    let more = lake.accept(untold(30..35, at)).await.expect("there is room");
    assert_eq!(told(more), (0, 0, 5));
    drop(lake);
    let lake = reopen(folder.path()).await;
    let again = lake.accept(untold(0..35, at)).await.expect("there is room");
    assert_eq!(told(again), (0, 35, 0), "files and log are both known");
    assert_eq!(ask(&lake, HELD).await, "35 35 0");
    // Who tells neither a time nor a number may have meant two.
    let nothing = |_| Captured::Untold;
    let first = lake.accept(untold(0..1, nothing)).await.expect("there is room");
    let mut later = untold(0..1, nothing);
    later.quarantined[0].received += SECOND;
    let second = lake.accept(later).await.expect("there is room");
    assert_eq!((told(first), told(second)), ((0, 0, 1), (0, 0, 1)));
}

#[tokio::test]
async fn what_was_judged_anew_leaves_the_quarantine_and_does_not_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    let hot: Vec<Reading<'_>> =
        (0..10).map(|it| Reading::at("a", RECEIVED - it * SECOND, 99.0)).collect();
    let kept = lake.accept(judged(&contracts(CONTRACTS), &hot)).await.expect("there is room");
    assert_eq!(told(kept), (0, 0, 10));
    let at = |number| Captured::At(RECEIVED - number * SECOND);
    lake.accept(untold(0..5, at)).await.expect("there is room");
    let through = lake.newest_commit();
    let names = ["climate".to_owned()];
    // Version 7 is the one that judged them: nothing is to be judged anew.
    assert_eq!(lake.release(&names, 7, through).await.expect("it releases"), 0);
    assert_eq!(lake.release(&names, 8, through).await.expect("it releases"), 10);
    assert_eq!(ask(&lake, HELD).await, "5 5 0");
    drop(lake);
    let lake = reopen(folder.path()).await;
    assert_eq!(ask(&lake, HELD).await, "5 5 0", "the log doesn't bring them back");
    let again = lake.accept(judged(&contracts(CONTRACTS), &hot)).await.expect("there is room");
    assert_eq!(told(again), (0, 0, 10), "what left is taken again if it comes again");
    let names = ["shock".to_owned()];
    assert_eq!(lake.release_before(&names, RECEIVED).await.expect("it releases"), 0);
    assert_eq!(lake.release_before(&names, RECEIVED + 1).await.expect("it releases"), 5);
    assert_eq!(ask(&lake, HELD).await, "10 10 10");
}
