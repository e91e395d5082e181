//! Passes free places to the waiting list (docs/domain.md §6): ends holds and offers that have run
//! out, and offers free places, first come, first served among those who can be served now. A
//! student who cannot (some day is full, or the student has something at that time that may still
//! go away) is passed over, blocks nobody and keeps the position in the list; only leaving, F, or a
//! yes elsewhere (`elsewhere`) ends it. Whoever takes or frees places of a template calls this
//! first or last, so that no newcomer gets what a waiting student could have had.

use super::book::{Contents, LoadedBook, Places};
use super::days::{around, by_template, ranges};
use super::tell::class_from;
use crate::app::call::{Call, Work};
use crate::app::outbox::{self, Draft, Person};
use crate::app::report::Report;
use crate::app::staffing::demand::demand_changed;
use crate::app::staffing::roster::student_left;
use crate::domain::actor::Actor;
use crate::domain::apart::Pupil;
use crate::domain::city::city;
use crate::domain::class_task::{Seats, find_seat};
use crate::domain::places::{Claim, places_between};
use crate::domain::sign_up::{Start, offer_until, start_rule};
use crate::domain::state::{MessageKind, PlaceCause, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::in_txn;
use crate::message::content::{ClassNews, LessonCount, ListEnd};
use crate::storage::catalog::course_list;
use crate::storage::continuation::seats_offered;
use crate::storage::ledger::{By, PlaceChange, place_change_write_all_in_txn};
use crate::storage::message::offers_gone_out;
use crate::storage::waitlist::{
    Due, OfferRow, WaitlistRow, closed_list, due_of, due_templates, lapsed_list, offer_set_in_txn,
    waiting_expire_in_txn, waiting_list,
};
use crate::storage::{catalog, seat, sign_up};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Entries of the waiting lists that are looked at in one go, in the order of joining; the rest has
/// its turn when some of these are gone.
const MOST: i64 = 1_000;

/// `clazz offer_places`: expires what has run out, passes it on, and closes the lists whose rosters
/// are frozen.
pub async fn offer_places(call: &Call<'_>) -> Result<Report> {
    let mut report = Report::default();
    for template_id in due_templates(call.app.db.reader(), call.now).await? {
        report.examined += 1;
        let passed_on = in_txn!(call, "place.offer", |work| {
            demand_changed(work.txn, &[template_id]).await?;
            refresh_in_txn(work, &[template_id]).await
        });
        if let Some(done) = report.or_failed(&format!("template {template_id}"), passed_on)? {
            report.changed += done.lapsed + done.offers;
            report.messages += done.messages;
        }
    }
    report.add(close_lists(call).await?);
    Ok(report)
}

/// WAITLISTED whose first lesson's roster is frozen → EXPIRED; each is told.
async fn close_lists(call: &Call<'_>) -> Result<Report> {
    let mut report = Report::default();
    if closed_list(call.app.db.reader(), call.now, 1).await?.is_empty() {
        return Ok(report);
    }
    let (changed, messages) = in_txn!(call, "waitlist.close", |work| {
        let closed = closed_list(work.txn, work.now, MOST).await?;
        let ids: Vec<i64> = closed.iter().map(|entry| entry.reservation.id).collect();
        waiting_expire_in_txn(work.txn, &ids, ReservationState::Waitlisted).await?;
        let messages = tell(work, Told::Closed(ListEnd::NoPlace), &closed).await?;
        Ok((ids.len() as u64, messages))
    })?;
    (report.examined, report.changed, report.messages) = (changed, changed, messages);
    Ok(report)
}

/// What was done for the waiting lists of templates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassedOn {
    /// Holds and offers that had run out.
    pub lapsed: u64,
    /// Offers made.
    pub offers: u64,
    /// Messages written.
    pub messages: u64,
}

/// Ends the holds and offers of templates that have run out, and offers free places to the waiting
/// list.
pub(crate) async fn refresh_in_txn(work: Work<'_>, template_ids: &[i64]) -> Result<PassedOn> {
    refresh_due_in_txn(work, &due_of(work.txn, template_ids, work.app.time().day(work.now), work.now).await?)
        .await
}

/// The same, where it is known of which templates anything is due.
pub(crate) async fn refresh_due_in_txn(work: Work<'_>, due: &Due) -> Result<PassedOn> {
    let mut done = PassedOn::default();
    if !due.lapsed.is_empty() {
        let lapsed = lapsed_list(work.txn, &due.lapsed, work.now).await?;
        done.lapsed = lapsed.len() as u64;
        done.messages += reap(work, &lapsed).await?;
    }
    if !due.waiting.is_empty() {
        let (offers, messages) = make_offers(work, &due.waiting).await?;
        done.offers = offers;
        done.messages += messages;
    }
    Ok(done)
}

/// HELD and OFFERED → EXPIRED; their places and seats are free.
async fn reap(work: Work<'_>, lapsed: &[WaitlistRow]) -> Result<u64> {
    for state in [ReservationState::Held, ReservationState::Offered] {
        let of: Vec<i64> = lapsed
            .iter()
            .filter(|one| one.reservation.state == state)
            .map(|one| one.reservation.id)
            .collect();
        if !of.is_empty() {
            waiting_expire_in_txn(work.txn, &of, state).await?;
        }
    }
    for WaitlistRow { reservation, .. } in lapsed {
        if let Some(class_id) = reservation.class_id {
            student_left(work, class_id).await?;
        }
    }
    let ranges: Vec<(i64, Day, Day)> = ranges(
        lapsed
            .iter()
            .map(|one| (one.reservation.template_id, one.reservation.start_day, one.reservation.last_day)),
    );
    let lessons = by_template(sign_up::place_lock_list_in(work.txn, &ranges).await?);
    let (mut counts, mut ledger) = (BTreeMap::<(i64, Day), i64>::new(), Vec::new());
    for WaitlistRow { reservation, user_name, .. } in lapsed {
        let days = lessons.get(&reservation.template_id).map_or(&[][..], Vec::as_slice);
        for place in places_between(days, reservation.start_day, reservation.last_day) {
            *counts.entry((reservation.template_id, place.day)).or_default() -= 1;
        }
        let cause = if reservation.state == ReservationState::Held {
            PlaceCause::HoldExpired
        } else {
            PlaceCause::OfferExpired
        };
        ledger.push((
            change(
                reservation.template_id,
                reservation.id,
                reservation.start_day,
                reservation.last_day,
                -1,
                cause,
            ),
            By::actor(Actor::Student(user_name.clone())),
        ));
    }
    let changes: Vec<(i64, Day, i64)> =
        counts.into_iter().map(|((template, day), by)| (template, day, by)).collect();
    write_places(work, &changes, &ledger).await?;
    let offered: Vec<WaitlistRow> =
        lapsed.iter().filter(|one| one.reservation.state == ReservationState::Offered).cloned().collect();
    let of_classes = seats_offered(work.txn, offered.iter().map(|one| one.reservation.id)).await?;
    let continues = |one: &WaitlistRow| of_classes.contains(&one.reservation.id);
    let gone_out = offers_gone_out(work.txn, offered.iter().map(|one| one.user_name.as_str())).await?;
    let courses = course_list(work.txn, offered.iter().map(|one| one.reservation.template_id)).await?;
    let is_heard = |one: &WaitlistRow| {
        let code = courses.get(&one.reservation.template_id).map_or("", |course| course.code.as_str());
        let kind = if continues(one) { MessageKind::ContinueOffer } else { MessageKind::WaitlistOffer };
        let about = format!("{kind}/{code}@");
        let since = one.reservation.joined_at.unwrap_or(one.reservation.created_at);
        gone_out.iter().any(|(person, key, written_at)| {
            *person == one.user_name && key.starts_with(&about) && *written_at >= since
        })
    };
    // Who never got the offer has lost none: of a waiting list the wait has ended.
    let (heard, mut unheard): (Vec<WaitlistRow>, Vec<WaitlistRow>) = offered.into_iter().partition(is_heard);
    unheard.retain(|one| !continues(one));
    let (going_on, waiting): (Vec<WaitlistRow>, Vec<WaitlistRow>) = heard.into_iter().partition(continues);
    Ok(tell(work, Told::OfferExpired { continues: true }, &going_on).await?
        + tell(work, Told::OfferExpired { continues: false }, &waiting).await?
        + tell(work, Told::Closed(ListEnd::NoPlace), &unheard).await?)
}

/// Offers free places to the waiting list; how many offers and messages.
async fn make_offers(work: Work<'_>, template_ids: &[i64]) -> Result<(u64, u64)> {
    let waiting = waiting_list(work.txn, template_ids, work.now, MOST).await?;
    // Two looks without locks: most of the time nothing is free, or who waits cannot have it now,
    // and nobody need wait for anybody.
    let places = by_template(sign_up::place_list_in(work.txn, &wanted(&waiting)).await?);
    let hopeful = |one: &&WaitlistRow| {
        let days = places.get(&one.reservation.template_id).map_or(&[][..], Vec::as_slice);
        let days = places_between(days, one.reservation.start_day, one.reservation.last_day);
        !days.is_empty() && days.iter().all(|place| place.taken < place.capacity)
    };
    if !waiting.iter().any(|one| hopeful(&one)) {
        return Ok((0, 0));
    }
    let mut round = Round::open(work, &waiting, false).await?;
    if !waiting.iter().any(|one| round.offer(&work, one).is_some()) {
        return Ok((0, 0));
    }
    let ids: BTreeSet<i64> = waiting.iter().map(|one| one.reservation.student_id).collect();
    crate::storage::reservation::student_lock_set_in_txn(work.txn, ids.iter().copied()).await?;
    // Who waits may have left the list, or be in another one's hands by now; who has just joined is
    // not locked, and looked at by who joined.
    let mut waiting = waiting_list(work.txn, template_ids, work.now, MOST).await?;
    waiting.retain(|one| ids.contains(&one.reservation.student_id));
    let mut round = Round::open(work, &waiting, true).await?;
    // Who is passed over is not in the way of those behind: what is free would only go to a
    // newcomer.
    let offers: Vec<(&WaitlistRow, OfferRow)> =
        waiting.iter().filter_map(|one| Some((one, round.offer(&work, one)?))).collect();
    let messages = write_offers(work, &offers, &round).await?;
    Ok((offers.len() as u64, messages))
}

/// The lesson days for which these wait.
fn wanted(waiting: &[WaitlistRow]) -> Vec<(i64, Day, Day)> {
    ranges(
        waiting
            .iter()
            .map(|one| (one.reservation.template_id, one.reservation.start_day, one.reservation.last_day)),
    )
}

/// What offers are decided by: places, seats and what the students have.
struct Round {
    book: LoadedBook,
    /// Students in one class, by template.
    most: HashMap<i64, i64>,
    seats: HashMap<i64, Vec<Seats>>,
}

impl Round {
    /// Reads what is needed, and with `lock` keeps it as it is until the transaction ends; the
    /// students are locked then.
    async fn open(work: Work<'_>, waiting: &[WaitlistRow], lock: bool) -> Result<Self> {
        let wanted = wanted(waiting);
        let ids: Vec<i64> = wanted.iter().map(|(id, ..)| *id).collect();
        let today = work.app.time().day(work.now);
        let mut seats = HashMap::new();
        if !lock || seat::seat_lock_in_txn(work.txn, &ids, today).await? > 0 {
            seats = seat::seat_list(work.txn, &ids, today).await?;
        }
        let templates = catalog::template_by_ids(work.txn, ids).await?;
        let grades: HashMap<i64, i32> =
            templates.iter().map(|template| (template.id, template.grade)).collect();
        // Who has joined the list is of its grade.
        let mut students: BTreeMap<i64, i32> = BTreeMap::new();
        for WaitlistRow { reservation, .. } in waiting {
            let grade = grades.get(&reservation.template_id).copied().unwrap_or(0);
            students.entry(reservation.student_id).or_insert(grade);
        }
        let between = around(&wanted);
        let who = students.keys().copied();
        let claims = sign_up::taking_list(work.txn, who, between.0, between.1, work.now).await?;
        let contents = Contents {
            templates: grades.into_iter().collect(),
            places: if lock { Places::Lock(&wanted) } else { Places::Look(&wanted) },
            students: students.into_iter().collect(),
            claims: &claims,
            between,
        };
        let book = LoadedBook::load(work.txn, contents).await?;
        let most = templates.iter().map(|one| (one.id, i64::from(one.max_students_per_class))).collect();
        Ok(Self { book, most, seats })
    }

    /// The offer that a student can be made now; none = the student is passed over.
    fn offer(&mut self, call: &Call<'_>, one: &WaitlistRow) -> Option<OfferRow> {
        let reservation = &one.reservation;
        let (student, template) = (reservation.student_id, reservation.template_id);
        let max = self.most.get(&template).copied()?;
        let (start, last) = (reservation.start_day, reservation.last_day);
        let places = places_between(self.book.places(template), start, last);
        let first = places.first().copied()?;
        let days: Vec<Day> = places.iter().map(|place| place.day).collect();
        let mut classes = self.seats.get_mut(&template);
        let pupil = Pupil { student_id: student, city: city(&one.area_code) };
        let seat = classes.as_deref().and_then(|classes| find_seat(classes, &pupil, &days, max));
        let rule = start_rule(call.app.rules(), first.day, first.start_at, call.now);
        let may = rule == Start::Open || (rule == Start::SeatOnly && seat.is_some());
        let expires_at = offer_until(call.app.rules(), first.day, first.start_at, seat.is_some(), call.now);
        // Not if a day is full, nor beside whatever else the student has at that time until then.
        if !may
            || expires_at <= call.now
            || self.book.take(student, template, Claim::Offer, start, last).is_err()
        {
            return None;
        }
        let class = seat.and_then(|position| classes.as_mut().and_then(|classes| classes.get_mut(position)));
        let seat = class.map(|class| {
            class.take(&days);
            (class.class_id, first.day)
        });
        Some(OfferRow { reservation_id: reservation.id, expires_at, seat })
    }
}

async fn write_offers(work: Work<'_>, offers: &[(&WaitlistRow, OfferRow)], round: &Round) -> Result<u64> {
    if offers.is_empty() {
        return Ok(0);
    }
    let rows: Vec<OfferRow> = offers.iter().map(|(_, offer)| *offer).collect();
    offer_set_in_txn(work.txn, &rows).await?;
    let ranges = offers.iter().map(|(one, _)| &one.reservation);
    let changes =
        round.book.taken(ranges.map(|offered| (offered.template_id, offered.start_day, offered.last_day)));
    let mut ledger = Vec::new();
    for (WaitlistRow { reservation, user_name, .. }, _) in offers {
        let (first, last) = (reservation.start_day, reservation.last_day);
        ledger.push((
            change(reservation.template_id, reservation.id, first, last, 1, PlaceCause::Offer),
            By::actor(Actor::Student(user_name.clone())),
        ));
    }
    write_places(work, &changes, &ledger).await?;
    let offered: Vec<WaitlistRow> = offers
        .iter()
        .map(|(one, offer)| {
            let mut one = (*one).clone();
            one.reservation.expires_at = Some(offer.expires_at);
            one
        })
        .collect();
    tell(work, Told::Offer, &offered).await
}

async fn write_places(
    work: Work<'_>,
    changes: &[(i64, Day, i64)],
    ledger: &[(PlaceChange, By)],
) -> Result<()> {
    if !changes.is_empty() {
        sign_up::place_change_in_txn(work.txn, changes).await?;
    }
    let ledger: Vec<(&PlaceChange, &By)> = ledger.iter().map(|(change, by)| (change, by)).collect();
    place_change_write_all_in_txn(work.txn, &ledger, work.now).await
}

fn change(
    template_id: i64,
    reservation_id: i64,
    first_day: Day,
    last_day: Day,
    delta: i64,
    cause: PlaceCause,
) -> PlaceChange {
    PlaceChange { template_id, reservation_id: Some(reservation_id), first_day, last_day, delta, cause }
}

/// What became of places on waiting lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Places are offered.
    Offer,
    /// The offers have run out; of a seat in a class that goes on, or of a place that came free.
    OfferExpired { continues: bool },
    /// They have ended.
    Closed(ListEnd),
}

/// Tells students of what became of their entries; messages written.
pub(super) async fn tell(work: Work<'_>, told: Told, entries: &[WaitlistRow]) -> Result<u64> {
    let courses = course_list(work.txn, entries.iter().map(|one| one.reservation.template_id)).await?;
    let wanted = ranges(
        entries
            .iter()
            .map(|one| (one.reservation.template_id, one.reservation.start_day, one.reservation.end_day)),
    );
    let lessons = if wanted.is_empty() {
        HashMap::new()
    } else {
        by_template(sign_up::place_list_in(work.txn, &wanted).await?)
    };
    let mut drafts = Vec::with_capacity(entries.len());
    for WaitlistRow { reservation, user_name, phone, .. } in entries {
        let id = reservation.template_id;
        let (Some(course), Some(places)) = (courses.get(&id), lessons.get(&id)) else { continue };
        let places = places_between(places, reservation.start_day, reservation.end_day);
        let Some(first) = places.first() else { continue };
        let (mut valid_until, last_day) = (first.start_at, places.last().map_or(first.day, |last| last.day));
        let news = match told {
            Told::Offer => {
                let take_by = reservation.expires_at.unwrap_or(first.start_at);
                valid_until = take_by;
                ClassNews::WaitlistOffer { lessons: LessonCount { lessons: places.len(), last_day }, take_by }
            }
            Told::OfferExpired { continues } => ClassNews::OfferExpired { continues },
            Told::Closed(end) => ClassNews::WaitlistClosed(end),
        };
        let person = Person::Student { user_name: user_name.clone(), phone: phone.clone() };
        drafts.push(Draft {
            version: format!("{}.{}", work.now.unix(), reservation.joined_at.map_or(0, Instant::unix)),
            valid_until: valid_until.max(work.now),
            ..Draft::of_class(person, class_from(course, first.day), news, first.start_at)
        });
    }
    outbox::write(work, drafts).await
}
