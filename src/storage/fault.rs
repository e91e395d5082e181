//! Turns errors of the database into errors of the library.

use super::away::given_up;
use super::dialect::{self, Fault};
use crate::error::Error;
use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{ConnAcquireErr, DatabaseConnection, DbBackend, DbErr, RuntimeErr, SqlErr, SqlxError, sqlx};

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => return Self::Busy("the database"),
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return Self::Unavailable(error.to_string()),
            // Nothing inside a transaction asks for another connection, nor goes on after an error;
            // see `txn`.
            DbErr::Custom(text) => return Self::Internal(text.clone()),
            DbErr::Type(text) => return Self::Internal(format!("a stored value cannot be read: {text}")),
            _ => {}
        }
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(key)) => return Self::AlreadyExists { kind: "row", key },
            // What was looked up before has just been removed, or is just being used: looking again
            // tells which.
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
                return Self::Contended("a row that others refer to");
            }
            _ => {}
        }
        match driver_fault(&error) {
            Fault::Again => Self::Contended("the database"),
            Fault::Away => Self::Unavailable(error.to_string()),
            Fault::Other => Self::Internal(error.to_string()),
        }
    }
}

/// Why a pool gave no connection: all are in use, or none can be opened.
pub(super) fn not_acquired(pool: &DatabaseConnection, error: &SqlxError) -> Error {
    let (size, idle, most) = match pool.get_database_backend() {
        DbBackend::Sqlite => counts(pool.get_sqlite_connection_pool()),
        DbBackend::Postgres => counts(pool.get_postgres_connection_pool()),
        _ => counts(pool.get_mysql_connection_pool()),
    };
    match error {
        SqlxError::PoolTimedOut if size >= most && idle == 0 => Error::Busy("the database"),
        error => Error::Unavailable(error.to_string()),
    }
}

fn counts<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> (u32, usize, u32) {
    (pool.size(), pool.num_idle(), pool.options().get_max_connections())
}

/// Whether an insert lost against an equal key, which is the only way to learn who won.
pub(crate) fn unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// The error of an insert: when another wrote the same key first, the transaction runs again and
/// finds it.
pub(crate) fn again_if_taken(error: DbErr) -> Error {
    if unique_violation(&error) { Error::Contended("an equal key") } else { error.into() }
}

/// Whether a SQLite file could not be opened because another process had it for a moment.
pub(super) fn sqlite_busy(error: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(cause)) = error else { return false };
    match &**cause {
        SqlxError::Database(cause) => {
            cause.try_downcast_ref::<SqliteError>().is_some()
                && dialect::fault(cause.code().as_deref().unwrap_or("")) == Fault::Again
        }
        _ => false,
    }
}

/// Whether the connection to a server was cut: by a restart, an administrator, a limit on idle
/// connections. (An answer that was given up is none: the server is there and does not answer.)
pub(super) fn is_cut(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return false;
    };
    let of_sqlite =
        matches!(&**cause, SqlxError::Database(cause) if cause.try_downcast_ref::<SqliteError>().is_some());
    driver_fault(error) == Fault::Away && !given_up(cause) && !of_sqlite
}

/// Whether SQLite cannot write (or read): its file is read-only, the disk is full or fails.
pub(super) fn sqlite_away(error: &SqlxError) -> bool {
    match error {
        SqlxError::Database(cause) => dialect::fault(cause.code().as_deref().unwrap_or("")) == Fault::Away,
        _ => false,
    }
}

fn driver_fault(error: &DbErr) -> Fault {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return Fault::Other;
    };
    match &**cause {
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => Fault::Away,
        SqlxError::Database(cause) => match cause.try_downcast_ref::<MySqlDatabaseError>() {
            Some(cause) => dialect::mysql_fault(cause.number(), cause.code().unwrap_or("")),
            None => dialect::fault(cause.code().as_deref().unwrap_or("")),
        },
        _ => Fault::Other,
    }
}
