//! Lists of records: filtered, sorted, in pages that stay put while others add and remove.

use std::cmp::Ordering;

use axum::http::HeaderMap;
use axum::response::Response;
use longlead_model::{Kind, RecordKey, nearest};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{CURSOR, IF_NONE_MATCH, LIMIT, any_record};
use crate::api::answer;
use crate::api::json::unprocessable;
use crate::api::newest::Newest;
use crate::api::operation::{Answer, Header, Operation, Parameter, Schemas, of, text};
use crate::api::query::{Named, Query, kind_named};
use crate::problem::Problem;
use crate::reader::Seen;

/// A kind of record, and how many the reader sees.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KindCount {
    /// The kind, as paths name it.
    kind: String,
    /// What it is.
    what: String,
    /// Its fields, in the order in which they are written.
    fields: Vec<String>,
    /// How many records of it there are.
    count: usize,
    /// Whether you may add one.
    may_add: bool,
}

pub(crate) const LIST_KINDS: Operation = Operation {
    id: "listKinds",
    summary: "The kinds of records",
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "Every kind.", of::<Vec<KindCount>>)
        .with(&[Header::ETag, Header::Sequence])],
    ..Operation::NEW
};

pub(crate) async fn list_kinds(
    Newest(seen): Newest,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kinds = Kind::ALL.iter().map(|kind| KindCount {
        kind: kind.as_str().to_owned(),
        what: kind.doc().trim().to_owned(),
        fields: kind.fields().iter().map(|field| (*field).to_owned()).collect(),
        count: seen.bundle().records.ids(*kind).len(),
        may_add: seen.may_add(*kind),
    });
    answer::insight(&seen, &headers, &kinds.collect::<Vec<_>>())
}

pub(crate) const LIST: Operation = Operation {
    id: "listRecords",
    summary: "List the records of a kind",
    description: "Every field of the kind is a filter as well: `?supplier=dist-eu`, \
                  `?provides.ble=true`; a list matches if one of its items does, an empty value \
                  matches what isn't set. Pages are stable: what others add or remove meanwhile \
                  neither repeats nor hides what is on later pages.",
    query: &[
        Parameter::new("q", text, "Only records that have this text in any field."),
        Parameter::new(
            "sort",
            text,
            "Fields, joined by commas, each with a `-` before it to sort downwards: \
             `-lifecycle,title`. By id unless told.",
        ),
        LIMIT,
        CURSOR,
    ],
    fields_in_query: true,
    headers: &[IF_NONE_MATCH],
    answers: &[
        Answer::new(200, "A page of records.", page_schema).with(&[Header::ETag, Header::Sequence])
    ],
    refusals: &[(404, "There is no such kind.")],
    ..Operation::NEW
};

pub(crate) fn page_schema(schemas: &mut Schemas) -> Json {
    schemas.named("RecordPage", |schemas| {
        let record = any_record(schemas);
        json!({
            "type": "object",
            "required": ["items", "total", "next"],
            "properties": {
                "items": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["id", "version", "record"],
                        "properties": {
                            "id": { "type": "string", "description": "Its id." },
                            "version": {
                                "type": ["integer", "null"],
                                "description": "Its version: the ETag without quotation marks.",
                            },
                            "record": record,
                        },
                    },
                },
                "total": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "How many match, on all pages.",
                },
                "next": {
                    "type": ["string", "null"],
                    "description": "`cursor` of the next page; null on the last.",
                },
            },
        })
    })
}

pub(crate) async fn list(
    Newest(seen): Newest,
    Named(kind): Named<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind = kind_named(&kind)?;
    page_of(&seen, kind, &query, &headers)
}

/// A page of the records of a kind.
pub(crate) fn page_of(
    seen: &Seen,
    kind: Kind,
    query: &Query,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let ask = Ask::of(kind, query)?;
    let ids = seen.bundle().records.ids(kind).into_iter();
    let rows = ids.filter_map(|id| {
        let key = RecordKey::Record(kind, id.to_owned());
        let record = seen.bundle().json(&key)?;
        ask.lets_through(&record)
            .then(|| Row { place: Place { by: ask.values(&record), id: id.to_owned() }, record })
    });
    let mut rows: Vec<Row> = rows.collect();
    rows.sort_by(|one, other| ask.order(&one.place, &other.place));
    let total = rows.len();
    let is_later = |row: &Row| match &ask.after {
        Some(after) => ask.order(&row.place, after) == Ordering::Greater,
        None => true,
    };
    let mut page: Vec<Row> = rows.into_iter().filter(is_later).take(ask.limit + 1).collect();
    let has_more = page.len() > ask.limit;
    page.truncate(ask.limit);
    let next = page.last().filter(|_| has_more).map(|row| row.place.cursor());
    let items = page.into_iter().map(|row| {
        let key = RecordKey::Record(kind, row.place.id.clone());
        let version = seen.outlook.snapshot.version(&key).map(u64::from);
        json!({ "id": row.place.id, "version": version, "record": row.record })
    });
    let items: Vec<Json> = items.collect();
    answer::insight(seen, headers, &json!({ "items": items, "total": total, "next": next }))
}

#[derive(Debug)]
struct Row {
    place: Place,
    record: Json,
}

/// Where a record stands in the list: cursors name it by what it is sorted by, so that they hold
/// even if it is gone.
#[derive(Debug, PartialEq)]
struct Place {
    by: Vec<Json>,
    id: String,
}

impl Place {
    fn cursor(&self) -> String {
        hex::encode(json!([self.by, self.id]).to_string())
    }

    fn of_cursor(cursor: &str, columns: usize) -> Option<Place> {
        let bytes = hex::decode(cursor).ok()?;
        let (by, id): (Vec<Json>, String) = serde_json::from_slice(&bytes).ok()?;
        (by.len() == columns).then_some(Place { by, id })
    }
}

/// What is asked of a list.
#[derive(Debug)]
struct Ask {
    text: Option<String>,
    /// Paths of fields, and what each must be.
    filters: Vec<(String, String)>,
    sort: Vec<(String, bool)>,
    limit: usize,
    after: Option<Place>,
}

const OWN: [&str; 4] = ["q", "sort", "limit", "cursor"];

impl Ask {
    fn of(kind: Kind, query: &Query) -> Result<Ask, Problem> {
        let filters = query.0.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
        let filters: Vec<(String, String)> = filters.cloned().collect();
        for (path, _) in &filters {
            check_field(kind, path)?;
        }
        let mut sort = Vec::new();
        for column in columns(query.one("sort")?) {
            let (path, down) =
                column.strip_prefix('-').map_or((column, false), |path| (path, true));
            check_field(kind, path)?;
            sort.push((path.to_owned(), down));
        }
        let cursor = query.one("cursor")?;
        let after = cursor.map(|cursor| {
            Place::of_cursor(cursor, sort.len())
                .ok_or_else(|| unprocessable("`cursor` doesn't belong to this list"))
        });
        Ok(Ask {
            text: query.one("q")?.map(str::to_lowercase).filter(|text| !text.is_empty()),
            filters,
            sort,
            limit: query.limit()?,
            after: after.transpose()?,
        })
    }

    fn lets_through(&self, record: &Json) -> bool {
        let has_text = self.text.as_deref().is_none_or(|text| has_text(record, text));
        has_text && self.filters.iter().all(|(path, value)| is(field(record, path), value))
    }

    fn values(&self, record: &Json) -> Vec<Json> {
        let values = self.sort.iter().map(|(path, _)| field(record, path));
        values.map(|value| value.cloned().unwrap_or(Json::Null)).collect()
    }

    fn order(&self, one: &Place, other: &Place) -> Ordering {
        let columns = self.sort.iter().zip(one.by.iter().zip(&other.by));
        let mut orders = columns.map(|((_, down), (one, other))| match down {
            true => order(other, one),
            false => order(one, other),
        });
        let first = orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal);
        first.then_with(|| one.id.cmp(&other.id))
    }
}

fn columns(sort: Option<&str>) -> impl Iterator<Item = &str> {
    sort.filter(|sort| !sort.is_empty()).into_iter().flat_map(|sort| sort.split(','))
}

fn check_field(kind: Kind, path: &str) -> Result<(), Problem> {
    let first = path.split('.').next().unwrap_or_default();
    let fields = kind.fields();
    if fields.contains(&first) {
        return Ok(());
    }
    let shown: String = first.chars().take(60).collect();
    let title = format!("A {} has no field `{shown}`", kind.word());
    let known = fields.iter().copied().chain(OWN);
    Err(unprocessable(&title).detail(match nearest(first, known) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => format!("Its fields are {}.", fields.join(", ")),
    }))
}

/// The value at a path of names joined by dots.
fn field<'a>(record: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(record, |value, name| value.get(name))
}

fn is(value: Option<&Json>, told: &str) -> bool {
    match value {
        None | Some(Json::Null) => told.is_empty(),
        Some(Json::String(text)) => text == told,
        Some(Json::Array(items)) => items.iter().any(|item| is(Some(item), told)),
        Some(Json::Object(members)) => members.contains_key(told),
        // As JSON writes it: a number or truth is never equal to a text.
        Some(value) => {
            let written = value.to_string();
            written == told
        }
    }
}

fn has_text(value: &Json, text: &str) -> bool {
    match value {
        Json::String(value) => value.to_lowercase().contains(text),
        Json::Array(items) => items.iter().any(|item| has_text(item, text)),
        Json::Object(members) => members.values().any(|value| has_text(value, text)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Numbers before texts, and what isn't there last.
fn order(one: &Json, other: &Json) -> Ordering {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap_or(0.0), other.as_f64().unwrap_or(0.0));
            one.total_cmp(&other)
        }
        (Json::String(one), Json::String(other)) => one.cmp(other),
        (Json::Bool(one), Json::Bool(other)) => one.cmp(other),
        _ => rank(one).cmp(&rank(other)).then_with(|| one.to_string().cmp(&other.to_string())),
    }
}

fn rank(value: &Json) -> u8 {
    match value {
        Json::Number(_) => 0,
        Json::String(_) => 1,
        Json::Bool(_) => 2,
        Json::Array(_) => 3,
        Json::Object(_) => 4,
        Json::Null => 5,
    }
}
