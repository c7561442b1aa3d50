//! `longlead restore`: an empty database from a backup.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use longlead_model::{Code, Diagnostic, Place};
use longlead_records::{RestoreError, Restored, restore};
use serde_json::json;

use crate::args::RestoreArguments;
use crate::command::Answer;
use crate::exit::Failure;
use crate::output::json as json_text;
use crate::output::style::{bold, command};
use crate::output::words::{count, minute};
use crate::settings::Settings;
use crate::{database, server};

pub(crate) fn run(arguments: &RestoreArguments, settings: &Settings) -> Result<Answer, Failure> {
    let (path, url) = (&arguments.file, &arguments.of.database);
    let unread = || format!("`{}` can't be read", path.display());
    let file = File::open(path).with_context(unread)?;
    let restored = server::runtime()?.block_on(restore(url, BufReader::new(file)));
    let restored = restored.map_err(|error| failure(error, path, url))?;
    let shown = database::shown(url);
    if settings.output.json {
        let value = json!({
            "database": shown,
            "taken_at": restored.at,
            "change_sets": restored.head.get(),
            "rows": restored.rows,
        });
        return Ok(Answer::fine(json_text::text(&value)));
    }
    Ok(Answer::fine(told(&restored, &shown)))
}

fn told(restored: &Restored, database: &str) -> String {
    let change_sets = usize::try_from(restored.head.get()).unwrap_or(usize::MAX);
    format!(
        "Restored {} into {}, as of {}.\nSessions and one-time links are not part of a backup: \
         everybody signs in again.\nNext: {}\n",
        count(change_sets, "change set", "change sets"),
        bold(database),
        minute(restored.at),
        command(&format!("longlead serve --database {database}")),
    )
}

/// What is wrong with the backup is bad input; what is wrong with the database isn't.
fn failure(error: RestoreError, path: &Path, url: &str) -> Failure {
    let (line, help) = match &error {
        RestoreError::NoBackup => (0, "name a file that `longlead backup` wrote"),
        RestoreError::Newer => (0, "install the version of longlead that wrote it, or a newer one"),
        RestoreError::Damaged { line, .. } => {
            (*line, "nothing of it was kept; take an older backup, or another copy of this one")
        }
        RestoreError::NotEmpty => {
            let told = anyhow!(
                "the database `{}` isn't empty, and a backup never overwrites: name a new one",
                database::shown(url)
            );
            return told.into();
        }
        RestoreError::Open(_) | RestoreError::Read(_) | RestoreError::Store(_) => {
            return anyhow::Error::from(error).context("nothing was restored").into();
        }
    };
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    let place = Place { file: path.to_string_lossy().into_owned(), line, column: 0 };
    Diagnostic::error(Code::UnreadableFile, error.to_string()).at(Some(place)).help(help).into()
}
