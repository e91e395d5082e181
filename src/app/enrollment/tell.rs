//! The messages about sign-ups.

use crate::app::call::Work;
use crate::app::outbox::{self, Draft, Person};
use crate::domain::calendar::parse_time;
use crate::domain::state::ReservationState;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::message::content::{ClassFacts, ClassNews, LessonCount, ListEnd, SignUpEnd};
use crate::storage::catalog::{Course, course_list};
use crate::storage::entity::{reservation, student};
use sea_orm::EntityTrait;

/// Lessons of a template from this day on.
pub(super) fn class_from(course: &Course, day: Day) -> ClassFacts {
    ClassFacts {
        template: course.code.clone(),
        subject: course.subject_name.clone(),
        grade: course.grade,
        day,
        start: parse_time(&course.start_time).unwrap_or_default(),
        end: parse_time(&course.end_time).unwrap_or_default(),
    }
}

/// Tells a student that staff have taken away what a reservation was before, with these lessons.
pub(super) async fn taken_away(
    work: Work<'_>,
    before: &reservation::Model,
    lessons: &[(Day, Instant)],
) -> Result<()> {
    let ahead: Vec<(Day, Instant)> =
        lessons.iter().copied().filter(|(_, start_at)| *start_at > work.now).collect();
    let (Some(first), Some(last)) = (ahead.first(), ahead.last()) else { return Ok(()) };
    let news = match before.state {
        ReservationState::Held => ClassNews::SignUpCancelled(SignUpEnd::HoldByStaff),
        ReservationState::Waitlisted | ReservationState::Offered => ClassNews::WaitlistClosed(ListEnd::Staff),
        _ => {
            let lessons = LessonCount { lessons: ahead.len(), last_day: last.0 };
            ClassNews::SignUpCancelled(SignUpEnd::Staff(lessons))
        }
    };
    let person = student::Entity::find_by_id(before.student_id).one(work.txn).await?;
    let person = person.ok_or_else(|| Error::not_found("student", before.student_id))?;
    let course = course_list(work.txn, [before.template_id]).await?.remove(&before.template_id);
    let course = course.ok_or_else(|| Error::not_found("class template", before.template_id))?;
    let to = Person::Student { user_name: person.user_name, phone: person.phone };
    let draft = Draft {
        // The student may sign up again, and lose it again.
        version: format!("{}.{}", work.now.unix(), before.version),
        valid_until: last.1,
        ..Draft::of_class(to, class_from(&course, first.0), news, first.1)
    };
    outbox::write(work, vec![draft]).await.map(drop)
}
