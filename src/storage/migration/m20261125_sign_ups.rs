//! Sign-ups as a product: holds, offers, the waiting list, leave, and the ledger of places.
//!
//! How the text is written is told in the first migration.

use crate::storage::dialect;
use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// Most sign-ups have no task and no class when they are written: MySQL, which has no partial indexes, keeps the whole ones.
const SMALLER_INDEXES: &[&str] = &[
    "DROP INDEX reservation_task",
    "CREATE INDEX reservation_task ON reservation (task_id){given:task_id}",
    "DROP INDEX reservation_class",
    "CREATE INDEX reservation_class ON reservation (class_id){given:class_id}",
];

const UP: &[&str] = &[
    // Until when a HELD or OFFERED reservation keeps its places, whether or not a task has run; when a WAITLISTED one ends (F of its first
    // lesson, `first_lesson_day`).
    "ALTER TABLE reservation ADD COLUMN expires_at BIGINT",
    "ALTER TABLE reservation ADD COLUMN renewed BOOLEAN NOT NULL DEFAULT FALSE",
    // When a student joined the waiting list: the order of the offers.
    "ALTER TABLE reservation ADD COLUMN joined_at BIGINT",
    "ALTER TABLE reservation ADD COLUMN first_lesson_day DATE",
    "CREATE INDEX reservation_expiring ON reservation (expires_at, state){given:expires_at}",
    // A lesson a student of a reservation does not come to: it takes no place, and no seat of the class.
    "CREATE TABLE student_leave (
        reservation_id BIGINT NOT NULL,
        day DATE NOT NULL,
        requested_at BIGINT NOT NULL,
        PRIMARY KEY (reservation_id, day),
        FOREIGN KEY (reservation_id) REFERENCES reservation (id)){options}",
    // The ledger, append-only: places of the template's lesson days from first_day to last_day changed by delta. It refers to nothing, so that it
    // outlives what it speaks of. `actor` is a user name, an operator or a task; `request_id` the caller's.
    "CREATE TABLE place_change (
        id {id},
        template_id BIGINT NOT NULL,
        reservation_id BIGINT,
        first_day DATE NOT NULL,
        last_day DATE NOT NULL,
        delta INTEGER NOT NULL,
        cause VARCHAR(16) NOT NULL,
        actor VARCHAR(64) NOT NULL,
        remark VARCHAR(500) NOT NULL DEFAULT '',
        request_id VARCHAR(64) NOT NULL DEFAULT '',
        changed_at BIGINT NOT NULL){options}",
    "CREATE INDEX place_change_template ON place_change (template_id, id)",
    // What there was before the ledger began.
    "INSERT INTO place_change (template_id, reservation_id, first_day, last_day, delta, cause, actor, changed_at)
        SELECT template_id, id, start_day, last_day, 1, 'OPENING', 'migration', created_at FROM reservation
        WHERE state IN ('HELD', 'BOOKED', 'PLACED', 'ENDED') AND start_day <= last_day",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let backend = manager.get_database_backend();
        let smaller = if backend == DbBackend::MySql { &[] } else { SMALLER_INDEXES };
        for text in UP.iter().chain(smaller) {
            connection.execute_unprepared(&dialect::schema(backend, text)).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        // SQLite and PostgreSQL undo a half-made schema; MySQL commits each statement whatever we say.
        Some(true)
    }
}
