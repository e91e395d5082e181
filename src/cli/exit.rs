//! Exit codes (docs/style.md rule 13), and what is printed on standard error.

use crate::exit::talk;
pub(super) use crate::exit::{BAD_DATA, DONE, FAILED, REFUSED, TRY_AGAIN, UNREACHABLE, USAGE};
use std::process::ExitCode;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Fields of requests that were typed under another name: the words of the command (empty = of all
/// others), the field, what was typed.
const TYPED: [(&str, &str, &str); 24] = [
    ("enrollment", "class_template", "--template"),
    ("places explain", "class_template", "TEMPLATE"),
    ("task show", "class_template", "TEMPLATE"),
    ("task list", "from_day", "DAY"),
    ("task list", "to_day", "DAY"),
    ("runs", "task", "TASK"),
    ("clock set", "time", "WHEN"),
    ("clock advance", "duration", "BY"),
    ("messages", "task_id", "--task"),
    ("notice", "class_id", "CLASS"),
    ("notice", "text", "TEXT"),
    ("coach block", "coach", "COACH"),
    ("coach block", "class_id", "--class"),
    ("coach unblock", "block_id", "BLOCK"),
    ("coach blocks", "class_id", "--class"),
    ("", "operator", "--operator"),
    ("", "remark", "--remark"),
    ("", "from_day", "--from"),
    ("", "to_day", "--to"),
    ("", "day", "DAY"),
    ("", "subject_id", "--subject"),
    ("", "page_size", "--limit"),
    ("", "firing.tick_at", "--tick"),
    ("", "firing.when", "WHEN"),
];

/// What a server says of a request, `field: what is wrong with it`, in the words of the command
/// line. Other fields that it speaks of are told from plain words by their underscore.
fn as_typed(words: &str, message: &str) -> String {
    let typed = |field: &str| {
        let of = |command: &str| {
            TYPED.iter().find(|(of, name, _)| *of == command && *name == field).map(|(_, _, typed)| *typed)
        };
        of(words).or_else(|| of(""))
    };
    let Some((field, wrong)) = message.split_once(": ") else { return message.to_owned() };
    let wrong: Vec<&str> = wrong
        .split(' ')
        .map(|word| if word.contains('_') { typed(word).unwrap_or(word) } else { word })
        .collect();
    format!("{}: {}", typed(field).unwrap_or(field), wrong.join(" "))
}

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

    /// Its line.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Whoever read our output has gone, which is no failure (`etutorctl runs | head`).
    pub(super) fn reader_gone() -> Self {
        Self::new(DONE, "")
    }

    /// The end of a command whose work has come to this, and whose output to that: a failure of the
    /// work counts more.
    pub(super) fn of_work_and(work: Result<(), Self>, output: Result<(), Self>) -> Result<(), Self> {
        match (work, output) {
            (Err(failed), Err(unwritten)) => {
                unwritten.say();
                Err(failed)
            }
            (work, output) => work.and(output),
        }
    }

    /// What a server answered, for the words of a command.
    pub(super) fn of(words: &str, status: &Status) -> Self {
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        let code = match status.code() {
            Code::InvalidArgument => USAGE,
            // The test argument of a server that is not for testing.
            Code::FailedPrecondition if reason == "NOT_TESTING" => USAGE,
            Code::Unavailable | Code::Aborted | Code::DeadlineExceeded | Code::ResourceExhausted => TRY_AGAIN,
            Code::Unauthenticated | Code::PermissionDenied => REFUSED,
            _ => FAILED,
        };
        let shown = if status.code() == Code::FailedPrecondition && !reason.is_empty() {
            format!("{reason}: ")
        } else {
            String::new()
        };
        let what = if status.message().is_empty() { status.code().description() } else { status.message() };
        let what = if code == USAGE { as_typed(words, what) } else { what.to_owned() };
        Self::new(code, format!("{words}: {shown}{what}"))
    }

    /// The same failure, of data instead of arguments.
    pub(super) fn of_data(self) -> Self {
        Self { code: if self.code == USAGE { BAD_DATA } else { self.code }, ..self }
    }

    /// Says it, and gives the code.
    pub(super) fn report(self) -> ExitCode {
        self.say();
        ExitCode::from(self.code)
    }

    fn say(&self) {
        if !self.message.is_empty() {
            talk(&format!("etutorctl: {}", self.message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_by_what_was_typed() {
        for (words, message, told) in [
            (
                "openings",
                "from_day: is not a day such as 2026-09-01",
                "--from: is not a day such as 2026-09-01",
            ),
            ("enrollment", "to_day: is before from_day", "--to: is before --from"),
            ("task list", "to_day: is no day", "DAY: is no day"),
            ("places explain", "day: is not a day of the calendar", "DAY: is not a day of the calendar"),
            ("invite create", "day: this task takes no lesson day", "DAY: this task takes no lesson day"),
            ("openings", "grade: must be from 1 to 12", "grade: must be from 1 to 12"),
            ("openings", "what no field is blamed for", "what no field is blamed for"),
        ] {
            assert_eq!(as_typed(words, message), told);
        }
    }
}
