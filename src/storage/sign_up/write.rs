//! Writing a set of sign-ups: the places they take, reservations, ledger, and what request ids were
//! used for.

use super::place_change_in_txn;
use crate::domain::actor::Actor;
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::entity::reservation;
use crate::storage::ledger::{By, PlaceChange, place_change_write_all_in_txn};
use crate::storage::sql::{Cell, RECORD, Sql, sql};
use sea_orm::{ConnectionTrait, DbBackend};
use std::collections::HashMap;

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

/// What tells the reservations of a set apart: student, template, first day, and state, for who
/// signs up may join the waiting list too.
pub(super) type RowKey = (i64, i64, Day, ReservationState);

macro_rules! columns {
    () => {
        "student_id, template_id, start_day, end_day, last_day, state, created_at, expires_at, class_id, \
         placed_from, joined_at, first_lesson_day"
    };
}

/// Their values, as [`NewRow::cells`] gives them.
macro_rules! values {
    () => {
        "q.c0, q.c1, q.c2, q.c3, q.c3, q.c4, q.c5, q.c6, q.c7, q.c8, q.c9, q.c10"
    };
}

/// As [`place_change_in_txn`] does by itself.
macro_rules! take_places {
    () => {
        "UPDATE place SET taken = place.taken + p.c2 FROM {rows:idi} p WHERE place.template_id = p.c0 \
         AND place.day = p.c1 \
         AND place.taken + p.c2 BETWEEN 0 AND place.capacity"
    };
}

macro_rules! insert_returning {
    ($before:literal, $after:literal) => {
        concat!(
            "INSERT INTO reservation (",
            columns!(),
            ") SELECT ",
            values!(),
            " FROM {rows:iiddtiiidid} q ",
            $before,
            " RETURNING id, student_id, template_id, start_day, state ",
            $after
        )
    };
}

/// What is written of an accepted sign-up: its reservation, its line in the ledger, and what its
/// request id was used for.
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

impl Entry<'_> {
    /// What [`run_on_postgres`] writes: the reservation, cause, student, request id, scope and
    /// hash.
    fn cells(&self) -> [Cell; 16] {
        let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10] = self.row.cells();
        let (scope, fingerprint) = self.request.unwrap_or_default();
        let (cause, student) = (self.cause.map_or("", PlaceCause::as_str), self.student);
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
            student.into(),
            self.request_id.into(),
            scope.into(),
            fingerprint.into(),
        ]
    }

    /// Its line in the ledger, if it has one. `number`: by how many its reservation's key is less
    /// than the last of the set.
    fn ledger_cells(&self, number: i64) -> Option<[Cell; 7]> {
        let (row, cause) = (&self.row, self.cause?.as_str());
        let (first, last) = (row.start_day.into(), row.end_day.into());
        Some([
            row.template_id.into(),
            number.into(),
            first,
            last,
            cause.into(),
            self.student.into(),
            self.request_id.into(),
        ])
    }

    /// What its request id was used for, if that is to be stored.
    fn request_cells(&self, number: i64) -> Option<[Cell; 4]> {
        let (scope, fingerprint) = self.request?;
        Some([scope.into(), self.request_id.into(), fingerprint.into(), number.into()])
    }
}

/// Writes a set of sign-ups and the places it takes, (template, day, how many); their keys, in the
/// same order. In one go where the database can, because the set waits for each. An empty set
/// writes nothing.
///
/// # Errors
/// `Contended` when a day has fewer places than that, or another transaction has just stored one of
/// the request ids.
pub async fn entry_insert_set_in_txn(
    txn: &Txn,
    entries: &[Entry<'_>],
    taken: &[(i64, Day, i64)],
    now: Instant,
) -> Result<Vec<i64>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let written = match txn.get_database_backend() {
        DbBackend::Postgres => at_once_on_postgres(txn, entries, taken, now).await,
        DbBackend::Sqlite => at_once_on_sqlite(txn, entries, taken, now).await,
        _ => one_after_the_other(txn, entries, taken, now).await,
    };
    let ids = match written {
        // MariaDB does not say of which table the key was.
        Err(Error::AlreadyExists { key, .. })
            if key.contains("request_log") || txn.get_database_backend() == DbBackend::MySql =>
        {
            return Err(Error::Contended("request_log"));
        }
        written => written?,
    };
    if ids.len() == entries.len() {
        Ok(ids)
    } else {
        Err(Error::internal("a reservation just written is missing"))
    }
}

async fn one_after_the_other(
    txn: &Txn,
    entries: &[Entry<'_>],
    taken: &[(i64, Day, i64)],
    now: Instant,
) -> Result<Vec<i64>> {
    if !taken.is_empty() {
        place_change_in_txn(txn, taken).await?;
    }
    let rows: Vec<NewRow> = entries.iter().map(|entry| entry.row).collect();
    let found = reservation_insert_set_in_txn(txn, &rows).await?;
    let id = |row: &NewRow| found.get(&(row.student_id, row.template_id, row.start_day, row.state)).copied();
    let ids: Vec<i64> = rows.iter().filter_map(id).collect();
    let (mut ledger, mut requests) = (Vec::with_capacity(entries.len()), Vec::new());
    for (Entry { row, cause, student, request_id, request }, id) in entries.iter().zip(&ids) {
        if let Some(cause) = *cause {
            let (template_id, first_day, last_day) = (row.template_id, row.start_day, row.end_day);
            let change =
                PlaceChange { template_id, reservation_id: Some(*id), first_day, last_day, delta: 1, cause };
            ledger.push((
                change,
                By {
                    request_id: (*request_id).to_owned(),
                    ..By::actor(Actor::Student((*student).to_owned()))
                },
            ));
        }
        requests.extend(request.map(|(scope, fingerprint)| (scope, *request_id, fingerprint, *id)));
    }
    let ledger: Vec<(&PlaceChange, &By)> = ledger.iter().map(|(change, by)| (change, by)).collect();
    place_change_write_all_in_txn(txn, &ledger, now).await?;
    request_insert_set_in_txn(txn, &requests, now).await?;
    Ok(ids)
}

/// In one statement, as only PostgreSQL can, or in several that TLS sends each at once. What is
/// longer than one of its records is sent in parts, of which the last waits for the server to
/// acknowledge the others (Nagle's algorithm, which the driver leaves on), which it does after 40
/// ms.
async fn at_once_on_postgres(
    txn: &Txn,
    entries: &[Entry<'_>],
    taken: &[(i64, Day, i64)],
    now: Instant,
) -> Result<Vec<i64>> {
    let rows: Vec<[Cell; 16]> = entries.iter().map(Entry::cells).collect();
    let sizes: Vec<usize> = rows.iter().map(|cells| cells.iter().map(Cell::size).sum()).collect();
    if sizes.iter().sum::<usize>() + taken.len() * PLACE <= RECORD {
        return run_on_postgres(txn, rows, taken, now).await;
    }
    for places in taken.chunks(RECORD / PLACE) {
        place_change_in_txn(txn, places).await?;
    }
    let (mut ids, mut run, mut full) = (Vec::with_capacity(rows.len()), Vec::new(), 0);
    for (cells, size) in rows.into_iter().zip(sizes) {
        if full + size > RECORD && !run.is_empty() {
            ids.extend(run_on_postgres(txn, std::mem::take(&mut run), &[], now).await?);
            full = 0;
        }
        run.push(cells);
        full += size;
    }
    ids.extend(run_on_postgres(txn, run, &[], now).await?);
    Ok(ids)
}

/// Bytes of a place that is taken.
const PLACE: usize = 32;

/// The keys are taken beforehand: joined by what was inserted, each row would be compared with
/// each.
async fn run_on_postgres(
    txn: &Txn,
    run: Vec<[Cell; 16]>,
    taken: &[(i64, Day, i64)],
    now: Instant,
) -> Result<Vec<i64>> {
    let written: Vec<(i64, i64)> = sql(concat!(
        "WITH q AS MATERIALIZED (SELECT nextval((SELECT CAST(pg_get_serial_sequence('reservation', 'id') AS \
             regclass))) AS id, v.* \
             FROM {rows:iiddtiiididttttt} v), \
         taken AS (",
        take_places!(),
        " RETURNING 1), \
         made AS (INSERT INTO reservation (id, ",
        columns!(),
        ") SELECT q.id, ",
        values!(),
        " FROM q), \
         told AS (INSERT INTO place_change (template_id, reservation_id, first_day, last_day, delta, cause, \
             actor_kind, actor, remark, request_id, changed_at) \
             SELECT q.c1, q.id, q.c2, q.c3, 1, q.c11, 'STUDENT', q.c12, '', q.c13, CAST(? AS BIGINT) FROM q \
         WHERE q.c11 <> ''), \
         asked AS (INSERT INTO request_log (scope, request_id, fingerprint, result, created_at) \
             SELECT q.c14, q.c13, q.c15, CAST(q.id AS TEXT), CAST(? AS BIGINT) FROM q WHERE q.c14 <> '') \
         SELECT q.id, (SELECT COUNT(*) FROM taken) FROM q ORDER BY q.id",
    ))
    .rows(run)
    .rows(places(taken))
    .bind(now)
    .bind(now)
    .tuples(txn)
    .await?;
    if written.iter().all(|(_, days)| usize::try_from(*days) == Ok(taken.len())) {
        Ok(written.into_iter().map(|(id, _)| id).collect())
    } else {
        Err(Error::Contended("place.taken"))
    }
}

/// The key of the last reservation so far. The writer has the whole database, so that the next ones
/// are those after it.
macro_rules! last_id {
    () => {
        "(SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'reservation')"
    };
}

macro_rules! at_once {
    ($($requests:tt)*) => {
        concat!(
            take_places!(),
            "; SELECT changes(), 0; \
             INSERT INTO reservation (id, ",
            columns!(),
            ") SELECT ",
            last_id!(),
            " + q.c11, ",
            values!(),
            " FROM {rows:iiddtiiididi} q; \
             INSERT INTO place_change (template_id, reservation_id, first_day, last_day, delta, cause, \
             actor_kind, actor, request_id, changed_at) \
             SELECT t.c0, ",
            last_id!(),
            " - t.c1, t.c2, t.c3, 1, t.c4, 'STUDENT', t.c5, t.c6, ? FROM {rows:iiddttt} t; ",
            $($requests)*
            "SELECT ",
            last_id!(),
            ", 1"
        )
    };
}

const WITHOUT_REQUESTS: &str = at_once!();
const WITH_REQUESTS: &str = at_once!(
    "INSERT INTO request_log (scope, request_id, fingerprint, result, created_at) \
     SELECT q.c0, q.c1, q.c2, CAST(",
    last_id!(),
    " - q.c3 AS TEXT), ? FROM {rows:ttti} q; ",
);

/// In one string of statements, which SQLite's thread runs without turning back to us.
async fn at_once_on_sqlite(
    txn: &Txn,
    entries: &[Entry<'_>],
    taken: &[(i64, Day, i64)],
    now: Instant,
) -> Result<Vec<i64>> {
    let count = entries.len() as i64;
    // The key of each is told from the last one before and after.
    let numbered = || (1..).zip(entries);
    let cells = numbered().map(|(number, Entry { row, .. })| -> [Cell; 12] {
        let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10] = row.cells();
        [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, number.into()]
    });
    let ledger = numbered().filter_map(|(number, entry)| entry.ledger_cells(count - number));
    let requests: Vec<[Cell; 4]> =
        numbered().filter_map(|(number, entry)| entry.request_cells(count - number)).collect();
    let write =
        |text: &'static str| -> Sql { sql(text).rows(places(taken)).rows(cells).bind(now).rows(ledger) };
    let write = if requests.is_empty() {
        write(WITHOUT_REQUESTS)
    } else {
        write(WITH_REQUESTS).bind(now).rows(requests)
    };
    let done: Vec<(i64, i64)> = write.tuples(txn).await?;
    let (Some((days, _)), Some((last, _))) = (done.first(), done.last()) else {
        return Err(Error::internal("a set of sign-ups was written without an answer"));
    };
    if usize::try_from(*days) == Ok(taken.len()) {
        Ok((last - count + 1..=*last).collect())
    } else {
        Err(Error::Contended("place.taken"))
    }
}

fn places(taken: &[(i64, Day, i64)]) -> impl Iterator<Item = [Cell; 3]> {
    taken.iter().map(|(template, day, by)| [(*template).into(), (*day).into(), (*by).into()])
}

/// Writes reservations; the id of each by what no two of a set share.
pub(crate) async fn reservation_insert_set_in_txn(
    txn: &Txn,
    rows: &[NewRow],
) -> Result<HashMap<RowKey, i64>> {
    // MariaDB alone reads what stands in the comment: MySQL does not return what it inserts.
    let insert = match txn.get_database_backend() {
        DbBackend::MySql => insert_returning!("/*M!", "*/"),
        _ => insert_returning!("", ""),
    };
    let mut found: Vec<(i64, i64, i64, Day, ReservationState)> =
        sql(insert).rows(rows.iter().map(NewRow::cells)).tuples(txn).await?;
    if found.is_empty() && txn.get_database_backend() == DbBackend::MySql {
        // The students are locked, so the latest of each key is ours.
        found = sql("SELECT MAX(r.id), r.student_id, r.template_id, r.start_day, r.state \
             FROM {rows:iidt} q {join} reservation r \
             FORCE INDEX (reservation_student) ON r.student_id = q.c0 AND r.template_id = q.c1 \
             AND r.start_day = q.c2 AND r.state = q.c3 \
             GROUP BY r.student_id, r.template_id, r.start_day, r.state")
        .rows(rows.iter().map(|row| {
            [row.student_id.into(), row.template_id.into(), row.start_day.into(), row.state.as_str().into()]
        }))
        .tuples(txn)
        .await?;
    }
    Ok(found
        .into_iter()
        .map(|(id, student, template, start, state)| ((student, template, start, state), id))
        .collect())
}

/// Stores what request ids were used for: (scope, id, hash of the request, result).
async fn request_insert_set_in_txn(txn: &Txn, rows: &[(&str, &str, &str, i64)], now: Instant) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let cells = rows.iter().map(|(scope, id, fingerprint, result)| -> [Cell; 4] {
        [(*scope).into(), (*id).into(), (*fingerprint).into(), result.to_string().as_str().into()]
    });
    sql("INSERT INTO request_log (scope, request_id, fingerprint, result, created_at) \
        SELECT q.c0, q.c1, q.c2, q.c3, ? FROM {rows:tttt} q")
    .bind(now)
    .rows(cells)
    .execute(txn)
    .await
    .map(drop)
}
