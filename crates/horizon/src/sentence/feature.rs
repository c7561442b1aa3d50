//! Sentences about what features need, and which hardware can run them.

use longlead_model::Kind;

use super::{Segment, Vocabulary, text};
use crate::reason::Reason;

impl Vocabulary<'_> {
    pub(super) fn of_feature(&self, reason: &Reason) -> Vec<Segment> {
        match reason {
            Reason::Requires { feature, capability, need } => vec![
                self.named(Kind::Feature, feature.as_str()),
                text(" needs "),
                self.named(Kind::Capability, capability.as_str()),
                text(if need == "yes" { String::new() } else { format!(": {need}") }),
            ],
            Reason::Lacks { .. } => self.lacks(reason),
            Reason::FieldRuns { revision, units, .. } => vec![
                self.named(Kind::Revision, revision.as_str()),
                text(format!(" can run it, with {units} devices in the field")),
            ],
            Reason::FirstRevision { revision, .. } => vec![
                text("no device in the field can run it; "),
                self.named(Kind::Revision, revision.as_str()),
                text(" is the first hardware that can"),
            ],
            Reason::Supposed { feature, revision, capability } => {
                let (before, after) = if self.is_less_better(capability.as_str()) {
                    ("no planned hardware keeps ", " low enough")
                } else if self.is_amount_needed(feature.as_str(), capability.as_str()) {
                    ("no planned hardware has enough ", "")
                } else {
                    ("no planned hardware has ", "")
                };
                vec![
                    text(before),
                    self.named(Kind::Capability, capability.as_str()),
                    text(after),
                    text("; it is supposed that "),
                    self.named(Kind::Revision, revision.as_str()),
                    text(" will carry it"),
                ]
            }
            Reason::CarriedBy { feature, release } => vec![
                self.named(Kind::Release, release.as_str()),
                text(" carries "),
                self.named(Kind::Feature, feature.as_str()),
            ],
            _ => Vec::new(),
        }
    }

    fn lacks(&self, reason: &Reason) -> Vec<Segment> {
        let Reason::Lacks { revision, capability, need, has } = reason else {
            return Vec::new();
        };
        let (verb, rest) = match has.as_deref() {
            None | Some("no") => (" lacks ".to_owned(), String::new()),
            Some("yes") => {
                (" has ".to_owned(), format!(", nobody says how much; {need} is needed"))
            }
            Some(has) if self.is_less_better(capability.as_str()) => {
                (format!(" has {has} of "), format!(", at most {need} is allowed"))
            }
            Some(has) => (format!(" has {has} of "), format!(", {need} is needed")),
        };
        vec![
            self.named(Kind::Revision, revision.as_str()),
            text(verb),
            self.named(Kind::Capability, capability.as_str()),
            text(rest),
        ]
    }
}
