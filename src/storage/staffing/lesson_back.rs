//! Invitations that ended because their lesson fell away, and what is wanted, or was found, in the
//! place of the coach of a lesson that is back.

use super::vacancy::{Vacancy, in_order, vacancies};
use crate::domain::state::InvitationState;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::sql::sql;
use sea_orm::{ConnectionTrait, FromQueryResult};

/// One of them, as it was, with its coach.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct FellAwayRow {
    /// The invitation.
    pub id: i64,
    /// Its task.
    pub task_id: i64,
    /// Its coach.
    pub coach_id: i64,
    /// Its state before.
    pub fell_from: InvitationState,
    /// When the coach was asked.
    pub queued_at: Instant,
    /// Until when it could be answered.
    pub expires_at: Option<Instant>,
    /// Until when the test was to be passed.
    pub test_deadline: Option<Instant>,
    /// Counts every change.
    pub version: i64,
    /// The coach's user name.
    pub user_name: String,
    /// The coach's phone.
    pub phone: String,
    /// The coach's last passed test.
    pub test_passed_at: Option<Instant>,
}

/// The invitations of tasks that ended because their lesson fell away.
pub(crate) async fn invitation_list_fell_away(txn: &Txn, task_ids: &[i64]) -> Result<Vec<FellAwayRow>> {
    if task_ids.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT i.id, i.task_id, i.coach_id, i.fell_from, i.queued_at, i.expires_at, \
         i.test_deadline, i.version, c.user_name, c.phone, c.test_passed_at \
         FROM invitation i JOIN coach c ON c.id = i.coach_id \
         WHERE i.task_id IN ({ids}) AND i.state = 'CANCELLED' AND i.fell_from <> '' ORDER BY i.id")
    .ids(task_ids.iter().copied())
    .all(txn)
    .await
}

/// The substitutions and coach changes in classes of templates that are open, or ended because
/// their lessons fell away; and the substitutions that are filled. Of those with listed days, only
/// with days from this one on.
pub(crate) async fn vacancy_list_in_place(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    from: Day,
) -> Result<Vec<Vacancy>> {
    let found = sql(vacancies!(
        others "t.template_id IN ({ids}) AND t.kind IN ('SUBSTITUTION', 'CHANGE') \
         AND (t.state IN ('PENDING', 'INVITING', 'COVERED') \
           OR (t.state = 'CANCELLED' AND t.cancelled_by = 'catalogue') \
           OR (t.state = 'FORMED' AND t.kind = 'SUBSTITUTION')) \
         AND (t.kind = 'CHANGE' OR EXISTS (SELECT 1 FROM vacancy_day d WHERE d.vacancy_id = t.id \
           AND d.day >= ?))"
    ));
    Ok(in_order(found.ids(template_ids.iter().copied()).bind(from).all(conn).await?))
}

/// Who fills these vacancies: (key, coach, invitation).
pub(crate) async fn vacancy_filled_by(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<(i64, i64, i64)>> {
    sql("SELECT -v.id, v.coach_id, i.id FROM vacancy v JOIN invitation i ON i.task_id = -v.id \
         AND i.coach_id = v.coach_id AND i.state = 'ASSIGNED' WHERE v.id IN ({ids})")
    .ids(ids.into_iter().map(|id| -id))
    .tuples(conn)
    .await
}
