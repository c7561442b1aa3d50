//! Slack in tenths of a minute of a task's own calendar.

use longlead_network::{ActivityDates, At, Span, TICKS_PER_SLOT};

use super::super::layout::{Layout, Node, Source, State, worked};
use super::Dates;
use super::forward::shifted;

/// Counts slack.
pub(super) struct Slack<'a> {
    layout: &'a Layout,
    dates: &'a [Dates],
    finish: At,
    /// By node, the links that leave it.
    outgoing: Vec<Vec<usize>>,
}

impl<'a> Slack<'a> {
    pub(super) fn new(
        layout: &'a Layout,
        dates: &'a [Dates],
        finish: At,
        earliest: &[usize],
    ) -> Slack<'a> {
        let mut outgoing = vec![Vec::new(); layout.nodes.len()];
        for (index, link) in layout.links.iter().enumerate() {
            let source = match link.from {
                Source::Node(node) => Some(node),
                Source::EarliestOf(place) => earliest.get(place).copied(),
            };
            if let Some(links) = source.and_then(|it| outgoing.get_mut(it)) {
                links.push(index);
            }
        }
        Slack { layout, dates, finish, outgoing }
    }

    /// The smaller of what the start and what the finish can slip.
    pub(super) fn total(&self, index: usize, late: &ActivityDates) -> i64 {
        let Some((node, dates)) = self.node(index) else { return 0 };
        let of_finish = self.between(node, dates.finish, late.late_finish);
        match node.state {
            State::Finished { .. } => 0,
            // What has begun can't start later; the rest of it can finish later.
            State::Started { .. } => of_finish,
            _ => of_finish.min(self.between(node, dates.start, late.late_start)),
        }
    }

    /// How far it can slip without moving what follows, or the project's finish if nothing does.
    pub(super) fn free(&self, index: usize) -> i64 {
        let Some((node, dates)) = self.node(index) else { return 0 };
        if matches!(node.state, State::Finished { .. }) {
            return 0;
        }
        let links = self.outgoing.get(index).into_iter().flatten();
        let free = links.filter_map(|link| {
            let link = self.layout.links.get(*link)?;
            let (target, held) = self.node(link.to)?;
            if matches!(target.state, State::Finished { .. }) {
                return None;
            }
            let event = if link.kind.enters_finish() { held.finish } else { held.start };
            let lag = Span::from_slots(link.lag);
            let latest = shifted(self.layout, event, -lag, link.lag_calendar);
            let own = if link.kind.leaves_start() { dates.start } else { dates.finish };
            Some(self.between(node, own, latest))
        });
        free.min().unwrap_or_else(|| self.between(node, dates.finish, self.finish))
    }

    fn node(&self, index: usize) -> Option<(&Node, &Dates)> {
        self.layout.nodes.get(index).zip(self.dates.get(index))
    }

    fn between(&self, node: &Node, from: At, to: At) -> i64 {
        let calendar = self.layout.calendars.get(node.slack_calendar);
        let span = calendar.map_or(Span::ZERO, |calendar| worked(calendar, from, to));
        (span.ticks() * 10 + TICKS_PER_SLOT / 2).div_euclid(TICKS_PER_SLOT)
    }
}
