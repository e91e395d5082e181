//! Fields that are each well formed but wrong together, and streams out of order.

use etutor::rpc::pb;
use etutor::testing::academy::{coach, student};
use etutor::testing::{Academy, TestApp, on_every_app};
use std::fmt::Debug;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

#[track_caller]
fn refused<T: Debug>(answer: Result<Response<T>, Status>, field: &str) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
    let named = status.get_error_details().bad_request().map(|bad| bad.field_violations[0].field.clone());
    assert_eq!(named.as_deref(), Some(field), "{}", status.message());
}

async fn academy(app: &TestApp) -> Academy {
    let academy = Academy::new().period("19:00", "20:30").template("sat", "FREQ=WEEKLY;BYDAY=SA");
    academy.coaches(1).students(1).build(app).await
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn a_season_is_a_range_of_days_that_holds_its_excepted_days() {
    on_every_app(async |app: TestApp| {
        let good = academy(&app).await.season;
        let upsert = async |change: &dyn Fn(&mut pb::Season)| {
            let mut season = pb::Season { code: "other".to_owned(), ..good.clone() };
            change(&mut season);
            app.catalog()
                .upsert_season(pb::UpsertSeasonRequest {
                    season: Some(season),
                    request_id: String::new(),
                    validate_only: false,
                })
                .await
        };
        refused(upsert(&|season| season.end_day = "2026-03-01".to_owned()).await, "season.end_day");
        refused(upsert(&|season| season.end_day = "2027-04-07".to_owned()).await, "season.end_day");
        refused(upsert(&|season| season.start_day = "2026-2-3".to_owned()).await, "season.start_day");
        refused(upsert(&|season| season.start_day = "2026-02-30".to_owned()).await, "season.start_day");
        refused(upsert(&|season| season.year = 1999).await, "season.year");
        refused(
            upsert(&|season| season.except_days = texts(&["2026-03-07", "2026-07-01"])).await,
            "season.except_days",
        );
        refused(
            upsert(&|season| season.except_days = texts(&["2026-03-07", "2026-03-07"])).await,
            "season.except_days",
        );
        refused(
            upsert(&|season| season.except_days = vec!["2026-03-07".to_owned(); 401]).await,
            "season.except_days",
        );
        upsert(&|_| ()).await.unwrap();
    });
}

#[test]
fn a_period_is_at_most_four_hours_and_may_end_tomorrow() {
    on_every_app(async |app: TestApp| {
        let good = academy(&app).await.periods.remove(0);
        let upsert = async |start: &str, end: &str| {
            let period = pb::Period {
                code: "other".to_owned(),
                start_time: start.to_owned(),
                end_time: end.to_owned(),
                ..good.clone()
            };
            app.catalog()
                .upsert_period(pb::UpsertPeriodRequest {
                    period: Some(period),
                    request_id: String::new(),
                    validate_only: false,
                })
                .await
        };
        for (start, end, field) in [
            ("08:00", "12:01", "period.end_time"),
            ("08:00", "08:00", "period.end_time"),
            ("23:30", "03:31", "period.end_time"),
            ("24:00", "01:00", "period.start_time"),
            ("8:00", "09:00", "period.start_time"),
            ("08:00", "09:60", "period.end_time"),
        ] {
            refused(upsert(start, end).await, field);
        }
        upsert("08:00", "12:00").await.unwrap();
        upsert("23:30", "00:30").await.unwrap();
    });
}

#[test]
fn a_template_has_lesson_days_a_grade_of_its_period_and_places() {
    on_every_app(async |app: TestApp| {
        let good = academy(&app).await.templates.remove(0);
        let upsert = async |change: &dyn Fn(&mut pb::ClassTemplate)| {
            let mut template = pb::ClassTemplate { code: "other".to_owned(), ..good.clone() };
            change(&mut template);
            let request = pb::UpsertClassTemplateRequest {
                class_template: Some(template),
                request_id: String::new(),
                validate_only: false,
            };
            app.catalog().upsert_class_template(request).await
        };
        refused(upsert(&|template| template.grade = 6).await, "class_template.grade");
        refused(upsert(&|template| template.grade = 13).await, "class_template.grade");
        refused(upsert(&|template| template.max_classes = 0).await, "class_template.max_classes");
        refused(
            upsert(&|template| template.max_students_per_class = 1001).await,
            "class_template.max_students_per_class",
        );
        for recurrence in [
            "FREQ=WEEKLY;BYDAY=XX",
            "FREQ=SECONDLY",
            "FREQ=HOURLY",
            "FREQ=DAILY;BYHOUR=3,4",
            "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;FREQ=DAILY",
            "FREQ=WEEKLY;COUNT=3",
            "FREQ=WEEKLY;UNTIL=20991231T000000Z",
            "DTSTART:20260302T000000Z\nRRULE:FREQ=DAILY",
            "每天",
        ] {
            refused(
                upsert(&|template| template.recurrence = recurrence.to_owned()).await,
                "class_template.recurrence",
            );
        }
        upsert(&|template| template.recurrence = "FREQ=DAILY;INTERVAL=2".to_owned()).await.unwrap();
    });
}

#[test]
fn people_have_a_city_a_phone_and_a_grade() {
    on_every_app(async |app: TestApp| {
        let academy = academy(&app).await;
        let upsert_coach = async |change: &dyn Fn(&mut pb::Coach)| {
            let mut coach = academy.coaches[0].clone();
            change(&mut coach);
            app.coaches()
                .upsert_coach(pb::UpsertCoachRequest { coach: Some(coach), request_id: String::new() })
                .await
        };
        for phone in ["", "12", "123", "+12345678901234567890", "138 0000 0000", "13800a", "++8613800000000"]
        {
            refused(upsert_coach(&|coach| coach.phone = phone.to_owned()).await, "coach.phone");
        }
        for area_code in ["31010", "3101011", "31010a", "３１０１０１"] {
            refused(upsert_coach(&|coach| coach.area_code = area_code.to_owned()).await, "coach.area_code");
        }
        for rank in [0, 6] {
            refused(upsert_coach(&|coach| coach.rank = rank).await, "coach.rank");
        }
        for name in ["", "a b", "教练", "a/b", "a\n"] {
            refused(upsert_coach(&|coach| coach.user_name = name.to_owned()).await, "coach.user_name");
        }
        for grade in [0, 13] {
            let student = pb::Student { grade, ..academy.students[0].clone() };
            let request = pb::UpsertStudentRequest { student: Some(student), request_id: String::new() };
            refused(app.students().upsert_student(request).await, "student.grade");
        }
    });
}

#[test]
fn offers_are_of_the_season_and_not_too_many() {
    on_every_app(async |app: TestApp| {
        academy(&app).await;
        let good = pb::Availability {
            period: "p1900".to_owned(),
            recurrence: "FREQ=DAILY".to_owned(),
            start_day: "2026-03-02".to_owned(),
            end_day: "2026-06-28".to_owned(),
            ..Default::default()
        };
        let set = async |availability: Vec<pb::Availability>| {
            let request =
                pb::SetAvailabilityRequest { coach: coach(1), season: "spring".to_owned(), availability };
            app.coaches().set_availability(request).await
        };
        let before = pb::Availability { start_day: "2026-03-01".to_owned(), ..good.clone() };
        refused(set(vec![good.clone(), before]).await, "availability[1].start_day");
        let reversed = pb::Availability { end_day: "2026-03-01".to_owned(), ..good.clone() };
        refused(set(vec![reversed]).await, "availability[0].end_day");
        refused(set(vec![good.clone(); 201]).await, "availability");
        set(vec![good]).await.unwrap();
    });
}

#[test]
fn a_range_does_not_end_before_it_begins_and_a_page_belongs_to_its_list() {
    on_every_app(async |app: TestApp| {
        let academy = academy(&app).await;
        let backwards = academy.reserve(&app, &student(1), "sat", Some(("2026-03-14", "2026-03-13"))).await;
        refused(backwards.map(Response::new), "end_day");
        let (from_day, to_day) = ("2026-03-14".to_owned(), "2026-03-13".to_owned());
        let days = pb::ListLessonDaysRequest {
            class_template: "sat".to_owned(),
            from_day,
            to_day,
            ..Default::default()
        };
        refused(app.catalog().list_lesson_days(days).await, "to_day");

        let days = pb::ListLessonDaysRequest {
            class_template: "sat".to_owned(),
            page_size: 2,
            ..Default::default()
        };
        let page_token = app.catalog().list_lesson_days(days).await.unwrap().into_inner().next_page_token;
        assert!(!page_token.is_empty());
        let coaches = pb::ListCoachesRequest { page_token, ..Default::default() };
        refused(app.coaches().list_coaches(coaches).await, "page_token");
    });
}

#[test]
fn a_stream_of_heartbeats_names_its_person_once_and_first() {
    use pb::keep_present_request::Person;
    on_every_app(async |app: TestApp| {
        academy(&app).await;
        let keep = async |people: Vec<Option<Person>>| {
            let steps = people.into_iter().map(|person| pb::KeepPresentRequest { person });
            app.presence().keep_present(tokio_stream::iter(steps.collect::<Vec<_>>())).await
        };
        let (one, other) = (Some(Person::Coach(coach(1))), Some(Person::Student(student(1))));
        refused(keep(vec![None]).await, "coach");
        refused(keep(vec![Some(Person::Coach(String::new()))]).await, "coach");
        refused(keep(vec![Some(Person::Student("x".repeat(65)))]).await, "student");
        refused(keep(vec![one.clone(), one.clone()]).await, "coach");
        refused(keep(vec![one.clone(), None, other]).await, "student");
        let nobody = keep(vec![Some(Person::Student("nobody".to_owned()))]).await.unwrap_err();
        assert_eq!(nobody.code(), Code::NotFound, "{nobody:?}");
        let none = keep(vec![]).await.unwrap().into_inner();
        assert_eq!((none.heartbeats, none.last_heartbeat_time), (0, None));
        assert_eq!(keep(vec![one, None, None]).await.unwrap().into_inner().heartbeats, 3);
    });
}

#[test]
fn a_time_of_presence_begins_before_it_ends() {
    on_every_app(async |app: TestApp| {
        academy(&app).await;
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let person = Some(pb::get_presence_request::Person::Coach(coach(1)));
        let request = pb::GetPresenceRequest { person, from_time: at(100), to_time: at(100) };
        refused(app.presence().get_presence(request).await, "to_time");
    });
}

#[test]
fn an_import_is_a_start_then_files_each_with_its_rows() {
    use pb::import_request::Step;
    on_every_app(async |app: TestApp| {
        let start = || Step::Start(pb::ImportStart::default());
        let file = |name: &str| {
            Step::File(pb::ImportFile {
                name: name.to_owned(),
                columns: texts(&["subject_id", "name"]),
                ..Default::default()
            })
        };
        let row = |line, values: &[&str]| {
            Step::Rows(pb::ImportRows { rows: vec![pb::ImportRow { line, values: texts(values) }] })
        };
        let import = async |steps: Vec<Step>| {
            let steps = steps.into_iter().map(|step| pb::ImportRequest { step: Some(step) });
            app.imports().import(tokio_stream::iter(steps.collect::<Vec<_>>())).await
        };
        let long = "x".repeat(10_001);
        refused(import(vec![]).await, "end");
        refused(import(vec![file("subjects.csv")]).await, "start");
        refused(import(vec![start(), start()]).await, "start");
        refused(import(vec![start(), row(2, &["1", "数学"])]).await, "rows");
        refused(import(vec![start(), file("")]).await, "file.name");
        refused(import(vec![start(), file("subjects.csv"), row(0, &["1", "数学"])]).await, "rows.rows.line");
        refused(import(vec![start(), file("subjects.csv"), row(2, &["1", &long])]).await, "rows.rows.values");
        let none = app.imports().import(tokio_stream::iter([pb::ImportRequest { step: None }])).await;
        refused(none, "step");
        let end = |files, rows| Step::End(pb::ImportEnd { files, rows });
        refused(import(vec![start()]).await, "end");
        refused(import(vec![end(0, 0)]).await, "start");
        refused(import(vec![start(), end(0, 0), end(0, 0)]).await, "end");
        for (files, rows, field) in [
            (0, 1, "end.files"),
            (2, 1, "end.files"),
            (-1, 1, "end.files"),
            (1, 0, "end.rows"),
            (1, i64::MAX, "end.rows"),
        ] {
            refused(
                import(vec![start(), file("subjects.csv"), row(2, &["1", "数学"]), end(files, rows)]).await,
                field,
            );
        }

        // Rows that are wrong are told one by one, and nothing is written.
        let steps =
            vec![start(), file("subjects.csv"), row(2, &["1", "数学"]), row(3, &["x", "语文"]), end(1, 2)];
        let answer = import(steps).await.unwrap().into_inner();
        assert!(!answer.written && answer.problems.len() == 1, "{answer:?}");
        let subjects = app
            .catalog()
            .list_subjects(pb::ListSubjectsRequest::default())
            .await
            .unwrap()
            .into_inner()
            .subjects;
        assert!(subjects.is_empty(), "{answer:?}");
    });
}
