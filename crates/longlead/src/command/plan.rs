//! `longlead plan`: dates, decisions, and what is foreseen.

use longlead_horizon::{
    ActivityForecast, DecisionForecast, Forecast, IdleCapability, MilestoneForecast, OrphanNeed,
    Plan, State,
};
use longlead_model::{Bundle, Kind};

use crate::args::PlanArguments;
use crate::command::{Answer, judge};
use crate::exit::Failure;
use crate::gather::{self, Origin};
use crate::output::headline::headline;
use crate::output::style::{BOLD, DIM, PLAIN, command, dim, heading, of_state};
use crate::output::table::{Cell, Column, Table};
use crate::output::words::{count, day, decision_state, grouped, money, name, percent, state};
use crate::output::{diagnostics, json, wrap};
use crate::settings::{OutputSettings, Settings};

pub(crate) fn run(arguments: &PlanArguments, settings: &Settings) -> Result<Answer, Failure> {
    let origin = Origin::of(&arguments.from, &arguments.bundle);
    let gathered = gather::bundle(&origin, settings)?;
    let plan = gather::planned(&gathered, settings, arguments.focus.clone())?;
    let exit = judge(&plan.forecast, &plan.warnings, &settings.fail_on);
    if settings.output.json {
        let vocabulary = gather::vocabulary(&gathered.bundle, &plan, settings);
        return Ok(Answer {
            exit,
            ..Answer::fine(json::text(&json::forecast(&plan, &vocabulary)))
        });
    }
    let mut text = report(&gathered.bundle, &plan, settings);
    if arguments.activities {
        text.push_str(&activities(&plan.forecast, &settings.output));
    }
    text.push_str(&warnings(&plan, &settings.output));
    text.push_str(&next(&plan.forecast, &origin.typed()));
    Ok(Answer { exit, ..Answer::fine(text) })
}

/// The plan without activities and warnings.
fn report(bundle: &Bundle, plan: &Plan, settings: &Settings) -> String {
    let forecast = &plan.forecast;
    let mut text = summary(bundle, forecast, settings);
    text.push_str(&milestones(forecast, &settings.output));
    text.push_str(&outlook(bundle, forecast, settings));
    text
}

/// What the plan is about, and its headline.
pub(crate) fn summary(bundle: &Bundle, forecast: &Forecast, settings: &Settings) -> String {
    let mut text = title(bundle, forecast, settings);
    for sentence in headline(forecast) {
        text.push_str(&wrap::paragraph(&sentence, "", "", settings.output.width));
    }
    text
}

/// Decisions and what is foreseen.
pub(crate) fn outlook(bundle: &Bundle, forecast: &Forecast, settings: &Settings) -> String {
    let mut text = heading("Decisions");
    text.push_str(&decisions(&forecast.decisions, &settings.output));
    text.push_str(&foresight(bundle, forecast, settings));
    text
}

fn title(bundle: &Bundle, forecast: &Forecast, settings: &Settings) -> String {
    let names: Vec<&str> =
        bundle.records.products.values().map(|product| product.title.as_str()).collect();
    let name = if names.is_empty() { "Plan".to_owned() } else { names.join(" · ") };
    let scenario =
        settings.scenario.as_ref().map_or(String::new(), |id| format!(", scenario {id}"));
    let samples = grouped(&forecast.samples.to_string());
    let asked = format!(
        "as of {}{scenario} · {samples} samples, seed {}",
        day(forecast.as_of),
        forecast.seed
    );
    let name = crate::output::style::bold(&name);
    format!("{name}  {}\n\n", dim(&asked))
}

/// Milestones with targets; all of them if everything is asked for or nothing has a target.
fn milestones(forecast: &Forecast, settings: &OutputSettings) -> String {
    let has_targets = forecast.milestones.iter().any(|it| it.target.is_some());
    let is_shown = |it: &&MilestoneForecast| settings.all || !has_targets || it.target.is_some();
    let shown: Vec<&MilestoneForecast> = forecast.milestones.iter().filter(is_shown).collect();
    let mut text = heading(if has_targets { "Targets" } else { "Milestones" });
    if shown.is_empty() {
        text.push_str(&wrap::paragraph(
            "None yet: a [[milestone]] with `after` and a `target`, or a [[feature]], makes one.",
            "  ",
            "  ",
            settings.width,
        ));
        return text;
    }
    let mut table = Table::new(vec![
        Column::new("state"),
        Column::new("milestone").wraps(18),
        Column::new("target"),
        Column::new("P10").rank(4),
        Column::new("P50").rank(1),
        Column::new("P80"),
        Column::new("P90").rank(3),
        Column::new("on time").right(),
        Column::new("id").wraps(16).rank(2),
    ]);
    for milestone in &shown {
        table.row(milestone_row(milestone));
    }
    text.push_str(&table.render(settings.width));
    let hidden = forecast.milestones.len() - shown.len();
    if hidden > 0 {
        let told = count(hidden, "milestone", "milestones");
        text.push_str(&dim(&format!("  and {told} without a target; --all shows them")));
        text.push('\n');
    }
    text
}

fn milestone_row(milestone: &MilestoneForecast) -> Vec<Cell> {
    let is_done = milestone.state == State::Done;
    let style = if is_done { DIM } else { PLAIN };
    let date = |date: jiff::civil::Date| Cell::styled(date.to_string(), style);
    // What has happened has one day.
    let spread = |day: jiff::civil::Date| if is_done { Cell::from("") } else { date(day) };
    vec![
        Cell::styled(state(milestone.state), of_state(milestone.state)),
        Cell::styled(supposing(milestone), style),
        milestone.target.map_or(Cell::from(""), date),
        spread(milestone.p10),
        date(milestone.p50),
        spread(milestone.p80),
        spread(milestone.p90),
        Cell::styled(
            milestone.on_time.filter(|_| !is_done).map_or(String::new(), percent),
            of_state(milestone.state),
        ),
        Cell::styled(milestone.id.as_str(), DIM),
    ]
}

/// The name of a milestone; that of a launch which waits for hardware nobody has planned says so.
fn supposing(milestone: &MilestoneForecast) -> String {
    let title = &milestone.title;
    if milestone.supposed.is_empty() {
        return title.clone();
    }
    let carried: Vec<String> =
        milestone.supposed.iter().map(|(on, what)| format!("{on} carries {what}")).collect();
    format!("{title} (only if {})", carried.join(", "))
}

/// The decisions as a table, the most urgent first.
pub(crate) fn decisions(decisions: &[DecisionForecast], settings: &OutputSettings) -> String {
    if decisions.is_empty() {
        return wrap::paragraph(
            "None yet: a [[decision]] gates activities, such as `design:REVISION`, and has a \
             target, such as `launch:FEATURE`.",
            "  ",
            "  ",
            settings.width,
        );
    }
    let mut table = Table::new(vec![
        Column::new("state"),
        Column::new("decide by"),
        Column::new("days").right().rank(4),
        Column::new("question").wraps(22),
        Column::new("if now").right().rank(1),
        Column::new("limited by").wraps(18).rank(3),
        Column::new("id").wraps(14).rank(2),
    ]);
    for decision in decisions {
        table.row(decision_row(decision));
    }
    table.render(settings.width)
}

fn decision_row(decision: &DecisionForecast) -> Vec<Cell> {
    let is_settled = decision.decided.is_some();
    let style = if is_settled { DIM } else { PLAIN };
    let state_style = of_state(decision.state);
    let date = match decision.decide_by {
        _ if is_settled => String::new(),
        Some(date) => date.to_string(),
        None if decision.state == State::Lost => "passed".to_owned(),
        None => String::new(),
    };
    let unsettled = |text: Option<String>| text.filter(|_| !is_settled).unwrap_or_default();
    let limit = decision.limited_by.first().map(|limit| limit.title.clone());
    vec![
        Cell::styled(decision_state(decision.state), state_style),
        Cell::styled(date, if is_settled { DIM } else { BOLD }),
        Cell::styled(unsettled(decision.days_left.map(|days| days.to_string())), style),
        Cell::styled(question(decision), style),
        Cell::styled(unsettled(decision.best_confidence.map(percent)), state_style),
        Cell::styled(unsettled(limit), DIM),
        Cell::styled(decision.id.as_str(), DIM),
    ]
}

fn question(decision: &DecisionForecast) -> String {
    match &decision.decided {
        Some(option) => format!("{} → {option}", decision.title),
        None => decision.title.clone(),
    }
}

fn foresight(bundle: &Bundle, forecast: &Forecast, settings: &Settings) -> String {
    let foresight = &forecast.foresight;
    let width = settings.output.width;
    let mut text = heading("Foresight");
    if foresight.orphan_needs.is_empty() && foresight.idle_capabilities.is_empty() {
        let nothing = "Every feature's needs are met by hardware that exists or is planned, and \
                       nothing on the boards to come is unused.";
        text.push_str(&wrap::paragraph(nothing, "  ", "  ", width));
    }
    for need in &foresight.orphan_needs {
        text.push_str(&wrap::paragraph(&orphan(bundle, need), "  ✗ ", "    ", width));
    }
    for idle in &foresight.idle_capabilities {
        text.push_str(&wrap::paragraph(&unused(bundle, idle), "  ○ ", "    ", width));
    }
    text
}

fn orphan(bundle: &Bundle, need: &OrphanNeed) -> String {
    let capability = name(bundle, Kind::Capability, need.capability.as_str());
    let amount = if need.need == "yes" { String::new() } else { format!(" of {}", need.need) };
    let lack = match &need.best {
        Some((revision, best)) => {
            let revision = name(bundle, Kind::Revision, revision.as_str());
            match best.as_str() {
                "yes" => format!("{revision} has it, nobody says how much"),
                best => format!("{revision} comes nearest with {best}"),
            }
        }
        None => "no hardware has it, and none is planned to".to_owned(),
    };
    let title = &need.title;
    let remedy = match (&need.could_carry, need.decide_by) {
        (None, _) => " No specification is open that could carry it.".to_owned(),
        (Some(revision), date) => {
            let revision = name(bundle, Kind::Revision, revision.as_str());
            let by =
                date.map_or(String::new(), |date| format!(" if that is decided by {}", day(date)));
            format!(" {revision} could carry it{by}.")
        }
    };
    format!("“{title}” needs {capability}{amount}: {lack}.{remedy}")
}

fn unused(bundle: &Bundle, idle: &IdleCapability) -> String {
    let capability = name(bundle, Kind::Capability, idle.capability.as_str());
    let revision = name(bundle, Kind::Revision, idle.revision.as_str());
    let level = if idle.level == "yes" { String::new() } else { format!(" ({})", idle.level) };
    let cost = match (&idle.unit_cost, &idle.total_cost) {
        (Some(unit), Some(total)) => format!(
            ": {} a unit, {} for the {} units to be built",
            money(unit),
            money(total),
            grouped(&idle.units.to_string()),
        ),
        _ => String::new(),
    };
    let out = if idle.can_be_left_out { ". It can still be left out" } else { "" };
    format!("No feature uses {capability}{level} on {revision}{cost}{out}.")
}

fn activities(forecast: &Forecast, settings: &OutputSettings) -> String {
    let about = forecast.focus.as_ref().map_or("the whole plan", |focus| focus.as_str());
    let mut text = heading(&format!("Activities (criticality and contribution are about {about})"));
    let mut rows: Vec<&ActivityForecast> = forecast.activities.iter().collect();
    rows.sort_by(|a, b| {
        (a.early_start, a.early_finish, &a.id).cmp(&(b.early_start, b.early_finish, &b.id))
    });
    let mut table = Table::new(vec![
        Column::new("id").wraps(18),
        Column::new("title").wraps(20).rank(6),
        Column::new("start"),
        Column::new("finish"),
        Column::new("late finish").rank(5),
        Column::new("P80").rank(3),
        Column::new("float").right().rank(2),
        Column::new("critical").right().rank(1),
        Column::new("adds days").right().rank(4),
    ]);
    for activity in rows {
        let style = if activity.finished { DIM } else { PLAIN };
        let unfinished = |text: String| if activity.finished { String::new() } else { text };
        table.row(vec![
            Cell::styled(activity.id.as_str(), style),
            Cell::styled(activity.title.as_str(), style),
            Cell::styled(activity.early_start.to_string(), style),
            Cell::styled(activity.early_finish.to_string(), style),
            Cell::styled(unfinished(activity.late_finish.to_string()), style),
            Cell::styled(unfinished(activity.finish_p80.to_string()), style),
            Cell::from(unfinished(format!("{:.0}", activity.total_float))),
            Cell::from(unfinished(percent(activity.criticality))),
            Cell::from(unfinished(format!("{:.1}", activity.contribution_days))),
        ]);
    }
    text.push_str(&table.render(settings.width));
    text
}

fn warnings(plan: &Plan, settings: &OutputSettings) -> String {
    if plan.warnings.is_empty() {
        return String::new();
    }
    let mut text = heading(&format!("Warnings ({})", plan.warnings.len()));
    text.push_str(&diagnostics::list(&plan.warnings, settings));
    text
}

/// What to ask next, about what presses most.
fn next(forecast: &Forecast, bundle: &str) -> String {
    let bundle = if bundle == "." { String::new() } else { format!(" {bundle}") };
    let mut commands = Vec::new();
    let mut open = forecast.decisions.iter().filter(|it| it.decided.is_none());
    let first = open.clone().next();
    if let Some(decision) = open.find(|it| it.decide_by.is_some()).or(first) {
        commands.push(format!("longlead decide {}{bundle}", decision.id));
    }
    let open = forecast.milestones.iter().filter(|it| it.state != State::Done);
    let worst = open
        .filter(|it| it.on_time.is_some())
        .min_by(|a, b| a.on_time.partial_cmp(&b.on_time).unwrap_or(std::cmp::Ordering::Equal));
    if let Some(milestone) = worst.or(forecast.milestones.first()) {
        commands.push(format!("longlead explain {}{bundle}", milestone.id));
    }
    if commands.is_empty() {
        return String::new();
    }
    let lines: String = commands.iter().map(|it| format!("  {}\n", command(it))).collect();
    format!("{}{lines}", heading("Ask next"))
}
