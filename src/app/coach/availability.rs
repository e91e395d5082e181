//! Availability (可用时段): when coaches offer to teach. What an accepted invitation or a class uses
//! cannot be taken away.

use crate::app::App;
use crate::app::call::Call;
use crate::app::catalog::{SeasonSpec, season_by_code};
use crate::app::input::Fields;
use crate::app::staffing::demand::coach_changed;
use crate::domain::places::{show_days, show_ids};
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::entity::coach_availability;
use crate::storage::page::{Page, Paged};
use crate::storage::{Txn, catalog, coach};
use sea_orm::ActiveValue::Set;
use std::collections::{BTreeMap, BTreeSet};

/// An offer, as a caller writes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvailabilitySpec {
    /// Code of a period of the season.
    pub period: String,
    /// RFC 5545 rule.
    pub recurrence: String,
    /// First day.
    pub start_day: Day,
    /// Last day.
    pub end_day: Day,
}

/// An offer as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Code of the season.
    pub season: String,
    /// What is offered.
    pub spec: AvailabilitySpec,
    /// The days that an accepted invitation or a class uses.
    pub used_days: BTreeSet<Day>,
}

impl AvailabilitySpec {
    /// Whether it can be an offer in the season; `path` stands before the field in the error.
    pub fn check(&self, season: &SeasonSpec, path: &str) -> Result<()> {
        self.check_in(season, &season.days(&self.recurrence), path)
    }

    /// The same, with what [`SeasonSpec::days`] said of its recurrence: whoever asks of many offers
    /// expands each rule once.
    pub(crate) fn check_in(
        &self,
        season: &SeasonSpec,
        days: &std::result::Result<Vec<Day>, String>,
        path: &str,
    ) -> Result<()> {
        let fields = Fields { path };
        fields.code("period", &self.period)?;
        fields.recurrence("recurrence", &self.recurrence)?;
        if self.start_day < season.start_day || season.end_day < self.start_day {
            return Err(fields.invalid("start_day", "is outside the season"));
        }
        if self.end_day < self.start_day {
            return Err(fields.invalid("end_day", "is before start_day"));
        }
        if season.end_day < self.end_day {
            return Err(fields.invalid("end_day", "is outside the season"));
        }
        let days = days.as_ref().map_err(|wrong| fields.invalid("recurrence", wrong.clone()))?;
        if days.iter().any(|day| self.start_day <= *day && *day <= self.end_day) {
            Ok(())
        } else {
            Err(fields.invalid("recurrence", "gives no day from start_day to end_day"))
        }
    }
}

/// The last day that an offer has when it is to end on `wanted`: a day used today or later keeps it
/// from ending earlier, which is an error with that day; days used before today are history, and it
/// ends with the last of them.
pub(crate) fn offer_end(wanted: Day, last_used: Option<Day>, today: Day) -> std::result::Result<Day, Day> {
    match last_used {
        Some(last) if today <= last && wanted < last => Err(last),
        Some(last) => Ok(wanted.max(last)),
        None => Ok(wanted),
    }
}

/// Replaces what a coach offers in a season. An offer that is left out but was used before today
/// ends with the last day used.
///
/// # Errors
/// `NotFound` for coach, season or period; `Invalid`; IN_USE when a day used today or later would
/// no longer be offered.
pub(crate) async fn set_availability(
    call: &Call<'_>,
    coach: &str,
    season: &str,
    wanted: &[AvailabilitySpec],
) -> Result<Vec<Offer>> {
    let today = call.app.time().day(call.now);
    in_txn!(call, "coach.set_availability", |work| {
        let coach = coach::coach_by_user_name(work.txn, coach)
            .await?
            .ok_or_else(|| Error::not_found("coach", coach))?;
        // Tasks are locked before coaches.
        coach_changed(work.txn, &[coach.id]).await?;
        coach::coach_lock_in_txn(work.txn, coach.id).await?;
        let (season_row, season) = season_by_code(work.txn, season).await?;
        let mut left = rows_by_key(work.txn, season_row.id, &season, wanted).await?;
        let before = coach::availability_list(work.txn, coach.id, Some(season_row.id), &ALL).await?;
        let used = coach::availability_used_days(work.txn, before.iter().map(|row| row.id)).await?;
        let mut dropped = Vec::new();
        for row in before {
            let days = used.get(&row.id);
            let wish = left.remove(&(row.period_id, row.recurrence.clone(), row.start_day));
            let last_used = days.and_then(|days| days.last().copied());
            match wish {
                Some(end_day) => match offer_end(end_day, last_used, today) {
                    Err(_used) => return Err(in_use(work.txn, &row, days, today).await?),
                    Ok(end_day) if end_day == row.end_day => {}
                    Ok(end_day) => drop(coach::availability_end_in_txn(work.txn, row.id, end_day).await?),
                },
                None => match last_used {
                    Some(last) if today <= last => return Err(in_use(work.txn, &row, days, today).await?),
                    Some(last) => drop(coach::availability_end_in_txn(work.txn, row.id, last).await?),
                    None => dropped.push(row.id),
                },
            }
        }
        coach::availability_delete_in_txn(work.txn, &dropped).await?;
        let new = left.into_iter().map(|((period_id, recurrence, start_day), end_day)| {
            coach_availability::ActiveModel {
                coach_id: Set(coach.id),
                season_id: Set(season_row.id),
                period_id: Set(period_id),
                recurrence: Set(recurrence),
                start_day: Set(start_day),
                end_day: Set(end_day),
                ..Default::default()
            }
        });
        coach::availability_insert_in_txn(work.txn, new.collect()).await
    })?;
    let mut offers = list_availability(call.app, coach, Some(season), &ALL).await?.items;
    offers.sort_by(|a, b| {
        let key =
            |offer: &Offer| (offer.spec.period.clone(), offer.spec.recurrence.clone(), offer.spec.start_day);
        key(a).cmp(&key(b))
    });
    Ok(offers)
}

/// What a coach offers, in the order in which it was made.
pub(crate) async fn list_availability(
    app: &App,
    coach: &str,
    season: Option<&str>,
    page: &Page,
) -> Result<Paged<Offer>> {
    let conn = app.db.reader();
    let coach =
        coach::coach_by_user_name(conn, coach).await?.ok_or_else(|| Error::not_found("coach", coach))?;
    let season_id = match season {
        Some(code) => Some(season_by_code(conn, code).await?.0.id),
        None => None,
    };
    let rows = page.cut(coach::availability_list(conn, coach.id, season_id, page).await?, |row| row.id);
    let seasons = catalog::season_codes(conn, rows.items.iter().map(|row| row.season_id)).await?;
    let periods = catalog::period_by_ids(conn, rows.items.iter().map(|row| row.period_id)).await?;
    let mut used = coach::availability_used_days(conn, rows.items.iter().map(|row| row.id)).await?;
    let offer = |row: coach_availability::Model| {
        let coach_availability::Model {
            id,
            coach_id: _,
            season_id,
            period_id,
            recurrence,
            start_day,
            end_day,
        } = row;
        let corrupt = |column| Error::Corrupt { table: "coach_availability", column, id: id.to_string() };
        let season = seasons.get(&season_id).ok_or_else(|| corrupt("season_id"))?.clone();
        let period = periods.get(&period_id).ok_or_else(|| corrupt("period_id"))?.code.clone();
        let spec = AvailabilitySpec { period, recurrence, start_day, end_day };
        Ok(Offer { season, spec, used_days: used.remove(&id).unwrap_or_default() })
    };
    Ok(Paged { items: rows.items.into_iter().map(offer).collect::<Result<_>>()?, next: rows.next })
}

/// A page that holds everything.
const ALL: Page = Page { after: None, size: i32::MAX as u64 };

/// The wanted offers, checked, by (period, recurrence, first day): the last day.
async fn rows_by_key(
    txn: &Txn,
    season_id: i64,
    season: &SeasonSpec,
    wanted: &[AvailabilitySpec],
) -> Result<BTreeMap<(i64, String, Day), Day>> {
    let mut periods: BTreeMap<&str, i64> = BTreeMap::new();
    let mut rows = BTreeMap::new();
    for (index, spec) in wanted.iter().enumerate() {
        let path = format!("availability[{index}].");
        spec.check(season, &path)?;
        let period_id = match periods.get(spec.period.as_str()) {
            Some(id) => *id,
            None => {
                let found = catalog::period_by_code(txn, season_id, &spec.period).await?;
                found
                    .ok_or_else(|| Error::not_found("period", format!("{}/{}", season.code, spec.period)))?
                    .id
            }
        };
        periods.insert(&spec.period, period_id);
        if rows.insert((period_id, spec.recurrence.clone(), spec.start_day), spec.end_day).is_some() {
            return Err(Error::invalid(
                format!("availability[{index}]"),
                "repeats the period, recurrence and start_day of an earlier offer",
            ));
        }
    }
    Ok(rows)
}

/// Why an offer stays: by which classes and invitations it is used, and on which days.
async fn in_use(
    txn: &Txn,
    row: &coach_availability::Model,
    days: Option<&BTreeSet<Day>>,
    today: Day,
) -> Result<Error> {
    let days: Vec<Day> = days.into_iter().flatten().copied().filter(|day| today <= *day).collect();
    let (invitations, classes) = coach::availability_users(txn, row.id, today).await?;
    let mut users = Vec::new();
    for (one, many, ids) in [("class", "classes", &classes), ("invitation", "invitations", &invitations)] {
        match ids.as_slice() {
            [] => {}
            [id] => users.push(format!("{one} {id}")),
            ids => users.push(format!("{many} {}", show_ids(ids))),
        }
    }
    let of = format!("{} from {} to {}", row.recurrence, row.start_day, row.end_day);
    let detail = format!("the offer {of} is used by {} on {}", users.join(" and "), show_days(&days));
    Ok(Error::refused_on(Reason::InUse, detail, days).of_classes(classes))
}
