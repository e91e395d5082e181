//! Sign-ups of an import: decided in memory in the order in which they were made, written as sets.

use super::catalogue::Catalogue;
use super::columns::RESERVATIONS;
use super::entry::{Row, SignUp};
use super::outcome::{Code, Problem};
use super::people::People;
use super::run::Run;
use crate::app::enrollment::elsewhere::{Yes, said_yes_in_txn};
use crate::domain::actor::Actor;
use crate::domain::places::{Book, Claim, Key, PlaceDay};
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::entity::{class_template, reservation, student};
use crate::storage::import as store;
use crate::storage::ledger::{By, place_change_write_new_in_txn};
use crate::storage::place::{place_list, place_lock_list_in_txn};
use crate::storage::reservation::ReservationInsert;
use crate::storage::sign_up::place_change_in_txn;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A sign-up that is not stored yet.
struct Asked<'a> {
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
            _ => store::reservation_list_of_students(self.work.txn, &Vec::from_iter(students)).await?,
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
        let mut desk = self.open_desk(catalogue, &asked, &held).await?;

        let (mut inserts, mut refused) = (Vec::with_capacity(asked.len()), Vec::new());
        for ask in &asked {
            match desk.sign_up(ask) {
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
        let before = store::reservation_last_id(self.work.txn).await?;
        store::insert_set_in_txn(self.work.txn, inserts.into_iter().map(ReservationInsert::active).collect())
            .await?;
        place_change_in_txn(self.work.txn, &desk.taken()).await?;
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

    /// Locks and reads the places of all templates concerned, and notes what the students have.
    async fn open_desk(
        &self,
        catalogue: &Catalogue,
        asked: &[Asked<'_>],
        held: &[reservation::Model],
    ) -> Result<Desk> {
        let mut desk = Desk::default();
        for ask in asked {
            desk.students.entry(ask.student.id).or_insert_with(|| desk.book.add_student(ask.student.grade));
        }
        let wanted: BTreeSet<i64> = asked.iter().map(|ask| ask.template.id).collect();
        let held: Vec<&reservation::Model> = held
            .iter()
            .filter(|held| held.state.takes_places() && desk.students.contains_key(&held.student_id))
            .collect();
        let mut concerned = wanted.clone();
        concerned.extend(held.iter().map(|held| held.template_id));

        let mut places =
            place_lock_list_in_txn(self.work.txn, &Vec::from_iter(wanted.iter().copied())).await?;
        let others = Vec::from_iter(concerned.difference(&wanted).copied());
        if !others.is_empty() {
            places.extend(place_list(self.work.txn, &others).await?);
        }
        for template in catalogue.templates.values().filter(|template| concerned.contains(&template.id)) {
            let days: Vec<PlaceDay> =
                places.remove(&template.id).unwrap_or_default().iter().map(PlaceDay::from).collect();
            desk.before.extend(days.iter().map(|place| ((template.id, place.day), place.taken)));
            desk.templates.insert(template.id, desk.book.add_template(template.grade, days));
        }
        for held in held {
            let known = (
                desk.students.get(&held.student_id),
                desk.templates.get(&held.template_id),
                Claim::of(held.state),
            );
            if let (Some(student), Some(template), Some(claim)) = known {
                desk.book.note(*student, *template, claim, held.start_day, held.last_day);
            }
        }
        Ok(desk)
    }
}

fn yes(insert: &ReservationInsert) -> Yes {
    let ReservationInsert { student_id, template_id, start_day, end_day, created_at: _ } = *insert;
    Yes { student_id, template_id, first: start_day, last: end_day }
}

impl Asked<'_> {
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

/// The book with the keys of its students and templates.
#[derive(Default)]
struct Desk {
    book: Book,
    /// Places taken by template and day when the desk was opened.
    before: HashMap<(i64, Day), i32>,
    students: HashMap<i64, Key>,
    templates: HashMap<i64, Key>,
}

impl Desk {
    fn sign_up(&mut self, ask: &Asked<'_>) -> std::result::Result<usize, crate::domain::places::Refusal> {
        let SignUp { start_day, end_day, .. } = ask.row.value;
        // Both were added for every sign-up; a key that is none is refused as without lesson days.
        let student = self.students.get(&ask.student.id).copied().unwrap_or(Key::MAX);
        let template = self.templates.get(&ask.template.id).copied().unwrap_or(Key::MAX);
        self.book.sign_up(student, template, start_day, end_day)
    }

    /// The places that were taken since the desk was opened: (template, day, how many).
    fn taken(&self) -> Vec<(i64, Day, i64)> {
        let templates = self.templates.iter().collect::<BTreeMap<_, _>>();
        let days = templates
            .into_iter()
            .flat_map(|(id, key)| self.book.places(*key).iter().map(|place| (*id, place)));
        days.filter_map(|(id, place)| {
            let had = self.before.get(&(id, place.day)).copied().unwrap_or_default();
            (place.taken != had).then(|| (id, place.day, i64::from(place.taken) - i64::from(had)))
        })
        .collect()
    }
}

/// The sign-ups with their students and templates; names were checked before.
fn resolve<'a>(
    rows: &'a [Row<SignUp>],
    catalogue: &'a Catalogue,
    people: &'a People,
) -> Result<Vec<Asked<'a>>> {
    rows.iter()
        .map(|row| {
            let student = people.students.get(&row.value.student).ok_or(Error::Contended("import"))?;
            let template =
                catalogue.templates.get(&row.value.class_template).ok_or(Error::Contended("import"))?;
            Ok(Asked { row, student, template })
        })
        .collect()
}

/// Leaves out what is stored already, whatever has become of it since.
fn drop_stored(asked: &mut Vec<Asked<'_>>, held: &[reservation::Model]) {
    let stored: HashSet<_> = held
        .iter()
        .map(|held| (held.student_id, held.template_id, held.start_day, held.end_day, held.created_at))
        .collect();
    asked.retain(|ask| {
        let ReservationInsert { student_id, template_id, start_day, end_day, created_at } = ask.insert();
        !stored.contains(&(student_id, template_id, start_day, end_day, created_at))
    });
}
