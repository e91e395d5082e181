//! `monitor notify_disconnect` and `monitor notify_empty`: who is missing from a lesson that goes
//! on (docs/domain.md §6). Each thing is told once, by its key; so whoever looks again, or at the
//! same time, tells nothing more.

use crate::app::call::Call;
use crate::app::outbox::{self, Draft, Person};
use crate::app::report::Report;
use crate::domain::presence::MISSED_AFTER;
use crate::domain::state::Audience;
use crate::domain::time::{BusinessTime, Instant};
use crate::error::Result;
use crate::in_txn;
use crate::message::content::{ClassFacts, ClassNews};
use crate::storage::monitor::{self, GoingOn, LeftOrBack, WithoutStudents};
use crate::storage::presence;
use std::collections::BTreeMap;

/// Tells coaches who have left a lesson, and admins; and admins when they are back. A gap is known
/// by the beginning of the span that it follows.
pub async fn notify_disconnected(call: &Call<'_>) -> Result<Report> {
    let found = monitor::coaches_left_or_back(call.app.db.reader(), call.now).await?;
    let (stale, time) = (call.app.config.presence.stale(), call.app.time());
    let (back, mut left): (Vec<&LeftOrBack>, Vec<&LeftOrBack>) =
        found.iter().partition(|one| one.span().is_open(call.now, stale));
    // Whose span began after the start may have gone this very moment.
    left.retain(|one| one.to_at < call.now - MISSED_AFTER);
    let mut drafts: Vec<Draft> =
        left.iter().flat_map(|one| disconnected(one, one.from_at, one.to_at, time)).collect();
    drafts.extend(back_after(call, &back).await?.into_iter().map(|(one, gap)| is_back(one, gap, time)));
    tell(call, found.len(), drafts).await
}

/// Those who are back after a gap that was told, and the last such gap of each. Between it and now
/// there may be others that were too short.
async fn back_after<'a>(call: &Call<'_>, back: &[&'a LeftOrBack]) -> Result<Vec<(&'a LeftOrBack, Instant)>> {
    let before = back.iter().map(|one| (one.lesson.coach_id, one.lesson.start_at, one.from_at));
    let spans =
        presence::spans_meeting(call.app.db.reader(), Audience::Coach, &before.collect::<Vec<_>>()).await?;
    let gaps: Vec<(&LeftOrBack, Instant)> = spans
        .iter()
        .filter_map(|(n, span)| Some((*back.get(usize::try_from(*n).ok()?)?, span.from)))
        .collect();
    if gaps.is_empty() {
        return Ok(Vec::new());
    }
    let time = call.app.time();
    let drafts: Vec<Draft> = gaps
        .iter()
        .map(|(one, gap)| disconnected(one, *gap, one.to_at, time))
        .map(|[coach, _]| coach)
        .collect();
    let told = outbox::are_written(call.app, &drafts).await?;
    let told = gaps.into_iter().zip(told).filter(|(_, told)| *told).map(|(gap, _)| gap);
    // Of each the last: they come in order.
    Ok(told
        .map(|(one, gap)| (one.lesson.class_id, (one, gap)))
        .collect::<BTreeMap<_, _>>()
        .into_values()
        .collect())
}

/// Tells coach and admins of lessons without students.
pub async fn notify_empty(call: &Call<'_>) -> Result<Report> {
    let stale = call.app.config.presence.stale();
    let found = monitor::lessons_without_students(call.app.db.reader(), call.now, stale).await?;
    let drafts = found.iter().flat_map(|one| without_students(one, call.now, call.app.time())).collect();
    tell(call, found.len(), drafts).await
}

/// Writes what has not been told.
async fn tell(call: &Call<'_>, examined: usize, drafts: Vec<Draft>) -> Result<Report> {
    let mut report = Report { examined: examined as u64, ..Report::default() };
    if drafts.is_empty() {
        return Ok(report);
    }
    let known = outbox::are_written(call.app, &drafts).await?;
    let new: Vec<Draft> =
        drafts.into_iter().zip(known).filter_map(|(draft, known)| (!known).then_some(draft)).collect();
    if !new.is_empty() {
        report.messages = in_txn!(call, "monitor.tell", |work| outbox::write(work, new.clone()).await)?;
    }
    Ok(report)
}

/// A message about a lesson that goes on; of use until it ends.
fn about(lesson: &GoingOn, to: Person, news: ClassNews, version: &str, time: BusinessTime) -> Draft {
    let GoingOn { class_id, template, subject, grade, day, start_at, end_at, coach, .. } = lesson;
    let class = ClassFacts {
        template: template.clone(),
        subject: subject.clone(),
        grade: *grade,
        day: *day,
        start: time.time(*start_at),
        end: time.time(*end_at),
    };
    Draft {
        // The classes of a template and day have a coach each.
        about: format!("{}/{coach}", class.key()),
        version: version.to_owned(),
        class_id: Some(*class_id),
        valid_until: *end_at,
        ..Draft::of_class(to, class, news, *start_at)
    }
}

fn coach_of(lesson: &GoingOn) -> Person {
    Person::Coach { user_name: lesson.coach.clone(), phone: lesson.phone.clone() }
}

fn admins_of(lesson: &GoingOn) -> Person {
    Person::Admins { subject_id: lesson.subject_id }
}

/// That the coach has left, to the coach first.
fn disconnected(one: &LeftOrBack, gap: Instant, since: Instant, time: BusinessTime) -> [Draft; 2] {
    let lesson = &one.lesson;
    let news = |coach| ClassNews::CoachDisconnected { coach, since };
    let draft = |to, news| about(lesson, to, news, &gap.to_string(), time);
    [draft(coach_of(lesson), news(None)), draft(admins_of(lesson), news(Some(lesson.coach.clone())))]
}

fn is_back(one: &LeftOrBack, gap: Instant, time: BusinessTime) -> Draft {
    let news = ClassNews::CoachBack { coach: one.lesson.coach.clone(), since: one.from_at };
    about(&one.lesson, admins_of(&one.lesson), news, &gap.to_string(), time)
}

fn without_students(one: &WithoutStudents, seen_at: Instant, time: BusinessTime) -> [Draft; 2] {
    let WithoutStudents { lesson, students } = one;
    let news = |coach| ClassNews::LessonWithoutStudents { coach, students: *students, seen_at };
    let draft = |to, news| about(lesson, to, news, "1", time);
    [draft(coach_of(lesson), news(None)), draft(admins_of(lesson), news(Some(lesson.coach.clone())))]
}
