//! A school's first day: a folder as Chinese Excel and its users write it, imported by `etutorctl`
//! into a real server.

use super::*;
use encoding_rs::GB18030;
use etutor::storage::entity::*;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use std::path::Path;

/// What Excel saves as "CSV (comma delimited)" on a Chinese Windows: GB18030, CR LF, days with
/// slashes, hours without a leading zero, TRUE, empty rows and columns; and what people type:
/// full-width digits and signs, columns in their own order with one of their own among them.
const FOLDER: &[(&str, &str)] = &[
    ("Subjects.csv", "subject_id,name,,\r\n1,语文,,\r\n２,数学,,\r\n,,,\r\n,,,\r\n"),
    (
        "seasons.csv",
        "code,year,type,start_day,end_day,except_days\r\n\
         autumn,2026,Autumn,2026/8/31,2026/10/25,2026/10/1；2026/10/2\r\n\
         winter,2026,winter,2026/11/2,2026/12/27\r\n",
    ),
    (
        "PERIODS.CSV",
        "code,season,grade_type,start_time,end_time\r\np9,autumn,junior,9:00,10:30:00\r\n\
         p19,autumn,junior,19：00,20：30\r\np22,autumn,junior,22:30,24:00\r\n",
    ),
    (
        "class_templates.csv",
        "code,season,subject_id,grade,period,recurrence,max_classes,max_students_per_class\r\n\
         sat,autumn,1,7,p19,FREQ=WEEKLY；BYDAY=SA，SU,1,2\r\nlate,autumn,2,7,p22,FREQ=DAILY,2,６\r\n",
    ),
    (
        "coaches.csv",
        "real_name,user_name,area_code,school_name,grade_type,subject_id,phone,job_status,rank,\
         forbid_same_city,身份证\r\n\
         王老师,c1,110100,北师大,junior,1,138 0000 \
         0001,regular,1,TRUE,110101199001011234\r\n李老师,c2,310100,,Junior,2,13800000002,trial,2,FALSE,\r\n",
    ),
    (
        "coach_availability.csv",
        "coach,season,period,recurrence,start_day,end_day\r\n\
         c1,autumn,p19,\"FREQ=WEEKLY;BYDAY=SA,SU\",2026/9/1,2026/10/25\r\n",
    ),
    (
        "STUDENTS.csv",
        "user_name,real_name,area_code,school_name,grade,phone\r\nｓ１,学员一,110100,四中,７,１３８００００００１１\r\n\
         s2,　学员二　,310100,\"上海,三中\",7,13800000012\r\n",
    ),
    (
        "reservations.csv",
        "created_at,student,class_template,start_day,end_day\r\n\
         2026/8/20 15:14,s2,late,2026/9/3,2026/9/5\r\n2026-08-20 \
         15:14:00,s1,sat,2026/9/1,2026/9/30\r\n\r\n2026-08-19T23:59:59Z,s1,late,20260903,2026-9-4\r\n\
         ,,,,\r\n",
    ),
];

fn save(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(folder.join(name), GB18030.encode(text).0).unwrap();
    }
}

/// The report's rows.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.strip_prefix('\u{feff}').expect("by this mark Excel knows UTF-8");
    csv::Reader::from_reader(text.as_bytes())
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

#[test]
fn the_folder_of_a_school_is_read_as_it_is() {
    on_every_app_at("2026-08-25", async |app: TestApp| {
        let server = Served::new(&app).await;
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), FOLDER);
        std::fs::write(folder.path().join("students.xlsx"), b"PK").unwrap();
        let import = format!("import {} --encoding gb18030", folder.path().display());

        let checked = server.json(&format!("{import} --check")).await;
        assert_eq!((&checked["written"], &checked["check"]), (&false.into(), &true.into()), "{checked}");
        assert_eq!(student::Entity::find().all(app.db().reader()).await.unwrap().len(), 0);

        let done = server.json(&import).await;
        assert_eq!(
            (&done["written"], &done["files"], &done["places"]),
            (&true.into(), &checked["files"], &13.into()),
            "{done}"
        );
        let read: Vec<(&str, i64, i64)> = done["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| {
                (
                    file["file"].as_str().unwrap(),
                    file["read"].as_i64().unwrap(),
                    file["created"].as_i64().unwrap(),
                )
            })
            .collect();
        let expected = [
            ("subjects.csv", 2, 2),
            ("seasons.csv", 2, 2),
            ("periods.csv", 3, 3),
            ("class_templates.csv", 2, 2),
            ("coaches.csv", 2, 2),
            ("coach_availability.csv", 1, 1),
            ("students.csv", 2, 2),
            ("reservations.csv", 3, 3),
        ];
        assert_eq!(read, expected);
        let told: Vec<String> = done["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| {
                format!(
                    "{} {} {} {}",
                    problem["file"].as_str().unwrap(),
                    problem["line"],
                    problem["column"].as_str().unwrap(),
                    problem["code"].as_str().unwrap()
                )
            })
            .collect();
        assert_eq!(told, ["coaches.csv 1 身份证 IGNORED", "students.xlsx 0  IGNORED"]);

        let period =
            period::Entity::find().order_by_asc(period::Column::Id).all(app.db().reader()).await.unwrap();
        let times: Vec<(&str, &str)> =
            period.iter().map(|period| (period.start_time.as_str(), period.end_time.as_str())).collect();
        assert_eq!(times, [("09:00", "10:30"), ("19:00", "20:30"), ("22:30", "00:00")]);
        let first = student::Entity::find()
            .filter(student::Column::UserName.eq("s1"))
            .one(app.db().reader())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (first.real_name.as_str(), first.grade, first.phone.as_str()),
            ("学员一", 7, "13800000011")
        );
        let second = student::Entity::find()
            .filter(student::Column::UserName.eq("s2"))
            .one(app.db().reader())
            .await
            .unwrap()
            .unwrap();
        assert_eq!((second.real_name.as_str(), second.school_name.as_str()), ("学员二", "上海,三中"));
        let coach = coach::Entity::find()
            .filter(coach::Column::UserName.eq("c1"))
            .one(app.db().reader())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (coach.phone.as_str(), coach.forbid_same_city, coach.job_status.as_str()),
            ("13800000001", true, "regular")
        );
        let booked = reservation::Entity::find()
            .order_by_asc(reservation::Column::CreatedAt)
            .order_by_asc(reservation::Column::Id);
        let booked: Vec<String> = booked
            .all(app.db().reader())
            .await
            .unwrap()
            .iter()
            .map(|row| row.created_at.to_string())
            .collect();
        // Local times are Shanghai's.
        assert_eq!(booked, ["2026-08-19T23:59:59Z", "2026-08-20T07:14:00Z", "2026-08-20T07:14:00Z"]);

        let again = server.json(&import).await;
        let unchanged: i64 =
            again["files"].as_array().unwrap().iter().map(|file| file["unchanged"].as_i64().unwrap()).sum();
        assert_eq!((unchanged, &again["places"]), (17, &0.into()), "{again}");
    });
}

#[test]
fn all_that_is_wrong_comes_in_one_report_that_opens_in_excel() {
    on_every_app_at("2026-08-25", async |app: TestApp| {
        let server = Served::new(&app).await;
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("to mend.csv");
        save(folder.path(), FOLDER);
        save(
            folder.path(),
            &[
                (
                    "STUDENTS.csv",
                    "user_name,real_name,area_code,school_name,grade,phone\r\ns1,学员一,110100,,7,1.38E+10\r\n\
                     s2,学员二,31010,,7,8613800000012\r\n",
                ),
                (
                    "class_templates.csv",
                    "code,season,subject_id,grade,period,recurrence,max_classes,max_students_per_class\r\n\
                     late,autumn,2,7,p22,FREQ=DAILY,2,6\r\nt,autumn,2,7,p9,=SUM(A1),#N/A,6\r\n",
                ),
                (
                    "reservations.csv",
                    "created_at,student,class_template,start_day,end_day\r\n\
                     2026/8/20,s2,late,9/3/2026,2026/9/5\r\n2026/8/20 9:00,s9,late,2026/9/3,2026/9/5\r\n",
                ),
                ("Reservations.CSV", "x\r\n"),
                ("=cmd.csv", "x\r\n"),
            ],
        );
        let line = format!("import {} --encoding gb18030 --report", folder.path().display());
        let mut command = etutorctl();
        command.arg("--server").arg(&server.url).args(line.split_whitespace()).arg(&report);
        let output = output(command).await;
        assert_eq!(code(&output), 65, "{output:?}");
        let expected = [
            ["class_templates.csv", "3", "recurrence", "BAD"],
            ["class_templates.csv", "3", "max_classes", "BAD"],
            ["coaches.csv", "1", "身份证", "IGNORED"],
            ["students.csv", "2", "phone", "BAD"],
            ["students.csv", "3", "area_code", "BAD"],
            ["students.csv", "3", "phone", "BAD"],
            ["reservations.csv", "", "", "BAD"],
            ["'=cmd.csv", "", "", "IGNORED"],
        ];
        let told = rows(&report);
        let places: Vec<&[String]> = told.iter().map(|row| &row[..4]).collect();
        assert_eq!(places, expected, "{told:?}");
        assert!(told[6][4].contains("exists more than once: Reservations.CSV, reservations.csv"), "{told:?}");
        assert!(told[3][4].contains("power of ten") && told[5][4].contains("write + before"), "{told:?}");
        assert!(
            told.iter().all(|row| !row[4].contains("138000") && !row[4].contains("学员")),
            "it holds nobody's name or number: {told:?}"
        );

        // What people see says the same; one file of the two is taken away, and its own faults are
        // told.
        std::fs::remove_file(folder.path().join("Reservations.CSV")).unwrap();
        let output =
            server.run(&format!("import {} --encoding gb18030 --check", folder.path().display())).await;
        let said = text(&output.stdout);
        for line in [
            "reservations.csv:2: created_at: is not a date and time",
            "reservations.csv:2: start_day: is not a day such as 2026-09-03 (years 1970 to 9999): with the \
             year last it can be read in two ways; write 2026-03-09 or 2026-09-03",
            "reservations.csv:3: student: there is no student \"s9\", neither in the database nor in the \
             files",
            "to mend.csv: IGNORED: is not a file to import",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        assert_eq!(student::Entity::find().all(app.db().reader()).await.unwrap().len(), 0);

        // Whoever does not read it all (`| head`) still hears that it is bad.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = etutorctl();
        command
            .arg("--server")
            .arg(&server.url)
            .arg("import")
            .arg(folder.path())
            .args(["--encoding", "gb18030"])
            .stdout(writer);
        let ended = tokio::task::spawn_blocking(move || command.stderr(Stdio::null()).status().unwrap())
            .await
            .unwrap();
        assert_eq!(ended.code(), Some(65));

        // A report never takes the place of a file to read.
        let target = folder.path().join("STUDENTS.csv");
        let mut command = etutorctl();
        command
            .arg("--server")
            .arg(&server.url)
            .arg("import")
            .arg(folder.path())
            .arg("--report")
            .arg(&target);
        let before = std::fs::read(&target).unwrap();
        let output = super::output(command).await;
        assert_eq!((code(&output), std::fs::read(&target).unwrap() == before), (64, true), "{output:?}");
    });
}

#[test]
fn an_encoding_is_asked_for_and_broken_files_hide_nothing_of_the_others() {
    on_every_app_at("2026-08-25", async |app: TestApp| {
        let server = Served::new(&app).await;
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), FOLDER);
        let line = format!("import {}", folder.path().display());
        // Without being told that it is GB18030: each file is named once, and all else is checked
        // at once.
        save(
            folder.path(),
            &[(
                "reservations.csv",
                "created_at,student,class_template,start_day,end_day\r\nsoon,s2,late,2026/9/3,2026/9/5\r\n",
            )],
        );
        let output = server.run(&line).await;
        assert_eq!(code(&output), 65);
        let said = text(&output.stdout);
        for (file, line) in [("subjects.csv", 2), ("seasons.csv", 2), ("coaches.csv", 1), ("students.csv", 2)]
        {
            let told =
                format!("{file}:{line}: is not UTF-8, but can be read as GB18030: give --encoding gb18030");
            assert_eq!(said.lines().filter(|line| line.starts_with(&told)).count(), 1, "{told}: {said}");
        }
        assert!(said.contains("reservations.csv:2: created_at: "), "{said}");

        // A quotation mark that is never closed swallows nobody: what names the rest of the file is
        // not blamed.
        let students = "user_name,real_name,area_code,school_name,grade,phone\r\n\
            s1,学员一,110100,\"四中,7,13800000011\r\ns2,学员二,310100,,7,13800000012\r\n";
        save(folder.path(), &FOLDER[7..]);
        save(folder.path(), &[("STUDENTS.csv", students)]);
        let told = server.json(&format!("{line} --encoding gbk")).await;
        let bad: Vec<&Value> =
            told["problems"].as_array().unwrap().iter().filter(|problem| problem["bad"] == true).collect();
        assert_eq!(bad.len(), 1, "{told}");
        assert_eq!((&bad[0]["file"], &bad[0]["line"]), (&"students.csv".into(), &2.into()), "{told}");
        assert_eq!((&told["files"][6]["bad"], &told["written"]), (&1.into(), &false.into()));
        assert_eq!(student::Entity::find().all(app.db().reader()).await.unwrap().len(), 0);
    });
}

/// A European or Chinese spreadsheet may put semicolons or tabs between values: the header says
/// which.
#[test]
fn values_may_stand_between_semicolons_or_tabs() {
    on_every_app(async |app: TestApp| {
        let server = Served::new(&app).await;
        let folder = tempfile::tempdir().unwrap();
        let utf_16: Vec<u8> = "\u{feff}user_name\treal_name\tarea_code\tschool_name\tgrade\tphone\r\n\
             s1\t学员一\t110100\t\t7\t13800000011\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        std::fs::write(folder.path().join("students.csv"), utf_16).unwrap();
        let seasons = "\u{feff}code;year;type;start_day;end_day;except_days\r\n\
            spring;2026;spring;2026.03.02;2026.06.28;\"2026.04.04;2026.05.02\"\r\n";
        std::fs::write(folder.path().join("seasons.csv"), seasons).unwrap();
        let done = server.json(&format!("import {}", folder.path().display())).await;
        assert_eq!(
            (&done["written"], done["problems"].as_array().unwrap().len()),
            (&true.into(), 0),
            "{done}"
        );
        assert_eq!(season_except_day::Entity::find().all(app.db().reader()).await.unwrap().len(), 2);
    });
}
