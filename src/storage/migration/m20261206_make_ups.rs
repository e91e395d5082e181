//! Lessons that are owed to students, because one of theirs was not held, and the days on which
//! they are made up.

use super::{Migration, Step};

pub(super) const MIGRATION: Migration = Migration { name: "m20261206_make_ups", steps: STEPS };

const STEPS: &[Step] = &[
    // A class template of one lesson day, by which lessons of a class are made up. It is signed up
    // for by who is owed one, and by nobody else.
    Step::Table {
        name: "make_up_day",
        columns: "
        template_id BIGINT NOT NULL PRIMARY KEY,
        class_id BIGINT NOT NULL,
        day DATE NOT NULL,
        operator VARCHAR(64) NOT NULL,
        remark VARCHAR(500) NOT NULL,
        created_at BIGINT NOT NULL,
        FOREIGN KEY (template_id) REFERENCES class_template (id),
        FOREIGN KEY (class_id) REFERENCES class (id)",
    },
    // One lesson that is, or was, owed to one student. `lesson_id`: the lesson that was not held.
    // What the student was offered last: by which template, until when to answer, when that was
    // done, and the sign-up that a yes made. Who waived it and why; `settled_at`: since when it is
    // owed no more.
    Step::Table {
        name: "make_up",
        columns: "
        id {id},
        lesson_id BIGINT NOT NULL,
        student_id BIGINT NOT NULL,
        cause VARCHAR(20) NOT NULL,
        state VARCHAR(12) NOT NULL,
        owed_at BIGINT NOT NULL,
        template_id BIGINT,
        answer_until BIGINT,
        answered_at BIGINT,
        reservation_id BIGINT,
        settled_at BIGINT,
        operator VARCHAR(64) NOT NULL DEFAULT '',
        remark VARCHAR(500) NOT NULL DEFAULT '',
        UNIQUE (lesson_id, student_id),
        FOREIGN KEY (lesson_id) REFERENCES lesson (id),
        FOREIGN KEY (student_id) REFERENCES student (id),
        FOREIGN KEY (template_id) REFERENCES make_up_day (template_id)",
    },
    Step::Index { name: "make_up_student", table: "make_up", columns: "(student_id, id)" },
    Step::Index {
        name: "make_up_reservation",
        table: "make_up",
        columns: "(reservation_id){given:reservation_id}",
    },
];
