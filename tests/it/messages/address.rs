//! A message goes to the number that the person has at the hand-over.

use super::world::{World, at};
use etutor::app::outbox::{Draft, Person};
use etutor::config::Config;
use etutor::domain::state::{Channel, InvitationState, MessageKind, MessageState};
use etutor::rpc::pb;
use etutor::testing::{Academy, TestApp, TestDb, academy, on_every_app_at, on_every_database};

#[test]
fn a_number_corrected_at_night_gets_the_message_of_the_morning() {
    on_every_app_at("2026-03-02T23:00", async |app: TestApp| {
        let academy = Academy::new().period("19:00", "20:00").template("daily", "FREQ=DAILY").students(1);
        let academy = academy.build(&app).await;
        let range = Some(("2026-03-09", "2026-03-15"));
        academy.reserve(&app, &academy::student(1), "daily", range).await.unwrap();
        let season = Some(pb::Season { except_days: vec!["2026-03-12".into()], ..academy.season.clone() });
        let request = pb::UpsertSeasonRequest { season, request_id: String::new(), validate_only: false };
        app.catalog().upsert_season(request).await.unwrap();
        app.fire("sms send", None).await;
        let corrected = pb::Student { phone: "+9992999999".to_owned(), ..academy.students[0].clone() };
        let request = pb::UpsertStudentRequest { student: Some(corrected), request_id: String::new() };
        app.students().upsert_student(request).await.unwrap();
        app.set_clock("2026-03-03T07:00").await;
        app.fire("sms send", None).await;
        let told = app.messages().await;
        let told: Vec<_> = told.iter().map(|row| (row.kind, row.state, row.address.as_str())).collect();
        assert_eq!(told, [(MessageKind::LessonCancelled, MessageState::Captured, "+9992999999")]);
    });
}

#[test]
fn admins_are_those_of_the_configuration_of_now() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let alarm = Draft {
            person: Person::Admins { subject_id: 1 },
            task_id: Some(world.task),
            ..world.draft(MessageKind::TaskShort, "")
        };
        world.write(vec![alarm], at("23:00")).await;
        // 王老师 has another number, 李老师 is no admin any more.
        let mut config: Config = (*world.app.config).clone();
        config.admins.retain(|admin| admin.name != "李老师");
        config.admins[0].phone = "+999000000009".to_owned();
        world.app.follow(&config);
        let report = world.send(at("31:00")).await;
        assert_eq!((report.messages, report.skipped["CANCELLED"], report.failed), (2, 1, 0));
        let rows = world.messages().await;
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.channel, row.address.as_str(), row.state, row.error.as_str()))
            .collect();
        assert_eq!(
            rows,
            [
                (Channel::Sms, "+999000000009", MessageState::Captured, ""),
                (Channel::Mail, "王老师@example.org", MessageState::Captured, ""),
                (Channel::Mail, "李老师@example.org", MessageState::Cancelled, "no longer an admin"),
            ]
        );
    });
}

#[test]
fn who_has_no_number_gets_nothing_and_the_message_has_failed() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let invitation = world.invite("c1", at("07:00")).await;
        world.set_phone("c1", "").await;
        world.send(at("07:00")).await;
        assert_eq!(world.states().await, [MessageState::Deferred], "there may be one when it is time");
        let report = world.send(at("08:00")).await;
        assert_eq!((report.messages, report.failed), (0, 1));
        let row = &world.messages().await[0];
        assert_eq!((row.state, row.error.as_str()), (MessageState::Failed, "no address"));
        assert_eq!(world.invitation(invitation).await.state, InvitationState::Undelivered);
    });
}

#[test]
fn the_cap_counts_what_a_number_got_whoever_had_it() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let notices = |coach: &str, count: usize| -> Vec<Draft> {
            let draft = |version: usize| Draft {
                version: version.to_string(),
                ..world.draft(MessageKind::NoLongerNeeded, coach)
            };
            (0..count).map(draft).collect()
        };
        world.write(notices("c1", 12), at("10:00")).await;
        assert_eq!(world.send(at("10:00")).await.messages, 10);
        // Coach 1 has another number now, and coach 2 the one of coach 1: who waits for coach 1
        // does so until then, and what is new goes.
        world.set_phone("c1", "+999200000011").await;
        world.set_phone("c2", "+999200000001").await;
        world.write(notices("c1", 13), at("10:05")).await;
        world.write(notices("c2", 1), at("10:05")).await;
        let report = world.send(at("10:05")).await;
        assert_eq!((report.messages, report.skipped["DEFERRED"]), (1, 1));
        let rows = world.messages().await;
        let of = |person: &str, state| {
            rows.iter().filter(|row| row.person == person && row.state == state).count()
        };
        assert_eq!((of("c1", MessageState::Captured), of("c2", MessageState::Captured)), (11, 0));
        assert_eq!(world.send(at("10:10")).await.messages, 3);
    });
}
