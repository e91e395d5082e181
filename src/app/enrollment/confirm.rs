//! Turns a hold or an offer into a sign-up, and renews holds (docs/domain.md §6).

use super::elsewhere::{Yes, said_yes_in_txn};
use super::hold::{HoldDays, allowed_until, held_before};
use super::turn::take_turn;
use super::{get_reservation, stored};
use crate::app::call::{Call, Work};
use crate::app::staffing::demand::demand_changed;
use crate::domain::state::ReservationState;
use crate::domain::time::{Day, add_days};
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::Txn;
use crate::storage::entity::reservation;
use crate::storage::held_time::{held_time_end_in_txn, held_time_renew_in_txn};
use crate::storage::reservation::{
    ReservationRow, hold_renew_in_txn, place_days, reservation_confirm_in_txn, reservation_with_names,
    student_lock_in_txn,
};
use chrono::TimeDelta;

/// Makes a hold a sign-up: HELD → BOOKED, or PLACED where it kept a seat. Twice changes nothing.
///
/// # Errors
/// `NotFound`; HOLD_EXPIRED when it is no hold (any more).
pub(crate) async fn confirm_hold(call: &Call<'_>, id: i64) -> Result<ReservationRow> {
    confirm(call, id, ReservationState::Held, no_hold).await
}

fn no_hold(state: ReservationState) -> Error {
    let detail = match state {
        ReservationState::Waitlisted | ReservationState::Offered => {
            "the reservation is on the waiting list; it is not a hold"
        }
        ReservationState::Cancelled => "the hold was given back, or its sign-up cancelled",
        _ => "the hold has run out",
    };
    Error::precondition(Reason::HoldExpired, detail)
}

/// A reservation locked by its task and its student, as it is now.
pub(super) async fn lock_in_txn(txn: &Txn, template_id: i64, id: i64) -> Result<reservation::Model> {
    let read = async || -> Result<reservation::Model> {
        let found =
            reservation_with_names(txn, id).await?.ok_or_else(|| Error::not_found("reservation", id))?;
        Ok(found.reservation)
    };
    let before = read().await?;
    // Tasks are locked before students and places.
    demand_changed(txn, &[template_id]).await?;
    student_lock_in_txn(txn, before.student_id).await?;
    let locked = read().await?;
    // A task that has just been made counts the student, and was not there to be marked.
    if locked.task_id == before.task_id { Ok(locked) } else { Err(Error::Contended("reservation.task_id")) }
}

/// `from` → BOOKED or PLACED. It counts as signed up now; what was promised was never promised
/// beyond the cut-off of its first lesson.
pub(super) async fn confirm(
    call: &Call<'_>,
    id: i64,
    from: ReservationState,
    gone: impl Fn(ReservationState) -> Error,
) -> Result<ReservationRow> {
    let template_id = stored(call.app, id).await?.reservation.template_id;
    let _turn = call.app.turns.of_template(template_id).await?;
    let call = &call.after_turn().await?;
    in_txn!(call, "reservation.confirm", |work| {
        // Close to a cut-off by turns with `invite create`, as CreateReservation.
        let next = call.app.time().midnight(add_days(call.app.time().day(call.now), 1));
        let later = match next - call.now < TimeDelta::minutes(1) {
            true => take_turn(work).await?,
            false => call.clone(),
        };
        let work = Work::new(&later, work.txn);
        let before = lock_in_txn(work.txn, template_id, id).await?;
        match before.state {
            ReservationState::Booked | ReservationState::Placed | ReservationState::Ended => return Ok(()),
            state if state == from && before.expires_at.is_some_and(|until| work.now < until) => {}
            state => return Err(gone(state)),
        }
        reservation_confirm_in_txn(work.txn, &before, work.now).await?;
        if from == ReservationState::Held {
            held_time_end_in_txn(work.txn, &[id], work.now).await?;
        }
        crate::app::outbox::notice::look_at_classes(work, before.class_id).await?;
        said_yes_in_txn(work, &[Yes::to(&before)]).await.map(drop)
    })?;
    get_reservation(call.app, id).await
}

/// Keeps a hold for as long as a new one, once.
///
/// # Errors
/// `NotFound`; HOLD_EXPIRED when it is no hold (any more), ALREADY_RENEWED, ALREADY_RESERVED when
/// it was confirmed, HOLD_LIMIT.
pub(crate) async fn renew_hold(call: &Call<'_>, id: i64) -> Result<ReservationRow> {
    let template_id = stored(call.app, id).await?.reservation.template_id;
    let _turn = call.app.turns.of_template(template_id).await?;
    in_txn!(call, "hold.renew", |work| {
        let before = lock_in_txn(work.txn, template_id, id).await?;
        match before.state.at(before.expires_at, work.now) {
            ReservationState::Held => {}
            ReservationState::Booked | ReservationState::Placed | ReservationState::Ended => {
                return Err(Error::precondition(
                    Reason::AlreadyReserved,
                    "the reservation is a sign-up, which does not run out; there is no hold to renew",
                ));
            }
            state => return Err(no_hold(state)),
        }
        if before.renewed {
            return Err(Error::precondition(
                Reason::AlreadyRenewed,
                "the hold was renewed before; a hold can be renewed only once",
            ));
        }
        let days = place_days(work.txn, before.template_id, before.start_day, before.last_day).await?;
        let first_start = days.first().map(|(_, start)| *start).ok_or_else(|| no_hold(before.state))?;
        let days: Vec<Day> = days.into_iter().map(|(day, _)| day).collect();
        let of = (before.student_id, before.template_id);
        let held = held_before(work, [of].into_iter()).await?.remove(&of).unwrap_or_default();
        let (has_seat, lasts_until) = (before.class_id.is_some(), before.expires_at);
        let until = allowed_until(call, HoldDays { days: &days, first_start, has_seat, lasts_until }, &held)?;
        hold_renew_in_txn(work.txn, &before, until).await?;
        held_time_renew_in_txn(work.txn, id, until).await
    })?;
    get_reservation(call.app, id).await
}

/// Takes the places that are offered: OFFERED → BOOKED, or PLACED where the offer kept a seat.
/// Twice changes nothing.
///
/// # Errors
/// `NotFound`; EXPIRED when there is no offer (any more).
pub(crate) async fn accept_offer(call: &Call<'_>, id: i64) -> Result<ReservationRow> {
    let gone = |_| {
        Error::precondition(
            Reason::Expired,
            "this entry of the waiting list has no offer, or the offer has run out",
        )
    };
    confirm(call, id, ReservationState::Offered, gone).await
}
