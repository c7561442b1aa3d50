//! `/healthz`, `/readyz` and `/metrics`: what machines ask.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::app::App;

/// What is counted and measured; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    planning_seconds: Histogram,
    limited: Counter,
    listeners: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 14))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("longlead");
        let requests = Family::default();
        let family = Family::<RouteLabels, Histogram>::new_with_constructor(seconds);
        let (planning_seconds, limited, listeners) =
            (seconds(), Counter::default(), Gauge::default());
        registry.register("requests", "Requests answered", requests.clone());
        let help = "Time until a request was answered";
        registry.register_with_unit("request_duration", help, Unit::Seconds, family.clone());
        let help = "Time to compute a plan";
        let planning = planning_seconds.clone();
        registry.register_with_unit("planning_duration", help, Unit::Seconds, planning);
        registry.register("requests_limited", "Requests refused as too many", limited.clone());
        registry.register("listeners", "Open streams of events", listeners.clone());
        Metrics {
            registry: Arc::new(registry),
            requests,
            seconds: family,
            planning_seconds,
            limited,
            listeners,
        }
    }
}

impl Metrics {
    pub(crate) fn answered(&self, method: &str, route: &str, status: StatusCode, took: Duration) {
        let (method, route) = (method.to_owned(), route.to_owned());
        let labels = RequestLabels { method, route: route.clone(), status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&RouteLabels { route }).observe(took.as_secs_f64());
    }

    pub(crate) fn planned(&self, took: Duration) {
        self.planning_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn limited(&self) {
        self.limited.inc();
    }

    /// Counts an open stream of events for as long as what it returns lives.
    pub(crate) fn listening(&self) -> Listening {
        self.listeners.inc();
        Listening(self.listeners.clone())
    }
}

/// Keeps a stream of events counted.
#[derive(Debug)]
pub(crate) struct Listening(Gauge);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The process runs.
pub(crate) async fn alive() -> &'static str {
    "alive\n"
}

/// The database answers and there is a plan to show.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    if app.engine().latest().is_none() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the first plan is being computed\n")
            .into_response();
    }
    match app.journal().ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database doesn't answer\n").into_response()
        }
    }
}

/// The metrics as Prometheus reads them.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let mut text = String::new();
    if encode(&mut text, &app.metrics().registry).is_err() {
        let _ = writeln!(text, "# the metrics can't be written");
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
