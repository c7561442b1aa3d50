//! `longlead export`: a plan or a bundle for other programs.

use std::path::Path;

use longlead_exchange::icalendar::Event;
use longlead_exchange::mspdi::DatedActivity;
use longlead_exchange::{Loss, csv, icalendar, mspdi};
use longlead_horizon::{DecisionForecast, MilestoneForecast, Plan, Role, State, Vocabulary};
use longlead_model::{Bundle, Source};
use serde_json::json;

use crate::args::{ExportArguments, ExportFormat};
use crate::command::{Answer, decide};
use crate::exit::{Exit, Failure};
use crate::file;
use crate::gather::{self, Origin};
use crate::output::style::bold;
use crate::output::words::{count, day, percent};
use crate::output::{json as json_text, losses};
use crate::settings::Settings;

pub(crate) fn run(arguments: &ExportArguments, settings: &Settings) -> Result<Answer, Failure> {
    let gathered = gather::bundle(&Origin::of(&arguments.from, &arguments.bundle), settings)?;
    let (text, lost) = match arguments.format {
        ExportFormat::Toml => return toml(arguments, &gathered.bundle, settings),
        ExportFormat::Csv => csv::export(&gathered.bundle),
        ExportFormat::Json | ExportFormat::Ics | ExportFormat::Mspdi => {
            planned(arguments.format, &gathered, settings)?
        }
    };
    match &arguments.output {
        None => Ok(Answer { text, aside: losses::told(&lost, &settings.output), exit: Exit::Fine }),
        Some(path) => {
            file::write(path, &text, arguments.force)?;
            Ok(written(&[path.to_string_lossy().into_owned()], &lost, settings))
        }
    }
}

fn planned(
    format: ExportFormat,
    gathered: &gather::Gathered,
    settings: &Settings,
) -> Result<(String, Vec<Loss>), Failure> {
    let plan = gather::planned(gathered, settings, None)?;
    let vocabulary = gather::vocabulary(&gathered.bundle, &plan, settings);
    Ok(match format {
        ExportFormat::Ics => (calendar(&gathered.bundle, &plan, &vocabulary), Vec::new()),
        ExportFormat::Mspdi => project(&gathered.bundle, &plan),
        _ => (json_text::text(&json_text::forecast(&plan, &vocabulary)), Vec::new()),
    })
}

fn written(paths: &[String], lost: &[Loss], settings: &Settings) -> Answer {
    if settings.output.json {
        let value = json!({ "written": paths, "losses": losses::json(lost) });
        return Answer::fine(json_text::text(&value));
    }
    let mut text: String = match paths {
        [only] => format!("Wrote {}\n", bold(only)),
        many => format!("Wrote {}\n", count(many.len(), "file", "files")),
    };
    text.push_str(&losses::told(lost, &settings.output));
    Answer::fine(text)
}

/// The records as one file, or as one for each kind in a folder.
fn toml(
    arguments: &ExportArguments,
    bundle: &Bundle,
    settings: &Settings,
) -> Result<Answer, Failure> {
    let sources = bundle.export();
    let Some(output) = &arguments.output else { return Ok(Answer::fine(one_file(&sources))) };
    if is_toml_file(output) {
        file::write(output, &one_file(&sources), arguments.force)?;
        return Ok(written(&[output.to_string_lossy().into_owned()], &[], settings));
    }
    file::make_folder(output, arguments.force)?;
    let files: Vec<(String, String)> =
        sources.into_iter().map(|source| (source.name, source.text)).collect();
    let paths = file::write_all(output, &files, arguments.force)?;
    Ok(written(&paths, &[], settings))
}

fn is_toml_file(path: &Path) -> bool {
    !path.is_dir() && path.extension().is_some_and(|extension| extension == "toml")
}

/// All sources in one text. Lists that are written in lines must stand before the first table.
fn one_file(sources: &[Source]) -> String {
    let is_table = |source: &&Source| source.text.starts_with('[');
    let (tables, lists): (Vec<&Source>, Vec<&Source>) = sources.iter().partition(is_table);
    let texts: Vec<&str> = lists.into_iter().chain(tables).map(|it| it.text.as_str()).collect();
    texts.join("\n")
}

/// Decide-by dates, milestones and their targets as a calendar.
fn calendar(bundle: &Bundle, plan: &Plan, vocabulary: &Vocabulary<'_>) -> String {
    let products = &bundle.records.products;
    let names: Vec<&str> = products.values().map(|product| product.title.as_str()).collect();
    let ids: Vec<&str> = products.keys().map(|id| id.as_str()).collect();
    let of = if ids.is_empty() { "longlead".to_owned() } else { ids.join(".") };
    let forecast = &plan.forecast;
    let decisions = forecast.decisions.iter().filter_map(|it| decide_by(it, plan, vocabulary, &of));
    let milestones = forecast.milestones.iter().flat_map(|it| reached(it, &of));
    let events: Vec<Event> = decisions.chain(milestones).collect();
    icalendar::write(&names.join(", "), forecast.as_of, &events)
}

fn decide_by<'a>(
    decision: &'a DecisionForecast,
    plan: &Plan,
    vocabulary: &Vocabulary<'a>,
    of: &str,
) -> Option<Event> {
    if decision.decided.is_some() {
        return None;
    }
    let reasons =
        decision.because.iter().map(|reason| format!("- {}", vocabulary.sentence(reason)));
    let reasons: Vec<String> = reasons.collect();
    Some(Event {
        uid: format!("decide:{}@{of}", decision.id),
        date: decision.decide_by?,
        summary: format!("Decide: {}", decision.title),
        description: format!(
            "{}\n\n{}",
            decide::verdict(decision, plan.forecast.as_of),
            reasons.join("\n")
        ),
        categories: vec!["decision".to_owned()],
    })
}

/// When a milestone is thought to be reached, and its target.
fn reached(milestone: &MilestoneForecast, of: &str) -> Vec<Event> {
    let title = &milestone.title;
    if milestone.state == State::Done {
        return Vec::new();
    }
    let mut outlook = format!(
        "P10 {}, P50 {}, P80 {}, P90 {}",
        day(milestone.p10),
        day(milestone.p50),
        day(milestone.p80),
        day(milestone.p90)
    );
    let on_time = milestone.on_time.map_or(String::new(), percent);
    if let Some(target) = milestone.target {
        outlook.push_str(&format!("\nTarget {}: {on_time} on time", day(target)));
    }
    let event = |uid: String, date, summary: String, category: &str| Event {
        uid,
        date,
        summary,
        description: outlook.clone(),
        categories: vec![category.to_owned()],
    };
    let mut events = vec![event(
        format!("{}@{of}", milestone.id),
        milestone.p80,
        format!("{title} (P80)"),
        "milestone",
    )];
    events.extend(milestone.target.map(|target| {
        let summary = format!("Target: {title} ({on_time} on time)");
        event(format!("target:{}@{of}", milestone.id), target, summary, "target")
    }));
    events
}

/// The plan for MS Project: authored activities as they are, derived ones with median dates.
fn project(bundle: &Bundle, plan: &Plan) -> (String, Vec<Loss>) {
    let mut after = plan.derivation.derived_predecessors();
    let dated: Vec<DatedActivity> = plan
        .forecast
        .activities
        .iter()
        .map(|activity| DatedActivity {
            id: activity.id.clone(),
            title: activity.title.clone(),
            start: activity.start_p50,
            finish: activity.finish_p50,
            is_milestone: is_point(activity.role),
            target: plan.derivation.find(&activity.id).and_then(|(_, node)| node.target),
            after: after.remove(&activity.id).unwrap_or_default(),
        })
        .collect();
    let start = dated.iter().map(|it| it.start).min().unwrap_or(plan.forecast.as_of);
    let (project, lost) = mspdi::from_records(bundle, &dated, start.min(plan.forecast.as_of));
    (mspdi::write(&project), lost)
}

fn is_point(role: Role) -> bool {
    matches!(role, Role::Milestone | Role::Approve | Role::Units | Role::Available | Role::Launch)
}
