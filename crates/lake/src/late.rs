//! Reading the rows of places that aren't in memory any more, to hold late rows against them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::scalar::ScalarValue;

use crate::columns::{COMMIT, IdentityColumns, conform, contents, text};
use crate::committer::{LoadError, Loaded, Loader};
use crate::identity::{Kind, Place};
use crate::query::Engine;
use crate::state::State;

/// Devices that one query names.
const DEVICES: usize = 256;
/// Memory of one such query.
const MEMORY: usize = 256 << 20;

pub(crate) fn loader(engine: Engine, state: Arc<State>) -> Loader {
    Arc::new(move |stream, places| {
        let (engine, state) = (engine.clone(), Arc::clone(&state));
        Box::pin(async move { load(&engine, &state, &stream, &places).await })
    })
}

async fn load(
    engine: &Engine,
    state: &State,
    stream: &str,
    places: &[(Place, String)],
) -> Result<Loaded, LoadError> {
    let mut found: HashMap<Place, Vec<(u64, u64)>> =
        places.iter().map(|(place, _)| (*place, Vec::new())).collect();
    // Days are read one by one, since files are cut by day; sequences by range.
    let mut parts: BTreeMap<Option<i64>, Vec<&(Place, String)>> = BTreeMap::new();
    for place in places {
        let day = matches!(place.0.kind, Kind::Captured).then_some(place.0.block);
        parts.entry(day).or_default().push(place);
    }
    for part in parts.into_values() {
        for some in part.chunks(DEVICES) {
            read(engine, state, stream, some, &mut found).await?;
        }
    }
    Ok(found.into_iter().collect())
}

async fn read(
    engine: &Engine,
    state: &State,
    stream: &str,
    places: &[&(Place, String)],
    found: &mut HashMap<Place, Vec<(u64, u64)>>,
) -> Result<(), LoadError> {
    let problem = |error: &dyn std::fmt::Display| LoadError(error.to_string());
    let Some(schema) = state.table(stream).and_then(|it| it.schema) else { return Ok(()) };
    let session = engine.session_of(state, &[], MEMORY).map_err(|it| problem(&it))?;
    let table = datafusion::common::TableReference::bare(stream);
    let frame = session.table(table).await.map_err(|it| problem(&it))?;
    let frame = frame.filter(filter(places)).map_err(|it| problem(&it))?;
    let batches = frame.collect().await.map_err(|it| problem(&it))?;
    let names: HashMap<&str, u32> =
        places.iter().map(|(place, name)| (name.as_str(), place.device)).collect();
    for batch in batches {
        // Files may read as other types of text.
        let plain = crate::columns::plain(&schema, COMMIT);
        let batch = conform(&batch, &plain).map_err(|it| problem(&it))?;
        let device = text(&batch, "device").map_err(|it| problem(&it))?;
        let known = |name: Option<&str>| name.and_then(|it| names.get(it)).copied();
        let device: Vec<u32> = device.iter().map(|it| known(it).unwrap_or(u32::MAX)).collect();
        let content = contents(&batch).map_err(|it| problem(&it))?;
        let columns = IdentityColumns::of(&batch).map_err(|it| problem(&it))?;
        let keys = columns.keys(&device, &content);
        for row in 0..batch.num_rows() {
            if let Some((place, key, content)) = keys.at(row)
                && let Some(rows) = found.get_mut(&place)
            {
                rows.push((key, content));
            }
        }
    }
    Ok(())
}

/// Rows of any of the devices in the range of all places.
fn filter(places: &[&(Place, String)]) -> Expr {
    let ranges = || places.iter().map(|(place, _)| place.range());
    let first = ranges().map(|it| it.0).min().unwrap_or(i64::MIN);
    let last = ranges().map(|it| it.1).max().unwrap_or(i64::MAX);
    let devices = places.iter().map(|(_, name)| lit(name.as_str())).collect();
    let of_devices = ident("device").in_list(devices, false);
    let is_captured = places.iter().any(|(place, _)| matches!(place.kind, Kind::Captured));
    let range = if is_captured {
        let time = |at| lit(ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into())));
        ident("captured").between(time(first), time(last)).and(ident("sequence").is_null())
    } else {
        ident("sequence").between(lit(first.cast_unsigned()), lit(last.cast_unsigned()))
    };
    of_devices.and(range)
}
