//! One problem, whatever format it came in, and the network that it is.

use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use longlead_network::{
    Activity, At, Bound, Calendar, CalendarIndex, Demand, Estimate, Lag, Levelled, Link, LinkKind,
    Network, Team, TeamIndex,
};

/// Jobs that share teams. The first and the last job are the start and the end of all.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) jobs: Vec<Job>,
    pub(super) arcs: Vec<Arc>,
    pub(super) capacities: Vec<u32>,
    /// The critical-path length that the file states.
    pub(super) mpm_time: Option<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Job {
    pub(super) duration: u32,
    pub(super) demands: Vec<u32>,
}

/// Start of `to` ≥ start of `from` + `weight`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arc {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) weight: i64,
}

/// No file of the library comes near these; what does is not meant for us.
pub(super) const JOBS_MAX: usize = 2_000;
pub(super) const FIGURE_MAX: i64 = 1_000_000;

impl Instance {
    /// The network of the problem, in elapsed slots. An arc that goes backwards in time
    /// becomes the maximum lag that it states.
    pub(super) fn network(&self) -> Result<Network> {
        let mut network = Network::new(self.horizon()?, At::ZERO);
        network.calendars.push(Calendar::elapsed(network.horizon_slots)?);
        let calendar = CalendarIndex::new(0);
        for (index, &capacity) in self.capacities.iter().enumerate() {
            network.teams.push(Team { name: format!("R{}", index + 1), capacity });
        }
        for (index, job) in self.jobs.iter().enumerate() {
            let estimate = Estimate::Fixed(f64::from(job.duration));
            let mut activity = Activity::new(job_name(index), calendar, estimate);
            let demands = job.demands.iter().enumerate().filter(|(_, units)| **units > 0);
            activity.demands = demands
                .map(|(team, &units)| Demand { team: TeamIndex::from(team), units })
                .collect();
            network.activities.push(activity);
        }
        network.links = self.arcs.iter().map(|arc| link(arc, calendar)).collect();
        Ok(network)
    }

    /// No schedule needs longer than all jobs and all waits one after the other.
    fn horizon(&self) -> Result<u32> {
        let work: i64 = self.jobs.iter().map(|job| i64::from(job.duration)).sum();
        let waits: i64 = self.arcs.iter().map(|arc| arc.weight.abs()).sum();
        let slots = u32::try_from(work + waits + 1).unwrap_or(u32::MAX);
        ensure!(slots <= Calendar::HORIZON_SLOTS_MAX, "durations and lags add up to {slots} slots");
        Ok(slots)
    }

    /// What is wrong with a levelled plan, checked slot by slot without the network.
    pub(super) fn find_fault(&self, levelled: &Levelled) -> Option<String> {
        let starts: Vec<i64> = levelled.activities.iter().map(|it| it.start.slot()).collect();
        for arc in &self.arcs {
            if starts[arc.to] < starts[arc.from] + arc.weight {
                return Some(format!("{} starts too early", job_name(arc.to)));
            }
        }
        let end = levelled.finish.slot().max(0) as usize;
        for (team, &capacity) in self.capacities.iter().enumerate() {
            let mut used = vec![0_u64; end + 1];
            for (job, &start) in self.jobs.iter().zip(&starts) {
                let units = u64::from(job.demands.get(team).copied().unwrap_or(0));
                let from = start.max(0) as usize;
                for slot in used.iter_mut().skip(from).take(job.duration as usize) {
                    *slot += units;
                }
            }
            if used.iter().any(|&units| units > u64::from(capacity)) {
                return Some(format!("R{} is asked for more than it has", team + 1));
            }
        }
        None
    }
}

pub(super) fn job_name(index: usize) -> String {
    format!("job {:03}", index + 1)
}

fn link(arc: &Arc, calendar: CalendarIndex) -> Link {
    // A weight of zero back to an earlier job is a maximum lag too, so that jobs that must
    // start together are no cycle of minimum links.
    let backwards = arc.weight < 0 || (arc.weight == 0 && arc.to < arc.from);
    let (from, to, amount, bound) = if backwards {
        (arc.to, arc.from, -arc.weight, Bound::Maximum)
    } else {
        (arc.from, arc.to, arc.weight, Bound::Minimum)
    };
    Link {
        from: from.into(),
        to: to.into(),
        kind: LinkKind::StartToStart,
        lag: Lag { amount: amount as f64, calendar },
        bound,
    }
}

/// The lines of a file, with their numbers for messages.
pub(super) struct Lines<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    number: usize,
}

/// One line.
pub(super) struct Line<'a> {
    pub(super) number: usize,
    pub(super) text: &'a str,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Lines<'a> {
        Lines { lines: text.lines().enumerate(), number: 0 }
    }

    /// The next line that is not empty.
    pub(super) fn next(&mut self) -> Result<Line<'a>> {
        for (index, text) in self.lines.by_ref() {
            self.number = index + 1;
            if !text.trim().is_empty() {
                return Ok(Line { number: self.number, text });
            }
        }
        bail!("line {}: the file ends too early", self.number + 1)
    }

    /// The line after the next one that begins with `heading`.
    pub(super) fn after(&mut self, heading: &str) -> Result<Line<'a>> {
        loop {
            let line = self.next().with_context(|| format!("looking for `{heading}`"))?;
            if line.text.trim_start().starts_with(heading) {
                return self.next();
            }
        }
    }
}

impl Line<'_> {
    /// All figures of the line; brackets around one are passed over.
    pub(super) fn figures(&self) -> Result<Vec<i64>> {
        let words = self.text.split_whitespace();
        words.map(|word| self.figure(word.trim_matches(['[', ']']))).collect()
    }

    fn figure(&self, word: &str) -> Result<i64> {
        let Ok(figure) = i64::from_str(word) else {
            bail!("line {}: `{word}` is not a whole number", self.number)
        };
        ensure!(
            (-FIGURE_MAX..=FIGURE_MAX).contains(&figure),
            "line {}: {figure} is out of range",
            self.number
        );
        Ok(figure)
    }

    /// A figure that can't be negative.
    pub(super) fn unsigned(&self, figure: i64) -> Result<u32> {
        match u32::try_from(figure) {
            Ok(figure) => Ok(figure),
            Err(_) => bail!("line {}: {figure} is negative", self.number),
        }
    }

    /// A count of jobs or teams.
    pub(super) fn count(&self, figure: i64) -> Result<usize> {
        let count = usize::try_from(figure).unwrap_or(usize::MAX);
        ensure!(count <= JOBS_MAX, "line {}: there can't be {figure}", self.number);
        Ok(count)
    }

    /// The place of a job numbered from `first`, of `count`.
    pub(super) fn job(&self, figure: i64, first: i64, count: usize) -> Result<usize> {
        let place = usize::try_from(figure.saturating_sub(first)).unwrap_or(usize::MAX);
        ensure!(place < count, "line {}: there is no job {figure}", self.number);
        Ok(place)
    }
}
