//! For which lesson days a message says that a coach is wanted.

use super::{Migration, Step};

pub(super) const MIGRATION: Migration = Migration { name: "m20261208_lesson_days", steps: STEPS };

const STEPS: &[Step] = &[
    // Of a question whether a coach teaches in another's place, and of what corrects it: the days,
    // in order, with a blank between; empty of others, and of those that a server of before wrote.
    Step::Column { table: "message", name: "lesson_days", definition: "VARCHAR(500) NOT NULL DEFAULT ''" },
];
