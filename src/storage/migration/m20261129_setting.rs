//! Configuration values that are kept with the data.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261129_setting", steps: STEPS };

/// By its key; so far `zone`, in which the instants of lessons were made. The first server that
/// starts on the database writes it.
const STEPS: &[Step] = &[Step::Table {
    name: "setting",
    columns: "
        name VARCHAR(64) PRIMARY KEY,
        value VARCHAR(200) NOT NULL",
}];
