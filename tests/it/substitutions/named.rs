//! Staff name somebody for lessons for which coaches are being asked already, or for days that will
//! be another coach's.

use super::*;
use crate::season_edits::mistakes::{minute, who};

async fn changes(stage: &Stage) -> Vec<String> {
    let request = pb::ListCoachChangesRequest::default();
    let found = stage.substitutions().list_coach_changes(request).await.unwrap().into_inner().coach_changes;
    found.iter().map(|one| format!("{} {} {}", state(one.state()), one.coach, one.from_day)).collect()
}

#[test]
fn who_is_named_has_the_lesson_and_the_search_is_over() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        start(&stage, &["2026-03-12"], None).await.unwrap();
        minute(&stage, "2026-03-06T10:00").await;
        assert_eq!(yes(&stage, 3).await, "ACCEPTED");
        minute(&stage, "2026-03-06T10:01").await;
        assert_eq!(reason(&start(&stage, &["2026-03-12"], Some(2)).await.unwrap_err()), "TEST_NOT_VALID");
        assert_eq!(all(&stage).await, ["INVITING  12"], "it goes on when that coach may not");
        stage.test(2, true).await;
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        assert_eq!(all(&stage).await, ["CANCELLED  12", "FORMED coach-002 12"]);
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-002"]);
        assert_eq!(
            who(&minute(&stage, "2026-03-06T10:02").await),
            [
                "COACH_REPLACED coach-001",
                "INVITATION_RECALLED coach-004",
                "NO_LONGER_NEEDED coach-003",
                "SUBSTITUTE_ASSIGNED coach-002"
            ]
        );
    });
}

#[test]
fn lessons_that_do_not_follow_one_another_are_told_with_their_days() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        for number in [2, 3] {
            stage.test(number, true).await;
        }
        minute(&stage, "2026-03-06T10:00").await;
        let days = ["2026-03-12", "2026-03-26", "2026-04-02"];
        let first = start(&stage, &days, Some(2)).await.unwrap();
        assert_eq!(teaches(&stage, &[12, 19, 26]).await, ["12 coach-002", "19 coach-001", "26 coach-002"]);
        let told = minute(&stage, "2026-03-06T10:01").await;
        assert_eq!(who(&told), ["COACH_REPLACED coach-001", "SUBSTITUTE_ASSIGNED coach-002"]);
        for (_, text) in &told {
            assert!(text.contains("3月12日（周四）、3月26日（周四）、4月2日（周四）19:00"), "{text}");
        }
        // Taken back at night, and another is named before anybody has heard: for the coach of the
        // class nothing has changed.
        stage.set_clock("2026-03-06T22:30").await;
        let request = pb::CancelSubstitutionRequest {
            substitution_id: first.substitution_id,
            operator: "wang".to_owned(),
            remark: "另有安排".to_owned(),
        };
        stage.substitutions().cancel_substitution(request).await.unwrap();
        start(&stage, &days, Some(3)).await.unwrap();
        let told = ["SUBSTITUTE_ASSIGNED coach-003", "SUBSTITUTE_RELEASED coach-002"];
        assert_eq!(who(&minute(&stage, "2026-03-07T07:00").await), told);
    });
}

#[test]
fn who_was_asked_and_is_named_hears_of_the_lesson_only_and_other_days_are_looked_after_further() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(3, true).await;
        start(&stage, &["2026-03-12", "2026-03-19"], None).await.unwrap();
        minute(&stage, "2026-03-06T10:00").await;
        // One of two days is found: those who were asked are asked for the other.
        start(&stage, &["2026-03-19"], Some(3)).await.unwrap();
        assert_eq!(all(&stage).await, ["INVITING  12", "FORMED coach-003 19"]);
        assert_eq!(asked(&stage, 4).await[0].1, "SUBSTITUTE SENT");
        // And the other by somebody who was asked.
        stage.test(4, true).await;
        minute(&stage, "2026-03-06T10:01").await;
        start(&stage, &["2026-03-12"], Some(4)).await.unwrap();
        assert_eq!(all(&stage).await, ["CANCELLED  12", "FORMED coach-003 19", "FORMED coach-004 12"]);
        let told = minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(
            who(&told),
            ["COACH_REPLACED coach-001", "INVITATION_RECALLED coach-003", "SUBSTITUTE_ASSIGNED coach-004"]
        );
    });
}

#[test]
fn who_is_named_for_a_change_hears_it_at_once_and_takes_over_the_search() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        change(&stage, "2026-03-19", None).await.unwrap();
        stage.test(2, true).await;
        let refused = change(&stage, "2026-03-26", Some(2)).await.unwrap_err();
        assert_eq!(reason(&refused), "IN_USE", "what would become of the 19th?");
        change(&stage, "2026-03-19", Some(2)).await.unwrap();
        assert_eq!(changes(&stage).await, ["CANCELLED  2026-03-19", "COVERED  2026-03-19"]);
        let told = minute(&stage, "2026-03-06T10:00").await;
        assert_eq!(who(&told), ["ACCEPTED coach-002"]);
        assert!(told[0].1.contains("已确认由您接任：自3月19日"), "{told:?}");
        // Taken back, the coach hears that too.
        let request = pb::CancelCoachChangeRequest {
            coach_change_id: 2,
            operator: "wang".to_owned(),
            remark: "教练留下".to_owned(),
        };
        stage.substitutions().cancel_coach_change(request).await.unwrap();
        assert_eq!(who(&minute(&stage, "2026-03-06T10:01").await), ["NO_LONGER_NEEDED coach-002"]);
    });
}

#[test]
fn days_that_will_be_another_coachs_can_be_substituted() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        for number in [2, 3] {
            stage.test(number, true).await;
        }
        change(&stage, "2026-03-19", Some(2)).await.unwrap();
        // One day is found before the change, one is looked for when it takes effect.
        start(&stage, &["2026-03-26"], Some(3)).await.unwrap();
        start(&stage, &["2026-04-02"], None).await.unwrap();
        assert_eq!(changes(&stage).await, ["COVERED  2026-03-19"]);
        stage.set_clock("2026-03-19T03:00").await;
        stage.fire("clazz complete_coach_changes", None).await;
        assert_eq!(changes(&stage).await, ["FORMED coach-002 2026-03-19"]);
        assert_eq!(teaches(&stage, &[19, 26]).await, ["19 coach-002", "26 coach-003"]);
        let request = pb::ListSubstitutionsRequest::default();
        let found = stage.substitutions().list_substitutions(request).await.unwrap().into_inner();
        assert_eq!(found.substitutions[1].replaced_coach, "coach-002");
        minute(&stage, "2026-03-19T08:00").await;
        assert_eq!(all(&stage).await, ["FORMED coach-003 26", "INVITING  02"]);
    });
}

#[test]
fn who_is_named_minutes_before_a_lesson_also_has_those_after_it() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(2, true).await;
        stage.set_clock("2026-03-12T18:45").await;
        start(&stage, &["2026-03-12", "2026-03-19"], Some(2)).await.unwrap();
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-002", "19 coach-002"]);
        stage.ignore_messages("as by any substitution");
    });
}

#[test]
fn who_is_named_minutes_before_a_lesson_ends_the_question_to_stand_by() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        for number in [2, 3] {
            stage.test(number, true).await;
        }
        stage.set_clock("2026-03-12T18:55").await;
        let person = Some(pb::record_login_request::Person::Coach(coach(2)));
        stage.presence().record_login(pb::RecordLoginRequest { person }).await.unwrap();
        stage.fire("clazz check_on_time", None).await;
        stage.fire("sms send", None).await;
        assert_eq!(stage.told_of("STANDBY_REQUEST").await, ["coach-002"]);
        start(&stage, &["2026-03-12"], Some(3)).await.unwrap();
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-003"]);
        stage.fire("invite check", None).await;
        assert_eq!(asked(&stage, 2).await[0].1, "SUBSTITUTE CANCELLED");
        assert_eq!(stage.told_of("INVITATION_RECALLED").await, ["coach-002"]);
    });
}

#[test]
fn what_cannot_be_cancelled_is_named() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        change(&stage, "2026-03-19", None).await.unwrap();
        let request = pb::CancelSubstitutionRequest {
            substitution_id: 1,
            operator: "wang".to_owned(),
            remark: "不需要了".to_owned(),
        };
        let refused = stage.substitutions().cancel_substitution(request).await.unwrap_err();
        assert!(refused.message().contains("CancelCoachChange"), "{}", refused.message());
    });
}

#[test]
fn who_has_not_heard_of_lessons_does_not_hear_that_they_are_anothers() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(2, true).await;
        stage.test(3, true).await;
        stage.set_clock("2026-03-06T22:30").await;
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        start(&stage, &["2026-03-12"], Some(3)).await.unwrap();
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-003"]);
        let told = minute(&stage, "2026-03-07T07:00").await;
        assert_eq!(who(&told), ["COACH_REPLACED coach-001", "SUBSTITUTE_ASSIGNED coach-003"]);
        // And what is taken back before anybody has heard of it.
        stage.set_clock("2026-03-07T22:30").await;
        let made = start(&stage, &["2026-03-19"], Some(2)).await.unwrap();
        let request = pb::CancelSubstitutionRequest {
            substitution_id: made.substitution_id,
            operator: "wang".to_owned(),
            remark: "教练已痊愈".to_owned(),
        };
        stage.substitutions().cancel_substitution(request).await.unwrap();
        assert_eq!(teaches(&stage, &[19]).await, ["19 coach-001"]);
        assert_eq!(who(&minute(&stage, "2026-03-08T07:00").await), Vec::<&str>::new());
    });
}
