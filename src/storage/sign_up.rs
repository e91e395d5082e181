//! What deciding a set of sign-ups reads, locks and writes: one statement for the set, however many there are.

mod write;

pub use write::{Entry, NewRow, RowKey, entry_insert_set_in_txn, reservation_insert_set_in_txn};

use super::Txn;
use super::sql::{Cell, sql, update_by_rows};
use super::waitlist::{Due, due_columns};
use crate::domain::places::Claim;
use crate::domain::state::ReservationState;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::entity::place;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::BTreeSet;

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
    /// By what.
    pub claim: Claim,
    /// First day.
    pub start_day: Day,
    /// Last day that counts.
    pub last_day: Day,
}

/// What [`look`] finds.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// What is to be looked after of the templates.
    pub due: Due,
    /// What the students are signed up for, holds and offers that last included.
    pub taking: Vec<Taking>,
    /// The students who are on a waiting list.
    pub waiting: BTreeSet<i64>,
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
) -> Result<Looked> {
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
    let mut looked = Looked::default();
    for row in found {
        let (Some(student_id), Some(start_day), Some(last_day), Some(state)) = (row.student_id, row.start_day, row.last_day, row.state)
        else {
            looked.due.note(row.template_id, row.lapsed, row.waiting, row.running);
            continue;
        };
        // Not in the statement: SQLite and PostgreSQL would take that for a reason to read by state.
        let lasts = start_day <= last_day && row.expires_at.is_none_or(|until| now < until);
        match Claim::of(state) {
            Some(claim) if lasts => {
                looked.taking.push(Taking { student_id, template_id: row.template_id, claim, start_day, last_day });
            }
            None if lasts && state == ReservationState::Waitlisted => drop(looked.waiting.insert(student_id)),
            _ => {}
        }
    }
    Ok(looked)
}

/// What students are signed up for between two days, holds and offers that last included.
pub async fn taking_list(
    conn: &impl ConnectionTrait,
    student_ids: impl IntoIterator<Item = i64>,
    first: Day,
    last: Day,
    now: Instant,
) -> Result<Vec<Taking>> {
    Ok(look(conn, &[], first, student_ids, (first, last), now).await?.taking)
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
        .execute_in_parts(txn)
        .await?;
    if usize::try_from(done) == Ok(changes.len()) { Ok(()) } else { Err(Error::Contended("place.taken")) }
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
