//! Writing a set of sign-ups: the places they take, reservations, ledger, and what request ids were
//! used for.

use super::new_row::{NewRow, WIDTH, columns, declared, values};
use super::place_change_in_txn;
use crate::domain::actor::Actor;
use crate::domain::state::{PlaceCause, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::ledger::{By, PlaceChange, place_change_write_all_in_txn};
use crate::storage::sql::{Cell, RECORD, Sql, sql};
use sea_orm::{ConnectionTrait, DbBackend};
use std::collections::HashMap;

/// What tells the reservations of a set apart: student, template, first day, and state, for who
/// signs up may join the waiting list too.
pub(super) type RowKey = (i64, i64, Day, ReservationState);

/// Cells of a row, and more of it.
fn joined<const A: usize, const B: usize, const ALL: usize>(
    cells: [Cell; A],
    more: [Cell; B],
) -> [Cell; ALL] {
    const { assert!(A + B == ALL) };
    let mut all = cells.into_iter().chain(more);
    std::array::from_fn(|_| all.next().unwrap_or(Cell::Number(None)))
}

/// As [`place_change_in_txn`] does by itself.
macro_rules! take_places {
    () => {
        "UPDATE place SET taken = place.taken + p.delta FROM {rows:template_id:i, day:d, delta:i} p \
         WHERE place.template_id = p.template_id AND place.day = p.day \
         AND place.taken + p.delta BETWEEN 0 AND place.capacity"
    };
}

macro_rules! insert_returning {
    ($before:literal, $after:literal) => {
        concat!(
            "INSERT INTO reservation (",
            columns!(),
            ") SELECT ",
            values!(),
            " FROM {rows:",
            declared!(),
            "} q ",
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
    /// What [`ON_POSTGRES`] writes.
    fn cells(&self) -> [Cell; WIDTH + 5] {
        let (cause, (scope, fingerprint)) =
            (self.cause.map_or("", PlaceCause::as_str), self.request.unwrap_or_default());
        let more = [cause, self.student, self.request_id, scope, fingerprint].map(Cell::from);
        joined(self.row.cells(), more)
    }

    /// What [`WITHOUT_REQUESTS`] writes. `number`: from 1, in order of keys.
    fn numbered_cells(&self, number: i64) -> [Cell; WIDTH + 1] {
        joined(self.row.cells(), [number.into()])
    }

    /// Its line in the ledger, if it has one. `back`: by how many its reservation's key is less
    /// than the last of the set.
    fn ledger_cells(&self, back: i64) -> Option<[Cell; 7]> {
        let (row, cause) = (&self.row, self.cause?.as_str());
        let (first, last) = (row.start_day.into(), row.end_day.into());
        Some([
            row.template_id.into(),
            back.into(),
            first,
            last,
            cause.into(),
            self.student.into(),
            self.request_id.into(),
        ])
    }

    /// What its request id was used for, if that is to be stored.
    fn request_cells(&self, back: i64) -> Option<[Cell; 4]> {
        let (scope, fingerprint) = self.request?;
        Some([scope.into(), self.request_id.into(), fingerprint.into(), back.into()])
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
    let rows: Vec<[Cell; WIDTH + 5]> = entries.iter().map(Entry::cells).collect();
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
const ON_POSTGRES: &str = concat!(
    "WITH q AS MATERIALIZED (SELECT nextval((SELECT CAST(pg_get_serial_sequence('reservation', 'id') AS \
         regclass))) AS id, v.* \
         FROM {rows:",
    declared!(),
    ", cause:t, student:t, request_id:t, scope:t, fingerprint:t} v), \
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
         SELECT q.template_id, q.id, q.start_day, q.end_day, 1, q.cause, 'STUDENT', q.student, '', \
         q.request_id, CAST(? AS BIGINT) FROM q WHERE q.cause <> ''), \
     asked AS (INSERT INTO request_log (scope, request_id, fingerprint, result, created_at) \
         SELECT q.scope, q.request_id, q.fingerprint, CAST(q.id AS TEXT), CAST(? AS BIGINT) FROM q \
         WHERE q.scope <> '') \
     SELECT q.id, (SELECT COUNT(*) FROM taken) FROM q ORDER BY q.id",
);

async fn run_on_postgres(
    txn: &Txn,
    run: Vec<[Cell; WIDTH + 5]>,
    taken: &[(i64, Day, i64)],
    now: Instant,
) -> Result<Vec<i64>> {
    let written: Vec<(i64, i64)> =
        sql(ON_POSTGRES).rows(run).rows(places(taken)).bind(now).bind(now).tuples(txn).await?;
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
            " + q.number, ",
            values!(),
            " FROM {rows:",
            declared!(),
            ", number:i} q; \
             INSERT INTO place_change (template_id, reservation_id, first_day, last_day, delta, cause, \
             actor_kind, actor, request_id, changed_at) \
             SELECT q.template_id, ",
            last_id!(),
            " - q.back, q.first_day, q.last_day, 1, q.cause, 'STUDENT', q.actor, q.request_id, ? \
              FROM {rows:template_id:i, back:i, first_day:d, last_day:d, cause:t, actor:t, request_id:t} q; ",
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
     SELECT q.scope, q.request_id, q.fingerprint, CAST(",
    last_id!(),
    " - q.back AS TEXT), ? FROM {rows:scope:t, request_id:t, fingerprint:t, back:i} q; ",
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
    let cells = numbered().map(|(number, entry)| entry.numbered_cells(number));
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
             FROM {rows:student_id:i, template_id:i, start_day:d, state:t} q {join} reservation r \
             FORCE INDEX (reservation_student) ON r.student_id = q.student_id \
             AND r.template_id = q.template_id AND r.start_day = q.start_day AND r.state = q.state \
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
        SELECT q.scope, q.request_id, q.fingerprint, q.result, ? \
        FROM {rows:scope:t, request_id:t, fingerprint:t, result:t} q")
    .bind(now)
    .rows(cells)
    .execute(txn)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::dialect::statement;

    #[test]
    fn sets_are_as_wide_as_what_is_written_in_them() {
        let row = NewRow {
            student_id: 1,
            template_id: 2,
            start_day: Day::default(),
            end_day: Day::default(),
            state: ReservationState::Booked,
            created_at: Instant::from_unix(3),
            expires_at: None,
            seat: None,
            waits: None,
        };
        let (cause, request) = (Some(PlaceCause::SignUp), Some(("scope", "hash")));
        let entry = Entry { row, cause, student: "s", request_id: "r", request };
        let ledger = entry.ledger_cells(0).unwrap().len();
        let requests = entry.request_cells(0).unwrap().len();
        for (backend, text, widths) in [
            (DbBackend::Sqlite, insert_returning!("", ""), &[row.cells().len()] as &[usize]),
            (DbBackend::MySql, insert_returning!("/*M!", "*/"), &[row.cells().len()]),
            (DbBackend::Postgres, ON_POSTGRES, &[entry.cells().len(), 3]),
            (DbBackend::Sqlite, WITHOUT_REQUESTS, &[3, entry.numbered_cells(1).len(), ledger]),
            (DbBackend::Sqlite, WITH_REQUESTS, &[3, entry.numbered_cells(1).len(), ledger, requests]),
        ] {
            statement(backend, text, widths).unwrap();
        }
    }
}
