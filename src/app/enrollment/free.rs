//! Gives places back, all of them or from a day on, and updates the reservation's row, its class
//! and the ledger.

use crate::app::call::Work;
use crate::app::staffing::roster::student_left;
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::{Day, add_days};
use crate::error::{Error, Result};
use crate::storage::entity::reservation;
use crate::storage::leave;
use crate::storage::ledger::{PlaceChange, place_change_write_in_txn};
use crate::storage::reservation::{place_days, reservation_shorten_in_txn};

/// What is given back, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenBack {
    /// The first day that is given up.
    pub from: Day,
    /// The state of the reservation afterwards.
    pub state: ReservationState,
    /// For the ledger.
    pub cause: PlaceCause,
}

/// Frees the places of a reservation from a day on, shortens it to the day before, and takes the
/// student off the roster. Task and student are locked.
///
/// # Errors
/// `Contended` when the reservation is not as it was read.
pub(super) async fn give_back_in_txn(
    work: Work<'_>,
    before: &reservation::Model,
    what: GivenBack,
) -> Result<()> {
    let GivenBack { from, state, cause } = what;
    if !reservation_shorten_in_txn(work.txn, before, add_days(from, -1), state, work.now).await? {
        return Err(Error::Contended("reservation.state"));
    }
    if let Some(class_id) = before.class_id {
        student_left(work, class_id).await?;
    }
    free_in_txn(work, before, from, cause).await
}

/// Frees the places of a reservation from a day on; nothing else. Places are locked last.
pub(super) async fn free_in_txn(
    work: Work<'_>,
    before: &reservation::Model,
    from: Day,
    cause: PlaceCause,
) -> Result<()> {
    let days = place_days(work.txn, before.template_id, from, before.last_day).await?;
    // On a day of leave there is no place to give back.
    let on_leave = leave::leave_days(work.txn, before.id, from, before.last_day).await?;
    let freed = leave::place_free_but_leave_in_txn(work.txn, before, from).await?;
    if usize::try_from(freed) != Ok(days.len().saturating_sub(on_leave.len())) {
        return Err(Error::Contended("place.taken"));
    }
    let change = |first_day, last_day, delta, cause| PlaceChange {
        template_id: before.template_id,
        reservation_id: Some(before.id),
        first_day,
        last_day,
        delta,
        cause,
    };
    let mut changes: Vec<PlaceChange> =
        on_leave.iter().map(|day| change(*day, *day, 1, PlaceCause::LeaveCancelled)).collect();
    if !on_leave.is_empty() {
        leave::leave_delete_from_in_txn(work.txn, before.id, from).await?;
    }
    changes.push(change(from, before.last_day, -1, cause));
    place_change_write_in_txn(work.txn, &changes, &work.author(), work.now).await
}
