//! Queries for holds and offers that have run out, and for students who wait for a place.

use super::Txn;
use super::entity::reservation;
use super::page::Page;
use super::sql::{Cell, sql, update_by_rows};
use crate::domain::state::ReservationState;
use crate::domain::state::reservation::Event;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::BTreeSet;

/// A reservation with what an offer needs of its student.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct WaitlistRow {
    /// The reservation.
    #[sea_orm(nested)]
    pub reservation: reservation::Model,
    /// User name of the student.
    pub user_name: String,
    /// Phone of the student.
    pub phone: String,
    /// Area code of the student.
    pub area_code: String,
}

/// What is to be looked after of templates before anybody takes places of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Templates with holds or offers that have run out.
    pub lapsed: Vec<i64>,
    /// Templates for which somebody waits.
    pub waiting: Vec<i64>,
    /// Templates with classes that are not over.
    pub running: Vec<i64>,
}

/// One template with what is to be looked after of it; parameters: now, now, now, today, the
/// templates. Each condition is a look-up by index that ends with the first row: not EXISTS, for
/// which PostgreSQL may read whole tables.
macro_rules! due_columns {
    () => {
        "(SELECT 1 FROM reservation r WHERE r.template_id = q.template_id AND r.state = 'HELD' \
            AND r.expires_at <= ? LIMIT 1) IS NOT NULL \
            OR (SELECT 1 FROM reservation r WHERE r.template_id = q.template_id AND r.state = 'OFFERED' \
            AND r.expires_at <= ? LIMIT 1) IS NOT NULL \
            AS lapsed, \
         (SELECT 1 FROM reservation r WHERE r.template_id = q.template_id AND r.state = 'WAITLISTED' \
            AND r.expires_at > ? LIMIT 1) IS NOT NULL \
            AS waiting, \
         (SELECT 1 FROM class c WHERE c.template_id = q.template_id AND c.last_day >= ? \
            AND c.state IN ('OPEN', 'RUNNING') LIMIT 1) IS NOT NULL \
            AS running"
    };
}
pub(super) use due_columns;

impl Due {
    /// Somebody waits, or a hold or an offer has run out.
    pub(crate) fn is_urgent(&self) -> bool {
        !self.lapsed.is_empty() || !self.waiting.is_empty()
    }

    /// Somebody waits, a hold or an offer has run out, or there are classes.
    pub(crate) fn is_anything(&self) -> bool {
        self.is_urgent() || !self.running.is_empty()
    }

    /// Notes one template.
    pub(super) fn note(&mut self, template_id: i64, lapsed: bool, waiting: bool, running: bool) {
        for (list, is) in
            [(&mut self.lapsed, lapsed), (&mut self.waiting, waiting), (&mut self.running, running)]
        {
            if is {
                list.push(template_id);
            }
        }
    }
}

/// What is to be looked after of these templates.
pub(crate) async fn due_of(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    today: Day,
    now: Instant,
) -> Result<Due> {
    let found: Vec<(i64, bool, bool, bool)> = sql(concat!(
        "SELECT q.template_id, ",
        due_columns!(),
        " FROM {rows:template_id:i} q ORDER BY q.template_id"
    ))
    .bind(now)
    .bind(now)
    .bind(now)
    .bind(today)
    .rows(template_ids.iter().map(|id| [Cell::from(*id)]))
    .tuples(conn)
    .await?;
    let mut due = Due::default();
    found
        .into_iter()
        .for_each(|(template, lapsed, waiting, running)| due.note(template, lapsed, waiting, running));
    Ok(due)
}

/// Templates that `clazz offer_places` is to look at: with holds or offers that have run out, or
/// with a free place on the first lesson day of somebody who waits.
pub(crate) async fn due_templates(conn: &impl ConnectionTrait, now: Instant) -> Result<Vec<i64>> {
    sql("SELECT template_id FROM reservation WHERE expires_at <= ? AND state IN ('HELD', 'OFFERED') \
         UNION SELECT r.template_id FROM reservation r JOIN place p ON p.template_id = r.template_id \
         AND p.day = r.first_lesson_day \
         WHERE r.state = 'WAITLISTED' AND r.expires_at > ? AND p.taken < p.capacity ORDER BY template_id")
    .bind(now)
    .bind(now)
    .column(conn)
    .await
}

macro_rules! waiting_select {
    ($where:literal) => {
        concat!(
            "SELECT r.*, s.user_name, s.phone, s.area_code FROM reservation r JOIN student s \
            ON s.id = r.student_id WHERE ",
            $where
        )
    };
}

/// The holds and offers of templates that have run out.
pub(crate) async fn lapsed_list(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    now: Instant,
) -> Result<Vec<WaitlistRow>> {
    sql(waiting_select!(
        "r.template_id IN ({ids}) AND r.state IN ('HELD', 'OFFERED') AND r.expires_at <= ? ORDER BY r.id"
    ))
    .ids(template_ids.iter().copied())
    .bind(now)
    .all(conn)
    .await
}

/// Who waits for places of templates, in the order in which they joined; at most `most`.
pub(crate) async fn waiting_list(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    now: Instant,
    most: i64,
) -> Result<Vec<WaitlistRow>> {
    sql(waiting_select!(
        "r.state = 'WAITLISTED' AND r.template_id IN ({ids}) AND r.expires_at > ? \
        ORDER BY r.joined_at, r.id LIMIT ?"
    ))
    .ids(template_ids.iter().copied())
    .bind(now)
    .bind(most)
    .all(conn)
    .await
}

/// What these students wait for between two days, where the list has not closed.
pub(crate) async fn waiting_list_of_students(
    conn: &impl ConnectionTrait,
    student_ids: impl IntoIterator<Item = i64>,
    (first, last): (Day, Day),
    now: Instant,
) -> Result<Vec<WaitlistRow>> {
    sql("SELECT r.*, s.user_name, s.phone, s.area_code FROM {rows:student_id:i} q \
         {look_up:reservation r ON r.student_id = q.student_id AND r.start_day <= ? AND r.last_day >= ?} \
         JOIN student s ON s.id = r.student_id WHERE r.state = 'WAITLISTED' AND r.expires_at > ? \
         ORDER BY r.id")
    .rows(student_ids.into_iter().collect::<BTreeSet<i64>>().into_iter().map(|id| [Cell::from(id)]))
    .bind(last)
    .bind(first)
    .bind(now)
    .all(conn)
    .await
}

/// Who waits for something that can no longer be had: the rosters of its first lesson are frozen.
pub(crate) async fn closed_list(
    conn: &impl ConnectionTrait,
    now: Instant,
    most: i64,
) -> Result<Vec<WaitlistRow>> {
    sql(waiting_select!("r.state = 'WAITLISTED' AND r.expires_at <= ? ORDER BY r.id LIMIT ?"))
        .bind(now)
        .bind(most)
        .all(conn)
        .await
}

/// What waits, is held or offered → EXPIRED, without touching places.
///
/// # Errors
/// `Contended` when one is in another state by now.
pub(crate) async fn waiting_expire_in_txn(txn: &Txn, ids: &[i64], from: ReservationState) -> Result<()> {
    let done = sql("UPDATE reservation SET state = ?, expires_at = NULL, class_id = NULL, placed_from = \
         NULL, version = version + 1 \
         WHERE state = ? AND id IN ({ids})")
    .bind(from.after(Event::RanOut)?)
    .bind(from)
    .ids(ids.iter().copied())
    .execute(txn)
    .await?;
    if usize::try_from(done) == Ok(ids.len()) { Ok(()) } else { Err(Error::Contended("reservation.state")) }
}

/// An offer that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OfferRow {
    /// The reservation.
    pub reservation_id: i64,
    /// Until when the student may take it.
    pub expires_at: Instant,
    /// The seat that it keeps, from which day on.
    pub seat: Option<(i64, Day)>,
}

/// WAITLISTED → OFFERED.
///
/// # Errors
/// `Contended` when one is in another state by now.
pub(crate) async fn offer_set_in_txn(txn: &Txn, offers: &[OfferRow]) -> Result<()> {
    let offered = ReservationState::Waitlisted.after(Event::Offered)?.as_str();
    let made = "{rows:id:i, state:t, expires_at:i, class_id:i, placed_from:d}";
    let on = "reservation.id = p.id AND reservation.state = 'WAITLISTED'";
    let set = "state = p.state, expires_at = p.expires_at, class_id = p.class_id, \
        placed_from = p.placed_from, version = version + 1";
    let done = update_by_rows(txn, "reservation", made, on, set)
        .rows(offers.iter().map(|offer| -> [Cell; 5] {
            [
                offer.reservation_id.into(),
                offered.into(),
                offer.expires_at.into(),
                offer.seat.map(|(class, _)| class).into(),
                offer.seat.map(|(_, from)| from).into(),
            ]
        }))
        .execute(txn)
        .await?;
    if usize::try_from(done) == Ok(offers.len()) {
        Ok(())
    } else {
        Err(Error::Contended("reservation.state"))
    }
}

/// Places on the waiting list that last beyond `now`: (reservation, its place in its list, 0 =
/// offered).
pub(crate) async fn position_page(
    conn: &impl ConnectionTrait,
    template_id: Option<i64>,
    first_lesson_day: Option<Day>,
    student_id: Option<i64>,
    page: &Page,
    now: Instant,
) -> Result<Vec<(i64, i64)>> {
    // The place is counted before students are picked.
    sql("SELECT q.id, q.place FROM ( \
             SELECT r.id, r.student_id, r.first_lesson_day, \
                 ROW_NUMBER() OVER (PARTITION BY r.template_id, r.first_lesson_day \
             ORDER BY r.joined_at, r.id) AS place \
             FROM reservation r WHERE r.state = 'WAITLISTED' AND r.expires_at > ? AND (? = 0 \
             OR r.template_id = ?) \
             UNION ALL SELECT r.id, r.student_id, r.first_lesson_day, 0 AS place \
             FROM reservation r WHERE r.state = 'OFFERED' AND r.expires_at > ? AND (? = 0 \
         OR r.template_id = ?)) q \
         WHERE (? = 0 OR q.student_id = ?) AND (? = 0 OR q.first_lesson_day = ?) AND q.id > ? ORDER BY q.id \
         LIMIT ?")
    .bind(now)
    .bind(template_id.unwrap_or(0))
    .bind(template_id.unwrap_or(0))
    .bind(now)
    .bind(template_id.unwrap_or(0))
    .bind(template_id.unwrap_or(0))
    .bind(student_id.unwrap_or(0))
    .bind(student_id.unwrap_or(0))
    .bind(i64::from(first_lesson_day.is_some()))
    .bind(first_lesson_day.unwrap_or_default())
    .bind(page.after.unwrap_or(0))
    .bind(i64::try_from(page.limit()).unwrap_or(i64::MAX))
    .tuples(conn)
    .await
}
