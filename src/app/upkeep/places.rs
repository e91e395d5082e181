//! `clazz init_place`: makes missing lesson days, and sets the places taken to what the
//! reservations say (docs/domain.md §2).

use super::Notes;
use crate::app::App;
use crate::app::call::{Call, Work};
use crate::app::outbox::{self, Draft, Person};
use crate::app::report::Report;
use crate::domain::places::PlaceDay;
use crate::domain::recurrence::RecurrenceError;
use crate::domain::state::PlaceCause;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::in_txn;
use crate::message::content::Content;
use crate::storage::catalog::{catalog_changed_in_txn, season_lock_in_txn};
use crate::storage::ledger::{By, PlaceChange, place_change_write_all_in_txn};
use crate::storage::place::{
    TemplateSlot, place_insert_in_txn, place_list, place_lock_in_txn, place_row, template_slots,
};
use crate::storage::upkeep::{self, Difference, UpkeepTemplate};
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Templates of one recount: it stays far below the time limit of a statement, and what MariaDB
/// sorts stays in memory.
const TEMPLATES: usize = 100;

/// Makes the lesson days ahead that are missing, counts the places of all days anew from the
/// reservations and from the ledger, repairs what differs, reports each difference, and tells
/// admins of those in which places did not agree with the reservations.
///
/// What differs counts as failed, repaired or not: the transactions that change places keep them
/// right, so a person must ask why. Nothing is locked for the look; each template with something to
/// be put right is locked, and counted again, in a transaction of its own.
pub async fn init_places(call: &Call<'_>) -> Result<Report> {
    let conn = call.app.db.reader();
    let templates = upkeep::upkeep_template_list(conn).await?;
    let mut report = Report::default();
    // Templates with something to be put right, and whether they lack lesson days.
    let mut work: BTreeMap<i64, bool> =
        lacking(call, &templates, &mut report).await?.into_iter().map(|id| (id, true)).collect();
    let (mut drifted, mut unexplained) = (0_u64, 0_u64);
    for chunk in templates.chunks(TEMPLATES) {
        let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else { continue };
        for found in upkeep::place_differences(conn, first.id, last.id).await? {
            work.entry(found.template_id).or_default();
            let drifts = found.counted != i64::from(found.taken);
            drifted += u64::from(drifts);
            unexplained += u64::from(!drifts);
        }
    }
    let mut notes = Notes::default();
    for (id, lacks_days) in work {
        let Ok(at) = templates.binary_search_by_key(&id, |template| template.id) else { continue };
        let mender = Mender { template: &templates[at], lacks_days, drifted };
        let mended = in_txn!(call, "place.repair", |work| mender.mend(work).await);
        let Some(mended) = report.or_failed(&mender.template.code, mended)? else { continue };
        report.changed += mended.changed;
        report.failed += mended.failed;
        report.messages += mended.messages;
        mended.notes.into_iter().for_each(|note| notes.push(note));
    }
    if drifted + unexplained > 0 {
        tracing::error!(
            drifted,
            unexplained,
            "places do not agree with the reservations or with the ledger; the run's report names them"
        );
    }
    notes.end(&mut report);
    Ok(report)
}

/// Templates of seasons that are not over that lack lesson days; counts the places there are.
///
/// Number and sum of the days tell those that have all of theirs, so that only the others' days are
/// read.
async fn lacking(call: &Call<'_>, templates: &[UpkeepTemplate], report: &mut Report) -> Result<Vec<i64>> {
    let conn = call.app.db.reader();
    let sums: HashMap<i64, (i64, i64)> = upkeep::place_sums(conn)
        .await?
        .into_iter()
        .map(|(template, days, starts)| (template, (days, starts)))
        .collect();
    report.examined = sums.values().map(|(days, _)| days.unsigned_abs()).sum();
    let today = call.app.time().day(call.now);
    let current: Vec<i64> = templates
        .iter()
        .filter(|template| template.season_end >= today)
        .map(|template| template.id)
        .collect();
    let mut known: HashMap<(i64, i64, String), Vec<PlaceDay>> = HashMap::new();
    let mut lacking = Vec::new();
    for chunk in current.chunks(TEMPLATES) {
        let mut suspects: Vec<(i64, Vec<Day>)> = Vec::new();
        for slot in template_slots(conn, chunk).await? {
            // Many templates have the same days.
            let key = (slot.season.id, slot.period.id, slot.template.recurrence.clone());
            if !known.contains_key(&key) {
                let days = report.or_failed(&slot.template.code, days_of(call.app, &slot))?;
                known.insert(key.clone(), days.unwrap_or_default());
            }
            let days = known.get(&key).map_or(&[][..], Vec::as_slice);
            let wanted = (days.len() as i64, days.iter().map(|day| day.start_at.unix()).sum());
            if sums.get(&slot.template.id).copied().unwrap_or_default() != wanted {
                // What has begun stays as it was: an edit of the catalogue adds no day that is
                // past.
                suspects.push((
                    slot.template.id,
                    days.iter().filter(|place| place.start_at > call.now).map(|place| place.day).collect(),
                ));
            }
        }
        if suspects.is_empty() {
            continue;
        }
        let there = place_list(conn, &suspects.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await?;
        let has = |id: &i64, day: &Day| {
            there.get(id).is_some_and(|places| places.binary_search_by_key(day, |place| place.day).is_ok())
        };
        lacking.extend(
            suspects.iter().filter(|(id, days)| days.iter().any(|day| !has(id, day))).map(|(id, _)| *id),
        );
    }
    Ok(lacking)
}

/// The lesson days of a template as the catalogue has it.
fn days_of(app: &App, slot: &TemplateSlot) -> Result<Vec<PlaceDay>> {
    let id = slot.template.id.to_string();
    slot.wanted(app.rules())?.map_err(|_: RecurrenceError| Error::Corrupt {
        table: "class_template",
        column: "recurrence",
        id,
    })
}

/// What a transaction of [`Mender`] did.
#[derive(Debug, Default)]
struct Mended {
    changed: u64,
    failed: u64,
    messages: u64,
    notes: Vec<String>,
}

/// Puts one template right.
struct Mender<'a> {
    template: &'a UpkeepTemplate,
    lacks_days: bool,
    /// How many lesson days of all templates do not agree with the reservations.
    drifted: u64,
}

impl Mender<'_> {
    async fn mend(&self, work: Work<'_>) -> Result<Mended> {
        let id = self.template.id;
        let mut mended = Mended::default();
        let created = if self.lacks_days { self.create_days(work).await? } else { BTreeSet::new() };
        mended.changed += created.len() as u64;
        // Whoever changes places has committed both sides of it, or waits here until this is done.
        place_lock_in_txn(work.txn, &[id]).await?;
        let found = upkeep::place_differences(work.txn, id, id).await?;
        let (mut taken, mut ledger, mut drifts) = (Vec::new(), Vec::new(), false);
        for difference in &found {
            let Difference { day, capacity, taken: was, counted, ledger: noted, .. } = *difference;
            let is_new = created.contains(&day);
            // More than there are cannot be taken: then at least nobody else is let in.
            let is = i32::try_from(counted.clamp(0, i64::from(capacity))).unwrap_or(capacity);
            let (delta, is_oversold) = (i64::from(is) - noted, i64::from(is) != counted);
            let said = match (is_oversold, is == was) {
                (true, _) => format!("was {was}, is {counted} of {capacity} places: cannot be repaired"),
                (false, true) => format!("is {is}, the ledger said {noted}"),
                (false, false) => format!("was {was}, is {is}"),
            };
            if is != was {
                taken.push((day, is));
            }
            // A row also where the ledger was right all along: it says that the place was not.
            if delta != 0 || (is != was && !is_new) {
                ledger.push((day, delta, said.clone()));
                mended.changed += u64::from(!is_new);
            }
            // A day that was not there had nothing that could differ; that it is sold too often is
            // told all the same.
            let drift = is_oversold || (is != was && !is_new);
            drifts |= drift;
            if drift || is == was {
                mended.failed += 1;
                mended.notes.push(format!("{} {day}: {said}", self.template.code));
            }
        }
        for day in &created {
            let seats = taken.iter().find(|(on, _)| on == day).map_or(0, |(_, seats)| *seats);
            mended.notes.push(format!("{} {day}: made, {seats} places taken", self.template.code));
        }
        if !taken.is_empty() {
            upkeep::place_set_taken_in_txn(work.txn, id, &taken).await?;
        }
        self.write_ledger(work, ledger).await?;
        if drifts {
            mended.messages = outbox::write(work, vec![self.message(&work)]).await?;
        }
        if !created.is_empty() {
            catalog_changed_in_txn(work.txn).await?;
        }
        Ok(mended)
    }

    async fn write_ledger(&self, work: Work<'_>, rows: Vec<(Day, i64, String)>) -> Result<()> {
        let change = |day: Day, delta: i64| PlaceChange {
            template_id: self.template.id,
            reservation_id: None,
            first_day: day,
            last_day: day,
            delta,
            cause: PlaceCause::Repair,
        };
        let rows: Vec<(PlaceChange, By)> = rows
            .into_iter()
            .map(|(day, delta, remark)| (change(day, delta), By { remark, ..work.author() }))
            .collect();
        let rows: Vec<(&PlaceChange, &By)> = rows.iter().map(|(change, by)| (change, by)).collect();
        place_change_write_all_in_txn(work.txn, &rows, work.now).await
    }

    /// Makes the lesson days that the template lacks, none taken, as the catalogue says at this
    /// moment; which.
    async fn create_days(&self, work: Work<'_>) -> Result<BTreeSet<Day>> {
        let id = self.template.id;
        let slots = template_slots(work.txn, &[id]).await?;
        let Some(season_id) = slots.first().map(|slot| slot.season.id) else { return Ok(BTreeSet::new()) };
        // Whoever else makes the days of the template takes its season's turn; what was read before
        // may be old.
        season_lock_in_txn(work.txn, season_id).await?;
        let slots = template_slots(work.txn, &[id]).await?;
        let Some(slot) = slots.first() else { return Ok(BTreeSet::new()) };
        place_lock_in_txn(work.txn, &[id]).await?;
        let there: BTreeSet<Day> = place_list(work.txn, &[id])
            .await?
            .remove(&id)
            .unwrap_or_default()
            .iter()
            .map(|place| place.day)
            .collect();
        let days = days_of(work.app, slot)?;
        let lacking = days.iter().filter(|place| place.start_at > work.now && !there.contains(&place.day));
        let rows: Vec<_> = lacking.map(|place| place_row(id, place, false)).collect();
        place_insert_in_txn(work.txn, &rows).await?;
        Ok(rows.iter().map(|row| row.day).collect())
    }

    /// One a day to each admin, however many templates are concerned.
    fn message(&self, call: &Call<'_>) -> Draft {
        let to = Person::Admins { subject_id: self.template.subject_id };
        let content = Content::PlaceDrift { places: self.drifted.max(1) };
        let version = call.app.time().day(call.now).to_string();
        Draft { version, ..Draft::new(to, "places", content, call.now + TimeDelta::days(1)) }
    }
}
