//! Lessons and classes that are over are written down as such.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261204_attendance", steps: STEPS };

const STEPS: &[Step] = &[
    // When `clazz close_ended` wrote down that the lesson is over; NULL before. A lesson keeps the
    // state that somebody gave it, so the state does not say whether that was done.
    Step::Column { table: "lesson", name: "closed_at", definition: "BIGINT" },
    // Which lessons are still to be written down, however many are behind them?
    Step::Index { name: "lesson_closed", table: "lesson", columns: "(closed_at, start_at)" },
    // Which classes are over and not CLOSED?
    Step::Index { name: "class_state", table: "class", columns: "(state, last_day)" },
];
