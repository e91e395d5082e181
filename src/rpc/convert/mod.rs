//! Conversions between protobuf and the domain that every service needs. A value that is missing,
//! unspecified, too long or out of range is `Error::Invalid` and names the field; no input can
//! cause a panic.

pub(crate) mod catalog;
mod catalog_change;
pub(crate) mod continuation;
pub(crate) mod enrollment;
pub(crate) mod make_up;
pub(crate) mod message;
mod monitor;
mod paging;
pub(crate) mod people;
pub(crate) mod presence;
pub(crate) mod staffing;
pub(crate) mod substitution;
pub(crate) mod timeline;
mod words;

pub(crate) use paging::{page_size, paging};
pub(crate) use words::{number, optional_word, word, words};

use super::pb;
use crate::app::idempotency;
use crate::app::input::{Fields, RequestKey};
use crate::domain::calendar::{parse_day, parse_time};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::NaiveTime;

/// Fields that stand in the request itself.
pub(crate) const REQUEST: Fields<'static> = Fields { path: "" };

/// A message that must be there.
pub(crate) fn required<T>(field: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::invalid(field, "is missing"))
}

/// A code or user name that must be there.
pub fn code(field: &str, value: String) -> Result<String> {
    REQUEST.code(field, &value)?;
    Ok(value)
}

/// A code or user name; empty = none.
pub(crate) fn optional_code(field: &str, value: String) -> Result<Option<String>> {
    if value.is_empty() { Ok(None) } else { code(field, value).map(Some) }
}

/// Who does something: 1 to 64 characters.
pub fn operator(value: String) -> Result<String> {
    REQUEST.text("operator", &value, 64)?;
    Ok(value)
}

/// Why someone does something: at most 500 characters, and 1 at least when it is required.
pub fn remark(value: String, required: bool) -> Result<String> {
    if required {
        REQUEST.text("remark", &value, 500)?
    } else {
        REQUEST.optional_text("remark", &value, 500)?
    }
    Ok(value)
}

/// A key given by the database, 1 or more.
pub fn id(field: &str, value: i64) -> Result<i64> {
    match value {
        0 => Err(Error::invalid(field, "is missing")),
        1.. => Ok(value),
        _ => Err(Error::invalid(field, "must be 1 or more")),
    }
}

/// A key given by the database; 0 = none.
pub(crate) fn optional_id(field: &str, value: i64) -> Result<Option<i64>> {
    if value == 0 { Ok(None) } else { id(field, value).map(Some) }
}

/// A civil day that must be there.
pub fn day(field: &str, value: &str) -> Result<Day> {
    if value.is_empty() {
        return Err(Error::invalid(field, "is missing"));
    }
    parse_day(value).ok_or_else(|| Error::invalid(field, "must be a day YYYY-MM-DD from 1970 to 9999"))
}

/// A civil day; empty = none.
pub(crate) fn optional_day(field: &str, value: &str) -> Result<Option<Day>> {
    if value.is_empty() { Ok(None) } else { day(field, value).map(Some) }
}

/// Two optional days of which the second is not before the first.
pub(crate) fn day_range(from: (&str, &str), to: (&str, &str)) -> Result<(Option<Day>, Option<Day>)> {
    let (first, last) = (optional_day(from.0, from.1)?, optional_day(to.0, to.1)?);
    if let (Some(first), Some(last)) = (first, last)
        && last < first
    {
        return Err(Error::invalid(to.0, format!("is before {}", from.0)));
    }
    Ok((first, last))
}

/// A time of day that must be there.
pub(crate) fn time_of_day(field: &str, value: &str) -> Result<NaiveTime> {
    if value.is_empty() {
        return Err(Error::invalid(field, "is missing"));
    }
    parse_time(value).ok_or_else(|| Error::invalid(field, "must be a time of day HH:MM from 00:00 to 23:59"))
}

/// An instant that must be there, of the years 1970 to 9999; fractions of a second are cut off.
pub fn instant(field: &str, value: Option<prost_types::Timestamp>) -> Result<Instant> {
    optional_instant(field, value)?.ok_or_else(|| Error::invalid(field, "is missing"))
}

/// An instant of the years 1970 to 9999; fractions of a second are cut off.
pub(crate) fn optional_instant(
    field: &str,
    value: Option<prost_types::Timestamp>,
) -> Result<Option<Instant>> {
    // The last second of the year 9999.
    const END: i64 = 253_402_300_799;
    let Some(prost_types::Timestamp { seconds, nanos }) = value else {
        return Ok(None);
    };
    if (0..=END).contains(&seconds) && (0..1_000_000_000).contains(&nanos) {
        Ok(Some(Instant::from_unix(seconds)))
    } else {
        Err(Error::invalid(field, "must be an instant in the years 1970 to 9999"))
    }
}

/// An instant on the wire.
pub fn timestamp(at: Instant) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.unix(), nanos: 0 }
}

/// An instant on the wire, if there is one.
pub(crate) fn optional_timestamp(at: Option<Instant>) -> Option<prost_types::Timestamp> {
    at.map(timestamp)
}

/// A count on the wire; what is beyond its range stays at its end.
pub fn count(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
}

/// A reason code on the wire. Each has its value in the protocol, as a test of `words` proves.
pub fn reason(reason: Reason) -> i32 {
    pb::ErrorReason::from_str_name(&format!("ERROR_REASON_{reason}")).map_or(0, i32::from)
}

/// A lesson day without its places.
pub(crate) fn lesson_time(day: Day, start_at: Instant, end_at: Instant) -> pb::LessonTime {
    pb::LessonTime {
        day: day.to_string(),
        start_time: Some(timestamp(start_at)),
        end_time: Some(timestamp(end_at)),
    }
}

/// The request id of a call; call it before the request is taken apart.
pub(crate) fn request_key(request_id: &str, request: &impl prost::Message) -> Result<RequestKey> {
    REQUEST.optional_text("request_id", request_id, 64)?;
    if request_id.is_empty() {
        return Ok(RequestKey::default());
    }
    let fingerprint = idempotency::fingerprint(&[&BASE64.encode(request.encode_to_vec())]);
    Ok(RequestKey { request_id: request_id.to_owned(), fingerprint })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(error: Error) -> String {
        match error {
            Error::Invalid { field, .. } => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn instants_are_of_four_digit_years() {
        let at = |seconds, nanos| optional_instant("time", Some(prost_types::Timestamp { seconds, nanos }));
        assert_eq!(at(1, 999_999_999).unwrap(), Some(Instant::from_unix(1)));
        for bad in [(-1, 0), (i64::MAX, 0), (i64::MIN, 0), (253_402_300_800, 0), (1, -1), (1, 1_000_000_000)]
        {
            assert_eq!(field(at(bad.0, bad.1).unwrap_err()), "time", "{bad:?}");
        }
        assert!(instant("time", None).is_err());
    }

    #[test]
    fn days_and_times_have_one_form_only() {
        assert!(day("day", "2026-02-28").is_ok());
        for bad in
            ["", "2026-2-28", "2026-02-30", "20260228", "2026-02-28T00:00", "0000-00-00", "１２34-01-01"]
        {
            assert_eq!(field(day("day", bad).unwrap_err()), "day", "{bad}");
        }
        for bad in ["", "24:00", "9:00", "09:60", "09-00", "09:00:00", " 9:00"] {
            assert_eq!(field(time_of_day("time", bad).unwrap_err()), "time", "{bad}");
        }
    }

    #[test]
    fn the_same_request_has_the_same_key() {
        let request = |name: &str| pb::UpsertSubjectRequest {
            subject: Some(pb::Subject { subject_id: 1, name: name.to_owned() }),
            request_id: "r1".to_owned(),
        };
        let key = |name| request_key("r1", &request(name)).unwrap();
        assert_eq!(key("数学"), key("数学"));
        assert_ne!(key("数学"), key("语文"));
        assert!(request_key(&"x".repeat(65), &request("数学")).is_err());
    }
}
