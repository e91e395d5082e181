//! What is needed to find old rows: when the content of a message was removed, and whether a run
//! changed anything.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261129_retention", steps: STEPS };

const STEPS: &[Step] = &[
    // When number, subject line and body were removed for age; the row itself stays, so that
    // nothing is told twice.
    Step::Column { table: "message", name: "purged_at", definition: "BIGINT" },
    Step::Index { name: "message_settled", table: "message", columns: "(purged_at, settled_at)" },
    // The run found nothing to do: it is kept for a shorter time. Runs from before are kept like
    // the others.
    Step::Column { table: "task_run", name: "idle", definition: "BOOLEAN NOT NULL DEFAULT FALSE" },
    Step::Index { name: "task_run_age", table: "task_run", columns: "(idle, logical_at)" },
];
