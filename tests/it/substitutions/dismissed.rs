//! A coach who was dismissed, and has lessons for which nobody was found.

use super::*;
use crate::season_edits::mistakes::{minute, who};

#[test]
fn who_was_dismissed_is_neither_reminded_nor_waited_for() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.set_status(1, pb::JobStatus::Dismissed).await;
        stage.test(2, true).await;
        stage.set_clock("2026-03-12T15:00").await;
        stage.fire("clazz not_morning_notify", None).await;
        let reminded = stage.told_of("LESSON_REMINDER").await;
        assert_eq!(reminded, ["student-001", "student-002", "student-003"]);
        stage.set_clock("2026-03-12T18:30").await;
        stage.told().await;
        let login = async |number| {
            let person = Some(pb::record_login_request::Person::Coach(coach(number)));
            stage.presence().record_login(pb::RecordLoginRequest { person }).await.unwrap();
        };
        login(1).await;
        stage.set_clock("2026-03-12T18:50").await;
        stage.fire("clazz check_on_time", None).await;
        assert_eq!(stage.told().await, ["COACH_NOT_ONLINE wang SMS", "COACH_NOT_ONLINE wang MAIL"]);
        stage.set_clock("2026-03-12T18:55").await;
        login(2).await;
        login(1).await;
        stage.fire("clazz check_on_time", None).await;
        assert_eq!(stage.told().await, ["STANDBY_REQUEST coach-002"]);
        assert_eq!(yes(&stage, 2).await, "READY");
        stage.set_clock("2026-03-12T18:59").await;
        login(2).await;
        stage.told().await;
        stage.set_clock("2026-03-12T19:00").await;
        stage.fire("clazz check_on_time", None).await;
        let told = stage.told().await;
        assert!(!told.iter().any(|line| line.ends_with("coach-001")), "{told:?}");
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-002"]);
    });
}

#[test]
fn when_nobody_takes_a_class_over_a_substitute_is_looked_for_on_its_day() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        change(&stage, "2026-03-19", None).await.unwrap();
        stage.minute("2026-03-19T03:00").await;
        stage.fire("clazz complete_coach_changes", None).await;
        let told = stage.told().await;
        assert!(told.contains(&"SUBSTITUTE_MISSING wang SMS".to_owned()), "{told:?}");
        assert_eq!(changed(&stage).await, "INVITING ");
        assert_eq!(substitution(&stage).await, "PENDING ");
        let told = minute(&stage, "2026-03-19T08:00").await;
        assert_eq!(who(&told), ["INVITATION coach-003", "INVITATION coach-004"]);
        stage.told().await;
        stage.test(3, true).await;
        let (invitation_id, _) =
            asked(&stage, 3).await.into_iter().find(|(_, what)| what.starts_with("SUBSTITUTE")).unwrap();
        let request = pb::AcceptInvitationRequest { invitation_id, coach: coach(3) };
        stage.invitations().accept_invitation(request).await.unwrap();
        assert_eq!(teaches(&stage, &[19, 26]).await, ["19 coach-003", "26 coach-001"]);
        stage.ignore_messages("told as by any substitution");
    });
}

#[test]
fn who_was_dismissed_is_not_told_that_the_lessons_are_anothers_or_that_the_class_is_closed() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.set_status(1, pb::JobStatus::Dismissed).await;
        stage.test(2, true).await;
        minute(&stage, "2026-03-06T10:01").await;
        // Named for the lesson for which a substitute is looked for since.
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        let sent = minute(&stage, "2026-03-06T10:02").await;
        let told = who(&sent);
        assert!(told.contains(&"SUBSTITUTE_ASSIGNED coach-002"), "{told:?}");
        assert!(!told.iter().any(|line| line.ends_with("coach-001")), "{told:?}");
        for number in 1..=3 {
            stage.sign_off(number, "2026-03-12").await;
        }
        let sent = minute(&stage, "2026-03-06T10:03").await;
        let told = who(&sent);
        assert!(told.contains(&"CLASS_CLOSED coach-002"), "{told:?}");
        assert!(!told.iter().any(|line| line.ends_with("coach-001")), "{told:?}");
    });
}
