//! Early dates, found in rounds, and told at the end of a gap that MS Project tells.

use longlead_network::{
    ActivityDates, At, ConstraintKind as Kind, Deadlines, Driver, FinishBy, LinkKind, Side, Span,
};

use super::super::ConstraintKind;
use super::super::layout::{ELAPSED, Fixes, Node, NodeLink, Pass, Role, Source, State};
use super::{Dates, Run, ScheduleFailure, Scheduler};

/// Rounds after which a summary's start is taken as it is. Each round settles at least one
/// unless summaries chase each other.
const SUMMARY_ROUNDS_MAX: usize = 20;

impl Scheduler<'_> {
    /// Which nodes a link may begin at.
    pub(super) fn sources(&self, link: &NodeLink) -> Vec<usize> {
        match link.from {
            Source::Node(node) => vec![node],
            Source::EarliestOf(place) => {
                self.layout.awaited_starts.get(place).cloned().unwrap_or_default()
            }
        }
    }

    /// The forward pass.
    ///
    /// A summary starts when its first task does, which the network can't say: the first is
    /// supposed, and the pass repeated until it is. Likewise an imposed latest date holds
    /// against links, one node at a time from the front, since holding one may free the next.
    pub(super) fn early(
        &self,
        fixes: &mut Fixes,
        finish: Option<At>,
    ) -> Result<Run, ScheduleFailure> {
        let finish_by = finish.map_or(FinishBy::EarlyFinish, FinishBy::Date);
        let deadlines: Deadlines = self.deadlines(finish_by, &[]);
        let mut summary_rounds = 0;
        loop {
            let run = self.run(Pass::Forward, fixes, &deadlines)?;
            let earliest = self.earliest(&run.schedule.activities);
            if earliest != fixes.earliest && summary_rounds < SUMMARY_ROUNDS_MAX {
                fixes.earliest = earliest;
                summary_rounds += 1;
                continue;
            }
            match self.pushed_past_its_date(&run, fixes) {
                Some(node) => fixes.clamped.insert(node),
                None => return Ok(run),
            };
        }
    }

    fn earliest(&self, dates: &[ActivityDates]) -> Vec<usize> {
        let first = |nodes: &Vec<usize>| {
            let start = |node: &usize| dates.get(*node).map(|it| (it.early_start, *node));
            nodes.iter().filter_map(start).min().map_or(0, |(_, node)| node)
        };
        self.layout.awaited_starts.iter().map(first).collect()
    }

    /// The first node, in the order of the links, that links push past an imposed latest date.
    fn pushed_past_its_date(&self, run: &Run, fixes: &Fixes) -> Option<usize> {
        run.compiled.nodes().iter().map(|it| it.activity.index()).find(|&index| {
            let node = self.layout.nodes.get(index);
            let Some(node) = node.filter(|it| it.is_open() && !fixes.clamped.contains(&index))
            else {
                return false;
            };
            let Some(dates) = run.schedule.activities.get(index) else { return false };
            let Some(calendar) = self.layout.calendars.get(node.calendar) else { return false };
            let is_after = |event: At, date: At| calendar.work(event) > calendar.work(date);
            node.constraints.iter().any(|&(kind, date)| match kind {
                ConstraintKind::StartNoLaterThan => is_after(dates.early_start, date),
                ConstraintKind::FinishNoLaterThan => is_after(dates.early_finish, date),
                _ => false,
            })
        })
    }

    /// The dates as MS Project tells them, by node.
    pub(super) fn told_dates(&self, run: &Run) -> Vec<Dates> {
        let mut told: Vec<Dates> = run
            .schedule
            .activities
            .iter()
            .map(|it| Dates { start: it.early_start, finish: it.early_finish })
            .collect();
        // In the order of the links, for a date that depends on how another one is told.
        for node in run.compiled.nodes() {
            let index = node.activity.index();
            let of_index = (self.layout.nodes.get(index), run.schedule.activities.get(index));
            let (Some(node), Some(dates)) = of_index else { continue };
            let dates = self.told(node, dates, run, &told);
            if let Some(slot) = told.get_mut(index) {
                *slot = dates;
            }
        }
        told
    }

    fn told(&self, node: &Node, dates: &ActivityDates, run: &Run, told: &[Dates]) -> Dates {
        let plain = Dates { start: dates.early_start, finish: dates.early_finish };
        match node.state {
            State::Kept { start, finish, .. } | State::Finished { start, finish } => {
                Dates { start, finish }
            }
            State::Started { start, .. } => Dates { start, ..plain },
            State::Open if node.role == Role::Helper => plain,
            State::Open if dates.work == Span::ZERO => self.milestone(node, dates),
            State::Open => {
                let finish = self.held_finish(node, dates, run, told).unwrap_or(plain.finish);
                Dates { finish, ..plain }
            }
        }
    }

    /// A milestone that was driven into a night or a weekend moves to its end, or to its
    /// beginning if its finish was imposed.
    fn milestone(&self, node: &Node, dates: &ActivityDates) -> Dates {
        let mut at = dates.early_start;
        let own =
            if node.calendar == ELAPSED { None } else { self.layout.calendars.get(node.calendar) };
        if let Some(calendar) = own {
            let coordinate = calendar.work(at);
            let (end, start) = (calendar.finish_at(coordinate), calendar.start_at(coordinate));
            if end < at && at < start {
                let finish_imposed = matches!(
                    dates.driver,
                    Driver::Constraint(Kind::FinishNoEarlierThan | Kind::MustFinishOn)
                );
                at = if finish_imposed { end } else { start };
            }
        }
        Dates { start: at, finish: at }
    }

    /// The finish of a task whose finish is held, if what holds it lies at the far end of the
    /// gap at which its work ends: MS Project tells the instant that holds it.
    fn held_finish(
        &self,
        node: &Node,
        dates: &ActivityDates,
        run: &Run,
        told: &[Dates],
    ) -> Option<At> {
        let calendar = self.layout.calendars.get(node.calendar)?;
        let far_end = calendar.start_at(calendar.work(dates.early_finish));
        let holds = match dates.driver {
            Driver::Link(link) => {
                let link = run.compiled.network().links.get(link.index())?;
                let from = told.get(link.from.index())?;
                let enters =
                    matches!(link.kind, LinkKind::FinishToFinish | LinkKind::StartToFinish);
                let event = if link.kind.leaves_start() { from.start } else { from.finish };
                let lag = Span::from_slots(link.lag.amount);
                enters.then(|| self.shifted(event, lag, link.lag.calendar.index()))?
            }
            Driver::Constraint(Kind::FinishNoEarlierThan | Kind::MustFinishOn) => {
                let date = |&&(kind, _): &&(ConstraintKind, At)| {
                    matches!(
                        kind,
                        ConstraintKind::FinishNoEarlierThan | ConstraintKind::MustFinishOn
                    )
                };
                node.constraints.iter().filter(date).map(|(_, at)| *at).max()?
            }
            _ => return None,
        };
        (holds == far_end).then_some(far_end)
    }

    /// An instant moved by a lag. A positive lag ends, a negative one begins, in working time.
    pub(super) fn shifted(&self, event: At, lag: Span, calendar: usize) -> At {
        shifted(&self.layout, event, lag, calendar)
    }
}

pub(super) fn shifted(layout: &super::Layout, event: At, lag: Span, calendar: usize) -> At {
    let Some(calendar) = layout.calendars.get(calendar).filter(|_| lag != Span::ZERO) else {
        return event;
    };
    let side = if lag > Span::ZERO { Side::Finish } else { Side::Start };
    calendar.at(calendar.work(event) + lag, side)
}
