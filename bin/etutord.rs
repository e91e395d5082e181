//! The server. See `etutord --help`.

use clap::Parser;
use etutor::daemon::{Arguments, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    run(Arguments::parse())
}
