//! etutorctl: arguments, output, exit codes.
