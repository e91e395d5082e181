//! Of which kind somebody is who changed something, beside the name: a student may be called
//! "import".

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261201_actor", steps: STEPS };

const STEPS: &[Step] = &[
    // In the rows that are there the name stood for both.
    Step::Column {
        table: "place_change",
        name: "actor_kind",
        definition: "VARCHAR(12) NOT NULL DEFAULT 'STUDENT'",
    },
    Step::Update {
        table: "place_change",
        set: "actor_kind = 'CATALOGUE', actor = ''",
        rows: "cause = 'CATALOGUE' AND actor = 'catalogue'",
    },
    Step::Update {
        table: "place_change",
        set: "actor_kind = 'IMPORT', actor = ''",
        rows: "cause = 'IMPORT' AND actor = 'import'",
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
        set: "operator_kind = 'IMPORT', operator = ''",
        rows: "operator_kind = 'ADMIN' AND operator = 'import' AND remark = ''",
    },
    // Why a task was cancelled; empty = it was not.
    Step::Column {
        table: "class_task",
        name: "cancel_reason",
        definition: "VARCHAR(12) NOT NULL DEFAULT ''",
    },
    Step::Update {
        table: "class_task",
        set: "cancel_reason = 'NO_LESSON', cancelled_by = ''",
        rows: "cancelled_by = 'catalogue' AND cancel_reason = ''",
    },
    Step::Update {
        table: "class_task",
        set: "cancel_reason = 'NO_DEMAND'",
        rows: "state = 'CANCELLED' AND cancelled_by = '' AND cancel_reason = ''",
    },
    Step::Update {
        table: "class_task",
        set: "cancel_reason = 'ADMIN'",
        rows: "cancelled_by <> '' AND cancel_reason = ''",
    },
];
