//! The ladder at its edges: across midnight, after a time without ticks, and the cases in which a
//! coach who is there might be taken for one who is not.

use super::{NOT_ONLINE, evening_of, login, minute, none, state};
use crate::staffing::stage::{MATH, SATURDAY, Stage, TH, evening};
use crate::substitutions::formed;
use chrono::TimeDelta;
use etutor::app::presence::write_gathered;
use etutor::rpc::pb;
use etutor::testing::academy::coach;
use etutor::testing::{Academy, TestApp, on_every_app_at, on_every_app_with};

async fn heartbeat(stage: &Stage, number: usize) {
    let person = Some(pb::heartbeat_request::Person::Coach(coach(number)));
    stage.presence().heartbeat(pb::HeartbeatRequest { person }).await.unwrap();
    write_gathered(stage).await.unwrap();
}

/// A class of three with coach 1 on Thursdays from 23:50 to 00:50.
async fn by_night(app: TestApp) -> Stage {
    let academy = Academy::new().period("23:50", "00:50").template("math", TH).classes(1, 4);
    let stage = Stage::set(app, academy.coaches(2).students(3)).await;
    let season = Some(("2026-03-05", "2026-06-28"));
    stage.academy.reserve_all(&stage, "math", 1, 3, season).await;
    stage.set_clock("2026-03-02T00:00").await;
    stage.fire("invite create", None).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    stage.minute("2026-03-05T19:50").await;
    stage.set_clock("2026-03-12T23:00").await;
    stage.test(2, true).await;
    stage.told().await;
    stage
}

/// A minute of the night from the 12th to the 13th.
async fn night(stage: &Stage, at: &str) -> Vec<String> {
    let day = if at < "12:00" { 13 } else { 12 };
    stage.set_clock(&format!("2026-03-{day}T{at}")).await;
    let report = stage.fire("clazz check_on_time", None).await;
    assert_eq!(report.failed, 0, "{report:?}");
    stage.fire("sms send", None).await;
    stage.told().await
}

#[test]
fn a_lesson_across_midnight_keeps_its_day_through_the_whole_ladder() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = by_night(app).await;
        assert_eq!(night(&stage, "23:40").await[0], "COACH_NOT_ONLINE coach-001");
        stage.set_clock("2026-03-12T23:44").await;
        login(&stage, 2).await;
        assert_eq!(night(&stage, "23:45").await, ["STANDBY_REQUEST coach-002"]);
        // At night the mail goes at once; nobody is woken by an SMS who need not be.
        night(&stage, "23:50").await;
        assert_eq!(state(&stage).await, "COACH_LATE");
        let delayed = night(&stage, "23:55").await;
        assert!(delayed.iter().all(|line| line.starts_with("LESSON_DELAYED")), "{delayed:?}");
        let told = night(&stage, "00:05").await;
        assert!(told.contains(&"COACH_ABSENT student-001".to_owned()), "{told:?}");
        assert_eq!(state(&stage).await, "COACH_ABSENT", "the lesson of the 12th");
        let request = pb::ListAttendanceRequest { from_day: "2026-03-12".to_owned(), ..Default::default() };
        let found = stage.monitor().list_attendance(request).await.unwrap().into_inner().lessons;
        assert_eq!(found.len(), 1);
        let owed = pb::ListMakeUpsRequest::default();
        let owed = stage.make_ups().list_make_ups(owed).await.unwrap().into_inner().make_ups;
        assert!(owed.iter().all(|one| one.day == "2026-03-12"), "{owed:?}");
        assert_eq!(owed.len(), 3);
        assert_eq!(night(&stage, "00:06").await, none());
    });
}

#[test]
fn after_a_time_without_ticks_what_is_of_no_use_any_more_is_skipped_and_counted() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        evening_of(&stage, "19:06").await;
        let report = stage.fire("clazz check_on_time", None).await;
        assert_eq!(
            report.skipped.get("STAGE_TOO_LATE"),
            Some(&2),
            "the warning and the question: {report:?}"
        );
        stage.fire("sms send", None).await;
        let mut told = stage.told().await;
        told.sort();
        assert_eq!(
            told,
            [
                "COACH_LATE coach-001",
                "COACH_LATE wang MAIL",
                "COACH_LATE wang SMS",
                "LESSON_DELAYED student-001",
                "LESSON_DELAYED student-002",
                "LESSON_DELAYED student-003",
            ]
        );
        let again = stage.fire("clazz check_on_time", None).await;
        assert_eq!((again.messages, again.skipped.get("STAGE_TOO_LATE")), (0, None), "once");
    });
}

#[test]
fn a_coach_who_is_back_within_ninety_seconds_or_whose_heartbeat_is_a_minute_late_raises_no_alarm() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        evening_of(&stage, "18:48").await;
        login(&stage, 1).await;
        for at in 49..=59 {
            let at = format!("18:{at}");
            evening_of(&stage, &at).await;
            heartbeat(&stage, 1).await;
            assert_eq!(minute(&stage, &at).await, none(), "{at}");
        }
        // The connection breaks a minute before the lesson; the next heartbeat is a minute late.
        assert_eq!(minute(&stage, "19:00").await, none());
        stage.advance(TimeDelta::seconds(25)).await;
        heartbeat(&stage, 1).await;
        for at in ["19:01", "19:05", "19:15"] {
            assert_eq!(minute(&stage, at).await, none(), "{at}");
            heartbeat(&stage, 1).await;
        }
        assert_eq!(state(&stage).await, "RUNNING");
    });
}

#[test]
fn whose_other_lesson_ends_within_five_minutes_of_the_start_is_not_missed_yet() {
    on_every_app_with(
        SATURDAY,
        |config| config.rules.gap = TimeDelta::zero(),
        async |app| {
            let academy = evening().classes(1, 4).period("20:30", "21:30").template("late", TH).classes(1, 4);
            let stage = Stage::set(app, academy.coaches(1).students(6)).await;
            let season = Some(("2026-03-05", "2026-06-28"));
            stage.academy.reserve_all(&stage, "math", 1, 3, season).await;
            stage.academy.reserve_all(&stage, "late", 4, 6, season).await;
            stage.set_clock("2026-03-02T00:00").await;
            stage.fire("invite create", None).await;
            stage.minute("2026-03-02T08:00").await;
            stage.ready(&[1], MATH).await;
            stage.minute("2026-03-02T11:00").await;
            stage.ready(&[1], "late@2026-03-05").await;
            stage.minute("2026-03-05T16:30").await;
            stage.set_clock("2026-03-12T18:45").await;
            stage.told().await;
            // In the lesson of 19:00 to its end, and not in the next one before its start.
            login(&stage, 1).await;
            for at in ["18:50", "19:00", "19:15"] {
                assert_eq!(minute(&stage, at).await, none(), "{at}");
            }
            for at in ["20:20", "20:25", "20:29"] {
                assert_eq!(minute(&stage, at).await, none(), "{at}: the lesson before is still going on");
            }
            let told = minute(&stage, "20:36").await;
            assert!(
                told.iter().any(|line| line == "COACH_LATE coach-001"),
                "nobody has come since: {told:?}"
            );
            assert_ne!(told, NOT_ONLINE);
        },
    );
}
