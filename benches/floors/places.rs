//! `clazz init_place` over many rows, beside the one statement that counts them all.

use crate::rows::{Filled, fill};
use crate::{head, line, median, ms, ratio};
use etutor::app::call::Call;
use etutor::app::report::Report;
use etutor::app::upkeep::places::init_places;
use etutor::storage::sql::sql;
use etutor::storage::upkeep::place_differences;
use etutor::testing::database::Kind;
use etutor::write_txn;
use std::time::{Duration, Instant};

/// Rounds of what takes seconds.
const ROUNDS: usize = 3;
/// Templates of which a day has drifted.
const DRIFTED: i64 = 100;

/// On `rows` sign-ups, as many places and ledger rows, on every configured database.
pub async fn run(rows: i64) {
    for kind in Kind::configured() {
        let filled = fill(kind, rows).await;
        let title = format!(
            "`clazz init_place` over {rows} sign-ups, {}: median of {ROUNDS}, interleaved",
            kind.name()
        );
        let drifted = format!("{} days drifted", DRIFTED.min(rows / 100));
        head(&title, ["one recount statement", "nothing to do", "to the floor", &drifted, "to the floor"]);
        let (mut floors, mut idle, mut repaired) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floors.push(floor(&filled).await);
            idle.push(night(&filled, 0).await);
            let drifted = drift(&filled).await;
            repaired.push(night(&filled, drifted).await);
        }
        let (floor, idle, repaired) = (median(floors), median(idle), median(repaired));
        line([&ms(floor), &ms(idle), &ratio(idle, floor), &ms(repaired), &ratio(repaired, floor)]);
        filled.app.db.clone().close().await;
    }
}

/// The recount of all templates at once.
async fn floor(Filled { app, .. }: &Filled) -> Duration {
    let began = Instant::now();
    let found = place_differences(app.db.reader(), 1, i64::MAX).await.unwrap();
    let took = began.elapsed();
    assert_eq!(found, []);
    took
}

/// One run that finds so many days that drifted.
async fn night(Filled { app, now, .. }: &Filled, drifted: u64) -> Duration {
    let began = Instant::now();
    let report = init_places(&Call::new(app, *now)).await.unwrap();
    let took = began.elapsed();
    let Report { changed, failed, .. } = report;
    assert_eq!((changed, failed), (drifted, drifted), "{:?}", report.notes);
    took
}

/// One day of each of some templates says one place more than is taken; how many.
async fn drift(Filled { app, day, .. }: &Filled) -> u64 {
    write_txn!(&app.db, "bench.drift", |txn| {
        sql("UPDATE place SET taken = taken + 1 WHERE day = ? AND template_id <= ?")
            .bind(*day)
            .bind(DRIFTED)
            .execute(txn)
            .await
    })
    .unwrap()
}
