//! Attendance of lessons that have begun: computed from rosters and presence until it is written
//! down that the lesson is over, and kept from then on.

use crate::app::call::{Call, Work};
use crate::domain::attendance::{Attendance, Attended};
use crate::domain::state::{Audience, LessonState};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Result};
use crate::storage::class::class_by_id;
use crate::storage::lesson::{self, LessonFilter, LessonKey, LessonRow};
use crate::storage::page::{Page, Paged};
use crate::storage::{catalog, coach, presence, student};
use chrono::TimeDelta;
use sea_orm::ConnectionTrait;
use std::collections::HashMap;

/// Days that one list may be about.
const DAYS_MAX: i64 = 400;

/// Of which lessons attendance is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttendanceQuery {
    /// From this day on; none = today.
    pub from_day: Option<Day>,
    /// To this day; none = the first.
    pub to_day: Option<Day>,
    /// Of this class template.
    pub class_template: Option<String>,
    /// Of this class.
    pub class_id: Option<i64>,
    /// That this coach teaches, or was replaced in by a standby.
    pub coach: Option<String>,
    /// On whose roster this student is; nobody else is listed then.
    pub student: Option<String>,
}

/// Attendance of one person.
#[derive(Clone, Debug)]
pub(crate) struct PersonAttendance {
    /// Whether it is the coach or a student.
    pub audience: Audience,
    /// Key of the person.
    pub id: i64,
    /// User name.
    pub user_name: String,
    /// What is said.
    pub attendance: Attendance,
}

/// A lesson with the attendance of everybody who belongs to it: the coach first, then the coach in
/// whose place a standby taught.
#[derive(Clone, Debug)]
pub(crate) struct LessonAttendance {
    /// The lesson; its state as it reads now.
    pub lesson: LessonRow,
    /// Its people.
    pub people: Vec<PersonAttendance>,
}

/// Attendance of lessons that have begun, by their start.
///
/// # Errors
/// `NotFound` for what is named and is not there; `Invalid` for a range that is reversed or too
/// long.
pub(crate) async fn list_attendance(
    call: &Call<'_>,
    query: &AttendanceQuery,
    page: &Page<LessonKey>,
) -> Result<Paged<LessonAttendance, LessonKey>> {
    let (conn, time) = (call.app.db.reader(), call.app.time());
    let from = query.from_day.unwrap_or_else(|| time.day(call.now));
    let to = query.to_day.unwrap_or(from);
    if to < from || to > add_days(from, DAYS_MAX) {
        let reason = "must not be before from_day, and at most 400 days after it";
        return Err(Error::invalid("to_day", reason));
    }
    let begun = call.now + TimeDelta::seconds(1);
    let mut filter = LessonFilter {
        starts: (time.midnight(from), time.midnight(add_days(to, 1)).min(begun)),
        end_after: None,
        template_id: None,
        class_id: query.class_id,
        subject_id: None,
        grade: None,
        coach_id: None,
        // Whoever was replaced was absent from it.
        or_replaced: true,
        student_id: None,
        states: (Vec::new(), call.now),
    };
    if let Some(code) = &query.class_template {
        let found = catalog::template_by_code(conn, code).await?;
        filter.template_id = Some(found.ok_or_else(|| Error::not_found("class template", code))?.id);
    }
    if let Some(id) = query.class_id {
        class_by_id(conn, id).await?.ok_or_else(|| Error::not_found("class", id))?;
    }
    if let Some(name) = &query.coach {
        let found = coach::coach_by_user_name(conn, name).await?;
        filter.coach_id = Some(found.ok_or_else(|| Error::not_found("coach", name))?.id);
    }
    if let Some(name) = &query.student {
        let found = student::student_by_user_name(conn, name).await?;
        filter.student_id = Some(found.ok_or_else(|| Error::not_found("student", name))?.id);
    }
    let rows = lesson::lesson_list(conn, &filter, page).await?;
    let rows = page.cut(rows, |row| (row.start_at, row.id));
    let stale = call.app.config.presence.stale();
    let mut people = kept(conn, &rows.items).await?;
    let open: Vec<&LessonRow> = rows.items.iter().filter(|row| row.closed_at.is_none()).collect();
    people.extend(computed(conn, &open, call.now, stale).await?);
    Ok(rows.map(|mut lesson| {
        let mut people = people.remove(&lesson.id).unwrap_or_default();
        if let Some(student_id) = filter.student_id {
            people.retain(|one| (one.audience, one.id) == (Audience::Student, student_id));
        }
        lesson.state = lesson.state.at(lesson.start_at, lesson.end_at, call.now);
        LessonAttendance { lesson, people }
    }))
}

/// Keeps the attendance of lessons that are over, by keys: those of which that is not written down
/// yet, which are locked. Called before it is.
pub(crate) async fn keep(work: Work<'_>, ids: &[i64]) -> Result<()> {
    let rows = lesson::lesson_lock_open_in_txn(work.txn, ids).await?;
    let rows: Vec<&LessonRow> = rows.iter().collect();
    let stale = work.app.config.presence.stale();
    let people = computed(work.txn, &rows, work.now, stale).await?;
    let mut kept: Vec<lesson::Kept> = people
        .into_iter()
        .flat_map(|(id, people)| {
            people.into_iter().map(move |one| (id, one.audience, one.id, one.attendance))
        })
        .collect();
    kept.sort_unstable_by_key(|(lesson, audience, person, _)| (*lesson, *audience, *person));
    // Nobody is on a roster twice; if somebody were, the night would not end for it.
    kept.dedup_by_key(|(lesson, audience, person, _)| (*lesson, *audience, *person));
    lesson::attendance_insert_in_txn(work.txn, &kept).await
}

/// People of lessons, by the key of the lesson.
type People = HashMap<i64, Vec<PersonAttendance>>;

/// What is kept of those of these lessons that are written down as over.
async fn kept(conn: &impl ConnectionTrait, rows: &[LessonRow]) -> Result<People> {
    let mut people = People::new();
    let ids = rows.iter().filter(|row| row.closed_at.is_some()).map(|row| row.id);
    for row in lesson::attendance_kept(conn, ids).await? {
        let one = PersonAttendance {
            audience: row.audience,
            id: row.person_id,
            attendance: row.attendance(),
            user_name: row.user_name,
        };
        people.entry(row.lesson_id).or_default().push(one);
    }
    Ok(people)
}

/// What is so of these lessons, by their rosters and by who was present.
async fn computed(
    conn: &impl ConnectionTrait,
    rows: &[&LessonRow],
    now: Instant,
    stale: TimeDelta,
) -> Result<People> {
    if rows.is_empty() {
        return Ok(People::new());
    }
    let attended = |row: &LessonRow| Attended { start: row.start_at, end: row.end_at, state: row.state };
    let rosters = lesson::lesson_rosters(conn, rows.iter().map(|row| row.id)).await?;
    let of: HashMap<i64, Attended> = rows.iter().map(|row| (row.id, attended(row))).collect();
    let wanted = |lesson: &Attended, id: i64| {
        let (from, to) = lesson.counts();
        (id, from, to)
    };
    let replaced = lesson::coach_list_replaced(conn, rows.iter().map(|row| row.id)).await?;
    let mut coaches: Vec<_> = rows.iter().map(|row| wanted(&attended(row), row.coach_id)).collect();
    coaches.extend(replaced.iter().filter_map(|row| Some(wanted(of.get(&row.lesson_id)?, row.coach_id))));
    let of_coaches = presence::spans_meeting(conn, Audience::Coach, &coaches).await?;
    let students: Vec<_> =
        rosters.iter().filter_map(|row| Some(wanted(of.get(&row.lesson_id)?, row.student_id))).collect();
    let of_students = presence::spans_meeting(conn, Audience::Student, &students).await?;
    let (of_coaches, of_students) = (by_place(of_coaches), by_place(of_students));
    let spans_of = |all: &HashMap<usize, Vec<_>>, n| all.get(&n).cloned().unwrap_or_default();

    let mut people = People::new();
    for (n, row) in rows.iter().enumerate() {
        let attendance = attended(row).by(false, spans_of(&of_coaches, n), now, stale);
        let is_held = row.state != LessonState::CoachAbsent;
        let attendance = if is_held { attendance } else { attendance.without_teaching() };
        let user_name = row.coach.clone();
        let coach = PersonAttendance { audience: Audience::Coach, id: row.coach_id, user_name, attendance };
        people.insert(row.id, vec![coach]);
    }
    for (n, row) in (rows.len()..).zip(replaced) {
        let (Some(lesson), Some(people)) = (of.get(&row.lesson_id), people.get_mut(&row.lesson_id)) else {
            continue;
        };
        let attendance = lesson.by(false, spans_of(&of_coaches, n), now, stale).without_teaching();
        let (audience, id, user_name) = (Audience::Coach, row.coach_id, row.coach);
        people.push(PersonAttendance { audience, id, user_name, attendance });
    }
    for (n, row) in rosters.into_iter().enumerate() {
        let (Some(lesson), Some(people)) = (of.get(&row.lesson_id), people.get_mut(&row.lesson_id)) else {
            continue;
        };
        let attendance = lesson.by(row.on_leave != 0, spans_of(&of_students, n), now, stale);
        let (audience, id, user_name) = (Audience::Student, row.student_id, row.student);
        people.push(PersonAttendance { audience, id, user_name, attendance });
    }
    Ok(people)
}

/// Spans by the place of their person.
pub(super) fn by_place<T>(spans: Vec<(i64, T)>) -> HashMap<usize, Vec<T>> {
    let mut found: HashMap<usize, Vec<T>> = HashMap::new();
    for (n, span) in spans {
        found.entry(usize::try_from(n).unwrap_or(usize::MAX)).or_default().push(span);
    }
    found
}
