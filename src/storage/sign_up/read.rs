//! Reads and locks what a set of sign-ups needs: first the students and templates ([`who`]), then,
//! once the students are locked, everything about them ([`what`]). Each is one round trip, because
//! the whole set waits for it: one statement on PostgreSQL, one string of statements on SQLite. On
//! MariaDB each takes two or three trips: a string of statements is not prepared there, which costs
//! more than the trips (measured).
//!
//! The rows of all parts have the same columns; the first names the part. The statement itself
//! leaves out the places when something must be looked after before they may be locked.

use super::{Looked, Taking, WantedTemplate, WantingStudent};
use crate::domain::places::{Claim, PlaceDay};
use crate::domain::state::ReservationState;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::sql::{Cell, Sql, sql};
use crate::storage::waitlist::due_columns;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, TryGetable};
use std::collections::{BTreeSet, HashMap};

/// What [`who`] finds.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The templates.
    pub templates: Vec<WantedTemplate>,
    /// The students, locked, in order of keys; none when a template has open tasks, for tasks are
    /// locked before students. (On SQLite, where the writer has all locks, always.)
    pub students: Option<Vec<WantingStudent>>,
}

macro_rules! templates {
    () => {
        // Not EXISTS, for which PostgreSQL may read the tasks of all templates.
        "SELECT 1 AS part, t.id, t.code AS name, t.grade, t.max_students_per_class AS most, '' AS area_code, \
             (SELECT 1 FROM class_task k WHERE k.template_id = t.id \
         AND k.state IN ('PENDING', 'INVITING', 'COVERED') LIMIT 1) IS NOT NULL AS has_open, \
             (SELECT 1 FROM make_up_day u WHERE u.template_id = t.id) IS NOT NULL AS is_make_up \
         FROM {rows:code:t} q {look_up:class_template t ON t.code = q.code}"
    };
}

macro_rules! students {
    ($where:literal) => {
        concat!(
            "SELECT 2 AS part, s.id, s.user_name AS name, s.grade, 0 AS most, s.area_code, \
             FALSE AS has_open, FALSE AS is_make_up \
             FROM {rows:user_name:t} q {join} student s ON s.user_name = q.user_name ",
            $where,
            " ORDER BY s.id {lock:s}"
        )
    };
}

/// The templates of codes; and the students of user names, locked: whoever changes what they are
/// signed up for takes this turn first.
pub(crate) async fn who(txn: &Txn, codes: &BTreeSet<&str>, names: &BTreeSet<&str>) -> Result<Who> {
    let rows = match txn.get_database_backend() {
        DbBackend::Postgres => {
            let asked = sql(concat!(
                "WITH templates AS MATERIALIZED (",
                templates!(),
                "), students AS MATERIALIZED (",
                students!("WHERE NOT EXISTS (SELECT 1 FROM templates WHERE has_open)"),
                ") SELECT * FROM templates UNION ALL SELECT * FROM students"
            ));
            asked.rows(texts(codes)).rows(texts(names)).fetch(txn).await?
        }
        // The writer has the whole database: nothing is locked one by one.
        DbBackend::Sqlite => {
            sql(concat!(templates!(), "; ", students!("")))
                .rows(texts(codes))
                .rows(texts(names))
                .fetch(txn)
                .await?
        }
        _ => sql(templates!()).rows(texts(codes)).fetch(txn).await?,
    };
    let mut templates = Vec::new();
    let mut others = Vec::with_capacity(rows.len());
    for row in rows {
        if at::<i32>(&row, 0)? != 1 {
            others.push(row);
            continue;
        }
        templates.push(WantedTemplate {
            id: at(&row, 1)?,
            code: at(&row, 2)?,
            grade: at(&row, 3)?,
            max_students_per_class: at(&row, 4)?,
            has_open_tasks: at(&row, 6)?,
            is_make_up: at(&row, 7)?,
        });
    }
    let has_open_tasks = templates.iter().any(|template| template.has_open_tasks);
    let students = match txn.get_database_backend() {
        DbBackend::Sqlite => Some(read_students(&others)?),
        _ if has_open_tasks => None,
        DbBackend::Postgres => Some(read_students(&others)?),
        _ => Some(student_lock_by_names(txn, names).await?),
    };
    Ok(Who { templates, students })
}

/// Locks the students of user names. In order of keys.
pub(crate) async fn student_lock_by_names(txn: &Txn, names: &BTreeSet<&str>) -> Result<Vec<WantingStudent>> {
    read_students(&sql(students!("")).rows(texts(names)).fetch(txn).await?)
}

fn read_students(rows: &[QueryResult]) -> Result<Vec<WantingStudent>> {
    let read = |row| {
        Ok(WantingStudent {
            id: at(row, 1)?,
            user_name: at(row, 2)?,
            grade: at(row, 3)?,
            area_code: at(row, 5)?,
        })
    };
    rows.iter().map(read).collect()
}

fn texts(set: &BTreeSet<&str>) -> Vec<[Cell; 1]> {
    set.iter().map(|text| [Cell::from(*text)]).collect()
}

/// What a set asks about once its students are locked.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    /// Templates with the days that are wanted of them: (template, first day, last day).
    pub ranges: &'a [(i64, Day, Day)],
    /// The students.
    pub students: &'a [i64],
    /// Where their other sign-ups count.
    pub between: (Day, Day),
    /// Scopes and request ids.
    pub requests: &'a BTreeSet<(&'a str, &'a str)>,
    /// The day.
    pub today: Day,
    /// The time.
    pub now: Instant,
}

/// What [`what`] finds.
#[derive(Clone, Debug, Default)]
pub(crate) struct What {
    /// What is to be looked after of the templates, and what the students have.
    pub looked: Looked,
    /// The lesson days, locked, by template, in order of days; none when anything is to be looked
    /// after first, for classes are locked before places. (On SQLite always.)
    pub places: Option<HashMap<i64, Vec<PlaceDay>>>,
    /// What the request ids were used for: scope, id, hash of the request, result.
    pub requests: Vec<(String, String, String, String)>,
}

macro_rules! due {
    () => {
        concat!(
            "SELECT 1 AS part, q.template_id AS template_id, ",
            due_columns!(),
            ", CAST(NULL AS {bigint}) AS student_id, CAST(NULL AS DATE) AS first_day, CAST(NULL AS DATE) AS \
             last_day, '' AS state, \
             CAST(NULL AS {bigint}) AS from_at, CAST(NULL AS {bigint}) AS until_at, CAST(NULL AS {bigint}) \
             AS not_held_at, \
             0 AS capacity, 0 AS taken, '' AS request_id, '' AS fingerprint, '' AS result \
             FROM {rows:template_id:i} q"
        )
    };
}

macro_rules! places {
    ($and:literal) => {
        concat!(
            "SELECT 2 AS part, p.template_id, FALSE AS lapsed, FALSE AS waiting, FALSE AS running, CAST(NULL \
             AS {bigint}) AS student_id, \
             p.day AS first_day, p.day AS last_day, '' AS state, p.start_at AS from_at, p.end_at AS \
             until_at, p.not_held_at, p.capacity, p.taken, \
             '' AS request_id, '' AS fingerprint, '' AS result \
             FROM {rows:template_id:i, first_day:d, last_day:d} q {join} place p \
             ON p.template_id = q.template_id AND p.day >= q.first_day AND p.day <= q.last_day ",
            $and,
            " ORDER BY p.template_id, p.day {lock:p}"
        )
    };
}

macro_rules! taking {
    () => {
        "SELECT 3 AS part, r.template_id, FALSE, FALSE, FALSE, r.student_id, r.start_day, r.last_day, \
         r.state, CAST(NULL AS {bigint}), r.expires_at, \
         CAST(NULL AS {bigint}), 0, 0, '', '', '' \
         FROM {rows:student_id:i} q \
         {look_up:reservation r ON r.student_id = q.student_id AND r.start_day <= ? AND r.last_day >= ?}"
    };
}

macro_rules! requests {
    () => {
        "SELECT 4 AS part, CAST(0 AS {bigint}), FALSE, FALSE, FALSE, CAST(NULL AS {bigint}), CAST(NULL AS \
         DATE), CAST(NULL AS DATE), l.scope, \
         CAST(NULL AS {bigint}), CAST(NULL AS {bigint}), CAST(NULL AS {bigint}), 0, 0, l.request_id, \
         l.fingerprint, l.result \
         FROM {rows:scope:t, request_id:t} q \
         {look_up:request_log l ON l.request_id = q.request_id AND l.scope = q.scope}"
    };
}

/// Request ids of the longest kind that fit into one message with as many students and templates
/// (see [`RECORD`](crate::storage::sql::RECORD)).
const TOGETHER: usize = 100;

/// What is to be looked after of the templates, their lesson days (locked), what the students are
/// signed up for, holds and offers that last included, and what request ids were used for. Asked
/// once the students are locked: of two equal requests the second finds what the first has made.
pub(crate) async fn what(txn: &Txn, question: &Question<'_>) -> Result<What> {
    let Question { ranges, students, between: (first, last), requests, today, now } = question;
    let ids = || ranges.iter().map(|(id, ..)| [Cell::from(*id)]);
    let due = |asked: Sql| asked.bind(*now).bind(*now).bind(*now).bind(*today).rows(ids());
    let backend = txn.get_database_backend();
    let wanted = || super::cells(ranges);
    let students =
        |asked: Sql| asked.rows(students.iter().map(|id| [Cell::from(*id)])).bind(*last).bind(*first);
    let requests: Vec<[Cell; 2]> =
        requests.iter().map(|(scope, id)| [Cell::from(*scope), Cell::from(*id)]).collect();
    let rows = match backend {
        DbBackend::Postgres => {
            let (together, apart) =
                if requests.len() <= TOGETHER { (requests, Vec::new()) } else { (Vec::new(), requests) };
            let asked = sql(concat!(
                "WITH due AS MATERIALIZED (",
                due!(),
                "), places AS MATERIALIZED (",
                places!("WHERE NOT EXISTS (SELECT 1 FROM due WHERE lapsed OR waiting OR running)"),
                ") SELECT * FROM due UNION ALL SELECT * FROM places UNION ALL ",
                taking!(),
                " UNION ALL ",
                requests!()
            ));
            let mut rows = students(due(asked).rows(wanted())).rows(together).fetch(txn).await?;
            for some in apart.chunks(TOGETHER) {
                rows.extend(sql(requests!()).rows(some.to_vec()).fetch(txn).await?);
            }
            rows
        }
        DbBackend::Sqlite => {
            let asked = sql(concat!(due!(), "; ", places!(""), "; ", taking!(), "; ", requests!()));
            students(due(asked).rows(wanted())).rows(requests).fetch(txn).await?
        }
        _ => {
            let mut rows = students(due(sql(concat!(due!(), " UNION ALL ", taking!())))).fetch(txn).await?;
            if !sort(&rows, *now)?.looked.due.is_anything() {
                rows.extend(sql(places!("")).rows(wanted()).fetch(txn).await?);
            }
            if !requests.is_empty() {
                rows.extend(sql(requests!()).rows(requests).fetch(txn).await?);
            }
            rows
        }
    };
    let (mut what, mut places) = (sort(&rows, *now)?, HashMap::<i64, Vec<PlaceDay>>::new());
    for row in &rows {
        if at::<i32>(row, 0)? != 2 {
            continue;
        }
        places.entry(at(row, 1)?).or_default().push(PlaceDay {
            day: at(row, 6)?,
            start_at: at(row, 9)?,
            end_at: at(row, 10)?,
            not_held_at: at(row, 11)?,
            capacity: at(row, 12)?,
            taken: at(row, 13)?,
        });
    }
    let locked = backend == DbBackend::Sqlite || !what.looked.due.is_anything();
    what.places = locked.then_some(places);
    Ok(what)
}

/// What is to be looked after of templates, and what students are signed up for between two days,
/// holds and offers that last included.
pub(crate) async fn look(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    today: Day,
    student_ids: impl IntoIterator<Item = i64>,
    (first, last): (Day, Day),
    now: Instant,
) -> Result<Looked> {
    let rows = sql(concat!(due!(), " UNION ALL ", taking!()))
        .bind(now)
        .bind(now)
        .bind(now)
        .bind(today)
        .rows(template_ids.iter().map(|id| [Cell::from(*id)]))
        .rows(student_ids.into_iter().map(|id| [Cell::from(id)]))
        .bind(last)
        .bind(first)
        .fetch(conn)
        .await?;
    Ok(sort(&rows, now)?.looked)
}

/// All parts but the places.
fn sort(rows: &[QueryResult], now: Instant) -> Result<What> {
    let mut what = What::default();
    for row in rows {
        let template_id = at(row, 1)?;
        match at::<i32>(row, 0)? {
            1 => what.looked.due.note(template_id, at(row, 2)?, at(row, 3)?, at(row, 4)?),
            3 => {
                let (student_id, state) = (at(row, 5)?, at::<ReservationState>(row, 8)?);
                let (start_day, last_day): (Day, Day) = (at(row, 6)?, at(row, 7)?);
                // Not in the statement: SQLite and PostgreSQL would take that for a reason to read
                // by state.
                let lasts =
                    start_day <= last_day && at::<Option<Instant>>(row, 10)?.is_none_or(|until| now < until);
                match Claim::of(state) {
                    Some(claim) if lasts => what.looked.taking.push(Taking {
                        student_id,
                        template_id,
                        claim,
                        start_day,
                        last_day,
                    }),
                    None if lasts && state == ReservationState::Waitlisted => {
                        what.looked.waiting.insert(student_id);
                    }
                    _ => {}
                }
            }
            4 => what.requests.push((at(row, 8)?, at(row, 14)?, at(row, 15)?, at(row, 16)?)),
            _ => {}
        }
    }
    Ok(what)
}

/// A column by its position.
fn at<T: TryGetable>(row: &QueryResult, column: usize) -> Result<T> {
    row.try_get_by_index(column).map_err(Error::from)
}

/// What students are signed up for between two days, holds and offers that last included.
pub(crate) async fn taking_list(
    conn: &impl ConnectionTrait,
    student_ids: impl IntoIterator<Item = i64>,
    first: Day,
    last: Day,
    now: Instant,
) -> Result<Vec<Taking>> {
    Ok(look(conn, &[], first, student_ids, (first, last), now).await?.taking)
}
