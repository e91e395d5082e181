//! The version of the catalogue, by which open pages see that it was edited.

use crate::storage::dialect;
use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// Nobody locks it to be alone: whoever edits the catalogue counts it up last of all.
const UP: &str = "INSERT INTO mutex (name, version) VALUES ('catalog', 0)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = dialect::schema(manager.get_database_backend(), UP);
        manager.get_connection().execute_unprepared(&text).await.map(drop)
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
