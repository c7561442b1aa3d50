//! The forecast: dates as distributions, decisions with their decide-by, what is foreseen.

mod distribution;
mod links;
mod refusal;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use longlead_model::{
    ActivityId, Band, Bundle, CapabilityId, Code, Decision, Diagnostic, MarketId, ProductId,
    RevisionId, TeamId,
};
use longlead_network as network;
use longlead_network::{
    Activity, ActivityIndex, At, Bound, CalendarIndex, Compiled, Estimate, Link, Network, Planning,
    PriorityRule, Schedule, Scheme, Simulation, SimulationRequest, TargetOutcome, TargetRequest,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::capability::{Support, support};
use crate::coverage::{FeatureCoverage, coverage_over_time};
use crate::decision::{self, DecisionForecast};
use crate::derive::{Carrier, Derivation, Derived, Role, derive, known_on};
use crate::foresight::{Foresight, foresight};
use distribution::distribution;
pub use links::PlanLink;
use refusal::{broken_lag, level_error, network_error, schedule_error};

/// What is asked of a plan besides its facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The day on which the facts hold; nothing unstarted starts before it.
    pub as_of: Date,
    /// Seed of the draws.
    pub seed: u64,
    /// Samples of the simulation.
    pub samples: u32,
    /// Confidence of decide-by dates that name none.
    pub confidence: f64,
    /// Threads; 0 for as many as the machine has. The answer is the same.
    pub threads: usize,
    /// Whether teams are kept within their capacity.
    pub levelled: bool,
    /// The activity whose date criticality and contribution are about; left out, the finish of
    /// the whole plan.
    pub focus: Option<ActivityId>,
}

impl Ask {
    /// What the bundle's settings ask, on a day.
    pub fn of(bundle: &Bundle, as_of: Date) -> Ask {
        Ask {
            as_of,
            seed: bundle.settings.seed,
            samples: bundle.settings.samples,
            confidence: bundle.settings.confidence.value(),
            threads: 0,
            levelled: true,
            focus: None,
        }
    }
}

/// How a date or decision stands. Never told by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has happened.
    Done,
    /// The target holds with the confidence asked for.
    Safe,
    /// The target may still hold, but with less confidence than asked for.
    AtRisk,
    /// The target is as good as lost.
    Lost,
    /// There is no target to hold.
    Open,
}

/// Below this probability a target counts as lost.
const LOST_BELOW: f64 = 0.05;

/// A milestone, release or launch, forecast.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MilestoneForecast {
    /// Its id.
    #[schemars(with = "String")]
    pub id: ActivityId,
    /// Its name.
    pub title: String,
    /// Milestone, release or launch.
    pub role: Role,
    /// The last day on which it is on time.
    pub target: Option<Date>,
    /// One in ten samples is earlier or on this day.
    pub p10: Date,
    /// Half are.
    pub p50: Date,
    /// Eight in ten are.
    pub p80: Date,
    /// Nine in ten are.
    pub p90: Date,
    /// The probability that it is reached by each of these days: rising, at most 60 of them, the
    /// last certain.
    pub distribution: Vec<(Date, f64)>,
    /// The probability that it is on time.
    pub on_time: Option<f64>,
    /// The confidence that its target should have.
    pub confidence: f64,
    /// How it stands.
    pub state: State,
    /// True if it waits for something that can't happen as planned; its dates leave that out.
    pub unreachable: bool,
    /// Capabilities that no planned hardware has and that it is supposed will be carried, each
    /// with the revision that would carry it: without them there is no such date.
    #[schemars(with = "Vec<(String, String)>")]
    pub supposed: Vec<(RevisionId, CapabilityId)>,
    /// What moves its date, most days first.
    pub drivers: Vec<DriverForecast>,
}

/// What an activity does to a milestone's date.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DriverForecast {
    /// The activity.
    #[schemars(with = "String")]
    pub activity: ActivityId,
    /// Its name.
    pub title: String,
    /// The share of samples in which it drives the date.
    pub criticality: f64,
    /// Elapsed days that it occupies on the driving path, on average.
    pub contribution_days: f64,
    /// Spearman's rank correlation of its duration with the date.
    pub cruciality: f64,
    /// Schedule sensitivity index: criticality × its σ ÷ the date's σ.
    pub ssi: f64,
}

/// An activity, planned and forecast.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ActivityForecast {
    /// Its id.
    #[schemars(with = "String")]
    pub id: ActivityId,
    /// Its name.
    pub title: String,
    /// What it is.
    pub role: Role,
    /// The horizon on which it lies.
    #[schemars(with = "String", extend("enum" = ["hardware", "software"]))]
    pub band: Band,
    /// The teams that do it.
    #[schemars(with = "Vec<String>")]
    pub teams: Vec<TeamId>,
    /// The product that it belongs to, if it is one.
    #[schemars(with = "Option<String>")]
    pub product: Option<ProductId>,
    /// The markets that it is for: of certification, approval, shipping and sale.
    #[schemars(with = "Vec<String>")]
    pub markets: Vec<MarketId>,
    /// First day, as early as it can be, with median durations.
    pub early_start: Date,
    /// Last day, as early as it can be.
    pub early_finish: Date,
    /// Latest first day that delays nothing.
    pub late_start: Date,
    /// Latest last day that delays nothing.
    pub late_finish: Date,
    /// Days of its calendar by which it can slip without delaying the plan.
    pub total_float: f64,
    /// Days of its calendar by which it can slip without moving anything else.
    pub free_float: f64,
    /// True if it has no float and isn't finished.
    pub critical: bool,
    /// The share of samples in which it drives the focus.
    pub criticality: f64,
    /// Elapsed days that it occupies on the path that drives the focus, on average.
    pub contribution_days: f64,
    /// Spearman's rank correlation of its duration with the focus.
    pub cruciality: f64,
    /// Schedule sensitivity index for the focus.
    pub ssi: f64,
    /// First day in half of the samples.
    pub start_p50: Date,
    /// Last day in one of ten samples.
    pub finish_p10: Date,
    /// Last day in half of the samples.
    pub finish_p50: Date,
    /// Last day in eight of ten samples.
    pub finish_p80: Date,
    /// Last day in nine of ten samples.
    pub finish_p90: Date,
    /// True if it has finished.
    pub finished: bool,
}

/// All that follows from (product, as-of day, seed).
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Forecast {
    /// The day on which the facts hold.
    pub as_of: Date,
    /// Seed of the draws.
    pub seed: u64,
    /// Samples.
    pub samples: u32,
    /// Confidence of decide-by dates that name none.
    pub confidence: f64,
    /// What criticality and contribution are about; none for the whole plan.
    #[schemars(with = "Option<String>")]
    pub focus: Option<ActivityId>,
    /// Milestones, releases and launches, by date.
    pub milestones: Vec<MilestoneForecast>,
    /// Decisions, the most urgent first.
    pub decisions: Vec<DecisionForecast>,
    /// Activities, in the order of their ids.
    pub activities: Vec<ActivityForecast>,
    /// What software will need of hardware, and what hardware offers in vain.
    pub foresight: Foresight,
    /// Every feature against every revision of its product.
    pub coverage: Vec<Support>,
    /// The share of the installed base that can run each feature, over time.
    pub coverage_over_time: Vec<FeatureCoverage>,
    /// Samples whose lags contradict each other, and which so have no dates.
    pub contradicted_samples: u32,
}

/// A forecast with what it was made from, for explanations.
#[derive(Debug)]
pub struct Plan {
    /// The forecast.
    pub forecast: Forecast,
    /// The network, and how it came about.
    pub derivation: Derivation,
    /// What the plan lacks: told, but no reason not to plan.
    pub warnings: Vec<Diagnostic>,
    pub(crate) schedule: Schedule,
}

/// Told how much of the work is done, of how much.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Plans a bundle.
///
/// # Errors
/// Everything that keeps the plan from being computed, as diagnostics.
pub fn plan(bundle: &Bundle, ask: &Ask, progress: Progress<'_>) -> Result<Plan, Vec<Diagnostic>> {
    let known = known_on(bundle, ask.as_of);
    let bundle = &*known;
    let mut derivation = derive(bundle, ask.as_of);
    let told = std::mem::take(&mut derivation.diagnostics);
    if told.iter().any(Diagnostic::is_error) {
        return Err(told);
    }
    let fail = |diagnostic: Diagnostic| {
        let mut diagnostics = told.clone();
        diagnostics.push(diagnostic);
        diagnostics
    };
    let compiled = compile(&mut derivation, ask.levelled).map_err(fail)?;
    let broken = std::mem::take(&mut derivation.diagnostics);
    let schedule = compiled.schedule(PLANNING).map_err(|error| fail(schedule_error(&error)))?;
    let focus = focus(&derivation, ask).map_err(fail)?;
    let asked = Asked::new(bundle, ask, &derivation, focus);
    let simulation = compiled
        .simulate(&asked.request, progress)
        .map_err(|error| fail(Diagnostic::error(Code::OutOfRange, error.to_string())))?;
    let mut warnings = told;
    warnings.extend(broken);
    let forecast =
        assemble(bundle, ask, &derivation, &schedule, &simulation, &asked, &mut warnings);
    Ok(Plan { forecast, derivation, warnings, schedule })
}

/// Deterministic dates stand for the median.
pub(crate) const PLANNING: Planning = Planning::Quantile(0.5);

/// Compiles the network; levelled, with the order in which teams do their work.
fn compile(derivation: &mut Derivation, levelled: bool) -> Result<Compiled, Diagnostic> {
    add_finish(&mut derivation.network);
    let compiled = derivation.network.clone().compile().map_err(|error| network_error(&error))?;
    if !levelled || compiled.network().teams.is_empty() {
        return Ok(compiled);
    }
    let levelled = compiled
        .level(&compiled.planned_work(PLANNING), Scheme::Parallel, PriorityRule::LatestFinishTime)
        .map_err(|error| level_error(&error))?;
    derivation.diagnostics.extend(
        levelled
            .broken_maximum_lags
            .iter()
            .map(|link| broken_lag(derivation, *link))
            .collect::<Vec<_>>(),
    );
    derivation.network.links.extend(levelled.resource_links);
    derivation.network.clone().compile().map_err(|error| network_error(&error))
}

/// Adds the finish of the whole plan, which has no node: nobody names it, but float, criticality
/// and contribution are about it where nothing else is asked for.
fn add_finish(network: &mut Network) {
    let count = network.activities.len() as u32;
    // Only what surely finishes before something else that is still to come can't be the last.
    let is_past = |index: ActivityIndex| {
        let activity = network.activities.get(index.index());
        activity.is_some_and(|it| matches!(it.progress, network::Progress::Finished { .. }))
    };
    let before_another = network.links.iter().filter(|link| {
        link.bound == Bound::Minimum
            && !link.kind.leaves_start()
            && link.lag.amount >= 0.0
            && !is_past(link.to)
    });
    let followed: BTreeSet<ActivityIndex> = before_another.map(|link| link.from).collect();
    let last = (0..count).map(ActivityIndex::new).filter(|index| !followed.contains(index));
    let finish = ActivityIndex::new(count);
    let links: Vec<Link> = last.map(|index| Link::finish_to_start(index, finish)).collect();
    network.links.extend(links);
    let elapsed = CalendarIndex::new(0);
    network.activities.push(Activity::new("finish of the plan", elapsed, Estimate::Fixed(0.0)));
}

fn focus(derivation: &Derivation, ask: &Ask) -> Result<ActivityIndex, Diagnostic> {
    let finish = ActivityIndex::new(derivation.nodes.len() as u32);
    let Some(id) = &ask.focus else {
        return Ok(finish);
    };
    derivation.index.get(id).copied().ok_or_else(|| {
        let ids = derivation.index.keys().map(ActivityId::as_str);
        let help = match longlead_model::nearest(id.as_str(), ids) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`longlead plan` lists milestones and launches with their ids".to_owned(),
        };
        Diagnostic::error(Code::UnknownReference, format!("there is no activity `{id}`")).help(help)
    })
}

/// What the simulation is asked, and what each answer is for.
pub(crate) struct Asked {
    pub(crate) request: SimulationRequest,
    /// Milestones and their place among the targets.
    pub(crate) milestones: Vec<(ActivityIndex, usize)>,
    /// The target that stands for the focus.
    pub(crate) focus: usize,
    pub(crate) gates: Vec<decision::gate::Gate>,
}

impl Asked {
    fn new(bundle: &Bundle, ask: &Ask, derivation: &Derivation, focus: ActivityIndex) -> Asked {
        let mut targets =
            vec![TargetRequest { activity: focus, deadline: None, sensitivity: true }];
        let mut milestones = Vec::new();
        for (position, node) in derivation.nodes.iter().enumerate() {
            let index = ActivityIndex::new(position as u32);
            if !matches!(node.role, Role::Milestone | Role::Release | Role::Launch) {
                continue;
            }
            milestones.push((index, targets.len()));
            let deadline = node.target.map(|date| At::end_of(derivation.timeline.slot(date)));
            let gated = |decision: &Decision| decision.target.as_ref() == Some(&node.id);
            let sensitivity = node.target.is_some() || bundle.records.decisions.values().any(gated);
            targets.push(TargetRequest { activity: index, deadline, sensitivity });
        }
        let gates = decision::gate::gates(bundle, ask, derivation);
        let request = SimulationRequest {
            seed: ask.seed,
            samples: ask.samples,
            threads: ask.threads,
            targets,
            gates: gates.iter().map(|gate| gate.request.clone()).collect(),
        };
        Asked { request, milestones, focus: 0, gates }
    }
}

fn assemble(
    bundle: &Bundle,
    ask: &Ask,
    derivation: &Derivation,
    schedule: &Schedule,
    simulation: &Simulation,
    asked: &Asked,
    warnings: &mut Vec<Diagnostic>,
) -> Forecast {
    let mut milestones: Vec<MilestoneForecast> = asked
        .milestones
        .iter()
        .filter_map(|(index, target)| {
            let node = derivation.node(*index)?;
            Some(milestone(ask, derivation, node, simulation.targets.get(*target)?))
        })
        .collect();
    milestones.sort_by(|a, b| (a.p50, &a.id).cmp(&(b.p50, &b.id)));
    let activities = activities(ask.as_of, derivation, schedule, simulation, asked);
    let finishes: BTreeMap<&ActivityId, Date> =
        activities.iter().map(|activity| (&activity.id, activity.finish_p50)).collect();
    let decisions =
        decision::decisions(bundle, ask, derivation, schedule, simulation, asked, warnings);
    Forecast {
        as_of: ask.as_of,
        seed: ask.seed,
        samples: ask.samples,
        confidence: ask.confidence,
        focus: ask.focus.clone(),
        foresight: foresight(bundle, ask.as_of, derivation, &decisions),
        coverage: support(bundle),
        coverage_over_time: coverage_over_time(bundle, ask.as_of, &finishes),
        milestones,
        decisions,
        activities,
        contradicted_samples: simulation.contradicted,
    }
}

/// The first and last day of an activity that has finished.
fn past_days(derivation: &Derivation, index: ActivityIndex) -> Option<(Date, Date)> {
    match derivation.network.activities.get(index.index())?.progress {
        network::Progress::Finished { start, finish } => {
            let to = derivation.timeline.finish_date(finish);
            // A point in time starts where it finishes.
            Some((derivation.timeline.start_date(start).min(to), to))
        }
        _ => None,
    }
}

fn milestone(
    ask: &Ask,
    derivation: &Derivation,
    node: &Derived,
    outcome: &TargetOutcome,
) -> MilestoneForecast {
    let past = past_days(derivation, outcome.activity);
    let date = |p: f64| match past {
        Some((_, finished)) => finished,
        // A milestone that nothing holds is reached as the as-of day begins, not the day before.
        None => derivation.timeline.finish_date(outcome.percentile(p)).max(ask.as_of),
    };
    let finished = past.is_some();
    let confidence = node.confidence.unwrap_or(ask.confidence);
    let unreachable = derivation.unreachable.contains(&node.id);
    let on_time =
        outcome.p_on_time.map(|share| if unreachable { 0.0 } else { rounded_share(share) });
    MilestoneForecast {
        id: node.id.clone(),
        title: node.title.clone(),
        role: node.role,
        target: node.target,
        p10: date(0.1),
        p50: date(0.5),
        p80: date(0.8),
        p90: date(0.9),
        distribution: match past {
            Some((_, finished)) => vec![(finished, 1.0)],
            None => distribution(&derivation.timeline, ask.as_of, outcome),
        },
        on_time,
        confidence,
        state: if unreachable { State::Lost } else { state(on_time, confidence, finished) },
        unreachable,
        supposed: supposed(derivation, node),
        drivers: drivers(derivation, outcome),
    }
}

/// What a launch supposes: only if it is carried does its date mean anything.
fn supposed(derivation: &Derivation, node: &Derived) -> Vec<(RevisionId, CapabilityId)> {
    let feature = node.id.as_str().strip_prefix("launch:");
    let carrier = feature.and_then(|feature| derivation.carriers.get(feature));
    match carrier {
        Some(Carrier::Supposed { revision, capabilities }) => {
            capabilities.iter().map(|capability| (revision.clone(), capability.clone())).collect()
        }
        _ => Vec::new(),
    }
}

pub(crate) fn state(on_time: Option<f64>, confidence: f64, finished: bool) -> State {
    match on_time {
        _ if finished => State::Done,
        None => State::Open,
        Some(share) if share >= confidence => State::Safe,
        Some(share) if share < LOST_BELOW => State::Lost,
        Some(_) => State::AtRisk,
    }
}

/// How many drivers of a milestone are told.
const DRIVERS_MAX: usize = 12;

fn drivers(derivation: &Derivation, outcome: &TargetOutcome) -> Vec<DriverForecast> {
    let told = outcome.drivers.iter().filter(|driver| driver.contribution > 0.0).take(DRIVERS_MAX);
    told.filter_map(|driver| {
        let node = derivation.node(driver.activity)?;
        Some(DriverForecast {
            activity: node.id.clone(),
            title: node.title.clone(),
            criticality: rounded(driver.criticality),
            contribution_days: rounded(driver.contribution),
            cruciality: rounded(driver.cruciality),
            ssi: rounded(driver.sensitivity),
        })
    })
    .collect()
}

/// A share to a thousandth, where what isn't certain doesn't become so by rounding.
pub(crate) fn rounded_share(share: f64) -> f64 {
    if share > 0.0 && share < 1.0 { rounded(share).clamp(0.001, 0.999) } else { share }
}

/// Figures are told to a thousandth: more digits would be noise of the simulation.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn activities(
    as_of: Date,
    derivation: &Derivation,
    schedule: &Schedule,
    simulation: &Simulation,
    asked: &Asked,
) -> Vec<ActivityForecast> {
    let outcome = simulation.targets.get(asked.focus);
    let drivers = outcome.map_or(&[][..], |outcome| &outcome.drivers);
    let drivers: BTreeMap<ActivityIndex, _> =
        drivers.iter().map(|driver| (driver.activity, driver)).collect();
    let timeline = &derivation.timeline;
    let mut activities: Vec<ActivityForecast> = Vec::new();
    for (position, node) in derivation.nodes.iter().enumerate() {
        let index = ActivityIndex::new(position as u32);
        let (Some(dates), Some(spread)) =
            (schedule.activities.get(position), simulation.activities.get(position))
        else {
            continue;
        };
        let driver = drivers.get(&index);
        // A point in time is a finish: it is told as the day that ends with it.
        let is_point = dates.early_start == dates.early_finish;
        let past = past_days(derivation, index);
        let finish = |at: At| match past {
            Some((_, finished)) => finished,
            None if is_point => timeline.finish_date(at).max(as_of),
            None => timeline.finish_date(at),
        };
        let start = |at: At| match past {
            Some((started, _)) => started,
            None if is_point => finish(at),
            None => timeline.start_date(at),
        };
        activities.push(ActivityForecast {
            id: node.id.clone(),
            title: node.title.clone(),
            role: node.role,
            band: node.band,
            teams: node.teams.clone(),
            product: node.product.clone(),
            markets: node.markets.clone(),
            early_start: start(dates.early_start),
            early_finish: finish(dates.early_finish),
            late_start: start(dates.late_start),
            late_finish: finish(dates.late_finish),
            total_float: rounded(dates.total_float.slots()),
            free_float: rounded(dates.free_float.slots()),
            critical: dates.critical,
            criticality: rounded(driver.map_or(0.0, |driver| driver.criticality)),
            contribution_days: rounded(driver.map_or(0.0, |driver| driver.contribution)),
            cruciality: rounded(driver.map_or(0.0, |driver| driver.cruciality)),
            ssi: rounded(driver.map_or(0.0, |driver| driver.sensitivity)),
            start_p50: start(spread.start.p50),
            finish_p10: finish(spread.finish.p10),
            finish_p50: finish(spread.finish.p50),
            finish_p80: finish(spread.finish.p80),
            finish_p90: finish(spread.finish.p90),
            finished: past.is_some(),
        });
    }
    activities.sort_by(|a, b| a.id.cmp(&b.id));
    activities
}
