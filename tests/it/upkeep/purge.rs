//! Rows past their retention are removed, in sets, and nothing else is.

use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp, on_every_app_at, on_every_app_with};
use std::collections::BTreeSet;
use tonic::Status;

const SATURDAYS: (&str, &str) = ("2026-03-14", "2026-03-28");

fn one_place() -> Academy {
    Academy::new().period("19:00", "20:00").template("one", "FREQ=WEEKLY;BYDAY=SA").classes(1, 1).students(10)
}

async fn join(app: &TestApp, number: usize) -> i64 {
    let (student, class_template) = (student(number), "one".to_owned());
    let (start_day, end_day) = (SATURDAYS.0.to_owned(), SATURDAYS.1.to_owned());
    let request =
        pb::JoinWaitlistRequest { student, class_template, start_day, end_day, request_id: String::new() };
    app.waitlist()
        .join_waitlist(request)
        .await
        .unwrap()
        .into_inner()
        .entry
        .unwrap()
        .reservation
        .unwrap()
        .reservation_id
}

async fn sign_up(app: &TestApp, number: usize, request_id: &str) -> Result<pb::Reservation, Status> {
    let (student, class_template) = (student(number), "one".to_owned());
    let (start_day, end_day) = (SATURDAYS.0.to_owned(), SATURDAYS.1.to_owned());
    let request = pb::CreateReservationRequest {
        student,
        class_template,
        start_day,
        end_day,
        request_id: request_id.to_owned(),
    };
    app.enrollment().create_reservation(request).await.map(|answer| answer.into_inner().reservation.unwrap())
}

async fn listed(app: &TestApp) -> Vec<pb::Message> {
    app.outbox().list_messages(pb::ListMessagesRequest::default()).await.unwrap().into_inner().messages
}

async fn numbers(app: &TestApp, count: &'static str) -> Vec<i64> {
    sql(count).column(app.db().reader()).await.unwrap()
}

#[test]
fn the_content_of_a_message_goes_half_a_year_after_its_end_and_what_was_told_stays() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        app.ignore_messages("this story reads them itself");
        let academy = one_place().build(&app).await;
        let full = academy.reserve(&app, &student(1), "one", Some(SATURDAYS)).await.unwrap().reservation_id;
        let first = join(&app, 2).await;
        join(&app, 3).await;
        let cancel = pb::CancelReservationRequest { reservation_id: full, ..Default::default() };
        app.enrollment().cancel_reservation(cancel).await.unwrap();
        app.fire("sms send", None).await;
        app.waitlist().decline_offer(pb::DeclineOfferRequest { reservation_id: first }).await.unwrap();
        // One message was handed over (captured), and one waits, however long nobody sends.
        let before = listed(&app).await;
        let states: Vec<pb::MessageState> = before.iter().map(pb::Message::state).collect();
        assert_eq!(states, [pb::MessageState::Captured, pb::MessageState::Queued]);
        app.set_clock("2026-08-29T10:00").await;
        assert_eq!(app.fire("message purge", None).await.changed, 0, "180 days to the second");
        assert_eq!(listed(&app).await, before);
        app.set_clock("2026-08-29T10:01").await;
        let report = app.fire("message purge", None).await;
        assert_eq!((report.examined, report.changed, report.messages), (1, 1, 0));
        assert_eq!(report.notes, ["contents of messages: 1 removed"]);
        let after = listed(&app).await;
        let now = Some(prost_types::Timestamp { seconds: app.instant("2026-08-29T10:01").unix(), nanos: 0 });
        let empty = pb::Message {
            address: String::new(),
            subject: String::new(),
            body: String::new(),
            purge_time: now,
            ..before[0].clone()
        };
        assert_eq!(after, [empty, before[1].clone()], "all else of it is as it was, and what waits is whole");
        assert!(!before[0].address.is_empty() && !before[0].body.is_empty());
        assert_eq!(app.fire("message purge", None).await.changed, 0, "twice changes nothing");
        // What nobody sent has run out, which is its end.
        app.fire("sms send", None).await;
        assert_ne!(listed(&app).await[1].state(), pb::MessageState::Queued);
        app.set_clock("2027-02-26T10:02").await;
        app.fire("message purge", None).await;
        assert!(
            listed(&app).await.iter().all(|message| message.body.is_empty() && message.purge_time.is_some())
        );
        let keys = numbers(&app, "SELECT COUNT(DISTINCT dedup_key) FROM message").await;
        assert_eq!(keys, [2], "by them nothing is told twice");
    });
}

#[test]
fn a_request_id_is_kept_for_two_days() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        one_place().build(&app).await;
        app.fire("message purge", None).await;
        let made = sign_up(&app, 1, "r1").await.unwrap();
        app.set_clock("2026-03-04T09:59").await;
        app.fire("message purge", None).await;
        assert_eq!(sign_up(&app, 1, "r1").await.unwrap(), made, "the same as the first time");
        assert_eq!(crate::grpc::reason(&sign_up(&app, 2, "r1").await.unwrap_err()), "REQUEST_ID_REUSED");
        app.set_clock("2026-03-04T10:01").await;
        let report = app.fire("message purge", None).await;
        assert!(report.notes.contains(&"request ids: 1 removed".to_owned()), "{:?}", report.notes);
        assert_eq!(
            crate::grpc::reason(&sign_up(&app, 2, "r1").await.unwrap_err()),
            "PLACES_EXHAUSTED",
            "the id is free again"
        );
        assert_eq!(
            crate::grpc::reason(&sign_up(&app, 1, "r1").await.unwrap_err()),
            "ALREADY_RESERVED",
            "and places are sold once all the same"
        );
    });
}

#[test]
fn runs_that_changed_nothing_go_after_a_month_the_others_after_a_year_and_the_last_of_each_task_stays() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        app.ignore_messages("this story is about runs");
        let academy = one_place().build(&app).await;
        let full = academy.reserve(&app, &student(1), "one", Some(SATURDAYS)).await.unwrap().reservation_id;
        join(&app, 2).await;
        let cancel = pb::CancelReservationRequest { reservation_id: full, ..Default::default() };
        app.enrollment().cancel_reservation(cancel).await.unwrap();
        for _ in 0..3 {
            app.fire("sms send", None).await;
            app.fire("clazz offer_places", None).await;
        }
        let runs = async || -> Vec<(String, i64)> {
            let all = pb::ListTaskRunsRequest { page_size: 1000, ..Default::default() };
            let runs = app.tasks().list_task_runs(all).await.unwrap().into_inner().runs;
            runs.into_iter()
                .rev()
                .filter(|run| run.task != "message purge")
                .map(|run| (run.task, run.messages))
                .collect()
        };
        let run = |task: &str, messages| (task.to_owned(), messages);
        assert_eq!(runs().await.len(), 6);
        app.set_clock("2026-04-01T10:00").await;
        app.fire("message purge", None).await;
        assert_eq!(runs().await.len(), 6, "30 days to the second");
        app.set_clock("2026-04-01T10:11").await;
        app.fire("message purge", None).await;
        // The first of `sms send` had a message to send; of the others the last is left.
        let left = [run("sms send", 1), run("sms send", 0), run("clazz offer_places", 0)];
        assert_eq!(BTreeSet::from_iter(runs().await), BTreeSet::from_iter(left));
        app.set_clock("2027-04-06T10:00").await;
        app.fire("message purge", None).await;
        assert_eq!(runs().await.len(), 3, "400 days to the second");
        app.set_clock("2027-04-06T10:11").await;
        app.fire("message purge", None).await;
        assert_eq!(runs().await, [run("sms send", 0), run("clazz offer_places", 0)]);
        let tasks = app.tasks().list_tasks(pb::ListTasksRequest {}).await.unwrap().into_inner().tasks;
        let known = tasks.iter().filter(|task| task.last_run.is_some()).count();
        assert_eq!(known, 3, "each task still says when it last ran");
    });
}

#[test]
fn one_run_removes_so_many_at_most_and_two_at_once_remove_each_once() {
    let few = |config: &mut etutor::config::Config| config.retention.per_run_max = 4;
    on_every_app_with("2026-03-02T10:00", few, async |app: TestApp| {
        one_place().build(&app).await;
        app.set_clock("2026-03-10T10:00").await;
        while app.fire("message purge", None).await.changed > 0 {}
        let held = sign_up(&app, 1, "r0").await.unwrap().reservation_id;
        for number in 1..10 {
            let request_id = format!("r{number}");
            let request =
                pb::CancelReservationRequest { reservation_id: held, request_id, ..Default::default() };
            app.enrollment().cancel_reservation(request).await.unwrap();
        }
        app.set_clock("2026-03-13T10:00").await;
        let report = app.fire("message purge", None).await;
        assert_eq!(
            (report.changed, report.notes.as_slice()),
            (4, &["request ids: 4 removed; there are more, for the next run".to_owned()][..])
        );
        let replica = app.replica().await;
        let (one, two) = tokio::join!(app.fire("message purge", None), replica.fire("message purge", None));
        let left = numbers(&app, "SELECT COUNT(*) FROM request_log").await[0];
        assert_eq!(left + one.changed + two.changed, 6, "{:?} {:?}", one.notes, two.notes);
        assert!(left <= 2);
        app.fire("message purge", None).await;
        assert_eq!(numbers(&app, "SELECT COUNT(*) FROM request_log").await, [0]);
    });
}

#[test]
fn when_people_were_present_goes_after_four_hundred_days() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        one_place().build(&app).await;
        let beat = async |number: usize| {
            let person = Some(pb::heartbeat_request::Person::Student(student(number)));
            app.presence().heartbeat(pb::HeartbeatRequest { person }).await.unwrap();
        };
        beat(1).await;
        app.set_clock("2026-03-02T11:00").await;
        beat(1).await;
        beat(2).await;
        app.set_clock("2027-04-06T10:00").await;
        assert_eq!(app.fire("message purge", None).await.changed, 0, "400 days to the second");
        app.set_clock("2027-04-06T10:01").await;
        let report = app.fire("message purge", None).await;
        assert!(report.notes.contains(&"when people were present: 1 removed".to_owned()), "{report:?}");
        assert_eq!(numbers(&app, "SELECT COUNT(*) FROM presence_span").await, [2]);
        app.set_clock("2028-01-01").await;
        app.fire("message purge", None).await;
        assert_eq!(numbers(&app, "SELECT COUNT(*) FROM presence_span").await, [0]);
        beat(1).await;
        assert_eq!(numbers(&app, "SELECT COUNT(*) FROM presence_span").await, [1]);
    });
}
