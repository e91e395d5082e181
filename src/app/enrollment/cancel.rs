//! Cancels sign-ups from a day on, holds, offers, and places on the waiting list (docs/domain.md
//! §6).

use super::confirm::lock_in_txn;
use super::free::{GivenBack, give_back_in_txn};
use super::{get_reservation, offer, stored};
use crate::app::App;
use crate::app::input::RequestKey;
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::entity::reservation;
use crate::storage::held_time::held_time_end_in_txn;
use crate::storage::ledger::By;
use crate::storage::reservation::{self as store, ReservationRow};
use crate::write_txn;

/// The request ids of this use case.
const CANCEL: &str = "CancelReservation";

/// What is cancelled, by whom and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cancel {
    /// The reservation.
    pub id: i64,
    /// The first day that is given up; none = all that is ahead.
    pub from_day: Option<Day>,
    /// Who cancels; empty = the student.
    pub operator: String,
    /// Why.
    pub remark: String,
}

/// Takes a reservation back from `from_day` on, at the earliest from its next lesson that has not
/// begun; the places are free again. What is over, has run out or was given up already stays as it
/// is, so that cancelling twice changes nothing. A hold, an offer or a place on the waiting list is
/// given up whole.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn cancel_reservation(
    app: &App,
    cancel: &Cancel,
    key: &RequestKey,
    now: Instant,
) -> Result<ReservationRow> {
    let known = stored(app, cancel.id).await?;
    let actor = if cancel.operator.is_empty() { known.student } else { cancel.operator.clone() };
    let by = By { actor, remark: cancel.remark.clone(), request_id: key.request_id.clone() };
    let template_id = known.reservation.template_id;
    let _turn = app.turns.of_template(template_id).await?;
    write_txn!(&app.db, "reservation.cancel", |txn| {
        let before = lock_in_txn(txn, template_id, cancel.id).await?;
        if key.claimed(txn, CANCEL).await?.is_none() {
            end_in_txn(app, txn, &before, cancel.from_day, &by, now).await?;
            key.record(txn, CANCEL, cancel.id, now).await?;
        }
        Ok(())
    })?;
    get_reservation(app, cancel.id).await
}

/// Gives up what is only promised, and leaves everything else as it is: a hold, or an offer or a
/// place on the waiting list.
async fn give_up(app: &App, id: i64, what: &[ReservationState], now: Instant) -> Result<ReservationRow> {
    let known = stored(app, id).await?;
    let by = By::actor(known.student);
    let template_id = known.reservation.template_id;
    let _turn = app.turns.of_template(template_id).await?;
    write_txn!(&app.db, "reservation.give_up", |txn| {
        let before = lock_in_txn(txn, template_id, id).await?;
        if what.contains(&before.state) {
            end_in_txn(app, txn, &before, None, &by, now).await?;
        }
        Ok(())
    })?;
    get_reservation(app, id).await
}

/// Gives a hold back.
pub(crate) async fn release_hold(app: &App, id: i64, now: Instant) -> Result<ReservationRow> {
    give_up(app, id, &[ReservationState::Held], now).await
}

/// Gives an offer to the next.
pub(crate) async fn decline_offer(app: &App, id: i64, now: Instant) -> Result<ReservationRow> {
    give_up(app, id, &[ReservationState::Offered], now).await
}

/// Takes a student off the waiting list, whether or not there is an offer by now.
pub(crate) async fn leave_waitlist(app: &App, id: i64, now: Instant) -> Result<ReservationRow> {
    give_up(app, id, &[ReservationState::Waitlisted, ReservationState::Offered], now).await
}

/// Ends a locked reservation from a day on; the places that come free go to the waiting list.
async fn end_in_txn(
    app: &App,
    txn: &Txn,
    before: &reservation::Model,
    from_day: Option<Day>,
    by: &By,
    now: Instant,
) -> Result<()> {
    let cause = match before.state.at(before.expires_at, now) {
        ReservationState::Booked | ReservationState::Placed => PlaceCause::Cancel,
        ReservationState::Held => PlaceCause::HoldReleased,
        ReservationState::Offered => PlaceCause::OfferDeclined,
        ReservationState::Waitlisted => {
            return store::waiting_cancel_set_in_txn(
                txn,
                &[(before.id, add_days(before.start_day, -1))],
                now,
            )
            .await;
        }
        ReservationState::Ended | ReservationState::Cancelled | ReservationState::Expired => return Ok(()),
    };
    let whole = cause != PlaceCause::Cancel;
    let days = store::place_days(txn, before.template_id, before.start_day, before.last_day).await?;
    let ahead = |(day, start_at): &&(Day, Instant)| {
        whole || (*start_at > now && from_day.is_none_or(|from| from <= *day))
    };
    let Some(from) = days.iter().find(ahead).map(|(day, _)| *day) else {
        return Ok(());
    };
    let something_left = days.iter().any(|(day, _)| *day < from);
    let (from, state) =
        if something_left { (from, before.state) } else { (before.start_day, ReservationState::Cancelled) };
    give_back_in_txn(app, txn, before, GivenBack { from, state, cause }, by, now).await?;
    if cause == PlaceCause::HoldReleased {
        held_time_end_in_txn(txn, &[before.id], now).await?;
    }
    offer::refresh_in_txn(app, txn, &[before.template_id], now).await.map(drop)
}
