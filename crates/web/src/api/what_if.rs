//! `/api/v1/what-if` and scenarios: the plan under other facts. Nothing is stored.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use longlead_horizon::{Comparison, Forecast, compare};
use longlead_model::{Diagnostic, Edit, Kind, RecordKey, Scenario, ScenarioId, record_schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::api::answer;
use crate::api::insight::caught_up;
use crate::api::json::{JsonBody, decode, unprocessable};
use crate::api::newest::Newest;
use crate::api::operation::{Answer, Body, Header, JSON, Operation, Schemas, Tag, of};
use crate::api::query::{Named, Query};
use crate::api::record::{
    CURSOR, IF_NONE_MATCH, LIMIT, key_named, missing, page_of, page_schema, text_of,
};
use crate::app::App;
use crate::problem::Problem;
use crate::reader::{Reader, Seen};

/// What is supposed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Supposed {
    changes: Vec<Json>,
}

/// Changes that one request may suppose.
const CHANGES_MAX: usize = 500;

/// The schema of supposed changes: those of a scenario.
pub(crate) fn supposed_schema(schemas: &mut Schemas) -> Json {
    schemas.named("Supposed", |_| {
        let scenario = record_schema(Kind::Scenario);
        let change = scenario.pointer("/properties/changes/anyOf/0/items").cloned();
        json!({
            "type": "object",
            "required": ["changes"],
            "additionalProperties": false,
            "properties": {
                "changes": {
                    "description": "The changes, in order, as a scenario has them.",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": CHANGES_MAX,
                    "items": change.unwrap_or_else(|| json!({ "type": "object" })),
                },
            },
        })
    })
}

pub(crate) fn example() -> Json {
    json!({ "changes": [{ "kind": "feature", "id": "door-open-alerts", "set": { "target": "2027-12-31" } }] })
}

/// What differs under other facts.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Compared {
    /// The change set that the comparison starts from.
    sequence: u64,
    /// All that differs.
    comparison: Comparison,
}

pub(crate) const WHAT_IF: Operation = Operation {
    id: "whatIf",
    tag: Tag::WhatIf,
    summary: "What would follow from other facts",
    description: "Both forecasts use the same draws, so what differs follows from the changes and \
                  from nothing else. Nothing is stored.",
    body: Some(Body { media: JSON, schema: supposed_schema, example }),
    answers: &[Answer::new(200, "What would differ.", of::<Compared>)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: &[
        (404, "A record to be changed isn't shared with you."),
        (409, "The plan can't be computed; the diagnostics say why."),
    ],
    ..Operation::NEW
};

pub(crate) async fn what_if(
    State(app): State<App>,
    reader: Reader,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let before = caught_up(&app, reader).await?;
    let after = under_changes(&app, &before, body).await?;
    answer::insight_of_question(&before, &compared(&before, &after)?)
}

fn compared(before: &Seen, after: &Seen) -> Result<Compared, Problem> {
    Ok(Compared {
        sequence: before.outlook.sequence().get(),
        comparison: compare(before.forecast()?, after.forecast()?),
    })
}

/// What the reader sees under the changes of a body.
pub(crate) async fn under_changes(app: &App, seen: &Seen, body: Json) -> Result<Seen, Problem> {
    let refuse =
        |told: Vec<Diagnostic>| unprocessable("The changes can't be read").diagnostics(told);
    let supposed: Supposed = decode(body, "body").map_err(|told| refuse(vec![told]))?;
    if supposed.changes.is_empty() || supposed.changes.len() > CHANGES_MAX {
        let title = format!("Name 1 to {CHANGES_MAX} changes");
        return Err(unprocessable(&title));
    }
    for change in &supposed.changes {
        shared(seen, change)?;
    }
    let record = json!({ "id": SUPPOSED, "title": "What if", "changes": supposed.changes });
    let scenario = scenario_of(seen, &text_of(&record)?)?;
    under(app, seen, &scenario).await
}

/// The id of what is supposed, for as long as it is looked at.
const SUPPOSED: &str = "what-if";

/// Refuses changes of what isn't shared with a partner: what follows from them would tell of it.
fn shared(seen: &Seen, change: &Json) -> Result<(), Problem> {
    if seen.sight.is_whole() {
        return Ok(());
    }
    let text = |name: &str| change.get(name).and_then(Json::as_str).unwrap_or_default();
    let key = key_named(text("kind"), text("id"))?;
    match seen.sees(&key) {
        true => Ok(()),
        false => Err(missing(seen, &key)),
    }
}

fn scenario_of(seen: &Seen, text: &str) -> Result<Scenario, Problem> {
    let key = RecordKey::Record(Kind::Scenario, SUPPOSED.to_owned());
    let edit = Edit { key: key.clone(), after: Some(text.to_owned()) };
    let (bundle, told) = seen.outlook.snapshot.bundle.edited(&[edit]);
    let place = key.to_string();
    let own = told.into_iter().filter(|diagnostic| {
        let is_here = diagnostic.place.as_ref().is_some_and(|it| it.file == place);
        is_here && diagnostic.is_error()
    });
    let own: Vec<Diagnostic> = own.collect();
    let scenario = ScenarioId::try_from(SUPPOSED).ok();
    let scenario = scenario.and_then(|id| bundle.records.scenarios.get(&id).cloned());
    match scenario {
        Some(scenario) if own.is_empty() => Ok(scenario),
        _ => Err(refused(seen, own)),
    }
}

fn refused(seen: &Seen, told: Vec<Diagnostic>) -> Problem {
    let problem = unprocessable("The product would contradict itself").diagnostics(told);
    answer::discreet(seen, problem)
}

async fn under(app: &App, seen: &Seen, scenario: &Scenario) -> Result<Seen, Problem> {
    let snapshot = &seen.outlook.snapshot;
    // Named by content, so that the same question is answered once.
    let name = hex::encode(Sha256::digest(format!("{:?}", scenario.changes).as_bytes()));
    let outlook = app.engine().under(snapshot, scenario, name).await;
    let outlook = outlook.map_err(|told| refused(seen, told))?;
    Seen::new(app.clone(), seen.reader.clone(), outlook).await
}

pub(crate) const LIST_SCENARIOS: Operation = Operation {
    id: "listScenarios",
    tag: Tag::WhatIf,
    summary: "The scenarios that are kept",
    description: "The same as the records of kind `scenario`, where they are written too.",
    query: &[LIMIT, CURSOR],
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "A page of scenarios.", page_schema)
        .with(&[Header::ETag, Header::Sequence])],
    ..Operation::NEW
};

pub(crate) async fn list_scenarios(
    Newest(seen): Newest,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    page_of(&seen, Kind::Scenario, &query, &headers)
}

const SCENARIO_REFUSALS: &[(u16, &str)] = &[
    (404, "There is no such scenario, or it isn't shared with you."),
    (409, "The plan can't be computed; the diagnostics say why."),
    (422, "The product would contradict itself under the scenario."),
];

pub(crate) const SCENARIO_FORECAST: Operation = Operation {
    id: "getScenarioForecast",
    tag: Tag::WhatIf,
    summary: "The forecast under a scenario",
    headers: &[IF_NONE_MATCH],
    answers: &[
        Answer::new(200, "The forecast.", of::<Forecast>).with(&[Header::ETag, Header::Sequence])
    ],
    refusals: SCENARIO_REFUSALS,
    ..Operation::NEW
};

pub(crate) async fn scenario_forecast(
    State(app): State<App>,
    reader: Reader,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let before = caught_up(&app, reader).await?;
    let after = under_scenario(&app, &before, &id).await?;
    answer::insight(&after, &headers, after.forecast()?)
}

pub(crate) const SCENARIO_COMPARISON: Operation = Operation {
    id: "getScenarioComparison",
    tag: Tag::WhatIf,
    summary: "What differs under a scenario",
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "What would differ.", of::<Compared>)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: SCENARIO_REFUSALS,
    ..Operation::NEW
};

pub(crate) async fn scenario_comparison(
    State(app): State<App>,
    reader: Reader,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let before = caught_up(&app, reader).await?;
    let after = under_scenario(&app, &before, &id).await?;
    answer::insight(&before, &headers, &compared(&before, &after)?)
}

async fn under_scenario(app: &App, seen: &Seen, id: &str) -> Result<Seen, Problem> {
    let key = key_named(Kind::Scenario.as_str(), id)?;
    let scenario = ScenarioId::try_from(id).ok().filter(|_| seen.sees(&key));
    let scenario = scenario.and_then(|id| seen.outlook.bundle.records.scenarios.get(&id));
    under(app, seen, scenario.ok_or_else(|| missing(seen, &key))?).await
}
