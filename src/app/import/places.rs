//! Makes the places of class templates follow a template, period or season that an import has
//! written (docs/domain.md §2), or lists what is in the way, row by row.

use crate::app::call::Work;
use crate::domain::place_edit::PlaceEdit;
use crate::domain::places::{PlaceDay, show_days};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::entity::place;
use crate::storage::make_up::make_up_asked_list;
use crate::storage::place::{
    TemplateSlot, place_list, place_lock_in_txn, place_replace_in_txn, place_rows, reservation_ranges,
    template_slots,
};
use std::collections::{BTreeSet, HashMap};

/// Why the places of a template cannot be as the catalogue now wants them: sign-ups stand on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conflict {
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

/// Makes the places of these templates as template, period and season now say; seats taken stay
/// taken. When it finds conflicts it has written nothing, and the transaction is to be rolled back.
///
/// A lesson day that sign-ups cover is neither dropped nor moved, and none is put between those
/// they have: the students signed up for other lessons. Nor is the day of a make-up to which
/// students are asked. A day keeps at least as many seats as are taken. What has begun stays as it
/// was.
pub(super) async fn remake_places(work: Work<'_>, template_ids: &[i64]) -> Result<Vec<Conflict>> {
    if template_ids.is_empty() {
        return Ok(Vec::new());
    }
    let slots = template_slots(work.txn, template_ids).await?;
    place_lock_in_txn(work.txn, template_ids).await?;
    let mut before = place_list(work.txn, template_ids).await?;
    let (mut remade, mut conflicts) = (Vec::new(), Vec::new());
    for slot in &slots {
        let old = before.remove(&slot.template.id).unwrap_or_default();
        let wanted = match slot.wanted(work.app.rules())? {
            Ok(wanted) => wanted,
            // Some rules are good by themselves and not in this season, as one whose UNTIL is
            // before its first day.
            Err(error) => {
                conflicts.push(Conflict::new(slot, "recurrence", error.to_string()));
                continue;
            }
        };
        let one = Remade::new(slot, &old, &wanted, work.now);
        if one.rows != old {
            remade.push(one);
        }
    }
    let changed = remade.iter().filter(|one| !one.edit.changed_lessons().is_empty());
    let changed: Vec<i64> = changed.map(|one| one.slot.template.id).collect();
    let mut covered: HashMap<i64, Vec<(Day, Day)>> = HashMap::new();
    if !changed.is_empty() {
        for range in reservation_ranges(work.txn, &changed).await? {
            covered.entry(range.template_id).or_default().push((range.start_day, range.last_day));
        }
    }
    // Code and day of the make-ups to which students are asked.
    let asked = make_up_asked_list(work.txn, changed.iter().copied(), work.now).await?;
    let asked = asked.into_iter().filter_map(|row| row.offered.zip(row.offered_day)).collect();
    for one in &remade {
        conflicts.extend(one.conflicts(covered.get(&one.slot.template.id).map_or(&[], Vec::as_slice)));
        conflicts.extend(one.conflict_with(&asked));
    }
    if conflicts.is_empty() && !remade.is_empty() {
        let ids: Vec<i64> = remade.iter().map(|one| one.slot.template.id).collect();
        let rows: Vec<place::Model> = remade.into_iter().flat_map(|one| one.rows).collect();
        place_replace_in_txn(work.txn, &ids, &rows).await?;
    }
    Ok(conflicts)
}

/// What is to become of the places of one template.
struct Remade<'a> {
    slot: &'a TemplateSlot,
    edit: PlaceEdit,
    rows: Vec<place::Model>,
}

impl<'a> Remade<'a> {
    fn new(slot: &'a TemplateSlot, old: &[place::Model], wanted: &[PlaceDay], now: Instant) -> Self {
        let mut edit = PlaceEdit::new(old.iter().map(PlaceDay::from), wanted, now);
        edit.leave_begun();
        // When students are told that nobody comes is as the configuration says by now.
        for want in wanted.iter().filter(|want| !edit.begun.contains_key(&want.day)) {
            if let Some(place) = edit.places.get_mut(&want.day) {
                place.not_held_at = want.not_held_at;
            }
        }
        let rows = place_rows(slot.template.id, &edit, old);
        Self { slot, edit, rows }
    }

    fn conflict_with(&self, asked: &BTreeSet<(String, Day)>) -> Option<Conflict> {
        let code = &self.slot.template.code;
        let is_asked = |day: &Day| asked.contains(&(code.clone(), *day));
        let days: Vec<Day> = self.edit.changed_lessons().into_iter().filter(is_asked).collect();
        let detail = format!("students are asked to the make-up on {}, which would change", show_days(&days));
        (!days.is_empty()).then(|| Conflict::new(self.slot, "recurrence", detail))
    }

    fn conflicts(&self, covered: &[(Day, Day)]) -> Vec<Conflict> {
        let mut found = Vec::new();
        let is_covered = |day: &Day| covered.iter().any(|(first, last)| first <= day && day <= last);
        let held: Vec<Day> = self.edit.changed_lessons().into_iter().filter(is_covered).collect();
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
        let ahead = self.edit.places.values().filter(|place| !self.edit.begun.contains_key(&place.day));
        let crowded: Vec<Day> =
            ahead.filter(|place| place.taken > place.capacity).map(|place| place.day).collect();
        if !crowded.is_empty() {
            found.push(Conflict::new(
                self.slot,
                "max_classes",
                format!("more places are taken than there would be on {}", show_days(&crowded)),
            ));
        }
        found
    }
}
