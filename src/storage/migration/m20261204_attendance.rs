//! Lessons and classes that are over are written down as such, with who came to them.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261204_attendance", steps: STEPS };

const STEPS: &[Step] = &[
    // When `clazz close_ended` wrote down that the lesson is over; NULL before. A lesson keeps the
    // state that somebody gave it, so the state does not say whether that was done.
    Step::Column { table: "lesson", name: "closed_at", definition: "BIGINT" },
    // Which lessons are still to be written down, however many are behind them?
    Step::Index { name: "lesson_closed", table: "lesson", columns: "(closed_at, start_at)" },
    // Who came to a lesson that is written down as over: presence is kept for a while only. `state`
    // is a word of `AttendanceState`; times, and seconds late or left early, are of CAME only. The
    // person is a coach or a student, and refers to nothing, as in `presence_span`.
    Step::Table {
        name: "attendance",
        columns: "
        lesson_id BIGINT NOT NULL,
        audience VARCHAR(10) NOT NULL,
        person_id BIGINT NOT NULL,
        state VARCHAR(12) NOT NULL,
        first_at BIGINT,
        last_at BIGINT,
        late_s BIGINT NOT NULL,
        left_early_s BIGINT NOT NULL,
        PRIMARY KEY (lesson_id, audience, person_id),
        FOREIGN KEY (lesson_id) REFERENCES lesson (id)",
    },
    // Which classes are over and not CLOSED?
    Step::Index { name: "class_state", table: "class", columns: "(state, last_day)" },
];
