//! A progress bar for work that takes its time.

use std::io::{IsTerminal as _, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that is done sooner needs no bar: it would only flicker.
const PATIENCE: Duration = Duration::from_millis(300);

/// Shows how far a simulation is, on a terminal and once it takes longer than a moment.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    since: Instant,
    is_terminal: bool,
    is_shown: AtomicBool,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        let style = ProgressStyle::with_template("simulating {wide_bar} {percent:>3} % {eta:>4}");
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let is_terminal = stderr().is_terminal();
        Progress { bar, since: Instant::now(), is_terminal, is_shown: AtomicBool::new(false) }
    }

    /// Tells that so much of so much is done; called from many threads.
    pub(crate) fn tell(&self, done: u64, of: u64) {
        if !self.is_terminal || self.since.elapsed() < PATIENCE {
            return;
        }
        if !self.is_shown.swap(true, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.set_length(of);
        }
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
