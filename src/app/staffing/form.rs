//! Classes out of a task's students and the coaches who are ready for them (docs/domain.md §4);
//! when that is due is for `step` to say.

use super::hold::coach_lock_in_txn;
use super::notice;
use super::sizing;
use crate::app::outbox::Draft;
use crate::app::outbox::notice::look_at_seated;
use crate::app::{App, outbox};
use crate::domain::city::city;
use crate::domain::eligibility::Span;
use crate::domain::spreading::{self, Group, Pupil};
use crate::domain::state::{ClassState, InvitationState, LessonState, MessageKind};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::message::text::Facts;
use crate::storage::entity::{class, coach, lesson};
use crate::storage::insert::insert_rows;
use crate::storage::sql::{sql, update_by_pairs};
use crate::storage::staffing::{self, InvitedCoach, TaskRow};
use crate::storage::{Txn, pool};
use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter,
};
use std::collections::HashMap;

/// A student of the task.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Student {
    reservation_id: i64,
    last_day: Day,
    pub(super) user_name: String,
    area_code: String,
}

/// What came of forming.
#[derive(Debug, Default)]
pub(super) struct Formed {
    pub(super) classes: i64,
    pub(super) messages: u64,
    /// Students who are in no class, and why if it is not for want of coaches.
    pub(super) left: Vec<Student>,
    pub(super) reason: Option<Reason>,
}

/// READY → ASSIGNED: one class a coach, the task's students spread over them for all their
/// remaining lesson days.
pub(super) async fn form(app: &App, txn: &Txn, task: &TaskRow, now: Instant) -> Result<Formed> {
    let students: Vec<Student> = sql("SELECT r.id AS reservation_id, r.last_day, s.user_name, s.area_code \
         FROM reservation r JOIN student s ON s.id = r.student_id WHERE r.task_id = ? AND r.state = 'BOOKED' \
         ORDER BY r.created_at, r.id")
    .bind(task.id)
    .all(txn)
    .await?;
    let mut ready: Vec<InvitedCoach> = staffing::invited_of_task(txn, task.id).await?;
    ready.retain(|coach| coach.state == InvitationState::Ready);
    ready.sort_by(|a, b| (a.answered_at, &a.user_name).cmp(&(b.answered_at, &b.user_name)));
    ready.truncate(usize::try_from(task.needed).unwrap_or(0));
    let ids: Vec<i64> = ready.iter().map(|coach| coach.coach_id).collect();
    coach_lock_in_txn(txn, &ids).await?;
    let coaches: HashMap<i64, coach::Model> = coach::Entity::find()
        .filter(coach::Column::Id.is_in(ids))
        .all(txn)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let pupils: Vec<Pupil> = students
        .iter()
        .map(|student| Pupil { id: student.reservation_id, city: city(&student.area_code) })
        .collect();
    let group = |coach: &InvitedCoach| Group {
        forbidden_city: coaches
            .get(&coach.coach_id)
            .filter(|row| row.forbid_same_city)
            .map(|row| city(&row.area_code)),
    };
    let groups: Vec<Group> = ready.iter().map(group).collect();
    let spread =
        spreading::spread(&pupils, &groups, usize::try_from(task.max_students_per_class).unwrap_or(0));
    // A coach whom the city rule leaves without students gets no class.
    let filled: Vec<(&InvitedCoach, Vec<&Student>)> = ready
        .iter()
        .zip(&spread.groups)
        .map(|(coach, members)| (coach, members.iter().map(|member| &students[*member]).collect::<Vec<_>>()))
        .filter(|(_, members)| !members.is_empty())
        .collect();
    let mut left: Vec<usize> = spread.full.iter().chain(&spread.same_city).copied().collect();
    left.sort_unstable();
    let mut formed = Formed {
        classes: filled.len() as i64,
        left: left.into_iter().map(|position| students[position].clone()).collect(),
        reason: (!spread.same_city.is_empty()).then_some(Reason::SameCity),
        messages: 0,
    };
    if !filled.is_empty() {
        formed.messages = make_classes(app, txn, task, &filled, now).await?;
    }
    Ok(formed)
}

async fn make_classes(
    app: &App,
    txn: &Txn,
    task: &TaskRow,
    filled: &[(&InvitedCoach, Vec<&Student>)],
    now: Instant,
) -> Result<u64> {
    // Later tasks of the template were sized without these classes: there are free seats now, and
    // fewer classes that may be added.
    sizing::mark_later_in_txn(txn, task.template_id, task.day).await?;
    let all = pool::span_list(txn, [task.template_id]).await?.remove(&task.template_id).unwrap_or_default();
    let lessons_of = |members: &[&Student]| -> Vec<Span> {
        let last = members.iter().map(|student| student.last_day).max().unwrap_or(task.day);
        all.iter().copied().filter(|span| task.day <= span.day && span.day <= last).collect()
    };
    let rows = filled.iter().map(|(coach, members)| class::ActiveModel {
        id: NotSet,
        template_id: Set(task.template_id),
        task_id: Set(task.id),
        coach_id: Set(coach.coach_id),
        state: Set(ClassState::Open),
        first_day: Set(task.day),
        last_day: Set(lessons_of(members).last().map_or(task.day, |span| span.day)),
        formed_at: Set(now),
        version: Set(0),
    });
    insert_rows(txn, rows).await?;
    let coaches: Vec<i64> = filled.iter().map(|(coach, _)| coach.coach_id).collect();
    let made = class::Entity::find()
        .filter(class::Column::TaskId.eq(task.id))
        .filter(class::Column::CoachId.is_in(coaches))
        .all(txn)
        .await?;
    let class_of: HashMap<i64, i64> = made.iter().map(|class| (class.coach_id, class.id)).collect();
    let class_id = |coach: &InvitedCoach| {
        class_of.get(&coach.coach_id).copied().ok_or_else(|| Error::internal("a class just made is missing"))
    };
    let (mut lessons, mut placed, mut assigned) = (Vec::new(), Vec::new(), Vec::new());
    let mut drafts = Vec::new();
    for (coach, members) in filled {
        let class_id = class_id(coach)?;
        let spans = lessons_of(members);
        lessons.extend(spans.iter().map(|span| lesson::ActiveModel {
            id: NotSet,
            class_id: Set(class_id),
            day: Set(span.day),
            start_at: Set(span.start),
            end_at: Set(span.end),
            coach_id: Set(coach.coach_id),
            state: Set(LessonState::Scheduled),
        }));
        placed.extend(members.iter().map(|student| (student.reservation_id, class_id)));
        assigned.push((coach.id, class_id));
        let facts = Facts { roster: members.len(), ..notice::facts_of_lessons(task, &spans) };
        // Of use as long as the class has a lesson ahead, not only before its first: a gateway may
        // have been away.
        let next = spans.iter().map(|span| span.start).find(|start| *start > now).unwrap_or(task.start_at);
        let valid_until = spans.last().map_or(task.start_at, |span| span.start);
        let draft = notice::to_coach(MessageKind::Assigned, task, coach, 1, facts);
        drafts.push(Draft { class_id: Some(class_id), lesson_at: Some(next), valid_until, ..draft });
    }
    insert_rows(txn, lessons).await?;
    sizing::place_in_txn(txn, &placed, task.day).await?;
    let set = "class_id = p.class_id, state = 'ASSIGNED', version = version + 1";
    let rows =
        update_by_pairs(txn, "invitation", ["id", "class_id"], set, "invitation.state = 'READY'", &assigned)
            .execute(txn)
            .await?;
    if rows != assigned.len() as u64 {
        return Err(Error::Contended("invitation.state"));
    }
    // A class may end before the last day that was planned for: the rest of the availability is
    // free again.
    sql("DELETE FROM availability_use WHERE invitation_id IN ({ids}) AND day > \
         (SELECT c.last_day FROM class c JOIN invitation i ON i.class_id = c.id \
         WHERE i.id = availability_use.invitation_id)")
    .ids(assigned.iter().map(|(invitation, _)| *invitation))
    .execute(txn)
    .await?;
    let written = outbox::write(app, txn, drafts, now).await?;
    // Who was told that the lesson does not take place is told that it does; and from later lessons
    // all may be on leave.
    Ok(written + look_at_seated(app, txn, task.template_id, task.day, now).await?)
}
