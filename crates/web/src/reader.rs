//! Who asks, and what they see: every page and every API answer is made from what [`Seen`] gives.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use jiff::Timestamp;
use longlead_horizon::{Forecast, Plan, Vocabulary};
use longlead_model::{Bundle, Kind, RecordKey};
use longlead_records::Actor;
use longlead_records::people::{By, OrganisationId, Role, Scope, SessionId, TokenId, User};

use crate::app::{App, Settings};
use crate::engine::Outlook;
use crate::problem::Problem;
use crate::rights;
use crate::sight::{Sight, discreet};

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

    /// The organisation whose devices a partner sees; none for those who see all.
    pub(crate) fn only_owner(&self) -> Option<OrganisationId> {
        (self.user.role == Role::Partner).then_some(self.user.organisation)
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
        self.sight.forecast(plan).ok_or_else(|| Problem::unplanned(Vec::new()))
    }

    /// The plan with all its activities, whoever reads it. A page may tell of an activity only
    /// what [`Seen::sees_activity`] allows.
    pub(crate) fn whole_plan(&self) -> Result<&Plan, Problem> {
        let unplanned = |told: &Vec<_>| Problem::unplanned(discreet(&self.sight, told.clone()));
        self.outlook.plan.as_ref().map_err(unplanned)
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

    /// Whether the reader may add this record. What really happened is added by whoever may change
    /// what it happened to.
    pub(crate) fn may_create(&self, key: &RecordKey) -> bool {
        match key {
            RecordKey::Record(Kind::Actual, _) | RecordKey::Settings => self.may_write(key),
            RecordKey::Record(kind, _) => self.may_add(*kind),
        }
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
        let outlook = app.engine().latest().ok_or_else(Problem::no_plan_yet)?;
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

/// The address under which people reach us: `https://plan.example`.
pub(crate) fn base(parts: &Parts, settings: &Settings) -> String {
    if let Some(url) = &settings.public_url {
        return url.clone();
    }
    let host = parts.headers.get("host").and_then(|value| value.to_str().ok());
    let host = host.or(parts.uri.authority().map(|it| it.as_str())).unwrap_or("localhost");
    format!("{}://{host}", if settings.secure { "https" } else { "http" })
}

/// The header in which a proxy tells for whom it asks.
pub(crate) const FORWARDED_FOR: &str = "x-forwarded-for";

/// An address as proxies write it: with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    bare.parse().ok().or_else(with_port)
}

/// The address that a request comes from.
pub(crate) fn client(parts: &Parts, behind_proxy: bool) -> IpAddr {
    let forwarded = || {
        // The last entry of the last line is what the proxy itself saw; whatever stands before it
        // anyone can write. Some proxies add a line of their own, others an entry.
        let line = parts.headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
        address(line.rsplit(',').next()?.trim())
    };
    let peer = || peer(parts).unwrap_or(IpAddr::from([127, 0, 0, 1]));
    behind_proxy.then(forwarded).flatten().unwrap_or_else(peer)
}

/// The other end of the connection itself.
pub(crate) fn peer(parts: &Parts) -> Option<IpAddr> {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    info.map(|ConnectInfo(address)| address.ip())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn client_of(lines: &[&str], behind_proxy: bool) -> String {
        let mut request = Request::builder();
        for line in lines {
            request = request.header(FORWARDED_FOR, *line);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        client(&parts, behind_proxy).to_string()
    }

    #[test]
    fn a_clients_address_is_what_the_proxy_itself_saw() {
        for (lines, seen) in [
            (vec!["192.0.2.1"], "192.0.2.1"),
            (vec!["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            (vec!["203.0.113.9", "192.0.2.1"], "192.0.2.1"),
            (vec!["192.0.2.1:5678"], "192.0.2.1"),
            (vec!["2001:db8::1"], "2001:db8::1"),
            (vec!["[2001:db8::1]:443"], "2001:db8::1"),
            (vec!["[2001:db8::1]"], "2001:db8::1"),
            (vec!["unknown"], "127.0.0.1"),
            (vec![], "127.0.0.1"),
        ] {
            assert_eq!(client_of(&lines, true), seen, "{lines:?}");
        }
        assert_eq!(client_of(&["192.0.2.1"], false), "127.0.0.1");
    }
}
