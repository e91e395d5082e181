//! Students without a lesson: who is told that it does not take place, and what happens to a class
//! when a student leaves it.

use super::cover::end_days;
use super::notice::class_of;
use crate::app::call::{Call, Work};
use crate::app::outbox;
use crate::app::outbox::notice::{self, Asked};
use crate::app::outbox::{Draft, Person};
use crate::domain::notice::Word;
use crate::domain::state::{ClassState, MessageKind};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Result};
use crate::in_txn;
use crate::message::content::{ClassFacts, ClassNews, LeftEmpty};
use crate::storage::entity::coach;
use crate::storage::message::message_unsent_of_class;
use crate::storage::staffing;
use chrono::TimeDelta;
use sea_orm::EntityTrait;

/// At s − 2 h (morning classes D−1 21:00) every student still without a class is told once that the
/// lesson does not take place (docs/domain.md §4), whatever became of the task.
pub(crate) async fn tell_not_held(call: &Call<'_>) -> Result<u64> {
    if !staffing::not_held_is_due(call.app.db.reader(), call.now).await? {
        return Ok(0);
    }
    in_txn!(call, "place.not_held", |work| {
        let students = staffing::not_held_student_list(work.txn, work.now).await?;
        staffing::not_held_told_in_txn(work.txn, work.now).await?;
        let asked = students.iter().map(|(student, template_id, day, start)| {
            Asked::student(student, *template_id, *day, Word::At(*start))
        });
        notice::look_at(work, asked.collect()).await
    })
}

/// A student left a class, from some day on. Lessons to which nobody comes any more are cancelled,
/// coach and admins are told; a class without any lesson ahead is closed. The reservation's own row
/// is the caller's business, and changed already.
pub(crate) async fn student_left(work: Work<'_>, class_id: i64) -> Result<u64> {
    let written = empty_class(work, class_id).await?;
    // Between those who stay there may be lessons to which nobody comes.
    Ok(written + notice::look_at_classes(work, [class_id]).await?)
}

/// Ends the lessons to which nobody comes any more, and a class without any.
async fn empty_class(work: Work<'_>, class_id: i64) -> Result<u64> {
    let class = staffing::class_lock_in_txn(work.txn, class_id).await?;
    if class.state == ClassState::Closed {
        return Ok(0);
    }
    // Those who stay may leave before the class was to end; and before a day that is given up there
    // may be lessons to which nobody came any more but whoever comes later.
    let last = staffing::class_last_stay(work.txn, class_id).await?;
    let from = last.map_or(class.first_day, |last| add_days(last, 1));
    let ahead = staffing::class_lessons_ahead(work.txn, class_id, work.now).await?;
    let Some(first_off) = ahead.iter().copied().find(|(day, _)| *day >= from) else { return Ok(0) };
    let from = first_off.0;
    let coaches = staffing::class_coaches_from(work.txn, class_id, from).await?;
    staffing::class_call_off_in_txn(work.txn, class_id, from).await?;
    let why = "nobody is left in the class for its lessons";
    for one in coaches.iter().filter(|one| one.id != class.coach_id) {
        // CLASS_CLOSED tells them.
        end_days(work, (class_id, one.id), |day| *day >= from, why, false).await?;
    }
    // A class that still has lessons before `from` runs on until then, without this student's later
    // days.
    let runs_on = ahead.iter().any(|(day, _)| *day < from);
    let state = if runs_on { class.state } else { ClassState::Closed };
    let last_day = add_days(from, -1).max(class.first_day);
    staffing::class_shorten_in_txn(work.txn, &class, state, last_day).await?;
    let person = coach::Entity::find_by_id(class.coach_id)
        .one(work.txn)
        .await?
        .ok_or_else(|| Error::not_found("coach", class.coach_id))?;
    // Who teaches in the coach's place has the time free again, too.
    let mut ids: Vec<i64> = coaches.iter().map(|one| one.id).chain([person.id]).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        crate::storage::coach::coach_lock_in_txn(work.txn, id).await?;
    }
    let task = crate::storage::staffing::vacancy_by_id(work.txn, class.task_id).await?;
    // It may go on again over the same days, and be left again.
    let version = format!("{from}.{}", work.now.unix());
    let draft = |to: Person, reader: LeftEmpty, (day, start_at): (Day, Instant)| Draft {
        about: format!("{}/{}", task.about(), person.user_name),
        version: version.clone(),
        class_id: Some(class_id),
        valid_until: work.now + TimeDelta::days(7),
        // The coach must know before getting up for it.
        ..Draft::of_class(to, ClassFacts { day, ..class_of(&task) }, ClassNews::ClassClosed(reader), start_at)
    };
    let coach = |user_name: &str, phone: &str| Person::Coach {
        user_name: user_name.to_owned(),
        phone: phone.to_owned(),
    };
    let mut drafts = vec![draft(coach(&person.user_name, &person.phone), LeftEmpty::Coach, first_off)];
    let others = || coaches.iter().filter(|one| one.id != person.id);
    drafts.extend(others().map(|one| {
        let to = coach(&one.user_name, &one.phone);
        draft(to, LeftEmpty::Substitute, (one.day, one.start_at))
    }));
    let reader = LeftEmpty::Admins { coach: person.user_name.clone(), runs_on };
    drafts.push(draft(Person::Admins { subject_id: task.subject_id }, reader, first_off));
    // One that waits says the same, or names other lessons.
    let waits = message_unsent_of_class(work.txn, MessageKind::ClassClosed, class_id).await?;
    outbox::withdraw(work, &waits).await?;
    let written = outbox::write(work, drafts).await?;
    // Of these lessons they know by that: whatever comes of them later is no change of what they
    // were told before.
    let of = (class_id, class.template_id);
    let coaches = || others().map(|one| &*one.user_name).chain([&*person.user_name]);
    let off = ahead.iter().map(|(day, _)| *day).filter(|day| *day >= first_off.0);
    let settled = off.flat_map(|day| {
        let coaches = coaches().map(move |coach| Asked::coach(coach, of, day, Word::Anothers));
        coaches.chain([Asked::admins(of, day, Word::Gone)]).map(Asked::settled)
    });
    Ok(written + notice::look_at(work, settled.collect()).await?)
}
