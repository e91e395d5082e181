//! Instants on the command line.

use super::exit::{Failure, USAGE};
use crate::domain::time::{BusinessTime, Day, Instant};
use chrono::{DateTime, NaiveDateTime};

/// Reads an instant that a command was given.
pub(super) fn read(command: &str, text: &str, zone: BusinessTime) -> Result<Instant, Failure> {
    let local =
        |format| NaiveDateTime::parse_from_str(text, format).ok().map(|at| zone.at(at.date(), at.time()));
    Day::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .map(|day| zone.midnight(day))
        .or_else(|| local("%Y-%m-%dT%H:%M"))
        .or_else(|| local("%Y-%m-%dT%H:%M:%S"))
        .or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|at| Instant::from_utc(at.to_utc())))
        .ok_or_else(|| {
            Failure::new(
                USAGE,
                format!(
                    "{command}: {text:?} is neither YYYY-MM-DD nor YYYY-MM-DDTHH:MM nor an RFC 3339 instant"
                ),
            )
        })
}
