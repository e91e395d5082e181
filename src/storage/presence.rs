//! Queries for who is present, and when people were.

use super::Txn;
use super::entity::presence_span::Model;
use super::page::Page;
use super::sql::{Cell, insert_rows, sql, update_by_rows};
use crate::domain::presence::Span;
use crate::domain::state::{Audience, PresenceState};
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A person by the key of the table of coaches, or of students.
pub(crate) type PersonId = (Audience, i64);

/// A span with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredSpan {
    /// The key.
    pub id: i64,
    /// The span.
    pub span: Span,
}

/// A span that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanRow {
    /// Its key, if it is stored.
    pub id: Option<i64>,
    /// Whose it is.
    pub person: PersonId,
    /// The span.
    pub span: Span,
    /// Whether it is the latest of the person.
    pub is_latest: bool,
}

/// Somebody who is present.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Present {
    /// The key of the span.
    pub id: i64,
    /// Which table the person stands in.
    pub audience: Audience,
    /// The person.
    pub user_name: String,
    /// Since when.
    pub from_at: Instant,
    /// The last that was heard.
    pub to_at: Instant,
}

impl From<Model> for StoredSpan {
    fn from(row: Model) -> Self {
        let Model { id, audience: _, person_id: _, from_at, to_at, state, latest: _ } = row;
        Self { id, span: Span { from: from_at, to: to_at, state } }
    }
}

/// The keys of people, by their user names; those that do not exist are left out.
pub(crate) async fn person_ids(
    conn: &impl ConnectionTrait,
    audience: Audience,
    user_names: &BTreeSet<&str>,
) -> Result<HashMap<String, i64>> {
    let found = match audience {
        Audience::Coach => sql("SELECT user_name, id FROM coach WHERE user_name IN ({texts})"),
        Audience::Student => sql("SELECT user_name, id FROM student WHERE user_name IN ({texts})"),
        Audience::Admin => return Ok(HashMap::new()),
    };
    if user_names.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<(String, i64)> = found.texts(user_names.iter().copied()).tuples(conn).await?;
    Ok(found.into_iter().collect())
}

/// The latest span of each of these people, locked in the order of the keys.
pub(crate) async fn span_lock_latest_set_in_txn(
    txn: &Txn,
    people: &BTreeSet<PersonId>,
) -> Result<BTreeMap<PersonId, StoredSpan>> {
    let rows: Vec<Model> = sql("SELECT s.* FROM {rows:audience:t, person_id:i} q {join} presence_span s \
         ON s.audience = q.audience AND s.person_id = q.person_id AND s.latest = 1 ORDER BY s.id {lock:s}")
    .rows(people.iter().map(|(audience, id)| [Cell::from(audience.as_str()), Cell::from(*id)]))
    .all(txn)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.audience, row.person_id), row.into())).collect())
}

/// Writes spans: those with a key first, so that no person has two that are the latest.
///
/// # Errors
/// `Contended` when another server has begun a span of the same person.
pub(crate) async fn span_write_set_in_txn(txn: &Txn, rows: &[SpanRow]) -> Result<()> {
    let stored: Vec<[Cell; 4]> = rows.iter().filter_map(stored_cells).collect();
    if !stored.is_empty() {
        update_by_rows(
            txn,
            "presence_span",
            "{rows:id:i, to_at:i, state:t, latest:i}",
            "presence_span.id = p.id",
            "to_at = p.to_at, state = p.state, latest = p.latest",
        )
        .rows(stored)
        .execute(txn)
        .await?;
    }
    let new: Vec<Cell> = rows.iter().filter(|row| row.id.is_none()).flat_map(new_cells).collect();
    if new.is_empty() {
        return Ok(());
    }
    let columns = [
        ("audience", 't'),
        ("person_id", 'i'),
        ("from_at", 'i'),
        ("to_at", 'i'),
        ("state", 't'),
        ("latest", 'i'),
    ];
    let columns = columns.map(|(name, letter)| (name.to_owned(), letter));
    match insert_rows("presence_span", &columns, new).execute(txn).await {
        Err(Error::AlreadyExists { .. }) => Err(Error::Contended("presence_span.begin")),
        done => done.map(drop),
    }
}

fn latest(row: &SpanRow) -> Cell {
    Cell::Number(row.is_latest.then_some(1))
}

fn stored_cells(row: &SpanRow) -> Option<[Cell; 4]> {
    let Span { from: _, to, state } = row.span;
    Some([row.id?.into(), to.into(), state.as_str().into(), latest(row)])
}

fn new_cells(row: &SpanRow) -> [Cell; 6] {
    let (Span { from, to, state }, (audience, id)) = (row.span, row.person);
    [audience.as_str().into(), id.into(), from.into(), to.into(), state.as_str().into(), latest(row)]
}

/// The latest span of a person.
pub(crate) async fn span_latest(
    conn: &impl ConnectionTrait,
    (audience, id): PersonId,
) -> Result<Option<StoredSpan>> {
    let row: Option<Model> =
        sql("SELECT * FROM presence_span WHERE audience = ? AND person_id = ? AND latest = 1")
            .bind(audience)
            .bind(id)
            .one(conn)
            .await?;
    Ok(row.map(Into::into))
}

/// The spans of a person that begin before `to` and end at `from` or later, the latest first.
pub(crate) async fn span_list(
    conn: &impl ConnectionTrait,
    (audience, id): PersonId,
    from: Instant,
    to: Instant,
    most: i64,
) -> Result<Vec<StoredSpan>> {
    let rows: Vec<Model> = sql("SELECT * FROM presence_span WHERE audience = ? AND person_id = ? \
         AND from_at < ? AND to_at >= ? ORDER BY from_at DESC, id DESC LIMIT ?")
    .bind(audience)
    .bind(id)
    .bind(to)
    .bind(from)
    .bind(most)
    .all(conn)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// For each of these people, given with a time `[from, until)`, the spans that meet it: the place
/// of the person and the span, in the order of both.
pub(crate) async fn spans_meeting(
    conn: &impl ConnectionTrait,
    audience: Audience,
    wanted: &[(i64, Instant, Instant)],
) -> Result<Vec<(i64, Span)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    // From the last that began before, which is the only one that can reach into it: so that a long
    // history costs nothing.
    let rows: Vec<(i64, Instant, Instant, PresenceState)> = sql("SELECT q.n, s.from_at, s.to_at, s.state \
         FROM {rows:n:i, audience:t, person_id:i, since:i, till:i} q {join} presence_span s \
         ON s.audience = q.audience AND s.person_id = q.person_id AND s.from_at < q.till \
         AND s.from_at >= COALESCE((SELECT MAX(b.from_at) FROM presence_span b \
           WHERE b.audience = q.audience AND b.person_id = q.person_id AND b.from_at <= q.since), q.since) \
         AND s.to_at >= q.since ORDER BY q.n, s.from_at, s.id")
    .rows((0..).zip(wanted).map(|(n, (person, from, until))| {
        [Cell::from(n), audience.as_str().into(), (*person).into(), (*from).into(), (*until).into()]
    }))
    .tuples_in_parts(conn)
    .await?;
    Ok(rows.into_iter().map(|(n, from, to, state)| (n, Span { from, to, state })).collect())
}

/// People who were heard later than `since`, no later than `until`, and have not logged out, in the
/// order of their spans.
pub(crate) async fn present_list(
    conn: &impl ConnectionTrait,
    audience: Option<Audience>,
    (since, until): (Instant, Instant),
    page: &Page,
) -> Result<Vec<Present>> {
    let audience = audience.map_or("", Audience::as_str);
    // Found by `to_at`, however few they are of a long history: in the order of the keys, or by
    // audience, the database would come upon them last.
    sql("SELECT s.id, s.audience, COALESCE(c.user_name, t.user_name) AS user_name, s.from_at, s.to_at \
         FROM presence_span s \
         LEFT JOIN coach c ON s.audience = 'COACH' AND c.id = s.person_id \
         LEFT JOIN student t ON s.audience = 'STUDENT' AND t.id = s.person_id \
         WHERE s.to_at > ? AND s.to_at <= ? AND s.latest = 1 AND s.state = 'OPEN' AND s.id + 0 > ? \
         AND (? = '' OR s.audience = ?) \
         AND COALESCE(c.user_name, t.user_name) IS NOT NULL ORDER BY s.id + 0 LIMIT ?")
    .bind(since)
    .bind(until)
    .bind(page.after.unwrap_or(0))
    .bind(audience)
    .bind(audience)
    .bind(i64::try_from(page.limit()).unwrap_or(i64::MAX))
    .all(conn)
    .await
}
