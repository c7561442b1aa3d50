//! What follows from the facts: dates, decisions, what is foreseen, who can run what, and why.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use longlead_horizon::{
    DecisionForecast, ExplanationStep, FeatureCoverage, Forecast, Foresight, MilestoneForecast,
    Reason, State as Standing, Support, Vocabulary,
};
use longlead_model::{RecordKey, nearest};
use longlead_records::{LoggedForecast, Sequence, Snapshot};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::api::answer;
use crate::api::operation::{
    Answer, Header, Operation, Parameter, Schemas, Tag, day, number, of, text,
};
use crate::api::query::{Named, Query};
use crate::api::record::IF_NONE_MATCH;
use crate::app::App;
use crate::engine;
use crate::problem::Problem;
use crate::reader::{Reader, Seen};

/// What a reader sees of the plan that a query asks for: the newest, or that of another day, or
/// of the product as it was.
#[derive(Clone, Debug)]
pub(crate) struct Asked(pub(crate) Seen);

const AS_OF: Parameter = Parameter::new(
    "as_of",
    day,
    "Plan as if this were the day on which the facts hold; at most 20 years from it.",
);

const AT: Parameter = Parameter::new(
    "at",
    at_schema,
    "The product as it was: after a change set of this number, or at an instant.",
);

const AFTER: Parameter = Parameter::new(
    "after",
    number,
    "Wait, up to 5 seconds, for a plan that includes this change set, as `Longlead-Sequence` told.",
);

fn at_schema() -> Json {
    json!({
        "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": u32::MAX },
            { "type": "string", "format": "date-time" },
        ],
        "examples": ["2026-11-23T09:00:00Z"],
    })
}

const UNPLANNED: &[(u16, &str)] = &[
    (404, "There is no such change set."),
    (409, "The plan can't be computed; the diagnostics say why."),
];

const UNPLANNED_OR_MISSING: &[(u16, &str)] = &[
    (404, "There is no such thing in the plan, or it isn't shared with you."),
    (409, "The plan can't be computed; the diagnostics say why."),
];

/// How long a request waits for a plan that includes its change.
const PATIENCE: Duration = Duration::from_secs(5);

impl FromRequestParts<App> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let query = Query::of(parts.uri.query())?;
        let reader = Reader::from_request_parts(parts, app).await?;
        if let Some(after) = query.parsed::<u64>("after", "the number of a change set")? {
            reach(app, Sequence::from(after)).await?;
        }
        let latest = Seen::from_request_parts(parts, app).await?;
        let as_of: Option<Date> = query.parsed("as_of", "a day such as 2026-11-23")?;
        let at = match query.one("at")? {
            Some(at) => Some(sequence_at(app, at).await?),
            None => None,
        };
        let seen = match (at, as_of) {
            (None, None) => latest,
            (Some(at), as_of) => past(app, reader, at, as_of).await?,
            (None, Some(as_of)) => {
                let (snapshot, known) =
                    (Arc::clone(&latest.outlook.snapshot), latest.outlook.as_of);
                let as_of = near(as_of, known)?;
                let outlook = app.engine().of_snapshot(snapshot, as_of).await;
                Seen::new(app.clone(), reader, outlook.map_err(Problem::unplanned)?).await?
            }
        };
        Ok(Asked(seen))
    }
}

/// Waits until there is a plan of a change set.
pub(crate) async fn reach(app: &App, sequence: Sequence) -> Result<(), Problem> {
    if sequence > app.journal().current().head {
        return Err(Problem::not_found(format!("There is no change set {sequence} yet")));
    }
    match app.engine().reached(sequence, PATIENCE).await {
        true => Ok(()),
        false => Err(Problem::not_ready("The plan with this change isn't ready")),
    }
}

/// The number of the change set that `at` is about.
async fn sequence_at(app: &App, at: &str) -> Result<Sequence, Problem> {
    if let Ok(sequence) = at.parse::<u32>() {
        let sequence = Sequence::from(u64::from(sequence));
        if sequence > app.journal().current().head {
            return Err(Problem::not_found(format!("There is no change set {sequence} yet")));
        }
        return Ok(sequence);
    }
    let instant: Timestamp = at.parse().map_err(|_| {
        Problem::bad_request("`at` is neither the number of a change set nor an instant")
            .detail("Write it as 2026-11-23T09:00:00Z.")
    })?;
    Ok(app.journal().sequence_at(instant).await?)
}

/// Days further away are no plan's: the calendars would have to reach there.
const YEARS_MAX: i64 = 20;

/// The day, if the plan of a product whose facts hold on another can be asked for it.
fn near(as_of: Date, known: Date) -> Result<Date, Problem> {
    let from = known.saturating_sub(YEARS_MAX.years());
    let until = known.saturating_add(YEARS_MAX.years());
    if !(from..=until).contains(&as_of) {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let title = format!("`as_of` is more than {YEARS_MAX} years away");
        return Err(Problem::new(status, "invalid", title));
    }
    Ok(as_of)
}

/// What is seen of the product right after a change set.
async fn past(
    app: &App,
    reader: Reader,
    at: Sequence,
    as_of: Option<Date>,
) -> Result<Seen, Problem> {
    let day = |snapshot: &Snapshot| {
        let known = engine::day(&snapshot.bundle, snapshot.at.unwrap_or_else(|| app.now()));
        as_of.map_or(Ok(known), |as_of| near(as_of, known))
    };
    let outlook = app.engine().of_past(app.journal(), at, as_of, day).await?;
    Seen::new(app.clone(), reader, outlook.map_err(Problem::unplanned)?).await
}

pub(crate) const FORECAST: Operation = Operation {
    id: "getForecast",
    tag: Tag::Insights,
    summary: "The forecast",
    description: "Every date as a distribution: milestones, decisions, activities, what is foreseen \
                  and who can run what. Partners get what follows from records that are shared \
                  with them.",
    query: &[AS_OF, AT, AFTER],
    headers: &[IF_NONE_MATCH],
    answers: &[
        Answer::new(200, "The forecast.", of::<Forecast>).with(&[Header::ETag, Header::Sequence])
    ],
    refusals: UNPLANNED,
    ..Operation::NEW
};

pub(crate) async fn forecast(Asked(seen): Asked, headers: HeaderMap) -> Result<Response, Problem> {
    answer::insight(&seen, &headers, seen.forecast()?)
}

/// Decisions, the most urgent first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DecisionList<'a> {
    /// The decisions.
    items: Vec<&'a DecisionForecast>,
}

pub(crate) const DECISIONS: Operation = Operation {
    id: "listDecisions",
    tag: Tag::Insights,
    summary: "Decisions, by when they must be made",
    description: "The most urgent first. `decide_by` is the latest day on which the target still \
                  holds with the confidence asked for.",
    query: &[
        Parameter::new("state", state_schema, "Only decisions that stand so."),
        AS_OF,
        AT,
        AFTER,
    ],
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "The decisions.", of::<DecisionList<'static>>)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: UNPLANNED,
    ..Operation::NEW
};

const STATES: [(&str, Standing); 5] = [
    ("done", Standing::Done),
    ("safe", Standing::Safe),
    ("at-risk", Standing::AtRisk),
    ("lost", Standing::Lost),
    ("open", Standing::Open),
];

fn state_schema() -> Json {
    json!({ "type": "string", "enum": STATES.map(|(name, _)| name) })
}

pub(crate) async fn decisions(
    Asked(seen): Asked,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let state = query.one("state")?.map(|told| {
        let found = STATES.iter().find(|(name, _)| *name == told).map(|(_, state)| *state);
        found.ok_or_else(|| {
            let names = STATES.map(|(name, _)| name).join(", ");
            Problem::bad_request(format!("`state` must be one of {names}"))
        })
    });
    let state = state.transpose()?;
    let decisions = seen.forecast()?.decisions.iter();
    let items = decisions.filter(|decision| state.is_none_or(|state| decision.state == state));
    answer::insight(&seen, &headers, &DecisionList { items: items.collect() })
}

/// A reason: as data, and as a sentence in the reader's words.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReasonTold {
    /// The statement: its kind, references and figures.
    reason: Reason,
    /// The same as a sentence, without a full stop.
    sentence: String,
}

/// A decision with its reasons.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DecisionTold<'a> {
    /// The decision.
    decision: &'a DecisionForecast,
    /// Why it must be made by then.
    because: Vec<ReasonTold>,
}

pub(crate) const DECISION: Operation = Operation {
    id: "getDecision",
    tag: Tag::Insights,
    summary: "A decision, with its reasons",
    query: &[AS_OF, AT, AFTER],
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "The decision.", of::<DecisionTold<'static>>)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: UNPLANNED_OR_MISSING,
    ..Operation::NEW
};

pub(crate) async fn decision(
    Asked(seen): Asked,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let decisions = &seen.forecast()?.decisions;
    let Some(decision) = decisions.iter().find(|decision| decision.id.as_str() == id) else {
        let ids = decisions.iter().map(|decision| decision.id.as_str());
        return Err(nothing(&id, nearest(&id, ids)));
    };
    let because = told(&seen, &seen.vocabulary()?, &decision.because);
    answer::insight(&seen, &headers, &DecisionTold { decision, because })
}

fn nothing(id: &str, near: Option<&str>) -> Problem {
    let shown: String = id.chars().take(130).collect();
    let problem = Problem::not_found(format!("There is no `{shown}` in the plan"));
    match near {
        Some(near) => problem.detail(format!("Did you mean `{near}`?")),
        None => problem,
    }
}

/// The reasons that speak of nothing but what the reader sees.
fn told(seen: &Seen, vocabulary: &Vocabulary<'_>, because: &[Reason]) -> Vec<ReasonTold> {
    let is_seen = |reason: &&Reason| {
        let sees = |kind, id: &str| seen.sees(&RecordKey::Record(kind, id.to_owned()));
        let mut activities = reason.activities().into_iter();
        seen.sight.is_whole()
            || (activities.all(|id| seen.sees_activity(id.as_str()))
                && reason.references().into_iter().all(|(kind, id)| {
                    // An authored activity or a milestone, which the line above has seen to.
                    kind == longlead_model::Kind::Activity || sees(kind, id)
                }))
    };
    let told = because
        .iter()
        .filter(is_seen)
        .map(|reason| ReasonTold { reason: reason.clone(), sentence: vocabulary.sentence(reason) });
    told.collect()
}

pub(crate) const FORESIGHT: Operation = Operation {
    id: "getForesight",
    tag: Tag::Insights,
    summary: "What software needs that no hardware will have",
    description: "Orphan needs, and capabilities that hardware pays for and no feature uses. \
                  Partners get empty lists.",
    query: &[AS_OF, AT, AFTER],
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "What is foreseen.", of::<Foresight>)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: UNPLANNED,
    ..Operation::NEW
};

pub(crate) async fn foresight(Asked(seen): Asked, headers: HeaderMap) -> Result<Response, Problem> {
    answer::insight(&seen, &headers, &seen.forecast()?.foresight)
}

/// Which revisions can run which features.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Coverage<'a> {
    /// Every feature against every revision of its product, with what is missing.
    support: Vec<&'a Support>,
    /// The share of the installed base that can run each feature, month by month.
    over_time: Vec<&'a FeatureCoverage>,
}

pub(crate) const COVERAGE: Operation = Operation {
    id: "getCoverage",
    tag: Tag::Insights,
    summary: "Which devices can run which features",
    query: &[
        Parameter::new("feature", text, "Only this feature."),
        Parameter::new("revision", text, "Only this revision."),
        AS_OF,
        AT,
        AFTER,
    ],
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "The coverage.", of::<Coverage<'static>>)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: UNPLANNED,
    ..Operation::NEW
};

pub(crate) async fn coverage(
    Asked(seen): Asked,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (feature, revision) = (query.one("feature")?, query.one("revision")?);
    let is = |told: Option<&str>, id: &str| told.is_none_or(|told| told == id);
    let forecast = seen.forecast()?;
    let support = forecast.coverage.iter().filter(|support| {
        is(feature, support.feature.as_str()) && is(revision, support.revision.as_str())
    });
    let over_time = forecast.coverage_over_time.iter();
    let over_time = over_time.filter(|coverage| is(feature, coverage.feature.as_str()));
    let coverage = Coverage { support: support.collect(), over_time: over_time.collect() };
    answer::insight(&seen, &headers, &coverage)
}

/// Why a date is what it is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExplanationTold {
    /// What is explained.
    id: String,
    /// Its name.
    title: String,
    /// Its forecast, if it is a milestone, release or launch.
    milestone: Option<MilestoneForecast>,
    /// Its forecast, if it is a decision.
    decision: Option<DecisionForecast>,
    /// The steps on the way, the last first: each waits for the next.
    steps: Vec<StepTold>,
}

/// One activity on the way, with its reasons.
#[derive(Debug, Serialize, JsonSchema)]
struct StepTold {
    /// The activity.
    activity: String,
    /// Its name.
    title: String,
    /// First day.
    from: Date,
    /// Last day.
    to: Date,
    /// Why it lies there.
    because: Vec<ReasonTold>,
}

pub(crate) const EXPLAIN: Operation = Operation {
    id: "explain",
    tag: Tag::Insights,
    summary: "Why a date is what it is",
    description: "The chain of reasons back to the facts, for an activity, milestone, decision, \
                  feature, release, build or revision. Each reason is data and a sentence, in the \
                  words of your discipline.",
    query: &[AS_OF, AT, AFTER],
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "The explanation.", of::<ExplanationTold>)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: UNPLANNED_OR_MISSING,
    ..Operation::NEW
};

pub(crate) async fn explain(
    Asked(seen): Asked,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let plan = seen.whole_plan()?;
    let is_whole = seen.sight.is_whole();
    let explanation = plan.explain(&seen.outlook.bundle, &id).map_err(|near| {
        // What is near may be what a partner isn't to know of.
        nothing(&id, near.as_deref().filter(|_| is_whole))
    })?;
    let forecast = seen.forecast()?;
    let milestone = explanation
        .milestone
        .as_ref()
        .and_then(|milestone| forecast.milestones.iter().find(|it| it.id == milestone.id).cloned());
    let decision = explanation
        .decision
        .as_ref()
        .and_then(|decision| forecast.decisions.iter().find(|it| it.id == decision.id).cloned());
    let first = explanation.steps.first();
    let is_seen = decision.is_some()
        || milestone.is_some()
        || first.is_some_and(|step| seen.sees_activity(step.activity.as_str()));
    if !is_seen {
        return Err(nothing(&id, None));
    }
    let vocabulary = seen.vocabulary()?;
    let steps = explanation.steps.iter();
    let steps = steps.filter(|step| seen.sees_activity(step.activity.as_str()));
    let steps = steps.map(|step| step_told(&seen, &vocabulary, step));
    let explanation = ExplanationTold {
        id: explanation.id,
        title: explanation.title,
        milestone,
        decision,
        steps: steps.collect(),
    };
    answer::insight(&seen, &headers, &explanation)
}

fn step_told(seen: &Seen, vocabulary: &Vocabulary<'_>, step: &ExplanationStep) -> StepTold {
    StepTold {
        activity: step.activity.to_string(),
        title: step.title.clone(),
        from: step.from,
        to: step.to,
        because: told(seen, vocabulary, &step.because),
    }
}

pub(crate) const FORECASTS: Operation = Operation {
    id: "listForecasts",
    tag: Tag::Insights,
    summary: "What was forecast when",
    description: "Every forecast that differed from the one before, the oldest first: so that a \
                  date's drift can be drawn, and one can ask whether P80 dates held.",
    query: &[
        Parameter::new("since", day, "Only forecasts of this day or later; 90 days unless told."),
        Parameter::new("id", text, "Only of this milestone or decision, all there are."),
    ],
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "The log.", logged_schema).with(&[Header::ETag, Header::Sequence])],
    refusals: &[(404, "It isn't shared with you.")],
    ..Operation::NEW
};

fn logged_schema(schemas: &mut Schemas) -> Json {
    schemas.named("ForecastLog", |_| {
        let date = || json!({ "type": ["string", "null"], "format": "date" });
        let share = json!({ "type": ["number", "null"], "minimum": 0, "maximum": 1 });
        let item = json!({
            "type": "object",
            "required": ["id", "kind", "target", "p10", "p50", "p80", "p90", "on_time", "decide_by"],
            "properties": {
                "id": { "type": "string" },
                "kind": { "type": "string", "enum": ["milestone", "decision"] },
                "target": date(),
                "p10": date(),
                "p50": date(),
                "p80": date(),
                "p90": date(),
                "on_time": share,
                "decide_by": date(),
            },
        });
        let forecast = json!({
            "type": "object",
            "required": ["sequence", "at", "as_of", "items"],
            "properties": {
                "sequence": { "type": "integer", "description": "The product it was made from." },
                "at": { "type": "string", "format": "date-time" },
                "as_of": { "type": "string", "format": "date" },
                "items": { "type": "array", "items": item },
            },
        });
        json!({
            "type": "object",
            "required": ["items"],
            "properties": { "items": { "type": "array", "items": forecast } },
        })
    })
}

pub(crate) async fn forecasts(
    State(app): State<App>,
    seen: Seen,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let since: Option<Date> = query.parsed("since", "a day such as 2026-11-23")?;
    let logged = match query.one("id")? {
        Some(id) => app.journal().forecast_of(id).await?,
        None => {
            let now = app.now().to_zoned(TimeZone::UTC).date();
            let since = since.unwrap_or_else(|| now.saturating_sub(90.days()));
            let start = since.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
            app.journal().forecasts(start.unwrap_or(Timestamp::MIN)).await?
        }
    };
    let logged = logged.iter().filter(|logged| since.is_none_or(|since| logged.as_of >= since));
    let items: Vec<Json> = logged.map(|logged| logged_json(&seen, logged)).collect();
    answer::insight(&seen, &headers, &json!({ "items": items }))
}

fn logged_json(seen: &Seen, logged: &LoggedForecast) -> Json {
    let sees = |id: &str| {
        let decision = RecordKey::Record(longlead_model::Kind::Decision, id.to_owned());
        seen.sight.is_whole() || seen.sees_activity(id) || seen.sees(&decision)
    };
    let items = logged.items.iter().filter(|item| sees(&item.id)).map(|item| {
        json!({
            "id": item.id,
            "kind": match item.kind {
                longlead_records::LoggedKind::Milestone => "milestone",
                longlead_records::LoggedKind::Decision => "decision",
            },
            "target": item.target,
            "p10": item.p10,
            "p50": item.p50,
            "p80": item.p80,
            "p90": item.p90,
            "on_time": item.on_time,
            "decide_by": item.decide_by,
        })
    });
    json!({
        "sequence": logged.sequence.get(),
        "at": logged.at.to_string(),
        "as_of": logged.as_of,
        "items": items.collect::<Vec<_>>(),
    })
}

/// The newest plan, once it includes all that was changed when this was asked.
pub(crate) async fn caught_up(app: &App, reader: Reader) -> Result<Seen, Problem> {
    reach(app, app.journal().current().head).await?;
    let outlook = app.engine().latest().ok_or_else(Problem::no_plan_yet)?;
    Seen::new(app.clone(), reader, outlook).await
}
