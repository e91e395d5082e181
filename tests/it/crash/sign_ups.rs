//! Sign-ups while the server is killed again and again: whatever was acknowledged is there, and
//! repeated requests get the same result.

use super::process::Server;
use super::snapshot;
use crate::grpc::reason;
use etutor::rpc::pb;
use etutor::rpc::pb::enrollment_service_client::EnrollmentServiceClient;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::database::on_every_kind;
use etutor::testing::{Academy, TestApp, TestDb};
use futures_util::future::join_all;
use std::sync::Mutex;
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

const STUDENTS: usize = 60;
const BEGIN: &str = "2026-03-02T12:00";
/// How many answers the server gives before it is killed, drawn once.
const KILLED_AFTER: [usize; 9] = [1, 7, 23, 60, 90, 31, 118, 75, 3];

/// What a student was told, and by which reservation it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    made: Option<i64>,
    booked: bool,
    cancelled: bool,
    /// Cancelling was begun: it may have been carried out unheard.
    may_be_cancelled: bool,
}

/// A student at the counter; every request has an id, so that it can be made again.
struct Student<'a> {
    number: usize,
    client: EnrollmentServiceClient<Channel>,
    told: &'a Mutex<Told>,
    answers: mpsc::UnboundedSender<()>,
}

/// The server has gone in the middle of a call.
#[derive(Debug)]
struct Gone;

impl Student<'_> {
    /// The answer to a call, or the reason of its refusal.
    fn heard(
        &self,
        answer: Result<pb::Reservation, Status>,
    ) -> Result<Result<pb::Reservation, String>, Gone> {
        let heard = match answer {
            Ok(reservation) => Ok(reservation),
            Err(status) if status.code() == Code::FailedPrecondition => Err(reason(&status)),
            Err(status) => {
                let gone = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal, Code::Aborted];
                assert!(gone.contains(&status.code()), "{status:?}");
                return Err(Gone);
            }
        };
        let _nobody_listens = self.answers.send(());
        Ok(heard)
    }

    /// Signs up, at once or by a hold; one in four thinks better of it. All of it from the
    /// beginning each time.
    async fn visits(mut self) -> Result<(), Gone> {
        let before = self.told.lock().unwrap().clone();
        let number = self.number;
        let holds = number.is_multiple_of(3);
        let (class_template, request_id) =
            (["evening", "noon"][number % 2].to_owned(), format!("made-{number}"));
        let (student, start_day, end_day) =
            (student(number), format!("2026-03-{:02}", 8 + number % 5), "2026-03-20".to_owned());
        let made = if holds {
            let request = pb::HoldPlacesRequest { student, class_template, start_day, end_day, request_id };
            self.client.hold_places(request).await.map(|answer| answer.into_inner().reservation.unwrap())
        } else {
            let request =
                pb::CreateReservationRequest { student, class_template, start_day, end_day, request_id };
            self.client
                .create_reservation(request)
                .await
                .map(|answer| answer.into_inner().reservation.unwrap())
        };
        let reservation_id = match self.heard(made)? {
            Ok(made) => made.reservation_id,
            // What was made is over, because it was cancelled before the answer got lost.
            Err(refusal)
                if before.may_be_cancelled && ["HOLD_EXPIRED", "CANCELLED"].contains(&refusal.as_str()) =>
            {
                let mut told = self.told.lock().unwrap();
                (told.booked, told.cancelled) = (true, true);
                return Ok(());
            }
            Err(refusal) => {
                assert_eq!((refusal.as_str(), before.made), ("PLACES_EXHAUSTED", None), "student {number}");
                return Ok(());
            }
        };
        assert!(
            before.made.is_none_or(|made| made == reservation_id),
            "student {number}: {before:?} has become {reservation_id}"
        );
        self.told.lock().unwrap().made = Some(reservation_id);
        if holds {
            let confirmed = self.client.confirm_hold(pb::ConfirmHoldRequest { reservation_id }).await;
            match self.heard(confirmed.map(|answer| answer.into_inner().reservation.unwrap()))? {
                Ok(confirmed) => assert_eq!(confirmed.state(), pb::ReservationState::Booked),
                Err(refusal) => assert!(
                    refusal == "HOLD_EXPIRED" && before.may_be_cancelled,
                    "student {number}: {refusal}, {before:?}"
                ),
            }
        }
        self.told.lock().unwrap().booked = true;
        if number.is_multiple_of(4) {
            self.told.lock().unwrap().may_be_cancelled = true;
            let request = pb::CancelReservationRequest {
                reservation_id,
                request_id: format!("back-{number}"),
                ..Default::default()
            };
            let cancelled = self.client.cancel_reservation(request).await.map(Response::into_inner);
            let cancelled = self.heard(cancelled.map(|answer| answer.reservation.unwrap()))?.unwrap();
            assert_eq!(cancelled.state(), pb::ReservationState::Cancelled);
            self.told.lock().unwrap().cancelled = true;
        }
        Ok(())
    }
}

/// Every day at 12:00 and 19:00 for twenty: fewer places than students.
async fn make_academy(db: &TestDb) {
    let app = TestApp::start(db.replica().await, BEGIN, |_| ()).await;
    app.ignore_messages("nobody is told anything yet");
    let academy = Academy::new()
        .season("2026-03-02", "2026-03-31")
        .period("19:00", "20:00")
        .template("evening", "FREQ=DAILY")
        .classes(2, 10);
    academy
        .period("12:00", "13:00")
        .template("noon", "FREQ=DAILY")
        .classes(2, 10)
        .students(STUDENTS)
        .build(&app)
        .await;
    app.db().clone().close().await;
    drop(app);
    db.db().clone().close().await;
}

/// All of them at once; how many were cut off. The server is killed after so many answers, unless
/// they all have theirs before.
async fn rush(server: &mut Server, told: &[Mutex<Told>], kill_after: Option<usize>) -> usize {
    let (answers, mut heard) = mpsc::unbounded_channel();
    let visits = (1..).zip(told).map(|(number, told)| {
        let client = EnrollmentServiceClient::new(server.channel());
        Student { number, client, told, answers: answers.clone() }.visits()
    });
    let visits = join_all(visits.collect::<Vec<_>>());
    let killer = async {
        for _ in 0..kill_after.unwrap_or(usize::MAX) {
            // It never ends: `answers` is still here.
            heard.recv().await;
        }
    };
    tokio::pin!(visits);
    tokio::select! {
        biased;
        ended = &mut visits => ended.into_iter().filter(Result::is_err).count(),
        () = killer => {
            server.kill();
            visits.await.into_iter().filter(Result::is_err).count()
        }
    }
}

#[test]
fn a_server_killed_amid_sign_ups_keeps_what_it_acknowledged_and_sells_nothing_twice() {
    on_every_kind(async |kind| {
        let db = TestDb::new(kind).await;
        make_academy(&db).await;
        let url = db.options().url.clone();
        let told: Vec<Mutex<Told>> = (0..STUDENTS).map(|_| Mutex::default()).collect();
        let mut cut_off = 0;
        for kill_after in KILLED_AFTER {
            let mut server = Server::start(&url).await;
            cut_off += rush(&mut server, &told, Some(kill_after)).await;
            server.kill();
            snapshot::is_whole(&url).await;
        }
        let mut server = Server::start(&url).await;
        assert_eq!(rush(&mut server, &told, None).await, 0);
        let all: Vec<Told> = told.iter().map(|told| told.lock().unwrap().clone()).collect();
        assert_eq!(rush(&mut server, &told, None).await, 0, "and once more, with the same ids");
        server.kill();
        println!("{}: {} kills, {cut_off} students cut off amid a call", kind.name(), KILLED_AFTER.len());
        assert!(cut_off > KILLED_AFTER.len(), "{cut_off} cut off");

        let app = TestApp::start(db.replica().await, BEGIN, |_| ()).await;
        app.ignore_messages("this is about places");
        let rows = "SELECT s.user_name, r.id, r.state FROM reservation r JOIN student s \
            ON s.id = r.student_id ORDER BY s.user_name";
        let rows: Vec<(String, i64, String)> = sql(rows).tuples(app.db().reader()).await.unwrap();
        let expected: Vec<(String, i64, String)> = (1..)
            .zip(&all)
            .filter_map(|(number, told)| {
                assert_eq!(told.booked, told.made.is_some());
                let state = if told.cancelled { "CANCELLED" } else { "BOOKED" };
                told.made.map(|id| (student(number), id, state.to_owned()))
            })
            .collect();
        // In the second of two rushes whoever was refused may have found a place that was given
        // back.
        assert!(expected.iter().all(|row| rows.contains(row)), "{expected:?} of {rows:?}");
        let found: Vec<&String> = rows.iter().map(|(student, ..)| student).collect();
        assert!(found.is_sorted_by(|one, other| one < other), "each has one sign-up: {found:?}");
        let over: Vec<i64> =
            sql("SELECT COUNT(*) FROM place WHERE taken > capacity").column(app.db().reader()).await.unwrap();
        assert_eq!(over, [0]);
        let night = app.fire("clazz init_place", None).await;
        assert_eq!((night.changed, night.failed), (0, 0), "{night:?}");
    });
}
