//! The one table of routes: method, path, what it needs of whoever asks, and what answers.
//!
//! The router is made from the table and from nothing else, so no route can be missing from it.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

use crate::api::operation::Operation;
use crate::api::{
    backup, change, command, contract, device, docs, document, identity, impact, insight, problems,
    record, what_if,
};
use crate::app::App;
use crate::problem::Problem;
use crate::rights::Needs::{self, *};
use crate::{assets, events, guard, health, layout, page};

/// A route of the application.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    /// What it does, if it belongs to the API.
    pub(crate) operation: Option<&'static Operation>,
    handler: MethodRouter<App>,
}

impl Route {
    /// The route, told as a part of the API.
    fn told(self, operation: &'static Operation) -> Route {
        Route { operation: Some(operation), ..self }
    }
}

/// Every route there is.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        // What machines ask, and what every page needs.
        get("/healthz", Public, health::alive),
        get("/readyz", Public, health::ready),
        get("/metrics", ReadMetrics, health::metrics),
        get("/assets/app.css", Public, assets::style),
        get("/assets/app.js", Public, assets::script),
        get("/assets/icon.svg", Public, assets::icon),
        get("/assets/plotly.min.js", Public, assets::plotly),
        get("/favicon.ico", Public, assets::icon),
        get("/events", ReadInsights, events::stream),
        // Coming and going.
        get("/sign-in", Public, page::sign_in::show),
        post("/sign-in", Public, page::sign_in::sign_in),
        post("/sign-out", SignedIn, page::sign_in::sign_out),
        get("/welcome/{secret}", Public, page::welcome::show),
        post("/welcome/{secret}", Public, page::welcome::accept),
        // Horizons.
        get("/", ReadInsights, page::horizons::show),
        // Decisions.
        get("/decisions", ReadInsights, page::decisions::show),
        get("/decisions/{id}", ReadInsights, page::decisions::one::show),
        post("/decisions/{id}", WriteRecords, page::decisions::decide::decide),
        get("/decisions/{id}/memo", ReadInsights, page::decisions::memo::show),
        get("/decisions/{id}/record", WriteRecords, page::decisions::record::show),
        post("/decisions/{id}/record", WriteRecords, page::decisions::record::record),
        // Features and hardware.
        get("/features", ReadInsights, page::features::show),
        get("/features/{feature}", ReadInsights, page::features::show_feature),
        get("/hardware", ReadInsights, page::hardware::show),
        get("/hardware/{revision}", ReadInsights, page::hardware::show_revision),
        // The fleet.
        get("/fleet", ReadFleet, page::fleet::show),
        get("/fleet/devices/{serial}", ReadFleet, page::fleet::device::show),
        post("/fleet/devices/{serial}/events", EditFleet, page::fleet::device::add_event),
        post("/fleet/devices/{serial}/retract", EditFleet, page::fleet::device::retract),
        get("/fleet/devices/{serial}/commands", ReadFleet, page::fleet::command::show),
        post("/fleet/devices/{serial}/commands", EditFleet, page::fleet::command::give),
        get("/fleet/devices/{serial}/identity", ReadFleet, page::fleet::identity::show),
        post("/fleet/devices/{serial}/claims", EditFleet, page::fleet::identity::make_claim),
        post("/fleet/devices/{serial}/revoke", EditFleet, page::fleet::identity::revoke),
        get("/fleet/import", EditFleet, page::fleet::import::form),
        post("/fleet/import", EditFleet, page::fleet::import::upload),
        get("/fleet/import/{import}", EditFleet, page::fleet::import::preview),
        post("/fleet/import/{import}/apply", EditFleet, page::fleet::import::apply),
        post("/fleet/import/{import}/compare", EditFleet, page::fleet::import::compare),
        post("/fleet/import/{import}/discard", EditFleet, page::fleet::import::discard),
        get("/fleet/export/{file}", ReadFleet, page::fleet::export::file),
        // What devices sent.
        get("/data", ReadTelemetry, page::data::show),
        get("/data/{stream}", ReadTelemetry, page::data::stream::show),
        get("/data/{stream}/proposal", ReadTelemetry, page::data::proposal::show),
        post("/data/{stream}/judge-again", WriteRecords, page::data::quarantine::judge_again),
        get("/sql", ReadTelemetry, page::sql::show),
        get("/sql/csv", ReadTelemetry, page::sql::csv),
        get("/sql/parquet", ReadTelemetry, page::sql::parquet),
        // Forecast.
        get("/forecast", ReadInsights, page::forecast::show),
        get("/forecast/calibration", ReadInsights, page::forecast::calibration::show),
        get("/forecast/{id}", ReadInsights, page::forecast::one::show),
        // Plan.
        get("/plan", ReadInsights, page::plan::show),
        get("/plan/{id}/edit", WriteRecords, page::plan::show_edit),
        post("/plan/{id}/edit", WriteRecords, page::plan::save),
        // What if.
        get("/what-if", ReadInsights, page::what_if::list),
        post("/what-if", WriteRecords, page::what_if::create),
        get("/what-if/new", ReadInsights, page::what_if::new),
        get("/what-if/{draft}", ReadInsights, page::what_if::draft::show),
        post("/what-if/{draft}/add", WriteRecords, page::what_if::change::add),
        post("/what-if/{draft}/remove", WriteRecords, page::what_if::save::remove),
        post("/what-if/{draft}/share", WriteRecords, page::what_if::save::share),
        post("/what-if/{draft}/delete", WriteRecords, page::what_if::save::delete),
        post("/what-if/{draft}/copy", WriteRecords, page::what_if::save::copy),
        post("/what-if/{draft}/keep", WriteRecords, page::what_if::save::keep),
        get("/what-if/{draft}/apply", WriteRecords, page::what_if::apply::preview),
        post("/what-if/{draft}/apply", WriteRecords, page::what_if::apply::apply),
        get("/scenarios/{scenario}", ReadInsights, page::what_if::scenario::show),
        post("/scenarios/{scenario}/copy", WriteRecords, page::what_if::scenario::copy),
        // Records.
        get("/records", ReadRecords, page::records::index),
        get("/records/{kind}", ReadRecords, page::records::list::show),
        get("/records/{kind}/new", WriteRecords, page::records::edit::new),
        post("/records/{kind}/new", WriteRecords, page::records::edit::create),
        post("/records/{kind}/csv", WriteRecords, page::records::csv::upload),
        post("/records/changes", WriteRecords, page::records::batch::commit),
        get("/records/{kind}/{id}", ReadRecords, page::records::show::show),
        get("/records/{kind}/{id}/edit", WriteRecords, page::records::edit::edit),
        post("/records/{kind}/{id}/edit", WriteRecords, page::records::edit::save),
        get("/records/{kind}/{id}/delete", WriteRecords, page::records::delete::show),
        post("/records/{kind}/{id}/delete", WriteRecords, page::records::delete::remove),
        get("/export", ReadRecords, page::records::bundle::export),
        get("/export/{file}", ReadRecords, page::records::bundle::file),
        get("/import", WriteRecords, page::records::bundle::import_form),
        post("/import", WriteRecords, page::records::bundle::import),
        // History.
        get("/history", ReadRecords, page::history::index),
        get("/history/as-of", ReadRecords, page::history::as_of::show),
        get("/history/{sequence}", ReadRecords, page::history::change_set::show),
        get("/records/{kind}/{id}/history", ReadRecords, page::history::record::show),
        post("/records/{kind}/{id}/restore", WriteRecords, page::history::record::restore),
        // Search and explanations.
        get("/explain/{id}", ReadInsights, page::explain::show),
        get("/search", ReadInsights, page::search::search),
        // People, account and audit.
        get("/people", Admin, page::people::list),
        post("/people/users", Admin, page::people::invite),
        get("/people/users/{user}", Admin, page::people::user),
        post("/people/users/{user}", Admin, page::people::change),
        post("/people/users/{user}/link", Admin, page::people::link),
        post("/people/users/{user}/sign-out", Admin, page::people::sign_out),
        post("/people/users/{user}/tokens/{token}/revoke", Admin, page::people::revoke_token),
        post("/people/users/{user}/disable", Admin, page::people::disable),
        post("/people/users/{user}/enable", Admin, page::people::enable),
        post("/people/organisations", Admin, page::people::add_organisation),
        get("/people/organisations/{organisation}", Admin, page::people::organisation),
        post("/people/organisations/{organisation}", Admin, page::people::change_organisation),
        post("/people/organisations/{organisation}/share", Admin, page::people::share),
        post("/people/organisations/{organisation}/unshare", Admin, page::people::unshare),
        get("/account", SignedIn, page::account::show),
        post("/account", SignedIn, page::account::save),
        post("/account/password", SignedIn, page::account::password),
        post("/account/sessions/{session}/revoke", SignedIn, page::account::revoke_session),
        post("/account/tokens", SignedIn, page::account::make_token),
        post("/account/tokens/{token}/revoke", SignedIn, page::account::revoke_token),
        get("/audit", Admin, page::audit::show),
        // The API.
        get("/api/v1/records", ReadRecords, record::list_kinds).told(&record::LIST_KINDS),
        get("/api/v1/records/{kind}", ReadRecords, record::list).told(&record::LIST),
        post("/api/v1/records/{kind}", WriteRecords, record::create).told(&record::CREATE),
        get("/api/v1/records/{kind}/{id}", ReadRecords, record::show).told(&record::SHOW),
        put("/api/v1/records/{kind}/{id}", WriteRecords, record::replace).told(&record::REPLACE),
        patch("/api/v1/records/{kind}/{id}", WriteRecords, record::patch).told(&record::PATCH),
        delete("/api/v1/records/{kind}/{id}", WriteRecords, record::remove).told(&record::REMOVE),
        get("/api/v1/records/{kind}/{id}/history", ReadRecords, change::record_history)
            .told(&change::RECORD_HISTORY),
        get("/api/v1/settings", ReadRecords, record::show_settings).told(&record::SHOW_SETTINGS),
        put("/api/v1/settings", WriteRecords, record::replace_settings)
            .told(&record::REPLACE_SETTINGS),
        patch("/api/v1/settings", WriteRecords, record::patch_settings)
            .told(&record::PATCH_SETTINGS),
        delete("/api/v1/settings", WriteRecords, record::reset_settings)
            .told(&record::RESET_SETTINGS),
        get("/api/v1/settings/history", ReadRecords, change::settings_history)
            .told(&change::SETTINGS_HISTORY),
        get("/api/v1/changes", ReadRecords, change::list).told(&change::LIST),
        post("/api/v1/changes", WriteRecords, change::commit).told(&change::COMMIT),
        get("/api/v1/changes/{sequence}", ReadRecords, change::show).told(&change::SHOW),
        get("/api/v1/devices", ReadFleet, device::list).told(&device::LIST),
        post("/api/v1/devices", EditFleet, device::change).told(&device::CHANGE),
        get("/api/v1/devices/{serial}", ReadFleet, device::show).told(&device::SHOW),
        get("/api/v1/devices/{serial}/versions", ReadFleet, device::versions)
            .told(&device::VERSIONS),
        get("/api/v1/devices/{serial}/events", ReadFleet, device::events).told(&device::EVENTS),
        post("/api/v1/devices/{serial}/events", EditFleet, device::add_event)
            .told(&device::ADD_EVENT),
        get("/api/v1/devices/{serial}/commands", ReadFleet, command::list).told(&command::LIST),
        post("/api/v1/devices/{serial}/commands", EditFleet, command::give).told(&command::GIVE),
        get("/api/v1/devices/{serial}/identity", ReadFleet, identity::show).told(&identity::SHOW),
        post("/api/v1/devices/{serial}/claims", EditFleet, identity::claim).told(&identity::CLAIM),
        post("/api/v1/devices/{serial}/revoke", EditFleet, identity::revoke)
            .told(&identity::REVOKE),
        get("/api/v1/fleet", ReadFleet, device::counts).told(&device::COUNTS),
        post("/api/v1/fleet/imports", EditFleet, device::import::send).told(&device::import::SEND),
        get("/api/v1/fleet/imports/{import}", EditFleet, device::import::show)
            .told(&device::import::SHOW),
        post("/api/v1/fleet/imports/{import}/compare", EditFleet, device::import::compare)
            .told(&device::import::COMPARE),
        post("/api/v1/fleet/imports/{import}/apply", EditFleet, device::import::apply)
            .told(&device::import::APPLY),
        get("/api/v1/forecast", ReadInsights, insight::forecast).told(&insight::FORECAST),
        get("/api/v1/decisions", ReadInsights, insight::decisions).told(&insight::DECISIONS),
        get("/api/v1/decisions/{id}", ReadInsights, insight::decision).told(&insight::DECISION),
        get("/api/v1/foresight", ReadInsights, insight::foresight).told(&insight::FORESIGHT),
        get("/api/v1/coverage", ReadInsights, insight::coverage).told(&insight::COVERAGE),
        get("/api/v1/explain/{id}", ReadInsights, insight::explain).told(&insight::EXPLAIN),
        get("/api/v1/forecasts", ReadInsights, insight::forecasts).told(&insight::FORECASTS),
        get("/api/v1/impact/{kind}/{id}", ReadInsights, impact::dependents)
            .told(&impact::DEPENDENTS),
        post("/api/v1/impact", ReadInsights, impact::impact).told(&impact::IMPACT),
        post("/api/v1/what-if", ReadInsights, what_if::what_if).told(&what_if::WHAT_IF),
        get("/api/v1/scenarios", ReadRecords, what_if::list_scenarios)
            .told(&what_if::LIST_SCENARIOS),
        get("/api/v1/scenarios/{id}/forecast", ReadInsights, what_if::scenario_forecast)
            .told(&what_if::SCENARIO_FORECAST),
        get("/api/v1/scenarios/{id}/comparison", ReadInsights, what_if::scenario_comparison)
            .told(&what_if::SCENARIO_COMPARISON),
        get("/api/v1/backup", Admin, backup::backup).told(&backup::BACKUP),
        get("/api/openapi.json", Public, document::openapi_json).told(&document::OPENAPI),
        get("/api/docs", SignedIn, docs::show),
        get("/api/docs/{schema}", SignedIn, docs::schema),
        get("/api/problems", SignedIn, problems::show),
    ]
}

fn route(method: Method, path: &'static str, needs: Needs, handler: MethodRouter<App>) -> Route {
    Route { method, path, needs, operation: None, handler }
}

fn get<H: Handler<T, App>, T: 'static>(path: &'static str, needs: Needs, handler: H) -> Route {
    route(Method::GET, path, needs, on(MethodFilter::GET, handler))
}

fn post<H: Handler<T, App>, T: 'static>(path: &'static str, needs: Needs, handler: H) -> Route {
    route(Method::POST, path, needs, on(MethodFilter::POST, handler))
}

fn put<H: Handler<T, App>, T: 'static>(path: &'static str, needs: Needs, handler: H) -> Route {
    route(Method::PUT, path, needs, on(MethodFilter::PUT, handler))
}

fn patch<H: Handler<T, App>, T: 'static>(path: &'static str, needs: Needs, handler: H) -> Route {
    route(Method::PATCH, path, needs, on(MethodFilter::PATCH, handler))
}

fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, needs: Needs, handler: H) -> Route {
    route(Method::DELETE, path, needs, on(MethodFilter::DELETE, handler))
}

/// Requests that take longer are given up; streams of events don't count, since their answer
/// begins at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// The application as a service. Needs the address of the client as connect info.
pub fn router(app: &App) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let guarded = middleware::from_fn_with_state((app.clone(), route.needs), guard::admit);
        let handler = match route.operation {
            Some(operation) => {
                let state = (app.clone(), operation, route.needs);
                route.handler.layer(middleware::from_fn_with_state(state, contract::hold))
            }
            None => route.handler,
        };
        router = router.route(route.path, handler.layer(guarded));
    }
    router
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(app.settings().body_bytes_max))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PATIENCE))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(layout::problems))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(app.clone(), headers))
        .layer(middleware::from_fn_with_state(app.clone(), observed))
        .with_state(app.clone())
}

async fn nowhere() -> Problem {
    Problem::not_found("There is no such page")
}

async fn wrong_method() -> Problem {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Problem::new(status, "method-not-allowed", "This can't be done here")
}

fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    use axum::response::IntoResponse as _;
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
    tracing::error!(cause = text.unwrap_or("unknown"), "a request panicked");
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, "internal", "Something went wrong here").into_response()
}

/// No request ever leaves for another host, and no other site frames a page.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    set(header::CACHE_CONTROL, "no-store");
    if app.settings().secure {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

/// The name of a method as it is counted. Anyone can make methods up, and each that is counted is
/// kept for ever.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// Counts and logs each request.
async fn observed(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().map(|it| it.as_str().to_owned());
    let route = matched.unwrap_or_else(|| "none".to_owned());
    let method = known_method(request.method());
    let mut response = next.run(request).await;
    let took = started.elapsed();
    app.metrics().answered(method, &route, response.status(), took);
    let milliseconds = took.as_secs_f64() * 1000.0;
    tracing::info!(method, route, status = response.status().as_u16(), milliseconds, "answered");
    if let Ok(value) = HeaderValue::from_str(&format!("app;dur={milliseconds:.1}")) {
        response.headers_mut().insert(HeaderName::from_static("server-timing"), value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_route_is_made_anywhere_else() {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut folders = vec![std::path::PathBuf::from(source)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("route.rs") {
                    let text = std::fs::read_to_string(&path).unwrap_or_default();
                    for made in [".route(", ".route_service(", ".nest(", ".fallback_service("] {
                        assert!(!text.contains(made), "{} has `{made}`", path.display());
                    }
                }
            }
        }
    }

    #[test]
    fn what_changes_something_needs_a_right_and_what_is_public_is_known() {
        let public: Vec<_> = routes().into_iter().filter(|it| it.needs == Public).collect();
        let known = ["/healthz", "/readyz", "/assets/", "/favicon.ico", "/sign-in"];
        let known = [known.as_slice(), &["/api/openapi.json"]].concat();
        for route in public {
            let path = route.path;
            let is_known = known.iter().chain(&["/welcome/"]).any(|it| path.starts_with(it));
            assert!(is_known, "{} {path} is public", route.method);
        }
        for route in routes().into_iter().filter(|it| it.needs < WriteRecords) {
            // One's own account, and questions that have a body and change nothing.
            let own = ["/sign-in", "/sign-out", "/welcome/{secret}", "/account"];
            let own = [own.as_slice(), &["/api/v1/what-if", "/api/v1/impact"]].concat();
            let is_own = own.iter().any(|it| route.path.starts_with(it));
            assert!(
                route.method == Method::GET || is_own,
                "{} {} changes something without a right",
                route.method,
                route.path
            );
        }
    }

    #[test]
    fn every_route_of_the_api_is_described_and_no_other_is() {
        let mut ids = std::collections::BTreeSet::new();
        for route in routes() {
            let is_api = route.path.starts_with("/api/v1/") || route.path == "/api/openapi.json";
            let operation = route.operation;
            assert_eq!(operation.is_some(), is_api, "{} {}", route.method, route.path);
            let Some(operation) = operation else {
                continue;
            };
            let id = operation.id;
            assert!(ids.insert(id), "{id} is told twice");
            assert!(!operation.summary.is_empty(), "{id} has no summary");
            assert!(!operation.answers.is_empty(), "{id} has no answer");
            let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(&route.method);
            assert_eq!(operation.body.is_some(), takes_body, "{id}");
        }
    }
}
