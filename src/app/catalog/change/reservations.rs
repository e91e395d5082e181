//! Makes reservations follow the lesson days in their range: updates the ledger, gives leave back,
//! cancels reservations that have no lesson left, and moves the first lesson of those that wait.

use super::plan::{Edit, Touched, is_live, takes};
use super::scene::{ReservationChange, Scene};
use crate::app::call::{Call, Work};
use crate::domain::calendar::Timeline;
use crate::domain::places::PlaceDay;
use crate::domain::sign_up::confirm_until;
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::Result;
use crate::storage::held_time::{held_time_end_in_txn, held_time_follow_in_txn};
use crate::storage::leave;
use crate::storage::ledger::{PlaceChange, place_change_write_in_txn};
use crate::storage::reservation::reservation_cancel_set_in_txn;
use crate::storage::season_edit::{self, EditedReservation};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Writes to the ledger what makes it agree with the days that come and go: each reservation counts
/// once on a day that comes, nobody on one that goes. What the ledger says of such a day already
/// depends on its history: a range that was signed up for covers days without lessons too.
pub(super) async fn write_ledger(work: Work<'_>, scene: &Scene<'_>) -> Result<()> {
    let days_of = |edit: &Edit<'_>| -> Vec<(i64, Day)> {
        edit.removed.keys().chain(&edit.added).map(|day| (edit.template.id, *day)).collect()
    };
    let days: Vec<(i64, Day)> = scene.edits.iter().flat_map(days_of).collect();
    // A template that is new was never signed up for.
    if days.is_empty()
        || (scene.reservations.is_empty() && scene.edits.iter().all(|edit| edit.removed.is_empty()))
    {
        return Ok(());
    }
    let sums = season_edit::place_change_sums(work.txn, &days).await?;
    let mut wanted: BTreeMap<(i64, Day), BTreeMap<Option<i64>, i64>> = BTreeMap::new();
    for reservation in scene.reservations.iter().filter(|reservation| takes(reservation)) {
        for day in scene
            .edit_of(reservation.template_id)
            .into_iter()
            .flat_map(|edit| edit.added.range(reservation.start_day..=reservation.last_day))
        {
            wanted.entry((reservation.template_id, *day)).or_default().insert(Some(reservation.id), 1);
        }
    }
    let none = BTreeMap::new();
    let mut changes = Vec::new();
    for key in days {
        let (is, should) = (sums.get(&key).unwrap_or(&none), wanted.get(&key).unwrap_or(&none));
        let reservations: BTreeSet<Option<i64>> = is.keys().chain(should.keys()).copied().collect();
        for reservation_id in reservations {
            let of = |sums: &BTreeMap<Option<i64>, i64>| sums.get(&reservation_id).copied().unwrap_or(0);
            let delta = of(should) - of(is);
            if delta != 0 {
                let (template_id, day) = key;
                changes.push(PlaceChange {
                    template_id,
                    reservation_id,
                    first_day: day,
                    last_day: day,
                    delta,
                    cause: PlaceCause::Catalogue,
                });
            }
        }
    }
    place_change_write_in_txn(work.txn, &changes, &work.author(), work.now).await
}

/// What became of reservations whose days come and go.
#[derive(Debug)]
pub(super) struct Followed {
    /// Those of which nothing is left.
    pub gone: HashSet<i64>,
    /// Leave that was given back: (reservation, day).
    pub leave: HashSet<(i64, Day)>,
}

/// Leave for lessons that fall away is given back, what nothing is left of is cancelled, and who
/// waits waits for the next lesson.
pub(super) async fn follow(work: Work<'_>, scene: &Scene<'_>) -> Result<Followed> {
    let (mut gone, mut waits, mut shortened) = (Vec::new(), Vec::new(), Vec::new());
    for (reservation, edit, touched) in concerned(scene) {
        if !touched.lost.is_empty() {
            shortened.push((reservation, touched));
        }
        match next(&work, edit, reservation) {
            None => gone.push((reservation.id, add_days(reservation.start_day, -1))),
            Some(next) if next != (reservation.first_lesson_day, reservation.expires_at) => {
                waits.push((reservation.id, next.0, next.1))
            }
            Some(_) => {}
        }
    }
    let mut given_back = HashSet::new();
    if !shortened.is_empty() {
        let on_leave =
            leave::leave_list(work.txn, shortened.iter().map(|(reservation, _)| reservation.id)).await?;
        let lost: HashSet<(i64, Day)> = shortened
            .iter()
            .flat_map(|(reservation, touched)| touched.lost.iter().map(|day| (reservation.id, *day)))
            .collect();
        given_back = on_leave.into_iter().filter(|leave| lost.contains(leave)).collect();
        if !given_back.is_empty() {
            season_edit::leave_delete_days_in_txn(work.txn, &Vec::from_iter(given_back.iter().copied()))
                .await?;
        }
    }
    if !gone.is_empty() {
        reservation_cancel_set_in_txn(work.txn, &gone, work.now).await?;
        held_time_end_in_txn(work.txn, &gone.iter().map(|(id, _)| *id).collect::<Vec<_>>(), work.now).await?;
    }
    if !waits.is_empty() {
        season_edit::reservation_wait_set_in_txn(work.txn, &waits).await?;
        held_time_follow_in_txn(work.txn, waits.iter().map(|(id, ..)| *id)).await?;
    }
    Ok(Followed { gone: gone.into_iter().map(|(id, _)| id).collect(), leave: given_back })
}

/// The reservations with a changed day in their range, but those that have ended.
pub(super) fn concerned<'s>(
    scene: &'s Scene<'_>,
) -> impl Iterator<Item = (&'s EditedReservation, &'s Edit<'s>, Touched)> {
    scene.reservations.iter().filter(|reservation| is_live(reservation)).filter_map(|reservation| {
        let edit = scene.edit_of(reservation.template_id)?;
        let touched = edit.touched(reservation);
        (!touched.is_empty()).then_some((reservation, edit, touched))
    })
}

/// The first lesson of a reservation and until when it waits, is held or offered; `None` when
/// nothing is left of it.
pub(super) fn next(
    call: &Call<'_>,
    edit: &Edit<'_>,
    reservation: &EditedReservation,
) -> Option<(Option<Day>, Option<Instant>)> {
    let mut days = edit.places.range(reservation.start_day..=reservation.last_day).map(|(_, row)| row);
    match reservation.state {
        ReservationState::Waitlisted => {
            let freeze = |row: &PlaceDay| Timeline::of(call.app.rules(), row.day, row.start_at).freeze_at;
            // The list of a lesson that was moved may close by it, which is told as always.
            let same = reservation.first_lesson_day.and_then(|day| edit.places.get(&day));
            let first = days.find(|row| freeze(row) > call.now).or(same)?;
            Some((Some(first.day), Some(freeze(first))))
        }
        ReservationState::Held | ReservationState::Offered => {
            let same = reservation.first_lesson_day.and_then(|day| edit.places.get(&day));
            let first = same.or_else(|| days.next())?;
            let until =
                confirm_until(call.app.rules(), first.day, first.start_at, reservation.class_id.is_some());
            // A lesson that comes before it takes nothing away from what was promised.
            let expires = |at: Instant| if edit.moved.contains_key(&first.day) { at.min(until) } else { at };
            Some((reservation.first_lesson_day.map(|_| first.day), reservation.expires_at.map(expires)))
        }
        _ => days.next().map(|_| (reservation.first_lesson_day, reservation.expires_at)),
    }
}

/// What becomes of the reservations.
pub(super) fn changes(scene: &Scene<'_>, gone: &HashSet<i64>) -> Vec<ReservationChange> {
    concerned(scene)
        .map(|(reservation, edit, touched)| ReservationChange {
            reservation_id: reservation.id,
            student: reservation.user_name.clone(),
            class_template: edit.template.code.clone(),
            lost: touched.lost.len(),
            added: touched.added.len(),
            moved: touched.moved.len(),
            cancelled: gone.contains(&reservation.id),
        })
        .collect()
}
