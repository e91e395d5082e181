//! How far the ladder of a lesson has come whose coach was not there (`clazz check_on_time`).

use super::{Migration, Step};

pub(super) const MIGRATION: Migration = Migration { name: "m20261205_lesson_check", steps: STEPS };

const STEPS: &[Step] = &[
    // Only lessons whose coach was missing at a stage have a row. `stages`: the sum of 2^n of the
    // stages 0 … 4 that were taken or came too late. `came_at`: since when the coach is there.
    Step::Table {
        name: "lesson_check",
        columns: "
        lesson_id BIGINT NOT NULL PRIMARY KEY,
        stages INTEGER NOT NULL,
        came_at BIGINT,
        FOREIGN KEY (lesson_id) REFERENCES lesson (id)",
    },
    // Who was told of trouble with a lesson.
    Step::Index { name: "message_class", table: "message", columns: "(class_id, lesson_at){given:class_id}" },
];
