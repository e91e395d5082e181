//! SQLite databases of tests: one folder each, with a copy of a migrated file.

use super::names::{is_leftover, new_name};
use crate::storage::{Db, DbOptions};
use std::path::{Path, PathBuf};

/// A new folder with a migrated database.
pub(super) async fn make(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(name);
    let template = sqlite_template().await;
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("etutor.db"), template).unwrap();
    folder
}

/// The URL of the database in a folder.
pub(super) fn url_in(folder: &Path) -> String {
    sqlite_url(&folder.join("etutor.db"))
}

fn sqlite_url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// The bytes of a migrated SQLite file.
async fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: tokio::sync::OnceCell<Vec<u8>> = tokio::sync::OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            remove_leftover_folders();
            let folder = std::env::temp_dir().join(new_name());
            let file = folder.join("etutor.db");
            let mut options = DbOptions::new(sqlite_url(&file));
            options.sqlite_synchronous_full = false;
            Db::migrate_at(&options).await.unwrap();
            // Closed, it has no write-ahead log beside it.
            let bytes = std::fs::read(&file).unwrap();
            std::fs::remove_dir_all(&folder).unwrap();
            bytes
        })
        .await
}

/// The schema as SQLite shows it.
pub(super) async fn sqlite_schema() -> String {
    let folder = make(&new_name()).await;
    let db = Db::connect(&DbOptions::new(url_in(&folder))).await.unwrap();
    let tables =
        crate::storage::sql::sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name");
    let seeds = crate::storage::sql::sql("SELECT name FROM mutex ORDER BY name");
    let mut text = tables.column::<String>(db.reader()).await.unwrap();
    text.extend(seeds.column::<String>(db.reader()).await.unwrap());
    db.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
    text.join("\n")
}

fn remove_leftover_folders() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(is_leftover) {
            let _removed = std::fs::remove_dir_all(entry.path());
        }
    }
}
