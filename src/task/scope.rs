//! The `now` and the lesson day that a run is about.

use crate::domain::time::{Day, Instant};

/// What a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The `now` of all its rules.
    pub now: Instant,
    /// The lesson day it is limited to; only tasks of [`ClassDay`](super::registry::Argument) have
    /// one.
    pub day: Option<Day>,
}
