//! Coaches were asked for several lessons, and some of these fall away, are given to somebody else,
//! or come back: who heard of others is told the days that are left.

use super::back::{holiday, taken_back};
use super::*;
use crate::season_edits::mistakes::{minute, who};

const TWO: [&str; 2] = ["2026-03-12", "2026-03-19"];

/// Coaches 3 and 4 have been asked for the 12th and the 19th; it is 10:00.
async fn asked_for_two(app: TestApp) -> Stage {
    let stage = formed(app).await;
    stage.test(2, true).await;
    start(&stage, &TWO, None).await.unwrap();
    let told = minute(&stage, "2026-03-06T10:00").await;
    assert_eq!(who(&told), ["INVITATION coach-003", "INVITATION coach-004"]);
    assert!(told[0].1.contains("3月12日（周四）19:00-20:30，共2次课至3月19日"), "{told:?}");
    stage
}

#[test]
fn who_was_asked_or_said_yes_hears_which_days_are_left_when_somebody_is_named_for_one() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = asked_for_two(app).await;
        assert_eq!(yes(&stage, 3).await, "ACCEPTED");
        minute(&stage, "2026-03-06T10:01").await;
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        let told = minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(
            who(&told),
            [
                "COACH_REPLACED coach-001",
                "INVITATION_CHANGED coach-003",
                "INVITATION_CHANGED coach-004",
                "SUBSTITUTE_ASSIGNED coach-002"
            ]
        );
        let left = "上课日期有变，现为3月19日（周四）19:00-20:30，共1次课。";
        assert!(told[1].1.contains(&format!("您答应代课的初一学科1班，{left}您的答复继续有效")), "{told:?}");
        assert!(told[2].1.contains(&format!("邀请您代课的初一学科1班，{left}请按此答复")), "{told:?}");
        // The other day too: what is taken back is what they know of.
        start(&stage, &["2026-03-19"], Some(2)).await.unwrap();
        let told = minute(&stage, "2026-03-06T10:03").await;
        let over = |kind: &str| told.iter().find(|(who, _)| who.starts_with(kind)).unwrap().1.clone();
        let recalled = over("INVITATION_RECALLED coach-004");
        assert!(recalled.contains("3月19日（周四）19:00初一学科1班的代课邀请已撤回"), "{recalled}");
        let let_go = over("NO_LONGER_NEEDED coach-003");
        assert!(let_go.contains("3月19日（周四）19:00初一学科1班目前不再需要您代课"), "{let_go}");
    });
}

#[test]
fn what_nobody_was_told_of_yet_is_not_corrected_and_a_recall_names_what_was_asked() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = asked_for_two(app).await;
        stage.set_clock("2026-03-06T22:30").await;
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        start(&stage, &["2026-03-19"], Some(2)).await.unwrap();
        let told = minute(&stage, "2026-03-07T07:00").await;
        assert_eq!(
            who(&told),
            [
                "COACH_REPLACED coach-001",
                "COACH_REPLACED coach-001",
                "INVITATION_RECALLED coach-003",
                "INVITATION_RECALLED coach-004",
                "SUBSTITUTE_ASSIGNED coach-002",
                "SUBSTITUTE_ASSIGNED coach-002"
            ]
        );
        assert!(told[2].1.contains("3月12日（周四）19:00初一学科1班的代课邀请已撤回"), "{told:?}");
    });
}

#[test]
fn a_holiday_that_takes_one_of_the_days_and_is_taken_back_is_heard_once_or_not_at_all() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = asked_for_two(app).await;
        holiday(&stage, &["2026-03-19"]).await;
        let told = minute(&stage, "2026-03-06T10:01").await;
        let changed = ["INVITATION_CHANGED coach-003", "INVITATION_CHANGED coach-004"];
        assert_eq!(who(&told)[..2], changed);
        assert!(told[0].1.contains("现为3月12日（周四）19:00-20:30，共1次课。"), "{told:?}");
        taken_back(&stage).await;
        let told = minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(who(&told)[..2], changed);
        assert!(told[0].1.contains("3月12日（周四）、3月19日（周四）19:00-20:30，共2次课。"), "{told:?}");
        // At night nobody hears of either.
        stage.set_clock("2026-03-06T22:30").await;
        holiday(&stage, &["2026-03-19"]).await;
        stage.fire("invite check", None).await;
        taken_back(&stage).await;
        stage.fire("invite check", None).await;
        assert_eq!(stage.told_of("INVITATION_CHANGED").await, Vec::<String>::new());
        assert!(!who(&minute(&stage, "2026-03-07T07:00").await).contains(&changed[0]));
    });
}

#[test]
fn a_question_that_waits_asks_for_the_days_that_are_left() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(2, true).await;
        start(&stage, &TWO, None).await.unwrap();
        stage.fire("invite exec", None).await;
        start(&stage, &["2026-03-19"], Some(2)).await.unwrap();
        let told = minute(&stage, "2026-03-06T10:01").await;
        assert_eq!(
            who(&told),
            [
                "COACH_REPLACED coach-001",
                "INVITATION coach-003",
                "INVITATION coach-004",
                "SUBSTITUTE_ASSIGNED coach-002"
            ]
        );
        assert!(told[1].1.contains("3月12日（周四）19:00-20:30，共1次课。"), "{told:?}");
        assert_eq!(yes(&stage, 3).await, "ACCEPTED");
        assert_eq!(who(&minute(&stage, "2026-03-06T10:02").await), ["ACCEPTED coach-003"]);
    });
}

#[test]
fn who_says_yes_before_the_correction_hears_it_with_the_yes() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = asked_for_two(app).await;
        stage.set_clock("2026-03-06T22:30").await;
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        assert_eq!(yes(&stage, 3).await, "ACCEPTED");
        stage.fire("sms send", None).await;
        stage.told().await;
        let told = minute(&stage, "2026-03-07T07:00").await;
        let changed = told.iter().find(|(who, _)| who == "INVITATION_CHANGED coach-003").unwrap();
        assert!(changed.1.contains("您答应代课的初一学科1班"), "{told:?}");
    });
}

#[test]
fn who_is_asked_to_take_a_class_over_hears_from_when_and_how_many_lessons_it_is() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        change(&stage, "2026-03-19", None).await.unwrap();
        stage.set_clock("2026-03-12T01:00").await;
        stage.fire("clazz auto_change_coach", None).await;
        let told = minute(&stage, "2026-03-12T08:00").await;
        assert_eq!(who(&told)[..2], ["INVITATION coach-003", "INVITATION coach-004"]);
        holiday(&stage, &["2026-03-19"]).await;
        let told = minute(&stage, "2026-03-12T08:01").await;
        let changed = told.iter().find(|(who, _)| who == "INVITATION_CHANGED coach-004").unwrap();
        assert!(changed.1.contains("邀请您接任的初一学科1班，上课日期有变，现为自3月26日（周四）19:00-20:30起，共14次课至6月25日。"), "{told:?}");
    });
}
