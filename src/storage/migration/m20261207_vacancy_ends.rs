//! Who ended a search for a coach.

use super::{Migration, Step};

pub(super) const MIGRATION: Migration = Migration { name: "m20261207_vacancy_ends", steps: STEPS };

const STEPS: &[Step] = &[
    // Who of the staff ended it, or took back what was filled, and why; empty = nobody did.
    Step::Column { table: "vacancy", name: "ended_by", definition: "VARCHAR(64) NOT NULL DEFAULT ''" },
    Step::Column { table: "vacancy", name: "end_remark", definition: "VARCHAR(500) NOT NULL DEFAULT ''" },
];
