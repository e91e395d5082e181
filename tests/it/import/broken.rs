//! Imports that are refused, and of which nothing is written: broken files of every kind, and
//! malformed streams.

use super::*;
use etutor::app::call::Call;
use tonic::Code;

#[test]
fn a_broken_file_of_every_kind_leaves_the_database_as_it_was() {
    let (long, longer) = ("x".repeat(65), "名".repeat(101));
    let student = |row: &str| format!("user_name,real_name,area_code,school_name,grade,phone\n{row}\n");
    let coach = |row: &str| {
        format!(
            "user_name,real_name,area_code,school_name,grade_type,subject_id,phone,job_status,rank,\
             forbid_same_city\n{row}\n"
        )
    };
    let season = |row: &str| format!("code,year,type,start_day,end_day,except_days\n{row}\n");
    let period = |row: &str| format!("code,season,grade_type,start_time,end_time\n{row}\n");
    let template = |row: &str| {
        format!("code,season,subject_id,grade,period,recurrence,max_classes,max_students_per_class\n{row}\n")
    };
    let offer = |row: &str| format!("coach,season,period,recurrence,start_day,end_day\n{row}\n");
    let sign_up = |row: &str| format!("created_at,student,class_template,start_day,end_day\n{row}\n");
    // (file, its text, line and column of the problem)
    let cases: Vec<(&str, String, u32, &str)> = vec![
        ("teachers.csv", "name\nx\n".into(), 0, ""),
        ("subjects.csv", "subject_id\n1\n".into(), 1, "name"),
        ("subjects.csv", "subject_id,name,name\n1,语文,语文\n".into(), 1, "name"),
        ("subjects.csv", "subject_id,name\n1\n".into(), 2, "name"),
        ("subjects.csv", "subject_id,name\n1,语文,x\n".into(), 2, ""),
        ("subjects.csv", "subject_id,name\n9,语\u{7}文\n".into(), 2, "name"),
        ("subjects.csv", "subject_id,name\n9,\n".into(), 2, "name"),
        ("subjects.csv", "subject_id,name\n9,语\u{fffd}\n".into(), 2, "name"),
        ("subjects.csv", "subject_id,name,,\n9,语文,,x\n".into(), 2, ""),
        ("subjects.csv", format!("subject_id,name\n9,{longer}\n"), 2, "name"),
        ("subjects.csv", "subject_id,name\n0,x\n".into(), 2, "subject_id"),
        ("subjects.csv", "subject_id,name\n-1,x\n".into(), 2, "subject_id"),
        ("subjects.csv", "subject_id,name\n99999999999999999999,x\n".into(), 2, "subject_id"),
        ("subjects.csv", "subject_id,name\n7,x\n7,x\n7,y\n".into(), 4, "subject_id"),
        ("seasons.csv", season("two words,2026,spring,2026-03-02,2026-06-28,"), 2, "code"),
        ("seasons.csv", season(&format!("{long},2026,spring,2026-03-02,2026-06-28,")), 2, "code"),
        ("seasons.csv", season("x,20x6,spring,2026-03-02,2026-06-28,"), 2, "year"),
        ("seasons.csv", season("x,2026,monsoon,2026-03-02,2026-06-28,"), 2, "type"),
        ("seasons.csv", season("x,2026,spring,2026-02-30,2026-06-28,"), 2, "start_day"),
        ("seasons.csv", season("x,2026,spring,2026-03-02,2026-03-01,"), 2, "end_day"),
        ("seasons.csv", season("x,2026,spring,2026-03-02,2028-03-01,"), 2, "end_day"),
        ("seasons.csv", season("x,2026,spring,2026-03-02,9999-03-01,"), 2, "end_day"),
        ("seasons.csv", season("x,2026,spring,2026-03-02,2026-06-28,2026-03-07;"), 2, "except_days"),
        ("seasons.csv", season("x,2026,spring,2026-03-02,2026-06-28,2026-07-01"), 2, "except_days"),
        ("seasons.csv", season("x,2026,spring,2026-03-02,2026-06-28,2026-03-07;2026/3/7"), 2, "except_days"),
        ("seasons.csv", season("x,2026,spring,3/2/2026,2026-06-28,"), 2, "start_day"),
        ("periods.csv", period("p,autumn,junior,09:00,10:00"), 2, "season"),
        ("periods.csv", period("p,spring,young,09:00,10:00"), 2, "grade_type"),
        ("periods.csv", period("p,spring,junior,24:00,01:00"), 2, "start_time"),
        ("periods.csv", period("p,spring,junior,09:00,24:00"), 2, "end_time"),
        ("periods.csv", period("p,spring,junior,09:00,13:01"), 2, "end_time"),
        ("periods.csv", period("p,spring,junior,09:00,09:00"), 2, "end_time"),
        ("periods.csv", period("p1900,spring,senior,19:00,20:00"), 2, "grade_type"),
        ("class_templates.csv", template("t,autumn,1,7,p1900,FREQ=DAILY,1,1"), 2, "season"),
        ("class_templates.csv", template("t,spring,9,7,p1900,FREQ=DAILY,1,1"), 2, "subject_id"),
        ("class_templates.csv", template("t,spring,1,13,p1900,FREQ=DAILY,1,1"), 2, "grade"),
        ("class_templates.csv", template("t,spring,1,6,p1900,FREQ=DAILY,1,1"), 2, "grade"),
        ("class_templates.csv", template("t,spring,1,7,p0900,FREQ=DAILY,1,1"), 2, "period"),
        ("class_templates.csv", template("t,spring,1,7,p1900,every Monday,1,1"), 2, "recurrence"),
        ("class_templates.csv", template("t,spring,1,7,p1900,FREQ=HOURLY,1,1"), 2, "recurrence"),
        (
            "class_templates.csv",
            template("t,spring,1,7,p1900,FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25,1,1"),
            2,
            "recurrence",
        ),
        ("class_templates.csv", template("t,spring,1,7,p1900,FREQ=WEEKLY;BYDAY=1SA,1,1"), 2, "recurrence"),
        ("class_templates.csv", template("t,spring,1,7,p1900,FREQ=WEEKLY;BYDAY=SA、SU,1,1"), 2, "recurrence"),
        ("class_templates.csv", template("t,spring,1,7,p1900,FREQ=WEEKLY;BYDAY=ÄÖ,1,1"), 2, "recurrence"),
        ("class_templates.csv", template("t,spring,1,7,p1900,FREQ=DAILY,0,1"), 2, "max_classes"),
        (
            "class_templates.csv",
            template("t,spring,1,7,p1900,FREQ=DAILY,1,1001"),
            2,
            "max_students_per_class",
        ),
        ("coaches.csv", coach("c,某,1101,,junior,1,13800000000,regular,2,true"), 2, "area_code"),
        ("coaches.csv", coach("c,某,110100,,junior,1,1380000,regular,2,true"), 2, "phone"),
        ("coaches.csv", coach("c,某,110100,,junior,1,+1234567890123456,regular,2,true"), 2, "phone"),
        ("coaches.csv", coach("c,某,110100,,junior,1,13800000000,hired,2,true"), 2, "job_status"),
        ("coaches.csv", coach("c,某,110100,,junior,1,13800000000,regular,6,true"), 2, "rank"),
        ("coaches.csv", coach("c,某,110100,,junior,1,13800000000,regular,2,maybe"), 2, "forbid_same_city"),
        ("coaches.csv", coach("c,某,110100,,junior,8,13800000000,regular,2,true"), 2, "subject_id"),
        ("coach_availability.csv", offer("nobody,spring,p1900,FREQ=DAILY,2026-03-02,2026-06-28"), 2, "coach"),
        ("coach_availability.csv", offer("c1,autumn,p1900,FREQ=DAILY,2026-03-02,2026-06-28"), 2, "season"),
        ("coach_availability.csv", offer("c1,spring,p0900,FREQ=DAILY,2026-03-02,2026-06-28"), 2, "period"),
        ("coach_availability.csv", offer("c1,spring,p1900,FREQ=,2026-03-02,2026-06-28"), 2, "recurrence"),
        (
            "coach_availability.csv",
            offer("c1,spring,p1900,FREQ=WEEKLY;BYDAY=1SA,2026-03-02,2026-06-28"),
            2,
            "recurrence",
        ),
        (
            "coach_availability.csv",
            offer("c1,spring,p1900,FREQ=MONTHLY;BYDAY=六,2026-03-02,2026-06-28"),
            2,
            "recurrence",
        ),
        ("coach_availability.csv", offer("c1,spring,p1900,FREQ=DAILY,2026-03-02,2026-03-01"), 2, "end_day"),
        ("coach_availability.csv", offer("c1,spring,p1900,FREQ=DAILY,2026-03-02,2026-06-29"), 2, "end_day"),
        ("coach_availability.csv", offer("c1,spring,p1900,FREQ=DAILY,2026-03-01,2026-06-28"), 2, "start_day"),
        (
            "coach_availability.csv",
            offer("c1,spring,p1900,FREQ=WEEKLY;BYDAY=SA,2026-03-02,2026-03-06"),
            2,
            "recurrence",
        ),
        (
            "coach_availability.csv",
            offer("c1,spring,p1900,FREQ=YEARLY;BYMONTH=12,2026-03-02,2026-06-28"),
            2,
            "recurrence",
        ),
        ("students.csv", student("s,某,110100,,7,1.38E+10"), 2, "phone"),
        ("students.csv", student("1E+05,某,110100,,7,13800000000"), 2, "user_name"),
        ("students.csv", student(",某,110100,,7,13800000000"), 2, "user_name"),
        ("students.csv", student("s,某,11010x,,7,13800000000"), 2, "area_code"),
        ("students.csv", student("s,某,110100,,0,13800000000"), 2, "grade"),
        ("students.csv", student("s,某,110100,,7,"), 2, "phone"),
        (
            "students.csv",
            student("s1,别人,110100,,7,13800000000\ns1,别人,110100,,8,13800000000"),
            3,
            "user_name",
        ),
        ("reservations.csv", sign_up("2026-02-01,s1,sat,2026-03-02,2026-06-28"), 2, "created_at"),
        ("reservations.csv", sign_up("yesterday,s1,sat,2026-03-02,2026-06-28"), 2, "created_at"),
        ("reservations.csv", sign_up("2026-02-01T25:00,s1,sat,2026-03-02,2026-06-28"), 2, "created_at"),
        (
            "reservations.csv",
            sign_up("+262142-02-01T05:00:00Z,s1,sat,2026-03-02,2026-06-28"),
            2,
            "created_at",
        ),
        ("reservations.csv", sign_up("2026-02-01T08:00,nobody,sat,2026-03-02,2026-06-28"), 2, "student"),
        ("reservations.csv", sign_up("2026-02-01T08:00,s1,sun,2026-03-02,2026-06-28"), 2, "class_template"),
        ("reservations.csv", sign_up("2026-02-01T08:00,s1,sat,2026-03-02,2026-03-01"), 2, "end_day"),
    ];
    on_every_database(async |db| {
        let app = app_on(&db);
        import(&Call::new(&app, NOW), &academy_with(&[]), true).await.unwrap();
        let before = snapshot(&db).await;
        for (name, text, line, column) in &cases {
            // Good rows beside the bad one are not written either.
            let other = if *name == "students.csv" { "subjects.csv" } else { "students.csv" };
            let good = if other == "subjects.csv" {
                "subject_id,name\n5,物理\n"
            } else {
                "user_name,real_name,area_code,school_name,grade,phone\ns9,学员九,110100,,7,+999100000009\n"
            };
            let outcome =
                import(&Call::new(&app, NOW), &only(&[(other, good), (name, text)]), false).await.unwrap();
            assert!(!outcome.written, "{name}: {text}");
            let found: Vec<_> = outcome
                .problems
                .iter()
                .map(|problem| (problem.file.as_str(), problem.line, problem.column.as_str()))
                .collect();
            assert_eq!(found, [(*name, *line, *column)], "{text} {:?}", outcome.problems);
            assert_eq!((outcome.files[0].bad, outcome.files[1].bad, outcome.files[0].created), (0, 1, 0));
            assert_eq!(snapshot(&db).await, before, "{name}: {text}");
        }
    });
}

#[test]
fn every_bad_row_is_reported_but_what_names_it_is_not() {
    on_every_database(async |db| {
        let app = app_on(&db);
        let students = "user_name,real_name,area_code,school_name,grade,phone\n\
            s1,学员一,1101,,77,+999100000001\n\
            s2,学员二,310100,,7,x\n";
        let outcome =
            import(&Call::new(&app, NOW), &academy_with(&[("students.csv", students)]), false).await.unwrap();
        let found: Vec<_> = outcome
            .problems
            .iter()
            .map(|problem| (problem.file.as_str(), problem.line, problem.column.as_str()))
            .collect();
        let file = "students.csv";
        assert_eq!(found, [(file, 2, "area_code"), (file, 2, "grade"), (file, 3, "phone")]);
        assert!(outcome.problems.iter().all(|problem| !problem.reason.contains("999100000001")));
        let twice = ImportData { files: vec![file_of("subjects.csv"), file_of("subjects.csv")] };
        assert!(!import(&Call::new(&app, NOW), &twice, false).await.unwrap().written);
        let headless = academy_with(&[("students.csv", "name\nx\n")]);
        let outcome = import(&Call::new(&app, NOW), &headless, false).await.unwrap();
        assert!(
            outcome.problems.iter().all(|problem| problem.file == file && problem.line == 1),
            "{:?}",
            outcome.problems
        );
        assert!(snapshot(&db).await.is_empty());
    });
}

fn file_of(name: &str) -> ImportFile {
    file(name, ACADEMY.iter().find(|(own, _)| *own == name).unwrap().1)
}

#[test]
fn a_stream_that_is_none_is_refused_and_names_the_field() {
    on_every_app(async |app: TestApp| {
        use pb::import_request::Step;
        let step = |step| pb::ImportRequest { step: Some(step) };
        let start = || step(Step::Start(pb::ImportStart::default()));
        let file = |name: &str| {
            step(Step::File(pb::ImportFile {
                name: name.to_owned(),
                columns: vec!["subject_id".to_owned()],
                ..Default::default()
            }))
        };
        let rows = |line: u32, value: &str, count: usize| {
            let row = pb::ImportRow { line, values: vec![value.to_owned()] };
            step(Step::Rows(pb::ImportRows { rows: vec![row; count] }))
        };
        let cases = [
            (vec![], "end"),
            (vec![start()], "end"),
            (vec![pb::ImportRequest { step: None }], "step"),
            (vec![file("subjects.csv")], "start"),
            (vec![start(), start()], "start"),
            (vec![start(), rows(1, "x", 1)], "rows"),
            (vec![start(), file("")], "file.name"),
            (vec![start(), file("a\nb")], "file.name"),
            (vec![start(), file("subjects.csv"), rows(0, "x", 1)], "rows.rows.line"),
            (vec![start(), file("subjects.csv"), rows(2, &"x".repeat(10_001), 1)], "rows.rows.values"),
            (vec![start(), file("subjects.csv"), rows(2, "x", 5_001)], "rows.rows"),
        ];
        for (steps, field) in cases {
            let refused = send(&app, steps).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
            assert!(refused.message().starts_with(&format!("{field}: ")), "{field}: {refused:?}");
        }
    });
}
