//! The steps that a migration may consist of. Each looks at what is already there, so that it can
//! be repeated.
//!
//! MySQL and MariaDB commit every schema statement by itself: a process that is killed leaves half
//! a migration, and the next one goes over all its steps again. So a step there is a single
//! changing statement, run only if a look shows that something is left to change; and a migration
//! consists of nothing but steps.

use crate::storage::dialect;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// A migration: its name, which the database keeps, and its steps in order.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// The name of its file.
    pub name: &'static str,
    /// What it does.
    pub steps: &'static [Step],
}

/// One step. After it the thing is there as it is written here, whether it was there before or not.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A table.
    Table {
        /// Its name.
        name: &'static str,
        /// What stands between the brackets of CREATE TABLE. `{id}` is an automatic BIGINT key.
        columns: &'static str,
    },
    /// A column of a table that is there.
    Column {
        /// The table.
        table: &'static str,
        /// The name of the column.
        name: &'static str,
        /// Its type, and what it holds in the rows that are there.
        definition: &'static str,
    },
    /// An index; one of the same name that is there is replaced.
    Index {
        /// Its name.
        name: &'static str,
        /// The table.
        table: &'static str,
        /// Its columns, and `{given:column}` after them where only rows with that column are wanted
        /// (see `dialect::schema`).
        columns: &'static str,
    },
    /// A row of a table, unless one with its key is there.
    Row {
        /// The table.
        table: &'static str,
        /// Names and values (as SQL writes them) of its columns, the key first.
        cells: &'static [(&'static str, &'static str)],
    },
    /// The rows of a table that is new with this migration, from others; nothing if it holds any.
    Fill {
        /// The table.
        table: &'static str,
        /// Its columns.
        columns: &'static str,
        /// The SELECT of the rows.
        rows: &'static str,
    },
    /// Rows that are there get other values, by which they are no longer `rows`.
    Update {
        /// The table.
        table: &'static str,
        /// The assignments.
        set: &'static str,
        /// The condition for the rows that are left to do.
        rows: &'static str,
    },
    /// A column refers to no other table any more. Rows that old servers write keep to it anyway.
    Unbind {
        /// The table.
        table: &'static str,
        /// Its column.
        column: &'static str,
        /// The table that it referred to by its `id`.
        to: &'static str,
    },
}

impl Step {
    async fn take(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for text in self.left_to_do(manager).await? {
            manager
                .get_connection()
                .execute_raw(Statement::from_string(backend, dialect::schema(backend, &text)))
                .await?;
        }
        Ok(())
    }

    /// The statements that are still needed; on MySQL one at most.
    async fn left_to_do(&self, manager: &SchemaManager<'_>) -> Result<Vec<String>, DbErr> {
        let is_mysql = manager.get_database_backend() == DbBackend::MySql;
        Ok(match *self {
            Self::Table { name, .. } if manager.has_table(name).await? => vec![],
            Self::Table { name, columns } => vec![format!("CREATE TABLE {name} ({columns}){{options}}")],
            Self::Column { table, name, .. } if manager.has_column(table, name).await? => vec![],
            Self::Column { table, name, definition } => {
                vec![format!("ALTER TABLE {table} ADD COLUMN {name} {definition}")]
            }
            Self::Index { name, table, columns } => {
                let create = format!("CREATE INDEX {name} ON {table} {columns}");
                match manager.has_index(table, name).await? {
                    false => vec![create],
                    true if is_mysql && columns.starts_with(&mysql_index(manager, table, name).await?) => {
                        vec![]
                    }
                    // In one, because a foreign key may need it at every moment.
                    true if is_mysql => {
                        vec![format!("ALTER TABLE {table} DROP INDEX {name}, ADD INDEX {name} {columns}")]
                    }
                    true => vec![format!("DROP INDEX {name}"), create],
                }
            }
            Self::Row { table, cells } => {
                let (key, value) = cells.first().copied().unwrap_or_default();
                let names: Vec<_> = cells.iter().map(|(name, _)| *name).collect();
                let values: Vec<_> = cells.iter().map(|(_, value)| *value).collect();
                match holds(manager, &format!("EXISTS (SELECT 1 FROM {table} WHERE {key} = {value})")).await?
                {
                    true => vec![],
                    false => vec![format!(
                        "INSERT INTO {table} ({}) VALUES ({})",
                        names.join(", "),
                        values.join(", ")
                    )],
                }
            }
            Self::Fill { table, columns, rows } => {
                match holds(manager, &format!("EXISTS ({rows}) AND NOT EXISTS (SELECT 1 FROM {table})"))
                    .await?
                {
                    true => vec![format!("INSERT INTO {table} ({columns}) {rows}")],
                    false => vec![],
                }
            }
            Self::Update { table, set, rows } => {
                match holds(manager, &format!("EXISTS (SELECT 1 FROM {table} WHERE {rows})")).await? {
                    true => vec![format!("UPDATE {table} SET {set} WHERE {rows}")],
                    false => vec![],
                }
            }
            Self::Unbind { table, column, to } => unbind(manager, table, column, to).await?,
        })
    }
}

/// The statements that drop a foreign key, if it is there.
async fn unbind(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
    to: &str,
) -> Result<Vec<String>, DbErr> {
    let clause = format!("FOREIGN KEY ({column}) REFERENCES {to} (id),");
    let name = match manager.get_database_backend() {
        DbBackend::Sqlite => {
            let text =
                format!("SELECT name FROM sqlite_master WHERE name = '{table}' AND sql LIKE '%{clause}%'");
            let Some(_) = first_text(manager, &text).await? else { return Ok(vec![]) };
            // SQLite cannot alter a constraint. This is the way that its manual shows ("ALTER
            // TABLE", section 7) for what changes nothing in the rows that are stored.
            return Ok(vec![
                "PRAGMA writable_schema = ON".to_owned(),
                format!(
                    "UPDATE sqlite_master SET sql = replace(sql, '{clause}', '') \
                     WHERE type = 'table' AND name = '{table}'"
                ),
                "PRAGMA writable_schema = RESET".to_owned(),
            ]);
        }
        DbBackend::Postgres => {
            let text = format!(
                "SELECT CAST(conname AS TEXT) FROM pg_constraint WHERE contype = 'f' \
                 AND conrelid = '{table}'::regclass AND confrelid = '{to}'::regclass \
                 AND conkey = ARRAY[(SELECT attnum FROM pg_attribute WHERE attrelid = '{table}'::regclass \
                 AND attname = '{column}')]"
            );
            first_text(manager, &text).await?
        }
        _ => {
            let text = format!(
                "SELECT CONVERT(constraint_name USING utf8mb4) FROM information_schema.key_column_usage \
                 WHERE table_schema = DATABASE() AND table_name = '{table}' AND column_name = '{column}' \
                 AND referenced_table_name = '{to}'"
            );
            let found = first_text(manager, &text).await?;
            return Ok(found
                .into_iter()
                .map(|name| format!("ALTER TABLE {table} DROP FOREIGN KEY {name}"))
                .collect());
        }
    };
    Ok(name.into_iter().map(|name| format!("ALTER TABLE {table} DROP CONSTRAINT {name}")).collect())
}

/// The first column of the first row, if there is one.
async fn first_text(manager: &SchemaManager<'_>, text: &str) -> Result<Option<String>, DbErr> {
    let backend = manager.get_database_backend();
    let row =
        manager.get_connection().query_one_raw(Statement::from_string(backend, text.to_owned())).await?;
    row.map(|row| row.try_get_by_index::<String>(0)).transpose()
}

/// Whether a condition holds.
async fn holds(manager: &SchemaManager<'_>, condition: &str) -> Result<bool, DbErr> {
    let text = format!("SELECT CASE WHEN {condition} THEN 1 ELSE 0 END");
    let row = manager
        .get_connection()
        .query_one_raw(Statement::from_string(manager.get_database_backend(), text))
        .await?;
    let row = row.ok_or_else(|| DbErr::Custom("a condition has no answer".to_owned()))?;
    // An INTEGER in PostgreSQL, and a BIGINT elsewhere.
    Ok(row.try_get_by_index::<i32>(0).map(i64::from).or_else(|_| row.try_get_by_index::<i64>(0))? == 1)
}

/// The columns of an index of MySQL, as they are written in a step.
async fn mysql_index(manager: &SchemaManager<'_>, table: &str, name: &str) -> Result<String, DbErr> {
    let text = format!(
        "SELECT CONVERT(CONCAT('(', GROUP_CONCAT(column_name \
         ORDER BY seq_in_index SEPARATOR ', '), ')') USING utf8mb4)
         FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = '{table}' \
         AND index_name = '{name}'"
    );
    let row = manager.get_connection().query_one_raw(Statement::from_string(DbBackend::MySql, text)).await?;
    row.map_or(Ok(None), |row| row.try_get_by_index::<Option<String>>(0)).map(Option::unwrap_or_default)
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (index, step) in self.steps.iter().enumerate() {
            tracing::debug!(
                migration = self.name,
                step = index + 1,
                of = self.steps.len(),
                "step of a migration"
            );
            step.take(manager).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        // There is one around all of them already; MySQL would have lost a savepoint by the first
        // table.
        Some(false)
    }
}
