//! An open page, through real channels.

use super::world::{Row, academy};
use super::{WEDNESDAY, days};
use crate::grpc::{invalid_field, reason};
use crate::replay::import_through_rpc;
use etutor::app::import::{ImportData, ImportFile, ImportRow};
use etutor::app::opening::OpeningQuery;
use etutor::app::opening::watch::{News, Watch};
use etutor::rpc::{self, pb};
use etutor::serve::{self, ServeOptions};
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app_at};
use etutor::write_txn;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

/// Reached only when a test fails.
const SOON: Duration = Duration::from_secs(20);

type Stream = Streaming<pb::WatchOpeningsResponse>;

async fn open(app: &TestApp, request: pb::WatchOpeningsRequest) -> Result<Stream, Status> {
    Ok(app.openings().watch_openings(request).await?.into_inner())
}

fn of_grade() -> pb::WatchOpeningsRequest {
    pb::WatchOpeningsRequest { grade: 7, to_day: "2026-03-14".to_owned(), ..Default::default() }
}

/// What the stream says next; it looks once a second.
async fn next(stream: &mut Stream) -> Result<pb::WatchOpeningsResponse, Status> {
    let message = tokio::time::timeout(SOON, stream.message()).await.expect("nothing is said");
    Ok(message?.expect("the stream has ended"))
}

fn codes(news: &pb::WatchOpeningsResponse) -> Vec<&str> {
    news.openings.iter().map(|opening| opening.class_template.as_str()).collect()
}

#[test]
fn a_page_is_shown_whole_and_then_what_changes_on_it() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        let academy = academy().build(&app).await;
        let replica = app.replica().await;
        let mut stream = open(&app, of_grade()).await.unwrap();
        let first = next(&mut stream).await.unwrap();
        assert_eq!(codes(&first), ["sat", "daily"]);
        // Whoever writes: here another server.
        academy.reserve(&replica, &student(1), "sat", Some(("2026-03-14", "2026-03-14"))).await.unwrap();
        let news = next(&mut stream).await.unwrap();
        assert_eq!(
            (codes(&news), days(&news.openings[0])),
            (vec!["sat"], vec!["07 TOO_LATE 2".to_owned(), "14 ok 1".to_owned()])
        );
        Row::held(2, "sat", ("2026-03-14", "2026-03-14"), "2026-03-04T10:15").write(&app).await;
        assert_eq!(days(&next(&mut stream).await.unwrap().openings[0])[1], "14 PLACES_EXHAUSTED 0");
        // Time goes on: the hold runs out, and then a day's cut-off comes.
        app.set_clock("2026-03-04T10:15").await;
        assert_eq!(days(&next(&mut stream).await.unwrap().openings[0])[1], "14 ok 1");
        app.set_clock("2026-03-05").await;
        let news = next(&mut stream).await.unwrap();
        assert_eq!(news.openings.last().unwrap().first_possible_day, "2026-03-09");
        // The season is over: the page is.
        app.set_clock("2026-06-29").await;
        let status = next(&mut stream).await.unwrap_err();
        assert_eq!(
            status.code(),
            Code::InvalidArgument,
            "the range has an end and today is after it: {status:?}"
        );
    });
}

async fn put(app: &TestApp, template: pb::ClassTemplate) {
    let request = pb::UpsertClassTemplateRequest {
        class_template: Some(template),
        request_id: String::new(),
        validate_only: false,
    };
    app.catalog().upsert_class_template(request).await.unwrap();
}

#[test]
fn what_staff_put_into_the_catalogue_or_take_out_is_on_an_open_page_a_moment_later() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        let academy = academy().build(&app).await;
        let replica = app.replica().await;
        let mut stream = open(&app, of_grade()).await.unwrap();
        assert_eq!(codes(&next(&mut stream).await.unwrap()), ["sat", "daily"]);
        // By another server.
        put(
            &replica,
            pb::ClassTemplate {
                code: "sun".to_owned(),
                recurrence: "FREQ=WEEKLY;BYDAY=SU".to_owned(),
                ..academy.templates[0].clone()
            },
        )
        .await;
        let news = next(&mut stream).await.unwrap();
        assert_eq!(
            (codes(&news), news.removed.len(), days(&news.openings[0])),
            (vec!["sun"], 0, vec!["08 ok 2".to_owned()])
        );
        replica
            .catalog()
            .delete_class_template(pb::DeleteClassTemplateRequest { code: "sun".to_owned() })
            .await
            .unwrap();
        let news = next(&mut stream).await.unwrap();
        assert_eq!((codes(&news).len(), news.removed.as_slice()), (0, &["sun".to_owned()][..]));
    });
}

#[test]
fn a_template_whose_lesson_days_come_into_the_range_is_seen_at_the_next_look_whoever_brings_them() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        let academy = academy().build(&app).await;
        let tuesday = Some("2026-03-10".parse().unwrap());
        let query =
            OpeningQuery { grade: Some(7), from_day: tuesday, to_day: tuesday, ..OpeningQuery::default() };
        let (mut watch, first) = Watch::open((*app).clone(), query, 50).await.unwrap();
        let codes = |news: News| {
            news.openings.iter().map(|opening| opening.template.code.clone()).collect::<Vec<_>>()
        };
        assert_eq!(codes(first), ["daily"]);
        // An edit that is only tried is none.
        let on_tuesdays = pb::ClassTemplate {
            recurrence: "FREQ=WEEKLY;BYDAY=TU".to_owned(),
            ..academy.templates[0].clone()
        };
        let tried = pb::UpsertClassTemplateRequest {
            class_template: Some(on_tuesdays.clone()),
            request_id: String::new(),
            validate_only: true,
        };
        app.catalog().upsert_class_template(tried).await.unwrap();
        assert_eq!((watch.look().await.unwrap(), watch.look().await.unwrap()), (None, None));
        // Staff.
        put(&app, on_tuesdays).await;
        assert_eq!(codes(watch.look().await.unwrap().unwrap()), ["sat"]);
        // Upkeep, of a day that was lost.
        assert_eq!(watch.look().await.unwrap(), None, "painted again, for its mark is of this page");
        write_txn!(app.db(), "test.lose", |txn| {
            let text = "DELETE FROM place WHERE day = '2026-03-10' AND template_id = (SELECT id \
                FROM class_template WHERE code = ?)";
            sql(text).bind("sat").execute(txn).await
        })
        .unwrap();
        assert_eq!(watch.look().await.unwrap().unwrap().removed, ["sat"]);
        assert_eq!(watch.look().await.unwrap(), None);
        app.fire("clazz init_place", None).await;
        assert_eq!(codes(watch.look().await.unwrap().unwrap()), ["sat"]);
        // An import.
        let columns = [
            "code",
            "season",
            "subject_id",
            "grade",
            "period",
            "recurrence",
            "max_classes",
            "max_students_per_class",
        ];
        let values =
            ["tue", "spring", "1", "7", "p1900", "FREQ=WEEKLY;BYDAY=TU", "1", "6"].map(str::to_owned).into();
        let rows = vec![ImportRow { line: 2, values }];
        let file = ImportFile {
            name: "class_templates.csv".to_owned(),
            columns: columns.map(str::to_owned).into(),
            rows,
            ..Default::default()
        };
        let outcome = import_through_rpc(&app, &ImportData { files: vec![file] }).await;
        assert!(outcome.written, "{outcome:?}");
        assert_eq!(codes(watch.look().await.unwrap().unwrap()), ["tue"]);
    });
}

#[test]
fn a_page_that_many_have_open_is_painted_once_for_all_and_each_is_told_what_it_has_not_seen() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        let academy = academy().build(&app).await;
        let of_student = || pb::WatchOpeningsRequest { student: student(1), grade: 0, ..of_grade() };
        let (mut streams, sent) = app
            .statements()
            .of(async || {
                let pages = (0..40).map(|page| open(&app, if page < 20 { of_grade() } else { of_student() }));
                let mut streams = futures_util::future::try_join_all(pages).await.unwrap();
                for stream in &mut streams {
                    assert_eq!(codes(&next(stream).await.unwrap()), ["sat", "daily"]);
                }
                streams
            })
            .await;
        let painted = sent.iter().filter(|statement| statement.sql.contains("FROM class_template t")).count();
        assert!(painted <= 2 * 2, "each question once, and once more at the first look: {painted}");
        // The own lesson is on the student's page only, and one that is opened now begins with what
        // is so now.
        academy.reserve(&app, &student(1), "sat", Some(("2026-03-14", "2026-03-14"))).await.unwrap();
        let mut late = open(&app, of_student()).await.unwrap();
        assert_eq!(days(&next(&mut late).await.unwrap().openings[0])[1], "14 ALREADY_RESERVED 1");
        for (page, stream) in streams.iter_mut().enumerate() {
            let sat = next(stream)
                .await
                .unwrap()
                .openings
                .into_iter()
                .find(|opening| opening.class_template == "sat")
                .unwrap();
            assert_eq!(days(&sat)[1], if page < 20 { "14 ok 1" } else { "14 ALREADY_RESERVED 1" });
        }
        // One that is closed takes nothing from the others.
        streams.truncate(1);
        drop(late);
        academy.reserve(&app, &student(2), "sat", Some(("2026-03-14", "2026-03-14"))).await.unwrap();
        assert_eq!(days(&next(&mut streams[0]).await.unwrap().openings[0])[1], "14 PLACES_EXHAUSTED 0");
    });
}

#[test]
fn a_bad_request_is_refused_before_the_stream_begins() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        academy().build(&app).await;
        let refused = async |request: pb::WatchOpeningsRequest| open(&app, request).await.unwrap_err();
        assert_eq!(
            invalid_field(&refused(pb::WatchOpeningsRequest { grade: 0, ..of_grade() }).await),
            "grade"
        );
        assert_eq!(
            invalid_field(&refused(pb::WatchOpeningsRequest { page_size: 201, ..of_grade() }).await),
            "page_size"
        );
        assert_eq!(
            invalid_field(
                &refused(pb::WatchOpeningsRequest { from_day: "soon".to_owned(), ..of_grade() }).await
            ),
            "from_day"
        );
        assert_eq!(
            refused(pb::WatchOpeningsRequest { season: "winter".to_owned(), ..of_grade() }).await.code(),
            Code::NotFound
        );
        app.set_clock("2026-06-29").await;
        assert_eq!(
            reason(&refused(pb::WatchOpeningsRequest { to_day: String::new(), ..of_grade() }).await),
            "NO_SEASON"
        );
    });
}

#[test]
fn an_open_page_ends_with_its_server_and_with_its_database() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        academy().build(&app).await;
        // A server of its own, to be shut down.
        let options = ServeOptions { listen: ([127, 0, 0, 1], 0).into(), ..ServeOptions::default() };
        let listener = serve::bind(&options).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (served, shutdown) = (rpc::served(&app).unwrap(), CancellationToken::new());
        let until = shutdown.clone();
        let ended = tokio::spawn(async move { serve::serve(listener, served, &options, until).await });
        let mut client = pb::opening_service_client::OpeningServiceClient::new(
            Channel::from_shared(url).unwrap().connect().await.unwrap(),
        );
        let mut stream = client.watch_openings(of_grade()).await.unwrap().into_inner();
        assert_eq!(next(&mut stream).await.unwrap().openings.len(), 2);
        shutdown.cancel();
        assert_eq!(next(&mut stream).await.unwrap_err().code(), Code::Unavailable);
        tokio::time::timeout(SOON, ended).await.expect("an open page holds the end up").unwrap().unwrap();

        let replica = app.replica().await;
        let mut stream = open(&replica, of_grade()).await.unwrap();
        assert_eq!(next(&mut stream).await.unwrap().openings.len(), 2);
        replica.db().clone().close().await;
        assert_eq!(next(&mut stream).await.unwrap_err().code(), Code::Unavailable);
    });
}
