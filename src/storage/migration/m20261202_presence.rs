//! When coaches and students were present.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261202_presence", steps: STEPS };

const STEPS: &[Step] = &[
    // A time in which a person was present without a gap (`domain::presence`): from a login or a
    // first heartbeat to the last that was heard. `state` is OPEN until somebody has written
    // otherwise, also when nothing was heard for long: see there. `latest` is 1 in a person's
    // latest row and NULL in all others, so that the database lets no two servers begin one at the
    // same time. It refers to nothing, so that writing it does not wait for who has locked a coach
    // or a student, only for who writes the same person's presence; old rows may be deleted.
    Step::Table {
        name: "presence_span",
        columns: "
        id {id},
        audience VARCHAR(10) NOT NULL,
        person_id BIGINT NOT NULL,
        from_at BIGINT NOT NULL,
        to_at BIGINT NOT NULL,
        state VARCHAR(10) NOT NULL,
        latest INTEGER,
        UNIQUE (audience, person_id, latest)",
    },
    // When was a person present?
    Step::Index {
        name: "presence_span_person",
        table: "presence_span",
        columns: "(audience, person_id, from_at)",
    },
    // Who is present now, which is who was heard a moment ago; and what is old.
    Step::Index { name: "presence_span_to", table: "presence_span", columns: "(to_at)" },
];
