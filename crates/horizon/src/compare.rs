//! What differs between two forecasts.

use std::collections::BTreeMap;

use jiff::civil::Date;
use longlead_model::{ActivityId, CapabilityId, FeatureId, RevisionId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::capability::Support;
use crate::decision::DecisionKey;
use crate::forecast::{Forecast, rounded};
use crate::foresight::OrphanNeed;
use crate::timeline::days_between;

/// A value before and after; none where there was nothing, or is nothing any more.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Change<T> {
    /// Before.
    pub before: Option<T>,
    /// After.
    pub after: Option<T>,
}

/// A milestone that differs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MilestoneChange {
    /// Its id.
    #[schemars(with = "String")]
    pub id: ActivityId,
    /// Its name.
    pub title: String,
    /// Median.
    pub p50: Change<Date>,
    /// 80th percentile.
    pub p80: Change<Date>,
    /// Probability of being on time.
    pub on_time: Change<f64>,
    /// Days by which the 80th percentile moves; positive is later.
    pub moved_days: Option<i32>,
    /// Whether the date supposes that a revision will carry what nobody has planned.
    pub supposed: Change<bool>,
}

/// A decision that differs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DecisionChange {
    /// Its id.
    #[schemars(with = "String")]
    pub id: DecisionKey,
    /// Its name.
    pub title: String,
    /// Decide-by.
    pub decide_by: Change<Date>,
    /// The probability of being on time if decided at once.
    pub best_confidence: Change<f64>,
}

/// An activity that differs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ActivityChange {
    /// Its id.
    #[schemars(with = "String")]
    pub id: ActivityId,
    /// Its name.
    pub title: String,
    /// Median first day.
    pub start_p50: Change<Date>,
    /// Median last day.
    pub finish_p50: Change<Date>,
}

/// A feature that a revision can run in one forecast and not in the other.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SupportChange {
    /// The feature.
    #[schemars(with = "String")]
    pub feature: FeatureId,
    /// The revision.
    #[schemars(with = "String")]
    pub revision: RevisionId,
    /// Whether it runs.
    pub supported: Change<bool>,
}

/// All that differs between two forecasts. What is equal isn't told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// Milestones, releases and launches, the largest move first.
    pub milestones: Vec<MilestoneChange>,
    /// Decisions.
    pub decisions: Vec<DecisionChange>,
    /// Features and revisions.
    pub coverage: Vec<SupportChange>,
    /// Activities on the way.
    pub activities: Vec<ActivityChange>,
    /// Orphan needs that are there only before, or only after: feature and capability.
    #[schemars(with = "Vec<Change<(String, String)>>")]
    pub orphan_needs: Vec<Change<(FeatureId, CapabilityId)>>,
}

impl Comparison {
    /// True if nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Comparison::default()
    }
}

/// Compares two forecasts. As draws depend only on seed and activity, what differs follows from
/// the facts that differ, and from nothing else.
pub fn compare(before: &Forecast, after: &Forecast) -> Comparison {
    Comparison {
        milestones: milestones(before, after),
        decisions: decisions(before, after),
        coverage: coverage(before, after),
        activities: activities(before, after),
        orphan_needs: orphan_needs(before, after),
    }
}

/// Pairs the items of two lists by key, in the order of the keys.
fn pairs<'a, T, K: Ord>(
    before: &'a [T],
    after: &'a [T],
    key: impl Fn(&'a T) -> K,
) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let mut pairs: BTreeMap<K, (Option<&T>, Option<&T>)> = BTreeMap::new();
    for item in before {
        pairs.entry(key(item)).or_default().0 = Some(item);
    }
    for item in after {
        pairs.entry(key(item)).or_default().1 = Some(item);
    }
    pairs.into_values().collect()
}

impl<T: PartialEq> Change<T> {
    fn of<S>(before: Option<&S>, after: Option<&S>, value: impl Fn(&S) -> Option<T>) -> Change<T> {
        Change { before: before.and_then(&value), after: after.and_then(&value) }
    }

    /// True if it really changes.
    pub fn differs(&self) -> bool {
        self.before != self.after
    }
}

fn milestones(before: &Forecast, after: &Forecast) -> Vec<MilestoneChange> {
    let pairs = pairs(&before.milestones, &after.milestones, |it| it.id.clone());
    let mut changes: Vec<MilestoneChange> = Vec::new();
    for (b, a) in pairs {
        let Some(either) = a.or(b) else { continue };
        let p80 = Change::of(b, a, |it| Some(it.p80));
        let change = MilestoneChange {
            id: either.id.clone(),
            title: either.title.clone(),
            p50: Change::of(b, a, |it| Some(it.p50)),
            on_time: Change::of(b, a, |it| it.on_time.map(rounded)),
            moved_days: p80.before.zip(p80.after).map(|(b, a)| days_between(b, a)),
            supposed: Change::of(b, a, |it| Some(!it.supposed.is_empty())),
            p80,
        };
        let moves = change.p50.differs() || change.p80.differs() || change.on_time.differs();
        if moves || change.supposed.differs() {
            changes.push(change);
        }
    }
    changes.sort_by_key(|it| {
        (std::cmp::Reverse(it.moved_days.map_or(i32::MAX, i32::abs)), it.id.clone())
    });
    changes
}

fn decisions(before: &Forecast, after: &Forecast) -> Vec<DecisionChange> {
    let pairs = pairs(&before.decisions, &after.decisions, |it| it.id.clone());
    let changes = pairs.into_iter().filter_map(|(b, a)| {
        let either = a.or(b)?;
        let change = DecisionChange {
            id: either.id.clone(),
            title: either.title.clone(),
            decide_by: Change::of(b, a, |it| it.decide_by),
            best_confidence: Change::of(b, a, |it| it.best_confidence.map(rounded)),
        };
        let there = a.is_some() != b.is_some();
        (there || change.decide_by.differs() || change.best_confidence.differs()).then_some(change)
    });
    changes.collect()
}

fn coverage(before: &Forecast, after: &Forecast) -> Vec<SupportChange> {
    let key = |it: &Support| (it.feature.clone(), it.revision.clone());
    let changes = pairs(&before.coverage, &after.coverage, key).into_iter().filter_map(|(b, a)| {
        let either = a.or(b)?;
        let supported = Change::of(b, a, |it| Some(it.supported));
        supported.differs().then(|| SupportChange {
            feature: either.feature.clone(),
            revision: either.revision.clone(),
            supported,
        })
    });
    changes.collect()
}

fn activities(before: &Forecast, after: &Forecast) -> Vec<ActivityChange> {
    let pairs = pairs(&before.activities, &after.activities, |it| it.id.clone());
    let changes = pairs.into_iter().filter_map(|(b, a)| {
        let either = a.or(b)?;
        let change = ActivityChange {
            id: either.id.clone(),
            title: either.title.clone(),
            start_p50: Change::of(b, a, |it| Some(it.start_p50)),
            finish_p50: Change::of(b, a, |it| Some(it.finish_p50)),
        };
        (change.start_p50.differs() || change.finish_p50.differs()).then_some(change)
    });
    changes.collect()
}

fn orphan_needs(before: &Forecast, after: &Forecast) -> Vec<Change<(FeatureId, CapabilityId)>> {
    let key = |it: &OrphanNeed| (it.feature.clone(), it.capability.clone());
    let (before, after) = (&before.foresight.orphan_needs, &after.foresight.orphan_needs);
    let changes = pairs(before, after, key).into_iter();
    changes.map(|(b, a)| Change::of(b, a, |it| Some(key(it)))).filter(Change::differs).collect()
}
