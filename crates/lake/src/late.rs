//! Reading the rows of places that identities don't know, to hold late rows against them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::error::ArrowError;

use crate::columns::{IdentityColumns, contents, text};
use crate::committer::{LoadError, Loaded, Loader};
use crate::identity::Place;
use crate::state::State;

pub(crate) fn loader(state: Arc<State>) -> Loader {
    Arc::new(move |stream, places| {
        let loaded = load(&state, &stream, &places).map_err(|it| LoadError(it.to_string()));
        Box::pin(async move { loaded })
    })
}

fn load(state: &State, stream: &str, places: &[(Place, String)]) -> Result<Loaded, ArrowError> {
    let mut found: HashMap<Place, Vec<(u64, u64)>> =
        places.iter().map(|(place, _)| (*place, Vec::new())).collect();
    let names: HashMap<&str, u32> =
        places.iter().map(|(place, name)| (name.as_str(), place.device)).collect();
    for batch in state.table(stream).iter().flat_map(|it| it.batches()) {
        let known = |name: Option<&str>| name.and_then(|it| names.get(it)).copied();
        let device: Vec<u32> =
            text(batch, "device")?.iter().map(|it| known(it).unwrap_or(u32::MAX)).collect();
        let content = contents(batch)?;
        let columns = IdentityColumns::of(batch)?;
        let keys = columns.keys(&device, &content);
        for (place, key, content) in (0..batch.num_rows()).filter_map(|row| keys.at(row)) {
            if let Some(rows) = found.get_mut(&place) {
                rows.push((key, content));
            }
        }
    }
    Ok(found.into_iter().collect())
}
