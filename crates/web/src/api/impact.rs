//! `/api/v1/impact`: what a change would touch, and what depends on a record.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use longlead_horizon::{Comparison, Derived, Plan, Role, compare};
use longlead_model::{ActivityId, Kind, RecordKey};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::answer;
use crate::api::insight::caught_up;
use crate::api::json::JsonBody;
use crate::api::operation::{Answer, Body, Header, JSON, Operation, Tag, of};
use crate::api::query::Named;
use crate::api::record::{IF_NONE_MATCH, key_named, missing};
use crate::api::what_if::{example, supposed_schema, under_changes};
use crate::app::App;
use crate::problem::Problem;
use crate::reader::{Reader, Seen};

/// A record, by name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(crate) struct RecordNamed {
    /// Its kind.
    kind: String,
    /// Its id.
    id: String,
    /// Its title, where its kind has one.
    title: Option<String>,
}

/// An activity, by name.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ActivityNamed {
    /// Its id.
    id: String,
    /// Its name.
    title: String,
    /// What it is.
    role: Role,
    /// True if it follows from the record itself; false if it waits for one that does.
    direct: bool,
}

/// What depends on a record.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Dependents {
    /// The record.
    record: RecordNamed,
    /// Records that name it.
    mentioned_by: Vec<RecordNamed>,
    /// Activities that follow from it, and those that wait for them.
    activities: Vec<ActivityNamed>,
    /// Milestones, releases and launches among them.
    milestones: Vec<String>,
    /// Features whose launch is among them.
    features: Vec<RecordNamed>,
    /// Revisions whose design, builds or first units are among them.
    revisions: Vec<RecordNamed>,
}

pub(crate) const DEPENDENTS: Operation = Operation {
    id: "getDependents",
    tag: Tag::Insights,
    summary: "What depends on a record",
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "What depends on it.", of::<Dependents>)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: &[
        (404, "There is no such record, or it isn't shared with you."),
        (409, "The plan can't be computed; the diagnostics say why."),
    ],
    ..Operation::NEW
};

pub(crate) async fn dependents(
    State(app): State<App>,
    reader: Reader,
    Named((kind, id)): Named<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = caught_up(&app, reader).await?;
    let key = key_named(&kind, &id)?;
    let RecordKey::Record(kind, id) = &key else {
        return Err(missing(&seen, &key));
    };
    if !seen.bundle().records.has(*kind, id) || !seen.sees(&key) {
        return Err(missing(&seen, &key));
    }
    let touched = touched(seen.whole_plan()?, *kind, id).into_iter();
    let touched: Vec<_> =
        touched.filter(|(node, _)| seen.sees_activity(node.id.as_str())).collect();
    let mentioned_by = seen.bundle().mentioned_by(*kind, id).into_iter();
    let mentioned_by = mentioned_by.filter_map(|key| match key {
        RecordKey::Settings => None,
        RecordKey::Record(kind, id) => seen_record(&seen, kind, &id),
    });
    let dependents = Dependents {
        record: record_named(&seen, *kind, id),
        mentioned_by: mentioned_by.collect(),
        milestones: milestones(&touched),
        features: named(&seen, &touched, Kind::Feature),
        revisions: named(&seen, &touched, Kind::Revision),
        activities: touched.iter().map(|(node, direct)| activity_named(node, *direct)).collect(),
    };
    answer::insight(&seen, &headers, &dependents)
}

fn milestones(touched: &[(&Derived, bool)]) -> Vec<String> {
    let is_milestone = |role| matches!(role, Role::Milestone | Role::Release | Role::Launch);
    let milestones = touched.iter().filter(|(node, _)| is_milestone(node.role));
    milestones.map(|(node, _)| node.id.to_string()).collect()
}

/// The records of a kind that activities follow from.
fn named(seen: &Seen, touched: &[(&Derived, bool)], wanted: Kind) -> Vec<RecordNamed> {
    let facts: BTreeSet<_> = touched.iter().flat_map(|(node, _)| node.facts()).collect();
    let of_kind = facts.iter().filter(|(kind, _)| *kind == wanted);
    of_kind.filter_map(|(kind, id)| seen_record(seen, *kind, id)).collect()
}

fn activity_named(node: &Derived, direct: bool) -> ActivityNamed {
    let (id, title) = (node.id.to_string(), node.title.clone());
    ActivityNamed { id, title, role: node.role, direct }
}

/// The activities that follow from a record, and all that wait for them.
fn touched<'a>(plan: &'a Plan, kind: Kind, id: &str) -> Vec<(&'a Derived, bool)> {
    let fact = (kind, id.to_owned());
    let nodes = plan.derivation.nodes.iter();
    let direct = nodes.filter(|node| is_own(node, kind, id) || node.facts().contains(&fact));
    let direct: BTreeSet<&ActivityId> = direct.map(|node| &node.id).collect();
    let links = plan.links();
    let mut successors: BTreeMap<&ActivityId, Vec<&ActivityId>> = BTreeMap::new();
    for link in links.iter().filter(|link| !link.resource) {
        successors.entry(&link.from).or_default().push(&link.to);
    }
    let mut reached: BTreeSet<&ActivityId> = direct.clone();
    let mut waiting: Vec<&ActivityId> = direct.iter().copied().collect();
    while let Some(activity) = waiting.pop() {
        for next in successors.get(activity).into_iter().flatten() {
            if reached.insert(next) {
                waiting.push(next);
            }
        }
    }
    let nodes = plan.derivation.nodes.iter().filter(|node| reached.contains(&node.id));
    nodes.map(|node| (node, direct.contains(&node.id))).collect()
}

/// Whether a node is what the record itself says: an authored activity or milestone.
fn is_own(node: &Derived, kind: Kind, id: &str) -> bool {
    matches!(kind, Kind::Activity | Kind::Milestone) && node.id.as_str() == id
}

fn record_named(seen: &Seen, kind: Kind, id: &str) -> RecordNamed {
    let title = seen.bundle().records.title(kind, id).map(str::to_owned);
    RecordNamed { kind: kind.as_str().to_owned(), id: id.to_owned(), title }
}

fn seen_record(seen: &Seen, kind: Kind, id: &str) -> Option<RecordNamed> {
    let key = RecordKey::Record(kind, id.to_owned());
    let is_there = seen.bundle().records.has(kind, id);
    (is_there && seen.sees(&key)).then(|| record_named(seen, kind, id))
}

/// What a change would touch.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Impact {
    /// The change set that the comparison starts from.
    sequence: u64,
    /// All that differs in the forecast.
    comparison: Comparison,
    /// Records on the way: those that the activities which differ follow from.
    records: Vec<RecordNamed>,
}

pub(crate) const IMPACT: Operation = Operation {
    id: "getImpact",
    tag: Tag::Insights,
    summary: "What a change would touch",
    description: "The difference between the two forecasts, and every record on the way. Nothing is \
                  stored.",
    body: Some(Body { media: JSON, schema: supposed_schema, example }),
    answers: &[Answer::new(200, "What it would touch.", of::<Impact>)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: &[
        (404, "A record to be changed isn't shared with you."),
        (409, "The plan can't be computed; the diagnostics say why."),
    ],
    ..Operation::NEW
};

pub(crate) async fn impact(
    State(app): State<App>,
    reader: Reader,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let before = caught_up(&app, reader).await?;
    let after = under_changes(&app, &before, body).await?;
    let comparison = compare(before.forecast()?, after.forecast()?);
    let activities = comparison.activities.iter().map(|change| &change.id);
    let milestones = comparison.milestones.iter().map(|change| &change.id);
    let differing: BTreeSet<&ActivityId> = activities.chain(milestones).collect();
    let mut records = BTreeSet::new();
    for seen in [&before, &after] {
        let nodes = seen.whole_plan()?.derivation.nodes.iter();
        for node in nodes.filter(|node| differing.contains(&node.id)) {
            let facts = node.facts().into_iter();
            records.extend(facts.filter_map(|(kind, id)| seen_record(seen, kind, &id)));
        }
    }
    let sequence = before.outlook.sequence().get();
    let impact = Impact { sequence, comparison, records: records.into_iter().collect() };
    answer::insight_of_question(&before, &impact)
}
