//! Work can be done by its teams, and comes to an end.

use super::{Facts, item, keys};
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::Kind;
use crate::record::{Milestone, Risk, Team, Work};

/// Each round is simulated: more are no plan, and cost memory.
const REWORK_ROUNDS_MAX: u32 = 100;

impl Facts<'_> {
    pub(super) fn works(&mut self, field: &str, work: Option<&Work>) {
        let Some(work) = work else {
            return;
        };
        self.capacity(field, work);
        let mut refuse = |inner: &str, code: Code, message: &str, help: &str| {
            let diagnostic = Diagnostic::error(code, message).help(help);
            self.tell(&keys(&[field, inner]), diagnostic);
        };
        let passes = work.first_pass.map(|share| share.value());
        if work.rework.is_some() && passes.is_none() {
            let message =
                "`rework` needs `first_pass` beside it: how likely is it to pass the first time?";
            refuse("rework", Code::MissingField, message, "add `first_pass = 0.8`");
        }
        if passes.is_some_and(|passes| passes <= 0.0) {
            let message = "work that never passes has no end: `first_pass` must be above zero";
            refuse(
                "first_pass",
                Code::OutOfRange,
                message,
                "write, for example, `first_pass = 0.8`",
            );
        }
        if passes.is_some_and(|passes| passes < 1.0) && work.rework.is_none() {
            let message =
                "`first_pass` needs `rework` beside it: how long does another round take?";
            refuse("first_pass", Code::MissingField, message, "add `rework = \"10 d\"`");
        }
        if work.rework_rounds_max > REWORK_ROUNDS_MAX {
            let message = format!("at most {REWORK_ROUNDS_MAX} rounds of rework can be simulated");
            let help = "write a smaller number; 5 is usual";
            refuse("rework_rounds_max", Code::OutOfRange, &message, help);
        }
    }

    fn capacity(&mut self, field: &str, work: &Work) {
        for (team, units) in &work.teams {
            let Some(capacity) = self.bundle.records.teams.get(team).map(|team| team.capacity)
            else {
                continue;
            };
            if *units > capacity {
                let message =
                    format!("{units} of `{team}` are needed, but its capacity is {capacity}");
                let diagnostic = Diagnostic::error(Code::OutOfRange, message)
                    .help("ask for less, or raise the team's capacity");
                self.tell(&keys(&[field, "teams", team.as_str()]), diagnostic);
            }
        }
    }

    pub(super) fn team(&mut self, team: &Team) {
        if team.capacity == 0 {
            let message = format!("team `{}` has no capacity", team.id);
            let help = "write how much it can do at once, at least 1";
            self.refuse("capacity", Code::OutOfRange, message, help);
        }
    }

    /// Activities and milestones are nodes of one network and share their names.
    pub(super) fn milestone(&mut self, milestone: &Milestone) {
        let id = milestone.id.as_str();
        if self.bundle.records.has(Kind::Activity, id) {
            let first = self.bundle.place(Kind::Activity, id, &[]);
            let message = format!("`{id}` is both an activity and a milestone");
            let diagnostic = Diagnostic::error(Code::DuplicateId, message)
                .related(first, "the activity")
                .help("give one of them another id");
            self.tell(&keys(&["id"]), diagnostic);
        }
    }

    pub(super) fn risk(&mut self, risk: &Risk) {
        for (index, effect) in risk.effects.iter().enumerate() {
            let hits = [
                effect.activity.is_some(),
                effect.supplier.is_some(),
                effect.team.is_some(),
                effect.regime.is_some(),
                effect.revision.is_some(),
            ];
            let hits = hits.into_iter().filter(|hit| *hit).count();
            if hits != 1 {
                let message = "an effect hits one of activity, supplier, team, regime or revision";
                let help = match hits {
                    0 => "this one names none; say what it hits".to_owned(),
                    hits => format!("this one names {hits}; write one effect for each"),
                };
                let diagnostic = Diagnostic::error(Code::Contradiction, message).help(help);
                self.tell(&item("effects", index), diagnostic);
            }
            if effect.add.is_some() == effect.multiply.is_some() {
                let message = "an effect either adds time or multiplies the duration";
                let diagnostic = Diagnostic::error(Code::Contradiction, message)
                    .help("give one of `add = \"10 d\"` and `multiply = 1.3`");
                self.tell(&item("effects", index), diagnostic);
            }
        }
    }
}
