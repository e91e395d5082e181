//! A class goes on again over lessons that had been called off: its coach hears that, and nothing
//! else of them.

use super::edits::{holidays, hours};
use super::{declines, ending, go_on, gone_on, lessons, until};
use crate::season_edits::mistakes::{minute, who};
use crate::staffing::stage::{SATURDAY, Stage};
use crate::substitutions::{start, yes};
use etutor::rpc::pb;
use etutor::testing::academy::coach;
use etutor::testing::on_every_app_at;

/// It has gone on until the 16th of April, and whoever is told something has heard it.
async fn heard(app: etutor::testing::TestApp) -> Stage {
    let stage = ending(app).await;
    go_on(&stage, until("2026-04-16")).await.unwrap();
    gone_on(&stage).await;
    minute(&stage, "2026-03-16T10:06").await;
    stage
}

async fn all_decline(stage: &Stage) {
    for number in 1..=3 {
        declines(stage, number).await;
    }
}

/// It goes on again over the same days; what its coach is told once it does.
async fn again(stage: &Stage) -> Vec<(String, String)> {
    stage.set_clock("2026-03-17T10:00").await;
    go_on(stage, until("2026-04-16")).await.unwrap();
    minute(stage, "2026-03-17T10:00").await;
    assert_eq!(yes(stage, 1).await, "READY");
    minute(stage, "2026-03-17T10:01").await;
    stage.fire("clazz offer_places", None).await;
    assert_eq!(lessons(stage, 1).await[4..], ["04-02", "04-09", "04-16"]);
    minute(stage, "2026-03-17T10:02").await
}

#[test]
fn lessons_that_a_holiday_took_are_told_once_when_the_class_goes_on_with_them() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = heard(app).await;
        holidays(&stage, &["2026-04-09"]).await;
        assert_eq!(who(&minute(&stage, "2026-03-16T10:07").await), ["LESSON_CANCELLED coach-001"]);
        all_decline(&stage).await;
        holidays(&stage, &[]).await;
        assert_eq!(who(&minute(&stage, "2026-03-16T10:08").await), ["CLASS_CLOSED coach-001"]);
        let told = again(&stage).await;
        assert_eq!(who(&told), ["SUBSTITUTE_ASSIGNED coach-001"]);
        assert!(told[0].1.contains("自4月2日（周四）19:00-20:30起，共3次课至4月16日"), "{told:?}");
        // When nobody goes on this time either, the coach hears it as before.
        all_decline(&stage).await;
        assert_eq!(who(&minute(&stage, "2026-03-17T10:03").await), ["CLASS_CLOSED coach-001"]);
    });
}

#[test]
fn an_hour_that_was_told_of_lessons_that_are_called_off_is_no_news_later() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = heard(app).await;
        hours(&stage, "19:15", "20:30").await;
        assert_eq!(who(&minute(&stage, "2026-03-16T10:07").await), ["LESSON_MOVED coach-001"]);
        all_decline(&stage).await;
        minute(&stage, "2026-03-16T10:08").await;
        hours(&stage, "19:00", "20:30").await;
        // Of the lessons that the class still has.
        assert_eq!(who(&minute(&stage, "2026-03-16T10:09").await), ["LESSON_MOVED coach-001"]);
        assert_eq!(who(&again(&stage).await), ["SUBSTITUTE_ASSIGNED coach-001"]);
    });
}

#[test]
fn a_holiday_tells_nobody_of_lessons_that_were_called_off_before() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = heard(app).await;
        hours(&stage, "19:15", "20:30").await;
        minute(&stage, "2026-03-16T10:07").await;
        all_decline(&stage).await;
        minute(&stage, "2026-03-16T10:08").await;
        holidays(&stage, &["2026-04-02"]).await;
        // Who is back on duty hears what has changed meanwhile.
        stage.set_status(1, pb::JobStatus::Dismissed).await;
        stage.set_status(1, pb::JobStatus::Regular).await;
        let told = minute(&stage, "2026-03-16T10:09").await;
        assert!(!who(&told).contains(&"LESSON_CANCELLED coach-001"), "{told:?}");
    });
}

/// At night nobody is left, and the coach goes on all the same, until this day; what coaches are
/// told in the morning.
async fn over_night(stage: &Stage, last_day: &str) -> Vec<(String, String)> {
    stage.set_clock("2026-03-16T22:30").await;
    all_decline(stage).await;
    let request = pb::ContinueClassRequest {
        operator: String::new(),
        remark: String::new(),
        coach: coach(1),
        ..until(last_day)
    };
    go_on(stage, request).await.unwrap();
    stage.fire("clazz offer_places", None).await;
    minute(stage, "2026-03-17T07:00").await
}

#[test]
fn who_wants_to_go_on_again_at_night_does_not_hear_in_the_morning_that_the_class_is_empty() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = heard(app).await;
        let told = over_night(&stage, "2026-04-09").await;
        assert_eq!(who(&told), ["ACCEPTED coach-001", "SUBSTITUTE_ASSIGNED coach-001"]);
    });
}

#[test]
fn a_substitute_hears_at_once_that_a_lesson_is_the_coachs_again_who_goes_on_in_the_same_night() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = heard(app).await;
        stage.test(2, true).await;
        start(&stage, &["2026-04-09"], Some(2)).await.unwrap();
        minute(&stage, "2026-03-16T10:07").await;
        let told = over_night(&stage, "2026-04-16").await;
        assert!(who(&told).contains(&"CLASS_CLOSED coach-002"), "{told:?}");
        assert!(!who(&told).contains(&"CLASS_CLOSED coach-001"), "{told:?}");
        let all = stage.class(1).await.lessons;
        let taught = all.iter().find(|lesson| lesson.day == "2026-04-09").unwrap();
        assert_eq!(taught.coach, "coach-001");
    });
}
