//! Which connections are let in. Nothing in tonic closes a silent socket, so every connection must
//! show in time that it speaks HTTP/2, holds a permit for as long as it is open, and can be cut
//! off: when it does not read its answers, and when the server ends.

use super::peer::{Peer, Peers};
use crate::log::Pace;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

/// What every HTTP/2 client says first (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long to wait before accepting again when the machine has no more file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Lines about connections, of which anybody may open as many as there is time for.
static NOT_ACCEPTED: Pace = Pace::new();
static OVER_LIMIT: Pace = Pace::new();
static NOT_READ: Pace = Pace::new();

/// Accepts connections, within limits.
#[derive(Clone, Debug)]
pub(super) struct Acceptor {
    /// Connections open at once; one more is closed at once, which its client takes as UNAVAILABLE.
    pub max_connections: usize,
    /// How long a connection may take to show that it speaks HTTP/2.
    pub first_bytes_timeout: Duration,
    /// How long answers may wait without any of them being read.
    pub unread_timeout: Duration,
    /// What a connection may have at once.
    pub peers: Arc<Peers>,
}

impl Acceptor {
    /// Accepts until `stop`; what was accepted breaks when `abort` is cancelled.
    pub(super) fn start(
        self,
        listener: TcpListener,
        stop: CancellationToken,
        abort: CancellationToken,
    ) -> mpsc::Receiver<io::Result<Connection>> {
        let (accepted, connections) = mpsc::channel(64);
        tokio::spawn(self.run(listener, stop, abort, accepted));
        connections
    }

    async fn run(
        self,
        listener: TcpListener,
        stop: CancellationToken,
        abort: CancellationToken,
        accepted: mpsc::Sender<io::Result<Connection>>,
    ) {
        let permits = Arc::new(Semaphore::new(self.max_connections));
        loop {
            let stream = tokio::select! {
                () = stop.cancelled() => return,
                stream = listener.accept() => stream,
            };
            let stream = match stream {
                Ok((stream, _)) => stream,
                Err(error) => {
                    if let Some(passed_over) = NOT_ACCEPTED.next() {
                        tracing::warn!(%error, passed_over, "a connection could not be accepted");
                    }
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            };
            let Ok(permit) = permits.clone().try_acquire_owned() else {
                if let Some(passed_over) = OVER_LIMIT.next() {
                    let max_connections = self.max_connections;
                    tracing::warn!(
                        max_connections,
                        passed_over,
                        "a connection was turned away: too many are open"
                    );
                }
                continue;
            };
            let (stop, closed, accepted, limits) =
                (stop.clone(), abort.child_token(), accepted.clone(), self.clone());
            tokio::spawn(async move {
                let preface = tokio::time::timeout(limits.first_bytes_timeout, read_preface(stream));
                let stream = tokio::select! {
                    () = stop.cancelled() => return,
                    stream = preface => stream,
                };
                match stream {
                    Ok(Ok(stream)) => {
                        let (peer, aborted) =
                            (limits.peers.join(), Box::pin(closed.clone().cancelled_owned()));
                        let connection = Connection {
                            stream,
                            replayed: 0,
                            peer: peer.clone(),
                            aborted,
                            closed: closed.clone(),
                            _permit: permit,
                        };
                        // The other end is gone only when the server is.
                        let _gone = accepted.send(Ok(connection)).await;
                        peer.stalled(limits.unread_timeout, &closed).await;
                        if !closed.is_cancelled() {
                            let timeout_s = limits.unread_timeout.as_secs();
                            if let Some(passed_over) = NOT_READ.next() {
                                tracing::warn!(
                                    timeout_s,
                                    passed_over,
                                    "a connection was closed: it does not read its answers"
                                );
                            }
                            closed.cancel();
                        }
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "a connection was refused"),
                    Err(_) => tracing::debug!("a connection said nothing in time and was closed"),
                }
            });
        }
    }
}

/// Reads the preface, and refuses at the first byte that differs.
async fn read_preface(mut stream: TcpStream) -> io::Result<TcpStream> {
    // Without it an answer waits 40 ms for the client's acknowledgement.
    stream.set_nodelay(true)?;
    let mut bytes = [0; PREFACE.len()];
    let mut length = 0;
    while length < PREFACE.len() {
        let read = stream.read(&mut bytes[length..]).await?;
        length += read;
        if read == 0 || bytes[..length] != PREFACE[..length] {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak HTTP/2"));
        }
    }
    Ok(stream)
}

/// A connection that speaks HTTP/2. Its preface was read already, so it is shown once more.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// How much of the preface was shown.
    replayed: usize,
    peer: Arc<Peer>,
    aborted: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Cancelled to close the connection, and when it is closed.
    closed: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// Asked before writing: whoever waits to read is woken when the connection is aborted, and is
    /// the same who writes.
    fn still_open(&self) -> io::Result<()> {
        if self.closed.is_cancelled() { Err(aborted()) } else { Ok(()) }
    }
}

fn aborted() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was cut off")
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

impl Connected for Connection {
    type ConnectInfo = Arc<Peer>;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.aborted.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(aborted()));
        }
        let rest = &PREFACE[self.replayed..];
        if !rest.is_empty() {
            let length = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..length]);
            self.replayed += length;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.still_open()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.still_open()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        Poll::Ready(Ok(()))
    }
}
