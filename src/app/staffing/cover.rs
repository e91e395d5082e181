//! What is done when a vacancy in the place of a class's coach is covered: the lessons are the new
//! coach's (docs/domain.md §6). `step` says when.

use super::hold::{candidate_of, coach_lock_in_txn, need_of};
use super::refused::{eligible, refused};
use super::vacancy::times;
use super::{notice, trouble};
use crate::app::call::Work;
use crate::app::outbox::notice::{Asked, look_at, look_at_classes, look_at_invitations};
use crate::app::outbox::{self, Draft, Person};
use crate::domain::actor::Actor;
use crate::domain::eligibility::{self, Need, Purpose, Span};
use crate::domain::notice::{Standing, Word};
use crate::domain::on_time::is_there;
use crate::domain::places::show_days;
use crate::domain::reason::Reason;
use crate::domain::state::invitation::Event;
use crate::domain::state::{InvitationState, JobStatus, LessonState, MessageKind, VacancyKind, task};
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::message::content::{ClassNews, TakenOver};
use crate::storage::class::class_by_id;
use crate::storage::class_lesson::{
    ClassLesson, class_lesson_list, invitation_assigned, invitation_of_class, substitutions_filled_by,
};
use crate::storage::entity::coach;
use crate::storage::on_time::{present_of, starting_of};
use crate::storage::staffing::{self, InvitedCoach, Vacancy};
use crate::storage::vacancy_list::day_list;
use crate::storage::{continuation, vacancy};
use chrono::TimeDelta;
use sea_orm::EntityTrait;
use std::collections::BTreeSet;

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
    // The class may be somebody's all of whose lessons substitutes teach.
    if days.is_empty() && vacancy.kind != VacancyKind::Change {
        return Ok(None);
    }
    let replaced = coach::Entity::find_by_id(replaces_id)
        .one(work.txn)
        .await?
        .ok_or_else(|| Error::not_found("coach", replaces_id))?;
    let both = [(coach.coach_id, coach.user_name.as_str()), (replaces_id, replaced.user_name.as_str())];
    let before = if is_standby { Vec::new() } else { seen_by(work, vacancy, &days, both).await? };
    let state = if is_standby { LessonState::Substituted } else { LessonState::Scheduled };
    if !days.is_empty() {
        let done = vacancy::lesson_coach_set_in_txn(work.txn, class_id, &days, coach.coach_id, state).await?;
        if done != days.len() as u64 {
            return Err(Error::Contended("lesson.state"));
        }
        vacancy::availability_free_of_class_in_txn(work.txn, class_id, replaces_id, &days).await?;
    }
    let mut written = 0;
    if !is_standby {
        written += end_taken_over(work, vacancy, replaces_id, &days).await?;
    }
    if vacancy.kind == VacancyKind::Substitution {
        forget_days(work, vacancy, class_id, &days).await?;
    }
    if vacancy.kind == VacancyKind::Change {
        vacancy::class_coach_set_in_txn(work.txn, class_id, coach.coach_id, coach.id).await?;
        // A substitute who is looked for is wanted in the new coach's place.
        vacancy::vacancy_replaces_set_in_txn(work.txn, class_id, (replaces_id, coach.coach_id)).await?;
    }
    let (from, event) = (InvitationState::Ready, Event::Formed);
    staffing::invitation_step_one_in_txn(work.txn, coach.id, from, event, work.now).await?;
    vacancy::vacancy_filled_in_txn(work.txn, vacancy.id, coach.coach_id, work.now).await?;
    if is_standby {
        return taken_over(work, vacancy, coach, &replaced).await.map(Some);
    }
    staffing::vacancy_mark_of_classes_in_txn(work.txn, &[class_id]).await?;
    written += look_at(work, before).await?;
    // To some of them nobody may come: whoever has them by now is to know.
    Ok(Some(written + look_at_classes(work, [class_id]).await?))
}

/// A substitution that is filled for these days is not about those that were held before anybody
/// was found. One that fell away may come back.
async fn forget_days(work: Work<'_>, vacancy: &Vacancy, class_id: i64, days: &[Day]) -> Result<()> {
    let listed = day_list(work.txn, [-vacancy.id]).await?.remove(&-vacancy.id).unwrap_or_default();
    let lessons = class_lesson_list(work.txn, class_id).await?;
    let is_anothers = |day: &Day| {
        let is_held = |lesson: &ClassLesson| lesson.day == *day && lesson.state != LessonState::Cancelled;
        !days.contains(day) && lessons.iter().any(is_held)
    };
    let gone: Vec<Day> = listed.into_iter().filter(is_anothers).collect();
    if gone.is_empty() {
        return Ok(());
    }
    vacancy::vacancy_day_delete_in_txn(work.txn, vacancy.id, &gone).await
}

/// The lessons of the vacancy's class that are ahead, as these coaches (key and user name) see
/// them: to be looked at once others teach them. Of a substitution those of these days, of a change
/// all from its day on.
async fn seen_by(
    work: Work<'_>,
    vacancy: &Vacancy,
    days: &[Day],
    coaches: [(i64, &str); 2],
) -> Result<Vec<Asked>> {
    let (class_id, _) = places(vacancy)?;
    let class_coach = class_by_id(work.txn, class_id).await?.map(|class| class.class.coach_id);
    let is_for_good = vacancy.kind == VacancyKind::Change;
    let is_one = |day: &Day| days.contains(day) || (is_for_good && vacancy.day <= *day);
    let lessons = class_lesson_list(work.txn, class_id).await?;
    let lessons = lessons.iter().filter(|lesson| {
        lesson.start_at > work.now && lesson.state != LessonState::Cancelled && is_one(&lesson.day)
    });
    let seen = lessons.flat_map(|lesson| {
        coaches.map(|(id, user_name)| {
            let word = match (lesson.coach_id == id, class_coach == Some(id)) {
                (true, true) => Word::At(lesson.start_at),
                (true, false) => Word::Instead(lesson.start_at),
                (false, true) => Word::Replaced,
                (false, false) => Word::Anothers,
            };
            Asked::coach(user_name, (class_id, vacancy.template_id), lesson.day, word)
        })
    });
    Ok(seen.collect())
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

/// The lessons ahead of a filled substitution, which is locked, go to the coach of the class.
/// Messages written.
///
/// # Errors
/// IN_USE where the substitute has the class by now; the reason why its coach cannot teach them.
pub(super) async fn give_back(work: Work<'_>, vacancy: &Vacancy, substitute_id: i64) -> Result<u64> {
    let (class_id, _) = places(vacancy)?;
    let class = staffing::class_lock_in_txn(work.txn, class_id).await?;
    let lessons = class_lesson_list(work.txn, class_id).await?;
    let listed = day_list(work.txn, [-vacancy.id]).await?.remove(&-vacancy.id).unwrap_or_default();
    let ahead = lessons.iter().filter(|lesson| {
        listed.contains(&lesson.day) && lesson.start_at > work.now && lesson.state == LessonState::Scheduled
    });
    let (theirs, others): (Vec<&ClassLesson>, Vec<&ClassLesson>) =
        ahead.partition(|lesson| lesson.coach_id == substitute_id);
    if theirs.is_empty() {
        if !others.is_empty() {
            // All are another's: a server of before has left it so.
            return end_filled(work, vacancy, substitute_id, true).await;
        }
        return Ok(0);
    }
    let days: Vec<Day> = theirs.iter().map(|lesson| lesson.day).collect();
    if class.coach_id == substitute_id {
        let text = format!(
            "the coach of the class teaches the lessons on {}: name another for them (StartSubstitution)",
            show_days(&days)
        );
        return Err(Error::refused_on(Reason::InUse, text, days));
    }
    coach_lock_in_txn(work.txn, &[substitute_id, class.coach_id]).await?;
    let spans =
        theirs.iter().map(|lesson| Span { day: lesson.day, start: lesson.start_at, end: lesson.end_at });
    let spans: Vec<Span> = spans.collect();
    let need = Need { spans, is_a_class: false, ..need_of(work.txn, vacancy).await? };
    let candidate = candidate_of(work, class.coach_id).await?;
    let on_whom = |error: Error| {
        error.explained(|why| {
            format!(
                "the lessons would go to the coach of the class: name somebody else for them \
                 (StartSubstitution), because {why}"
            )
        })
    };
    eligible(work, &candidate, &need, Purpose::Answer).await.map_err(on_whom)?;
    let uses = eligibility::offers_for(&candidate, &need).ok_or_else(|| refused(Reason::NoAvailability))?;
    let Some(invitation) = invitation_of_class(work.txn, class_id, class.coach_id).await? else {
        return Err(Error::internal("the coach of a class has it by no invitation"));
    };
    let substitute = name_of(work, substitute_id).await?;
    let both = [(substitute_id, substitute.as_str()), (class.coach_id, candidate.user_name.as_str())];
    let before = seen_by(work, vacancy, &days, both).await?;
    staffing::availability_take_in_txn(work.txn, invitation, &uses).await?;
    vacancy::lesson_coach_set_in_txn(work.txn, class_id, &days, class.coach_id, LessonState::Scheduled)
        .await?;
    vacancy::availability_free_of_class_in_txn(work.txn, class_id, substitute_id, &days).await?;
    let written = end_filled(work, vacancy, substitute_id, true).await?;
    staffing::vacancy_mark_of_classes_in_txn(work.txn, &[class_id]).await?;
    Ok(written + look_at(work, before).await? + look_at_classes(work, [class_id]).await?)
}

/// These days of a class are no longer this coach's, but of `by`. Messages written.
async fn end_taken_over(work: Work<'_>, by: &Vacancy, coach_id: i64, days: &[Day]) -> Result<u64> {
    let (class_id, _) = places(by)?;
    let what = if by.kind == VacancyKind::Change { "coach change" } else { "substitution" };
    let why = format!("its lessons are those of {what} {}", -by.id);
    // Who leaves the class has none of its later lessons, nor any that is back one day.
    let is_lost = |day: &Day| days.contains(day) || (by.kind == VacancyKind::Change && by.day <= *day);
    end_days(work, (class_id, coach_id), is_lost, &why, true).await
}

/// Some days of a class are no longer this coach's: a substitution by which the coach had them has
/// its other days only, and ends when none of these is ahead. Who has said yes and heard no more is
/// told, if nothing else `tells` it. Messages written.
pub(super) async fn end_days(
    work: Work<'_>,
    (class_id, coach_id): (i64, i64),
    is_lost: impl Fn(&Day) -> bool,
    why: &str,
    tells: bool,
) -> Result<u64> {
    let keys = substitutions_filled_by(work.txn, class_id, coach_id).await?;
    if keys.is_empty() {
        return Ok(0);
    }
    let lessons = class_lesson_list(work.txn, class_id).await?;
    let mut days_of = day_list(work.txn, keys.iter().copied()).await?;
    let mut messages = 0;
    for key in keys {
        let listed = days_of.remove(&key).unwrap_or_default();
        let lost: Vec<Day> = listed.iter().copied().filter(&is_lost).collect();
        if lost.is_empty() {
            continue;
        }
        let vacancy = staffing::vacancy_lock_in_txn(work.txn, -key).await?;
        let is_left = |lesson: &&ClassLesson| {
            lesson.coach_id == coach_id && listed.contains(&lesson.day) && !is_lost(&lesson.day)
        };
        let left: Vec<&ClassLesson> = lessons.iter().filter(is_left).collect();
        let is_ahead = left.iter().any(|lesson| lesson.start_at > work.now);
        if let (Some(first), true) = (left.first(), is_ahead) {
            vacancy::vacancy_day_delete_in_txn(work.txn, vacancy.id, &lost).await?;
            let times = times(work.app.rules(), vacancy.kind, first.day, first.start_at);
            let students = i64::from(vacancy.students);
            vacancy::vacancy_about_in_txn(work.txn, vacancy.id, first.day, times, students).await?;
            continue;
        }
        messages += end_filled(work, &vacancy, coach_id, tells).await?;
        let staff = if let Actor::Admin(_) = &work.actor { work.actor.clone() } else { Actor::Client };
        vacancy::vacancy_ended_by_in_txn(work.txn, vacancy.id, &staff, why).await?;
    }
    Ok(messages)
}

/// A substitute has these lessons no more, and is told.
pub(super) async fn released(
    work: Work<'_>,
    vacancy: &Vacancy,
    coach_id: i64,
    spans: &[Span],
) -> Result<u64> {
    let substitute = name_of(work, coach_id).await?;
    let of = (places(vacancy)?.0, vacancy.template_id);
    let asked = spans.iter().map(|span| Asked::coach(&substitute, of, span.day, Word::Instead(span.start)));
    look_at(work, asked.collect()).await
}

async fn name_of(work: Work<'_>, coach_id: i64) -> Result<String> {
    let row = coach::Entity::find_by_id(coach_id).one(work.txn).await?;
    row.map(|row| row.user_name).ok_or_else(|| Error::not_found("coach", coach_id))
}

/// A filled substitution is over before its lessons: CANCELLED, and so is the invitation. Who has
/// said yes, and not heard yet that the lessons were theirs, is told, if nothing else `tells` it.
/// Messages written.
pub(super) async fn end_filled(
    work: Work<'_>,
    vacancy: &Vacancy,
    substitute_id: i64,
    tells: bool,
) -> Result<u64> {
    let mut messages = 0;
    if let Some(id) = invitation_assigned(work.txn, vacancy.id, substitute_id).await? {
        let (from, event) = (InvitationState::Assigned, Event::GivenBack);
        let answered_at = staffing::invitation_by_id(work.txn, id).await?.answered_at;
        staffing::invitation_step_one_in_txn(work.txn, id, from, event, work.now).await?;
        let name = name_of(work, substitute_id).await?;
        let kind = MessageKind::SubstituteAssigned;
        let told = outbox::written_to(work.txn, kind, &BTreeSet::from([name.as_str()])).await?;
        let has_heard = told.iter().any(|row| {
            row.class_id == vacancy.class_id && outbox::is_out(row) && Some(row.created_at) >= answered_at
        });
        if tells && !has_heard {
            messages += look_at_invitations(work, &[(id, Standing::Unasked)]).await?;
        }
    }
    staffing::vacancy_step_in_txn(work.txn, &[vacancy.id], vacancy.state, task::Event::GivenBack).await?;
    vacancy::vacancy_given_back_in_txn(work.txn, vacancy.id).await?;
    Ok(messages)
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
