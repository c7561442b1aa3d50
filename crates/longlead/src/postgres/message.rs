//! Messages of the PostgreSQL protocol, version 3: those of clients as they are read, and ours as
//! they are written.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

use super::complaint::Complaint;

/// Bytes of a message of a client.
const BYTES_MAX: usize = 4 << 20;
/// Bytes after which what is written is sent.
const FLUSH_BYTES: usize = 64 << 10;

/// Both directions of a connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for S {}

/// What a client says after the first message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Password(String),
    Query(String),
    Parse {
        name: String,
        sql: String,
        types: Vec<i32>,
    },
    Bind(Bind),
    Describe {
        is_portal: bool,
        name: String,
    },
    Execute {
        portal: String,
        rows_max: usize,
    },
    Close {
        is_portal: bool,
        name: String,
    },
    Sync,
    Flush,
    Terminate,
    /// Nothing that belongs here.
    Other(u8),
}

/// Values for a prepared statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    /// How values are written: 0 for text, 1 for binary; one for all, or one for each.
    pub(super) formats: Vec<i16>,
    pub(super) values: Vec<Option<Vec<u8>>>,
    /// How results are to be written.
    pub(super) results: Vec<i16>,
}

/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until the next message begins.
    pub(super) idle: Duration,
    /// Until the rest of a message has come.
    pub(super) message: Duration,
    /// Until what is written has been taken.
    pub(super) write: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            idle: Duration::from_secs(3600),
            message: Duration::from_secs(60),
            write: Duration::from_secs(60),
        }
    }
}

/// A connection on which messages are spoken.
pub(super) struct Wire {
    stream: BufReader<Box<dyn Stream>>,
    out: Vec<u8>,
    patience: Patience,
}

/// Why there is no next message.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The client said nothing for too long.
    Idle,
    /// It is gone, which may take the system as long to notice, or can't be understood.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        ReadError::Io(error)
    }
}

/// What is left of a message.
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or_else(|| malformed("a message breaks off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.take(1)?.first().copied().ok_or_else(|| malformed("a message breaks off"))
    }

    fn short(&mut self) -> io::Result<i16> {
        let bytes = self.take(2)?.try_into().map_err(|_| malformed("a number breaks off"))?;
        Ok(i16::from_be_bytes(bytes))
    }

    pub(super) fn long(&mut self) -> io::Result<i32> {
        let bytes = self.take(4)?.try_into().map_err(|_| malformed("a number breaks off"))?;
        Ok(i32::from_be_bytes(bytes))
    }

    /// A text up to its zero.
    pub(super) fn text(&mut self) -> io::Result<String> {
        let end = self.0.iter().position(|it| *it == 0);
        let end = end.ok_or_else(|| malformed("a text has no end"))?;
        let text = self.take(end)?;
        self.byte()?;
        String::from_utf8(text.to_vec()).map_err(|_| malformed("a text isn't UTF-8"))
    }

    fn list<T>(&mut self, each: impl Fn(&mut Self) -> io::Result<T>) -> io::Result<Vec<T>> {
        let count = self.short()?;
        (0..count).map(|_| each(self)).collect()
    }

    fn value(&mut self) -> io::Result<Option<Vec<u8>>> {
        match usize::try_from(self.long()?) {
            Ok(length) => Ok(Some(self.take(length)?.to_vec())),
            // A length below zero says that there is none.
            Err(_) => Ok(None),
        }
    }
}

impl Told {
    fn read(kind: u8, body: &[u8]) -> io::Result<Told> {
        let mut rest = Rest(body);
        Ok(match kind {
            b'p' => Told::Password(rest.text()?),
            b'Q' => Told::Query(rest.text()?),
            b'P' => {
                Told::Parse { name: rest.text()?, sql: rest.text()?, types: rest.list(Rest::long)? }
            }
            b'B' => Told::Bind(Bind {
                portal: rest.text()?,
                statement: rest.text()?,
                formats: rest.list(Rest::short)?,
                values: rest.list(Rest::value)?,
                results: rest.list(Rest::short)?,
            }),
            b'D' => Told::Describe { is_portal: rest.byte()? == b'P', name: rest.text()? },
            b'C' => Told::Close { is_portal: rest.byte()? == b'P', name: rest.text()? },
            b'E' => Told::Execute {
                portal: rest.text()?,
                // Zero stands for all.
                rows_max: usize::try_from(rest.long()?)
                    .ok()
                    .filter(|it| *it > 0)
                    .unwrap_or(usize::MAX),
            },
            b'S' => Told::Sync,
            b'H' => Told::Flush,
            b'X' => Told::Terminate,
            other => Told::Other(other),
        })
    }
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>) -> Wire {
        let (stream, out, patience) = (BufReader::new(stream), Vec::new(), Patience::default());
        Wire { stream, out, patience }
    }

    /// The next message; nothing once the client is gone.
    pub(super) async fn read(&mut self) -> Result<Option<Told>, ReadError> {
        let kind = match timeout(self.patience.idle, self.stream.read_u8()).await {
            Ok(Ok(kind)) => kind,
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(ReadError::Idle),
        };
        let rest = async {
            let length = usize::try_from(self.stream.read_i32().await?).ok();
            let length = length.and_then(|it| it.checked_sub(4)).filter(|it| *it <= BYTES_MAX);
            let length = length.ok_or_else(|| malformed("a message is too long"))?;
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).await?;
            Told::read(kind, &body).map(Some)
        };
        let slow = |_| io::Error::new(io::ErrorKind::ConnectionAborted, "a message breaks off");
        Ok(timeout(self.patience.message, rest).await.map_err(slow)??)
    }

    /// Writes a message; it is sent with the next flush.
    pub(super) fn put(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(kind);
        let start = self.out.len();
        self.out.extend([0; 4]);
        body(&mut self.out);
        let length = i32::try_from(self.out.len() - start).unwrap_or(i32::MAX);
        if let Some(place) = self.out.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    pub(super) fn put_error(&mut self, complaint: &Complaint, severity: &str) {
        let kind = if severity == "WARNING" { b'N' } else { b'E' };
        self.put(kind, |out| {
            for (field, text) in [
                (b'S', severity),
                (b'V', severity),
                (b'C', complaint.code),
                (b'M', complaint.message.as_str()),
            ] {
                out.push(field);
                put_text(out, text);
            }
            out.push(0);
        });
    }

    pub(super) fn put_complete(&mut self, tag: &str) {
        self.put(b'C', |out| put_text(out, tag));
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let written = async {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await
        };
        let slow = |_| io::Error::new(io::ErrorKind::ConnectionAborted, "it takes no answer");
        timeout(self.patience.write, written).await.map_err(slow)??;
        self.out.clear();
        Ok(())
    }

    /// Sends what is written if it is much.
    pub(super) async fn flush_if_much(&mut self) -> io::Result<()> {
        if self.out.len() >= FLUSH_BYTES { self.flush().await } else { Ok(()) }
    }
}

/// A text with its zero. A zero within it would end it, and so can't be told.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|it| *it != 0));
    out.push(0);
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;

    use super::*;

    #[test]
    fn messages_are_read_as_the_manual_lays_them_out() {
        let parse = b"s\0SELECT $1\0\0\x01\0\0\0\x17";
        let expected =
            Told::Parse { name: "s".to_owned(), sql: "SELECT $1".to_owned(), types: vec![23] };
        assert_eq!(Told::read(b'P', parse).unwrap(), expected);
        let bind = b"\0s\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\0";
        let expected = Told::Bind(Bind {
            portal: String::new(),
            statement: "s".to_owned(),
            formats: vec![1],
            values: vec![Some(b"x".to_vec()), None],
            results: Vec::new(),
        });
        assert_eq!(Told::read(b'B', bind).unwrap(), expected);
        let all = Told::Execute { portal: String::new(), rows_max: usize::MAX };
        assert_eq!(Told::read(b'E', b"\0\0\0\0\0").unwrap(), all);
    }

    /// A client at the other end, and what is kept of it here.
    fn pair(patience: Patience) -> (tokio::io::DuplexStream, Wire) {
        let (client, server) = tokio::io::duplex(16);
        (client, Wire { patience, ..Wire::new(Box::new(server)) })
    }

    const SHORT: Duration = Duration::from_millis(30);

    #[tokio::test]
    async fn who_says_nothing_is_told_apart_from_who_is_gone_or_breaks_off() {
        let (client, mut wire) = pair(Patience { idle: SHORT, ..Patience::default() });
        assert!(matches!(wire.read().await, Err(ReadError::Idle)));
        drop(client);
        assert_eq!(wire.read().await.unwrap(), None);
        let (mut client, mut wire) = pair(Patience { message: SHORT, ..Patience::default() });
        client.write_all(b"Q\0\0\0\x20SELECT").await.unwrap();
        let error = wire.read().await.unwrap_err();
        let aborted = io::ErrorKind::ConnectionAborted;
        assert!(matches!(error, ReadError::Io(error) if error.kind() == aborted));
    }

    /// A connection that the system gave up, as it does when keepalive isn't answered.
    struct Lost;

    impl AsyncRead for Lost {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        }
    }

    #[tokio::test]
    async fn who_is_lost_is_told_apart_from_who_says_nothing() {
        let mut wire = Wire::new(Box::new(tokio::io::join(Lost, tokio::io::sink())));
        let error = wire.read().await.unwrap_err();
        let timed_out = io::ErrorKind::TimedOut;
        assert!(matches!(error, ReadError::Io(error) if error.kind() == timed_out));
    }

    #[tokio::test]
    async fn who_takes_no_answer_is_given_up() {
        let (_client, mut wire) = pair(Patience { write: SHORT, ..Patience::default() });
        wire.put_complete("SELECT 1000000 and more than fits");
        let error = wire.flush().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    #[test]
    fn what_breaks_off_is_refused() {
        for (kind, body) in [
            (b'Q', &b"SELECT 1"[..]),
            (b'Q', b"\xff\0"),
            (b'P', b"s\0SELECT\0\x7f\xff"),
            (b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff"),
            (b'E', b"\0\0"),
            (b'D', b""),
        ] {
            assert!(Told::read(kind, body).is_err(), "{body:?}");
        }
    }
}
