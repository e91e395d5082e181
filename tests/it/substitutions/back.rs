//! A holiday that is set and taken back: who taught in another's place does so again, and whoever
//! was looked for is looked for again.

use super::*;
use crate::season_edits::edit_season;
use crate::season_edits::mistakes::{minute, who};

pub async fn holiday(stage: &Stage, days: &[&str]) {
    let except_days = days.iter().map(|day| (*day).to_owned()).collect();
    let season = pb::Season { except_days, ..stage.academy.season.clone() };
    edit_season(stage, &season, false).await.unwrap();
}

pub async fn taken_back(stage: &Stage) {
    edit_season(stage, &stage.academy.season.clone(), false).await.unwrap();
}

fn none() -> Vec<&'static str> {
    Vec::new()
}

#[test]
fn a_substitute_has_the_lesson_again_and_hears_it_only_after_the_wrong_word() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(2, true).await;
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        let told = minute(&stage, "2026-03-06T10:00").await;
        assert_eq!(who(&told), ["COACH_REPLACED coach-001", "SUBSTITUTE_ASSIGNED coach-002"]);
        // Nobody has heard of it when it is taken back.
        holiday(&stage, &["2026-03-12"]).await;
        taken_back(&stage).await;
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-002", "19 coach-001"]);
        assert_eq!(who(&minute(&stage, "2026-03-06T10:01").await), none());
        // Who has heard it hears the rest.
        holiday(&stage, &["2026-03-12"]).await;
        assert_eq!(who(&minute(&stage, "2026-03-06T10:02").await), ["LESSON_CANCELLED coach-002"]);
        taken_back(&stage).await;
        assert_eq!(who(&minute(&stage, "2026-03-06T10:03").await), ["LESSON_ADDED coach-002"]);
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-002", "19 coach-001"]);
        assert_eq!(all(&stage).await, ["FORMED coach-002 12"]);
        // The time is the substitute's as before, and not that of the coach of the class.
        let used = async |number| {
            let (coach, season) = (coach(number), "spring".to_owned());
            let request = pb::ListAvailabilityRequest { coach, season, ..Default::default() };
            let found = stage.coaches().list_availability(request).await.unwrap().into_inner().availability;
            found.iter().any(|offer| offer.used_days.contains(&"2026-03-12".to_owned()))
        };
        assert_eq!((used(2).await, used(1).await), (true, false));
        let report = stage.fire("clazz free_available_time", None).await;
        assert_eq!((report.changed, report.failed), (0, 0), "{report:?}");
    });
}

#[test]
fn a_substitute_who_cannot_any_more_is_looked_for_again() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(2, true).await;
        start(&stage, &["2026-03-12", "2026-03-19"], Some(2)).await.unwrap();
        minute(&stage, "2026-03-06T10:00").await;
        holiday(&stage, &["2026-03-12"]).await;
        stage.set_status(2, pb::JobStatus::Retraining).await;
        assert_eq!(who(&minute(&stage, "2026-03-06T10:01").await), ["LESSON_CANCELLED coach-002"]);
        taken_back(&stage).await;
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-001", "19 coach-002"]);
        assert_eq!(all(&stage).await, ["FORMED coach-002 19", "PENDING  12"]);
        let told = minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(
            who(&told),
            ["INVITATION coach-003", "INVITATION coach-004", "LESSONS_RETURNED coach-001"],
            "the substitute has heard that it falls away"
        );
        // All of one that is lost: it is over.
        holiday(&stage, &["2026-03-19"]).await;
        taken_back(&stage).await;
        assert_eq!(all(&stage).await, ["CANCELLED  19", "INVITING  12", "PENDING  19"]);
        minute(&stage, "2026-03-06T10:03").await;
    });
}

#[test]
fn when_it_is_too_late_to_look_for_somebody_admins_are_told() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(2, true).await;
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        stage.set_clock("2026-03-12T18:40").await;
        holiday(&stage, &["2026-03-12"]).await;
        stage.set_status(2, pb::JobStatus::Retraining).await;
        stage.told().await;
        taken_back(&stage).await;
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-001"]);
        assert_eq!(all(&stage).await, ["CANCELLED  12"]);
        assert_eq!(stage.told_of("SUBSTITUTE_MISSING").await, ["wang SMS", "wang MAIL"]);
    });
}

#[test]
fn who_was_asked_or_said_yes_for_a_substitution_stands_as_before() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        start(&stage, &["2026-03-12"], None).await.unwrap();
        minute(&stage, "2026-03-06T10:00").await;
        assert_eq!(yes(&stage, 3).await, "ACCEPTED");
        let told = minute(&stage, "2026-03-06T10:01").await;
        assert_eq!(who(&told), ["ACCEPTED coach-003"]);
        assert!(told[0].1.contains("已收到您的代课确认"), "{told:?}");
        holiday(&stage, &["2026-03-12"]).await;
        let told = minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(
            who(&told),
            ["INVITATION_RECALLED coach-004", "LESSON_CANCELLED coach-001", "NO_LONGER_NEEDED coach-003"]
        );
        assert_eq!(all(&stage).await, ["CANCELLED  12"]);
        taken_back(&stage).await;
        assert_eq!(all(&stage).await, ["INVITING  12"]);
        let told = minute(&stage, "2026-03-06T10:03").await;
        assert_eq!(who(&told), ["ACCEPTED coach-003", "INVITATION coach-004", "LESSON_ADDED coach-001"]);
        stage.test(3, true).await;
        assert_eq!(all(&stage).await, ["FORMED coach-003 12"]);
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-003"]);
        minute(&stage, "2026-03-06T10:04").await;
    });
}

#[test]
fn a_day_that_a_search_had_given_up_belongs_to_it_again() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        start(&stage, &["2026-03-12", "2026-03-19"], None).await.unwrap();
        minute(&stage, "2026-03-06T10:00").await;
        holiday(&stage, &["2026-03-12"]).await;
        minute(&stage, "2026-03-06T10:01").await;
        taken_back(&stage).await;
        minute(&stage, "2026-03-06T10:02").await;
        stage.test(3, true).await;
        assert_eq!(yes(&stage, 3).await, "ASSIGNED");
        assert_eq!(teaches(&stage, &[12, 19, 26]).await, ["12 coach-003", "19 coach-003", "26 coach-001"]);
        // So do the days of a change.
        stage.set_clock("2026-03-13T10:00").await;
        change(&stage, "2026-03-26", None).await.unwrap();
        let from = async || {
            let request = pb::ListCoachChangesRequest::default();
            let found = stage.substitutions().list_coach_changes(request).await.unwrap().into_inner();
            found.coach_changes[0].from_day.clone()
        };
        holiday(&stage, &["2026-03-26"]).await;
        minute(&stage, "2026-03-13T10:01").await;
        assert_eq!(from().await, "2026-04-02");
        taken_back(&stage).await;
        minute(&stage, "2026-03-13T10:02").await;
        assert_eq!(from().await, "2026-03-26");
    });
}

#[test]
fn a_mistake_can_be_taken_back_though_the_coach_is_dismissed() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.set_status(1, pb::JobStatus::Dismissed).await;
        minute(&stage, "2026-03-06T10:00").await;
        holiday(&stage, &["2026-03-12", "2026-03-19"]).await;
        let told = minute(&stage, "2026-03-06T10:01").await;
        assert_eq!(who(&told), ["INVITATION_RECALLED coach-003", "INVITATION_RECALLED coach-004"]);
        taken_back(&stage).await;
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-001", "19 coach-001"]);
        let told = minute(&stage, "2026-03-06T10:02").await;
        assert_eq!(who(&told), ["INVITATION coach-003", "INVITATION coach-004"]);
        stage.test(3, true).await;
        assert_eq!(yes(&stage, 3).await, "ASSIGNED");
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-003", "19 coach-001"]);
        stage.told().await;
    });
}

#[test]
fn a_lesson_that_its_coach_took_back_comes_back_after_a_holiday_to_that_coach() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        for number in [1, 2] {
            stage.test(number, true).await;
        }
        start(&stage, &["2026-03-19"], Some(2)).await.unwrap();
        start(&stage, &["2026-03-19"], Some(1)).await.unwrap();
        assert_eq!(teaches(&stage, &[19]).await, ["19 coach-001"]);
        minute(&stage, "2026-03-06T10:00").await;
        holiday(&stage, &["2026-03-19"]).await;
        taken_back(&stage).await;
        assert_eq!(teaches(&stage, &[19]).await, ["19 coach-001"]);
        let open = all(&stage).await;
        assert!(!open.iter().any(|one| one.starts_with("PENDING")), "nobody is looked for: {open:?}");
        assert_eq!(who(&minute(&stage, "2026-03-06T10:01").await), Vec::<String>::new());
    });
}

#[test]
fn a_coach_who_was_dismissed_and_is_back_hears_what_has_changed_meanwhile() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(2, true).await;
        stage.set_status(1, pb::JobStatus::Dismissed).await;
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        holiday(&stage, &["2026-03-19"]).await;
        let told = minute(&stage, "2026-03-06T10:00").await;
        assert!(!who(&told).iter().any(|line| line.ends_with("coach-001")), "dismissed: {told:?}");
        stage.set_status(1, pb::JobStatus::Regular).await;
        let told = minute(&stage, "2026-03-06T10:01").await;
        let of_coach: Vec<&str> = who(&told).into_iter().filter(|line| line.ends_with("coach-001")).collect();
        assert_eq!(of_coach, ["COACH_REPLACED coach-001", "LESSON_CANCELLED coach-001"]);
    });
}
