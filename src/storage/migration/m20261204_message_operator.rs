//! Who of the staff caused a message: the operator of a notice that staff wrote, above all.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261204_message_operator", steps: STEPS };

const STEPS: &[Step] = &[
    // Empty where nobody did, and where a server of before wrote it.
    Step::Column { table: "message", name: "operator", definition: "VARCHAR(64) NOT NULL DEFAULT ''" },
];
