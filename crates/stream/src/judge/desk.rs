//! Where the readings of one stream of a batch are judged. Names and units are resolved once.

use std::sync::Arc;

use longlead_model::Conversion;

use super::Arrival;
use super::fault::{Fault, detail};
use super::fit::{Cell, Converter, conversion, fit};
use crate::batch::{Batch, Head, Name, Reading, Value};
use crate::column::Column;
use crate::contract::{Contract, Meaning, Rule};
use crate::reading::value_to_json;
use crate::rows::{Reason, Rows};

/// Why a reading goes to quarantine.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) reason: Reason,
    pub(super) detail: String,
    pub(super) device: Option<String>,
}

/// What is wrong with a reading, before it is put into words.
enum Complaint {
    NoDevice,
    NotItsDevice,
    Missing(usize),
    Unknown(Name),
    Twice(Name),
    Value { place: usize, value: Value, unit: Option<Name>, fault: Fault },
    Device(Value),
}

/// Who took a reading.
#[derive(Clone, Copy)]
enum Who<'a> {
    /// A name of the batch.
    Name(Name),
    /// Some other text: the sender's, or a value's.
    Text(&'a str),
}

/// Where the readings of one stream are judged.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    batch: &'a Batch,
    arrival: &'a Arrival<'a>,
    /// Nothing where the stream has no contract.
    agreed: Option<Agreed>,
}

/// What is known once there is a contract.
#[derive(Debug)]
struct Agreed {
    contract: Arc<Contract>,
    rows: Rows,
    /// What each name of the batch means, as far as it was asked.
    meanings: Vec<Option<Meaning>>,
    /// By place of the field.
    converters: Vec<Vec<Converter>>,
    /// The reading that is being judged, by place of the field.
    cells: Vec<Cell>,
    /// Its unknown fields as members of a JSON object, one after another.
    unknown: String,
    /// Their names, and where each begins.
    unknown_starts: Vec<(Name, usize)>,
    /// The key of a name as a device, as far as it took a reading.
    device_keys: Vec<Option<u32>>,
    /// The last device that the sender may speak for.
    permitted: String,
}

impl<'a> Desk<'a> {
    pub(super) fn open(
        contract: Option<&Arc<Contract>>,
        batch: &'a Batch,
        arrival: &'a Arrival<'a>,
    ) -> Desk<'a> {
        let agreed = contract.map(|contract| Agreed {
            contract: Arc::clone(contract),
            rows: Rows::of(Arc::clone(contract)),
            meanings: vec![None; batch.names()],
            converters: contract.rules().iter().map(|_| Vec::new()).collect(),
            cells: vec![Cell::None; contract.rules().len()],
            unknown: String::new(),
            unknown_starts: Vec::new(),
            device_keys: vec![None; batch.names()],
            permitted: String::new(),
        });
        Desk { batch, arrival, agreed }
    }

    /// The version of the contract.
    pub(super) fn version(&self) -> Option<u64> {
        self.agreed.as_ref().map(|agreed| agreed.contract.version())
    }

    /// The rows that fit, if there are any.
    pub(super) fn close(self) -> Option<Rows> {
        self.agreed.map(|agreed| agreed.rows).filter(|rows| !rows.is_empty())
    }

    /// Makes a reading a row, or tells why it can't be one.
    pub(super) fn take(&mut self, reading: &Reading<'_>) -> Result<(), Box<Verdict>> {
        let Some(agreed) = &mut self.agreed else {
            return Err(no_contract(self.batch, self.arrival, &reading.head));
        };
        let judged = agreed.judge(self.batch, self.arrival, reading);
        match judged {
            Ok(who) => {
                agreed.store(self.batch, self.arrival, &reading.head, who);
                Ok(())
            }
            Err((complaint, who)) => Err(agreed.verdict(self.batch, &complaint, who)),
        }
    }
}

type Complained<'a> = (Complaint, Option<Who<'a>>);

impl Agreed {
    /// Fills the cells with the values of a reading and tells who took it.
    fn judge<'a>(
        &mut self,
        batch: &'a Batch,
        arrival: &'a Arrival<'_>,
        reading: &Reading<'_>,
    ) -> Result<Who<'a>, Complained<'a>> {
        self.cells.fill(Cell::None);
        self.unknown.clear();
        self.unknown_starts.clear();
        let named = reading.head.device.filter(|name| !batch.text(*name).is_empty());
        let mut who = match named {
            Some(name) => Some(Who::Name(name)),
            None => arrival.sender.id().map(Who::Text),
        };
        let mut complaint = None;
        for (name, value, unit) in reading.values {
            let taken = match self.meaning(batch, *name) {
                Meaning::Column(place) => self.fill(batch, place, (*name, *value, *unit)),
                Meaning::Device => name_device(batch, *value, &mut who),
                Meaning::DeviceAndColumn(place) => name_device(batch, *value, &mut who)
                    .and_then(|()| self.fill(batch, place, (*name, *value, *unit))),
                Meaning::Unknown => self.keep_unknown(batch, (*name, *value, *unit)),
            };
            // All values are looked at, since a later one may name the device.
            if let Err(found) = taken {
                complaint.get_or_insert(found);
            }
        }
        let Some(who) = who else { return Err((Complaint::NoDevice, None)) };
        if !self.may_speak(batch, arrival, who) {
            return Err((Complaint::NotItsDevice, Some(who)));
        }
        if let Some(complaint) = complaint {
            return Err((complaint, Some(who)));
        }
        let is_missing = |place: &&usize| matches!(self.cells.get(**place), Some(Cell::None));
        match self.contract.required().iter().find(is_missing) {
            Some(place) => Err((Complaint::Missing(*place), Some(who))),
            None => Ok(who),
        }
    }

    #[inline]
    fn meaning(&mut self, batch: &Batch, name: Name) -> Meaning {
        match self.meanings.get_mut(name.index()) {
            Some(Some(meaning)) => *meaning,
            Some(unasked) => *unasked.insert(self.contract.meaning(batch.text(name))),
            None => Meaning::Unknown,
        }
    }

    #[inline]
    fn fill(
        &mut self,
        batch: &Batch,
        place: usize,
        (name, value, unit): (Name, Value, Option<Name>),
    ) -> Result<(), Complaint> {
        let (Some(rule), Some(cell)) =
            (self.contract.rules().get(place), self.cells.get_mut(place))
        else {
            return Ok(());
        };
        if *cell != Cell::None {
            return Err(Complaint::Twice(name));
        }
        let fitted = match unit {
            None => fit(value, &Conversion::Same, rule),
            Some(unit) => match converter(&mut self.converters, batch, place, unit, rule) {
                Some(conversion) => fit(value, conversion, rule),
                None => Err(Fault::Unit),
            },
        };
        match fitted {
            Ok(fitted) => *cell = fitted,
            Err(fault) => return Err(Complaint::Value { place, value, unit, fault }),
        }
        Ok(())
    }

    fn keep_unknown(
        &mut self,
        batch: &Batch,
        (name, value, unit): (Name, Value, Option<Name>),
    ) -> Result<(), Complaint> {
        if !self.contract.keeps_unknown() {
            return Err(Complaint::Unknown(name));
        }
        self.unknown_starts.push((name, self.unknown.len()));
        value_to_json(&mut self.unknown, batch, (name, value, unit));
        Ok(())
    }

    fn may_speak(&mut self, batch: &Batch, arrival: &Arrival<'_>, who: Who<'_>) -> bool {
        if matches!(arrival.sender, super::Sender::Trusted) {
            return true;
        }
        let device = who.text(batch);
        if !self.permitted.is_empty() && self.permitted == device {
            return true;
        }
        let may = arrival.sender.speaks_for(device);
        if may {
            self.permitted.clear();
            self.permitted.push_str(device);
        }
        may
    }

    /// Makes the cells a row.
    fn store(&mut self, batch: &Batch, arrival: &Arrival<'_>, head: &Head, who: Who<'_>) {
        let key = match who {
            Who::Text(text) => self.rows.device.key(text),
            Who::Name(name) => match self.device_keys.get_mut(name.index()) {
                Some(Some(key)) => *key,
                Some(unknown) => *unknown.insert(self.rows.device.key(batch.text(name))),
                None => self.rows.device.key(batch.text(name)),
            },
        };
        let (captured, clock) = arrival.captured(head.captured);
        self.rows.device.push(key);
        self.rows.captured.push(captured);
        self.rows.received.push(arrival.received);
        self.rows.clock.push(clock);
        self.rows.boot.push(head.boot);
        self.rows.sequence.push(head.sequence);
        let mut columns = self.rows.columns.iter_mut();
        // The cells lead: a column that they have no cell for must not be passed over.
        for (cell, column) in self.cells.iter().zip(columns.by_ref()) {
            match (column, *cell) {
                (Column::Float(column), Cell::Float(value)) => column.push(Some(value)),
                (Column::Integer(column), Cell::Integer(value)) => column.push(Some(value)),
                (Column::Bool(column), Cell::Bool(value)) => column.push(Some(value)),
                (Column::Text(column), Cell::Text(span)) => column.push(Some(batch.kept(span))),
                (column, _) => column.push_none(),
            }
        }
        if let Some(Column::Text(unknown)) = columns.next() {
            unknown.push(unknown_object(batch, &self.unknown, &self.unknown_starts).as_deref());
        }
    }

    #[cold]
    fn verdict(&self, batch: &Batch, complaint: &Complaint, who: Option<Who<'_>>) -> Box<Verdict> {
        let device = who.map(|who| who.text(batch).to_owned());
        let stream = self.contract.stream();
        let told = |name: &Name| batch.text(*name).escape_debug().to_string();
        let (reason, detail) = match complaint {
            Complaint::NoDevice => match &self.contract.record().device_from {
                Some(field) => {
                    (Reason::NoDevice, format!("`{field}`, which names the device, is missing"))
                }
                None => (Reason::NoDevice, "nothing tells which device took it".to_owned()),
            },
            Complaint::NotItsDevice => {
                (Reason::NotItsDevice, not_its_device(device.as_deref().unwrap_or("")))
            }
            Complaint::Device(value) => {
                (Reason::WrongType, format!("the device is named by {value:?}, and not by text"))
            }
            Complaint::Missing(place) => {
                let detail = format!("`{}` is missing", self.contract.field_name(*place));
                (Reason::MissingField, detail)
            }
            Complaint::Unknown(name) => {
                let detail = format!("`{}` isn't in the contract of `{stream}`", told(name));
                (Reason::UnknownField, detail)
            }
            Complaint::Twice(name) => {
                (Reason::Malformed, format!("`{}` is told twice", told(name)))
            }
            Complaint::Value { place, value, unit, fault } => {
                let field = self.contract.field_name(*place);
                let words = self.contract.rules().get(*place);
                let words = words.map(|rule| detail(*fault, field, rule, batch, (*value, *unit)));
                (fault.reason(), words.unwrap_or_default())
            }
        };
        Box::new(Verdict { reason, detail, device })
    }
}

impl Who<'_> {
    fn text<'a>(&'a self, batch: &'a Batch) -> &'a str {
        match self {
            Who::Name(name) => batch.text(*name),
            Who::Text(text) => text,
        }
    }
}

/// Unknown fields as a JSON object, ordered by name: whoever sends a reading again may send them in
/// another order (Go's maps have none), and it is the same reading.
fn unknown_object(batch: &Batch, members: &str, starts: &[(Name, usize)]) -> Option<String> {
    if starts.is_empty() {
        return None;
    }
    let ends = starts.iter().skip(1).map(|(_, start)| *start).chain([members.len()]);
    let member = |((name, start), end): (&(Name, usize), usize)| {
        (batch.text(*name), members.get(*start..end).unwrap_or(""))
    };
    let mut sorted: Vec<(&str, &str)> = starts.iter().zip(ends).map(member).collect();
    sorted.sort_unstable();
    let members: Vec<&str> = sorted.into_iter().map(|(_, member)| member).collect();
    Some(format!("{{{}}}", members.join(",")))
}

/// The device that a value names.
fn name_device<'a>(
    batch: &'a Batch,
    value: Value,
    who: &mut Option<Who<'a>>,
) -> Result<(), Complaint> {
    match value {
        Value::Text(span) => {
            let text = batch.kept(span);
            if !text.is_empty() {
                *who = Some(Who::Text(text));
            }
            Ok(())
        }
        other => Err(Complaint::Device(other)),
    }
}

/// How values of a unit come into that of a field, found out once for each of the two.
#[inline]
fn converter<'a>(
    converters: &'a mut [Vec<Converter>],
    batch: &Batch,
    place: usize,
    unit: Name,
    rule: &Rule,
) -> Option<&'a Conversion> {
    let known = converters.get_mut(place)?;
    let at = match known.iter().position(|it| it.unit == unit) {
        Some(at) => at,
        None => {
            known.push(Converter { unit, conversion: conversion(batch.text(unit), rule) });
            known.len() - 1
        }
    };
    known.get(at)?.conversion.as_ref()
}

fn no_contract(batch: &Batch, arrival: &Arrival<'_>, head: &Head) -> Box<Verdict> {
    let told = head.device.map(|name| batch.text(name)).filter(|name| !name.is_empty());
    // Once there is a contract, nobody can tell any more who may have sent it but from this.
    if let Some(device) = told.filter(|device| !arrival.sender.speaks_for(device)) {
        return Box::new(Verdict {
            reason: Reason::NotItsDevice,
            detail: not_its_device(device),
            device: Some(device.to_owned()),
        });
    }
    let stream = batch.text(head.stream).escape_debug();
    Box::new(Verdict {
        reason: Reason::NoContract,
        detail: format!("`{stream}` has no contract"),
        device: told.or(arrival.sender.id()).map(str::to_owned),
    })
}

fn not_its_device(device: &str) -> String {
    format!("its sender doesn't speak for `{}`", device.escape_debug())
}
