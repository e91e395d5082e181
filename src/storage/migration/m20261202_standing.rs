//! What a message says of the one thing that it is about.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261202_standing", steps: STEPS };

const STEPS: &[Step] = &[
    // What the person knew of it when the message was written, and what the message says of it: how
    // a coach stands with an invitation (`domain::notice::Standing`), or the class of a student.
    // Empty where its kind is not judged by them, and where a server of before wrote it.
    Step::Column { table: "message", name: "knew", definition: "VARCHAR(24) NOT NULL DEFAULT ''" },
    Step::Column { table: "message", name: "word", definition: "VARCHAR(24) NOT NULL DEFAULT ''" },
];
