//! Rows of devices in a window, as figures are counted from them: all of it, or its end if there are
//! too many.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use longlead_lake::{Answer, Cell, Lake, Limits, QueryError};
use longlead_stream::quality::DeviceRows;
use longlead_stream::{Clock, ColumnKind, Contract};
use longlead_web::telemetry::{DevicesOf, texts_in_sql};

/// Parts into which a window is cut to find where its newest rows begin.
const PARTS: i64 = 10_000;
/// Where fewer rows than one in so many could still be had, the search ends.
const CLOSE: u64 = 20;

/// The rows of a stream that were captured in a window, of one device or of all: if there are more
/// than `rows_max`, the newest. These are whole: from where they begin on, none is left out, unless
/// one moment alone has more than twice as many.
pub(super) async fn newest(
    lake: &Lake,
    contract: &Contract,
    device: Option<&str>,
    window: Range<i64>,
    rows_max: usize,
) -> Result<DevicesOf, QueryError> {
    let known = lake.tables().await?;
    let Some(table) = known.iter().find(|it| it.name == contract.stream()) else {
        return Ok(DevicesOf::default());
    };
    let numbers = contract.columns().iter().filter(|it| is_number(it.kind));
    let fields: Vec<&str> = numbers
        .map(|it| it.name.as_str())
        .filter(|name| table.columns.iter().any(|(column, _)| column == name))
        .collect();
    let wanted = Wanted { stream: contract.stream(), device };
    let window = in_reach(window.start)..in_reach(window.end);
    let part_from = begin(lake, &wanted, window.clone(), rows_max).await?;
    let window = part_from.unwrap_or(window.start)..window.end;
    let names: String = fields.iter().map(|name| format!(", \"{name}\"")).collect();
    let sql = format!(
        "SELECT device, captured, received, clock, boot, sequence{names} FROM {} \
         ORDER BY captured DESC, received DESC, device",
        wanted.within(&window)
    );
    // Some may have come since they were counted. What is cut off are the oldest.
    let mut answer = ask(lake, &sql, rows_max.saturating_mul(2)).await?;
    let (mut devices, mut oldest) = (BTreeMap::<String, DeviceRows>::new(), None);
    while let Some(page) = answer.next().await {
        let page = page?;
        for row in 0..page.rows() {
            add(&mut devices, &fields, |column| page.cell(row, column));
            oldest = integer(&page.cell(row, 1)).or(oldest);
        }
    }
    let part_from = if answer.is_truncated() { oldest } else { part_from };
    let devices = devices.into_iter().map(|(device, rows)| (device, by_receipt(&rows)));
    Ok(DevicesOf { devices: devices.collect(), part_from })
}

/// Rows in the order in which they were received.
fn by_receipt(rows: &DeviceRows) -> DeviceRows {
    let times = rows.received.iter().zip(&rows.captured).enumerate();
    let mut order: Vec<_> = times.map(|(row, times)| (times, row)).collect();
    order.sort_unstable();
    let order: Vec<usize> = order.into_iter().map(|(_, row)| row).collect();
    let fields = rows.fields.iter();
    DeviceRows {
        captured: in_order(&rows.captured, &order),
        received: in_order(&rows.received, &order),
        clock: in_order(&rows.clock, &order),
        boot: in_order(&rows.boot, &order),
        sequence: in_order(&rows.sequence, &order),
        fields: fields.map(|(name, values)| (name.clone(), in_order(values, &order))).collect(),
    }
}

fn in_order<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
    order.iter().filter_map(|row| values.get(*row).copied()).collect()
}

/// Whose rows are wanted.
struct Wanted<'a> {
    stream: &'a str,
    device: Option<&'a str>,
}

impl Wanted<'_> {
    /// The table and what rows of it must meet.
    fn within(&self, window: &Range<i64>) -> String {
        let instant = |it: i64| Timestamp::from_microsecond(in_reach(it)).unwrap_or_default();
        let (from, to) = (instant(window.start), instant(window.end));
        let device = self.device.map(|it| format!(" AND device = {}", texts_in_sql([it])));
        format!(
            "\"{}\" WHERE captured >= TIMESTAMP '{from}' AND captured < TIMESTAMP '{to}'{}",
            self.stream,
            device.unwrap_or_default()
        )
    }
}

/// Where the newest `rows_max` rows of a window begin; nothing if it has no more than that.
///
/// Rows are counted by parts of the window, from its end, and where a part has too many, by parts
/// of it. That reads one column, and sorts nothing.
async fn begin(
    lake: &Lake,
    wanted: &Wanted<'_>,
    window: Range<i64>,
    rows_max: usize,
) -> Result<Option<i64>, QueryError> {
    let rows_max = rows_max as u64;
    let (mut looked, mut left) = (window.clone(), rows_max);
    loop {
        let span = looked.end.saturating_sub(looked.start);
        let part = span.saturating_add(PARTS - 1) / PARTS;
        if part <= 0 {
            return Ok(Some(looked.start));
        }
        let sql = format!(
            "SELECT (CAST(captured AS BIGINT) - {}) / {part} AS part, count(*) AS readings \
             FROM {} GROUP BY 1 ORDER BY 1 DESC",
            looked.start,
            wanted.within(&looked)
        );
        let mut too_many = None;
        for (number, readings) in pairs(ask(lake, &sql, usize::MAX).await?).await? {
            if readings > left {
                too_many = Some(looked.start.saturating_add(number.saturating_mul(part)));
                break;
            }
            left -= readings;
        }
        let Some(start) = too_many else {
            return Ok((looked != window).then_some(looked.start));
        };
        let end = start.saturating_add(part).min(looked.end);
        // What one moment has is taken or left as a whole; left, unless nothing else would be had.
        if part == 1 {
            return Ok(Some(if left == rows_max { start } else { end }));
        }
        if left < rows_max / CLOSE {
            return Ok(Some(end));
        }
        looked = start..end;
    }
}

/// The nearest instant that SQL can read: it does so in nanoseconds, which end in 2262.
fn in_reach(micros: i64) -> i64 {
    micros.clamp(i64::MIN / 1000 + 1, i64::MAX / 1000)
}

/// The two numbers of each row.
async fn pairs(mut answer: Answer) -> Result<Vec<(i64, u64)>, QueryError> {
    let mut pairs = Vec::new();
    while let Some(page) = answer.next().await {
        let page = page?;
        pairs.extend((0..page.rows()).filter_map(|row| {
            let number = |column| integer(&page.cell(row, column));
            Some((number(0)?, number(1)?.max(0).cast_unsigned()))
        }));
    }
    Ok(pairs)
}

async fn ask(lake: &Lake, sql: &str, rows: usize) -> Result<Answer, QueryError> {
    let limits = Limits { time: Duration::from_secs(20), memory: 1 << 30, rows };
    lake.query(sql, limits, &[]).await
}

fn is_number(kind: ColumnKind) -> bool {
    matches!(kind, ColumnKind::Float | ColumnKind::Integer)
}

fn add<'a>(
    devices: &mut BTreeMap<String, DeviceRows>,
    fields: &[&str],
    cell: impl Fn(usize) -> Cell<'a>,
) {
    let Cell::Text(device) = cell(0) else { return };
    if !devices.contains_key(device) {
        let fields = fields.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        devices.insert(device.to_owned(), DeviceRows { fields, ..DeviceRows::default() });
    }
    let Some(rows) = devices.get_mut(device) else { return };
    rows.captured.push(integer(&cell(1)).unwrap_or_default());
    rows.received.push(integer(&cell(2)).unwrap_or_default());
    rows.clock.push(clock(&cell(3)));
    rows.boot.push(integer(&cell(4)).map(i64::cast_unsigned));
    rows.sequence.push(integer(&cell(5)).map(i64::cast_unsigned));
    for (at, (_, values)) in rows.fields.iter_mut().enumerate() {
        values.push(match cell(6 + at) {
            Cell::Float(value) => Some(value),
            other => integer(&other).map(|value| value as f64),
        });
    }
}

fn integer(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Integer(value) | Cell::Time(value) => Some(*value),
        Cell::Unsigned(value) => Some(value.cast_signed()),
        _ => None,
    }
}

fn clock(cell: &Cell<'_>) -> Clock {
    let Cell::Text(word) = cell else { return Clock::Good };
    Clock::ALL.into_iter().find(|it| it.as_str() == *word).unwrap_or(Clock::Good)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use longlead_stream::Sender;
    use longlead_stream::quality::device_figures;

    use super::super::anew::tests::{RECEIVED, SECOND, contracts, lake, sent};
    use super::*;

    const DAY: i64 = 86_400 * SECOND;
    const DEVICES: [&str; 3] = ["a", "b", "c"];
    const CADENCE: i64 = 60 * SECOND;

    /// Readings of three devices, each a minute, over a day.
    async fn full(folder: &std::path::Path) -> (Lake, Arc<Contract>) {
        let text = "[[contract]]\nid = \"climate\"\ntitle = \"Climate\"\ncadence = \"1 min\"\n\
                    fields = [{ name = \"temperature\" }]\n";
        let (lake, contracts) = (lake(folder).await, contracts(text, 1));
        let at = |number: i64| RECEIVED - DAY + number * CADENCE;
        let readings: Vec<(&str, i64, f64)> =
            (0..1440).flat_map(|it| DEVICES.map(|device| (device, at(it), it as f64))).collect();
        let names = ("climate", "temperature");
        lake.accept(sent(&contracts, Sender::Trusted, names, &readings)).await.unwrap();
        (lake, Arc::clone(contracts.get("climate").unwrap()))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn figures_of_a_stream_at_full_rate_are_complete_from_where_they_begin() {
        let folder = tempfile::tempdir().unwrap();
        let (lake, contract) = full(folder.path()).await;
        let window = RECEIVED - DAY..RECEIVED;
        for (rows_max, is_part) in [(4320, false), (4319, true), (1000, true), (100, true)] {
            let found = newest(&lake, &contract, None, window.clone(), rows_max).await.unwrap();
            assert_eq!(found.part_from.is_some(), is_part, "{rows_max}");
            let from = found.part_from.unwrap_or(window.start);
            let rows: usize = found.devices.iter().map(|(_, it)| it.captured.len()).sum();
            assert!(rows <= rows_max && rows >= rows_max * 9 / 10, "{rows} of {rows_max}");
            assert_eq!(found.devices.len(), 3);
            for (device, rows) in &found.devices {
                let figures = device_figures(&contract, rows, from..window.end, window.end);
                let completeness = figures.completeness.unwrap();
                assert_eq!(completeness.missing(), 0, "{device}: {completeness:?} of {rows_max}");
                assert_eq!(rows.captured.last(), Some(&(RECEIVED - CADENCE)), "the newest");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_one_device_only_its_rows_count() {
        let folder = tempfile::tempdir().unwrap();
        let (lake, contract) = full(folder.path()).await;
        let of = async |device: &str, rows_max| {
            newest(&lake, &contract, Some(device), 0..RECEIVED, rows_max).await.unwrap()
        };
        let found = of("b", 1440).await;
        assert_eq!((found.part_from, found.devices[0].1.captured.len()), (None, 1440));
        let found = of("b", 100).await;
        assert!(found.part_from.unwrap() > RECEIVED - 101 * CADENCE, "{:?}", found.part_from);
        assert_eq!(found.devices.len(), 1);
        assert!(found.devices[0].1.captured.len() >= 95, "{}", found.devices[0].1.captured.len());
        assert!(of("no such", 100).await.devices.is_empty());
        // A window that is wider than instants are.
        for window in [i64::MIN..i64::MAX, i64::MIN..RECEIVED, 0..i64::MAX] {
            let found = newest(&lake, &contract, Some("b"), window.clone(), 1440).await.unwrap();
            let rows: usize = found.devices.iter().map(|(_, it)| it.captured.len()).sum();
            assert_eq!(rows, 1440, "{window:?}");
        }
    }

    #[test]
    fn rows_are_told_in_the_order_in_which_they_were_received() {
        let rows = DeviceRows {
            captured: vec![30, 20, 15, 10],
            received: vec![31, 40, 31, 11],
            clock: vec![Clock::Good; 4],
            boot: vec![Some(1), None, Some(2), Some(3)],
            sequence: vec![Some(3), Some(2), None, Some(1)],
            fields: vec![("t".to_owned(), vec![Some(3.0), Some(2.0), None, Some(1.0)])],
        };
        let told = by_receipt(&rows);
        assert_eq!(told.captured, [10, 15, 30, 20]);
        assert_eq!(told.received, [11, 31, 31, 40]);
        assert_eq!(told.boot, [Some(3), Some(2), Some(1), None]);
        assert_eq!(told.sequence, [Some(1), None, Some(3), Some(2)]);
        assert_eq!(told.fields[0].1, [Some(1.0), None, Some(3.0), Some(2.0)]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn more_rows_of_one_moment_than_are_wanted_are_still_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let (lake, contracts) = (
            lake(folder.path()).await,
            contracts(
                "[[contract]]\nid = \"climate\"\ntitle = \"Climate\"\nfields = [{ name = \"t\" }]\n",
                1,
            ),
        );
        let names: Vec<String> = (0..50).map(|it| format!("d{it}")).collect();
        let readings: Vec<(&str, i64, f64)> =
            names.iter().map(|it| (it.as_str(), RECEIVED - SECOND, 1.0)).collect();
        lake.accept(sent(&contracts, Sender::Trusted, ("climate", "t"), &readings)).await.unwrap();
        let contract = contracts.get("climate").unwrap();
        let found = newest(&lake, contract, None, RECEIVED - DAY..RECEIVED, 20).await.unwrap();
        assert_eq!(found.part_from, Some(RECEIVED - SECOND));
        assert_eq!(found.devices.len(), 40, "twice as many as were wanted, and no more");
    }
}
