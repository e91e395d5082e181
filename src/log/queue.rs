//! Lines on their way to the writer. Putting one in takes only as long as copying it; a line that
//! finds no room is counted instead.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that may wait: some thousand lines, and a second of the busiest server.
pub(super) const ROOM: usize = 1024 * 1024;

/// The queue of one writer.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whole lines.
    waiting: Vec<u8>,
    /// Lines that found no room, all of them after those that wait.
    dropped: u64,
    /// The writer is busy with what it took.
    writing: bool,
}

impl State {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dropped == 0
    }
}

impl Queue {
    /// Puts a line in, or counts it.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        // After a gap nothing goes in until the writer has seen it, so that it is told of in its
        // place.
        if state.dropped > 0 || state.waiting.len() + line.len() > ROOM {
            state.dropped += 1;
        } else {
            state.waiting.extend_from_slice(line);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// For the writer: waits for lines and takes them all; how many were dropped after them. What
    /// was taken before is done.
    pub(super) fn take(&self, lines: &mut Vec<u8>) -> u64 {
        lines.clear();
        let mut state = self.lock();
        state.writing = false;
        self.changed.notify_all();
        let mut state =
            self.changed.wait_while(state, |state| state.is_empty()).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.waiting, lines);
        state.writing = true;
        std::mem::take(&mut state.dropped)
    }

    /// Waits until the writer has done everything, but no longer than this.
    pub(super) fn flush(&self, within: Duration) {
        let at_work = |state: &mut State| state.writing || !state.is_empty();
        let _whoever_comes_first = self.changed.wait_timeout_while(self.lock(), within, at_work);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; the state would be in order if something did.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queue as tracing-subscriber wants it: one write is one line.
#[derive(Debug)]
pub(super) struct Lines(pub(super) std::sync::Arc<Queue>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Queue;

    fn make_writer(&'a self) -> Self::Writer {
        &self.0
    }
}

impl io::Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_in_its_place() {
        let (queue, long) = (Queue::default(), vec![b'x'; ROOM / 2]);
        for _ in 0..3 {
            queue.push(&long);
        }
        queue.push(b"short, but after the gap\n");
        let mut lines = Vec::new();
        assert_eq!((queue.take(&mut lines), lines.len()), (2, ROOM));
        queue.push(b"later\n");
        assert_eq!((queue.take(&mut lines), lines.as_slice()), (0, b"later\n".as_slice()));
        queue.push(&vec![b'x'; ROOM + 1]);
        assert_eq!((queue.take(&mut lines), lines.len()), (1, 0), "told of even when nothing else is");
    }

    #[test]
    fn a_flush_ends_though_nobody_writes() {
        let queue = Queue::default();
        queue.flush(Duration::MAX);
        queue.push(b"a line\n");
        queue.flush(Duration::from_millis(1));
    }
}
