//! The life of a class and of its lessons (docs/domain.md §6).

use crate::domain::time::Instant;

super::words! {
    /// State of a class (docs/domain.md §6).
    ClassState {
        /// Formed, its first lesson is ahead.
        Open = "OPEN",
        /// Its first lesson has begun.
        Running = "RUNNING",
        /// No lesson is left.
        Closed = "CLOSED",
    }
}

super::words! {
    /// State of a lesson (docs/domain.md §6).
    LessonState {
        /// Ahead.
        Scheduled = "SCHEDULED",
        /// Going on.
        Running = "RUNNING",
        /// Over.
        Done = "DONE",
        /// The coach came late.
        CoachLate = "COACH_LATE",
        /// The coach did not come.
        CoachAbsent = "COACH_ABSENT",
        /// Another coach taught it.
        Substituted = "SUBSTITUTED",
        /// Called off.
        Cancelled = "CANCELLED",
        /// Held at another time.
        MadeUp = "MADE_UP",
    }
}

impl LessonState {
    /// Those of a lesson that time has moved, or may move.
    pub(crate) const BY_TIME: [Self; 2] = [Self::Scheduled, Self::Running];

    /// What a lesson in `[start, end)` is at `now`: RUNNING from its start, DONE from its end on,
    /// whether or not anybody has written that down. What was said of its coach or of its place in
    /// the calendar stays said.
    #[must_use]
    pub fn at(self, start: Instant, end: Instant, now: Instant) -> Self {
        match self {
            _ if !Self::BY_TIME.contains(&self) => self,
            _ if end <= now => Self::Done,
            _ if start <= now => Self::Running,
            _ => Self::Scheduled,
        }
    }
}

impl ClassState {
    /// What a class is at `now` whose lessons that are not called off go from the start of the
    /// first to the end of the last, `lessons`: RUNNING from that start, CLOSED from that end on.
    #[must_use]
    pub fn at(self, lessons: Option<(Instant, Instant)>, now: Instant) -> Self {
        match (self, lessons) {
            (Self::Closed, _) | (_, None) => Self::Closed,
            (_, Some((_, end))) if end <= now => Self::Closed,
            (_, Some((start, _))) if start <= now => Self::Running,
            _ => Self::Open,
        }
    }

    /// What a class is whose SCHEDULED lessons these are, by their starts and ends: CLOSED when
    /// none is ahead. One that was closed and has lessons again is OPEN, or RUNNING when one of
    /// them has begun.
    pub(crate) fn with(self, lessons: &[(Instant, Instant)], now: Instant) -> Self {
        let ahead = lessons.iter().any(|(_, end)| *end > now);
        let begun = lessons.iter().any(|(start, _)| *start <= now);
        match self {
            _ if !ahead => Self::Closed,
            Self::Closed if begun => Self::Running,
            Self::Closed => Self::Open,
            state => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_unix(seconds)
    }

    #[test]
    fn a_lesson_runs_from_its_start_and_is_done_from_its_end_on() {
        use LessonState::*;
        for stored in [Scheduled, Running] {
            let found: Vec<_> = [99, 100, 199, 200].map(|now| stored.at(at(100), at(200), at(now))).to_vec();
            assert_eq!(found, [Scheduled, Running, Running, Done], "stored as {stored}");
        }
        for stored in [Done, CoachLate, CoachAbsent, Substituted, Cancelled, MadeUp] {
            for now in [99, 100, 200] {
                assert_eq!(stored.at(at(100), at(200), at(now)), stored);
            }
        }
    }

    #[test]
    fn a_class_runs_from_its_first_lesson_and_is_closed_after_its_last() {
        use ClassState::*;
        let lessons = Some((at(100), at(900)));
        for stored in [Open, Running] {
            let found: Vec<_> = [99, 100, 899, 900].map(|now| stored.at(lessons, at(now))).to_vec();
            assert_eq!(found, [Open, Running, Running, Closed], "stored as {stored}");
            assert_eq!(stored.at(None, at(0)), Closed, "nothing is left of it");
        }
        assert_eq!(Closed.at(lessons, at(0)), Closed);
    }
}
