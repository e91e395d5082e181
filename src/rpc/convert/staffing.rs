//! Converts class tasks, invitations, classes and software tests between protobuf and the domain.

use super::{day, lesson_time, number, optional_code, optional_id, optional_timestamp, timestamp, word};
use crate::app::class::ClassView;
use crate::app::input::RequestKey;
use crate::app::staffing::list::{Offered, TaskKey, TaskView};
use crate::app::staffing::test::TestParts;
use crate::error::{Error, Result};
use crate::rpc::pb;
use crate::storage::class::{LessonRow, RosterRow};
use crate::storage::entity::{class, class_task, invitation};
use crate::storage::staffing_list::InvitationRow;

/// A class task by its key, or by template and day.
pub(crate) fn task_key(task_id: i64, class_template: String, on: &str) -> Result<TaskKey> {
    match (optional_id("task_id", task_id)?, optional_code("class_template", class_template)?) {
        (Some(_), Some(_)) => Err(Error::invalid("class_template", "cannot be given together with task_id")),
        (Some(id), None) if on.is_empty() => Ok(TaskKey::Id(id)),
        (Some(_), None) => Err(Error::invalid("day", "cannot be given together with task_id")),
        (None, Some(code)) => Ok(TaskKey::Lesson(code, day("day", on)?)),
        (None, None) => Err(Error::invalid("task_id", "is missing: give it, or class_template and day")),
    }
}

/// The parts of a software test, all of which must be there; whose it is.
pub(crate) fn test(request: pb::CompleteSoftwareTestRequest) -> Result<(String, TestParts, RequestKey)> {
    let key = super::request_key(&request.request_id, &request)?;
    let pb::CompleteSoftwareTestRequest {
        coach,
        camera,
        sound,
        microphone,
        lesson,
        whiteboard,
        request_id: _,
    } = request;
    let parts = TestParts {
        camera: part("camera", camera)?,
        sound: part("sound", sound)?,
        microphone: part("microphone", microphone)?,
        lesson: part("lesson", lesson)?,
        whiteboard: part("whiteboard", whiteboard)?,
    };
    Ok((super::code("coach", coach)?, parts, key))
}

fn part(field: &str, number: i32) -> Result<bool> {
    match pb::TestResult::try_from(number) {
        Ok(pb::TestResult::Passed) => Ok(true),
        Ok(pb::TestResult::Failed) => Ok(false),
        Ok(pb::TestResult::Unspecified) => Err(Error::invalid(field, "is unspecified")),
        Err(_) => Err(Error::invalid(field, format!("{number} is not a known value"))),
    }
}

/// The kind of invitations to list; unspecified = all.
pub(crate) fn optional_kind(kind: i32) -> Result<Option<crate::domain::state::InvitationKind>> {
    if kind == 0 { Ok(None) } else { word("kind", kind).map(Some) }
}

/// Counts on the wire are 32 bits wide.
fn count(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl From<TaskView> for pb::ClassTask {
    fn from(view: TaskView) -> Self {
        let (missing, uncovered) = (count(view.missing()), count(view.uncovered()));
        let TaskView { task, class_template, counts, assigned } = view;
        let class_task::Model {
            id,
            day,
            state,
            start_at,
            gate_at,
            freeze_at,
            closes_at,
            reopened,
            students,
            needed,
            created_at,
            ..
        } = task;
        Self {
            task_id: id,
            class_template,
            day: day.to_string(),
            state: number(state),
            start_time: Some(timestamp(start_at)),
            gate_time: Some(timestamp(gate_at)),
            freeze_time: Some(timestamp(freeze_at)),
            close_time: Some(timestamp(closes_at)),
            reopened,
            students,
            needed,
            accepted: count(counts.accepted),
            ready: count(counts.ready),
            assigned: count(assigned),
            live: count(counts.live),
            reserve: count(counts.reserve),
            missing,
            uncovered,
            create_time: Some(timestamp(created_at)),
        }
    }
}

impl From<InvitationRow> for pb::Invitation {
    fn from(row: InvitationRow) -> Self {
        let InvitationRow { invitation, template_code, task_day, coach_user_name, .. } = row;
        let invitation::Model {
            id,
            task_id,
            coach_id: _,
            kind,
            state,
            last_day,
            queued_at,
            valid_until,
            sent_at,
            expires_at,
            answered_at,
            test_deadline,
            ended_at,
            class_id,
            reason,
            fell_from: _,
            operator,
            remark,
            version: _,
        } = invitation;
        Self {
            invitation_id: id,
            task_id: task_id.max(0),
            vacancy_id: (-task_id).max(0),
            class_template: template_code,
            day: task_day.to_string(),
            coach: coach_user_name,
            kind: number(kind),
            state: number(state),
            last_day: last_day.to_string(),
            queue_time: Some(timestamp(queued_at)),
            valid_until_time: Some(timestamp(valid_until)),
            sent_time: optional_timestamp(sent_at),
            expire_time: optional_timestamp(expires_at),
            answer_time: optional_timestamp(answered_at),
            test_deadline_time: optional_timestamp(test_deadline),
            end_time: optional_timestamp(ended_at),
            class_id: class_id.unwrap_or(0),
            reason,
            operator,
            remark,
        }
    }
}

impl From<Offered> for pb::GetInvitationResponse {
    fn from(Offered { invitation, lesson_days, subject }: Offered) -> Self {
        let grade = invitation.template_grade;
        let lesson_days = lesson_days
            .into_iter()
            .map(|place| lesson_time(place.day, place.start_at, place.end_at))
            .collect();
        Self { invitation: Some(invitation.into()), lesson_days, subject, grade }
    }
}

impl From<ClassView> for pb::Class {
    fn from(ClassView { row, students }: ClassView) -> Self {
        let class::Model {
            id,
            template_id: _,
            task_id,
            coach_id: _,
            state,
            first_day,
            last_day,
            formed_at,
            version: _,
        } = row.class;
        Self {
            class_id: id,
            class_template: row.template_code,
            task_id: task_id.max(0),
            continuation_id: (-task_id).max(0),
            coach: row.coach_user_name,
            state: number(state),
            first_day: first_day.to_string(),
            last_day: last_day.to_string(),
            form_time: Some(timestamp(formed_at)),
            students: count(students),
        }
    }
}

impl From<RosterRow> for pb::RosterEntry {
    fn from(RosterRow { id, user_name, from_day, last_day }: RosterRow) -> Self {
        Self {
            student: user_name,
            reservation_id: id,
            from_day: from_day.to_string(),
            to_day: last_day.to_string(),
        }
    }
}

impl From<LessonRow> for pb::Lesson {
    fn from(LessonRow { id, day, start_at, end_at, user_name, state }: LessonRow) -> Self {
        Self {
            lesson_id: id,
            day: day.to_string(),
            start_time: Some(timestamp(start_at)),
            end_time: Some(timestamp(end_at)),
            coach: user_name,
            state: number(state),
        }
    }
}
