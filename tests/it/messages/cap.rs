//! The cap of a number: a message over it waits for room, and is never lost in silence.

use super::world::{World, at};
use etutor::app::outbox::Draft;
use etutor::domain::state::{Channel, MessageKind, MessageState};
use etutor::domain::time::Instant;
use etutor::rpc::pb;
use etutor::storage::entity::message;
use etutor::testing::{Academy, TestApp, TestDb, academy, on_every_app_at, on_every_database};

/// So many notices to coach 1, of use until an instant.
fn notices(world: &World, count: usize, version: &str, valid_until: Instant) -> Vec<Draft> {
    let draft = |number| Draft {
        version: format!("{version}-{number}"),
        valid_until,
        ..world.draft(MessageKind::NoLongerNeeded, "c1")
    };
    (0..count).map(draft).collect()
}

/// Those that wait, with the instants until which they do.
async fn waiting(world: &World) -> Vec<Instant> {
    let waits = |row: &message::Model| row.state == MessageState::Deferred && row.error == "CAP";
    world.messages().await.iter().filter(|row| waits(row)).map(|row| row.due_at).collect()
}

#[test]
fn what_is_over_the_cap_goes_when_there_is_room() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let later = at("00:00") + chrono::TimeDelta::days(5);
        world.write(notices(&world, 14, "a", later), at("10:00")).await;
        let report = world.send(at("10:00")).await;
        assert_eq!((report.messages, report.skipped["DEFERRED"], report.failed), (10, 4, 0));
        assert_eq!(waiting(&world).await, [at("10:10"); 4], "when the ten have left the ten minutes");
        assert_eq!(world.send(at("10:09:59")).await.examined, 0, "nobody looks before");
        assert_eq!(world.send(at("10:10")).await.messages, 4);
        // Twenty a day: six more, and the rest when the window of the next day opens.
        world.write(notices(&world, 9, "b", later), at("11:00")).await;
        assert_eq!(world.send(at("11:00")).await.messages, 6);
        assert_eq!(waiting(&world).await, [at("31:00"); 3]);
        assert_eq!(world.send(at("30:59:59")).await.examined, 0);
        assert_eq!(world.send(at("31:00")).await.messages, 3);
        assert!(world.states().await.iter().all(|state| *state == MessageState::Captured));
        let bare = |row: &message::Model| row.error.is_empty();
        assert!(world.messages().await.iter().all(bare), "nothing is left of the wait");
    });
}

#[test]
fn offers_and_answers_go_though_the_number_had_enough_and_count_for_the_rest() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let answers = (0..12)
            .map(|number| Draft { version: number.to_string(), ..world.draft(MessageKind::Accepted, "c1") });
        world.write(answers.collect(), at("10:00")).await;
        world.write(vec![world.draft(MessageKind::NoLongerNeeded, "c1")], at("10:00")).await;
        world.invite("c1", at("10:00")).await;
        let report = world.send(at("10:00")).await;
        assert_eq!((report.messages, report.skipped["DEFERRED"]), (13, 1));
        assert_eq!(waiting(&world).await, [at("10:10")]);
        assert_eq!(world.send(at("10:10")).await.messages, 1);
    });
}

#[test]
fn what_waited_for_room_until_it_was_of_no_use_is_told_to_every_admin_once() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        world.write(notices(&world, 13, "a", at("22:05")), at("21:58")).await;
        world.send(at("21:58")).await;
        // There would be room at 22:08, in the window of the next morning.
        assert_eq!(waiting(&world).await, [at("22:05"); 3], "looked at when they are of no use");
        let report = world.send(at("22:05")).await;
        assert_eq!((report.skipped.clone(), report.failed), ([("CAP".to_owned(), 3)].into(), 0));
        assert!(report.notes[0].starts_with("3 messages ran out while the cap held them back"));
        let all = world.messages().await;
        let lost = all.iter().filter(|row| (row.state, row.error.as_str()) == (MessageState::Expired, "CAP"));
        assert_eq!(lost.count(), 3);
        let told: Vec<&message::Model> =
            all.iter().filter(|row| row.kind == MessageKind::MessagesCapped).collect();
        let to: Vec<_> = told.iter().map(|row| (row.person.as_str(), row.channel, row.state)).collect();
        let (waits, goes) = (MessageState::Deferred, MessageState::Queued);
        assert_eq!(
            to,
            [
                ("王老师", Channel::Sms, waits),
                ("王老师", Channel::Mail, goes),
                ("李老师", Channel::Mail, goes),
                ("张老师", Channel::Sms, waits),
                ("张老师", Channel::Mail, goes),
            ],
            "whatever their subjects; the SMS leaves them asleep"
        );
        assert!(told[0].body.contains("有3条短信") && told[0].body.contains("涉及1人：带班取消3。"));
        world.send(at("22:06")).await;
        assert_eq!(world.messages().await.len(), all.len(), "once");
        world.send(at("31:00")).await;
        let capped = world.messages().await.into_iter().filter(|row| row.kind == MessageKind::MessagesCapped);
        assert!(capped.map(|row| row.state).all(|state| state == MessageState::Captured));
    });
}

#[test]
fn what_waits_for_room_costs_no_statement_each() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        world.students(40).await;
        let later = at("00:00") + chrono::TimeDelta::days(5);
        let many = |students: std::ops::Range<i64>, version: &str| -> Vec<Draft> {
            let to = |number: i64| (0..11).map(move |of| (number, of));
            students
                .flat_map(to)
                .map(|(number, of)| Draft {
                    person: world.student(number),
                    version: format!("{version}-{of}"),
                    valid_until: later,
                    ..world.draft(MessageKind::ClassChanged, "")
                })
                .collect()
        };
        // Each number has its own moment at which there is room again.
        for number in 0..40 {
            world.write(many(number..number + 1, "a"), at("10:00")).await;
            world.send(at("10:00") + chrono::TimeDelta::seconds(number)).await;
        }
        world.write(many(0..1, "b"), at("10:05")).await;
        let (_, one) = db.statements().of(async || world.send(at("10:05")).await).await;
        world.write(many(1..40, "b"), at("10:05")).await;
        let (report, all) = db.statements().of(async || world.send(at("10:05")).await).await;
        assert_eq!(report.skipped["DEFERRED"], 39 * 11);
        assert_eq!(all.len(), one.len());
    });
}

#[test]
fn a_fortnights_holiday_over_a_daily_class_reaches_its_student_whole() {
    on_every_app_at("2026-03-02T12:00", async |app: TestApp| {
        let academy = Academy::new().period("19:00", "20:00").template("daily", "FREQ=DAILY").students(1);
        let academy = academy.build(&app).await;
        academy
            .reserve(&app, &academy::student(1), "daily", Some(("2026-03-09", "2026-04-12")))
            .await
            .unwrap();
        let except_days = (16..30).map(|day| format!("2026-03-{day}")).collect();
        let season = Some(pb::Season { except_days, ..academy.season.clone() });
        let request = pb::UpsertSeasonRequest { season, request_id: String::new(), validate_only: false };
        app.catalog().upsert_season(request).await.unwrap();
        app.fire("sms send", None).await;
        app.set_clock("2026-03-02T12:10").await;
        app.fire("sms send", None).await;
        let rows = app.messages().await;
        assert_eq!(rows.iter().map(|row| row.kind).collect::<Vec<_>>(), [MessageKind::LessonCancelled]);
        assert_eq!(rows[0].state, MessageState::Captured);
        let days = (16..30).map(|day| day.to_string()).collect::<Vec<_>>().join("、");
        assert!(rows[0].body.contains(&format!("3月{days}日19:00")), "{}", rows[0].body);
    });
}
