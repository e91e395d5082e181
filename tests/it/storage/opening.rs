//! A database that cannot be opened: the error names the key, and the server or file.

use etutor::error::Error;
use etutor::storage::{Db, DbOptions};
use etutor::testing::on_every_database;
use std::time::Duration;

async fn refused(url: &str) -> Error {
    let mut options = DbOptions::new(url);
    options.acquire_timeout = Duration::from_millis(300);
    let migrated = Db::migrate_at(&options).await.expect_err(url);
    let opened = Db::connect(&options).await.expect_err(url);
    assert_eq!(migrated.to_string(), opened.to_string());
    opened
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_by_its_address() {
    for (url, place) in [
        ("postgres://a:s3cret@127.0.0.1:1/b", "PostgreSQL at 127.0.0.1:1"),
        ("mysql://a:s3cret@127.0.0.1:1/b", "MySQL at 127.0.0.1:1"),
    ] {
        let error = refused(url).await;
        let text = error.to_string();
        assert!(
            matches!(error, Error::Unavailable(_)) && text.contains(place) && text.contains("refused"),
            "{text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_told_of() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    for kind in ["postgres", "mysql"] {
        let text = refused(&format!("{kind}://a@{address}/b")).await.to_string();
        assert!(text.contains(&address.to_string()) && text.contains("something listens there"), "{text}");
    }
}

#[test]
fn a_database_that_does_not_exist_and_a_user_who_may_not_are_told_of() {
    on_every_database(async |db| {
        if db.is_sqlite() {
            return;
        }
        let (server, _) = db.options().url.rsplit_once('/').unwrap();
        let stranger =
            server.replace("://postgres@", "://nobody:s3cret@").replace("://root@", "://nobody:s3cret@");
        for url in [format!("{server}/etutor_nowhere"), format!("{stranger}/etutor_nowhere")] {
            let error = refused(&url).await;
            let text = error.to_string();
            assert!(matches!(&error, Error::Invalid { field, .. } if field == "database.url"), "{error:?}");
            assert!(text.contains(" answers: ") && !text.contains("s3cret"), "{text}");
        }
    });
}

#[tokio::test]
async fn a_sqlite_file_that_cannot_be_used_is_told_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(
        &file,
        "this is no database, but long enough to have a header of one hundred bytes, had \
        it been meant to be one",
    )
    .unwrap();
    let (folder, file) = (folder.path().display(), file.display());
    for (url, reason) in [
        (format!("sqlite://{folder}"), "is a folder"),
        (format!("sqlite://{file}"), "not a SQLite database"),
        (format!("sqlite://{file}/etutor.db"), "cannot be made"),
        (format!("sqlite://{file}/deeper/etutor.db"), "cannot be made"),
        ("sqlite:///proc/etutor/etutor.db".to_owned(), "cannot be made"),
    ] {
        let error = refused(&url).await;
        let text = error.to_string();
        assert!(matches!(&error, Error::Invalid { field, .. } if field == "database.url"), "{error:?}");
        assert!(text.contains(url.as_str()) && text.contains(reason), "{text}");
    }
}
