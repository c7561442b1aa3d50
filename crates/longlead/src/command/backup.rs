//! `longlead backup`: all that a database holds, in one file.

use std::io::BufWriter;

use anyhow::Context as _;
use jiff::Timestamp;
use longlead_records::people::{AuditEvent, By};
use longlead_records::{Actor, Journal};
use serde_json::json;

use crate::args::BackupArguments;
use crate::command::Answer;
use crate::exit::Failure;
use crate::output::json as json_text;
use crate::output::style::{bold, dim};
use crate::output::words::count;
use crate::settings::Settings;
use crate::{database, file};

pub(crate) fn run(arguments: &BackupArguments, settings: &Settings) -> Result<Answer, Failure> {
    let (rows, change_sets) = database::with(&arguments.of.database, async |journal| {
        let rows = back_up(journal, arguments).await?;
        Ok((rows, journal.current().head.get()))
    })?;
    let path = arguments.file.to_string_lossy();
    if settings.output.json {
        let value = json!({ "written": [path], "rows": rows, "change_sets": change_sets });
        return Ok(Answer::fine(json_text::text(&value)));
    }
    let change_sets =
        count(usize::try_from(change_sets).unwrap_or(usize::MAX), "change set", "change sets");
    let care = "It holds the hashes of passwords and tokens: keep it as you keep the database.";
    Ok(Answer::fine(format!("Wrote {}: {change_sets}.\n{}\n", bold(&path), dim(care))))
}

async fn back_up(journal: &Journal, arguments: &BackupArguments) -> Result<u64, Failure> {
    let path = &arguments.file;
    let now = Timestamp::now();
    let mut file = file::private(path)?;
    let written = journal.backup(now, BufWriter::new(file.as_file_mut())).await;
    let rows = written.with_context(|| format!("`{}` can't be written", path.display()))?;
    file::keep(file, path, arguments.force)?;
    let by = By { who: Actor::System, at: now, client: String::new() };
    let audited = journal.people().append_audit(&by, AuditEvent::BackupTaken, "command line").await;
    audited.context("the backup is written, but the audit log can't be")?;
    Ok(rows)
}
