//! Databases as commands reach them: the one that is meant must be there, and is closed again.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use longlead_model::{Bundle, Diagnostic};
use longlead_records::Journal;

use crate::exit::Failure;
use crate::server;

/// A database's address as it may be shown.
pub(crate) fn shown(url: &str) -> String {
    longlead_records::without_password(url)
}

/// Does something with a database that is there.
pub(crate) fn with<T>(
    url: &str,
    act: impl AsyncFnOnce(&Journal) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if let Some(file) = missing(url) {
        let told = anyhow!(
            "there is no database `{}`; `longlead import BUNDLE --database {url}` makes one, and so \
             does `longlead serve --database {url}`",
            file.display()
        );
        return Err(told.into());
    }
    made(url, act)
}

/// Does something with a database, and makes it where it isn't there.
pub(crate) fn made<T>(
    url: &str,
    act: impl AsyncFnOnce(&Journal) -> Result<T, Failure>,
) -> Result<T, Failure> {
    server::runtime()?.block_on(async {
        let journal = server::open(url).await?;
        let done = act(&journal).await;
        journal.close().await;
        done
    })
}

/// The product in a database, today or as of an instant, and all that is wrong with it.
pub(crate) fn product(
    url: &str,
    at: Option<Timestamp>,
) -> Result<(Bundle, Vec<Diagnostic>), Failure> {
    with(url, async |journal| {
        let snapshot = match at {
            Some(at) => journal.as_of(at).await.context("its history can't be read")?,
            None => journal.current().as_ref().clone(),
        };
        if snapshot.head.get() == 0 {
            return Err(empty(journal, &shown(url), at).into());
        }
        Ok((snapshot.bundle.as_ref().clone(), snapshot.diagnostics.as_ref().clone()))
    })
}

/// Why there is nothing to read.
fn empty(journal: &Journal, url: &str, at: Option<Timestamp>) -> anyhow::Error {
    match at.filter(|_| journal.current().head.get() > 0) {
        Some(at) => anyhow!(
            "the database `{url}` had no records yet at {at}; leave --at out for those of today"
        ),
        None => anyhow!(
            "the database `{url}` has no records; `longlead import BUNDLE --database {url}` loads \
             some"
        ),
    }
}

/// The file of a database that isn't there. Opening it would make an empty one, which is nothing
/// to read from: more likely its name is misspelt.
pub(crate) fn missing(url: &str) -> Option<PathBuf> {
    let address = url.strip_prefix("sqlite:")?;
    let path = address.strip_prefix("//").unwrap_or(address).split('?').next()?;
    // What is written with escapes is left to the database.
    let is_file = path != ":memory:" && !path.contains('%');
    let file = PathBuf::from(path);
    (is_file && !file.exists()).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_are_not_there_are_missing() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there.db");
        std::fs::write(&there, "").unwrap();
        let there = there.to_str().unwrap();
        for (url, is_missing) in [
            (format!("sqlite:{there}"), false),
            (format!("sqlite://{there}?mode=rwc"), false),
            (format!("sqlite:{there}.not"), true),
            ("sqlite::memory:".to_owned(), false),
            ("postgres://me@db/it".to_owned(), false),
            ("longlead.db".to_owned(), false),
        ] {
            assert_eq!(missing(&url).is_some(), is_missing, "{url}");
        }
    }
}
