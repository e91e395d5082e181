//! Imports a whole academy from the files of docs/domain.md §10: all or nothing, and importing
//! twice changes nothing.
//!
//! Everything is checked first: each file by itself (`files`), then against the database and the
//! other files (`check`). If something is bad, the good rows are carried out all the same and
//! rolled back, so that one report names every fault. Sign-ups are decided in memory, in the order
//! in which they were made (`sign_ups`). Rows are written in sets or chunks, never one statement
//! per row.

mod catalogue;
mod cells;
mod check;
mod columns;
mod entry;
mod files;
mod outcome;
mod people;
mod places;
mod run;
mod sign_ups;
mod spelling;

pub use columns::FILES;
pub(crate) use columns::{column_of, is_blank};
pub(crate) use files::ignored_column;
pub use outcome::{Code, FileReport, ImportData, ImportFile, ImportOutcome, ImportRow, Problem};

use super::staffing::demand::{coach_changed, demand_changed};
use crate::app::call::Call;
use crate::domain::actor::Actor;
use crate::error::{Error, Result};
use crate::in_txn;
use crate::storage::catalog::catalog_changed_in_txn;
use crate::storage::import::season_lock_all_in_txn;
use run::Run;

/// Imports the files. With a bad row nothing is written at all; with `strict` a sign-up that the
/// rules refuse is a bad row. Reservations are checked as of their own `created_at`; `now` is when
/// coaches' statuses are noted. In a rehearsal everything is checked and told, and nothing is
/// written.
pub async fn import(call: &Call<'_>, data: &ImportData, strict: bool) -> Result<ImportOutcome> {
    let parsed = files::parse(data, call.app.time());
    // What could not be read is bad, whether or not it is told here.
    let write = !call.rehearsal && !data.files.iter().any(|file| file.incomplete);
    let mut outcome = ImportOutcome::default();
    let call = &call.clone().by(Actor::Import).rehearsed(!write);
    let done = in_txn!(call, "import", |work| {
        outcome = ImportOutcome {
            files: parsed.reports.clone(),
            problems: parsed.problems.clone(),
            ..ImportOutcome::default()
        };
        let mut run = Run { work, parsed: &parsed, strict, outcome: &mut outcome };
        match run.run().await {
            // Somebody else made a row of the same key meanwhile: look again.
            Err(Error::AlreadyExists { .. }) => Err(Error::Contended("import")),
            result => result,
        }?;
        // An error, so that whatever was written on the way is rolled back.
        if outcome.is_bad() { Err(Error::invalid("files", "have bad rows")) } else { Ok(()) }
    });
    match done {
        Err(_) if outcome.is_bad() => outcome.finish(false),
        Err(error) => return Err(error),
        Ok(()) => outcome.finish(write),
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

impl Run<'_> {
    /// Checks and writes. When something is bad the rest is carried out all the same, to be rolled
    /// back: so one report tells all of it.
    async fn run(&mut self) -> Result<()> {
        if !(self.parsed.seasons.is_empty()
            && self.parsed.periods.is_empty()
            && self.parsed.templates.is_empty())
        {
            // Whoever else writes a template takes its season's turn.
            season_lock_all_in_txn(self.work.txn).await?;
        }
        let catalogue = catalogue::Catalogue::load(self.work.txn).await?;
        let people = people::People::load(self.work.txn, self.parsed).await?;
        self.check(&catalogue, &people).await?;
        if !self.outcome.is_bad() && self.parsed.bad_keys.is_empty() {
            return self.write(catalogue, people).await;
        }
        let good = self.parsed.without(&self.outcome.problems);
        Run { work: self.work, parsed: &good, strict: self.strict, outcome: self.outcome }
            .write(catalogue, people)
            .await
    }

    async fn write(&mut self, catalogue: catalogue::Catalogue, people: people::People) -> Result<()> {
        people.lock(self.work.txn).await?;
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
            demand_changed(self.work.txn, &Vec::from_iter(templates)).await?;
        }
        if !touched.coaches.is_empty() {
            coach_changed(self.work.txn, &Vec::from_iter(touched.coaches)).await?;
        }
        if edited {
            catalog_changed_in_txn(self.work.txn).await?;
        }
        Ok(())
    }
}
