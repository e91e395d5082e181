//! Sign-ups of students (docs/domain.md §2, §6): a place on every lesson day of the range, or none.
//! Also holds, changes, leave, and the waiting list.
//!
//! All requests for places that wait at the same moment are decided together (`batch`);
//! everything else is a transaction of its own.

pub(crate) mod batch;
pub(crate) mod book;
pub(crate) mod cancel;
pub(crate) mod change;
pub(crate) mod confirm;
pub(crate) mod days;
pub(crate) mod elsewhere;
mod extend;
mod free;
mod hold;
mod known;
pub(crate) mod leave;
pub(crate) mod make_up;
pub mod offer;
pub(crate) mod part;
pub(crate) mod schedule;
mod seat;
pub(crate) mod tell;
mod turn;
pub(crate) mod waitlist;

use super::App;
use super::input::RequestKey;
use super::sign_up::{Ask, Decision, Wish};
use crate::domain::state::ReservationState;
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::storage::page::{Page, Paged};
use crate::storage::reservation::{self, ReservationFilter};

pub use crate::storage::reservation::ReservationRow;

/// What a student signs up for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReservation {
    /// User name of the student.
    pub student: String,
    /// Code of the class template.
    pub class_template: String,
    /// First day.
    pub start_day: Day,
    /// Last day, not before the first.
    pub end_day: Day,
}

impl Ask {
    fn new(wish: Wish, new: NewReservation, key: RequestKey) -> Self {
        let NewReservation { student, class_template, start_day, end_day } = new;
        Self { wish, student, class_template, start_day, end_day, key }
    }
}

/// Signs a student up, into a running class at once where one has a free seat.
///
/// # Errors
/// `NotFound` for the student or the template; `Precondition` with GRADE_MISMATCH,
/// NOT_A_LESSON_DAY, TOO_LATE, ALREADY_RESERVED, SCHEDULE_CONFLICT or PLACES_EXHAUSTED, with the
/// days.
pub async fn create_reservation(app: &App, new: NewReservation, key: RequestKey) -> Result<ReservationRow> {
    submit(app, Ask::new(Wish::SignUp, new, key)).await
}

/// Keeps places for a while, on the conditions of a sign-up.
///
/// # Errors
/// As [`create_reservation`].
pub async fn hold_places(app: &App, new: NewReservation, key: RequestKey) -> Result<ReservationRow> {
    submit(app, Ask::new(Wish::Hold, new, key)).await
}

async fn submit(app: &App, ask: Ask) -> Result<ReservationRow> {
    if ask.end_day < ask.start_day {
        return Err(Error::invalid("end_day", "is before start_day"));
    }
    let wish = ask.wish;
    match app.sign_ups.0.submit(app, ask).await? {
        Decision::Made(row) => Ok(*row),
        Decision::Before(id) => still_there(wish, get_reservation(app, id).await?),
    }
}

/// What a request has made before, if there is anything left of it: whoever asks again must not
/// take for made what is over.
///
/// # Errors
/// HOLD_EXPIRED for a hold; for others EXPIRED when it has run out, CANCELLED when it was taken
/// back.
fn still_there(wish: Wish, row: ReservationRow) -> Result<ReservationRow> {
    let how = match row.reservation.state {
        ReservationState::Expired => "has run out",
        ReservationState::Cancelled => "was given up",
        _ => return Ok(row),
    };
    let (what, reason) = match (wish, row.reservation.state) {
        (Wish::Hold, _) => ("hold", Reason::HoldExpired),
        (Wish::Wait, ReservationState::Expired) => ("place on the waiting list", Reason::Expired),
        (Wish::Wait, _) => ("place on the waiting list", Reason::Cancelled),
        (Wish::SignUp | Wish::Change(_) | Wish::MakeUp, _) => ("sign-up", Reason::Cancelled),
    };
    let detail = format!("the {what} that this request made {how} since; to ask again, use a new request_id");
    Err(Error::precondition(reason, detail).of_reservations(vec![row.reservation.id]))
}

/// One reservation, as it is now.
pub async fn get_reservation(app: &App, id: i64) -> Result<ReservationRow> {
    Ok(stored(app, id).await?.at(app.now().await?))
}

/// One reservation as it is stored, where only what never changes is asked for: its student and
/// template.
async fn stored(app: &App, id: i64) -> Result<ReservationRow> {
    reservation::reservation_with_names(app.db.reader(), id)
        .await?
        .ok_or_else(|| Error::not_found("reservation", id))
}

/// Which reservations to list, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservationQuery {
    /// Of the student with this user name.
    pub student: Option<String>,
    /// Of the class template with this code.
    pub class_template: Option<String>,
    /// That cover this day.
    pub day: Option<Day>,
    /// In one of these states; none = all.
    pub states: Vec<ReservationState>,
    /// Of the students of this class.
    pub class_id: Option<i64>,
}

/// Reservations in the order in which they were made.
///
/// # Errors
/// `NotFound` for a student, class template or class that is not there.
pub async fn list_reservations(
    app: &App,
    query: &ReservationQuery,
    page: &Page,
) -> Result<Paged<ReservationRow>> {
    let conn = app.db.reader();
    let ReservationQuery { student, class_template, day, states, class_id } = query;
    let student_id = match student {
        Some(name) => Some(
            reservation::student_of_name(conn, name)
                .await?
                .ok_or_else(|| Error::not_found("student", name))?
                .id,
        ),
        None => None,
    };
    let template_id = match class_template {
        Some(code) => Some(
            reservation::template_of_code(conn, code)
                .await?
                .ok_or_else(|| Error::not_found("class template", code))?
                .id,
        ),
        None => None,
    };
    if let Some(id) = *class_id
        && !reservation::class_exists(conn, id).await?
    {
        return Err(Error::not_found("class", id));
    }
    let filter =
        ReservationFilter { student_id, template_id, day: *day, states: states.clone(), class_id: *class_id };
    Ok(page.cut(reservation::reservation_list(conn, &filter, page, app.now().await?).await?, |row| {
        row.reservation.id
    }))
}
