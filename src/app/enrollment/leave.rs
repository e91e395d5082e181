//! Leave from one lesson: its place, and the seat in the class, become free for others
//! (docs/domain.md §6).

use super::confirm::lock_in_txn;
use super::turn::take_turn;
use super::{offer, stored};
use crate::app::App;
use crate::app::call::{Call, Work};
use crate::app::outbox::notice::{self, Asked};
use crate::domain::calendar::Timeline;
use crate::domain::notice::Word;
use crate::domain::places::Refusal;
use crate::domain::sign_up::leave_until;
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::entity::{class_template, reservation};
use crate::storage::ledger::{PlaceChange, place_change_write_in_txn};
use crate::storage::reservation::{place_days, place_free_in_txn, place_take_in_txn};
use crate::storage::{Txn, catalog, leave, seat, staffing};

/// Takes leave for the lesson of a day; how many lessons the student may still take leave from in
/// this season. Twice changes nothing.
///
/// # Errors
/// `NotFound`; NOT_A_LESSON_DAY, LEAVE_TOO_LATE, LEAVE_LIMIT.
pub(crate) async fn request_leave(call: &Call<'_>, id: i64, day: Day) -> Result<u32> {
    let known = stored(call.app, id).await?;
    let call = &call.or_student(&known.student);
    let _turn = call.app.turns.of_template(known.reservation.template_id).await?;
    in_txn!(call, "leave.request", |work| {
        // By turns with `invite create`: what it does not see its tasks must be told, and it shows
        // them only when it is done.
        let later = take_turn(work).await?;
        let work = Work::new(&later, work.txn);
        let before = lock_in_txn(work.txn, known.reservation.template_id, id).await?;
        let lesson = lesson(work, &before, day).await?;
        let taken = leave::leave_count(work.txn, before.student_id, lesson.template.season_id).await?;
        if !leave::leave_days(work.txn, id, day, day).await?.is_empty() {
            return Ok(left(work.app, taken));
        }
        if taken >= i64::from(work.app.rules().leave_limit) {
            let detail = format!("leave was taken from {taken} lessons of this season, which is the limit");
            return Err(Error::refused_on(Reason::LeaveLimit, detail, [day]));
        }
        seat::seat_lock_in_txn(work.txn, &[before.template_id], day).await?;
        leave::leave_insert_in_txn(work.txn, id, day, work.now).await?;
        if place_free_in_txn(work.txn, before.template_id, day, day).await? != 1 {
            return Err(Error::Contended("leave.request"));
        }
        place_change_write_in_txn(
            work.txn,
            &[change(&before, day, -1, PlaceCause::Leave)],
            &work.author(),
            work.now,
        )
        .await?;
        look(work, &known.student, &before, &lesson).await?;
        offer::refresh_in_txn(work, &[before.template_id]).await?;
        Ok(left(work.app, taken + 1))
    })
}

/// Takes leave back; how many lessons the student may still take leave from. What is no leave (any
/// more) stays as it is.
///
/// # Errors
/// `NotFound`; NOT_A_LESSON_DAY, LEAVE_TOO_LATE, PLACES_EXHAUSTED, CLASS_FULL; TOO_LATE for a
/// student without a class whom no task would count any more.
pub(crate) async fn cancel_leave(call: &Call<'_>, id: i64, day: Day) -> Result<u32> {
    let known = stored(call.app, id).await?;
    let call = &call.or_student(&known.student);
    let _turn = call.app.turns.of_template(known.reservation.template_id).await?;
    in_txn!(call, "leave.cancel", |work| {
        let later = take_turn(work).await?;
        let work = Work::new(&later, work.txn);
        let before = lock_in_txn(work.txn, known.reservation.template_id, id).await?;
        let lesson = lesson(work, &before, day).await?;
        let taken = leave::leave_count(work.txn, before.student_id, lesson.template.season_id).await?;
        if leave::leave_days(work.txn, id, day, day).await?.is_empty() {
            return Ok(left(work.app, taken));
        }
        // The list first: who waits was promised what is free.
        offer::refresh_in_txn(work, &[before.template_id]).await?;
        match before.class_id {
            Some(class_id) => back_into_class(work.txn, class_id, &lesson).await?,
            None if is_counted(work, &before, (day, lesson.start)).await? => {}
            None => {
                let detail = format!("the student is in no class, and it is too late for a class on {day}");
                return Err(Error::refused_on(Reason::TooLate, detail, [day]));
            }
        }
        leave::leave_delete_in_txn(work.txn, id, day).await?;
        if place_take_in_txn(work.txn, before.template_id, day, day).await? != 1 {
            return Err(Refusal::full(&[day]).into());
        }
        place_change_write_in_txn(
            work.txn,
            &[change(&before, day, 1, PlaceCause::LeaveCancelled)],
            &work.author(),
            work.now,
        )
        .await?;
        look(work, &known.student, &before, &lesson).await?;
        Ok(left(work.app, taken - 1))
    })
}

/// A lesson of a sign-up.
struct Lesson {
    template: class_template::Model,
    day: Day,
    start: Instant,
}

/// The lesson of a reservation on a day, if leave can be asked for or taken back now.
async fn lesson(work: Work<'_>, of: &reservation::Model, day: Day) -> Result<Lesson> {
    let none = |detail: String| Error::refused_on(Reason::NotALessonDay, detail, [day]);
    if !matches!(of.state, ReservationState::Booked | ReservationState::Placed) {
        return Err(none(format!(
            "the reservation is {}: there is no lesson on {day} to take leave from",
            of.state
        )));
    }
    let covered = of.start_day <= day && day <= of.last_day;
    let found = if covered { place_days(work.txn, of.template_id, day, day).await?.pop() } else { None };
    let Some((_, start)) = found else {
        return Err(none(format!("the student has no lesson of this reservation on {day}")));
    };
    let until = leave_until(work.app.rules(), start);
    if work.now >= until {
        let detail = format!(
            "leave for the lesson on {day} could be requested or taken back only until {}",
            work.app.time().show(until)
        );
        return Err(Error::refused_on(Reason::LeaveTooLate, detail, [day]));
    }
    let template = catalog::template_by_ids(work.txn, [of.template_id]).await?.pop();
    Ok(Lesson {
        template: template.ok_or_else(|| Error::not_found("class template", of.template_id))?,
        day,
        start,
    })
}

fn left(app: &App, taken: i64) -> u32 {
    u32::try_from(i64::from(app.rules().leave_limit) - taken).unwrap_or(0)
}

fn change(of: &reservation::Model, day: Day, delta: i64, cause: PlaceCause) -> PlaceChange {
    PlaceChange {
        template_id: of.template_id,
        reservation_id: Some(of.id),
        first_day: day,
        last_day: day,
        delta,
        cause,
    }
}

/// Leave was taken or taken back: the student knows, and to the class's lesson nobody may come any
/// more, or somebody again.
async fn look(work: Work<'_>, student: &str, of: &reservation::Model, lesson: &Lesson) -> Result<u64> {
    let asked = Asked::student(student, of.template_id, lesson.day, Word::At(lesson.start)).own();
    let written = notice::look_at(work, vec![asked]).await?;
    Ok(written + notice::look_at_classes(work, of.class_id).await?)
}

/// Whether a student without a class would be counted for a lesson by a task: one that is still to
/// be made, one of that day, or one of an earlier day. As [`super::schedule`] says of leave.
pub(super) async fn is_counted(
    work: Work<'_>,
    of: &reservation::Model,
    (day, start): (Day, Instant),
) -> Result<bool> {
    let line = Timeline::of(work.app.rules(), day, start);
    if work.now >= line.freeze_at {
        return Ok(false);
    }
    if work.now < line.cut_off || of.task_id.is_some() {
        return Ok(true);
    }
    Ok(staffing::task_list_open(work.txn, day).await?.iter().any(|task| task.template_id == of.template_id))
}

/// The seat on one day again, if it is still there.
async fn back_into_class(txn: &Txn, class_id: i64, lesson: &Lesson) -> Result<()> {
    let id = lesson.template.id;
    seat::seat_lock_in_txn(txn, &[id], lesson.day).await?;
    let classes = seat::seat_list(txn, &[id], lesson.day).await?.remove(&id).unwrap_or_default();
    let class = classes
        .iter()
        .find(|class| class.class_id == class_id)
        .filter(|class| class.rosters.contains_key(&lesson.day));
    let class = class.ok_or_else(|| {
        Error::refused_on(
            Reason::NotALessonDay,
            format!("the class has no lesson on {}", lesson.day),
            [lesson.day],
        )
    })?;
    let max = i64::from(lesson.template.max_students_per_class);
    if class.rosters.get(&lesson.day).is_some_and(|roster| *roster >= max) {
        return Err(Error::refused_on(
            Reason::ClassFull,
            format!("the class is full on {}", lesson.day),
            [lesson.day],
        ));
    }
    Ok(())
}
