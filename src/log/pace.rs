//! Limits how often lines of one sort are written: a flood of calls must not become a flood of
//! lines.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many lines of one sort …
const LINES: u32 = 10;
/// … in so long; what goes beyond is counted.
const SPAN: Duration = Duration::from_secs(1);

/// The pace of one sort of line: ten a second, and the number of those passed over with the next
/// one.
///
/// ```text
/// use etutor::log::Pace;
/// static REFUSED: Pace = Pace::new();
/// if let Some(passed_over) = REFUSED.next() {
///     tracing::info!(passed_over, "a connection was refused");
/// }
/// ```
#[derive(Debug)]
pub(crate) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    begun: Option<Instant>,
    written: u32,
    passed_over: u64,
}

impl Pace {
    /// Of lines that have not been written yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(State { begun: None, written: 0, passed_over: 0 }))
    }

    /// Whether the next line may be written: then how many were passed over before it, if any were.
    pub(crate) fn next(&self) -> Option<Option<u64>> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Option<Option<u64>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= SPAN) {
            state.begun = Some(now);
            state.written = 0;
        }
        if state.written == LINES {
            state.passed_over += 1;
            return None;
        }
        state.written += 1;
        let passed_over = std::mem::take(&mut state.passed_over);
        Some((passed_over > 0).then_some(passed_over))
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_ten_lines_a_second_and_a_number() {
        let (pace, begun) = (Pace::new(), Instant::now());
        let written = |second: u32, calls: usize| {
            let now = begun + SPAN * second;
            (0..calls).filter_map(|_| pace.at(now)).collect::<Vec<_>>()
        };
        assert_eq!(written(0, 3), [None; 3]);
        assert_eq!(written(0, 1000), [None; 7]);
        let next = written(1, 1000);
        assert_eq!((next.len(), next[0], next[1]), (10, Some(993), None));
        assert_eq!(written(2, 1), [Some(990)]);
    }
}
