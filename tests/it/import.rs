//! Import of an academy from files: all or nothing, and importing twice changes nothing.

mod both_doors;
mod broken;
mod checking;
mod in_use;
mod whole;

use etutor::app::App;
use etutor::app::call::Call;
use etutor::app::import::{Code, FILES, ImportData, ImportFile, ImportOutcome, ImportRow, import};
use etutor::clock::Clock;
use etutor::config::Config;
use etutor::domain::time::Instant;
use etutor::rpc::pb;
use etutor::storage::Db;
use etutor::storage::entity::*;
use etutor::storage::sql::sql;
use etutor::testing::{TestApp, TestDb, on_every_app, on_every_app_at, on_every_database};
use etutor::write_txn;
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter, QueryOrder};
use std::path::Path;
use tonic::Status;

/// A Monday's midnight in Shanghai, the first day of the season below.
const NOW: Instant = Instant::from_unix(1_772_380_800);

/// A small academy: two students for two places on Saturdays.
const ACADEMY: &[(&str, &str)] = &[
    ("subjects.csv", "subject_id,name\n1,语文\n2,数学\n"),
    (
        "seasons.csv",
        "code,year,type,start_day,end_day,except_days\n\
         spring,2026,spring,2026-03-02,2026-06-28,2026-04-04;2026-05-02\n",
    ),
    (
        "periods.csv",
        "code,season,grade_type,start_time,end_time\np1900,spring,junior,19:00,20:00\n\
         p1930,spring,junior,19:30,20:30\np2330,spring,junior,23:30,00:30\n",
    ),
    (
        "class_templates.csv",
        "code,season,subject_id,grade,period,recurrence,max_classes,max_students_per_class\n\
         sat,spring,1,7,p1900,FREQ=WEEKLY;BYDAY=SA,1,2\n\
         daily,spring,2,7,p1930,FREQ=DAILY;INTERVAL=2,2,3\n",
    ),
    (
        "coaches.csv",
        "user_name,real_name,area_code,school_name,grade_type,subject_id,phone,job_status,rank,\
         forbid_same_city\n\
         c1,王老师,110100,,junior,1,+999200000001,regular,2,true\n\
         c2,李老师,310100,华东师大,junior,2,13800000000,trial,5,false\n",
    ),
    (
        "coach_availability.csv",
        "coach,season,period,recurrence,start_day,end_day\n\
         c1,spring,p1900,FREQ=WEEKLY;BYDAY=SA,2026-03-02,2026-06-28\n",
    ),
    (
        "students.csv",
        "user_name,real_name,area_code,school_name,grade,phone\n\
         s1,学员一,110100,,7,+999100000001\ns2,学员二,310100,,7,+999100000002\ns3,学员三,310100,,7,+999100000003\n\
         s8,学员八,310100,,8,+999100000008\n",
    ),
    (
        "reservations.csv",
        "created_at,student,class_template,start_day,end_day\n\
         2026-02-01T08:00:00,s1,sat,2026-03-02,2026-06-28\n2026-02-02T09:30,s2,sat,2026-03-10,2026-03-31\n",
    ),
];

/// An app on a database, without a server.
pub fn app_on(db: &TestDb) -> App {
    App::new((**db).clone(), Clock::Test, Config::default())
}

/// The files of a folder that can be imported.
pub fn folder(path: &Path) -> ImportData {
    let files = FILES
        .iter()
        .filter_map(|(name, _)| Some(file(name, &std::fs::read_to_string(path.join(name)).ok()?)));
    ImportData { files: files.collect() }
}

/// A file of a text.
pub fn file(name: &str, text: &str) -> ImportFile {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        let line = u32::try_from(record.position().unwrap().line()).unwrap();
        ImportRow { line, values: record.iter().map(str::to_owned).collect() }
    });
    ImportFile { name: name.to_owned(), columns, rows: rows.collect(), ..ImportFile::default() }
}

/// All rows of all tables that an import can touch.
pub async fn snapshot(db: &Db) -> Vec<String> {
    async fn rows<E: EntityTrait<Model: ModelTrait + std::fmt::Debug>>(db: &Db) -> Vec<String> {
        let mut rows: Vec<String> =
            E::find().all(db.reader()).await.unwrap().iter().map(|row| format!("{row:?}")).collect();
        rows.sort_unstable();
        rows
    }
    [
        rows::<subject::Entity>(db).await,
        rows::<season::Entity>(db).await,
        rows::<season_except_day::Entity>(db).await,
        rows::<period::Entity>(db).await,
        rows::<class_template::Entity>(db).await,
        rows::<place::Entity>(db).await,
        rows::<coach::Entity>(db).await,
        rows::<coach_status_change::Entity>(db).await,
        rows::<coach_availability::Entity>(db).await,
        rows::<student::Entity>(db).await,
        rows::<reservation::Entity>(db).await,
        rows::<class_task::Entity>(db).await,
    ]
    .concat()
}

/// The small academy with some files written otherwise, or left out (empty text).
fn academy_with(other: &[(&str, &str)]) -> ImportData {
    let text = |name: &str, text: &'static str| {
        other.iter().find(|(other, _)| *other == name).map_or(text, |(_, text)| text).to_owned()
    };
    let files =
        ACADEMY.iter().map(|(name, own)| (name, text(name, own))).filter(|(_, text)| !text.is_empty());
    ImportData { files: files.map(|(name, text)| file(name, &text)).collect() }
}

/// Only these files.
fn only(files: &[(&str, &str)]) -> ImportData {
    ImportData { files: files.iter().map(|(name, text)| file(name, text)).collect() }
}

/// (created, changed, unchanged, refused) of a file.
pub fn counts(outcome: &ImportOutcome, file: &str) -> (u64, u64, u64, u64) {
    let report = outcome.files.iter().find(|report| report.file == file).unwrap();
    (report.created, report.changed, report.unchanged, report.refused)
}

async fn taken(db: &Db, template: &str) -> Vec<(String, i32)> {
    let id = class_template::Entity::find()
        .filter(class_template::Column::Code.eq(template))
        .one(db.reader())
        .await
        .unwrap()
        .unwrap()
        .id;
    let places =
        place::Entity::find().filter(place::Column::TemplateId.eq(id)).order_by_asc(place::Column::Day);
    places.all(db.reader()).await.unwrap().iter().map(|place| (place.day.to_string(), place.taken)).collect()
}

#[test]
fn an_academy_is_imported_and_twice_is_as_once() {
    on_every_database(async |db| {
        let app = app_on(&db);
        let first = import(&Call::new(&app, NOW), &academy_with(&[]), true).await.unwrap();
        assert!(first.written && first.problems.is_empty(), "{first:?}");
        // Seventeen Saturdays less two, and three of March.
        assert_eq!(first.places, 15 + 3);
        let places = taken(&db, "sat").await;
        assert_eq!(places.len(), 15);
        assert_eq!(
            &places[..3],
            [("2026-03-07".to_owned(), 1), ("2026-03-14".to_owned(), 2), ("2026-03-21".to_owned(), 2)]
        );
        assert!(places.iter().all(|(day, _)| day != "2026-04-04" && day != "2026-05-02"));

        let before = snapshot(&db).await;
        let again = import(&Call::new(&app, NOW), &academy_with(&[]), true).await.unwrap();
        for (file, _) in ACADEMY {
            let report = again.files.iter().find(|report| report.file == *file).unwrap();
            assert_eq!(counts(&again, file), (0, 0, report.read, 0), "{file}");
        }
        assert_eq!(again.places, 0);
        assert_eq!(snapshot(&db).await, before);
    });
}

#[test]
fn rows_that_differ_are_changed_and_the_places_follow() {
    on_every_database(async |db| {
        let app = app_on(&db);
        import(&Call::new(&app, NOW), &academy_with(&[]), true).await.unwrap();
        let changes = [
            ("subjects.csv", "subject_id,name\n2,奥数\n1,语文\n3,英语\n"),
            (
                "seasons.csv",
                "code,year,type,start_day,end_day,except_days\n\
                 spring,2026,spring,2026-03-02,2026-07-05,2026-04-04;2026-05-02\n",
            ),
            (
                "class_templates.csv",
                "code,season,subject_id,grade,period,recurrence,max_classes,max_students_per_class\n\
                 sat,spring,1,7,p1900,FREQ=WEEKLY;BYDAY=SA,2,2\ndaily,spring,2,8,p2330,FREQ=DAILY,2,3\n",
            ),
            (
                "coaches.csv",
                "user_name,real_name,area_code,school_name,grade_type,subject_id,phone,job_status,rank,\
                 forbid_same_city\n\
                 c1,王先生,120100,北师大,senior,3,+999200000009,retraining,1,false\n\
                 c2,李老师,310100,华东师大,junior,2,13800000000,trial,5,false\n",
            ),
            (
                "coach_availability.csv",
                "coach,season,period,recurrence,start_day,end_day\n\
                 c1,spring,p1900,FREQ=WEEKLY;BYDAY=SA,2026-03-02,2026-05-31\n\
                 c2,spring,p2330,FREQ=DAILY,2026-03-02,2026-05-31\n",
            ),
            (
                "students.csv",
                "user_name,real_name,area_code,school_name,grade,phone\ns3,学员叁,440300,深圳中学,8,+999100000033\n",
            ),
        ];
        let outcome = import(&Call::new(&app, NOW), &academy_with(&changes), true).await.unwrap();
        assert!(outcome.written, "{:?}", outcome.problems);
        assert_eq!(counts(&outcome, "subjects.csv"), (1, 1, 1, 0));
        assert_eq!(counts(&outcome, "seasons.csv"), (0, 1, 0, 0));
        assert_eq!(counts(&outcome, "class_templates.csv"), (0, 2, 0, 0));
        assert_eq!(counts(&outcome, "coaches.csv"), (0, 1, 1, 0));
        assert_eq!(counts(&outcome, "coach_availability.csv"), (1, 1, 0, 0));
        assert_eq!(counts(&outcome, "students.csv"), (0, 1, 0, 0));
        assert_eq!(counts(&outcome, "reservations.csv"), (0, 0, 2, 0));

        // The status of a coach who is there is changed by its own call only, with operator and
        // remark.
        let left: Vec<_> = outcome
            .problems
            .iter()
            .map(|left| (left.line, left.column.as_str(), left.code, left.bad))
            .collect();
        assert_eq!(left, [(2, "job_status", Code::Left, false)]);

        // A week more, twice the seats; what was taken stays taken.
        let places = place::Entity::find().order_by_asc(place::Column::Day).all(db.reader()).await.unwrap();
        let template = class_template::Entity::find()
            .filter(class_template::Column::Code.eq("sat"))
            .one(db.reader())
            .await
            .unwrap()
            .unwrap();
        let saturdays: Vec<_> = places.iter().filter(|place| place.template_id == template.id).collect();
        assert_eq!(saturdays.len(), 16);
        assert!(saturdays.iter().all(|place| place.capacity == 4));
        assert_eq!(saturdays.iter().map(|place| place.taken).sum::<i32>(), 18);
        // Daily in 126 days less the two excepted ones, from 23:30 on.
        assert_eq!(places.len() - saturdays.len(), 124);

        let coach = coach::Entity::find()
            .filter(coach::Column::UserName.eq("c1"))
            .one(db.reader())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (coach.real_name.as_str(), coach.area_code.as_str(), coach.subject_id, coach.coach_rank),
            ("王先生", "120100", 3, 1)
        );
        assert_eq!(
            (coach.job_status.as_str(), coach.grade_type.as_str(), coach.forbid_same_city),
            ("regular", "senior", false)
        );
        let history =
            coach_status_change::Entity::find().filter(coach_status_change::Column::CoachId.eq(coach.id));
        let history = history.order_by_asc(coach_status_change::Column::Id).all(db.reader()).await.unwrap();
        let steps: Vec<_> = history
            .iter()
            .map(|step| (step.from_status.as_str(), step.to_status.as_str(), step.operator_kind.as_str()))
            .collect();
        assert_eq!(steps, [("reserve", "regular", "IMPORT")]);
        let student = student::Entity::find()
            .filter(student::Column::UserName.eq("s3"))
            .one(db.reader())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (student.grade, student.school_name.as_str(), student.phone.as_str()),
            (8, "深圳中学", "+999100000033")
        );
    });
}

#[test]
fn sign_ups_are_applied_in_the_order_in_which_they_were_made() {
    on_every_database(async |db| {
        let app = app_on(&db);
        let late_first = "created_at,student,class_template,start_day,end_day\n\
            2026-02-03T08:00:00,s3,sat,2026-03-14,2026-03-21\n\
            2026-02-02T01:30:00Z,s2,sat,2026-03-10,2026-03-31\n\
            2026-02-01T08:00:00+08:00,s1,sat,2026-03-02,2026-06-28\n\
            2026-02-04T08:00:00,s8,sat,2026-05-01,2026-06-28\n\
            2026-02-04T08:00:00,s3,sat,2026-04-04,2026-04-10\n\
            2026-02-04T08:00:00,s2,daily,2026-03-13,2026-03-15\n\
            2026-02-04T08:00:00,s2,sat,2026-03-31,2026-04-20\n\
            2026-02-05T08:00:00,s2,sat,2026-04-18,2026-06-20\n\
            2026-02-06T08:00:00,s3,sat,2026-03-07,2026-03-07\n";
        let data = academy_with(&[("reservations.csv", late_first)]);
        let strict = import(&Call::new(&app, NOW), &data, true).await.unwrap();
        assert!(!strict.written);
        assert!(snapshot(&db).await.is_empty());

        let outcome = import(&Call::new(&app, NOW), &data, false).await.unwrap();
        let refused: Vec<_> = outcome
            .problems
            .iter()
            .map(|problem| (problem.line, problem.code.as_str(), problem.bad))
            .collect();
        let expected = [
            (2, "PLACES_EXHAUSTED", false),
            (5, "GRADE_MISMATCH", false),
            (6, "NOT_A_LESSON_DAY", false),
            (7, "SCHEDULE_CONFLICT", false),
            (9, "ALREADY_RESERVED", false),
        ];
        assert_eq!(refused, expected);
        assert_eq!(outcome.problems[0].reason, "no place is left on 2026-03-14, 2026-03-21");
        assert_eq!(outcome.problems[4].reason, "the student has this class template already on 2026-04-18");
        assert_eq!(counts(&outcome, "reservations.csv"), (4, 0, 0, 5));

        let again = import(&Call::new(&app, NOW), &data, false).await.unwrap();
        assert_eq!(counts(&again, "reservations.csv"), (0, 0, 4, 5));
        assert_eq!(again.problems, outcome.problems);
    });
}

#[test]
fn two_imports_at_once_are_as_one() {
    on_every_database(async |db| {
        let (app, other) = (app_on(&db), app_on(&db.replica().await));
        let data = academy_with(&[]);
        let calls = (Call::new(&app, NOW), Call::new(&other, NOW));
        let (first, second) = (import(&calls.0, &data, true), import(&calls.1, &data, true));
        let (one, two) = tokio::join!(first, second);
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.places + two.places, 18);
        assert_eq!(counts(&one, "students.csv").0 + counts(&two, "students.csv").0, 4);
        assert_eq!(reservation::Entity::find().all(db.reader()).await.unwrap().len(), 2);
    });
}

/// The files as the steps of the stream that clients send.
pub fn steps(data: &ImportData, strict: bool) -> Vec<pb::ImportRequest> {
    use pb::import_request::Step;
    let mut steps = vec![Step::Start(pb::ImportStart { strict, ..Default::default() })];
    for file in &data.files {
        steps.push(Step::File(pb::ImportFile {
            name: file.name.clone(),
            columns: file.columns.clone(),
            ..Default::default()
        }));
        for rows in file.rows.chunks(1000) {
            let rows = rows.iter().map(|row| pb::ImportRow { line: row.line, values: row.values.clone() });
            steps.push(Step::Rows(pb::ImportRows { rows: rows.collect() }));
        }
    }
    steps.push(Step::End(pb::ImportEnd {
        files: data.files.len() as i64,
        rows: data.files.iter().map(|file| file.rows.len() as i64).sum(),
    }));
    steps.into_iter().map(|step| pb::ImportRequest { step: Some(step) }).collect()
}

/// Imports through the service.
pub async fn send(app: &TestApp, steps: Vec<pb::ImportRequest>) -> Result<pb::ImportResponse, Status> {
    Ok(app.imports().import(futures_util::stream::iter(steps)).await?.into_inner())
}

#[test]
fn a_stream_of_files_is_imported_and_says_what_became_of_them() {
    on_every_app(async |app: TestApp| {
        let students = "user_name,real_name,area_code,school_name,grade,phone\ns1,学员一,110100,,7,1\n";
        let bad = send(&app, steps(&academy_with(&[("students.csv", students)]), false)).await.unwrap();
        assert!(!bad.written);
        let problem = &bad.problems[0];
        assert_eq!(
            (problem.file.as_str(), problem.line, problem.column.as_str(), problem.bad),
            ("students.csv", 2, "phone", true)
        );
        assert!(snapshot(app.db()).await.is_empty());

        let late = "created_at,student,class_template,start_day,end_day\n\
            2026-02-01T08:00,s1,sat,2026-04-04,2026-04-05\n";
        let good = send(&app, steps(&academy_with(&[("reservations.csv", late)]), false)).await.unwrap();
        assert!(good.written);
        assert_eq!(good.problems[0].code, "NOT_A_LESSON_DAY", "{:?}", good.problems);
        let report = good.files.iter().find(|report| report.file == "reservations.csv").unwrap();
        assert_eq!((report.read, report.created, report.refused, report.bad), (1, 0, 1, 0));
    });
}
