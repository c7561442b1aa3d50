//! `longlead backup`: all that a database holds, in one file.

use std::io::{BufReader, BufWriter, Seek as _, Write as _};

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use longlead_records::people::{AuditEvent, By};
use longlead_records::{Actor, Journal, read_backup};
use serde_json::json;

use crate::args::BackupArguments;
use crate::command::Answer;
use crate::exit::Failure;
use crate::output::json as json_text;
use crate::output::style::{bold, dim};
use crate::output::words::count;
use crate::settings::Settings;
use crate::{database, file, server};

pub(crate) fn run(arguments: &BackupArguments, settings: &Settings) -> Result<Answer, Failure> {
    let (rows, change_sets) = match (&arguments.from, &arguments.database) {
        (Some(from), _) => {
            let token = arguments.token.as_deref().unwrap_or_default();
            server::runtime()?.block_on(fetch(from, token, arguments))?
        }
        (None, Some(url)) => database::with(url, async |journal| {
            let rows = back_up(journal, arguments).await?;
            Ok((rows, journal.current().head.get()))
        })?,
        (None, None) => {
            let message = "name what to back up: --database or --from";
            return Err(Failure::Usage(message.to_owned()));
        }
    };
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

/// Takes a backup from a running server; tells its rows and change sets. What was cut off on the
/// way isn't kept.
async fn fetch(
    from: &str,
    token: &str,
    arguments: &BackupArguments,
) -> Result<(u64, u64), Failure> {
    let path = &arguments.file;
    let unreachable = || format!("`{from}` can't be asked for a backup");
    server::install_crypto();
    let client = reqwest::Client::builder().build().with_context(unreachable)?;
    let address = format!("{}/api/v1/backup", from.trim_end_matches('/'));
    let answer = client.get(address).bearer_auth(token).send().await.with_context(unreachable)?;
    let status = answer.status();
    if !status.is_success() {
        return Err(refusal(from, status.as_u16(), &answer.text().await.unwrap_or_default()).into());
    }
    let mut answer = answer;
    let mut file = file::private(path)?;
    let unwritable = || format!("`{}` can't be written", path.display());
    while let Some(chunk) = answer.chunk().await.with_context(unreachable)? {
        file.write_all(&chunk).with_context(unwritable)?;
    }
    file.rewind().with_context(unwritable)?;
    let contents = read_backup(BufReader::new(file.as_file_mut()));
    let contents = contents.with_context(|| format!("what `{from}` sent is no whole backup"))?;
    file::keep(file, path, arguments.force)?;
    Ok((contents.rows, contents.change_sets))
}

/// Why a server gave no backup, in its own words.
fn refusal(from: &str, status: u16, body: &str) -> anyhow::Error {
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    match problem.get("title").and_then(serde_json::Value::as_str) {
        Some(title) => anyhow!("`{from}` gave no backup: {title} ({status})"),
        None => anyhow!("`{from}` gave no backup: it answered {status}"),
    }
}
