//! The commands that show lessons as they go on, and who came to them.

use super::*;
use crate::monitor::{on_every_class, present};
use etutor::testing::academy::{coach, student};
use std::io::{BufRead as _, BufReader};

/// The first line that a command says which has no end.
async fn first_line(server: &Served, words: &[&str]) -> String {
    let mut command = etutorctl();
    command.arg("--server").arg(&server.url).args(words).stdout(Stdio::piped()).stderr(Stdio::null());
    let reading = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        line
    });
    reading.await.unwrap()
}

#[test]
fn lessons_and_attendance_are_tables_objects_and_files_for_spreadsheets() {
    on_every_class(async |stage, class_id| {
        let server = Served::new(&stage).await;
        present(&stage, &coach(1), "18:50", "19:04").await;
        present(&stage, &student(1), "19:03", "19:04").await;
        let table = text(&server.run("lessons").await.stdout);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("START") && lines.len() == 2, "{table}");
        for part in ["RUNNING", "coach-001 present since 18:50", "1 of 3", "student-002", "FEW_STUDENTS"] {
            assert!(lines[1].contains(part), "{part}: {table}");
        }
        let object = server.json("lessons --now").await;
        assert_eq!(object["lessons"][0]["coach"]["where"], "PRESENT");
        assert_eq!(server.json("lessons --unusual").await["lessons"][0]["troubles"][0], "FEW_STUDENTS");
        assert_eq!(server.json("lessons 2026-03-05 --state done").await["lessons"], serde_json::json!([]));
        assert_eq!(code(&server.run("lessons 2026-03-05 --now").await), 64);

        let line = first_line(&server, &["watch", "--json"]).await;
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&object["lessons"][0]["state"], &object["removed_lesson_ids"]),
            (&"RUNNING".into(), &serde_json::json!([]))
        );
        assert!(first_line(&server, &["watch"]).await.contains("coach-001 present since 18:50"));

        let object = server.json("attendance 2026-03-05 --student student-001").await;
        assert_eq!(
            (&object["attendance"][0]["attendance"], &object["attendance"][0]["late_s"]),
            (&"CAME".into(), &180.into())
        );
        let csv = text(&server.run("attendance 2026-03-05 --coach coach-001 --csv -").await.stdout);
        let header = "day,start_time,end_time,class_template,class_id,lesson_state,kind,person,attendance,\
            first_seen,last_seen,late_min,left_early_min";
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(lines[0], format!("\u{feff}{header}"));
        let of_coach = "coach,coach-001,CAME,2026-03-05 18:50,2026-03-05 19:04,0,0";
        let start = "2026-03-05,2026-03-05 19:00,2026-03-05 20:30,math";
        assert_eq!(lines[1], format!("{start},{class_id},RUNNING,{of_coach}"));
        assert!(lines[3].contains(",student,student-002,ABSENT,,,0,0"), "{csv}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("attendance.csv");
        let line = format!("attendance 2026-03-05 --coach coach-001 --csv {}", file.display());
        assert_eq!(code(&server.run(&line).await), 0);
        assert_eq!(std::fs::read_to_string(file).unwrap(), csv);
    });
}
