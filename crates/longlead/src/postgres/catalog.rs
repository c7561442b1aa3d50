//! What psql asks of the catalog of a PostgreSQL server when it lists tables and describes one. There
//! is no such catalog here: these few questions are recognised and answered from the tables that
//! the asker sees. Whatever else is asked of `pg_catalog` has no rows.

use std::collections::BTreeSet;

use super::value::type_name;

/// Where tables come from: schema, table, column and type, in order.
pub(super) const COLUMNS: &str = "SELECT table_schema, table_name, column_name, data_type \
     FROM information_schema.columns WHERE table_schema <> 'information_schema' \
     ORDER BY table_schema, table_name, ordinal_position";

/// A table with names and types of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) columns: Vec<(String, &'static str)>,
}

/// An answer from the catalog: names of columns, and rows of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

impl Relation {
    /// The number by which psql names it from one question to the next. It follows from its name,
    /// so that it stays what it is while tables come and go.
    fn oid(&self) -> u32 {
        let bytes = self.schema.bytes().chain([b'.']).chain(self.name.bytes());
        let hash = bytes
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        // Numbers below are PostgreSQL's own; those above a thousand million may be taken as signed.
        16_384 + (hash & 0x3fff_ffff)
    }
}

/// Whether a question is one of the catalog.
pub(super) fn is_asked(sql: &str) -> bool {
    ["FROM pg_catalog.", "JOIN pg_catalog."].iter().any(|it| sql.contains(it))
}

/// The tables of rows as [`COLUMNS`] gives them. A table that stands in a schema of its own is
/// listed there, and not where it can be named without one.
pub(super) fn relations(rows: impl Iterator<Item = [String; 4]>) -> Vec<Relation> {
    let mut relations: Vec<Relation> = Vec::new();
    for [schema, name, column, engine] in rows {
        let column = (column, type_name(&engine));
        match relations.last_mut().filter(|it| it.schema == schema && it.name == name) {
            Some(relation) => relation.columns.push(column),
            None => relations.push(Relation { schema, name, columns: vec![column] }),
        }
    }
    let elsewhere: BTreeSet<(String, usize)> = relations
        .iter()
        .filter(|it| it.schema != "main")
        .map(|it| (it.name.clone(), it.columns.len()))
        .collect();
    relations.retain(|it| {
        it.schema != "main" || !elsewhere.contains(&(it.name.clone(), it.columns.len()))
    });
    relations
}

/// Answers a question of the catalog.
pub(super) fn answer(sql: &str, relations: &[Relation]) -> Found {
    let meant = |relation: &&Relation| {
        fits(sql, "c.relname", &relation.name) && fits(sql, "n.nspname", &relation.schema)
    };
    let of_oid = || {
        let (_, rest) = sql.split_once("oid = '").or_else(|| sql.split_once("attrelid = '"))?;
        let oid: u32 = rest.split('\'').next()?.parse().ok()?;
        relations.iter().find(|it| it.oid() == oid)
    };
    let text = |it: &str| Some(it.to_owned());
    let is_of = |from: &str| sql.contains(&format!("FROM pg_catalog.{from}"));
    if is_of("pg_class c") && sql.contains("as \"Name\"") {
        let is_table = sql.contains("'r'");
        let row =
            |it: &Relation| vec![text(&it.schema), text(&it.name), text("table"), text("longlead")];
        return Found {
            columns: vec!["Schema", "Name", "Type", "Owner"],
            rows: relations.iter().filter(|_| is_table).filter(meant).map(row).collect(),
        };
    }
    if is_of("pg_class c") && sql.trim_start().starts_with("SELECT c.oid,") {
        let row =
            |it: &Relation| vec![Some(it.oid().to_string()), text(&it.schema), text(&it.name)];
        return Found {
            columns: vec!["oid", "nspname", "relname"],
            rows: relations.iter().filter(meant).map(row).collect(),
        };
    }
    if is_of("pg_class c") && sql.contains("c.relchecks") {
        return described(of_oid());
    }
    if is_of("pg_attribute a") && sql.contains("format_type") {
        return attributes(of_oid());
    }
    if is_of("pg_namespace n") && sql.contains("AS \"Name\"") {
        let schemas: BTreeSet<&str> = relations.iter().map(|it| it.schema.as_str()).collect();
        return Found {
            columns: vec!["Name", "Owner"],
            rows: schemas.into_iter().map(|it| vec![text(it), text("longlead")]).collect(),
        };
    }
    Found { columns: vec!["nothing"], rows: Vec::new() }
}

/// What psql wants to know of a table before it asks for its columns.
fn described(relation: Option<&Relation>) -> Found {
    const FACTS: [(&str, &str); 15] = [
        ("relchecks", "0"),
        ("relkind", "r"),
        ("relhasindex", "f"),
        ("relhasrules", "f"),
        ("relhastriggers", "f"),
        ("relrowsecurity", "f"),
        ("relforcerowsecurity", "f"),
        ("relhasoids", "f"),
        ("relispartition", "f"),
        ("?column?", ""),
        ("reltablespace", "0"),
        ("case", ""),
        ("relpersistence", "p"),
        ("relreplident", "d"),
        ("amname", "heap"),
    ];
    let row = |_| FACTS.iter().map(|(_, value)| Some((*value).to_owned())).collect();
    Found {
        columns: FACTS.iter().map(|(name, _)| *name).collect(),
        rows: relation.map(row).into_iter().collect(),
    }
}

fn attributes(relation: Option<&Relation>) -> Found {
    let columns = relation.map_or(&[][..], |it| &it.columns);
    let some = |it: &str| Some(it.to_owned());
    let row = |(name, kind): &(String, &'static str)| {
        vec![some(name), some(kind), None, some("f"), None, some(""), some("")]
    };
    Found {
        columns: vec![
            "attname",
            "format_type",
            "pg_get_expr",
            "attnotnull",
            "attcollation",
            "attidentity",
            "attgenerated",
        ],
        rows: columns.iter().map(row).collect(),
    }
}

/// Whether a name fits the pattern that psql made of what was typed: `^(reading.*)$`.
fn fits(sql: &str, column: &str, name: &str) -> bool {
    let asked = format!("{column} OPERATOR(pg_catalog.~) '^(");
    let Some((_, rest)) = sql.split_once(&asked) else { return true };
    let pattern = rest.split(")$'").next().unwrap_or("");
    // The only wildcards that psql writes are `.*` and `.`.
    let parts: Vec<&str> = pattern.split(".*").collect();
    let (first, last) = (parts.first().copied().unwrap_or(""), parts.last().copied().unwrap_or(""));
    if parts.len() == 1 {
        return name == first;
    }
    let Some(rest) = name.strip_prefix(first) else { return false };
    let mut rest = rest;
    for part in parts.iter().skip(1).take(parts.len().saturating_sub(2)) {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Relation> {
        let row = |it: [&str; 4]| it.map(str::to_owned);
        let rows = [
            row(["main", "features", "id", "Utf8"]),
            row(["main", "readings", "captured", "Timestamp(Microsecond, Some(\"UTC\"))"]),
            row(["main", "readings", "velocity", "Float64"]),
            row(["product", "features", "id", "Utf8"]),
        ];
        relations(rows.into_iter())
    }

    #[test]
    fn a_table_is_listed_once_in_its_own_schema() {
        let names: Vec<(String, String)> =
            known().into_iter().map(|it| (it.schema, it.name)).collect();
        let name = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
        assert_eq!(names, [name("main", "readings"), name("product", "features")]);
    }

    #[test]
    fn a_described_table_is_found_by_the_number_that_was_given() {
        let known = known();
        let find = "SELECT c.oid,\n  n.nspname,\n  c.relname\nFROM pg_catalog.pg_class c\n WHERE \
                    c.relname OPERATOR(pg_catalog.~) '^(readings)$' COLLATE pg_catalog.default";
        let found = answer(find, &known);
        assert_eq!(found.rows.len(), 1);
        let oid = found.rows[0][0].clone().unwrap();
        let columns = format!(
            "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)\n\
             FROM pg_catalog.pg_attribute a\nWHERE a.attrelid = '{oid}'"
        );
        let found = answer(&columns, &known);
        let told: Vec<_> = found.rows.iter().map(|row| row[1].clone().unwrap()).collect();
        assert_eq!(told, ["timestamp with time zone", "double precision"]);
        let nobody = columns.replace(&oid, "1");
        assert_eq!(answer(&nobody, &known).rows.len(), 0);
    }

    #[test]
    fn patterns_are_those_that_psql_writes() {
        for (pattern, name, does) in [
            ("readings", "readings", true),
            ("readings", "reading", false),
            ("read.*", "readings", true),
            (".*ing.*", "readings", true),
            (".*ings", "readings", true),
            ("x.*", "readings", false),
        ] {
            let sql = format!("c.relname OPERATOR(pg_catalog.~) '^({pattern})$'");
            assert_eq!(fits(&sql, "c.relname", name), does, "{pattern} {name}");
        }
    }
}
