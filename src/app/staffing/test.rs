//! The software test: a coach who passes it becomes ready for every class accepted in time.

use super::hold::coach_lock_in_txn;
use super::notice;
use super::step::settle;
use crate::app::call::{Call, Work};
use crate::app::outbox::{self, Draft, notice::look_at_invitations};
use crate::domain::actor::Actor;
use crate::domain::notice::Standing;
use crate::domain::state::InvitationState;
use crate::domain::state::invitation::Event;
use crate::error::{Error, Result};
use crate::in_txn;
use crate::message::content::{ClassNews, TestPart};
use crate::storage::entity::{coach, software_test};
use crate::storage::staffing::{self, InvitedCoach};
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
        self.failed().is_empty()
    }

    /// Those that failed.
    fn failed(self) -> Vec<TestPart> {
        let Self { camera, sound, microphone, lesson, whiteboard } = self;
        let parts = [
            (camera, TestPart::Camera),
            (sound, TestPart::Sound),
            (microphone, TestPart::Microphone),
            (lesson, TestPart::Lesson),
            (whiteboard, TestPart::Whiteboard),
        ];
        parts.into_iter().filter(|(passed, _)| !passed).map(|(_, part)| part).collect()
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
    call: &Call<'_>,
    user_name: &str,
    parts: TestParts,
) -> Result<TestOutcome> {
    let person =
        coach::Entity::find().filter(coach::Column::UserName.eq(user_name)).one(call.app.db.reader()).await?;
    let person = person.ok_or_else(|| Error::not_found("coach", user_name))?;
    let call = &call.clone().by(Actor::Coach(person.user_name.clone()));
    in_txn!(call, "software_test.complete", |work| {
        let accepted = staffing::invited_list_accepted_by(work.txn, person.id, work.now).await?;
        let mut tasks: Vec<i64> = accepted.iter().map(|invited| invited.task_id).collect();
        // Tasks before classes, with which other vacancies are locked.
        tasks.sort_unstable_by_key(|id| (*id < 0, id.abs()));
        for task in &tasks {
            staffing::vacancy_lock_in_txn(work.txn, *task).await?;
        }
        coach_lock_in_txn(work.txn, &[person.id]).await?;
        if let Some(ready) = work.claimed(SCOPE).await? {
            let ready = ready.split(',').filter_map(|id| id.parse().ok()).collect();
            return Ok(TestOutcome { passed: parts.passed(), ready });
        }
        // An acceptance that came between the look and the lock is on a task that is not locked
        // yet.
        let again = staffing::invited_list_accepted_by(work.txn, person.id, work.now).await?;
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
            tested_at: Set(work.now),
        })
        .exec_without_returning(work.txn)
        .await?;
        let mut ready = Vec::new();
        if parts.passed() {
            crate::storage::coach::coach_test_passed_in_txn(work.txn, person.id, work.now).await?;
            for invited in &again {
                passed(work, invited).await?;
                ready.push(invited.id);
            }
        } else {
            tell_failed(work, parts, &again).await?;
        }
        let result = ready.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        work.record(SCOPE, result).await?;
        Ok(TestOutcome { passed: parts.passed(), ready })
    })
}

/// Tells a coach at once which parts failed, and until when the test may be taken again for the
/// acceptance that ends first, if one waits for it.
async fn tell_failed(work: Work<'_>, parts: TestParts, accepted: &[InvitedCoach]) -> Result<()> {
    let first = accepted.iter().filter_map(|coach| Some((coach.stands.test_by()?, coach)));
    let Some((test_by, coach)) = first.min_by_key(|(test_by, coach)| (*test_by, coach.id)) else {
        return Ok(());
    };
    let task = staffing::vacancy_by_id(work.txn, coach.task_id).await?;
    let news = ClassNews::TestFailed { failed: parts.failed(), test_by };
    let draft = notice::to_coach(&task, coach, work.now.unix(), news);
    outbox::write(work, vec![Draft { valid_until: test_by, ..draft }]).await.map(drop)
}

async fn passed(work: Work<'_>, invited: &InvitedCoach) -> Result<()> {
    let (from, event) = (InvitationState::Accepted, Event::TestPassed);
    staffing::invitation_step_one_in_txn(work.txn, invited.id, from, event, work.now).await?;
    look_at_invitations(work, &[(invited.id, Standing::of(invited.stands, None, true))]).await?;
    settle(work, invited.task_id).await.map(drop)
}
