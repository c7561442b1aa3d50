//! Reading the registry: one device, its past, lists and counts.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::facts::{Attribute, COUNT, Facts, columns};
use super::{ChangedBy, Device, DeviceEventKind, DeviceVersion, Devices, OPEN, Serial, unexpected};
use crate::journal::name_of;
use crate::people::{OrganisationId, words};
use crate::store::{Row, StoreError, Value, values};
use crate::time::{from_us, to_us};

words! {
    /// By what devices are told apart.
    Facet, FacetError, "facet of devices";
    /// The product.
    Product = "product",
    /// The hardware revision.
    Revision = "revision",
    /// The firmware.
    Firmware = "firmware",
    /// The market.
    Market = "market",
    /// The carrier.
    Carrier = "carrier",
    /// The state: the last event, or `registered`.
    State = "state",
    /// The owner.
    Owner = "owner",
    /// The build.
    Build = "build",
    /// The lot.
    Lot = "lot",
    /// The gateway.
    Gateway = "gateway",
}

/// The facets that devices are counted by at all times: the columns of `device_count`.
const COUNTED: [Facet; 7] = [
    Facet::Product,
    Facet::Revision,
    Facet::Firmware,
    Facet::Market,
    Facet::Carrier,
    Facet::State,
    Facet::Owner,
];

/// Which devices are asked for; what is none or empty doesn't narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// The beginning of the serial number.
    pub prefix: Option<String>,
    /// The value of facets; an empty text for what isn't known.
    pub facets: BTreeMap<Facet, String>,
    /// Only what belongs to this organisation.
    pub only_owner: Option<OrganisationId>,
    /// After this serial number: the next page.
    pub after: Option<Serial>,
}

/// How many devices there are of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All that the filter lets through.
    pub total: u64,
    /// For each facet its values with their counts, most first; an empty text for what isn't
    /// known. A facet that is filtered by counts what the other facets let through, so that its
    /// other values can be chosen.
    pub by: BTreeMap<Facet, Vec<(String, u64)>>,
}

impl Devices {
    /// The device of a serial number.
    pub async fn device(&self, serial: &Serial) -> Result<Option<Device>, StoreError> {
        let sql = format!("SELECT {} FROM device d WHERE d.serial = $1", device_columns());
        let row = self.store.row(sql, &values![serial.as_str()]).await?;
        row.as_ref().map(device_of).transpose()
    }

    /// Devices in the order of their serial numbers, at most so many.
    pub async fn list(&self, filter: &DeviceFilter, limit: u32) -> Result<Vec<Device>, StoreError> {
        let narrowed = Narrowed::by(filter, |_| true)?;
        let sql = format!(
            "SELECT {} FROM device d{} ORDER BY d.serial LIMIT {limit}",
            device_columns(),
            narrowed.text()
        );
        self.store.rows(sql, &narrowed.values).await?.iter().map(device_of).collect()
    }

    /// What was true of a device at an instant; none before anything is known of it.
    pub async fn as_of(
        &self,
        serial: &Serial,
        at: Timestamp,
    ) -> Result<Option<DeviceVersion>, StoreError> {
        let condition = "v.superseded IS NULL AND v.since_us <= $2 AND $2 < v.until_us";
        let versions = self.versions_where(serial, condition, &[to_us(at).into()]).await?;
        Ok(versions.into_iter().next())
    }

    /// What was true of a device over time, the newest first. With what later changes have
    /// replaced, if that is asked for.
    pub async fn versions(
        &self,
        serial: &Serial,
        with_superseded: bool,
    ) -> Result<Vec<DeviceVersion>, StoreError> {
        let condition = if with_superseded { "1 = 1" } else { "v.superseded IS NULL" };
        self.versions_where(serial, condition, &[]).await
    }

    async fn versions_where(
        &self,
        serial: &Serial,
        condition: &str,
        values: &[Value],
    ) -> Result<Vec<DeviceVersion>, StoreError> {
        let facts = columns(|name, _| format!("v.{name}"));
        let sql = format!(
            "SELECT v.number, v.since_us, v.until_us, v.said, v.superseded, {facts}, \
             c.id, c.at_us, c.actor, c.why, c.origin, u.name, t.name \
             FROM device d JOIN device_version v ON v.device = d.id \
             JOIN device_change c ON c.id = v.change \
             LEFT JOIN app_user u ON u.id = c.app_user LEFT JOIN token t ON t.id = c.token \
             WHERE d.serial = $1 AND {condition} ORDER BY v.since_us DESC, v.number DESC"
        );
        let bound: Vec<Value> =
            std::iter::once(serial.as_str().into()).chain(values.iter().cloned()).collect();
        self.store.rows(sql, &bound).await?.iter().map(version_of).collect()
    }

    /// How many devices there are, by facets. Counts by product, revision, firmware, market,
    /// carrier, state and owner are kept ready, however large the fleet is; a filter by anything
    /// else counts the devices that it lets through.
    pub async fn counts(&self, filter: &DeviceFilter) -> Result<Counts, StoreError> {
        let is_counted = |facet: Facet| COUNTED.contains(&facet);
        let is_ready =
            filter.prefix.is_none() && filter.facets.keys().all(|facet| is_counted(*facet));
        let groups: Vec<GroupCount> = match is_ready {
            true => {
                let (condition, values) = match filter.only_owner {
                    Some(owner) => (" WHERE owner = $1", vec![owner.get().into()]),
                    None => ("", Vec::new()),
                };
                let sql = format!(
                    "SELECT product, revision, firmware, market, carrier, state, owner, n \
                     FROM device_count{condition}"
                );
                self.store.rows(sql, &values).await?.iter().map(group_of).collect::<Result<_, _>>()
            }
            false => {
                let narrowed = Narrowed::by(filter, |facet| !is_counted(facet))?;
                let sql = format!(
                    "SELECT COALESCE(d.product, ''), COALESCE(d.revision, ''), \
                     COALESCE(d.firmware, ''), COALESCE(d.market, ''), COALESCE(d.carrier, ''), \
                     d.state, COALESCE(d.owner, 0), COUNT(*) FROM device d{} \
                     GROUP BY 1, 2, 3, 4, 5, 6, 7",
                    narrowed.text()
                );
                let rows = self.store.rows(sql, &narrowed.values).await?;
                rows.iter().map(group_of).collect::<Result<_, _>>()
            }
        }?;
        Ok(folded(&groups, filter))
    }

    /// The number of the last change: while it's the same, nothing here has changed.
    pub async fn head(&self) -> Result<i64, StoreError> {
        let sql = "SELECT MAX(id) FROM device_change";
        let row = self.store.row(sql, &[]).await?;
        Ok(row.map(|row| row.integer_or_null(0)).transpose()?.flatten().unwrap_or(0))
    }
}

/// Devices that are alike: a value for each of [`COUNTED`], and how many they are.
type GroupCount = ([String; COUNTED.len()], u64);

fn group_of(row: &Row) -> Result<GroupCount, StoreError> {
    let mut group: [String; COUNTED.len()] = Default::default();
    for (place, value) in group.iter_mut().enumerate().take(6) {
        *value = row.text(place)?;
    }
    let owner = row.integer(6)?;
    if let (Some(last), true) = (group.last_mut(), owner != 0) {
        *last = owner.to_string();
    }
    Ok((group, u64::try_from(row.integer(7)?).map_err(unexpected)?))
}

fn folded(groups: &[GroupCount], filter: &DeviceFilter) -> Counts {
    let mut counts = Counts::default();
    let mut by: BTreeMap<Facet, BTreeMap<&str, u64>> = BTreeMap::new();
    for (group, n) in groups {
        let fits = |(facet, value): (&Facet, &String)| {
            filter.facets.get(facet).is_none_or(|wanted| wanted == value)
        };
        let misfits: Vec<&Facet> =
            COUNTED.iter().zip(group).filter(|it| !fits(*it)).map(|(facet, _)| facet).collect();
        if misfits.is_empty() {
            counts.total += n;
        }
        for (facet, value) in COUNTED.iter().zip(group) {
            if misfits.iter().all(|misfit| *misfit == facet) {
                *by.entry(*facet).or_default().entry(value).or_default() += n;
            }
        }
    }
    for (facet, values) in by {
        let mut values: Vec<(String, u64)> =
            values.into_iter().map(|(value, n)| (value.to_owned(), n)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts.by.insert(facet, values);
    }
    counts
}

/// The conditions of a filter.
pub(super) struct Narrowed {
    texts: Vec<String>,
    pub(super) values: Vec<Value>,
}

impl Narrowed {
    /// By those facets of a filter that are wanted, and by all else of it.
    pub(super) fn by(
        filter: &DeviceFilter,
        wants: impl Fn(Facet) -> bool,
    ) -> Result<Narrowed, StoreError> {
        let mut narrowed = Narrowed { texts: Vec::new(), values: Vec::new() };
        if let Some(prefix) = &filter.prefix {
            narrowed.add("d.serial >=", prefix.as_str().into());
            // Nothing that a serial number has comes after this character.
            narrowed.add("d.serial <", format!("{prefix}\u{7f}").into());
        }
        if let Some(after) = &filter.after {
            narrowed.add("d.serial >", after.as_str().into());
        }
        if let Some(owner) = filter.only_owner {
            narrowed.add("d.owner =", owner.get().into());
        }
        for (facet, value) in filter.facets.iter().filter(|(facet, _)| wants(**facet)) {
            let column = facet.as_str();
            match (facet, value.as_str()) {
                (Facet::State, value) => narrowed.add("d.state =", value.into()),
                (_, "") => narrowed.texts.push(format!("d.{column} IS NULL")),
                // A number that is none belongs to nobody.
                (Facet::Owner, value) => {
                    narrowed.add("d.owner =", value.parse::<i64>().unwrap_or(-1).into());
                }
                (_, value) => narrowed.add(&format!("d.{column} ="), value.into()),
            }
        }
        Ok(narrowed)
    }

    pub(super) fn add(&mut self, left: &str, value: Value) {
        self.values.push(value);
        self.texts.push(format!("{left} ${}", self.values.len()));
    }

    pub(super) fn text(&self) -> String {
        match self.texts.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", self.texts.join(" AND ")),
        }
    }
}

/// What [`device_of`] reads, of a table `d`.
pub(super) fn device_columns() -> String {
    let facts = columns(|name, _| format!("d.{name}"));
    format!("d.serial, d.state, d.state_us, d.since_us, d.version, {facts}")
}

pub(super) fn device_of(row: &Row) -> Result<Device, StoreError> {
    Ok(Device {
        serial: row.text(0)?.parse().map_err(unexpected)?,
        state: state_of(&row.text(1)?)?,
        state_at: row.integer_or_null(2)?.map(from_us),
        since: from_us(row.integer(3)?),
        version: u64::try_from(row.integer(4)?).map_err(unexpected)?,
        facts: Facts::of_row(row, 5)?,
    })
}

fn state_of(word: &str) -> Result<Option<DeviceEventKind>, StoreError> {
    match word {
        "registered" => Ok(None),
        word => word.parse().map(Some).map_err(unexpected),
    }
}

fn version_of(row: &Row) -> Result<DeviceVersion, StoreError> {
    let until_us = row.integer(2)?;
    Ok(DeviceVersion {
        number: u64::try_from(row.integer(0)?).map_err(unexpected)?,
        since: from_us(row.integer(1)?),
        until: (until_us != OPEN).then(|| from_us(until_us)),
        said: Attribute::of_bits(row.integer(3)?),
        is_superseded: row.integer_or_null(4)?.is_some(),
        facts: Facts::of_row(row, 5)?,
        by: changed_by(row, 5 + COUNT)?,
    })
}

/// Reads `c.id, c.at_us, c.actor, c.why, c.origin, u.name, t.name`.
pub(super) fn changed_by(row: &Row, first: usize) -> Result<ChangedBy, StoreError> {
    Ok(ChangedBy {
        change: row.integer(first)?,
        at: from_us(row.integer(first + 1)?),
        who: row.text(first + 2)?.parse().map_err(unexpected)?,
        why: row.text_or_null(first + 3)?,
        origin: row.text(first + 4)?,
        who_name: name_of(row.text_or_null(first + 5)?, row.text_or_null(first + 6)?),
    })
}
