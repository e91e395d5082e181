//! Observes the connection to the server, so that a failed call can say what is really there: the
//! first bytes received, how the connection ended, and answers that are not gRPC.

use http::{Request, Response, Uri, header};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint, Error};
use tower::{BoxError, Service};

/// So much of what comes first is kept.
const KEPT: usize = 512;
/// The header of an HTTP/2 frame; a server begins with one of SETTINGS (RFC 9113 §3.4).
const FRAME_HEADER: usize = 9;
const SETTINGS: u8 = 4;
/// So much of what others say is shown.
const SHOWN: usize = 60;

/// What was heard; clones hear the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    heard: Mutex<Heard>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Heard {
    /// A connection was made; the rest is of the latest one.
    connected: bool,
    first: Vec<u8>,
    end: Option<String>,
    /// The latest answer that was none of gRPC's.
    foreign: Option<Foreign>,
}

/// An answer of HTTP, but not of gRPC.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    /// 502 and the like.
    pub(super) status: http::StatusCode,
    /// `502 Bad Gateway, text/html, from nginx`.
    pub(super) shown: String,
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// A server of HTTP/2, which is what gRPC needs.
    Http2,
    /// Nobody, or somebody who takes connections and says nothing.
    Silent,
    /// Somebody who closes connections at once.
    Closed,
    /// Another server: what it seems to be.
    Other(String),
}

impl Wire {
    /// Connects; what comes over the connection is heard.
    pub(super) async fn connect(&self, endpoint: &Endpoint) -> Result<Channel, Error> {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        let wire = self.clone();
        let connector = tower::service_fn(move |uri: Uri| {
            let (connecting, wire) = (http.call(uri), wire.clone());
            async move {
                wire.heard().connected = false;
                let stream = connecting.await?.into_inner();
                *wire.heard() = Heard { connected: true, ..Heard::default() };
                Ok::<_, BoxError>(TokioIo::new(Tapped { stream, wire }))
            }
        });
        endpoint.connect_with_connector(connector).await
    }

    /// Whether there is a connection, or the latest one has only ended.
    pub(super) fn connected(&self) -> bool {
        self.heard().connected
    }

    /// How the latest connection ended, if it has.
    pub(super) fn end(&self) -> Option<String> {
        self.heard().end.clone()
    }

    /// The answer that was not gRPC's.
    pub(super) fn foreign(&self) -> Option<Foreign> {
        self.heard().foreign.clone()
    }

    /// Waits until the other end has said enough to be known, or has ended.
    pub(super) async fn greeted(&self) {
        loop {
            let more = self.0.more.notified();
            {
                let heard = self.heard();
                // The fourth byte of a frame is its type, so what cannot be a frame is known early.
                let known = heard.first.get(3).is_some_and(|kind| *kind != SETTINGS)
                    || heard.first.len() >= FRAME_HEADER;
                if known || heard.end.is_some() {
                    return;
                }
            }
            more.await;
        }
    }

    /// Who the other end seems to be.
    pub(super) fn peer(&self) -> Peer {
        let heard = self.heard();
        peer(&heard.first, heard.end.is_some())
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn came(&self, bytes: &[u8]) {
        let mut heard = self.heard();
        let room = KEPT.saturating_sub(heard.first.len());
        if room > 0 {
            heard.first.extend_from_slice(&bytes[..bytes.len().min(room)]);
            drop(heard);
            self.0.more.notify_one();
        }
    }

    fn ended(&self, how: String) {
        self.heard().end.get_or_insert(how);
        self.0.more.notify_one();
    }
}

fn peer(first: &[u8], ended: bool) -> Peer {
    let line = first.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let printable = |byte: &u8| matches!(byte, b' '..=b'~');
    let said: String = line.iter().copied().filter(printable).take(SHOWN).map(char::from).collect();
    let of_tls = || first.windows(5).any(|word| word == b"HTTPS");
    match first {
        [] if ended => Peer::Closed,
        [] => Peer::Silent,
        [_, _, _, SETTINGS, _, 0, 0, 0, 0, ..] => Peer::Http2,
        // An alert, or a handshake.
        [0x15 | 0x16, 3, ..] => Peer::Other("a server that wants TLS".to_owned()),
        _ if first.starts_with(b"HTTP/") && of_tls() => Peer::Other("a server that wants TLS".to_owned()),
        _ if first.starts_with(b"HTTP/") => {
            Peer::Other(format!("a web server that does not know HTTP/2 ({said})"))
        }
        _ if first.starts_with(b"SSH-") => Peer::Other(format!("an SSH server ({said})")),
        _ if line.len() >= 4 && line.iter().all(printable) => {
            Peer::Other(format!("a server that says {said:?}"))
        }
        _ => Peer::Other("a server of another protocol".to_owned()),
    }
}

/// A stream that is listened to.
struct Tapped {
    stream: TcpStream,
    wire: Wire,
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = std::task::ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        match &read {
            Ok(()) if buffer.filled().len() == before => {
                self.wire.ended("the other end closed it".to_owned())
            }
            Ok(()) => self.wire.came(&buffer.filled()[before..]),
            Err(error) => self.wire.ended(error.to_string()),
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        if let Err(error) = &written {
            self.wire.ended(error.to_string());
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A channel whose answers are looked at.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The way to the server.
    pub(super) channel: Channel,
    /// Where it is told.
    pub(super) wire: Wire,
}

impl Service<Request<Body>> for Line {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (answer, wire) = (self.channel.call(request), self.wire.clone());
        Box::pin(async move {
            let answer = answer.await?;
            wire.heard().foreign = foreign(&answer);
            Ok(answer)
        })
    }
}

/// What it is, if it is none of gRPC's.
fn foreign(answer: &Response<Body>) -> Option<Foreign> {
    let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let of_grpc = text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/grpc"));
    let status = answer.status();
    if (of_grpc && status == http::StatusCode::OK) || answer.headers().contains_key("grpc-status") {
        return None;
    }
    let from = text(header::SERVER).map(|server| format!("from {server}"));
    let about = [Some(status.to_string()), text(header::CONTENT_TYPE).map(str::to_owned), from];
    let about: Vec<String> =
        about.into_iter().flatten().map(|text| text.chars().take(SHOWN).collect()).collect();
    Some(Foreign { status, shown: about.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_there_is_told_by_what_is_said_first() {
        let other = |text: &str| Peer::Other(text.to_owned());
        let tls = "a server that wants TLS";
        for (first, ended, expected) in [
            (&b""[..], false, Peer::Silent),
            (b"", true, Peer::Closed),
            (b"\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\x01\0", false, Peer::Http2),
            (
                b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
                false,
                other("an SSH server (SSH-2.0-OpenSSH_9.2p1 Debian-2)"),
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\n\r\n",
                true,
                other("a web server that does not know HTTP/2 (HTTP/1.1 400 Bad Request)"),
            ),
            (
                b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
                true,
                other(tls),
            ),
            (b"\x15\x03\x01\0\x02\x02\x0a", true, other(tls)),
            (
                b"220 mail.example.org ESMTP\r\n",
                false,
                other("a server that says \"220 mail.example.org ESMTP\""),
            ),
            (b"-ERR unknown command\r\n", false, other("a server that says \"-ERR unknown command\"")),
            (b"J\0\0\0\n11.8.6-MariaDB\0", false, other("a server of another protocol")),
            (b"\x1b[2J\x1b[31mgone", false, other("a server of another protocol")),
        ] {
            assert_eq!(peer(first, ended), expected, "{}", String::from_utf8_lossy(first));
        }
    }
}
