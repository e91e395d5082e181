//! Queries for standbys, many at once: vacancies for one lesson whose coach is not there. Their
//! keys are negative, as those of every [`Vacancy`](super::Vacancy) that is no class task.

use super::invitation::{InvitedCoach, invited, invited_select};
use super::roster::class_lock_set_in_txn;
use crate::domain::actor::Actor;
use crate::domain::state::TaskState;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::sql::{Cell, sql};
use crate::storage::vacancy::Times;
use sea_orm::{ConnectionTrait, FromQueryResult};

/// A standby to be made, for one lesson.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewStandby {
    /// The class.
    pub class_id: i64,
    /// Its template.
    pub template_id: i64,
    /// The coach who is not there.
    pub replaces_id: i64,
    /// The lesson day.
    pub day: Day,
    /// The start of the lesson, and what follows from it.
    pub times: Times,
    /// Until when a question may be answered.
    pub asks_until: Instant,
}

/// Makes standbys, PENDING, one for each of these lessons. They ask nobody by themselves, and of
/// none an alarm is given: the ladder tells of them. Their keys.
///
/// # Errors
/// `Internal` when there are others than these by now: whoever makes some takes the turn `invite`.
pub(crate) async fn standby_insert_in_txn(
    txn: &Txn,
    new: &[NewStandby],
    actor: &Actor,
    now: Instant,
) -> Result<Vec<i64>> {
    sql("INSERT INTO vacancy (kind, class_id, template_id, replaces_id, day, state, start_at, gate_at, \
         closes_at, asks_until, waits, cancelled_by, students, needed, dirty, early_warned, told_uncovered, \
         gate_alarmed, actor_kind, actor, remark, created_at, version) \
         SELECT 'STANDBY', q.class_id, q.template_id, q.replaces_id, q.day, 'PENDING', q.start_at, \
         q.gate_at, q.closes_at, q.asks_until, TRUE, '', 1, 1, FALSE, TRUE, 1, TRUE, ?, ?, '', ?, 0 \
         FROM {rows:class_id:i, template_id:i, replaces_id:i, day:d, start_at:i, gate_at:i, closes_at:i, \
         asks_until:i} q")
    .bind(actor.kind())
    .bind(actor.name())
    .bind(now)
    .rows(new.iter().map(|one| -> [Cell; 8] {
        let Times { start_at, gate_at, closes_at } = one.times;
        [
            one.class_id.into(),
            one.template_id.into(),
            one.replaces_id.into(),
            one.day.into(),
            start_at.into(),
            gate_at.into(),
            closes_at.into(),
            one.asks_until.into(),
        ]
    }))
    .execute_in_parts(txn)
    .await?;
    // A stage is taken once, so that of a lesson no other was made at this instant.
    let made: Vec<(i64, Day)> = sql("SELECT v.id, v.day FROM {rows:class_id:i, day:d} q \
         {join} vacancy v ON v.class_id = q.class_id AND v.day = q.day WHERE v.kind = 'STANDBY' \
         AND v.state = 'PENDING' AND v.created_at = ?")
    .rows(new.iter().map(|one| -> [Cell; 2] { [one.class_id.into(), one.day.into()] }))
    .bind(now)
    .tuples_in_parts(txn)
    .await?;
    if made.len() != new.len() {
        return Err(Error::internal(format!("{} standbys for {} lessons", made.len(), new.len())));
    }
    sql("INSERT INTO vacancy_day (vacancy_id, day) SELECT q.vacancy_id, q.day \
         FROM {rows:vacancy_id:i, day:d} q")
    .rows(made.iter().map(|(id, day)| -> [Cell; 2] { [(*id).into(), (*day).into()] }))
    .execute_in_parts(txn)
    .await?;
    Ok(made.into_iter().map(|(id, _)| -id).collect())
}

/// How an open standby stands.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub(crate) struct Standby {
    /// Its key.
    pub id: i64,
    /// Its class.
    pub class_id: i64,
    /// Its state.
    pub state: TaskState,
    /// From when on it looks for somebody who takes over: the start of the lesson.
    pub gate_at: Instant,
    /// How many have said yes.
    pub yeses: i64,
}

/// Those of these standbys that are open.
pub(crate) async fn standby_list_open(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<Standby>> {
    sql("SELECT -v.id AS id, v.class_id, v.state, v.gate_at, \
         (SELECT COUNT(*) FROM invitation i WHERE i.task_id = -v.id \
           AND i.state IN ('ACCEPTED', 'READY', 'RESERVE')) AS yeses \
         FROM vacancy v WHERE v.state IN ('PENDING', 'INVITING', 'COVERED') AND v.id IN ({ids}) \
         ORDER BY v.id")
    .ids(ids.into_iter().map(|id| -id))
    .all(conn)
    .await
}

/// Locks standbys, each after its class, and reads those that are still open.
pub(crate) async fn standby_lock_set_in_txn(txn: &Txn, standbys: &[Standby]) -> Result<Vec<Standby>> {
    let mut classes: Vec<i64> = standbys.iter().map(|one| one.class_id).collect();
    classes.sort_unstable();
    classes.dedup();
    class_lock_set_in_txn(txn, &classes).await?;
    let ids = || standbys.iter().map(|one| one.id);
    sql("UPDATE vacancy SET version = version + 1 WHERE id IN ({ids})")
        .ids(ids().map(|id| -id))
        .execute(txn)
        .await?;
    standby_list_open(txn, ids()).await
}

/// The invitations of vacancies that count: asked, held or in reserve.
pub(crate) async fn invited_of_tasks(
    conn: &impl ConnectionTrait,
    task_ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<InvitedCoach>> {
    let counting = sql(invited_select!(
        "i.task_id IN ({ids}) AND i.state IN ('QUEUED', 'SENT', 'ACCEPTED', 'READY', 'RESERVE') ORDER BY i.id"
    ));
    invited(counting.ids(task_ids), conn).await
}
