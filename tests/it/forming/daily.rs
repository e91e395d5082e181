//! A class that meets every day: students whom one day's task lets go are counted by the next
//! day's, even when its `invite create` is over (docs/domain.md §4).

use crate::staffing::stage::{MATH, SATURDAY, Stage, each};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp, on_every_app_at};

const FRIDAY: &str = "math@2026-03-06";
const NEXT: &str = "math@2026-03-07";
const LEFT_OVER: [&str; 2] = ["TASK_LEFT_OVER wang SMS", "TASK_LEFT_OVER wang MAIL"];

fn daily() -> Academy {
    Academy::new().period("19:00", "20:30").template("math", "FREQ=DAILY").classes(4, 6)
}

/// Students are signed up from Thursday, 5 March, on; the tasks of Thursday to Sunday were made at
/// their midnights.
async fn thursday(app: TestApp, coaches: usize, students: usize) -> Stage {
    let stage = Stage::set(app, daily().coaches(coaches).students(students)).await;
    stage.academy.reserve_all(&stage, "math", 1, students, Some(("2026-03-05", "2026-03-20"))).await;
    for day in ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"] {
        stage.set_clock(day).await;
        stage.fire("invite create", None).await;
    }
    assert_eq!(tasks(&stage).await, ["2026-03-05 PENDING"], "Thursday's task counts everybody");
    stage
}

/// Every task there is: its day and state.
async fn tasks(stage: &Stage) -> Vec<String> {
    let rows: Vec<(chrono::NaiveDate, String)> =
        sql("SELECT day, state FROM class_task ORDER BY day").tuples(stage.db().reader()).await.unwrap();
    rows.into_iter().map(|(day, state)| format!("{day} {state}")).collect()
}

async fn leave(stage: &Stage, number: usize, day: &str) {
    let request = pb::ListReservationsRequest { student: student(number), ..Default::default() };
    let found = stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
    let request = pb::RequestLeaveRequest { reservation_id: found[0].reservation_id, day: day.to_owned() };
    stage.enrollment().request_leave(request).await.unwrap();
}

#[test]
fn a_failed_day_costs_one_lesson_and_not_the_days_whose_tasks_were_made_before() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = thursday(app, 2, 3).await;
        stage.minute("2026-03-05T08:00").await;
        for coach in [1, 2] {
            assert_eq!(stage.no(coach, MATH).await, "DECLINED");
        }
        stage.told().await;
        stage.set_clock("2026-03-05T15:00").await;
        stage.fire("clazz assign_students", None).await;
        assert_eq!(
            tasks(&stage).await,
            ["2026-03-05 FAILED", "2026-03-06 PENDING"],
            "in the same transaction"
        );
        assert_eq!(stage.standing(FRIDAY).await.1, [3, 1, 0, 0, 0, 0], "sized");
        assert_eq!(stage.told().await, LEFT_OVER);

        // Fired again, here and on another replica, and with the jobs of the night once more: the
        // same tasks.
        let replica = stage.replica().await;
        for _ in 0..2 {
            replica.fire("clazz assign_students", None).await;
            stage.fire("clazz assign_students", None).await;
            for day in ["2026-03-06", "2026-03-07", "2026-03-08"] {
                assert_eq!(stage.fire("invite create", Some(day)).await.changed, 0, "{day}");
            }
        }
        assert_eq!(tasks(&stage).await, ["2026-03-05 FAILED", "2026-03-06 PENDING"]);
        assert_eq!(stage.standing(FRIDAY).await.1, [3, 1, 0, 0, 0, 0], "each student is counted once");

        // Who said no for Thursday may want Friday.
        stage.minute("2026-03-05T15:01").await;
        assert_eq!(stage.asked(FRIDAY).await, each(1..=2, "SENT"));
        stage.told().await;
        stage.minute("2026-03-05T17:00").await;
        assert_eq!(
            stage.told_of("LESSON_NOT_HELD").await,
            [student(1), student(2), student(3)],
            "of Thursday"
        );
        stage.ready(&[1], FRIDAY).await;
        stage.told().await;
        for at in ["2026-03-06T15:00", "2026-03-06T17:00"] {
            stage.minute(at).await;
        }
        assert_eq!(stage.classes(FRIDAY).await, ["coach-001: 1 2 3"]);
        assert_eq!(stage.told_of("LESSON_NOT_HELD").await, Vec::<String>::new(), "Friday takes place");
        assert_eq!(tasks(&stage).await, ["2026-03-05 FAILED", "2026-03-06 FORMED"]);
    });
}

#[test]
fn replicas_that_close_the_same_task_at_once_make_the_next_one_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = thursday(app, 0, 7).await;
        stage.ignore_messages("this story is about tasks");
        stage.set_clock("2026-03-05T15:00").await;
        let replica = stage.replica().await;
        let close = async |app: &TestApp| app.fire("clazz assign_students", None).await;
        let (one, other) = tokio::join!(close(&*stage), close(&replica));
        assert_eq!(one.failed + other.failed, 0);
        assert_eq!(tasks(&stage).await, ["2026-03-05 FAILED", "2026-03-06 PENDING"]);
        assert_eq!(stage.standing(FRIDAY).await.1[..2], [7, 2]);
        // Day by day, as long as nobody is found.
        stage.minute("2026-03-06T15:00").await;
        stage.minute("2026-03-07T15:00").await;
        assert_eq!(
            tasks(&stage).await[1..],
            ["2026-03-06 FAILED", "2026-03-07 FAILED", "2026-03-08 PENDING"]
        );
    });
}

#[test]
fn those_who_do_not_fit_into_what_was_formed_go_on_too_and_find_a_seat_first() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = thursday(app, 1, 8).await;
        stage.ignore_messages("this story is about rosters");
        stage.minute("2026-03-05T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2 3 4 5 6"]);
        assert_eq!(tasks(&stage).await, ["2026-03-05 PARTIAL", "2026-03-06 PENDING"]);
        assert_eq!(stage.standing(FRIDAY).await.1[..2], [2, 1]);
        // Two leave the class from Saturday on: whom Friday's task leaves over has their seats, and
        // no new class is looked for.
        stage.sign_off(1, "2026-03-07").await;
        stage.sign_off(2, "2026-03-07").await;
        stage.minute("2026-03-06T15:00").await;
        assert_eq!(tasks(&stage).await[1..], ["2026-03-06 FAILED", "2026-03-07 FORMED"]);
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2 3 4 5 6 7 8"]);
    });
}

#[test]
fn a_task_made_after_its_gate_begins_in_rescue_and_one_after_its_freeze_is_not_made() {
    on_every_app_at(SATURDAY, async |app| {
        // The machine was down until six: Friday's gate was at five.
        let stage = thursday(app, 1, 2).await;
        stage.set_clock("2026-03-05T18:00").await;
        stage.fire("clazz assign_students", None).await;
        assert_eq!(tasks(&stage).await, ["2026-03-05 FAILED", "2026-03-06 INVITING"]);
        stage.fire("invite notify_class", None).await;
        let told = stage.told().await;
        assert_eq!(told[..2], LEFT_OVER);
        assert_eq!(told[2..4], ["LESSON_NOT_HELD student-001", "LESSON_NOT_HELD student-002"]);
        assert_eq!(told[4..], ["TASK_SHORT wang SMS", "TASK_SHORT wang MAIL"], "the alarm at the gate, late");
        stage.minute("2026-03-05T18:01").await;
        assert_eq!(stage.asked(FRIDAY).await, each([1], "SENT"));
        stage.told().await;
    });
    on_every_app_at(SATURDAY, async |app| {
        // It was down until Friday afternoon: Friday's rosters are frozen, and Saturday is the next
        // day.
        let stage = thursday(app, 0, 2).await;
        stage.ignore_messages("this story is about tasks");
        stage.minute("2026-03-06T16:00").await;
        assert_eq!(tasks(&stage).await, ["2026-03-05 FAILED", "2026-03-07 PENDING"]);
        assert_eq!(stage.standing(NEXT).await.1[..2], [2, 1]);
    });
}

#[test]
fn a_day_that_staff_open_again_takes_its_students_back_and_passes_them_on_again() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = thursday(app, 1, 3).await;
        stage.ignore_messages("this story is about tasks");
        stage.minute("2026-03-05T08:00").await;
        stage.no(1, MATH).await;
        // A coach who came later than the wave.
        let coach = pb::Coach { user_name: "coach-900".to_owned(), ..stage.academy.coaches[0].clone() };
        stage.minute("2026-03-05T15:00").await;
        stage
            .coaches()
            .upsert_coach(pb::UpsertCoachRequest { coach: Some(coach), request_id: String::new() })
            .await
            .unwrap();
        assert_eq!(stage.standing(FRIDAY).await.1[..2], [3, 1]);
        let availability = pb::Availability {
            period: "p1900".to_owned(),
            recurrence: "FREQ=DAILY".to_owned(),
            start_day: "2026-03-02".to_owned(),
            end_day: "2026-06-28".to_owned(),
            ..Default::default()
        };
        let request = pb::SetAvailabilityRequest {
            coach: "coach-900".to_owned(),
            season: "spring".to_owned(),
            availability: vec![availability],
        };
        stage.coaches().set_availability(request).await.unwrap();
        stage.set_clock("2026-03-05T16:00").await;
        assert_eq!(stage.invite(900, MATH, None).await, "QUEUED");
        assert_eq!(stage.standing(MATH).await.1[..2], [3, 1]);
        stage.minute("2026-03-05T16:01").await;
        assert_eq!(
            tasks(&stage).await,
            ["2026-03-05 INVITING", "2026-03-06 CANCELLED"],
            "each student is counted once"
        );
        stage.minute("2026-03-05T18:30").await;
        assert_eq!(tasks(&stage).await, ["2026-03-05 FAILED", "2026-03-06 INVITING"]);
        assert_eq!(stage.standing(FRIDAY).await.1[..2], [3, 1]);
    });
}

#[test]
fn who_is_on_leave_that_day_and_who_loses_it_to_a_holiday_goes_on_to_the_next() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = thursday(app, 0, 2).await;
        stage.ignore_messages("this story is about tasks");
        leave(&stage, 2, "2026-03-05").await;
        stage.minute("2026-03-05T10:00").await;
        assert_eq!((stage.standing(MATH).await.1[0], stage.standing(FRIDAY).await.1[0]), (1, 1));
        // The last one of Thursday too: the task is for nobody, and Friday's has both.
        leave(&stage, 1, "2026-03-05").await;
        stage.minute("2026-03-05T10:01").await;
        stage.minute("2026-03-05T10:02").await;
        assert_eq!(tasks(&stage).await, ["2026-03-05 CANCELLED", "2026-03-06 PENDING"]);
        assert_eq!(stage.standing(FRIDAY).await.1[..2], [2, 1]);
    });
    on_every_app_at(SATURDAY, async |app| {
        let stage = thursday(app, 0, 2).await;
        stage.ignore_messages("this story is about tasks");
        let mut season = stage.academy.season.clone();
        season.except_days = vec!["2026-03-05".to_owned(), "2026-03-06".to_owned()];
        let request =
            pb::UpsertSeasonRequest { season: Some(season), request_id: String::new(), validate_only: false };
        stage.catalog().upsert_season(request).await.unwrap();
        assert_eq!(tasks(&stage).await, ["2026-03-05 CANCELLED", "2026-03-07 PENDING"]);
        assert_eq!(stage.standing(NEXT).await.1[..2], [2, 1]);
    });
}

#[test]
fn the_next_day_of_a_weekly_class_is_left_to_its_own_night() {
    on_every_app_at(SATURDAY, async |app| {
        let academy =
            Academy::new().period("19:00", "20:30").template("math", "FREQ=WEEKLY;BYDAY=TH").classes(4, 6);
        let stage = Stage::monday(app, academy.students(2), 2).await;
        stage.ignore_messages("this story is about tasks");
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(tasks(&stage).await, ["2026-03-05 FAILED"]);
        stage.set_clock("2026-03-09T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(tasks(&stage).await, ["2026-03-05 FAILED", "2026-03-12 PENDING"]);
    });
}
