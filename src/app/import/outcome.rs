//! What is to be imported, and what became of it.

use crate::error::{Error, Reason};
use std::collections::{HashMap, HashSet};

/// What is to be imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportData {
    /// The files, each at most once.
    pub files: Vec<ImportFile>,
}

/// A file with a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportFile {
    /// Its name without folder: `subjects.csv`.
    pub name: String,
    /// The names of its columns, in the order of the values of its rows.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<ImportRow>,
    /// Whoever sent it could not read all of it: rows that name what is not found in it are not
    /// bad, and nothing is written.
    pub incomplete: bool,
}

/// A row of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportRow {
    /// Its line in the file, 1 = the header's.
    pub line: u32,
    /// Its values.
    pub values: Vec<String>,
}

/// What became of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOutcome {
    /// One entry a file, in the order they came.
    pub files: Vec<FileReport>,
    /// Every bad row and every refused sign-up, and what was left or ignored, by file and line.
    pub problems: Vec<Problem>,
    /// Whether it was written: not when there is a bad row, and not when it was only to be checked.
    pub written: bool,
    /// Places that the sign-ups made by this import cover.
    pub places: u64,
}

impl ImportOutcome {
    pub(super) fn is_bad(&self) -> bool {
        self.problems.iter().any(|problem| problem.bad)
    }

    pub(super) fn report(&mut self, file: &str) -> Option<&mut FileReport> {
        self.files.iter_mut().find(|report| report.file == file)
    }

    /// Puts the problems in order and counts the bad rows; of an import with one nothing is created
    /// or changed.
    pub(super) fn finish(&mut self, written: bool) {
        self.written = written;
        let places: HashMap<&str, usize> =
            self.files.iter().enumerate().map(|(at, report)| (report.file.as_str(), at)).collect();
        self.problems.sort_by_key(|problem| (places.get(problem.file.as_str()).copied(), problem.line));
        let bad: HashSet<(&str, u32)> = self
            .problems
            .iter()
            .filter(|problem| problem.bad)
            .map(|problem| (problem.file.as_str(), problem.line))
            .collect();
        for report in &mut self.files {
            report.bad = bad.iter().filter(|(file, _)| *file == report.file).count() as u64;
            if !bad.is_empty() {
                *report = FileReport {
                    file: std::mem::take(&mut report.file),
                    read: report.read,
                    bad: report.bad,
                    ..FileReport::default()
                };
            }
        }
        if !bad.is_empty() {
            self.places = 0;
        }
    }
}

/// What became of a file, or would become of it. When no row is bad, read = created + changed +
/// unchanged + refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileReport {
    /// Its name.
    pub file: String,
    /// Rows read, without the header.
    pub read: u64,
    /// Rows that made something.
    pub created: u64,
    /// Rows that changed something.
    pub changed: u64,
    /// Rows that were there already, in the database or further up in the file.
    pub unchanged: u64,
    /// Sign-ups that the rules refused.
    pub refused: u64,
    /// Lines with something bad.
    pub bad: u64,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the file.
    pub file: String,
    /// Line in the file, 1 = the header's; 0 = the file itself.
    pub line: u32,
    /// Name of the column; empty = the whole row.
    pub column: String,
    /// Of what kind it is.
    pub code: Code,
    /// What is wrong, for people; names no person and no number.
    pub reason: String,
    /// Whether the row is bad, so that nothing is written.
    pub bad: bool,
}

/// What kind of thing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A bad row, header or file.
    Bad,
    /// A sign-up that the rules refuse.
    Refused(Reason),
    /// A value that stays as it is stored, because only a call with operator and remark changes it.
    Left,
    /// A column that is not read.
    Ignored,
}

impl Code {
    /// The word that stands for it: BAD, LEFT, IGNORED, or the reason of the refusal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bad => "BAD",
            Self::Refused(reason) => reason.as_str(),
            Self::Left => "LEFT",
            Self::Ignored => "IGNORED",
        }
    }
}

impl Problem {
    pub(super) fn bad(file: &str, line: u32, column: &str, reason: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            column: column.to_owned(),
            code: Code::Bad,
            reason: reason.into(),
            bad: true,
        }
    }

    /// Of a row of which a question was asked that RPCs ask too.
    pub(super) fn of(file: &str, line: u32, error: Error) -> Self {
        match error {
            Error::Invalid { field, reason } => Self::bad(file, line, &field, reason),
            other => Self::bad(file, line, "", other.to_string()),
        }
    }
}
