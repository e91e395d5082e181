//! Marks tasks whose size may have changed: whoever changes sign-ups or coaches calls this, and
//! `invite check` sizes the marked tasks again.
//!
//! The mark is written by the transaction that causes it, so it is never lost, and an idle `invite
//! check` costs one index look-up.

use crate::error::Result;
use crate::storage::Txn;
use crate::storage::staffing::{task_mark_of_templates_in_txn, vacancy_mark_of_coaches_in_txn};

/// Sign-ups of these templates changed: their open tasks are to be sized again.
pub(crate) async fn demand_changed(txn: &Txn, template_ids: &[i64]) -> Result<()> {
    task_mark_of_templates_in_txn(txn, template_ids).await
}

/// These coaches or their availability changed: open tasks that count on them look at them again.
pub(crate) async fn coach_changed(txn: &Txn, coach_ids: &[i64]) -> Result<()> {
    vacancy_mark_of_coaches_in_txn(txn, coach_ids).await
}
