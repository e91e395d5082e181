//! What follows once the coach of a class is ready to go on: the class has the lessons, and its
//! students are offered the places, or newcomers get their seats.

use super::remind;
use crate::app::call::{Call, Work};
use crate::app::enrollment::book::{Contents, LoadedBook, Places};
use crate::app::enrollment::days::around;
use crate::app::enrollment::offer::refresh_in_txn;
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
use crate::domain::apart::Pupil;
use crate::domain::calendar::Timeline;
use crate::domain::city::city;
use crate::domain::continuing::{kept_until, remind_at};
use crate::domain::eligibility::Span;
use crate::domain::notice::Word;
use crate::domain::places::Claim;
use crate::domain::reason::Reason;
use crate::domain::state::invitation::Event;
use crate::domain::state::task::Event as TaskEvent;
use crate::domain::state::{
    Cancellation, InvitationState, LessonState, PlaceCause, ReservationState, TaskState,
};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Result};
use crate::in_txn;
use crate::message::content::{ClassNews, LessonCount};
use crate::storage::block::student_list_blocked;
use crate::storage::continuation::{self, Comer, SeatOffer, SeatRow, SignUpRow};
use crate::storage::entity::lesson;
use crate::storage::ledger::{By, PlaceChange, place_change_write_all_in_txn};
use crate::storage::make_up::make_up_returned_in_txn;
use crate::storage::reservation::student_lock_set_in_txn;
use crate::storage::season_edit::{lesson_insert_in_txn, lesson_move_in_txn};
use crate::storage::staffing::{self, InvitedCoach, Vacancy};
use crate::storage::{catalog, seat, sign_up, vacancy};
use std::collections::{BTreeSet, HashMap};

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
        for (reason, count) in done.left_out {
            report.skip(reason, count);
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
    /// Who got no seat, by reason.
    left_out: HashMap<Reason, u64>,
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
    if plan.offers.is_empty() && plan.newcomers.is_empty() {
        // Nobody would come: the coach is free again, and told.
        messages += cancel_in_txn(work, id, Cancellation::NoDemand).await?;
        let note = Some(format!("{}: nobody can be offered a place, it does not go on", vacancy.about()));
        return Ok(Done { goes_on: false, messages, left_out, note });
    }
    let last = plan.newcomers.iter().map(|(row, _)| row.last_day).max();
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

/// Who may get a seat.
struct Comers {
    /// The class that goes on.
    class_id: i64,
    /// Its template.
    template_id: i64,
    /// Its students at its end; none where it goes on for newcomers.
    students: Vec<Comer>,
    /// Sign-ups of these students for the lessons with which it goes on, which have no class.
    signed_up: Vec<SignUpRow>,
    newcomers: Vec<SignUpRow>,
}

impl Comers {
    async fn read(work: Work<'_>, id: i64) -> Result<Self> {
        let known = continuation::continuation_list(work.txn, [id]).await?;
        let (class_id, _) = known.get(&id).copied().ok_or_else(|| Error::not_found("continuation", -id))?;
        let class = crate::storage::class::class_by_id(work.txn, class_id).await?;
        let template_id = class.ok_or_else(|| Error::not_found("class", class_id))?.class.template_id;
        let seats = continuation::seat_rows(work.txn, [id]).await?;
        let ids: Vec<i64> =
            seats.iter().filter(|seat| seat.is_newcomer).map(|seat: &SeatRow| seat.reservation_id).collect();
        if !ids.is_empty() {
            let newcomers = continuation::sign_up_rows(work.txn, ids).await?;
            return Ok(Self {
                class_id,
                template_id,
                students: Vec::new(),
                signed_up: Vec::new(),
                newcomers,
            });
        }
        let end = continuation::lessons::class_end(work.txn, class_id).await?;
        let students = match end {
            Some((day, _)) => continuation::students_of_day(work.txn, class_id, day).await?,
            None => Vec::new(),
        };
        Ok(Self { class_id, template_id, students, signed_up: Vec::new(), newcomers: Vec::new() })
    }

    fn student_ids(&self) -> Vec<i64> {
        let newcomers = self.newcomers.iter().map(|row| &row.comer);
        let mut ids: Vec<i64> = self.students.iter().chain(newcomers).map(|one| one.student_id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Only those who are locked.
    fn only(mut self, locked: &Self) -> Self {
        let ids = locked.student_ids();
        self.students.retain(|one| ids.contains(&one.student_id));
        self.newcomers.retain(|row| ids.contains(&row.comer.student_id));
        // Each once: a sign-up that was changed is there in parts.
        let mut seen = Vec::new();
        self.students.retain(|one| {
            let is_new = !seen.contains(&one.student_id);
            seen.push(one.student_id);
            is_new
        });
        self
    }
}

/// Who gets a seat.
struct Plan<'a> {
    /// Offers, with their students.
    offers: Vec<(&'a Comer, Instant)>,
    /// Newcomers, and students of the class who have signed up, each with the first day in it.
    newcomers: Vec<(&'a SignUpRow, Day)>,
    left_out: HashMap<Reason, u64>,
    /// How many places of each day the offers take.
    places: Vec<(i64, Day, i64)>,
}

impl<'a> Plan<'a> {
    /// Places are locked from here on.
    async fn make(
        work: Work<'_>,
        vacancy: &Vacancy,
        (comers, coach_id): (&'a Comers, i64),
        spans: &[Span],
    ) -> Result<Plan<'a>> {
        let (Some(first), Some(last)) = (spans.first().copied(), spans.last().copied()) else {
            return Err(Error::internal("a class goes on without lessons"));
        };
        let wanted = [(vacancy.template_id, first.day, last.day)];
        let between = around(&wanted);
        let ids = comers.student_ids();
        let claims =
            sign_up::taking_list(work.txn, ids.iter().copied(), between.0, between.1, work.now).await?;
        let contents = Contents {
            templates: vec![(vacancy.template_id, vacancy.grade)],
            places: Places::Lock(&wanted),
            // Whether the next grade is theirs is not asked: they go on with their class.
            students: ids.iter().map(|id| (*id, vacancy.grade)).collect(),
            claims: &claims,
            between,
        };
        let mut book = LoadedBook::load(work.txn, contents).await?;
        let mut plan =
            Plan { offers: Vec::new(), newcomers: Vec::new(), left_out: HashMap::new(), places: Vec::new() };
        let until = kept_until(work.app.rules(), first.day, first.start, work.now);
        let most = usize::try_from(vacancy.max_students_per_class).unwrap_or(0);
        // Who is with the coach already may stay longer; in another season it is a new class.
        let blocked = match comers.template_id == vacancy.template_id {
            true => BTreeSet::new(),
            false => {
                let mut blocked = student_list_blocked(work.txn, [coach_id]).await?;
                blocked.remove(&coach_id).unwrap_or_default()
            }
        };
        plan.seat_newcomers(work, vacancy, comers, spans).await?;
        for student in &comers.students {
            let (id, template) = (student.student_id, vacancy.template_id);
            if plan.newcomers.iter().any(|(row, _)| row.comer.student_id == id) {
                continue;
            }
            let refused = if until <= work.now {
                Some(Reason::TooLate)
            } else if blocked.contains(&id) {
                Some(Reason::Blocked)
            } else if plan.offers.len() + plan.newcomers.len() >= most {
                Some(Reason::ClassFull)
            } else {
                let taken = book.take(id, template, Claim::Offer, first.day, last.day);
                taken.err().map(|refusal| refusal.reason)
            };
            match refused {
                None => plan.offers.push((student, until)),
                Some(reason) => *plan.left_out.entry(reason).or_default() += 1,
            }
        }
        let taken = plan.offers.iter().map(|_| (vacancy.template_id, first.day, last.day));
        plan.places = book.taken(taken);
        Ok(plan)
    }

    /// Newcomers, and students who have signed up, who have a free seat on all of their days that
    /// can still be attended.
    async fn seat_newcomers(
        &mut self,
        work: Work<'_>,
        vacancy: &Vacancy,
        comers: &'a Comers,
        spans: &[Span],
    ) -> Result<()> {
        if comers.newcomers.is_empty() && comers.signed_up.is_empty() {
            return Ok(());
        }
        let today = work.app.time().day(work.now);
        let held = continuation::lessons::lessons_from(work.txn, comers.class_id, today).await?;
        let held = held.iter().filter(|row| row.state == LessonState::Scheduled).map(|row| row.day);
        let days: BTreeSet<Day> = held.chain(spans.iter().map(|span| span.day)).collect();
        let days = Vec::from_iter(days);
        let Some(mut class) = seat::seats_of_class(work.txn, comers.class_id, &days).await? else {
            return Ok(());
        };
        let lessons = crate::storage::pool::span_list(work.txn, [vacancy.template_id]).await?;
        let lessons = lessons.get(&vacancy.template_id).map_or(&[][..], Vec::as_slice);
        let most = i64::from(vacancy.max_students_per_class);
        for row in comers.newcomers.iter().chain(&comers.signed_up) {
            let is_theirs = |span: &&Span| {
                row.start_day <= span.day
                    && span.day <= row.last_day
                    && Timeline::of(work.app.rules(), span.day, span.start).freeze_at > work.now
            };
            let days: Vec<Day> = lessons.iter().filter(is_theirs).map(|span| span.day).collect();
            let pupil = Pupil { student_id: row.comer.student_id, city: city(&row.comer.area_code) };
            let waits = row.state == ReservationState::Booked && row.class_id.is_none();
            match days.first() {
                Some(first) if waits && class.is_free(&pupil, &days, most) => {
                    class.take(&days);
                    self.newcomers.push((row, *first));
                }
                // Who has signed off is nobody to be left out; what comes of a student of the
                // class, the offers say.
                _ if waits && comers.signed_up.is_empty() => {
                    let reason = class.apart.why(&pupil).unwrap_or(Reason::ClassFull);
                    *self.left_out.entry(reason).or_default() += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }
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
    let mut drafts = offer(work, (template_id, class_id), vacancy, spans, plan).await?;
    let lessons = notice::count_of(vacancy, spans);
    let yours = ClassNews::GoesOn { lessons };
    let of_class = Vacancy { class_id: Some(class_id), ..vacancy.clone() };
    drafts.push(of_lessons(&of_class, person(&ready.user_name, &ready.phone), yours, spans));
    let mut messages = outbox::write(work, drafts).await?;
    for (row, from) in &plan.newcomers {
        staffing::student_place_in_txn(work.txn, &[(row.comer.reservation_id, class_id)], *from).await?;
    }
    // Lessons that are back, and whatever was told of them, are told by that.
    let known =
        spans.iter().flat_map(|span| Asked::class(class_id, template_id, span.day, Word::At(span.start)));
    messages += look_at(work, known.map(Asked::settled).collect()).await?;
    messages += look_at_classes(work, [class_id]).await?;
    for (_, from) in &plan.newcomers {
        messages += look_at_seated(work, template_id, *from).await?;
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

/// Offers the students their places; what they are told.
async fn offer(
    work: Work<'_>,
    (template_id, class_id): (i64, i64),
    vacancy: &Vacancy,
    spans: &[Span],
    plan: &Plan<'_>,
) -> Result<Vec<Draft>> {
    let (Some(first), Some(last)) = (spans.first().copied(), spans.last().copied()) else {
        return Ok(Vec::new());
    };
    if plan.offers.is_empty() {
        return Ok(Vec::new());
    }
    let offers = plan
        .offers
        .iter()
        .map(|(student, expires_at)| SeatOffer { student_id: student.student_id, expires_at: *expires_at });
    let days = (first.day, last.day);
    let made = continuation::seat_offer_in_txn(
        work.txn,
        (template_id, class_id),
        days,
        &Vec::from_iter(offers),
        work.now,
    )
    .await?;
    let id_of = |student: &Comer| {
        let id = made.get(&student.student_id).copied();
        id.ok_or_else(|| Error::internal("an offer just made is missing"))
    };
    let (mut seats, mut ledger) = (Vec::new(), Vec::new());
    for (student, until) in &plan.offers {
        let id = id_of(student)?;
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
    }
    continuation::seat_insert_in_txn(work.txn, vacancy.id, seats).await?;
    sign_up::place_change_in_txn(work.txn, &plan.places).await?;
    let ledger: Vec<(&PlaceChange, &By)> = ledger.iter().map(|(change, by)| (change, by)).collect();
    place_change_write_all_in_txn(work.txn, &ledger, work.now).await?;
    let courses = catalog::course_list(work.txn, [template_id]).await?;
    let course = courses.get(&template_id).ok_or_else(|| Error::not_found("class template", template_id))?;
    let lessons = LessonCount { lessons: spans.len(), last_day: last.day };
    let draft = |(student, until): &(&Comer, Instant)| {
        let to = Person::Student { user_name: student.user_name.clone(), phone: student.phone.clone() };
        let news = ClassNews::ContinueOffer { lessons, take_by: *until };
        Draft {
            version: work.now.unix().to_string(),
            valid_until: *until,
            ..Draft::of_class(to, class_from(course, first.day), news, first.start)
        }
    };
    Ok(plan.offers.iter().map(draft).collect())
}
