//! Queries for classes that go on past their last day (docs/domain.md §6): which vacancy it is, who
//! gets a seat by it, and what is to be done by now.

pub(crate) mod lessons;

use super::Txn;
use super::insert::insert_rows;
use super::sql::{Cell, sql, update_by_rows};
use crate::domain::state::{InvitationState, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ConnectionTrait, FromQueryResult};
use std::collections::{HashMap, HashSet};

/// Notes which class a new vacancy lets go on, and the newcomers who get a seat by it.
pub(crate) async fn continuation_insert_in_txn(
    txn: &Txn,
    id: i64,
    class_id: i64,
    newcomers: &[i64],
) -> Result<()> {
    sql("INSERT INTO continuation (vacancy_id, class_id) VALUES (?, ?)")
        .bind(-id)
        .bind(class_id)
        .execute(txn)
        .await?;
    seat_insert_in_txn(txn, id, newcomers.iter().map(|reservation| (*reservation, true, None))).await
}

/// Notes who gets a seat by a vacancy: (reservation, is a newcomer, when to remind).
pub(crate) async fn seat_insert_in_txn(
    txn: &Txn,
    id: i64,
    seats: impl IntoIterator<Item = (i64, bool, Option<Instant>)>,
) -> Result<()> {
    let cells = |(reservation, is_newcomer, remind_at): (i64, bool, Option<Instant>)| -> [Cell; 4] {
        [reservation.into(), (-id).into(), i64::from(is_newcomer).into(), remind_at.into()]
    };
    let rows: Vec<[Cell; 4]> = seats.into_iter().map(cells).collect();
    if rows.is_empty() {
        return Ok(());
    }
    sql("INSERT INTO continuation_seat (reservation_id, vacancy_id, is_newcomer, remind_at) \
         SELECT q.reservation_id, q.vacancy_id, q.is_newcomer <> 0, q.remind_at \
         FROM {rows:reservation_id:i, vacancy_id:i, is_newcomer:i, remind_at:i} q")
    .rows(rows)
    .execute_in_parts(txn)
    .await
    .map(drop)
}

/// The class that goes on by each of these vacancies, and when the admins were told that its coach
/// does not.
pub(crate) async fn continuation_list(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, (i64, Option<Instant>)>> {
    let rows: Vec<(i64, i64, Option<Instant>)> =
        sql("SELECT -vacancy_id, class_id, told_at FROM continuation WHERE vacancy_id IN ({ids})")
            .ids(ids.into_iter().map(|id| -id))
            .tuples(conn)
            .await?;
    Ok(rows.into_iter().map(|(id, class, told)| (id, (class, told))).collect())
}

/// The admins are told of a locked vacancy that its coach does not go on.
pub(crate) async fn continuation_told_in_txn(txn: &Txn, id: i64, now: Instant) -> Result<()> {
    sql("UPDATE continuation SET told_at = ? WHERE vacancy_id = ?")
        .bind(now)
        .bind(-id)
        .execute(txn)
        .await
        .map(drop)
}

/// Who gets a seat by a vacancy.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct SeatRow {
    /// The key of the vacancy.
    pub vacancy_id: i64,
    /// The reservation: an offer and what became of it, or a sign-up that was there before.
    pub reservation_id: i64,
    /// User name of the student.
    pub student: String,
    /// Whether the class goes on for this sign-up.
    pub is_newcomer: bool,
    /// State of the reservation.
    pub state: ReservationState,
    /// Until when it is offered.
    pub expires_at: Option<Instant>,
}

/// Who gets a seat by these vacancies, in the order in which they signed up or were asked.
pub(crate) async fn seat_rows(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<SeatRow>> {
    sql("SELECT -k.vacancy_id AS vacancy_id, k.reservation_id, s.user_name AS student, k.is_newcomer, \
         r.state, r.expires_at FROM continuation_seat k \
         JOIN reservation r ON r.id = k.reservation_id JOIN student s ON s.id = r.student_id \
         WHERE k.vacancy_id IN ({ids}) ORDER BY k.vacancy_id, k.reservation_id")
    .ids(ids.into_iter().map(|id| -id))
    .all(conn)
    .await
}

/// Those of these holds and offers that are offers of a seat in a class that goes on.
pub(crate) async fn seats_offered(
    conn: &impl ConnectionTrait,
    reservation_ids: impl IntoIterator<Item = i64>,
) -> Result<HashSet<i64>> {
    let ids = Vec::from_iter(reservation_ids);
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let found: Vec<i64> = sql("SELECT reservation_id FROM continuation_seat WHERE is_newcomer = FALSE \
         AND reservation_id IN ({ids})")
    .ids(ids)
    .column(conn)
    .await?;
    Ok(HashSet::from_iter(found))
}

/// A student of a class that goes on, or a newcomer.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Comer {
    /// The reservation by which the student is in the class, or was; of a newcomer the sign-up.
    pub reservation_id: i64,
    /// The student.
    pub student_id: i64,
    /// User name.
    pub user_name: String,
    /// Phone number.
    pub phone: String,
    /// Where the student lives.
    pub area_code: String,
}

/// The students of a lesson of a class, in the order in which they signed up: also of one that is
/// over, and whoever is on leave, but nobody who has signed off from a day on.
pub(crate) async fn students_of_day(
    conn: &impl ConnectionTrait,
    class_id: i64,
    day: Day,
) -> Result<Vec<Comer>> {
    sql("SELECT r.id AS reservation_id, r.student_id, s.user_name, s.phone, s.area_code \
         FROM reservation r JOIN student s ON s.id = r.student_id WHERE r.class_id = ? \
         AND r.state IN ('PLACED', 'ENDED') AND COALESCE(r.placed_from, r.start_day) <= ? \
         AND r.last_day >= ? AND r.last_day = r.end_day ORDER BY r.created_at, r.id")
    .bind(class_id)
    .bind(day)
    .bind(day)
    .all(conn)
    .await
}

/// A sign-up that may become that of a newcomer.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct SignUpRow {
    /// The student with the reservation.
    #[sea_orm(nested)]
    pub comer: Comer,
    /// Of which template.
    pub template_id: i64,
    /// State.
    pub state: ReservationState,
    /// First day.
    pub start_day: Day,
    /// Last day that counts.
    pub last_day: Day,
    /// The class that the student is in.
    pub class_id: Option<i64>,
}

/// Sign-ups by their keys.
pub(crate) async fn sign_up_rows(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<SignUpRow>> {
    sql("SELECT r.id AS reservation_id, r.student_id, s.user_name, s.phone, s.area_code, r.template_id, \
         r.state, r.start_day, r.last_day, r.class_id FROM reservation r \
         JOIN student s ON s.id = r.student_id WHERE r.id IN ({ids}) ORDER BY r.created_at, r.id")
    .ids(ids)
    .all(conn)
    .await
}

/// The sign-ups of students of a template that have no class yet and have lesson days from the
/// first to the last of these.
pub(crate) async fn sign_up_list_waiting(
    conn: &impl ConnectionTrait,
    template_id: i64,
    student_ids: impl IntoIterator<Item = i64>,
    (first, last): (Day, Day),
) -> Result<Vec<SignUpRow>> {
    let ids: Vec<i64> = sql("SELECT r.id FROM reservation r WHERE r.student_id IN ({ids}) \
         AND r.template_id = ? AND r.state = 'BOOKED' AND r.class_id IS NULL \
         AND r.start_day <= ? AND r.last_day >= ?")
    .ids(student_ids)
    .bind(template_id)
    .bind(last)
    .bind(first)
    .column(conn)
    .await?;
    sign_up_rows(conn, ids).await
}

/// What is to be done about classes that go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DueNow {
    /// Vacancies whose coach is ready.
    pub covered: Vec<i64>,
    /// Vacancies of whose coach nothing is waited for any more, and the admins were not told.
    pub refused: Vec<i64>,
    /// Seats of which a student is to be reminded, by reservation.
    pub reminders: Vec<i64>,
}

/// What is to be done by now. Each part is a look-up by index.
pub(crate) async fn due_now(conn: &impl ConnectionTrait, now: Instant) -> Result<DueNow> {
    let rows: Vec<(i64, i64)> = sql("SELECT CAST(1 AS {bigint}) AS what, -v.id AS id FROM vacancy v \
         WHERE v.state = 'COVERED' AND v.kind = 'CONTINUE' AND v.dirty = FALSE \
         UNION ALL SELECT CAST(2 AS {bigint}), -v.id FROM vacancy v \
         JOIN continuation k ON k.vacancy_id = v.id WHERE v.state IN ('PENDING', 'INVITING') \
         AND v.kind = 'CONTINUE' AND k.told_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM invitation i WHERE i.task_id = -v.id \
           AND (i.state IN ('READY', 'RESERVE') OR (i.state = 'QUEUED' AND i.valid_until > ?) \
             OR (i.state = 'SENT' AND i.expires_at > ?) OR (i.state = 'ACCEPTED' AND i.test_deadline > ?))) \
         UNION ALL SELECT CAST(3 AS {bigint}), k.reservation_id FROM continuation_seat k \
         WHERE k.remind_at <= ?")
    .bind(now)
    .bind(now)
    .bind(now)
    .bind(now)
    .tuples(conn)
    .await?;
    let mut due = DueNow::default();
    for (what, id) in rows {
        match what {
            1 => due.covered.push(id),
            2 => due.refused.push(id),
            _ => due.reminders.push(id),
        }
    }
    Ok(due)
}

/// A seat of which its student is to be reminded, or not any more.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct ReminderRow {
    /// The reservation.
    pub reservation_id: i64,
    /// Its template.
    pub template_id: i64,
    /// Its state.
    pub state: ReservationState,
    /// Until when the seat is kept.
    pub expires_at: Option<Instant>,
    /// Day and start of its first lesson; none = it has none any more.
    pub day: Option<Day>,
    /// See `day`.
    pub start_at: Option<Instant>,
    /// User name of the student.
    pub user_name: String,
    /// Phone number.
    pub phone: String,
}

/// Those of these seats of which a student is still to be reminded by now, locked.
pub(crate) async fn reminder_lock_in_txn(txn: &Txn, ids: &[i64], now: Instant) -> Result<Vec<ReminderRow>> {
    let due: Vec<i64> = sql("SELECT k.reservation_id FROM continuation_seat k \
         WHERE k.reservation_id IN ({ids}) AND k.remind_at <= ? ORDER BY k.reservation_id {lock:k}")
    .ids(ids.iter().copied())
    .bind(now)
    .column(txn)
    .await?;
    sql("SELECT r.id AS reservation_id, r.template_id, r.state, r.expires_at, p.day, p.start_at, \
         s.user_name, s.phone FROM reservation r JOIN student s ON s.id = r.student_id \
         LEFT JOIN place p ON p.template_id = r.template_id AND p.day = (SELECT MIN(f.day) FROM place f \
           WHERE f.template_id = r.template_id AND f.day BETWEEN r.start_day AND r.last_day) \
         WHERE r.id IN ({ids}) ORDER BY r.id")
    .ids(due)
    .all(txn)
    .await
}

/// When students are reminded next: (reservation, when).
pub(crate) async fn remind_set_in_txn(txn: &Txn, rows: &[(i64, Option<Instant>)]) -> Result<()> {
    let on = "continuation_seat.reservation_id = p.id AND continuation_seat.remind_at IS NOT NULL";
    update_by_rows(txn, "continuation_seat", "{rows:id:i, remind_at:i}", on, "remind_at = p.remind_at")
        .rows(rows.iter().map(|(id, at)| -> [Cell; 2] { [(*id).into(), (*at).into()] }))
        .execute_in_parts(txn)
        .await
        .map(drop)
}

/// The open vacancies by which classes go on in templates.
pub(crate) async fn continuation_ids_open(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
) -> Result<Vec<i64>> {
    sql("SELECT -id FROM vacancy WHERE state IN ('PENDING', 'INVITING', 'COVERED') AND kind = 'CONTINUE' \
         AND template_id IN ({ids}) ORDER BY id")
    .ids(template_ids.iter().copied())
    .column(conn)
    .await
}

/// Whether another coach is looked for, or found, who is to take a class over.
pub(crate) async fn is_taken_over(conn: &impl ConnectionTrait, class_id: i64) -> Result<bool> {
    let found: Vec<i64> = sql("SELECT id FROM vacancy WHERE class_id = ? AND kind = 'CHANGE' \
         AND state IN ('PENDING', 'INVITING', 'COVERED')")
    .bind(class_id)
    .column(conn)
    .await?;
    Ok(!found.is_empty())
}

/// Whether a class is to go on already, or another coach is looked for who is to take it over: the
/// keys of such open vacancies with their kinds, as stored.
pub(crate) async fn class_busy_with(
    conn: &impl ConnectionTrait,
    class_id: i64,
) -> Result<Option<(i64, String)>> {
    let found: Vec<(i64, String)> = sql("SELECT v.id, v.kind FROM vacancy v WHERE v.class_id = ? \
         AND v.state IN ('PENDING', 'INVITING', 'COVERED') AND v.kind IN ('CONTINUE', 'CHANGE') \
         ORDER BY v.id")
    .bind(class_id)
    .tuples(conn)
    .await?;
    Ok(found.into_iter().next())
}

/// An offer of a seat in a class that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeatOffer {
    /// The student.
    pub student_id: i64,
    /// From the first to the last of these days.
    pub days: (Day, Day),
    /// Until when.
    pub expires_at: Instant,
}

/// Offers students seats in a class of a template; the keys of the reservations by student and
/// first day.
pub(crate) async fn seat_offer_in_txn(
    txn: &Txn,
    (template_id, class_id): (i64, i64),
    offers: &[SeatOffer],
    now: Instant,
) -> Result<HashMap<(i64, Day), i64>> {
    use super::entity::reservation;
    let rows = offers.iter().map(|offer| reservation::ActiveModel {
        id: NotSet,
        student_id: Set(offer.student_id),
        template_id: Set(template_id),
        start_day: Set(offer.days.0),
        end_day: Set(offer.days.1),
        last_day: Set(offer.days.1),
        state: Set(ReservationState::Offered),
        created_at: Set(now),
        cancelled_at: Set(None),
        task_id: Set(None),
        class_id: Set(Some(class_id)),
        placed_from: Set(Some(offer.days.0)),
        version: Set(0),
        expires_at: Set(Some(offer.expires_at)),
        renewed: Set(false),
        joined_at: Set(None),
        first_lesson_day: Set(Some(offer.days.0)),
    });
    insert_rows(txn, rows).await?;
    let made: Vec<(i64, Day, i64)> = sql("SELECT student_id, start_day, id FROM reservation \
         WHERE class_id = ? AND state = 'OFFERED' AND created_at = ? AND student_id IN ({ids})")
    .bind(class_id)
    .bind(now)
    .ids(offers.iter().map(|offer| offer.student_id))
    .tuples(txn)
    .await?;
    Ok(made.into_iter().map(|(student, first, id)| ((student, first), id)).collect())
}

/// How the coach of a class stands who was asked whether it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvitationSeen {
    /// The invitation.
    pub id: i64,
    /// Its state.
    pub state: InvitationState,
    /// Until when it may be answered.
    pub expires_at: Option<Instant>,
}

/// The invitation of each of these vacancies.
pub(crate) async fn invitations_of(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, InvitationSeen>> {
    let rows: Vec<(i64, i64, InvitationState, Option<Instant>)> =
        sql("SELECT task_id, id, state, expires_at FROM invitation WHERE task_id IN ({ids}) ORDER BY id")
            .ids(ids)
            .tuples(conn)
            .await?;
    let seen = |(vacancy, id, state, expires_at)| (vacancy, InvitationSeen { id, state, expires_at });
    Ok(rows.into_iter().map(seen).collect())
}
