//! What the stories need: databases that are thrown away, and changes to make.

mod postgres;

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use longlead_model::{Bundle, Edit, RecordKey, Source};
use longlead_records::people::{By, FirstOwner, People, User};
use longlead_records::{Actor, CommitRequest, Expected, Journal, VersionedEdit};
use sqlx::Connection as _;
use tempfile::TempDir;

/// A database of its own for each story.
pub(crate) struct Database {
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Database {
    pub(crate) fn sqlite() -> Database {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("longlead.db").display());
        Database { url, _folder: Some(folder) }
    }

    /// None where PostgreSQL isn't installed, which is said.
    pub(crate) async fn postgres() -> Option<Database> {
        let url = postgres::database().await?;
        Some(Database { url, _folder: None })
    }

    pub(crate) async fn open(&self) -> Journal {
        Journal::open(&self.url).await.unwrap()
    }

    /// Does to the database what this program never would.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        if self.url.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql("PRAGMA foreign_keys = off").execute(&mut connection).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            let sql = format!("SET session_replication_role = replica; {sql}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

/// Tells each story on both databases.
macro_rules! stories {
    ($($(#[$doc:meta])* $story:ident;)*) => {
        mod sqlite { $(
            $(#[$doc])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(&$crate::world::Database::sqlite()).await;
            }
        )* }
        mod postgres { $(
            $(#[$doc])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                if let Some(database) = $crate::world::Database::postgres().await {
                    super::$story(&database).await;
                }
            }
        )* }
    };
}
pub(crate) use stories;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A Monday morning, so many seconds later.
pub(crate) fn later(seconds: i64) -> Timestamp {
    at("2027-03-01T09:00:00Z") + SignedDuration::from_secs(seconds)
}

pub(crate) fn key(text: &str) -> RecordKey {
    text.parse().unwrap()
}

/// The text of a capability.
pub(crate) fn capability(id: &str, title: &str) -> String {
    format!("id = \"{id}\"\ntitle = \"{title}\"\n")
}

/// A request that changes one record.
pub(crate) fn change(record: &str, after: Option<String>, expected: Expected) -> CommitRequest {
    let edit = Edit { key: key(record), after };
    CommitRequest {
        who: Actor::System,
        at: later(0),
        why: None,
        edits: vec![VersionedEdit { edit, expected }],
        idempotency: None,
    }
}

/// A request that gives the capability `ble` a title.
pub(crate) fn titled(title: &str, expected: Expected) -> CommitRequest {
    change("capability/ble", Some(capability("ble", title)), expected)
}

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) async fn owner(people: &People) -> User {
    let secret = people.first_owner(later(0)).await.unwrap().unwrap();
    let owner = FirstOwner {
        email: "Ada@example.com".to_owned(),
        name: "Ada".to_owned(),
        organisation: "Cold Track".to_owned(),
    };
    let client = "192.0.2.1";
    people.accept_first_owner(secret.expose(), &owner, PASSWORD, later(1), client).await.unwrap()
}

pub(crate) fn by(user: &User, seconds: i64) -> By {
    By { who: Actor::User(user.id), at: later(seconds), client: "192.0.2.1".to_owned() }
}

/// The sample product.
pub(crate) fn coldtrack() -> Bundle {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/coldtrack");
    let mut files = Vec::new();
    collect(&folder, &mut files);
    files.sort();
    let source = |path: &PathBuf| Source {
        name: path.strip_prefix(&folder).unwrap().display().to_string(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    let sources: Vec<Source> = files.iter().map(source).collect();
    let (bundle, diagnostics) = Bundle::load(&sources);
    assert!(diagnostics.iter().all(|told| told.severity == longlead_model::Severity::Warning));
    bundle
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false if path.extension().is_some_and(|end| end == "toml") => files.push(path),
            false => {}
        }
    }
}

/// A request that leads from one product to another.
pub(crate) fn import(from: &Bundle, to: &Bundle) -> CommitRequest {
    let edit = |edit| VersionedEdit { edit, expected: Expected::Any };
    CommitRequest {
        edits: from.edits_to(to).into_iter().map(edit).collect(),
        why: Some("The product as it was planned before".to_owned()),
        ..change("settings", None, Expected::Any)
    }
}
