//! Of which kind somebody is who changed something, beside the name: a student may be called
//! "import".

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261201_actor", steps: STEPS };

const STEPS: &[Step] = &[
    // In the rows that are there the name stood for both; it stays, for servers that know no kind.
    Step::Column {
        table: "place_change",
        name: "actor_kind",
        definition: "VARCHAR(12) NOT NULL DEFAULT 'STUDENT'",
    },
    Step::Update {
        table: "place_change",
        set: "actor_kind = 'CATALOGUE'",
        rows: "cause = 'CATALOGUE' AND actor = 'catalogue' AND actor_kind = 'STUDENT'",
    },
    Step::Update {
        table: "place_change",
        set: "actor_kind = 'IMPORT'",
        rows: "cause = 'IMPORT' AND actor = 'import' AND actor_kind = 'STUDENT'",
    },
    Step::Update {
        table: "place_change",
        set: "actor_kind = 'TASK'",
        rows: "cause IN ('OPENING', 'REPAIR') AND actor_kind = 'STUDENT'",
    },
    Step::Update {
        table: "place_change",
        set: "actor_kind = 'ADMIN'",
        rows: "cause IN ('CANCEL', 'MOVE') AND actor_kind = 'STUDENT' \
               AND NOT EXISTS (SELECT 1 FROM student WHERE student.user_name = place_change.actor)",
    },
    // Who changed a coach's status: an operator, or an import.
    Step::Column {
        table: "coach_status_change",
        name: "operator_kind",
        definition: "VARCHAR(12) NOT NULL DEFAULT 'ADMIN'",
    },
    Step::Update {
        table: "coach_status_change",
        set: "operator_kind = 'IMPORT'",
        rows: "operator_kind = 'ADMIN' AND operator = 'import' AND remark = ''",
    },
];
