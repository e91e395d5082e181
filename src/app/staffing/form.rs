//! Forms classes from a task's students and its ready coaches (docs/domain.md §4); `step` decides
//! when.

use super::hold::coach_lock_in_txn;
use super::notice;
use crate::app::call::Work;
use crate::app::outbox;
use crate::app::outbox::Draft;
use crate::app::outbox::notice::look_at_seated;
use crate::domain::apart::{Apart, Pupil};
use crate::domain::city::city;
use crate::domain::eligibility::Span;
use crate::domain::spreading;
use crate::domain::state::{ClassState, InvitationState, LessonState};
use crate::error::{Error, Reason, Result};
use crate::message::content::ClassNews;
use crate::storage::block::student_list_blocked;
use crate::storage::entity::{class, coach, lesson};
use crate::storage::insert::insert_rows;
use crate::storage::pool;
use crate::storage::staffing::{self, CountedStudent, InvitedCoach, Vacancy};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use std::collections::HashMap;

/// What came of forming.
#[derive(Debug, Default)]
pub(super) struct Formed {
    pub(super) classes: i64,
    pub(super) messages: u64,
    /// Students who are in no class, and why if it is not for want of coaches.
    pub(super) left: Vec<CountedStudent>,
    pub(super) reason: Option<Reason>,
}

/// READY → ASSIGNED: one class a coach, the task's students spread over them for all their
/// remaining lesson days.
pub(super) async fn form(work: Work<'_>, task: &Vacancy) -> Result<Formed> {
    let students = staffing::student_list(work.txn, [task.id]).await?;
    let mut ready: Vec<InvitedCoach> = staffing::invited_of_task(work.txn, task.id).await?;
    ready.retain(|coach| coach.stands.state() == InvitationState::Ready);
    ready.sort_by(|a, b| (a.stands.answered_at(), &a.user_name).cmp(&(b.stands.answered_at(), &b.user_name)));
    ready.truncate(usize::try_from(task.needed).unwrap_or(0));
    let ids: Vec<i64> = ready.iter().map(|coach| coach.coach_id).collect();
    coach_lock_in_txn(work.txn, &ids).await?;
    let coaches: HashMap<i64, coach::Model> = coach::Entity::find()
        .filter(coach::Column::Id.is_in(ids))
        .all(work.txn)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let pupils: Vec<Pupil> = students
        .iter()
        .map(|student| Pupil { student_id: student.student_id, city: city(&student.area_code) })
        .collect();
    let mut blocked = student_list_blocked(work.txn, coaches.keys().copied()).await?;
    let groups: Vec<Apart> = ready
        .iter()
        .map(|coach| Apart {
            city: coaches
                .get(&coach.coach_id)
                .filter(|row| row.forbid_same_city)
                .map(|row| city(&row.area_code)),
            students: blocked.remove(&coach.coach_id).unwrap_or_default(),
        })
        .collect();
    let spread =
        spreading::spread(&pupils, &groups, usize::try_from(task.max_students_per_class).unwrap_or(0));
    // A coach whom the city rule or blocks leave without students gets no class.
    let filled: Vec<(&InvitedCoach, Vec<&CountedStudent>)> = ready
        .iter()
        .zip(&spread.groups)
        .map(|(coach, members)| (coach, members.iter().map(|member| &students[*member]).collect::<Vec<_>>()))
        .filter(|(_, members)| !members.is_empty())
        .collect();
    let apart = spread.apart.iter().map(|(position, _)| position);
    let mut left: Vec<usize> = spread.full.iter().chain(apart).copied().collect();
    left.sort_unstable();
    // Of several reasons the one that staff can do something about.
    let reason = spread.apart.iter().map(|(_, reason)| *reason).max_by_key(|one| *one == Reason::Blocked);
    let mut formed = Formed {
        classes: filled.len() as i64,
        left: left.into_iter().map(|position| students[position].clone()).collect(),
        reason,
        messages: 0,
    };
    if !filled.is_empty() {
        formed.messages = make_classes(work, task, &filled).await?;
    }
    Ok(formed)
}

async fn make_classes(
    work: Work<'_>,
    task: &Vacancy,
    filled: &[(&InvitedCoach, Vec<&CountedStudent>)],
) -> Result<u64> {
    // Later tasks of the template were sized without these classes: there are free seats now, and
    // fewer classes that may be added.
    staffing::task_mark_later_in_txn(work.txn, &[task.template_id], task.day).await?;
    let all =
        pool::span_list(work.txn, [task.template_id]).await?.remove(&task.template_id).unwrap_or_default();
    let lessons_of = |members: &[&CountedStudent]| -> Vec<Span> {
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
        formed_at: Set(work.now),
        version: Set(0),
    });
    insert_rows(work.txn, rows).await?;
    let coaches: Vec<i64> = filled.iter().map(|(coach, _)| coach.coach_id).collect();
    let made = class::Entity::find()
        .filter(class::Column::TaskId.eq(task.id))
        .filter(class::Column::CoachId.is_in(coaches))
        .all(work.txn)
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
            closed_at: NotSet,
        }));
        placed.extend(members.iter().map(|student| (student.reservation_id, class_id)));
        assigned.push((coach.id, class_id));
        let news = ClassNews::Assigned { lessons: notice::count_of(task, &spans), students: members.len() };
        // Of use as long as the class has a lesson ahead, not only before its first: a gateway may
        // have been away.
        let next =
            spans.iter().map(|span| span.start).find(|start| *start > work.now).unwrap_or(task.start_at);
        let valid_until = spans.last().map_or(task.start_at, |span| span.start);
        let draft = notice::to_coach(task, coach, 1, news);
        drafts.push(Draft { class_id: Some(class_id), lesson_at: Some(next), valid_until, ..draft });
    }
    insert_rows(work.txn, lessons).await?;
    staffing::student_place_in_txn(work.txn, &placed, task.day).await?;
    staffing::invitation_assign_in_txn(work.txn, &assigned, work.now).await?;
    staffing::availability_trim_in_txn(work.txn, assigned.iter().map(|(invitation, _)| *invitation)).await?;
    let written = outbox::write(work, drafts).await?;
    // Who was told that the lesson does not take place is told that it does; and from later lessons
    // all may be on leave.
    Ok(written + look_at_seated(work, task.template_id, task.day).await?)
}
