//! The SQL page: what it proposes, and what it shows to whom.

use longlead_records::people::Scope;

use super::Asked;

const RECORDS: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
fields = [{ name = "temperature", unit = "Cel" }]

[[team]]
id = "firmware"
title = "Firmware"
capacity = 2

[[milestone]]
id = "fair"
title = "The fair"
target = 2027-03-01
"#;

/// The addresses of links to questions in a page.
fn questions(page: &str) -> Vec<String> {
    let links = page.split("href=\"/sql?q=").skip(1);
    links.map(|it| it.split('"').next().unwrap().replace("&amp;", "&")).collect()
}

#[test]
fn every_question_that_the_page_proposes_is_answered() {
    let asked = Asked::start(RECORDS, &[]);
    // One is of now, the other of a clock that was never set.
    let now = jiff::Timestamp::now();
    for time in [now.to_string().as_str(), "1970-01-01T00:01:00Z"] {
        let reading = format!(r#"{{"device":"CT-1","time":"{time}","temperature":4.5}}"#);
        let (status, told) = asked.send("/ingest/v1/climate", "application/json", reading);
        assert_eq!(status, 200, "{told}");
    }
    assert_eq!(asked.ask("SELECT clock FROM climate ORDER BY captured")[0], ["unset"]);
    let (status, page) = asked.get("/sql", &[]);
    assert_eq!(status, 200, "{page}");
    let proposed = questions(&page);
    assert!(proposed.len() >= 7, "{proposed:?}");
    for question in &proposed {
        let (status, page) = asked.get(&format!("/sql?q={question}"), &[]);
        assert_eq!(status, 200, "{question}");
        let told = page.split("role=\"alert\"").nth(1).map(|it| it.chars().take(300).collect());
        assert_eq!(told, None::<String>, "{question}");
        assert!(!page.contains("1970-01-01T"), "{question} is answered from 1970 on");
    }
    for word in ["temperature", "product.teams", "plan.forecast", "time_bucket"] {
        assert!(page.contains(&format!("value=\"{word}\"")), "{word} completes nothing");
    }
}

#[test]
fn records_and_the_plan_join_readings_for_who_may_read_them() {
    let asked = Asked::start(RECORDS, &[]);
    assert_eq!(asked.ask("SELECT title, capacity FROM teams"), [["Firmware", "2"]]);
    let forecast = "SELECT title, target, target - p50 IS NOT NULL FROM plan.forecast";
    assert_eq!(asked.ask(forecast)[0][..2], ["The fair", "2027-03-01"]);
    // What was agreed on can be asked before the first reading, and joined.
    let joined = "SELECT count(c.device) FROM teams LEFT JOIN climate c ON c.device = teams.id";
    assert_eq!(asked.count(joined), 0);
    drop(asked);
    let asked = Asked::start_with(RECORDS, &[], &[Scope::ReadFleet]);
    assert_eq!(asked.count("SELECT count(*) FROM devices"), 0);
    for hidden in ["product.teams", "teams", "plan.forecast", "schedule"] {
        let (status, told) = asked.get("/sql/csv", &[("q", &format!("SELECT * FROM {hidden}"))]);
        assert_eq!(status, 400, "{hidden}: {told}");
        assert!(told.contains("there is no table"), "{hidden}: {told}");
    }
    let (_, page) = asked.get("/sql", &[]);
    for hidden in ["product.teams", "plan.forecast"] {
        assert!(!page.contains(&format!("value=\"{hidden}\"")), "{hidden} is listed");
    }
}

#[test]
fn what_is_wrong_with_a_question_has_a_code_for_programs() {
    let asked = Asked::start(RECORDS, &[]);
    for (sql, code) in [
        ("SELEC 1", "question-wrong"),
        ("SELECT * FROM nothing", "question-unknown-name"),
        ("SELECT nothing FROM climate", "question-unknown-name"),
        ("SELECT no_such_function(1)", "question-unknown-name"),
        ("SELECT 1 / 0", "question-value"),
        ("SELECT CAST('ten' AS INT)", "question-value"),
        ("DROP TABLE climate", "question-not-a-read"),
        (&format!("SELECT 1{}", "+1".repeat(5000)), "question-too-large"),
    ] {
        let (status, told) = asked.get("/sql/csv", &[("q", sql)]);
        let problem: serde_json::Value = serde_json::from_str(&told).expect(&told);
        let sql: String = sql.chars().take(40).collect();
        assert_eq!((status, problem["code"].as_str()), (400, Some(code)), "{sql}: {told}");
    }
}
