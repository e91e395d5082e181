//! Lessons of one state are found by their start, however many begin in the same hours.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261207_lesson_state", steps: STEPS };

const STEPS: &[Step] = &[Step::Index { name: "lesson_state", table: "lesson", columns: "(state, start_at)" }];
