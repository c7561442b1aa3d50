//! Records and the plan as tables, for questions in SQL: `product.features`, `plan.forecast`.
//!
//! Each kind of record is a table, named as several of it are called, with a column for each field.
//! Fields that hold more than one value are JSON. A question gets the tables that it names, with
//! what its asker may read and nothing else.

use jiff::civil::Date;
use longlead_model::{Bundle, Kind, RecordKey};
use longlead_records::people::Scope;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::reader::Seen;
use crate::rights::Needs;
use crate::telemetry::{FactColumn, FactTable};

/// The schema of the records' tables.
const PRODUCT: &str = "product";
/// The schema of the plan's tables.
const PLAN: &str = "plan";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Text,
    Float,
    Integer,
    Bool,
    Date,
}

use Holds::{Bool, Date as Day, Float, Text};

/// When milestones, releases and launches are reached.
const FORECAST: &[(&str, Holds)] = &[
    ("id", Text),
    ("title", Text),
    ("role", Text),
    ("target", Day),
    ("p10", Day),
    ("p50", Day),
    ("p80", Day),
    ("p90", Day),
    ("on_time", Float),
    ("confidence", Float),
    ("state", Text),
    ("unreachable", Bool),
];

/// When activities happen.
const SCHEDULE: &[(&str, Holds)] = &[
    ("id", Text),
    ("title", Text),
    ("role", Text),
    ("band", Text),
    ("product", Text),
    ("early_start", Day),
    ("early_finish", Day),
    ("late_start", Day),
    ("late_finish", Day),
    ("total_float", Float),
    ("critical", Bool),
    ("criticality", Float),
    ("contribution_days", Float),
    ("start_p50", Day),
    ("finish_p50", Day),
    ("finish_p80", Day),
    ("finish_p90", Day),
    ("finished", Bool),
];

/// A table that may be asked: its name with the schema, and its columns.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) columns: Vec<(String, &'static str)>,
}

/// The tables that a question names, as far as its asker may read them.
pub(crate) fn facts(seen: &Seen, sql: &str) -> Vec<FactTable> {
    let asked = Words::of(sql);
    let mut tables = Vec::new();
    if may(seen, Needs::ReadRecords) {
        let kinds = Kind::ALL.iter().filter(|kind| asked.has(kind.table()));
        tables.extend(kinds.map(|kind| records(seen.bundle(), *kind)));
    }
    if may(seen, Needs::ReadInsights)
        && let Ok(forecast) = seen.forecast()
    {
        if asked.has("forecast") {
            tables.push(table(PLAN, "forecast", FORECAST, json_of(&forecast.milestones)));
        }
        if asked.has("schedule") {
            tables.push(table(PLAN, "schedule", SCHEDULE, json_of(&forecast.activities)));
        }
    }
    tables
}

/// What there is to ask of records and the plan.
pub(crate) fn listed(seen: &Seen) -> Vec<Listed> {
    let of_plan = |name: &str, columns: &[(&str, Holds)]| Listed {
        name: format!("{PLAN}.{name}"),
        columns: columns.iter().map(|(name, holds)| ((*name).to_owned(), sql(*holds))).collect(),
    };
    let of_kind = |kind: &Kind| Listed {
        name: format!("{PRODUCT}.{}", kind.table()),
        columns: columns(*kind).into_iter().map(|(name, holds)| (name, sql(holds))).collect(),
    };
    let mut tables = Vec::new();
    if may(seen, Needs::ReadRecords) {
        tables.extend(Kind::ALL.iter().map(of_kind));
    }
    if may(seen, Needs::ReadInsights) {
        tables.push(of_plan("forecast", FORECAST));
        tables.push(of_plan("schedule", SCHEDULE));
    }
    tables
}

/// Whether the reader may read these: by their role, and with a token by its scopes.
fn may(seen: &Seen, needs: Needs) -> bool {
    let has = |scopes: &[Scope]| needs.scope().is_none_or(|scope| scopes.contains(&scope));
    needs.met_by(seen.reader.user.role) && seen.reader.scopes.as_deref().is_none_or(has)
}

/// The words of a question, by which it is seen which tables it can mean. A question about the
/// tables themselves means all of them.
struct Words {
    words: Vec<String>,
    is_about_tables: bool,
}

impl Words {
    fn of(sql: &str) -> Words {
        let lower = sql.to_lowercase();
        let words = lower.split(|it: char| !it.is_alphanumeric() && it != '_');
        let words: Vec<String> = words.filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let about = ["information_schema", "pg_catalog", "pg_class", "show", "describe"];
        let is_about_tables = words.iter().any(|word| about.contains(&word.as_str()));
        Words { words, is_about_tables }
    }

    fn has(&self, name: &str) -> bool {
        self.is_about_tables || self.words.iter().any(|word| word == name)
    }
}

fn sql(holds: Holds) -> &'static str {
    match holds {
        Holds::Text => "VARCHAR",
        Holds::Float => "DOUBLE",
        Holds::Integer => "BIGINT",
        Holds::Bool => "BOOLEAN",
        Holds::Date => "DATE",
    }
}

/// The columns of a kind, as its schema has its fields.
fn columns(kind: Kind) -> Vec<(String, Holds)> {
    let schema = kind.schema();
    let Some(Json::Object(properties)) = schema.get("properties") else { return Vec::new() };
    let column = |(name, property): (&String, &Json)| (name.clone(), holds(property));
    properties.iter().map(column).collect()
}

fn holds(property: &Json) -> Holds {
    let text = |key: &str| property.get(key).and_then(Json::as_str);
    let has_number = property
        .get("type")
        .and_then(Json::as_array)
        .is_some_and(|types| types.iter().any(|it| it == "number"));
    match (text("type"), text("format"), text("x-form")) {
        (Some("string"), Some("date"), _) => Holds::Date,
        (Some("number"), ..) | (_, _, Some("share")) => Holds::Float,
        (Some("integer"), ..) => Holds::Integer,
        (Some("boolean"), ..) => Holds::Bool,
        _ if has_number => Holds::Float,
        _ => Holds::Text,
    }
}

fn records(bundle: &Bundle, kind: Kind) -> FactTable {
    let rows = bundle.records.ids(kind).into_iter();
    let rows = rows.filter_map(|id| bundle.json(&RecordKey::Record(kind, id.to_owned())));
    let columns = columns(kind);
    let columns: Vec<(&str, Holds)> =
        columns.iter().map(|(name, holds)| (name.as_str(), *holds)).collect();
    table(PRODUCT, kind.table(), &columns, rows.collect())
}

fn json_of<T: Serialize>(rows: &[T]) -> Vec<Json> {
    rows.iter().filter_map(|row| serde_json::to_value(row).ok()).collect()
}

fn table(schema: &str, name: &str, columns: &[(&str, Holds)], rows: Vec<Json>) -> FactTable {
    let none = Map::new();
    let rows: Vec<&Map<String, Json>> =
        rows.iter().map(|row| row.as_object().unwrap_or(&none)).collect();
    let column = |(name, holds): &(&str, Holds)| {
        let values = rows.iter().map(|row| row.get(*name).filter(|it| !it.is_null()));
        ((*name).to_owned(), fact_column(*holds, values))
    };
    let columns = columns.iter().map(column).collect();
    FactTable { schema: schema.to_owned(), name: name.to_owned(), columns }
}

fn fact_column<'a>(holds: Holds, values: impl Iterator<Item = Option<&'a Json>>) -> FactColumn {
    match holds {
        Holds::Text => FactColumn::Text(values.map(|it| it.map(text)).collect()),
        Holds::Float => FactColumn::Float(values.map(|it| it.and_then(float)).collect()),
        Holds::Integer => FactColumn::Integer(values.map(|it| it.and_then(Json::as_i64)).collect()),
        Holds::Bool => FactColumn::Bool(values.map(|it| it.and_then(Json::as_bool)).collect()),
        Holds::Date => FactColumn::Date(values.map(|it| it.and_then(date)).collect()),
    }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number; as a text, it may be a share in per cent.
fn float(value: &Json) -> Option<f64> {
    let Some(text) = value.as_str() else { return value.as_f64() };
    match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok().map(|it| it / 100.0),
        None => text.trim().parse().ok(),
    }
}

fn date(value: &Json) -> Option<Date> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_gets_the_tables_that_it_names() {
        for (sql, name, is_meant) in [
            ("SELECT * FROM features", "features", true),
            ("select * from product.Features f", "features", true),
            ("SELECT * FROM \"features\"", "features", true),
            ("SELECT * FROM my_features", "features", false),
            ("SHOW TABLES", "features", true),
            ("SELECT table_name FROM information_schema.tables", "bom_lines", true),
        ] {
            assert_eq!(Words::of(sql).has(name), is_meant, "{sql}");
        }
    }

    #[test]
    fn the_tables_of_kinds_are_named_as_several_of_them_are_called() {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.table()).collect();
        for name in ["features", "bom_lines", "certificates", "builds", "parts"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        let of = |kind: Kind, name: &str| {
            columns(kind).into_iter().find(|(it, _)| it == name).map(|(_, holds)| holds)
        };
        assert_eq!(of(Kind::Feature, "target"), Some(Holds::Date));
        assert_eq!(of(Kind::Feature, "title"), Some(Holds::Text));
        assert_eq!(of(Kind::Milestone, "confidence"), Some(Holds::Float));
    }

    #[test]
    fn values_come_in_the_type_of_their_column() {
        let columns = [("id", Text), ("share", Float), ("requires", Text), ("on", Day)];
        let rows = vec![
            json!({ "id": "a", "share": "80 %", "requires": { "ram": true }, "on": "2027-03-01" }),
            json!({ "id": "b", "share": 0.5 }),
        ];
        let table = table("product", "things", &columns, rows);
        let day = jiff::civil::date(2027, 3, 1);
        let some = |it: &str| Some(it.to_owned());
        assert_eq!(
            table.columns.into_iter().map(|it| it.1).collect::<Vec<_>>(),
            [
                FactColumn::Text(vec![some("a"), some("b")]),
                FactColumn::Float(vec![Some(0.8), Some(0.5)]),
                FactColumn::Text(vec![some("{\"ram\":true}"), None]),
                FactColumn::Date(vec![Some(day), None]),
            ]
        );
    }
}
