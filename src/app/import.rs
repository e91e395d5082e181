//! Import of a whole academy from the files of docs/domain.md §10: all or nothing, and importing
//! twice changes nothing.
//!
//! Everything is checked before anything is written: each file by itself (`files`), then against
//! the database and the other files (`check`). Sign-ups are decided in memory in the order in which
//! they were made (`sign_ups`). Sets are written by one statement or in chunks; the number of
//! statements does not follow the number of rows one by one.

mod catalogue;
mod cells;
mod check;
mod entry;
mod files;
mod people;
mod sign_ups;
mod spelling;

pub use files::{FILES, column_of, ignored_column, is_blank};

use super::App;
use super::staffing::demand::{coach_changed, demand_changed};
use crate::domain::time::Instant;
use crate::error::{Error, Reason, Result};
use crate::storage::Txn;
use crate::storage::catalog::catalog_changed_in_txn;
use crate::storage::import::season_lock_all_in_txn;
use crate::write_txn;
use files::Parsed;
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
    fn is_bad(&self) -> bool {
        self.problems.iter().any(|problem| problem.bad)
    }

    fn report(&mut self, file: &str) -> Option<&mut FileReport> {
        self.files.iter_mut().find(|report| report.file == file)
    }

    /// Puts the problems in order and counts the bad rows; of an import with one nothing is created
    /// or changed.
    fn settle(&mut self, written: bool) {
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
    fn bad(file: &str, line: u32, column: &str, reason: impl Into<String>) -> Self {
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
    fn of(file: &str, line: u32, error: Error) -> Self {
        match error {
            Error::Invalid { field, reason } => Self::bad(file, line, &field, reason),
            other => Self::bad(file, line, "", other.to_string()),
        }
    }
}

/// Imports the files. With a bad row nothing is written at all; with `strict` a sign-up that the
/// rules refuse is a bad row. Reservations are checked as of their own `created_at`; `now` is when
/// coaches' statuses are noted.
pub async fn import(app: &App, data: &ImportData, strict: bool, now: Instant) -> Result<ImportOutcome> {
    carry_out(app, data, strict, now, true).await
}

/// What [`import`] would do: everything is checked and told, and nothing is written.
pub async fn check(app: &App, data: &ImportData, strict: bool, now: Instant) -> Result<ImportOutcome> {
    carry_out(app, data, strict, now, false).await
}

async fn carry_out(
    app: &App,
    data: &ImportData,
    strict: bool,
    now: Instant,
    write: bool,
) -> Result<ImportOutcome> {
    let parsed = files::parse(data, app.time());
    // What could not be read is bad, whether or not it is told here.
    let write = write && !data.files.iter().any(|file| file.incomplete);
    let mut outcome = ImportOutcome::default();
    let done = write_txn!(&app.db, "import", keep: write, |txn| {
        outcome = ImportOutcome {
            files: parsed.reports.clone(),
            problems: parsed.problems.clone(),
            ..ImportOutcome::default()
        };
        let mut run = Run { app, txn, parsed: &parsed, strict, now, outcome: &mut outcome };
        match run.run().await {
            // Somebody else made a row of the same key meanwhile: look again.
            Err(Error::AlreadyExists { .. }) => Err(Error::Contended("import")),
            result => result,
        }?;
        // An error, so that whatever was written on the way is rolled back.
        if outcome.is_bad() { Err(Error::invalid("files", "have bad rows")) } else { Ok(()) }
    });
    match done {
        Err(_) if outcome.is_bad() => outcome.settle(false),
        Err(error) => return Err(error),
        Ok(()) => outcome.settle(write),
    }
    let rows: u64 = outcome.files.iter().map(|report| report.read).sum();
    tracing::info!(
        rows,
        write,
        written = outcome.written,
        problems = outcome.problems.len(),
        places = outcome.places,
        "import"
    );
    Ok(outcome)
}

/// One try of the transaction.
struct Run<'a> {
    app: &'a App,
    txn: &'a Txn,
    parsed: &'a Parsed,
    strict: bool,
    now: Instant,
    outcome: &'a mut ImportOutcome,
}

impl Run<'_> {
    /// Checks and writes. When something is bad the rest is carried out all the same, to be rolled
    /// back: so one report tells all of it.
    async fn run(&mut self) -> Result<()> {
        if !(self.parsed.seasons.is_empty()
            && self.parsed.periods.is_empty()
            && self.parsed.templates.is_empty())
        {
            // Whoever else writes a template takes its season's turn.
            season_lock_all_in_txn(self.txn).await?;
        }
        let catalogue = catalogue::Catalogue::load(self.txn).await?;
        let people = people::People::load(self.txn, self.parsed).await?;
        self.check(&catalogue, &people).await?;
        if !self.outcome.is_bad() && self.parsed.bad_keys.is_empty() {
            return self.write(catalogue, people).await;
        }
        let good = self.parsed.without(&self.outcome.problems);
        Run {
            app: self.app,
            txn: self.txn,
            parsed: &good,
            strict: self.strict,
            now: self.now,
            outcome: self.outcome,
        }
        .write(catalogue, people)
        .await
    }

    async fn write(&mut self, catalogue: catalogue::Catalogue, people: people::People) -> Result<()> {
        people.lock(self.txn).await?;
        let faults = self.outcome.problems.len();
        let (catalogue, mut templates) = self.write_catalogue(catalogue).await?;
        let edited = !templates.is_empty();
        // Places that could not be made again say nothing of sign-ups.
        let places_are_made = self.outcome.problems.len() == faults;
        let (people, touched) = self.write_people(people, &catalogue).await?;
        if places_are_made {
            templates.extend(self.write_sign_ups(&catalogue, &people).await?);
        }
        if self.outcome.is_bad() {
            return Ok(());
        }
        templates.extend(touched.templates);
        if !templates.is_empty() {
            demand_changed(self.txn, &Vec::from_iter(templates)).await?;
        }
        if !touched.coaches.is_empty() {
            coach_changed(self.txn, &Vec::from_iter(touched.coaches)).await?;
        }
        if edited {
            catalog_changed_in_txn(self.txn).await?;
        }
        Ok(())
    }

    /// Notes what is wrong with a cell.
    fn bad(&mut self, file: &str, line: u32, column: &str, reason: impl Into<String>) {
        self.outcome.problems.push(Problem::bad(file, line, column, reason));
    }

    /// Counts what became of the rows of a file.
    fn count(&mut self, file: &str, created: usize, changed: usize, unchanged: usize) {
        if let Some(report) = self.outcome.report(file) {
            report.created += created as u64;
            report.changed += changed as u64;
            report.unchanged += unchanged as u64;
        }
    }
}
