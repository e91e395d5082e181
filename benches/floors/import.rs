//! The import of a real season (tests/data/oulad-2013j), into an empty database and again.

use crate::rows::{statements, watch};
use crate::{head, line, median, ms, ratio};
use etutor::app::App;
use etutor::app::call::Call;
use etutor::app::import::{FILES, ImportData, ImportFile, ImportRow, import};
use etutor::clock::Clock;
use etutor::config::Config;
use etutor::domain::time::Instant as At;
use etutor::storage::{Db, DbOptions};
use etutor::testing::TestDb;
use etutor::testing::database::Kind;
use std::path::Path;
use std::time::{Duration, Instant};

/// Midnight of 2013-03-01 in Shanghai, before the first sign-up.
const BEFORE: At = At::from_unix(1_362_067_200);

/// So many imports on every configured database, turn about.
pub async fn run(rounds: usize) {
    let season = season();
    let kinds: Vec<&Kind> = Kind::configured().iter().collect();
    let mut times = vec![(Vec::new(), Vec::new(), 0); kinds.len()];
    for _ in 0..rounds {
        for (kind, (new, again, sent)) in kinds.iter().zip(&mut times) {
            let home = TestDb::empty(kind).await;
            let options = DbOptions { sqlite_synchronous_full: true, ..home.options().clone() };
            Db::migrate_at(&options).await.unwrap();
            let mut db = Db::connect(&options).await.unwrap();
            let took = watch(&mut db);
            let app = App::new(db.clone(), Clock::System, Config { testing: false, ..Config::default() });
            new.push(once(&app, &season, 6_468).await);
            *sent = took.lock().unwrap().len();
            statements(&took);
            again.push(once(&app, &season, 0).await);
            statements(&took);
            db.close().await;
        }
    }
    let title =
        format!("Import of a season, 6,474 sign-ups of 6,475 students: median of {rounds}, interleaved");
    head(
        &title,
        ["database", "statements", "into an empty database", "to the first", "again", "to the first"],
    );
    let medians: Vec<_> =
        times.into_iter().map(|(new, again, sent)| (median(new), median(again), sent)).collect();
    for (kind, (new, again, sent)) in kinds.iter().zip(&medians) {
        let (first_new, first_again, _) = medians[0];
        line([
            kind.name(),
            &sent.to_string(),
            &ms(*new),
            &ratio(*new, first_new),
            &ms(*again),
            &ratio(*again, first_again),
        ]);
    }
}

async fn once(app: &App, season: &ImportData, signed_up: u64) -> Duration {
    let began = Instant::now();
    let outcome = import(&Call::new(app, BEFORE), season, false).await.unwrap();
    let took = began.elapsed();
    assert!(outcome.written);
    assert_eq!(
        outcome.files.iter().find(|report| report.file == "reservations.csv").unwrap().created,
        signed_up
    );
    took
}

fn season() -> ImportData {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oulad-2013j");
    let files = FILES.iter().filter_map(|(name, _)| {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(folder.join(name)).ok()?;
        let columns = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows = reader.records().map(|record| {
            let record = record.unwrap();
            let line = u32::try_from(record.position().unwrap().line()).unwrap();
            ImportRow { line, values: record.iter().map(str::to_owned).collect() }
        });
        Some(ImportFile { name: (*name).to_owned(), columns, rows: rows.collect(), ..ImportFile::default() })
    });
    ImportData { files: files.collect() }
}
