//! Staff or the coach of a class want it to go on: on which days, whether that can be, and the
//! question to the coach.

use super::{Continuing, one};
use crate::app::call::{Call, Work};
use crate::app::outbox::notice::look_at_answered;
use crate::app::staffing;
use crate::app::staffing::hold::{candidate_of, coach_lock_in_txn, need_of};
use crate::app::staffing::refused::eligible;
use crate::app::staffing::step::{cancel_in_txn, settle};
use crate::app::staffing::vacancy::times;
use crate::domain::actor::Actor;
use crate::domain::apart::Pupil;
use crate::domain::calendar::cut_off;
use crate::domain::city::city;
use crate::domain::continuing::ASK_SPAN;
use crate::domain::eligibility::{Purpose, Span};
use crate::domain::notice::Standing;
use crate::domain::places::show_days;
use crate::domain::refusal::Refusal;
use crate::domain::state::task::Event;
use crate::domain::state::{
    Cancellation, InvitationKind, InvitationState, ReservationState, TaskState, VacancyKind,
};
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::block::student_list_blocked;
use crate::storage::continuation::lessons::{class_end, classes_meeting};
use crate::storage::continuation::{
    class_busy_with, continuation_insert_in_txn, invitations_of, sign_up_rows, students_of_day,
};
use crate::storage::entity::{class, class_template, season};
use crate::storage::make_up::make_up_template_list;
use crate::storage::seat::seats_of_class;
use crate::storage::sign_up::place_list_in;
use crate::storage::staffing as vacancies;
use crate::storage::vacancy::{NewVacancy, vacancy_ended_by_in_txn, vacancy_insert_in_txn};
use crate::storage::{catalog, pool};
use chrono::TimeDelta;
use sea_orm::EntityTrait;
use std::collections::BTreeSet;

/// Request ids are those of this call.
const SCOPE: &str = "ContinueClass";
/// So long after its last lesson a class may still go on.
const AFTER_END: TimeDelta = TimeDelta::days(7);

/// How a class is to go on.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The class.
    pub class_id: i64,
    /// The template of another season in which it goes on; none = its own.
    pub template: Option<String>,
    /// From this day on; none = from the first lesson day after its last lesson.
    pub first_day: Option<Day>,
    /// Until this day.
    pub last_day: Day,
    /// Sign-ups without a class for which it goes on; none = for its students.
    pub newcomers: BTreeSet<i64>,
    /// User name of its coach, who wants it; none = the coach is asked.
    pub coach: Option<String>,
}

/// Asks the coach of a class whether to go on with it, or takes the coach's own word.
///
/// # Errors
/// `NotFound`; `Invalid` for a template or a sign-up that does not fit; NO_CLASS, NOT_YOURS,
/// IN_USE, NOT_A_LESSON_DAY, TOO_LATE, PLACES_EXHAUSTED; the reason why the coach cannot go on.
pub(crate) async fn continue_class(call: &Call<'_>, wanted: &Wanted) -> Result<Continuing> {
    let call = &match &wanted.coach {
        Some(coach) => call.clone().by(Actor::Coach(coach.clone())),
        None => call.clone(),
    };
    let key = in_txn!(call, "continuation.start", |work| {
        let class = vacancies::class_lock_in_txn(work.txn, wanted.class_id).await?;
        if let Some(key) = work.claimed_key(SCOPE).await? {
            return match vacancies::vacancy_by_id(work.txn, key).await?.state {
                TaskState::Cancelled => {
                    let text = format!("continuation {} was cancelled", -key);
                    Err(Error::precondition(Reason::Cancelled, text))
                }
                _ => Ok(key),
            };
        }
        let key = open(work, &class, wanted).await?;
        ask(work, key, &class, wanted).await?;
        settle(work, key).await?;
        work.record(SCOPE, key).await?;
        Ok(key)
    })?;
    one(call, key).await
}

/// The coach is asked, or has said yes by wanting it.
async fn ask(work: Work<'_>, key: i64, class: &class::Model, wanted: &Wanted) -> Result<()> {
    coach_lock_in_txn(work.txn, &[class.coach_id]).await?;
    let vacancy = vacancies::vacancy_by_id(work.txn, key).await?;
    let need = need_of(work.txn, &vacancy).await?;
    let mut candidate = candidate_of(work, class.coach_id).await?;
    if wanted.coach.as_ref().is_some_and(|coach| *coach != candidate.user_name) {
        return Err(Error::precondition(Reason::NotYours, "the class is another coach's"));
    }
    let purpose = match wanted.coach {
        Some(_) => Purpose::Answer,
        None => Purpose::Manual { overriding: false },
    };
    eligible(work, &candidate, &need, purpose).await?;
    if wanted.coach.is_none() {
        return staffing::one::ask(work, (&vacancy, &need), candidate.id, InvitationKind::Change)
            .await
            .map(drop);
    }
    let invitation = staffing::one::take(work, (&vacancy, &need), &mut candidate).await?;
    // Nobody else is asked: it waits for this coach, as when staff ask.
    vacancies::vacancy_step_in_txn(work.txn, &[key], vacancy.state, Event::Short).await?;
    look_at_answered(work, invitation, Standing::SaidYes).await.map(drop)
}

/// The vacancy of a locked class that can go on as wanted; its key.
async fn open(work: Work<'_>, class: &class::Model, wanted: &Wanted) -> Result<i64> {
    let end = last_lesson(work, class).await?;
    let template = template_of(work, class, wanted).await?;
    let students = match wanted.newcomers.len() {
        0 => students_at(work, class, &template, end).await?,
        count => {
            newcomers_fit(work, class, &template, wanted).await?;
            count
        }
    };
    while let Some((id, kind)) = class_busy_with(work.txn, class.id).await? {
        if ended_as_nobody_is_asked(work, id).await? {
            continue;
        }
        let text = match kind.as_str() {
            "CONTINUE" => format!("its coach is asked already whether it goes on (continuation {id})"),
            _ => format!("another coach is to take it over (coach change {id})"),
        };
        return Err(Error::precondition(Reason::InUse, text).of_classes(vec![class.id]));
    }
    let spans = days(work, &template, wanted, end).await?;
    let days: Vec<Day> = spans.iter().map(|span| span.day).collect();
    let Some(first) = spans.first() else {
        let text = format!("class template {:?} has no lesson day after {end} and until then", template.code);
        return Err(Error::refused_on(Reason::NotALessonDay, text, [wanted.last_day]));
    };
    let meeting = classes_meeting(work.txn, template.id, class.id, &days).await?;
    let is_full = |day: &Day| meeting.get(day).is_some_and(|met| *met >= i64::from(template.max_classes));
    let full: Vec<Day> = days.iter().copied().filter(is_full).collect();
    if !full.is_empty() {
        let text = format!("there are as many classes as there may be, on {}", show_days(&full));
        return Err(Error::refused_on(Reason::PlacesExhausted, text, full));
    }
    if wanted.newcomers.is_empty() {
        place_for_one(work, &template, &days).await?;
    }
    let times = times(work.app.rules(), VacancyKind::Continue, first.day, first.start);
    let new = NewVacancy {
        kind: VacancyKind::Continue,
        class_id: class.id,
        template_id: template.id,
        replaces_id: class.coach_id,
        day: first.day,
        times,
        asks_until: Some((work.now + ASK_SPAN).min(times.closes_at)),
        waits: true,
        students: i32::try_from(students).unwrap_or(i32::MAX),
        days,
    };
    let key = vacancy_insert_in_txn(work.txn, &new, (&work.actor, &work.remark), work.now).await?;
    continuation_insert_in_txn(work.txn, key, class.id, &Vec::from_iter(wanted.newcomers.iter().copied()))
        .await?;
    Ok(key)
}

/// Whether a continuation was ended because its coach was let go, so that nobody can say yes to it
/// any more.
async fn ended_as_nobody_is_asked(work: Work<'_>, id: i64) -> Result<bool> {
    let vacancy = vacancies::vacancy_lock_in_txn(work.txn, -id).await?;
    let asked = invitations_of(work.txn, [vacancy.id]).await?.remove(&vacancy.id);
    let is_let_go = asked.is_some_and(|asked| asked.state == InvitationState::Cancelled);
    if vacancy.kind != VacancyKind::Continue || !is_let_go {
        return Ok(false);
    }
    cancel_in_txn(work, vacancy.id, Cancellation::Admin).await?;
    vacancy_ended_by_in_txn(work.txn, vacancy.id, &work.actor, &work.remark).await?;
    Ok(true)
}

/// The day of the last lesson of a class that may go on.
async fn last_lesson(work: Work<'_>, class: &class::Model) -> Result<Day> {
    if !make_up_template_list(work.txn, [class.template_id]).await?.is_empty() {
        return Err(Error::invalid("class_id", "is a class by which lessons are made up"));
    }
    let no_class = |text: &str| Error::precondition(Reason::NoClass, text).of_classes(vec![class.id]);
    let end = class_end(work.txn, class.id).await?;
    let (day, end_at) = end.ok_or_else(|| no_class("the class has had no lesson"))?;
    if end_at + AFTER_END <= work.now {
        return Err(no_class("the class ended more than 7 days ago"));
    }
    Ok(day)
}

/// The template in which a class goes on: its own, or one of another season for the same subject,
/// the same or the next grade, and the same time of day.
async fn template_of(work: Work<'_>, class: &class::Model, wanted: &Wanted) -> Result<class_template::Model> {
    let own = catalog::template_by_ids(work.txn, vec![class.template_id]).await?.pop();
    let own = own.ok_or_else(|| Error::not_found("class template", class.template_id))?;
    let Some(code) = wanted.template.as_ref().filter(|code| **code != own.code) else { return Ok(own) };
    let found = catalog::template_by_code(work.txn, code).await?;
    let found = found.ok_or_else(|| Error::not_found("class template", code))?;
    let wrong = |why: &str| Err(Error::invalid("class_template", why));
    if !make_up_template_list(work.txn, [found.id]).await?.is_empty() {
        return wrong("is for make-ups");
    }
    if found.season_id == own.season_id {
        return wrong("is of the same season: a class goes on in its own template, or in another season");
    }
    if found.subject_id != own.subject_id {
        return wrong("is of another subject");
    }
    if !(own.grade..=own.grade + 1).contains(&found.grade) {
        return wrong("is for neither the same grade nor the next");
    }
    let courses = catalog::course_list(work.txn, [own.id, found.id]).await?;
    let hours = |id: i64| courses.get(&id).map(|course| (course.start_time.clone(), course.end_time.clone()));
    if hours(own.id) != hours(found.id) {
        return wrong("is at another time of day");
    }
    Ok(found)
}

/// The lesson days with which a class goes on that has its last lesson on `end`.
async fn days(
    work: Work<'_>,
    template: &class_template::Model,
    wanted: &Wanted,
    end: Day,
) -> Result<Vec<Span>> {
    if let Some(first) = wanted.first_day.filter(|first| *first <= end) {
        let why = format!("({first}) is not after the last lesson of the class, on {end}");
        return Err(Error::invalid("first_day", why));
    }
    let season = season::Entity::find_by_id(template.season_id).one(work.txn).await?;
    let season = season.ok_or_else(|| Error::not_found("season", template.season_id))?;
    if wanted.last_day > season.end_day {
        let (last, code, until) = (wanted.last_day, season.code, season.end_day);
        let why = format!("({last}) is after the last day of season {code:?}, {until}");
        return Err(Error::invalid("last_day", why));
    }
    let all = pool::span_list(work.txn, [template.id]).await?.remove(&template.id).unwrap_or_default();
    let is_wanted = |span: &Span| {
        span.day > end
            && span.day <= wanted.last_day
            && wanted.first_day.is_none_or(|first| first <= span.day)
            && span.start > work.now
    };
    let found: Vec<Span> = all.into_iter().filter(is_wanted).collect();
    let in_time = |span: &&Span| cut_off(work.app.time(), span.day) > work.now;
    match found.first() {
        Some(first) if !in_time(&first) => {
            let possible = found.iter().find(in_time).map(|span| span.day);
            Err(Refusal::too_late(first.day, possible).into())
        }
        _ => Ok(found),
    }
}

/// How many students the class has at its end.
async fn students_at(
    work: Work<'_>,
    class: &class::Model,
    template: &class_template::Model,
    end: Day,
) -> Result<usize> {
    let comers = students_of_day(work.txn, class.id, end).await?;
    let students = comers.len();
    // Who is with the coach already may stay longer; in another season it is a new class.
    if template.id != class.template_id {
        let blocked = student_list_blocked(work.txn, [class.coach_id]).await?.remove(&class.coach_id);
        let is_blocked = |id: &i64| blocked.as_ref().is_some_and(|blocked| blocked.contains(id));
        if students > 0 && comers.iter().all(|one| is_blocked(&one.student_id)) {
            let text = "the coach is kept from all students of the class";
            return Err(Error::precondition(Reason::Blocked, text));
        }
    }
    if students == 0 {
        let text = format!("nobody comes to the last lesson of the class, on {end}, and stays until then");
        return Err(Error::precondition(Reason::NoClass, text).of_classes(vec![class.id]));
    }
    Ok(students)
}

/// There is a place for one student at least.
async fn place_for_one(work: Work<'_>, template: &class_template::Model, days: &[Day]) -> Result<()> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(()) };
    let places = place_list_in(work.txn, &[(template.id, *first, *last)]).await?;
    let full = places.iter().filter(|place| place.taken >= place.capacity).map(|place| place.day);
    let full: Vec<Day> = full.collect();
    if full.is_empty() { Ok(()) } else { Err(Refusal::full(&full).into()) }
}

/// The newcomers wait for a class of the template, and are there no longer than the class will be.
async fn newcomers_fit(
    work: Work<'_>,
    class: &class::Model,
    template: &class_template::Model,
    wanted: &Wanted,
) -> Result<()> {
    let wrong = |text: String| Err(Error::invalid("reservation_ids", text));
    if template.id != class.template_id {
        return wrong("can be given only where a class goes on in its own class template".to_owned());
    }
    let found = sign_up_rows(work.txn, wanted.newcomers.iter().copied()).await?;
    let seats = seats_of_class(work.txn, class.id, &[wanted.last_day]).await?;
    for id in &wanted.newcomers {
        let row = found.iter().find(|row| row.comer.reservation_id == *id);
        let row = row.ok_or_else(|| Error::not_found("reservation", id))?;
        if row.template_id != template.id {
            return wrong(format!("reservation {id} is of another class template"));
        }
        if row.state != ReservationState::Booked || row.class_id.is_some() {
            return wrong(format!("reservation {id} is {}, and waits for no class", row.state));
        }
        let pupil = Pupil { student_id: row.comer.student_id, city: city(&row.comer.area_code) };
        if let Some(reason) = seats.as_ref().and_then(|seats| seats.apart.why(&pupil)) {
            let text = format!("the coach is kept from the student of reservation {id}");
            return Err(Error::precondition(reason, text).of_reservations(vec![*id]));
        }
        if wanted.first_day.is_some_and(|first| row.last_day < first) {
            let text = format!("reservation {id} ends on {}, before the class goes on", row.last_day);
            return Err(Error::refused_on(Reason::NotALessonDay, text, [row.last_day]));
        }
        if row.last_day > wanted.last_day {
            let text =
                format!("reservation {id} goes on until {}: last_day must not be before it", row.last_day);
            return Err(Error::refused_on(Reason::NotALessonDay, text, [row.last_day]));
        }
    }
    Ok(())
}
