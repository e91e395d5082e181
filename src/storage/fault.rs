//! Errors of the database as errors of the library.

use super::dialect::{self, Fault};
use crate::error::Error;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return Self::Unavailable(error.to_string()),
            DbErr::Type(text) => return Self::Internal(format!("a stored value cannot be read: {text}")),
            _ => {}
        }
        if let Some(SqlErr::UniqueConstraintViolation(key)) = error.sql_err() {
            return Self::AlreadyExists { kind: "row", key };
        }
        match driver_fault(&error) {
            Fault::Again => Self::Contended("the database"),
            Fault::Away => Self::Unavailable(error.to_string()),
            Fault::Other => Self::Internal(error.to_string()),
        }
    }
}

/// Whether an insert lost against an equal key: the one way to learn who won (facts: finding 8).
pub fn unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

fn driver_fault(error: &DbErr) -> Fault {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return Fault::Other;
    };
    match &**cause {
        sea_orm::SqlxError::Io(_) | sea_orm::SqlxError::PoolTimedOut | sea_orm::SqlxError::PoolClosed => Fault::Away,
        sea_orm::SqlxError::Database(cause) => dialect::fault(cause.code().as_deref().unwrap_or(""), cause.message()),
        _ => Fault::Other,
    }
}
