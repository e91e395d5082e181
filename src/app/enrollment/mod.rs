//! Sign-ups of students: a place on every lesson day of the range or none, and taking them back (DOMAIN.md §2, §6).

pub mod desk;

use super::App;
use super::input::RequestKey;
use super::staffing::demand::demand_changed;
use crate::domain::calendar::cut_off;
use crate::domain::places::{Refusal, first_possible_day};
use crate::domain::state::ReservationState;
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::entity::{class_template, reservation, student};
use crate::storage::page::{Page, Paged};
use crate::storage::reservation as store;
use crate::storage::reservation::ReservationFilter;
use crate::storage::sql::sql;
use crate::write_txn;
use chrono::TimeDelta;

pub use crate::storage::reservation::ReservationRow;

/// The request ids of this use case.
const CREATE: &str = "CreateReservation";

/// What a student signs up for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReservation {
    /// User name of the student.
    pub student: String,
    /// Code of the class template.
    pub class_template: String,
    /// First day.
    pub start_day: Day,
    /// Last day, not before the first.
    pub end_day: Day,
}

/// Signs a student up.
///
/// # Errors
/// `NotFound` for the student or the template; `Precondition` with GRADE_MISMATCH, NOT_A_LESSON_DAY, TOO_LATE, ALREADY_RESERVED,
/// SCHEDULE_CONFLICT or PLACES_EXHAUSTED, the detail naming the days.
pub async fn create_reservation(app: &App, new: &NewReservation, key: &RequestKey, now: Instant) -> Result<ReservationRow> {
    if new.end_day < new.start_day {
        return Err(Error::invalid("end_day", "is before start_day"));
    }
    let id = write_txn!(&app.db, "reservation.create", |txn| {
        let student = store::student_of_name(txn, &new.student).await?.ok_or_else(|| Error::not_found("student", &new.student))?;
        let template = store::template_of_code(txn, &new.class_template)
            .await?
            .ok_or_else(|| Error::not_found("class template", &new.class_template))?;
        take_turns_at_cut_off(app, txn, template.id, new, now).await?;
        // Marked first, though it may come to nothing: tasks are locked before students and places.
        demand_changed(txn, &[template.id]).await?;
        if store::student_lock_in_txn(txn, student.id).await? != 1 {
            return Err(Error::not_found("student", &new.student));
        }
        // Asked under the student's lock: of two equal requests the second finds what the first has made.
        if let Some(made) = key.claimed(txn, CREATE).await? {
            return made.parse::<i64>().map_err(|_| Error::Corrupt { table: "request_log", column: "result", id: key.request_id.clone() });
        }
        let id = reserve(app, txn, &student, &template, new, now).await?;
        key.record(txn, CREATE, id, now).await?;
        Ok(id)
    })?;
    get_reservation(app, id).await
}

/// Close to the cut-off of its first lesson a sign-up takes turns with `invite create` and asks the clock again: what commits after the
/// tasks were made must not look as if it had been there before, or nobody would count it.
async fn take_turns_at_cut_off(app: &App, txn: &Txn, template_id: i64, new: &NewReservation, now: Instant) -> Result<()> {
    let close = |day: Day| cut_off(app.time(), day) - now < TimeDelta::minutes(1);
    // The first lesson is not before the first day.
    if !close(new.start_day) {
        return Ok(());
    }
    let days = store::place_days(txn, template_id, new.start_day, new.end_day).await?;
    let Some((first_lesson, _)) = days.first().copied().filter(|(day, _)| close(*day) && now < cut_off(app.time(), *day)) else {
        return Ok(());
    };
    sql("UPDATE mutex SET version = version + 1 WHERE name = ?").bind("create").execute(txn).await?;
    let again = app.now().await?;
    if again < cut_off(app.time(), first_lesson) {
        return Ok(());
    }
    let possible = store::place_first_day(txn, template_id, first_possible_day(app.time().day(again))).await?;
    Err(Refusal::too_late(first_lesson, possible).into())
}

/// Checks the rules and writes, under the student's lock; the key of the reservation.
async fn reserve(
    app: &App,
    txn: &Txn,
    student: &student::Model,
    template: &class_template::Model,
    new: &NewReservation,
    now: Instant,
) -> Result<i64> {
    if student.grade != template.grade {
        return Err(Refusal::grade(student.grade, template.grade).into());
    }
    let (first, last) = (new.start_day, new.end_day);
    let days = store::place_days(txn, template.id, first, last).await?;
    let Some((first_lesson, _)) = days.first().copied() else {
        return Err(Refusal::no_lesson_day(first, last).into());
    };
    if now >= cut_off(app.time(), first_lesson) {
        let possible = store::place_first_day(txn, template.id, first_possible_day(app.time().day(now))).await?;
        return Err(Refusal::too_late(first_lesson, possible).into());
    }
    let overlaps = store::reservation_overlaps(txn, student.id, template.id, first, last).await?;
    let (same, other): (Vec<_>, Vec<_>) = overlaps.into_iter().partition(|(of, _)| *of == template.id);
    let days_of = |found: Vec<(i64, Day)>| {
        let mut days: Vec<Day> = found.into_iter().map(|(_, day)| day).collect();
        days.dedup();
        days
    };
    if !same.is_empty() {
        return Err(Refusal::already_reserved(&days_of(same)).into());
    }
    if !other.is_empty() {
        return Err(Refusal::conflict(&days_of(other)).into());
    }
    // The guard decides, not the look before it: one statement takes what is free, and all of it or nothing stays.
    let taken = store::place_take_in_txn(txn, template.id, first, last).await?;
    if usize::try_from(taken) != Ok(days.len()) {
        let full = store::place_full_days(txn, template.id, first, last).await?;
        // Nothing full: the lesson days themselves were changed meanwhile.
        return Err(if full.is_empty() { Error::Contended("reservation.create") } else { Refusal::full(&full).into() });
    }
    let insert =
        store::ReservationInsert { student_id: student.id, template_id: template.id, start_day: first, end_day: last, created_at: now };
    store::reservation_insert_in_txn(txn, insert).await
}

/// One reservation.
pub async fn get_reservation(app: &App, id: i64) -> Result<ReservationRow> {
    store::reservation_with_names(app.db.reader(), id).await?.ok_or_else(|| Error::not_found("reservation", id))
}

/// Which reservations to list, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservationQuery {
    /// Of the student with this user name.
    pub student: Option<String>,
    /// Of the class template with this code.
    pub class_template: Option<String>,
    /// That cover this day.
    pub day: Option<Day>,
    /// In one of these states; none = all.
    pub states: Vec<ReservationState>,
    /// Of the students of this class.
    pub class_id: Option<i64>,
}

/// Reservations in the order in which they were made.
///
/// # Errors
/// `NotFound` for a student, class template or class that is not there.
pub async fn list_reservations(app: &App, query: &ReservationQuery, page: &Page) -> Result<Paged<ReservationRow>> {
    let conn = app.db.reader();
    let ReservationQuery { student, class_template, day, states, class_id } = query;
    let student_id = match student {
        Some(name) => Some(store::student_of_name(conn, name).await?.ok_or_else(|| Error::not_found("student", name))?.id),
        None => None,
    };
    let template_id = match class_template {
        Some(code) => Some(store::template_of_code(conn, code).await?.ok_or_else(|| Error::not_found("class template", code))?.id),
        None => None,
    };
    if let Some(id) = *class_id
        && !store::class_exists(conn, id).await?
    {
        return Err(Error::not_found("class", id));
    }
    let filter = ReservationFilter { student_id, template_id, day: *day, states: states.clone(), class_id: *class_id };
    Ok(page.cut(store::reservation_list(conn, &filter, page).await?, |row| row.reservation.id))
}

/// Takes a reservation back from `from_day` on, at the earliest from its next lesson that has not begun; the places are free again.
/// What is over or given up already stays as it is, so that cancelling twice changes nothing.
///
/// # Errors
/// `NotFound`.
pub async fn cancel_reservation(app: &App, id: i64, from_day: Option<Day>, now: Instant) -> Result<ReservationRow> {
    let template_id = get_reservation(app, id).await?.reservation.template_id;
    write_txn!(&app.db, "reservation.cancel", |txn| {
        // Tasks are locked before students and places.
        demand_changed(txn, &[template_id]).await?;
        let before = store::reservation_with_names(txn, id).await?.ok_or_else(|| Error::not_found("reservation", id))?.reservation;
        store::student_lock_in_txn(txn, before.student_id).await?;
        // Read again under the lock.
        let before = store::reservation_with_names(txn, id).await?.ok_or_else(|| Error::not_found("reservation", id))?.reservation;
        give_back(app, txn, &before, from_day, now).await
    })?;
    get_reservation(app, id).await
}

/// Frees the places from `from_day` on and shortens the reservation.
async fn give_back(app: &App, txn: &Txn, before: &reservation::Model, from_day: Option<Day>, now: Instant) -> Result<()> {
    if !matches!(before.state, ReservationState::Held | ReservationState::Booked | ReservationState::Placed) {
        return Ok(());
    }
    let days = store::place_days(txn, before.template_id, before.start_day, before.last_day).await?;
    let ahead = |(day, start_at): &&(Day, Instant)| *start_at > now && from_day.is_none_or(|from| from <= *day);
    let Some(from) = days.iter().find(ahead).map(|(day, _)| *day) else {
        return Ok(());
    };
    let something_left = days.iter().any(|(day, _)| *day < from);
    let state = if something_left { before.state } else { ReservationState::Cancelled };
    if !store::reservation_shorten_in_txn(txn, before, add_days(from, -1), state, now).await? {
        return Err(Error::Contended("reservation.cancel"));
    }
    if let Some(class_id) = before.class_id {
        super::staffing::roster::student_left(app, txn, class_id, from, now).await?;
    }
    // Places are locked last.
    let freed = store::place_free_in_txn(txn, before.template_id, from, before.last_day).await?;
    if usize::try_from(freed) != Ok(days.iter().filter(|(day, _)| *day >= from).count()) {
        return Err(Error::Contended("reservation.cancel"));
    }
    Ok(())
}
