//! Loads records into a database: one change set, told before it is made.

use anyhow::anyhow;
use jiff::Timestamp;
use longlead_model::{Bundle, Diagnostic, Edit, RecordKey};
use longlead_records::{
    Actor, CommitError, CommitRequest, Committed, Expected, Journal, Preview, PreviewItem,
    Snapshot, VersionedEdit,
};
use serde_json::{Value as Json, json};

use crate::args::ImportArguments;
use crate::command::Answer;
use crate::database;
use crate::exit::{Exit, Failure};
use crate::output::style::{BAD, CAREFUL, GOOD, bold, command, dim, heading, paint};
use crate::output::words::count;
use crate::output::{diagnostics, json as json_text, wrap};
use crate::settings::Settings;

/// Of each kind of change so many are listed, unless all are asked for.
const SHOWN_MAX: usize = 20;

/// What loading does, or would do.
#[derive(Debug)]
struct Loaded {
    preview: Preview,
    /// Records that the import doesn't have and that stay.
    kept: usize,
    /// Why it would be refused; what was wrong before is nobody's doing.
    refused: Vec<Diagnostic>,
    /// The change set, if it was made.
    committed: Option<Committed>,
}

/// Loads the records of an import into the database that is named.
pub(super) fn run(
    arguments: &ImportArguments,
    url: &str,
    imported: &Bundle,
    settings: &Settings,
) -> Result<Answer, Failure> {
    // What would change in a database that isn't there is told without making it.
    let is_new = arguments.dry_run && database::missing(url).is_some();
    let opened = if is_new { "sqlite::memory:" } else { url };
    let loaded = database::made(opened, async |journal| load(journal, imported, arguments).await)?;
    let exit = if loaded.refused.is_empty() { Exit::Fine } else { Exit::BadInput };
    let text = if settings.output.json {
        json_text::text(&loaded_json(&loaded, settings))
    } else {
        told(&loaded, arguments, &database::shown(url), settings)
    };
    Ok(Answer { exit, ..Answer::fine(text) })
}

async fn load(
    journal: &Journal,
    imported: &Bundle,
    arguments: &ImportArguments,
) -> Result<Loaded, Failure> {
    let snapshot = journal.current();
    let edits = snapshot.bundle.edits_to(imported);
    let (edits, removals): (Vec<Edit>, Vec<Edit>) =
        edits.into_iter().partition(|edit| arguments.remove || edit.after.is_some());
    let is_record = |edit: &&Edit| edit.key != RecordKey::Settings;
    let kept = removals.iter().filter(is_record).count();
    let preview = journal.preview(&edits);
    let refused = news(&snapshot, &preview);
    let mut loaded = Loaded { preview, kept, refused, committed: None };
    if arguments.dry_run || edits.is_empty() || !loaded.refused.is_empty() {
        return Ok(loaded);
    }
    let edits = edits.into_iter().map(|edit| {
        let expected = snapshot.version(&edit.key).map_or(Expected::Absent, Expected::Version);
        VersionedEdit { edit, expected }
    });
    let why = arguments.why.clone();
    let request = CommitRequest {
        who: Actor::System,
        at: Timestamp::now(),
        why: Some(why.unwrap_or_else(|| format!("Imported {}", arguments.file.display()))),
        edits: edits.collect(),
        idempotency: None,
    };
    match journal.commit(request).await {
        Ok(committed) => loaded.committed = Some(committed),
        Err(CommitError::Refused(told)) => loaded.refused = told,
        Err(CommitError::Nothing) => {}
        Err(CommitError::Conflict(_)) => {
            let told = "others changed the same records meanwhile, so nothing was imported; look at \
                        the changes with --dry-run, and import again";
            return Err(anyhow!(told).into());
        }
        Err(error @ CommitError::Store(_)) => {
            return Err(anyhow::Error::from(error).context("nothing was imported").into());
        }
    }
    Ok(loaded)
}

/// The errors that a product would have and hasn't now.
fn news(before: &Snapshot, preview: &Preview) -> Vec<Diagnostic> {
    let is_known = |told: &&Diagnostic| {
        before.diagnostics.iter().any(|it| (it.code, &it.message) == (told.code, &told.message))
    };
    let errors = preview.diagnostics.iter().filter(|told| told.is_error());
    errors.filter(|told| !is_known(told)).cloned().collect()
}

fn told(
    loaded: &Loaded,
    arguments: &ImportArguments,
    database: &str,
    settings: &Settings,
) -> String {
    let mut text = String::new();
    let Preview { added, changed, removed, .. } = &loaded.preview;
    let all = settings.output.all;
    text.push_str(&listed("Added", &paint(GOOD, "+"), added, all, |_| String::new()));
    text.push_str(&listed("Changed", &paint(CAREFUL, "~"), changed, all, lines));
    text.push_str(&listed("Removed", &paint(BAD, "−"), removed, all, |_| String::new()));
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&outcome(loaded, arguments, database, settings));
    text.trim_start_matches('\n').to_owned()
}

fn outcome(
    loaded: &Loaded,
    arguments: &ImportArguments,
    database: &str,
    settings: &Settings,
) -> String {
    let width = settings.output.width;
    let Preview { added, changed, removed, .. } = &loaded.preview;
    let number = added.len() + changed.len() + removed.len();
    let records = count(number, "record", "records");
    let kept = match loaded.kept {
        0 => String::new(),
        kept => wrap::paragraph(
            &format!(
                "{} of the database {} not in the import and {} as {}; --remove removes {}.",
                count(kept, "record", "records"),
                if kept == 1 { "is" } else { "are" },
                if kept == 1 { "stays" } else { "stay" },
                if kept == 1 { "it is" } else { "they are" },
                if kept == 1 { "it" } else { "them" },
            ),
            "",
            "",
            width,
        ),
    };
    if !loaded.refused.is_empty() {
        return format!(
            "{}{}\nNothing was imported: the product would have errors.\n",
            diagnostics::list(&loaded.refused, &settings.output),
            diagnostics::summary(&loaded.refused),
        );
    }
    let done = match &loaded.committed {
        _ if number == 0 => "Nothing differs.\n".to_owned(),
        None if arguments.dry_run => {
            format!("{records} would change in {}; nothing was.\n", bold(database))
        }
        None => "Nothing was imported.\n".to_owned(),
        Some(committed) => format!(
            "Imported {records} into {} as change set {}.\nNext: {}\n",
            bold(database),
            committed.sequence,
            command(&format!("longlead plan --database {database}")),
        ),
    };
    format!("{done}{kept}")
}

fn listed(
    title: &str,
    sign: &str,
    items: &[PreviewItem],
    all: bool,
    detail: impl Fn(&PreviewItem) -> String,
) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut text = heading(&format!("{title} ({})", items.len()));
    let most = if all { items.len() } else { SHOWN_MAX };
    for item in items.iter().take(most) {
        let name = item.title.as_deref().map_or(String::new(), |title| format!("  {}", dim(title)));
        text.push_str(&format!("  {sign} {}{name}\n", wrap::harmless(&item.key.to_string())));
        text.push_str(&detail(item));
    }
    let rest = items.len().saturating_sub(most);
    if rest > 0 {
        text.push_str(&format!("    {}\n", dim(&format!("… and {rest} more; --all shows all"))));
    }
    text
}

/// The lines of a record that went, and those that came.
fn lines(item: &PreviewItem) -> String {
    let (before, after) =
        (item.before.as_deref().unwrap_or_default(), item.after.as_deref().unwrap_or_default());
    let only = |of: &str, other: &str, sign: &str| -> String {
        let gone = of.lines().filter(|line| !other.lines().any(|it| it == *line));
        gone.map(|line| format!("      {}\n", dim(&format!("{sign} {line}")))).collect()
    };
    only(before, after, "−") + &only(after, before, "+")
}

fn loaded_json(loaded: &Loaded, settings: &Settings) -> Json {
    let items = |items: &[PreviewItem]| -> Vec<Json> {
        let one = |item: &PreviewItem| {
            json!({
                "key": item.key.to_string(),
                "title": item.title,
                "before": item.before,
                "after": item.after,
            })
        };
        items.iter().map(one).collect()
    };
    let mut value = diagnostics::json(&loaded.refused, &settings.output);
    value["added"] = items(&loaded.preview.added).into();
    value["changed"] = items(&loaded.preview.changed).into();
    value["removed"] = items(&loaded.preview.removed).into();
    value["kept"] = loaded.kept.into();
    value["sequence"] = loaded.committed.as_ref().map(|it| it.sequence.get()).into();
    value
}
