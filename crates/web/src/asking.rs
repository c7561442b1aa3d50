//! Asking in SQL by another way than pages: who may, what they may read and what it may use. The
//! same people, tokens, rights and limits hold as on the page.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use longlead_records::people::{Secret, SignInError, network_of};

use crate::app::App;
use crate::facts::facts;
use crate::page::sql::limits;
use crate::problem::{SOMETHING_FAILED, chain};
use crate::reader::{Credential, Reader, Seen};
use crate::rights::Needs;
use crate::telemetry::Question;

/// How secrets of tokens begin; passwords don't.
const TOKEN: &str = "longlead_";

/// Somebody who may ask in SQL, until they leave.
pub struct Asker {
    app: App,
    proof: Proof,
    client: IpAddr,
}

/// Logs must not tell the secret.
impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("client", &self.client).finish_non_exhaustive()
    }
}

/// What shows who they are. It is looked at again for each question, so that what was revoked
/// meanwhile asks nothing more.
enum Proof {
    Token(String),
    Session(Secret),
}

/// Why somebody can't ask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskerError {
    /// There is no such user, or it is the secret of somebody else.
    #[error("the user's address and the token or password don't belong together")]
    Unknown,
    /// They were who they said, and aren't any more.
    #[error("the token was revoked or the account closed")]
    Gone,
    /// They may not read what devices sent.
    #[error("{0}")]
    Forbidden(String),
    /// Too many questions, or too many wrong secrets.
    #[error("too much was asked at once: try again in {seconds} s")]
    TooMany {
        /// How long to wait.
        seconds: u64,
    },
    /// It can't be found out now.
    #[error("{0}")]
    Failed(String),
}

impl App {
    /// Lets somebody ask in SQL: by the address of their account, and the secret of a token of
    /// theirs or their password. `client` is where they come from.
    ///
    /// # Errors
    /// They aren't known, or may not ask.
    pub async fn asker(
        &self,
        user: &str,
        secret: &str,
        client: IpAddr,
    ) -> Result<Asker, AskerError> {
        let wait = |seconds: u64| AskerError::TooMany { seconds };
        let network = format!("client {}", network_of(client));
        self.limit(&network).map_err(|it| wait(it.as_secs() + 1))?;
        let proof = match secret.starts_with(TOKEN) {
            true => Proof::Token(secret.to_owned()),
            false => {
                let at = self.now();
                let signed = self.people().sign_in(user, secret, at, &client.to_string()).await;
                let (_, session) = signed.map_err(|error| match error {
                    SignInError::Wrong | SignInError::Disabled => AskerError::Unknown,
                    SignInError::Throttled { retry_after_seconds } => wait(retry_after_seconds),
                    error => failed(&error),
                })?;
                Proof::Session(session)
            }
        };
        let asker = Asker { app: self.clone(), proof, client };
        match asker.is_let_in(user).await {
            Ok(()) => Ok(asker),
            Err(error) => {
                // A session that a password began is of no use to anybody then.
                asker.leave().await;
                Err(error)
            }
        }
    }
}

impl Asker {
    /// A question with what the asker may read now, and of at most `rows_max` rows.
    ///
    /// # Errors
    /// The asker may not ask any more, or too much at once.
    pub async fn question(&self, sql: &str, rows_max: usize) -> Result<Question, AskerError> {
        let reader = self.reader().await?;
        let who = match reader.by {
            Credential::Token(token) => format!("token {token}"),
            Credential::Session(_) => format!("user {}", reader.user.id),
        };
        let wait = |it: std::time::Duration| AskerError::TooMany { seconds: it.as_secs() + 1 };
        self.app.limit(&who).map_err(wait)?;
        let limits = limits(reader.user.role, rows_max);
        let facts = match self.app.engine().latest() {
            Some(outlook) => {
                let seen = Seen::new(self.app.clone(), reader, outlook).await;
                let seen = seen
                    .map_err(|_| AskerError::Failed("the records can't be read now".to_owned()))?;
                facts(&seen, sql)
            }
            // What devices sent can be asked before the first plan is there.
            None => Vec::new(),
        };
        Ok(Question { sql: sql.to_owned(), limits, facts })
    }

    /// Whether the asker still may ask, for what is told of a question of before.
    ///
    /// # Errors
    /// They may not ask any more.
    pub async fn holds(&self) -> Result<(), AskerError> {
        self.reader().await.map(|_| ())
    }

    /// Whether who shows this is the user that they say, and may ask.
    async fn is_let_in(&self, user: &str) -> Result<(), AskerError> {
        match self.reader().await {
            Ok(reader) if reader.user.email.eq_ignore_ascii_case(user) => Ok(()),
            Ok(_) | Err(AskerError::Gone) => Err(AskerError::Unknown),
            Err(error) => Err(error),
        }
    }

    /// Ends the session of who came with a password.
    pub async fn leave(self) {
        if let Proof::Session(secret) = &self.proof {
            let client = self.client.to_string();
            let people = self.app.people();
            if let Err(error) = people.sign_out(secret.expose(), self.app.now(), &client).await {
                tracing::warn!(%error, "a session of the SQL door stays open until it expires");
            }
        }
    }

    /// Who asks, as they are now.
    async fn reader(&self) -> Result<Reader, AskerError> {
        let (people, at) = (self.app.people(), self.app.now());
        let (user, by, scopes) = match &self.proof {
            Proof::Token(secret) => {
                let found = people.token(secret, at).await.map_err(|it| failed(&it))?;
                let (token, user) = found.ok_or(AskerError::Gone)?;
                (user, Credential::Token(token.id), Some(token.scopes.into()))
            }
            Proof::Session(secret) => {
                let found = people.session(secret.expose(), at).await;
                let found = found.map_err(|it| failed(&it))?;
                let (session, user) = found.ok_or(AskerError::Gone)?;
                (user, Credential::Session(session.id), None)
            }
        };
        let reader = Reader {
            user: Arc::new(user),
            by,
            scopes,
            csrf: None,
            client: self.client,
            base: "".into(),
            sent: false,
        };
        may_ask(&reader)?;
        Ok(reader)
    }
}

/// The log has the cause; who asks is told that there is one.
fn failed(error: &dyn Error) -> AskerError {
    tracing::error!(error = %chain(error), "somebody who wants to ask in SQL can't be looked up");
    AskerError::Failed(SOMETHING_FAILED.to_owned())
}

fn may_ask(reader: &Reader) -> Result<(), AskerError> {
    let needs = Needs::ReadTelemetry;
    if !needs.met_by(reader.user.role) {
        let role = reader.user.role.as_str();
        return Err(AskerError::Forbidden(format!("the role `{role}` may not ask in SQL")));
    }
    match (needs.scope(), &reader.scopes) {
        (Some(scope), Some(scopes)) if !scopes.contains(&scope) => {
            let scope = scope.as_str();
            Err(AskerError::Forbidden(format!("the token lacks the scope `{scope}`")))
        }
        _ => Ok(()),
    }
}
