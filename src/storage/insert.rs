//! Inserts sets of rows with few distinct statement texts.
//!
//! The text of an INSERT depends on its number of rows, and a connection keeps every statement that
//! it has prepared, with the last values. On SQLite that memory belongs to this process: with one
//! text for every number of rows it grew by 7 MiB a day (benches/RESULTS.md, "Memory").

use sea_orm::{ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait};

/// Rows of one INSERT, far below every database's limit of parameters.
const ROWS: usize = 500;

/// … of a smaller set on SQLite, where a statement more costs no round trip: 1, 2, 4 … 64. A large
/// one, of an import, is rare.
const SQLITE_ROWS: usize = 64;

/// Inserts rows; none is nothing to do. After an error nothing more may be sent in the transaction.
pub async fn insert_rows<A: ActiveModelTrait>(
    txn: &impl ConnectionTrait,
    rows: impl IntoIterator<Item = A>,
) -> Result<(), DbErr> {
    let mut rows: Vec<A> = rows.into_iter().collect();
    rows.reverse();
    let few = txn.get_database_backend() == DbBackend::Sqlite && rows.len() < ROWS;
    while !rows.is_empty() {
        let part = rows.split_off(rows.len() - part(few, rows.len()));
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        <A::Entity as EntityTrait>::insert_many(part.into_iter().rev()).exec_without_returning(txn).await?;
    }
    Ok(())
}

/// How many of `left` rows (at least one) go into the next INSERT; `few` = in one of few sizes.
fn part(few: bool, left: usize) -> usize {
    if few { 1 << left.min(SQLITE_ROWS).ilog2() } else { left.min(ROWS) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_set_is_made_of_seven_sizes() {
        let mut sizes = BTreeSet::new();
        for rows in 1..ROWS {
            let mut left = rows;
            while left > 0 {
                let size = part(true, left);
                assert!(size <= left);
                sizes.insert(size);
                left -= size;
            }
        }
        assert_eq!(Vec::from_iter(sizes), [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!((part(false, 77), part(false, 1_234)), (77, 500));
    }
}
