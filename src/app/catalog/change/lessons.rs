//! Makes the lessons of classes follow the lesson days of their template, if their coaches can
//! follow.

use super::plan::Edit;
use super::scene::{EditCause, LessonChange, Scene};
use crate::app::call::{Call, Work};
use crate::app::staffing::hold::budget_starts;
use crate::app::staffing::in_place::{InPlace, Lost, Teacher};
use crate::domain::eligibility::{self, Candidate, Need, Purpose, Span};
use crate::domain::places::{PlaceDay, show_days};
use crate::domain::state::{LessonChangeKind, LessonState, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::storage::continuation::lessons::classes_of_several_invitations;
use crate::storage::entity::lesson;
use crate::storage::pool::{self, Which};
use crate::storage::season_edit::{self, EditedClass, EditedReservation};
use crate::storage::staffing;
use crate::storage::vacancy;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Lessons of classes that an edit touched.
#[derive(Debug, Default)]
pub(super) struct ClassLessons {
    /// They fall away: as they were.
    pub cancelled: Vec<lesson::Model>,
    /// They are at another time: as they were, and their start now.
    pub moved: Vec<(lesson::Model, PlaceDay)>,
    /// They come; the key is 0 for one that was never there.
    pub added: Vec<lesson::Model>,
    /// Of these, what their substitutes do not have again.
    pub lost: Vec<Lost>,
    /// What is wanted, or was found, in the place of coaches of lessons that come.
    pub in_place: InPlace,
}

/// Cancels, moves and adds the lessons of classes.
///
/// # Errors
/// IN_USE when a lesson of today has begun, or a coach cannot follow; PLACES_EXHAUSTED when a class
/// would be too full.
pub(super) async fn follow(work: Work<'_>, scene: &Scene<'_>, cause: EditCause<'_>) -> Result<ClassLessons> {
    let mut found = ClassLessons::default();
    let class_of: HashMap<i64, i64> =
        scene.classes.all.iter().map(|class| (class.id, class.template_id)).collect();
    let edit_of =
        |row: &lesson::Model| class_of.get(&row.class_id).and_then(|template| scene.edit_of(*template));
    begun(&work, scene, &edit_of)?;
    for row in scene.classes.lessons.iter().filter(|row| row.state == LessonState::Scheduled) {
        let Some(edit) = edit_of(row) else { continue };
        if edit.removed.contains_key(&row.day) {
            found.cancelled.push(row.clone());
        } else if edit.moved.contains_key(&row.day)
            && let Some(place) = edit.places.get(&row.day)
        {
            if cause.other_period {
                return Err(edit
                    .refuse(
                        Reason::InUse,
                        &[row.day],
                        "the coaches of its classes offered only its present period, on",
                    )
                    .of_classes(vec![row.class_id]));
            }
            found.moved.push((row.clone(), *place));
        }
    }
    let Wanted { lessons: wanted, earlier } = wanted(scene)?;
    if !earlier.is_empty() {
        season_edit::reservation_seat_from_in_txn(work.txn, &earlier).await?;
    }
    let invitation: HashMap<i64, i64> = scene
        .classes
        .all
        .iter()
        .filter_map(|class| class.invitation_id.map(|invitation| (class.id, invitation)))
        .collect();
    if !found.cancelled.is_empty() {
        season_edit::lesson_cancel_in_txn(
            work.txn,
            &found.cancelled.iter().map(|row| row.id).collect::<Vec<_>>(),
        )
        .await?;
        let free = found
            .cancelled
            .iter()
            .filter_map(|row| invitation.get(&row.class_id).map(|invitation| (*invitation, row.day)));
        season_edit::availability_free_days_in_txn(work.txn, &free.collect::<Vec<_>>()).await?;
        // A substitute's time is free too, and that which a coach has by another invitation.
        let several =
            classes_of_several_invitations(work.txn, found.cancelled.iter().map(|row| row.class_id)).await?;
        let coach_of: HashMap<i64, i64> =
            scene.classes.all.iter().map(|class| (class.id, class.coach_id)).collect();
        for row in &found.cancelled {
            let is_others = coach_of.get(&row.class_id).is_some_and(|coach| *coach != row.coach_id);
            if is_others || several.contains(&row.class_id) {
                let (class, coach, days) = (row.class_id, row.coach_id, [row.day]);
                vacancy::availability_free_of_class_in_txn(work.txn, class, coach, &days).await?;
            }
        }
    }
    if !found.moved.is_empty() {
        let rows: Vec<_> = found
            .moved
            .iter()
            .map(|(row, place)| (row.id, place.start_at, place.end_at, row.coach_id))
            .collect();
        season_edit::lesson_move_in_txn(work.txn, &rows).await?;
        let classes: Vec<i64> = found.moved.iter().map(|(row, _)| row.class_id).collect();
        let clash =
            season_edit::lesson_clash_days(work.txn, &classes, work.app.rules().gap.num_seconds(), work.now)
                .await?;
        if !clash.is_empty() {
            let days = show_days(&clash);
            return Err(Error::refused_on(
                Reason::InUse,
                format!("the coach of a class has another lesson too close to it, on {days}"),
                clash,
            ));
        }
    }
    if !wanted.is_empty() {
        add(work, scene, wanted, &mut found).await?;
    }
    set_spans(work, scene, &found).await?;
    let touched: BTreeSet<i64> = found
        .cancelled
        .iter()
        .chain(found.moved.iter().map(|(row, _)| row))
        .chain(&found.added)
        .map(|row| row.class_id)
        .collect();
    if !touched.is_empty() {
        staffing::vacancy_mark_of_classes_in_txn(work.txn, &Vec::from_iter(touched)).await?;
    }
    Ok(found)
}

/// The time of lessons is not changed on a day on which one has begun.
fn begun<'s>(
    call: &Call<'_>,
    scene: &'s Scene<'_>,
    edit_of: &impl Fn(&lesson::Model) -> Option<&'s Edit<'s>>,
) -> Result<()> {
    let today = call.app.time().day(call.now);
    for row in scene.classes.lessons.iter().filter(|row| row.state != LessonState::Cancelled) {
        if row.start_at <= call.now
            && (row.day == today || row.end_at > call.now)
            && let Some(edit) = edit_of(row).filter(|edit| !edit.moved.is_empty())
        {
            return Err(edit
                .refuse(Reason::InUse, &[row.day], "a lesson of a class has begun, on")
                .of_classes(vec![row.class_id]));
        }
    }
    Ok(())
}

/// What days that come mean for classes.
struct Wanted {
    /// Which classes are to have a lesson on them: those with students who cover them.
    lessons: BTreeMap<i64, Vec<Day>>,
    /// Students who sit in their class from an earlier day on: (reservation, day).
    earlier: Vec<(i64, Day)>,
}

fn seated(reservation: &&EditedReservation) -> bool {
    matches!(reservation.state, ReservationState::Placed | ReservationState::Held | ReservationState::Offered)
        && reservation.class_id.is_some()
}

/// A student whose first lesson came only later because the days before it were excepted sits in
/// the class on them too, as far back as there is a seat. Lessons for which the student had no
/// class before stay without one.
fn earlier(scene: &Scene<'_>, rosters: &mut BTreeMap<(i64, Day), i32>) -> Vec<(i64, Day)> {
    let mut earlier = Vec::new();
    for reservation in scene.reservations.iter().filter(seated) {
        let (Some(edit), Some(from)) = (scene.edit_of(reservation.template_id), reservation.placed_from)
        else {
            continue;
        };
        let class = scene.classes.all.iter().find(|class| Some(class.id) == reservation.class_id);
        let Some(class) = class else { continue };
        // The class begins with the first lesson that it ever had: an excepted one too.
        let lessons = scene.classes.lessons.iter().filter(|row| row.class_id == class.id).map(|row| row.day);
        let since = reservation.start_day.max(lessons.min().unwrap_or(class.first_day).min(class.first_day));
        if since >= from || edit.places.range(since..from).any(|(day, _)| !edit.added.contains(day)) {
            continue;
        }
        let mut first = None;
        for (day, _) in edit.places.range(since..from).rev() {
            let roster = rosters.entry((class.id, *day)).or_default();
            if *roster >= edit.template.max_students_per_class {
                break;
            }
            *roster += 1;
            first = Some((reservation.id, *day));
        }
        earlier.extend(first);
    }
    earlier
}

fn wanted(scene: &Scene<'_>) -> Result<Wanted> {
    let mut rosters: BTreeMap<(i64, Day), i32> = BTreeMap::new();
    for reservation in scene.reservations.iter().filter(seated) {
        let (Some(edit), Some(class_id)) = (scene.edit_of(reservation.template_id), reservation.class_id)
        else {
            continue;
        };
        let from = reservation.placed_from.unwrap_or(reservation.start_day);
        if from > reservation.last_day {
            continue;
        }
        for day in edit.added.range(from..=reservation.last_day) {
            *rosters.entry((class_id, *day)).or_default() += 1;
        }
    }
    let earlier = earlier(scene, &mut rosters);
    let mut lessons: BTreeMap<i64, Vec<Day>> = BTreeMap::new();
    for ((class_id, day), students) in rosters {
        let edit = scene.classes.template_of(class_id).and_then(|template| scene.edit_of(template));
        if let Some(edit) = edit.filter(|edit| students > edit.template.max_students_per_class) {
            return Err(edit.refuse(
                Reason::PlacesExhausted,
                &[day],
                &format!("class {class_id} would have {students} students, on"),
            ));
        }
        lessons.entry(class_id).or_default().push(day);
    }
    Ok(Wanted { lessons, earlier })
}

/// Adds lessons, with their coach, whose availability is taken: who had one that is back, if that
/// was a substitute who still can; otherwise the coach of the class.
async fn add(
    work: Work<'_>,
    scene: &Scene<'_>,
    wanted: BTreeMap<i64, Vec<Day>>,
    found: &mut ClassLessons,
) -> Result<()> {
    let (today, week) = budget_starts(&work);
    let classes: Vec<&EditedClass> =
        scene.classes.all.iter().filter(|class| wanted.contains_key(&class.id)).collect();
    let had: HashMap<(i64, Day), &lesson::Model> =
        scene.classes.lessons.iter().map(|row| ((row.class_id, row.day), row)).collect();
    let templates = BTreeSet::from_iter(classes.iter().map(|class| class.template_id));
    let from = wanted.values().flatten().min().copied().unwrap_or_default();
    found.in_place = InPlace::load(work, &Vec::from_iter(templates), from).await?;
    let taught = wanted.iter().flat_map(|(class, days)| days.iter().map(move |day| (*class, *day)));
    let taught = taught.filter_map(|key| Some(had.get(&key)?.coach_id));
    let coaches: BTreeSet<i64> = classes.iter().map(|class| class.coach_id).chain(taught).collect();
    let which = Which::Coaches(Vec::from_iter(coaches));
    let candidates = pool::candidate_list(work.txn, &which, work.now, today, week).await?;
    let mut candidates: HashMap<i64, Candidate> =
        candidates.into_iter().map(|candidate| (candidate.id, candidate)).collect();
    // They have the class already: neither the rank's limit nor a block on new ones counts.
    candidates.values_mut().for_each(|coach| (coach.classes, coach.blocked) = (0, false));
    let (mut added, mut uses) = (Vec::new(), Vec::new());
    for class in classes {
        let (Some(edit), Some(days)) = (scene.edit_of(class.template_id), wanted.get(&class.id)) else {
            continue;
        };
        let mut refused = Vec::new();
        for place in days.iter().filter_map(|day| edit.places.get(day)) {
            let span = Span { day: place.day, start: place.start_at, end: place.end_at };
            let row = had.get(&(class.id, place.day));
            let before = row.map_or(class.coach_id, |row| row.coach_id);
            let key = (class.id, place.day, place.start_at);
            let teacher = found.in_place.teacher(&work, key, (before, class.coach_id));
            let mut offered = |coach_id: i64, invitation: Option<i64>| -> Result<Result<(), Reason>> {
                let coach =
                    candidates.get_mut(&coach_id).ok_or_else(|| Error::not_found("coach", coach_id))?;
                Ok(offer_of(&work, coach, edit, span)?.map(|offer| {
                    take(coach, offer, span);
                    uses.extend(invitation.map(|invitation| (offer, place.day, invitation)));
                }))
            };
            let lost = |vacancy_id: i64, coach_id: Option<i64>| Lost {
                vacancy_id,
                coach_id,
                class_coach_id: class.coach_id,
                span,
            };
            let substitute = match teacher {
                Teacher::Substitute { coach_id, vacancy_id, invitation_id } => {
                    let has_it = offered(coach_id, Some(invitation_id))?.is_ok();
                    if !has_it {
                        found.lost.push(lost(vacancy_id, Some(coach_id)));
                    }
                    has_it.then_some(coach_id)
                }
                Teacher::Unfilled { vacancy_id } => {
                    found.lost.push(lost(vacancy_id, None));
                    None
                }
                Teacher::Sought { coach_id } => Some(coach_id).filter(|coach| *coach != class.coach_id),
                Teacher::Class => None,
            };
            let is_refused = match substitute {
                Some(_) => None,
                None => offered(class.coach_id, class.invitation_id)?.err(),
            };
            let may_be_sought = match teacher {
                Teacher::Class => false,
                Teacher::Sought { .. } => true,
                _ => InPlace::may_be_sought(&work, span),
            };
            if let Some(reason) = is_refused.filter(|_| !may_be_sought) {
                refused.push((place.day, reason));
                continue;
            }
            added.push(lesson::Model {
                id: row.map_or(0, |row| row.id),
                class_id: class.id,
                day: place.day,
                start_at: place.start_at,
                end_at: place.end_at,
                coach_id: substitute.unwrap_or(class.coach_id),
                state: LessonState::Scheduled,
                closed_at: None,
            });
        }
        if let Some((_, reason)) = refused.first() {
            let days: Vec<Day> = refused.iter().map(|(day, _)| *day).collect();
            return Err(edit
                .refuse(
                    Reason::InUse,
                    &days,
                    &format!("the coach of class {} cannot teach ({reason}), on", class.id),
                )
                .of_classes(vec![class.id]));
        }
    }
    let back: Vec<_> = added
        .iter()
        .filter(|row| row.id != 0)
        .map(|row| (row.id, row.start_at, row.end_at, row.coach_id))
        .collect();
    if !back.is_empty() {
        season_edit::lesson_move_in_txn(work.txn, &back).await?;
    }
    let new: Vec<lesson::Model> = added.iter().filter(|row| row.id == 0).cloned().collect();
    season_edit::lesson_insert_in_txn(work.txn, &new).await?;
    staffing::availability_take_set_in_txn(work.txn, &uses).await?;
    found.added = added;
    Ok(())
}

/// The offer that a coach can use for one more lesson, or why not.
fn offer_of(call: &Call<'_>, coach: &Candidate, edit: &Edit<'_>, span: Span) -> Result<Result<i64, Reason>> {
    let need = Need {
        task_id: 0,
        subject_id: edit.template.subject_id,
        grade_type: pool::grade_type(edit.template.grade, 0)?,
        start: call.app.time().time(span.start),
        end: call.app.time().time(span.end),
        spans: vec![span],
        needed: 1,
        cities: BTreeMap::new(),
        is_a_class: true,
        first: BTreeSet::new(),
        limits: BTreeMap::new(),
        blocks: BTreeMap::new(),
    };
    if let Err(reason) = eligibility::check(call.app.rules(), coach, &need, Purpose::Answer, call.now) {
        return Ok(Err(reason));
    }
    let offers = eligibility::offers_for(coach, &need).unwrap_or_default();
    Ok(offers.first().map(|(offer, _)| *offer).ok_or(Reason::NoAvailability))
}

fn take(coach: &mut Candidate, offer: i64, span: Span) {
    for row in coach.offers.iter_mut().filter(|row| row.id == offer) {
        row.used.insert(span.day);
    }
    let position = coach.lessons.partition_point(|lesson| lesson.start < span.start);
    coach.lessons.insert(position, span);
}

/// A class goes from its first lesson to its last; one without a lesson ahead is closed, one that
/// has one again is open.
async fn set_spans(work: Work<'_>, scene: &Scene<'_>, found: &ClassLessons) -> Result<()> {
    let cancelled: Vec<i64> = found.cancelled.iter().map(|row| row.id).collect();
    let mut changed = Vec::new();
    for mut class in scene.classes.all.iter().cloned() {
        let id = class.id;
        let comes = || found.added.iter().filter(|row| row.class_id == id);
        let goes = found.cancelled.iter().any(|row| row.class_id == id);
        if !goes && comes().next().is_none() {
            continue;
        }
        let held = scene.classes.lessons.iter().filter(|row| row.class_id == id);
        let held = held.filter(|row| row.state != LessonState::Cancelled && !cancelled.contains(&row.id));
        let days = || held.clone().chain(comes()).map(|row| row.day);
        (class.first_day, class.last_day) =
            days().min().zip(days().max()).unwrap_or((class.first_day, class.last_day));
        let moved = |row: &lesson::Model| found.moved.iter().find(|(before, _)| before.id == row.id);
        let times = |row: &lesson::Model| match moved(row) {
            Some((_, place)) => (place.start_at, place.end_at),
            None => (row.start_at, row.end_at),
        };
        let lessons: Vec<(Instant, Instant)> = held.clone().chain(comes()).map(times).collect();
        class.state = class.state.with(&lessons, work.now);
        changed.push(class);
    }
    if !changed.is_empty() {
        season_edit::class_span_set_in_txn(work.txn, &changed).await?;
    }
    Ok(())
}

/// All lessons that changed: of templates and of classes.
pub(super) fn changes(scene: &Scene<'_>, found: &ClassLessons) -> Vec<LessonChange> {
    let mut all = Vec::new();
    for edit in &scene.edits {
        let change = |day: Day, kind, before: Option<&PlaceDay>| {
            let after = edit.places.get(&day);
            LessonChange {
                class_template: edit.template.code.clone(),
                day,
                class_id: None,
                kind,
                before: before.map(|row| row.start_at),
                after: after.map(|row| row.start_at),
                capacity_before: before.map_or(0, |row| row.capacity),
                capacity: after.map_or(0, |row| row.capacity),
            }
        };
        all.extend(edit.removed.iter().map(|(day, row)| change(*day, LessonChangeKind::Removed, Some(row))));
        all.extend(edit.added.iter().map(|day| change(*day, LessonChangeKind::Added, None)));
        all.extend(edit.moved.iter().map(|(day, row)| change(*day, LessonChangeKind::Moved, Some(row))));
        // One that moved says its new number of places already.
        for (day, had) in edit.resized.iter().filter(|(day, _)| !edit.moved.contains_key(day)) {
            let same = edit.places.get(day);
            all.push(LessonChange { capacity_before: *had, ..change(*day, LessonChangeKind::Resized, same) });
        }
    }
    let of_class = |row: &lesson::Model, kind, before, after| {
        let edit = scene.classes.template_of(row.class_id).and_then(|template| scene.edit_of(template));
        LessonChange {
            class_template: edit.map_or_else(String::new, |edit| edit.template.code.clone()),
            day: row.day,
            class_id: Some(row.class_id),
            kind,
            before,
            after,
            capacity_before: 0,
            capacity: 0,
        }
    };
    all.extend(
        found.cancelled.iter().map(|row| of_class(row, LessonChangeKind::Removed, Some(row.start_at), None)),
    );
    all.extend(
        found.added.iter().map(|row| of_class(row, LessonChangeKind::Added, None, Some(row.start_at))),
    );
    all.extend(found.moved.iter().map(|(row, place)| {
        of_class(row, LessonChangeKind::Moved, Some(row.start_at), Some(place.start_at))
    }));
    all
}

/// A period was moved: offers in it move too, so a class in another period whose coach used one
/// must still be inside it.
///
/// # Errors
/// IN_USE with the days on which it is not.
pub(crate) async fn offers_still_cover(work: Work<'_>, period_id: i64) -> Result<()> {
    let mut days = Vec::new();
    for found in season_edit::foreign_use_list(work.txn, period_id, work.now).await? {
        let time = |text: &str| pool::time_of(text, "start_time", period_id);
        let (from, to) = (time(&found.offer_start)?, time(&found.offer_end)?);
        if !eligibility::includes(from, to, time(&found.start_time)?, time(&found.end_time)?) {
            days.push(found.day);
        }
    }
    if days.is_empty() {
        return Ok(());
    }
    days.dedup();
    let why = "a coach teaches under an offer that would no longer cover the lesson, on";
    Err(Error::refused_on(Reason::InUse, format!("{why} {}", show_days(&days)), days))
}
