//! What a reader sees of the newest records: a change that was answered is there at once, even
//! while the plan is still being computed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::engine::{Outlook, day};
use crate::problem::Problem;
use crate::reader::{Reader, Seen};
use crate::sight::Sights;

/// The newest records. They may have no plan yet: insights ask [`Seen`] instead.
#[derive(Clone, Debug)]
pub(crate) struct Newest(pub(crate) Seen);

impl FromRequestParts<App> for Newest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let reader = Reader::from_request_parts(parts, app).await?;
        newest(app, reader).await.map(Newest)
    }
}

async fn newest(app: &App, reader: Reader) -> Result<Seen, Problem> {
    let snapshot = app.journal().current();
    let planned = app.engine().latest().filter(|latest| latest.sequence() == snapshot.head);
    let outlook = planned.unwrap_or_else(|| {
        let as_of = day(&snapshot.bundle, app.now());
        let bundle = Arc::clone(&snapshot.bundle);
        Arc::new(Outlook {
            snapshot,
            bundle,
            plan: Err(Vec::new()),
            as_of,
            took: Duration::ZERO,
            sights: Sights::default(),
        })
    });
    Seen::new(app.clone(), reader, outlook).await
}
