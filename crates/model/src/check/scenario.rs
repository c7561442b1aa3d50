//! A scenario must apply, and must leave nothing wrong that wasn't wrong before.
//!
//! Checking the whole bundle once for each scenario would be quadratic, so only what a scenario can
//! have touched is checked: the records that it changes, and those that mention them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Suggester, cycle, fact, reference};
use crate::bundle::Bundle;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::field::Mention;
use crate::kind::Kind;
use crate::money::Rates;
use crate::overlay;
use crate::record::Scenario;

/// How many records may be checked for all scenarios together: a second of work, and far more than
/// scenarios that somebody wrote ever touch.
const CHECKS_MAX: usize = 250_000;

/// How many problems may be told of all scenarios together.
const PROBLEMS_MAX: usize = 1_000;

/// A record, by kind and id.
type Key<'a> = (Kind, &'a str);

pub(super) fn check(
    bundle: &Bundle,
    before: &[Diagnostic],
    suggester: &mut Suggester,
) -> Vec<Diagnostic> {
    let scenarios = &bundle.records.scenarios;
    if scenarios.is_empty() {
        return Vec::new();
    }
    let mut checker = Checker {
        bundle,
        changed: bundle.clone(),
        mentions: Mentions::of(bundle),
        rates: bundle.rates(),
        suggester,
        before: before.iter().map(identity).collect(),
        checks_left: CHECKS_MAX,
    };
    let mut diagnostics = Vec::new();
    for (checked, scenario) in scenarios.values().enumerate() {
        if checker.checks_left == 0 || diagnostics.len() >= PROBLEMS_MAX {
            diagnostics.push(unchecked(bundle, scenario, scenarios.len() - checked));
            break;
        }
        diagnostics.extend(checker.scenario(scenario));
    }
    diagnostics
}

fn unchecked(bundle: &Bundle, scenario: &Scenario, count: usize) -> Diagnostic {
    let message = format!("{count} scenarios, from `{}` on, were not checked", scenario.id);
    Diagnostic::warning(Code::More, message)
        .at(bundle.place(Kind::Scenario, scenario.id.as_str(), &[]))
        .help("each is checked when it is used; mend what is told of the others first")
}

/// What makes two diagnostics the same.
type Identity = (Code, String, Option<Place>);

fn identity(diagnostic: &Diagnostic) -> Identity {
    match &diagnostic.help {
        // Its help names the currencies; its message counts amounts, its place is the first's.
        Some(help) if diagnostic.code == Code::MissingRate => (diagnostic.code, help.clone(), None),
        _ => (diagnostic.code, diagnostic.message.clone(), diagnostic.place.clone()),
    }
}

struct Checker<'a> {
    bundle: &'a Bundle,
    /// A copy on which one scenario after the other is applied and undone.
    changed: Bundle,
    mentions: Mentions<'a>,
    rates: Rates,
    suggester: &'a mut Suggester,
    before: BTreeSet<Identity>,
    checks_left: usize,
}

impl Checker<'_> {
    fn scenario(&mut self, scenario: &Scenario) -> Vec<Diagnostic> {
        let mut told = overlay::apply(&mut self.changed, scenario, self.suggester);
        let touched: BTreeSet<Key<'_>> = scenario
            .changes
            .iter()
            .filter_map(|change| Some((Kind::named(&change.kind)?, change.id.as_str())))
            .collect();
        let place = self.bundle.place(Kind::Scenario, scenario.id.as_str(), &[]);
        if told.is_empty() {
            let elsewhere = format!("scenario `{}`", scenario.id);
            let consequences = self.consequences(&touched).into_iter();
            let related = |it: Diagnostic| it.related(place.clone(), elsewhere.clone());
            told.extend(
                consequences.filter(|it| !self.before.contains(&identity(it))).map(related),
            );
        }
        for (kind, id) in &touched {
            self.changed.records.restore(*kind, id, &self.bundle.records);
        }
        self.changed.overlaid.clear();
        for diagnostic in &mut told {
            diagnostic.message = format!("in scenario `{}`: {}", scenario.id, diagnostic.message);
            diagnostic.place = diagnostic.place.take().or_else(|| place.clone());
        }
        told
    }

    fn consequences(&mut self, touched: &BTreeSet<Key<'_>>) -> Vec<Diagnostic> {
        let mut affected = touched.clone();
        for (kind, id) in touched {
            let mentioning = match kind {
                Kind::Rate => self.mentions.of_money.as_slice(),
                kind => self.mentions.of_record(*kind, id),
            };
            affected.extend(mentioning.iter().take(self.checks_left).copied());
            if network_node(*kind) == Kind::Activity {
                // The two share their names.
                affected.insert((Kind::Milestone, id));
            }
        }
        let affected: Vec<Key<'_>> = affected.into_iter().collect();
        self.checks_left = self.checks_left.saturating_sub(affected.len());
        let changed_rates = touched.iter().any(|(kind, _)| *kind == Kind::Rate).then(|| {
            self.checks_left = self.checks_left.saturating_sub(self.changed.records.rates.len());
            self.changed.rates()
        });
        let rates = changed_rates.as_ref().unwrap_or(&self.rates);
        let mut told = reference::check(&self.changed, &affected, rates, self.suggester);
        told.extend(fact::check(&self.changed, &affected));
        // Only a new order can close a circle.
        let is_new = |(kind, id): &Key<'_>| {
            let before = BTreeSet::from_iter(cycle::order_of(self.bundle, *kind, id));
            cycle::order_of(&self.changed, *kind, id).iter().any(|order| !before.contains(order))
        };
        if touched.iter().any(is_new) {
            self.checks_left = self.checks_left.saturating_sub(self.changed.records.count());
            told.extend(cycle::check(&self.changed));
        }
        told
    }
}

/// Which records mention those that a scenario changes.
struct Mentions<'a> {
    /// Those that mention a record, by its kind and id.
    of_records: BTreeMap<Kind, HashMap<&'a str, Vec<Key<'a>>>>,
    of_money: Vec<Key<'a>>,
}

impl<'a> Mentions<'a> {
    fn of(bundle: &'a Bundle) -> Mentions<'a> {
        let records = &bundle.records;
        let changes = records.scenarios.values().flat_map(|scenario| &scenario.changes);
        let changed = changes.filter_map(|change| Some((Kind::named(&change.kind)?, &*change.id)));
        let mut mentions = Mentions { of_records: BTreeMap::new(), of_money: Vec::new() };
        for (kind, id) in changed {
            mentions.of_records.entry(network_node(kind)).or_default().insert(id, Vec::new());
        }
        for key in records.keys() {
            records.visit(key.0, key.1, &mut |_, mention| match mention {
                Mention::Record(kind, id) => {
                    let of_kind = mentions.of_records.get_mut(&network_node(kind));
                    if let Some(named) = of_kind.and_then(|of_kind| of_kind.get_mut(id)) {
                        named.push(key);
                    }
                }
                Mention::Money(_) => mentions.of_money.push(key),
            });
        }
        mentions
    }

    fn of_record(&self, kind: Kind, id: &str) -> &[Key<'a>] {
        let of_kind = self.of_records.get(&network_node(kind));
        of_kind.and_then(|of_kind| of_kind.get(id)).map_or(&[], Vec::as_slice)
    }
}

/// Activities, milestones and actuals go by one name in references.
fn network_node(kind: Kind) -> Kind {
    match kind {
        Kind::Milestone | Kind::Actual => Kind::Activity,
        kind => kind,
    }
}
