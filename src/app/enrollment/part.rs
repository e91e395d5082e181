//! A sign-up in two parts, each of which is a sign-up by itself.

use crate::app::call::Work;
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::{Day, add_days};
use crate::error::{Error, Result};
use crate::storage::entity::reservation;
use crate::storage::leave;
use crate::storage::ledger::{PlaceChange, place_change_write_in_txn};
use crate::storage::reservation::{reservation_part_in_txn, reservation_with_names};
use crate::storage::sign_up::{NewRow, reservation_insert_set_in_txn};

/// From this day on a sign-up that waits for a class is another, which waits likewise; the key of
/// that.
pub(crate) async fn part_in_txn(work: Work<'_>, id: i64, from: Day) -> Result<i64> {
    let found = reservation_with_names(work.txn, id).await?;
    let before = found.ok_or_else(|| Error::not_found("reservation", id))?.reservation;
    reservation_part_in_txn(work.txn, &before, add_days(from, -1)).await?;
    rest_in_txn(work, &before, from, None).await
}

/// What a sign-up had from this day on, of which another is made, in a class or without one; its
/// key. Together they take the same places.
pub(super) async fn rest_in_txn(
    work: Work<'_>,
    before: &reservation::Model,
    from: Day,
    class_id: Option<i64>,
) -> Result<i64> {
    let row = NewRow {
        student_id: before.student_id,
        template_id: before.template_id,
        start_day: from,
        end_day: before.last_day,
        state: if class_id.is_some() { ReservationState::Placed } else { ReservationState::Booked },
        created_at: before.created_at,
        expires_at: None,
        seat: class_id.map(|class| (class, from)),
        waits: None,
    };
    let made = reservation_insert_set_in_txn(work.txn, &[row]).await?;
    let id =
        made.into_values().next().ok_or_else(|| Error::internal("a reservation just written is missing"))?;
    leave::leave_hand_over_in_txn(work.txn, before.id, id, from).await?;
    let part = |reservation_id, delta| PlaceChange {
        template_id: before.template_id,
        reservation_id: Some(reservation_id),
        first_day: from,
        last_day: before.last_day,
        delta,
        cause: PlaceCause::Move,
    };
    place_change_write_in_txn(work.txn, &[part(before.id, -1), part(id, 1)], &work.author(), work.now)
        .await?;
    Ok(id)
}
