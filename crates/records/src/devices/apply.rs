//! Applies rows that have been compared with the registry: a few statements over all of them.

use std::collections::BTreeMap;

use super::facts::{Facts, columns};
use super::history::{Span, Statement, restated};
use super::stage::{newest, of_verdict};
use super::{OPEN, unexpected};
use crate::store::{Row, StoreError, Transaction, Value, places, values};

const GROUPS: &str = "COALESCE(d.product, ''), COALESCE(d.revision, ''), \
    COALESCE(d.firmware, ''), COALESCE(d.market, ''), COALESCE(d.carrier, ''), d.state, \
    COALESCE(d.owner, 0)";

/// Applies what is said of devices; tells how many were added and changed.
pub(super) async fn apply_devices(
    transaction: &mut Transaction<'_>,
    import: i64,
    change: i64,
) -> Result<(u64, u64), StoreError> {
    let touched = format!(
        "device_import_row s JOIN device d ON d.id = s.device WHERE {}",
        of_verdict("'changed'")
    );
    count(transaction, &touched, &values![import], -1).await?;
    let late = apply_late(transaction, import, change).await?;
    let changed = apply_newer(transaction, import, change).await?;
    let added = apply_added(transaction, import, change).await?;
    let touched = format!(
        "device_import_row s JOIN device d ON d.serial = s.serial WHERE {}",
        of_verdict("'added', 'changed'")
    );
    count(transaction, &touched, &values![import], 1).await?;
    forget_empty_counts(transaction).await?;
    Ok((added, changed + late))
}

/// Counts the devices of a query in, or out.
pub(super) async fn count(
    transaction: &mut Transaction<'_>,
    touched: &str,
    values: &[Value],
    sign: i64,
) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO device_count (product, revision, firmware, market, carrier, state, owner, n) \
         SELECT {GROUPS}, {sign} * COUNT(*) FROM {touched} GROUP BY 1, 2, 3, 4, 5, 6, 7 \
         ON CONFLICT (product, revision, firmware, market, carrier, state, owner) \
         DO UPDATE SET n = device_count.n + excluded.n"
    );
    transaction.execute(sql, values).await.map(drop)
}

pub(super) async fn forget_empty_counts(
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM device_count WHERE n = 0", &[]).await.map(drop)
}

/// What comes after the newest version of its device: that one ends, and a new one begins.
async fn apply_newer(
    transaction: &mut Transaction<'_>,
    import: i64,
    change: i64,
) -> Result<u64, StoreError> {
    let rows = format!("{} AND s.is_late = 0", of_verdict("'changed'"));
    let sql = format!(
        "UPDATE device_version AS v SET until_us = s.since_us FROM device_import_row s \
         WHERE {rows} AND v.device = s.device AND {}",
        newest()
    );
    transaction.execute(sql, &values![import]).await?;
    let set = columns(|name, bit| {
        format!("{name} = CASE WHEN (s.said & {bit}) <> 0 THEN s.{name} ELSE d.{name} END")
    });
    let sql = format!(
        "UPDATE device AS d SET {set}, since_us = s.since_us, version = d.version + 1 \
         FROM device_import_row s WHERE {rows} AND d.id = s.device"
    );
    let changed = transaction.execute(sql, &values![import]).await?;
    write_versions(transaction, import, change, "d.id = s.device", &rows).await?;
    Ok(changed)
}

async fn apply_added(
    transaction: &mut Transaction<'_>,
    import: i64,
    change: i64,
) -> Result<u64, StoreError> {
    let rows = of_verdict("'added'");
    let sql = format!("SELECT COUNT(*) FROM device_import_row s WHERE {rows}");
    let row = transaction.row(sql, &values![import]).await?;
    let added = row.map_or(Ok(0), |row| row.integer(0))?;
    if added == 0 {
        return Ok(0);
    }
    let sql = "UPDATE counter SET last = last + $1 WHERE name = 'device' RETURNING last";
    let row = transaction.row(sql, &values![added]).await?;
    let last = row.ok_or_else(|| unexpected("there is no counter `device`"))?.integer(0)?;
    let (names, told) =
        (columns(|name, _| name.to_owned()), columns(|name, _| format!("s.{name}")));
    let sql = format!(
        "INSERT INTO device (id, serial, {names}, state, since_us, version) \
         SELECT $2 + ROW_NUMBER() OVER (ORDER BY s.line), s.serial, {told}, 'registered', \
         s.since_us, 1 FROM device_import_row s WHERE {rows}"
    );
    transaction.execute(sql, &values![import, last - added]).await?;
    write_versions(transaction, import, change, "d.serial = s.serial", &rows).await?;
    u64::try_from(added).map_err(unexpected)
}

/// Writes the newest version of each device of the rows as it stands in the registry now.
async fn write_versions(
    transaction: &mut Transaction<'_>,
    import: i64,
    change: i64,
    join: &str,
    rows: &str,
) -> Result<(), StoreError> {
    let (names, held) =
        (columns(|name, _| name.to_owned()), columns(|name, _| format!("d.{name}")));
    let sql = format!(
        "INSERT INTO device_version \
         (device, number, since_us, until_us, said, change, written, {names}) \
         SELECT d.id, d.version, s.since_us, {OPEN}, s.said, $2, $2, {held} \
         FROM device_import_row s JOIN device d ON {join} WHERE {rows}"
    );
    transaction.execute(sql, &values![import, change]).await.map(drop)
}

/// So many devices whose past changes are held at once.
const LATE_MAX: i64 = 500;

/// A row that reaches back, and the device that it's about.
struct Late {
    device: i64,
    version: i64,
    statement: Statement,
}

/// What reaches back before the newest version of its device: its versions are restated one
/// device after the other.
async fn apply_late(
    transaction: &mut Transaction<'_>,
    import: i64,
    change: i64,
) -> Result<u64, StoreError> {
    let told = columns(|name, _| format!("s.{name}"));
    let sql = format!(
        "SELECT s.line, s.device, d.version, s.since_us, s.said, {told} \
         FROM device_import_row s JOIN device d ON d.id = s.device \
         WHERE {} AND s.is_late = 1 AND s.line > $2 ORDER BY s.line LIMIT {LATE_MAX}",
        of_verdict("'changed'")
    );
    let (mut after, mut changed) = (i64::MIN, 0);
    loop {
        let rows = transaction.rows(sql.as_str(), &values![import, after]).await?;
        let Some(last) = rows.last() else {
            return Ok(changed);
        };
        after = last.integer(0)?;
        let late: Vec<Late> = rows.iter().map(late_of).collect::<Result<_, _>>()?;
        let spans = spans_of(transaction, &late).await?;
        let mut written = Vec::new();
        for late in &late {
            let held = spans.get(&late.device).map(Vec::as_slice).unwrap_or_default();
            restate(transaction, late, held, change, &mut written).await?;
        }
        write_spans(transaction, &written, change).await?;
        changed += u64::try_from(late.len()).map_err(unexpected)?;
    }
}

fn late_of(row: &Row) -> Result<Late, StoreError> {
    let facts = Facts::of_row(row, 5)?;
    let statement = Statement { since_us: row.integer(3)?, said: row.integer(4)?, facts };
    Ok(Late { device: row.integer(1)?, version: row.integer(2)?, statement })
}

async fn spans_of(
    transaction: &mut Transaction<'_>,
    late: &[Late],
) -> Result<BTreeMap<i64, Vec<Span>>, StoreError> {
    let names = columns(|name, _| name.to_owned());
    let sql = format!(
        "SELECT device, number, since_us, until_us, said, change, {names} FROM device_version \
         WHERE superseded IS NULL AND device IN {} ORDER BY device, since_us",
        places(1, late.len())
    );
    let bound: Vec<Value> = late.iter().map(|late| late.device.into()).collect();
    let mut spans: BTreeMap<i64, Vec<Span>> = BTreeMap::new();
    for row in transaction.rows(sql, &bound).await? {
        let span = Span {
            number: Some(row.integer(1)?),
            since_us: row.integer(2)?,
            until_us: row.integer(3)?,
            said: row.integer(4)?,
            change: Some(row.integer(5)?),
            facts: Facts::of_row(&row, 6)?,
        };
        spans.entry(row.integer(0)?).or_default().push(span);
    }
    Ok(spans)
}

/// Restates the past of one device. What is to be written is left to be written with others'.
async fn restate(
    transaction: &mut Transaction<'_>,
    late: &Late,
    held: &[Span],
    change: i64,
    written: &mut Vec<(i64, Span)>,
) -> Result<(), StoreError> {
    let restated = restated(held, &late.statement);
    if let Some((number, until_us)) = restated.shortened {
        let sql = "UPDATE device_version SET until_us = $3 WHERE device = $1 AND number = $2";
        transaction.execute(sql, &values![late.device, number, until_us]).await?;
    }
    for number in &restated.superseded {
        let sql = "UPDATE device_version SET superseded = $3 WHERE device = $1 AND number = $2";
        transaction.execute(sql, &values![late.device, *number, change]).await?;
    }
    let mut version = late.version;
    for span in restated.written {
        version += 1;
        if span.until_us == OPEN {
            let set = columns(|name, bit| format!("{name} = ${}", bit.trailing_zeros() + 3));
            let sql = format!("UPDATE device SET since_us = $2, {set} WHERE id = $1");
            let mut bound: Vec<Value> = values![late.device, span.since_us].into();
            bound.extend(span.facts.values()?);
            transaction.execute(sql, &bound).await?;
        }
        written.push((late.device, Span { number: Some(version), ..span }));
    }
    let sql = "UPDATE device SET version = $2 WHERE id = $1";
    transaction.execute(sql, &values![late.device, version]).await.map(drop)
}

async fn write_spans(
    transaction: &mut Transaction<'_>,
    spans: &[(i64, Span)],
    change: i64,
) -> Result<(), StoreError> {
    let names = columns(|name, _| name.to_owned());
    for spans in spans.chunks(500) {
        let mut bound: Vec<Value> = Vec::new();
        for (device, span) in spans {
            let own = span.change.unwrap_or(change);
            bound.extend(values![*device, span.number, span.since_us, span.until_us, span.said]);
            bound.extend(values![own, change]);
            bound.extend(span.facts.values()?);
        }
        let width = bound.len() / spans.len();
        let sql = format!(
            "INSERT INTO device_version \
             (device, number, since_us, until_us, said, change, written, {names}) VALUES {}",
            places(spans.len(), width)
        );
        transaction.execute(sql, &bound).await?;
    }
    Ok(())
}

/// Applies events; tells how many were added.
pub(super) async fn apply_events(
    transaction: &mut Transaction<'_>,
    import: i64,
    change: i64,
) -> Result<u64, StoreError> {
    let rows = of_verdict("'added'");
    let touched =
        format!("device d WHERE d.id IN (SELECT s.device FROM device_import_event s WHERE {rows})");
    count(transaction, &touched, &values![import], -1).await?;
    let sql = format!("SELECT COUNT(*) FROM device_import_event s WHERE {rows}");
    let row = transaction.row(sql, &values![import]).await?;
    let added = row.map_or(Ok(0), |row| row.integer(0))?;
    let sql = "UPDATE counter SET last = last + $1 WHERE name = 'device_event' RETURNING last";
    let row = transaction.row(sql, &values![added]).await?;
    let last = row.ok_or_else(|| unexpected("there is no counter `device_event`"))?.integer(0)?;
    let sql = format!(
        "INSERT INTO device_event (id, device, kind, at_us, cause, source, note, change) \
         SELECT $2 + ROW_NUMBER() OVER (ORDER BY s.line), s.device, s.kind, s.at_us, s.cause, \
         s.source, s.note, $3 FROM device_import_event s WHERE {rows}"
    );
    transaction.execute(sql, &values![import, last - added, change]).await?;
    let which = format!("d.id IN (SELECT s.device FROM device_import_event s WHERE {rows})");
    restate_events(transaction, &which, &values![import]).await?;
    count(transaction, &touched, &values![import], 1).await?;
    forget_empty_counts(transaction).await?;
    u64::try_from(added).map_err(unexpected)
}

/// The state of devices is what their last event says. Of events at one instant, the later
/// recorded one holds.
pub(super) async fn restate_events(
    transaction: &mut Transaction<'_>,
    which: &str,
    values: &[Value],
) -> Result<(), StoreError> {
    let last = |column: &str| {
        format!(
            "(SELECT e.{column} FROM device_event e WHERE e.device = d.id \
             AND e.retracted IS NULL ORDER BY e.at_us DESC, e.id DESC LIMIT 1)"
        )
    };
    let (kind, at) = (last("kind"), last("at_us"));
    let sql = format!(
        "UPDATE device AS d SET state = COALESCE({kind}, 'registered'), state_us = {at} \
         WHERE {which}"
    );
    transaction.execute(sql, values).await.map(drop)
}
