//! Adds the template to the indexes by day.
//!
//! PostgreSQL assumes that a day unknown to its statistics (the one whose tasks are just being
//! made, those of a season just imported) has no rows. It then considers the index by day as good
//! as the unique key for finding one template's row: `invite create` read the day's 5,000 tasks for
//! each of 60,000 sign-ups, which took 23 s (benches/RESULTS.md). With both columns in the index,
//! either way leads straight to the row.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261127_days_of_templates", steps: STEPS };

const STEPS: &[Step] = &[
    Step::Index { name: "class_task_day", table: "class_task", columns: "(day, template_id)" },
    Step::Index { name: "place_day", table: "place", columns: "(day, template_id)" },
];
