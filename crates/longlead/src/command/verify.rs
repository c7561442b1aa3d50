//! `longlead verify`: whether a journal is what was written.

use longlead_records::{Journal, OpenError, Sequence, Snapshot, StoreError};
use serde_json::json;

use crate::args::VerifyArguments;
use crate::command::Answer;
use crate::exit::{Exit, Failure};
use crate::output::style::{BAD, GOOD, bold, command, paint};
use crate::output::words::{count, minute};
use crate::output::{json as json_text, wrap};
use crate::settings::Settings;
use crate::{database, server};

/// The first change set that isn't what was written.
struct Damage {
    sequence: Sequence,
    what: &'static str,
}

pub(crate) fn run(arguments: &VerifyArguments, settings: &Settings) -> Result<Answer, Failure> {
    let url = &arguments.of.database;
    if database::missing(url).is_some() {
        // Told as anywhere else.
        database::with(url, async |_| Ok(()))?;
    }
    // Opening reads the whole journal and verifies it.
    let verified = server::runtime()?.block_on(async {
        let journal = Journal::open(url).await?;
        let snapshot = journal.current().as_ref().clone();
        journal.close().await;
        Ok(snapshot)
    });
    let shown = database::shown(url);
    match verified {
        Ok(snapshot) => Ok(intact(&snapshot, &shown, settings)),
        Err(OpenError::Store(StoreError::Damaged { sequence, what })) => {
            Ok(damaged(&Damage { sequence, what }, &shown, settings))
        }
        Err(error) => {
            let told = format!("the database `{shown}` can't be opened");
            Err(anyhow::Error::from(error).context(told).into())
        }
    }
}

fn intact(snapshot: &Snapshot, database: &str, settings: &Settings) -> Answer {
    let head = snapshot.head.get();
    if settings.output.json {
        let value = json!({
            "database": database,
            "intact": true,
            "change_sets": head,
            "last_at": snapshot.at,
        });
        return Answer::fine(json_text::text(&value));
    }
    let change_sets =
        count(usize::try_from(head).unwrap_or(usize::MAX), "change set", "change sets");
    let last = snapshot.at.map_or(String::new(), |at| format!(", the last of {}", minute(at)));
    let mut text = format!("{} {change_sets}, none altered or missing{last}\n", paint(GOOD, "✓"));
    let limit = "Someone who may write to the database and recomputes every checksum stays unseen: \
                 compare with a backup that they can't reach.";
    text.push_str(&wrap::paragraph(limit, "  ", "  ", settings.output.width));
    Answer::fine(text)
}

fn damaged(damage: &Damage, database: &str, settings: &Settings) -> Answer {
    let Damage { sequence, what } = damage;
    let text = if settings.output.json {
        let value = json!({
            "database": database,
            "intact": false,
            "sequence": sequence.get(),
            "what": what,
        });
        json_text::text(&value)
    } else {
        let mend = "What was committed before it is as it was written. Restore the last backup that \
                    verifies into a new database, and find out who could write to this one:";
        format!(
            "{} change set {} is damaged: {what}\n{}  {}\n",
            paint(BAD, "✗"),
            bold(&sequence.to_string()),
            wrap::paragraph(mend, "  ", "  ", settings.output.width),
            command("longlead restore FILE --database URL"),
        )
    };
    Answer { exit: Exit::BadInput, ..Answer::fine(text) }
}
