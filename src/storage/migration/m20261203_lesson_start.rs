//! Lessons are found by their start.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261203_lesson_start", steps: STEPS };

const STEPS: &[Step] = &[Step::Index { name: "lesson_start", table: "lesson", columns: "(start_at)" }];
