//! Knows whether the running code is inside a transaction, where nothing may ask a pool for another
//! connection.

use sea_orm::DbErr;

tokio::task_local! {
    /// The name of the transaction that the running code is inside of.
    static WITHIN: &'static str;
}

/// Runs the block of a transaction. Whatever in it asks a pool for a connection of its own is
/// refused, by `refuse_within`.
pub async fn within<T>(name: &'static str, block: impl Future<Output = T>) -> T {
    WITHIN.scope(name, block).await
}

/// Refuses when called inside a transaction. A bug, and one that shows in the first test that comes
/// this way.
pub(super) fn refuse_within(what: &str) -> Result<(), DbErr> {
    match WITHIN.try_with(|name| *name) {
        Ok(name) => Err(DbErr::Custom(format!(
            "{what} inside the transaction {name}, which has a connection already"
        ))),
        Err(_outside) => Ok(()),
    }
}
