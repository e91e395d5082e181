//! The hour of a class changes while somebody is looked for, or found, in its coach's place.

use super::*;
use crate::season_edits::edit_period;
use crate::season_edits::mistakes::{minute, who};

fn hours(stage: &Stage, start: &str, end: &str) -> pb::Period {
    let (start_time, end_time) = (start.to_owned(), end.to_owned());
    pb::Period { start_time, end_time, ..stage.academy.periods.last().unwrap().clone() }
}

#[test]
fn who_was_asked_or_said_yes_hears_of_another_hour() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        let made = start(&stage, &["2026-03-12"], None).await.unwrap();
        minute(&stage, "2026-03-06T10:00").await;
        assert_eq!(yes(&stage, 3).await, "ACCEPTED");
        minute(&stage, "2026-03-06T10:01").await;
        edit_period(&stage, &hours(&stage, "18:00", "19:30"), false).await.unwrap();
        let told = minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(
            who(&told),
            ["LESSON_MOVED coach-001", "LESSON_MOVED coach-003", "LESSON_MOVED coach-004"]
        );
        assert!(told[1].1.contains("19:00改为18:00"), "{told:?}");
        let request = pb::ListSubstitutionsRequest::default();
        let found = stage.substitutions().list_substitutions(request).await.unwrap().into_inner();
        assert_eq!(found.substitutions[0].substitution_id, made.substitution_id);
        assert_eq!(stage.local(&found.substitutions[0].close_time), "2026-03-12 17:30");
        stage.test(3, true).await;
        assert_eq!(substitution(&stage).await, "FORMED coach-003");
        minute(&stage, "2026-03-06T10:03").await;
        // Of a substitute the lessons move like those of any coach.
        edit_period(&stage, &hours(&stage, "17:00", "18:30"), false).await.unwrap();
        let told = minute(&stage, "2026-03-06T10:04").await;
        assert_eq!(who(&told), ["LESSON_MOVED coach-001", "LESSON_MOVED coach-003"]);
    });
}

#[test]
fn a_question_that_has_not_gone_out_is_written_anew() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        change(&stage, "2026-03-19", None).await.unwrap();
        stage.set_clock("2026-03-12T01:00").await;
        stage.fire("clazz auto_change_coach", None).await;
        stage.set_clock("2026-03-12T08:00").await;
        stage.fire("invite exec", None).await;
        stage.told().await;
        edit_period(&stage, &hours(&stage, "18:00", "19:30"), false).await.unwrap();
        let told = minute(&stage, "2026-03-12T08:01").await;
        assert_eq!(who(&told), ["INVITATION coach-003", "INVITATION coach-004", "LESSON_MOVED coach-001"]);
        assert!(told[0].1.contains("18:00-19:30"), "{told:?}");
    });
}

#[test]
fn a_period_stays_where_the_offer_of_a_substitute_would_not_cover_the_lesson() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = evening().classes(1, 4).period("18:00", "21:00").coaches(4).students(3);
        let stage = formed_of(app, academy, 3).await;
        stage.test(2, true).await;
        // Coach 2 offers the wide period only.
        let offer = pb::Availability {
            period: "p1800".to_owned(),
            recurrence: "FREQ=DAILY".to_owned(),
            start_day: "2026-03-02".to_owned(),
            end_day: "2026-06-28".to_owned(),
            ..pb::Availability::default()
        };
        let request = pb::SetAvailabilityRequest {
            coach: coach(2),
            season: "spring".to_owned(),
            availability: vec![offer],
        };
        stage.coaches().set_availability(request).await.unwrap();
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        let wide = hours(&stage, "19:30", "21:00");
        let refused = edit_period(&stage, &wide, false).await.unwrap_err();
        assert_eq!(reason(&refused), "IN_USE");
        let lesson = pb::Period {
            start_time: "17:00".into(),
            end_time: "18:30".into(),
            ..stage.academy.periods[0].clone()
        };
        assert_eq!(reason(&edit_period(&stage, &lesson, false).await.unwrap_err()), "IN_USE");
        edit_period(&stage, &hours(&stage, "18:30", "21:00"), false).await.unwrap();
        stage.ignore_messages("this is about what is refused");
    });
}
