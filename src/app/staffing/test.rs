//! The software test: a coach who passes it becomes ready for every class accepted in time.

use super::hold::coach_lock_in_txn;
use super::notice;
use super::step::settle;
use crate::app::input::RequestKey;
use crate::app::{App, outbox};
use crate::domain::state::{InvitationState, MessageKind};
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use crate::storage::entity::{coach, software_test};
use crate::storage::sql::sql;
use crate::storage::staffing::{self, InvitedCoach};
use crate::write_txn;
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

/// The parts of a software test, each passed or not (docs/domain.md §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TestParts {
    /// The camera.
    pub camera: bool,
    /// The sound.
    pub sound: bool,
    /// The microphone.
    pub microphone: bool,
    /// The lesson.
    pub lesson: bool,
    /// The whiteboard.
    pub whiteboard: bool,
}

impl TestParts {
    /// All parts passed.
    pub(crate) fn passed(self) -> bool {
        self.camera && self.sound && self.microphone && self.lesson && self.whiteboard
    }
}

/// What a completed test came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestOutcome {
    /// Whether it was passed.
    pub passed: bool,
    /// The invitations that became READY.
    pub ready: Vec<i64>,
}

/// Request ids are those of this call.
const SCOPE: &str = "CompleteSoftwareTest";

/// Records a test; passed, it makes all of the coach's acceptances READY whose deadline is ahead. A
/// repeated `request_id` changes nothing.
///
/// # Errors
/// NOT_FOUND for an unknown coach; REQUEST_ID_REUSED.
pub(crate) async fn complete_software_test(
    app: &App,
    user_name: &str,
    parts: TestParts,
    key: &RequestKey,
    now: Instant,
) -> Result<TestOutcome> {
    let person =
        coach::Entity::find().filter(coach::Column::UserName.eq(user_name)).one(app.db.reader()).await?;
    let person = person.ok_or_else(|| Error::not_found("coach", user_name))?;
    write_txn!(&app.db, "software_test.complete", |txn| {
        let accepted = staffing::invited_list_accepted_by(txn, person.id, now).await?;
        let mut tasks: Vec<i64> = accepted.iter().map(|invited| invited.task_id).collect();
        tasks.sort_unstable();
        for task in &tasks {
            staffing::task_lock_in_txn(txn, *task).await?;
        }
        coach_lock_in_txn(txn, &[person.id]).await?;
        if let Some(ready) = key.claimed(txn, SCOPE).await? {
            let ready = ready.split(',').filter_map(|id| id.parse().ok()).collect();
            return Ok(TestOutcome { passed: parts.passed(), ready });
        }
        // An acceptance that came between the look and the lock is on a task that is not locked
        // yet.
        let again = staffing::invited_list_accepted_by(txn, person.id, now).await?;
        if again.iter().any(|invited| !tasks.contains(&invited.task_id)) {
            return Err(Error::Contended("software_test.complete"));
        }
        software_test::Entity::insert(software_test::ActiveModel {
            id: NotSet,
            coach_id: Set(person.id),
            camera: Set(parts.camera),
            sound: Set(parts.sound),
            microphone: Set(parts.microphone),
            lesson: Set(parts.lesson),
            whiteboard: Set(parts.whiteboard),
            passed: Set(parts.passed()),
            tested_at: Set(now),
        })
        .exec_without_returning(txn)
        .await?;
        let mut ready = Vec::new();
        if parts.passed() {
            sql("UPDATE coach SET test_passed_at = ? WHERE id = ?")
                .bind(now)
                .bind(person.id)
                .execute(txn)
                .await?;
            for invited in &again {
                passed(app, txn, invited, now).await?;
                ready.push(invited.id);
            }
        }
        let result = ready.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        key.record(txn, SCOPE, result, now).await?;
        Ok(TestOutcome { passed: parts.passed(), ready })
    })
}

async fn passed(app: &App, txn: &crate::storage::Txn, invited: &InvitedCoach, now: Instant) -> Result<()> {
    let rows = sql("UPDATE invitation SET state = ?, test_deadline = NULL, version = version + 1 \
        WHERE id = ? AND state = ?")
    .bind(InvitationState::Ready)
    .bind(invited.id)
    .bind(InvitationState::Accepted)
    .execute(txn)
    .await?;
    if rows != 1 {
        return Err(Error::Contended("invitation.state"));
    }
    let task = staffing::task_by_id(txn, invited.task_id).await?;
    let draft = notice::to_coach(MessageKind::TestPassed, &task, invited, now.unix(), notice::facts(&task));
    outbox::write(app, txn, vec![draft], now).await?;
    settle(app, txn, task.id, now).await.map(drop)
}
