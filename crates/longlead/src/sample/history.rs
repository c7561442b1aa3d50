//! The sample company's past: what its journal holds before anybody signs in.
//!
//! Each step is a file that says what was different *before* it. Going back from today's records,
//! one file after the other, gives what was known at each step: so the past can't contradict the
//! present, and what never changed is written once.

use longlead_model::{Bundle, Date, Diagnostic, Edit, Kind, RecordKey};
use serde::Deserialize;
use serde::de::IgnoredAny;

macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../examples/coldtrack-history/", $name)))
    };
}

/// The steps, oldest first.
const FILES: &[(&str, &str)] = &[
    file!("2026-01-19-founding.toml"),
    file!("2026-02-16-rev-b-ships.toml"),
    file!("2026-03-16-vaccines.toml"),
    file!("2026-04-07-evt-slipped.toml"),
    file!("2026-04-27-door-open-alerts.toml"),
    file!("2026-05-26-gateway-c.toml"),
    file!("2026-06-22-one-manufacturer.toml"),
    file!("2026-07-06-esim-and-japan.toml"),
    file!("2026-07-20-gateway-b-certificates.toml"),
    file!("2026-08-03-relay-measured.toml"),
    file!("2026-08-24-modems.toml"),
    file!("2026-09-14-last-time-buy.toml"),
    file!("2026-09-28-light-sensor.toml"),
    file!("2026-10-12-rechargeable.toml"),
    file!("2026-10-26-alerts-are-out.toml"),
    file!("2026-11-12-night-run.toml"),
    file!("2026-11-23-before-the-freezes.toml"),
];

/// What one role changed on a day, and the records as they stood then.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The day.
    pub(crate) on: Date,
    /// The role that changed it: product, hardware, firmware, supply or regulatory.
    pub(crate) by: String,
    /// Why.
    pub(crate) why: String,
    /// The records after it; they are as of that day, and the last are the sample's own.
    pub(crate) after: Bundle,
}

/// Why the past can't be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    /// A file isn't a step.
    #[error("{file} is not a step of the sample's history")]
    Text {
        file: String,
        #[source]
        source: toml::de::Error,
    },
    /// A day that isn't one.
    #[error("{file} names no day on which it happened")]
    Day { file: String },
    /// Its facts contradict each other.
    #[error("{file}: {}", listed(.diagnostics))]
    Facts { file: String, diagnostics: Vec<Diagnostic> },
}

fn listed(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The steps from the founding to today, oldest first.
pub(crate) fn steps() -> Result<Vec<Step>, HistoryError> {
    let (today, _) = Bundle::load(&super::sources());
    steps_to(today, FILES)
}

/// A step as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    on: toml::value::Datetime,
    by: String,
    why: String,
    /// Changes as in a scenario: applied to the records after the step, they give those before.
    before: Option<toml::Spanned<IgnoredAny>>,
}

/// The steps that lead to today, by what each file says was different before it.
fn steps_to(today: Bundle, files: &[(&str, &str)]) -> Result<Vec<Step>, HistoryError> {
    let mut steps = Vec::new();
    let mut state = today;
    for (file, text) in files.iter().rev() {
        let error = |source| HistoryError::Text { file: (*file).to_owned(), source };
        let written: Written = toml::from_str(text).map_err(error)?;
        let day = written.on.date.map(|day| day.to_string());
        let day = day.and_then(|day| day.parse::<Date>().ok());
        let on = day.ok_or_else(|| HistoryError::Day { file: (*file).to_owned() })?;
        if !steps.is_empty() {
            state = as_of(&state, on, file)?;
        }
        let changes = written.before.and_then(|changes| text.get(changes.span()));
        let before = changes.map(|changes| back(&state, changes, file)).transpose()?;
        steps.push(Step { on, by: written.by, why: written.why, after: state });
        // Before the founding there was nothing.
        state = before.unwrap_or_default();
    }
    steps.reverse();
    Ok(steps)
}

/// The records before a step.
fn back(after: &Bundle, changes: &str, file: &str) -> Result<Bundle, HistoryError> {
    let text = format!("id = \"{BEFORE}\"\ntitle = \"before\"\nchanges = {changes}\n");
    let key = RecordKey::Record(Kind::Scenario, BEFORE.to_owned());
    let (with_scenario, told) = after.edited(&[Edit { key, after: Some(text) }]);
    sound(told, file)?;
    let scenario = with_scenario.scenario(BEFORE).map_err(|told| refused(vec![told], file))?;
    let (before, told) = after.under(scenario);
    sound(told, file)?;
    Ok(before)
}

/// The id under which the changes of a step are read; the records never hold it.
const BEFORE: &str = "history-before";

/// The records as of a day, read as a journal reads them: from the text of each.
fn as_of(bundle: &Bundle, on: Date, file: &str) -> Result<Bundle, HistoryError> {
    let mut dated = bundle.clone();
    dated.settings.as_of = Some(on);
    let texts = dated.keys().into_iter().filter_map(|key| {
        let text = dated.text(&key)?;
        Some((key, text))
    });
    let (read, told) = Bundle::assemble(&texts.collect::<Vec<_>>());
    sound(told, file)?;
    Ok(read)
}

fn sound(told: Vec<Diagnostic>, file: &str) -> Result<(), HistoryError> {
    match told.iter().any(Diagnostic::is_error) {
        true => Err(refused(told, file)),
        false => Ok(()),
    }
}

fn refused(diagnostics: Vec<Diagnostic>, file: &str) -> HistoryError {
    let diagnostics = diagnostics.into_iter().filter(Diagnostic::is_error).collect();
    HistoryError::Facts { file: file.to_owned(), diagnostics }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use longlead_horizon::{Ask, Forecast, Plan, plan};

    use super::*;

    fn all() -> Vec<Step> {
        steps().unwrap_or_else(|error| panic!("{error}"))
    }

    fn planned(step: &Step, samples: u32) -> Plan {
        let as_of = step.after.settings.as_of.unwrap();
        let ask = Ask { samples, ..Ask::of(&step.after, as_of) };
        plan(&step.after, &ask, &|_, _| {}).unwrap_or_else(|told| panic!("{}", listed(&told)))
    }

    #[test]
    fn every_file_of_the_history_is_a_step_named_by_its_day() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/coldtrack-history");
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".toml")).collect();
        names.sort();
        let listed: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, names, "list the steps in src/sample/history.rs, in order");
        for (step, (name, _)) in all().iter().zip(FILES) {
            assert!(name.starts_with(&step.on.to_string()), "{name} happened on {}", step.on);
        }
    }

    #[test]
    fn history_leads_to_the_sample_to_the_letter() {
        let (today, _) = Bundle::load(&crate::sample::sources());
        let last = all().pop().unwrap();
        assert!(last.after == today);
        assert_eq!(today.edits_to(&last.after), []);
        assert_eq!(Some(last.on), today.settings.as_of);
    }

    #[test]
    fn the_first_step_founds_and_every_other_changes_something() {
        let (_, founding) = FILES.first().unwrap();
        let founding: Written = toml::from_str(founding).unwrap();
        assert!(founding.before.is_none(), "nothing stood before the founding");
        let steps = all();
        for (before, step) in steps.iter().zip(steps.iter().skip(1)) {
            assert!(before.on < step.on, "{} comes after {}", step.on, before.on);
            let edits = before.after.edits_to(&step.after);
            let facts = edits.iter().filter(|edit| edit.key != RecordKey::Settings).count();
            assert!((3..80).contains(&facts), "{} changes {facts} records", step.on);
        }
    }

    #[test]
    fn roles_that_the_application_knows_made_the_steps_and_say_why() {
        let roles = ["product", "hardware", "firmware", "supply", "regulatory"];
        let steps = all();
        for step in &steps {
            assert!(roles.contains(&step.by.as_str()), "{}: {}", step.on, step.by);
            assert!(step.why.ends_with('.') && step.why.len() > 40, "{}: {}", step.on, step.why);
        }
        let made: BTreeSet<&str> = steps.iter().map(|step| step.by.as_str()).collect();
        assert_eq!(made.len(), roles.len(), "every role has a part in the story");
    }

    #[test]
    fn every_state_is_as_of_its_day_without_errors_and_can_be_planned() {
        for step in all() {
            assert_eq!(step.after.settings.as_of, Some(step.on));
            let (_, told) = step.after.edited(&[]);
            assert!(!told.iter().any(Diagnostic::is_error), "{}: {}", step.on, listed(&told));
            let plan = planned(&step, 50);
            assert!(plan.warnings.is_empty(), "{}: {}", step.on, listed(&plan.warnings));
        }
    }

    /// The days in a bundle on which something is said to have happened, with what it is.
    fn happened(bundle: &Bundle) -> Vec<(String, Date)> {
        let records = &bundle.records;
        let mut days = Vec::new();
        let mut note = |what: String, day: Option<Date>| days.extend(day.map(|day| (what, day)));
        for (id, actual) in records.actuals.iter() {
            note(format!("start of {id}"), actual.started);
            note(format!("finish of {id}"), actual.finished);
        }
        for (id, order) in records.orders.iter() {
            note(format!("placing of {id}"), Some(order.placed));
            note(format!("arrival of {id}"), order.received);
        }
        for (id, decision) in records.decisions.iter() {
            note(format!("decision of {id}"), decision.decided.as_ref().map(|it| it.on));
        }
        for (id, revision) in records.revisions.iter() {
            note(format!("count of {id}"), revision.fleet.as_ref().map(|it| it.on));
        }
        for (id, certificate) in records.certificates.iter() {
            note(format!("certificate {id}"), Some(certificate.issued));
        }
        for (id, assumption) in records.assumptions.iter() {
            for evidence in &assumption.evidence {
                note(format!("evidence of {id}"), Some(evidence.on));
            }
        }
        for (id, rate) in records.rates.iter() {
            note(format!("rate {id}"), rate.on);
        }
        days
    }

    #[test]
    fn nothing_is_known_before_it_happened() {
        for step in all() {
            for (what, day) in happened(&step.after) {
                assert!(day <= step.on, "{}: {what} on {day} was known before", step.on);
            }
        }
    }

    #[test]
    fn what_happened_is_known_from_the_next_step_on() {
        let steps = all();
        let mut known: BTreeSet<(String, Date)> = BTreeSet::new();
        let mut before: Option<Date> = None;
        for step in &steps {
            let news = BTreeSet::from_iter(happened(&step.after));
            // Rates and counts of the fleet are entered when somebody gets round to it.
            for (what, day) in news.difference(&known).filter(|it| !is_periodic(&it.0)) {
                let late = before.is_some_and(|before| *day < before);
                assert!(!late, "{}: {what} on {day} should have been known before", step.on);
            }
            known.extend(news);
            before = Some(step.on);
        }
    }

    fn is_periodic(what: &str) -> bool {
        what.starts_with("rate ") || what.starts_with("count of ")
    }

    fn milestone<'a>(
        forecast: &'a Forecast,
        id: &str,
    ) -> Option<&'a longlead_horizon::MilestoneForecast> {
        forecast.milestones.iter().find(|milestone| milestone.id.as_str() == id)
    }

    #[test]
    fn the_promise_of_door_open_alerts_erodes_until_it_is_moved() {
        let forecasts = all().into_iter().map(|step| planned(&step, 400).forecast);
        let doors: Vec<(Date, Option<Date>, Date, f64)> = forecasts
            .filter_map(|forecast| {
                let doors = milestone(&forecast, "launch:door-open-alerts")?;
                Some((forecast.as_of, doors.target, doors.p80, doors.on_time?))
            })
            .collect();
        let (first, last) = (doors.first().unwrap(), doors.last().unwrap());
        assert!(first.3 > 0.9, "promised in good faith: {first:?}");
        assert!(last.2 > first.2 && last.1 > first.1, "{first:?} {last:?}");
        let moved = doors.iter().position(|it| it.1 != first.1).unwrap();
        let eroded = doors.get(moved - 1).unwrap();
        assert!(eroded.3 < 0.5, "moved only once it was hopeless: {eroded:?}");
        assert!(last.3 > 0.8, "safe again: {last:?}");
    }

    #[test]
    fn enough_has_finished_that_was_forecast_before_to_calibrate_by() {
        let steps = all();
        let actuals = &steps.last().unwrap().after.records.actuals;
        let finished = actuals.iter().filter_map(|(id, it)| Some((id.as_str(), it.finished?)));
        let finished: BTreeMap<&str, Date> = finished.collect();
        let mut forecasts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut held = 0;
        for step in &steps {
            let forecast = planned(step, 400).forecast;
            for (id, day) in finished.iter().filter(|(_, day)| **day > step.on) {
                let ahead = forecast.activities.iter().find(|it| it.id.as_str() == *id);
                if let Some(ahead) = ahead {
                    *forecasts.entry(*id).or_default() += 1;
                    held += usize::from(*day <= ahead.finish_p80);
                }
            }
        }
        assert!(forecasts.len() >= 10, "{forecasts:?}");
        let told: usize = forecasts.values().sum();
        let share = held as f64 / told as f64;
        assert!((0.2..0.95).contains(&share), "{held} of {told} P80 dates held");
    }

    #[test]
    #[ignore = "prints how forecasts drifted, for whoever tells the story on"]
    fn drift() {
        let watched = [
            "launch:door-open-alerts",
            "release:4.1",
            "launch:geofence",
            "launch:mesh-relay",
            "gateway-c-europe",
            "rev-b-before-new-year",
        ];
        for step in all() {
            println!("{} {}: {}", step.on, step.by, step.why);
            let forecast = planned(&step, 2_000).forecast;
            for told in watched.iter().filter_map(|id| milestone(&forecast, id)) {
                let target = told.target.map(|day| day.to_string()).unwrap_or_default();
                let on_time = told.on_time.unwrap_or_default() * 100.0;
                println!(
                    "  {:26} target {target:10}  P50 {}  P80 {}  on time {on_time:3.0} %",
                    told.id, told.p50, told.p80
                );
            }
        }
    }
}
