//! Yes and no: in time, late, twice, to an invitation of another coach, and after the classes are
//! formed.

use crate::grpc::reason;
use crate::staffing::stage::{MATH, SATURDAY, Stage, TH, each, evening};
use etutor::rpc::pb;
use etutor::testing::{Academy, on_every_app_at};

#[test]
fn never_more_coaches_are_accepted_than_are_needed_and_the_reserve_moves_up_in_the_order_of_the_yeses() {
    on_every_app_at(SATURDAY, async |app| {
        // Two classes, four are asked; a fifth by staff.
        let stage = Stage::monday(app, evening().coaches(5).students(12), 12).await;
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.invite(5, MATH, None).await, "QUEUED");
        stage.told().await;
        for (coach, said, told) in [
            (3, "ACCEPTED", "ACCEPTED"),
            (1, "ACCEPTED", "ACCEPTED"),
            (5, "RESERVE", "RESERVED"),
            (4, "RESERVE", "RESERVED"),
        ] {
            assert_eq!(stage.yes(coach, MATH).await, said);
            assert_eq!(stage.told().await.last().unwrap(), &format!("{told} coach-{coach:03}"));
        }
        stage.set_clock("2026-03-02T08:10").await;
        assert_eq!(stage.yes(2, MATH).await, "RESERVE");
        assert_eq!(stage.standing(MATH).await.1, [12, 2, 2, 0, 0, 3]);
        stage.told().await;
        stage.fire("sms send", None).await;
        // 4 and 5 said yes at the same minute: by name; 2 came later.
        assert_eq!(stage.no(3, MATH).await, "WITHDRAWN");
        assert_eq!(stage.told().await, ["PROMOTED coach-004"]);
        // Who is in reserve may leave it.
        assert_eq!(stage.no(5, MATH).await, "WITHDRAWN");
        assert_eq!(stage.no(1, MATH).await, "WITHDRAWN");
        assert_eq!(stage.told().await, ["PROMOTED coach-002"]);
        // The test deadline of a reserve counts from the promotion.
        let promoted = stage.invitation(2, MATH).await;
        assert_eq!(
            (stage.local(&promoted.answer_time), stage.local(&promoted.test_deadline_time)),
            ("2026-03-02 08:10".to_owned(), "2026-03-02 19:00".to_owned())
        );
        assert_eq!(stage.standing(MATH).await.1, [12, 2, 2, 0, 0, 0]);
        // Whom nobody replaces is missing again, and the next wave follows: nobody is left to ask.
        assert_eq!(stage.no(2, MATH).await, "WITHDRAWN");
        assert_eq!(stage.task(MATH).await.missing, 1);
    });
}

#[test]
fn saying_it_twice_changes_nothing() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(4).students(12), 12).await;
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        assert_eq!(stage.no(2, MATH).await, "DECLINED");
        stage.ready(&[3], MATH).await;
        assert_eq!(stage.yes(4, MATH).await, "RESERVE");
        stage.told().await;
        let before = stage.whole_task(MATH).await;
        stage.set_clock("2026-03-02T09:00").await;
        for (coach, said) in [(1, "ACCEPTED"), (3, "READY"), (4, "RESERVE")] {
            assert_eq!(stage.yes(coach, MATH).await, said);
        }
        assert_eq!(stage.no(2, MATH).await, "DECLINED");
        assert_eq!(stage.whole_task(MATH).await, before);
        assert_eq!(stage.no(4, MATH).await, "WITHDRAWN");
        assert_eq!(stage.no(4, MATH).await, "WITHDRAWN");
        assert_eq!(stage.told().await, Vec::<String>::new());
    });
}

#[test]
fn nobody_answers_for_another() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(1), 1).await;
        stage.minute("2026-03-02T08:00").await;
        stage.told().await;
        let invitation_id = stage.invitation(1, MATH).await.invitation_id;
        for coach in ["coach-002", "nobody"] {
            let coach = coach.to_owned();
            let yes = pb::AcceptInvitationRequest { invitation_id, coach: coach.clone() };
            assert_eq!(reason(&stage.invitations().accept_invitation(yes).await.unwrap_err()), "NOT_YOURS");
            let no = pb::DeclineInvitationRequest { invitation_id, coach: coach.clone() };
            assert_eq!(reason(&stage.invitations().decline_invitation(no).await.unwrap_err()), "NOT_YOURS");
            let no = pb::WithdrawInvitationRequest { invitation_id, coach };
            assert_eq!(reason(&stage.invitations().withdraw_invitation(no).await.unwrap_err()), "NOT_YOURS");
        }
        let unknown = pb::AcceptInvitationRequest { invitation_id: 4711, coach: "coach-001".to_owned() };
        assert_eq!(
            stage.invitations().accept_invitation(unknown).await.unwrap_err().code(),
            tonic::Code::NotFound
        );
        assert_eq!(stage.asked(MATH).await, each(1..=2, "SENT"));
    });
}

#[test]
fn a_late_yes_counts_while_somebody_is_missing() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(8).students(12), 12).await;
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.no(1, MATH).await, "DECLINED");
        assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
        assert_eq!(stage.no(2, MATH).await, "WITHDRAWN");
        assert_eq!(stage.yes(3, MATH).await, "ACCEPTED");
        stage.minute("2026-03-02T19:00").await;
        assert_eq!(
            stage.asked(MATH).await[..4].join(" "),
            "coach-001 DECLINED coach-002 WITHDRAWN coach-003 LAPSED coach-004 EXPIRED"
        );
        // Four more were asked; those before them may still think better of it.
        for (coach, said) in [(1, "ACCEPTED"), (2, "ACCEPTED"), (3, "RESERVE"), (4, "RESERVE")] {
            assert_eq!(stage.yes(coach, MATH).await, said, "coach {coach}");
        }
        assert_eq!(stage.no(1, MATH).await, "WITHDRAWN");
        assert_eq!(
            stage.asked(MATH).await[..4].join(" "),
            "coach-001 WITHDRAWN coach-002 ACCEPTED coach-003 ACCEPTED coach-004 RESERVE"
        );
        stage.told().await;
    });
}

#[test]
fn a_yes_is_judged_by_its_instant_and_not_by_what_has_run() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(1), 1).await;
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        assert_eq!(stage.yes(2, MATH).await, "RESERVE");
        stage.told().await;
        stage.fire("sms send", None).await;
        // 19:00: the test of coach 1 is overdue, coach 2 has moved up; no check has run. A second
        // yes is late, and goes to the reserve.
        stage.set_clock("2026-03-02T19:00").await;
        assert_eq!(stage.yes(1, MATH).await, "RESERVE");
        assert_eq!(stage.told().await, ["TEST_LAPSED coach-001", "PROMOTED coach-002", "RESERVED coach-001"]);
    });
}

/// At F the class of coach 1 is due, and coach 3 is in reserve.
async fn at_freeze(app: etutor::testing::TestApp) -> Stage {
    let stage = Stage::monday(app, evening().coaches(4).students(7), 7).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    assert_eq!(stage.no(2, MATH).await, "DECLINED");
    stage.minute("2026-03-05T14:59").await;
    stage.set_clock("2026-03-05T15:00").await;
    stage.told().await;
    stage
}

#[test]
fn after_the_freeze_answers_are_refused_whether_or_not_the_classes_are_formed_yet() {
    for formed_first in [true, false] {
        on_every_app_at(SATURDAY, async |app| {
            let stage = at_freeze(app).await;
            if formed_first {
                stage.fire("clazz assign_students", None).await;
            }
            for coach in [2, 3] {
                assert_eq!(stage.yes(coach, MATH).await, "TASK_CLOSED", "{formed_first}");
            }
            // The class is coach 1's. Who wants to leave it is heard by people.
            stage.told().await;
            assert_eq!(stage.no(1, MATH).await, "TASK_FORMED", "{formed_first}");
            let told = stage.told().await;
            let wants_out = ["ASSIGNED_WITHDRAWAL wang SMS", "ASSIGNED_WITHDRAWAL wang MAIL"];
            assert!(wants_out.iter().all(|line| told.contains(&(*line).to_owned())), "{told:?}");
            assert_eq!(stage.no(1, MATH).await, "TASK_FORMED");
            assert_eq!(stage.told().await, Vec::<String>::new(), "once is enough");
            stage.fire("clazz assign_students", None).await;
            assert_eq!(stage.state(MATH).await, "PARTIAL");
            assert_eq!(stage.yes(1, MATH).await, "ASSIGNED");
            stage.told().await;
        });
    }
}

#[test]
fn a_formed_task_takes_no_more_yeses() {
    for formed_first in [true, false] {
        on_every_app_at(SATURDAY, async |app| {
            let stage = Stage::monday(app, evening().coaches(3).students(1), 1).await;
            stage.minute("2026-03-02T08:00").await;
            stage.ready(&[1], MATH).await;
            stage.set_clock("2026-03-05T15:00").await;
            if formed_first {
                stage.fire("clazz assign_students", None).await;
            }
            assert_eq!(stage.yes(2, MATH).await, "TASK_FORMED");
            assert_eq!(stage.no(2, MATH).await, "DECLINED", "a no is always welcome");
            stage.told().await;
        });
    }
}

#[test]
fn whoever_accepts_something_at_the_same_time_leaves_the_reserve() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = Academy::new()
            .period("19:00", "20:30")
            .template("math", TH)
            .template("art", TH)
            .coaches(3)
            .students(2);
        let stage = Stage::set(app, academy).await;
        let art = "art@2026-03-05";
        stage.academy.reserve_all(&stage, "math", 1, 1, None).await;
        stage.academy.reserve_all(&stage, "art", 2, 2, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        // Art is asked for first, by its name: coaches 1 and 2; then coach 3 is asked for math.
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(
            (stage.asked(art).await, stage.asked(MATH).await),
            (each(1..=2, "SENT"), each([3], "SENT"))
        );
        assert_eq!(stage.invite(1, MATH, None).await, "OVERLAP_INVITATION");
        assert_eq!(stage.yes(1, art).await, "ACCEPTED");
        assert_eq!(stage.yes(2, art).await, "RESERVE");
        // A reserve holds no time: coach 2 may be asked for math.
        stage.no(3, MATH).await;
        stage.minute("2026-03-02T08:30").await;
        assert_eq!(stage.asked(MATH).await, [each([2], "SENT"), each([3], "DECLINED")].concat());
        stage.told().await;
        assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
        let told = stage.messages().await;
        let kinds: Vec<&str> = told.iter().map(|row| row.kind.as_str()).collect();
        assert_eq!(kinds, ["NO_LONGER_NEEDED", "ACCEPTED"]);
        assert!(told[0].body.contains("您已答应带其他班，与3月5日（周四）19:00"), "{}", told[0].body);
        let ended = stage.invitation(2, art).await;
        assert_eq!(
            (ended.state(), ended.reason.as_str()),
            (pb::InvitationState::Cancelled, "OVERLAP_INVITATION"),
            "the time is used"
        );
        assert_eq!(stage.yes(2, art).await, "TASK_CLOSED");
    });
}

#[test]
fn the_reserve_is_released_at_the_freeze_and_told() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(1), 1).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        assert_eq!(stage.yes(2, MATH).await, "RESERVE");
        stage.told().await;
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.asked(MATH).await, [each([1], "ASSIGNED"), each([2], "CANCELLED")].concat());
        assert_eq!(stage.told().await, ["ASSIGNED coach-001", "NO_LONGER_NEEDED coach-002"]);
    });
}

#[test]
fn a_coach_who_wants_to_leave_a_running_class_is_heard_before_each_lesson() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = at_freeze(app).await;
        stage.fire("clazz assign_students", None).await;
        stage.told().await;
        let wants_out = ["ASSIGNED_WITHDRAWAL wang SMS", "ASSIGNED_WITHDRAWAL wang MAIL"];
        for (at, again) in
            [("2026-03-10T10:00", false), ("2026-03-11T10:00", true), ("2026-03-13T10:00", false)]
        {
            stage.set_clock(at).await;
            assert_eq!(stage.no(1, MATH).await, "TASK_FORMED", "{at}");
            stage.fire("sms send", None).await;
            let told = stage.told().await;
            assert_eq!(told, if again { &[][..] } else { &wants_out[..] }, "{at}");
        }
        let rows = stage.outbox().list_messages(pb::ListMessagesRequest::default()).await.unwrap();
        let rows = rows.into_inner().messages;
        let of = |day: &str| rows.iter().any(|row| row.body.contains(&format!("教练coach-001（下次课{day}")));
        assert!(of("3月12日") && of("3月19日"), "its next lesson is named");
        // Behind the last lesson there is nothing to leave.
        stage.set_clock("2026-06-26T10:00").await;
        assert_eq!(stage.no(1, MATH).await, "TASK_FORMED");
        assert_eq!(stage.told().await, Vec::<String>::new());
    });
}
