//! Sentences about decisions and what waiting costs.

use super::{Segment, Vocabulary, day, percent, text};
use crate::reason::Reason;

impl Vocabulary<'_> {
    pub(super) fn of_decision(&self, reason: &Reason) -> Vec<Segment> {
        match reason {
            Reason::Gates { activity, .. } => {
                vec![text("“"), self.work(activity), text("” can't start before it is decided")]
            }
            Reason::Target { target, on, confidence } => vec![
                text("“"),
                self.work(target),
                text(format!("” should be reached by {} with {}", day(*on), percent(*confidence))),
            ],
            Reason::OnTimeIfNow { probability, .. } => {
                vec![text(format!("decided today, that holds with {}", percent(*probability)))]
            }
            Reason::WaitingCosts { days, now, then, .. } => vec![text(format!(
                "waiting {days} days lowers it from {} to {}",
                percent(*now),
                percent(*then),
            ))],
            Reason::LimitedBy { activity, title, share } => vec![
                text("“"),
                Segment::Activity { id: activity.clone(), text: title.clone() },
                text(format!("” drives the date in {} of the late cases", percent(*share))),
            ],
            _ => Vec::new(),
        }
    }
}
