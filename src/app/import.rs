//! Import of a whole academy from the files of DOMAIN.md §10: all or nothing, and importing twice changes nothing.
//!
//! Everything is checked before anything is written: each file by itself (`files`), then against the database and the other files
//! (`check`). Sign-ups are decided in memory in the order in which they were made (`sign_ups`). Sets are written by one
//! statement or in chunks; the number of statements does not follow the number of rows one by one.

mod catalogue;
mod cells;
mod check;
mod files;
mod people;
mod sign_ups;

pub use files::FILES;

use super::App;
use super::staffing::demand::{coach_changed, demand_changed};
use crate::domain::time::Instant;
use crate::error::{Error, Reason, Result};
use crate::storage::Txn;
use crate::storage::catalog::catalog_changed_in_txn;
use crate::storage::import::season_lock_all_in_txn;
use crate::write_txn;
use files::Parsed;

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
    /// Every bad row and every refused sign-up, by file and line.
    pub problems: Vec<Problem>,
    /// Whether it was written: false exactly when there is a bad row.
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

    /// Puts the problems in order and counts the bad rows; of an import that is not written nothing is created or changed.
    fn settle(&mut self, written: bool) {
        self.written = written;
        let place = |problem: &Problem| self.files.iter().position(|report| report.file == problem.file);
        let mut order: Vec<(Option<usize>, Problem)> = self.problems.iter().map(|problem| (place(problem), problem.clone())).collect();
        order.sort_by(|(at, one), (at_other, other)| (at, one.line).cmp(&(at_other, other.line)));
        self.problems = order.into_iter().map(|(_, problem)| problem).collect();
        for report in &mut self.files {
            let mut lines: Vec<u32> =
                self.problems.iter().filter(|problem| problem.bad && problem.file == report.file).map(|problem| problem.line).collect();
            lines.dedup();
            report.bad = lines.len() as u64;
            if !written {
                *report =
                    FileReport { file: std::mem::take(&mut report.file), read: report.read, bad: report.bad, ..FileReport::default() };
            }
        }
        if !written {
            self.places = 0;
        }
    }
}

/// What became of a file. When the import was written, read = created + changed + unchanged + refused.
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
    /// The code of a refused sign-up.
    pub code: Option<Reason>,
    /// What is wrong, for people; names no person and no number.
    pub reason: String,
    /// Whether the row is bad, so that nothing is written; otherwise it is a refused sign-up.
    pub bad: bool,
}

impl Problem {
    fn bad(file: &str, line: u32, column: &str, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, column: column.to_owned(), code: None, reason: reason.into(), bad: true }
    }
}

/// Imports the files. With a bad row nothing is written at all; with `strict` a sign-up that the rules refuse is a bad row.
/// Reservations are checked as of their own `created_at`; `now` is when coaches' statuses are noted.
pub async fn import(app: &App, data: &ImportData, strict: bool, now: Instant) -> Result<ImportOutcome> {
    let parsed = files::parse(data, app.time());
    let mut outcome = ImportOutcome::default();
    let done = write_txn!(&app.db, "import", |txn| {
        outcome = ImportOutcome { files: parsed.reports.clone(), problems: parsed.problems.clone(), ..ImportOutcome::default() };
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
        Ok(()) => outcome.settle(true),
    }
    let rows: u64 = outcome.files.iter().map(|report| report.read).sum();
    tracing::info!(rows, written = outcome.written, problems = outcome.problems.len(), places = outcome.places, "import");
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
    async fn run(&mut self) -> Result<()> {
        if !(self.parsed.seasons.is_empty() && self.parsed.periods.is_empty() && self.parsed.templates.is_empty()) {
            // Whoever else writes a template takes its season's turn.
            season_lock_all_in_txn(self.txn).await?;
        }
        let catalogue = catalogue::Catalogue::load(self.txn).await?;
        let people = people::People::load(self.txn, self.parsed).await?;
        self.check(&catalogue, &people).await?;
        if self.outcome.is_bad() {
            return Ok(());
        }
        people.lock(self.txn).await?;
        let (catalogue, mut templates) = self.write_catalogue(catalogue).await?;
        if self.outcome.is_bad() {
            return Ok(());
        }
        let edited = !templates.is_empty();
        let (people, coaches) = self.write_people(people, &catalogue).await?;
        if self.outcome.is_bad() {
            return Ok(());
        }
        templates.extend(self.write_sign_ups(&catalogue, &people).await?);
        if self.outcome.is_bad() {
            return Ok(());
        }
        if !templates.is_empty() {
            demand_changed(self.txn, &Vec::from_iter(templates)).await?;
        }
        if !coaches.is_empty() {
            coach_changed(self.txn, &Vec::from_iter(coaches)).await?;
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
