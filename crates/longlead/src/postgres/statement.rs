//! What a statement asks for: rows of the lake, or something of the session that clients expect.

/// A statement by what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    Empty,
    Begin,
    /// An end of a transaction, and its tag.
    End(&'static str),
    /// Taken without effect: a setting of the session, say. The tag answers it.
    Taken(&'static str),
    /// A setting that is asked for, and its value.
    Shown(&'static str, &'static str),
    /// Lets go of a prepared statement, or of all.
    Deallocate(Option<String>),
    /// Lets go of all that the session holds.
    Discard,
    /// A question to the lake.
    Query(String),
}

/// Settings that clients ask for, as they are here.
const SETTINGS: &[(&str, &str)] = &[
    ("server_version", super::SERVER_VERSION),
    ("server_version_num", "140000"),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("datestyle", "ISO, MDY"),
    ("timezone", "UTC"),
    ("transaction_isolation", "repeatable read"),
    ("transaction isolation level", "repeatable read"),
    ("default_transaction_read_only", "on"),
    ("transaction_read_only", "on"),
    ("search_path", "main"),
    ("max_identifier_length", "63"),
];

/// The statement of a text without `;`.
pub(super) fn statement(sql: &str) -> Statement {
    let plain = without_comments(sql);
    let plain = plain.trim();
    let lower = plain.to_ascii_lowercase();
    let mut words = lower.split_whitespace();
    match words.next().unwrap_or("") {
        "" => Statement::Empty,
        "begin" | "start" => Statement::Begin,
        "commit" | "end" => Statement::End("COMMIT"),
        "rollback" | "abort" => Statement::End("ROLLBACK"),
        "set" => Statement::Taken("SET"),
        "reset" => Statement::Taken("RESET"),
        "discard" => Statement::Discard,
        "deallocate" => Statement::Deallocate(deallocated(plain)),
        "show" => {
            let name = lower.strip_prefix("show").unwrap_or("").trim();
            match SETTINGS.iter().find(|(known, _)| *known == name) {
                Some((name, value)) => Statement::Shown(name, value),
                None => Statement::Query(plain.to_owned()),
            }
        }
        _ => Statement::Query(plain.to_owned()),
    }
}

/// The statement that `DEALLOCATE` names; nothing if it means all.
fn deallocated(sql: &str) -> Option<String> {
    let after = |sql: &str, word: &str| {
        let head = sql.get(..word.len())?;
        let rest = sql.get(word.len()..).filter(|_| head.eq_ignore_ascii_case(word))?;
        let is_word = rest.starts_with(|it: char| it.is_whitespace() || it == '"');
        is_word.then(|| rest.trim_start().to_owned())
    };
    let name = after(sql, "deallocate").unwrap_or_default();
    let name = after(&name, "prepare").unwrap_or(name);
    let quoted = name.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    match quoted {
        Some(quoted) => Some(quoted.replace("\"\"", "\"")),
        None if name.is_empty() || name.eq_ignore_ascii_case("all") => None,
        None => Some(name.to_lowercase()),
    }
}

/// Splits what may be many statements at each `;` that stands in no text and no comment.
pub(super) fn split(sql: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(';') {
            statements.push(sql.get(start..at).unwrap_or(""));
            start = at + 1;
        }
        at += token(rest);
    }
    statements.push(sql.get(start..).unwrap_or(""));
    statements.retain(|it| statement(it) != Statement::Empty);
    statements
}

/// The text without what stands before its first word.
fn without_comments(sql: &str) -> String {
    let mut rest = sql;
    loop {
        rest = rest.trim_start();
        if !(rest.starts_with("--") || rest.starts_with("/*")) {
            return rest.to_owned();
        }
        rest = rest.get(token(rest)..).unwrap_or("");
    }
}

/// Bytes of the text, name or comment that stands first; else those of one character.
fn token(sql: &str) -> usize {
    let until = |from: usize, end: &str| {
        let tail = sql.get(from..).unwrap_or("");
        tail.find(end).map_or(sql.len(), |it| from + it + end.len())
    };
    let mut chars = sql.chars();
    match (chars.next(), chars.next()) {
        (Some('\''), _) => until(1, "'"),
        (Some('"'), _) => until(1, "\""),
        (Some('-'), Some('-')) => until(2, "\n"),
        (Some('/'), Some('*')) => until(2, "*/"),
        (Some('$'), _) => {
            // `$tag$ … $tag$`, and not `$1`.
            let tail = sql.get(1..).unwrap_or("");
            let tag = tail.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(0);
            match tail.get(tag..).is_some_and(|it| it.starts_with('$')) {
                true => until(tag + 2, sql.get(..tag + 2).unwrap_or("$$")),
                false => 1,
            }
        }
        (Some(char), _) => char.len_utf8(),
        (None, _) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_that_stand_in_no_text() {
        for (sql, expected) in [
            ("SELECT 1", &["SELECT 1"][..]),
            ("SELECT 1; SELECT 2;", &["SELECT 1", " SELECT 2"]),
            ("SELECT ';' || \";\"", &["SELECT ';' || \";\""]),
            ("SELECT 'it''s;'; -- a; b\n SELECT 2", &["SELECT 'it''s;'", " -- a; b\n SELECT 2"]),
            ("SELECT $a$;$a$, $1; /* ; */", &["SELECT $a$;$a$, $1"]),
            (" ; ;", &[]),
            ("SELECT 'open;", &["SELECT 'open;"]),
        ] {
            assert_eq!(split(sql), expected, "{sql}");
        }
    }

    #[test]
    fn what_is_of_the_session_is_told_from_questions() {
        let query = |sql: &str| Statement::Query(sql.to_owned());
        for (sql, expected) in [
            ("", Statement::Empty),
            ("-- nothing", Statement::Empty),
            ("BEGIN READ ONLY", Statement::Begin),
            ("/* x */ commit", Statement::End("COMMIT")),
            ("SET application_name = 'x'", Statement::Taken("SET")),
            ("SHOW TimeZone", Statement::Shown("timezone", "UTC")),
            ("SHOW TABLES", query("SHOW TABLES")),
            ("DISCARD ALL", Statement::Discard),
            ("DEALLOCATE ALL", Statement::Deallocate(None)),
            ("deallocate Prepare  S1", Statement::Deallocate(Some("s1".to_owned()))),
            ("DEALLOCATE \"__S \"\"1\"", Statement::Deallocate(Some("__S \"1".to_owned()))),
            ("-- all\nSELECT 1", query("SELECT 1")),
        ] {
            assert_eq!(statement(sql), expected, "{sql}");
        }
    }
}
