//! What one connection may have at once: calls worked at, uploads, and answers that it has not read
//! yet.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio_util::sync::CancellationToken;

/// What a call is taken to hold until its answer is there, in bytes.
const RESERVED: usize = 32 * 1024;
/// An answer is handed over in chunks of this many bytes, so that it shows when one is being read.
const CHUNK: usize = 16 * 1024;
/// How often in `unread_timeout` it is checked whether a connection stalls.
const STALL_CHECKS: u32 = 4;

/// Limits of every connection, and what all connections together hold.
#[derive(Debug)]
pub(super) struct Peers {
    calls: usize,
    bytes: usize,
    bytes_of_all: usize,
    held: AtomicUsize,
    freed: Notify,
}

impl Peers {
    /// So many calls at once for one connection, and for all together; the bytes follow from it.
    pub(super) fn new(calls: usize, calls_of_all: usize) -> Self {
        let calls = calls.min(calls_of_all);
        Self {
            calls,
            bytes: calls * RESERVED,
            bytes_of_all: 8 * calls_of_all * RESERVED,
            held: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// A connection.
    pub(super) fn join(self: &Arc<Self>) -> Arc<Peer> {
        Arc::new(Peer {
            calls: Arc::new(Semaphore::new(self.calls)),
            uploads: Arc::new(Semaphore::new(1)),
            large: Arc::new(Semaphore::new(1)),
            all: self.clone(),
            held: AtomicUsize::new(0),
            unsent: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            freed: Notify::new(),
            waiting: Mutex::new(()),
        })
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Peer {
    /// Calls worked at.
    pub calls: Arc<Semaphore>,
    /// Uploads: one, because each is held in memory.
    pub uploads: Arc<Semaphore>,
    /// Requests that are large: one, for the same reason.
    pub large: Arc<Semaphore>,
    all: Arc<Peers>,
    /// Bytes of answers that are not sent, and of those that are being made.
    held: AtomicUsize,
    /// Bytes of answers that are not sent.
    unsent: AtomicUsize,
    /// Chunks that were sent.
    sent: AtomicU64,
    freed: Notify,
    /// Who waits to reserve, in order of arrival.
    waiting: Mutex<()>,
}

impl Peer {
    /// Waits until one more answer may be held: a connection that does not read its answers gets no
    /// more of them. It always gets one.
    pub(super) async fn reserve(self: &Arc<Self>) -> Held {
        let _first = self.waiting.lock().await;
        loop {
            // Asked for first, so that nothing that is freed meanwhile is missed.
            let mut of_all = std::pin::pin!(self.all.freed.notified());
            of_all.as_mut().enable();
            if self.may_reserve() {
                break;
            }
            tokio::select! {
                () = self.freed.notified() => {}
                () = &mut of_all => {}
            }
        }
        self.hold(RESERVED)
    }

    fn may_reserve(&self) -> bool {
        let held = self.held.load(Ordering::Relaxed);
        let all = self.all.held.load(Ordering::Relaxed);
        held == 0 || (held + RESERVED <= self.all.bytes && all + RESERVED <= self.all.bytes_of_all)
    }

    fn hold(self: &Arc<Self>, bytes: usize) -> Held {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.all.held.fetch_add(bytes, Ordering::Relaxed);
        Held { peer: self.clone(), bytes }
    }

    /// An answer's bytes in chunks, each of which counts until it is sent or dropped.
    pub(super) fn chunks(self: &Arc<Self>, mut bytes: Bytes) -> Vec<Bytes> {
        let mut chunks = Vec::with_capacity(bytes.len().div_ceil(CHUNK));
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(CHUNK));
            self.unsent.fetch_add(chunk.len(), Ordering::Relaxed);
            let held = self.hold(chunk.len());
            chunks.push(Bytes::from_owner(Chunk { bytes: chunk, held }));
        }
        chunks
    }

    /// Returns when the connection has had unsent answers for `timeout` and none of them was read,
    /// or when it is `closed`.
    pub(super) async fn stalled(&self, timeout: Duration, closed: &CancellationToken) {
        let (mut sent, mut checks) = (self.sent.load(Ordering::Relaxed), 0);
        while checks < STALL_CHECKS {
            tokio::select! {
                () = closed.cancelled() => return,
                () = tokio::time::sleep(timeout / STALL_CHECKS) => {}
            }
            let now = self.sent.load(Ordering::Relaxed);
            let waits = self.unsent.load(Ordering::Relaxed) > 0 && now == sent;
            checks = if waits { checks + 1 } else { 0 };
            sent = now;
        }
    }
}

/// Bytes that a connection holds; given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    peer: Arc<Peer>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.peer.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.peer.all.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.peer.freed.notify_one();
        self.peer.all.freed.notify_waiters();
    }
}

/// A part of an answer.
struct Chunk {
    bytes: Bytes,
    held: Held,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let peer = &self.held.peer;
        peer.unsent.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        peer.sent.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// What a future says at its first poll.
    fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_connection_holds_so_much_and_all_together_so_much_but_each_gets_one_answer() {
        let all = Arc::new(Peers::new(2, 4));
        let peer = all.join();
        let one = peer.chunks(Bytes::from(vec![7; CHUNK + 1]));
        assert_eq!(one.iter().map(Bytes::len).collect::<Vec<_>>(), [CHUNK, 1]);
        let two = poll_once(peer.reserve()).expect("the second is within the limit");
        assert!(poll_once(peer.reserve()).is_none(), "the third is not");
        drop(one);
        let three = poll_once(peer.reserve()).expect("what is read makes room");
        // Others fill what all together may hold.
        let other = all.join();
        let much = other.chunks(Bytes::from(vec![7; 32 * RESERVED]));
        assert!(poll_once(other.reserve()).is_none());
        drop((two, three));
        assert!(poll_once(peer.reserve()).is_some(), "who holds nothing gets an answer under any load");
        drop(much);
        assert_eq!((all.held.load(Ordering::Relaxed), other.unsent.load(Ordering::Relaxed)), (0, 0));
    }
}
