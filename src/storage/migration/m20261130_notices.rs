//! What each person was last told of a lesson, and which lessons a message tells of.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261130_notices", steps: STEPS };

const STEPS: &[Step] = &[
    // A lesson as one person is concerned by it (`domain::notice`), once there was something to
    // tell. `person` is a user name, or empty for the admins of the subject; `class_id` is 0 for
    // students. `word` is what they were last told or know by themselves, since `known_at`.
    // `version` counts the messages written, `reservation_id` is the sign-up by which a student
    // knew of the lesson (0 for others): what is kept of an earlier one counts no more. It refers
    // to nothing, so that writing it waits for nobody; rows of lessons that are over may go.
    Step::Table {
        name: "notice_topic",
        columns: "
        id {id},
        audience VARCHAR(10) NOT NULL,
        person VARCHAR(64) NOT NULL,
        template_id BIGINT NOT NULL,
        class_id BIGINT NOT NULL,
        day DATE NOT NULL,
        word VARCHAR(24) NOT NULL,
        known_at BIGINT NOT NULL,
        reservation_id BIGINT NOT NULL,
        version BIGINT NOT NULL,
        UNIQUE (template_id, class_id, day, audience, person)",
    },
    Step::Index { name: "notice_topic_day", table: "notice_topic", columns: "(day)" },
    // The topics of a message, and the word it says of each.
    Step::Table {
        name: "message_topic",
        columns: "
        message_id BIGINT NOT NULL,
        topic_id BIGINT NOT NULL,
        word VARCHAR(24) NOT NULL,
        PRIMARY KEY (message_id, topic_id)",
    },
    Step::Index { name: "message_topic_topic", table: "message_topic", columns: "(topic_id)" },
];
