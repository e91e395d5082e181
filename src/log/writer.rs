//! The thread that writes the lines. Only this thread ever waits for the reader of the log, or sees
//! write errors.

use super::line;
use super::queue::Queue;
use crate::config::LogFormat;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait for a reader whose pipe was set to return at once.
const BREATH: Duration = Duration::from_millis(20);

/// Starts it. It ends with the process.
pub(super) fn spawn(
    sink: impl Write + Send + 'static,
    format: LogFormat,
    queue: Arc<Queue>,
) -> io::Result<()> {
    let mut writer = Writer { sink, format, missing: 0, cause: String::new(), torn: false };
    std::thread::Builder::new().name("log".to_owned()).spawn(move || {
        let mut lines = Vec::new();
        loop {
            let dropped = queue.take(&mut lines);
            writer.write(&lines, dropped);
        }
    })?;
    Ok(())
}

/// Where lines go, and what has become of those before.
struct Writer<W> {
    sink: W,
    format: LogFormat,
    /// Lines lost since the last one that was written.
    missing: u64,
    /// Why.
    cause: String,
    /// The last write ended in the middle of a line.
    torn: bool,
}

impl<W: Write> Writer<W> {
    /// Writes lines, and how many are missing before them or were dropped after them.
    fn write(&mut self, lines: &[u8], dropped: u64) {
        self.tell_missing();
        if let Err((lost, error)) = self.put(lines) {
            self.missing += lost;
            self.cause = error.to_string();
        }
        if dropped > 0 {
            self.missing += dropped;
            "they came faster than they were read".clone_into(&mut self.cause);
        }
        self.tell_missing();
    }

    fn tell_missing(&mut self) {
        if self.missing == 0 {
            return;
        }
        let fields = [("missing", self.missing.into()), ("cause", self.cause.as_str().into())];
        let line = line::compose(self.format, "WARN", "lines of the log are missing here", &fields);
        match self.put(line.as_bytes()) {
            Ok(()) => self.missing = 0,
            Err((_, error)) => self.cause = error.to_string(),
        }
    }

    /// Writes whole lines; when that fails, how many were lost and why.
    fn put(&mut self, lines: &[u8]) -> Result<(), (u64, io::Error)> {
        let count = |lines: &[u8]| lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        if self.torn {
            self.put_bytes(b"\n").map_err(|(_, error)| (count(lines), error))?;
            self.torn = false;
        }
        self.put_bytes(lines).map_err(|(written, error)| {
            self.torn = written > 0 && lines[written - 1] != b'\n';
            (count(&lines[written..]), error)
        })
    }

    /// Writes all; when that fails, how much was written and why.
    fn put_bytes(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < bytes.len() {
            match self.sink.write(&bytes[written..]) {
                Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(BREATH),
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A sink that takes so many bytes at each write, or fails.
    #[derive(Default)]
    struct Sick {
        takes: VecDeque<Result<usize, ErrorKind>>,
        written: Vec<u8>,
    }

    impl Write for Sick {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.takes.pop_front().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn writer(takes: impl IntoIterator<Item = Result<usize, ErrorKind>>) -> Writer<Sick> {
        let sink = Sick { takes: takes.into_iter().collect(), written: Vec::new() };
        Writer { sink, format: LogFormat::Text, missing: 0, cause: String::new(), torn: false }
    }

    /// What was written, the lines of the log itself without their time.
    fn written(writer: Writer<Sick>) -> Vec<String> {
        let text = String::from_utf8(writer.sink.written).unwrap();
        text.lines()
            .map(|line| line.split_once("Z  WARN ").map_or(line, |(_, told)| told).to_owned())
            .collect()
    }

    #[test]
    fn a_sink_that_takes_its_time_gets_everything() {
        let mut writer = writer([Ok(1), Err(ErrorKind::Interrupted), Ok(2), Err(ErrorKind::WouldBlock)]);
        writer.write(b"one\ntwo\n", 0);
        writer.write(b"three\n", 0);
        assert_eq!(written(writer), ["one", "two", "three"]);
    }

    #[test]
    fn what_is_missing_is_told_of_in_its_place() {
        let mut writer = writer([]);
        writer.write(b"one\n", 7);
        writer.write(b"two\n", 0);
        let told = "etutor::log: lines of the log are missing here missing=7 cause=\"they came faster than \
            they were read\"";
        assert_eq!(written(writer), ["one", told, "two"]);
    }

    #[test]
    fn a_full_disk_costs_lines_and_a_half_line_ends_before_the_next() {
        let full = || Err(ErrorKind::StorageFull);
        // "one", then half of "two"; nothing at the second and third try, and then there is room
        // again.
        let mut writer = writer([Ok(6), full(), full(), full(), full(), full()]);
        writer.write(b"one\ntwo\nthree\n", 0);
        writer.write(b"four\n", 0);
        writer.write(b"five\n", 0);
        let lines = written(writer);
        assert_eq!(
            (&lines[..2], &lines[3..]),
            (&["one".to_owned(), "tw".to_owned()][..], &["five".to_owned()][..])
        );
        assert!(lines[2].contains("missing=3 cause=\"no storage space\""), "{lines:?}");
    }
}
