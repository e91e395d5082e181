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

impl ClassState {
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
