//! The gRPC statuses of the serving stack itself, and what every status has in common. Those of the
//! library's errors are made in `rpc/status.rs`; no other file makes one.
//!
//! Inner text never leaves the server: what a caller cannot act on is INTERNAL with an id that
//! stands in the log beside the cause.

use crate::clock;
use std::collections::HashMap;
use std::time::Duration;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every `google.rpc.ErrorInfo` of this server.
pub(crate) const DOMAIN: &str = "etutor";

/// The `ErrorInfo` reason of a field that is not as it should be; the others are the codes of
/// docs/domain.md §9.
pub(crate) const INVALID_FIELD: &str = "INVALID_FIELD";

/// When to ask a database again that could not be reached.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);
/// When a call that was turned away under load may come back.
const PUSHBACK_MS: u32 = 500;
/// Statuses travel in headers, which clients limit: what a caller sent is repeated to this many
/// characters.
const MAX_TEXT: usize = 300;

/// A field of the request is not as it should be.
pub(crate) fn invalid_field(field: &str, reason: &str) -> Status {
    let (field, reason) = (shortened(field), shortened(reason));
    let mut details = ErrorDetails::with_bad_request_violation(&field, &reason);
    details.set_error_info(INVALID_FIELD, DOMAIN, HashMap::from([("field".to_owned(), field.clone())]));
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {reason}"), details)
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

/// Whoever called has gone in the middle of the request. Only the handler hears it; it is not
/// CANCELLED because tonic takes that for the end of a stream.
pub(crate) fn caller_gone() -> Status {
    Status::new(Code::Aborted, "the caller disconnected in the middle of the request")
}

/// What went wrong is for the log only, where it stands beside this id.
pub(crate) fn internal(id: &str) -> Status {
    let text = format!("internal error; the server's log has the cause under {id}");
    Status::with_error_details(Code::Internal, text, ErrorDetails::with_request_info(id, ""))
}

/// A text of the caller's, as far as it is repeated.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
