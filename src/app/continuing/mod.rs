//! Classes that go on past their last day (docs/domain.md §6). Its coach is asked first (`start`);
//! once the coach is ready, the class has the lessons, and its students are offered the places,
//! which are kept for them for a while (`go_on`; `plan` says who gets which). What nobody takes is
//! free.
//!
//! It stands above staffing, which asks the coach as for every vacancy, and above enrollment, whose
//! offers these are.

pub(crate) mod go_on;
mod plan;
mod remind;
pub(crate) mod start;

use super::call::Call;
use super::staffing::step::cancel_in_txn;
use crate::domain::state::{Cancellation, TaskState, VacancyKind};
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::continuation::lessons::continuation_days;
use crate::storage::continuation::{InvitationSeen, SeatRow, continuation_list, invitations_of, seat_rows};
use crate::storage::page::{Page, Paged};
use crate::storage::vacancy::vacancy_ended_by_in_txn;
use crate::storage::vacancy_list::{VacancyFilter, VacancyRow, vacancy_page};
use crate::storage::{class, coach, staffing};
use std::collections::HashMap;

/// A class that goes on, as staff see it.
#[derive(Clone, Debug)]
pub(crate) struct Continuing {
    /// The vacancy with names.
    pub row: VacancyRow,
    /// The class that goes on.
    pub class_id: i64,
    /// The lesson days with which it does.
    pub days: Vec<Day>,
    /// How its coach stands; none = the coach is asked no more.
    pub invitation: Option<InvitationSeen>,
    /// Who is offered a seat, and who has one by a sign-up that was there before.
    pub seats: Vec<SeatRow>,
}

/// Which to list, by names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Of this class.
    pub class_id: Option<i64>,
    /// With this coach.
    pub coach: Option<String>,
    /// In one of these states; none = all.
    pub states: Vec<TaskState>,
}

/// Classes that go on, in the order in which that was begun.
///
/// # Errors
/// `NotFound` for what is named and is not there.
pub(crate) async fn list(call: &Call<'_>, query: &Query, page: &Page) -> Result<Paged<Continuing>> {
    let conn = call.app.db.reader();
    let Query { class_id, coach, states } = query.clone();
    if let Some(id) = class_id
        && class::class_by_id(conn, id).await?.is_none()
    {
        return Err(Error::not_found("class", id));
    }
    let coach_id = match &coach {
        None => None,
        Some(name) => {
            let found = coach::coach_by_user_name(conn, name).await?;
            Some(found.ok_or_else(|| Error::not_found("coach", name))?.id)
        }
    };
    let kinds = vec![VacancyKind::Continue];
    let filter =
        VacancyFilter { kinds, coach_id, states, continued_class_id: class_id, ..Default::default() };
    let rows = page.cut(vacancy_page(conn, &filter, page).await?, |row| row.row.id);
    let next = rows.next;
    Ok(Paged { items: with_all(call, rows.items).await?, next })
}

/// One of them.
async fn one(call: &Call<'_>, key: i64) -> Result<Continuing> {
    let filter = VacancyFilter { ids: vec![-key], ..VacancyFilter::default() };
    let rows = vacancy_page(call.app.db.reader(), &filter, &Page { after: None, size: 1 }).await?;
    let found = with_all(call, rows).await?.pop();
    found.ok_or_else(|| Error::not_found("continuation", -key))
}

/// With the classes, days and people of these vacancies.
async fn with_all(call: &Call<'_>, rows: Vec<VacancyRow>) -> Result<Vec<Continuing>> {
    let conn = call.app.db.reader();
    let keys: Vec<i64> = rows.iter().map(|row| -row.row.id).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let classes = continuation_list(conn, keys.iter().copied()).await?;
    let mut days = continuation_days(conn, keys.iter().copied()).await?;
    let mut invitations = invitations_of(conn, keys.iter().copied()).await?;
    let mut seats: HashMap<i64, Vec<SeatRow>> = HashMap::new();
    for mut seat in seat_rows(conn, keys.iter().copied()).await? {
        seat.state = seat.state.at(seat.expires_at, call.now);
        seats.entry(seat.vacancy_id).or_default().push(seat);
    }
    let with = |row: VacancyRow| {
        let key = -row.row.id;
        Continuing {
            class_id: classes.get(&key).map_or(row.row.class_id, |(class, _)| *class),
            days: days.remove(&key).unwrap_or_default(),
            invitation: invitations.remove(&key),
            seats: seats.remove(&key).unwrap_or_default(),
            row,
        }
    };
    Ok(rows.into_iter().map(with).collect())
}

/// Ends it before the class goes on: the coach is asked no more, or told. Twice is once.
///
/// # Errors
/// `NotFound`; IN_USE when the class goes on already.
pub(crate) async fn cancel(call: &Call<'_>, id: i64) -> Result<Continuing> {
    let key = -id;
    in_txn!(call, "continuation.cancel", |work| {
        let vacancy = staffing::vacancy_lock_in_txn(work.txn, key).await?;
        if vacancy.kind != VacancyKind::Continue {
            let text = "is of a substitution, a standby or a coach change";
            return Err(Error::invalid("continuation_id", text));
        }
        match vacancy.state {
            state if state.is_open() => {
                cancel_in_txn(work, key, Cancellation::Admin).await?;
                vacancy_ended_by_in_txn(work.txn, key, &work.actor, &work.remark).await?;
            }
            TaskState::Formed => {
                let text = "the class goes on already: what its students were offered, or have taken, is \
                            cancelled by CancelReservation";
                return Err(Error::precondition(Reason::InUse, text));
            }
            _ => {}
        }
        Ok(())
    })?;
    one(call, key).await
}
