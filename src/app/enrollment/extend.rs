//! Gives a sign-up another last day within its template. It stays the same reservation and keeps
//! its task or class, its seat and its leave; only the days that are new or given up take or free
//! anything (docs/domain.md §6).

use super::book::{Contents, LoadedBook, Places};
use super::days::around;
use super::elsewhere::{Yes, said_yes_in_txn};
use super::free::free_in_txn;
use super::leave::is_counted;
use crate::app::call::Work;
use crate::app::staffing::roster::student_left;
use crate::domain::calendar::Timeline;
use crate::domain::places::Claim;
use crate::domain::state::PlaceCause;
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Result};
use crate::storage::entity::{reservation, student};
use crate::storage::ledger::{PlaceChange, place_change_write_in_txn};
use crate::storage::reservation::{place_days, place_take_in_txn, reservation_last_day_in_txn};
use crate::storage::{Txn, catalog, seat, sign_up};
use sea_orm::EntityTrait;

/// Gives up the days after `last`. Task and student are locked.
///
/// # Errors
/// `Contended` when the reservation is not as it was read.
pub(super) async fn shorten_in_txn(work: Work<'_>, before: &reservation::Model, last: Day) -> Result<()> {
    let from = add_days(last, 1);
    set_last_day(work.txn, before, last).await?;
    if let Some(class_id) = before.class_id {
        student_left(work, class_id).await?;
    }
    free_in_txn(work, before, from, PlaceCause::Change).await
}

/// Takes the days up to `last` as well. These are no new start: until F of the first of them, with
/// a seat in the student's class, or a task that counts the student. Whether that is so: if not,
/// nothing was done, and they can only be a sign-up of their own. `into` is the class that the
/// student goes to, which is looked at by whoever takes the student there. Task and student are
/// locked.
///
/// # Errors
/// Those of a sign-up; `Contended` when the reservation is not as it was read.
pub(super) async fn extend_in_txn(
    work: Work<'_>,
    before: &reservation::Model,
    (last, into): (Day, Option<i64>),
) -> Result<bool> {
    let first = add_days(before.last_day, 1);
    let days = place_days(work.txn, before.template_id, first, last).await?;
    if let Some((day, start)) = days.first().copied() {
        let goes_elsewhere = into.is_some() && into != before.class_id;
        let fits = match before.class_id {
            _ if work.now >= Timeline::of(work.app.rules(), day, start).freeze_at => false,
            _ if goes_elsewhere => true,
            Some(class_id) => has_seat(work, before, class_id, &days).await?,
            None => is_counted(work, before, (day, start)).await?,
        };
        if !fits {
            return Ok(false);
        }
        take_in_txn(work, before, (first, last), days.len()).await?;
        said_yes_in_txn(work, &[Yes { first, last, ..Yes::to(before) }]).await?;
    }
    set_last_day(work.txn, before, last).await?;
    let change = PlaceChange {
        template_id: before.template_id,
        reservation_id: Some(before.id),
        first_day: first,
        last_day: last,
        delta: 1,
        cause: PlaceCause::Change,
    };
    place_change_write_in_txn(work.txn, &[change], &work.author(), work.now).await?;
    let whose = (before.student_id, before.template_id);
    crate::app::outbox::notice::own_days(work, whose, (first, last)).await?;
    crate::app::outbox::notice::look_at_classes(work, before.class_id).await?;
    Ok(true)
}

async fn set_last_day(txn: &Txn, before: &reservation::Model, last: Day) -> Result<()> {
    if reservation_last_day_in_txn(txn, before, last).await? {
        Ok(())
    } else {
        Err(Error::Contended("reservation.last_day"))
    }
}

/// Whether the student's class meets on these days and has room. The class is locked.
async fn has_seat(
    work: Work<'_>,
    of: &reservation::Model,
    class_id: i64,
    days: &[(Day, Instant)],
) -> Result<bool> {
    let (id, today) = (of.template_id, work.app.time().day(work.now));
    seat::seat_lock_in_txn(work.txn, &[id], today).await?;
    let classes = seat::seat_list(work.txn, &[id], today).await?.remove(&id).unwrap_or_default();
    let Some(class) = classes.iter().find(|class| class.class_id == class_id) else { return Ok(false) };
    let template = catalog::template_by_ids(work.txn, [id])
        .await?
        .pop()
        .ok_or_else(|| Error::not_found("class template", id))?;
    let max = i64::from(template.max_students_per_class);
    // The student is in it already: rules about cities and blocks have nothing to say.
    Ok(days.iter().all(|(day, _)| class.rosters.get(day).is_some_and(|roster| *roster < max)))
}

/// Takes places on the lesson days of a range, on the conditions of a sign-up but for its start.
async fn take_in_txn(
    work: Work<'_>,
    of: &reservation::Model,
    (first, last): (Day, Day),
    days: usize,
) -> Result<()> {
    let id = of.template_id;
    let template = catalog::template_by_ids(work.txn, [id])
        .await?
        .pop()
        .ok_or_else(|| Error::not_found("class template", id))?;
    let person = student::Entity::find_by_id(of.student_id).one(work.txn).await?;
    let person = person.ok_or_else(|| Error::not_found("student", of.student_id))?;
    let ranges = [(id, first, last)];
    let between = around(&ranges);
    let mut claims = sign_up::taking_list(work.txn, [of.student_id], between.0, between.1, work.now).await?;
    // What goes on is in nobody's way.
    claims.retain(|claim| claim.template_id != id || claim.last_day >= first);
    let contents = Contents {
        templates: vec![(id, template.grade)],
        places: Places::Lock(&ranges),
        students: vec![(person.id, person.grade)],
        claims: &claims,
        between,
    };
    let mut book = LoadedBook::load(work.txn, contents).await?;
    book.take(person.id, id, Claim::SignUp, first, last)?;
    let taken = place_take_in_txn(work.txn, id, first, last).await?;
    if usize::try_from(taken) == Ok(days) { Ok(()) } else { Err(Error::Contended("place.taken")) }
}
