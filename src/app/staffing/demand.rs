//! Marks tasks whose size may have changed: whoever changes sign-ups or coaches calls this, and
//! `invite check` sizes the marked tasks again.
//!
//! The mark is written by the transaction that causes it, so it is never lost, and an idle `invite
//! check` costs one index look-up.

use crate::error::Result;
use crate::storage::Txn;
use crate::storage::sql::sql;

/// Sign-ups of these templates changed: their open tasks are to be sized again.
pub(crate) async fn demand_changed(txn: &Txn, template_ids: &[i64]) -> Result<()> {
    sql("UPDATE class_task SET dirty = TRUE WHERE template_id IN ({ids}) \
        AND state IN ('PENDING', 'INVITING', 'COVERED')")
    .ids(template_ids.iter().copied())
    .execute(txn)
    .await
    .map(drop)
}

/// These coaches or their availability changed: open tasks that count on them look at them again.
pub(crate) async fn coach_changed(txn: &Txn, coach_ids: &[i64]) -> Result<()> {
    sql("UPDATE class_task SET dirty = TRUE WHERE state IN ('PENDING', 'INVITING', 'COVERED') AND id IN \
         (SELECT task_id FROM invitation WHERE coach_id IN ({ids}) \
         AND state IN ('QUEUED', 'SENT', 'ACCEPTED', 'READY', 'RESERVE'))")
    .ids(coach_ids.iter().copied())
    .execute(txn)
    .await
    .map(drop)
}
