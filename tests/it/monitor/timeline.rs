//! The timeline of a person: what they were sent, answered, and what was decided about them, from
//! wherever it is stored, in order of time.

use super::{formed, leave, on_every_class, present};
use crate::staffing::stage::{SATURDAY, Stage};
use crate::substitutions;
use etutor::rpc::pb;
use etutor::testing::academy::{Academy, coach, student};
use etutor::testing::{TestApp, on_every_app, on_every_app_at};
use tonic::{Code, Status};

async fn list(stage: &TestApp, request: pb::ListTimelineRequest) -> Result<pb::ListTimelineResponse, Status> {
    stage.monitor().list_timeline(request).await.map(|answer| answer.into_inner())
}

fn of(person: &str) -> pb::ListTimelineRequest {
    pb::ListTimelineRequest { person: person.to_owned(), page_size: 1000, ..Default::default() }
}

/// `03-05 17:00 ANSWERED YES ASSIGNED` with, where they are stored, the text in brackets, who did
/// it behind `by`, and why.
fn shown(stage: &Stage, event: &pb::TimelineEvent) -> String {
    let kind = event.kind().as_str_name().replace("TIMELINE_KIND_", "");
    let mut line = format!("{} {kind}", &stage.local(&event.time)[5..16]);
    for word in [&event.what, &event.state].into_iter().filter(|word| !word.is_empty()) {
        line.push_str(&format!(" {word}"));
    }
    if !event.text.is_empty() && event.kind() != pb::TimelineKind::Message {
        line.push_str(&format!(" ({})", event.text));
    }
    if event.actor_kind() != pb::ActorKind::Unspecified {
        let kind = event.actor_kind().as_str_name().replace("ACTOR_KIND_", "").to_lowercase();
        line.push_str(&format!(" by {kind} {}", event.actor));
    }
    for why in [&event.reason, &event.remark].into_iter().filter(|why| !why.is_empty()) {
        line.push_str(&format!(": {why}"));
    }
    line
}

async fn lines(stage: &Stage, person: &str) -> Vec<String> {
    let found = list(stage, of(person)).await.unwrap();
    assert_eq!(found.next_page_token, "");
    found.events.iter().map(|event| shown(stage, event)).collect()
}

#[test]
fn a_student_who_holds_signs_up_takes_leave_and_comes() {
    on_every_class(async |stage, _| {
        leave(&stage, 3).await;
        let hold = pb::HoldPlacesRequest {
            student: student(4),
            class_template: "math".to_owned(),
            start_day: "2026-03-19".to_owned(),
            end_day: "2026-04-09".to_owned(),
            request_id: String::new(),
        };
        let held = stage.enrollment().hold_places(hold).await.unwrap().into_inner().reservation.unwrap();
        stage.set_clock("2026-03-05T15:10").await;
        let reservation_id = held.reservation_id;
        let confirm = pb::ConfirmHoldRequest { reservation_id };
        stage.enrollment().confirm_hold(confirm).await.unwrap();
        present(&stage, &student(1), "19:03", "20:10").await;
        stage.set_clock("2026-03-06").await;
        stage.fire("clazz close_ended", None).await;
        stage.ignore_messages("this story is about timelines");
        assert_eq!(
            lines(&stage, &student(4)).await,
            [
                "03-05 15:00 PLACES HOLD (+1) by student student-004",
                "03-05 15:10 SIGNED_UP PLACED",
                "03-19 19:00 CLASS_JOINED",
                "04-09 20:30 CLASS_LEFT",
            ]
        );
        assert_eq!(
            lines(&stage, &student(3)).await,
            [
                "02-28 12:00 PLACES SIGN_UP (+1) by student student-003",
                "03-05 15:00 PLACES LEAVE (-1) by student student-003",
                "03-05 19:00 CLASS_JOINED",
                "03-05 20:30 ATTENDANCE ON_LEAVE DONE",
                "06-25 20:30 CLASS_LEFT",
            ]
        );
        assert_eq!(
            lines(&stage, &student(1)).await,
            [
                "02-28 12:00 PLACES SIGN_UP (+1) by student student-001",
                "03-05 19:00 CLASS_JOINED",
                "03-05 19:03 PRESENT STALE",
                "03-05 20:30 ATTENDANCE CAME DONE (3 min late, left 20 min early)",
                "06-25 20:30 CLASS_LEFT",
            ]
        );
    });
}

#[test]
fn a_coach_who_does_not_come_and_the_standby_who_does() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = substitutions::formed(app).await;
        stage.ignore_messages("this story is about timelines");
        stage.set_clock("2026-03-12T18:30").await;
        stage.test(4, false).await;
        stage.test(3, true).await;
        for at in ["18:50", "18:55", "19:00"] {
            stage.set_clock(&format!("2026-03-12T{at}")).await;
            let login =
                pb::RecordLoginRequest { person: Some(pb::record_login_request::Person::Coach(coach(3))) };
            stage.presence().record_login(login).await.unwrap();
            stage.fire("clazz check_on_time", None).await;
            stage.fire("sms send", None).await;
            if at == "18:55" {
                assert_eq!(substitutions::yes(&stage, 3).await, "READY");
            }
        }
        stage.set_clock("2026-03-13").await;
        stage.fire("clazz close_ended", None).await;
        assert_eq!(
            lines(&stage, &coach(1)).await,
            [
                "03-02 08:00 INVITED AUTO ASSIGNED",
                "03-02 08:00 INVITATION_SENT ASSIGNED",
                "03-02 08:00 ANSWERED YES ASSIGNED by coach coach-001",
                "03-02 08:00 SOFTWARE_TEST PASSED",
                "03-02 08:00 MESSAGE INVITATION CAPTURED",
                "03-02 08:00 MESSAGE ACCEPTED CAPTURED",
                "03-05 15:00 CLASS_FORMED OPEN",
                "03-05 15:00 MESSAGE ASSIGNED CAPTURED",
                "03-05 20:30 ATTENDANCE ABSENT DONE",
                "03-12 18:50 MESSAGE COACH_NOT_ONLINE CAPTURED",
                "03-12 18:55 VACANCY_OPENED STANDBY FORMED by task clazz check_on_time",
                "03-12 19:00 VACANCY_FILLED STANDBY FORMED (by coach-003)",
                "03-12 19:00 NOT_ON_TIME SUBSTITUTED (TOLD, ASKED, LATE)",
                "03-12 19:00 MESSAGE COACH_LATE CANCELLED",
                "03-12 19:00 MESSAGE LESSON_TAKEN_OVER CAPTURED",
                "03-12 20:30 ATTENDANCE ABSENT SUBSTITUTED",
            ]
        );
        let mut standby = lines(&stage, &coach(3)).await;
        standby.retain(|line| !line.contains("MESSAGE") && !line.contains("PRESENT"));
        assert_eq!(
            standby,
            [
                "03-12 18:30 SOFTWARE_TEST PASSED",
                "03-12 18:55 INVITED SUBSTITUTE ASSIGNED",
                "03-12 18:55 INVITATION_SENT ASSIGNED",
                "03-12 18:55 ANSWERED YES ASSIGNED by coach coach-003",
                "03-12 19:00 VACANCY_FILLED STANDBY FORMED (in the place of coach-001)",
                "03-12 20:30 ATTENDANCE CAME SUBSTITUTED (left 90 min early)",
            ]
        );
        assert_eq!(lines(&stage, &coach(4)).await, ["03-12 18:30 SOFTWARE_TEST FAILED (whiteboard)"]);
    });
}

#[test]
fn pages_of_any_size_say_the_same_and_a_time_is_a_part_of_it() {
    on_every_class(async |stage, _| {
        leave(&stage, 3).await;
        stage.set_clock("2026-03-06").await;
        stage.fire("clazz close_ended", None).await;
        stage.ignore_messages("this story is about timelines");
        for person in [coach(1), student(3)] {
            let whole = list(&stage, of(&person)).await.unwrap().events;
            assert!(whole.len() >= 5, "{whole:?}");
            assert!(whole.is_sorted_by_key(|event| event.time.unwrap().seconds), "{whole:?}");
            for page_size in [1, 2, 3, 7] {
                let (mut paged, mut page_token) = (Vec::new(), String::new());
                loop {
                    let page = list(&stage, pb::ListTimelineRequest { page_size, page_token, ..of(&person) });
                    let page = page.await.unwrap();
                    assert!(page.events.len() <= page_size as usize);
                    paged.extend(page.events);
                    page_token = page.next_page_token;
                    if page_token.is_empty() {
                        break;
                    }
                }
                assert_eq!(paged, whole, "by {page_size}");
            }
            let (from_time, to_time) = (whole[2].time, whole.last().unwrap().time);
            let part = list(&stage, pb::ListTimelineRequest { from_time, to_time, ..of(&person) });
            let expected = whole.iter().filter(|event| {
                let at = event.time.unwrap().seconds;
                from_time.unwrap().seconds <= at && at < to_time.unwrap().seconds
            });
            assert_eq!(part.await.unwrap().events, expected.cloned().collect::<Vec<_>>());
        }
    });
}

#[test]
fn statements_do_not_depend_on_how_much_happened() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, _) = formed(app).await;
        let sent = async |person: String| {
            let (found, sent) =
                stage.statements().of(async || list(&stage, of(&person)).await.unwrap()).await;
            (found.events.len(), sent.len())
        };
        for (busy, idle) in [(coach(1), coach(2)), (student(1), student(4))] {
            let ((many, busy), (few, idle)) = (sent(busy).await, sent(idle).await);
            assert!(many > few, "{many} {few}");
            assert_eq!(busy, idle);
        }
    });
}

#[test]
fn what_is_purged_is_gone_and_addresses_are_never_told() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, _) = formed(app).await;
        let text = async || {
            let events = list(&stage, of(&coach(1))).await.unwrap().events;
            let mut messages = events.into_iter().filter(|event| event.kind() == pb::TimelineKind::Message);
            let first = messages.next().unwrap();
            assert_eq!((first.what.as_str(), first.message_id > 0), ("INVITATION", true));
            assert!(!format!("{first:?}").contains("+999"), "{first:?}");
            first.text
        };
        assert!(text().await.contains("【etutor】"));
        stage.set_clock("2026-10-20").await;
        stage.fire("message purge", None).await;
        assert_eq!(text().await, "");
    });
}

#[test]
fn it_is_asked_whether_the_coach_or_the_student_of_a_name_is_meant() {
    on_every_app(async |app: TestApp| {
        Academy::new().coaches(1).students(1).build(&app).await;
        let there = app.students().list_students(pb::ListStudentsRequest::default()).await.unwrap();
        let there = there.into_inner().students.remove(0);
        let twin = Some(pb::Student { user_name: coach(1), ..there });
        let request = pb::UpsertStudentRequest { student: twin, request_id: String::new() };
        app.students().upsert_student(request).await.unwrap();
        let with = |person: String, audience: pb::Audience| pb::ListTimelineRequest {
            audience: audience.into(),
            ..of(&person)
        };
        for (audience, code) in [
            (pb::Audience::Unspecified, Some(Code::InvalidArgument)),
            (pb::Audience::Coach, None),
            (pb::Audience::Student, None),
            (pb::Audience::Admin, Some(Code::InvalidArgument)),
        ] {
            let answer = list(&app, with(coach(1), audience)).await;
            assert_eq!(answer.as_ref().err().map(Status::code), code, "{audience:?}: {answer:?}");
            if let Ok(answer) = answer {
                assert_eq!(answer.audience(), audience);
            }
        }
        let other = list(&app, with(student(1), pb::Audience::Coach)).await.unwrap_err();
        assert_eq!(other.code(), Code::NotFound);
        assert_eq!(list(&app, of("nobody")).await.unwrap_err().code(), Code::NotFound);
    });
}
