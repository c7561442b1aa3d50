//! The share of the installed base that can run a feature, over time.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use longlead_model::{
    ActivityId, Build, BuildStage, Bundle, FeatureId, ProductId, Revision, RevisionId,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::capability::{all_offered, missing};
use crate::derive::hardware;
use crate::forecast::rounded;
use crate::timeline::days_between;

/// How the share of devices that can run a feature grows.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FeatureCoverage {
    /// The feature.
    #[schemars(with = "String")]
    pub feature: FeatureId,
    /// The first of each month.
    pub points: Vec<CoveragePoint>,
}

/// The share on a day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CoveragePoint {
    /// The day.
    pub on: Date,
    /// Devices of the product in use.
    pub devices: u64,
    /// The share of them that can run the feature and takes its update.
    pub share: f64,
}

/// How far ahead coverage is told.
const MONTHS: i32 = 24;

/// Devices of a revision that come at a day, or week by week.
struct Arrival {
    from: Date,
    units: f64,
    weekly_rate: Option<f64>,
}

struct Population {
    revision: RevisionId,
    arrivals: Vec<Arrival>,
    annual_loss: f64,
    update_reach: f64,
}

/// Coverage of every feature: devices in the field and from planned MP builds at their median
/// finish, less yearly losses, times the reach of updates.
pub(crate) fn coverage_over_time(
    bundle: &Bundle,
    as_of: Date,
    finishes: &BTreeMap<&ActivityId, Date>,
) -> Vec<FeatureCoverage> {
    let records = &bundle.records;
    let mut by_product: BTreeMap<&ProductId, Vec<Population>> = BTreeMap::new();
    for revision in records.revisions.values() {
        let population = population(bundle, revision, finishes);
        by_product.entry(&revision.product).or_default().push(population);
    }
    let offered = all_offered(bundle);
    let mut coverage = Vec::new();
    for feature in records.features.values() {
        let Some(populations) = by_product.get(&feature.product) else {
            continue;
        };
        let runs: Vec<bool> = populations
            .iter()
            .map(|population| {
                let offered = offered.get(&population.revision);
                offered.is_some_and(|offered| missing(bundle, feature, offered).is_empty())
            })
            .collect();
        let points = days(as_of).map(|on| point(populations, &runs, on)).collect();
        coverage.push(FeatureCoverage { feature: feature.id.clone(), points });
    }
    coverage
}

/// The as-of day, and the first of each month after it.
fn days(as_of: Date) -> impl Iterator<Item = Date> {
    let first = as_of.first_of_month();
    (0..=MONTHS).map(move |month| match month {
        0 => as_of,
        month => first.saturating_add(month.months()),
    })
}

fn point(populations: &[Population], runs: &[bool], on: Date) -> CoveragePoint {
    let (mut all, mut able) = (0.0, 0.0);
    for (population, runs) in populations.iter().zip(runs) {
        let alive: f64 =
            population.arrivals.iter().map(|it| alive(it, population.annual_loss, on)).sum();
        all += alive;
        if *runs {
            able += alive * population.update_reach;
        }
    }
    let share = if all > 0.0 { rounded(able / all) } else { 0.0 };
    CoveragePoint { on, devices: all.round() as u64, share }
}

/// How many devices of an arrival are in use on a day; a yearly loss takes the same share of those
/// left each year.
fn alive(arrival: &Arrival, annual_loss: f64, on: Date) -> f64 {
    let days = f64::from(days_between(arrival.from, on));
    if days < 0.0 {
        return 0.0;
    }
    let survival = |days: f64| (1.0 - annual_loss).powf(days / 365.25);
    let Some(rate) = arrival.weekly_rate else {
        return arrival.units * survival(days);
    };
    let mut left = arrival.units;
    let mut alive = 0.0;
    let mut week = 0.0;
    while left > 0.0 && week * 7.0 <= days {
        let made = rate.min(left);
        alive += made * survival(days - week * 7.0);
        left -= made;
        week += 1.0;
    }
    alive
}

fn population(
    bundle: &Bundle,
    revision: &Revision,
    finishes: &BTreeMap<&ActivityId, Date>,
) -> Population {
    let mut arrivals = Vec::new();
    if let Some(fleet) = &revision.fleet {
        arrivals.push(Arrival { from: fleet.on, units: fleet.units as f64, weekly_rate: None });
    }
    let builds = bundle.records.builds.values();
    for build in builds.filter(|it| it.revision == revision.id && it.stage == BuildStage::Mp) {
        let id = hardware::ids::build(&build.id);
        let Some(finish) = finishes.get(&id) else {
            continue;
        };
        arrivals.extend(arrival(build, *finish, revision));
    }
    let (annual_loss, update_reach) = habits(bundle, revision);
    Population { revision: revision.id.clone(), arrivals, annual_loss, update_reach }
}

/// What a build adds to what was counted in the field already.
fn arrival(build: &Build, finish: Date, revision: &Revision) -> Option<Arrival> {
    let counted = revision.fleet.as_ref().filter(|fleet| fleet.on >= finish);
    let rate = build.weekly_rate.map(|rate| rate as f64);
    let Some(fleet) = counted else {
        return Some(Arrival { from: finish, units: build.quantity as f64, weekly_rate: rate });
    };
    // What was made until the count is in the count; a running build goes on with its next week.
    let weeks = days_between(finish, fleet.on) / 7 + 1;
    let left = build.quantity as f64 - rate? * f64::from(weeks);
    let from = finish.saturating_add(weeks.weeks());
    (left > 0.0).then_some(Arrival { from, units: left, weekly_rate: rate })
}

/// Yearly loss and update reach of a revision: its own, or those of the last one before it that
/// is in the field.
fn habits(bundle: &Bundle, revision: &Revision) -> (f64, f64) {
    let mut next = Some(revision);
    // A circle of revisions is told when the bundle is checked; here it must only end.
    for _ in 0..bundle.records.revisions.len() {
        let Some(revision) = next else { break };
        if let Some(fleet) = &revision.fleet {
            return (fleet.annual_loss.value(), fleet.update_reach.value());
        }
        let before = revision.follows.as_ref();
        next = before.and_then(|id| bundle.records.revisions.get(id));
    }
    (0.0, 1.0)
}
