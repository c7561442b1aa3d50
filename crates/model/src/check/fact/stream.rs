//! A contract of a stream can be kept: its names serve as names of a table and of columns, and its
//! fields don't contradict themselves.

use std::collections::BTreeMap;

use super::{Facts, item, keys};
use crate::diagnostic::{Code, Diagnostic, shown};
use crate::kind::Kind;
use crate::node::Step;
use crate::quantity::Quantity;
use crate::record::{Contract, ContractField, FieldKind};

/// Columns that every stream has beside its fields.
const OWN_COLUMNS: [&str; 9] = [
    "device", "captured", "received", "clock", "boot", "sequence", "contract", "commit", "unknown",
];

/// Tables that are no streams: what is held back, and the registry of devices. A stream of such a
/// name could not be asked in SQL.
const OWN_TABLES: [&str; 4] = ["quarantine", "devices", "device_versions", "device_events"];

/// Tables of the plan. They, and those of each kind of records, stand in schemas of their own; without
/// its schema a name means a stream first.
const PLAN_TABLES: [&str; 2] = ["forecast", "schedule"];

/// Words that PostgreSQL or DuckDB read as a part of a statement unless they stand in quotes.
const RESERVED_WORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "default",
    "deferrable",
    "desc",
    "describe",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "pivot",
    "placing",
    "primary",
    "qualify",
    "references",
    "returning",
    "select",
    "show",
    "some",
    "summarize",
    "symmetric",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "unpivot",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
    "with",
];

/// What PostgreSQL allows, the narrowest of those that read the tables.
const NAME_LENGTH_MAX: usize = 63;

impl Facts<'_> {
    pub(super) fn contract(&mut self, contract: &Contract) {
        let id = contract.id.as_str();
        if let Some((message, help)) = unfit_name(id, "table", &OWN_TABLES) {
            self.refuse("id", Code::InvalidId, message, &help);
        }
        if is_fact_table(id) {
            let message = format!("`{id}` is a table of the product or its plan in SQL as well");
            let help = format!(
                "rename it, for example to `{id}_told`, and send it as before: sent_as = [\"{id}\"]"
            );
            self.tell(&keys(&["id"]), Diagnostic::warning(Code::DuplicateId, message).help(help));
        }
        self.stream_names(contract);
        for (index, field) in contract.fields.iter().enumerate() {
            self.field(index, field);
        }
        self.field_names(contract);
        self.spans(contract);
        let personal = contract.fields.iter().find(|field| field.personal);
        if let (Some(field), None) = (personal, &contract.retention) {
            let message =
                format!("`{}` tells of a person and is kept for ever", shown(&field.name));
            let diagnostic = Diagnostic::error(Code::Contradiction, message)
                .help("say how long readings are kept: retention = \"90 d\"");
            self.tell(&keys(&["retention"]), diagnostic);
        }
    }

    /// No other contract answers to the names under which this one is sent.
    fn stream_names(&mut self, contract: &Contract) {
        for (index, name) in contract.sent_as.iter().enumerate() {
            let taken = self.bundle.records.contracts.values().find(|other| {
                other.id.as_str() == name || other.id < contract.id && other.sent_as.contains(name)
            });
            if let Some(taken) = taken {
                let message =
                    format!("`{}` is sent to contract `{}` already", shown(name), taken.id);
                let diagnostic = Diagnostic::error(Code::DuplicateId, message)
                    .help("send each name to one contract");
                self.tell(&item("sent_as", index), diagnostic);
            }
        }
    }

    fn field(&mut self, index: usize, field: &ContractField) {
        let name = shown(&field.name);
        let mut tell = |at: &str, code, message: String, help: &str| {
            let [list, item] = item("fields", index);
            let path = [list, item, Step::Key(at.to_owned())];
            self.tell(&path, Diagnostic::error(code, message).help(help));
        };
        if let Some((message, help)) = unfit_name(&field.name, "column", &OWN_COLUMNS) {
            tell("name", Code::InvalidId, message, &help);
        }
        let is_number = !matches!(field.kind, FieldKind::Boolean | FieldKind::Text);
        if let (false, Some(unit)) = (is_number, &field.unit) {
            let message = format!("`{name}` is {}, which has no unit", field.kind);
            tell("unit", Code::Contradiction, message, &format!("remove unit = \"{unit}\""));
        }
        for (at, bound) in [("low", field.low), ("high", field.high)] {
            if let (false, Some(_)) = (is_number, bound) {
                let message = format!("`{name}` is {}, which has no range", field.kind);
                tell(at, Code::Contradiction, message, "remove the bound");
            }
        }
        if let (true, Some(low), Some(high)) = (is_number, field.low, field.high)
            && low > high
        {
            let message = format!("no `{name}` is at least {low} and at most {high}");
            tell("high", Code::EmptyInterval, message, "swap the two, or correct one");
        }
        if let (FieldKind::Counter, Some(low)) = (field.kind, field.low)
            && low < 0.0
        {
            let message = format!("`{name}` counts, and never falls below zero to {low}");
            tell("low", Code::NegativeValue, message, "write zero or more, or kind = \"integer\"");
        }
    }

    /// Each name of a field is told of one field.
    fn field_names(&mut self, contract: &Contract) {
        let mut known: BTreeMap<&str, &str> = BTreeMap::new();
        for (index, field) in contract.fields.iter().enumerate() {
            let names = [("name", &field.name)].into_iter();
            let others = field.sent_as.iter().map(|name| ("sent_as", name));
            for (at, name) in names.chain(others) {
                let Some(taken) = known.insert(name, &field.name) else { continue };
                let message = format!("`{}` names two fields", shown(name));
                let help = if taken == field.name {
                    format!("name `{}` once", shown(taken))
                } else {
                    format!("keep it with `{}` or with `{}`", shown(taken), shown(&field.name))
                };
                let [list, item] = item("fields", index);
                let path = [list, item, Step::Key(at.to_owned())];
                self.tell(&path, Diagnostic::error(Code::DuplicateId, message).help(help));
            }
        }
    }

    fn spans(&mut self, contract: &Contract) {
        let spans = [
            ("cadence", &contract.cadence),
            ("allowed_lateness", &contract.allowed_lateness),
            ("retention", &contract.retention),
        ];
        for (name, span) in spans {
            let Some(span) = span else { continue };
            self.span(name, span);
            if span.value().is_zero() && name != "allowed_lateness" {
                let message = format!("a {name} of {span} is no span of time");
                self.refuse(name, Code::OutOfRange, message, "write more than zero, or remove it");
            }
        }
        if let (None, Some(_)) = (&contract.cadence, contract.objective) {
            let message = "without a cadence nobody knows how many readings are due";
            let help = "say how often a device sends: cadence = \"10 min\"";
            self.refuse("objective", Code::Contradiction, message, help);
        }
        if let (Some(late), Some(kept)) = (&contract.allowed_lateness, &contract.retention)
            && late.compare(kept).is_ok_and(|order| order.is_gt())
        {
            let message = format!("a reading may be {late} late, and is kept for {kept} only");
            let help = "keep readings at least as long as they may be late";
            self.refuse("retention", Code::Contradiction, message, help);
        }
    }

    /// A length of time, of seconds as well as of years.
    fn span(&mut self, name: &str, span: &Quantity) {
        if span.unit().dimension() == "time" {
            self.time(&[name], span);
            return;
        }
        let dimension = span.unit().dimension();
        let message = format!("{span} measures {dimension}, and a length of time is meant");
        self.refuse(
            name,
            Code::UnitMismatch,
            message,
            "write, for example, \"10 s\" or \"15 min\"",
        );
    }
}

fn is_fact_table(name: &str) -> bool {
    PLAN_TABLES.contains(&name) || Kind::ALL.iter().any(|kind| kind.table() == name)
}

/// Whether the product itself brings a table of this name into SQL: one of records, of the plan, of the
/// registry of devices, or the quarantine. Streams are named otherwise.
///
/// ```
/// assert!(longlead_model::is_own_table("devices"));
/// assert!(longlead_model::is_own_table("features"));
/// assert!(!longlead_model::is_own_table("climate"));
/// ```
pub fn is_own_table(name: &str) -> bool {
    OWN_TABLES.contains(&name) || is_fact_table(name)
}

/// A name for the table of a stream, near to a text, that no other table has.
///
/// ```
/// assert_eq!(longlead_model::table_name("Devices"), "devices_told");
/// assert_eq!(longlead_model::table_name("shock/raw"), "shock_raw");
/// ```
pub fn table_name(text: &str) -> String {
    let name = column_name(text);
    if is_own_table(&name) { format!("{name}_told") } else { name }
}

/// Why a name can't be that of a table or a column, and what to do.
fn unfit_name(name: &str, what: &str, own: &[&str]) -> Option<(String, String)> {
    let told = shown(name);
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    if name.len() > NAME_LENGTH_MAX || !starts || !name.bytes().all(plain) {
        let message = format!("`{told}` can't be the name of a {what}");
        return Some((message, format!("write, for example, `{}`", column_name(name))));
    }
    if own.contains(&name) {
        let message = format!("`{told}` is a {what} that is always there");
        return Some((message, format!("write, for example, `{name}_told`")));
    }
    if RESERVED_WORDS.contains(&name) {
        let message = format!("`{told}` is a word of SQL");
        return Some((message, format!("write, for example, `{name}_of`")));
    }
    None
}

/// A name for a table or a column, near to a text: lower case letters, digits and `_`.
///
/// ```
/// assert_eq!(longlead_model::column_name("TempC SHT"), "temp_c_sht");
/// assert_eq!(longlead_model::column_name("batteryVoltage"), "battery_voltage");
/// assert_eq!(longlead_model::column_name("device"), "device_");
/// ```
pub fn column_name(text: &str) -> String {
    let mut name = String::new();
    let mut was_lower = false;
    for character in text.chars() {
        if character.is_ascii_uppercase() && was_lower {
            name.push('_');
        }
        was_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
        match character.to_ascii_lowercase() {
            plain if plain.is_ascii_lowercase() || plain.is_ascii_digit() => name.push(plain),
            _ if name.ends_with('_') || name.is_empty() => {}
            _ => name.push('_'),
        }
    }
    name.truncate(NAME_LENGTH_MAX - 2);
    let name = name.trim_end_matches('_');
    let is_taken = OWN_COLUMNS.contains(&name) || RESERVED_WORDS.contains(&name);
    match name.chars().next() {
        None => "x".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("x{name}"),
        Some(_) if is_taken => format!("{name}_"),
        Some(_) => name.to_owned(),
    }
}
