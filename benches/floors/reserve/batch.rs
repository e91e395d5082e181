//! The statements of the floor: all waiting sign-ups, written together on a connection that nobody
//! else uses, without a pool.
//!
//! A batch is written whole or not at all: if there are not enough places, each sign-up is tried by
//! itself, in order.

use etutor::storage::DbOptions;
use sea_orm::sqlx::mysql::MySqlConnection;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, Connection, Executor};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A sign-up by keys and numbers of days.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// The student.
    pub student: i64,
    /// The template.
    pub template: i64,
    /// First day.
    pub first: i32,
    /// Last day.
    pub last: i32,
}

/// The connection of the one writer.
pub enum Writer {
    /// Every commit synced, as the service has it.
    Sqlite(SqliteConnection),
    /// As it is.
    Postgres(PgConnection),
    /// As it is.
    MySql(MySqlConnection),
}

/// One statement: the guard decides; if a place was not to be had, the division undoes it all. The
/// places are distinct rows of one writer, so nothing need be locked in order.
const POSTGRES: &str = "WITH u AS (UPDATE place_floor p SET taken = p.taken + c.n \
    FROM unnest($1::bigint[], $2::int[], $3::int[]) c (template, day, n) \
    WHERE p.template_id = c.template AND p.day = c.day AND p.taken + c.n <= p.capacity RETURNING 1), \
    i AS (INSERT INTO reservation_floor (student_id, template_id, start_day, end_day, status, created_at) \
    SELECT r.student, r.template, r.a, r.b, 0, 0 FROM unnest($4::bigint[], $5::bigint[], $6::int[], \
    $7::int[]) r (student, template, a, b)) \
    SELECT 1 / (CASE WHEN COUNT(*) = $8 THEN 1 ELSE 0 END) FROM u";

/// Three statements of a transaction, the sets as JSON.
struct Three {
    begin: &'static str,
    /// Free places of the wanted ones.
    pick: &'static str,
    take: &'static str,
    insert: &'static str,
}

const SQLITE: Three = Three {
    begin: "BEGIN IMMEDIATE",
    pick: "SELECT p.template_id, p.day, p.capacity - p.taken FROM json_each(?) c \
           JOIN place_floor p ON p.template_id = c.value ->> 0 AND p.day = c.value ->> 1",
    take: "UPDATE place_floor SET taken = taken + c.n FROM (SELECT value ->> 0 AS t, value ->> 1 AS d, value \
           ->> 2 AS n FROM json_each(?)) c \
           WHERE template_id = c.t AND day = c.d",
    insert: "INSERT INTO reservation_floor (student_id, template_id, start_day, end_day, status, created_at) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, 0, 0 FROM json_each(?)",
};

const MYSQL: Three = Three {
    begin: "BEGIN",
    pick: "SELECT p.template_id, CAST(p.day AS SIGNED), CAST(p.capacity - p.taken AS SIGNED) \
           FROM JSON_TABLE(?, '$[*]' COLUMNS (t BIGINT PATH '$[0]', d INT PATH '$[1]')) c \
           JOIN place_floor p ON p.template_id = c.t AND p.day = c.d FOR UPDATE",
    take: "UPDATE place_floor p JOIN JSON_TABLE(?, '$[*]' COLUMNS (t BIGINT PATH '$[0]', d INT PATH '$[1]', \
           n INT PATH '$[2]')) c \
           ON p.template_id = c.t AND p.day = c.d SET p.taken = p.taken + c.n",
    insert: "INSERT INTO reservation_floor (student_id, template_id, start_day, end_day, status, created_at) \
             SELECT c.s, c.t, c.a, c.b, 0, 0 \
             FROM JSON_TABLE(?, '$[*]' COLUMNS (s BIGINT PATH '$[0]', t BIGINT PATH '$[1]', a INT PATH \
             '$[2]', b INT PATH '$[3]')) c",
};

/// Runs the three statements on a connection of either database; whether all were accepted.
macro_rules! three {
    ($connection:expr, $texts:expr, $wanted:expr, $cells:expr) => {{
        let (connection, texts, cells) = ($connection, $texts, $cells);
        let needs = json(cells.iter().map(|((template, day), n)| [*template, i64::from(*day), *n]));
        connection.execute(sqlx::raw_sql(texts.begin)).await.unwrap();
        let free: Vec<(i64, i64, i64)> =
            sqlx::query_as(texts.pick).bind(&needs).fetch_all(&mut *connection).await.unwrap();
        let enough = free
            .iter()
            .filter(|(template, day, free)| cells.get(&(*template, *day as i32)).is_some_and(|n| n <= free))
            .count()
            == cells.len();
        if enough {
            sqlx::query(texts.take).bind(&needs).execute(&mut *connection).await.unwrap();
            let rows =
                json($wanted.iter().map(|w| [w.student, w.template, i64::from(w.first), i64::from(w.last)]));
            sqlx::query(texts.insert).bind(rows).execute(&mut *connection).await.unwrap();
        }
        connection.execute(sqlx::raw_sql(if enough { "COMMIT" } else { "ROLLBACK" })).await.unwrap();
        enough
    }};
}

impl Writer {
    /// Connects.
    pub async fn connect(options: &DbOptions) -> Self {
        if options.url.starts_with("postgres") {
            Self::Postgres(PgConnection::connect(&options.url).await.unwrap())
        } else if options.url.starts_with("mysql") {
            let mut connection = MySqlConnection::connect(&options.url).await.unwrap();
            connection
                .execute(sqlx::raw_sql("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"))
                .await
                .unwrap();
            Self::MySql(connection)
        } else {
            let sqlite: SqliteConnectOptions = options.url.parse().unwrap();
            let sqlite = sqlite.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
            Self::Sqlite(SqliteConnection::connect_with(&sqlite).await.unwrap())
        }
    }

    /// Writes them; which were accepted.
    pub async fn write(&mut self, wanted: &[Wanted]) -> Vec<bool> {
        let all = self.write_all(wanted).await;
        if all || wanted.len() == 1 {
            return vec![all; wanted.len()];
        }
        let mut accepted = Vec::with_capacity(wanted.len());
        for one in wanted {
            accepted.push(self.write_all(std::slice::from_ref(one)).await);
        }
        accepted
    }

    /// Writes all of them or none.
    async fn write_all(&mut self, wanted: &[Wanted]) -> bool {
        let mut cells = BTreeMap::<(i64, i32), i64>::new();
        for one in wanted {
            for day in one.first..=one.last {
                *cells.entry((one.template, day)).or_default() += 1;
            }
        }
        match self {
            Self::Sqlite(connection) => three!(connection, SQLITE, wanted, cells),
            Self::MySql(connection) => three!(connection, MYSQL, wanted, cells),
            Self::Postgres(connection) => {
                let column = |of: fn(&Wanted) -> i64| wanted.iter().map(of).collect::<Vec<i64>>();
                let days = |of: fn(&Wanted) -> i32| wanted.iter().map(of).collect::<Vec<i32>>();
                let done = sqlx::query(POSTGRES)
                    .bind(cells.keys().map(|(template, _)| *template).collect::<Vec<i64>>())
                    .bind(cells.keys().map(|(_, day)| *day).collect::<Vec<i32>>())
                    .bind(cells.values().map(|n| *n as i32).collect::<Vec<i32>>())
                    .bind(column(|one| one.student))
                    .bind(column(|one| one.template))
                    .bind(days(|one| one.first))
                    .bind(days(|one| one.last))
                    .bind(cells.len() as i64)
                    .execute(connection)
                    .await;
                match done {
                    Ok(_) => true,
                    Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("22012") => false,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

fn json<const N: usize>(rows: impl Iterator<Item = [i64; N]>) -> String {
    let mut text = String::from("[");
    for row in rows {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}{row:?}", if text.len() > 1 { "," } else { "" });
    }
    text + "]"
}
