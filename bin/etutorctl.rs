//! The command that fires the scheduled tasks, imports, and shows what is going on. See `etutorctl
//! --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    etutor::cli::main()
}
