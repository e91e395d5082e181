//! Rebuilds the places of class templates when a template, its period or its season was written
//! (docs/domain.md §2).

use super::App;
use crate::app::call::Work;
use crate::domain::calendar::parse_time;
use crate::domain::places::{PlaceDay, Slot, show_days};
use crate::domain::recurrence::RecurrenceError;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::entity::place;
use crate::storage::place as store;
use crate::storage::place::TemplateSlot;
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(crate) use crate::domain::places::places_of;

/// Why the places of a template cannot be as the catalogue now wants them: sign-ups stand on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The template.
    pub template_id: i64,
    /// Its code.
    pub code: String,
    /// The column of the template that asks for it: `recurrence`, `max_classes`.
    pub column: &'static str,
    /// One sentence that names the days.
    pub detail: String,
}

impl Conflict {
    fn new(slot: &TemplateSlot, column: &'static str, detail: String) -> Self {
        Self { template_id: slot.template.id, code: slot.template.code.clone(), column, detail }
    }
}

impl From<Conflict> for Error {
    fn from(conflict: Conflict) -> Self {
        Self::invalid(conflict.column, format!("class template {}: {}", conflict.code, conflict.detail))
    }
}

/// Makes the places of these templates as template, period and season now say; seats taken stay
/// taken. When it finds conflicts it has written nothing, and the transaction is to be rolled back.
///
/// A lesson day that sign-ups cover is neither dropped nor moved, and none is put between those
/// they have: the students signed up for other lessons. A day keeps at least as many seats as are
/// taken.
pub(crate) async fn remake_places(work: Work<'_>, template_ids: &[i64]) -> Result<Vec<Conflict>> {
    if template_ids.is_empty() {
        return Ok(Vec::new());
    }
    let slots = store::template_slots(work.txn, template_ids).await?;
    store::place_lock_in_txn(work.txn, template_ids).await?;
    let mut before = store::place_list(work.txn, template_ids).await?;
    let (mut plans, mut conflicts) = (Vec::new(), Vec::new());
    for slot in &slots {
        let old = before.remove(&slot.template.id).unwrap_or_default();
        let wanted = match wanted_places(work.app, slot)? {
            Ok(wanted) => wanted,
            // Some rules are good by themselves and not in this season, as one whose UNTIL is
            // before its first day.
            Err(error) => {
                conflicts.push(Conflict::new(slot, "recurrence", error.to_string()));
                continue;
            }
        };
        let plan = Plan::new(slot, &old, &wanted, work.now);
        if plan.is_change {
            plans.push(plan);
        }
    }
    let moved: Vec<i64> =
        plans.iter().filter(|plan| !plan.moved.is_empty()).map(|plan| plan.slot.template.id).collect();
    let mut covered: HashMap<i64, Vec<(Day, Day)>> = HashMap::new();
    if !moved.is_empty() {
        for range in store::reservation_ranges(work.txn, &moved).await? {
            covered.entry(range.template_id).or_default().push((range.start_day, range.last_day));
        }
    }
    for plan in &plans {
        conflicts.extend(plan.conflicts(covered.get(&plan.slot.template.id).map_or(&[], Vec::as_slice)));
    }
    if conflicts.is_empty() && !plans.is_empty() {
        let changed: Vec<i64> = plans.iter().map(|plan| plan.slot.template.id).collect();
        let rows: Vec<place::Model> = plans.into_iter().flat_map(|plan| plan.rows).collect();
        store::place_replace_in_txn(work.txn, &changed, &rows).await?;
    }
    Ok(conflicts)
}

/// The places a template is to have, none taken; or why its recurrence cannot be used.
pub(crate) fn wanted_places(
    app: &App,
    slot: &TemplateSlot,
) -> Result<Result<Vec<PlaceDay>, RecurrenceError>> {
    let TemplateSlot { template, season, period, except } = slot;
    let corrupt = |table, column, id: i64| Error::Corrupt { table, column, id: id.to_string() };
    let slot = Slot {
        season_start: season.start_day,
        season_end: season.end_day,
        except,
        recurrence: &template.recurrence,
        start_time: parse_time(&period.start_time)
            .ok_or_else(|| corrupt("period", "start_time", period.id))?,
        end_time: parse_time(&period.end_time).ok_or_else(|| corrupt("period", "end_time", period.id))?,
        max_classes: template.max_classes,
        max_students_per_class: template.max_students_per_class,
    };
    Ok(places_of(app.rules(), &slot))
}

/// What is to become of the places of one template.
struct Plan<'a> {
    slot: &'a TemplateSlot,
    rows: Vec<place::Model>,
    /// Days that come, go or have their lesson at another time.
    moved: BTreeSet<Day>,
    /// Days with more seats taken than there would be.
    crowded: Vec<Day>,
    is_change: bool,
}

impl<'a> Plan<'a> {
    /// What has begun stays as it was, and nothing comes that would have begun, but of a template
    /// that is new.
    fn new(slot: &'a TemplateSlot, old: &[place::Model], wanted: &[PlaceDay], now: Instant) -> Self {
        let old_by_day: BTreeMap<Day, &place::Model> = old.iter().map(|row| (row.day, row)).collect();
        let mut moved: BTreeSet<Day> = old_by_day.keys().copied().collect();
        let mut rows = Vec::with_capacity(wanted.len());
        let mut crowded = Vec::new();
        for want in wanted {
            let had = old_by_day.get(&want.day);
            if had.map_or(!old.is_empty() && want.start_at <= now, |had| had.start_at <= now) {
                continue;
            }
            let same_time = had.is_some_and(|had| (had.start_at, had.end_at) == (want.start_at, want.end_at));
            if same_time {
                moved.remove(&want.day);
            } else {
                moved.insert(want.day);
            }
            let taken = had.map_or(0, |had| had.taken);
            if taken > want.capacity {
                crowded.push(want.day);
            }
            rows.push(place::Model {
                template_id: slot.template.id,
                day: want.day,
                start_at: want.start_at,
                end_at: want.end_at,
                capacity: want.capacity,
                taken,
                not_held_at: want.not_held_at,
                not_held_told: same_time && had.is_some_and(|had| had.not_held_told),
            });
        }
        for had in old.iter().filter(|had| had.start_at <= now) {
            moved.remove(&had.day);
            rows.push(had.clone());
        }
        rows.sort_by_key(|row| row.day);
        let is_change = rows != old;
        Self { slot, rows, moved, crowded, is_change }
    }

    fn conflicts(&self, covered: &[(Day, Day)]) -> Vec<Conflict> {
        let mut found = Vec::new();
        let held: Vec<Day> = self
            .moved
            .iter()
            .copied()
            .filter(|day| covered.iter().any(|(first, last)| first <= day && day <= last))
            .collect();
        if !held.is_empty() {
            found.push(Conflict::new(
                self.slot,
                "recurrence",
                format!(
                    "students have signed up for a range with {}, where lessons would change",
                    show_days(&held)
                ),
            ));
        }
        if !self.crowded.is_empty() {
            found.push(Conflict::new(
                self.slot,
                "max_classes",
                format!("more places are taken than there would be on {}", show_days(&self.crowded)),
            ));
        }
        found
    }
}
