//! The commands with which staff tell a class something, and bring in coaches.

use super::*;
use crate::monitor::on_every_class;
use etutor::testing::academy::{coach, student};

#[test]
fn a_notice_is_looked_at_and_then_sent() {
    on_every_app_at("2026-02-28T12:00", async |app: TestApp| {
        app.ignore_messages("this is about the command");
        let academy = Academy::new().period("19:00", "20:30").template("t", "FREQ=WEEKLY;BYDAY=TH");
        let academy = academy.coaches(1).students(2).build(&app).await;
        academy.reserve_all(&app, "t", 1, 2, None).await;
        app.set_clock("2026-03-02T08:00").await;
        for task in ["invite create", "invite exec", "sms send"] {
            app.fire(task, None).await;
        }
        let asked = pb::ListInvitationsRequest { coach: coach(1), ..Default::default() };
        let asked = app.invitations().list_invitations(asked).await.unwrap().into_inner().invitations;
        let yes = pb::AcceptInvitationRequest { invitation_id: asked[0].invitation_id, coach: coach(1) };
        app.invitations().accept_invitation(yes).await.unwrap();
        let passed = i32::from(pb::TestResult::Passed);
        let test = pb::CompleteSoftwareTestRequest {
            coach: coach(1),
            camera: passed,
            sound: passed,
            microphone: passed,
            lesson: passed,
            whiteboard: passed,
            request_id: String::new(),
        };
        app.presence().complete_software_test(test).await.unwrap();
        app.set_clock("2026-03-05T15:00").await;
        app.fire("clazz assign_students", None).await;
        let classes = app.classes().list_classes(pb::ListClassesRequest::default()).await.unwrap();
        let class = classes.into_inner().classes[0].class_id;

        let server = Served::new(&app).await;
        let look = server.run(&format!("notice {class} 请带三角板 --operator wang --check")).await;
        let told = text(&look.stdout);
        assert_eq!(code(&look), 0, "{look:?}");
        assert!(told.contains("coach-001") && told.contains("student-002"), "{told}");
        assert!(told.ends_with("【etutor】请带三角板\n3 people would get it, 1 SMS part each\n"), "{told}");
        let done = server.json(&format!("notice {class} 请带三角板 --operator wang --to students")).await;
        assert_eq!(done["sent"], true);
        assert_eq!(done["recipients"][0]["user_name"], student(1));
        let again = text(&server.run(&format!("notice {class} 请带三角板 --operator wang")).await.stdout);
        assert!(again.contains("has it already") && again.contains("1 person gets it"), "{again}");

        let wrong = server.run(&format!("notice {class} 【x】 --operator wang")).await;
        assert_eq!(code(&wrong), 64);
        assert!(text(&wrong.stderr).contains("notice: TEXT: must not contain"), "{wrong:?}");
        assert_eq!(code(&server.run(&format!("notice {class} x")).await), 64, "somebody says it");
        assert_eq!(code(&server.run("notice 999 x --operator wang").await), 70);
    });
}

#[test]
fn what_happened_to_somebody_is_told_as_a_table_or_as_json() {
    on_every_app_at("2026-02-28T12:00", async |app: TestApp| {
        let academy = Academy::new().period("19:00", "20:30").template("t", "FREQ=WEEKLY;BYDAY=TH");
        let academy = academy.coaches(1).students(1).build(&app).await;
        academy.reserve_all(&app, "t", 1, 1, None).await;
        let server = Served::new(&app).await;
        let told = text(&server.run("timeline student-001").await.stdout);
        assert!(told.starts_with("TIME"), "{told}");
        assert!(told.contains("2026-02-28 12:00") && told.contains("SIGN_UP (+1 place)"), "{told}");
        assert!(told.contains("t · 2026-") && told.contains("sign-up 1"), "{told}");
        assert!(told.contains("student student-001"), "who did it: {told}");
        let json = server.json("timeline student-001 --student --from 2026-02-28T12:00").await;
        assert_eq!(json["audience"], "STUDENT");
        assert_eq!(json["events"][0]["kind"], "PLACES");
        assert_eq!(json["events"][0]["actor_kind"], "STUDENT");
        let before = server.json("timeline student-001 --to 2026-02-28").await;
        assert_eq!(before["events"], serde_json::json!([]));
        assert_eq!(code(&server.run("timeline student-001 --coach").await), 70);
        assert_eq!(code(&server.run("timeline student-001 --from yesterday").await), 64);
    });
}

#[test]
fn coaches_come_from_a_file_of_any_name() {
    on_every_app(async |app: TestApp| {
        Academy::new().build(&app).await;
        let server = Served::new(&app).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new-coaches.txt");
        let header = "user_name,real_name,area_code,school_name,grade_type,subject_id,phone,job_status,rank,\
            forbid_same_city";
        let good = "c1,王一,110100,,junior,1,+999100000001,regular,1,false";
        std::fs::write(&file, format!("{header}\n{good}\n")).unwrap();
        let import = format!("coach import {}", file.display());
        let coaches = async || {
            let all = app.coaches().list_coaches(pb::ListCoachesRequest::default()).await.unwrap();
            all.into_inner().coaches.len()
        };
        let check = server.json(&format!("{import} --check")).await;
        assert_eq!((&check["files"][0]["created"], coaches().await), (&1.into(), 0), "{check}");
        let done = server.json(&import).await;
        assert_eq!((&done["files"][0]["created"], coaches().await), (&1.into(), 1));
        assert_eq!(server.json(&import).await["files"][0]["unchanged"], 1);

        std::fs::write(&file, format!("{header}\n{good}\nc2,王二,110100,,junior,1,123,regular,9,false\n"))
            .unwrap();
        let report = folder.path().join("report.csv");
        let output = server.run(&format!("{import} --report {}", report.display())).await;
        assert_eq!((code(&output), coaches().await), (65, 1), "{output:?}");
        let told = text(&output.stdout);
        for field in ["phone", "rank"] {
            let place = format!("coaches.csv:3: {field}: ");
            assert!(told.lines().any(|line| line.starts_with(&place)), "{place}: {told}");
        }
        assert!(std::fs::read_to_string(&report).unwrap().contains("phone"));
        assert_eq!(code(&server.run("coach import /nowhere.csv").await), 64);
    });
}

#[test]
fn lessons_that_are_owed_are_listed_planned_answered_and_waived() {
    on_every_class(async |stage, class_id| {
        stage.ignore_messages("this is about the command");
        let season =
            pb::Season { except_days: vec!["2026-03-26".to_owned()], ..stage.academy.season.clone() };
        let request = pb::UpsertSeasonRequest { season: Some(season), ..Default::default() };
        stage.catalog().upsert_season(request).await.unwrap();
        let server = Served::new(&stage).await;
        let table = text(&server.run("makeup list").await.stdout);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("ID") && lines.len() == 4, "{table}");
        for part in ["student-001", "math", "2026-03-26 19:00", "LESSON_CANCELLED", "OWED"] {
            assert!(lines[1].contains(part), "{part}: {table}");
        }
        let by = "--operator wang --remark 节假日";
        let plan = format!("makeup schedule {class_id} 2026-03-25 p1900 --lesson 2026-03-26 {by}");
        let planned = server.json(&plan).await;
        assert_eq!(planned["make_ups"][0]["state"], "OFFERED");
        assert_eq!(planned["make_ups"][0]["offered_day"], "2026-03-25");
        let again = server.run(&plan).await;
        assert_eq!(code(&again), 70, "{again:?}");
        assert!(text(&again.stderr).contains("NOT_A_LESSON_DAY"), "{again:?}");
        let ids: Vec<i64> = (0..3).filter_map(|at| planned["make_ups"][at]["make_up_id"].as_i64()).collect();
        let yes = server.json(&format!("makeup answer {} yes", ids[0])).await;
        assert_eq!(yes["make_ups"][0]["state"], "ACCEPTED");
        let no = server.json(&format!("makeup answer {} no {by}", ids[2])).await;
        assert_eq!(
            (&no["make_ups"][0]["operator"], &no["make_ups"][0]["remark"]),
            (&"wang".into(), &"节假日".into())
        );
        let no = text(&server.run(&format!("makeup answer {} no", ids[1])).await.stdout);
        assert!(no.lines().last().is_some_and(|line| line.contains(" OWED ")), "{no}");
        let staff = server.json(&format!("makeup answer {} no {by}", ids[1])).await;
        assert_eq!(staff["make_ups"][0]["operator"], "", "it was answered already");
        let waived = server.json(&format!("makeup waive {} {} {by}", ids[1], ids[2])).await;
        assert_eq!(waived["make_ups"][1]["state"], "WAIVED");
        assert_eq!(waived["make_ups"][1]["operator"], "wang");
        let accepted = server.json("makeup list --state accepted --student student-001").await;
        assert_eq!(accepted["make_ups"].as_array().unwrap().len(), 1);
        assert_eq!(code(&server.run("makeup waive 1").await), 64, "somebody says it");
        assert_eq!(code(&server.run("makeup answer 999 yes").await), 70);
    });
}

#[test]
fn a_coach_is_kept_from_a_student_and_let_again() {
    on_every_app_at("2026-02-28T12:00", async |app: TestApp| {
        Academy::new().coaches(2).students(2).build(&app).await;
        let server = Served::new(&app).await;
        let by = "--operator wang --remark 家长投诉";
        let made = server.json(&format!("coach block coach-001 --student student-002 {by}")).await;
        assert_eq!((&made["block_id"], &made["student"]), (&1.into(), &"student-002".into()), "{made}");
        assert_eq!(made["class_ids"].as_array().unwrap().len(), 0);
        let whole = server.run(&format!("coach block coach-002 --all {by}")).await;
        assert_eq!(code(&whole), 0, "{whole:?}");
        assert!(text(&whole.stdout).contains("everything"), "{whole:?}");
        for what in ["", "--all --student student-001", "--class x"] {
            assert_eq!(code(&server.run(&format!("coach block coach-001 {what} {by}")).await), 64, "{what}");
        }
        assert_eq!(code(&server.run(&format!("coach block coach-009 --all {by}")).await), 70);

        let gone = server.run("coach unblock 1 --operator li --remark 已和好").await;
        assert!(text(&gone.stdout).contains("2026-02-28 12:00 li: 已和好"), "{gone:?}");
        let blocks = server.json("coach blocks").await;
        assert_eq!(blocks["blocks"].as_array().unwrap().len(), 1, "{blocks}");
        assert_eq!(blocks["blocks"][0]["coach"], "coach-002");
        let all = server.json("coach blocks --removed").await;
        assert_eq!(all["blocks"][0]["removed_by"], "li", "{all}");
        let none = server.json("coach blocks coach-001 --student student-002").await;
        assert_eq!(none["blocks"].as_array().unwrap().len(), 0, "{none}");
        let table = text(&server.run("coach blocks").await.stdout);
        assert!(table.starts_with("BLOCK") && table.contains("家长投诉"), "{table}");
    });
}
