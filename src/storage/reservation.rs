//! Queries for reservations and the places they take.

use super::Txn;
use super::entity::{class, class_template, reservation, student};
use super::page::Page;
use super::sql::{Cell, sql, update_by_rows};
use crate::domain::state::ReservationState;
use crate::domain::state::reservation::Event;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, QueryFilter,
    QueryOrder, QuerySelect,
};

/// A reservation with the names of its student and template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationRow {
    /// The reservation.
    pub reservation: reservation::Model,
    /// User name of the student.
    pub student: String,
    /// Code of the class template.
    pub class_template: String,
}

impl ReservationRow {
    /// As it is at `now`: what has run out is EXPIRED, whether or not that was found out.
    pub fn at(mut self, now: Instant) -> Self {
        let row = &mut self.reservation;
        let state = row.state.at(row.expires_at, now);
        if state != row.state {
            (row.state, row.expires_at, row.class_id, row.placed_from) = (state, None, None, None);
        }
        self
    }
}

/// Which reservations to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReservationFilter {
    /// Of this student.
    pub student_id: Option<i64>,
    /// Of this class template.
    pub template_id: Option<i64>,
    /// That cover this day.
    pub day: Option<Day>,
    /// In one of these states at the time; none = all.
    pub states: Vec<ReservationState>,
    /// Of the students of this class.
    pub class_id: Option<i64>,
}

/// A reservation to be written; its state is BOOKED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReservationInsert {
    /// The student.
    pub student_id: i64,
    /// The class template.
    pub template_id: i64,
    /// First day.
    pub start_day: Day,
    /// Last day.
    pub end_day: Day,
    /// When it was signed up for.
    pub created_at: Instant,
}

impl ReservationInsert {
    /// The row as it is inserted.
    pub(crate) fn active(self) -> reservation::ActiveModel {
        reservation::ActiveModel {
            student_id: Set(self.student_id),
            template_id: Set(self.template_id),
            start_day: Set(self.start_day),
            end_day: Set(self.end_day),
            last_day: Set(self.end_day),
            state: Set(ReservationState::Booked),
            created_at: Set(self.created_at),
            version: Set(0),
            ..Default::default()
        }
    }
}

/// The student of a user name.
pub(crate) async fn student_of_name(
    conn: &impl ConnectionTrait,
    user_name: &str,
) -> Result<Option<student::Model>> {
    Ok(student::Entity::find().filter(student::Column::UserName.eq(user_name)).one(conn).await?)
}

/// The class template of a code.
pub(crate) async fn template_of_code(
    conn: &impl ConnectionTrait,
    code: &str,
) -> Result<Option<class_template::Model>> {
    Ok(class_template::Entity::find().filter(class_template::Column::Code.eq(code)).one(conn).await?)
}

/// Locks a student: whoever changes what the student is signed up for takes this turn first.
pub(crate) async fn student_lock_in_txn(txn: &impl ConnectionTrait, student_id: i64) -> Result<u64> {
    sql("UPDATE student SET version = version + 1 WHERE id = ?").bind(student_id).execute(txn).await
}

/// Locks students as a set; as [`student_lock_in_txn`].
pub(crate) async fn student_lock_set_in_txn(
    txn: &Txn,
    student_ids: impl IntoIterator<Item = i64>,
) -> Result<u64> {
    sql("UPDATE student SET version = version + 1 WHERE id IN ({ids})").ids(student_ids).execute(txn).await
}

/// A reservation by its key, with names.
pub(crate) async fn reservation_with_names(
    conn: &impl ConnectionTrait,
    id: i64,
) -> Result<Option<ReservationRow>> {
    let found = with_names().filter(reservation::Column::Id.eq(id)).into_model::<Named>().one(conn).await?;
    Ok(found.map(ReservationRow::from))
}

/// Reservations by keys.
pub(crate) async fn reservation_list_by_ids(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<ReservationRow>> {
    let found =
        with_names().filter(reservation::Column::Id.is_in(ids)).into_model::<Named>().all(conn).await?;
    Ok(found.into_iter().map(ReservationRow::from).collect())
}

/// Reservations as they are at `now`, in order of keys: one more than the page holds.
pub(crate) async fn reservation_list(
    conn: &impl ConnectionTrait,
    filter: &ReservationFilter,
    page: &Page,
    now: Instant,
) -> Result<Vec<ReservationRow>> {
    let ReservationFilter { student_id, template_id, day, states, class_id } = filter;
    let mut query = with_names();
    if let Some(after) = page.after {
        query = query.filter(reservation::Column::Id.gt(after));
    }
    if let Some(student_id) = *student_id {
        query = query.filter(reservation::Column::StudentId.eq(student_id));
    }
    if let Some(template_id) = *template_id {
        query = query.filter(reservation::Column::TemplateId.eq(template_id));
    }
    if let Some(day) = *day {
        query = query
            .filter(reservation::Column::StartDay.lte(day))
            .filter(reservation::Column::LastDay.gte(day));
    }
    if !states.is_empty() {
        let stored =
            Condition::all().add(reservation::Column::State.is_in(states.iter().copied())).add(lasts(now));
        let ran_out = states.contains(&ReservationState::Expired).then(|| lasts(now).not());
        query = query.filter(Condition::any().add(stored).add_option(ran_out));
    }
    if let Some(class_id) = *class_id {
        query = query.filter(reservation::Column::ClassId.eq(class_id)).filter(lasts(now));
    }
    let rows = query
        .order_by_asc(reservation::Column::Id)
        .limit(page.limit())
        .into_model::<Named>()
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| ReservationRow::from(row).at(now)).collect())
}

/// What has not run out at `now`; as `ReservationState::at` says.
fn lasts(now: Instant) -> Condition {
    Condition::any()
        .add(reservation::Column::State.is_not_in(ReservationState::RUNNING_OUT))
        .add(reservation::Column::ExpiresAt.is_null())
        .add(reservation::Column::ExpiresAt.gt(now))
}

/// Whether there is a class of this key.
pub(crate) async fn class_exists(conn: &impl ConnectionTrait, id: i64) -> Result<bool> {
    Ok(class::Entity::find_by_id(id).one(conn).await?.is_some())
}

/// The query of reservations with the names beside them.
fn with_names() -> sea_orm::Select<reservation::Entity> {
    let to_student = reservation::Entity::belongs_to(student::Entity)
        .from(reservation::Column::StudentId)
        .to(student::Column::Id)
        .into();
    let to_template = reservation::Entity::belongs_to(class_template::Entity)
        .from(reservation::Column::TemplateId)
        .to(class_template::Column::Id)
        .into();
    reservation::Entity::find()
        .column_as(student::Column::UserName, "student_user_name")
        .column_as(class_template::Column::Code, "template_code")
        .join(JoinType::InnerJoin, to_student)
        .join(JoinType::InnerJoin, to_template)
}

/// What [`with_names`] selects.
#[derive(sea_orm::FromQueryResult)]
struct Named {
    #[sea_orm(nested)]
    reservation: reservation::Model,
    student_user_name: String,
    template_code: String,
}

impl From<Named> for ReservationRow {
    fn from(row: Named) -> Self {
        Self {
            reservation: row.reservation,
            student: row.student_user_name,
            class_template: row.template_code,
        }
    }
}

/// Whether a student is on the waiting list of a template for some of these days, and the list has
/// not closed.
pub(crate) async fn reservation_is_waiting(
    conn: &impl ConnectionTrait,
    student_id: i64,
    template_id: i64,
    (first, last): (Day, Day),
    now: Instant,
) -> Result<bool> {
    let found: Vec<i64> =
        sql("SELECT id FROM reservation WHERE student_id = ? AND template_id = ? AND state = 'WAITLISTED' \
         AND start_day <= ? AND last_day >= ? AND expires_at > ?")
        .bind(student_id)
        .bind(template_id)
        .bind(last)
        .bind(first)
        .bind(now)
        .column(conn)
        .await?;
    Ok(!found.is_empty())
}

/// The lesson days of a template from `first` to `last` with the start of each lesson.
pub(crate) async fn place_days(
    conn: &impl ConnectionTrait,
    template_id: i64,
    first: Day,
    last: Day,
) -> Result<Vec<(Day, Instant)>> {
    sql("SELECT day, start_at FROM place WHERE template_id = ? AND day BETWEEN ? AND ? ORDER BY day")
        .bind(template_id)
        .bind(first)
        .bind(last)
        .tuples(conn)
        .await
}

/// The lessons ahead of a template for which a student is signed up.
pub(crate) async fn lesson_list_signed_up(
    conn: &impl ConnectionTrait,
    student_id: i64,
    template_id: i64,
    now: Instant,
) -> Result<Vec<(Day, Instant)>> {
    sql("SELECT p.day, p.start_at FROM reservation r JOIN place p ON p.template_id = r.template_id \
         AND p.day BETWEEN r.start_day AND r.last_day WHERE r.student_id = ? AND r.template_id = ? \
         AND r.state IN ('BOOKED', 'PLACED') AND p.start_at > ? ORDER BY p.day")
    .bind(student_id)
    .bind(template_id)
    .bind(now)
    .tuples(conn)
    .await
}

/// The first lesson day of a template on or after `from`: with a free place, or any for who waits
/// for one.
pub(crate) async fn place_first_day(
    conn: &impl ConnectionTrait,
    template_id: i64,
    from: Day,
    waits: bool,
) -> Result<Option<Day>> {
    let found = sql("SELECT day FROM place WHERE template_id = ? AND day >= ? AND (? OR taken < capacity) \
        ORDER BY day LIMIT 1")
    .bind(template_id)
    .bind(from)
    .bind(waits)
    .column(conn)
    .await?;
    Ok(found.into_iter().next())
}

/// Takes one seat on each lesson day from `first` to `last` that has one left; how many days.
pub(crate) async fn place_take_in_txn(
    txn: &impl ConnectionTrait,
    template_id: i64,
    first: Day,
    last: Day,
) -> Result<u64> {
    sql("UPDATE place SET taken = taken + 1 WHERE template_id = ? AND day BETWEEN ? AND ? \
        AND taken < capacity")
    .bind(template_id)
    .bind(first)
    .bind(last)
    .execute(txn)
    .await
}

/// Gives one seat back on each lesson day from `first` to `last`; how many days.
pub(crate) async fn place_free_in_txn(
    txn: &impl ConnectionTrait,
    template_id: i64,
    first: Day,
    last: Day,
) -> Result<u64> {
    sql("UPDATE place SET taken = taken - 1 WHERE template_id = ? AND day BETWEEN ? AND ? AND taken > 0")
        .bind(template_id)
        .bind(first)
        .bind(last)
        .execute(txn)
        .await
}

/// A hold that is confirmed, or an offer that is taken; it counts as signed up now.
///
/// # Errors
/// `Contended` when it is not as it was read.
pub(crate) async fn reservation_confirm_in_txn(
    txn: &Txn,
    before: &reservation::Model,
    now: Instant,
) -> Result<()> {
    let to = before.state.after(Event::Confirmed { seated: before.class_id.is_some() })?;
    let done =
        sql("UPDATE reservation SET state = ?, created_at = ?, expires_at = NULL, version = version + 1 \
             WHERE id = ? AND state = ? AND version = ?")
        .bind(to)
        .bind(now)
        .bind(before.id)
        .bind(before.state)
        .bind(before.version)
        .execute(txn)
        .await?;
    if done == 1 { Ok(()) } else { Err(Error::Contended("reservation.confirm")) }
}

/// A hold that lasts longer, once.
///
/// # Errors
/// `Contended` when it is not as it was read, or was renewed before.
pub(crate) async fn hold_renew_in_txn(txn: &Txn, before: &reservation::Model, until: Instant) -> Result<()> {
    let done = sql("UPDATE reservation SET expires_at = ?, renewed = TRUE, version = version + 1 \
         WHERE id = ? AND state = ? AND renewed = FALSE AND version = ?")
    .bind(until)
    .bind(before.id)
    .bind(ReservationState::Held)
    .bind(before.version)
    .execute(txn)
    .await?;
    if done == 1 { Ok(()) } else { Err(Error::Contended("hold.renew")) }
}

/// A sign-up that is in another class from a day on.
///
/// # Errors
/// `Contended` when it is not as it was read.
pub(crate) async fn reservation_move_in_txn(
    txn: &Txn,
    before: &reservation::Model,
    class_id: i64,
    from: Day,
) -> Result<()> {
    let done = sql("UPDATE reservation SET class_id = ?, placed_from = ?, state = ?, task_id = NULL, \
         version = version + 1 WHERE id = ? AND state = ? AND version = ?")
    .bind(class_id)
    .bind(from)
    .bind(before.state.after(Event::Placed)?)
    .bind(before.id)
    .bind(before.state)
    .bind(before.version)
    .execute(txn)
    .await?;
    if done == 1 { Ok(()) } else { Err(Error::Contended("reservation.move")) }
}

/// Shortens a reservation to `last_day`; whether it was as it had been read.
pub(crate) async fn reservation_shorten_in_txn(
    txn: &impl ConnectionTrait,
    before: &reservation::Model,
    last_day: Day,
    state: ReservationState,
    now: Instant,
) -> Result<bool> {
    let done = sql("UPDATE reservation SET last_day = ?, state = ?, cancelled_at = ?, expires_at = NULL, \
         version = version + 1 \
         WHERE id = ? AND state = ? AND last_day = ? AND version = ?")
    .bind(last_day)
    .bind(state)
    .bind(now)
    .bind(before.id)
    .bind(before.state)
    .bind(before.last_day)
    .bind(before.version)
    .execute(txn)
    .await?;
    Ok(done == 1)
}

/// A sign-up that waits for a class is one until this day only, as if it had never been longer:
/// what is behind it is another.
///
/// # Errors
/// `Contended` when it is not as it was read.
pub(crate) async fn reservation_part_in_txn(
    txn: &Txn,
    before: &reservation::Model,
    last_day: Day,
) -> Result<()> {
    let done = sql("UPDATE reservation SET end_day = ?, last_day = ?, version = version + 1 \
         WHERE id = ? AND state = ? AND version = ?")
    .bind(last_day)
    .bind(last_day)
    .bind(before.id)
    .bind(ReservationState::Booked)
    .bind(before.version)
    .execute(txn)
    .await?;
    if done == 1 { Ok(()) } else { Err(Error::Contended("reservation.part")) }
}

/// Gives a sign-up another last day, and leaves all else as it is, but for a class of which nothing
/// is left: then the student waits for one. Whether it was as it had been read.
pub(crate) async fn reservation_last_day_in_txn(
    txn: &impl ConnectionTrait,
    before: &reservation::Model,
    last_day: Day,
) -> Result<bool> {
    let emptied = before.placed_from.is_some_and(|from| from > last_day);
    let (state, class_id, placed_from) = if emptied {
        (before.state.after(Event::Unplaced)?, None, None)
    } else {
        (before.state, before.class_id, before.placed_from)
    };
    let done = sql("UPDATE reservation SET last_day = ?, state = ?, class_id = ?, placed_from = ?, \
         version = version + 1 WHERE id = ? AND state = ? AND last_day = ? AND version = ?")
    .bind(last_day)
    .bind(state)
    .bind(class_id)
    .bind(placed_from)
    .bind(before.id)
    .bind(before.state)
    .bind(before.last_day)
    .bind(before.version)
    .execute(txn)
    .await?;
    Ok(done == 1)
}

/// Reservations of which nothing is left → CANCELLED; the last day that counts comes with each.
///
/// # Errors
/// `Contended` when one is in another state by now.
pub(crate) async fn reservation_cancel_set_in_txn(
    txn: &Txn,
    rows: &[(i64, Day)],
    now: Instant,
) -> Result<()> {
    let live = "reservation.id = p.id AND reservation.state IN ('HELD', 'OFFERED', 'WAITLISTED', 'BOOKED', \
        'PLACED')";
    cancel_in_txn(txn, live, rows, now).await
}

/// WAITLISTED → CANCELLED, as above.
///
/// # Errors
/// `Contended` when one is in another state by now, as when it was just offered a place, which
/// would never be given back.
pub(crate) async fn waiting_cancel_set_in_txn(txn: &Txn, rows: &[(i64, Day)], now: Instant) -> Result<()> {
    cancel_in_txn(txn, "reservation.id = p.id AND reservation.state = 'WAITLISTED'", rows, now).await
}

async fn cancel_in_txn(txn: &Txn, on: &'static str, rows: &[(i64, Day)], now: Instant) -> Result<()> {
    let set = "state = 'CANCELLED', last_day = p.last_day, cancelled_at = p.cancelled_at, task_id = NULL, \
        expires_at = NULL, version = version + 1";
    let done = update_by_rows(txn, "reservation", "{rows:id:i, last_day:d, cancelled_at:i}", on, set)
        .rows(rows.iter().map(|(id, last)| -> [Cell; 3] { [(*id).into(), (*last).into(), now.into()] }))
        .execute(txn)
        .await?;
    if usize::try_from(done) == Ok(rows.len()) { Ok(()) } else { Err(Error::Contended("reservation.state")) }
}
