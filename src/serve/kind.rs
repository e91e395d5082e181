//! The kinds of calls, which are limited apart so that none shuts out the others.

use std::collections::HashMap;
use std::sync::Arc;

/// What sort of call a method is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Health and reflection, which answer under any load.
    Unlimited,
    /// One request, one answer.
    Call,
    /// The same, of a scheduled task.
    Task,
    /// A stream of requests that together are one, read to its end.
    Upload,
    /// A stream of requests, each of which counts by itself, without an end.
    Standing,
    /// One request, a stream of answers without an end: an open page.
    Page,
}

/// The kind of every method, by its path.
#[derive(Clone, Debug)]
pub struct Kinds(Arc<HashMap<String, Kind>>);

impl Kinds {
    /// Of these paths, `/package.Service/Method`; every other path is an ordinary call.
    pub fn new(of_paths: HashMap<String, Kind>) -> Self {
        Self(Arc::new(of_paths))
    }

    /// The kind of the method at a path.
    pub(crate) fn of(&self, path: &str) -> Kind {
        // Health and reflection are the stack's own.
        if path.starts_with("/grpc.") {
            return Kind::Unlimited;
        }
        self.0.get(path).copied().unwrap_or(Kind::Call)
    }
}
