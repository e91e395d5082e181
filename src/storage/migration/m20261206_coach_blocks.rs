//! Blocks of coaches, each with who set it and why.

use super::{Migration, Step};

pub(super) const MIGRATION: Migration = Migration { name: "m20261206_coach_blocks", steps: STEPS };

const STEPS: &[Step] = &[
    // A coach is not to teach a student, or a class, or (with neither) is not invited at all. A row
    // stays when it is removed. At most one of a (coach, student, class) is in force; it is set and
    // removed under the coach's lock. `coach.blocked` says whether one of the coach as a whole is.
    // `set_at`: none where the coach was blocked before this table was.
    Step::Table {
        name: "coach_block",
        columns: "
        id {id},
        coach_id BIGINT NOT NULL,
        student_id BIGINT,
        class_id BIGINT,
        operator VARCHAR(64) NOT NULL,
        remark VARCHAR(500) NOT NULL,
        set_at BIGINT,
        removed_by VARCHAR(64) NOT NULL DEFAULT '',
        removal_remark VARCHAR(500) NOT NULL DEFAULT '',
        removed_at BIGINT,
        FOREIGN KEY (coach_id) REFERENCES coach (id),
        FOREIGN KEY (student_id) REFERENCES student (id),
        FOREIGN KEY (class_id) REFERENCES class (id)",
    },
    Step::Index { name: "coach_block_coach", table: "coach_block", columns: "(coach_id)" },
    Step::Index {
        name: "coach_block_student",
        table: "coach_block",
        columns: "(student_id){given:student_id}",
    },
    Step::Index { name: "coach_block_class", table: "coach_block", columns: "(class_id){given:class_id}" },
    Step::Fill {
        table: "coach_block",
        columns: "coach_id, operator, remark",
        rows: "SELECT c.id, '', '' FROM coach c WHERE c.blocked = TRUE",
    },
];
