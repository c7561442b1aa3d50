//! Who asks, and what they see: every page and every API answer is made from what [`Seen`] gives.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use jiff::Timestamp;
use longlead_horizon::{Forecast, Plan, Vocabulary};
use longlead_model::{Bundle, Kind, RecordKey};
use longlead_records::Actor;
use longlead_records::people::{By, Role, Scope, SessionId, TokenId, User};

use crate::app::App;
use crate::engine::Outlook;
use crate::problem::Problem;
use crate::rights;
use crate::sight::Sight;

/// Whoever asks: a user by a session, or by a token.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) user: Arc<User>,
    pub(crate) by: Credential,
    /// What their token may do; none for sessions, which may do all that the role may.
    pub(crate) scopes: Option<Arc<[Scope]>>,
    /// The secret that forms carry, bound to the session; none for tokens, which need none.
    pub(crate) csrf: Option<Arc<str>>,
    pub(crate) client: IpAddr,
    /// The address under which they reach us, for links that they pass on.
    pub(crate) base: Arc<str>,
    /// Whether the page answers a form, so that what stands in its fields isn't saved.
    pub(crate) sent: bool,
}

/// How a reader has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Session(SessionId),
    Token(TokenId),
}

impl Reader {
    pub(crate) fn actor(&self) -> Actor {
        match self.by {
            Credential::Session(_) => Actor::User(self.user.id),
            Credential::Token(token) => Actor::Token(token, self.user.id),
        }
    }

    /// Who does something about people, for the audit log.
    pub(crate) fn by(&self, at: Timestamp) -> By {
        By { who: self.actor(), at, client: self.client.to_string() }
    }

    pub(crate) fn is_owner(&self) -> bool {
        self.user.role == Role::Owner
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Reader>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

/// What a reader sees: the newest product and its plan, less what isn't shared with them.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) reader: Reader,
    pub(crate) outlook: Arc<Outlook>,
    pub(crate) sight: Arc<Sight>,
    pub(crate) app: App,
}

impl Seen {
    /// The records that the reader sees.
    pub(crate) fn bundle(&self) -> &Bundle {
        self.sight.bundle(&self.outlook)
    }

    /// The forecast that the reader sees.
    ///
    /// # Errors
    /// What keeps the plan from being computed.
    pub(crate) fn forecast(&self) -> Result<&Forecast, Problem> {
        let plan = self.whole_plan()?;
        Ok(self.sight.forecast(plan))
    }

    /// The plan with all its activities, whoever reads it. A page may tell of an activity only
    /// what [`Seen::sees_activity`] allows.
    pub(crate) fn whole_plan(&self) -> Result<&Plan, Problem> {
        self.outlook.plan.as_ref().map_err(|told| Problem::unplanned(told.clone()))
    }

    pub(crate) fn sees(&self, key: &RecordKey) -> bool {
        self.sight.sees(key)
    }

    pub(crate) fn sees_activity(&self, id: &str) -> bool {
        self.sight.sees_activity(id)
    }

    /// Whether the reader may change a record.
    pub(crate) fn may_write(&self, key: &RecordKey) -> bool {
        let kind = match key {
            RecordKey::Settings => None,
            RecordKey::Record(kind, _) => Some(*kind),
        };
        rights::may_write(self.reader.user.role, kind) && self.sight.may_write(key)
    }

    /// Whether the reader may add records of a kind.
    pub(crate) fn may_add(&self, kind: Kind) -> bool {
        rights::may_write(self.reader.user.role, Some(kind)) && self.sight.is_whole()
    }

    /// The words of the reader's discipline.
    pub(crate) fn vocabulary(&self) -> Result<Vocabulary<'_>, Problem> {
        let plan = self.whole_plan()?;
        let discipline = self.reader.user.discipline.as_deref();
        Ok(Vocabulary::new(&self.outlook.bundle, &plan.derivation, discipline))
    }
}

impl FromRequestParts<App> for Seen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let reader = Reader::from_request_parts(parts, app).await?;
        let outlook = app.engine().latest().ok_or_else(not_ready)?;
        Seen::new(app.clone(), reader, outlook).await
    }
}

impl Seen {
    /// What a reader sees of an outlook.
    pub(crate) async fn new(
        app: App,
        reader: Reader,
        outlook: Arc<Outlook>,
    ) -> Result<Seen, Problem> {
        let sight = Sight::of(&app, &reader.user, &outlook).await?;
        Ok(Seen { reader, outlook, sight: Arc::new(sight), app })
    }
}

fn not_ready() -> Problem {
    let status = axum::http::StatusCode::SERVICE_UNAVAILABLE;
    let mut problem = Problem::new(status, "not-ready", "The first plan is being computed");
    problem.retry_after_seconds = Some(1);
    problem.detail("Try again in a moment.")
}

/// The address under which a request reaches us: `https://plan.example`.
pub(crate) fn base(parts: &Parts, secure: bool) -> String {
    let host = parts.headers.get("host").and_then(|value| value.to_str().ok());
    let host = host.or(parts.uri.authority().map(|it| it.as_str())).unwrap_or("localhost");
    format!("{}://{host}", if secure { "https" } else { "http" })
}

/// The address that a request comes from.
pub(crate) fn client(parts: &Parts, behind_proxy: bool) -> IpAddr {
    let forwarded = || {
        let header = parts.headers.get("x-forwarded-for")?.to_str().ok()?;
        // The last entry is what the proxy itself saw; those before it anyone can write.
        header.rsplit(',').next()?.trim().parse().ok()
    };
    let peer = || {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        info.map_or(IpAddr::from([127, 0, 0, 1]), |ConnectInfo(address)| address.ip())
    };
    behind_proxy.then(forwarded).flatten().unwrap_or_else(peer)
}
