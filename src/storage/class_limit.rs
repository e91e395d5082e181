//! Queries for the limits on classes that staff set for a season, by the rank of coaches.

use super::Txn;
use super::entity::class_limit;
use super::insert::insert_rows;
use super::sql::sql;
use crate::domain::eligibility::ClassLimit;
use crate::error::{Error, Result};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::{BTreeMap, HashMap};

/// What was set for a season, by rank.
pub(crate) async fn class_limit_list(
    conn: &impl ConnectionTrait,
    season_id: i64,
) -> Result<Vec<class_limit::Model>> {
    use class_limit::Column;
    let query = class_limit::Entity::find().filter(Column::SeasonId.eq(season_id));
    Ok(query.order_by_asc(Column::CoachRank).all(conn).await?)
}

/// Writes the limits of these ranks of a season in place of those there are. Its season is locked.
pub(crate) async fn class_limit_set_in_txn(
    txn: &Txn,
    season_id: i64,
    rows: &[class_limit::Model],
) -> Result<()> {
    sql("DELETE FROM class_limit WHERE season_id = ? AND coach_rank IN ({ids})")
        .bind(season_id)
        .ids(rows.iter().map(|row| i64::from(row.coach_rank)))
        .execute(txn)
        .await?;
    // Every column as it is, the key too.
    let rows = rows.iter().cloned().map(|row| class_limit::ActiveModel::from(row).reset_all());
    Ok(insert_rows(txn, rows).await?)
}

/// What was set for the seasons of templates, by template and rank.
pub(crate) async fn class_limit_of_templates(
    conn: &impl ConnectionTrait,
    template_ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, BTreeMap<u8, ClassLimit>>> {
    let rows: Vec<(i64, i32, i32, i32)> =
        sql("SELECT t.id, l.coach_rank, l.base_limit, l.most_limit FROM class_template t \
         JOIN class_limit l ON l.season_id = t.season_id WHERE t.id IN ({ids})")
        .ids(template_ids)
        .tuples(conn)
        .await?;
    let mut limits = HashMap::<i64, BTreeMap<u8, ClassLimit>>::new();
    for (template, rank, base, most) in rows {
        let corrupt = |column| Error::Corrupt {
            table: "class_limit",
            column,
            id: format!("of class template {template}"),
        };
        let rank = u8::try_from(rank).map_err(|_| corrupt("coach_rank"))?;
        let base = u32::try_from(base).map_err(|_| corrupt("base_limit"))?;
        let most = u32::try_from(most).map_err(|_| corrupt("most_limit"))?;
        limits.entry(template).or_default().insert(rank, ClassLimit { base, most });
    }
    Ok(limits)
}
