//! The database's URL, which may be a secret: where it may be written, and where it is read from.

use super::node::Place;
use super::read::Reader;

/// Refuses a password in the file that was just added, unless the database is on this machine; and
/// two places for one URL.
pub(super) fn check_file(reader: &mut Reader) {
    let Some((url, at)) = reader.written("database", "url").map(|(url, at)| (url.to_owned(), at.clone()))
    else {
        return;
    };
    if let Some(Userinfo { password: Some(_), host }) = Userinfo::of(&url)
        && !is_loopback(host)
    {
        let reason = "contains a password, which does not belong in this file: use ETUTOR__DATABASE__URL \
            or url_file";
        reader.fault("database.url", &at, reason);
    }
    if let Some(at) = reader.written("database", "url_file").map(|(_, at)| at.clone()) {
        reader.fault("database.url_file", &at, "cannot be given together with database.url");
    }
}

/// Reads the URL from its file, if one is named and the environment did not give the URL itself.
pub(super) fn add_url_file(reader: &mut Reader) {
    if matches!(reader.written("database", "url"), Some((_, Place::Variable(_)))) {
        return;
    }
    let Some((file, at)) =
        reader.written("database", "url_file").map(|(file, at)| (file.to_owned(), at.clone()))
    else {
        return;
    };
    match std::fs::read_to_string(&file) {
        Ok(text) => reader.add_value(["database", "url"], text.trim().to_owned(), Place::Whole(file.into())),
        Err(error) => reader.fault("database.url_file", &at, format!("{file}: {error}")),
    }
}

/// User and password of a database URL.
pub(super) struct Userinfo<'a> {
    /// The password, if there is one; the user name does not count as secret.
    pub(super) password: Option<&'a str>,
    /// The host, without port.
    pub(super) host: &'a str,
}

impl<'a> Userinfo<'a> {
    /// Of `scheme://user:password@host:port/…`; `None` when it is no such URL.
    pub(super) fn of(url: &'a str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        // A password may hold an unescaped `/`, so the last `@` of all decides whether there is
        // one.
        let (user, host) = match rest.rfind('@') {
            Some(at) => (&rest[..at], rest[at + 1..].split(['/', '?', '#']).next().unwrap_or_default()),
            None => ("", authority),
        };
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or(v6),
            None => host.split(':').next().unwrap_or(host),
        };
        let in_query = url
            .split_once('?')
            .and_then(|(_, query)| query.split('&').find_map(|pair| pair.strip_prefix("password=")));
        let password = user
            .split_once(':')
            .map(|(_, password)| password)
            .or(in_query)
            .filter(|password| !password.is_empty());
        Some(Self { password, host })
    }
}

/// Whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.is_empty()
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
