//! Changes on their way in: rows beside the registry, compared with it by statements over all of
//! them.

use super::facts::{Attribute, COUNT, Facts, columns, joined};
use super::{DeviceEventKind, OPEN, Serial};
use crate::store::{StoreError, Transaction, Value, places, values};

/// So many rows go into one statement.
pub(super) const ROWS_MAX: usize = 1000;

/// What is said of one device.
#[derive(Clone, Debug)]
pub(super) struct StagedDevice {
    /// The line of the file, or the place in the list.
    pub(super) line: i64,
    pub(super) serial: Serial,
    pub(super) since_us: i64,
    /// A bit for each fact that is given, be it that it isn't known.
    pub(super) given: i64,
    pub(super) facts: Facts,
}

/// Something that happened to one device.
#[derive(Clone, Debug)]
pub(super) struct StagedEvent {
    pub(super) line: i64,
    pub(super) serial: Serial,
    pub(super) kind: DeviceEventKind,
    pub(super) at_us: i64,
    pub(super) cause: Option<String>,
    pub(super) source: Option<String>,
    pub(super) note: Option<String>,
}

pub(super) async fn stage_devices(
    transaction: &mut Transaction<'_>,
    import: i64,
    rows: &[StagedDevice],
) -> Result<(), StoreError> {
    let names = columns(|name, _| name.to_owned());
    for rows in rows.chunks(ROWS_MAX) {
        let mut bound: Vec<Value> = Vec::with_capacity(rows.len() * (5 + COUNT));
        for row in rows {
            let serial = row.serial.as_str();
            bound.extend(values![import, row.line, serial, row.since_us, row.given]);
            bound.extend(row.facts.values()?);
        }
        let sql = format!(
            "INSERT INTO device_import_row (import, line, serial, since_us, given, {names}) \
             VALUES {}",
            places(rows.len(), 5 + COUNT)
        );
        transaction.execute(sql, &bound).await?;
    }
    Ok(())
}

pub(super) async fn stage_events(
    transaction: &mut Transaction<'_>,
    import: i64,
    rows: &[StagedEvent],
) -> Result<(), StoreError> {
    for rows in rows.chunks(ROWS_MAX) {
        let mut bound: Vec<Value> = Vec::with_capacity(rows.len() * 8);
        for row in rows {
            let (serial, kind) = (row.serial.as_str(), row.kind.as_str());
            bound.extend(values![import, row.line, serial, kind, row.at_us]);
            bound.extend(values![row.cause.clone(), row.source.clone(), row.note.clone()]);
        }
        let sql = format!(
            "INSERT INTO device_import_event \
             (import, line, serial, kind, at_us, cause, source, note) VALUES {}",
            places(rows.len(), 8)
        );
        transaction.execute(sql, &bound).await?;
    }
    Ok(())
}

/// Compares what is said of devices with the registry, and gives each row its verdict: `added`,
/// `changed`, `unchanged`; or `twice`, `gateway` where it's refused.
pub(super) async fn classify_devices(
    transaction: &mut Transaction<'_>,
    import: i64,
) -> Result<(), StoreError> {
    let of = |write: &dyn Fn(&str) -> String| {
        let bit = |name: &str, bit: i64| {
            format!("(CASE WHEN (s.given & {bit}) <> 0 AND {} THEN {bit} ELSE 0 END)", write(name))
        };
        joined(" + ", bit)
    };
    let from_nothing = of(&|name| format!("s.{name} IS NOT NULL"));
    let from_held = of(&|name| format!("s.{name} IS DISTINCT FROM v.{name}"));
    let steps = [
        "UPDATE device_import_row SET device = NULL, seen = NULL, is_late = 0 WHERE import = $1"
            .to_owned(),
        "UPDATE device_import_row AS s SET device = d.id, seen = d.version, \
         is_late = CASE WHEN s.since_us <= d.since_us THEN 1 ELSE 0 END \
         FROM device d WHERE s.import = $1 AND d.serial = s.serial"
            .to_owned(),
        format!("UPDATE device_import_row AS s SET said = {from_nothing} WHERE s.import = $1"),
        format!(
            "UPDATE device_import_row AS s SET said = {from_held} FROM device v \
             WHERE s.import = $1 AND s.is_late = 0 AND v.id = s.device"
        ),
        format!(
            "UPDATE device_import_row AS s SET said = {from_held} FROM device_version v \
             WHERE s.import = $1 AND s.is_late = 1 AND v.device = s.device \
             AND v.superseded IS NULL AND v.since_us <= s.since_us AND s.since_us < v.until_us"
        ),
        "UPDATE device_import_row SET verdict = CASE WHEN device IS NULL THEN 'added' \
         WHEN said = 0 THEN 'unchanged' ELSE 'changed' END WHERE import = $1"
            .to_owned(),
        "UPDATE device_import_row AS s SET verdict = 'twice' WHERE s.import = $1 AND EXISTS \
         (SELECT 1 FROM device_import_row e \
          WHERE e.import = $1 AND e.serial = s.serial AND e.line < s.line)"
            .to_owned(),
    ];
    for sql in steps {
        transaction.execute(sql, &values![import]).await?;
    }
    refuse_without_gateway(transaction, import).await
}

/// A gateway is a device that is there, or comes with the same change.
async fn refuse_without_gateway(
    transaction: &mut Transaction<'_>,
    import: i64,
) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE device_import_row AS s SET verdict = 'gateway' WHERE s.import = $1 \
         AND s.verdict IN ('added', 'changed') AND (s.said & {}) <> 0 AND s.gateway IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM device d WHERE d.serial = s.gateway) \
         AND NOT EXISTS (SELECT 1 FROM device_import_row g WHERE g.import = $1 \
         AND g.serial = s.gateway AND g.verdict = 'added')",
        Attribute::Gateway.bit()
    );
    // A gateway that is refused takes along what speaks through it.
    while transaction.execute(sql.as_str(), &values![import]).await? > 0 {}
    Ok(())
}

/// Compares events with the registry: `added` or `unchanged`; or `unknown` where there is no such
/// device, `twice` where an earlier row says the same.
pub(super) async fn classify_events(
    transaction: &mut Transaction<'_>,
    import: i64,
) -> Result<(), StoreError> {
    let steps = [
        "UPDATE device_import_event SET device = NULL, verdict = 'unknown' WHERE import = $1",
        "UPDATE device_import_event AS s SET device = d.id, verdict = 'added' \
         FROM device d WHERE s.import = $1 AND d.serial = s.serial",
        "UPDATE device_import_event AS s SET verdict = 'unchanged' \
         WHERE s.import = $1 AND s.verdict = 'added' AND EXISTS \
         (SELECT 1 FROM device_event e WHERE e.device = s.device AND e.at_us = s.at_us \
          AND e.kind = s.kind AND e.retracted IS NULL)",
        "UPDATE device_import_event AS s SET verdict = 'twice' WHERE s.import = $1 \
         AND s.verdict = 'added' AND EXISTS (SELECT 1 FROM device_import_event e \
         WHERE e.import = $1 AND e.serial = s.serial AND e.at_us = s.at_us AND e.kind = s.kind \
         AND e.line < s.line)",
    ];
    for sql in steps {
        transaction.execute(sql, &values![import]).await?;
    }
    Ok(())
}

/// What PostgreSQL must know of rows that have just come, to join them well.
pub(super) async fn analyse(
    is_shared: bool,
    transaction: &mut Transaction<'_>,
    table: &str,
) -> Result<(), StoreError> {
    if is_shared {
        transaction.execute(format!("ANALYZE {table}"), &[]).await?;
    }
    Ok(())
}

/// The condition of the rows of a verdict.
pub(super) fn of_verdict(verdicts: &str) -> String {
    format!("s.import = $1 AND s.verdict IN ({verdicts})")
}

/// The newest versions: those without an end that nothing has replaced.
pub(super) fn newest() -> String {
    format!("v.superseded IS NULL AND v.until_us = {OPEN}")
}
