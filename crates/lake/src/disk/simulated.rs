//! A disk with seeded faults: it loses or tears what wasn't synced, fills up, and fails to sync.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Appendable, Disk};

/// Numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What a file holds: what a crash leaves, and what a reader sees until then.
#[derive(Clone, Debug, Default)]
struct Held {
    durable: Vec<u8>,
    seen: Vec<u8>,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    files: BTreeMap<u64, Held>,
    next_file: u64,
    /// Names as a reader sees them, and as a crash leaves them.
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Changes of names since the last sync, in order.
    pending_names: Vec<(String, Option<u64>)>,
    /// Operations until the process is dead, where it is to die.
    operations_left: Option<u64>,
    capacity: u64,
    /// One sync in so many fails; 0 for never.
    sync_fails_one_in: u64,
    syncs: u64,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug)]
pub(crate) struct Simulated {
    state: Arc<Mutex<State>>,
}

impl Simulated {
    pub(crate) fn new(seed: u64) -> Simulated {
        Simulated {
            state: Arc::new(Mutex::new(State {
                dice: Dice(seed),
                files: BTreeMap::new(),
                next_file: 0,
                names: BTreeMap::new(),
                durable_names: BTreeMap::new(),
                pending_names: Vec::new(),
                operations_left: None,
                capacity: u64::MAX,
                sync_fails_one_in: 0,
                syncs: 0,
            })),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the process die after so many operations.
    pub(crate) fn die_after(&self, operations: u64) {
        self.state().operations_left = Some(operations);
    }

    pub(crate) fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    pub(crate) fn fail_one_sync_in(&self, n: u64) {
        self.state().sync_fails_one_in = n;
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Flips a bit of a file, on the medium.
    pub(crate) fn flip(&self, name: &str, byte: usize) {
        let mut state = self.state();
        let file = state.names[name];
        let held = state.files.get_mut(&file).expect("it is there");
        held.durable[byte] ^= 1;
        held.seen[byte] ^= 1;
    }

    /// The power fails and comes back: what wasn't synced is lost, kept or torn, as the dice fall.
    pub(crate) fn crash(&self) {
        let mut guard = self.state();
        let state = &mut *guard;
        let pending = std::mem::take(&mut state.pending_names);
        // Names become durable in order, up to some point.
        let kept = state.dice.below(pending.len() as u64 + 1) as usize;
        for (name, file) in pending.into_iter().take(kept) {
            apply(&mut state.durable_names, name, file);
        }
        state.names = state.durable_names.clone();
        for held in state.files.values_mut() {
            held.durable = survive(&mut state.dice, held);
            held.seen = held.durable.clone();
        }
        state.operations_left = None;
        state.sync_fails_one_in = 0;
        state.capacity = u64::MAX;
    }
}

/// What a crash leaves of a file whose end wasn't synced.
fn survive(dice: &mut Dice, held: &Held) -> Vec<u8> {
    let (durable, seen) = (&held.durable, &held.seen);
    if seen.len() <= durable.len() || !seen.starts_with(durable) {
        // Cut, or cut and grown again: the old end or the new.
        return if dice.one_in(2) { durable.clone() } else { seen.clone() };
    }
    let mut left = seen.clone();
    match dice.below(4) {
        0 => left.truncate(durable.len()),
        1 => {}
        2 => left
            .truncate(durable.len() + dice.below((seen.len() - durable.len()) as u64 + 1) as usize),
        // The length came through, and some of the sectors: the others are zero or garbage.
        _ => {
            let mut start = durable.len();
            while start < left.len() {
                let end = ((start / 512 + 1) * 512).min(left.len());
                match dice.below(3) {
                    0 => left[start..end].fill(0),
                    1 => left[start..end].iter_mut().for_each(|it| *it = dice.next() as u8),
                    _ => {}
                }
                start = end;
            }
        }
    }
    left
}

fn apply(names: &mut BTreeMap<String, u64>, name: String, file: Option<u64>) {
    match file {
        Some(file) => names.insert(name, file),
        None => names.remove(&name),
    };
}

impl State {
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.operations_left {
            Some(0) => Err(io::Error::other("the process is dead")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[file].seen.len() as u64).sum()
    }

    fn name(&mut self, name: &str, file: Option<u64>) {
        apply(&mut self.names, name.to_owned(), file);
        self.pending_names.push((name.to_owned(), file));
    }
}

impl Disk for Simulated {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.operate()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.operate()?;
        let file = state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.files[file].seen.clone())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Appendable>> {
        let mut state = self.state();
        state.operate()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.next_file;
        state.next_file += 1;
        state.files.insert(file, Held::default());
        state.name(name, Some(file));
        Ok(Box::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let file = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        // One step of the file system's journal each; the old name goes last.
        state.name(to, Some(file));
        state.name(from, None);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if !state.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.name(name, None);
        Ok(())
    }

    fn rewrite(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.operate()?;
        let file = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        let held = state.files.get_mut(&file).ok_or(io::ErrorKind::NotFound)?;
        assert!(bytes.len() <= held.seen.len().next_multiple_of(8), "it needs no room");
        // It may die after the bytes and before the cut.
        let beyond = held.seen.get(bytes.len()..).unwrap_or_default().to_vec();
        held.seen = [bytes, &beyond].concat();
        held.durable.clone_from(&held.seen);
        state.operate()?;
        let held = state.files.get_mut(&file).ok_or(io::ErrorKind::NotFound)?;
        held.seen = bytes.to_vec();
        held.durable.clone_from(&held.seen);
        state.syncs += 1;
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.pending_names.clear();
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn free(&self) -> io::Result<u64> {
        let state = self.state();
        Ok(state.capacity.saturating_sub(state.used()))
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: Simulated,
    file: u64,
}

impl Appendable for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut guard = self.disk.state();
        let state = &mut *guard;
        let dying = state.operate();
        let room = state.capacity.saturating_sub(state.used());
        let held = state.files.get_mut(&self.file).expect("open files are there");
        if dying.is_err() {
            // It dies in the middle of the write.
            let part = state.dice.below(bytes.len() as u64 + 1) as usize;
            held.seen.extend_from_slice(&bytes[..part]);
            return dying;
        }
        if room < bytes.len() as u64 {
            held.seen.extend_from_slice(&bytes[..room as usize]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        held.seen.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut guard = self.disk.state();
        let state = &mut *guard;
        state.operate()?;
        state.syncs += 1;
        if state.sync_fails_one_in > 0 && state.dice.one_in(state.sync_fails_one_in) {
            // As Linux does: the pages count as clean from now on, and readers see them.
            return Err(io::Error::other("input/output error"));
        }
        let held = state.files.get_mut(&self.file).expect("open files are there");
        held.durable = held.seen.clone();
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut guard = self.disk.state();
        let state = &mut *guard;
        state.operate()?;
        state.files.get_mut(&self.file).expect("open files are there").seen.truncate(len as usize);
        Ok(())
    }
}
