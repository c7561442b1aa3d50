//! What all requests share.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::request::Parts;
use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use jiff::Timestamp;
use longlead_records::Journal;
use longlead_records::people::People;
use tokio::sync::watch;

use crate::engine::Engine;
use crate::health::Metrics;
use crate::page::data::standing::Standings;
use crate::reader::FORWARDED_FOR;
use crate::telemetry::Telemetry;

/// How the application behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether it is reached by TLS: cookies are then marked secure.
    pub secure: bool,
    /// The address under which people reach it, such as `https://plan.example`; none for what each
    /// request names as its host.
    pub public_url: Option<String>,
    /// Whether the address of a client is read from `X-Forwarded-For`, as a proxy sets it.
    pub behind_proxy: bool,
    /// Requests per second that one reader may make on average.
    pub requests_per_second: u32,
    /// Requests that one reader may make at once.
    pub requests_burst: u32,
    /// The largest body of a request, in bytes.
    pub body_bytes_max: usize,
    /// What is told above all pages; the demo says that it is one.
    pub banner: Option<String>,
    /// Accounts that the sign-in page offers to everyone: only a demo has any.
    pub demo_accounts: Vec<DemoAccount>,
    /// What devices sent, for pages to ask; none where no lake is kept.
    pub telemetry: Option<Arc<dyn Telemetry>>,
    /// Where the clock is read.
    pub now: fn() -> Timestamp,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            secure: false,
            public_url: None,
            behind_proxy: false,
            requests_per_second: 50,
            requests_burst: 200,
            body_bytes_max: 8 << 20,
            banner: None,
            demo_accounts: Vec::new(),
            telemetry: None,
            now: Timestamp::now,
        }
    }
}

/// An account of a demo, which the sign-in page offers with its password.
#[derive(Clone, Debug)]
pub struct DemoAccount {
    /// A short name, which tells them apart: `owner`.
    pub name: String,
    /// What it sees and may do, in a sentence.
    pub what: String,
    /// Its address.
    pub email: String,
    /// Its password.
    pub password: String,
}

/// The application; clones share it.
#[derive(Clone, Debug)]
pub struct App {
    inner: Arc<Inner>,
}

type Limiter =
    RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

struct Inner {
    journal: Journal,
    people: People,
    engine: Engine,
    settings: Settings,
    limiter: Limiter,
    metrics: Metrics,
    /// Figures of streams that were counted.
    standings: Standings,
    /// Whether a proxy that isn't reckoned with has been told of.
    proxy_noted: AtomicBool,
    /// True once the server stops: what has no end of its own ends then.
    stopping: watch::Sender<bool>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl App {
    /// Starts planning from the journal. Must be called within a tokio runtime.
    pub fn start(journal: Journal, settings: Settings) -> App {
        let metrics = Metrics::default();
        let engine = Engine::start(journal.clone(), settings.now, metrics.clone());
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(settings.requests_per_second))
            .allow_burst(at_least_one(settings.requests_burst));
        let people = journal.people();
        let limiter = RateLimiter::keyed(quota).with_middleware();
        let inner = Inner {
            journal,
            people,
            engine,
            settings,
            limiter,
            metrics,
            standings: Standings::default(),
            proxy_noted: AtomicBool::new(false),
            stopping: watch::Sender::new(false),
        };
        let app = App { inner: Arc::new(inner) };
        tokio::spawn(forget_quiet_readers(Arc::downgrade(&app.inner)));
        app
    }

    /// Waits until the first plan is there, so that the first page is not an apology.
    pub async fn planned(&self, patience: Duration) -> bool {
        self.engine().reached(self.journal().current().head, patience).await
    }

    /// Ends what has no end of its own, the streams of events, so that the server can stop.
    pub fn stop(&self) {
        self.inner.stopping.send_replace(true);
    }

    /// Returns once the server stops.
    pub(crate) async fn stopped(&self) {
        // An error would say that the application is gone, and this is a part of it.
        let _ = self.inner.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Warns, once, of a proxy in front that the settings don't tell of: all who come through it
    /// share one address then, and with it the limits.
    pub(crate) fn note_proxy(&self, parts: &Parts) {
        let is_unexpected =
            !self.settings().behind_proxy && parts.headers.contains_key(FORWARDED_FOR);
        if is_unexpected && !self.inner.proxy_noted.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a request came through a proxy: start the server with --behind-proxy if it is \
                 yours, so that its clients are told apart"
            );
        }
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.inner.journal
    }

    pub(crate) fn people(&self) -> &People {
        &self.inner.people
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn standings(&self) -> &Standings {
        &self.inner.standings
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.inner.settings.now)()
    }

    /// Refuses who asks too often and tells how long to wait; else tells how many more requests
    /// they may send at once.
    pub(crate) fn limit(&self, who: &str) -> Result<u32, Duration> {
        use governor::clock::Clock as _;
        let checked = self.inner.limiter.check_key(&who.to_owned());
        let remaining = checked.map(|snapshot| snapshot.remaining_burst_capacity());
        remaining.map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}

/// How often readers who have been quiet are forgotten.
const FORGET: Duration = Duration::from_secs(600);

/// Forgets readers who have been quiet, so that the limiter doesn't grow for ever. Ends with the
/// application.
async fn forget_quiet_readers(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(FORGET).await;
        match inner.upgrade() {
            Some(inner) => inner.limiter.retain_recent(),
            None => return,
        }
    }
}
