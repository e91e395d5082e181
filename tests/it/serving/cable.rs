//! A TCP proxy between server and database, which tests can cut.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A cable between server and database that can be pulled out and put in again, and on which
/// everything takes a while.
pub struct Cable {
    address: SocketAddr,
    to: String,
    delay: Duration,
    plugged: Mutex<Option<CancellationToken>>,
    frozen: watch::Sender<bool>,
}

impl Cable {
    /// A free port with nobody behind it, for a database at `host:port`.
    async fn new(to: &str, delay: Duration) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        Self {
            address,
            to: to.to_owned(),
            delay,
            plugged: Mutex::new(None),
            frozen: watch::Sender::new(false),
        }
    }

    pub async fn plug(&self) {
        let pulled = CancellationToken::new();
        *self.plugged.lock().unwrap() = Some(pulled.clone());
        let listener = TcpListener::bind(self.address).await.unwrap();
        let (to, delay, frozen) = (self.to.clone(), self.delay, self.frozen.clone());
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = pulled.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let (here, _) = accepted.unwrap();
                let (pulled, to, frozen) = (pulled.clone(), to.clone(), frozen.clone());
                tokio::spawn(async move {
                    let there = TcpStream::connect(to).await.unwrap();
                    let ((from_here, to_here), (from_there, to_there)) =
                        (here.into_split(), there.into_split());
                    tokio::select! {
                        () = pulled.cancelled() => {}
                        () = carry(from_here, to_there, delay, frozen.subscribe()) => {}
                        () = carry(from_there, to_here, delay, frozen.subscribe()) => {}
                    }
                });
            }
        });
    }

    /// Nothing comes through any more, and nobody is told: a server that has stopped. Or everything
    /// does again.
    pub fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }

    pub fn pull(&self) {
        self.plugged.lock().unwrap().take().unwrap().cancel();
    }
}

/// The URL of a database as seen through a cable, and where the cable leads; `None` for SQLite,
/// which is not behind one.
pub async fn through_a_cable(url: &str, delay: Duration) -> Option<(Cable, String)> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| *scheme != "sqlite")?;
    let (before, name) = rest.split_once('/').unwrap();
    let (user, host) =
        before.rsplit_once('@').map_or((String::new(), before), |(user, host)| (format!("{user}@"), host));
    let port = if scheme == "mysql" { "3306" } else { "5432" };
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
    let cable = Cable::new(&host, delay).await;
    let url = format!("{scheme}://{user}{}/{name}", cable.address);
    Some((cable, url))
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Duration,
    mut frozen: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if frozen.wait_for(|frozen| !frozen).await.is_err() {
            return;
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}
