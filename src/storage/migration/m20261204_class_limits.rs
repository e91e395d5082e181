//! How many classes coaches of a rank may have in a season.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261204_class_limits", steps: STEPS };

const STEPS: &[Step] = &[
    // A rank without a row has the limit of the configuration, for both. `base_limit` is for
    // automatic invitations, `most_limit` for what staff do by hand. Who set them last, why and
    // when.
    Step::Table {
        name: "class_limit",
        columns: "
        season_id BIGINT NOT NULL,
        coach_rank INTEGER NOT NULL,
        base_limit INTEGER NOT NULL,
        most_limit INTEGER NOT NULL,
        operator VARCHAR(64) NOT NULL,
        remark VARCHAR(500) NOT NULL,
        set_at BIGINT NOT NULL,
        PRIMARY KEY (season_id, coach_rank),
        FOREIGN KEY (season_id) REFERENCES season (id)",
    },
];
