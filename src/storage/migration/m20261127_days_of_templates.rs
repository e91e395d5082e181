//! The indexes by day say the template too.
//!
//! PostgreSQL takes a day that its statistics do not know (the one whose tasks are just being made,
//! those of a season just imported) for a day with no rows, and so for as good a way to one
//! template's row as the unique key is: `invite create` read the 5,000 tasks of the day for each of
//! 60,000 sign-ups, 23 s (benches/RESULTS.md). With both columns either way leads to the row.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261127_days_of_templates", steps: STEPS };

const STEPS: &[Step] = &[
    Step::Index { name: "class_task_day", table: "class_task", columns: "(day, template_id)" },
    Step::Index { name: "place_day", table: "place", columns: "(day, template_id)" },
];
