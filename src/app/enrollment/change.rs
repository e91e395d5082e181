//! Changes a sign-up to another template, other days or another class, and moves students between
//! classes (docs/domain.md §6).
//!
//! It is all one transaction: the old part is given up, the new part is decided like any sign-up,
//! and a refusal undoes both. Days of the same template that both have in common are never given
//! up: their places, seats and leave stay the student's.

use super::batch::decide_in_txn;
use super::confirm::lock_in_txn;
use super::extend::{extend_in_txn, shorten_in_txn};
use super::free::{GivenBack, give_back_in_txn};
use super::part::rest_in_txn;
use super::tell::{SignedUp, class_from};
use super::turn::take_turns_at_cut_off;
use super::{get_reservation, offer, seat as one_seat, still_there, stored};
use crate::app::call::{Call, Work};
use crate::app::outbox::{Draft, Person};
use crate::app::sign_up::{Ask, Decision, Wish};
use crate::app::staffing::demand::demand_changed;
use crate::app::staffing::roster::student_left;
use crate::app::{App, outbox};
use crate::domain::actor::Actor;
use crate::domain::apart::Pupil;
use crate::domain::calendar::Timeline;
use crate::domain::city::city;
use crate::domain::places::Refusal;
use crate::domain::state::reservation::Event;
use crate::domain::state::{MessageKind, PlaceCause, ReservationState};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::message::content::{ClassFacts, ClassNews};
use crate::storage::entity::{class, reservation, student};
use crate::storage::ledger::place_change_by_in_txn;
use crate::storage::reservation::{
    ReservationRow, place_days, reservation_move_in_txn, reservation_shorten_in_txn, reservation_with_names,
};
use crate::storage::{Txn, catalog, leave, seat};
use sea_orm::{ConnectionTrait, EntityTrait};

/// What a sign-up is changed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// The reservation.
    pub id: i64,
    /// Code of the template; none = that of the class, or the same.
    pub class_template: Option<String>,
    /// The class, if one in particular.
    pub class_id: Option<i64>,
    /// First day of the new part; none = the first lesson that is ahead.
    pub from_day: Option<Day>,
    /// Last day of the new part; none = the last of the old one.
    pub end_day: Option<Day>,
}

/// A student to be moved by staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    /// The reservation.
    pub id: i64,
    /// The class.
    pub class_id: i64,
    /// First day in it; none = the first lesson whose roster is not frozen.
    pub from_day: Option<Day>,
}

/// Both parts of a sign-up that was changed.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// The new part.
    pub after: ReservationRow,
    /// The old part, as it is now.
    pub before: ReservationRow,
}

/// Changes a sign-up; the student keeps the old one when the new one is refused, and is told what
/// staff have changed.
///
/// # Errors
/// `NotFound`; those of a sign-up; CLASS_FULL, SAME_CITY, BLOCKED, NOT_A_LESSON_DAY for a class in
/// particular; CANCELLED when it is no sign-up (any more).
pub(crate) async fn change_reservation(call: &Call<'_>, change: &Change) -> Result<Parts> {
    const SCOPE: &str = "ChangeReservation";
    let known = stored(call.app, change.id).await?;
    let from = known.reservation.template_id;
    let wanted = target(call.app.db.reader(), change, &known).await?;
    let to = match catalog::template_by_code(call.app.db.reader(), &wanted).await? {
        Some(template) => template.id,
        None => from,
    };
    let _turns = call.app.turns.of_templates(from, to).await?;
    let call = &call.or_student(&known.student).after_turn().await?;
    let id = in_txn!(call, "reservation.change", |work| {
        let target = target(work.txn, change, &known).await?;
        let mut ask = Ask {
            wish: Wish::Change(change.class_id),
            student: known.student.clone(),
            class_template: target.clone(),
            start_day: change.from_day.unwrap_or(known.reservation.start_day),
            end_day: change.end_day.unwrap_or(known.reservation.last_day),
            key: call.key.clone(),
        };
        let later = take_turns_at_cut_off(work, std::slice::from_ref(&ask)).await?;
        let work = Work::new(&later, work.txn);
        let mut other = None;
        if target != known.class_template {
            // Tasks of both templates are locked before the student.
            let template = catalog::template_by_code(work.txn, &target)
                .await?
                .ok_or_else(|| Error::not_found("class template", &target))?;
            demand_changed(work.txn, &[template.id]).await?;
            other = Some(template.id);
        }
        let before = lock_in_txn(work.txn, known.reservation.template_id, change.id).await?;
        if let Some(made) = work.claimed_key(SCOPE).await? {
            return Ok(made);
        }
        signed_up(before.state.at(before.expires_at, work.now))?;
        let same_days = change.end_day.is_none_or(|end| end == before.last_day);
        if let Some(class_id) = change.class_id.filter(|_| target == known.class_template && same_days) {
            let made = move_in_txn(work, &before, &known.student, class_id, change.from_day).await?;
            work.record(SCOPE, made).await?;
            return Ok(made);
        }
        let days = place_days(work.txn, before.template_id, before.start_day, before.last_day).await?;
        let ahead = |(day, start): &&(Day, Instant)| {
            *start > work.now && change.from_day.is_none_or(|from| from <= *day)
        };
        let from = days.iter().find(ahead).map(|(day, _)| *day);
        // What is over cannot be changed, and the new part does not begin in the past.
        ask.start_day = change
            .from_day
            .or(from)
            .unwrap_or_else(|| work.app.time().day(work.now))
            .max(work.app.time().day(work.now));
        ask.end_day = change.end_day.unwrap_or(before.last_day);
        if ask.end_day < ask.start_day {
            let detail = format!(
                "{} is before {}, the first day that can still be changed",
                ask.end_day, ask.start_day
            );
            return Err(Error::refused_on(Reason::NotALessonDay, detail, [ask.end_day]));
        }
        // Classes before places, whichever of them the change comes to need.
        let concerned = concerned_by(&before, other);
        seat::seat_lock_in_txn(work.txn, &concerned, work.app.time().day(work.now)).await?;
        let had = SignedUp::read(work, before.student_id, &concerned).await?;
        // The list first: who waits was promised what is free. What is given up now is free when
        // the new part is there.
        offer::refresh_in_txn(work, &concerned).await?;
        let in_both = from.is_some_and(|from| other.is_none() && from <= ask.end_day);
        let made = if in_both {
            keep_in_txn(work, &before, change, &ask).await?
        } else {
            if let Some(from) = from {
                let (from, state) = if days.iter().any(|(day, _)| *day < from) {
                    (from, before.state)
                } else {
                    (before.start_day, before.state.after(Event::Cancelled)?)
                };
                give_back_in_txn(work, &before, GivenBack { from, state, cause: PlaceCause::Change }).await?;
            }
            sign_up_in_txn(work, &ask).await?
        };
        work.record(SCOPE, made).await?;
        had.tell_change(work, &before).await?;
        offer::refresh_in_txn(work, &[before.template_id]).await?;
        Ok(made)
    })?;
    parts(call.app, id, change.id).await
}

/// The templates of which a change takes or frees places.
fn concerned_by(before: &reservation::Model, other: Option<i64>) -> Vec<i64> {
    let mut ids = vec![before.template_id];
    ids.extend(other.filter(|id| *id != before.template_id));
    ids.sort_unstable();
    ids
}

/// Other days of the same template, some of which the student has: the same reservation gets
/// another last day, and goes to another class if it is to. Days before its first, and those that
/// its class has no seat for, are a sign-up of their own. The key of what is new, or of the
/// reservation.
async fn keep_in_txn(work: Work<'_>, before: &reservation::Model, change: &Change, ask: &Ask) -> Result<i64> {
    let mut made = before.id;
    if ask.end_day < before.last_day {
        shorten_in_txn(work, before, ask.end_day).await?;
    }
    let earlier = Ask { end_day: ask.end_day.min(add_days(before.start_day, -1)), ..ask.clone() };
    let is_earlier = earlier.start_day <= earlier.end_day;
    if is_earlier
        && !place_days(work.txn, before.template_id, earlier.start_day, earlier.end_day).await?.is_empty()
    {
        made = sign_up_in_txn(work, &earlier).await?;
    }
    if before.last_day < ask.end_day && !extend_in_txn(work, before, (ask.end_day, change.class_id)).await? {
        made = sign_up_in_txn(work, &Ask { start_day: add_days(before.last_day, 1), ..ask.clone() }).await?;
    }
    let Some(class_id) = change.class_id.filter(|id| before.class_id != Some(*id)) else { return Ok(made) };
    let row = reservation_with_names(work.txn, before.id)
        .await?
        .ok_or_else(|| Error::not_found("reservation", before.id))?;
    move_in_txn(work, &row.reservation, &ask.student, class_id, change.from_day).await
}

/// Signs up for the new part.
async fn sign_up_in_txn(work: Work<'_>, ask: &Ask) -> Result<i64> {
    match decide_in_txn(work, std::slice::from_ref(ask)).await?.pop() {
        Some(Ok(Decision::Made(row))) => {
            let row = row.reservation;
            if let Actor::Admin(_) = work.actor {
                place_change_by_in_txn(work.txn, (row.template_id, row.id), &work.author()).await?;
            }
            Ok(row.id)
        }
        Some(Ok(Decision::Before(id))) => Ok(id),
        Some(Err(refusal)) => Err(refusal),
        None => Err(Error::internal("a change was not decided")),
    }
}

/// The template that is changed to.
async fn target(conn: &impl ConnectionTrait, change: &Change, known: &ReservationRow) -> Result<String> {
    let Some(class_id) = change.class_id else {
        return Ok(change.class_template.clone().unwrap_or_else(|| known.class_template.clone()));
    };
    let class = class::Entity::find_by_id(class_id)
        .one(conn)
        .await?
        .ok_or_else(|| Error::not_found("class", class_id))?;
    let codes = catalog::template_codes(conn, [class.template_id]).await?;
    let code =
        codes.get(&class.template_id).ok_or_else(|| Error::not_found("class template", class.template_id))?;
    match &change.class_template {
        Some(wanted) if wanted != code => {
            Err(Error::invalid("class_template", "is not the template of class_id"))
        }
        _ => Ok(code.clone()),
    }
}

fn signed_up(state: ReservationState) -> Result<()> {
    let detail = match state {
        ReservationState::Booked | ReservationState::Placed => return Ok(()),
        ReservationState::Held => {
            "the reservation is a hold: it can be changed once it is confirmed".to_owned()
        }
        ReservationState::Waitlisted | ReservationState::Offered => {
            "the reservation is on the waiting list: it can be changed once an offer is taken".to_owned()
        }
        ReservationState::Ended | ReservationState::Cancelled | ReservationState::Expired => {
            format!("the reservation is {state}: there is no sign-up left to change")
        }
    };
    Err(Error::precondition(Reason::Cancelled, detail))
}

/// Puts a student into another class of the same template.
///
/// # Errors
/// `NotFound`; NO_CLASS when the student is in none; CLASS_FULL, SAME_CITY, BLOCKED,
/// NOT_A_LESSON_DAY, TOO_LATE.
pub(crate) async fn move_student(call: &Call<'_>, wanted: &Move) -> Result<Parts> {
    const SCOPE: &str = "MoveStudent";
    let known = stored(call.app, wanted.id).await?;
    let _turn = call.app.turns.of_template(known.reservation.template_id).await?;
    let id = in_txn!(call, "reservation.move", |work| {
        let before = lock_in_txn(work.txn, known.reservation.template_id, wanted.id).await?;
        if let Some(made) = work.claimed_key(SCOPE).await? {
            return Ok(made);
        }
        if before.state != ReservationState::Placed {
            return Err(Error::precondition(
                Reason::NoClass,
                format!("the reservation is {}: the student is in no class", before.state),
            ));
        }
        let made = move_in_txn(work, &before, &known.student, wanted.class_id, wanted.from_day).await?;
        work.record(SCOPE, made).await?;
        Ok(made)
    })?;
    parts(call.app, id, wanted.id).await
}

/// Both parts as they are now.
///
/// # Errors
/// CANCELLED when the request made the new one before and it was cancelled since.
async fn parts(app: &App, after: i64, before: i64) -> Result<Parts> {
    let after = still_there(Wish::Change(None), get_reservation(app, after).await?)?;
    Ok(Parts { after, before: get_reservation(app, before).await? })
}

/// From a day on in another class of the same template; the places stay the student's. The key of
/// the part in that class: the same reservation when no lesson lies before the day, else a new one.
async fn move_in_txn(
    work: Work<'_>,
    before: &reservation::Model,
    student: &str,
    class_id: i64,
    from_day: Option<Day>,
) -> Result<i64> {
    let template = catalog::template_by_ids(work.txn, [before.template_id]).await?.pop();
    let template = template.ok_or_else(|| Error::not_found("class template", before.template_id))?;
    let today = work.app.time().day(work.now);
    seat::seat_lock_in_txn(work.txn, &[template.id], today).await?;
    let classes =
        seat::seat_list(work.txn, &[template.id], today).await?.remove(&template.id).unwrap_or_default();
    let target = classes.iter().find(|class| class.class_id == class_id);
    let Some(target) = target else { return Err(no_class(work.txn, template.id, class_id).await?) };
    let days = place_days(work.txn, template.id, before.start_day, before.last_day).await?;
    let open = |day: Day, start: Instant| work.now < Timeline::of(work.app.rules(), day, start).freeze_at;
    let wanted: Vec<(Day, Instant)> =
        days.iter().copied().filter(|(day, _)| from_day.is_none_or(|from| from <= *day)).collect();
    let from = match (from_day, wanted.iter().find(|(day, start)| open(*day, *start))) {
        // A roster that is frozen stays as it is, so the day asked for must be before its F.
        (Some(_), _) if wanted.first().is_some_and(|(day, start)| !open(*day, *start)) => {
            let possible = wanted.iter().find(|(day, start)| open(*day, *start)).map(|(day, _)| *day);
            return Err(Refusal::too_late(wanted[0].0, possible).into());
        }
        (_, Some((day, _))) => *day,
        (_, None) => return Err(no_lesson_ahead(&wanted, from_day, work.now)),
    };
    if before.class_id == Some(class_id) {
        return Ok(before.id);
    }
    let on_leave = leave::leave_days(work.txn, before.id, from, before.last_day).await?;
    let stay: Vec<Day> =
        wanted.iter().map(|(day, _)| *day).filter(|day| *day >= from && !on_leave.contains(day)).collect();
    let person = crate::storage::entity::student::Entity::find_by_id(before.student_id).one(work.txn).await?;
    let person = person.ok_or_else(|| Error::not_found("student", student))?;
    let pupil = Pupil { student_id: person.id, city: city(&person.area_code) };
    one_seat::check(target, &pupil, &stay, i64::from(template.max_students_per_class))?;
    // In a class: lessons with it. In none: lessons ahead, for which the student waits to be placed
    // as before.
    let stays = |day: Day, start: Instant| match before.class_id {
        Some(_) => before.placed_from.unwrap_or(before.start_day) <= day,
        None => work.now < start,
    };
    let lessons_before = days.iter().any(|(day, start)| *day < from && stays(*day, *start));
    let id = if lessons_before {
        split(work, before, class_id, from).await?
    } else {
        replace(work.txn, before, class_id, from).await?
    };
    if let Some(old) = before.class_id {
        student_left(work, old).await?;
    }
    crate::app::outbox::notice::look_at_classes(work, [class_id]).await?;
    let start = wanted.iter().find(|(day, _)| *day == from).map_or(work.now, |(_, start)| *start);
    let course = catalog::course_list(work.txn, [template.id]).await?.remove(&template.id);
    let course = course.ok_or_else(|| Error::not_found("class template", template.id))?;
    let class = class_from(&course, stay.first().copied().unwrap_or(from));
    tell_move(work, (before, class_id), (&person, class, start)).await?;
    Ok(id)
}

/// Tells a student of another class, unless it is the one that the student still thinks of: a move
/// that nobody has told yet, and that is moved on or back, is not told.
async fn tell_move(
    work: Work<'_>,
    (before, class_id): (&reservation::Model, i64),
    (person, class, start): (&student::Model, ClassFacts, Instant),
) -> Result<()> {
    let word = |class: i64| format!("CLASS {class}");
    let mut knew = before.class_id.map(word).unwrap_or_default();
    if let Some(left) = before.class_id {
        let kind = MessageKind::ClassChanged;
        let mut waiting = outbox::unsent_about_class(work.txn, kind, &person.user_name, left).await?;
        // What is told of lessons before this one stays so.
        waiting.retain(|row| {
            row.lesson_at.is_some_and(|at| work.app.time().day(at) >= work.app.time().day(start))
        });
        if let Some(first) = waiting.first() {
            knew.clone_from(&first.knew);
        }
        outbox::withdraw(work, &waiting).await?;
    }
    if knew == word(class_id) {
        return Ok(());
    }
    let to = Person::Student { user_name: person.user_name.clone(), phone: person.phone.clone() };
    let draft = Draft {
        version: format!("{class_id}.{}.{}", work.now.unix(), before.version),
        class_id: Some(class_id),
        said: Some((knew, word(class_id))),
        ..Draft::of_class(to, class, ClassNews::ClassChanged, start)
    };
    outbox::write(work, vec![draft]).await.map(drop)
}

/// Why a class is none that a student of the template could be in.
async fn no_class(txn: &Txn, template_id: i64, class_id: i64) -> Result<Error> {
    let found = class::Entity::find_by_id(class_id).one(txn).await?;
    Ok(match found {
        None => Error::not_found("class", class_id),
        Some(class) if class.template_id != template_id => {
            Error::invalid("class_id", "belongs to another class template")
        }
        Some(_) => Error::not_found("running class", class_id),
    })
}

/// Why there is no lesson from which on a student could be in another class.
fn no_lesson_ahead(wanted: &[(Day, Instant)], from_day: Option<Day>, now: Instant) -> Error {
    if let Some((day, _)) = wanted.iter().find(|(_, start)| now < *start) {
        let detail = format!("the roster of the last lesson of the reservation, on {day}, is frozen");
        return Error::refused_on(Reason::TooLate, detail, [*day]);
    }
    let since = from_day.map(|from| format!(" from {from} on")).unwrap_or_default();
    Error::refused_on(
        Reason::NotALessonDay,
        format!("the student has no lesson of this reservation ahead{since}"),
        from_day,
    )
}

/// The same reservation in another class.
async fn replace(txn: &Txn, before: &reservation::Model, class_id: i64, from: Day) -> Result<i64> {
    reservation_move_in_txn(txn, before, class_id, from).await?;
    Ok(before.id)
}

/// A reservation that ends before the day, and one that goes on in the other class; together they
/// take the same places.
async fn split(work: Work<'_>, before: &reservation::Model, class_id: i64, from: Day) -> Result<i64> {
    if !reservation_shorten_in_txn(work.txn, before, add_days(from, -1), before.state, work.now).await? {
        return Err(Error::Contended("reservation.move"));
    }
    rest_in_txn(work, before, from, Some(class_id)).await
}
