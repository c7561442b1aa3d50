//! Connections: how many there may be, and how long one may stay without asking anything.

use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::Server;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So long a connection may take to send the head of a request, and its first request at all.
const HEAD: Duration = Duration::from_secs(30);

/// The server, which closes connections that ask nothing.
pub(super) fn impatient<A>(server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    patient_for(HEAD, server)
}

fn patient_for<A>(head: Duration, mut server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    server.http_builder().http1().header_read_timeout(head);
    server.first_request_timeout(head)
}

/// Accepts connections while there are few enough. One more is closed at once: its client hears
/// that, and those that are served keep their files and memory.
#[derive(Clone, Debug)]
pub(super) struct Limited {
    permits: Arc<Semaphore>,
}

impl Limited {
    pub(super) fn new(connections_max: usize) -> Limited {
        let permits = connections_max.clamp(1, Semaphore::MAX_PERMITS);
        Limited { permits: Arc::new(Semaphore::new(permits)) }
    }
}

impl<S> Accept<TcpStream, S> for Limited {
    type Stream = Held;
    type Service = S;
    type Future = Ready<io::Result<(Held, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => Ok((Held { stream, _permit: permit }, service)),
            Err(_) => {
                tracing::debug!("a connection too many was closed");
                Err(io::ErrorKind::ConnectionRefused.into())
            }
        })
    }
}

/// A connection that counts for as long as it is open, its handshake included.
#[derive(Debug)]
pub(super) struct Held {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use longlead_records::Journal;
    use longlead_web::{App, Settings, router};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn connections_that_ask_nothing_are_closed() {
        let journal = Journal::open("sqlite::memory:").await.unwrap();
        let app = App::start(journal, Settings::default());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = patient_for(
            Duration::from_millis(200),
            axum_server::from_tcp(listener).unwrap().acceptor(Limited::new(10)),
        );
        let service = router(&app).into_make_service_with_connect_info::<SocketAddr>();
        let served = tokio::spawn(server.serve(service));
        let whole = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
        for begun in ["", "GET /healthz HTTP/1.1\r\nhost", whole] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun.as_bytes()).await.unwrap();
            let mut told = Vec::new();
            let closed = stream.read_to_end(&mut told);
            let closed = tokio::time::timeout(Duration::from_secs(20), closed).await;
            assert!(closed.is_ok(), "`{begun}` stays open");
        }
        served.abort();
    }
}
