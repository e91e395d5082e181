//! Decides sign-ups and holds as a batch, in one transaction: locks and reads what they need
//! (`known`), decides them in memory in order of arrival (`domain::places::Book`), and writes the
//! result. Where the database can, that takes two round trips for reading and one for writing.
//!
//! Locks are taken in the common order: tasks, students, classes, places, and within a table in
//! order of keys. When a hold that has run out leaves a class, its coach comes between classes and
//! places.

use super::elsewhere::{Yes, said_yes_in_txn};
use super::hold::{HoldDays, allowed_until, note_holds_in_txn};
use super::known::{Decider, Known, reused};
use super::offer;
use super::turn::take_turns_at_cut_off;
use crate::app::App;
use crate::app::call::Work;
use crate::app::group_commit::{Committer, Limits};
use crate::app::outbox::notice;
use crate::app::sign_up::{Ask, Decision, Wish};
use crate::domain::apart::Pupil;
use crate::domain::city::city;
use crate::domain::class_task::find_seat;
use crate::domain::places::{Claim, Refusal, first_possible_day, places_between};
use crate::domain::sign_up::{Start, confirm_until, start_rule};
use crate::domain::state::ReservationState;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::reservation::{self, ReservationRow};
use crate::storage::sign_up::{self, NewRow, WantedTemplate, WantingStudent};
use crate::write_txn;
use std::collections::{BTreeSet, HashMap};

impl Committer<Ask> for App {
    type Answer = Decision;

    const QUEUE: &'static str = "the queue of sign-ups";
    const KEY: &'static str = "the class template";

    fn limits(&self) -> Limits {
        let batch = usize::try_from(self.rules().sign_up_batch).unwrap_or(1);
        Limits { batch, workers: self.db.sign_up_workers() }
    }

    async fn commit(&self, asks: &[Ask], tries: u32) -> Result<Vec<Result<Decision>>> {
        let call = &self.call().await?;
        write_txn!(&self.db.sign_ups(), "reservation.create", keep: true, tries: tries, |txn| {
            let later = take_turns_at_cut_off(Work::new(call, txn), asks).await?;
            decide_in_txn(Work::new(&later, txn), asks).await
        })
    }

    fn spawn(&self, worker: impl Future<Output = ()> + Send + 'static) {
        self.db.spawn_sign_ups(worker);
    }
}

/// Decides a batch inside a transaction, each by itself, and writes what was accepted.
pub(crate) async fn decide_in_txn(work: Work<'_>, asks: &[Ask]) -> Result<Vec<Result<Decision>>> {
    let known = Known::read(work.txn, asks).await?;
    let mut decider = known.open(work, asks).await?;
    let mut decisions: Vec<Option<Result<Decision>>> = Vec::with_capacity(asks.len());
    let (mut accepted, mut twins) = (Vec::new(), Vec::new());
    let mut firsts: HashMap<(&str, &str), usize> = HashMap::new();
    for (position, ask) in asks.iter().enumerate() {
        let id = (ask.wish.scope(), ask.key.request_id.as_str());
        let first = if id.1.is_empty() { None } else { firsts.get(&id).copied() };
        let decision = match (decider.answered(ask), first) {
            (Some(answer), _) => Some(answer),
            (None, Some(first)) if asks[first].key.fingerprint != ask.key.fingerprint => Some(Err(reused())),
            (None, Some(first)) => {
                twins.push((position, first));
                None
            }
            (None, None) => match decider.accept(work, ask).await? {
                Ok(row) => {
                    firsts.insert(id, position);
                    accepted.push(Accepted { ask, row, position });
                    None
                }
                Err(refusal) => Some(Err(refusal)),
            },
        };
        decisions.push(decision);
    }
    for (position, row) in write(work, &accepted, &decider).await? {
        let id = row.reservation.id;
        for (twin, _) in twins.iter().filter(|(_, first)| *first == position) {
            decisions[*twin] = Some(Ok(Decision::Before(id)));
        }
        let waits = row.reservation.state == ReservationState::Waitlisted;
        // Who waits may have an offer a moment later, and is read again.
        decisions[position] =
            Some(Ok(if waits { Decision::Before(id) } else { Decision::Made(Box::new(row)) }));
    }
    // Somebody comes to a lesson to which nobody came.
    let classes = accepted.iter().filter(|one| one.row.state == ReservationState::Placed);
    let classes = classes.filter_map(|one| one.row.seat).map(|(class_id, _)| class_id);
    notice::look_at_classes(work, classes).await?;
    said_yes_in_txn(work, &decider.said_yes(&accepted)).await?;
    let waiting: BTreeSet<i64> = accepted
        .iter()
        .filter(|one| one.row.state == ReservationState::Waitlisted)
        .map(|one| one.row.template_id)
        .collect();
    if !waiting.is_empty() {
        offer::refresh_in_txn(work, &Vec::from_iter(waiting)).await?;
    }
    decisions
        .into_iter()
        .map(|decision| decision.ok_or_else(|| Error::internal("a sign-up was not decided")))
        .collect()
}

/// A sign-up that is to be written.
struct Accepted<'a> {
    ask: &'a Ask,
    row: NewRow,
    position: usize,
}

impl Decider<'_> {
    /// Checks the rules and takes places and seat, in memory.
    async fn accept(&mut self, work: Work<'_>, ask: &Ask) -> Result<Result<NewRow>> {
        let known = self.known;
        let Some(student) = known.students.get(&ask.student) else {
            return Ok(Err(Error::not_found("student", &ask.student)));
        };
        let Some(template) = known.templates.get(&ask.class_template) else {
            return Ok(Err(Error::not_found("class template", &ask.class_template)));
        };
        if template.is_make_up && ask.wish != Wish::MakeUp {
            return Ok(Err(Refusal::for_make_ups().into()));
        }
        if student.grade != template.grade {
            return Ok(Err(Refusal::grade(student.grade, template.grade).into()));
        }
        let wanted = places_between(self.book.places(template.id), ask.start_day, ask.end_day);
        let Some(first) = wanted.first().copied() else {
            return Ok(Err(Refusal::no_lesson_day(ask.start_day, ask.end_day).into()));
        };
        let days: Vec<Day> = wanted.iter().map(|place| place.day).collect();
        let seat = match self.seat(ask, template, student, &days) {
            Ok(seat) => seat,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let in_time = match (ask.wish, start_rule(work.app.rules(), first.day, first.start_at, work.now)) {
            (_, Start::Open) => true,
            // In a class that is full a seat may come free.
            (Wish::Wait, Start::SeatOnly) => self.seats.contains_key(&template.id),
            (_, Start::SeatOnly) => seat.is_some(),
            (_, Start::Closed) => false,
        };
        if !in_time {
            let from = first_possible_day(work.app.time().day(work.now));
            let possible =
                reservation::place_first_day(work.txn, template.id, from, ask.wish == Wish::Wait).await?;
            return Ok(Err(Refusal::too_late(first.day, possible).into()));
        }
        if ask.wish == Wish::Wait {
            return self.accept_waiting(work, ask, student, template).await;
        }
        let (mut claim, mut held_until) = (Claim::SignUp, None);
        if ask.wish == Wish::Hold {
            // What is in the way is told before for how long.
            if let Err(refusal) = self.book.check(student.id, template.id, ask.start_day, ask.end_day) {
                return Ok(Err(refusal.into()));
            }
            let held = self.held.get(&(student.id, template.id)).map_or(&[][..], Vec::as_slice);
            let of = HoldDays {
                days: &days,
                first_start: first.start_at,
                has_seat: seat.is_some(),
                lasts_until: None,
            };
            match allowed_until(&work, of, held) {
                Ok(until) => (claim, held_until) = (Claim::Hold, Some(until)),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        if let Err(refusal) = self.book.take(student.id, template.id, claim, ask.start_day, ask.end_day) {
            return Ok(Err(refusal.into()));
        }
        let class = seat.and_then(|position| {
            self.seats.get_mut(&template.id).and_then(|classes| classes.get_mut(position))
        });
        let class_id = class.map(|class| {
            class.take(&days);
            class.class_id
        });
        let state = match (ask.wish, class_id) {
            (Wish::Hold, _) => ReservationState::Held,
            (_, Some(_)) => ReservationState::Placed,
            (_, None) => ReservationState::Booked,
        };
        Ok(Ok(NewRow {
            student_id: student.id,
            template_id: template.id,
            start_day: ask.start_day,
            end_day: ask.end_day,
            state,
            created_at: work.now,
            expires_at: held_until,
            seat: class_id.map(|class| (class, first.day)),
            waits: None,
        }))
    }

    /// A place on the waiting list takes nothing; it closes at F of its first lesson.
    async fn accept_waiting(
        &mut self,
        work: Work<'_>,
        ask: &Ask,
        student: &WantingStudent,
        template: &WantedTemplate,
    ) -> Result<Result<NewRow>> {
        let first = match self
            .book
            .check(student.id, template.id, ask.start_day, ask.end_day)
            .map(|wanted| wanted.first().copied())
        {
            Ok(Some(first)) => first,
            Ok(None) => return Ok(Err(Refusal::no_lesson_day(ask.start_day, ask.end_day).into())),
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        // One of the same batch is not written yet.
        let waits = |(who, what, first, last): &(i64, i64, Day, Day)| {
            (*who, *what) == (student.id, template.id) && *first <= ask.end_day && ask.start_day <= *last
        };
        let range = (ask.start_day, ask.end_day);
        if self.waiting.iter().any(waits)
            || reservation::reservation_is_waiting(work.txn, student.id, template.id, range, work.now).await?
        {
            return Ok(Err(Refusal::waiting(&[first.day]).into()));
        }
        self.waiting.push((student.id, template.id, ask.start_day, ask.end_day));
        Ok(Ok(NewRow {
            student_id: student.id,
            template_id: template.id,
            start_day: ask.start_day,
            end_day: ask.end_day,
            state: ReservationState::Waitlisted,
            created_at: work.now,
            expires_at: Some(confirm_until(work.app.rules(), first.day, first.start_at, true)),
            seat: None,
            waits: Some((work.now, first.day)),
        }))
    }

    /// The sign-ups of those who wait for something.
    fn said_yes(&self, accepted: &[Accepted<'_>]) -> Vec<Yes> {
        let waits = |student: i64| {
            self.waiting_before.contains(&student) || self.waiting.iter().any(|(who, ..)| *who == student)
        };
        let rows = accepted
            .iter()
            .map(|one| &one.row)
            .filter(|row| !ReservationState::RUNNING_OUT.contains(&row.state));
        let yes = |row: &NewRow| Yes {
            student_id: row.student_id,
            template_id: row.template_id,
            first: row.start_day,
            last: row.end_day,
        };
        rows.filter(|row| waits(row.student_id)).map(yes).collect()
    }

    /// The seat in a running class for these days: its position among the template's classes.
    fn seat(
        &self,
        ask: &Ask,
        template: &WantedTemplate,
        student: &WantingStudent,
        days: &[Day],
    ) -> Result<Option<usize>> {
        let classes = self.seats.get(&template.id).map_or(&[][..], Vec::as_slice);
        let pupil = Pupil { student_id: student.id, city: city(&student.area_code) };
        let max = i64::from(template.max_students_per_class);
        match ask.wish {
            Wish::Change(Some(class_id)) => {
                let position = classes.iter().position(|class| class.class_id == class_id);
                let position = position.ok_or_else(|| Error::not_found("running class", class_id))?;
                super::seat::check(&classes[position], &pupil, days, max)?;
                Ok(Some(position))
            }
            _ => Ok(find_seat(classes, &pupil, days, max)),
        }
    }
}

/// Writes what was accepted; the reservations by the position of what was asked for.
async fn write<'a>(
    work: Work<'_>,
    accepted: &[Accepted<'a>],
    decider: &Decider<'_>,
) -> Result<Vec<(usize, ReservationRow)>> {
    if accepted.is_empty() {
        return Ok(Vec::new());
    }
    let takes = accepted.iter().map(|one| &one.row).filter(|row| row.state.takes_places());
    let changes = decider.book.taken(takes.map(|row| (row.template_id, row.start_day, row.end_day)));
    let entry = |Accepted { ask, row, .. }: &Accepted<'a>| sign_up::Entry {
        row: *row,
        cause: row.state.takes_places().then(|| ask.wish.cause()),
        student: &ask.student,
        request_id: &ask.key.request_id,
        // A change records its own.
        request: (!ask.key.request_id.is_empty() && !matches!(ask.wish, Wish::Change(_)))
            .then(|| (ask.wish.scope(), ask.key.fingerprint.as_str())),
    };
    let entries: Vec<sign_up::Entry<'_>> = accepted.iter().map(entry).collect();
    let ids = sign_up::entry_insert_set_in_txn(work.txn, &entries, &changes, work.now).await?;
    let written = accepted.iter().map(|one| one.row).zip(&ids);
    note_holds_in_txn(
        work.txn,
        written.filter(|(row, _)| row.state == ReservationState::Held).map(|(row, id)| (*id, row)),
    )
    .await?;
    let written = accepted.iter().zip(ids).map(|(Accepted { ask, row, position }, id)| {
        let (student, class_template) = (ask.student.clone(), ask.class_template.clone());
        (*position, ReservationRow { reservation: row.as_written(id), student, class_template })
    });
    Ok(written.collect())
}
