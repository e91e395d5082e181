//! How many classes coaches of a rank may have in a season (docs/domain.md §5): what staff set, and
//! what the configuration says where they set nothing.

use crate::app::App;
use crate::app::call::Call;
use crate::app::catalog::season_by_code;
use crate::domain::eligibility::ClassLimit;
use crate::domain::time::Instant;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::catalog::{catalog_changed_in_txn, season_lock_in_txn};
use crate::storage::class_limit::{class_limit_list, class_limit_set_in_txn};
use crate::storage::entity::class_limit;
use sea_orm::ConnectionTrait;

/// The limit of a rank, as staff see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RankLimit {
    /// 1 (best) to 5.
    pub rank: i32,
    /// The limit.
    pub limit: ClassLimit,
    /// Who set it, why and when; none = nobody did, it is the configuration's.
    pub set: Option<(String, String, Instant)>,
}

/// Limits to be set: each rank at most once.
pub(crate) type NewLimits = Vec<(i32, ClassLimit)>;

/// Sets limits of a season; the other ranks keep theirs.
///
/// # Errors
/// NOT_FOUND; SEASON_OVER.
pub(crate) async fn set_class_limits(
    call: &Call<'_>,
    season: &str,
    limits: &NewLimits,
) -> Result<Vec<RankLimit>> {
    const SCOPE: &str = "SetClassLimits";
    in_txn!(call, "coach.set_class_limits", |work| {
        let (row, spec) = season_by_code(work.txn, season).await?;
        if work.claimed(SCOPE).await?.is_some() {
            return list(call.app, work.txn, row.id).await;
        }
        if spec.end_day < work.app.time().day(work.now) {
            return Err(Error::precondition(Reason::SeasonOver, format!("season {season} is over")));
        }
        season_lock_in_txn(work.txn, row.id).await?;
        let stored = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let rows: Vec<class_limit::Model> = limits
            .iter()
            .map(|(rank, limit)| class_limit::Model {
                season_id: row.id,
                coach_rank: *rank,
                base_limit: stored(limit.base),
                most_limit: stored(limit.most),
                operator: work.actor.name().to_owned(),
                remark: work.remark.clone(),
                set_at: work.now,
            })
            .collect();
        class_limit_set_in_txn(work.txn, row.id, &rows).await?;
        // What `invite exec` remembers depends on them.
        catalog_changed_in_txn(work.txn).await?;
        work.record(SCOPE, season).await?;
        list(call.app, work.txn, row.id).await
    })
}

/// The limits of a season, of every rank.
pub(crate) async fn list_class_limits(app: &App, season: &str) -> Result<Vec<RankLimit>> {
    let conn = app.db.reader();
    let (row, _) = season_by_code(conn, season).await?;
    list(app, conn, row.id).await
}

async fn list(app: &App, conn: &impl ConnectionTrait, season_id: i64) -> Result<Vec<RankLimit>> {
    let set = class_limit_list(conn, season_id).await?;
    let of_rank = |(rank, most): (&u8, &u32)| {
        let rank = i32::from(*rank);
        let given = set.iter().find(|row| row.coach_rank == rank);
        let number = |number: i32| u32::try_from(number).unwrap_or(0);
        let limit = given.map_or(ClassLimit { base: *most, most: *most }, |row| ClassLimit {
            base: number(row.base_limit),
            most: number(row.most_limit),
        });
        let set = given.map(|row| (row.operator.clone(), row.remark.clone(), row.set_at));
        RankLimit { rank, limit, set }
    };
    Ok(app.rules().class_limit.iter().map(of_rank).collect())
}
