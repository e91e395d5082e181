//! Sign-ups over gRPC: the service, the least that can write them durably, and the textbook
//! transaction, in turn. Client and servers share this process and its two threads, so the figures
//! are low; the ratio is what counts.

mod batch;
mod fill;
mod floor;
mod ladder;
mod load;

use crate::rows::{statements, statements_wanted, watch};
use crate::{head, line};
use batch::Writer;
use etutor::domain::time::add_days;
use etutor::storage::Db;
use etutor::storage::sql::sql;
use etutor::testing::database::Kind;
use fill::{Ground, ground};
use floor::Way;
use load::{Load, Round};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

pub use ladder::run as ladder;

/// The hot template's number, and how many others there are at most.
const HOT: i64 = 0;
const SPREAD: i64 = 1_000;
/// Days of a long range, and from the first day of one shape to that of the next.
const LENGTH: i64 = 15;
const SLOT: i64 = 20;
const ROUNDS: usize = 3;
/// Connections and calls in flight on each.
const LEVELS: [(usize, usize); 4] = [(1, 1), (1, 8), (4, 8), (8, 16)];
/// No round takes longer: what is slow makes fewer calls.
const LIMIT: Duration = Duration::from_millis(1_000);

/// Who signs up for what.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    /// All for one template.
    hot: bool,
    days: i64,
    /// With a request id each, so that the service remembers the request.
    request_ids: bool,
}

const SHAPES: [Shape; 5] = [
    Shape { name: "hot, 1 day", hot: true, days: 1, request_ids: false },
    Shape { name: "spread, 1 day", hot: false, days: 1, request_ids: false },
    Shape { name: "hot, 15 days", hot: true, days: LENGTH, request_ids: false },
    Shape { name: "spread, 15 days", hot: false, days: LENGTH, request_ids: false },
    Shape { name: "hot, 1 day, request ids", hot: true, days: 1, request_ids: true },
];

/// Whether a shape or a number in flight is wanted: all of them, or those that the variable names,
/// divided by semicolons.
fn wanted(variable: &str, what: &str) -> bool {
    std::env::var(variable).map_or(true, |wanted| wanted.split(';').any(|one| one.trim() == what))
}

/// At most `calls` sign-ups a round (a tenth of them at 1 in flight), on every configured database.
pub async fn run(calls: usize) {
    let calls = std::env::var("ETUTOR_BENCH_CALLS")
        .map_or(calls, |calls| calls.parse().expect("ETUTOR_BENCH_CALLS is a number"));
    for kind in Kind::configured() {
        // A student signs up once for a shape; the floor and the textbook share theirs.
        let students = ROUNDS * (LEVELS.len() + 2) * (calls + 128);
        let ground = ground(kind, students as i64, SPREAD.min(calls as i64)).await;
        let title = format!(
            "Sign-ups over gRPC, {}: median of {ROUNDS} rounds of at most {calls} calls or {LIMIT:?}, \
             interleaved",
            kind.name()
        );
        head(
            &title,
            [
                "who, what",
                "in flight",
                "floor",
                "etutor",
                "of the floor",
                "p50 / p99",
                "textbook",
                "to the textbook",
            ],
        );
        measure(&ground, calls).await;
    }
}

/// The three ways to sign up, each behind its server.
struct Sides {
    ours: SocketAddr,
    floor: SocketAddr,
    textbook: SocketAddr,
}

async fn measure(ground: &Ground, calls: usize) {
    let mut db = Db::connect(&ground.options).await.unwrap();
    let took = statements_wanted().then(|| watch(&mut db));
    let textbook = Db::connect(&ground.options).await.unwrap();
    let sides = Sides {
        ours: crate::rpc::serve(db.clone()).await,
        floor: floor::serve(Way::together(Writer::connect(&ground.options).await), ground.base).await,
        textbook: floor::serve(Way::Alone(Box::new(textbook.clone())), ground.base).await,
    };
    let (mut reservations, mut places) = ([0, 0], [0, 0]);
    for (number, shape) in SHAPES.iter().enumerate() {
        let first = add_days(ground.base, SLOT * number as i64);
        let load = Load { shape: *shape, first, students: ground.students, spread: ground.spread };
        let (our_students, floor_students) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
        for (connections, each) in LEVELS {
            let in_flight = connections * each;
            let wanted = wanted("ETUTOR_BENCH_SHAPES", shape.name)
                && wanted("ETUTOR_BENCH_IN_FLIGHT", &in_flight.to_string());
            if !wanted || (shape.request_ids && in_flight < 128) {
                continue;
            }
            let calls = if in_flight == 1 { calls.div_ceil(10) } else { calls };
            let with_textbook = shape.hot && shape.days == 1 && !shape.request_ids && in_flight >= 32;
            let (mut ours, mut floors, mut textbooks) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let round = async |to, students: &Arc<AtomicI64>| {
                    load.round(to, connections, each, calls, students).await
                };
                floors.push(round(sides.floor, &floor_students).await);
                ours.push(round(sides.ours, &our_students).await);
                if with_textbook {
                    textbooks.push(round(sides.textbook, &floor_students).await);
                }
            }
            for (side, rounds) in [(0, &ours), (1, &floors), (1, &textbooks)] {
                let made = rounds.iter().map(|round| round.times.len() as i64).sum::<i64>();
                reservations[side] += made;
                places[side] += made * shape.days;
            }
            print(shape, in_flight, &ours, &floors, &textbooks);
            if let Some(took) = &took {
                statements(took);
            }
        }
    }
    check(&db, reservations, places).await;
    db.close().await;
    textbook.close().await;
}

fn print(shape: &Shape, in_flight: usize, ours: &[Round], floors: &[Round], textbooks: &[Round]) {
    let (rate, floor) = (Round::rate(ours), Round::rate(floors));
    let mut times: Vec<Duration> = ours.iter().flat_map(|round| round.times.iter().copied()).collect();
    times.sort_unstable();
    let at =
        |percent: usize| times.get(times.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    let (mut textbook, mut to) = (String::new(), String::new());
    if !textbooks.is_empty() {
        let slow = Round::rate(textbooks);
        (textbook, to) = (format!("{slow:.0}/s"), format!("{:.1}", rate / slow));
    }
    line([
        shape.name,
        &in_flight.to_string(),
        &format!("{floor:.0}/s"),
        &format!("{rate:.0}/s"),
        &format!("{:.0} %", 100.0 * rate / floor),
        &format!("{:.2} / {:.2} ms", at(50), at(99)),
        &textbook,
        &to,
    ]);
    for (side, rounds) in [("floor", floors), ("etutor", ours), ("textbook", textbooks)] {
        for (answer, times) in rounds.iter().flat_map(|round| &round.refused) {
            println!("  {side}, not counted: {times} × {answer}");
        }
    }
}

/// Ends in a panic unless exactly as many places are taken as the answers say: of the service (0)
/// and of the floor's tables (1).
async fn check(db: &Db, reservations: [i64; 2], places: [i64; 2]) {
    for (side, text) in [
        "SELECT CAST((SELECT SUM(taken) FROM place) AS {bigint}), (SELECT COUNT(*) FROM reservation), \
         (SELECT COUNT(*) FROM place WHERE taken > capacity)",
        "SELECT CAST((SELECT SUM(taken) FROM place_floor) AS {bigint}), (SELECT COUNT(*) \
         FROM reservation_floor), \
         (SELECT COUNT(*) FROM place_floor WHERE taken > capacity)",
    ]
    .into_iter()
    .enumerate()
    {
        let found: Vec<(i64, i64, i64)> = sql(text).tuples(db.reader()).await.unwrap();
        assert_eq!(
            found,
            [(places[side], reservations[side], 0)],
            "places taken, sign-ups and places over \
            capacity of side {side}"
        );
    }
}
