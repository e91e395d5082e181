//! Which connections are let in. Nothing in tonic closes a silent socket, so every connection must show in time that it
//! speaks HTTP/2, holds a permit for as long as it is open, and can be cut off when the server ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// What every HTTP/2 client says first (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long to wait when the machine has no more file descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// The limits of the door.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    /// Connections open at once; one more is closed at once, which its client takes as UNAVAILABLE.
    pub max_connections: usize,
    /// How long a connection may take to show that it speaks HTTP/2.
    pub first_bytes_timeout: Duration,
}

impl Door {
    /// Lets connections in until `stop`; they break when `cut` is cancelled.
    pub fn open(self, listener: TcpListener, stop: CancellationToken, cut: CancellationToken) -> mpsc::Receiver<io::Result<Connection>> {
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
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let Ok(permit) = permits.clone().try_acquire_owned() else {
                tracing::warn!(max_connections = self.max_connections, "a connection was turned away: too many are open");
                continue;
            };
            let (stop, cut, let_in) = (stop.clone(), cut.clone(), let_in.clone());
            tokio::spawn(async move {
                let greeted = tokio::select! {
                    () = stop.cancelled() => return,
                    greeted = tokio::time::timeout(self.first_bytes_timeout, greet(stream)) => greeted,
                };
                match greeted {
                    Ok(Ok(stream)) => {
                        let connection = Connection { stream, replayed: 0, cut: Box::pin(cut.cancelled_owned()), _permit: permit };
                        // The other end is gone only when the server is.
                        let _gone = let_in.send(Ok(connection)).await;
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
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _permit: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server has ended")));
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
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
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
