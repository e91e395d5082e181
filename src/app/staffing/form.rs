//! Classes are formed: at F, at once where the configuration says so, and the moment a coach of a
//! reopened task is ready (docs/domain.md §4).

use super::notice;
use crate::app::outbox::Draft;
use crate::app::report::Report;
use crate::app::{App, outbox};
use crate::domain::city::city;
use crate::domain::eligibility::Span;
use crate::domain::spreading::{self, Group, Pupil};
use crate::domain::state::{ClassState, InvitationState, LessonState, MessageKind, TaskState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::message::text::Facts;
use crate::storage::entity::{class, coach, lesson};
use crate::storage::insert::insert_rows;
use crate::storage::sql::{sql, update_by_pairs};
use crate::storage::staffing::{self, InvitedCoach, TaskRow};
use crate::storage::{Txn, pool};
use crate::write_txn;
use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter,
};
use std::collections::HashMap;

use super::{next_day, settle, sizing};

/// `clazz assign_students`: forms what is due, reports who is left over, and tells students whose
/// lesson does not take place.
pub async fn assign_students(app: &App, now: Instant) -> Result<Report> {
    let mut report = form_due(app, now).await?;
    report.messages += super::roster::tell_not_held(app, now).await?;
    Ok(report)
}

/// Forms the classes of every task whose F (or reopened end) has come. The notice tasks call it
/// first.
pub async fn form_due(app: &App, now: Instant) -> Result<Report> {
    let mut report = Report::default();
    for task in staffing::task_list_closing(app.db.reader(), now).await? {
        report.examined += 1;
        let formed = write_txn!(&app.db, "class_task.form", |txn| {
            let task = staffing::task_lock_in_txn(txn, task.id).await?;
            if task.state.is_open() { close(app, txn, task, now).await } else { Ok((0, Vec::new())) }
        });
        let Some((messages, left)) = report.or_failed(&task.about(), formed)? else { continue };
        report.changed += 1;
        report.messages += messages;
        if !left.is_empty() {
            report.skip("LEFT_OVER", left.len() as u64);
            report.notes.push(format!("{}: {} students are left over", task.about(), left.len()));
        }
    }
    Ok(report)
}

/// Locks a task and forms it when that is due, so that an answer finds it as it is whether or not
/// `clazz assign_students` has run.
pub async fn task_lock_up_to_date(app: &App, txn: &Txn, id: i64, now: Instant) -> Result<TaskRow> {
    let task = staffing::task_lock_in_txn(txn, id).await?;
    if !task.state.is_open() || now < task.closes_at {
        return Ok(task);
    }
    close(app, txn, task, now).await?;
    staffing::task_by_id(txn, id).await
}

/// A task's end: what can be formed is, everybody else is let go, students left over are listed and
/// passed on.
async fn close(app: &App, txn: &Txn, task: TaskRow, now: Instant) -> Result<(u64, Vec<String>)> {
    let mut messages = 0;
    if task.dirty {
        // Sign-ups changed since the last look; one instant earlier the task was still open.
        messages += sizing::resize_in_txn(app, txn, task.id, None, now).await?.0;
    }
    messages += settle::settle(app, txn, task.id, now).await?;
    let task = staffing::task_by_id(txn, task.id).await?;
    if !task.state.is_open() {
        return Ok((messages, Vec::new()));
    }
    let formed = form(app, txn, &task, now).await?;
    messages += formed.messages;
    messages += let_everybody_go(app, txn, &task, now).await?;
    // After a reopening the classes formed earlier count too.
    let classes = class::Entity::find().filter(class::Column::TaskId.eq(task.id)).all(txn).await?.len();
    // Nothing needed and students left over: there is no class left that they could form.
    let state = if formed.classes >= i64::from(task.needed) && (task.needed > 0 || formed.left.is_empty()) {
        TaskState::Formed
    } else if classes > 0 {
        TaskState::Partial
    } else {
        TaskState::Failed
    };
    staffing::task_state_set_in_txn(txn, task.id, task.state, state).await?;
    sql("UPDATE reservation SET task_id = NULL WHERE task_id = ?").bind(task.id).execute(txn).await?;
    if !formed.left.is_empty() {
        messages += next_day::pass_on(app, txn, task.template_id, task.day, now).await?;
        let facts = Facts {
            students: formed.left.iter().map(|student| student.user_name.clone()).collect(),
            needed: i64::from(task.needed),
            ready: formed.classes,
            reason: formed.reason.map(|reason| reason.as_str().to_owned()).unwrap_or_default(),
            ..notice::facts(&task)
        };
        let draft = notice::to_admins(
            MessageKind::TaskLeftOver,
            &task,
            formed.left.len(),
            facts,
            task.start_at.max(now),
        );
        messages += outbox::write(app, txn, vec![draft], now).await?;
    }
    Ok((messages, formed.left.into_iter().map(|student| student.user_name).collect()))
}

/// Classes for the coaches who are ready, while the task goes on looking for the rest.
pub async fn form_ready(app: &App, txn: &Txn, task: &TaskRow, now: Instant) -> Result<u64> {
    let ready = staffing::invited_of_task(txn, task.id)
        .await?
        .iter()
        .any(|coach| coach.state == InvitationState::Ready);
    if !ready {
        return Ok(0);
    }
    let formed = form(app, txn, task, now).await?;
    let mut messages = formed.messages;
    let sizes = sizing::size_in_txn(txn, std::slice::from_ref(task), task.day).await?;
    if sizes.get(&task.id).is_some_and(|size| size.seated > 0) {
        messages +=
            crate::app::outbox::notice::look_at_seated(app, txn, task.template_id, task.day, now).await?;
    }
    if sizes.get(&task.id).is_some_and(|size| size.students == 0) {
        let task = staffing::task_by_id(txn, task.id).await?;
        messages += let_everybody_go(app, txn, &task, now).await?;
        staffing::task_state_set_in_txn(txn, task.id, task.state, TaskState::Formed).await?;
    }
    Ok(messages)
}

/// A student of the task.
#[derive(Clone, Debug, FromQueryResult)]
struct Student {
    reservation_id: i64,
    last_day: Day,
    user_name: String,
    area_code: String,
}

#[derive(Debug, Default)]
struct Formed {
    classes: i64,
    messages: u64,
    left: Vec<Student>,
    reason: Option<Reason>,
}

/// READY → ASSIGNED: one class a coach, the task's students spread over them for all their
/// remaining lesson days.
async fn form(app: &App, txn: &Txn, task: &TaskRow, now: Instant) -> Result<Formed> {
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
    settle::coach_lock_in_txn(txn, &ids).await?;
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
    let set = "class_id = p.b, state = 'ASSIGNED', version = version + 1";
    let rows = update_by_pairs(txn, "invitation", "id", set, "invitation.state = 'READY'", &assigned)
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
    Ok(written
        + crate::app::outbox::notice::look_at_seated(app, txn, task.template_id, task.day, now).await?)
}

/// Everybody who has no class ends: the reserve is released and told, who was asked or has not
/// passed the test has run out of time. When classes form before the task's end, who was asked is
/// told that it is no longer so.
async fn let_everybody_go(app: &App, txn: &Txn, task: &TaskRow, now: Instant) -> Result<u64> {
    let invited = staffing::invited_of_task(txn, task.id).await?;
    let of = |state: InvitationState| -> Vec<i64> {
        invited.iter().filter(|coach| coach.state == state).map(|coach| coach.id).collect()
    };
    let early = now < task.closes_at;
    let (queued, sent) = if early {
        (Vec::new(), Vec::new())
    } else {
        (of(InvitationState::Queued), of(InvitationState::Sent))
    };
    let expired = Reason::Expired.as_str();
    staffing::invitation_end_in_txn(
        txn,
        &sent,
        InvitationState::Sent,
        InvitationState::Expired,
        expired,
        now,
    )
    .await?;
    staffing::invitation_end_in_txn(
        txn,
        &queued,
        InvitationState::Queued,
        InvitationState::Undelivered,
        expired,
        now,
    )
    .await?;
    if !queued.is_empty() {
        outbox::invitation_messages_cancel(txn, &queued, now).await?;
    }
    let mut messages = 0;
    for coach in invited
        .iter()
        .filter(|coach| coach.state == InvitationState::Reserve || coach.state.is_held() || early)
    {
        messages += sizing::cancel_one(app, txn, task, coach, Reason::TaskCovered, now).await?;
    }
    Ok(messages)
}
