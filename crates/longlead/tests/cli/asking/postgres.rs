//! The SQL door, as psql and a library of another make meet it.

use std::path::PathBuf;
use std::process::{Command, Output};

use sqlx::{Connection as _, Executor as _, Row as _};

use super::Asked;

pub(super) const RECORDS: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
fields = [{ name = "temperature", unit = "Cel" }, { name = "uptime", kind = "counter", unit = "s" }]

[[team]]
id = "firmware"
title = "Firmware"
capacity = 2
"#;

pub(super) const USER: &str = "me@doorbell.example";

fn started(arguments: &[&str]) -> (Asked, String) {
    let asked = Asked::start(RECORDS, &[&["--sql", "127.0.0.1:0"], arguments].concat());
    let port = port_of(&asked);
    send_readings(&asked);
    (asked, port)
}

/// The port at which it is asked in SQL.
pub(super) fn port_of(asked: &Asked) -> String {
    let told = asked.told.iter().find_map(|it| it.split_once("ask in SQL at ")).expect("a door").1;
    told.trim_end_matches('.').rsplit(':').next().unwrap().to_owned()
}

/// Fifty readings of two devices.
pub(super) fn send_readings(asked: &Asked) {
    let readings: Vec<String> = (0..50)
        .map(|it| {
            format!(
                r#"{{"device":"CT-{}","boot":7,"sequence":{it},"time":"2026-01-01T00:{it:02}:00Z","temperature":{}.5,"uptime":{it}}}"#,
                it % 2,
                it
            )
        })
        .collect();
    let (status, told) =
        asked.send("/ingest/v1/climate", "application/x-ndjson", readings.join("\n"));
    assert_eq!(status, 200, "{told}");
}

/// psql of this machine, or a note that there is none.
#[expect(clippy::print_stdout, reason = "a case that was left out says so")]
fn psql() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok();
    let mut found: Vec<PathBuf> = versions
        .into_iter()
        .flatten()
        .filter_map(|it| Some(it.ok()?.path().join("bin/psql")))
        .filter(|it| it.exists())
        .collect();
    found.sort();
    let is_required = std::env::var("LONGLEAD_REQUIRE").is_ok_and(|it| it == "all");
    assert!(!found.is_empty() || !is_required, "psql is required");
    if found.is_empty() {
        println!("skipped: there is no psql");
    }
    found.pop()
}

fn ask(psql: &PathBuf, port: &str, user: &str, password: &str, commands: &[&str]) -> Output {
    let mut command = Command::new(psql);
    command
        .args(["--no-psqlrc", "--host", "127.0.0.1", "--port", port, "--username", user])
        .args(["--dbname", "longlead", "--no-align", "--tuples-only"])
        .env("PGPASSWORD", password)
        .env("PGCONNECT_TIMEOUT", "20");
    for it in commands {
        command.args(["--command", it]);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn psql_lists_describes_asks_and_is_told_what_is_wrong() {
    let Some(psql) = psql() else { return };
    let (asked, port) = started(&[]);
    let ask = |commands: &[&str]| {
        let output = self::ask(&psql, &port, USER, &asked.token, commands);
        (text(&output.stdout), text(&output.stderr))
    };
    let (told, wrong) = ask(&[
        "SELECT device, count(*), max(captured), max(boot), sum(temperature) FROM climate \
         GROUP BY device ORDER BY device",
        "SELECT title, capacity FROM product.teams; SELECT true, NULL, DATE '2026-03-01'",
        "SHOW timezone",
        "BEGIN; SELECT 1; COMMIT",
    ]);
    assert_eq!(wrong, "");
    let expected = "CT-0|25|2026-01-01 00:48:00+00|7|612.5\nCT-1|25|2026-01-01 00:49:00+00|7|637.5\n\
                    Firmware|2\nt||2026-03-01\nUTC\nBEGIN\n1\nCOMMIT\n";
    assert_eq!(told, expected);

    let (told, wrong) = ask(&["\\dt", "\\d climate", "\\dn"]);
    assert_eq!(wrong, "");
    for line in [
        "main|climate|table|longlead",
        "main|quarantine|table|longlead",
        "main|devices|table|longlead",
        "product|teams|table|longlead",
        "captured|timestamp with time zone|||",
        "temperature|double precision|||",
        "boot|numeric|||",
        "product|longlead",
    ] {
        assert!(told.lines().any(|it| it == line), "{line} in {told}");
    }

    for (sql, code) in [
        ("SELEC 1", "ERROR:"),
        ("SELECT * FROM nothing", "nothing"),
        ("DELETE FROM climate", "only SELECT"),
        ("DROP TABLE climate", "only SELECT"),
        ("SELECT 1; SELECT nothing; SELECT 2", "nothing"),
    ] {
        let (told, wrong) = ask(&[sql]);
        assert!(wrong.contains("ERROR:") && wrong.contains(code), "{sql}: {told} {wrong}");
        assert!(!told.lines().any(|it| it == "2"), "{sql}: {told}");
    }
}

#[test]
fn only_who_may_ask_on_the_page_may_ask_here() {
    let Some(psql) = psql() else { return };
    let (asked, port) = started(&[]);
    let password = "correct horse battery";
    for (user, secret, told) in [
        (USER, asked.token.as_str(), ""),
        (USER, password, ""),
        ("ME@doorbell.example", asked.token.as_str(), ""),
        ("you@doorbell.example", asked.token.as_str(), "don't belong together"),
        (USER, "longlead_wrong", "don't belong together"),
        (USER, "wrong", "don't belong together"),
    ] {
        let output = ask(&psql, &port, user, secret, &["SELECT count(*) FROM climate"]);
        match told {
            "" => assert_eq!(text(&output.stdout), "50\n", "{}", text(&output.stderr)),
            told => {
                assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
                assert_eq!(text(&output.stdout), "");
            }
        }
    }
}

#[test]
fn a_library_prepares_binds_and_reads_binary_values() {
    let (asked, port) = started(&[]);
    asked.runtime.block_on(async {
        let options = sqlx::postgres::PgConnectOptions::new()
            .host("127.0.0.1")
            .port(port.parse().unwrap())
            .username(USER)
            .password(&asked.token)
            .ssl_mode(sqlx::postgres::PgSslMode::Prefer);
        let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
        let sql = "SELECT device, captured, temperature, uptime, temperature > 10 AS warm \
                   FROM climate WHERE device = $1 AND temperature >= $2 ORDER BY captured";
        let rows = sqlx::query(sql).bind("CT-1").bind(20.0_f64);
        let rows = rows.fetch_all(&mut connection).await.unwrap();
        assert_eq!(rows.len(), 15);
        assert_eq!(rows[0].get::<&str, _>(0), "CT-1");
        assert_eq!(rows[0].get::<f64, _>(2), 21.5);
        assert_eq!(rows[0].get::<i64, _>(3), 21);
        assert!(rows[0].get::<bool, _>("warm"));
        // An error ends the statement and not the connection.
        let wrong = connection.fetch_all("SELECT * FROM nowhere").await.unwrap_err();
        let wrong = wrong.into_database_error().expect("the server tells it");
        assert_eq!(wrong.code().as_deref(), Some("42P01"), "{wrong}");
        let mut transaction = connection.begin().await.unwrap();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM climate")
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        assert_eq!(count, 50);
        transaction.rollback().await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn without_tls_the_door_opens_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("longlead.db").display());
    let lake = folder.path().join("lake").to_string_lossy().into_owned();
    let any = "127.0.0.1:0";
    let output = crate::run(&[
        "serve",
        "--database",
        &url,
        "--listen",
        any,
        "--lake",
        &lake,
        "--devices-http",
        any,
        "--devices-mqtt",
        any,
        "--sql",
        "0.0.0.0:0",
    ]);
    assert_eq!(crate::code(&output), 3, "{}", crate::stderr(&output));
    assert!(crate::stderr(&output).contains("unencrypted"), "{}", crate::stderr(&output));
    let output = crate::run(&["serve", "--database", &url, "--listen", any, "--sql", any]);
    assert_eq!(crate::code(&output), 64, "{}", crate::stderr(&output));
}

#[test]
fn with_a_certificate_only_encrypted_connections_are_taken() {
    let Some(psql) = psql() else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = folder.path().join("chain.pem").to_string_lossy().into_owned();
    let key = folder.path().join("key.pem").to_string_lossy().into_owned();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (asked, port) = started(&["--tls-certificate", &certificate, "--tls-key", &key]);
    for (mode, expected) in [("verify-full", "50\n"), ("disable", "")] {
        let output = Command::new(&psql)
            .args(["--no-psqlrc", "--tuples-only", "--no-align"])
            .args(["--command", "SELECT count(*) FROM climate"])
            .arg(format!(
                "host=127.0.0.1 port={port} user={USER} dbname=longlead sslmode={mode} \
                 sslrootcert={certificate}"
            ))
            .env("PGPASSWORD", &asked.token)
            .output()
            .unwrap();
        let wrong = text(&output.stderr);
        assert_eq!(text(&output.stdout), expected, "{mode}: {wrong}");
        assert_eq!(wrong.contains("encrypted connections only"), mode == "disable", "{wrong}");
    }
}
