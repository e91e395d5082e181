//! A database fault at every step of a sign-up, a cancellation, an answer and a task: what was
//! acknowledged is stored, what was refused is not, and the next call works. The faults are real
//! ones, provoked on the transaction's own connection.

mod file;
mod frozen;

use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app_at};
use sea_orm::DbBackend;

/// What goes wrong, and what ends it.
struct Fault {
    name: &'static str,
    /// Run on the connection; where it fails, its error is that of the step.
    text: &'static str,
    /// Run on the next transaction's connection, when the trouble is over.
    over: &'static str,
}

const NOTHING: &str = "SELECT 1";

impl Fault {
    /// Lets it happen after so many steps.
    fn arm(&self, stage: &Stage, steps: usize) {
        // In a process of its own it is the file system that fails. Nearly all that a statement
        // changes has to be written at once.
        match file::is_alone() {
            true => stage.faults().arm_with(steps, "PRAGMA cache_size = 1", || file::refuse_writes(true)),
            false => stage.faults().arm(steps, self.text),
        }
    }

    /// Whether it is one after which a transaction is run again, so that nobody is refused.
    fn is_tried_again(&self) -> bool {
        ["1213", "1205"].iter().any(|number| self.text.contains(&format!("MYSQL_ERRNO = {number}")))
    }

    /// The trouble is over; whether there was any.
    fn ends(stage: &Stage) -> bool {
        let happened = stage.faults().disarm();
        if file::is_alone() {
            file::refuse_writes(false);
        }
        happened
    }
}

/// A table of one's own for what fills the disk. Its rows are the only thing of their statement, so
/// that SQLite has no journal of it and undoes the whole transaction.
async fn set(stage: &Stage) {
    etutor::write_txn!(stage.db(), "test.filler", |txn| sql("CREATE TABLE filler (b VARCHAR(10))")
        .execute(txn)
        .await)
    .unwrap();
}

fn faults(backend: DbBackend) -> &'static [Fault] {
    match backend {
        DbBackend::Sqlite if file::is_alone() => {
            &[Fault { name: "nothing can be written to any file", text: "", over: NOTHING }]
        }
        DbBackend::Sqlite => &[
            Fault {
                name: "the disk is full, and SQLite rolls back by itself",
                text: "PRAGMA max_page_count = 1; INSERT INTO filler VALUES (randomblob(1000000))",
                over: "PRAGMA max_page_count = 1073741823",
            },
            Fault {
                name: "the transaction is gone",
                text: "ROLLBACK; SELECT json('no json')",
                over: NOTHING,
            },
            Fault {
                name: "the file is read-only",
                text: "PRAGMA query_only = ON",
                over: "PRAGMA query_only = OFF",
            },
        ],
        DbBackend::Postgres => &[
            Fault { name: "a statement fails", text: "SELECT 1 / 0", over: NOTHING },
            Fault {
                name: "the connection is killed",
                text: "SELECT pg_terminate_backend(pg_backend_pid())",
                over: NOTHING,
            },
            Fault {
                name: "a statement takes too long",
                text: "SET statement_timeout = 20; SELECT pg_sleep(5)",
                over: "SET statement_timeout = 10000",
            },
            Fault { name: "the server is read-only", text: "SET TRANSACTION READ ONLY", over: NOTHING },
        ],
        _ => &[
            Fault { name: "the connection is killed", text: "KILL CONNECTION_ID()", over: NOTHING },
            Fault {
                name: "a deadlock has undone everything",
                text: "ROLLBACK; SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'deadlock'",
                over: NOTHING,
            },
            Fault {
                name: "a lock was waited for in vain",
                text: "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1205, MESSAGE_TEXT = 'lock wait'",
                over: NOTHING,
            },
            Fault {
                name: "a statement takes too long",
                text: "SET STATEMENT max_statement_time = 0.02 FOR SELECT SLEEP(5) FROM mutex",
                over: NOTHING,
            },
            Fault {
                name: "the server is read-only",
                text: "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'read only'",
                over: NOTHING,
            },
        ],
    }
}

/// Tries `act` with each fault at each of its steps, and then once more without. `act` and `stored`
/// are given a number that is new each time; `act` says whether it was acknowledged.
async fn at_every_step(stage: &Stage, act: impl AsyncFn(usize) -> bool, stored: impl AsyncFn(usize) -> bool) {
    set(stage).await;
    let mut number = 0;
    for fault in faults(stage.db().backend()) {
        let (mut steps, mut refused) = (0, 0);
        loop {
            number += 1;
            assert!(!stored(number).await);
            fault.arm(stage, steps);
            let acknowledged = act(number).await;
            let happened = Fault::ends(stage);
            let what = format!("{}, at step {steps}", fault.name);
            assert_eq!(stored(number).await, acknowledged, "acknowledged: {acknowledged}; {what}");
            stage.faults().arm(0, fault.over);
            if !acknowledged {
                refused += 1;
                assert!(
                    act(number).await && stored(number).await,
                    "the next call is not well after this: {what}"
                );
            } else {
                // Something else that writes.
                stage.advance(chrono::TimeDelta::zero()).await;
            }
            if !happened {
                assert!(
                    acknowledged && steps > 2 && (refused > 0 || fault.is_tried_again()),
                    "it was never done without a fault, or never refused: {what}"
                );
                break;
            }
            steps += 1;
        }
    }
    assert_eq!(
        stage.fire("clazz init_place", None).await.failed,
        0,
        "places differ from what was signed up for"
    );
}

async fn states(app: &TestApp, student: &str) -> Vec<String> {
    sql("SELECT r.state FROM reservation r JOIN student s ON s.id = r.student_id WHERE s.user_name = ?")
        .bind(student)
        .column(app.db().reader())
        .await
        .unwrap()
}

/// Students there are; more than steps and faults in any of these stories.
fn students() -> usize {
    if file::is_alone() { 100 } else { 400 }
}

async fn stage(app: TestApp) -> Stage {
    stage_of(app, students()).await
}

/// An academy with places for all of so many students.
async fn stage_of(app: TestApp, students: usize) -> Stage {
    Stage::set(app, evening().classes(40, 50).coaches(2).students(students)).await
}

#[test]
fn a_sign_up() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = stage(app).await;
        let act = async |number| stage.academy.reserve(&stage, &student(number), "math", None).await.is_ok();
        at_every_step(&stage, act, async |number| states(&stage, &student(number)).await == ["BOOKED"]).await;
    });
}

#[test]
fn a_cancellation() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = stage(app).await;
        let made = stage.academy.reserve_all(&stage, "math", 1, students(), None).await;
        let act = async |number: usize| {
            let reservation_id = made[number - 1].reservation_id;
            let request = pb::CancelReservationRequest { reservation_id, ..Default::default() };
            stage.enrollment().cancel_reservation(request).await.is_ok()
        };
        at_every_step(&stage, act, async |number| states(&stage, &student(number)).await == ["CANCELLED"])
            .await;
    });
}

#[test]
fn an_answer() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().classes(40, 6).coaches(80).students(240), 240).await;
        stage.minute("2026-03-02T08:00").await;
        let act = async |number: usize| stage.yes(number, MATH).await == "ACCEPTED";
        let stored = async |number: usize| {
            stage.invitation(number, MATH).await.state() == pb::InvitationState::Accepted
        };
        yes_at_every_step(&stage, act, stored).await;
        stage.ignore_messages("what coaches are told of their yes is told elsewhere");
    });
}

/// As [`at_every_step`], over fewer steps: an answer has some thirty, and each takes a coach.
async fn yes_at_every_step(
    stage: &Stage,
    act: impl AsyncFn(usize) -> bool,
    stored: impl AsyncFn(usize) -> bool,
) {
    set(stage).await;
    let mut number = 0;
    for fault in faults(stage.db().backend()) {
        for steps in (0..40).step_by(5) {
            number += 1;
            stage.faults().arm(steps, fault.text);
            let acknowledged = act(number).await;
            stage.faults().disarm();
            assert_eq!(
                stored(number).await,
                acknowledged,
                "acknowledged: {acknowledged}; {}, at step {steps}",
                fault.name
            );
            stage.faults().arm(0, fault.over);
            if acknowledged {
                stage.advance(chrono::TimeDelta::zero()).await;
            } else {
                assert!(
                    act(number).await && stored(number).await,
                    "the next call is not well after {}, at step {steps}",
                    fault.name
                );
            }
        }
    }
}

#[test]
fn a_task() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = stage(app).await;
        stage.academy.reserve_all(&stage, "math", 1, 3, None).await;
        let tasks = async || {
            let found: Vec<(i64, i64)> =
                sql("SELECT id, template_id FROM class_task").tuples(stage.db().reader()).await.unwrap();
            found.len()
        };
        stage.set_clock("2026-03-02T00:00").await;
        set(&stage).await;
        for fault in faults(stage.db().backend()) {
            let mut steps = 0;
            loop {
                fault.arm(&stage, steps);
                let answer = stage.try_fire("invite create", None, None).await;
                let happened = Fault::ends(&stage);
                let what = format!("{}, at step {steps}: {answer:?}", fault.name);
                assert!(
                    !answer.as_ref().is_ok_and(|report| report.error.is_empty()) || tasks().await == 1,
                    "a task that was said to be made is not: {what}"
                );
                stage.faults().arm(0, fault.over);
                stage.fire("invite create", None).await;
                assert_eq!(tasks().await, 1, "{what}");
                for text in ["UPDATE reservation SET task_id = NULL", "DELETE FROM class_task"] {
                    etutor::write_txn!(stage.db(), "test.again", |txn| sql(text).execute(txn).await).unwrap();
                }
                if !happened {
                    break;
                }
                steps += 1;
            }
            assert!(steps > 5);
        }
    });
}
