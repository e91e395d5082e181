//! Substitutes for lessons, and changes of the coach of a class (docs/domain.md §6).

mod back;
mod counts;
mod days;
mod dismissed;
mod moved;
mod named;
mod refused;
mod taken_over;

use crate::grpc::reason;
use crate::staffing::stage::{MATH, SATURDAY, Stage, TH, evening};
use etutor::rpc::pb;
use etutor::testing::academy::{coach, student};
use etutor::testing::{Academy, TestApp, on_every_app_at};
use tonic::Status;
use tonic_types::StatusExt;

/// A class of three students with coach 1 on Thursdays at 19:00 from 2026-03-05; there are four
/// coaches. It is the Friday after, 10:00, and nobody has unread messages.
pub async fn formed(app: TestApp) -> Stage {
    formed_of(app, evening().classes(1, 4).coaches(4).students(3), 3).await
}

/// The same of another academy, with a class of its first students.
pub async fn formed_of(app: TestApp, academy: Academy, students: usize) -> Stage {
    let stage = Stage::set(app, academy).await;
    let season = Some(("2026-03-05", "2026-06-28"));
    stage.academy.reserve_all(&stage, "math", 1, students, season).await;
    stage.set_clock("2026-03-02T00:00").await;
    stage.fire("invite create", None).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    stage.minute("2026-03-05T15:00").await;
    stage.set_clock("2026-03-06T10:00").await;
    stage.told().await;
    stage
}

pub async fn start(stage: &Stage, days: &[&str], named: Option<usize>) -> Result<pb::Substitution, Status> {
    let request = pb::StartSubstitutionRequest {
        class_id: 1,
        days: days.iter().map(|day| (*day).to_owned()).collect(),
        coach: named.map(coach).unwrap_or_default(),
        operator: "wang".to_owned(),
        remark: "教练生病".to_owned(),
        request_id: String::new(),
    };
    let answer = stage.substitutions().start_substitution(request).await?;
    Ok(answer.into_inner().substitution.unwrap())
}

async fn change(stage: &Stage, from_day: &str, named: Option<usize>) -> Result<pb::CoachChange, Status> {
    let request = pb::StartCoachChangeRequest {
        class_id: 1,
        from_day: from_day.to_owned(),
        coach: named.map(coach).unwrap_or_default(),
        operator: "wang".to_owned(),
        remark: "教练离职".to_owned(),
        request_id: String::new(),
    };
    Ok(stage.substitutions().start_coach_change(request).await?.into_inner().coach_change.unwrap())
}

/// State and coach of the only substitution.
async fn substitution(stage: &Stage) -> String {
    let request = pb::ListSubstitutionsRequest::default();
    let found = stage.substitutions().list_substitutions(request).await.unwrap().into_inner().substitutions;
    assert_eq!(found.len(), 1);
    format!("{} {}", state(found[0].state()), found[0].coach)
}

/// All substitutions: state, coach and days.
async fn all(stage: &Stage) -> Vec<String> {
    let request = pb::ListSubstitutionsRequest::default();
    let found = stage.substitutions().list_substitutions(request).await.unwrap().into_inner().substitutions;
    let days = |one: &pb::Substitution| one.days.iter().map(|day| day[8..].to_owned()).collect::<Vec<_>>();
    found.iter().map(|one| format!("{} {} {}", state(one.state()), one.coach, days(one).join(","))).collect()
}

async fn changed(stage: &Stage) -> String {
    let request = pb::ListCoachChangesRequest::default();
    let found = stage.substitutions().list_coach_changes(request).await.unwrap().into_inner().coach_changes;
    assert_eq!(found.len(), 1);
    format!("{} {}", state(found[0].state()), found[0].coach)
}

fn state(state: pb::ClassTaskState) -> String {
    state.as_str_name().replace("CLASS_TASK_STATE_", "")
}

/// Who teaches on days of March: `12 coach-002`.
pub async fn teaches(stage: &Stage, days: &[u32]) -> Vec<String> {
    let lessons = stage.class(1).await.lessons;
    let on = |day: &u32| {
        let lesson = lessons.iter().find(|lesson| lesson.day == format!("2026-03-{day:02}")).unwrap();
        format!("{day} {}", lesson.coach)
    };
    days.iter().map(on).collect()
}

/// The invitations of a coach that are no class task's: (key, `SUBSTITUTE SENT`).
pub async fn asked(stage: &Stage, number: usize) -> Vec<(i64, String)> {
    let request = pb::ListInvitationsRequest { coach: coach(number), ..Default::default() };
    let found = stage.invitations().list_invitations(request).await.unwrap().into_inner().invitations;
    let other = found.into_iter().filter(|one| one.vacancy_id > 0);
    let shown = |one: pb::Invitation| {
        let kind = one.kind().as_str_name().replace("INVITATION_KIND_", "");
        (one.invitation_id, format!("{kind} {}", one.state().as_str_name().replace("INVITATION_STATE_", "")))
    };
    other.map(shown).collect()
}

/// A yes to the latest of them.
pub async fn yes(stage: &Stage, number: usize) -> String {
    let (invitation_id, _) = asked(stage, number).await[0];
    let request = pb::AcceptInvitationRequest { invitation_id, coach: coach(number) };
    match stage.invitations().accept_invitation(request).await {
        Ok(answer) => {
            let invitation = answer.into_inner().invitation.unwrap();
            invitation.state().as_str_name().replace("INVITATION_STATE_", "")
        }
        Err(status) => reason(&status),
    }
}

#[test]
fn a_substitute_is_asked_as_for_a_class_and_has_the_lesson_as_soon_as_ready() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        let made = start(&stage, &["2026-03-12"], None).await.unwrap();
        assert_eq!((made.replaced_coach.as_str(), made.class_template.as_str()), ("coach-001", "math"));
        assert_eq!(stage.local(&made.gate_time), "2026-03-11 17:00");
        assert_eq!(stage.local(&made.close_time), "2026-03-12 18:30");
        stage.minute("2026-03-06T10:00").await;
        let told = stage.told().await;
        // Coach 2 was asked last week: who was not comes first.
        assert_eq!(told, ["INVITATION coach-003", "INVITATION coach-004"], "a wave for one coach");
        assert_eq!(asked(&stage, 4).await[0].1, "SUBSTITUTE SENT");
        assert!(asked(&stage, 1).await.is_empty(), "never the coach who is replaced");
        // A yes without a test waits for it.
        assert_eq!(yes(&stage, 3).await, "ACCEPTED");
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-001"]);
        assert_eq!(yes(&stage, 4).await, "RESERVE");
        stage.test(3, true).await;
        assert_eq!(asked(&stage, 3).await[0].1, "SUBSTITUTE ASSIGNED");
        assert_eq!(substitution(&stage).await, "FORMED coach-003");
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-003", "19 coach-001"]);
        stage.minute("2026-03-06T10:01").await;
        let told = stage.told().await;
        for line in
            ["SUBSTITUTE_ASSIGNED coach-003", "COACH_REPLACED coach-001", "NO_LONGER_NEEDED coach-004"]
        {
            assert!(told.contains(&line.to_owned()), "{line}: {told:?}");
        }
        // Of that lesson the substitute is reminded.
        stage.set_clock("2026-03-12T15:00").await;
        stage.fire("clazz not_morning_notify", None).await;
        let reminded = stage.told_of("LESSON_REMINDER").await;
        assert!(reminded.contains(&"coach-003".to_owned()) && !reminded.contains(&"coach-001".to_owned()));
    });
}

#[test]
fn a_named_substitute_has_the_lesson_at_once_if_that_coach_may() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        let refused = async |named| reason(&start(&stage, &["2026-03-12"], Some(named)).await.unwrap_err());
        assert_eq!(refused(1).await, "OVERLAP_CLASS", "the coach of the class");
        assert_eq!(refused(2).await, "TEST_NOT_VALID");
        stage.test(2, true).await;
        let made = start(&stage, &["2026-03-12", "2026-03-19"], Some(2)).await.unwrap();
        assert_eq!((state(made.state()).as_str(), made.coach.as_str()), ("FORMED", "coach-002"));
        assert_eq!(teaches(&stage, &[12, 19, 26]).await, ["12 coach-002", "19 coach-002", "26 coach-001"]);
        assert_eq!(stage.told().await, ["COACH_REPLACED coach-001", "SUBSTITUTE_ASSIGNED coach-002"]);
        // Taken back before it was told: nobody hears of it.
        let request = pb::CancelSubstitutionRequest {
            substitution_id: made.substitution_id,
            operator: "wang".to_owned(),
            remark: "教练好了".to_owned(),
        };
        stage.substitutions().cancel_substitution(request.clone()).await.unwrap();
        assert_eq!(substitution(&stage).await, "CANCELLED ");
        assert_eq!(asked(&stage, 2).await[0].1, "SUBSTITUTE CANCELLED");
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-001", "19 coach-001"]);
        stage.substitutions().cancel_substitution(request).await.unwrap();
        assert_eq!(stage.told().await, Vec::<String>::new());
        // The time of both is as before: it can be done again.
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-002"]);
        stage.ignore_messages("the same again");
    });
}

#[test]
fn staff_may_name_somebody_until_the_lesson_begins() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(2, true).await;
        stage.set_clock("2026-03-12T18:59").await;
        assert_eq!(reason(&start(&stage, &["2026-03-12"], None).await.unwrap_err()), "TOO_LATE");
        let made = start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        assert_eq!((state(made.state()).as_str(), made.coach.as_str()), ("FORMED", "coach-002"));
        assert_eq!(teaches(&stage, &[12]).await, ["12 coach-002"]);
        assert_eq!(stage.told().await, ["COACH_REPLACED coach-001", "SUBSTITUTE_ASSIGNED coach-002"]);
        stage.set_clock("2026-03-19T19:00").await;
        assert_eq!(reason(&start(&stage, &["2026-03-19"], Some(2)).await.unwrap_err()), "TOO_LATE");
    });
}

#[test]
fn what_cannot_be_substituted_is_refused_with_the_days() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        let refused = async |days: &[&str]| reason(&start(&stage, days, None).await.unwrap_err());
        assert_eq!(refused(&["2026-03-13"]).await, "NOT_A_LESSON_DAY");
        assert_eq!(refused(&["2026-03-05"]).await, "TOO_LATE");
        stage.fire("clazz close_ended", None).await;
        assert_eq!(refused(&["2026-03-05"]).await, "TOO_LATE", "a lesson that is over");
        stage.set_clock("2026-03-12T18:30").await;
        assert_eq!(refused(&["2026-03-12"]).await, "TOO_LATE");
        start(&stage, &["2026-03-19"], None).await.unwrap();
        assert_eq!(refused(&["2026-03-19", "2026-03-26"]).await, "IN_USE");
        stage.set_clock("2026-03-12T19:01").await;
        let changed = async |day| reason(&change(&stage, day, None).await.unwrap_err());
        assert_eq!(changed("2026-03-19").await, "TOO_LATE");
        let refused = change(&stage, "2026-03-19", None).await.unwrap_err();
        let info = refused.get_details_error_info().unwrap();
        assert_eq!(info.metadata["first_possible_day"], "2026-03-26");
        assert_eq!(changed("2026-06-30").await, "NOT_A_LESSON_DAY");
    });
}

#[test]
fn when_nobody_is_found_admins_are_told_and_the_days_after_are_looked_after_further() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        start(&stage, &["2026-03-12", "2026-03-19"], None).await.unwrap();
        stage.minute("2026-03-06T10:00").await;
        for coach in [3, 4] {
            let (invitation_id, _) = asked(&stage, coach).await[0];
            let request =
                pb::DeclineInvitationRequest { invitation_id, coach: etutor::testing::academy::coach(coach) };
            stage.invitations().decline_invitation(request).await.unwrap();
        }
        stage.minute("2026-03-06T10:01").await;
        assert_eq!(stage.told_of("INVITATION").await, ["coach-003", "coach-004", "coach-002"]);
        stage.set_clock("2026-03-11T17:00").await;
        stage.fire("invite notify_class", None).await;
        assert_eq!(stage.told_of("TASK_SHORT").await, ["wang SMS", "wang MAIL"]);
        stage.minute("2026-03-12T18:30").await;
        assert_eq!(stage.told_of("SUBSTITUTE_MISSING").await, ["wang SMS", "wang MAIL"]);
        assert_eq!(substitution(&stage).await, "INVITING ");
        // Late is better than never: coach 2, who never answered, says yes for what is left.
        stage.test(2, true).await;
        assert_eq!(yes(&stage, 2).await, "ASSIGNED");
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-001", "19 coach-002"]);
        stage.ignore_messages("told as before");
    });
}

#[test]
fn a_class_that_closes_needs_no_substitute() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        start(&stage, &["2026-03-12"], None).await.unwrap();
        stage.minute("2026-03-06T10:00").await;
        for student in 1..=3 {
            stage.sign_off(student, "2026-03-12").await;
        }
        stage.told().await;
        stage.minute("2026-03-06T10:01").await;
        assert_eq!(substitution(&stage).await, "CANCELLED ");
        let told = stage.told().await;
        assert_eq!(told, ["INVITATION_RECALLED coach-003", "INVITATION_RECALLED coach-004"]);
    });
}

#[test]
fn a_coach_who_is_dismissed_is_replaced_soon_by_a_substitute_and_then_for_good() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.set_status(1, pb::JobStatus::Dismissed).await;
        let request = pb::ListSubstitutionsRequest::default();
        let found = stage.substitutions().list_substitutions(request).await.unwrap().into_inner();
        assert_eq!(found.substitutions[0].days, ["2026-03-12"]);
        let request = pb::ListCoachChangesRequest { coach: coach(1), ..Default::default() };
        let found = stage.substitutions().list_coach_changes(request).await.unwrap().into_inner();
        assert_eq!(found.coach_changes[0].from_day, "2026-03-19");
        stage.minute("2026-03-06T10:00").await;
        stage.test(3, true).await;
        assert_eq!(yes(&stage, 3).await, "ASSIGNED");
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-003", "19 coach-001"]);
        stage.set_status(1, pb::JobStatus::Dismissed).await;
        assert_eq!(substitution(&stage).await, "FORMED coach-003", "twice is once");
        stage.ignore_messages("told as by any substitution");
    });
}

#[test]
fn six_days_before_a_change_of_coach_admins_hear_that_nobody_is_found() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        change(&stage, "2026-03-19", None).await.unwrap();
        stage.minute("2026-03-11T10:00").await;
        stage.set_clock("2026-03-13T18:59").await;
        stage.fire("invite notify_class", None).await;
        assert_eq!(stage.told_of("TASK_SHORT").await, Vec::<String>::new());
        stage.set_clock("2026-03-13T19:00").await;
        stage.fire("invite notify_class", None).await;
        assert_eq!(stage.told_of("TASK_SHORT").await, ["wang SMS", "wang MAIL"]);
        stage.ignore_messages("who is asked is another story");
    });
}

#[test]
fn who_has_taught_the_class_is_asked_first() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(4, true).await;
        start(&stage, &["2026-03-12"], Some(4)).await.unwrap();
        stage.set_clock("2026-03-13T10:00").await;
        stage.fire("clazz close_ended", None).await;
        stage.told().await;
        start(&stage, &["2026-03-26"], None).await.unwrap();
        stage.minute("2026-03-13T10:01").await;
        assert_eq!(stage.told_of("INVITATION").await.first().map(String::as_str), Some("coach-004"));
        stage.ignore_messages("whom else it asks is another story");
    });
}

#[test]
fn who_heads_for_a_lesson_that_is_anothers_hears_it_though_the_class_closes_meanwhile() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        stage.test(2, true).await;
        let made = start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        stage.fire("sms send", None).await;
        stage.told().await;
        // At night the lesson goes back, and then the last student signs off.
        stage.set_clock("2026-03-09T22:30").await;
        let request = pb::CancelSubstitutionRequest {
            substitution_id: made.substitution_id,
            operator: "wang".to_owned(),
            remark: "教练好了".to_owned(),
        };
        stage.substitutions().cancel_substitution(request).await.unwrap();
        stage.fire("sms send", None).await;
        for student in 1..=3 {
            stage.sign_off(student, "2026-03-12").await;
        }
        stage.set_clock("2026-03-10T07:00").await;
        stage.fire("sms send", None).await;
        let told = stage.told().await;
        assert!(told.contains(&"CLASS_CLOSED coach-001".to_owned()), "{told:?}");
        let released = "SUBSTITUTE_RELEASED coach-002".to_owned();
        assert!(told.contains(&released), "it is not coach 2's, whatever becomes of it: {told:?}");
    });
}

#[test]
fn who_was_dismissed_and_comes_back_hears_of_the_same_lesson_again() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        for number in [2, 3] {
            stage.test(number, true).await;
        }
        start(&stage, &["2026-03-19"], Some(2)).await.unwrap();
        stage.fire("sms send", None).await;
        stage.told().await;
        stage.set_status(2, pb::JobStatus::Dismissed).await;
        start(&stage, &["2026-03-19"], Some(3)).await.unwrap();
        stage.fire("sms send", None).await;
        let told = stage.told().await;
        assert!(!told.iter().any(|line| line.contains("coach-002")), "dismissed: {told:?}");
        stage.set_status(2, pb::JobStatus::Regular).await;
        stage.fire("sms send", None).await;
        let told = stage.told().await;
        assert!(told.contains(&"SUBSTITUTE_RELEASED coach-002".to_owned()), "back on duty: {told:?}");
        stage.test(2, true).await;
        start(&stage, &["2026-03-19"], Some(2)).await.unwrap();
        stage.fire("sms send", None).await;
        let told = stage.told().await;
        assert!(told.contains(&"SUBSTITUTE_ASSIGNED coach-002".to_owned()), "{told:?}");
    });
}

#[test]
fn a_class_goes_to_another_coach_at_three_in_the_morning_of_its_day() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        let made = change(&stage, "2026-03-18", None).await.unwrap();
        assert_eq!((made.from_day.as_str(), made.waits), ("2026-03-19", true));
        assert_eq!(stage.local(&made.effect_time), "2026-03-19 03:00");
        assert_eq!(stage.local(&made.gate_time), "2026-03-13 19:00");
        stage.minute("2026-03-11T10:00").await;
        assert!(asked(&stage, 3).await.is_empty(), "more than eight days before");
        stage.set_clock("2026-03-12T01:00").await;
        stage.told().await;
        assert_eq!(stage.fire("clazz auto_change_coach", None).await.changed, 1);
        stage.minute("2026-03-12T08:00").await;
        assert_eq!(asked(&stage, 3).await[0].1, "CHANGE SENT");
        stage.test(3, true).await;
        assert_eq!(yes(&stage, 3).await, "READY");
        assert_eq!(changed(&stage).await, "COVERED ");
        assert_eq!(teaches(&stage, &[12, 19]).await, ["12 coach-001", "19 coach-001"]);
        stage.set_clock("2026-03-19T02:59").await;
        assert_eq!(stage.fire("clazz complete_coach_changes", None).await.changed, 0);
        stage.told().await;
        stage.set_clock("2026-03-19T03:00").await;
        assert_eq!(stage.fire("clazz complete_coach_changes", None).await.changed, 1);
        assert_eq!(changed(&stage).await, "FORMED coach-003");
        assert_eq!(teaches(&stage, &[12, 19, 26]).await, ["12 coach-001", "19 coach-003", "26 coach-003"]);
        assert_eq!(stage.class(1).await.class.unwrap().coach, "coach-003");
        assert_eq!(stage.told().await, ["COACH_REPLACED coach-001", "SUBSTITUTE_ASSIGNED coach-003"]);
        let fired = stage.fire("clazz complete_coach_changes", None).await;
        assert_eq!((fired.changed, fired.messages), (0, 0), "twice is once");
    });
}

/// A student asks for leave from the lesson of 12 March, or takes it back.
async fn leave(stage: &Stage, number: usize, back: bool) {
    let request = pb::ListReservationsRequest { student: student(number), ..Default::default() };
    let found = stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
    let (reservation_id, day) = (found[0].reservation_id, "2026-03-12".to_owned());
    if back {
        stage.enrollment().cancel_leave(pb::CancelLeaveRequest { reservation_id, day }).await.unwrap();
    } else {
        stage.enrollment().request_leave(pb::RequestLeaveRequest { reservation_id, day }).await.unwrap();
    }
}

#[test]
fn that_nobody_comes_is_known_to_whoever_has_the_lesson() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        for number in 1..=3 {
            leave(&stage, number, false).await;
        }
        stage.fire("sms send", None).await;
        let told = stage.told().await;
        assert_eq!(told, ["LESSON_EMPTY coach-001", "LESSON_EMPTY wang SMS", "LESSON_EMPTY wang MAIL"]);
        // The substitute hears it with the lesson.
        stage.test(2, true).await;
        let made = start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        stage.fire("sms send", None).await;
        assert_eq!(stage.told().await, ["COACH_REPLACED coach-001", "SUBSTITUTE_ASSIGNED coach-002"]);
        let rows = stage.outbox().list_messages(pb::ListMessagesRequest::default()).await.unwrap();
        let rows = rows.into_inner().messages;
        assert!(rows.iter().any(|row| row.body.contains("班（目前没有学员），共1次课")), "{rows:?}");
        // That somebody comes is not the other's business any more, nor that nobody does.
        leave(&stage, 1, true).await;
        stage.fire("sms send", None).await;
        let told = stage.told().await;
        assert_eq!(
            told,
            ["LESSON_ATTENDED coach-002", "LESSON_ATTENDED wang SMS", "LESSON_ATTENDED wang MAIL"]
        );
        // The lesson goes back, and its coach, who heard of nobody, hears of somebody.
        let request = pb::CancelSubstitutionRequest {
            substitution_id: made.substitution_id,
            operator: "wang".to_owned(),
            remark: "教练好了".to_owned(),
        };
        stage.substitutions().cancel_substitution(request).await.unwrap();
        stage.fire("sms send", None).await;
        assert_eq!(stage.told().await, ["LESSONS_RETURNED coach-001", "SUBSTITUTE_RELEASED coach-002"]);
    });
}
