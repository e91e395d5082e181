//! What an invitation was when its lesson fell away, so that it can be so again.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261204_lesson_back", steps: STEPS };

const STEPS: &[Step] = &[
    // The state that it had when an edit of the catalogue took its lesson away; empty otherwise,
    // and where a server of before ended it: then it stays ended.
    Step::Column { table: "invitation", name: "fell_from", definition: "VARCHAR(24) NOT NULL DEFAULT ''" },
];
