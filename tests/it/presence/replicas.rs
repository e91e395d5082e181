//! Presence on several servers, and after a restart.

use super::{at, beat, eventually, get, last_login, login, logout, peopled, present, spans};
use etutor::app::presence::write_gathered;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::{coach, student};
use etutor::testing::{TestApp, on_every_app};
use futures_util::future::{try_join_all, try_join3};

#[test]
fn two_servers_that_hear_of_the_same_person_extend_the_same_span() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let other = app.replica().await;
        for name in [coach(1), student(1)] {
            let servers = [&app, &other, &app, &other];
            let begin = app.now().await.unwrap();
            try_join_all(servers.map(|server| beat(server, &name))).await.unwrap();
            for (seconds, server) in [(30, &app), (35, &other), (60, &app), (65, &other)] {
                app.set_clock_to(begin + chrono::TimeDelta::seconds(seconds)).await;
                beat(server, &name).await.unwrap();
            }
            // In whatever order they write, the last that was heard stays.
            write_gathered(&other).await.unwrap();
            write_gathered(&app).await.unwrap();
            let seen = spans(&app, &name).await;
            assert_eq!((seen.len(), seen == spans(&other, &name).await), (1, true), "{seen:?}");
            let to = get(&app, &name).await.spans[0].to_time.unwrap().seconds;
            assert_eq!(to, begin.unix() + 65, "{name}");
        }
    });
}

#[test]
fn many_who_come_on_two_servers_at_once_are_there_once() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let other = app.replica().await;
        let names: Vec<String> = (1..=10).map(student).collect();
        let calls = names.iter().flat_map(|name| [(&app, name), (&other, name)]);
        try_join_all(calls.map(|(server, name)| login(server, name))).await.unwrap();
        let rows: Vec<i64> =
            sql("SELECT COUNT(*) FROM presence_span").column(app.db().reader()).await.unwrap();
        assert_eq!(rows, [10]);
        assert_eq!(present(&other, pb::Audience::Student, 0).await.concat().len(), 10);
    });
}

#[test]
fn a_logout_on_one_server_ends_what_another_has_heard() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let other = app.replica().await;
        login(&app, &student(1)).await.unwrap();
        beat(&other, &student(1)).await.unwrap();
        at(&app, 20).await;
        beat(&other, &student(1)).await.unwrap();
        at(&app, 25).await;
        assert!(logout(&app, &student(1)).await.unwrap());
        write_gathered(&other).await.unwrap();
        assert_eq!(spans(&app, &student(1)).await, ["0-25 LOGOUT"], "what is older than it changes nothing");
        // By now the other server knows.
        at(&app, 50).await;
        beat(&other, &student(1)).await.unwrap();
        assert_eq!(spans(&app, &student(1)).await, ["0-25 LOGOUT", "50-50 OPEN"]);
        // It does not, and finds out when it writes.
        at(&app, 60).await;
        assert!(logout(&app, &student(1)).await.unwrap());
        at(&app, 80).await;
        beat(&other, &student(1)).await.unwrap();
        write_gathered(&other).await.unwrap();
        assert_eq!(spans(&app, &student(1)).await, ["0-25 LOGOUT", "50-60 LOGOUT", "80-80 OPEN"]);
    });
}

#[test]
fn a_server_that_crashes_loses_no_login_and_what_comes_after_it_goes_on() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let crashing = app.replica().await;
        login(&crashing, &coach(1)).await.unwrap();
        at(&app, 30).await;
        beat(&crashing, &coach(1)).await.unwrap();
        // Gone, with what it has gathered.
        let another = app.replica().await;
        assert_eq!(spans(&another, &coach(1)).await, ["0-0 OPEN"]);
        at(&app, 60).await;
        assert!(get(&another, &coach(1)).await.present);
        beat(&another, &coach(1)).await.unwrap();
        assert_eq!(spans(&another, &coach(1)).await, ["0-60 OPEN"]);
    });
}

#[test]
fn a_coach_whom_others_keep_locked_is_present_and_holds_nobody_up() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        if app.db().is_sqlite() {
            return; // who locks anything has the whole database
        }
        let import = app.db().begin_write().await.unwrap();
        sql("UPDATE coach SET version = version + 1 WHERE user_name = ?")
            .bind(coach(1))
            .execute(&import)
            .await
            .unwrap();
        let names = [coach(1), coach(2), student(1)];
        let [locked, other, student] = names.each_ref().map(|name| login(&app, name));
        try_join3(locked, other, student).await.unwrap();
        for name in &names {
            assert_eq!(spans(&app, name).await, ["0-0 OPEN"], "{name}");
        }
        drop(import);
        for name in [coach(1), coach(2)] {
            eventually("kept", async || last_login(&app, &name).await == Some(0)).await;
        }
    });
}

#[test]
fn who_came_before_the_clock_was_set_back_is_not_present_and_may_come_again() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        at(&app, 1_000).await;
        login(&app, &coach(1)).await.unwrap();
        beat(&app, &student(1)).await.unwrap();
        at(&app, 910).await;
        assert_eq!(present(&app, pb::Audience::Unspecified, 0).await, [[coach(1), student(1)]]);
        at(&app, 500).await;
        assert_eq!(present(&app, pb::Audience::Unspecified, 0).await, [Vec::<String>::new()]);
        assert!(!get(&app, &coach(1)).await.present);
        login(&app, &coach(1)).await.unwrap();
        beat(&app, &student(1)).await.unwrap();
        assert_eq!(present(&app, pb::Audience::Unspecified, 0).await, [[coach(1), student(1)]]);
        assert_eq!(last_login(&app, &coach(1)).await, Some(500));
        at(&app, 530).await;
        beat(&app, &coach(1)).await.unwrap();
        write_gathered(&app).await.unwrap();
        assert!(get(&app, &coach(1)).await.present);
    });
}
