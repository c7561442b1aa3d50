//! `/events`: tells pages when the plan has changed.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt as _};
use serde_json::json;
use tokio_stream::wrappers::WatchStream;

use crate::app::App;

/// So long a stream lasts. Browsers open it again by themselves, and whoever asks is judged anew:
/// a session that has ended hears nothing more.
const LASTS: Duration = Duration::from_secs(15 * 60);

/// A stream of server-sent events: `forecast` with the sequence of the journal that it is of, at
/// once for the plan there is and then for each new one.
pub(crate) async fn stream(
    State(app): State<App>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let listening = app.metrics().listening();
    let outlooks = WatchStream::new(app.engine().watch());
    let events = outlooks.filter_map(move |outlook| {
        // Held by the stream, so that it counts for as long as someone listens.
        let _ = &listening;
        let event = outlook.map(|outlook| {
            let told = json!({
                "sequence": outlook.sequence(),
                "as_of": outlook.as_of,
                "planned": outlook.plan.is_ok(),
            });
            Ok(Event::default().event("forecast").data(told.to_string()))
        });
        std::future::ready(event)
    });
    let ends = async move {
        tokio::select! {
            () = tokio::time::sleep(LASTS) => {}
            () = app.stopped() => {}
        }
    };
    let events = events.take_until(Box::pin(ends));
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(20)))
}
