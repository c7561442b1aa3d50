//! Which records mention which.

use crate::bundle::Bundle;
use crate::edit::RecordKey;
use crate::field::{self, Field as _};
use crate::kind::Kind;
use crate::node::{PathStep, path_text, steps};

/// A record that another one names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mention {
    /// Its kind. Where an activity is meant and a milestone has that id, the milestone is.
    pub kind: Kind,
    /// Its id; no record has it where a derived activity is named.
    pub id: String,
    /// The field that names it: `work.teams.lab`, `after[2]`.
    pub path: String,
}

/// Takes each mention: its path, the kind that is meant, and the id.
type Tell<'a> = dyn FnMut(&[PathStep<'_>], Kind, &str) + 'a;

impl Bundle {
    /// What a record mentions, in the order of its fields. The fields that a scenario sets are not
    /// looked into; the records that it changes are mentioned.
    pub fn mentions(&self, key: &RecordKey) -> Vec<Mention> {
        let mut mentions = Vec::new();
        let mut tell = |path: &[PathStep<'_>], kind, id: &str| {
            let kind = self.kind_meant(kind, id);
            mentions.push(Mention { kind, id: id.to_owned(), path: path_text(&steps(path)) });
        };
        match key {
            RecordKey::Settings => self.each_mention_in_settings(&mut tell),
            RecordKey::Record(kind, id) => self.each_mention(*kind, id, &mut tell),
        }
        mentions
    }

    /// Who mentions a record: the settings first, then by kind and id.
    pub fn mentioned_by(&self, kind: Kind, id: &str) -> Vec<RecordKey> {
        let is_named = |visit: &dyn Fn(&mut Tell<'_>)| {
            let mut is_named = false;
            visit(&mut |_, meant, name| is_named |= name == id && goes_by(kind, meant));
            is_named
        };
        let settings =
            is_named(&|tell| self.each_mention_in_settings(tell)).then_some(RecordKey::Settings);
        let records = self.records.keys().into_iter();
        let naming =
            records.filter(|(kind, id)| is_named(&|tell| self.each_mention(*kind, id, tell)));
        let naming = naming.map(|(kind, id)| RecordKey::Record(kind, id.to_owned()));
        settings.into_iter().chain(naming).collect()
    }

    fn each_mention_in_settings(&self, tell: &mut Tell<'_>) {
        self.settings.visit(&mut Vec::new(), &mut |path, mention| {
            if let field::Mention::Record(kind, name) = mention {
                tell(path, kind, name);
            }
        });
    }

    fn each_mention(&self, kind: Kind, id: &str, tell: &mut Tell<'_>) {
        self.records.visit(kind, id, &mut |path, mention| {
            let field::Mention::Record(meant, name) = mention else {
                return;
            };
            match (path, kind) {
                // What an actual is filed under is the activity that it is about.
                ([PathStep::Key("id")], Kind::Actual) => tell(path, Kind::Activity, name),
                ([PathStep::Key("id")], _) => {}
                _ => tell(path, meant, name),
            }
        });
        if kind == Kind::Scenario {
            self.each_change(id, tell);
        }
    }

    /// The records that a scenario changes.
    fn each_change(&self, scenario: &str, tell: &mut Tell<'_>) {
        let Some(scenario) = self.records.scenarios.get(scenario) else {
            return;
        };
        for (index, change) in scenario.changes.iter().enumerate() {
            if let Some(kind) = Kind::named(&change.kind) {
                let path = [PathStep::Key("changes"), PathStep::Index(index), PathStep::Key("id")];
                tell(&path, kind, &change.id);
            }
        }
    }

    fn kind_meant(&self, kind: Kind, id: &str) -> Kind {
        let is_milestone = kind == Kind::Activity
            && !self.records.has(kind, id)
            && self.records.has(Kind::Milestone, id);
        if is_milestone { Kind::Milestone } else { kind }
    }
}

/// True if a mention of the one kind can name a record of the other: milestones are named as
/// activities are.
fn goes_by(kind: Kind, meant: Kind) -> bool {
    meant == kind || meant == Kind::Activity && kind == Kind::Milestone
}
