//! `etutorctl`, the command-line client: fires scheduled tasks, imports data, shows the state of
//! things. See `etutorctl --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    etutor::cli::main()
}
