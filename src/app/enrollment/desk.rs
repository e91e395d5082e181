//! Where sign-ups wait to be decided together.

/// The desk of one server.
#[derive(Clone, Debug, Default)]
pub struct Desk {}
