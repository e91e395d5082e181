//! The library's only error type. It knows nothing of transport: `serve/status.rs` turns it into
//! a gRPC status.

use crate::domain::refusal::Refusal;
use crate::domain::state::Impossible;
use crate::domain::time::{Day, Instant};
use std::fmt;

pub use crate::domain::reason::{Days, Reason};

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in terms a caller can act on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The thing named by the request does not exist.
    #[error("{kind} {id:?} does not exist")]
    NotFound {
        /// What was looked for, in docs/domain.md's words: `coach`, `class template` …
        kind: &'static str,
        /// The identifier given.
        id: String,
    },
    /// Something with this key exists already.
    #[error("{kind} {key:?} exists already")]
    AlreadyExists {
        /// What exists.
        kind: &'static str,
        /// Its key.
        key: String,
    },
    /// A field of the request is missing, malformed or out of range.
    #[error("{field}: {reason}")]
    Invalid {
        /// Path of the field as the caller writes it: `reservation.start_day`.
        field: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// The request is well formed, but the rules or the state of things refuse it.
    #[error("{detail}")]
    Precondition {
        /// The code of docs/domain.md §9.
        reason: Reason,
        /// One sentence for the caller; names days, never people.
        detail: String,
        /// The days concerned, where the refusal is about days.
        days: Box<Days>,
    },
    /// Others changed the same rows too often; the whole call may be tried again.
    #[error("too much contention in {0}; try again")]
    Contended(&'static str),
    /// So many wait for the same thing already that this one was not begun; the whole call may be
    /// tried again.
    #[error("{0} is busy; try again")]
    Busy(&'static str),
    /// A run of a scheduled task has lost its lease: another firing has its tick, and it stops.
    #[error("another firing has taken over the tick of this run, which stops")]
    TakenOver,
    /// The database cannot be reached at the moment.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// A stored value breaks its own rules.
    #[error("corrupt value in {table}.{column} of row {id}")]
    Corrupt {
        /// Table of the value.
        table: &'static str,
        /// Column of the value.
        column: &'static str,
        /// Key of the row.
        id: String,
    },
    /// A bug or a fault of the machine. Its text is for the log only.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// A field of the request that is not as it should be.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }

    /// Something that was named and does not exist.
    pub fn not_found(kind: &'static str, id: impl fmt::Display) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }

    /// A refusal by the rules.
    pub fn precondition(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Precondition { reason, detail: detail.into(), days: Box::default() }
    }

    /// A refusal by the rules that is about days.
    pub(crate) fn refused_on(
        reason: Reason,
        detail: impl Into<String>,
        days: impl IntoIterator<Item = Day>,
    ) -> Self {
        Self::Precondition {
            reason,
            detail: detail.into(),
            days: Box::new(Days { refused: days.into_iter().collect(), ..Days::default() }),
        }
    }

    /// The same refusal, with the moment from which on it would be none.
    #[must_use]
    pub fn possible_from(mut self, at: Instant) -> Self {
        if let Self::Precondition { days, .. } = &mut self {
            days.possible_from = Some(at);
        }
        self
    }

    /// The same refusal, with the first day that would be possible instead, if there is one.
    #[must_use]
    pub(crate) fn first_possible(mut self, day: Option<Day>) -> Self {
        if let Self::Precondition { days, .. } = &mut self {
            days.first_possible = day;
        }
        self
    }

    /// The same refusal, with the ids of the reservations that stand in the way.
    #[must_use]
    pub(crate) fn of_reservations(mut self, ids: Vec<i64>) -> Self {
        if let Self::Precondition { days, .. } = &mut self {
            days.reservations = ids;
        }
        self
    }

    /// The same refusal, with the ids of the classes that stand in the way.
    #[must_use]
    pub(crate) fn of_classes(mut self, ids: Vec<i64>) -> Self {
        if let Self::Precondition { days, .. } = &mut self {
            days.classes = ids;
        }
        self
    }

    /// The same refusal, in other words.
    #[must_use]
    pub(crate) fn explained(mut self, words: impl FnOnce(&str) -> String) -> Self {
        if let Self::Precondition { detail, .. } = &mut self {
            *detail = words(detail);
        }
        self
    }

    /// A bug or a fault of the machine.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }

    /// Whether nothing else would work either: the database is away or has no connection free, or a
    /// run has lost its lease.
    pub(crate) fn ends_all(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy(_) | Self::TakenOver)
    }

    /// The reason code, where the rules refused.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Precondition { reason, .. } => Some(*reason),
            _ => None,
        }
    }
}

impl From<Impossible> for Error {
    fn from(impossible: Impossible) -> Self {
        // The state was read under a lock: code did what the rules do not allow.
        Self::internal(impossible)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let Refusal { reason, detail, days } = refusal;
        Self::Precondition { reason, detail, days }
    }
}
