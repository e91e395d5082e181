//! The indexes by day say the template too.
//!
//! PostgreSQL takes a day that its statistics do not know (the one whose tasks are just being made, those of a season just imported) for a day
//! with no rows, and so for as good a way to one template's row as the unique key is: `invite create` read the 5,000 tasks of the day for each of
//! 60,000 sign-ups, 23 s (benches/RESULTS.md). With both columns either way leads to the row.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// Indexes and what they are of.
const INDEXES: [(&str, &str); 2] = [("class_task_day", "class_task"), ("place_day", "place")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for (index, table) in INDEXES {
            let texts = if backend == DbBackend::MySql {
                // One statement, because each is committed by itself: broken off, it can be run again.
                vec![format!("ALTER TABLE {table} DROP INDEX {index}, ADD INDEX {index} (day, template_id)")]
            } else {
                vec![format!("DROP INDEX {index}"), format!("CREATE INDEX {index} ON {table} (day, template_id)")]
            };
            for text in texts {
                manager.get_connection().execute_unprepared(&text).await?;
            }
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
