//! Facts of one record, or of two, that contradict each other.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::bundle::Bundle;
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::Kind;
use crate::node::Step;
use crate::record::{Build, Work};
use crate::value::Level;

pub(super) fn check(bundle: &Bundle) -> Vec<Diagnostic> {
    let mut facts = Facts { bundle, diagnostics: Vec::new() };
    facts.levels();
    facts.calendars();
    facts.intervals();
    facts.work();
    facts.names();
    facts.risks();
    facts.decisions();
    facts.supply();
    facts.diagnostics
}

struct Facts<'a> {
    bundle: &'a Bundle,
    diagnostics: Vec<Diagnostic>,
}

/// A path of field names.
fn keys(names: &[&str]) -> Vec<Step> {
    names.iter().map(|name| Step::Key((*name).to_owned())).collect()
}

impl<'a> Facts<'a> {
    fn tell(&mut self, at: (Kind, &str, &[&str]), diagnostic: Diagnostic) {
        let (kind, id, path) = at;
        self.diagnostics.push(diagnostic.at(self.bundle.place(kind, id, &keys(path))));
    }

    /// What is provided and required is in the unit of the capability.
    fn levels(&mut self) {
        let records = &self.bundle.records;
        let provided = |kind: Kind, id: &'a str, map: &'a std::collections::BTreeMap<_, Level>| {
            map.iter().map(move |(capability, level)| (kind, id, "provides", capability, level))
        };
        let mut levels = Vec::new();
        for revision in records.revisions.values() {
            levels.extend(provided(Kind::Revision, revision.id.as_str(), &revision.provides));
        }
        for part in records.parts.values() {
            levels.extend(provided(Kind::Part, part.id.as_str(), &part.provides));
        }
        for feature in records.features.values() {
            levels.extend(feature.requires.iter().map(|(capability, level)| {
                (Kind::Feature, feature.id.as_str(), "requires", capability, level)
            }));
        }
        for (kind, id, field, capability, level) in levels {
            let Some(meant) = records.capabilities.get(capability) else {
                continue;
            };
            let at = (kind, id, [field, capability.as_str()]);
            match (&meant.unit, level.unit()) {
                (Some(unit), Some(given)) if !given.converts_to(unit) => self.tell(
                    (at.0, at.1, &at.2),
                    Diagnostic::error(
                        Code::UnitMismatch,
                        format!(
                            "{level} can't be told in {}, the unit of `{capability}`",
                            unit.as_written()
                        ),
                    )
                    .help(format!(
                        "{} measures {}, {} measures {}: write an amount in {}",
                        given.as_written(),
                        given.dimension(),
                        unit.as_written(),
                        unit.dimension(),
                        unit.as_written(),
                    )),
                ),
                (None, Some(given)) => self.tell(
                    (at.0, at.1, &at.2),
                    Diagnostic::error(
                        Code::UnitMismatch,
                        format!("`{capability}` has no unit, so it is there or it isn't"),
                    )
                    .help(format!(
                        "write true, or give the capability unit = \"{}\"",
                        given.as_written(),
                    )),
                ),
                (Some(unit), None) if *level == Level::Present(true) => self.tell(
                    (at.0, at.1, &at.2),
                    Diagnostic::error(
                        Code::UnitMismatch,
                        format!("`{capability}` is an amount, and none is given"),
                    )
                    .help(format!("write how much, such as \"100 {}\"", unit.as_written())),
                ),
                _ => {}
            }
        }
    }

    fn calendars(&mut self) {
        for calendar in self.bundle.records.calendars.values() {
            let id = calendar.id.as_str();
            if id == "elapsed" {
                let diagnostic = Diagnostic::error(
                    Code::DuplicateId,
                    "`elapsed` is the calendar that is always there",
                );
                self.tell((Kind::Calendar, id, &[]), diagnostic.help("give yours another id"));
            }
            if calendar.week.is_empty() {
                let message = format!("calendar `{id}` never works");
                let diagnostic = Diagnostic::error(Code::EmptyInterval, message)
                    .help("list the days worked: week = [\"mon\", \"tue\"]");
                self.tell((Kind::Calendar, id, &["week"]), diagnostic);
            }
            for (index, closure) in calendar.shutdowns.iter().enumerate() {
                if closure.from > closure.to {
                    let path = [Step::Key("shutdowns".to_owned()), Step::Index(index)];
                    let place = self.bundle.place(Kind::Calendar, id, &path);
                    let diagnostic = empty_interval(&closure.title, closure.from, closure.to);
                    self.diagnostics.push(diagnostic.at(place));
                }
            }
        }
    }

    fn interval(
        &mut self,
        at: (Kind, &str, &[&str]),
        what: &str,
        from: Option<Date>,
        to: Option<Date>,
    ) {
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            self.tell(at, empty_interval(what, from, to));
        }
    }

    fn intervals(&mut self) {
        let records = &self.bundle.records;
        for activity in records.activities.values() {
            let at = (Kind::Activity, activity.id.as_str());
            let (earliest, latest) = (activity.start_no_earlier_than, activity.start_no_later_than);
            self.interval((at.0, at.1, &["start_no_later_than"]), "its start", earliest, latest);
            let (earliest, latest) =
                (activity.finish_no_earlier_than, activity.finish_no_later_than);
            self.interval((at.0, at.1, &["finish_no_later_than"]), "its finish", earliest, latest);
        }
        for actual in records.actuals.values() {
            let at = (Kind::Actual, actual.id.as_str(), &["finished"][..]);
            self.interval(at, "it", actual.started, actual.finished);
            self.actual(actual);
        }
        for certificate in records.certificates.values() {
            let at = (Kind::Certificate, certificate.id.as_str(), &["expires"][..]);
            self.interval(at, "it", Some(certificate.issued), certificate.expires);
        }
        for order in records.orders.values() {
            let at = (Kind::Order, order.id.as_str());
            self.interval((at.0, at.1, &["promised"]), "it", Some(order.placed), order.promised);
            self.interval((at.0, at.1, &["received"]), "it", Some(order.placed), order.received);
        }
    }

    fn actual(&mut self, actual: &crate::record::Actual) {
        let id = actual.id.as_str();
        if actual.finished.is_some() && actual.remaining.is_some() {
            let message = format!("`{id}` has finished and still has something remaining");
            let diagnostic = Diagnostic::error(Code::Contradiction, message);
            let diagnostic = diagnostic.help("keep `finished` or `remaining`, not both");
            self.tell((Kind::Actual, id, &["remaining"]), diagnostic);
        }
        if actual.started.is_none() && actual.finished.is_none() {
            let message = format!("the actual of `{id}` says neither that it started nor finished");
            let diagnostic = Diagnostic::error(Code::MissingField, message);
            self.tell((Kind::Actual, id, &[]), diagnostic.help("add `started = 2026-11-02`"));
        }
        let Some(as_of) = self.bundle.settings.as_of else {
            return;
        };
        for (field, date) in [("started", actual.started), ("finished", actual.finished)] {
            if date.is_some_and(|date| date > as_of) {
                let message = format!("`{id}` is said to have {field} after the as-of day {as_of}");
                let diagnostic = Diagnostic::error(Code::Contradiction, message);
                let help = "what hasn't happened yet is no actual; move `as_of` or remove the date";
                self.tell((Kind::Actual, id, &[field]), diagnostic.help(help));
            }
        }
    }

    fn work(&mut self) {
        let records = &self.bundle.records;
        let mut works: Vec<(Kind, &str, &str, &Work)> = Vec::new();
        for activity in records.activities.values() {
            works.push((Kind::Activity, activity.id.as_str(), "work", &activity.work));
        }
        for revision in records.revisions.values() {
            let design = revision.design.iter();
            works.extend(design.map(|work| (Kind::Revision, revision.id.as_str(), "design", work)));
        }
        for build in records.builds.values() {
            works.push((Kind::Build, build.id.as_str(), "work", &build.work));
            let test = build.test.iter();
            works.extend(test.map(|work| (Kind::Build, build.id.as_str(), "test", work)));
        }
        for feature in records.features.values() {
            let work = feature.work.iter();
            works.extend(work.map(|work| (Kind::Feature, feature.id.as_str(), "work", work)));
        }
        for release in records.releases.values() {
            let work = release.work.iter();
            works.extend(work.map(|work| (Kind::Release, release.id.as_str(), "work", work)));
        }
        for regime in records.regimes.values() {
            works.push((Kind::Regime, regime.id.as_str(), "work", &regime.work));
        }
        for (kind, id, field, work) in works {
            self.capacity(kind, id, field, work);
            self.rework((kind, id, &[field, "rework"]), work);
        }
    }

    fn capacity(&mut self, kind: Kind, id: &str, field: &str, work: &Work) {
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
                self.tell((kind, id, &[field, "teams", team.as_str()]), diagnostic);
            }
        }
    }

    fn rework(&mut self, at: (Kind, &str, &[&str]), work: &Work) {
        if work.rework.is_some() && work.first_pass.is_none() {
            let diagnostic = Diagnostic::error(
                Code::MissingField,
                "`rework` needs `first_pass` beside it: how likely is it to pass the first time?",
            );
            self.tell(at, diagnostic.help("add `first_pass = 0.8`"));
        }
        if work.first_pass.is_some_and(|share| share.value() <= 0.0) {
            let diagnostic = Diagnostic::error(
                Code::OutOfRange,
                "work that never passes has no end: `first_pass` must be above zero",
            );
            self.tell(at, diagnostic.help("write, for example, `first_pass = 0.8`"));
        }
        if work.first_pass.is_some_and(|share| share.value() < 1.0) && work.rework.is_none() {
            let diagnostic = Diagnostic::error(
                Code::MissingField,
                "`first_pass` needs `rework` beside it: how long does another round take?",
            );
            self.tell(at, diagnostic.help("add `rework = \"10 d\"`"));
        }
    }

    /// Activities and milestones are nodes of one network and share their names.
    fn names(&mut self) {
        let records = &self.bundle.records;
        for milestone in records.milestones.values() {
            let id = milestone.id.as_str();
            if !records.has(Kind::Activity, id) {
                continue;
            }
            let first = self.bundle.place(Kind::Activity, id, &[]);
            let message = format!("`{id}` is both an activity and a milestone");
            let diagnostic = Diagnostic::error(Code::DuplicateId, message)
                .related(first, "the activity")
                .help("give one of them another id");
            self.tell((Kind::Milestone, id, &["id"]), diagnostic);
        }
        for capacity in records.teams.values().filter(|team| team.capacity == 0) {
            let message = format!("team `{}` has no capacity", capacity.id);
            let diagnostic = Diagnostic::error(Code::OutOfRange, message);
            let diagnostic = diagnostic.help("write how much it can do at once, at least 1");
            self.tell((Kind::Team, capacity.id.as_str(), &["capacity"]), diagnostic);
        }
    }

    fn risks(&mut self) {
        for risk in self.bundle.records.risks.values() {
            for (index, effect) in risk.effects.iter().enumerate() {
                let hit = [
                    effect.activity.is_some(),
                    effect.supplier.is_some(),
                    effect.team.is_some(),
                    effect.regime.is_some(),
                    effect.revision.is_some(),
                ];
                let hits = hit.into_iter().filter(|hit| *hit).count();
                let impacts =
                    usize::from(effect.add.is_some()) + usize::from(effect.multiply.is_some());
                let path = [Step::Key("effects".to_owned()), Step::Index(index)];
                let place = self.bundle.place(Kind::Risk, risk.id.as_str(), &path);
                if hits != 1 {
                    let message =
                        "an effect hits one of activity, supplier, team, regime or revision";
                    let diagnostic =
                        Diagnostic::error(Code::Contradiction, message).at(place.clone());
                    let help = format!("this one names {hits}; write one effect for each");
                    self.diagnostics.push(diagnostic.help(help));
                }
                if impacts != 1 {
                    let message = "an effect either adds time or multiplies the duration";
                    let diagnostic = Diagnostic::error(Code::Contradiction, message).at(place);
                    let help = "give one of `add = \"10 d\"` and `multiply = 1.3`";
                    self.diagnostics.push(diagnostic.help(help));
                }
            }
        }
    }

    fn decisions(&mut self) {
        for decision in self.bundle.records.decisions.values() {
            let id = decision.id.as_str();
            let options: BTreeSet<&str> =
                decision.options.iter().map(|option| option.id.as_str()).collect();
            if options.len() < decision.options.len() {
                let message = format!("decision `{id}` has two options of one name");
                let diagnostic = Diagnostic::error(Code::DuplicateId, message);
                self.tell(
                    (Kind::Decision, id, &["options"]),
                    diagnostic.help("name each option once"),
                );
            }
            if let Some(decided) = &decision.decided
                && !options.contains(decided.option.as_str())
            {
                let message = format!("`{}` is no option of decision `{id}`", decided.option);
                let names: Vec<&str> = options.into_iter().collect();
                let diagnostic = Diagnostic::error(Code::UnknownReference, message)
                    .help(format!("its options are {}", names.join(", ")));
                self.tell((Kind::Decision, id, &["decided", "option"]), diagnostic);
            }
        }
    }

    fn supply(&mut self) {
        for offer in self.bundle.records.offers.values() {
            let id = offer.id.as_str();
            if offer.prices.windows(2).any(|pair| pair[0].quantity >= pair[1].quantity) {
                let message = format!("the price breaks of offer `{id}` don't rise in quantity");
                let diagnostic = Diagnostic::error(Code::Contradiction, message);
                let diagnostic = diagnostic.help("list them from the smallest quantity on");
                self.tell((Kind::Offer, id, &["prices"]), diagnostic);
            }
            if offer.order_multiple == 0 {
                let message = format!("offer `{id}` sells in multiples of nothing");
                let diagnostic = Diagnostic::error(Code::OutOfRange, message);
                self.tell(
                    (Kind::Offer, id, &["order_multiple"]),
                    diagnostic.help("write 1 or more"),
                );
            }
        }
        for build in self.bundle.records.builds.values() {
            self.build(build);
        }
    }

    fn build(&mut self, build: &Build) {
        if build.weekly_rate == Some(0) {
            let message = format!("build `{}` makes nothing in a week", build.id);
            let diagnostic = Diagnostic::error(Code::OutOfRange, message)
                .help("write 1 or more, or leave `weekly_rate` out");
            self.tell((Kind::Build, build.id.as_str(), &["weekly_rate"]), diagnostic);
        }
    }
}

fn empty_interval(what: &str, from: Date, to: Date) -> Diagnostic {
    Diagnostic::error(
        Code::EmptyInterval,
        format!("{what} ends on {to}, before it starts on {from}"),
    )
    .help("swap the two dates, or correct one")
}
