//! The exit codes of both programs, and how they write to standard output and standard error
//! without a log.

use std::io::Write as _;
use std::process::ExitCode;

/// Done, or nothing to do; the server ended in order.
pub const DONE: u8 = 0;
/// EX_USAGE of sysexits: the command line is wrong, or the server says that an argument is.
pub const USAGE: u8 = 64;
/// EX_DATAERR: the data to import is wrong.
pub const BAD_DATA: u8 = 65;
/// EX_UNAVAILABLE: nobody answers at the server's address, or somebody else does.
pub const UNREACHABLE: u8 = 69;
/// EX_SOFTWARE: it failed, or a report counts failures; the server was told a second time to end.
pub const FAILED: u8 = 70;
/// EX_TEMPFAIL: it may work when tried again.
pub const TRY_AGAIN: u8 = 75;
/// EX_NOPERM: access refused.
pub const REFUSED: u8 = 77;
/// EX_CONFIG: the configuration is wrong.
pub const WRONG_CONFIGURATION: u8 = 78;

/// Writes a line to standard error.
pub(crate) fn talk(line: &str) {
    // Nobody is left to be told when this cannot be written; `eprintln!` would panic.
    let _written = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes a line to standard output and gives the exit code, which is another one when that fails.
pub fn print(line: &str, code: u8) -> ExitCode {
    ended(writeln!(std::io::stdout().lock(), "{line}"), code)
}

/// What clap has to say: help and version are no failures, unless they cannot be written.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ended(printed, DONE) }
}

/// A reader that has gone does not want more, which is no failure.
fn ended(printed: std::io::Result<()>, code: u8) -> ExitCode {
    match printed {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            talk(&format!("standard output: {error}"));
            ExitCode::from(FAILED)
        }
        _ => ExitCode::from(code),
    }
}
