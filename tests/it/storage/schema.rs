//! The schema: the same on the three databases, made once, by one process at a time.

use etutor::storage::sql::sql;
use etutor::storage::{Db, DbOptions};
use etutor::testing::database::Kind;
use etutor::testing::{TestDb, on_every_database, on_every_empty_database};
use sea_orm::{ConnectionTrait, Database, DbBackend};
use std::collections::BTreeSet;

/// Columns as `table.column type null?`, keys and indexes as `table (columns)`, references as
/// `table.column -> table`.
#[derive(Debug, PartialEq, Eq)]
struct Schema {
    columns: BTreeSet<String>,
    indexes: BTreeSet<String>,
    references: BTreeSet<String>,
}

async fn schema(db: &Db) -> Schema {
    let [columns, indexes, references] = match db.backend() {
        DbBackend::Sqlite => [
            "SELECT t.name || '.' || c.name || ' ' || lower(c.type) || CASE WHEN c.\"notnull\" = 1 \
             OR c.pk > 0 THEN '' ELSE ' null' END
             FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'",
            "SELECT t.name || ' (' || (SELECT group_concat(c.name, ', ' ORDER BY c.seqno) \
             FROM pragma_index_info(i.name) c) || ')'
             FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table'",
            "SELECT t.name || '.' || r.\"from\" || ' -> ' || r.\"table\"
             FROM sqlite_master t, pragma_foreign_key_list(t.name) r WHERE t.type = 'table'",
        ],
        DbBackend::Postgres => [
            "SELECT table_name || '.' || column_name || ' ' || data_type
                 || CASE WHEN data_type = 'character varying' \
                 THEN '(' || COALESCE(character_maximum_length, 0) || ')' ELSE '' END
                 || CASE WHEN is_nullable = 'NO' THEN '' ELSE ' null' END
             FROM information_schema.columns WHERE table_schema = 'public'",
            "SELECT t.relname || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.n)
                     FROM unnest(i.indkey) WITH ORDINALITY k (at, n) JOIN pg_attribute a \
                     ON a.attrelid = t.oid AND a.attnum = k.at) || ')'
             FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid \
             WHERE t.relnamespace = 'public'::regnamespace",
            "SELECT CAST(conrelid::regclass AS TEXT) || '.' || (SELECT attname FROM pg_attribute \
             WHERE attrelid = conrelid AND attnum = conkey[1])
                 || ' -> ' || CAST(confrelid::regclass AS TEXT) FROM pg_constraint WHERE contype = 'f'",
        ],
        _ => [
            "SELECT CONVERT(CONCAT(table_name, '.', column_name, ' ', CASE WHEN data_type = 'varchar' \
             THEN column_type ELSE data_type END,
                 CASE WHEN is_nullable = 'NO' THEN '' ELSE ' null' END) USING utf8mb4)
             FROM information_schema.columns WHERE table_schema = DATABASE()",
            "SELECT CONVERT(CONCAT(table_name, ' (', GROUP_CONCAT(column_name \
             ORDER BY seq_in_index SEPARATOR ', '), ')') USING utf8mb4)
             FROM information_schema.statistics WHERE table_schema = DATABASE() \
             GROUP BY table_name, index_name",
            "SELECT CONVERT(CONCAT(table_name, '.', column_name, ' -> ', referenced_table_name) USING utf8mb4)
             FROM information_schema.key_column_usage WHERE table_schema = DATABASE() \
             AND referenced_table_name IS NOT NULL",
        ],
    };
    let fetch = async |text| {
        let rows = sql(text).column::<String>(db.reader()).await.unwrap();
        let ours = rows
            .into_iter()
            .filter(|row| !row.starts_with("seaql_migrations") && !row.starts_with("sqlite_sequence"));
        ours.map(|row| alike(&row)).collect::<BTreeSet<_>>()
    };
    Schema {
        columns: fetch(columns).await,
        indexes: fetch(indexes).await,
        references: fetch(references).await,
    }
}

/// The type names of SQLite's text, which is the migration's.
fn alike(row: &str) -> String {
    let row = row
        .replace("character varying", "varchar")
        .replace(" int ", " integer ")
        .replace(" tinyint", " boolean");
    let row = row.strip_suffix(" int").map_or(row.clone(), |row| format!("{row} integer"));
    // An automatic key: SQLite's INTEGER holds what a BIGINT does.
    if row.ends_with(".id integer") { row.replace(" integer", " bigint") } else { row }
}

async fn mutexes(db: &Db) -> BTreeSet<String> {
    sql("SELECT name FROM mutex").column::<String>(db.reader()).await.unwrap().into_iter().collect()
}

#[test]
fn the_schema_is_the_same_on_every_database() {
    on_every_database(async |db: TestDb| {
        let sqlite = TestDb::new(&Kind::Sqlite).await;
        let (here, sqlite) = (schema(&db).await, schema(&sqlite).await);
        assert!(here.columns.len() > 150, "{:?}", here.columns);
        assert_eq!(
            here.columns.symmetric_difference(&sqlite.columns).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
        assert_eq!(here.references, sqlite.references);
        // A key that is the row's number needs no index on SQLite; MariaDB makes one more for a
        // reference that has none.
        let missing: Vec<_> = sqlite.indexes.difference(&here.indexes).collect();
        assert!(missing.is_empty(), "{missing:?}");
    });
}

#[test]
fn migrating_again_changes_nothing() {
    on_every_database(async |db: TestDb| {
        let before = schema(&db).await;
        Db::migrate_at(db.options()).await.unwrap();
        assert_eq!(schema(&db).await, before);
        assert_eq!(mutexes(&db).await, mutexes(TestDb::new(&Kind::Sqlite).await.db()).await);
        db.check_schema().await.unwrap();
    });
}

#[test]
fn processes_that_start_together_migrate_once() {
    on_every_empty_database(async |db: TestDb| {
        let behind = db.check_schema().await.unwrap_err();
        let all = format!("is behind by {}", etutor::storage::migration::ALL.len());
        assert!(behind.to_string().contains(&all), "{behind}");
        let options: Vec<DbOptions> = (0..5).map(|_| db.options().clone()).collect();
        let starts =
            options.into_iter().map(|options| tokio::spawn(async move { Db::migrate_at(&options).await }));
        for done in futures_util::future::join_all(starts).await {
            done.unwrap().unwrap();
        }
        assert_eq!(mutexes(&db).await, mutexes(TestDb::new(&Kind::Sqlite).await.db()).await);
        db.check_schema().await.unwrap();
    });
}

#[test]
fn processes_that_open_one_new_file_together_all_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("new/etutor.db").display());
    let starts = (0..8).map(|_| {
        let options = DbOptions::new(url.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                Db::migrate_at(&options).await.unwrap();
                let db = Db::connect(&options).await.unwrap();
                db.ping().await.unwrap();
                db.close().await;
            });
        })
    });
    for start in starts.collect::<Vec<_>>() {
        start.join().unwrap();
    }
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    on_every_empty_database(async |db: TestDb| {
        if db.backend() == DbBackend::MySql {
            // It commits every statement of a schema by itself.
            return;
        }
        let raw = Database::connect(db.options().url.clone()).await.unwrap();
        raw.execute_unprepared("CREATE TABLE reservation (id BIGINT PRIMARY KEY)").await.unwrap();
        assert!(Db::migrate_at(db.options()).await.is_err());
        assert_eq!(schema(&db).await.columns.len(), 1);
        raw.execute_unprepared("DROP TABLE reservation").await.unwrap();
        Db::migrate_at(db.options()).await.unwrap();
        raw.close().await.unwrap();
    });
}
