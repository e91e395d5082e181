//! Many callers at once end as if they had come one after the other. On SQLite alone that proves
//! little; the tests run on every database.

use crate::staffing::stage::SATURDAY;
use crate::{make_ups, substitutions};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::coach;
use etutor::testing::{Academy, TestApp, on_every_app, on_every_app_at};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use tonic::Status;

/// A class of 12 on Saturday with so many coaches, signed up for on Monday; it is Wednesday, 08:00.
async fn wednesday(app: &TestApp, coaches: usize, classes: i32) -> Academy {
    let academy =
        Academy::new().period("19:00", "20:30").template("sat", "FREQ=WEEKLY;BYDAY=SA").classes(classes, 2);
    let students = usize::try_from(classes).unwrap() * 2;
    let academy = academy.coaches(coaches).students(students).build(app).await;
    academy.reserve_all(app, "sat", 1, students, None).await;
    app.set_clock("2026-03-04T08:00").await;
    academy
}

async fn invitations(app: &TestApp) -> Vec<pb::Invitation> {
    let request = pb::StaffingServiceListInvitationsRequest { page_size: 1000, ..Default::default() };
    app.staffing().list_invitations(request).await.unwrap().into_inner().invitations
}

async fn task(app: &TestApp) -> pb::ClassTask {
    let request = pb::GetClassTaskRequest {
        task_id: 0,
        class_template: "sat".to_owned(),
        day: "2026-03-07".to_owned(),
    };
    app.staffing().get_class_task(request).await.unwrap().into_inner().class_task.unwrap()
}

async fn accept(app: &TestApp, invitation: &pb::Invitation) -> Result<pb::InvitationState, Status> {
    let request = pb::AcceptInvitationRequest {
        invitation_id: invitation.invitation_id,
        coach: invitation.coach.clone(),
    };
    // What a client does with ABORTED: the same call again.
    loop {
        match app.invitations().accept_invitation(request.clone()).await {
            Ok(answer) => return Ok(answer.into_inner().invitation.unwrap().state()),
            Err(status) if status.code() == tonic::Code::Aborted => {}
            Err(status) => return Err(status),
        }
    }
}

#[test]
fn fifty_coaches_accept_one_place_and_one_has_it() {
    on_every_app(async |app: TestApp| {
        app.ignore_messages("this is about states");
        wednesday(&app, 50, 1).await;
        app.fire("invite create", None).await;
        let task = task(&app).await;
        assert_eq!(task.needed, 1);
        let by_hand = (1..=50).map(|number| pb::InviteCoachRequest {
            task_id: task.task_id,
            coach: etutor::testing::academy::coach(number),
            operator: "wang".to_owned(),
            r#override: true,
            remark: "a race".to_owned(),
            ..Default::default()
        });
        for request in by_hand {
            app.staffing().invite_coach(request).await.unwrap();
        }
        let (asked, replica) = (invitations(&app).await, app.replica().await);
        assert_eq!(asked.len(), 50);
        let answers = asked
            .iter()
            .enumerate()
            .map(|(n, invitation)| accept(if n % 2 == 0 { &app } else { &replica }, invitation));
        let mut counts = BTreeMap::new();
        for answer in join_all(answers).await {
            *counts.entry(answer.unwrap()).or_insert(0) += 1;
        }
        assert_eq!(
            counts,
            BTreeMap::from([(pb::InvitationState::Accepted, 1), (pb::InvitationState::Reserve, 49)])
        );
    });
}

#[test]
fn two_hundred_students_reserve_the_last_place_and_one_has_it() {
    on_every_app(async |app: TestApp| {
        let academy =
            Academy::new().period("19:00", "20:30").template("sat", "FREQ=WEEKLY;BYDAY=SA").classes(1, 3);
        let academy = academy.students(202).build(&app).await;
        academy.reserve_all(&app, "sat", 201, 202, None).await;
        let replica = app.replica().await;
        let answers = (1..=200).map(|number| {
            let (app, academy) = (if number % 2 == 0 { &app } else { &replica }, &academy);
            async move {
                loop {
                    match academy.reserve(app, &etutor::testing::academy::student(number), "sat", None).await
                    {
                        Err(status)
                            if matches!(
                                status.code(),
                                tonic::Code::Aborted | tonic::Code::ResourceExhausted
                            ) => {}
                        answer => return answer,
                    }
                }
            }
        });
        let (made, refused): (Vec<_>, Vec<_>) = join_all(answers).await.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), 1);
        let reasons: BTreeSet<String> =
            refused.into_iter().map(|status| reason(&status.unwrap_err())).collect();
        assert_eq!(reasons, BTreeSet::from(["PLACES_EXHAUSTED".to_owned()]));
        let taken = sql("SELECT MIN(taken), MAX(taken) FROM place")
            .tuples::<(i32, i32)>(app.db().reader())
            .await
            .unwrap();
        assert_eq!(taken, [(3, 3)]);
    });
}

fn reason(status: &Status) -> String {
    use tonic_types::StatusExt;
    status.get_error_details().error_info().map_or_else(|| format!("{status:?}"), |info| info.reason.clone())
}

/// All that tasks make, but for ids and versions.
async fn made(app: &TestApp) -> (Vec<(String, i32, i32)>, BTreeSet<(String, String)>, BTreeSet<String>) {
    let tasks = sql("SELECT state, students, needed FROM class_task ORDER BY template_id, day")
        .tuples(app.db().reader())
        .await
        .unwrap();
    let asked = sql("SELECT c.user_name, i.state FROM invitation i JOIN coach c ON c.id = i.coach_id")
        .tuples::<(String, String)>(app.db().reader());
    let asked: Vec<_> = asked.await.unwrap();
    let keys = app.messages().await.into_iter().map(|message| message.dedup_key);
    let counted = (asked.len(), asked.into_iter().collect::<BTreeSet<_>>());
    assert_eq!(counted.0, counted.1.len(), "nobody is asked twice");
    (tasks, counted.1, keys.collect())
}

#[test]
fn tasks_fired_twenty_times_at_once_do_what_one_firing_does() {
    on_every_app(async |app: TestApp| {
        wednesday(&app, 20, 3).await;
        let replica = app.replica().await;
        let at_once = async |words: &str| {
            let firings = (0..20)
                .map(|number| (if number % 2 == 0 { &app } else { &replica }).try_fire(words, None, None));
            for answer in join_all(firings).await {
                // A firing that has lost against the others may say so; the next minute fires
                // again.
                assert!(
                    answer.as_ref().is_ok_and(|report| report.failed == 0)
                        || answer.as_ref().is_err_and(|status| status.code() == tonic::Code::Aborted),
                    "{answer:?}"
                );
            }
        };
        at_once("invite create").await;
        at_once("invite exec").await;
        let (tasks, asked, messages) = made(&app).await;
        assert_eq!(tasks, [("INVITING".to_owned(), 6, 3)]);
        assert_eq!(asked.len(), 6, "3 missing, wave factor 2.0: {asked:?}");
        assert_eq!(messages.len(), 6);

        // One firing of each on an equal academy makes the same.
        let alone = TestApp::start(
            etutor::testing::TestDb::new(&etutor::testing::database::Kind::Sqlite).await,
            etutor::testing::app::START,
            |_| (),
        )
        .await;
        wednesday(&alone, 20, 3).await;
        alone.fire("invite create", None).await;
        alone.fire("invite exec", None).await;
        assert_eq!(made(&alone).await, (tasks, asked, messages));
    });
}

#[test]
fn a_tick_fired_by_many_runs_once() {
    on_every_app(async |app: TestApp| {
        wednesday(&app, 4, 1).await;
        let replica = app.replica().await;
        let tick = Some("2026-03-04T08:00");
        let firings = (0..20).map(|number| {
            (if number % 2 == 0 { &app } else { &replica }).try_fire("invite create", None, tick)
        });
        let reports: Vec<_> = join_all(firings).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(reports.iter().filter(|report| !report.already_done).count(), 1, "{reports:#?}");
        assert_eq!(reports.iter().map(|report| report.run_id).collect::<BTreeSet<_>>().len(), 1);
    });
}

/// The answers to a request that a client sends eight times at once, to two servers.
async fn at_once<T>(
    app: &TestApp,
    replica: &TestApp,
    send: impl AsyncFn(&TestApp) -> Result<T, Status>,
) -> Vec<T> {
    let answers = (0..8).map(|number| {
        let (app, send) = (if number % 2 == 0 { app } else { replica }, &send);
        async move {
            loop {
                match send(app).await {
                    Err(status) if status.code() == tonic::Code::Aborted => {}
                    answer => return answer,
                }
            }
        }
    });
    join_all(answers).await.into_iter().map(Result::unwrap).collect()
}

#[test]
fn a_plan_that_is_sent_many_times_at_once_is_made_once_and_answered_each_time() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = substitutions::formed(app).await;
        make_ups::absent(&stage).await;
        stage.set_clock("2026-03-13T10:00").await;
        let request = pb::ScheduleMakeUpRequest {
            class_id: 1,
            lesson_days: vec!["2026-03-12".to_owned()],
            day: "2026-03-18".to_owned(),
            period: "p1900".to_owned(),
            operator: "wang".to_owned(),
            remark: "教练缺席".to_owned(),
            request_id: "m-1".to_owned(),
        };
        let replica = stage.replica().await;
        let plan = async |app: &TestApp| app.make_ups().schedule_make_up(request.clone()).await;
        for answer in at_once(&stage, &replica, plan).await {
            let answer = answer.into_inner();
            assert_eq!((answer.class_template.as_str(), answer.make_ups.len()), ("math-20260318-1", 3));
        }
        assert_eq!(stage.told_of("MAKE_UP_OFFER").await.len(), 3);
    });
}

#[test]
fn a_substitution_or_change_that_is_started_many_times_at_once_is_one() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = substitutions::formed(app).await;
        let replica = stage.replica().await;
        let by = || ("wang".to_owned(), "教练生病".to_owned());
        let mut found = BTreeSet::new();
        // Coach 2 has passed the test.
        stage.test(2, true).await;
        for (day, named) in [("2026-03-12", String::new()), ("2026-03-19", coach(2))] {
            let (operator, remark) = by();
            let (days, request_id) = (vec![day.to_owned()], day.to_owned());
            let request = pb::StartSubstitutionRequest {
                class_id: 1,
                days,
                coach: named,
                operator,
                remark,
                request_id,
            };
            let start = async |app: &TestApp| {
                let answer = app.substitutions().start_substitution(request.clone()).await?;
                Ok(answer.into_inner().substitution.unwrap().substitution_id)
            };
            let started = at_once(&stage, &replica, start).await;
            assert!(started.iter().all(|id| *id == started[0]), "{started:?}");
            assert!(found.insert(started[0]));
        }
        let (operator, remark) = by();
        let request = pb::StartCoachChangeRequest {
            class_id: 1,
            from_day: "2026-04-02".to_owned(),
            coach: String::new(),
            operator,
            remark,
            request_id: "c-1".to_owned(),
        };
        let start = async |app: &TestApp| {
            let answer = app.substitutions().start_coach_change(request.clone()).await?;
            Ok(answer.into_inner().coach_change.unwrap().coach_change_id)
        };
        let started = at_once(&stage, &replica, start).await;
        assert!(started.iter().all(|id| *id == started[0]), "{started:?}");
        stage.ignore_messages("this is about what is started");
    });
}
