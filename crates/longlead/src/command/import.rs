//! `longlead import`: a bundle of a plan from another program, or records into a database.

mod load;

use std::path::Path;

use anyhow::{Context as _, bail};
use longlead_exchange::{Loss, csv, mspdi};
use longlead_model::{Bundle, Code, Diagnostic, Kind, Place, Source};
use serde_json::json;

use crate::args::{ImportArguments, ImportFormat};
use crate::command::Answer;
use crate::exit::{Exit, Failure};
use crate::gather::{self, Origin};
use crate::output::style::{bold, command, heading};
use crate::output::words::count;
use crate::output::{diagnostics, json as json_text, losses};
use crate::settings::Settings;
use crate::{bundle_folder, file};

pub(crate) fn run(arguments: &ImportArguments, settings: &Settings) -> Result<Answer, Failure> {
    match (&arguments.database, &arguments.output) {
        (Some(url), _) => into_database(arguments, url, settings),
        (None, Some(output)) => into_folder(arguments, output, settings),
        (None, None) => Err(Failure::Usage("say where to, with --output or --database".to_owned())),
    }
}

fn into_database(
    arguments: &ImportArguments,
    url: &str,
    settings: &Settings,
) -> Result<Answer, Failure> {
    let file = &arguments.file;
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    if arguments.format.is_none() && (file.is_dir() || is_toml) {
        let gathered = gather::facts(&Origin::Bundle(file.clone()))?;
        return load::run(arguments, url, &gathered.bundle, settings);
    }
    let (bundle, lost) = foreign(arguments)?;
    let answer = load::run(arguments, url, &bundle, settings)?;
    Ok(Answer { aside: losses::told(&lost, &settings.output), ..answer })
}

/// The records of a plan from another program, and what of it could not be kept.
fn foreign(arguments: &ImportArguments) -> Result<(Bundle, Vec<Loss>), Failure> {
    let format = format(arguments)?;
    let bytes = bundle_folder::read_bytes(&arguments.file)
        .with_context(|| format!("`{}` can't be read", arguments.file.display()))?;
    match format {
        ImportFormat::Mspdi => project(&arguments.file, &bytes),
        ImportFormat::Csv => {
            let imported = csv::import(&bytes);
            Ok((imported.bundle, imported.losses))
        }
    }
}

fn into_folder(
    arguments: &ImportArguments,
    output: &Path,
    settings: &Settings,
) -> Result<Answer, Failure> {
    let (bundle, lost) = foreign(arguments)?;
    let sources = bundle.export();
    file::make_folder(output, arguments.force)?;
    let files: Vec<(String, String)> =
        sources.iter().map(|source| (source.name.clone(), source.text.clone())).collect();
    let written = file::write_all(output, &files, arguments.force)?;
    let problems = problems(&sources, output);
    let exit = if problems.iter().any(Diagnostic::is_error) { Exit::BadInput } else { Exit::Fine };
    if settings.output.json {
        let mut value = diagnostics::json(&problems, &settings.output);
        value["written"] = json!(written);
        value["losses"] = losses::json(&lost);
        return Ok(Answer { exit, ..Answer::fine(json_text::text(&value)) });
    }
    let mut text = summary(&bundle, output);
    text.push_str(&losses::told(&lost, &settings.output));
    if !problems.is_empty() {
        text.push_str(&heading("The bundle as written"));
        text.push_str(&diagnostics::list(&problems, &settings.output));
    }
    Ok(Answer { exit, ..Answer::fine(text) })
}

fn format(arguments: &ImportArguments) -> Result<ImportFormat, Failure> {
    if let Some(format) = arguments.format {
        return Ok(format);
    }
    let extension = arguments.file.extension().map(|it| it.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("xml") => Ok(ImportFormat::Mspdi),
        Some("csv" | "tsv" | "txt") => Ok(ImportFormat::Csv),
        _ => {
            let file = arguments.file.display();
            let told =
                format!("it can't be told from `{file}` what it is; say --format mspdi or csv");
            Err(Failure::Usage(told))
        }
    }
}

fn project(path: &Path, bytes: &[u8]) -> Result<(Bundle, Vec<Loss>), Failure> {
    let bad = |message: String| {
        let place = Place { file: path.to_string_lossy().into_owned(), line: 0, column: 0 };
        Diagnostic::error(Code::Syntax, message).at(Some(place))
    };
    let text = decoded(bytes).map_err(|error| bad(error.to_string()))?;
    let (project, mut lost) = mspdi::read(&text).map_err(|error| bad(error.to_string()))?;
    let imported = mspdi::to_records(&project);
    lost.extend(imported.losses);
    Ok((imported.bundle, lost))
}

/// The text of an XML file: UTF-8, or UTF-16 with its byte order mark, as MS Project may write it.
fn decoded(bytes: &[u8]) -> anyhow::Result<String> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.as_chunks::<2>().0.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16(&units).context("the file is not valid UTF-16")
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => Ok(String::from_utf8(rest.to_vec())?),
        bytes => match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Ok(text),
            Err(_) => bail!("the file is neither UTF-8 nor UTF-16 text"),
        },
    }
}

/// What is wrong with the bundle that was written, as `check` would tell.
fn problems(sources: &[Source], folder: &Path) -> Vec<Diagnostic> {
    let named: Vec<Source> = sources
        .iter()
        .map(|source| Source {
            name: folder.join(&source.name).to_string_lossy().replace('\\', "/"),
            text: source.text.clone(),
        })
        .collect();
    Bundle::load(&named).1
}

fn summary(bundle: &Bundle, folder: &Path) -> String {
    let kinds = [
        (Kind::Activity, "activity", "activities"),
        (Kind::Milestone, "milestone", "milestones"),
        (Kind::Link, "link", "links"),
        (Kind::Calendar, "calendar", "calendars"),
        (Kind::Team, "team", "teams"),
        (Kind::Actual, "actual", "actuals"),
    ];
    let told: Vec<String> = kinds
        .into_iter()
        .map(|(kind, one, many)| (bundle.records.ids(kind).len(), one, many))
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| count(number, one, many))
        .collect();
    let told = if told.is_empty() { "no records".to_owned() } else { told.join(", ") };
    let shown = folder.display().to_string();
    format!(
        "Wrote {told} into {}.\nNext: {}\n",
        bold(&shown),
        command(&format!("longlead plan {shown}"))
    )
}
