//! Lessons as they go on: who is there, who is missing, and what is unusual.

use super::attendance::by_place;
use crate::app::call::Call;
use crate::domain::calendar::MAX_PERIOD;
use crate::domain::live_lesson::{InTime, Seen};
use crate::domain::state::{Audience, LessonState, LessonTrouble};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Result};
use crate::storage::lesson::{self, LessonFilter, LessonKey, LessonRow};
use crate::storage::page::{Page, Paged};
use crate::storage::{coach, presence};
use chrono::TimeDelta;
use std::collections::HashMap;

/// How far ahead is looked where no day is named.
const AHEAD: TimeDelta = TimeDelta::hours(2);

/// Lessons that are looked at in one go where there are no pages.
const LESSONS_MAX: u64 = 10_000;

/// When the lessons are that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// They go on now.
    Now,
    /// They go on now, or begin in the next two hours.
    Soon,
    /// Of a day.
    Day(Day),
}

/// Which lessons to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveQuery {
    /// When they are.
    pub when: When,
    /// Of this subject.
    pub subject_id: Option<i64>,
    /// Of this grade.
    pub grade: Option<i32>,
    /// That this coach teaches.
    pub coach: Option<String>,
    /// In one of these states; none = all.
    pub states: Vec<LessonState>,
}

/// Somebody who belongs to a lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LivePerson {
    /// User name.
    pub user_name: String,
    /// Where the person is.
    pub seen: Seen,
}

/// A lesson with its people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveLesson {
    /// The lesson; its state as it reads now.
    pub lesson: LessonRow,
    /// Its coach.
    pub coach: LivePerson,
    /// The students on its roster, by user name.
    pub students: Vec<LivePerson>,
    /// What is unusual.
    pub troubles: Vec<LessonTrouble>,
}

/// Lessons by their start.
///
/// # Errors
/// `NotFound` for the coach.
pub(crate) async fn list_lessons(
    call: &Call<'_>,
    query: &LiveQuery,
    page: &Page<LessonKey>,
) -> Result<Paged<LiveLesson, LessonKey>> {
    let filter = filter(call, query).await?;
    let rows = page
        .cut(lesson::lesson_list(call.app.db.reader(), &filter, page).await?, |row| (row.start_at, row.id));
    let Paged { items, next } = rows;
    Ok(Paged { items: with_people(call, items).await?, next })
}

/// The lessons of now, or of the next two hours, all of them.
///
/// # Errors
/// `NotFound` for the coach.
pub(crate) async fn all_lessons(call: &Call<'_>, query: &LiveQuery) -> Result<Vec<LiveLesson>> {
    Ok(list_lessons(call, query, &Page { after: None, size: LESSONS_MAX }).await?.items)
}

/// The lessons that go on now and about which something is unusual.
///
/// # Errors
/// `NotFound` for the coach.
pub(crate) async fn list_unusual(call: &Call<'_>, query: &LiveQuery) -> Result<Vec<LiveLesson>> {
    let mut lessons = all_lessons(call, query).await?;
    lessons.retain(|lesson| !lesson.troubles.is_empty());
    Ok(lessons)
}

async fn filter(call: &Call<'_>, query: &LiveQuery) -> Result<LessonFilter> {
    let LiveQuery { when, subject_id, grade, coach: name, states } = query;
    let (now, time) = (call.now, call.app.time());
    let soon = TimeDelta::seconds(1);
    let (starts, end_after) = match when {
        When::Now => ((now - MAX_PERIOD, now + soon), Some(now)),
        When::Soon => ((now - MAX_PERIOD, now + AHEAD + soon), Some(now)),
        When::Day(day) => ((time.midnight(*day), time.midnight(add_days(*day, 1))), None),
    };
    let mut coach_id = None;
    if let Some(name) = name {
        let found = coach::coach_by_user_name(call.app.db.reader(), name).await?;
        coach_id = Some(found.ok_or_else(|| Error::not_found("coach", name))?.id);
    }
    Ok(LessonFilter {
        starts,
        end_after,
        template_id: None,
        class_id: None,
        subject_id: *subject_id,
        grade: *grade,
        coach_id,
        or_replaced: false,
        student_id: None,
        states: (states.clone(), now),
    })
}

/// Adds who is there.
async fn with_people(call: &Call<'_>, mut rows: Vec<LessonRow>) -> Result<Vec<LiveLesson>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (conn, now, stale) = (call.app.db.reader(), call.now, call.app.config.presence.stale());
    for row in &mut rows {
        row.state = row.state.at(row.start_at, row.end_at, now);
    }
    let in_time = |row: &LessonRow| InTime { start: row.start_at, end: row.end_at, state: row.state };
    let of: HashMap<i64, InTime> = rows.iter().map(|row| (row.id, in_time(row))).collect();
    let wanted = |lesson: &InTime, id: i64| (id, lesson.since(now, stale), now + TimeDelta::seconds(1));
    let rosters = lesson::lesson_rosters(conn, rows.iter().map(|row| row.id)).await?;
    let coaches: Vec<(i64, Instant, Instant)> =
        rows.iter().map(|row| wanted(&in_time(row), row.coach_id)).collect();
    let of_coaches = by_place(presence::spans_meeting(conn, Audience::Coach, &coaches).await?);
    let students: Vec<(i64, Instant, Instant)> =
        rosters.iter().filter_map(|row| Some(wanted(of.get(&row.lesson_id)?, row.student_id))).collect();
    let of_students = by_place(presence::spans_meeting(conn, Audience::Student, &students).await?);
    let mut students: HashMap<i64, Vec<LivePerson>> = HashMap::new();
    for (n, row) in rosters.into_iter().enumerate() {
        let Some(lesson) = of.get(&row.lesson_id) else { continue };
        let spans = of_students.get(&n).cloned().unwrap_or_default();
        let seen = lesson.seen(row.on_leave != 0, spans, now, stale);
        students.entry(row.lesson_id).or_default().push(LivePerson { user_name: row.student, seen });
    }
    let live = rows.into_iter().enumerate().map(|(n, lesson)| {
        let time = in_time(&lesson);
        let spans = of_coaches.get(&n).cloned().unwrap_or_default();
        let coach = LivePerson { user_name: lesson.coach.clone(), seen: time.seen(false, spans, now, stale) };
        let students = students.remove(&lesson.id).unwrap_or_default();
        let troubles = time.troubles(&coach.seen, students.iter().map(|student| &student.seen), now);
        LiveLesson { lesson, coach, students, troubles }
    });
    Ok(live.collect())
}
