//! Sign-ups of an import: decided in memory in the order in which they were made, written as sets.

use super::catalogue::Catalogue;
use super::columns::RESERVATIONS;
use super::entry::{Row, SignUp};
use super::outcome::{Code, Problem};
use super::people::People;
use super::run::Run;
use crate::app::enrollment::book::{Contents, LoadedBook, Places};
use crate::app::enrollment::days::around;
use crate::app::enrollment::elsewhere::{Yes, said_yes_in_txn};
use crate::domain::actor::Actor;
use crate::domain::places::Claim;
use crate::domain::refusal::Refusal;
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::entity::{class_template, reservation, student};
use crate::storage::import;
use crate::storage::ledger::{By, place_change_write_new_in_txn};
use crate::storage::make_up::make_up_template_list;
use crate::storage::reservation::ReservationInsert;
use crate::storage::sign_up::{Taking, place_change_in_txn};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A sign-up that is not stored yet.
struct NewSignUp<'a> {
    row: &'a Row<SignUp>,
    student: &'a student::Model,
    template: &'a class_template::Model,
}

impl Run<'_> {
    /// Writes the sign-ups that the rules allow and lists the others; the templates touched.
    pub(super) async fn write_sign_ups(
        &mut self,
        catalogue: &Catalogue,
        people: &People,
    ) -> Result<BTreeSet<i64>> {
        let all = &self.parsed.sign_ups;
        let mut asked = resolve(all, catalogue, people)?;
        let students: BTreeSet<i64> = asked.iter().map(|ask| ask.student.id).collect();
        let held = match students.len() {
            0 => Vec::new(),
            _ => import::reservation_list_of_students(self.work.txn, &Vec::from_iter(students)).await?,
        };
        drop_stored(&mut asked, &held);
        self.count(RESERVATIONS.0, 0, 0, all.len() - asked.len());
        if asked.is_empty() {
            return Ok(BTreeSet::new());
        }
        asked.sort_by_key(|ask| (ask.row.value.created_at, ask.row.line));
        let waiting: HashSet<i64> = held
            .iter()
            .filter(|held| held.state == ReservationState::Waitlisted)
            .map(|held| held.student_id)
            .collect();
        let mut book = self.load_book(&asked, &held).await?;
        let templates: BTreeSet<i64> = asked.iter().map(|ask| ask.template.id).collect();
        let for_make_ups = make_up_template_list(self.work.txn, templates).await?;

        let (mut inserts, mut refused) = (Vec::with_capacity(asked.len()), Vec::new());
        for ask in &asked {
            let (template, first, last) = ask.range();
            let taken = match for_make_ups.contains(&template) {
                true => Err(Refusal::for_make_ups()),
                false => book.take(ask.student.id, template, Claim::SignUp, first, last),
            };
            match taken {
                Ok(days) => {
                    self.outcome.places += days as u64;
                    inserts.push(ask.insert());
                }
                Err(refusal) => refused.push(Problem {
                    code: Code::Refused(refusal.reason),
                    bad: self.strict,
                    ..Problem::bad(RESERVATIONS.0, ask.row.line, "", refusal.detail)
                }),
            }
        }
        if let Some(report) = self.outcome.report(RESERVATIONS.0) {
            report.created += inserts.len() as u64;
            report.refused += refused.len() as u64;
        }
        self.outcome.problems.append(&mut refused);
        let touched: BTreeSet<i64> = inserts.iter().map(|insert| insert.template_id).collect();
        if touched.is_empty() || self.outcome.is_bad() {
            return Ok(touched);
        }
        // The places are locked: whoever else signs up for these templates has a key up to this
        // one, or waits.
        let of_waiting = inserts.iter().filter(|insert| waiting.contains(&insert.student_id));
        let said_yes: Vec<Yes> = of_waiting.map(yes).collect();
        let ranges = inserts.iter().map(|insert| (insert.template_id, insert.start_day, insert.end_day));
        let taken = book.taken(ranges);
        let before = import::reservation_last_id(self.work.txn).await?;
        import::insert_set_in_txn(
            self.work.txn,
            inserts.into_iter().map(ReservationInsert::active).collect(),
        )
        .await?;
        place_change_in_txn(self.work.txn, &taken).await?;
        let (templates, by) = (Vec::from_iter(touched.iter().copied()), By::actor(Actor::Import));
        place_change_write_new_in_txn(
            self.work.txn,
            &templates,
            before,
            PlaceCause::Import,
            &by,
            self.work.now,
        )
        .await?;
        said_yes_in_txn(self.work, &said_yes).await?;
        Ok(touched)
    }

    /// Locks and reads the places of all templates that are asked for, and notes what the students
    /// have.
    async fn load_book(&self, asked: &[NewSignUp<'_>], held: &[reservation::Model]) -> Result<LoadedBook> {
        let templates: BTreeMap<i64, i32> =
            asked.iter().map(|ask| (ask.template.id, ask.template.grade)).collect();
        let students: BTreeMap<i64, i32> =
            asked.iter().map(|ask| (ask.student.id, ask.student.grade)).collect();
        let claim = |held: &reservation::Model| {
            let reservation::Model { student_id, template_id, start_day, last_day, .. } = *held;
            // A hold or an offer that has run out counts until it is found out, as its places do.
            let claim = Claim::of(held.state).filter(|_| students.contains_key(&student_id))?;
            Some(Taking { student_id, template_id, claim, start_day, last_day })
        };
        let claims: Vec<Taking> = held.iter().filter_map(claim).collect();
        let ranges: Vec<(i64, Day, Day)> = asked.iter().map(NewSignUp::range).collect();
        let contents = Contents {
            templates: templates.into_iter().collect(),
            places: Places::LockAll,
            students: students.into_iter().collect(),
            claims: &claims,
            between: around(&ranges),
        };
        LoadedBook::load(self.work.txn, contents).await
    }
}

fn yes(insert: &ReservationInsert) -> Yes {
    let ReservationInsert { student_id, template_id, start_day, end_day, created_at: _ } = *insert;
    Yes { student_id, template_id, first: start_day, last: end_day }
}

impl NewSignUp<'_> {
    /// The template and the days that are wanted of it.
    fn range(&self) -> (i64, Day, Day) {
        (self.template.id, self.row.value.start_day, self.row.value.end_day)
    }

    fn insert(&self) -> ReservationInsert {
        let SignUp { created_at, start_day, end_day, .. } = self.row.value;
        ReservationInsert {
            student_id: self.student.id,
            template_id: self.template.id,
            start_day,
            end_day,
            created_at,
        }
    }
}

/// The sign-ups with their students and templates; names were checked before.
fn resolve<'a>(
    rows: &'a [Row<SignUp>],
    catalogue: &'a Catalogue,
    people: &'a People,
) -> Result<Vec<NewSignUp<'a>>> {
    rows.iter()
        .map(|row| {
            let student = people.students.get(&row.value.student).ok_or(Error::Contended("import"))?;
            let template =
                catalogue.templates.get(&row.value.class_template).ok_or(Error::Contended("import"))?;
            Ok(NewSignUp { row, student, template })
        })
        .collect()
}

/// Leaves out what is stored already, whatever has become of it since.
fn drop_stored(asked: &mut Vec<NewSignUp<'_>>, held: &[reservation::Model]) {
    let stored: HashSet<_> = held
        .iter()
        .map(|held| (held.student_id, held.template_id, held.start_day, held.end_day, held.created_at))
        .collect();
    asked.retain(|ask| {
        let ReservationInsert { student_id, template_id, start_day, end_day, created_at } = ask.insert();
        !stored.contains(&(student_id, template_id, start_day, end_day, created_at))
    });
}
