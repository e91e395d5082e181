//! What is to be filled besides new classes: substitutions, coach changes, standbys.

use super::{Migration, Step};

pub(super) const MIGRATION: Migration = Migration { name: "m20261204_vacancies", steps: STEPS };

const STEPS: &[Step] = &[
    // Somebody is wanted in the place of the coach of a class (`replaces_id`): on the days of
    // `vacancy_day` (SUBSTITUTION, STANDBY), or from `day` on (CHANGE). The columns that
    // `class_task` has too mean the same here. `waits`: it asks nobody by itself (a STANDBY, and a
    // CHANGE before its time). `asks_until`: until when questions may be answered, where it is not
    // by the table of lives. `coach_id`: who fills it, once somebody does.
    Step::Table {
        name: "vacancy",
        columns: "
        id {id},
        kind VARCHAR(12) NOT NULL,
        class_id BIGINT NOT NULL,
        template_id BIGINT NOT NULL,
        replaces_id BIGINT NOT NULL,
        day DATE NOT NULL,
        state VARCHAR(10) NOT NULL,
        start_at BIGINT NOT NULL,
        gate_at BIGINT NOT NULL,
        closes_at BIGINT NOT NULL,
        asks_until BIGINT,
        waits BOOLEAN NOT NULL DEFAULT FALSE,
        cancelled_by VARCHAR(64) NOT NULL DEFAULT '',
        students INTEGER NOT NULL DEFAULT 0,
        needed INTEGER NOT NULL DEFAULT 1,
        dirty BOOLEAN NOT NULL DEFAULT FALSE,
        early_warned BOOLEAN NOT NULL DEFAULT FALSE,
        told_uncovered INTEGER NOT NULL DEFAULT 0,
        gate_alarmed BOOLEAN NOT NULL DEFAULT FALSE,
        coach_id BIGINT,
        filled_at BIGINT,
        actor_kind VARCHAR(12) NOT NULL,
        actor VARCHAR(64) NOT NULL,
        remark VARCHAR(500) NOT NULL DEFAULT '',
        created_at BIGINT NOT NULL,
        version BIGINT NOT NULL DEFAULT 0,
        FOREIGN KEY (class_id) REFERENCES class (id),
        FOREIGN KEY (template_id) REFERENCES class_template (id),
        FOREIGN KEY (replaces_id) REFERENCES coach (id),
        FOREIGN KEY (coach_id) REFERENCES coach (id)",
    },
    Step::Index { name: "vacancy_state", table: "vacancy", columns: "(state, closes_at)" },
    Step::Index { name: "vacancy_class", table: "vacancy", columns: "(class_id)" },
    // The lesson days that a vacancy is about; of a change none, it goes on from its day.
    Step::Table {
        name: "vacancy_day",
        columns: "
        vacancy_id BIGINT NOT NULL,
        day DATE NOT NULL,
        PRIMARY KEY (vacancy_id, day),
        FOREIGN KEY (vacancy_id) REFERENCES vacancy (id)",
    },
    // `invitation.task_id` is the key of what the coach is asked for: of a class task its id, of a
    // row of `vacancy` the negative of its id.
    Step::Unbind { table: "invitation", column: "task_id", to: "class_task" },
];
