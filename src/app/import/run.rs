//! One try of an import's transaction: the state that all its parts share.

use super::files::Parsed;
use super::outcome::{ImportOutcome, Problem};
use crate::app::call::Work;

/// One try of the transaction.
pub(super) struct Run<'a> {
    pub(super) work: Work<'a>,
    pub(super) parsed: &'a Parsed,
    pub(super) strict: bool,
    pub(super) outcome: &'a mut ImportOutcome,
}

impl Run<'_> {
    /// Notes what is wrong with a cell.
    pub(super) fn bad(&mut self, file: &str, line: u32, column: &str, reason: impl Into<String>) {
        self.outcome.problems.push(Problem::bad(file, line, column, reason));
    }

    /// Counts what became of the rows of a file.
    pub(super) fn count(&mut self, file: &str, created: usize, changed: usize, unchanged: usize) {
        if let Some(report) = self.outcome.report(file) {
            report.created += created as u64;
            report.changed += changed as u64;
            report.unchanged += unchanged as u64;
        }
    }
}
