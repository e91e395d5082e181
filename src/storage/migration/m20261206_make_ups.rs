//! Lessons that are owed to students, because one of theirs was not held.

use super::{Migration, Step};

pub(super) const MIGRATION: Migration = Migration { name: "m20261206_make_ups", steps: STEPS };

const STEPS: &[Step] = &[
    // One lesson that is, or was, owed to one student. `lesson_id`: the lesson that was not held.
    // What staff did about it last: who, why, when. `settled_at`: since when it is owed no more.
    Step::Table {
        name: "make_up",
        columns: "
        id {id},
        lesson_id BIGINT NOT NULL,
        student_id BIGINT NOT NULL,
        cause VARCHAR(20) NOT NULL,
        state VARCHAR(12) NOT NULL,
        owed_at BIGINT NOT NULL,
        settled_at BIGINT,
        operator VARCHAR(64) NOT NULL DEFAULT '',
        remark VARCHAR(500) NOT NULL DEFAULT '',
        UNIQUE (lesson_id, student_id),
        FOREIGN KEY (lesson_id) REFERENCES lesson (id),
        FOREIGN KEY (student_id) REFERENCES student (id)",
    },
    Step::Index { name: "make_up_student", table: "make_up", columns: "(student_id, id)" },
];
