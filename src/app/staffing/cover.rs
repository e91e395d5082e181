//! What is done when a vacancy in the place of a class's coach is covered: the lessons are the new
//! coach's (docs/domain.md §6). `step` says when.

use super::hold::{candidate_of, need_of, refused, refused_for};
use super::{notice, trouble};
use crate::app::call::Work;
use crate::app::outbox::notice::look_at_classes;
use crate::app::outbox::{self, Draft, Person};
use crate::domain::eligibility::{self, Need, Purpose, Span};
use crate::domain::on_time::is_there;
use crate::domain::reason::Reason;
use crate::domain::state::invitation::Event;
use crate::domain::state::{InvitationState, JobStatus, LessonState, MessageKind, VacancyKind, task};
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::message::content::{ClassNews, LessonCount, TakenOver};
use crate::storage::class_lesson::{
    ClassLesson, class_lesson_list, invitation_assigned, invitation_of_class,
};
use crate::storage::entity::{coach, message};
use crate::storage::on_time::{present_of, starting_of};
use crate::storage::staffing::{self, InvitedCoach, Vacancy};
use crate::storage::vacancy_list::day_list;
use crate::storage::{continuation, vacancy};
use chrono::TimeDelta;
use sea_orm::EntityTrait;

/// READY → ASSIGNED: the lessons that the locked vacancy is about are this coach's from now on, and
/// the time of the other is free. Messages written; `None` = no lesson is left.
pub(super) async fn take_over(
    work: Work<'_>,
    vacancy: &Vacancy,
    coach: &InvitedCoach,
) -> Result<Option<u64>> {
    let (class_id, replaces_id) = places(vacancy)?;
    let spans = vacancy::span_list(work.txn, [vacancy.id]).await?.remove(&vacancy.id).unwrap_or_default();
    let is_standby = vacancy.kind == VacancyKind::Standby;
    // What has begun stays as it was.
    let spans: Vec<Span> = spans.into_iter().filter(|span| is_standby || span.start > work.now).collect();
    let days: Vec<Day> = spans.iter().map(|span| span.day).collect();
    if days.is_empty() {
        return Ok(None);
    }
    let state = if is_standby { LessonState::Substituted } else { LessonState::Scheduled };
    let done = vacancy::lesson_coach_set_in_txn(work.txn, class_id, &days, coach.coach_id, state).await?;
    if done != days.len() as u64 {
        return Err(Error::Contended("lesson.state"));
    }
    vacancy::availability_free_of_class_in_txn(work.txn, class_id, replaces_id, &days).await?;
    if vacancy.kind == VacancyKind::Change {
        vacancy::class_coach_set_in_txn(work.txn, class_id, coach.coach_id, coach.id).await?;
        // A substitute who is looked for is wanted in the new coach's place.
        vacancy::vacancy_replaces_set_in_txn(work.txn, class_id, (replaces_id, coach.coach_id)).await?;
    }
    let (from, event) = (InvitationState::Ready, Event::Formed);
    staffing::invitation_step_one_in_txn(work.txn, coach.id, from, event, work.now).await?;
    vacancy::vacancy_filled_in_txn(work.txn, vacancy.id, coach.coach_id, work.now).await?;
    let replaced = coach::Entity::find_by_id(replaces_id)
        .one(work.txn)
        .await?
        .ok_or_else(|| Error::not_found("coach", replaces_id))?;
    if is_standby {
        return taken_over(work, vacancy, coach, &replaced).await.map(Some);
    }
    let runs = Runs::of(work, vacancy, class_id).await?;
    // Who was to hear that these lessons are another's has nothing to hear when they are not; but a
    // class for good is more than its lessons.
    let mut yours = runs.left_to_tell(work, class_id, &NOT_YOURS, &coach.user_name, &spans).await?;
    if vacancy.kind != VacancyKind::Substitution {
        yours.clone_from(&spans);
    }
    // So it is with who had them in another's place and has not heard of it.
    let not_yours = runs.left_to_tell(work, class_id, &YOURS, &replaced.user_name, &spans).await?;
    let to = vacancy.kind;
    let coach = person(&coach.user_name, &coach.phone);
    let mut drafts = runs.drafts(&coach, &yours, |lessons| ClassNews::SubstituteAssigned { to, lessons });
    let replaced = person(&replaced.user_name, &replaced.phone);
    let of_replaced = runs.drafts(&replaced, &not_yours, |lessons| ClassNews::CoachReplaced { to, lessons });
    drafts.extend(of_replaced);
    staffing::vacancy_mark_of_classes_in_txn(work.txn, &[class_id]).await?;
    let written = outbox::write(work, drafts).await?;
    // To some of them nobody may come: whoever has them by now is to know.
    Ok(Some(written + look_at_classes(work, [class_id]).await?))
}

/// A standby teaches a lesson that has begun: both coaches and admins are told, and students who
/// wait.
async fn taken_over(
    work: Work<'_>,
    vacancy: &Vacancy,
    coach: &InvitedCoach,
    replaced: &coach::Model,
) -> Result<u64> {
    let of = |person: Person, news: TakenOver| Draft {
        about: vacancy.about(),
        class_id: vacancy.class_id,
        ..Draft::of_class(
            person,
            notice::class_of(vacancy),
            ClassNews::LessonTakenOver(news),
            vacancy.closes_at.max(work.now + TimeDelta::minutes(10)),
        )
    };
    let admins = TakenOver::Admins { coach: replaced.user_name.clone(), standby: coach.user_name.clone() };
    let mut drafts = vec![
        of(person(&coach.user_name, &coach.phone), TakenOver::Standby),
        of(Person::Admins { subject_id: vacancy.subject_id }, admins),
    ];
    if replaced.job_status != JobStatus::Dismissed {
        drafts.insert(1, of(person(&replaced.user_name, &replaced.phone), TakenOver::Replaced));
    }
    let written = outbox::write(work, drafts).await?;
    Ok(written + trouble::over(work, trouble::Lesson::of(vacancy), None).await?)
}

/// Whether the lesson of a locked standby has begun, is not given up yet, and is without its coach.
pub(super) async fn is_to_be_taken_over(work: Work<'_>, vacancy: &Vacancy) -> Result<bool> {
    if work.now < vacancy.start_at || vacancy.closes_at <= work.now {
        return Ok(false);
    }
    let (class_id, _) = places(vacancy)?;
    let stale = work.app.config.presence.stale();
    let lesson = starting_of(work.txn, (class_id, vacancy.day), work.now, stale).await?;
    Ok(lesson.is_some_and(|lesson| !is_there(lesson.seen, lesson.start_at, work.now)))
}

/// The first, by time of yes, of those who said yes to stand by and are there, by invitation; and
/// those who are ready and not there, where that one waits in reserve.
pub(super) async fn standby_who_is_there(
    work: Work<'_>,
    invited: &[InvitedCoach],
) -> Result<Option<(i64, Vec<i64>)>> {
    let said_yes = |state: InvitationState| {
        let mut of: Vec<&InvitedCoach> =
            invited.iter().filter(|coach| coach.stands.state() == state).collect();
        of.sort_by_key(|coach| (coach.stands.answered_at(), coach.user_name.clone()));
        of
    };
    let (ready, reserve) = (said_yes(InvitationState::Ready), said_yes(InvitationState::Reserve));
    let ids = ready.iter().chain(&reserve).map(|coach| coach.coach_id);
    let present = present_of(work.txn, ids, work.now, work.app.config.presence.stale()).await?;
    // Whoever answers at this moment is there.
    let is_there = |coach: &&&InvitedCoach| {
        present.contains(&coach.coach_id) || coach.stands.answered_at() == Some(work.now)
    };
    if let Some(coach) = ready.iter().find(is_there) {
        return Ok(Some((coach.id, Vec::new())));
    }
    let absent = ready.iter().map(|coach| coach.id).collect();
    Ok(reserve.iter().find(is_there).map(|coach| (coach.id, absent)))
}

/// The lessons of a filled vacancy that are ahead go back to the coach who was replaced; both
/// coaches are locked. Messages written.
///
/// # Errors
/// The reason why that coach cannot teach them.
pub(super) async fn give_back(work: Work<'_>, vacancy: &Vacancy, substitute_id: i64) -> Result<u64> {
    let (class_id, replaces_id) = places(vacancy)?;
    let lessons = class_lesson_list(work.txn, class_id).await?;
    let listed = day_list(work.txn, [-vacancy.id]).await?.remove(&-vacancy.id).unwrap_or_default();
    let is_theirs = |lesson: &&ClassLesson| {
        listed.contains(&lesson.day)
            && lesson.start_at > work.now
            && lesson.state == LessonState::Scheduled
            && lesson.coach_id == substitute_id
    };
    let spans: Vec<Span> = lessons
        .iter()
        .filter(is_theirs)
        .map(|lesson| Span { day: lesson.day, start: lesson.start_at, end: lesson.end_at })
        .collect();
    if spans.is_empty() {
        return Ok(0);
    }
    let days: Vec<Day> = spans.iter().map(|span| span.day).collect();
    let need = Need { spans: spans.clone(), is_a_class: false, ..need_of(work.txn, vacancy).await? };
    let candidate = candidate_of(work, replaces_id).await?;
    eligibility::check(work.app.rules(), &candidate, &need, Purpose::Answer, work.now)
        .map_err(refused_for(&candidate, &need))?;
    let uses = eligibility::offers_for(&candidate, &need).ok_or_else(|| refused(Reason::NoAvailability))?;
    let class = staffing::class_lock_in_txn(work.txn, class_id).await?;
    let invitation = invitation_of_class(work.txn, class_id, replaces_id).await?;
    let Some(invitation) = invitation.filter(|_| class.coach_id == replaces_id) else {
        return Err(Error::precondition(Reason::InUse, "the class is another coach's by now"));
    };
    staffing::availability_take_in_txn(work.txn, invitation, &uses).await?;
    vacancy::lesson_coach_set_in_txn(work.txn, class_id, &days, replaces_id, LessonState::Scheduled).await?;
    vacancy::availability_free_of_class_in_txn(work.txn, class_id, substitute_id, &days).await?;
    end_filled(work, vacancy, substitute_id).await?;
    staffing::vacancy_mark_of_classes_in_txn(work.txn, &[class_id]).await?;
    let runs = Runs::of(work, vacancy, class_id).await?;
    let mut drafts = Vec::new();
    for (id, is_theirs) in [(substitute_id, false), (replaces_id, true)] {
        let row = coach::Entity::find_by_id(id).one(work.txn).await?;
        let row = row.ok_or_else(|| Error::not_found("coach", id))?;
        let unheard: &[MessageKind] = if is_theirs { &NOT_YOURS } else { &YOURS };
        let left = runs.left_to_tell(work, class_id, unheard, &row.user_name, &spans).await?;
        let news = |lessons| match is_theirs {
            true => ClassNews::LessonsReturned { lessons },
            false => ClassNews::SubstituteReleased { lessons },
        };
        drafts.extend(runs.drafts(&person(&row.user_name, &row.phone), &left, news));
    }
    Ok(outbox::write(work, drafts).await? + look_at_classes(work, [class_id]).await?)
}

/// Lessons of a class that follow one another. A message names the first and the last of its
/// lessons, and is looked at by all between: of lessons that do not follow one another there is one
/// for each run of them.
struct Runs<'a> {
    vacancy: &'a Vacancy,
    /// The lessons of the class.
    days: Vec<Day>,
}

impl<'a> Runs<'a> {
    async fn of(work: Work<'_>, vacancy: &'a Vacancy, class_id: i64) -> Result<Self> {
        let mut lessons = class_lesson_list(work.txn, class_id).await?;
        lessons.retain(|lesson| lesson.state != LessonState::Cancelled);
        Ok(Self { vacancy, days: lessons.into_iter().map(|lesson| lesson.day).collect() })
    }

    fn drafts(&self, person: &Person, spans: &[Span], news: impl Fn(LessonCount) -> ClassNews) -> Vec<Draft> {
        let at = |span: &Span| self.days.partition_point(|day| *day < span.day);
        // A class for good is one thing.
        let is_one = self.vacancy.kind != VacancyKind::Substitution;
        let runs = spans.chunk_by(|one, next| is_one || at(one) + 1 >= at(next));
        let draft = |(number, run): (usize, &[Span])| {
            let lessons = notice::count_of(self.vacancy, run);
            let draft = of_lessons(self.vacancy, person.clone(), news(lessons), run);
            match (number, run.first()) {
                (1.., Some(span)) => Draft { version: span.day.to_string(), ..draft },
                _ => draft,
            }
        };
        runs.enumerate().map(draft).collect()
    }

    /// Takes back what a coach was to be told of these lessons, and of no others, and has not
    /// heard: the lessons of which there was nothing, of which the coach is to hear.
    async fn left_to_tell(
        &self,
        work: Work<'_>,
        class_id: i64,
        unheard: &[MessageKind],
        user_name: &str,
        spans: &[Span],
    ) -> Result<Vec<Span>> {
        let time = work.app.time();
        // The days of the class of which a message tells.
        let days_of = |row: &message::Model| {
            let between = row.lesson_at.map(|first| time.day(first)..=time.day(row.valid_until));
            self.days.iter().filter(move |day| between.as_ref().is_some_and(|between| between.contains(day)))
        };
        let mut left = spans.to_vec();
        for kind in unheard {
            let mut rows = outbox::unsent_about_class(work.txn, *kind, user_name, class_id).await?;
            rows.retain(|row| days_of(row).all(|day| spans.iter().any(|span| span.day == *day)));
            outbox::withdraw(work, &rows).await?;
            left.retain(|span| !rows.iter().any(|row| days_of(row).any(|day| *day == span.day)));
        }
        Ok(left)
    }
}

/// What tells a coach that lessons are theirs, and that they are not.
const YOURS: [MessageKind; 2] = [MessageKind::SubstituteAssigned, MessageKind::LessonsReturned];
const NOT_YOURS: [MessageKind; 2] = [MessageKind::CoachReplaced, MessageKind::SubstituteReleased];

/// A substitute has these lessons no more, and is told.
pub(super) async fn released(
    work: Work<'_>,
    vacancy: &Vacancy,
    coach_id: i64,
    spans: &[Span],
) -> Result<u64> {
    let row = coach::Entity::find_by_id(coach_id).one(work.txn).await?;
    let row = row.ok_or_else(|| Error::not_found("coach", coach_id))?;
    let (class_id, _) = places(vacancy)?;
    let runs = Runs::of(work, vacancy, class_id).await?;
    let left = runs.left_to_tell(work, class_id, &YOURS, &row.user_name, spans).await?;
    let news = |lessons| ClassNews::SubstituteReleased { lessons };
    let mut drafts = runs.drafts(&person(&row.user_name, &row.phone), &left, news);
    if let (Some(draft), Some(span)) = (drafts.first_mut(), left.first()) {
        // One edit may take one day of it, another the next.
        draft.version = span.day.to_string();
    }
    outbox::write(work, drafts).await
}

/// A filled substitution is over before its lessons: CANCELLED, and so is the invitation.
pub(super) async fn end_filled(work: Work<'_>, vacancy: &Vacancy, substitute_id: i64) -> Result<()> {
    if let Some(id) = invitation_assigned(work.txn, vacancy.id, substitute_id).await? {
        let (from, event) = (InvitationState::Assigned, Event::GivenBack);
        staffing::invitation_step_one_in_txn(work.txn, id, from, event, work.now).await?;
    }
    staffing::vacancy_step_in_txn(work.txn, &[vacancy.id], vacancy.state, task::Event::GivenBack).await?;
    vacancy::vacancy_given_back_in_txn(work.txn, vacancy.id).await
}

/// Nobody was found in time for the first lesson of a vacancy.
pub(super) async fn tell_missing(work: Work<'_>, vacancy: &Vacancy) -> Result<u64> {
    let (_, replaces_id) = places(vacancy)?;
    let replaced = coach::Entity::find_by_id(replaces_id).one(work.txn).await?;
    let coach = replaced.ok_or_else(|| Error::not_found("coach", replaces_id))?.user_name;
    let news = ClassNews::SubstituteMissing { to: vacancy.kind, coach };
    let draft = notice::to_admins(vacancy, vacancy.day, news, vacancy.start_at.max(work.now));
    outbox::write(work, vec![draft]).await
}

/// The coach of a class does not go on with it, or has not said so in time; told once.
pub(crate) async fn tell_not_continued(work: Work<'_>, vacancy: &Vacancy) -> Result<u64> {
    let known = continuation::continuation_list(work.txn, [vacancy.id]).await?;
    if known.get(&vacancy.id).is_some_and(|(_, told_at)| told_at.is_some()) {
        return Ok(0);
    }
    continuation::continuation_told_in_txn(work.txn, vacancy.id, work.now).await?;
    tell_missing(work, vacancy).await
}

/// The class and the coach to be replaced.
pub(super) fn places(vacancy: &Vacancy) -> Result<(i64, i64)> {
    vacancy
        .class_id
        .zip(vacancy.replaces_id)
        .ok_or_else(|| Error::internal("a class task replaces no coach of a class"))
}

pub(crate) fn person(user_name: &str, phone: &str) -> Person {
    Person::Coach { user_name: user_name.to_owned(), phone: phone.to_owned() }
}

/// A message about lessons, of which it names the first; of use until the last begins.
pub(crate) fn of_lessons(vacancy: &Vacancy, person: Person, news: ClassNews, spans: &[Span]) -> Draft {
    let mut class = notice::class_of(vacancy);
    let first = spans.first().map_or(vacancy.start_at, |span| span.start);
    class.day = spans.first().map_or(vacancy.day, |span| span.day);
    Draft {
        about: vacancy.about(),
        class_id: vacancy.class_id,
        lesson_at: Some(first),
        valid_until: spans.last().map_or(vacancy.start_at, |span| span.start),
        ..Draft::of_class(person, class, news, first)
    }
}
