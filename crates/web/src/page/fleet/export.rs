//! `/fleet/export/FILE`: the registry as CSV, sent as it's read.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use longlead_records::StoreError;
use longlead_records::devices::{DeviceFilter, Devices, ImportKind};

use super::{Asked, filter_of};
use crate::app::App;
use crate::problem::Problem;
use crate::reader::Reader;

/// So many devices are read at once.
const PART: u32 = 2000;

pub(crate) async fn file(
    State(app): State<App>,
    reader: Reader,
    Path(file): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("There is no such file: devices.csv or events.csv");
    let kind: ImportKind =
        file.strip_suffix(".csv").and_then(|kind| kind.parse().ok()).ok_or_else(missing)?;
    // What happened before a device was theirs isn't a partner's to know.
    if kind == ImportKind::Events && reader.only_owner().is_some() {
        return Err(missing());
    }
    let filter = DeviceFilter { after: None, ..filter_of(&reader, &asked)? };
    let devices = app.journal().devices();
    // The first part shows whether it can be read at all.
    let (first, next) = devices.export_part(kind, &filter, PART).await?;
    let rest =
        stream::try_unfold(next, move |next| part(devices.clone(), kind, filter.clone(), next));
    let first = stream::once(std::future::ready(Ok::<_, StoreError>(first)));
    let body = Body::from_stream(futures_util::StreamExt::chain(first, rest));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{kind}.csv\"")),
    ];
    Ok((headers, body).into_response())
}

type Next = Option<longlead_records::devices::Serial>;

async fn part(
    devices: Devices,
    kind: ImportKind,
    filter: DeviceFilter,
    next: Next,
) -> Result<Option<(String, Next)>, StoreError> {
    match next {
        None => Ok(None),
        after => {
            let filter = DeviceFilter { after, ..filter };
            devices.export_part(kind, &filter, PART).await.map(Some)
        }
    }
}
