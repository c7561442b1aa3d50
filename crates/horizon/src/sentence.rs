//! Puts reasons into sentences, in the reader's vocabulary. Only edges call this.

mod activity;
mod decision;
mod feature;
mod hardware;

use std::collections::BTreeMap;

use jiff::civil::Date;
use longlead_model::{ActivityId, Bundle, Direction, Kind, Level};

use crate::derive::Derivation;
use crate::reason::Reason;

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Words.
    Text(String),
    /// What stands for a record.
    Record {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: String,
        /// What is said: its name, or what it says.
        text: String,
    },
    /// The name of an activity or milestone, authored or derived.
    Activity {
        /// Its id.
        id: ActivityId,
        /// Its name.
        text: String,
    },
}

impl Segment {
    /// What is said.
    pub fn text(&self) -> &str {
        match self {
            Segment::Text(text) | Segment::Record { text, .. } | Segment::Activity { text, .. } => {
                text
            }
        }
    }
}

/// The words of a reader: names of records, and the glossary's terms for a discipline.
///
/// A sentence calls a concept by the id of its term (`lead-time`, `first-units`, `bom`,
/// `decide-by`, `certificate`, `specification-freeze`, `first-pass`, `rework`); a bundle's glossary
/// says what each discipline calls it.
#[derive(Debug)]
pub struct Vocabulary<'a> {
    bundle: &'a Bundle,
    titles: BTreeMap<&'a str, &'a str>,
    terms: BTreeMap<&'a str, &'a str>,
    as_of: Date,
}

impl<'a> Vocabulary<'a> {
    /// The words of a discipline; without one, the glossary's own titles.
    pub fn new(
        bundle: &'a Bundle,
        derivation: &'a Derivation,
        discipline: Option<&str>,
    ) -> Vocabulary<'a> {
        let titles =
            derivation.nodes.iter().map(|node| (node.id.as_str(), node.title.as_str())).collect();
        let terms = bundle.records.terms.values().map(|term| {
            let own = discipline.and_then(|discipline| term.names.get(discipline));
            (term.id.as_str(), own.map_or(term.title.as_str(), String::as_str))
        });
        let as_of = derivation.timeline.start_date(derivation.network.status);
        Vocabulary { bundle, titles, terms: terms.collect(), as_of }
    }

    fn term(&self, concept: &str, usual: &'a str) -> &'a str {
        self.terms.get(concept).copied().unwrap_or(usual)
    }

    /// The name of an activity.
    pub fn activity(&self, id: &'a str) -> &'a str {
        self.titles.get(id).copied().unwrap_or(id)
    }

    /// The name of a record.
    pub fn record(&self, kind: Kind, id: &'a str) -> &'a str {
        self.title(kind, id).unwrap_or(id)
    }

    fn title(&self, kind: Kind, id: &str) -> Option<&'a str> {
        let records = &self.bundle.records;
        let title = match kind {
            Kind::Feature => records.features.get(id).map(|it| &it.title),
            Kind::Revision => records.revisions.get(id).map(|it| &it.title),
            Kind::Capability => records.capabilities.get(id).map(|it| &it.title),
            Kind::Release => records.releases.get(id).map(|it| &it.title),
            Kind::Market => records.markets.get(id).map(|it| &it.title),
            Kind::Regime => records.regimes.get(id).map(|it| &it.title),
            Kind::Supplier => records.suppliers.get(id).map(|it| &it.title),
            Kind::Team => records.teams.get(id).map(|it| &it.title),
            Kind::Calendar => records.calendars.get(id).map(|it| &it.title),
            Kind::Part => records.parts.get(id).map(|it| it.mpn.as_ref().unwrap_or(&it.title)),
            _ => None,
        };
        title.map(String::as_str)
    }

    /// The reason as a sentence, without a full stop.
    pub fn sentence(&self, reason: &Reason) -> String {
        self.segments(reason).iter().map(Segment::text).collect()
    }

    /// The sentence of a reason in pieces, so that names can lead to what they name.
    pub fn segments(&self, reason: &Reason) -> Vec<Segment> {
        joined(match reason {
            Reason::Authored { .. }
            | Reason::Estimated { .. }
            | Reason::MayFail { .. }
            | Reason::Happened { .. }
            | Reason::WaitsFor { .. }
            | Reason::KeepsUp { .. }
            | Reason::TeamBusy { .. }
            | Reason::Imposed { .. }
            | Reason::FromAsOf { .. }
            | Reason::DaysOff { .. }
            | Reason::Lies { .. } => self.of_activity(reason),
            Reason::NeedsPart { .. }
            | Reason::BestOffer { .. }
            | Reason::Ordered { .. }
            | Reason::BuildOrder { .. }
            | Reason::Demanded { .. }
            | Reason::Certified { .. }
            | Reason::Shipped { .. }
            | Reason::Freezes { .. } => self.of_hardware(reason),
            Reason::Requires { .. }
            | Reason::Lacks { .. }
            | Reason::FieldRuns { .. }
            | Reason::FirstRevision { .. }
            | Reason::Supposed { .. }
            | Reason::CarriedBy { .. } => self.of_feature(reason),
            Reason::Gates { .. }
            | Reason::Target { .. }
            | Reason::OnTimeIfNow { .. }
            | Reason::LimitedBy { .. }
            | Reason::WaitingCosts { .. } => self.of_decision(reason),
        })
    }

    fn is_less_better(&self, capability: &str) -> bool {
        let capability = self.bundle.records.capabilities.get(capability);
        capability.is_some_and(|it| it.better == Direction::Less)
    }

    fn is_amount_needed(&self, feature: &str, capability: &str) -> bool {
        let feature = self.bundle.records.features.get(feature);
        let need = feature.and_then(|feature| feature.requires.get(capability));
        matches!(need, Some(Level::Amount(_)))
    }

    /// The name of a record, as a piece of a sentence.
    fn named(&self, kind: Kind, id: &str) -> Segment {
        let text = self.title(kind, id).unwrap_or(id).to_owned();
        Segment::Record { kind, id: id.to_owned(), text }
    }

    /// The name of an activity, as a piece of a sentence.
    fn work(&self, id: &ActivityId) -> Segment {
        let title = self.titles.get(id.as_str()).copied();
        Segment::Activity { id: id.clone(), text: title.unwrap_or(id.as_str()).to_owned() }
    }
}

/// Words, as a piece of a sentence.
fn text(words: impl Into<String>) -> Segment {
    Segment::Text(words.into())
}

/// The pieces of a sentence, with words that follow words put together.
fn joined(pieces: Vec<Segment>) -> Vec<Segment> {
    let mut joined: Vec<Segment> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (_, Segment::Text(words)) if words.is_empty() => {}
            (Some(Segment::Text(before)), Segment::Text(words)) => before.push_str(&words),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

/// A share in per cent: certainty is told only where it is certain.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 1.0 {
        "<1 %".to_owned()
    } else if percent > 99.0 && percent < 100.0 {
        ">99 %".to_owned()
    } else {
        format!("{percent:.0} %")
    }
}

/// A day as people in many countries read it without doubt: 18 Jan 2027.
pub fn day(date: Date) -> String {
    format!("{} {} {}", date.day(), month(date), date.year())
}

/// The month of a day, in three letters.
pub fn month(date: Date) -> &'static str {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = usize::from(date.month().unsigned_abs()).saturating_sub(1);
    MONTHS.get(month).copied().unwrap_or_default()
}
