//! The schema, one file a step. A released migration is never edited.

use sea_orm_migration::prelude::*;

mod m20261122_season_staffed;
mod m20261125_sign_ups;
mod m20261126_catalog_version;
mod m20261127_days_of_templates;

/// All migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_season_staffed::Migration),
            Box::new(m20261125_sign_ups::Migration),
            Box::new(m20261126_catalog_version::Migration),
            Box::new(m20261127_days_of_templates::Migration),
        ]
    }
}
