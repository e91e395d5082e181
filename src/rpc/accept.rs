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

/// How long to wait when the machine has no more file descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// Lines about connections, of which anybody may open as many as there is time for.
static NOT_ACCEPTED: Pace = Pace::new();
static TURNED_AWAY: Pace = Pace::new();
static NOT_READ: Pace = Pace::new();

/// The limits of the door.
#[derive(Clone, Debug)]
pub(super) struct Door {
    /// Connections open at once; one more is closed at once, which its client takes as UNAVAILABLE.
    pub max_connections: usize,
    /// How long a connection may take to show that it speaks HTTP/2.
    pub first_bytes_timeout: Duration,
    /// How long answers may wait without any of them being read.
    pub unread_timeout: Duration,
    /// What a connection may have at once.
    pub peers: Arc<Peers>,
}

impl Door {
    /// Lets connections in until `stop`; they break when `cut` is cancelled.
    pub(super) fn open(
        self,
        listener: TcpListener,
        stop: CancellationToken,
        cut: CancellationToken,
    ) -> mpsc::Receiver<io::Result<Connection>> {
        let (let_in, connections) = mpsc::channel(64);
        tokio::spawn(self.attend(listener, stop, cut, let_in));
        connections
    }

    async fn attend(
        self,
        listener: TcpListener,
        stop: CancellationToken,
        cut: CancellationToken,
        let_in: mpsc::Sender<io::Result<Connection>>,
    ) {
        let permits = Arc::new(Semaphore::new(self.max_connections));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    if let Some(passed_over) = NOT_ACCEPTED.next() {
                        tracing::warn!(%error, passed_over, "a connection could not be accepted");
                    }
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let Ok(permit) = permits.clone().try_acquire_owned() else {
                if let Some(passed_over) = TURNED_AWAY.next() {
                    let max_connections = self.max_connections;
                    tracing::warn!(
                        max_connections,
                        passed_over,
                        "a connection was turned away: too many are open"
                    );
                }
                continue;
            };
            let (stop, closed, let_in, door) =
                (stop.clone(), cut.child_token(), let_in.clone(), self.clone());
            tokio::spawn(async move {
                let greeted = tokio::select! {
                    () = stop.cancelled() => return,
                    greeted = tokio::time::timeout(door.first_bytes_timeout, greet(stream)) => greeted,
                };
                match greeted {
                    Ok(Ok(stream)) => {
                        let (peer, cut) = (door.peers.join(), Box::pin(closed.clone().cancelled_owned()));
                        let connection = Connection {
                            stream,
                            replayed: 0,
                            peer: peer.clone(),
                            cut,
                            closed: closed.clone(),
                            _permit: permit,
                        };
                        // The other end is gone only when the server is.
                        let _gone = let_in.send(Ok(connection)).await;
                        peer.stalled(door.unread_timeout, &closed).await;
                        if !closed.is_cancelled() {
                            let timeout_s = door.unread_timeout.as_secs();
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
async fn greet(mut stream: TcpStream) -> io::Result<TcpStream> {
    // Without it an answer waits 40 ms for the client's acknowledgement.
    stream.set_nodelay(true)?;
    let mut said = [0; PREFACE.len()];
    let mut length = 0;
    while length < PREFACE.len() {
        let read = stream.read(&mut said[length..]).await?;
        length += read;
        if read == 0 || said[..length] != PREFACE[..length] {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak HTTP/2"));
        }
    }
    Ok(stream)
}

/// A connection that speaks HTTP/2. Its preface was read already, so it is shown once more.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    replayed: usize,
    peer: Arc<Peer>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Cancelled to close the connection, and when it is closed.
    closed: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// Whoever waits to read is woken when the connection is cut, and is the same who writes.
    fn uncut(&self) -> io::Result<()> {
        if self.closed.is_cancelled() { Err(cut_off()) } else { Ok(()) }
    }
}

fn cut_off() -> io::Error {
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
        if self.cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(cut_off()));
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
        self.uncut()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.uncut()?;
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
