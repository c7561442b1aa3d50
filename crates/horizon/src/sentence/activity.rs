//! Sentences about what fixes the date of an activity.

use longlead_model::Kind;

use super::{Segment, Vocabulary, day, percent, text};
use crate::reason::Reason;

impl Vocabulary<'_> {
    pub(super) fn of_activity(&self, reason: &Reason) -> Vec<Segment> {
        match reason {
            Reason::Estimated { .. } => self.estimated(reason),
            Reason::MayFail { first_pass, rework, .. } => vec![text(format!(
                "passes the first time with {} ({}); otherwise another {} of {rework}",
                percent(*first_pass),
                self.term("first-pass", "first pass"),
                self.term("rework", "round"),
            ))],
            Reason::Happened { started, finished, .. } => vec![text(match (started, finished) {
                (_, Some(finished)) => format!("finished on {}", day(*finished)),
                (Some(started), None) => format!("started on {}", day(*started)),
                (None, None) => "is recorded without dates".to_owned(),
            })],
            Reason::WaitsFor { predecessor, link, lag, until, .. } => {
                let lag = lag.as_ref().map_or(String::new(), |lag| format!(", lag {lag}"));
                let verb = if link.starts_with('S') { "starts" } else { "is done" };
                let how = if link == "FS" { lag } else { format!(" ({link}{lag})") };
                vec![
                    text("waits until “"),
                    self.work(predecessor),
                    text(format!("” {verb} on {}{how}", day(*until))),
                ]
            }
            Reason::KeepsUp { .. } => self.keeps_up(reason),
            Reason::TeamBusy { predecessor, team, until, .. } => vec![
                text("waits for "),
                self.named(Kind::Team, team.as_str()),
                text(", busy with “"),
                self.work(predecessor),
                text(format!("” until {}", day(*until))),
            ],
            Reason::Imposed { constraint, on, .. } => {
                vec![text(format!("{constraint} {}", day(*on)))]
            }
            Reason::FromAsOf { on, .. } => vec![text(format!("can start at once: {}", day(*on)))],
            Reason::DaysOff { title, from, to, calendar, .. } => vec![
                text(format!(
                    "{title} ({} to {}) stops work on the calendar ",
                    day(*from),
                    day(*to)
                )),
                self.named(Kind::Calendar, calendar.as_str()),
            ],
            Reason::Lies { activity, title, from, to } => {
                let when = if from == to {
                    format!("” on {}", day(*to))
                } else {
                    format!("” from {} to {}", day(*from), day(*to))
                };
                let named = Segment::Activity { id: activity.clone(), text: title.clone() };
                vec![text("“"), named, text(when)]
            }
            _ => vec![text("was written into the plan")],
        }
    }

    fn estimated(&self, reason: &Reason) -> Vec<Segment> {
        let Reason::Estimated { estimate, team, calendar, .. } = reason else {
            return Vec::new();
        };
        let mut said = vec![text(format!("takes {estimate}"))];
        if let Some(team) = team {
            said.extend([text(" by "), self.named(Kind::Team, team.as_str())]);
        }
        said.push(text(", on the calendar "));
        said.push(match calendar.id() {
            Some(id) => self.named(Kind::Calendar, id.as_str()),
            None => text(calendar.as_str()),
        });
        said
    }

    fn keeps_up(&self, reason: &Reason) -> Vec<Segment> {
        let Reason::KeepsUp { successor, link, lag, on, .. } = reason else {
            return Vec::new();
        };
        let verb = if link.starts_with('S') { "starts" } else { "is done" };
        let lag = lag.as_ref().map_or("time lies".to_owned(), |it| format!("more than {it} lie"));
        let end = if link.ends_with('F') { "end" } else { "start" };
        vec![
            text(format!("{verb} so late that no {lag} between it and the {end} of “")),
            self.work(successor),
            text(format!("” on {}", day(*on))),
        ]
    }
}
