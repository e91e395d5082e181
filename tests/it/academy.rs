//! Two weeks of a small academy with lessons every day and every other day, at dawn, at noon,
//! shortly before midnight and across it: running classes meet new sign-ups, and students leave. In
//! `season` the academy is a real one. These stories are the longest: by their name they begin
//! first, so that none of them is left running alone at the end.

mod season;

use crate::replay::player::Player;
use etutor::demo::behaviour::Behaviour;
use etutor::domain::time::{Day, add_days};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::{Academy, coach, student};
use etutor::testing::{TestApp, on_every_app_at};
use std::collections::{BTreeMap, HashMap};
use tonic::Code;
use tonic_types::StatusExt;

const TEMPLATES: [&str; 4] = ["dawn", "noon", "night", "midnight"];
const END: &str = "2026-03-18";

/// 12 coaches for four templates of up to three classes of four; a third of the coaches take no
/// students of their own city.
fn academy() -> Academy {
    let mut academy = Academy::new()
        .season("2026-03-05", END)
        .period("06:00", "07:00")
        .template("dawn", "FREQ=DAILY")
        .classes(3, 4)
        .period("12:00", "13:00")
        .template("noon", "FREQ=DAILY;INTERVAL=2")
        .classes(3, 4)
        .period("23:30", "23:55")
        .template("night", "FREQ=DAILY;INTERVAL=2")
        .classes(3, 4);
    academy = academy.period("23:30", "00:30");
    academy.periods.last_mut().unwrap().code = "p2330over".to_owned();
    let mut academy =
        academy.template("midnight", "FREQ=DAILY").classes(3, 4).coaches(12).students(80).change_coaches(
            |number, coach| {
                coach.rank = 1 + (number % 3) as i32;
                coach.area_code = if number % 2 == 0 { "110100" } else { "310100" }.to_owned();
                coach.forbid_same_city = number % 3 == 0;
            },
        );
    for (index, student) in academy.students.iter_mut().enumerate() {
        student.area_code = if index % 3 == 0 { "110100" } else { "310100" }.to_owned();
    }
    academy
}

/// Most say yes, quickly; some are slow, some fail the test.
fn habits() -> HashMap<String, Behaviour> {
    let of = |number: usize| Behaviour {
        accept_probability: [0.9, 0.6, 0.3][number % 3],
        median_answer_minutes: [15.0, 60.0, 200.0][number % 3],
        pass_test_probability: if number.is_multiple_of(5) { 0.3 } else { 0.9 },
    };
    (1..=12).map(|number| (coach(number), of(number))).collect()
}

async fn sign_up(
    app: &TestApp,
    academy: &Academy,
    number: usize,
    template: &str,
    from: Day,
    refused: &mut BTreeMap<String, u32>,
) -> Option<i64> {
    match academy.reserve(app, &student(number), template, Some((&from.to_string(), END))).await {
        Ok(reservation) => Some(reservation.reservation_id),
        Err(status) => {
            assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
            *refused.entry(status.get_details_error_info().unwrap().reason).or_default() += 1;
            None
        }
    }
}

#[test]
fn two_weeks_of_lessons_at_all_hours() {
    on_every_app_at("2026-03-01", async |app| {
        app.ignore_messages("the replay's invariants look at them");
        let academy = academy().build(&app).await;
        let (mut signed, mut refused, mut next) = (Vec::new(), BTreeMap::new(), 1);
        for template in TEMPLATES {
            for _ in 0..7 {
                signed.extend(
                    sign_up(&app, &academy, next, template, "2026-03-05".parse().unwrap(), &mut refused)
                        .await,
                );
                next += 1;
            }
        }
        assert_eq!(signed.len(), 28, "{refused:?}");
        let mut player = Player::new(&app, habits());
        let end: Day = END.parse().unwrap();
        let mut day: Day = "2026-03-02".parse().unwrap();
        while day <= end {
            player.play(app.time().midnight(day), app.instant(&format!("{day}T12:00")), 30).await;
            // At half past twelve people sign up, some for classes that run already, and now and
            // then somebody leaves.
            app.set_clock(&format!("{day}T12:30")).await;
            for template in TEMPLATES {
                if next <= 80 && add_days(day, 5) < end {
                    signed.extend(
                        sign_up(&app, &academy, next, template, add_days(day, 4), &mut refused).await,
                    );
                    next += 1;
                }
            }
            if next.is_multiple_of(2) && !signed.is_empty() {
                let reservation_id = signed.remove(signed.len() / 3);
                let request = pb::CancelReservationRequest { reservation_id, ..Default::default() };
                app.enrollment().cancel_reservation(request).await.unwrap();
            }
            player.play(app.instant(&format!("{day}T12:30")), app.instant(&format!("{day}T23:30")), 30).await;
            day = add_days(day, 1);
        }
        let (placed, missed) = player.invariants.nobody_dropped(&app, app.instant("2026-03-19T00:30")).await;
        let states: Vec<(String, i64)> =
            sql("SELECT state, COUNT(*) AS n FROM class_task GROUP BY state ORDER BY state")
                .tuples(app.db().reader())
                .await
                .unwrap();
        let seated: Vec<i64> =
            sql("SELECT COUNT(*) AS n FROM reservation r JOIN class c ON c.id = r.class_id \
                WHERE r.placed_from > c.first_day")
            .column(app.db().reader())
            .await
            .unwrap();
        println!(
            "tasks {states:?}; {placed} students placed, {} in classes that ran; {missed} lessons missed and \
             told; sign-ups refused {refused:?}; answers refused {:?}",
            seated[0], player.refused
        );
        assert!(seated[0] > 0, "no new sign-up met a running class");
        assert!(placed > 40, "{placed} placed");
    });
}
