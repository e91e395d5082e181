//! How long students have held days of a template, whatever has become of the holds since.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261129_held_time", steps: STEPS };

const STEPS: &[Step] = &[
    // One row a hold: its student, template and days, since when and until when it lasts or lasted.
    // It refers to nothing, so that what is looked at for two hours only keeps nothing else from
    // being deleted.
    Step::Table {
        name: "held_time",
        columns: "
        reservation_id BIGINT PRIMARY KEY,
        student_id BIGINT NOT NULL,
        template_id BIGINT NOT NULL,
        first_day DATE NOT NULL,
        last_day DATE NOT NULL,
        held_from BIGINT NOT NULL,
        held_until BIGINT NOT NULL",
    },
    Step::Index {
        name: "held_time_student",
        table: "held_time",
        columns: "(student_id, template_id, held_until)",
    },
    // The holds that last at this moment.
    Step::Fill {
        table: "held_time",
        columns: "reservation_id, student_id, template_id, first_day, last_day, held_from, held_until",
        rows:
            "SELECT id, student_id, template_id, start_day, end_day, created_at, expires_at FROM reservation
            WHERE state = 'HELD' AND expires_at IS NOT NULL",
    },
];
