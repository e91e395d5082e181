//! Lessons of a substitute that another takes over, and a class whose lessons are all substitutes'.

use super::*;
use crate::season_edits::mistakes::{minute, who};
use crate::staffing::blocks::{From, set};

async fn cancel(stage: &Stage, substitution_id: i64) -> Result<(), Status> {
    let request = pb::CancelSubstitutionRequest {
        substitution_id,
        operator: "wang".to_owned(),
        remark: "教练已痊愈".to_owned(),
    };
    stage.substitutions().cancel_substitution(request).await.map(drop)
}

/// The class with coaches 2 and 3 who may teach it at once.
async fn with_two_more(app: TestApp) -> Stage {
    let stage = formed(app).await;
    for number in [2, 3] {
        stage.test(number, true).await;
    }
    minute(&stage, "2026-03-06T10:00").await;
    stage
}

/// All coach changes: state and coach.
async fn changes(stage: &Stage) -> Vec<String> {
    let request = pb::ListCoachChangesRequest::default();
    let found = stage.substitutions().list_coach_changes(request).await.unwrap().into_inner().coach_changes;
    let line = |one: &pb::CoachChange| format!("{} {}{}", state(one.state()), one.coach, one.ready_coach);
    found.iter().map(line).collect()
}

#[test]
fn a_substitution_has_the_days_that_no_other_took_over_and_ends_when_none_is_left() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_two_more(app).await;
        start(&stage, &["2026-03-12", "2026-03-19"], Some(2)).await.unwrap();
        minute(&stage, "2026-03-06T10:01").await;
        start(&stage, &["2026-03-12"], Some(3)).await.unwrap();
        assert_eq!(all(&stage).await, ["FORMED coach-002 19", "FORMED coach-003 12"]);
        let request = pb::ListSubstitutionsRequest::default();
        let found = stage.substitutions().list_substitutions(request).await.unwrap().into_inner();
        assert_eq!(stage.local(&found.substitutions[0].start_time), "2026-03-19 19:00");
        start(&stage, &["2026-03-19"], Some(3)).await.unwrap();
        assert_eq!(all(&stage).await, ["CANCELLED  19", "FORMED coach-003 12", "FORMED coach-003 19"]);
        assert_eq!(asked(&stage, 2).await[0].1, "SUBSTITUTE CANCELLED");
        let request = pb::ListSubstitutionsRequest::default();
        let found = stage.substitutions().list_substitutions(request).await.unwrap().into_inner();
        let ended = &found.substitutions[0];
        let by = (ended.end_operator.as_str(), ended.end_remark.as_str());
        assert_eq!(by, ("wang", "its lessons are those of substitution 3"));
        // Of each day both are told; the coach of the class, whose lessons they are not, nothing.
        let mut told = minute(&stage, "2026-03-06T10:02").await;
        told.dedup_by(|one, other| one.0 == other.0);
        assert_eq!(who(&told), ["SUBSTITUTE_ASSIGNED coach-003", "SUBSTITUTE_RELEASED coach-002"]);
        cancel(&stage, 1).await.unwrap();
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-003", "19 coach-003"]);
    });
}

#[test]
fn who_is_asked_and_says_yes_ends_the_substitution_before() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_two_more(app).await;
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        minute(&stage, "2026-03-06T10:01").await;
        start(&stage, &["2026-03-12"], None).await.unwrap();
        minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(yes(&stage, 3).await, "ASSIGNED");
        assert_eq!(all(&stage).await, ["CANCELLED  12", "FORMED coach-003 12"]);
        let request = pb::ListSubstitutionsRequest::default();
        let found = stage.substitutions().list_substitutions(request).await.unwrap().into_inner();
        assert_eq!(found.substitutions[0].end_operator, "", "nobody of the staff");
        let told = minute(&stage, "2026-03-06T10:03").await;
        assert!(who(&told).contains(&"SUBSTITUTE_RELEASED coach-002"), "{told:?}");
    });
}

#[test]
fn what_the_last_of_two_substitutes_had_goes_to_the_coach_of_the_class() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_two_more(app).await;
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        minute(&stage, "2026-03-06T10:01").await;
        start(&stage, &["2026-03-12"], Some(3)).await.unwrap();
        minute(&stage, "2026-03-06T10:02").await;
        // Not while that coach cannot teach.
        stage.set_status(1, pb::JobStatus::Retraining).await;
        let refused = cancel(&stage, 2).await.unwrap_err();
        assert_eq!(reason(&refused), "NOT_ON_DUTY");
        assert!(refused.message().contains("the coach of the class"), "{}", refused.message());
        assert!(refused.message().contains("StartSubstitution"), "{}", refused.message());
        stage.set_status(1, pb::JobStatus::Regular).await;
        cancel(&stage, 2).await.unwrap();
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-001"]);
        assert_eq!(all(&stage).await, ["CANCELLED  12", "CANCELLED  12"]);
        let told = minute(&stage, "2026-03-06T10:03").await;
        assert_eq!(who(&told), ["LESSONS_RETURNED coach-001", "SUBSTITUTE_RELEASED coach-003"]);
        // The time of all three is as before.
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        start(&stage, &["2026-03-12"], Some(3)).await.unwrap();
        start(&stage, &["2026-03-12"], Some(1)).await.unwrap();
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-001"]);
        let refused = cancel(&stage, 5).await.unwrap_err();
        assert_eq!(reason(&refused), "IN_USE", "they are the coach's of the class");
        assert_eq!(who(&minute(&stage, "2026-03-06T10:04").await), Vec::<&str>::new());
    });
}

/// The lessons after the first are all coach 2's.
async fn all_substituted(app: TestApp) -> Stage {
    let stage = with_two_more(app).await;
    let lessons = stage.class(1).await.lessons;
    let ahead: Vec<&str> = lessons.iter().skip(1).map(|lesson| lesson.day.as_str()).collect();
    start(&stage, &ahead, Some(2)).await.unwrap();
    minute(&stage, "2026-03-06T10:01").await;
    stage
}

#[test]
fn a_class_all_of_whose_lessons_substitutes_teach_can_be_given_to_another() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = all_substituted(app).await;
        let refused = change(&stage, "2026-03-19", None).await.unwrap_err();
        assert_eq!(reason(&refused), "IN_USE", "for what would anybody be asked?");
        let info = refused.get_details_error_info().unwrap();
        assert!(info.metadata["days"].starts_with("2026-03-19,2026-03-26,"), "{info:?}");
        assert!(refused.message().contains("CancelSubstitution"), "{}", refused.message());
        assert_eq!(reason(&change(&stage, "2026-03-19", Some(1)).await.unwrap_err()), "OVERLAP_CLASS");
        // One is named, and then another.
        change(&stage, "2026-03-19", Some(2)).await.unwrap();
        change(&stage, "2026-03-19", Some(3)).await.unwrap();
        assert_eq!(changes(&stage).await, ["CANCELLED ", "COVERED coach-003"]);
        assert_eq!(reason(&change(&stage, "2026-03-12", None).await.unwrap_err()), "TOO_LATE");
        let told = minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(who(&told), ["ACCEPTED coach-003"], "coach 2 has not heard of it");
        stage.set_clock("2026-03-19T02:59").await;
        stage.fire("clazz complete_coach_changes", None).await;
        assert_eq!(stage.class(1).await.class.unwrap().coach, "coach-001");
        stage.set_clock("2026-03-19T03:00").await;
        assert_eq!(stage.fire("clazz complete_coach_changes", None).await.changed, 1);
        assert_eq!(changes(&stage).await, ["CANCELLED ", "FORMED coach-003"]);
        assert_eq!(stage.class(1).await.class.unwrap().coach, "coach-003");
        assert_eq!(teaches(&stage, &[19, 26]).await, ["19 coach-002", "26 coach-002"]);
        let told = minute(&stage, "2026-03-19T08:00").await;
        assert_eq!(who(&told), ["COACH_REPLACED coach-001", "COACH_REPLACED coach-003"]);
        // What the substitute gives back is the new coach's.
        cancel(&stage, 1).await.unwrap();
        assert_eq!(teaches(&stage, &[12, 19, 26]).await, ["12 coach-002", "19 coach-003", "26 coach-003"]);
        let told = minute(&stage, "2026-03-19T08:01").await;
        assert_eq!(who(&told), ["LESSONS_RETURNED coach-003", "SUBSTITUTE_RELEASED coach-002"]);
    });
}

#[test]
fn a_substitute_who_has_all_lessons_gets_the_class() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = all_substituted(app).await;
        change(&stage, "2026-03-19", Some(2)).await.unwrap();
        minute(&stage, "2026-03-06T10:02").await;
        stage.set_clock("2026-03-19T03:00").await;
        stage.fire("clazz complete_coach_changes", None).await;
        assert_eq!(stage.class(1).await.class.unwrap().coach, "coach-002");
        let told = minute(&stage, "2026-03-19T08:00").await;
        assert_eq!(who(&told), ["COACH_REPLACED coach-001", "SUBSTITUTE_ASSIGNED coach-002"]);
        assert_eq!(reason(&cancel(&stage, 1).await.unwrap_err()), "IN_USE", "the class is coach 2's by now");
        assert_eq!(teaches(&stage, &[19]).await, ["19 coach-002"]);
    });
}

#[test]
fn who_was_to_have_such_a_class_and_cannot_ends_the_change() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = all_substituted(app).await;
        change(&stage, "2026-03-19", Some(3)).await.unwrap();
        minute(&stage, "2026-03-06T10:02").await;
        stage.set_status(3, pb::JobStatus::Retraining).await;
        stage.minute("2026-03-06T10:03").await;
        let told = stage.told().await;
        let missing = ["SUBSTITUTE_MISSING wang SMS", "SUBSTITUTE_MISSING wang MAIL"];
        let let_go = "NO_LONGER_NEEDED coach-003";
        assert_eq!(told.iter().filter(|line| missing.contains(&line.as_str())).count(), 2, "{told:?}");
        assert!(told.contains(&let_go.to_owned()), "{told:?}");
        assert_eq!(told.len(), 3, "and nobody is asked for no lesson: {told:?}");
        assert_eq!(changes(&stage).await, ["CANCELLED "]);
        change(&stage, "2026-03-19", Some(2)).await.unwrap();
        assert_eq!(changes(&stage).await, ["CANCELLED ", "COVERED coach-002"]);
        minute(&stage, "2026-03-06T10:04").await;
    });
}

#[test]
fn a_change_for_which_somebody_is_named_goes_on_when_substitutes_come_to_teach_all_lessons() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_two_more(app).await;
        change(&stage, "2026-03-19", Some(3)).await.unwrap();
        let lessons = stage.class(1).await.lessons;
        let ahead: Vec<&str> = lessons.iter().skip(1).map(|lesson| lesson.day.as_str()).collect();
        start(&stage, &ahead, Some(2)).await.unwrap();
        minute(&stage, "2026-03-06T10:01").await;
        assert_eq!(changes(&stage).await, ["COVERED coach-003"]);
        stage.set_clock("2026-03-19T03:00").await;
        stage.fire("clazz complete_coach_changes", None).await;
        assert_eq!(stage.class(1).await.class.unwrap().coach, "coach-003");
        assert_eq!(teaches(&stage, &[19]).await, ["19 coach-002"]);
        stage.ignore_messages("told as by any change");
    });
}

#[test]
fn who_is_ready_for_such_a_class_is_not_told_of_no_lessons_and_is_not_passed_over() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_two_more(app).await;
        change(&stage, "2026-03-19", None).await.unwrap();
        stage.set_clock("2026-03-12T01:00").await;
        stage.fire("clazz auto_change_coach", None).await;
        minute(&stage, "2026-03-12T08:00").await;
        assert_eq!(yes(&stage, 3).await, "READY");
        minute(&stage, "2026-03-12T08:01").await;
        let lessons = stage.class(1).await.lessons;
        let ahead: Vec<&str> = lessons.iter().skip(2).map(|lesson| lesson.day.as_str()).collect();
        start(&stage, &ahead, Some(2)).await.unwrap();
        // Who is asked could only be refused.
        let told = minute(&stage, "2026-03-12T08:02").await;
        assert_eq!(
            who(&told),
            ["COACH_REPLACED coach-001", "INVITATION_RECALLED coach-004", "SUBSTITUTE_ASSIGNED coach-002"]
        );
        assert_eq!(changes(&stage).await, ["COVERED coach-003"]);
        // Another, from a later day on, would take the class from who was told of it.
        let refused = change(&stage, "2026-03-26", Some(2)).await.unwrap_err();
        assert_eq!(reason(&refused), "IN_USE");
        assert_eq!(changes(&stage).await, ["COVERED coach-003"]);
        // And the coach who leaves is dismissed all the same.
        stage.set_status(1, pb::JobStatus::Dismissed).await;
        assert_eq!(changes(&stage).await, ["COVERED coach-003"]);
        stage.ignore_messages("told as of any dismissal");
    });
}

#[test]
fn who_is_named_for_a_class_hears_when_it_begins_on_another_day() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_two_more(app).await;
        change(&stage, "2026-03-19", Some(3)).await.unwrap();
        minute(&stage, "2026-03-06T10:01").await;
        start(&stage, &["2026-03-19"], Some(2)).await.unwrap();
        let told = minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(
            who(&told),
            ["COACH_REPLACED coach-001", "INVITATION_CHANGED coach-003", "SUBSTITUTE_ASSIGNED coach-002"]
        );
        let from =
            "您答应接任的初一学科1班，上课日期有变，现为自3月26日（周四）19:00-20:30起，共14次课至6月25日。";
        assert!(told[1].1.contains(from), "{told:?}");
    });
}

#[test]
fn who_said_yes_and_heard_no_more_hears_that_it_is_over() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_two_more(app).await;
        start(&stage, &["2026-03-12"], None).await.unwrap();
        minute(&stage, "2026-03-06T20:30").await;
        stage.set_clock("2026-03-06T22:30").await;
        assert_eq!(yes(&stage, 3).await, "ASSIGNED");
        assert_eq!(who(&minute(&stage, "2026-03-06T22:31").await), ["ACCEPTED coach-003"]);
        cancel(&stage, 1).await.unwrap();
        let told = minute(&stage, "2026-03-07T07:00").await;
        assert!(who(&told).contains(&"NO_LONGER_NEEDED coach-003"), "{told:?}");
        assert!(!who(&told).contains(&"COACH_REPLACED coach-001"), "{told:?}");
    });
}

#[test]
fn a_coach_is_shown_the_days_that_are_wanted() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_two_more(app).await;
        start(&stage, &["2026-03-12", "2026-03-19", "2026-04-02"], None).await.unwrap();
        minute(&stage, "2026-03-06T10:00").await;
        start(&stage, &["2026-03-19"], Some(2)).await.unwrap();
        let (invitation_id, _) = asked(&stage, 4).await[0];
        let request = pb::GetInvitationRequest { invitation_id, coach: coach(4) };
        let found = stage.invitations().get_invitation(request).await.unwrap().into_inner();
        let days: Vec<&str> = found.lesson_days.iter().map(|one| one.day.as_str()).collect();
        assert_eq!(days, ["2026-03-12", "2026-04-02"]);
        stage.ignore_messages("of the search");
    });
}

#[test]
fn a_class_without_students_ends_its_substitutions() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_two_more(app).await;
        start(&stage, &["2026-03-12", "2026-03-26"], Some(2)).await.unwrap();
        minute(&stage, "2026-03-06T10:01").await;
        for number in 1..=3 {
            stage.sign_off(number, "2026-03-19").await;
        }
        assert_eq!(all(&stage).await, ["FORMED coach-002 12"], "what is left of it");
        for number in 1..=3 {
            stage.sign_off(number, "2026-03-12").await;
        }
        assert_eq!(all(&stage).await, ["CANCELLED  12"]);
        stage.ignore_messages("CLASS_CLOSED");
    });
}

#[test]
fn who_is_kept_from_a_student_does_not_get_the_class_though_substitutes_teach_it() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = all_substituted(app).await;
        set(&stage, 3, From::Student(1)).await;
        let refused = change(&stage, "2026-03-19", Some(3)).await.unwrap_err();
        assert_eq!(reason(&refused), "BLOCKED");
        assert_eq!(changes(&stage).await, Vec::<String>::new());
    });
}
