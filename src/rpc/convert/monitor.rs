//! Converts lessons as they go on, and attendance.

use super::{number, optional_timestamp, timestamp};
use crate::app::monitor::attendance::{LessonAttendance, PersonAttendance};
use crate::app::monitor::live::{LiveLesson, LivePerson};
use crate::app::monitor::watch::LessonNews;
use crate::domain::attendance::Attendance;
use crate::domain::live_lesson::Seen;
use crate::domain::state::Audience;
use crate::rpc::pb;
use crate::storage::lesson::LessonRow;
use chrono::TimeDelta;

impl From<LessonNews> for pb::WatchLessonsResponse {
    fn from(LessonNews { lessons, removed }: LessonNews) -> Self {
        Self { lessons: lessons.into_iter().map(Into::into).collect(), removed_lesson_ids: removed }
    }
}

impl From<LiveLesson> for pb::LiveLesson {
    fn from(LiveLesson { lesson, coach, students, troubles }: LiveLesson) -> Self {
        let LessonRow {
            id,
            class_id,
            class_template,
            subject_id,
            grade,
            day,
            start_at,
            end_at,
            coach_id: _,
            coach: _,
            state,
            closed_at: _,
        } = lesson;
        Self {
            lesson_id: id,
            class_id,
            class_template,
            subject_id,
            grade,
            day: day.to_string(),
            start_time: Some(timestamp(start_at)),
            end_time: Some(timestamp(end_at)),
            state: number(state),
            coach: Some(coach.into()),
            students: students.into_iter().map(Into::into).collect(),
            troubles: troubles.into_iter().map(number).collect(),
        }
    }
}

impl From<LivePerson> for pb::LivePerson {
    fn from(LivePerson { user_name, seen }: LivePerson) -> Self {
        let Seen { at, since, came: _, has_only_logged_in: _ } = seen;
        Self { user_name, r#where: at.map_or(0, number), since_time: optional_timestamp(since) }
    }
}

fn duration(span: TimeDelta) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: span.num_seconds(), nanos: 0 })
}

impl From<LessonAttendance> for pb::LessonAttendance {
    fn from(LessonAttendance { lesson, people }: LessonAttendance) -> Self {
        let LessonRow {
            id,
            class_id,
            class_template,
            subject_id: _,
            grade: _,
            day,
            start_at,
            end_at,
            coach_id: _,
            coach: _,
            state,
            closed_at: _,
        } = lesson;
        Self {
            lesson_id: id,
            class_id,
            class_template,
            day: day.to_string(),
            start_time: Some(timestamp(start_at)),
            end_time: Some(timestamp(end_at)),
            state: number(state),
            people: people.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<PersonAttendance> for pb::Attendance {
    fn from(person: PersonAttendance) -> Self {
        let PersonAttendance { audience, id: _, user_name, attendance } = person;
        let Attendance { state, first, last, late, left_early } = attendance;
        let person = match audience {
            Audience::Coach => pb::attendance::Person::Coach(user_name),
            Audience::Student | Audience::Admin => pb::attendance::Person::Student(user_name),
        };
        Self {
            person: Some(person),
            state: number(state),
            first_time: optional_timestamp(first),
            last_time: optional_timestamp(last),
            late: duration(late),
            left_early: duration(left_early),
        }
    }
}
