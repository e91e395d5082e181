//! Who gets a seat in a class that goes on, and who is offered one (docs/domain.md §6).

use crate::app::call::Work;
use crate::app::enrollment::book::{Contents, LoadedBook, Places};
use crate::app::enrollment::days::around;
use crate::domain::apart::{Apart, Pupil};
use crate::domain::calendar::Timeline;
use crate::domain::city::city;
use crate::domain::class_task::Seats;
use crate::domain::continuing::{kept_until, without};
use crate::domain::eligibility::Span;
use crate::domain::places::Claim;
use crate::domain::reason::Reason;
use crate::domain::state::{LessonState, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::block::student_list_blocked;
use crate::storage::continuation::{self, Comer, SeatRow, SignUpRow};
use crate::storage::staffing::Vacancy;
use crate::storage::{pool, seat, sign_up};
use std::collections::{BTreeSet, HashSet};

/// Who may get a seat.
pub(super) struct Comers {
    /// The class that goes on.
    pub class_id: i64,
    /// Its template.
    template_id: i64,
    /// Its students at its end; none where it goes on for newcomers.
    pub students: Vec<Comer>,
    /// Sign-ups of these students that have no class, for some lessons with which it goes on.
    pub signed_up: Vec<SignUpRow>,
    newcomers: Vec<SignUpRow>,
}

impl Comers {
    pub(super) async fn read(work: Work<'_>, id: i64) -> Result<Self> {
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

    pub(super) fn student_ids(&self) -> Vec<i64> {
        let newcomers = self.newcomers.iter().map(|row| &row.comer);
        let mut ids: Vec<i64> = self.students.iter().chain(newcomers).map(|one| one.student_id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Only those who are locked.
    pub(super) fn only(mut self, locked: &Self) -> Self {
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

/// A seat by a sign-up that was there before.
pub(super) struct Seated<'a> {
    pub row: &'a SignUpRow,
    /// The first day in the class.
    pub first: Day,
    /// The last.
    pub last: Day,
    /// The sign-up has lessons before the class, or behind it, for which the student still waits.
    pub waits: (bool, bool),
    /// For whom the class goes on.
    pub is_newcomer: bool,
}

/// A place that is offered.
pub(super) struct Offered<'a> {
    pub student: &'a Comer,
    /// For these lessons, at least one.
    pub lessons: Vec<Span>,
    /// Until when.
    pub until: Instant,
}

/// Who gets a seat.
#[derive(Default)]
pub(super) struct Plan<'a> {
    pub offers: Vec<Offered<'a>>,
    /// Newcomers, and students of the class who have signed up.
    pub seated: Vec<Seated<'a>>,
    /// Who is left out of something, and why: students, each once for a reason.
    pub left_out: HashSet<(Reason, i64)>,
    /// How many places of each day the offers take.
    pub places: Vec<(i64, Day, i64)>,
}

impl<'a> Plan<'a> {
    /// Places are locked from here on.
    pub(super) async fn make(
        work: Work<'_>,
        vacancy: &Vacancy,
        (comers, coach_id): (&'a Comers, i64),
        spans: &[Span],
    ) -> Result<Plan<'a>> {
        let (Some(first), Some(last)) = (spans.first().copied(), spans.last().copied()) else {
            return Err(Error::internal("a class goes on without lessons"));
        };
        let template_id = vacancy.template_id;
        let wanted = [(template_id, first.day, last.day)];
        let between = around(&wanted);
        let ids = comers.student_ids();
        let claims =
            sign_up::taking_list(work.txn, ids.iter().copied(), between.0, between.1, work.now).await?;
        let contents = Contents {
            templates: vec![(template_id, vacancy.grade)],
            places: Places::Lock(&wanted),
            // Whether the next grade is theirs is not asked: they go on with their class.
            students: ids.iter().map(|id| (*id, vacancy.grade)).collect(),
            claims: &claims,
            between,
        };
        let mut book = LoadedBook::load(work.txn, contents).await?;
        let today = work.app.time().day(work.now);
        let held = continuation::lessons::lessons_from(work.txn, comers.class_id, today).await?;
        let held = held.iter().filter(|row| row.state == LessonState::Scheduled).map(|row| row.day);
        let days: BTreeSet<Day> = held.chain(spans.iter().map(|span| span.day)).collect();
        let class = seat::seats_of_class(work.txn, comers.class_id, &Vec::from_iter(days)).await?;
        let mut class = class.ok_or_else(|| Error::internal("a class that goes on has no lessons"))?;
        let all = pool::span_list(work.txn, [template_id]).await?.remove(&template_id).unwrap_or_default();
        let mut plan = Plan::default();
        plan.seat_newcomers(work, vacancy, (comers, &all), &mut class);
        // Who is with the coach already may stay longer; in another season it is a new class.
        class.apart = match comers.template_id == template_id {
            true => Apart::default(),
            false => {
                let mut blocked = student_list_blocked(work.txn, [coach_id]).await?;
                Apart { students: blocked.remove(&coach_id).unwrap_or_default(), ..Apart::default() }
            }
        };
        plan.seat_students(work, vacancy, (comers, &all), spans, &mut class);
        plan.offer_rest(work, vacancy, comers, spans, (&mut class, &mut book));
        let taken = plan
            .offers
            .iter()
            .filter_map(|offer| Some((template_id, offer.lessons.first()?.day, offer.lessons.last()?.day)));
        plan.places = book.taken(taken);
        Ok(plan)
    }

    /// Newcomers who have a free seat on all of their days that can still be attended.
    fn seat_newcomers(
        &mut self,
        work: Work<'_>,
        vacancy: &Vacancy,
        (comers, all): (&'a Comers, &[Span]),
        class: &mut Seats,
    ) {
        for row in &comers.newcomers {
            let days = attended(work, row, all);
            let pupil = pupil(&row.comer);
            match (days.first(), days.last()) {
                // Who has signed off is nobody to be left out.
                _ if row.state != ReservationState::Booked || row.class_id.is_some() => {}
                (Some(first), Some(last)) if class.is_free(&pupil, &days, most(vacancy)) => {
                    class.take(&days);
                    let (first, last, waits) = (*first, *last, (false, false));
                    self.seated.push(Seated { row, first, last, waits, is_newcomer: true });
                }
                _ => self.leave_out(&row.comer, class.apart.why(&pupil).unwrap_or(Reason::ClassFull)),
            }
        }
    }

    /// Students of the class who have signed up by themselves, for those of these lessons that the
    /// class has.
    fn seat_students(
        &mut self,
        work: Work<'_>,
        vacancy: &Vacancy,
        (comers, all): (&'a Comers, &[Span]),
        spans: &[Span],
        class: &mut Seats,
    ) {
        let Some((of_class, end)) = spans.first().zip(spans.last()) else { return };
        for row in &comers.signed_up {
            let attended = attended(work, row, all);
            let days: Vec<Day> =
                attended.iter().copied().filter(|day| (of_class.day..=end.day).contains(day)).collect();
            let (Some(first), Some(last)) = (days.first(), days.last()) else { continue };
            let pupil = pupil(&row.comer);
            if !class.is_free(&pupil, &days, most(vacancy)) {
                self.leave_out(&row.comer, class.apart.why(&pupil).unwrap_or(Reason::ClassFull));
                continue;
            }
            class.take(&days);
            let waits = (attended.first() < Some(first), attended.last() > Some(last));
            self.seated.push(Seated { row, first: *first, last: *last, waits, is_newcomer: false });
        }
    }

    /// Offers the students the lessons for which they have not signed up by themselves.
    fn offer_rest(
        &mut self,
        work: Work<'_>,
        vacancy: &Vacancy,
        comers: &'a Comers,
        spans: &[Span],
        (class, book): (&mut Seats, &mut LoadedBook),
    ) {
        for student in &comers.students {
            let own = comers.signed_up.iter().filter(|row| row.comer.student_id == student.student_id);
            let own: Vec<(Day, Day)> = own.map(|row| (row.start_day, row.last_day)).collect();
            let pupil = pupil(student);
            for lessons in without(spans, &own) {
                let (Some(first), Some(last)) = (lessons.first(), lessons.last()) else { continue };
                let days: Vec<Day> = lessons.iter().map(|span| span.day).collect();
                let until = kept_until(work.app.rules(), first.day, first.start, work.now);
                let refused = if until <= work.now {
                    Some(Reason::TooLate)
                } else if !class.is_free(&pupil, &days, most(vacancy)) {
                    Some(class.apart.why(&pupil).unwrap_or(Reason::ClassFull))
                } else {
                    let (id, template) = (student.student_id, vacancy.template_id);
                    let taken = book.take(id, template, Claim::Offer, first.day, last.day);
                    taken.err().map(|refusal| refusal.reason)
                };
                match refused {
                    None => {
                        class.take(&days);
                        self.offers.push(Offered { student, lessons, until });
                    }
                    Some(reason) => self.leave_out(student, reason),
                }
            }
        }
    }

    fn leave_out(&mut self, comer: &Comer, reason: Reason) {
        self.left_out.insert((reason, comer.student_id));
    }
}

/// The lesson days of a sign-up that can still be attended.
fn attended(work: Work<'_>, row: &SignUpRow, all: &[Span]) -> Vec<Day> {
    let is_theirs = |span: &&Span| {
        (row.start_day..=row.last_day).contains(&span.day)
            && Timeline::of(work.app.rules(), span.day, span.start).freeze_at > work.now
    };
    all.iter().filter(is_theirs).map(|span| span.day).collect()
}

fn pupil(comer: &Comer) -> Pupil {
    Pupil { student_id: comer.student_id, city: city(&comer.area_code) }
}

fn most(vacancy: &Vacancy) -> i64 {
    i64::from(vacancy.max_students_per_class)
}
