//! Reads the details of refusals, for tests.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The field that an INVALID_ARGUMENT names.
pub fn invalid_field(status: &Status) -> String {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let violations = status.get_details_bad_request().expect("BadRequest").field_violations;
    violations.first().expect("a violation").field.clone()
}

/// The reason code of a refusal.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
