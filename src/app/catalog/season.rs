//! Seasons and their excepted days. The lesson days of all their templates follow.

use super::change::{CatalogChange, EditCause, carry_out};
use super::{ALL, SeasonSpec, demand_changed};
use crate::app::App;
use crate::app::call::{Call, Work};
use crate::domain::actor::Actor;
use crate::error::{Error, Result};
use crate::in_txn;
use crate::storage::catalog::{self, TemplateFilter};
use crate::storage::entity::season;
use crate::storage::page::{Page, Paged};
use crate::storage::referrers::{Part, refuse_if_used};
use crate::write_txn;
use sea_orm::{ActiveValue::Set, ConnectionTrait};

/// Makes or changes a season; the lesson days of its templates follow, and all who have a claim on
/// them, or nothing is done.
///
/// # Errors
/// `Invalid` when a template would be left without lesson days; `Precondition` as in [`carry_out`].
pub(crate) async fn upsert_season(call: &Call<'_>, spec: &SeasonSpec) -> Result<(SeasonSpec, CatalogChange)> {
    const SCOPE: &str = "UpsertSeason";
    spec.check("season.")?;
    let call = &call.clone().by(Actor::Catalogue(SCOPE));
    let change = in_txn!(call, "season.upsert", |work| {
        if work.claimed(SCOPE).await?.is_some() {
            return Ok(CatalogChange::default());
        }
        let change = upsert_season_in_txn(work, spec).await?;
        work.record(SCOPE, &spec.code).await?;
        Ok(change)
    })?;
    let season = if call.rehearsal { spec.clone() } else { get_season(call.app, &spec.code).await? };
    Ok((season, change))
}

/// Makes or changes a season that was checked.
async fn upsert_season_in_txn(work: Work<'_>, spec: &SeasonSpec) -> Result<CatalogChange> {
    let row = season::ActiveModel {
        code: Set(spec.code.clone()),
        year: Set(spec.year),
        season_type: Set(spec.season_type),
        start_day: Set(spec.start_day),
        end_day: Set(spec.end_day),
        ..Default::default()
    };
    let Some(found) = catalog::season_by_code(work.txn, &spec.code).await? else {
        let id = catalog::season_insert_in_txn(work.txn, row).await?;
        catalog::season_except_days_replace_in_txn(work.txn, id, &spec.except_days).await?;
        return Ok(CatalogChange::default());
    };
    let templates = catalog::template_list(
        work.txn,
        &TemplateFilter { season_id: Some(found.id), ..Default::default() },
        &ALL,
    )
    .await?;
    let (_, before) = season_by_code(work.txn, &spec.code).await?;
    if before == *spec {
        return Ok(CatalogChange::default());
    }
    let same_days = (before.start_day, before.end_day, &before.except_days)
        == (spec.start_day, spec.end_day, &spec.except_days);
    if !same_days {
        demand_changed(work.txn, &templates).await?;
    }
    catalog::season_lock_in_txn(work.txn, found.id).await?;
    if season_by_code(work.txn, &spec.code).await?.1 != before {
        // Another edit came first; what is to be done is another.
        return Err(Error::Contended("season.upsert"));
    }
    catalog::season_update_in_txn(work.txn, season::ActiveModel { id: Set(found.id), ..row }).await?;
    if same_days {
        return Ok(CatalogChange::default());
    }
    catalog::season_except_days_replace_in_txn(work.txn, found.id, &spec.except_days).await?;
    let field =
        if before.except_days == spec.except_days { "season.start_day" } else { "season.except_days" };
    let change = carry_out(work, &templates, EditCause { field, other_period: false }).await?;
    catalog::catalog_changed_in_txn(work.txn).await?;
    Ok(change)
}

/// One season.
pub(crate) async fn get_season(app: &App, code: &str) -> Result<SeasonSpec> {
    Ok(season_by_code(app.db.reader(), code).await?.1)
}

/// Seasons in the order in which they were made.
pub(crate) async fn list_seasons(app: &App, page: &Page) -> Result<Paged<SeasonSpec>> {
    let rows = page.cut(catalog::season_list(app.db.reader(), page).await?, |row| row.id);
    let mut except =
        catalog::season_except_days(app.db.reader(), rows.items.iter().map(|row| row.id)).await?;
    Ok(rows.map(|row| {
        let days = except.remove(&row.id).unwrap_or_default();
        season_spec(row, days)
    }))
}

/// Deletes a season.
///
/// # Errors
/// `NotFound`; IN_USE when it has a period, a template or an offer.
pub(crate) async fn delete_season(app: &App, code: &str) -> Result<()> {
    write_txn!(&app.db, "season.delete", |txn| {
        let missing = || Error::not_found("season", code);
        let row = catalog::season_by_code(txn, code).await?.ok_or_else(missing)?;
        refuse_if_used(txn, Part::Season, row.id, code).await?;
        match catalog::season_delete_in_txn(txn, row.id).await? {
            0 => Err(missing()),
            _ => catalog::catalog_changed_in_txn(txn).await,
        }
    })
}

/// The season of a code, as a row and with its excepted days.
pub(crate) async fn season_by_code(
    conn: &impl ConnectionTrait,
    code: &str,
) -> Result<(season::Model, SeasonSpec)> {
    let row = catalog::season_by_code(conn, code).await?.ok_or_else(|| Error::not_found("season", code))?;
    let except = catalog::season_except_days(conn, [row.id]).await?.remove(&row.id).unwrap_or_default();
    Ok((row.clone(), season_spec(row, except)))
}

fn season_spec(
    row: season::Model,
    except_days: std::collections::BTreeSet<crate::domain::time::Day>,
) -> SeasonSpec {
    let season::Model { id: _, code, year, season_type, start_day, end_day } = row;
    SeasonSpec { code, year, season_type, start_day, end_day, except_days }
}
