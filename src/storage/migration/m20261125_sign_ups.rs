//! Sign-ups in full: holds, offers, the waiting list, leave, and the ledger of places.
//!
//! The head of the first migration explains how the text is written.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261125_sign_ups", steps: STEPS };

const STEPS: &[Step] = &[
    // Until when a HELD or OFFERED reservation keeps its places, whether or not a task has run;
    // when a WAITLISTED one ends (F of its first lesson, `first_lesson_day`).
    Step::Column { table: "reservation", name: "expires_at", definition: "BIGINT" },
    Step::Column { table: "reservation", name: "renewed", definition: "BOOLEAN NOT NULL DEFAULT FALSE" },
    // When a student joined the waiting list: the order of the offers.
    Step::Column { table: "reservation", name: "joined_at", definition: "BIGINT" },
    Step::Column { table: "reservation", name: "first_lesson_day", definition: "DATE" },
    Step::Index {
        name: "reservation_expiring",
        table: "reservation",
        columns: "(expires_at, \
        state){given:expires_at}",
    },
    // A lesson a student of a reservation does not come to: it takes no place, and no seat of the
    // class.
    Step::Table {
        name: "student_leave",
        columns: "
        reservation_id BIGINT NOT NULL,
        day DATE NOT NULL,
        requested_at BIGINT NOT NULL,
        PRIMARY KEY (reservation_id, day),
        FOREIGN KEY (reservation_id) REFERENCES reservation (id)",
    },
    // The ledger, append-only: places of the template's lesson days from first_day to last_day
    // changed by delta. It refers to nothing, so that it outlives what it speaks of. `actor` is a
    // user name, an operator or a task; `request_id` the caller's.
    Step::Table {
        name: "place_change",
        columns: "
        id {id},
        template_id BIGINT NOT NULL,
        reservation_id BIGINT,
        first_day DATE NOT NULL,
        last_day DATE NOT NULL,
        delta INTEGER NOT NULL,
        cause VARCHAR(16) NOT NULL,
        actor VARCHAR(64) NOT NULL,
        remark VARCHAR(500) NOT NULL DEFAULT '',
        request_id VARCHAR(64) NOT NULL DEFAULT '',
        changed_at BIGINT NOT NULL",
    },
    Step::Index { name: "place_change_template", table: "place_change", columns: "(template_id, id)" },
    // What there was before the ledger began.
    Step::Fill {
        table: "place_change",
        columns: "template_id, reservation_id, first_day, last_day, delta, cause, actor, changed_at",
        rows: "SELECT template_id, id, start_day, last_day, 1 AS delta, 'OPENING' AS cause, 'migration' AS \
             actor, created_at FROM reservation
            WHERE state IN ('HELD', 'BOOKED', 'PLACED', 'ENDED') AND start_day <= last_day",
    },
    // Most sign-ups have no task and no class when they are written. (MySQL, which has no partial
    // indexes, keeps the whole ones.)
    Step::Index { name: "reservation_task", table: "reservation", columns: "(task_id){given:task_id}" },
    Step::Index { name: "reservation_class", table: "reservation", columns: "(class_id){given:class_id}" },
];
