//! Changing a sign-up: all of the new part or nothing; moving students between classes; new
//! sign-ups into running classes until F.

use super::{get, no_drift, said, small, state, taken};
use crate::grpc::reason;
use crate::staffing::stage::{MATH, SATURDAY, Stage, TH, evening};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app, on_every_app_at};
use etutor::write_txn;
use tonic::Code;

pub async fn change(
    app: &TestApp,
    request: pb::ChangeReservationRequest,
) -> Result<(pb::Reservation, pb::Reservation), String> {
    let answer =
        app.enrollment().change_reservation(request).await.map_err(|status| reason(&status))?.into_inner();
    Ok((answer.reservation.unwrap(), answer.before.unwrap()))
}

async fn move_to(
    app: &TestApp,
    reservation_id: i64,
    class_id: i64,
    from: &str,
) -> Result<(pb::Reservation, pb::Reservation), String> {
    let request = pb::MoveStudentRequest {
        reservation_id,
        class_id,
        from_day: from.to_owned(),
        operator: "wang".to_owned(),
        remark: "家长要求".to_owned(),
        request_id: String::new(),
    };
    let answer = app.enrollment().move_student(request).await.map_err(|status| reason(&status))?.into_inner();
    Ok((answer.reservation.unwrap(), answer.before.unwrap()))
}

#[test]
fn a_sign_up_is_changed_whole_and_kept_when_the_new_part_is_refused() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let range = Some(("2026-03-14", "2026-03-28"));
        let id = academy.reserve(&app, &student(1), "one", range).await.unwrap().reservation_id;
        academy.reserve(&app, &student(2), "two", range).await.unwrap();
        academy.reserve(&app, &student(3), "two", range).await.unwrap();
        let to = |template: &str, from: &str| pb::ChangeReservationRequest {
            reservation_id: id,
            class_template: template.to_owned(),
            from_day: from.to_owned(),
            request_id: format!("{template} {from}"),
            ..Default::default()
        };
        assert_eq!(change(&app, to("two", "")).await, Err("PLACES_EXHAUSTED".to_owned()));
        assert_eq!((state(&get(&app, id).await), taken(&app, "one").await.len()), ("BOOKED".to_owned(), 3));
        // Its own old lessons do not stand in its way, though they overlap.
        let (after, before) = change(&app, to("daily", "2026-03-21")).await.unwrap();
        assert_eq!(
            (after.class_template.as_str(), after.start_day.as_str(), after.last_day.as_str()),
            ("daily", "2026-03-21", "2026-03-28")
        );
        assert_eq!(
            (before.reservation_id, before.last_day.as_str(), state(&before)),
            (id, "2026-03-20", "BOOKED".to_owned())
        );
        assert_eq!(
            change(&app, to("daily", "2026-03-21")).await.unwrap().0.reservation_id,
            after.reservation_id,
            "the same request"
        );
        assert_eq!((taken(&app, "one").await.len(), taken(&app, "daily").await.len()), (1, 8));
        // Other days of the same template.
        let shorter = pb::ChangeReservationRequest {
            reservation_id: after.reservation_id,
            end_day: "2026-03-22".to_owned(),
            ..Default::default()
        };
        let (after, before) = change(&app, shorter).await.unwrap();
        assert_eq!(
            (after.last_day.as_str(), state(&before), taken(&app, "daily").await.len()),
            ("2026-03-22", "BOOKED".to_owned(), 2)
        );
        assert_eq!(before, after, "it is the same sign-up");
        super::cancel(&app, after.reservation_id, "").await;
        let again =
            pb::ChangeReservationRequest { reservation_id: after.reservation_id, ..Default::default() };
        assert_eq!(change(&app, again).await, Err("CANCELLED".to_owned()));
        no_drift(&app).await;
    });
}

/// Two classes run since Thursday: coach 1 has students 1 … 4, coach 2 has 5 … 8.
pub async fn running(app: TestApp) -> (Stage, Vec<pb::Class>) {
    let stage = Stage::monday(app, evening().coaches(2).students(12), 8).await;
    stage.ignore_messages("this story is about classes");
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1, 2], MATH).await;
    stage.minute("2026-03-05T15:00").await;
    let app: &TestApp = &stage;
    let classes =
        app.classes().list_classes(pb::ListClassesRequest::default()).await.unwrap().into_inner().classes;
    (stage, classes)
}

pub async fn reservation_of(app: &TestApp, number: usize) -> i64 {
    let request = pb::ListReservationsRequest { student: student(number), ..Default::default() };
    app.enrollment()
        .list_reservations(request)
        .await
        .unwrap()
        .into_inner()
        .reservations
        .last()
        .unwrap()
        .reservation_id
}

/// Of each class: its students, and the entries of its roster.
async fn students(app: &TestApp) -> Vec<(i32, usize)> {
    let listed =
        app.classes().list_classes(pb::ListClassesRequest::default()).await.unwrap().into_inner().classes;
    let mut found = Vec::new();
    for class in listed {
        let whole = app
            .classes()
            .get_class(pb::GetClassRequest { class_id: class.class_id })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(whole.class.as_ref(), Some(&class));
        found.push((class.students, whole.roster.len()));
    }
    found
}

#[test]
fn a_student_who_comes_back_is_one_student_of_the_class() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, classes) = running(app).await;
        stage.set_clock("2026-03-06T10:00").await;
        let id = reservation_of(&stage, 1).await;
        let request = pb::ChangeReservationRequest {
            reservation_id: id,
            end_day: "2026-04-16".to_owned(),
            ..Default::default()
        };
        change(&stage, request).await.unwrap();
        let (there, _) = move_to(&stage, id, classes[1].class_id, "2026-03-19").await.unwrap();
        move_to(&stage, there.reservation_id, classes[0].class_id, "2026-03-26").await.unwrap();
        assert_eq!(
            students(&stage).await,
            [(4, 5), (5, 5)],
            "the lessons of the twelfth and from the 26th on are in two parts"
        );
        // Five are no more than five.
        let class_template =
            Some(pb::ClassTemplate { max_students_per_class: 5, ..stage.academy.templates[0].clone() });
        let request = pb::UpsertClassTemplateRequest { class_template, ..Default::default() };
        stage.catalog().upsert_class_template(request).await.unwrap();
        stage.set_clock("2026-03-13T10:00").await;
        assert_eq!(
            students(&stage).await,
            [(4, 4), (5, 5)],
            "the first part is past, and no task has ended it yet"
        );
        stage.set_clock("2026-03-20T10:00").await;
        assert_eq!(students(&stage).await, [(4, 4), (4, 4)]);
        stage.set_clock("2026-04-17T10:00").await;
        assert_eq!(students(&stage).await, [(3, 3), (4, 4)]);
        // Over, a class is as it ended.
        stage.set_clock("2026-07-01T10:00").await;
        assert_eq!(students(&stage).await, [(3, 3), (4, 4)]);
        stage.fire("clazz remove_expired_students", None).await;
        assert_eq!(students(&stage).await, [(3, 3), (4, 4)]);
    });
}

#[test]
fn who_waits_for_a_class_and_goes_to_one_later_still_waits_for_the_lessons_before() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, classes) = running(app).await;
        stage.set_clock("2026-03-06T10:00").await;
        let sized = async |max_students_per_class| {
            let class_template =
                Some(pb::ClassTemplate { max_students_per_class, ..stage.academy.templates[0].clone() });
            let request = pb::UpsertClassTemplateRequest { class_template, ..Default::default() };
            stage.catalog().upsert_class_template(request).await.unwrap();
        };
        // Both classes are full for a moment.
        sized(4).await;
        let booked = stage
            .academy
            .reserve(&stage, &student(9), "math", Some(("2026-03-12", "2026-04-02")))
            .await
            .unwrap();
        assert_eq!(booked.state(), pb::ReservationState::Booked);
        sized(6).await;
        let request = pb::ChangeReservationRequest {
            reservation_id: booked.reservation_id,
            class_id: classes[0].class_id,
            from_day: "2026-03-26".to_owned(),
            end_day: "2026-04-09".to_owned(),
            ..Default::default()
        };
        let (after, before) = change(&stage, request).await.unwrap();
        assert_eq!(
            (after.state(), after.class_id, after.start_day.as_str()),
            (pb::ReservationState::Placed, classes[0].class_id, "2026-03-26")
        );
        assert_eq!(
            (before.state(), before.class_id, before.last_day.as_str()),
            (pb::ReservationState::Booked, 0, "2026-03-25")
        );
        no_drift(&stage).await;
    });
}

#[test]
fn staff_move_a_student_to_another_class_and_the_lessons_already_held_stay_where_they_were() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, classes) = running(app).await;
        let id = reservation_of(&stage, 1).await;
        // Before the first lesson was held the same reservation is simply in the other class; F has
        // come, so from the twelfth on.
        assert_eq!(move_to(&stage, id, classes[1].class_id, "2026-03-05").await.unwrap_err(), "TOO_LATE");
        stage.set_clock("2026-03-06T10:00").await;
        let (after, before) = move_to(&stage, id, classes[1].class_id, "").await.unwrap();
        assert_eq!(
            (after.start_day.as_str(), after.class_id, state(&after)),
            ("2026-03-12", classes[1].class_id, "PLACED".to_owned())
        );
        assert_eq!((before.last_day.as_str(), before.class_id), ("2026-03-11", classes[0].class_id));
        assert_eq!(
            students(&stage).await,
            [(3, 3), (5, 5)],
            "from now on, though the old part lasts until the eleventh"
        );
        let told: Vec<String> = stage.told_of("CLASS_CHANGED").await;
        assert_eq!(told, ["student-001"]);
        // The fuller one is full with six.
        for number in [2, 3] {
            let moved = move_to(&stage, reservation_of(&stage, number).await, classes[1].class_id, "").await;
            assert_eq!(moved.map(|_| ()).err(), (number == 3).then(|| "CLASS_FULL".to_owned()));
        }
        stage.academy.reserve(&stage, &student(9), "math", Some(("2026-05-01", "2026-06-01"))).await.unwrap();
        no_drift(&stage).await;
    });
}

#[test]
fn a_move_that_is_taken_back_before_it_was_told_is_not_told() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, classes) = running(app).await;
        stage.set_clock("2026-03-06T23:00").await;
        let [a, b] = [classes[0].class_id, classes[1].class_id];
        // There and back, and there again, at night.
        for (to, told) in [(b, 1), (a, 0), (b, 1)] {
            move_to(&stage, reservation_of(&stage, 1).await, to, "2026-03-12").await.unwrap();
            let request = pb::ListMessagesRequest {
                person: student(1),
                kinds: vec![pb::MessageKind::ClassChanged.into()],
                states: vec![pb::MessageState::Deferred.into()],
                ..Default::default()
            };
            let waits = stage.outbox().list_messages(request).await.unwrap().into_inner().messages;
            assert_eq!(waits.len(), told, "moved to {to}");
        }
        stage.set_clock("2026-03-07T07:00").await;
        stage.fire("sms send", None).await;
        // It is heard: back again is news.
        move_to(&stage, reservation_of(&stage, 1).await, a, "2026-03-12").await.unwrap();
        stage.told().await;
        assert_eq!(stage.fire("sms send", None).await.messages, 1);
        no_drift(&stage).await;
    });
}

#[test]
fn who_is_in_no_class_cannot_be_moved() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, classes) = running(app).await;
        stage.set_clock("2026-03-06T10:00").await;
        // Beyond the season's last lesson of the classes nobody sits: with two seats left in each,
        // the fifth waits for a task.
        for number in 9..=12 {
            stage
                .academy
                .reserve(&stage, &student(number), "math", Some(("2026-03-12", "2026-06-28")))
                .await
                .unwrap();
        }
        super::cancel(&stage, reservation_of(&stage, 9).await, "").await;
        assert_eq!(
            move_to(&stage, reservation_of(&stage, 9).await, classes[0].class_id, "").await.unwrap_err(),
            "NO_CLASS"
        );
    });
}

#[test]
fn who_cannot_be_moved_is_told_what_is_wrong_with_the_class_or_the_day() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(
            app,
            evening().period("20:30", "21:30").template("other", TH).coaches(1).students(4),
            4,
        )
        .await;
        stage.ignore_messages("this story is about answers");
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        let of = async |text| sql(text).column::<i64>(stage.db().reader()).await.unwrap()[0];
        let own = of("SELECT MAX(id) FROM class").await;
        let copy = "INSERT INTO class (template_id, task_id, coach_id, state, first_day, last_day, \
             formed_at) \
             SELECT t.id, c.task_id, c.coach_id, c.state, c.first_day, c.last_day, c.formed_at FROM class c \
             JOIN class_template t ON t.code = 'other'";
        write_txn!(stage.db(), "test.class", |txn| sql(copy).execute(txn).await).unwrap();
        let foreign = of("SELECT MAX(id) FROM class").await;
        let id = reservation_of(&stage, 1).await;
        let told = async |class_id, from: &str| {
            let (operator, remark) = ("wang".to_owned(), "家长要求".to_owned());
            let request = pb::MoveStudentRequest {
                reservation_id: id,
                class_id,
                from_day: from.to_owned(),
                operator,
                remark,
                request_id: String::new(),
            };
            let refused = stage.enrollment().move_student(request).await.unwrap_err();
            (refused.code(), refused.message().to_owned())
        };
        let (code, message) = told(foreign, "").await;
        assert_eq!(
            (code, message.as_str()),
            (Code::InvalidArgument, "class_id: belongs to another class template")
        );
        let (code, message) = told(foreign + 1, "").await;
        assert_eq!((code, message), (Code::NotFound, format!("class \"{}\" does not exist", foreign + 1)));
        let (code, message) = told(own, "2026-10-26").await;
        let nothing = "the student has no lesson of this reservation ahead from 2026-10-26 on";
        assert_eq!((code, message.as_str()), (Code::FailedPrecondition, nothing));
    });
}

#[test]
fn after_the_cut_off_a_sign_up_starts_in_a_running_class_until_its_roster_freezes() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, _) = running(app).await;
        stage.set_clock("2026-03-09T00:00").await;
        stage.fire("invite create", None).await;
        let from = Some(("2026-03-12", "2026-06-28"));
        stage.set_clock("2026-03-12T14:59").await;
        assert_eq!(said(stage.academy.reserve(&stage, &student(9), "math", from).await), "PLACED");
        let hold = pb::HoldPlacesRequest {
            student: student(10),
            class_template: "math".to_owned(),
            start_day: "2026-03-12".to_owned(),
            end_day: "2026-06-28".to_owned(),
            request_id: String::new(),
        };
        let held = stage.enrollment().hold_places(hold).await.unwrap().into_inner().reservation.unwrap();
        assert_eq!(
            held.expire_time.unwrap().seconds,
            stage.instant("2026-03-12T15:00").unix(),
            "never past F"
        );
        let request = pb::ConfirmHoldRequest { reservation_id: held.reservation_id };
        let confirmed =
            stage.enrollment().confirm_hold(request).await.unwrap().into_inner().reservation.unwrap();
        assert_eq!((state(&confirmed), confirmed.class_id), ("PLACED".to_owned(), held.class_id));
        stage.set_clock("2026-03-12T15:00").await;
        assert_eq!(said(stage.academy.reserve(&stage, &student(11), "math", from).await), "TOO_LATE");
        no_drift(&stage).await;
    });
}
