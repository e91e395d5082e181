//! The only place that makes a gRPC status: of an error of the library, and of what the serving
//! stack itself has to say.
//!
//! Inner text never leaves the server: what a caller cannot act on is INTERNAL with an id that
//! stands in the log beside the cause.

use crate::clock;
use crate::error::{Days, Error};
use crate::log::Pace;
use std::collections::HashMap;
use std::time::Duration;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every `google.rpc.ErrorInfo` of this server.
const DOMAIN: &str = "etutor";

/// The `ErrorInfo` reason of a field that is not as it should be; the others are the codes of
/// docs/domain.md §9.
const INVALID_FIELD: &str = "INVALID_FIELD";

/// When to ask a database again that could not be reached.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);
/// When a call that was turned away under load may come back.
const PUSHBACK_MS: u32 = 500;
/// Statuses travel in headers, which clients limit: what a caller sent is repeated to this many
/// characters.
const MAX_TEXT: usize = 300;
/// When a contended call may be tried again.
const RETRY_CONTENDED: Duration = Duration::from_millis(100);
/// Lines about a database that is away: every call has the same to say.
static UNAVAILABLE: Pace = Pace::new();
/// Days that the metadata of a refusal lists.
const MAX_DAYS: usize = 100;
/// Ids of one sort that the metadata of a refusal lists.
const MAX_IDS: usize = 20;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { kind, id } => {
                let id = shortened(&id);
                let details = ErrorDetails::with_resource_info(kind, &id, "", "does not exist");
                Self::with_error_details(Code::NotFound, format!("{kind} {id:?} does not exist"), details)
            }
            // Made from a driver's error: its text names columns and may hold values.
            Error::AlreadyExists { kind: "row", key: _ } => {
                Self::new(Code::AlreadyExists, "something with the same key exists already")
            }
            Error::AlreadyExists { kind, key } => {
                let key = shortened(&key);
                let details = ErrorDetails::with_resource_info(kind, &key, "", "exists already");
                Self::with_error_details(
                    Code::AlreadyExists,
                    format!("{kind} {key:?} exists already"),
                    details,
                )
            }
            Error::Invalid { field, reason } => invalid_field(&field, &reason),
            Error::Precondition { reason, detail, days } => {
                let details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, metadata(&days));
                Self::with_error_details(Code::FailedPrecondition, shortened(&detail), details)
            }
            Error::Contended(what) => {
                let details = ErrorDetails::with_retry_info(Some(RETRY_CONTENDED));
                Self::with_error_details(
                    Code::Aborted,
                    format!("too much contention in {what}; try again"),
                    details,
                )
            }
            Error::TakenOver => Self::new(Code::Aborted, Error::TakenOver.to_string()),
            Error::Busy(what) => unavailable(&format!("{what} is busy; try again")),
            Error::Unavailable(cause) => {
                if let Some(passed_over) = UNAVAILABLE.next() {
                    tracing::warn!(%cause, passed_over, "the database cannot be reached");
                }
                unavailable("the database cannot be reached at the moment; try again")
            }
            error @ (Error::Corrupt { .. } | Error::Internal(_)) => {
                let id = clock::new_token();
                tracing::error!(error.id = id, %error, "a call failed");
                internal(&id)
            }
        }
    }
}

/// The days of a refusal, as error_reason.proto says.
fn metadata(days: &Days) -> HashMap<String, String> {
    let refused: Vec<String> = days.refused.iter().take(MAX_DAYS).map(ToString::to_string).collect();
    let refused = (!refused.is_empty()).then(|| ("days".to_owned(), refused.join(",")));
    let possible = days.first_possible.map(|day| ("first_possible_day".to_owned(), day.to_string()));
    let ids = |name: &str, ids: &[i64]| {
        let some: Vec<String> = ids.iter().take(MAX_IDS).map(i64::to_string).collect();
        (!some.is_empty()).then(|| (name.to_owned(), some.join(",")))
    };
    let standing = ids("reservations", &days.reservations).into_iter().chain(ids("classes", &days.classes));
    let from = days.possible_from.map(|at| ("possible_from_time".to_owned(), at.to_string()));
    refused.into_iter().chain(possible).chain(from).chain(standing).collect()
}

/// Something needed is away for a moment; the same call may be tried again.
pub(crate) fn unavailable(text: &str) -> Status {
    Status::with_error_details(
        Code::Unavailable,
        text,
        ErrorDetails::with_retry_info(Some(RETRY_UNAVAILABLE)),
    )
}

/// The caller's deadline, or the server's own ceiling, has passed.
pub(crate) fn deadline_exceeded() -> Status {
    Status::new(
        Code::DeadlineExceeded,
        "the deadline has passed; the request may still have been carried out",
    )
}

/// The header `grpc-timeout` cannot be read.
pub(crate) fn malformed_timeout() -> Status {
    invalid_field(
        "grpc-timeout",
        "is not a number of at most eight digits and one of the units H, M, S, m, u, n",
    )
}

/// The header by which a client is told when to come back (gRFC A6).
pub(crate) const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// More calls at once than the server takes. Nothing was done.
pub(crate) fn shed(text: &'static str) -> Status {
    let mut status = Status::new(Code::Unavailable, text);
    status.metadata_mut().insert(PUSHBACK, MetadataValue::from(PUSHBACK_MS));
    status
}

/// A message is larger than its limit; `text` says which and by how much.
pub(crate) fn too_large(text: &str) -> Status {
    Status::new(Code::ResourceExhausted, shortened(text))
}

/// A handler panicked: a bug. The text is for the log only.
pub(crate) fn panicked(text: &str) -> Status {
    let id = clock::new_token();
    tracing::error!(error.id = id, panic = text, "a call panicked");
    internal(&id)
}

/// The server shuts down while a stream is open.
pub(crate) fn going_away() -> Status {
    Status::new(Code::Unavailable, "the server is shutting down")
}

/// The request did not come in time. Nothing was done.
pub(crate) fn body_missing(waited: Duration) -> Status {
    let text = format!("the request did not arrive within {} s; nothing was done", waited.as_secs_f32());
    Status::new(Code::DeadlineExceeded, text)
}

/// An upload came too slowly, or not at all for a while. Nothing was done.
pub(crate) fn upload_too_slow(waited: Duration, bytes_a_second: u32) -> Status {
    let waited = waited.as_secs_f32();
    let text = format!(
        "the upload stopped, or came more slowly than {bytes_a_second} bytes a second, for {waited} s; \
         nothing was done"
    );
    Status::new(Code::DeadlineExceeded, text)
}

/// Nothing came over a standing stream for a while. What came before it counts.
pub(crate) fn stream_silent(waited: Duration) -> Status {
    let text =
        format!("nothing came over the stream for {} s, so it is ended; open it again", waited.as_secs_f32());
    Status::new(Code::DeadlineExceeded, text)
}

/// Whoever called has gone in the middle of the request. Only the handler hears it; it is not
/// CANCELLED because tonic takes that for the end of a stream.
pub(crate) fn caller_gone() -> Status {
    Status::new(Code::Aborted, "the caller disconnected in the middle of the request")
}

/// A field of the request is not as it should be.
fn invalid_field(field: &str, reason: &str) -> Status {
    let (field, reason) = (shortened(field), shortened(reason));
    let mut details = ErrorDetails::with_bad_request_violation(&field, &reason);
    details.set_error_info(INVALID_FIELD, DOMAIN, HashMap::from([("field".to_owned(), field.clone())]));
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {reason}"), details)
}

/// What went wrong is for the log only, where it stands beside this id.
fn internal(id: &str) -> Status {
    let text = format!("internal error; the server's log has the cause under {id}");
    Status::with_error_details(Code::Internal, text, ErrorDetails::with_request_info(id, ""))
}

/// A text of the caller's, as far as it is repeated.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Reason;

    #[test]
    fn every_error_has_its_code() {
        let cases = [
            (Error::not_found("coach", "c1"), Code::NotFound, "coach \"c1\" does not exist"),
            (
                Error::AlreadyExists { kind: "season", key: "s1".into() },
                Code::AlreadyExists,
                "season \"s1\" exists already",
            ),
            (
                Error::AlreadyExists {
                    kind: "row",
                    key: "Duplicate entry '13800138000' for key 'phone'".into(),
                },
                Code::AlreadyExists,
                "something with the same key exists already",
            ),
            (Error::invalid("page_size", "is negative"), Code::InvalidArgument, "page_size: is negative"),
            (
                Error::precondition(Reason::TooLate, "the first day is 2026-01-09"),
                Code::FailedPrecondition,
                "the first day is 2026-01-09",
            ),
            (Error::precondition(Reason::PlacesExhausted, "full"), Code::FailedPrecondition, "full"),
            (
                Error::Contended("invitation.accept"),
                Code::Aborted,
                "too much contention in invitation.accept; try again",
            ),
            (
                Error::TakenOver,
                Code::Aborted,
                "another firing has taken over the tick of this run, which stops",
            ),
            (Error::Busy("the database"), Code::Unavailable, "the database is busy; try again"),
            (
                Error::Unavailable("10.0.0.7 refused".into()),
                Code::Unavailable,
                "the database cannot be reached at the moment; try again",
            ),
        ];
        for (error, code, text) in cases {
            let status = Status::from(error);
            assert_eq!((status.code(), status.message()), (code, text));
        }
    }

    #[test]
    fn details_tell_a_program_what_the_text_tells_a_person() {
        let details = Status::from(Error::not_found("coach", "c1")).get_error_details();
        let resource = details.resource_info().unwrap();
        assert_eq!((resource.resource_type.as_str(), resource.resource_name.as_str()), ("coach", "c1"));

        let details = Status::from(Error::invalid("page_size", "is negative")).get_error_details();
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert_eq!((violation.field.as_str(), violation.description.as_str()), ("page_size", "is negative"));
        assert_eq!(details.error_info().unwrap().reason, INVALID_FIELD);

        for reason in Reason::ALL {
            let details = Status::from(Error::precondition(*reason, "no")).get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason.as_str(), DOMAIN));
        }
        let delay =
            |error: Error| Status::from(error).get_error_details().retry_info().unwrap().retry_delay.unwrap();
        assert_eq!(delay(Error::Contended("x")), Duration::from_millis(100));
        assert_eq!(delay(Error::Unavailable(String::new())), Duration::from_secs(1));
    }

    #[test]
    fn a_refusal_names_its_days_for_programs_too() {
        let day = |text| crate::domain::calendar::parse_day(text).unwrap();
        let refusal = crate::domain::places::Refusal::too_late(day("2026-03-05"), Some(day("2026-03-12")));
        let info = Status::from(Error::from(refusal)).get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["days"].as_str()), ("TOO_LATE", "2026-03-05"));
        assert_eq!(info.metadata["first_possible_day"], "2026-03-12");
        let clash = Error::refused_on(Reason::ScheduleConflict, "no", [day("2026-03-05")])
            .of_reservations((1..=30).collect());
        let info = Status::from(clash).get_details_error_info().unwrap();
        assert_eq!(info.metadata["reservations"].split(',').count(), 20);
        let info = Status::from(Error::precondition(Reason::InUse, "no").of_classes(vec![7, 9]))
            .get_details_error_info()
            .unwrap();
        assert_eq!((info.metadata["classes"].as_str(), info.metadata.get("days")), ("7,9", None));
        let full = Error::refused_on(
            Reason::ClassFull,
            "full",
            (0..400).map(|n| crate::domain::time::add_days(day("2026-03-05"), n)),
        );
        assert!(Status::from(full).details().len() < 4_000);
    }

    #[test]
    fn the_inner_text_of_a_fault_stays_inside() {
        let corrupt = Error::Corrupt { table: "coach", column: "phone", id: "7".into() };
        for error in [Error::internal("SELECT phone FROM coach"), corrupt] {
            let status = Status::from(error);
            let id = status.get_error_details().request_info().unwrap().request_id.clone();
            assert_eq!(status.code(), Code::Internal);
            assert!(!id.is_empty() && status.message().ends_with(&id));
            assert!(!status.message().contains("phone"));
        }
    }

    #[test]
    fn a_status_fits_into_headers_whatever_was_sent() {
        let status = Status::from(Error::not_found("coach", "名".repeat(100_000)));
        assert!(status.message().len() < 2_000 && status.details().len() < 4_000);
    }

    #[test]
    fn what_the_stack_says_has_its_codes() {
        assert_eq!(deadline_exceeded().code(), Code::DeadlineExceeded);
        assert_eq!(malformed_timeout().code(), Code::InvalidArgument);
        assert_eq!(shed("busy").code(), Code::Unavailable);
        assert_eq!(
            body_missing(Duration::from_millis(1500)).message(),
            "the request did not arrive within 1.5 s; nothing was done"
        );
        assert_eq!(too_large("5 MiB").code(), Code::ResourceExhausted);
        assert_eq!(panicked("x").code(), Code::Internal);
        assert_eq!(going_away().code(), Code::Unavailable);
        assert_eq!(shed("busy").metadata().get("grpc-retry-pushback-ms").unwrap(), "500");
        assert!(!panicked("SELECT phone").message().contains("phone"));
    }
}
