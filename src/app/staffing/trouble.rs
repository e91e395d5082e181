//! Whoever was told that a lesson is without its coach is told when somebody teaches it; what has
//! not gone out by then is not told at all (docs/domain.md §3).

use super::notice::class_of;
use crate::app::call::Work;
use crate::app::outbox::{self, Draft, Person};
use crate::domain::state::{Audience, MessageKind, MessageState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::message::content::{ClassFacts, ClassNews};
use crate::storage::message::message_cancel_in_txn;
use crate::storage::on_time::{Trouble, trouble_list};
use crate::storage::staffing::Vacancy;
use chrono::TimeDelta;
use std::collections::HashMap;

/// The kinds that tell of trouble with a lesson that may still be held.
const TROUBLE: &[MessageKind] =
    &[MessageKind::CoachNotOnline, MessageKind::CoachLate, MessageKind::LessonDelayed];

/// A lesson with which there was trouble.
pub(super) struct Lesson {
    /// Its class.
    pub class_id: i64,
    /// The class as texts name it.
    pub class: ClassFacts,
    /// Its subject.
    pub subject_id: i64,
    /// The lesson day.
    pub day: Day,
    /// Its start.
    pub start_at: Instant,
}

impl Lesson {
    /// The (first) lesson of a vacancy.
    pub(super) fn of(vacancy: &Vacancy) -> Self {
        Self {
            class_id: vacancy.class_id.unwrap_or_default(),
            class: class_of(vacancy),
            subject_id: vacancy.subject_id,
            day: vacancy.day,
            start_at: vacancy.start_at,
        }
    }

    /// A message about it, of use until an instant; at any time of day.
    pub(super) fn draft(&self, person: Person, news: ClassNews, valid_until: Instant) -> Draft {
        let class = ClassFacts { day: self.day, ..self.class.clone() };
        let draft = Draft::of_class(person, class, news, self.start_at);
        Draft {
            about: format!("{}/{}", draft.about, self.class_id),
            class_id: Some(self.class_id),
            valid_until,
            ..draft
        }
    }
}

/// Withdraws what was not told yet of trouble with lessons; what went out, or may have.
pub(super) async fn withdraw(work: Work<'_>, lessons: &[(i64, Instant)]) -> Result<Vec<Trouble>> {
    let told = trouble_list(work.txn, TROUBLE, lessons).await?;
    let waits = |row: &Trouble| {
        matches!(row.state, MessageState::Queued | MessageState::Deferred | MessageState::Retry)
    };
    let waiting: Vec<i64> = told.iter().filter(|row| waits(row)).map(|row| row.id).collect();
    if !waiting.is_empty()
        && message_cancel_in_txn(work.txn, &waiting, work.now).await? != waiting.len() as u64
    {
        return Err(Error::Contended("message.state"));
    }
    // What is being handed over at this moment counts as heard.
    let heard = |row: &Trouble| {
        row.state == MessageState::Leased || MessageState::MAY_HAVE_GONE_OUT.contains(&row.state)
    };
    Ok(told.into_iter().filter(heard).collect())
}

/// Somebody teaches the lesson: students who were told to wait hear of it, and with `coach` (user
/// name, minutes late) the admins who were told that the coach is missing. Messages written.
pub(super) async fn over(work: Work<'_>, lesson: Lesson, coach: Option<(&str, i64)>) -> Result<u64> {
    over_set(work, &[(lesson, coach)]).await
}

/// The same of many lessons.
pub(super) async fn over_set(work: Work<'_>, lessons: &[(Lesson, Option<(&str, i64)>)]) -> Result<u64> {
    if lessons.is_empty() {
        return Ok(0);
    }
    let key = |lesson: &Lesson| (lesson.class_id, lesson.start_at);
    let keys: Vec<(i64, Instant)> = lessons.iter().map(|(lesson, _)| key(lesson)).collect();
    let mut heard: HashMap<(i64, Instant), Vec<Trouble>> = HashMap::new();
    for row in withdraw(work, &keys).await? {
        heard.entry((row.class_id, row.lesson_at)).or_default().push(row);
    }
    let mut drafts = Vec::new();
    for (lesson, coach) in lessons {
        let heard = heard.get(&key(lesson)).map_or(&[][..], Vec::as_slice);
        let late_minutes = coach.map_or(0, |(_, late)| late);
        let until = work.now.max(lesson.start_at) + TimeDelta::minutes(30);
        for row in heard.iter().filter(|row| row.audience == Audience::Student) {
            let person = Person::Student { user_name: row.person.clone(), phone: row.address.clone() };
            drafts.push(lesson.draft(person, ClassNews::LessonGoesOn { late_minutes, coach: None }, until));
        }
        if let Some((coach, late_minutes)) = *coach
            && heard.iter().any(|row| row.audience == Audience::Admin)
        {
            let news = ClassNews::LessonGoesOn { late_minutes, coach: Some(coach.to_owned()) };
            // Whoever was there before the start and went again may come a second time.
            let draft = lesson.draft(Person::Admins { subject_id: lesson.subject_id }, news, until);
            drafts.push(Draft { version: work.now.unix().to_string(), ..draft });
        }
    }
    outbox::write(work, drafts).await
}
