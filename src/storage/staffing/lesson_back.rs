//! Invitations that ended because their lesson fell away.

use crate::domain::state::InvitationState;
use crate::domain::time::Instant;
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::sql::sql;
use sea_orm::FromQueryResult;

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
