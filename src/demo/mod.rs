//! `etutord demo`: a small academy, replayed on the test clock with coaches who answer, refuse, stay silent and fail the test.

pub mod behaviour;
