//! The first messages of a client: whether it speaks encrypted, what it speaks, and who it is.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use longlead_web::asking::Asker;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::complaint::{Complaint, Failure};
use super::connection::Connection;
use super::message::{Rest, Stream, Told, Wire, put_text};
use super::{Door, SERVER_VERSION};

/// Codes of first messages.
const VERSION_3: i32 = 196_608;
const CANCEL: i32 = 80_877_102;
const TLS: i32 = 80_877_103;
const GSS: i32 = 80_877_104;
/// Bytes of a first message.
const FIRST_BYTES_MAX: usize = 10_000;

/// Connections on which nobody has told yet who they are, the oldest first. If there are too many,
/// the oldest gives way.
#[derive(Debug)]
pub(super) struct Greetings {
    turns: Arc<Mutex<VecDeque<Arc<Notify>>>>,
    at_once: usize,
}

/// The turn of one of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Mutex<VecDeque<Arc<Notify>>>>,
    over: Arc<Notify>,
}

impl Greetings {
    pub(super) fn new(at_once: usize) -> Greetings {
        Greetings { turns: Arc::default(), at_once }
    }

    pub(super) fn begin(&self) -> Turn {
        let over = Arc::new(Notify::new());
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.push_back(Arc::clone(&over));
        if turns.len() > self.at_once
            && let Some(oldest) = turns.pop_front()
        {
            oldest.notify_one();
        }
        Turn { turns: Arc::clone(&self.turns), over }
    }
}

impl Turn {
    /// Waits until it has to give way.
    pub(super) async fn is_over(&self) {
        self.over.notified().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|it| !Arc::ptr_eq(it, &self.over));
    }
}

/// What a client asks for at first.
enum Asked {
    /// To be let in, with parameters such as `user`.
    In(HashMap<String, String>),
    /// The end of a question on another connection.
    Cancel((i32, i32)),
    /// A version that isn't spoken.
    Other(i32),
}

/// A client that has said who it is, and hasn't shown it yet.
pub(super) struct Greeted {
    wire: Wire,
    user: String,
    secret: String,
}

/// Goes through the first messages. Nothing, if there is nothing more to say.
pub(super) async fn greet(stream: TcpStream, door: &Door) -> anyhow::Result<Option<Greeted>> {
    let (stream, asked, is_encrypted) = asked(Box::new(stream), door).await?;
    let mut wire = Wire::new(stream);
    let mut parameters = match asked {
        Asked::In(parameters) => parameters,
        Asked::Cancel(key) => {
            door.cancels.cancel(key);
            return Ok(None);
        }
        Asked::Other(version) => {
            let told = format!("version {}.{} isn't spoken", version >> 16, version & 0xffff);
            wire.put_error(&Complaint::new("0A000", told), "FATAL");
            wire.flush().await?;
            return Ok(None);
        }
    };
    if door.tls.is_some() && !is_encrypted {
        let told = "this server takes encrypted connections only: add sslmode=require";
        wire.put_error(&Complaint::new("28000", told), "FATAL");
        wire.flush().await?;
        return Ok(None);
    }
    match secret(&mut wire).await {
        Ok(secret) => {
            let user = parameters.remove("user").unwrap_or_default();
            Ok(Some(Greeted { wire, user, secret }))
        }
        Err(failure) => refuse(wire, failure).await.map(|()| None),
    }
}

/// Lets a client in if it is who it says. Not to be cut off: who came with a password has a session
/// then, which is ended again if theirs here can't begin.
pub(super) async fn admit<'a>(
    greeted: Greeted,
    peer: SocketAddr,
    door: &'a Door,
) -> anyhow::Result<Option<(Connection<'a>, Asker)>> {
    let Greeted { wire, user, secret } = greeted;
    let Ok(checked) = door.checks.try_acquire() else {
        let told = "too many clients sign in at once: try again";
        return refuse(wire, Failure::ended("53300", told)).await.map(|()| None);
    };
    let asker = door.app.asker(&user, &secret, peer.ip()).await;
    drop((checked, secret));
    match asker {
        Ok(asker) => begun(wire, door, asker).await,
        Err(error) => refuse(wire, error.into()).await.map(|()| None),
    }
}

/// Tells why a client isn't let in.
async fn refuse(mut wire: Wire, failure: Failure) -> anyhow::Result<()> {
    match failure {
        Failure::Told(complaint) | Failure::Ended(complaint) => {
            wire.put_error(&complaint, "FATAL");
            Ok(wire.flush().await?)
        }
        Failure::Gone(error) => Err(error.into()),
    }
}

/// Reads first messages until one says what is asked for; whether TLS began meanwhile.
async fn asked(
    mut stream: Box<dyn Stream>,
    door: &Door,
) -> anyhow::Result<(Box<dyn Stream>, Asked, bool)> {
    let mut is_encrypted = false;
    loop {
        let first = first_message(&mut stream).await?;
        let mut rest = Rest(&first);
        let asked = match rest.long()? {
            TLS => {
                match door.tls.as_ref().filter(|_| !is_encrypted) {
                    Some(tls) => {
                        stream.write_all(b"S").await?;
                        stream = Box::new(tls.accept(stream).await?);
                        is_encrypted = true;
                    }
                    None => stream.write_all(b"N").await?,
                }
                continue;
            }
            GSS => {
                stream.write_all(b"N").await?;
                continue;
            }
            CANCEL => Asked::Cancel((rest.long()?, rest.long()?)),
            // Later minor versions only add what may be left out.
            version if version >> 16 == VERSION_3 >> 16 => Asked::In(parameters(&mut rest)?),
            version => Asked::Other(version),
        };
        return Ok((stream, asked, is_encrypted));
    }
}

async fn first_message(stream: &mut Box<dyn Stream>) -> anyhow::Result<Vec<u8>> {
    let length = usize::try_from(stream.read_i32().await?).ok();
    let length = length.and_then(|it| it.checked_sub(4)).filter(|it| *it <= FIRST_BYTES_MAX);
    let mut body = vec![0; length.context("the first message is too long")?];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

/// Names and values up to an empty name.
fn parameters(rest: &mut Rest<'_>) -> std::io::Result<HashMap<String, String>> {
    let mut parameters = HashMap::new();
    loop {
        let name = rest.text()?;
        if name.is_empty() {
            return Ok(parameters);
        }
        parameters.insert(name, rest.text()?);
    }
}

/// The secret that a client is asked for.
async fn secret(wire: &mut Wire) -> Result<String, Failure> {
    wire.put(b'R', |out| out.extend(3_i32.to_be_bytes()));
    wire.flush().await?;
    match wire.read().await? {
        Some(Told::Password(secret)) => Ok(secret),
        Some(_) => Err(Failure::ended("08P01", "a password was expected")),
        None => Err(Failure::Gone(std::io::ErrorKind::UnexpectedEof.into())),
    }
}

/// The session of who was let in. Who came with a password leaves again if it can't begin.
async fn begun<'a>(
    mut wire: Wire,
    door: &'a Door,
    asker: Asker,
) -> anyhow::Result<Option<(Connection<'a>, Asker)>> {
    let place = Arc::clone(&door.places).try_acquire_owned();
    let (complaint, error) = match (place, door.cancels.add()) {
        (Ok(place), Ok(cancel)) => {
            welcome(&mut wire, cancel.key());
            return Ok(Some((Connection::new(door, wire, place, cancel), asker)));
        }
        (Err(_), _) => {
            let told = "too many clients ask in SQL: try again once some have left";
            (Complaint::new("53300", told), None)
        }
        (_, Err(error)) => {
            (Complaint::new("XX000", "the session can't begin: try again"), Some(error))
        }
    };
    asker.leave().await;
    wire.put_error(&complaint, "FATAL");
    wire.flush().await?;
    error.map_or(Ok(None), Err)
}

/// Tells that it may go on, and what clients want to know beforehand.
fn welcome(wire: &mut Wire, (number, secret): (i32, i32)) {
    wire.put(b'R', |out| out.extend(0_i32.to_be_bytes()));
    for (name, value) in [
        ("server_version", SERVER_VERSION),
        ("server_encoding", "UTF8"),
        ("client_encoding", "UTF8"),
        ("DateStyle", "ISO, MDY"),
        ("TimeZone", "UTC"),
        ("integer_datetimes", "on"),
        ("standard_conforming_strings", "on"),
        ("default_transaction_read_only", "on"),
    ] {
        wire.put(b'S', |out| {
            put_text(out, name);
            put_text(out, value);
        });
    }
    wire.put(b'K', |out| {
        out.extend(number.to_be_bytes());
        out.extend(secret.to_be_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it has been told to give way, without waiting for it.
    async fn is_over(turn: &Turn) -> bool {
        tokio::select! {
            biased;
            () = turn.is_over() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn who_has_waited_longest_without_a_word_gives_way() {
        let greetings = Greetings::new(2);
        let (first, second) = (greetings.begin(), greetings.begin());
        assert!(!is_over(&first).await);
        let third = greetings.begin();
        assert!(is_over(&first).await);
        assert!(!is_over(&second).await && !is_over(&third).await);
        // Who has told who they are doesn't count any more.
        drop(second);
        let fourth = greetings.begin();
        assert!(!is_over(&third).await && !is_over(&fourth).await);
    }
}
