//! Carries an edit of the catalogue through to lesson days and everybody who has a claim on them,
//! for all or not at all (docs/domain.md §2), and reports what it did. A preview runs the whole
//! transaction and rolls it back.
//!
//! Locks: the making of tasks, open tasks, the season (all by the caller), then students, classes
//! and coaches, and places last.

mod lessons;
mod make_ups;
mod plan;
mod reservations;
mod scene;
mod tasks;
mod tell;

use crate::app::call::Work;
use crate::app::enrollment::offer;
use crate::app::staffing::hold::coach_lock_in_txn;
use crate::app::staffing::in_place;
use crate::domain::places::{PlaceDay, show_days, show_ids};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::storage::Txn;
use crate::storage::entity::{class_template, place};
use crate::storage::make_up::make_up_template_list;
use crate::storage::place::{
    place_list, place_lock_in_txn, place_replace_in_txn, place_rows, template_slots,
};
use crate::storage::season_edit::{self, EditedReservation};
pub(super) use lessons::offers_still_cover;
use plan::Edit;
pub(crate) use scene::{CatalogChange, EditCause, LessonChange, ReservationChange, TaskChange};
use scene::{Classes, Scene, span};
use std::collections::{BTreeSet, HashMap};

/// Makes the lesson days of templates agree with what was just written to the catalogue, and all
/// that stands on them.
///
/// # Errors
/// `Invalid` when a template is left without lesson days. `Precondition` with the days: IN_USE when
/// a lesson has begun, more places are taken than there would be, a task's rosters would be frozen
/// already, or a class or its coach cannot follow; PLACES_EXHAUSTED and SCHEDULE_CONFLICT when
/// students who would get a lesson cannot have it.
pub(crate) async fn carry_out(
    work: Work<'_>,
    templates: &[class_template::Model],
    cause: EditCause<'_>,
) -> Result<CatalogChange> {
    let ids: Vec<i64> = templates.iter().map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(CatalogChange::default());
    }
    let wanted = wanted(work, &ids, cause.field).await?;
    let edits = compare(templates, &wanted, &place_list(work.txn, &ids).await?, work.now);
    let Some((first, last)) = span(&edits) else { return Ok(CatalogChange::default()) };
    let ids: Vec<i64> = edits.iter().map(|edit| edit.template.id).collect();
    let reservations = lock(work, &ids, first, last).await?;
    // Only now nobody takes or frees places any more.
    let old = place_list(work.txn, &ids).await?;
    let mut edits = compare(templates, &wanted, &old, work.now);
    edits.retain(|edit| ids.contains(&edit.template.id));
    for edit in &mut edits {
        let of: Vec<&EditedReservation> =
            reservations.iter().filter(|reservation| reservation.template_id == edit.template.id).collect();
        edit.count(&of);
        if let Some(error) = edit.refusal(&of, work.now) {
            return Err(error);
        }
        edit.keep_begun();
    }
    edits.retain(|edit| edit.is_change());
    if edits.is_empty() {
        return Ok(CatalogChange::default());
    }
    let ids: Vec<i64> = edits.iter().map(|edit| edit.template.id).collect();
    let classes = Classes::load(work.txn, &ids).await?;
    let scene = Scene { edits, reservations, classes };
    let mut change = CatalogChange::default();
    // Tasks first: a coach who is let go is free for what follows.
    change.tasks = tasks::end(work, &scene, &mut change.messages).await?;
    let rows: Vec<place::Model> = scene
        .edits
        .iter()
        .flat_map(|edit| place_rows(edit.template.id, edit, of(&old, edit.template.id)))
        .collect();
    place_replace_in_txn(work.txn, &ids, &rows).await?;
    reservations::write_ledger(work, &scene).await?;
    let mut followed_tasks = tasks::follow(work, &scene, &mut change).await?;
    let class_lessons = lessons::follow(work, &scene, cause).await?;
    followed_tasks.in_place(work, &scene, &class_lessons, &mut change).await?;
    // Before leave for lessons that fall away is given back.
    make_ups::follow(work, &scene, &class_lessons).await?;
    clashes(work.txn, &scene).await?;
    change.lessons = lessons::changes(&scene, &class_lessons);
    let followed = reservations::follow(work, &scene).await?;
    change.reservations = reservations::changes(&scene, &followed.gone);
    change.messages += tasks::pass_on(work, &scene, &change.tasks).await?;
    change.messages += tasks::lesson_back(work, &mut followed_tasks).await?;
    change.messages += in_place::look_again(work, &class_lessons.lost).await?;
    change.messages += tell::tell(work, &scene, &class_lessons, &followed, &followed_tasks.moved).await?;
    change.messages += make_ups::ask_anew(work, &scene).await?;
    change.messages += places_came_free(work, &scene).await?;
    sort(&mut change);
    Ok(change)
}

/// The places that the catalogue wants, by template.
async fn wanted(work: Work<'_>, ids: &[i64], field: &str) -> Result<HashMap<i64, Vec<PlaceDay>>> {
    let mut wanted = HashMap::with_capacity(ids.len());
    let for_make_ups = make_up_template_list(work.txn, ids.iter().copied()).await?;
    for slot in template_slots(work.txn, ids).await? {
        let code = &slot.template.code;
        // Some rules are good by themselves and not in this season, as one whose UNTIL is before
        // its first day.
        let days = slot
            .wanted(work.app.rules())?
            .map_err(|error| Error::invalid(field, format!("class template {code:?}: {error}")))?;
        // The one day of a make-up may fall away: what it was for is owed as before.
        if days.is_empty() && !for_make_ups.contains(&slot.template.id) {
            return Err(Error::invalid(field, format!("leaves class template {code:?} without lesson days")));
        }
        wanted.insert(slot.template.id, days);
    }
    Ok(wanted)
}

/// What is to be done of each template for which something is.
fn compare<'a>(
    templates: &'a [class_template::Model],
    wanted: &HashMap<i64, Vec<PlaceDay>>,
    old: &HashMap<i64, Vec<place::Model>>,
    now: Instant,
) -> Vec<Edit<'a>> {
    let edit = |template: &'a class_template::Model| {
        Edit::new(template, of(old, template.id), of(wanted, template.id), now)
    };
    let mut edits: Vec<Edit<'a>> = templates.iter().map(edit).filter(|edit| edit.is_change()).collect();
    edits.sort_by(|a, b| a.template.code.cmp(&b.template.code));
    edits
}

fn of<T>(all: &HashMap<i64, Vec<T>>, template_id: i64) -> &[T] {
    all.get(&template_id).map_or(&[], Vec::as_slice)
}

/// Locks whoever stands on the lesson days of templates, places last; the reservations as they are
/// then.
async fn lock(work: Work<'_>, ids: &[i64], first: Day, last: Day) -> Result<Vec<EditedReservation>> {
    let txn = work.txn;
    let mut students: Vec<i64> = season_edit::reservation_list_of_templates(txn, ids, first, last)
        .await?
        .iter()
        .map(|reservation| reservation.student_id)
        .collect();
    students.sort_unstable();
    students.dedup();
    if !students.is_empty() {
        season_edit::student_lock_set_in_txn(txn, &students).await?;
        season_edit::class_lock_of_templates_in_txn(txn, ids).await?;
        coach_lock_in_txn(txn, &season_edit::coach_ids_of_templates(txn, ids, work.now).await?).await?;
    }
    place_lock_in_txn(txn, ids).await?;
    season_edit::reservation_list_of_templates(txn, ids, first, last).await
}

/// A student has one lesson at a time.
async fn clashes(txn: &Txn, scene: &Scene<'_>) -> Result<()> {
    let days = |edit: &Edit<'_>| -> Vec<(i64, Day)> {
        edit.added.iter().chain(edit.moved.keys()).map(|day| (edit.template.id, *day)).collect()
    };
    let changed: Vec<(i64, Day)> = scene.edits.iter().flat_map(days).collect();
    if changed.is_empty() || scene.reservations.is_empty() {
        return Ok(());
    }
    let mut found = season_edit::student_clashes(txn, &changed).await?;
    let Some(template_id) = found.first().map(|clash| clash.template_id) else { return Ok(()) };
    found.retain(|clash| clash.template_id == template_id);
    let days: Vec<Day> = Vec::from_iter(found.iter().map(|clash| clash.day).collect::<BTreeSet<_>>());
    let pairs: BTreeSet<(i64, i64)> =
        found.iter().map(|clash| (clash.reservation_id, clash.other_id)).collect();
    let ids: Vec<i64> = pairs.into_iter().flat_map(|(id, other)| [id, other]).collect();
    let why = format!(
        "students who have signed up have another lesson at that time (reservations {}), on",
        show_ids(&ids)
    );
    let error = scene.edit_of(template_id).map_or_else(
        || Error::refused_on(Reason::ScheduleConflict, format!("{why} {}", show_days(&days)), days.clone()),
        |edit| edit.refuse(Reason::ScheduleConflict, &days, &why),
    );
    Err(error.of_reservations(ids))
}

/// Offers places that came free to the waiting list; messages written.
async fn places_came_free(work: Work<'_>, scene: &Scene<'_>) -> Result<u64> {
    let larger = |edit: &Edit<'_>| {
        edit.resized.iter().any(|(day, had)| edit.places.get(day).is_some_and(|row| *had < row.capacity))
    };
    let freed = scene.edits.iter().filter(|edit| !edit.removed.is_empty() || larger(edit));
    let ids: Vec<i64> = freed.map(|edit| edit.template.id).collect();
    if ids.is_empty() || scene.reservations.is_empty() {
        return Ok(0);
    }
    Ok(offer::refresh_in_txn(work, &ids).await?.messages)
}

fn sort(change: &mut CatalogChange) {
    change
        .lessons
        .sort_by(|a, b| (&a.class_template, a.day, a.class_id).cmp(&(&b.class_template, b.day, b.class_id)));
    change.reservations.sort_by_key(|one| one.reservation_id);
    change.tasks.sort_by(|a, b| (&a.class_template, a.day).cmp(&(&b.class_template, b.day)));
}
