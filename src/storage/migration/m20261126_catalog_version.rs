//! The version of the catalogue, which tells open pages that it was edited.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261126_catalog_version", steps: STEPS };

/// Nobody locks it to be alone: whoever edits the catalogue counts it up last of all.
const STEPS: &[Step] = &[Step::Row { table: "mutex", cells: &[("name", "'catalog'"), ("version", "0")] }];
