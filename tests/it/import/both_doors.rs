//! RPCs and files refuse the same values: each bad value goes through both, and both name the same
//! field and reason.

use super::*;
use etutor::app::call::Call;
use std::collections::BTreeMap;
use tonic::Code as StatusCode;

/// The values of a row by column.
type Values = BTreeMap<&'static str, String>;

/// A good row of each file, none of which is stored yet.
const GOOD: &[(&str, &[(&str, &str)])] = &[
    ("subjects.csv", &[("subject_id", "9"), ("name", "物理")]),
    (
        "seasons.csv",
        &[
            ("code", "autumn"),
            ("year", "2026"),
            ("type", "autumn"),
            ("start_day", "2026-08-31"),
            ("end_day", "2026-10-25"),
            ("except_days", "2026-10-01"),
        ],
    ),
    (
        "periods.csv",
        &[
            ("code", "p0900"),
            ("season", "spring"),
            ("grade_type", "junior"),
            ("start_time", "09:00"),
            ("end_time", "10:00"),
        ],
    ),
    (
        "class_templates.csv",
        &[
            ("code", "sun"),
            ("season", "spring"),
            ("subject_id", "1"),
            ("grade", "7"),
            ("period", "p1900"),
            ("recurrence", "FREQ=WEEKLY;BYDAY=SU"),
            ("max_classes", "1"),
            ("max_students_per_class", "4"),
        ],
    ),
    (
        "coaches.csv",
        &[
            ("user_name", "c9"),
            ("real_name", "赵老师"),
            ("area_code", "440300"),
            ("school_name", ""),
            ("grade_type", "junior"),
            ("subject_id", "1"),
            ("phone", "13800000009"),
            ("job_status", "regular"),
            ("rank", "3"),
            ("forbid_same_city", "false"),
        ],
    ),
    (
        "coach_availability.csv",
        &[
            ("coach", "c2"),
            ("season", "spring"),
            ("period", "p1900"),
            ("recurrence", "FREQ=DAILY"),
            ("start_day", "2026-03-02"),
            ("end_day", "2026-06-28"),
        ],
    ),
    (
        "students.csv",
        &[
            ("user_name", "s9"),
            ("real_name", "学员九"),
            ("area_code", "440300"),
            ("school_name", ""),
            ("grade", "7"),
            ("phone", "13800000019"),
        ],
    ),
];

/// What is wrong: (file, column, value).
fn bad() -> Vec<(&'static str, &'static str, String)> {
    let mut cases = Vec::new();
    let mut add = |file, column, values: &[&str]| {
        cases.extend(values.iter().map(|value| (file, column, (*value).to_owned())))
    };
    let (long, longer, longest) = ("x".repeat(65), "名".repeat(101), "校".repeat(201));
    let codes = ["", "two words", "教练", "a/b", &long];
    let names = ["", "a\u{7}b", &longer];
    let rules = [
        "",
        "every Monday",
        "FREQ=HOURLY",
        "FREQ=DAILY;BYHOUR=8",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;COUNT=3",
        "FREQ=WEEKLY;UNTIL=20260410T000000Z",
    ];
    let phones = ["", "110", "23800000000", "+1234", "+1234567890123456"];
    let areas = ["", "1101", "11010a"];
    add("subjects.csv", "subject_id", &["0", "9007199254740992"]);
    add("subjects.csv", "name", &names);
    add("seasons.csv", "code", &codes);
    add("seasons.csv", "year", &["1999", "2101"]);
    add("seasons.csv", "end_day", &["2026-08-30", "2027-10-06"]);
    add("seasons.csv", "except_days", &["2026-08-30", "2026-10-01;2026-10-01"]);
    add("periods.csv", "code", &codes);
    add("periods.csv", "season", &["winter"]);
    add("periods.csv", "end_time", &["13:01", "09:00", "08:59"]);
    add("class_templates.csv", "code", &codes);
    add("class_templates.csv", "season", &["winter"]);
    add("class_templates.csv", "subject_id", &["0", "77"]);
    add("class_templates.csv", "grade", &["0", "13", "6", "10"]);
    add("class_templates.csv", "period", &["p0000"]);
    add("class_templates.csv", "recurrence", &rules);
    add(
        "class_templates.csv",
        "recurrence",
        &["FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25", "FREQ=MONTHLY;BYDAY=5SU;BYMONTH=4"],
    );
    add("class_templates.csv", "max_classes", &["0", "1001"]);
    add("class_templates.csv", "max_students_per_class", &["0", "1001"]);
    add("coaches.csv", "user_name", &codes);
    add("coaches.csv", "real_name", &names);
    add("coaches.csv", "area_code", &areas);
    add("coaches.csv", "school_name", &["a\u{7}b", &longest]);
    add("coaches.csv", "subject_id", &["77"]);
    add("coaches.csv", "phone", &phones);
    add("coaches.csv", "rank", &["0", "6"]);
    add("coach_availability.csv", "coach", &["nobody"]);
    add("coach_availability.csv", "season", &["winter"]);
    add("coach_availability.csv", "period", &["p0000"]);
    add("coach_availability.csv", "recurrence", &rules);
    add("coach_availability.csv", "recurrence", &["FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25"]);
    add("coach_availability.csv", "start_day", &["2026-03-01", "2026-06-29"]);
    add("coach_availability.csv", "end_day", &["2026-03-01", "2026-06-29"]);
    add("students.csv", "user_name", &codes);
    add("students.csv", "real_name", &names);
    add("students.csv", "area_code", &areas);
    add("students.csv", "school_name", &["a\u{7}b", &longest]);
    add("students.csv", "grade", &["0", "13"]);
    add("students.csv", "phone", &phones);
    cases
}

/// Puts a row through its RPC.
async fn call(app: &TestApp, file: &str, values: &Values) -> Result<(), Status> {
    let text = |column: &str| values[column].clone();
    let number = |column: &str| values[column].parse::<i64>().unwrap();
    let small = |column: &str| values[column].parse::<i32>().unwrap();
    match file {
        "subjects.csv" => {
            let subject = pb::Subject { subject_id: number("subject_id"), name: text("name") };
            app.catalog()
                .upsert_subject(pb::UpsertSubjectRequest { subject: Some(subject), ..Default::default() })
                .await
                .map(drop)
        }
        "seasons.csv" => {
            let season = pb::Season {
                code: text("code"),
                year: small("year"),
                r#type: pb::SeasonType::Autumn.into(),
                start_day: text("start_day"),
                end_day: text("end_day"),
                except_days: text("except_days").split(';').map(str::to_owned).collect(),
            };
            app.catalog()
                .upsert_season(pb::UpsertSeasonRequest { season: Some(season), ..Default::default() })
                .await
                .map(drop)
        }
        "periods.csv" => {
            let period = pb::Period {
                season: text("season"),
                code: text("code"),
                grade_type: pb::GradeType::Junior.into(),
                start_time: text("start_time"),
                end_time: text("end_time"),
            };
            app.catalog()
                .upsert_period(pb::UpsertPeriodRequest { period: Some(period), ..Default::default() })
                .await
                .map(drop)
        }
        "class_templates.csv" => {
            let template = pb::ClassTemplate {
                code: text("code"),
                season: text("season"),
                subject_id: number("subject_id"),
                grade: small("grade"),
                period: text("period"),
                recurrence: text("recurrence"),
                max_classes: small("max_classes"),
                max_students_per_class: small("max_students_per_class"),
            };
            let request =
                pb::UpsertClassTemplateRequest { class_template: Some(template), ..Default::default() };
            app.catalog().upsert_class_template(request).await.map(drop)
        }
        "coaches.csv" => {
            let coach = pb::Coach {
                user_name: text("user_name"),
                real_name: text("real_name"),
                area_code: text("area_code"),
                school_name: text("school_name"),
                grade_type: pb::GradeType::Junior.into(),
                subject_id: number("subject_id"),
                phone: text("phone"),
                job_status: pb::JobStatus::Regular.into(),
                rank: small("rank"),
                ..Default::default()
            };
            app.coaches()
                .upsert_coach(pb::UpsertCoachRequest { coach: Some(coach), ..Default::default() })
                .await
                .map(drop)
        }
        "coach_availability.csv" => {
            let offer = pb::Availability {
                period: text("period"),
                recurrence: text("recurrence"),
                start_day: text("start_day"),
                end_day: text("end_day"),
                ..Default::default()
            };
            let request = pb::SetAvailabilityRequest {
                coach: text("coach"),
                season: text("season"),
                availability: vec![offer],
            };
            app.coaches().set_availability(request).await.map(drop)
        }
        _ => {
            let student = pb::Student {
                user_name: text("user_name"),
                real_name: text("real_name"),
                area_code: text("area_code"),
                school_name: text("school_name"),
                grade: small("grade"),
                phone: text("phone"),
            };
            app.students()
                .upsert_student(pb::UpsertStudentRequest { student: Some(student), ..Default::default() })
                .await
                .map(drop)
        }
    }
}

/// A row as a file.
fn as_file(name: &str, values: &Values) -> ImportData {
    let columns = values.keys().map(|column| (*column).to_owned()).collect();
    let rows = vec![ImportRow { line: 2, values: values.values().cloned().collect() }];
    ImportData { files: vec![ImportFile { name: name.to_owned(), columns, rows, ..ImportFile::default() }] }
}

#[test]
fn a_bad_value_is_refused_by_rpc_and_file_for_the_same_reason() {
    on_every_app(async |app: TestApp| {
        import(&Call::new(&app, NOW), &academy_with(&[]), true).await.unwrap();
        for &(file, good) in GOOD {
            let row: Values = good.iter().map(|(column, value)| (*column, (*value).to_owned())).collect();
            let outcome =
                import(&Call::new(&app, NOW).rehearsed(true), &as_file(file, &row), true).await.unwrap();
            assert!(outcome.problems.is_empty(), "{outcome:?}");
        }
        let before = snapshot(app.db()).await;
        for (file, column, value) in bad() {
            let (_, good) = GOOD.iter().find(|(name, _)| *name == file).unwrap();
            let mut row: Values = good.iter().map(|(column, value)| (*column, (*value).to_owned())).collect();
            row.insert(column, value.clone());
            let case = format!("{file} {column} {value:?}");

            let outcome = import(&Call::new(&app, NOW), &as_file(file, &row), false).await.unwrap();
            assert!(!outcome.written, "{case}");
            let [problem] = outcome.problems.as_slice() else { panic!("{case}: {:?}", outcome.problems) };
            assert_eq!(
                (problem.line, problem.column.as_str(), problem.code),
                (2, column, Code::Bad),
                "{case}: {problem:?}"
            );

            let refused = call(&app, file, &row).await.expect_err(&case);
            if refused.code() == StatusCode::NotFound {
                assert!(
                    problem.reason.contains("neither in the database nor in the files"),
                    "{case}: {problem:?} {refused:?}"
                );
            } else {
                assert_eq!(refused.code(), StatusCode::InvalidArgument, "{case}: {refused:?}");
                let (field, reason) = refused.message().split_once(": ").unwrap();
                assert_eq!(field.rsplit('.').next().unwrap(), column, "{case}: {refused:?}");
                let hint =
                    problem.reason.strip_prefix(reason).map(|hint| hint.is_empty() || hint.starts_with("; "));
                assert_eq!(hint, Some(true), "{case}: {:?} by file, {reason:?} by RPC", problem.reason);
            }
            assert_eq!(snapshot(app.db()).await, before, "{case}");
        }
    });
}

/// An offer used only in the past may end earlier, but not before the last day used; both doors say
/// so, and the file may come twice.
#[test]
fn an_offer_that_was_used_ends_with_its_last_use_by_either_door() {
    on_every_app_at("2026-03-20", async |app: TestApp| {
        let offer = |end_day: &str| {
            format!(
                "coach,season,period,recurrence,start_day,end_day\n\
                 c1,spring,p1900,FREQ=WEEKLY;BYDAY=SA,2026-03-02,{end_day}\n"
            )
        };
        let used = |day: &'static str| {
            let app = &app;
            async move {
                write_txn!(app.db(), "test.use", |txn| {
                    sql("INSERT INTO availability_use (availability_id, day, invitation_id) \
                         SELECT a.id, ?, 1 FROM coach_availability a JOIN coach c \
                         ON c.id = a.coach_id WHERE c.user_name = 'c1'")
                    .bind(day.parse::<etutor::domain::time::Day>().unwrap())
                    .execute(txn)
                    .await
                })
                .unwrap();
            }
        };
        let now = app.now().await.unwrap();
        import(&Call::new(&app, now), &academy_with(&[]), true).await.unwrap();
        write_txn!(app.db(), "test.use", |txn| {
            sql("INSERT INTO class_task (id, template_id, day, state, start_at, gate_at, freeze_at, \
                 closes_at, created_at) \
                 SELECT 1, id, '2026-03-14', 'FORMED', 0, 0, 0, 0, 0 FROM class_template WHERE code = 'sat'")
            .execute(txn)
            .await?;
            sql("INSERT INTO invitation (id, task_id, coach_id, kind, state, last_day, queued_at, \
                 valid_until) \
                 SELECT 1, 1, id, 'AUTO', 'ASSIGNED', '2026-03-14', 0, 0 FROM coach WHERE user_name = 'c1'")
            .execute(txn)
            .await
        })
        .unwrap();
        used("2026-03-14").await;
        let shorter = only(&[("coach_availability.csv", &offer("2026-03-07"))]);
        for expected in [(0, 1, 0, 0), (0, 0, 1, 0)] {
            let outcome = import(&Call::new(&app, now), &shorter, false).await.unwrap();
            assert_eq!(counts(&outcome, "coach_availability.csv"), expected, "{:?}", outcome.problems);
            let stored = coach_availability::Entity::find().one(app.db().reader()).await.unwrap().unwrap();
            assert_eq!(stored.end_day.to_string(), "2026-03-14", "it ends with the last day used");
        }
        // By RPC the same.
        let availability = vec![pb::Availability {
            period: "p1900".to_owned(),
            recurrence: "FREQ=WEEKLY;BYDAY=SA".to_owned(),
            start_day: "2026-03-02".to_owned(),
            end_day: "2026-03-07".to_owned(),
            ..Default::default()
        }];
        let request =
            pb::SetAvailabilityRequest { coach: "c1".to_owned(), season: "spring".to_owned(), availability };
        let set = app.coaches().set_availability(request).await.unwrap().into_inner();
        assert_eq!(set.availability[0].end_day, "2026-03-14");
    });
}
