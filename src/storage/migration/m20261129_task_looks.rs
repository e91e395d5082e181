//! What `invite exec` remembers of tasks that lack coaches when there is nobody left to ask.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261129_task_looks", steps: STEPS };

const STEPS: &[Step] = &[
    // A look at a task that asked nobody. It holds while the task has this version, `world`
    // (coaches, catalogue, rules) is this one and the time is in `[looked_at, again_at)`. `skipped`
    // is what it reported, as JSON. It refers to nothing, so that writing it waits for nobody; it
    // may be deleted at any time.
    Step::Table {
        name: "task_look",
        columns: "
        task_id BIGINT NOT NULL PRIMARY KEY,
        task_version BIGINT NOT NULL,
        world VARCHAR(100) NOT NULL,
        looked_at BIGINT NOT NULL,
        again_at BIGINT NOT NULL,
        skipped VARCHAR(1000) NOT NULL",
    },
];
