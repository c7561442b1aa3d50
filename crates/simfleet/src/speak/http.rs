//! HTTP/1.1 as small devices speak it: one connection that is kept, a length before each body.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::report::Report;
use super::{Attempt, Parcel, now};
use crate::journey::Sending;
use crate::reading::Stream;

/// From so many readings on, a body is packed.
const GZIP_FROM: usize = 8;

/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct HttpDoor {
    address: String,
    authorisation: String,
    connection: Option<BufReader<TcpStream>>,
}

struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl HttpDoor {
    pub(super) fn new(address: &str, token: Option<&str>) -> HttpDoor {
        let authorisation =
            token.map_or_else(String::new, |token| format!("Authorization: Token {token}\r\n"));
        HttpDoor { address: address.to_owned(), authorisation, connection: None }
    }

    /// Posts a parcel of one device, a request for each stream.
    pub(super) fn deliver(
        &mut self,
        parcel: Parcel,
        report: &mut Report,
        heard: &(dyn Fn(&Sending) + Sync),
    ) -> Attempt {
        let mut attempt = Attempt::default();
        for stream in Stream::ALL {
            let of_stream = |it: &&Sending| it.key.stream == stream;
            let sendings: Vec<&Sending> = parcel.iter().filter(of_stream).collect();
            if sendings.is_empty() {
                continue;
            }
            let begun = now();
            let leave = |attempt: &mut Attempt| {
                attempt.left.extend(sendings.iter().copied().cloned());
            };
            match self.post(stream, &sendings) {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    report.answered_in(begun.elapsed());
                    report.acknowledged += sendings.len() as u64;
                    count(&answer.body, report);
                    sendings.iter().for_each(|sending| heard(sending));
                }
                Ok(answer) => {
                    report.refuse(format!("HTTP {}", answer.status));
                    attempt.wait = answer.retry_after.or(attempt.wait);
                    // What can't be taken now may be later; what is wrong stays so.
                    if answer.status == 429 || answer.status >= 500 {
                        leave(&mut attempt);
                    }
                }
                Err(error) => {
                    self.connection = None;
                    report.refuse(format!("HTTP connection: {}", error.kind()));
                    leave(&mut attempt);
                }
            }
        }
        attempt
    }

    fn post(&mut self, stream: Stream, sendings: &[&Sending]) -> io::Result<Answer> {
        let mut body = vec![b'['];
        for sending in sendings {
            if body.len() > 1 {
                body.push(b',');
            }
            body.extend_from_slice(&sending.payload);
        }
        body.push(b']');
        let mut encoding = "";
        if sendings.len() >= GZIP_FROM {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&body)?;
            body = encoder.finish()?;
            encoding = "Content-Encoding: gzip\r\n";
        }
        let mut request = format!(
            "POST /ingest/v1/{} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             {encoding}{}Content-Length: {}\r\n\r\n",
            stream.as_str(),
            self.address,
            self.authorisation,
            body.len()
        )
        .into_bytes();
        request.append(&mut body);
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(BufReader::new(connect(&self.address)?)),
        };
        connection.get_mut().write_all(&request)?;
        let (answer, is_kept) = read_answer(connection)?;
        if !is_kept {
            self.connection = None;
        }
        Ok(answer)
    }
}

pub(super) fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.by_ref().take(16 << 10).read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

/// An answer, and whether the connection stays open.
fn read_answer(reader: &mut impl BufRead) -> io::Result<(Answer, bool)> {
    let status = line(reader)?;
    let status = status.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| malformed("no status line"))?;
    let (mut length, mut is_chunked, mut is_kept, mut retry_after) = (None, false, true, None);
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse::<u64>().ok(),
            "transfer-encoding" => is_chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => is_kept = !value.eq_ignore_ascii_case("close"),
            "retry-after" => retry_after = value.parse().ok().map(Duration::from_secs),
            _ => (),
        }
    }
    let mut body = Vec::new();
    if is_chunked {
        read_chunks(reader, &mut body)?;
    } else if let Some(length) = length {
        reader.by_ref().take(length.min(ANSWER_BYTES_MAX)).read_to_end(&mut body)?;
        is_kept &= body.len() as u64 == length;
    } else if status != 204 {
        is_kept = false;
        reader.by_ref().take(ANSWER_BYTES_MAX).read_to_end(&mut body)?;
    }
    Ok((Answer { status, retry_after, body }, is_kept))
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let size = line(reader)?;
        let size = size.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(|_| malformed("no chunk size"))?;
        if size > ANSWER_BYTES_MAX || body.len() as u64 > ANSWER_BYTES_MAX {
            return Err(malformed("the answer is too long"));
        }
        reader.by_ref().take(size).read_to_end(body)?;
        line(reader)?;
        if size == 0 {
            return Ok(());
        }
    }
}

/// Adds what a receipt tells.
fn count(body: &[u8], report: &mut Report) {
    let Ok(receipt) = serde_json::from_slice::<serde_json::Value>(body) else { return };
    let figure = |name: &str| receipt.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
    report.rows += figure("rows");
    report.duplicates += figure("duplicates");
    report.quarantined += figure("quarantined");
}

#[cfg(test)]
mod tests {
    use super::read_answer;

    #[test]
    fn answers_are_read_by_length_by_chunks_and_to_the_end() {
        for (text, status, body, is_kept) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}rest", 200, "{}", true),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
            (
                "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n",
                500,
                "abc",
                true,
            ),
            ("HTTP/1.1 200 OK\r\n\r\nto the end", 200, "to the end", false),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 200, "", false),
        ] {
            let (answer, kept) = read_answer(&mut text.as_bytes()).unwrap();
            assert_eq!((answer.status, kept), (status, is_kept), "{text}");
            assert_eq!(answer.body, body.as_bytes(), "{text}");
        }
        assert!(read_answer(&mut "nonsense\r\n".as_bytes()).is_err());
        assert!(read_answer(&mut "".as_bytes()).is_err());
    }
}
