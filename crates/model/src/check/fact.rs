//! Facts of one record, or of two, that contradict each other.

mod amount;
mod interval;
mod people;
mod stream;
mod supply;
mod work;

use std::fmt;

use jiff::civil::Date;

pub use self::stream::{column_name, is_own_table, table_name};
use crate::bundle::Bundle;
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::Kind;
use crate::node::Step;

/// Samples past these bring nothing but waiting.
const SAMPLES_MAX: u32 = 10_000_000;

/// What is wrong with the facts of some records.
pub(super) fn check(bundle: &Bundle, keys: &[(Kind, &str)]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for (kind, id) in keys {
        let mut facts = Facts { bundle, kind: *kind, id, diagnostics };
        facts.record();
        diagnostics = facts.diagnostics;
    }
    diagnostics
}

/// What is wrong with the settings.
pub(super) fn check_settings(bundle: &Bundle) -> Option<Diagnostic> {
    let samples = bundle.settings.samples;
    let fits = (1..=SAMPLES_MAX).contains(&samples);
    let message = format!("{samples} samples: at least 1 and at most {SAMPLES_MAX} make sense");
    (!fits).then(|| {
        Diagnostic::error(Code::OutOfRange, message)
            .at(bundle.place_of_setting("samples"))
            .help("10000 are enough for a P80 that holds to the day")
    })
}

/// One record at a time, held against what it says itself and what it names.
struct Facts<'a> {
    bundle: &'a Bundle,
    kind: Kind,
    id: &'a str,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Facts<'a> {
    fn record(&mut self) -> Option<()> {
        let (id, records) = (self.id, &self.bundle.records);
        match self.kind {
            Kind::Revision => self.revision(records.revisions.get(id)?),
            Kind::Part => self.provides(&records.parts.get(id)?.provides),
            Kind::Feature => self.feature(records.features.get(id)?),
            Kind::Release => self.works("work", records.releases.get(id)?.work.as_ref()),
            Kind::Decision => self.decision(records.decisions.get(id)?),
            Kind::Activity => self.activity(records.activities.get(id)?),
            Kind::Milestone => self.milestone(records.milestones.get(id)?),
            Kind::Actual => self.actual(records.actuals.get(id)?),
            Kind::Calendar => self.calendar(records.calendars.get(id)?),
            Kind::Team => self.team(records.teams.get(id)?),
            Kind::Risk => self.risk(records.risks.get(id)?),
            Kind::Offer => self.offer(records.offers.get(id)?),
            Kind::Build => self.build(records.builds.get(id)?),
            Kind::Order => self.order(records.orders.get(id)?),
            Kind::Regime => self.regime(records.regimes.get(id)?),
            Kind::Certificate => self.certificate(records.certificates.get(id)?),
            Kind::Criterion => self.criterion(records.criteria.get(id)?),
            Kind::Rate => self.rate(records.rates.get(id)?),
            Kind::Contract => self.contract(records.contracts.get(id)?),
            _ => {}
        }
        Some(())
    }

    /// Tells what is wrong with the value at a path of the record.
    fn tell(&mut self, path: &[Step], diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic.at(self.bundle.place(self.kind, self.id, path)));
    }

    /// Tells what is wrong with a field of the record.
    fn refuse(&mut self, field: &str, code: Code, message: impl fmt::Display, help: &str) {
        let diagnostic = Diagnostic::error(code, message.to_string()).help(help);
        self.tell(&keys(&[field]), diagnostic);
    }

    /// Tells that the second of two dates lies before the first.
    fn interval(&mut self, from: (&str, Option<Date>), to: (&str, Option<Date>)) {
        if let (Some(from_date), Some(to_date)) = (from.1, to.1)
            && from_date > to_date
        {
            let message = format!("`{}` ({to_date}) lies before `{}` ({from_date})", to.0, from.0);
            let help = "swap the two dates, or correct one";
            self.refuse(to.0, Code::EmptyInterval, message, help);
        }
    }
}

/// A path of field names.
fn keys(names: &[&str]) -> Vec<Step> {
    names.iter().map(|name| Step::Key((*name).to_owned())).collect()
}

/// A path into an item of a list.
fn item(list: &str, index: usize) -> [Step; 2] {
    [Step::Key(list.to_owned()), Step::Index(index)]
}
