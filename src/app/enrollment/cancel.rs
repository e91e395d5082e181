//! Cancels sign-ups from a day on, holds, offers, and places on the waiting list (docs/domain.md
//! §6).

use super::confirm::lock_in_txn;
use super::free::{GivenBack, give_back_in_txn};
use super::tell::{SignedUp, taken_away};
use super::{get_reservation, offer, stored};
use crate::app::call::{Call, Work};
use crate::domain::actor::Actor;
use crate::domain::state::reservation::Event;
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::Result;
use crate::in_txn;
use crate::storage::entity::reservation;
use crate::storage::held_time::held_time_end_in_txn;
use crate::storage::reservation::{ReservationRow, place_days, waiting_cancel_set_in_txn};

/// The request ids of this use case.
const CANCEL: &str = "CancelReservation";

/// What is cancelled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cancel {
    /// The reservation.
    pub id: i64,
    /// The first day that is given up; none = all that is ahead.
    pub from_day: Option<Day>,
}

/// Takes a reservation back from `from_day` on, at the earliest from its next lesson that has not
/// begun; the places are free again. What is over, has run out or was given up already stays as it
/// is, so that cancelling twice changes nothing. A hold, an offer or a place on the waiting list is
/// given up whole.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn cancel_reservation(call: &Call<'_>, cancel: &Cancel) -> Result<ReservationRow> {
    let known = stored(call.app, cancel.id).await?;
    let call = &call.or_student(&known.student);
    let template_id = known.reservation.template_id;
    let _turn = call.app.turns.of_template(template_id).await?;
    in_txn!(call, "reservation.cancel", |work| {
        let before = lock_in_txn(work.txn, template_id, cancel.id).await?;
        if work.claimed(CANCEL).await?.is_none() {
            let signed_up = SignedUp::read(work, before.student_id, &[template_id]).await?;
            let lost = end_in_txn(work, &before, cancel.from_day).await?;
            // What students do themselves they know.
            if let Actor::Admin(_) = work.actor
                && !matches!(before.state, ReservationState::Booked | ReservationState::Placed)
            {
                taken_away(work, &before, &lost).await?;
            }
            signed_up.tell_change(work, &before).await?;
            work.record(CANCEL, cancel.id).await?;
        }
        Ok(())
    })?;
    get_reservation(call.app, cancel.id).await
}

/// Gives up what is only promised, and leaves everything else as it is: a hold, or an offer or a
/// place on the waiting list.
async fn give_up(call: &Call<'_>, id: i64, what: &[ReservationState]) -> Result<ReservationRow> {
    let known = stored(call.app, id).await?;
    let call = &call.or_student(&known.student);
    let template_id = known.reservation.template_id;
    let _turn = call.app.turns.of_template(template_id).await?;
    in_txn!(call, "reservation.give_up", |work| {
        let before = lock_in_txn(work.txn, template_id, id).await?;
        if what.contains(&before.state) {
            end_in_txn(work, &before, None).await?;
        }
        Ok(())
    })?;
    get_reservation(call.app, id).await
}

/// Gives a hold back.
pub(crate) async fn release_hold(call: &Call<'_>, id: i64) -> Result<ReservationRow> {
    give_up(call, id, &[ReservationState::Held]).await
}

/// Gives an offer to the next.
pub(crate) async fn decline_offer(call: &Call<'_>, id: i64) -> Result<ReservationRow> {
    give_up(call, id, &[ReservationState::Offered]).await
}

/// Takes a student off the waiting list, whether or not there is an offer by now.
pub(crate) async fn leave_waitlist(call: &Call<'_>, id: i64) -> Result<ReservationRow> {
    give_up(call, id, &[ReservationState::Waitlisted, ReservationState::Offered]).await
}

/// Ends a locked reservation from a day on; the places that come free go to the waiting list. The
/// lessons that the student has no more.
async fn end_in_txn(
    work: Work<'_>,
    before: &reservation::Model,
    from_day: Option<Day>,
) -> Result<Vec<(Day, Instant)>> {
    let days = place_days(work.txn, before.template_id, before.start_day, before.last_day).await?;
    let cause = match before.state.at(before.expires_at, work.now) {
        ReservationState::Booked | ReservationState::Placed => PlaceCause::Cancel,
        ReservationState::Held => PlaceCause::HoldReleased,
        ReservationState::Offered => PlaceCause::OfferDeclined,
        ReservationState::Waitlisted => {
            let nothing = add_days(before.start_day, -1);
            waiting_cancel_set_in_txn(work.txn, &[(before.id, nothing)], work.now).await?;
            return Ok(days);
        }
        ReservationState::Ended | ReservationState::Cancelled | ReservationState::Expired => {
            return Ok(Vec::new());
        }
    };
    let whole = cause != PlaceCause::Cancel;
    let ahead = |(day, start_at): &&(Day, Instant)| {
        whole || (*start_at > work.now && from_day.is_none_or(|from| from <= *day))
    };
    let Some(from) = days.iter().find(ahead).map(|(day, _)| *day) else {
        return Ok(Vec::new());
    };
    let something_left = days.iter().any(|(day, _)| *day < from);
    let (from, state) = if something_left {
        (from, before.state)
    } else {
        (before.start_day, before.state.after(Event::Cancelled)?)
    };
    give_back_in_txn(work, before, GivenBack { from, state, cause }).await?;
    if cause == PlaceCause::HoldReleased {
        held_time_end_in_txn(work.txn, &[before.id], work.now).await?;
    }
    offer::refresh_in_txn(work, &[before.template_id]).await?;
    Ok(days.into_iter().filter(|(day, _)| from <= *day).collect())
}
