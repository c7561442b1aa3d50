//! Contracts made ready to judge by: names, columns, ranges and spans at hand.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use longlead_model::{
    Contract as Record, ContractField, ContractId, FieldKind, Quantity, Records, Unit,
    UnknownFields,
};

/// The column that keeps fields which a contract doesn't list, as JSON.
pub const UNKNOWN: &str = "unknown";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColumnKind {
    /// 64-bit floats.
    Float,
    /// 64-bit integers.
    Integer,
    /// Truths.
    Bool,
    /// UTF-8.
    Text,
}

impl From<FieldKind> for ColumnKind {
    fn from(kind: FieldKind) -> ColumnKind {
        match kind {
            FieldKind::Float => ColumnKind::Float,
            FieldKind::Integer | FieldKind::Counter => ColumnKind::Integer,
            FieldKind::Boolean => ColumnKind::Bool,
            FieldKind::Text => ColumnKind::Text,
        }
    }
}

/// A column of a stream's table beside those that every stream has.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// The unit of its values.
    pub unit: Option<Unit>,
}

/// How a value of a field is judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) kind: FieldKind,
    pub(crate) unit: Unit,
    /// Infinite where there is no bound.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What a name in a payload means under a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The value of a column.
    Column(usize),
    /// The device, and no column.
    Device,
    /// The device, and also the value of a column.
    DeviceAndColumn(usize),
    /// Nothing that the contract lists.
    Unknown,
}

/// The contract of a stream, in one version, ready to judge by.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    record: Record,
    version: u64,
    columns: Vec<ContractColumn>,
    /// One for each field, in the order of the columns.
    rules: Vec<Rule>,
    /// Places of the fields that each reading must have.
    required: Vec<usize>,
    names: HashMap<Box<str>, Meaning>,
}

impl Contract {
    /// Makes a record ready. `version` tells this state of the record from others: the number of
    /// the change in the journal that brought it.
    pub fn of(record: &Record, version: u64) -> Contract {
        let mut columns: Vec<ContractColumn> = record.fields.iter().map(column).collect();
        if record.unknown_fields == UnknownFields::Keep {
            let (name, kind) = (UNKNOWN.to_owned(), ColumnKind::Text);
            columns.push(ContractColumn { name, kind, unit: None });
        }
        let required = record.fields.iter().enumerate().filter(|(_, field)| field.required);
        Contract {
            version,
            columns,
            rules: record.fields.iter().map(rule).collect(),
            required: required.map(|(place, _)| place).collect(),
            names: names(record),
            record: record.clone(),
        }
    }

    /// The stream: the name of its table.
    pub fn stream(&self) -> &str {
        self.record.id.as_str()
    }

    /// Which state of the record it is.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The record itself.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The columns of its table beside those that every stream has: one for each field in the
    /// order of the record, then, if unknown fields are kept, [`UNKNOWN`].
    pub fn columns(&self) -> &[ContractColumn] {
        &self.columns
    }

    /// Microseconds between two readings of a device.
    pub fn cadence(&self) -> Option<i64> {
        self.record.cadence.as_ref().and_then(micros)
    }

    /// Microseconds after which a reading counts as late.
    pub fn allowed_lateness(&self) -> Option<i64> {
        self.record.allowed_lateness.as_ref().and_then(micros)
    }

    /// Microseconds for which readings are kept; nothing for ever.
    pub fn retention(&self) -> Option<i64> {
        self.record.retention.as_ref().and_then(micros)
    }

    pub(crate) fn keeps_unknown(&self) -> bool {
        self.record.unknown_fields == UnknownFields::Keep
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn required(&self) -> &[usize] {
        &self.required
    }

    pub(crate) fn meaning(&self, name: &str) -> Meaning {
        self.names.get(name).copied().unwrap_or(Meaning::Unknown)
    }

    /// The name of a field by its place.
    pub(crate) fn field_name(&self, place: usize) -> &str {
        self.record.fields.get(place).map_or("", |field| field.name.as_str())
    }
}

fn column(field: &ContractField) -> ContractColumn {
    let (name, kind) = (field.name.clone(), field.kind.into());
    ContractColumn { name, kind, unit: field.unit.clone() }
}

fn rule(field: &ContractField) -> Rule {
    Rule {
        kind: field.kind,
        unit: field.unit.clone().unwrap_or_default(),
        low: field.low.unwrap_or(f64::NEG_INFINITY),
        high: field.high.unwrap_or(f64::INFINITY),
    }
}

fn names(record: &Record) -> HashMap<Box<str>, Meaning> {
    let mut names = HashMap::new();
    for (place, field) in record.fields.iter().enumerate() {
        for name in field.sent_as.iter().chain([&field.name]) {
            names.insert(name.as_str().into(), Meaning::Column(place));
        }
    }
    if let Some(name) = &record.device_from {
        let meaning = match names.get(name.as_str()) {
            Some(Meaning::Column(place)) => Meaning::DeviceAndColumn(*place),
            _ => Meaning::Device,
        };
        names.insert(name.as_str().into(), meaning);
    }
    names
}

/// A span in whole microseconds.
fn micros(span: &Quantity) -> Option<i64> {
    let micros = span.value_in(&Unit::from_ucum("us").ok()?).ok()?;
    // A float holds whole microseconds exactly for 285 years.
    (micros.abs() < 9e18).then_some(micros.round() as i64)
}

/// The contracts in force, by the names under which streams are sent.
#[derive(Clone, Debug, Default)]
pub struct Contracts {
    streams: BTreeMap<ContractId, Arc<Contract>>,
    names: HashMap<Box<str>, Arc<Contract>>,
}

impl Contracts {
    /// Makes the contracts of a product ready. `version` tells the number of the change in the
    /// journal that brought each to its present state.
    pub fn of(records: &Records, version: impl Fn(&ContractId) -> u64) -> Contracts {
        let ready = |record: &Record| Contract::of(record, version(&record.id));
        records.contracts.values().map(ready).collect()
    }

    /// The contract of a stream, by any name under which it is sent.
    pub fn get(&self, stream: &str) -> Option<&Arc<Contract>> {
        self.names.get(stream)
    }

    /// The names under which a contract's stream is sent: those of its record that no other contract
    /// answers to.
    pub fn names_of(&self, contract: &Contract) -> Vec<String> {
        let names = contract.record().sent_as.iter().map(String::as_str);
        let is_its =
            |name: &&str| self.get(name).is_some_and(|it| it.stream() == contract.stream());
        names.chain([contract.stream()]).filter(is_its).map(str::to_owned).collect()
    }

    /// Every contract, by stream.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Contract>> {
        self.streams.values()
    }
}

impl FromIterator<Contract> for Contracts {
    fn from_iter<T: IntoIterator<Item = Contract>>(contracts: T) -> Contracts {
        let mut ready = Contracts::default();
        for contract in contracts {
            let contract = Arc::new(contract);
            ready.streams.insert(contract.record.id.clone(), contract);
        }
        for contract in ready.streams.values() {
            for name in &contract.record.sent_as {
                ready.names.insert(name.as_str().into(), Arc::clone(contract));
            }
        }
        // A stream's own name is never another's.
        for contract in ready.streams.values() {
            ready.names.insert(contract.stream().into(), Arc::clone(contract));
        }
        ready
    }
}
