//! The waiting list as clients see it (docs/domain.md §6); `offer` decides who is offered what.

use super::{NewReservation, ReservationRow, submit};
use crate::app::App;
use crate::app::input::RequestKey;
use crate::app::sign_up::{Ask, Wish};
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::page::{Page, Paged};
use crate::storage::{reservation, waitlist};
use std::collections::HashMap;

/// Someone on the waiting list.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The reservation: WAITLISTED or OFFERED.
    pub row: ReservationRow,
    /// Place in its list: 1 is next; 0 = there is an offer, or it is over.
    pub position: i64,
}

/// Puts a student on the waiting list; places that are free are offered at once.
///
/// # Errors
/// `NotFound`; those of a sign-up but PLACES_EXHAUSTED.
pub(crate) async fn join_waitlist(app: &App, new: NewReservation, key: RequestKey) -> Result<Entry> {
    let row = submit(app, Ask::new(Wish::Wait, new, key)).await?;
    let page = Page { after: Some(row.reservation.id - 1), size: 1 };
    let (template, student, now) =
        (row.reservation.template_id, row.reservation.student_id, app.now().await?);
    let places = waitlist::position_page(app.db.reader(), Some(template), None, Some(student), &page, now);
    let position =
        places.await?.into_iter().find(|(id, _)| *id == row.reservation.id).map_or(0, |(_, place)| place);
    Ok(Entry { row, position })
}

/// Which entries to list, by names.
#[derive(Clone, Debug, Default)]
pub(crate) struct WaitlistQuery {
    /// For this class template.
    pub class_template: Option<String>,
    /// For this first lesson day.
    pub first_lesson_day: Option<Day>,
    /// Of this student.
    pub student: Option<String>,
}

/// Who waits, and who has an offer, in the order in which they joined.
///
/// # Errors
/// `NotFound` for a student or class template that is not there.
pub(crate) async fn list_waitlist(app: &App, query: &WaitlistQuery, page: &Page) -> Result<Paged<Entry>> {
    let conn = app.db.reader();
    let template = match &query.class_template {
        Some(code) => Some(
            reservation::template_of_code(conn, code)
                .await?
                .ok_or_else(|| Error::not_found("class template", code))?
                .id,
        ),
        None => None,
    };
    let student = match &query.student {
        Some(name) => Some(
            reservation::student_of_name(conn, name)
                .await?
                .ok_or_else(|| Error::not_found("student", name))?
                .id,
        ),
        None => None,
    };
    let now = app.now().await?;
    let found = page.cut(
        waitlist::position_page(conn, template, query.first_lesson_day, student, page, now).await?,
        |(id, _)| *id,
    );
    let rows = reservation::reservation_list_by_ids(conn, found.items.iter().map(|(id, _)| *id)).await?;
    let mut rows: HashMap<i64, ReservationRow> =
        rows.into_iter().map(|row| (row.reservation.id, row)).collect();
    let items = found
        .items
        .into_iter()
        .filter_map(|(id, position)| rows.remove(&id).map(|row| Entry { row, position }))
        .collect();
    Ok(Paged { items, next: found.next })
}
