//! Explains why a database cannot be opened: which server or file it is, and what it answers, so
//! that the reader knows what to fix.

use super::options::DbOptions;
use crate::error::{Error, Result};
use sea_orm::{DbErr, RuntimeErr, SqlxError};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;

/// The key of the configuration that says which database it is.
const KEY: &str = "database.url";

/// How long a server is knocked at that a pool has waited for in vain.
const KNOCK: Duration = Duration::from_secs(1);

/// SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_NOTADB.
const NOT_OURS: [i32; 3] = [14, 8, 26];

/// What servers answer to whoever may not come in, or asks for a database that is not there:
/// SQLSTATEs of PostgreSQL and numbers of MySQL.
const REFUSED: [&str; 3] = ["28P01", "28000", "3D000"];
const REFUSED_BY_MYSQL: [u16; 4] = [1044, 1045, 1049, 1698];

/// Makes the folder of a SQLite file where it is missing.
pub(super) fn make_folder(url: &str) -> Result<()> {
    let Some(folder) = file_of(url).and_then(Path::parent) else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| {
        Error::invalid(KEY, format!("{url}: the folder {} cannot be made: {error}", folder.display()))
    })
}

/// The error of opening a pool.
pub(super) async fn explain(options: &DbOptions, error: DbErr) -> Error {
    let url = options.url.as_str();
    if let Some(file) = file_of(url) {
        return explain_file(url, file, error);
    }
    let place = Server::of(url);
    match cause(&error) {
        Some(SqlxError::Database(cause)) => {
            let number = cause
                .try_downcast_ref::<sea_orm::sqlx::mysql::MySqlDatabaseError>()
                .map(|cause| cause.number());
            let refused = number.is_some_and(|number| REFUSED_BY_MYSQL.contains(&number))
                || cause.code().is_some_and(|code| number.is_none() && REFUSED.contains(&code.as_ref()));
            let text = format!("{place} answers: {}", cause.message());
            if refused { Error::invalid(KEY, text) } else { Error::Unavailable(text) }
        }
        Some(SqlxError::Configuration(cause)) => Error::invalid(KEY, cause.to_string()),
        Some(SqlxError::Io(cause)) => Error::Unavailable(format!("{place}: {cause}")),
        None if matches!(error, DbErr::ConnectionAcquire(_)) => late(&place, options).await,
        Some(SqlxError::PoolTimedOut) => late(&place, options).await,
        Some(cause) => Error::Unavailable(format!("{place}: {cause}")),
        None => error.into(),
    }
}

async fn late(place: &Server<'_>, options: &DbOptions) -> Error {
    Error::Unavailable(format!("{place}: {}", place.knock(options.acquire_timeout).await))
}

fn explain_file(url: &str, file: &Path, error: DbErr) -> Error {
    let Some(SqlxError::Database(cause)) = cause(&error) else { return error.into() };
    // The lower byte says which error it is, the others where it came about.
    let code = cause.code().and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff);
    if !code.is_some_and(|code| NOT_OURS.contains(&code)) {
        return error.into();
    }
    let reason = match code {
        _ if file.is_dir() => "is a folder; name a file in it".to_owned(),
        Some(26) => "is a file, but not a SQLite database".to_owned(),
        Some(8) => "can be read but not written".to_owned(),
        _ => format!("cannot be opened: {}", cause.message()),
    };
    Error::invalid(KEY, format!("{url}: {reason}"))
}

fn cause(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}

/// The file of a SQLite URL.
fn file_of(url: &str) -> Option<&Path> {
    let rest = url.strip_prefix("sqlite://")?;
    Some(Path::new(rest.split('?').next().unwrap_or(rest)))
}

/// A database server, without user and password.
struct Server<'a> {
    kind: &'static str,
    host: &'a str,
    port: u16,
}

impl<'a> Server<'a> {
    fn of(url: &'a str) -> Self {
        let (kind, usual_port) =
            if url.starts_with("mysql") { ("MySQL", 3306) } else { ("PostgreSQL", 5432) };
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        // A password may hold anything, an unescaped `/` too.
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let (host, port) = match authority.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        Self { kind, host, port: port.and_then(|port| port.parse().ok()).unwrap_or(usual_port) }
    }

    /// What is there, for a pool that could not connect in time.
    async fn knock(&self, waited: Duration) -> String {
        let waited = format!("no connection within {} ms", waited.as_millis());
        if self.host.is_empty() {
            return waited;
        }
        match tokio::time::timeout(KNOCK, TcpStream::connect((self.host, self.port))).await {
            Ok(Ok(_)) => format!("{waited}, though something listens there"),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("{waited}, and no answer at all"),
        }
    }
}

impl std::fmt::Display for Server<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.host, self.host.contains(':')) {
            ("", _) => write!(f, "{} on this machine", self.kind),
            (host, true) => write!(f, "{} at [{host}]:{}", self.kind, self.port),
            (host, false) => write!(f, "{} at {host}:{}", self.kind, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_without_who_asks() {
        for (url, told) in [
            ("postgres://a:s3@cr/3t@db.example:5433/etutor", "PostgreSQL at db.example:5433"),
            ("postgresql://db/etutor?sslmode=require", "PostgreSQL at db:5432"),
            ("mysql://a@[::1]/etutor", "MySQL at [::1]:3306"),
            ("mysql://a@[::1]:3307", "MySQL at [::1]:3307"),
            ("postgres:///etutor?host=/run/postgresql", "PostgreSQL on this machine"),
        ] {
            assert_eq!(Server::of(url).to_string(), told);
        }
    }
}
