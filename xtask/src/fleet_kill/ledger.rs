//! What was sent and what was acknowledged, and whether the rows that are there fit both.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Readings of one device that are sent together: numbers from `first` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) device: usize,
    pub(super) first: u64,
    pub(super) count: u64,
}

/// All devices.
#[derive(Debug)]
pub(super) struct Ledger {
    devices: Mutex<Vec<Device>>,
}

/// Whether each number that was sent has been acknowledged.
type Device = Vec<bool>;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) rows: u64,
    pub(super) acknowledged: u64,
    /// Rows that are there although nobody was told.
    pub(super) unanswered: u64,
    /// Readings that were sent, never acknowledged, and aren't there.
    pub(super) absent: u64,
    pub(super) faults: Vec<String>,
}

impl Ledger {
    pub(super) fn new(devices: usize) -> Ledger {
        Ledger { devices: Mutex::new(vec![Device::new(); devices]) }
    }

    fn devices(&self) -> MutexGuard<'_, Vec<Device>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next readings of a device. From here on they count as sent.
    pub(super) fn next(&self, device: usize, count: u64) -> Payload {
        let mut devices = self.devices();
        let mut first = 0;
        if let Some(numbers) = devices.get_mut(device) {
            first = numbers.len() as u64;
            numbers.extend((0..count).map(|_| false));
        }
        Payload { device, first, count }
    }

    pub(super) fn acknowledge(&self, payload: Payload) {
        let mut devices = self.devices();
        let numbers = devices.get_mut(payload.device).into_iter().flatten();
        let first = usize::try_from(payload.first).unwrap_or(usize::MAX);
        let count = usize::try_from(payload.count).unwrap_or(0);
        numbers.skip(first).take(count).for_each(|it| *it = true);
    }

    /// Readings sent, and those of them that are acknowledged.
    pub(super) fn counts(&self) -> (u64, u64) {
        let devices = self.devices();
        let sent = devices.iter().map(Vec::len).sum::<usize>() as u64;
        let acknowledged = devices.iter().flatten().filter(|it| **it).count() as u64;
        (sent, acknowledged)
    }

    /// Holds rows, each as `device,number`, against what was sent.
    pub(super) fn check(&self, rows: &[String]) -> Found {
        let devices = self.devices();
        let mut found = Found { rows: rows.len() as u64, ..Found::default() };
        let mut there: HashMap<(usize, usize), u32> = HashMap::with_capacity(rows.len());
        for row in rows {
            match place(row) {
                Some(place) => *there.entry(place).or_default() += 1,
                None => found.faults.push(format!("`{row}` is no row of ours")),
            }
        }
        for (device, numbers) in devices.iter().enumerate() {
            for (number, is_acknowledged) in numbers.iter().enumerate() {
                let times = there.remove(&(device, number)).unwrap_or(0);
                found.acknowledged += u64::from(*is_acknowledged);
                match (is_acknowledged, times) {
                    (true, 0) => found.faults.push(format!(
                        "reading {number} of device {device} was acknowledged and is lost"
                    )),
                    (false, 0) => found.absent += 1,
                    (false, 1) => found.unanswered += 1,
                    (true, 1) => {}
                    _ => found.faults.push(format!(
                        "reading {number} of device {device} is there {times} times"
                    )),
                }
            }
        }
        for (device, number) in there.keys() {
            found.faults.push(format!("nobody sent reading {number} of device {device}"));
        }
        found
    }
}

/// The name of a device.
pub(super) fn name(device: usize) -> String {
    format!("K-{device}")
}

fn place(row: &str) -> Option<(usize, usize)> {
    let (device, number) = row.split_once(',')?;
    Some((device.strip_prefix("K-")?.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    #[test]
    fn a_row_that_is_lost_doubled_or_never_sent_is_a_fault() {
        let ledger = Ledger::new(2);
        let first = ledger.next(0, 2);
        ledger.acknowledge(first);
        let _unanswered = ledger.next(1, 2);
        assert_eq!(ledger.counts(), (4, 2));
        let check = |rows: &[&str]| {
            let rows: Vec<String> = rows.iter().map(|it| (*it).to_owned()).collect();
            ledger.check(&rows)
        };
        let sound = check(&["K-0,0", "K-0,1", "K-1,1"]);
        assert_eq!((sound.rows, sound.acknowledged), (3, 2));
        assert_eq!((sound.unanswered, sound.absent, sound.faults.len()), (1, 1, 0));
        for (rows, fault) in [
            (&["K-0,0"][..], "lost"),
            (&["K-0,0", "K-0,1", "K-0,1"], "2 times"),
            (&["K-0,0", "K-0,1", "K-1,0", "K-1,0"], "2 times"),
            (&["K-0,0", "K-0,1", "K-1,2"], "nobody sent"),
        ] {
            let found = check(rows);
            assert_eq!(found.faults.len(), 1, "{rows:?}: {:?}", found.faults);
            assert!(found.faults[0].contains(fault), "{rows:?}: {:?}", found.faults);
        }
    }
}
