//! The commands that show places and openings.

use super::*;
use crate::openings::world::academy;
use crate::overview::story;

#[test]
fn the_overview_is_a_table_with_bars_an_object_or_comma_separated() {
    on_every_app_at("2026-03-06T09:00", async |app: TestApp| {
        academy().build(&app).await;
        story(&app).await;
        let server = Served::new(&app).await;
        let line = "enrollment --from 2026-03-10 --to 2026-03-14 --grade 7";
        let output = server.run(line).await;
        assert_eq!((code(&output), text(&output.stderr)), (0, TESTING.to_owned()), "{output:?}");
        let table = text(&output.stdout);
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0][..7], ["DAY", "TIME", "TEMPLATE", "PLACES", "TAKEN", "FREE", "FILL"]);
        let twelfth = [
            "2026-03-12",
            "19:30–20:30",
            "daily",
            "6",
            "4",
            "2",
            "███████░░░",
            "66",
            "%",
            "2",
            "2",
            "0",
            "1",
            "1",
            "1",
        ];
        assert_eq!(lines[3], twelfth);
        let sat = [
            "2026-03-14",
            "19:00–20:00",
            "sat",
            "2",
            "0",
            "2",
            "░░░░░░░░░░",
            "0",
            "%",
            "0",
            "0",
            "0",
            "0",
            "0",
            "0",
        ];
        assert_eq!(lines[5], sat, "by day, then by time");
        assert_eq!(lines.len(), 7, "{table}");

        let object = server.json(line).await;
        let day = &object["enrollments"][1]["days"][2];
        assert_eq!(
            (&day["day"], &day["taken"], &day["last_week"]),
            (&"2026-03-12".into(), &4.into(), &0.into())
        );
        assert_eq!(object["enrollments"][1]["period"]["start_time"], "19:30");

        let csv = text(
            &server.run("enrollment --from 2026-03-06 --to 2026-03-06 --template daily --csv").await.stdout,
        );
        let header = "day,start_time,end_time,class_template,season,subject_id,grade,places,taken,free,\
            continuing,new,last_week,on_leave,held,waiting";
        assert_eq!(
            csv,
            format!("{header}\n2026-03-06,19:30,20:30,daily,spring,1,7,6,0,6,0,0,,0,0,0\n"),
            "an empty cell = no such day"
        );
        assert_eq!(code(&server.run("enrollment --csv --json").await), 64);
        assert_eq!(code(&server.run("enrollment --season winter").await), 70);
    });
}

#[test]
fn the_places_of_a_day_are_explained_with_a_running_total() {
    on_every_app_at("2026-03-06T09:00", async |app: TestApp| {
        academy().build(&app).await;
        story(&app).await;
        let server = Served::new(&app).await;
        let output = server.run("places explain daily 2026-03-12").await;
        assert_eq!((code(&output), text(&output.stderr)), (0, TESTING.to_owned()), "{output:?}");
        let told = text(&output.stdout);
        let totals: Vec<&str> =
            told.lines().skip(1).take(7).map(|line| line.split_whitespace().nth(4).unwrap()).collect();
        assert_eq!(totals, ["1", "2", "3", "4", "5", "6", "5"], "{told}");
        assert!(told.contains("LEAVE") && told.contains("-1"), "{told}");
        let agreed = "daily on 2026-03-12: 5 of 6 places are taken; counter, reservations and ledger agree";
        assert_eq!(told.lines().last(), Some(agreed));
        let object = server.json("places explain daily 2026-03-12").await;
        assert_eq!(
            (&object["agree"], &object["changes"][6]["cause"], &object["taken"]),
            (&true.into(), &"LEAVE".into(), &5.into())
        );

        let drift = "UPDATE place SET taken = 6 WHERE taken = 5";
        etutor::write_txn!(app.db(), "test.drift", |txn| etutor::storage::sql::sql(drift).execute(txn).await)
            .unwrap();
        let told = text(&server.run("places explain daily 2026-03-12").await.stdout);
        assert!(
            told.lines()
                .last()
                .unwrap()
                .contains("6 of 6 places are taken by the counter, 5 by the reservations, 5 by the ledger")
        );
        assert_eq!(code(&server.run("places explain daily").await), 64);
        assert_eq!(code(&server.run("places explain sat 2026-03-12").await), 70);
    });
}

#[test]
fn openings_are_shown_for_a_student_or_a_grade() {
    on_every_app_at("2026-03-06T09:00", async |app: TestApp| {
        academy().build(&app).await;
        story(&app).await;
        let server = Served::new(&app).await;
        let told = text(&server.run("openings --student student-003 --to 2026-03-14").await.stdout);
        let daily: Vec<&str> =
            told.lines().find(|line| line.starts_with("daily")).unwrap().split_whitespace().collect();
        assert_eq!(
            daily[..9],
            ["daily", "1", "spring", "19:30–20:30", "FREQ=DAILY", "2026-03-10", "2", "of", "9"],
            "{told}"
        );
        assert!(told.contains("4 TOO_LATE, 3 ALREADY_RESERVED"), "{told}");
        let object = server.json("openings --grade 7 --to 2026-03-14").await;
        assert_eq!(object["openings"][0]["class_template"], "sat");
        assert_eq!(object["openings"][0]["days"][0]["reason"], "TOO_LATE");
        assert_eq!(object["openings"][1]["days"][6]["reason"], Value::Null);
        assert_eq!(object["openings"][0]["first_possible_day"], "2026-03-14");
        assert_eq!(code(&server.run("openings").await), 64);
        assert_eq!(code(&server.run("openings --student student-003 --grade 10").await), 70);
    });
}

#[test]
fn openings_are_for_a_student_or_a_grade_and_the_command_line_says_so() {
    on_every_app_at("2026-03-06T09:00", async |app: TestApp| {
        academy().build(&app).await;
        let server = Served::new(&app).await;
        for line in ["openings", "openings --from 2026-03-10", "openings --subject 1"] {
            let mut command = etutorctl();
            command.env("ETUTOR_SERVER", &server.url).args(line.split_whitespace());
            let output = output(command).await;
            let told = text(&output.stderr);
            assert_eq!(code(&output), 64, "{line}: {told}");
            assert!(told.contains("--student <STUDENT>|--grade <GRADE>"), "{line}: {told}");
            assert!(!told.contains("--server"), "what the environment gives need not be typed: {told}");
        }
        assert_eq!(
            code(&server.run("openings --grade 7 --student student-001").await),
            0,
            "both is no contradiction"
        );
    });
}

#[test]
fn what_is_wrong_is_told_by_the_name_of_its_flag() {
    on_every_app_at("2026-03-06T09:00", async |app: TestApp| {
        academy().build(&app).await;
        let server = Served::new(&app).await;
        for (line, told) in [
            ("openings --grade 7 --from soon", "openings: --from: "),
            ("enrollment --from 2026-03-10 --to 2026-03-09", "enrollment: --to: is before --from"),
            ("places explain daily someday", "places explain: DAY: "),
            ("task list someday", "task list: DAY: "),
            ("invite check someday", "invite check: DAY: "),
            ("sms send soon", "sms send: WHEN: "),
        ] {
            let output = server.run(line).await;
            let said = text(&output.stderr).replace(TESTING, "");
            assert_eq!(code(&output), 64, "{line}: {said}");
            assert!(said.starts_with(&format!("etutorctl: {told}")), "{line}: {said}");
        }
    });
}
