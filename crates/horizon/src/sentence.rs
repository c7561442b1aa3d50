//! Puts reasons into sentences, in the reader's vocabulary. Only edges call this.

use std::collections::BTreeMap;

use jiff::civil::Date;
use longlead_model::{Bundle, Direction, Kind, Level};

use crate::derive::Derivation;
use crate::reason::Reason;

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
        title.map_or(id, String::as_str)
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

    /// The reason as a sentence, without a full stop.
    pub fn sentence(&self, reason: &'a Reason) -> String {
        match reason {
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
        }
    }

    fn of_activity(&self, reason: &'a Reason) -> String {
        match reason {
            Reason::Estimated { estimate, team, calendar, .. } => {
                let who = team
                    .as_ref()
                    .map_or(String::new(), |team| format!(" by {}", self.record(Kind::Team, team)));
                format!(
                    "takes {estimate}{who}, on the calendar {}",
                    self.record(Kind::Calendar, calendar)
                )
            }
            Reason::MayFail { first_pass, rework, .. } => format!(
                "passes the first time with {} ({}); otherwise another {} of {rework}",
                percent(*first_pass),
                self.term("first-pass", "first pass"),
                self.term("rework", "round"),
            ),
            Reason::Happened { started, finished, .. } => match (started, finished) {
                (_, Some(finished)) => format!("finished on {}", day(*finished)),
                (Some(started), None) => format!("started on {}", day(*started)),
                (None, None) => "is recorded without dates".to_owned(),
            },
            Reason::WaitsFor { predecessor, link, lag, until, .. } => {
                let lag = lag.as_ref().map_or(String::new(), |lag| format!(", lag {lag}"));
                let verb = if link.starts_with('S') { "starts" } else { "is done" };
                let name = self.activity(predecessor);
                format!(
                    "waits until “{name}” {verb} on {}{}",
                    day(*until),
                    if link == "FS" { lag } else { format!(" ({link}{lag})") }
                )
            }
            Reason::KeepsUp { successor, link, lag, on, .. } => format!(
                "{} so late that no {} between it and the {} of “{}” on {}",
                if link.starts_with('S') { "starts" } else { "is done" },
                lag.as_ref().map_or("time lies".to_owned(), |lag| format!("more than {lag} lie")),
                if link.ends_with('F') { "end" } else { "start" },
                self.activity(successor),
                day(*on),
            ),
            Reason::TeamBusy { predecessor, team, until, .. } => format!(
                "waits for {}, busy with “{}” until {}",
                self.record(Kind::Team, team),
                self.activity(predecessor),
                day(*until),
            ),
            Reason::Imposed { constraint, on, .. } => format!("{constraint} {}", day(*on)),
            Reason::FromAsOf { on, .. } => format!("can start at once: {}", day(*on)),
            Reason::DaysOff { title, from, to, calendar, .. } => format!(
                "{title} ({} to {}) stops work on the calendar {}",
                day(*from),
                day(*to),
                self.record(Kind::Calendar, calendar),
            ),
            Reason::Lies { title, from, to, .. } if from == to => {
                format!("“{title}” on {}", day(*to))
            }
            Reason::Lies { title, from, to, .. } => {
                format!("“{title}” from {} to {}", day(*from), day(*to))
            }
            _ => "was written into the plan".to_owned(),
        }
    }

    fn of_hardware(&self, reason: &'a Reason) -> String {
        match reason {
            Reason::NeedsPart { build, revision, part, quantity } => format!(
                "{quantity} × {} {} on the {} of {} for {build}",
                self.record(Kind::Part, part),
                if quantity == "1" { "is" } else { "are" },
                self.term("bom", "BOM"),
                self.record(Kind::Revision, revision),
            ),
            Reason::BestOffer { .. } => self.best_offer(reason),
            Reason::Ordered { order, placed, promised, received } => {
                let state = match (received, promised) {
                    (Some(received), _) => format!("arrived on {}", day(*received)),
                    (None, Some(promised)) => format!("is promised for {}", day(*promised)),
                    (None, None) => "isn't promised yet".to_owned(),
                };
                format!("order {order} was placed on {} and {state}", day(*placed))
            }
            Reason::BuildOrder { stage, quantity, after, .. } => match after {
                Some(after) => format!("{stage} of {quantity} units comes after {after}"),
                None => format!("{stage} of {quantity} units is the first build"),
            },
            Reason::Demanded { market, regime, by, .. } => {
                let why = if by.is_empty() {
                    String::new()
                } else {
                    let names: Vec<&str> =
                        by.iter().map(|it| self.record(Kind::Capability, it)).collect();
                    format!(" because the board has {}", names.join(" and "))
                };
                format!(
                    "{} demands {}{why}",
                    self.record(Kind::Market, market),
                    self.record(Kind::Regime, regime),
                )
            }
            Reason::Certified { certificate, expires } => {
                let until = expires.map_or(String::new(), |on| format!(" until {}", day(on)));
                format!("{} {certificate} holds{until}", self.term("certificate", "certificate"))
            }
            Reason::Shipped { market, time } => {
                format!("shipping to {} takes {time}", self.record(Kind::Market, market))
            }
            Reason::Freezes { revision, on } if *on < self.as_of => format!(
                "the specification of {} froze on {}",
                self.record(Kind::Revision, revision),
                day(*on),
            ),
            Reason::Freezes { revision, on } => format!(
                "the {} of {} is on {}",
                self.term("specification-freeze", "specification freeze"),
                self.record(Kind::Revision, revision),
                day(*on),
            ),
            _ => String::new(),
        }
    }

    fn best_offer(&self, reason: &'a Reason) -> String {
        let Reason::BestOffer { supplier, lead_time, from_stock, offers, part, .. } = reason else {
            return String::new();
        };
        let way = if *from_stock { "ships from stock" } else { "delivers" };
        let named = if *from_stock {
            String::new()
        } else {
            format!(" ({})", self.term("lead-time", "lead time"))
        };
        let choice = if *offers > 1 {
            format!(", the soonest of {offers} offers")
        } else {
            ", the only offer".to_owned()
        };
        let supplier = self.record(Kind::Supplier, supplier);
        let part = self.record(Kind::Part, part);
        format!("{supplier} {way} {part} in {lead_time}{named}{choice}")
    }

    fn of_feature(&self, reason: &'a Reason) -> String {
        match reason {
            Reason::Requires { feature, capability, need } => {
                let name = self.record(Kind::Capability, capability);
                let amount = if need == "yes" { String::new() } else { format!(": {need}") };
                format!("{} needs {name}{amount}", self.record(Kind::Feature, feature))
            }
            Reason::Lacks { revision, capability, need, has } => {
                let name = self.record(Kind::Capability, capability);
                let revision = self.record(Kind::Revision, revision);
                match has.as_deref() {
                    None | Some("no") => format!("{revision} lacks {name}"),
                    Some("yes") => {
                        format!("{revision} has {name}, nobody says how much; {need} is needed")
                    }
                    Some(has) if self.is_less_better(capability) => {
                        format!("{revision} has {has} of {name}, at most {need} is allowed")
                    }
                    Some(has) => format!("{revision} has {has} of {name}, {need} is needed"),
                }
            }
            Reason::FieldRuns { revision, units, .. } => format!(
                "{} can run it, with {units} devices in the field",
                self.record(Kind::Revision, revision),
            ),
            Reason::FirstRevision { revision, .. } => format!(
                "no device in the field can run it; {} is the first hardware that can",
                self.record(Kind::Revision, revision),
            ),
            Reason::Supposed { feature, revision, capability } => {
                let name = self.record(Kind::Capability, capability);
                let lack = if self.is_less_better(capability) {
                    format!("no planned hardware keeps {name} low enough")
                } else if self.is_amount_needed(feature, capability) {
                    format!("no planned hardware has enough {name}")
                } else {
                    format!("no planned hardware has {name}")
                };
                let revision = self.record(Kind::Revision, revision);
                format!("{lack}; it is supposed that {revision} will carry it")
            }
            Reason::CarriedBy { feature, release } => format!(
                "{} carries {}",
                self.record(Kind::Release, release),
                self.record(Kind::Feature, feature),
            ),
            _ => String::new(),
        }
    }

    fn of_decision(&self, reason: &'a Reason) -> String {
        match reason {
            Reason::Gates { activity, .. } => {
                format!("“{}” can't start before it is decided", self.activity(activity))
            }
            Reason::Target { target, on, confidence } => format!(
                "“{}” should be reached by {} with {}",
                self.activity(target),
                day(*on),
                percent(*confidence),
            ),
            Reason::OnTimeIfNow { probability, .. } => {
                format!("decided today, that holds with {}", percent(*probability))
            }
            Reason::WaitingCosts { days, now, then, .. } => format!(
                "waiting {days} days lowers it from {} to {}",
                percent(*now),
                percent(*then),
            ),
            Reason::LimitedBy { title, share, .. } => {
                format!("“{title}” drives the date in {} of the late cases", percent(*share))
            }
            _ => String::new(),
        }
    }
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
