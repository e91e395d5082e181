//! Queries of the outbox.

use super::Txn;
use super::dialect::{CELL_MOST, fits};
use super::entity::message;
use super::import::insert_set_in_txn;
use super::insert::insert_rows;
use super::sql::{Cell, sql, update_by_pairs, update_by_rows};
use crate::domain::state::{MessageKind, MessageState};
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use std::collections::{BTreeSet, HashSet};

/// Keys of one look-up.
const KEYS: usize = 5_000;

/// Which of these keys exist.
pub(crate) async fn message_keys_known(
    conn: &impl ConnectionTrait,
    keys: &HashSet<String>,
) -> Result<HashSet<String>> {
    let known: Vec<(String,)> =
        sql("SELECT m.dedup_key FROM {rows:key_text:t} q {look_up:message m ON m.dedup_key = q.key_text}")
            .rows(keys.iter().map(|key| [Cell::from(key.as_str())]))
            .tuples_in_parts(conn)
            .await?;
    Ok(known.into_iter().map(|(key,)| key).collect())
}

/// Inserts messages. A key that another transaction has written meanwhile is [`Error::Contended`].
pub(crate) async fn message_insert(txn: &Txn, rows: Vec<message::ActiveModel>) -> Result<()> {
    // A set takes no text that is longer, such as a long mail.
    let is_long = |row: &message::ActiveModel| fits(row.body.as_ref(), CELL_MOST).is_err();
    let done = if rows.iter().any(is_long) {
        insert_rows(txn, rows).await.map_err(Error::from)
    } else {
        insert_set_in_txn(txn, rows).await
    };
    match done {
        Err(Error::AlreadyExists { .. }) => Err(Error::Contended("message")),
        done => done,
    }
}

/// Withdraws the INVITATION messages of these invitations that nobody has handed over.
pub(crate) async fn message_cancel_of_invitations(
    txn: &Txn,
    invitation_ids: &[i64],
    now: Instant,
) -> Result<u64> {
    if invitation_ids.is_empty() {
        return Ok(0);
    }
    sql("UPDATE message SET state = 'CANCELLED', settled_at = ?, lease_token = NULL, lease_until = NULL \
         WHERE invitation_id IN ({ids}) AND kind IN ('INVITATION', 'STANDBY_REQUEST') \
           AND (state IN ('QUEUED', 'DEFERRED', 'RETRY') OR (state = 'LEASED' AND handed_at IS NULL))")
    .bind(now)
    .ids(invitation_ids.iter().copied())
    .execute(txn)
    .await
}

/// Withdraws those of these messages that nobody has handed over.
pub(crate) async fn message_cancel_in_txn(txn: &Txn, ids: &[i64], now: Instant) -> Result<u64> {
    // By the keys alone: with statistics of a moment at which nothing waited PostgreSQL keeps a
    // plan that reads what waits by its state and looks for each among all the keys.
    sql("UPDATE message SET state = 'CANCELLED', settled_at = ?, lease_token = NULL, lease_until = NULL \
         WHERE id IN ({ids}) AND 1 = CASE WHEN state IN ('QUEUED', 'DEFERRED', 'RETRY') \
           OR (state = 'LEASED' AND handed_at IS NULL) THEN 1 ELSE 0 END")
    .bind(now)
    .ids(ids.iter().copied())
    .execute_in_parts(txn)
    .await
}

/// Nobody has handed it over.
fn unsent() -> Condition {
    use message::Column;
    Condition::any()
        .add(Column::State.is_in([MessageState::Queued, MessageState::Deferred, MessageState::Retry]))
        .add(Condition::all().add(Column::State.eq(MessageState::Leased)).add(Column::HandedAt.is_null()))
}

/// The messages of these kinds about lessons that start then that nobody has handed over, in the
/// order in which they were written.
pub(crate) async fn message_unsent_list(
    txn: &Txn,
    kinds: &[MessageKind],
    lessons_at: &BTreeSet<Instant>,
) -> Result<Vec<message::Model>> {
    use message::Column;
    let lessons: Vec<Instant> = lessons_at.iter().copied().collect();
    let mut found = Vec::new();
    for some in lessons.chunks(KEYS) {
        let query =
            message::Entity::find().filter(unsent()).filter(Column::Kind.is_in(kinds.iter().copied()));
        found.extend(
            query
                .filter(Column::LessonAt.is_in(some.iter().copied()))
                .order_by_asc(Column::Id)
                .all(txn)
                .await?,
        );
    }
    Ok(found)
}

/// All messages of a kind to these people, in the order in which they were written.
pub(crate) async fn message_list_to(
    txn: &Txn,
    kind: MessageKind,
    people: &BTreeSet<&str>,
) -> Result<Vec<message::Model>> {
    use message::Column;
    let mut found = Vec::new();
    for some in Vec::from_iter(people).chunks(KEYS) {
        let query = message::Entity::find().filter(Column::Person.is_in(some.iter().copied().copied()));
        found.extend(query.filter(Column::Kind.eq(kind)).order_by_asc(Column::Id).all(txn).await?);
    }
    Ok(found)
}

/// The offers of places on waiting lists to these students whose message has gone out, may have, or
/// is being handed over: (student, key, when it was written).
pub(crate) async fn offers_gone_out(
    txn: &Txn,
    students: impl Iterator<Item = &str>,
) -> Result<Vec<(String, String, Instant)>> {
    let students: BTreeSet<&str> = students.collect();
    if students.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT person, dedup_key, created_at FROM message WHERE person IN ({texts}) \
         AND kind IN ('WAITLIST_OFFER', 'CONTINUE_OFFER') \
         AND (state IN ('SUBMITTED', 'DELIVERED', 'UNKNOWN', 'CAPTURED') \
           OR (state = 'LEASED' AND handed_at IS NOT NULL))")
    .texts(students)
    .tuples(txn)
    .await
}

/// The messages of a kind to this person about a class that nobody has handed over.
pub(crate) async fn message_unsent_about_class(
    txn: &Txn,
    kind: MessageKind,
    person: &str,
    class_id: i64,
) -> Result<Vec<message::Model>> {
    use message::Column;
    let query = message::Entity::find().filter(unsent()).filter(Column::Person.eq(person));
    let query = query.filter(Column::Kind.eq(kind)).filter(Column::ClassId.eq(class_id));
    Ok(query.order_by_asc(Column::Id).all(txn).await?)
}

/// The messages of a kind about a class that nobody has handed over, to whomever.
pub(crate) async fn message_unsent_of_class(
    txn: &Txn,
    kind: MessageKind,
    class_id: i64,
) -> Result<Vec<message::Model>> {
    use message::Column;
    let query = message::Entity::find().filter(unsent()).filter(Column::ClassId.eq(class_id));
    Ok(query.filter(Column::Kind.eq(kind)).order_by_asc(Column::Id).all(txn).await?)
}

/// The messages of these kinds to this person, with this word, that nobody has handed over.
pub(crate) async fn message_unsent_of_person(
    txn: &Txn,
    kinds: &[MessageKind],
    person: &str,
    word: &str,
) -> Result<Vec<message::Model>> {
    use message::Column;
    let query = message::Entity::find().filter(unsent()).filter(Column::Person.eq(person));
    let query = query.filter(Column::Kind.is_in(kinds.iter().copied())).filter(Column::Word.eq(word));
    Ok(query.order_by_asc(Column::Id).all(txn).await?)
}

/// A message that a sender should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Due {
    /// Its key.
    pub id: i64,
    /// What it says.
    pub kind: MessageKind,
    /// Its state: waiting, or LEASED when its lease has run out.
    pub state: MessageState,
    /// Since when.
    pub due_at: Instant,
}

/// What is due, at most `limit` of each state, earliest first; and the leases that have run out.
/// Each part is one range of an index, so that its cost is that of what is due.
pub async fn message_due(conn: &impl ConnectionTrait, now: Instant, limit: u64) -> Result<Vec<Due>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut query = sql(
        "SELECT * FROM (SELECT id, kind, state, due_at FROM message WHERE state = 'QUEUED' AND due_at <= ? \
         ORDER BY due_at LIMIT ?) a \
         UNION ALL \
         SELECT * FROM (SELECT id, kind, state, due_at FROM message WHERE state = 'RETRY' AND due_at <= ? \
         ORDER BY due_at LIMIT ?) b \
         UNION ALL \
         SELECT * FROM (SELECT id, kind, state, due_at FROM message WHERE state = 'DEFERRED' AND due_at <= ? \
         ORDER BY due_at LIMIT ?) c \
         UNION ALL \
         SELECT * FROM (SELECT id, kind, state, due_at FROM message WHERE state = 'UNKNOWN' AND due_at <= ? \
         ORDER BY due_at LIMIT ?) d \
         UNION ALL \
         SELECT * FROM (SELECT id, kind, state, due_at FROM message WHERE state = 'LEASED' \
         AND lease_until <= ? ORDER BY lease_until LIMIT ?) e",
    );
    for _ in 0..5 {
        query = query.bind(now).bind(limit);
    }
    query.all(conn).await
}

/// What is due of these kinds, however much else there is.
pub(crate) async fn message_due_of(
    conn: &impl ConnectionTrait,
    kinds: &[MessageKind],
    now: Instant,
    limit: u64,
) -> Result<Vec<Due>> {
    use message::Column;
    let query = message::Entity::find().select_only().columns([
        Column::Id,
        Column::Kind,
        Column::State,
        Column::DueAt,
    ]);
    let due = query
        .filter(Column::State.is_in(WAITING))
        .filter(Column::DueAt.lte(now))
        .filter(Column::Kind.is_in(kinds.iter().copied()))
        .limit(limit);
    Ok(due.into_model::<Due>().all(conn).await?)
}

/// The states in which a message waits for a sender (UNKNOWN: to be repeated).
const WAITING: [MessageState; 4] =
    [MessageState::Queued, MessageState::Retry, MessageState::Deferred, MessageState::Unknown];

/// Lets only one sender judge at a time, so that what a number may get is counted exactly.
pub(crate) async fn message_sender_lock(txn: &Txn) -> Result<()> {
    sql("UPDATE mutex SET version = version + 1 WHERE name = 'sms'").execute(txn).await.map(drop)
}

/// Those of these messages that still wait and are due.
pub(crate) async fn message_waiting(txn: &Txn, ids: &[i64], now: Instant) -> Result<Vec<message::Model>> {
    sql("SELECT * FROM message WHERE id IN ({ids}) AND state IN ('QUEUED', 'RETRY', 'DEFERRED', 'UNKNOWN') \
        AND due_at <= ?")
    .ids(ids.iter().copied())
    .bind(now)
    .all(txn)
    .await
}

/// Ends messages that waited; those that may have been sent before (UNKNOWN) stay so and are not
/// repeated.
pub(crate) async fn message_end(
    txn: &Txn,
    ids: &[i64],
    state: MessageState,
    error: &str,
    now: Instant,
) -> Result<u64> {
    sql("UPDATE message SET due_at = ? WHERE id IN ({ids}) AND state = 'UNKNOWN'")
        .bind(crate::domain::message::NEVER)
        .ids(ids.iter().copied())
        .execute(txn)
        .await?;
    sql("UPDATE message SET state = ?, error = ?, settled_at = ? WHERE id IN ({ids}) \
        AND state IN ('QUEUED', 'RETRY', 'DEFERRED')")
    .bind(state)
    .bind(error)
    .bind(now)
    .ids(ids.iter().copied())
    .execute(txn)
    .await
}

/// Lets messages wait for their window, each until its instant (in seconds); how many wait now.
pub(crate) async fn message_defer(txn: &Txn, until: &[(i64, i64)]) -> Result<u64> {
    wait(txn, until, "state = 'DEFERRED', due_at = p.due_at").await
}

/// Lets messages wait for room under the cap, each until its instant (in seconds); how many wait
/// now.
pub(crate) async fn message_hold_back(txn: &Txn, until: &[(i64, i64)]) -> Result<u64> {
    // The word is `domain::cap::CAP`.
    wait(txn, until, "state = 'DEFERRED', due_at = p.due_at, error = 'CAP'").await
}

/// Those that may have been sent before (UNKNOWN) wait as what they are.
async fn wait(txn: &Txn, until: &[(i64, i64)], set: &'static str) -> Result<u64> {
    if until.is_empty() {
        return Ok(0);
    }
    let of = "message.state = 'UNKNOWN'";
    update_by_pairs(txn, "message", ["id", "due_at"], "due_at = p.due_at", of, until).execute(txn).await?;
    let of = "message.state IN ('QUEUED', 'RETRY', 'DEFERRED')";
    update_by_pairs(txn, "message", ["id", "due_at"], set, of, until).execute(txn).await
}

/// Testing mode: messages end here; how many did.
pub(crate) async fn message_capture(txn: &Txn, ids: &[i64], now: Instant) -> Result<u64> {
    sql("UPDATE message SET state = 'CAPTURED', handed_at = ?, settled_at = ?, attempts = attempts + 1, \
         error = '' \
         WHERE id IN ({ids}) AND state IN ('QUEUED', 'RETRY', 'DEFERRED', 'UNKNOWN')")
    .bind(now)
    .bind(now)
    .ids(ids.iter().copied())
    .execute(txn)
    .await
}

/// Stores where messages go now: (message, number or mail address).
pub async fn message_readdress(txn: &Txn, to: &[(i64, &str)]) -> Result<()> {
    set_texts(txn, to, "address = p.text").await
}

/// Stores what messages said when they were handed over: (message, text).
pub async fn message_say(txn: &Txn, bodies: &[(i64, &str)]) -> Result<()> {
    set_texts(txn, bodies, "body = p.text").await
}

async fn set_texts(txn: &Txn, of: &[(i64, &str)], set: &'static str) -> Result<()> {
    if of.is_empty() {
        return Ok(());
    }
    update_by_rows(txn, "message", "{rows:id:i, text:t}", "message.id = p.id", set)
        .rows(of.iter().map(|(id, text)| [Cell::from(*id), Cell::from(*text)]))
        .execute_in_parts(txn)
        .await
        .map(drop)
}

/// Takes messages for one sender until its lease runs out.
pub async fn message_lease(txn: &Txn, ids: &[i64], token: &str, until: Instant) -> Result<u64> {
    sql("UPDATE message SET state = 'LEASED', lease_token = ?, lease_until = ?, handed_at = NULL, \
         settled_at = NULL, error = '' \
         WHERE id IN ({ids}) AND state IN ('QUEUED', 'RETRY', 'DEFERRED', 'UNKNOWN')")
    .bind(token)
    .bind(until)
    .ids(ids.iter().copied())
    .execute(txn)
    .await
}

/// Notes that messages are about to be handed to a gateway; those that are still this sender's to
/// hand over.
pub async fn message_hand_over(txn: &Txn, ids: &[i64], token: &str, now: Instant) -> Result<Vec<i64>> {
    sql("UPDATE message SET handed_at = ?, attempts = attempts + 1 \
         WHERE id IN ({ids}) AND state = 'LEASED' AND lease_token = ? AND lease_until > ? \
         AND handed_at IS NULL")
    .bind(now)
    .ids(ids.iter().copied())
    .bind(token)
    .bind(now)
    .execute(txn)
    .await?;
    sql("SELECT id FROM message WHERE id IN ({ids}) AND state = 'LEASED' AND lease_token = ? \
        AND handed_at IS NOT NULL")
    .ids(ids.iter().copied())
    .bind(token)
    .column(txn)
    .await
}

/// Stores what became of messages that were handed over under a lease, even when the lease has run
/// out since (UNKNOWN).
pub async fn message_settle(
    txn: &Txn,
    ids: &[i64],
    token: &str,
    (state, due_at, error): (MessageState, Instant, &str),
    now: Instant,
) -> Result<u64> {
    sql("UPDATE message SET state = ?, due_at = ?, error = ?, settled_at = ?, lease_until = NULL \
         WHERE id IN ({ids}) AND lease_token = ? AND state IN ('LEASED', 'UNKNOWN')")
    .bind(state)
    .bind(due_at)
    .bind(error.chars().take(500).collect::<String>())
    .bind(if state == MessageState::Retry { None } else { Some(now) })
    .ids(ids.iter().copied())
    .bind(token)
    .execute(txn)
    .await
}

/// Messages whose lease has run out.
pub(crate) async fn message_leases_lost(txn: &Txn, now: Instant) -> Result<Vec<message::Model>> {
    let lost = message::Entity::find().filter(message::Column::State.eq(MessageState::Leased));
    Ok(lost.filter(message::Column::LeaseUntil.lte(now)).all(txn).await?)
}

/// Gives back messages of a lost lease that nobody has handed over.
pub(crate) async fn message_release(txn: &Txn, now: Instant) -> Result<u64> {
    sql("UPDATE message SET state = 'QUEUED', lease_token = NULL, lease_until = NULL \
         WHERE state = 'LEASED' AND lease_until <= ? AND handed_at IS NULL")
    .bind(now)
    .execute(txn)
    .await
}

/// Marks messages of a lost lease that were being handed over. The token stays: a late answer may
/// still settle them.
pub(crate) async fn message_unknown(txn: &Txn, ids: &[i64], due_at: Instant, now: Instant) -> Result<u64> {
    sql(
        "UPDATE message SET state = 'UNKNOWN', due_at = ?, error = 'the sender stopped half-way', settled_at \
         = ?, lease_until = NULL \
         WHERE id IN ({ids}) AND state = 'LEASED' AND lease_until <= ? AND handed_at IS NOT NULL",
    )
    .bind(due_at)
    .bind(now)
    .ids(ids.iter().copied())
    .bind(now)
    .execute(txn)
    .await
}

/// Of these invitations those of which a question has gone out, or may have, or is with a gateway
/// at this moment.
pub(crate) async fn messages_of_invitations_out(
    conn: &impl ConnectionTrait,
    invitation_ids: &[i64],
) -> Result<Vec<i64>> {
    sql("SELECT DISTINCT invitation_id FROM message WHERE invitation_id IN ({ids}) \
         AND kind IN ('INVITATION', 'STANDBY_REQUEST') \
         AND handed_at IS NOT NULL AND (state = 'LEASED' OR state IN ({texts}))")
    .ids(invitation_ids.iter().copied())
    .texts(MessageState::MAY_HAVE_GONE_OUT.map(|state| state.as_str()))
    .column(conn)
    .await
}
