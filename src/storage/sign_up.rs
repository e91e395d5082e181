//! What deciding a set of sign-ups reads, locks and writes: one statement for the set, however many there are.

use super::Txn;
use super::ledger::{By, PlaceChange, place_change_write_all_in_txn};
use super::sql::{Cell, sql, update_by_rows};
use super::waitlist::{Due, due_columns};
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::entity::{place, reservation};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult};
use std::collections::HashMap;

/// A class template, as far as sign-ups need it.
#[derive(Clone, Debug, FromQueryResult)]
pub struct WantedTemplate {
    /// Key.
    pub id: i64,
    /// Code.
    pub code: String,
    /// Grade, 1 to 12.
    pub grade: i32,
    /// Students in one class.
    pub max_students_per_class: i32,
    /// There are class tasks that are not closed.
    pub has_open_tasks: bool,
}

/// The templates of codes.
pub async fn template_list_by_codes<'a>(
    conn: &impl ConnectionTrait,
    codes: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<WantedTemplate>> {
    // Not EXISTS, for which PostgreSQL may read the tasks of all templates.
    sql("SELECT t.id, t.code, t.grade, t.max_students_per_class, (SELECT 1 FROM class_task k WHERE k.template_id = t.id \
         AND k.state IN ('PENDING', 'INVITING', 'COVERED') LIMIT 1) IS NOT NULL AS has_open_tasks \
         FROM {rows:t} q {look_up:class_template t ON t.code = q.c0}")
    .rows(codes.into_iter().map(|code| [Cell::from(code)]))
    .all(conn)
    .await
}

/// A student who signs up.
#[derive(Clone, Debug, FromQueryResult)]
pub struct WantingStudent {
    /// Key.
    pub id: i64,
    /// User name.
    pub user_name: String,
    /// Grade, 1 to 12.
    pub grade: i32,
    /// Area code.
    pub area_code: String,
}

/// Locks the students of user names: whoever changes what they are signed up for takes this turn first. In order of keys.
pub async fn student_lock_by_names<'a>(txn: &Txn, names: impl IntoIterator<Item = &'a str>) -> Result<Vec<WantingStudent>> {
    sql("SELECT s.id, s.user_name, s.grade, s.area_code FROM {rows:t} q {join} student s ON s.user_name = q.c0 ORDER BY s.id {lock:s}")
        .rows(names.into_iter().map(|name| [Cell::from(name)]))
        .all(txn)
        .await
}

/// A reservation that takes places at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taking {
    /// The student.
    pub student_id: i64,
    /// The template.
    pub template_id: i64,
    /// First day.
    pub start_day: Day,
    /// Last day that counts.
    pub last_day: Day,
}

/// A row of [`look`]: a template, or (with a student) a reservation.
#[derive(FromQueryResult)]
struct Look {
    template_id: i64,
    lapsed: bool,
    waiting: bool,
    running: bool,
    student_id: Option<i64>,
    start_day: Option<Day>,
    last_day: Option<Day>,
    state: Option<ReservationState>,
    expires_at: Option<Instant>,
}

/// What is to be looked after of templates, and what students are signed up for between two days, holds and offers that last included: one
/// statement, because the set waits for each.
pub async fn look(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    today: Day,
    student_ids: impl IntoIterator<Item = i64>,
    (first, last): (Day, Day),
    now: Instant,
) -> Result<(Due, Vec<Taking>)> {
    let found: Vec<Look> = sql(concat!(
        "SELECT q.c0 AS template_id, ",
        due_columns!(),
        ", CAST(NULL AS {bigint}) AS student_id, CAST(NULL AS DATE) AS start_day, CAST(NULL AS DATE) AS last_day, NULL AS state, \
         CAST(NULL AS {bigint}) AS expires_at FROM {rows:i} q \
         UNION ALL SELECT r.template_id, FALSE, FALSE, FALSE, r.student_id, r.start_day, r.last_day, r.state, r.expires_at \
         FROM {rows:i} q {look_up:reservation r ON r.student_id = q.c0 AND r.start_day <= ? AND r.last_day >= ?}"
    ))
    .bind(now)
    .bind(now)
    .bind(now)
    .bind(today)
    .rows(template_ids.iter().map(|id| [Cell::from(*id)]))
    .rows(student_ids.into_iter().map(|id| [Cell::from(id)]))
    .bind(last)
    .bind(first)
    .all(conn)
    .await?;
    let (mut due, mut taking) = (Due::default(), Vec::new());
    for row in found {
        let (Some(student_id), Some(start_day), Some(last_day), Some(state)) = (row.student_id, row.start_day, row.last_day, row.state)
        else {
            due.note(row.template_id, row.lapsed, row.waiting, row.running);
            continue;
        };
        // Not in the statement: SQLite and PostgreSQL would take that for a reason to read by state.
        if start_day <= last_day && state.takes_places() && row.expires_at.is_none_or(|until| now < until) {
            taking.push(Taking { student_id, template_id: row.template_id, start_day, last_day });
        }
    }
    Ok((due, taking))
}

/// What students are signed up for between two days, holds and offers that last included.
pub async fn taking_list(
    conn: &impl ConnectionTrait,
    student_ids: impl IntoIterator<Item = i64>,
    first: Day,
    last: Day,
    now: Instant,
) -> Result<Vec<Taking>> {
    Ok(look(conn, &[], first, student_ids, (first, last), now).await?.1)
}

/// The lesson days of templates in ranges: (template, first day, last day).
pub async fn place_list_in(conn: &impl ConnectionTrait, ranges: &[(i64, Day, Day)]) -> Result<Vec<place::Model>> {
    sql("SELECT p.* FROM {rows:idd} q {join} place p ON p.template_id = q.c0 AND p.day >= q.c1 AND p.day <= q.c2 \
         ORDER BY p.template_id, p.day")
    .rows(cells(ranges))
    .all(conn)
    .await
}

/// Locks and reads the lesson days of templates in ranges, in order of keys, so that two who do this cannot wait for each other.
pub async fn place_lock_list_in(txn: &Txn, ranges: &[(i64, Day, Day)]) -> Result<Vec<place::Model>> {
    sql("SELECT p.* FROM {rows:idd} q {join} place p ON p.template_id = q.c0 AND p.day >= q.c1 AND p.day <= q.c2 \
         ORDER BY p.template_id, p.day {lock:p}")
    .rows(cells(ranges))
    .all(txn)
    .await
}

fn cells(ranges: &[(i64, Day, Day)]) -> impl Iterator<Item = [Cell; 3]> {
    ranges.iter().map(|(template, first, last)| [(*template).into(), (*first).into(), (*last).into()])
}

/// Changes the places taken on lesson days: (template, day, by how many).
///
/// # Errors
/// `Contended` when a day is not there, or has fewer places than that.
pub async fn place_change_in_txn(txn: &Txn, changes: &[(i64, Day, i64)]) -> Result<()> {
    let on = "place.template_id = p.c0 AND place.day = p.c1 AND place.taken + p.c2 BETWEEN 0 AND place.capacity";
    let done = update_by_rows(txn, "place", "{rows:idi}", on, "taken = place.taken + p.c2")
        .rows(changes.iter().map(|(template, day, by)| [(*template).into(), (*day).into(), (*by).into()]))
        .execute(txn)
        .await?;
    if usize::try_from(done) == Ok(changes.len()) { Ok(()) } else { Err(Error::Contended("place.taken")) }
}

/// A reservation to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRow {
    /// The student.
    pub student_id: i64,
    /// The template.
    pub template_id: i64,
    /// First day.
    pub start_day: Day,
    /// Last day.
    pub end_day: Day,
    /// HELD, BOOKED, PLACED or WAITLISTED.
    pub state: ReservationState,
    /// When it was signed up for.
    pub created_at: Instant,
    /// Until when it is held, or waits.
    pub expires_at: Option<Instant>,
    /// The class of which it has a seat, and from which day on.
    pub seat: Option<(i64, Day)>,
    /// When it joined the waiting list, and the first lesson day it waits for.
    pub waits: Option<(Instant, Day)>,
}

impl NewRow {
    fn cells(&self) -> [Cell; 11] {
        [
            self.student_id.into(),
            self.template_id.into(),
            self.start_day.into(),
            self.end_day.into(),
            self.state.as_str().into(),
            self.created_at.into(),
            self.expires_at.into(),
            self.seat.map(|(class, _)| class).into(),
            self.seat.map(|(_, from)| from).into(),
            self.waits.map(|(joined, _)| joined).into(),
            self.waits.map(|(_, day)| day).into(),
        ]
    }

    /// The row as it is when it was written under a key.
    pub fn as_written(&self, id: i64) -> reservation::Model {
        reservation::Model {
            id,
            student_id: self.student_id,
            template_id: self.template_id,
            start_day: self.start_day,
            end_day: self.end_day,
            last_day: self.end_day,
            state: self.state,
            created_at: self.created_at,
            cancelled_at: None,
            task_id: None,
            class_id: self.seat.map(|(class, _)| class),
            placed_from: self.seat.map(|(_, from)| from),
            version: 0,
            expires_at: self.expires_at,
            renewed: false,
            joined_at: self.waits.map(|(joined, _)| joined),
            first_lesson_day: self.waits.map(|(_, day)| day),
        }
    }
}

/// What tells the reservations of a set apart: student, template, first day, and state, for who signs up may join the waiting list too.
pub type RowKey = (i64, i64, Day, ReservationState);

macro_rules! insert_returning {
    ($before:literal, $after:literal) => {
        concat!(
            "INSERT INTO reservation (student_id, template_id, start_day, end_day, last_day, state, created_at, expires_at, class_id, ",
            "placed_from, joined_at, first_lesson_day) ",
            "SELECT q.c0, q.c1, q.c2, q.c3, q.c3, q.c4, q.c5, q.c6, q.c7, q.c8, q.c9, q.c10 FROM {rows:iiddtiiidid} q ",
            $before,
            " RETURNING id, student_id, template_id, start_day, state ",
            $after
        )
    };
}

/// What is written of an accepted sign-up: its reservation, its line in the ledger, and what its request id was used for.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The reservation.
    pub row: NewRow,
    /// Why it takes places; none = it takes none, and the ledger says nothing of it.
    pub cause: Option<PlaceCause>,
    /// User name of the student.
    pub student: &'a str,
    /// The caller's request id; empty = none.
    pub request_id: &'a str,
    /// Scope and hash of the request, if its id is to be stored.
    pub request: Option<(&'static str, &'a str)>,
}

/// Writes a set of sign-ups and the places it takes, (template, day, how many); their keys, in the same order.
///
/// # Errors
/// `Contended` when a day has fewer places than that, or another transaction has just stored one of the request ids.
pub async fn entry_insert_set_in_txn(txn: &Txn, entries: &[Entry<'_>], taken: &[(i64, Day, i64)], now: Instant) -> Result<Vec<i64>> {
    if txn.get_database_backend() == DbBackend::Postgres {
        return entry_insert_set_at_once(txn, entries, taken, now).await;
    }
    if !taken.is_empty() {
        place_change_in_txn(txn, taken).await?;
    }
    let rows: Vec<NewRow> = entries.iter().map(|entry| entry.row).collect();
    let found = reservation_insert_set_in_txn(txn, &rows).await?;
    let id = |row: &NewRow| found.get(&(row.student_id, row.template_id, row.start_day, row.state)).copied();
    let ids: Vec<i64> = rows.iter().filter_map(id).collect();
    if ids.len() != entries.len() {
        return Err(Error::internal("a reservation just written is missing"));
    }
    let (mut ledger, mut requests) = (Vec::with_capacity(entries.len()), Vec::new());
    for (Entry { row, cause, student, request_id, request }, id) in entries.iter().zip(&ids) {
        if let Some(cause) = *cause {
            let (template_id, first_day, last_day) = (row.template_id, row.start_day, row.end_day);
            let change = PlaceChange { template_id, reservation_id: Some(*id), first_day, last_day, delta: 1, cause };
            ledger.push((change, By { request_id: (*request_id).to_owned(), ..By::actor(*student) }));
        }
        requests.extend(request.map(|(scope, fingerprint)| (scope, *request_id, fingerprint, *id)));
    }
    let ledger: Vec<(&PlaceChange, &By)> = ledger.iter().map(|(change, by)| (change, by)).collect();
    place_change_write_all_in_txn(txn, &ledger, now).await?;
    request_insert_set_in_txn(txn, &requests, now).await?;
    Ok(ids)
}

/// The same in one statement, as only PostgreSQL can: the set waits once instead of up to four times.
async fn entry_insert_set_at_once(txn: &Txn, entries: &[Entry<'_>], taken: &[(i64, Day, i64)], now: Instant) -> Result<Vec<i64>> {
    let cells = entries.iter().map(|Entry { row, cause, student, request_id, request }| -> [Cell; 16] {
        let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10] = row.cells();
        let (scope, fingerprint) = request.unwrap_or_default();
        let cause = cause.map_or("", PlaceCause::as_str);
        [
            c0,
            c1,
            c2,
            c3,
            c4,
            c5,
            c6,
            c7,
            c8,
            c9,
            c10,
            cause.into(),
            (*student).into(),
            (*request_id).into(),
            scope.into(),
            fingerprint.into(),
        ]
    });
    // The keys are taken beforehand: joined by what was inserted, each row would be compared with each.
    let written: Result<Vec<(i64, i64)>> = sql(
        "WITH q AS MATERIALIZED (SELECT nextval((SELECT CAST(pg_get_serial_sequence('reservation', 'id') AS regclass))) AS id, v.* \
             FROM {rows:iiddtiiididttttt} v), \
         taken AS (UPDATE place SET taken = place.taken + p.c2 FROM {rows:idi} p WHERE place.template_id = p.c0 AND place.day = p.c1 \
             AND place.taken + p.c2 BETWEEN 0 AND place.capacity RETURNING 1), \
         made AS (INSERT INTO reservation (id, student_id, template_id, start_day, end_day, last_day, state, created_at, expires_at, class_id, \
                 placed_from, joined_at, first_lesson_day) \
             SELECT q.id, q.c0, q.c1, q.c2, q.c3, q.c3, q.c4, q.c5, q.c6, q.c7, q.c8, q.c9, q.c10 FROM q), \
         told AS (INSERT INTO place_change (template_id, reservation_id, first_day, last_day, delta, cause, actor, remark, request_id, changed_at) \
             SELECT q.c1, q.id, q.c2, q.c3, 1, q.c11, q.c12, '', q.c13, CAST(? AS BIGINT) FROM q WHERE q.c11 <> ''), \
         asked AS (INSERT INTO request_log (scope, request_id, fingerprint, result, created_at) \
             SELECT q.c14, q.c13, q.c15, CAST(q.id AS TEXT), CAST(? AS BIGINT) FROM q WHERE q.c14 <> '') \
         SELECT q.id, (SELECT COUNT(*) FROM taken) FROM q ORDER BY q.id",
    )
    .rows(cells)
    .rows(taken.iter().map(|(template, day, by)| [(*template).into(), (*day).into(), (*by).into()]))
    .bind(now)
    .bind(now)
    .tuples(txn)
    .await;
    let written = match written {
        Err(Error::AlreadyExists { .. }) => return Err(Error::Contended("request_log")),
        written => written?,
    };
    if written.iter().any(|(_, days)| usize::try_from(*days) != Ok(taken.len())) {
        return Err(Error::Contended("place.taken"));
    }
    if written.len() != entries.len() {
        return Err(Error::internal("a reservation just written is missing"));
    }
    Ok(written.into_iter().map(|(id, _)| id).collect())
}

/// Writes reservations; the id of each by what no two of a set share.
pub async fn reservation_insert_set_in_txn(txn: &Txn, rows: &[NewRow]) -> Result<HashMap<RowKey, i64>> {
    // MariaDB alone reads what stands in the comment: MySQL does not return what it inserts.
    let insert = match txn.get_database_backend() {
        DbBackend::MySql => insert_returning!("/*M!", "*/"),
        _ => insert_returning!("", ""),
    };
    let mut found: Vec<(i64, i64, i64, Day, ReservationState)> = sql(insert).rows(rows.iter().map(NewRow::cells)).tuples(txn).await?;
    if found.is_empty() && txn.get_database_backend() == DbBackend::MySql {
        // The students are locked, so the latest of each key is ours.
        found = sql("SELECT MAX(r.id), r.student_id, r.template_id, r.start_day, r.state FROM {rows:iidt} q {join} reservation r \
             FORCE INDEX (reservation_student) ON r.student_id = q.c0 AND r.template_id = q.c1 AND r.start_day = q.c2 AND r.state = q.c3 \
             GROUP BY r.student_id, r.template_id, r.start_day, r.state")
        .rows(rows.iter().map(|row| [row.student_id.into(), row.template_id.into(), row.start_day.into(), row.state.as_str().into()]))
        .tuples(txn)
        .await?;
    }
    Ok(found.into_iter().map(|(id, student, template, start, state)| ((student, template, start, state), id)).collect())
}

/// What request ids of a scope were used for: (id, hash of the request, result).
pub async fn request_list<'a>(
    conn: &impl ConnectionTrait,
    scope: &str,
    ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<(String, String, String)>> {
    sql("SELECT l.request_id, l.fingerprint, l.result FROM {rows:t} q {look_up:request_log l ON l.request_id = q.c0 AND l.scope = ?}")
        .rows(ids.into_iter().map(|id| [Cell::from(id)]))
        .bind(scope)
        .tuples(conn)
        .await
}

/// Stores what request ids were used for: (scope, id, hash of the request, result).
///
/// # Errors
/// `Contended` when another transaction has just stored one of them.
async fn request_insert_set_in_txn(txn: &Txn, rows: &[(&str, &str, &str, i64)], now: Instant) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let cells = rows.iter().map(|(scope, id, fingerprint, result)| -> [Cell; 4] {
        [(*scope).into(), (*id).into(), (*fingerprint).into(), result.to_string().as_str().into()]
    });
    let done = sql(
        "INSERT INTO request_log (scope, request_id, fingerprint, result, created_at) SELECT q.c0, q.c1, q.c2, q.c3, ? FROM {rows:tttt} q",
    )
    .bind(now)
    .rows(cells)
    .execute(txn)
    .await;
    match done {
        Err(Error::AlreadyExists { .. }) => Err(Error::Contended("request_log")),
        done => done.map(drop),
    }
}
