//! The schema, one file per step of its history.
//!
//! A migration is a list of [`Step`]s and nothing else, so that it can be killed at any point and
//! run again (see `step`); a test kills it at every statement. To add one: a file
//! `mYYYYMMDD_what.rs` with a `MIGRATION` of that name, and its line below. A released migration is
//! never edited: what it makes stays as it is.

use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m20261122_season_staffed;
mod m20261125_sign_ups;
mod m20261126_catalog_version;
mod m20261127_days_of_templates;
mod m20261129_held_time;
mod m20261129_retention;
mod m20261129_setting;
mod m20261129_task_looks;
mod m20261130_notices;
mod m20261201_actor;
mod m20261202_presence;
mod m20261202_standing;
mod m20261203_lesson_start;
mod m20261204_attendance;
mod m20261204_class_limits;
mod m20261204_lesson_back;
mod m20261204_message_operator;
mod m20261204_vacancies;
mod m20261205_lesson_check;
mod m20261206_coach_blocks;
mod m20261206_make_ups;
mod m20261206_timeline;
mod m20261207_continuing;
mod m20261207_lesson_state;
mod m20261207_make_up_index;
mod m20261207_vacancy_ends;
mod m20261208_lesson_days;
mod step;

pub use step::{Migration, Step};

/// All migrations, oldest first.
pub const ALL: &[Migration] = &[
    m20261122_season_staffed::MIGRATION,
    m20261125_sign_ups::MIGRATION,
    m20261126_catalog_version::MIGRATION,
    m20261127_days_of_templates::MIGRATION,
    m20261129_held_time::MIGRATION,
    m20261129_retention::MIGRATION,
    m20261129_setting::MIGRATION,
    m20261129_task_looks::MIGRATION,
    m20261130_notices::MIGRATION,
    m20261201_actor::MIGRATION,
    m20261202_presence::MIGRATION,
    m20261202_standing::MIGRATION,
    m20261203_lesson_start::MIGRATION,
    m20261204_attendance::MIGRATION,
    m20261204_class_limits::MIGRATION,
    m20261204_message_operator::MIGRATION,
    m20261204_lesson_back::MIGRATION,
    m20261204_vacancies::MIGRATION,
    m20261205_lesson_check::MIGRATION,
    m20261206_timeline::MIGRATION,
    m20261206_make_ups::MIGRATION,
    m20261206_coach_blocks::MIGRATION,
    m20261207_lesson_state::MIGRATION,
    m20261207_make_up_index::MIGRATION,
    m20261207_continuing::MIGRATION,
    m20261207_vacancy_ends::MIGRATION,
    m20261208_lesson_days::MIGRATION,
];

/// Takes them in order and remembers which were taken.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        ALL.iter().map(|migration| Box::new(*migration) as Box<dyn MigrationTrait>).collect()
    }
}
