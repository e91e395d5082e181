//! What follows once the coach of a class is ready to go on: the class has the lessons, and its
//! students are offered the places, or newcomers get their seats.

use super::plan::{Comers, Offered, Plan};
use super::remind;
use crate::app::call::{Call, Work};
use crate::app::enrollment::offer::refresh_in_txn;
use crate::app::enrollment::part::part_in_txn;
use crate::app::enrollment::tell::class_from;
use crate::app::outbox::notice::{Asked, look_at, look_at_classes, look_at_seated};
use crate::app::outbox::{self, Draft, Person};
use crate::app::report::Report;
use crate::app::staffing::cover::{of_lessons, person, tell_not_continued};
use crate::app::staffing::demand::demand_changed;
use crate::app::staffing::hold::coach_lock_in_txn;
use crate::app::staffing::notice;
use crate::app::staffing::step::{cancel_in_txn, settle};
use crate::domain::actor::Actor;
use crate::domain::calendar::Timeline;
use crate::domain::continuing::remind_at;
use crate::domain::eligibility::Span;
use crate::domain::notice::Word;
use crate::domain::reason::Reason;
use crate::domain::state::invitation::Event;
use crate::domain::state::task::Event as TaskEvent;
use crate::domain::state::{Cancellation, InvitationState, LessonState, PlaceCause, TaskState};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Result};
use crate::in_txn;
use crate::message::content::{ClassNews, LessonCount};
use crate::storage::continuation::{self, SeatOffer};
use crate::storage::entity::lesson;
use crate::storage::ledger::{By, PlaceChange, place_change_write_all_in_txn};
use crate::storage::make_up::make_up_returned_in_txn;
use crate::storage::reservation::student_lock_set_in_txn;
use crate::storage::season_edit::{lesson_insert_in_txn, lesson_move_in_txn};
use crate::storage::staffing::{self, InvitedCoach, Vacancy};
use crate::storage::{catalog, seat, sign_up, vacancy};
use std::collections::{BTreeSet, HashSet};

/// Of `clazz offer_places`: classes whose coach is ready go on, admins are told of those whose
/// coach does not, and students are reminded of places that are kept.
pub(crate) async fn go_on_due(call: &Call<'_>) -> Result<Report> {
    let mut report = Report::default();
    let due = continuation::due_now(call.app.db.reader(), call.now).await?;
    for id in due.covered {
        report.examined += 1;
        let done = in_txn!(call, "continuation.go_on", |work| go_on(work, id).await);
        let Some(done) = report.or_failed("a class that goes on", done)? else { continue };
        report.changed += u64::from(done.goes_on);
        report.messages += done.messages;
        for (reason, _) in done.left_out {
            report.skip(reason, 1);
        }
        report.notes.extend(done.note);
    }
    for id in due.refused {
        report.examined += 1;
        let told = in_txn!(call, "continuation.refused", |work| {
            let vacancy = staffing::vacancy_lock_in_txn(work.txn, id).await?;
            let waits = staffing::invited_of_task(work.txn, id).await?;
            let told = continuation::continuation_list(work.txn, [id]).await?;
            let is_told = told.get(&id).is_some_and(|(_, told_at)| told_at.is_some());
            let is_run_out = |one: &InvitedCoach| one.stands.answered_at().is_none();
            if !vacancy.state.is_open() || is_told || !waits.iter().all(is_run_out) {
                return Ok(0);
            }
            tell_not_continued(work, &vacancy).await
        });
        report.messages += report.or_failed("a class that does not go on", told)?.unwrap_or_default();
    }
    report.add(remind::remind(call, &due.reminders).await?);
    Ok(report)
}

/// What came of one.
#[derive(Debug, Default)]
struct Done {
    goes_on: bool,
    messages: u64,
    /// Students who are left out, and why.
    left_out: HashSet<(Reason, i64)>,
    note: Option<String>,
}

/// The class has the lessons from now on.
async fn go_on(work: Work<'_>, id: i64) -> Result<Done> {
    let seen = staffing::vacancy_by_id(work.txn, id).await?;
    let template_id = seen.template_id;
    demand_changed(work.txn, &[template_id]).await?;
    let mut messages = refresh_in_txn(work, &[template_id]).await?.messages;
    // Students are locked before classes.
    let before = Comers::read(work, id).await?;
    student_lock_set_in_txn(work.txn, before.student_ids()).await?;
    seat::seat_lock_in_txn(work.txn, &[template_id], work.app.time().day(work.now)).await?;
    staffing::vacancy_lock_in_txn(work.txn, id).await?;
    messages += settle(work, id).await?;
    let vacancy = staffing::vacancy_by_id(work.txn, id).await?;
    if vacancy.state != TaskState::Covered || vacancy.dirty {
        // Others look at it first.
        return Ok(Done { messages, ..Done::default() });
    }
    let mut comers = Comers::read(work, id).await?.only(&before);
    let invited = staffing::invited_of_task(work.txn, id).await?;
    let ready = invited.iter().find(|coach| coach.stands.state() == InvitationState::Ready);
    let ready = ready.ok_or_else(|| Error::internal("a covered vacancy has nobody who is ready"))?;
    coach_lock_in_txn(work.txn, &[ready.coach_id]).await?;
    let mut spans = vacancy::span_list(work.txn, [id]).await?.remove(&id).unwrap_or_default();
    // Of a lesson whose roster is frozen nobody can be asked any more.
    spans.retain(|span| Timeline::of(work.app.rules(), span.day, span.start).freeze_at > work.now);
    if let Some(why) = hindrance(work, &vacancy, comers.class_id, &spans).await? {
        let cause = if spans.is_empty() { Cancellation::NoLesson } else { Cancellation::NoDemand };
        messages += cancel_in_txn(work, id, cause).await?;
        let note = Some(format!("{}: {why}, it does not go on", vacancy.about()));
        return Ok(Done { messages, note, ..Done::default() });
    }
    if let (Some(first), Some(last)) = (spans.first(), spans.last()) {
        let ids = comers.students.iter().map(|student| student.student_id);
        comers.signed_up =
            continuation::sign_up_list_waiting(work.txn, template_id, ids, (first.day, last.day)).await?;
    }
    let mut plan = Plan::make(work, &vacancy, (&comers, ready.coach_id), &spans).await?;
    let left_out = std::mem::take(&mut plan.left_out);
    if plan.offers.is_empty() && plan.seated.is_empty() {
        // Nobody would come: the coach is free again, and told.
        messages += cancel_in_txn(work, id, Cancellation::NoDemand).await?;
        let note = Some(format!("{}: nobody can be offered a place, it does not go on", vacancy.about()));
        return Ok(Done { goes_on: false, messages, left_out, note });
    }
    let last = plan.seated.iter().map(|one| one.last).max();
    if let Some(last) = last.filter(|_| plan.offers.is_empty()) {
        // Behind it nobody would come.
        spans.retain(|span| span.day <= last);
        continuation::lessons::continuation_end_in_txn(work.txn, (id, ready.id), last).await?;
    }
    messages += carry_out(work, (&vacancy, comers.class_id), ready, &spans, &plan).await?;
    Ok(Done { goes_on: true, messages, left_out, note: None })
}

/// What has come in the way since the coach was asked; places are not looked at.
async fn hindrance(
    work: Work<'_>,
    vacancy: &Vacancy,
    class_id: i64,
    spans: &[Span],
) -> Result<Option<&'static str>> {
    if spans.is_empty() {
        return Ok(Some("no lesson day is left"));
    }
    if continuation::is_taken_over(work.txn, class_id).await? {
        return Ok(Some("another coach is to take the class over"));
    }
    let days: Vec<Day> = spans.iter().map(|span| span.day).collect();
    let meeting =
        continuation::lessons::classes_meeting(work.txn, vacancy.template_id, class_id, &days).await?;
    let is_full = meeting.values().any(|met| *met >= i64::from(vacancy.max_classes));
    Ok(is_full.then_some("there are as many classes as there may be"))
}

/// Writes it all: lessons, the class, offers with their places, seats, and who is told.
async fn carry_out(
    work: Work<'_>,
    (vacancy, old_class_id): (&Vacancy, i64),
    ready: &InvitedCoach,
    spans: &[Span],
    plan: &Plan<'_>,
) -> Result<u64> {
    let (Some(first), Some(last)) = (spans.first().copied(), spans.last().copied()) else {
        return Err(Error::internal("a class goes on without lessons"));
    };
    let template_id = vacancy.template_id;
    let old = crate::storage::class::class_by_id(work.txn, old_class_id).await?;
    let old = old.ok_or_else(|| Error::not_found("class", old_class_id))?.class;
    let class_id = if old.template_id == template_id {
        continuation::lessons::class_prolong_in_txn(work.txn, old_class_id, last.day).await?;
        old_class_id
    } else {
        let of = (template_id, ready.coach_id);
        let days = (first.day, last.day);
        let made =
            continuation::lessons::class_insert_in_txn(work.txn, vacancy.id, of, days, work.now).await?;
        continuation::lessons::invitation_of_class_set_in_txn(work.txn, ready.id, made).await?;
        made
    };
    write_lessons(work, class_id, ready.coach_id, spans).await?;
    let (from, event) = (InvitationState::Ready, Event::Formed);
    staffing::invitation_step_one_in_txn(work.txn, ready.id, from, event, work.now).await?;
    vacancy::vacancy_filled_in_txn(work.txn, vacancy.id, ready.coach_id, work.now).await?;
    staffing::vacancy_step_in_txn(work.txn, &[vacancy.id], vacancy.state, TaskEvent::Formed).await?;
    // There is a class more, or a longer one, with seats that whoever is counted may have.
    staffing::task_mark_later_in_txn(work.txn, &[template_id], add_days(first.day, -1)).await?;
    let mut drafts = offer(work, (template_id, class_id), vacancy, plan).await?;
    let lessons = notice::count_of(vacancy, spans);
    let yours = ClassNews::GoesOn { lessons };
    let of_class = Vacancy { class_id: Some(class_id), ..vacancy.clone() };
    drafts.push(of_lessons(&of_class, person(&ready.user_name, &ready.phone), yours, spans));
    let mut messages = outbox::write(work, drafts).await?;
    seat_all(work, (vacancy, class_id), plan).await?;
    // Lessons that are back, and whatever was told of them, are told by that.
    let known =
        spans.iter().flat_map(|span| Asked::class(class_id, template_id, span.day, Word::At(span.start)));
    messages += look_at(work, known.map(Asked::settled).collect()).await?;
    messages += look_at_classes(work, [class_id]).await?;
    for first in BTreeSet::from_iter(plan.seated.iter().map(|one| one.first)) {
        messages += look_at_seated(work, template_id, first).await?;
    }
    Ok(messages)
}

/// The lessons of the class on these days; those that were called off before are there again.
async fn write_lessons(work: Work<'_>, class_id: i64, coach_id: i64, spans: &[Span]) -> Result<()> {
    let from = spans.first().map(|span| span.day).unwrap_or_default();
    let had = continuation::lessons::lessons_from(work.txn, class_id, from).await?;
    let row_of = |span: &Span| had.iter().find(|row| row.day == span.day);
    let is_off = |row: &lesson::Model| row.state == LessonState::Cancelled;
    let back: Vec<(i64, Instant, Instant, i64)> = spans
        .iter()
        .filter_map(|span| Some((row_of(span).filter(|row| is_off(row))?.id, span.start, span.end, coach_id)))
        .collect();
    if !back.is_empty() {
        lesson_move_in_txn(work.txn, &back).await?;
        // What was owed of them is held after all.
        let ids: Vec<i64> = back.iter().map(|(id, ..)| *id).collect();
        make_up_returned_in_txn(work.txn, &ids, work.now).await?;
    }
    let new = spans.iter().filter(|span| row_of(span).is_none()).map(|span| lesson::Model {
        id: 0,
        class_id,
        day: span.day,
        start_at: span.start,
        end_at: span.end,
        coach_id,
        state: LessonState::Scheduled,
        closed_at: None,
    });
    lesson_insert_in_txn(work.txn, &Vec::from_iter(new)).await
}

/// Puts those into the class who have signed up. What the class does not teach of a sign-up is one
/// of its own.
async fn seat_all(work: Work<'_>, (vacancy, class_id): (&Vacancy, i64), plan: &Plan<'_>) -> Result<()> {
    let mut own = Vec::new();
    for one in &plan.seated {
        let mut id = one.row.comer.reservation_id;
        if one.waits.0 {
            id = part_in_txn(work, id, one.first).await?;
        }
        if one.waits.1 {
            part_in_txn(work, id, add_days(one.last, 1)).await?;
        }
        staffing::student_place_in_txn(work.txn, &[(id, class_id)], one.first).await?;
        // A newcomer is noted already.
        if !one.is_newcomer {
            own.push((id, false, None));
        }
    }
    continuation::seat_insert_in_txn(work.txn, vacancy.id, own).await
}

/// Offers the students their places; what they are told.
async fn offer(
    work: Work<'_>,
    (template_id, class_id): (i64, i64),
    vacancy: &Vacancy,
    plan: &Plan<'_>,
) -> Result<Vec<Draft>> {
    if plan.offers.is_empty() {
        return Ok(Vec::new());
    }
    let days_of = |offer: &Offered<'_>| Some((offer.lessons.first()?.day, offer.lessons.last()?.day));
    let rows: Vec<SeatOffer> = plan
        .offers
        .iter()
        .filter_map(|offer| {
            let (student_id, expires_at) = (offer.student.student_id, offer.until);
            Some(SeatOffer { student_id, days: days_of(offer)?, expires_at })
        })
        .collect();
    let made = continuation::seat_offer_in_txn(work.txn, (template_id, class_id), &rows, work.now).await?;
    let courses = catalog::course_list(work.txn, [template_id]).await?;
    let course = courses.get(&template_id).ok_or_else(|| Error::not_found("class template", template_id))?;
    let (mut seats, mut ledger, mut drafts) = (Vec::new(), Vec::new(), Vec::new());
    for offer in &plan.offers {
        let Offered { student, lessons, until } = offer;
        let (Some(first), Some(last)) = (lessons.first(), lessons.last()) else { continue };
        let id = made.get(&(student.student_id, first.day)).copied();
        let id = id.ok_or_else(|| Error::internal("an offer just made is missing"))?;
        seats.push((id, false, remind_at(*until, work.now)));
        let change = PlaceChange {
            template_id,
            reservation_id: Some(id),
            first_day: first.day,
            last_day: last.day,
            delta: 1,
            cause: PlaceCause::Offer,
        };
        ledger.push((change, By::actor(Actor::Student(student.user_name.clone()))));
        let to = Person::Student { user_name: student.user_name.clone(), phone: student.phone.clone() };
        let count = LessonCount { lessons: lessons.len(), last_day: last.day };
        let news = ClassNews::ContinueOffer { lessons: count, take_by: *until };
        drafts.push(Draft {
            version: work.now.unix().to_string(),
            valid_until: *until,
            ..Draft::of_class(to, class_from(course, first.day), news, first.start)
        });
    }
    continuation::seat_insert_in_txn(work.txn, vacancy.id, seats).await?;
    sign_up::place_change_in_txn(work.txn, &plan.places).await?;
    let ledger: Vec<(&PlaceChange, &By)> = ledger.iter().map(|(change, by)| (change, by)).collect();
    place_change_write_all_in_txn(work.txn, &ledger, work.now).await?;
    Ok(drafts)
}
