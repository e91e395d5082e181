//! The server. See `etutord --help`.
fn main() {}
