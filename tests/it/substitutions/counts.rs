//! Where another teaches some lessons of a class, each coach hears of those that are theirs.

use super::*;
use crate::season_edits::edit_period;
use crate::season_edits::mistakes::{minute, who};

#[test]
fn who_takes_a_class_over_hears_of_the_lessons_that_no_substitute_has() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        for number in [2, 3] {
            stage.test(number, true).await;
        }
        start(&stage, &["2026-03-26", "2026-06-25"], Some(2)).await.unwrap();
        change(&stage, "2026-03-19", Some(3)).await.unwrap();
        minute(&stage, "2026-03-06T10:01").await;
        stage.set_clock("2026-03-19T03:00").await;
        stage.fire("clazz complete_coach_changes", None).await;
        let told = minute(&stage, "2026-03-19T07:00").await;
        let news = ["COACH_REPLACED coach-001", "COACH_REPLACED coach-003", "SUBSTITUTE_ASSIGNED coach-003"];
        assert_eq!(who(&told), news);
        assert!(
            told[0].1.contains("自3月19日（周四）19:00初一学科1班起，您带的这个班由其他教练接任"),
            "{told:?}"
        );
        // Who might come to them hears which are another's.
        let others = "3月26日（周四）、6月25日（周四）19:00初一学科1班的课由其他教练代课，您无需上课";
        assert!(told[1].1.contains(others), "{told:?}");
        // Fifteen Thursdays are left.
        assert!(told[2].1.contains("自3月19日（周四）19:00-20:30起，共13次课至6月18日"), "{told:?}");
    });
}

#[test]
fn a_class_that_was_not_told_yet_is_told_without_the_lessons_of_a_substitute() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(6), 6).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.test(2, true).await;
        stage.set_clock("2026-03-05T15:00").await;
        stage.fire("clazz assign_students", None).await;
        start(&stage, &["2026-03-12", "2026-06-25"], Some(2)).await.unwrap();
        let (start_time, end_time) = ("20:00".to_owned(), "21:30".to_owned());
        let period = pb::Period { start_time, end_time, ..stage.academy.periods[0].clone() };
        edit_period(&stage, &period, false).await.unwrap();
        stage.told().await;
        let told = minute(&stage, "2026-03-05T15:01").await;
        let assigned = told.iter().find(|(line, _)| line == "ASSIGNED coach-001").unwrap();
        // Of seventeen Thursdays.
        assert!(assigned.1.contains("首课3月5日（周四）20:00-21:30，共15次课至6月18日"), "{told:?}");
    });
}

#[test]
fn a_substitute_of_a_class_without_students_hears_from_which_lesson_on_nobody_is_wanted() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(2, true).await;
        start(&stage, &["2026-03-19", "2026-03-26"], Some(2)).await.unwrap();
        minute(&stage, "2026-03-06T10:01").await;
        for number in 1..=3 {
            stage.sign_off(number, "2026-03-12").await;
        }
        let told = minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(who(&told), ["CLASS_CLOSED coach-001", "CLASS_CLOSED coach-002"]);
        let expected = "【etutor】3月12日（周四）19:00初一学科1班：您带的班自这次课起已没有学员，\
            这次和之后的课全部取消，为您保留的时段已释放。";
        assert_eq!(told[0].1, expected);
        let expected = "【etutor】3月19日（周四）19:00初一学科1班：您代课的班已没有学员，\
            您自这次课起的代课全部取消，为您保留的时段已释放。";
        assert_eq!(told[1].1, expected);
    });
}
