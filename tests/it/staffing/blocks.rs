//! Blocks: staff keep a coach from a student, from a class, or from being invited at all
//! (docs/domain.md §§4–6).

use super::stage::{MATH, SATURDAY, Stage, each, evening};
use crate::grpc::{invalid_field, reason};
use crate::substitutions::{self, formed_of};
use etutor::rpc::pb;
use etutor::testing::academy::{coach, student};
use etutor::testing::on_every_app_at;
use tonic::{Code, Status};

/// What a coach is kept from.
#[derive(Clone, Copy)]
pub enum From {
    Everything,
    Student(usize),
    Class(i64),
}

fn request(number: usize, from: From) -> pb::SetBlockRequest {
    let (student, class_id) = match from {
        From::Everything => (String::new(), 0),
        From::Student(number) => (student(number), 0),
        From::Class(id) => (String::new(), id),
    };
    pb::SetBlockRequest {
        coach: coach(number),
        student,
        class_id,
        operator: "wang".to_owned(),
        remark: "家长投诉".to_owned(),
        request_id: String::new(),
    }
}

/// The key of the block, and the classes that it concerns.
pub async fn set(stage: &Stage, number: usize, from: From) -> (i64, Vec<i64>) {
    let answer = stage.coaches().set_block(request(number, from)).await.unwrap().into_inner();
    (answer.block.unwrap().block_id, answer.class_ids)
}

pub async fn remove(stage: &Stage, block_id: i64) -> Result<pb::Block, Status> {
    let request =
        pb::RemoveBlockRequest { block_id, operator: "li".to_owned(), remark: "已和好".to_owned() };
    Ok(stage.coaches().remove_block(request).await?.into_inner().block.unwrap())
}

/// `1 coach-001 student-002` for each that is listed.
async fn list(stage: &Stage, request: pb::ListBlocksRequest) -> Vec<String> {
    let found = stage.coaches().list_blocks(request).await.unwrap().into_inner().blocks;
    let from = |block: &pb::Block| match block.class_id {
        0 if block.student.is_empty() => "everything".to_owned(),
        0 => block.student.clone(),
        id => format!("class {id}"),
    };
    found.iter().map(|block| format!("{} {} {}", block.block_id, block.coach, from(block))).collect()
}

#[test]
fn who_is_blocked_with_a_student_is_not_asked_and_whoever_was_is_let_go() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(4).students(3), 3).await;
        set(&stage, 1, From::Student(2)).await;
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.asked(MATH).await, each([2, 3], "SENT"));
        assert_eq!(stage.invite(1, MATH, None).await, "BLOCKED");
        stage.told().await;

        // A block that is set later counts at once, and the refusal names it.
        let (id, _) = set(&stage, 2, From::Student(3)).await;
        let invitation = stage.invitation(2, MATH).await;
        let yes =
            pb::AcceptInvitationRequest { invitation_id: invitation.invitation_id, coach: invitation.coach };
        let refused = stage.invitations().accept_invitation(yes).await.unwrap_err();
        assert_eq!(reason(&refused), "BLOCKED");
        assert!(refused.message().contains(&format!("block {id}")), "{}", refused.message());
        stage.minute("2026-03-02T08:01").await;
        assert_eq!(stage.asked(MATH).await, ["coach-002 CANCELLED", "coach-003 SENT"]);
        assert_eq!(stage.told().await, ["INVITATION_RECALLED coach-002"]);

        // So does one with a coach who has said yes; the next is asked.
        stage.ready(&[3], MATH).await;
        stage.told().await;
        set(&stage, 3, From::Student(1)).await;
        stage.minute("2026-03-02T08:02").await;
        let asked = stage.asked(MATH).await;
        assert_eq!(asked, ["coach-002 CANCELLED", "coach-003 CANCELLED", "coach-004 SENT"]);
        assert_eq!(stage.told().await, ["NO_LONGER_NEEDED coach-003", "INVITATION coach-004"]);
    });
}

#[test]
fn a_task_of_several_classes_asks_who_can_be_kept_from_the_student() {
    on_every_app_at(SATURDAY, async |app| {
        // Two classes: ⌊9 ÷ 2⌋ = 4 students are enough for a coach.
        let stage = Stage::monday(app, evening().coaches(4).students(9), 9).await;
        stage.ignore_messages("this story is about rosters");
        for number in 1..=2 {
            set(&stage, 1, From::Student(number)).await;
        }
        for number in 1..=6 {
            set(&stage, 4, From::Student(number)).await;
        }
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.asked(MATH).await, each(1..=3, "SENT"), "three are left for coach 4");
        stage.ready(&[1, 2], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.classes(MATH).await, ["coach-001: 3 4 5 6 9", "coach-002: 1 2 7 8"]);
    });
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(9), 9).await;
        for number in 1..=5 {
            set(&stage, 1, From::Student(number)).await;
        }
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.told().await;
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.state(MATH).await, "PARTIAL");
        assert_eq!(stage.classes(MATH).await, ["coach-001: 6 7 8 9"]);
        let messages = stage.messages().await;
        let left = messages.iter().find(|row| row.kind.as_str() == "TASK_LEFT_OVER").unwrap();
        assert!(left.body.contains("有5名学员未能入班（教练须回避）"), "{}", left.body);
    });
}

/// The class that a student is in, and the reservation.
async fn seat(stage: &Stage, number: usize) -> (i64, i64) {
    let request = pb::ListReservationsRequest { student: student(number), ..Default::default() };
    let found = stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
    let last = found.last().unwrap();
    (last.class_id, last.reservation_id)
}

#[test]
fn a_free_seat_is_none_for_a_student_whom_the_coach_is_kept_from() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed_of(app, evening().classes(2, 4).coaches(4).students(6), 2).await;
        stage.ignore_messages("this story is about seats");
        let (block, classes) = set(&stage, 1, From::Student(4)).await;
        assert!(classes.is_empty(), "the student is in none of the coach's classes");
        let free = async |number: usize| {
            let request = pb::ListOpeningsRequest { student: student(number), ..Default::default() };
            let found = stage.openings().list_openings(request).await.unwrap().into_inner();
            found.openings[0].classes.len()
        };
        assert_eq!((free(3).await, free(4).await), (1, 0));
        let later = Some(("2026-03-12", "2026-06-28"));
        stage.academy.reserve_all(&stage, "math", 3, 4, later).await;
        assert_eq!((seat(&stage, 3).await.0, seat(&stage, 4).await.0), (1, 0));
        // Nor does the task of the next lesson seat the student there, nor staff.
        stage.set_clock("2026-03-09T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(seat(&stage, 4).await.0, 0);
        let change = pb::ChangeReservationRequest {
            reservation_id: seat(&stage, 4).await.1,
            class_id: 1,
            ..Default::default()
        };
        let refused = stage.enrollment().change_reservation(change.clone()).await.unwrap_err();
        assert_eq!(reason(&refused), "BLOCKED");
        remove(&stage, block).await.unwrap();
        stage.enrollment().change_reservation(change).await.unwrap();
        assert_eq!(seat(&stage, 4).await.0, 1);

        // A block on a coach who teaches the student takes nothing; the answer says where it is.
        let mine = vec![1];
        assert_eq!(set(&stage, 1, From::Student(4)).await.1, mine);
        assert_eq!(set(&stage, 1, From::Class(1)).await.1, mine);
        assert_eq!(set(&stage, 1, From::Everything).await.1, mine);
        assert!(set(&stage, 2, From::Class(1)).await.1.is_empty());
        assert_eq!(seat(&stage, 4).await.0, 1);
    });
}

#[test]
fn nobody_stands_in_who_is_blocked_with_the_class_or_its_students() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = substitutions::formed(app).await;
        set(&stage, 3, From::Class(1)).await;
        substitutions::start(&stage, &["2026-03-12"], None).await.unwrap();
        stage.minute("2026-03-06T10:00").await;
        assert_eq!(stage.told().await, ["INVITATION coach-004", "INVITATION coach-002"]);
        set(&stage, 4, From::Student(2)).await;
        stage.minute("2026-03-06T10:01").await;
        assert_eq!(stage.told().await, ["INVITATION_RECALLED coach-004"]);
        // Whom staff name, too: a block is ended first.
        stage.test(3, true).await;
        let named = async || substitutions::start(&stage, &["2026-03-19"], Some(3)).await;
        assert_eq!(reason(&named().await.unwrap_err()), "BLOCKED");
        remove(&stage, 1).await.unwrap();
        assert_eq!(named().await.unwrap().coach, coach(3));
        stage.ignore_messages("told as ever");
    });
}

#[test]
fn blocks_are_kept_with_who_set_and_who_removed_them() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, evening().coaches(2).students(2)).await;
        let whole = pb::SetBlockRequest { request_id: "r1".to_owned(), ..request(1, From::Everything) };
        let first = stage.coaches().set_block(whole.clone()).await.unwrap().into_inner().block.unwrap();
        assert_eq!((first.operator.as_str(), first.remark.as_str()), ("wang", "家长投诉"));
        assert_eq!(stage.local(&first.set_time), "2026-02-28 12:00");
        let again = stage.coaches().set_block(whole.clone()).await.unwrap().into_inner().block.unwrap();
        assert_eq!(again, first);
        let other = pb::SetBlockRequest { remark: "x".to_owned(), ..whole };
        assert_eq!(reason(&stage.coaches().set_block(other).await.unwrap_err()), "REQUEST_ID_REUSED");
        // Set twice it is the first that is in force.
        let twice = pb::SetBlockRequest { operator: "li".to_owned(), ..request(1, From::Everything) };
        assert_eq!(stage.coaches().set_block(twice).await.unwrap().into_inner().block.unwrap(), first);
        assert_eq!(set(&stage, 1, From::Student(1)).await.0, 2);
        assert_eq!(set(&stage, 2, From::Student(1)).await.0, 3);

        let get = async || {
            let request = pb::GetCoachRequest { user_name: coach(1) };
            stage.coaches().get_coach(request).await.unwrap().into_inner().coach.unwrap()
        };
        assert_eq!(get().await.blocked, Some(true));
        // A page that knows nothing of it changes nothing, and one that would is told who does.
        let upsert = async |blocked: Option<bool>| {
            let row = pb::Coach { blocked, ..get().await };
            let request = pb::UpsertCoachRequest { coach: Some(row), request_id: String::new() };
            stage.coaches().upsert_coach(request).await.map(drop)
        };
        upsert(None).await.unwrap();
        upsert(Some(true)).await.unwrap();
        assert_eq!(invalid_field(&upsert(Some(false)).await.unwrap_err()), "coach.blocked");
        assert_eq!(get().await.blocked, Some(true));

        stage.set_clock("2026-02-28T13:00").await;
        let removed = remove(&stage, first.block_id).await.unwrap();
        assert_eq!((removed.removed_by.as_str(), removed.removal_remark.as_str()), ("li", "已和好"));
        assert_eq!(stage.local(&removed.remove_time), "2026-02-28 13:00");
        stage.set_clock("2026-02-28T14:00").await;
        assert_eq!(remove(&stage, first.block_id).await.unwrap(), removed, "twice is once");
        assert_eq!(remove(&stage, 99).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(get().await.blocked, Some(false));

        let all = pb::ListBlocksRequest::default();
        let in_force = ["2 coach-001 student-001", "3 coach-002 student-001"];
        assert_eq!(list(&stage, all.clone()).await, in_force);
        let removed = pb::ListBlocksRequest { include_removed: true, ..all.clone() };
        let of_all = ["1 coach-001 everything", in_force[0], in_force[1]];
        assert_eq!(list(&stage, removed).await, of_all);
        let of_coach = pb::ListBlocksRequest { coach: coach(2), ..all.clone() };
        assert_eq!(list(&stage, of_coach).await, in_force[1..]);
        let of_student = pb::ListBlocksRequest { student: student(2), ..all.clone() };
        assert!(list(&stage, of_student).await.is_empty());
        let page = pb::ListBlocksRequest { page_size: 1, ..all.clone() };
        let first = stage.coaches().list_blocks(page.clone()).await.unwrap().into_inner();
        let next = pb::ListBlocksRequest { page_token: first.next_page_token, ..page };
        assert_eq!(list(&stage, next).await, in_force[1..]);

        // Blocked anew, it is another block.
        assert_eq!(set(&stage, 1, From::Everything).await.0, 4);
        let both = pb::SetBlockRequest { class_id: 1, ..request(1, From::Student(1)) };
        assert_eq!(invalid_field(&stage.coaches().set_block(both).await.unwrap_err()), "class_id");
        for unknown in
            [request(3, From::Everything), request(1, From::Student(3)), request(1, From::Class(9))]
        {
            assert_eq!(stage.coaches().set_block(unknown).await.unwrap_err().code(), Code::NotFound);
        }
    });
}
