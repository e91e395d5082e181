//! The zone in which the data was written. It is kept with the data because the instants of lessons
//! were computed in it and are not computed again.

use super::{Db, Txn, again_if_taken};
use crate::error::{Error, Result};
use crate::storage::entity::setting::{ActiveModel, Entity};
use crate::write_txn;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, Set};

/// The key of the zone among what is kept with the data.
const ZONE: &str = "zone";

/// The zone of the data, if any was kept yet.
pub async fn zone_of_data(conn: &impl ConnectionTrait) -> Result<Option<String>> {
    Ok(Entity::find_by_id(ZONE.to_owned()).one(conn).await?.map(|row| row.value))
}

/// Makes sure that the data is of this zone; a database in which none is kept yet takes it.
///
/// # Errors
/// `Invalid` (key `zone`) when the data was written in another zone.
pub async fn zone_claim(db: &Db, zone: &str) -> Result<()> {
    let kept = match zone_of_data(db.reader()).await? {
        Some(kept) => kept,
        None => write_txn!(db, "zone.claim", |txn| zone_claim_in_txn(txn, zone).await)?,
    };
    if kept == zone {
        return Ok(());
    }
    Err(Error::invalid(
        "zone",
        format!(
            "is {zone}, but the data of this database was written in {kept}: its lessons would be at other \
             times of day. \
             Set `zone: {kept}`, or use another database (`database.url`) for {zone}"
        ),
    ))
}

/// The zone that is kept from now on: this one, unless another server was first.
async fn zone_claim_in_txn(txn: &Txn, zone: &str) -> Result<String> {
    if let Some(kept) = zone_of_data(txn).await? {
        return Ok(kept);
    }
    let row = ActiveModel { name: Set(ZONE.to_owned()), value: Set(zone.to_owned()) };
    row.insert(txn).await.map_err(again_if_taken)?;
    Ok(zone.to_owned())
}
