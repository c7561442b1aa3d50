//! References name records that exist; amounts are in currencies that rates join.

use std::collections::BTreeMap;

use crate::bundle::Bundle;
use crate::diagnostic::{Code, Diagnostic, Place, nearest};
use crate::field::Mention;
use crate::kind::{Kind, Records};
use crate::money::{Currency, Money, Rates};
use crate::node::{PathStep, path_text, steps};

/// Suggesting a name compares it with every id there is: past so many comparisons, a hostile bundle
/// would take minutes instead of seconds.
const COMPARISONS_MAX: usize = 1_000_000;

/// Amounts without a rate are told in one diagnostic per currency, which points to so many more.
const RELATED_MAX: usize = 8;

/// Finds the ids that were meant, as long as that is cheap.
pub(crate) struct Suggester {
    comparisons_left: usize,
}

impl Suggester {
    pub(crate) fn new() -> Suggester {
        Suggester { comparisons_left: COMPARISONS_MAX }
    }

    /// The id of that kind which is nearest to `name`.
    pub(crate) fn near(&mut self, records: &Records, kind: Kind, name: &str) -> Option<String> {
        if self.comparisons_left == 0 {
            return None;
        }
        let mut ids = records.ids(kind);
        match kind {
            Kind::Activity => ids.extend(records.ids(Kind::Milestone)),
            Kind::Calendar => ids.push("elapsed"),
            _ => {}
        }
        self.comparisons_left = self.comparisons_left.saturating_sub(ids.len());
        nearest(name, ids.into_iter()).map(str::to_owned)
    }
}

pub(super) fn check(
    bundle: &Bundle,
    keys: &[(Kind, &str)],
    rates: &Rates,
    suggester: &mut Suggester,
) -> Vec<Diagnostic> {
    let mut checker = Checker {
        bundle,
        rates,
        suggester,
        diagnostics: Vec::new(),
        without_rate: BTreeMap::new(),
    };
    for (kind, id) in keys {
        bundle.records.visit(*kind, id, &mut |path, mention| match mention {
            Mention::Record(meant, name) => checker.reference(*kind, id, path, meant, name),
            Mention::Money(money) => checker.money(*kind, id, path, money),
        });
    }
    checker.setting();
    checker.rates();
    checker.diagnostics
}

struct Checker<'a> {
    bundle: &'a Bundle,
    rates: &'a Rates,
    suggester: &'a mut Suggester,
    diagnostics: Vec<Diagnostic>,
    without_rate: BTreeMap<Currency, Amounts>,
}

/// Amounts in a currency that no rate joins with that of the bundle.
#[derive(Default)]
struct Amounts {
    count: usize,
    /// Where the first of them stand.
    places: Vec<(Option<Place>, String)>,
}

/// True if a reference of that kind finds its record.
fn exists(bundle: &Bundle, kind: Kind, id: &str) -> bool {
    let is_written = |kind: Kind| {
        bundle.records.has(kind, id)
            || !bundle.unread.is_empty() && bundle.unread.contains(&(kind, id.to_owned()))
    };
    match kind {
        // Activities and milestones are both nodes of the network; a colon marks a derived one,
        // which only `longlead-horizon` can know.
        Kind::Activity | Kind::Actual => {
            id.contains(':') || is_written(Kind::Activity) || is_written(Kind::Milestone)
        }
        Kind::Calendar if id == "elapsed" => true,
        kind => is_written(kind),
    }
}

impl Checker<'_> {
    fn reference(&mut self, kind: Kind, id: &str, path: &[PathStep<'_>], meant: Kind, name: &str) {
        // A record's own id is no reference, but what an actual is filed under is one.
        let own = matches!(path, [PathStep::Key("id")]);
        if (own && kind != Kind::Actual) || exists(self.bundle, meant, name) {
            return;
        }
        let meant = if meant == Kind::Actual { Kind::Activity } else { meant };
        let path = steps(path);
        let message = format!(
            "{} `{id}` refers to {} `{name}` in `{}`, which doesn't exist",
            kind.word(),
            meant.word(),
            path_text(&path),
        );
        let place = self.bundle.place(kind, id, &path);
        self.unknown(message, place, meant, name);
    }

    fn setting(&mut self) {
        if let Some(calendar) = &self.bundle.settings.calendar
            && !exists(self.bundle, Kind::Calendar, calendar.as_str())
        {
            let message =
                format!("the settings refer to calendar `{calendar}`, which doesn't exist");
            let place = self.bundle.place_of_setting("calendar");
            self.unknown(message, place, Kind::Calendar, calendar.as_str());
        }
    }

    fn unknown(&mut self, message: String, place: Option<Place>, meant: Kind, name: &str) {
        let help = match self.suggester.near(&self.bundle.records, meant, name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add a `[[{meant}]]` with that id, or name one that exists"),
        };
        let diagnostic = Diagnostic::error(Code::UnknownReference, message);
        self.diagnostics.push(diagnostic.at(place).help(help));
    }

    fn money(&mut self, kind: Kind, id: &str, path: &[PathStep<'_>], money: Money) {
        let wanted = self.bundle.settings.currency;
        // Whether a rate joins the two doesn't depend on the amount, which may be too large.
        if self.rates.convert(Money::zero(money.currency), wanted).is_ok() {
            return;
        }
        let amounts = self.without_rate.entry(money.currency).or_default();
        amounts.count += 1;
        if amounts.places.len() <= RELATED_MAX {
            let place = self.bundle.place(kind, id, &steps(path));
            amounts.places.push((place, format!("{money} in {} `{id}`", kind.word())));
        }
    }

    fn rates(&mut self) {
        let wanted = self.bundle.settings.currency;
        for (currency, amounts) in std::mem::take(&mut self.without_rate) {
            let sums = format!("but sums are told in {wanted}, and no rate joins the two");
            let message = match amounts.count {
                1 => format!("an amount is in {currency}, {sums}"),
                count => format!("{count} amounts are in {currency}, {sums}"),
            };
            let help = format!(
                "add a rate: rate = [{{ id = \"{}-{}\", from = \"{currency}\", to = \"{wanted}\", \
                 rate = … }}]",
                currency.as_str().to_lowercase(),
                wanted.as_str().to_lowercase(),
            );
            let mut places = amounts.places.into_iter();
            let (first, _) = places.next().unwrap_or_default();
            let diagnostic = Diagnostic::error(Code::MissingRate, message).at(first).help(help);
            let diagnostic = places
                .fold(diagnostic, |diagnostic, (place, what)| diagnostic.related(place, what));
            self.diagnostics.push(diagnostic);
        }
    }
}
