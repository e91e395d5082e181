//! Invitations: reading, and the one statement by which an invitation gets another state.

use crate::domain::reason::Reason;
use crate::domain::state::InvitationState;
use crate::domain::state::invitation::{Back, Event, Invitation};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::entity::{availability_use, coach, invitation};
use crate::storage::insert::insert_rows;
use crate::storage::sql::{Sql, sql, update_by_pairs};
use crate::storage::unique_violation;
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult};
use std::collections::HashMap;

/// One invitation.
pub(crate) async fn invitation_by_id(conn: &impl ConnectionTrait, id: i64) -> Result<invitation::Model> {
    invitation::Entity::find_by_id(id).one(conn).await?.ok_or_else(|| Error::not_found("invitation", id))
}

/// An invitation with the names a message needs.
#[derive(Clone, Debug)]
pub struct InvitedCoach {
    /// The invitation.
    pub id: i64,
    /// The key of its vacancy.
    pub task_id: i64,
    /// Its coach.
    pub coach_id: i64,
    /// How it stands.
    pub stands: Invitation,
    /// When the coach was asked.
    pub queued_at: Instant,
    /// When the message was out.
    pub sent_at: Option<Instant>,
    /// The coach's user name.
    pub user_name: String,
    /// The coach's phone.
    pub phone: String,
    /// The coach's last passed test.
    pub test_passed_at: Option<Instant>,
}

macro_rules! invited_select {
    ($where:literal) => {
        concat!(
            "SELECT i.id, i.task_id, i.coach_id, i.state, i.queued_at, i.sent_at, i.answered_at, \
             i.test_deadline, c.user_name, c.phone, c.test_passed_at ",
            "FROM invitation i JOIN coach c ON c.id = i.coach_id WHERE ",
            $where
        )
    };
}
pub(super) use invited_select;

#[derive(FromQueryResult)]
struct InvitedRow {
    id: i64,
    task_id: i64,
    coach_id: i64,
    state: InvitationState,
    queued_at: Instant,
    sent_at: Option<Instant>,
    answered_at: Option<Instant>,
    test_deadline: Option<Instant>,
    user_name: String,
    phone: String,
    test_passed_at: Option<Instant>,
}

impl InvitedCoach {
    /// Of an invitation and its coach.
    ///
    /// # Errors
    /// `Corrupt` when a column is missing that its state needs.
    pub(crate) fn of(row: &invitation::Model, person: &coach::Model) -> Result<Self> {
        InvitedRow {
            id: row.id,
            task_id: row.task_id,
            coach_id: row.coach_id,
            state: row.state,
            queued_at: row.queued_at,
            sent_at: row.sent_at,
            answered_at: row.answered_at,
            test_deadline: row.test_deadline,
            user_name: person.user_name.clone(),
            phone: person.phone.clone(),
            test_passed_at: person.test_passed_at,
        }
        .try_into()
    }
}

impl TryFrom<InvitedRow> for InvitedCoach {
    type Error = Error;

    fn try_from(row: InvitedRow) -> Result<Self> {
        let InvitedRow {
            id,
            task_id,
            coach_id,
            state,
            queued_at,
            sent_at,
            answered_at,
            test_deadline,
            user_name,
            phone,
            test_passed_at,
        } = row;
        let stands = Invitation::of(state, answered_at, test_deadline).ok_or_else(|| Error::Corrupt {
            table: "invitation",
            column: "answered_at or test_deadline",
            id: id.to_string(),
        })?;
        Ok(Self { id, task_id, coach_id, stands, queued_at, sent_at, user_name, phone, test_passed_at })
    }
}

pub(super) async fn invited(statement: Sql, conn: &impl ConnectionTrait) -> Result<Vec<InvitedCoach>> {
    statement.all::<InvitedRow>(conn).await?.into_iter().map(InvitedCoach::try_from).collect()
}

/// The invitations of a vacancy that count: asked, held or in reserve; by user name.
pub(crate) async fn invited_of_task(conn: &impl ConnectionTrait, task_id: i64) -> Result<Vec<InvitedCoach>> {
    let counting = sql(invited_select!(
        "i.task_id = ? AND i.state IN ('QUEUED', 'SENT', 'ACCEPTED', 'READY', 'RESERVE')"
    ))
    .bind(task_id);
    let mut rows = invited(counting, conn).await?;
    rows.sort_by(|a, b| a.user_name.cmp(&b.user_name));
    Ok(rows)
}

/// Acceptances whose test deadline lies in `[from, to]`.
pub(crate) async fn invited_list_deadline_in(
    conn: &impl ConnectionTrait,
    from: Instant,
    to: Instant,
) -> Result<Vec<InvitedCoach>> {
    let found =
        sql(invited_select!("i.state = 'ACCEPTED' AND i.test_deadline >= ? AND i.test_deadline <= ?"))
            .bind(from)
            .bind(to);
    invited(found, conn).await
}

/// Acceptances of a coach that wait for the test.
pub(crate) async fn invited_list_accepted_by(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    now: Instant,
) -> Result<Vec<InvitedCoach>> {
    let found = sql(invited_select!("i.coach_id = ? AND i.state = 'ACCEPTED' AND i.test_deadline > ?"))
        .bind(coach_id)
        .bind(now);
    invited(found, conn).await
}

/// What happened to invitations, which were all read in this state: what they are then follows from
/// the table of docs/domain.md §5 (`domain::state::invitation`). How many were still in that state.
///
/// # Errors
/// `Internal` when that cannot happen in this state.
pub(crate) async fn invitation_step_in_txn(
    txn: &Txn,
    ids: &[i64],
    from: InvitationState,
    event: Event,
    now: Instant,
) -> Result<u64> {
    let to = from.after(event)?;
    if ids.is_empty() {
        return Ok(0);
    }
    // What has run out frees its coach by time alone; every other end is a change of the coach.
    if to.is_ended() && to != InvitationState::Expired && !event.is_answer() {
        coach_freed_in_txn(txn, ids).await?;
    }
    let reason = event.reason().map_or("", Reason::as_str);
    let step = match event {
        Event::MessageOut => {
            sql("UPDATE invitation SET state = ?, sent_at = ?, version = version + 1 WHERE state = ? \
                AND id IN ({ids})")
            .bind(to)
            .bind(now)
        }
        Event::Held { answered_at, test_by, last_day } => {
            sql("UPDATE invitation SET state = ?, answered_at = ?, test_deadline = ?, last_day = ?, \
             ended_at = NULL, reason = '', version = version + 1 WHERE state = ? AND id IN ({ids})")
            .bind(to)
            .bind(answered_at)
            .bind(test_by)
            .bind(last_day)
        }
        Event::Reserved => {
            sql("UPDATE invitation SET state = ?, answered_at = ?, test_deadline = NULL, ended_at = NULL, \
             reason = '', version = version + 1 WHERE state = ? AND id IN ({ids})")
            .bind(to)
            .bind(now)
        }
        Event::SetAside | Event::TestPassed => sql(
            "UPDATE invitation SET state = ?, test_deadline = NULL, version = version + 1 WHERE state = ? \
             AND id IN ({ids})",
        )
        .bind(to),
        Event::Declined | Event::Withdrawn => {
            sql("UPDATE invitation SET state = ?, answered_at = ?, test_deadline = NULL, ended_at = ?, \
             reason = ?, version = version + 1 WHERE state = ? AND id IN ({ids})")
            .bind(to)
            .bind(now)
            .bind(now)
            .bind(reason)
        }
        Event::MessageLost | Event::TimeUp | Event::TestOverdue | Event::Cancelled(_) | Event::GivenBack => {
            sql("UPDATE invitation SET state = ?, reason = ?, ended_at = ?, version = version + 1 \
             WHERE state = ? AND id IN ({ids})")
            .bind(to)
            .bind(reason)
            .bind(now)
        }
        Event::LessonOff => sql("UPDATE invitation SET state = ?, reason = ?, ended_at = ?, fell_from = ?, \
             version = version + 1 WHERE state = ? AND id IN ({ids})")
        .bind(to)
        .bind(reason)
        .bind(now)
        .bind(from),
        Event::LessonBack(back) => again(to, back),
        Event::Formed => {
            sql("UPDATE invitation SET state = ?, version = version + 1 WHERE state = ? AND id IN ({ids})")
                .bind(to)
        }
    };
    step.bind(from).ids(ids.iter().copied()).execute(txn).await
}

/// What fell away with its lesson stands again.
fn again(to: InvitationState, back: Back) -> Sql {
    let test_by = if let Back::Accepted { test_by } = back { Some(test_by) } else { None };
    match back {
        Back::AskedAnew { valid_until } => {
            sql("UPDATE invitation SET state = ?, valid_until = ?, sent_at = NULL, expires_at = NULL, \
                 ended_at = NULL, reason = '', fell_from = '', version = version + 1 \
                 WHERE state = ? AND fell_from <> '' AND id IN ({ids})")
            .bind(to)
            .bind(valid_until)
        }
        _ => sql("UPDATE invitation SET state = ?, test_deadline = ?, ended_at = NULL, reason = '', \
             fell_from = '', version = version + 1 WHERE state = ? AND fell_from <> '' AND id IN ({ids})")
        .bind(to)
        .bind(test_by),
    }
}

/// The same for one that is locked and must be in the state in which it was read.
///
/// # Errors
/// As [`invitation_step_in_txn`]; `Contended` when it is in another state by now.
pub(crate) async fn invitation_step_one_in_txn(
    txn: &Txn,
    id: i64,
    from: InvitationState,
    event: Event,
    now: Instant,
) -> Result<()> {
    match invitation_step_in_txn(txn, &[id], from, event, now).await? {
        1 => Ok(()),
        _ => Err(Error::Contended("invitation.state")),
    }
}

/// Counts a change of the coaches of invitations: whatever was found out about them may be
/// otherwise now.
async fn coach_freed_in_txn(txn: &Txn, invitation_ids: &[i64]) -> Result<()> {
    let mut coaches: Vec<i64> = sql("SELECT coach_id FROM invitation WHERE id IN ({ids})")
        .ids(invitation_ids.iter().copied())
        .column(txn)
        .await?;
    coaches.sort_unstable();
    coaches.dedup();
    crate::storage::import::coach_bump_set_in_txn(txn, &coaches).await
}

/// Frees the availability that invitations used.
pub(crate) async fn availability_free_in_txn(txn: &Txn, invitation_ids: &[i64]) -> Result<u64> {
    if invitation_ids.is_empty() {
        return Ok(0);
    }
    coach_freed_in_txn(txn, invitation_ids).await?;
    sql("DELETE FROM availability_use WHERE invitation_id IN ({ids})")
        .ids(invitation_ids.iter().copied())
        .execute(txn)
        .await
}

/// Invitations of vacancies that were queued at exactly this instant and are still QUEUED.
pub(crate) async fn invited_queued_at(
    conn: &impl ConnectionTrait,
    task_ids: impl IntoIterator<Item = i64>,
    at: Instant,
) -> Result<Vec<InvitedCoach>> {
    let found =
        sql(invited_select!("i.task_id IN ({ids}) AND i.queued_at = ? AND i.state = 'QUEUED' ORDER BY i.id"))
            .ids(task_ids)
            .bind(at);
    invited(found, conn).await
}

/// QUEUED → SENT: invitations whose message is out, each with the instant until which it may be
/// answered. Whoever was answered before the message was out stays as answered.
pub(crate) async fn invitation_sent_in_txn(txn: &Txn, out: &[(i64, Instant)], now: Instant) -> Result<()> {
    let pairs: Vec<(i64, i64)> = out.iter().map(|(id, until)| (*id, until.unix())).collect();
    update_by_pairs(
        txn,
        "invitation",
        ["id", "expires_at"],
        "expires_at = p.expires_at",
        "invitation.state = 'QUEUED'",
        &pairs,
    )
    .execute(txn)
    .await?;
    let ids: Vec<i64> = out.iter().map(|(id, _)| *id).collect();
    invitation_step_in_txn(txn, &ids, InvitationState::Queued, Event::MessageOut, now).await.map(drop)
}

/// READY → ASSIGNED: (invitation, class that was formed for it).
///
/// # Errors
/// `Contended` when one is not READY any more.
pub(crate) async fn invitation_assign_in_txn(txn: &Txn, assigned: &[(i64, i64)], now: Instant) -> Result<()> {
    update_by_pairs(
        txn,
        "invitation",
        ["id", "class_id"],
        "class_id = p.class_id",
        "invitation.state = 'READY'",
        assigned,
    )
    .execute(txn)
    .await?;
    let ids: Vec<i64> = assigned.iter().map(|(id, _)| *id).collect();
    let done = invitation_step_in_txn(txn, &ids, InvitationState::Ready, Event::Formed, now).await?;
    if usize::try_from(done) == Ok(ids.len()) { Ok(()) } else { Err(Error::Contended("invitation.state")) }
}

/// What a coach has in reserve for other tasks: (invitation, task).
pub(crate) async fn reserve_list_elsewhere(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    task_id: i64,
) -> Result<Vec<(i64, i64)>> {
    sql("SELECT id, task_id FROM invitation WHERE coach_id = ? AND state = 'RESERVE' AND task_id <> ?")
        .bind(coach_id)
        .bind(task_id)
        .tuples(conn)
        .await
}

/// The invitations that have run out: (invitation, state, day of its vacancy).
pub(crate) async fn invitation_list_run_out(
    conn: &impl ConnectionTrait,
    now: Instant,
) -> Result<Vec<(i64, InvitationState, Day)>> {
    sql("SELECT i.id, i.state, COALESCE(t.day, v.day) FROM invitation i \
         LEFT JOIN class_task t ON t.id = i.task_id LEFT JOIN vacancy v ON v.id = -i.task_id \
         WHERE (i.state = 'SENT' AND i.expires_at <= ?) OR (i.state = 'QUEUED' AND i.valid_until <= ?)")
    .bind(now)
    .bind(now)
    .tuples(conn)
    .await
}

/// Until when the vacancies of invitations take answers (F of a class task), and until when they
/// may be answered where that is not by the table of lives; by invitation.
pub(crate) async fn invitation_closing(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, (Instant, Option<Instant>)>> {
    let rows: Vec<(i64, Instant, Option<Instant>)> =
        sql("SELECT i.id, COALESCE(t.closes_at, v.closes_at), v.asks_until FROM invitation i \
             LEFT JOIN class_task t ON t.id = i.task_id LEFT JOIN vacancy v ON v.id = -i.task_id \
             WHERE i.id IN ({ids})")
        .ids(ids)
        .tuples(conn)
        .await?;
    Ok(rows.into_iter().map(|(id, closes_at, asks_until)| (id, (closes_at, asks_until))).collect())
}

/// The last day for which an invitation holds its coach.
pub(crate) async fn invitation_last_day_in_txn(txn: &Txn, id: i64, last_day: Day) -> Result<()> {
    sql("UPDATE invitation SET last_day = ? WHERE id = ?")
        .bind(last_day)
        .bind(id)
        .execute(txn)
        .await
        .map(drop)
}

/// Who took an invitation back, and why.
pub(crate) async fn invitation_operator_in_txn(
    txn: &Txn,
    id: i64,
    operator: &str,
    remark: &str,
) -> Result<()> {
    sql("UPDATE invitation SET operator = ?, remark = ? WHERE id = ?")
        .bind(operator)
        .bind(remark)
        .bind(id)
        .execute(txn)
        .await
        .map(drop)
}

/// Inserts invitations; one that another transaction made first makes this one run again.
pub(crate) async fn invitation_insert_in_txn(txn: &Txn, rows: Vec<invitation::ActiveModel>) -> Result<()> {
    match insert_rows(txn, rows).await {
        Err(error) if unique_violation(&error) => Err(Error::Contended("invitation")),
        done => Ok(done?),
    }
}

/// Counts on the versions of coaches who are asked, if they are still those with which they were
/// read; how many were.
pub(crate) async fn coach_asked_in_txn(txn: &Txn, versions: &[(i64, i64)], now: Instant) -> Result<u64> {
    let done = update_by_pairs(
        txn,
        "coach",
        ["id", "version"],
        "version = coach.version + 1",
        "coach.version = p.version",
        versions,
    )
    .execute(txn)
    .await?;
    sql("UPDATE coach SET last_invited_at = ? WHERE id IN ({ids})")
        .bind(now)
        .ids(versions.iter().map(|(id, _)| *id))
        .execute(txn)
        .await?;
    Ok(done)
}

/// When a coach was asked last.
pub(crate) async fn coach_invited_in_txn(txn: &Txn, coach_id: i64, now: Instant) -> Result<()> {
    sql("UPDATE coach SET last_invited_at = ? WHERE id = ?")
        .bind(now)
        .bind(coach_id)
        .execute(txn)
        .await
        .map(drop)
}

/// Takes the availability that a coach's invitation uses: (row of the availability, day).
///
/// # Errors
/// `Contended` when another acceptance of the coach took one since it was read.
pub(crate) async fn availability_take_in_txn(
    txn: &Txn,
    invitation_id: i64,
    uses: &[(i64, Day)],
) -> Result<()> {
    let uses: Vec<(i64, Day, i64)> = uses.iter().map(|(row, day)| (*row, *day, invitation_id)).collect();
    availability_take_set_in_txn(txn, &uses).await
}

/// The same for many invitations: (row of the availability, day, invitation).
///
/// # Errors
/// As [`availability_take_in_txn`].
pub(crate) async fn availability_take_set_in_txn(txn: &Txn, uses: &[(i64, Day, i64)]) -> Result<()> {
    let row = |(availability_id, day, invitation_id): &(i64, Day, i64)| availability_use::ActiveModel {
        availability_id: Set(*availability_id),
        day: Set(*day),
        invitation_id: Set(*invitation_id),
    };
    match insert_rows(txn, uses.iter().map(row)).await {
        Err(error) if unique_violation(&error) => Err(Error::Contended("availability_use")),
        done => Ok(done?),
    }
}

/// Frees what assigned invitations use beyond the last day of their class: it may end before the
/// last day that was planned for.
pub(crate) async fn availability_trim_in_txn(
    txn: &Txn,
    invitation_ids: impl IntoIterator<Item = i64>,
) -> Result<()> {
    sql("DELETE FROM availability_use WHERE invitation_id IN ({ids}) AND day > \
         (SELECT c.last_day FROM class c JOIN invitation i ON i.class_id = c.id \
         WHERE i.id = availability_use.invitation_id)")
    .ids(invitation_ids)
    .execute(txn)
    .await
    .map(drop)
}
