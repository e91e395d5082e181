//! Exit codes (STYLE.md rule 13) and what is said on standard error.

use std::process::ExitCode;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The command line is wrong, or the server says that an argument is.
pub(super) const USAGE: u8 = 64;
/// The data to import is wrong.
pub(super) const BAD_DATA: u8 = 65;
/// Nobody answers at the server's address.
pub(super) const UNREACHABLE: u8 = 69;
/// It failed, or a report counts failures.
pub(super) const FAILED: u8 = 70;
/// It may work when tried again.
pub(super) const TRY_AGAIN: u8 = 75;
/// Access refused.
pub(super) const REFUSED: u8 = 77;

/// Why the command ends with a code that is not 0.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    /// One line for standard error; empty = everything has been said.
    message: String,
}

impl Failure {
    /// With a code and a line.
    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Whoever read our output has gone, which is no failure (`etutorctl runs | head`).
    pub(super) fn reader_gone() -> Self {
        Self::new(0, "")
    }

    /// What a server answered, for the words of a command.
    pub(super) fn of(words: &str, status: &Status) -> Self {
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        let code = match status.code() {
            Code::InvalidArgument | Code::OutOfRange => USAGE,
            // The test argument of a server that is not for testing.
            Code::FailedPrecondition if reason == "NOT_TESTING" => USAGE,
            Code::Unavailable | Code::Aborted | Code::DeadlineExceeded | Code::ResourceExhausted => TRY_AGAIN,
            Code::Unauthenticated | Code::PermissionDenied => REFUSED,
            _ => FAILED,
        };
        let shown = if status.code() == Code::FailedPrecondition && !reason.is_empty() { format!("{reason}: ") } else { String::new() };
        let what = if status.message().is_empty() { status.code().description() } else { status.message() };
        Self::new(code, format!("{words}: {shown}{what}"))
    }

    /// The same failure, of data instead of arguments.
    pub(super) fn of_data(self) -> Self {
        Self { code: if self.code == USAGE { BAD_DATA } else { self.code }, ..self }
    }

    /// Says it, and gives the code.
    pub(super) fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            super::output::talk(&format!("etutorctl: {}", self.message));
        }
        ExitCode::from(self.code)
    }
}

/// What clap has to say: help and version are no failures.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to be told when this cannot be printed.
    let _printed = error.print();
    ExitCode::from(if error.use_stderr() { USAGE } else { 0 })
}
