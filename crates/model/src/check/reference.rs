//! References name records that exist; amounts are in currencies that rates join.

use crate::bundle::Bundle;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::field::Mention;
use crate::kind::{Kind, Records};
use crate::money::{Money, Rates};
use crate::node::{Step, path_text};

/// Suggesting a name compares it with every id there is: past so many, a hostile bundle would
/// take minutes instead of seconds.
const SUGGESTIONS_MAX: usize = 200;

pub(super) fn check(bundle: &Bundle) -> Vec<Diagnostic> {
    let mut checker =
        Checker { bundle, rates: bundle.rates(), diagnostics: Vec::new(), suggestions: 0 };
    bundle.records.visit(&mut |kind, id, path, mention| match mention {
        Mention::Record(meant, name) => checker.reference(kind, id, path, meant, name),
        Mention::Money(money) => checker.money(kind, id, path, money),
    });
    if let Some(calendar) = &bundle.settings.calendar {
        checker.setting(calendar.as_str());
    }
    checker.diagnostics
}

struct Checker<'a> {
    bundle: &'a Bundle,
    rates: Rates,
    diagnostics: Vec<Diagnostic>,
    suggestions: usize,
}

/// True if a reference of that kind finds its record.
fn exists(records: &Records, kind: Kind, id: &str) -> bool {
    match kind {
        // Activities and milestones are both nodes of the network; a colon marks a derived one,
        // which only `longlead-horizon` can know.
        Kind::Activity | Kind::Actual => {
            id.contains(':') || records.has(Kind::Activity, id) || records.has(Kind::Milestone, id)
        }
        Kind::Calendar if id == "elapsed" => true,
        kind => records.has(kind, id),
    }
}

impl Checker<'_> {
    fn reference(&mut self, kind: Kind, id: &str, path: &[Step], meant: Kind, name: &str) {
        // A record's own id is no reference, but what an actual is filed under is one.
        let own = path == [Step::Key("id".to_owned())];
        if (own && kind != Kind::Actual) || exists(&self.bundle.records, meant, name) {
            return;
        }
        let meant = if meant == Kind::Actual { Kind::Activity } else { meant };
        let field = path_text(path);
        let message = format!(
            "{} `{id}` refers to {} `{name}` in `{field}`, which doesn't exist",
            kind.word(),
            meant.word(),
        );
        let help = self.suggest(meant, name);
        let place = self.bundle.place(kind, id, path);
        self.diagnostics
            .push(Diagnostic::error(Code::UnknownReference, message).at(place).help(help));
    }

    fn suggest(&mut self, meant: Kind, name: &str) -> String {
        self.suggestions += 1;
        let records = &self.bundle.records;
        let mut ids = records.ids(meant);
        if meant == Kind::Activity {
            ids.extend(records.ids(Kind::Milestone));
        }
        if meant == Kind::Calendar {
            ids.push("elapsed");
        }
        let near = (self.suggestions <= SUGGESTIONS_MAX)
            .then(|| nearest(name, ids.iter().copied()))
            .flatten();
        match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add a `[[{meant}]]` with that id, or name one that exists"),
        }
    }

    fn setting(&mut self, calendar: &str) {
        if exists(&self.bundle.records, Kind::Calendar, calendar) {
            return;
        }
        let help = self.suggest(Kind::Calendar, calendar);
        let message = format!("the settings refer to calendar `{calendar}`, which doesn't exist");
        self.diagnostics.push(Diagnostic::error(Code::UnknownReference, message).help(help));
    }

    fn money(&mut self, kind: Kind, id: &str, path: &[Step], money: Money) {
        let wanted = self.bundle.settings.currency;
        if self.rates.convert(money, wanted).is_ok() {
            return;
        }
        let message = format!(
            "{} `{id}` has an amount in {} but sums are told in {wanted}, and no rate joins them",
            kind.word(),
            money.currency,
        );
        let help = format!(
            "add a rate: rate = [{{ id = \"{}-{}\", from = \"{}\", to = \"{wanted}\", rate = … }}]",
            money.currency.as_str().to_lowercase(),
            wanted.as_str().to_lowercase(),
            money.currency,
        );
        let place = self.bundle.place(kind, id, path);
        self.diagnostics.push(Diagnostic::error(Code::MissingRate, message).at(place).help(help));
    }
}
