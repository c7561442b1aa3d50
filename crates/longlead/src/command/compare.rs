//! `longlead compare`: what differs under a scenario, or between two bundles.

use jiff::civil::Date;
use longlead_horizon::{Change, Comparison, DecisionChange, Forecast, MilestoneChange, compare};
use longlead_model::{Bundle, Kind};
use serde_json::json;

use crate::args::{CompareArguments, FromArguments};
use crate::command::{Answer, judge};
use crate::exit::Failure;
use crate::gather::{self, Origin};
use crate::output::style::{BAD, BOLD, DIM, GOOD, dim, heading, paint};
use crate::output::table::{Cell, Column, Table};
use crate::output::words::{count, day, name, percent};
use crate::output::{json as json_text, wrap};
use crate::settings::Settings;

pub(crate) fn run(arguments: &CompareArguments, settings: &Settings) -> Result<Answer, Failure> {
    let origin = Origin::of(&arguments.from, &arguments.bundle);
    let before = gather::facts(&origin)?;
    let mut against = AS_IT_IS.to_owned();
    let (after, title) = match (&arguments.other, &settings.scenario) {
        (Some(_), Some(_)) => {
            let told = "compare two bundles, or one with --scenario, but not both at once";
            return Err(Failure::Usage(told.to_owned()));
        }
        (Some(other), None) => {
            (gather::facts(&Origin::Bundle(other.clone()))?, other.display().to_string())
        }
        (None, Some(id)) => {
            let title = scenario_title(&before.bundle, id);
            (gather::under(gather::facts(&origin)?, id)?, title)
        }
        (None, None) if arguments.from.at.is_some() => {
            against = format!("against the plan of {}", before.past.map(day).unwrap_or_default());
            let today = FromArguments { at: None, ..arguments.from.clone() };
            (gather::facts(&Origin::of(&today, &arguments.bundle))?, "Today".to_owned())
        }
        (None, None) => return Err(Failure::Usage(no_scenario(&before.bundle))),
    };
    let plan_before = gather::planned(&before, settings, None)?;
    let plan_after = gather::planned(&after, settings, None)?;
    let (earlier, later) = (&plan_before.forecast, &plan_after.forecast);
    let comparison = compare(earlier, later);
    let exit = judge(later, &plan_after.warnings, &settings.fail_on);
    let text = if settings.output.json {
        json_text::text(&json!({
            "before": json_text::asked(earlier),
            "after": json_text::asked(later),
            "comparison": json_text::plain(&comparison),
        }))
    } else {
        let width = settings.output.width;
        let asked = Shown { against: &against, listed: arguments.activities, width };
        told(&comparison, &title, &after.bundle, (earlier, later), asked)
    };
    Ok(Answer { exit, ..Answer::fine(text) })
}

pub(crate) fn scenario_title(bundle: &Bundle, id: &str) -> String {
    let scenario = bundle.records.scenarios.get(id);
    scenario.map_or(id.to_owned(), |it| format!("{} ({id})", it.title))
}

fn no_scenario(bundle: &Bundle) -> String {
    let scenarios: Vec<&str> = bundle.records.scenarios.keys().map(|id| id.as_str()).collect();
    let there = if scenarios.is_empty() {
        "the bundle has no scenarios".to_owned()
    } else {
        format!("the scenarios are {}", scenarios.join(", "))
    };
    format!("name a second bundle, or a scenario with --scenario ({there})")
}

/// What a scenario is compared with.
pub(crate) const AS_IT_IS: &str = "against the plan as it is";

/// How what differs is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    /// What it is compared with.
    pub(crate) against: &'a str,
    /// Whether activities are listed.
    pub(crate) listed: bool,
    /// Columns to fit into.
    pub(crate) width: usize,
}

/// What differs as text; `demo` tells it too.
pub(crate) fn told(
    comparison: &Comparison,
    title: &str,
    bundle: &Bundle,
    (before, after): (&Forecast, &Forecast),
    Shown { against, listed, width }: Shown<'_>,
) -> String {
    let mut text = format!("{}  {}\n", paint(BOLD, title), dim(against));
    if (before.as_of, before.seed, before.samples) != (after.as_of, after.seed, after.samples) {
        let told = "The two are asked for different days, seeds or samples, so some of what differs \
                    is not about facts; --as-of, --seed and --samples make them alike.";
        text.push_str(&wrap::paragraph(told, "", "", width));
    }
    if comparison.is_empty() {
        text.push_str("\nNothing differs.\n");
        return text;
    }
    text.push_str(&milestones(comparison, width));
    text.push_str(&decisions(comparison, width));
    text.push_str(&coverage(comparison, bundle, width));
    text.push_str(&orphans(comparison, bundle, width));
    text.push_str(&activities(comparison, listed, width));
    text
}

/// "+12 d", "−3 d", or what came and went.
fn moved(change: &Change<Date>) -> Cell {
    match (change.before, change.after) {
        (Some(before), Some(after)) => {
            let days = before.until(after).map_or(0, |span| span.get_days());
            let style = match days {
                0 => DIM,
                days if days > 0 => BAD,
                _ => GOOD,
            };
            let sign = if days > 0 {
                "+"
            } else if days < 0 {
                "−"
            } else {
                ""
            };
            Cell::styled(format!("{sign}{} d", days.abs()), style)
        }
        // What came or went has not moved.
        _ => Cell::from(""),
    }
}

/// "before → after", or only what there is.
fn both<T: Copy + PartialEq>(change: &Change<T>, tell: impl Fn(T) -> String) -> String {
    let tell = |value: Option<T>| value.map_or("–".to_owned(), &tell);
    match change.differs() {
        true => format!("{} → {}", tell(change.before), tell(change.after)),
        false => change.after.map_or(String::new(), |value| tell(Some(value))),
    }
}

/// Shares before and after, with a decimal where they would look the same without.
fn shares(change: &Change<f64>) -> String {
    let told = both(change, percent);
    match told.split_once(" → ") {
        Some((before, after)) if before == after => {
            both(change, |share| format!("{:.1} %", share * 100.0))
        }
        _ => told,
    }
}

fn milestones(comparison: &Comparison, width: usize) -> String {
    if comparison.milestones.is_empty() {
        return String::new();
    }
    let mut table = Table::new(vec![
        Column::new("milestone").wraps(20),
        Column::new("P80 moves").right(),
        Column::new("P80"),
        Column::new("on time"),
        Column::new("P50").rank(2),
        Column::new("id").wraps(16).rank(1),
    ]);
    for change in &comparison.milestones {
        table.row(vec![
            Cell::from(supposing(change)),
            moved(&change.p80),
            Cell::from(both(&change.p80, |date| date.to_string())),
            Cell::from(shares(&change.on_time)),
            Cell::from(both(&change.p50, |date| date.to_string())),
            Cell::styled(change.id.as_str(), DIM),
        ]);
    }
    format!("{}{}", heading("Milestones"), table.render(width))
}

/// The name of a milestone, and whether its date has come to rest on a supposition, or no longer
/// does.
fn supposing(change: &MilestoneChange) -> String {
    match (change.supposed.before, change.supposed.after) {
        (Some(false), Some(true)) => {
            format!("{}: now only if it is carried after all", change.title)
        }
        (Some(true), Some(false)) => format!("{}: no longer a supposition", change.title),
        _ => change.title.clone(),
    }
}

fn decisions(comparison: &Comparison, width: usize) -> String {
    if comparison.decisions.is_empty() {
        return String::new();
    }
    let mut table = Table::new(vec![
        Column::new("decision").wraps(20),
        Column::new("decide by"),
        Column::new("moves").right().rank(2),
        Column::new("if decided now"),
        Column::new("id").wraps(16).rank(1),
    ]);
    for change in &comparison.decisions {
        table.row(vec![
            Cell::from(change.title.as_str()),
            Cell::from(decide_by(change)),
            moved(&change.decide_by),
            Cell::from(shares(&change.best_confidence)),
            Cell::styled(change.id.as_str(), DIM),
        ]);
    }
    format!("{}{}", heading("Decisions"), table.render(width))
}

/// The decide-by before and after. Without one, but with a best confidence, it is too late.
fn decide_by(change: &DecisionChange) -> String {
    let tell = |date: Option<Date>, best: Option<f64>| match (date, best) {
        (Some(date), _) => date.to_string(),
        (None, Some(_)) => "too late".to_owned(),
        (None, None) => "–".to_owned(),
    };
    let before = tell(change.decide_by.before, change.best_confidence.before);
    let after = tell(change.decide_by.after, change.best_confidence.after);
    if before == after { after } else { format!("{before} → {after}") }
}

fn coverage(comparison: &Comparison, bundle: &Bundle, width: usize) -> String {
    if comparison.coverage.is_empty() {
        return String::new();
    }
    let mut text = heading("Features and revisions");
    for change in &comparison.coverage {
        let (sign, now) = match change.supported.after {
            Some(true) => ("  ✓ ", "can now run"),
            Some(false) => ("  ✗ ", "can no longer run"),
            None => ("  · ", "is no longer matched with"),
        };
        let revision = name(bundle, Kind::Revision, change.revision.as_str());
        let feature = name(bundle, Kind::Feature, change.feature.as_str());
        let told = format!("{revision} {now} “{feature}”");
        text.push_str(&wrap::paragraph(&told, sign, "    ", width));
    }
    text
}

fn orphans(comparison: &Comparison, bundle: &Bundle, width: usize) -> String {
    if comparison.orphan_needs.is_empty() {
        return String::new();
    }
    let mut text = heading("Orphan needs");
    for change in &comparison.orphan_needs {
        let (sign, now, need) = match (&change.before, &change.after) {
            (_, Some(need)) => ("  ✗ ", "which no planned hardware has now", need),
            (Some(need), None) => ("  ✓ ", "and that is met or no longer needed", need),
            (None, None) => continue,
        };
        let feature = name(bundle, Kind::Feature, need.0.as_str());
        let capability = name(bundle, Kind::Capability, need.1.as_str());
        let told = format!("“{feature}” needs {capability}, {now}");
        text.push_str(&wrap::paragraph(&told, sign, "    ", width));
    }
    text
}

fn activities(comparison: &Comparison, listed: bool, width: usize) -> String {
    if comparison.activities.is_empty() {
        return String::new();
    }
    if !listed {
        let told = count(comparison.activities.len(), "activity moves", "activities move");
        return format!("\n{}\n", dim(&format!("{told}; --activities lists them")));
    }
    let mut table = Table::new(vec![
        Column::new("activity").wraps(20),
        Column::new("finish moves").right(),
        Column::new("finish (median)"),
        Column::new("id").wraps(16).rank(1),
    ]);
    for change in &comparison.activities {
        table.row(vec![
            Cell::from(change.title.as_str()),
            moved(&change.finish_p50),
            Cell::from(both(&change.finish_p50, |date| date.to_string())),
            Cell::styled(change.id.as_str(), DIM),
        ]);
    }
    format!("{}{}", heading("Activities"), table.render(width))
}
