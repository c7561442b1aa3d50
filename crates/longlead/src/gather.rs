//! Gathers what commands need: a bundle without errors, and its plan.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use longlead_horizon::{Plan, Vocabulary, plan};
use longlead_model::{ActivityId, Bundle, Code, Diagnostic, Source, nearest};

use crate::args::FromArguments;
use crate::exit::Failure;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::{bundle_folder, database};

/// Where facts stand.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// In a folder, or in one file.
    Bundle(PathBuf),
    /// In a database, today or as of an instant.
    Database { url: String, at: Option<Timestamp> },
}

impl Origin {
    /// The database that is named, or else the bundle.
    pub(crate) fn of(from: &FromArguments, bundle: &Path) -> Origin {
        match &from.database {
            Some(url) => Origin::Database { url: url.clone(), at: from.at },
            None => Origin::Bundle(bundle.to_owned()),
        }
    }

    /// As it is typed behind a command.
    pub(crate) fn typed(&self) -> String {
        match self {
            Origin::Bundle(path) => path.to_string_lossy().into_owned(),
            Origin::Database { url, at: None } => format!("--database {}", database::shown(url)),
            Origin::Database { url, at: Some(at) } => {
                format!("--database {} --at {at}", database::shown(url))
            }
        }
    }
}

/// A bundle that can be planned from.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) bundle: Bundle,
    /// What was told besides, none of it an error.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The day of a past state: it is as of then, unless it says otherwise.
    pub(crate) past: Option<Date>,
}

/// Reads facts under the scenario that is asked for.
pub(crate) fn bundle(origin: &Origin, settings: &Settings) -> Result<Gathered, Failure> {
    let gathered = facts(origin)?;
    match &settings.scenario {
        Some(scenario) => under(gathered, scenario),
        None => Ok(gathered),
    }
}

/// Reads facts as they were written.
pub(crate) fn facts(origin: &Origin) -> Result<Gathered, Failure> {
    match origin {
        Origin::Bundle(path) => {
            let (bundle, diagnostics) = diagnosed(path)?;
            without_errors(bundle, diagnostics)
        }
        Origin::Database { url, at } => {
            let (bundle, diagnostics) = database::product(url, *at)?;
            let past = at.map(|at| at.to_zoned(TimeZone::UTC).date());
            Ok(Gathered { past, ..without_errors(bundle, diagnostics)? })
        }
    }
}

/// Reads a bundle with all that is to be said of it.
pub(crate) fn diagnosed(path: &Path) -> Result<(Bundle, Vec<Diagnostic>), Failure> {
    let text = bundle_folder::read(path).map_err(anyhow::Error::from)?;
    let (bundle, mut diagnostics) = Bundle::load(&text.sources);
    diagnostics.extend(text.diagnostics);
    diagnostics.sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
    Ok((bundle, diagnostics))
}

/// A bundle from texts that are part of the program.
pub(crate) fn embedded(sources: &[Source]) -> Result<Gathered, Failure> {
    let (bundle, diagnostics) = Bundle::load(sources);
    without_errors(bundle, diagnostics)
}

fn without_errors(bundle: Bundle, diagnostics: Vec<Diagnostic>) -> Result<Gathered, Failure> {
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(Failure::BadInput(diagnostics));
    }
    Ok(Gathered { bundle, warnings: diagnostics, past: None })
}

/// The bundle as it would be under a scenario.
pub(crate) fn under(gathered: Gathered, scenario: &str) -> Result<Gathered, Failure> {
    let scenario = gathered.bundle.scenario(scenario)?.clone();
    let (bundle, mut diagnostics) = gathered.bundle.under(&scenario);
    diagnostics.extend(gathered.warnings);
    diagnostics.sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
    diagnostics.dedup();
    Ok(Gathered { past: gathered.past, ..without_errors(bundle, diagnostics)? })
}

/// Plans a bundle; its warnings join those of the plan.
pub(crate) fn planned(
    gathered: &Gathered,
    settings: &Settings,
    focus: Option<ActivityId>,
) -> Result<Plan, Failure> {
    if let Some(discipline) = &settings.discipline {
        known_discipline(&gathered.bundle, discipline)?;
    }
    let mut ask = settings.ask(&gathered.bundle, focus);
    if settings.as_of.is_none() && gathered.bundle.settings.as_of.is_none() {
        ask.as_of = gathered.past.unwrap_or(ask.as_of);
    }
    let progress = Progress::new();
    let mut plan = plan(&gathered.bundle, &ask, &|done, of| progress.tell(done, of))
        .map_err(Failure::BadInput)?;
    let mut warnings = gathered.warnings.clone();
    warnings.append(&mut plan.warnings);
    plan.warnings = warnings;
    Ok(plan)
}

/// The words in which reasons are told.
pub(crate) fn vocabulary<'a>(
    bundle: &'a Bundle,
    plan: &'a Plan,
    settings: &Settings,
) -> Vocabulary<'a> {
    Vocabulary::new(bundle, &plan.derivation, settings.discipline.as_deref())
}

/// A discipline that nobody has would silently change no word.
fn known_discipline(bundle: &Bundle, discipline: &str) -> Result<(), Diagnostic> {
    let records = &bundle.records;
    let of_terms = records.terms.values().flat_map(|term| term.names.keys());
    let of_teams = records.teams.values().filter_map(|team| team.discipline.as_ref());
    let of_people = records.stakeholders.values().filter_map(|it| it.discipline.as_ref());
    let mut known: Vec<&str> =
        of_terms.chain(of_teams).chain(of_people).map(String::as_str).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&discipline) {
        return Ok(());
    }
    let message = format!("no term of the glossary has a name for the discipline `{discipline}`");
    let help = match nearest(discipline, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => {
            "give a [[term]] such names: names = { supply = \"delivery time\" }".to_owned()
        }
        None => format!("the disciplines are {}", known.join(", ")),
    };
    Err(Diagnostic::error(Code::UnknownReference, message).help(help))
}
