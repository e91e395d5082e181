//! The command that fires the scheduled tasks. See `etutorctl --help`.
fn main() {}
