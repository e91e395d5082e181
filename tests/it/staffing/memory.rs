//! The memory of `invite exec` changes only what a minute costs.

use super::stage::{SATURDAY, Stage};
use etutor::domain::state::InvitationState;
use etutor::domain::time::Instant;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::{coach, student};
use etutor::testing::{Academy, TestApp, on_every_app_at, on_every_app_with};
use etutor::write_txn;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;

const COACHES: usize = 5;
const STUDENTS: usize = 9;

/// A daily and two weekly classes of two subjects that get in each other's way, and fewer coaches
/// than they want.
fn academy() -> Academy {
    Academy::new()
        .period("19:00", "20:30")
        .template("daily", "FREQ=DAILY")
        .classes(3, 2)
        .coaches(COACHES - 1)
        .template("late", "FREQ=WEEKLY;BYDAY=TH,FR")
        .classes(2, 2)
        .period("20:00", "21:00")
        .template("over", "FREQ=WEEKLY;BYDAY=TH")
        .classes(2, 2)
        .subject(2)
        .template("other", "FREQ=WEEKLY;BYDAY=FR")
        .coaches(1)
        .students(STUDENTS)
}

/// What somebody does; numbers are counted around what there is.
#[derive(Clone, Debug)]
enum Deed {
    Yes(usize),
    No(usize),
    TakeBack(usize),
    Test(usize),
    Status(usize, bool),
    Offer(usize, bool),
    Rank(usize, i32),
    Limits(i32, i32, i32),
    OptOut(usize, bool),
    SignOff(usize, i64),
    SignUp(usize, usize),
    Leave(usize, i64),
    Invite(usize, usize),
    Holiday(i64),
    NewCoach,
    /// Minutes, so many and no tick between.
    Wait(i64),
    /// Ticks, a minute apart.
    Ticks(i64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let coach = 0..COACHES;
    prop_oneof![
        6 => (0_usize..30).prop_map(Deed::Yes),
        8 => (0_usize..30).prop_map(Deed::No),
        2 => (0_usize..30).prop_map(Deed::TakeBack),
        3 => coach.clone().prop_map(Deed::Test),
        2 => (coach.clone(), any::<bool>()).prop_map(|(coach, on)| Deed::Status(coach, on)),
        3 => (coach.clone(), any::<bool>()).prop_map(|(coach, on)| Deed::Offer(coach, on)),
        1 => (coach.clone(), 1..=5).prop_map(|(coach, rank)| Deed::Rank(coach, rank)),
        2 => (1..=3, 0..3, 0..3).prop_map(|(rank, base, more)| Deed::Limits(rank, base, base + more)),
        1 => (coach.clone(), any::<bool>()).prop_map(|(coach, on)| Deed::OptOut(coach, on)),
        2 => (0..STUDENTS, 0_i64..6).prop_map(|(student, day)| Deed::SignOff(student, day)),
        2 => (0..STUDENTS, 0_usize..4).prop_map(|(student, template)| Deed::SignUp(student, template)),
        1 => (0..STUDENTS, 0_i64..4).prop_map(|(student, day)| Deed::Leave(student, day)),
        2 => (coach, 0_usize..20).prop_map(|(coach, task)| Deed::Invite(coach, task)),
        1 => (2_i64..6).prop_map(Deed::Holiday),
        1 => Just(Deed::NewCoach),
        6 => prop_oneof![5_i64..40, 60_i64..500].prop_map(Deed::Wait),
        8 => (1_i64..5).prop_map(Deed::Ticks),
    ]
}

/// A history being told.
struct History {
    stage: Stage,
    now: Instant,
    forgetful: bool,
    new_coaches: usize,
    /// What each `invite exec` reported.
    reports: Vec<String>,
}

impl History {
    async fn begin(app: TestApp, forgetful: bool) -> Self {
        let stage = Stage::set(app, academy()).await;
        stage.ignore_messages("this story is about who is asked, and when");
        for (template, students) in [("daily", 1..=5), ("late", 6..=7), ("over", 8..=8), ("other", 9..=9)] {
            let days = Some(("2026-03-05", "2026-06-28"));
            stage.academy.reserve_all(&stage, template, *students.start(), *students.end(), days).await;
        }
        for day in ["2026-03-02", "2026-03-03"] {
            stage.set_clock(day).await;
            stage.fire("invite create", None).await;
        }
        let now = stage.instant("2026-03-03T07:58");
        Self { stage, now, forgetful, new_coaches: 0, reports: Vec::new() }
    }

    /// One minute of the crontab.
    async fn tick(&mut self) {
        self.now = self.now + chrono::TimeDelta::minutes(1);
        self.stage.set_clock_to(self.now).await;
        for words in ["invite check", "clazz assign_students", "invite exec", "sms send"] {
            if self.forgetful {
                write_txn!(self.stage.db(), "test.forget", |txn| sql("DELETE FROM task_look")
                    .execute(txn)
                    .await)
                .unwrap();
            }
            let report = self.stage.fire(words, None).await;
            if words == "invite exec" {
                // Whoever is asked just now is refused for other reasons by the tasks that follow:
                // only quiet minutes report the same.
                let skipped: BTreeMap<String, i64> =
                    if report.changed == 0 { report.skipped.into_iter().collect() } else { BTreeMap::new() };
                self.reports.push(format!("{} {} {skipped:?}", report.examined, report.changed));
            }
        }
    }

    async fn invitation(&self, number: usize) -> Option<(i64, String)> {
        let text = "SELECT i.id, c.user_name FROM invitation i JOIN coach c ON c.id = i.coach_id \
            ORDER BY i.task_id, c.user_name";
        let found: Vec<(i64, String)> = sql(text).tuples(self.stage.db().reader()).await.unwrap();
        (!found.is_empty()).then(|| found[number % found.len()].clone())
    }

    async fn upsert(&self, number: usize, change: impl FnOnce(&mut pb::Coach)) {
        let request = pb::GetCoachRequest { user_name: coach(number + 1) };
        let mut row = self.stage.coaches().get_coach(request).await.unwrap().into_inner().coach.unwrap();
        change(&mut row);
        self.stage
            .coaches()
            .upsert_coach(pb::UpsertCoachRequest { coach: Some(row), request_id: String::new() })
            .await
            .unwrap();
    }

    /// Refusals are as good as anything: they must be the same.
    async fn act(&mut self, deed: &Deed) -> String {
        let day =
            |number: i64| etutor::domain::time::add_days("2026-03-03".parse().unwrap(), number).to_string();
        let stage = &self.stage;
        let code = |answer: Result<(), tonic::Status>| {
            answer.map_or_else(|status| format!("{:?}", status.code()), |()| "ok".to_owned())
        };
        match *deed {
            Deed::Yes(number) => match self.invitation(number).await {
                Some((invitation_id, coach)) => {
                    let request = pb::AcceptInvitationRequest { invitation_id, coach };
                    code(stage.invitations().accept_invitation(request).await.map(drop))
                }
                None => "nobody was asked".to_owned(),
            },
            Deed::No(number) => match self.invitation(number).await {
                Some((invitation_id, coach)) => {
                    let request = pb::DeclineInvitationRequest { invitation_id, coach };
                    code(stage.invitations().decline_invitation(request).await.map(drop))
                }
                None => "nobody was asked".to_owned(),
            },
            Deed::TakeBack(number) => match self.invitation(number).await {
                Some((invitation_id, _)) => {
                    let request = pb::CancelInvitationRequest {
                        invitation_id,
                        operator: "wang".to_owned(),
                        remark: "换人".to_owned(),
                    };
                    code(stage.staffing().cancel_invitation(request).await.map(drop))
                }
                None => "nobody was asked".to_owned(),
            },
            Deed::Test(number) => format!("{} ready", stage.test(number + 1, true).await),
            Deed::Status(number, on) => {
                stage
                    .set_status(
                        number + 1,
                        if on { pb::JobStatus::Regular } else { pb::JobStatus::Retraining },
                    )
                    .await;
                String::new()
            }
            Deed::Offer(number, all) => {
                let offer = |period: &str| pb::Availability {
                    period: period.to_owned(),
                    recurrence: "FREQ=DAILY".to_owned(),
                    start_day: "2026-03-02".to_owned(),
                    end_day: "2026-06-28".to_owned(),
                    ..Default::default()
                };
                let availability = if all { vec![offer("p1900"), offer("p2000")] } else { Vec::new() };
                let request = pb::SetAvailabilityRequest {
                    coach: coach(number + 1),
                    season: "spring".to_owned(),
                    availability,
                };
                code(stage.coaches().set_availability(request).await.map(drop))
            }
            Deed::Rank(number, rank) => {
                self.upsert(number, |coach| coach.rank = rank).await;
                String::new()
            }
            Deed::Limits(rank, base, most) => {
                let request = pb::SetClassLimitsRequest {
                    season: "spring".to_owned(),
                    limits: vec![pb::ClassLimit { rank, base, most }],
                    operator: "wang".to_owned(),
                    remark: "开学季".to_owned(),
                    request_id: String::new(),
                };
                code(stage.coaches().set_class_limits(request).await.map(drop))
            }
            Deed::OptOut(number, out) => {
                self.upsert(number, |coach| coach.opted_out = Some(out)).await;
                String::new()
            }
            Deed::SignOff(number, from) => {
                let request =
                    pb::ListReservationsRequest { student: student(number + 1), ..Default::default() };
                let found =
                    stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
                let Some(last) = found.last() else { return "no sign-up".to_owned() };
                let request = pb::CancelReservationRequest {
                    reservation_id: last.reservation_id,
                    from_day: day(from),
                    ..Default::default()
                };
                code(stage.enrollment().cancel_reservation(request).await.map(drop))
            }
            Deed::SignUp(number, template) => {
                let template = ["daily", "late", "over", "other"][template];
                let end = Some(("2026-03-09", "2026-06-28"));
                code(stage.academy.reserve(stage, &student(number + 1), template, end).await.map(drop))
            }
            Deed::Leave(number, from) => {
                let request =
                    pb::ListReservationsRequest { student: student(number + 1), ..Default::default() };
                let found =
                    stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
                let Some(last) = found.last() else { return "no sign-up".to_owned() };
                let request = pb::RequestLeaveRequest { reservation_id: last.reservation_id, day: day(from) };
                code(stage.enrollment().request_leave(request).await.map(drop))
            }
            Deed::Invite(number, task) => {
                let text = "SELECT ct.code, t.day FROM class_task t JOIN class_template ct \
                    ON ct.id = t.template_id ORDER BY t.day, ct.code";
                let tasks: Vec<(String, chrono::NaiveDate)> =
                    sql(text).tuples(stage.db().reader()).await.unwrap();
                let (code, day) = &tasks[task % tasks.len()];
                stage.invite(number + 1, &format!("{code}@{day}"), None).await
            }
            Deed::Holiday(number) => {
                let mut season = stage.academy.season.clone();
                season.except_days = vec![day(number)];
                let request = pb::UpsertSeasonRequest {
                    season: Some(season),
                    request_id: String::new(),
                    validate_only: false,
                };
                code(stage.catalog().upsert_season(request).await.map(drop))
            }
            Deed::NewCoach => {
                self.new_coaches += 1;
                let number = 100 + self.new_coaches;
                let row = pb::Coach { user_name: coach(number), ..stage.academy.coaches[0].clone() };
                stage
                    .coaches()
                    .upsert_coach(pb::UpsertCoachRequest { coach: Some(row), request_id: String::new() })
                    .await
                    .unwrap();
                String::new()
            }
            Deed::Wait(minutes) => {
                self.now = self.now + chrono::TimeDelta::minutes(minutes);
                self.tick().await;
                String::new()
            }
            Deed::Ticks(count) => {
                for _ in 0..count {
                    self.tick().await;
                }
                String::new()
            }
        }
    }

    /// Who was asked for what and when, and what became of it.
    async fn invitations(&self) -> Vec<String> {
        let text = "SELECT c.user_name, ct.code, t.day, i.kind, i.state, i.queued_at FROM invitation i \
                    JOIN coach c ON c.id = i.coach_id \
                    JOIN class_task t ON t.id = i.task_id JOIN class_template ct ON ct.id = t.template_id";
        type Row = (String, String, chrono::NaiveDate, String, InvitationState, Instant);
        let rows: Vec<Row> = sql(text).tuples(self.stage.db().reader()).await.unwrap();
        let mut rows: Vec<String> = rows
            .iter()
            .map(|(coach, code, day, kind, state, at)| {
                format!("{} {code}@{day} {coach} {kind} {state}", self.stage.time().show(*at))
            })
            .collect();
        rows.sort();
        rows
    }
}

#[test]
fn the_same_history_asks_the_same_coaches_at_the_same_instants_with_and_without_memory() {
    let config = Config { cases: 6, max_shrink_iters: 20, failure_persistence: None, ..Config::default() };
    let asked = RefCell::new(0);
    let told = TestRunner::new(config).run(&proptest::collection::vec(deed(), 25..50), |deeds| {
        let ends: RefCell<Vec<(Vec<String>, Vec<String>)>> = RefCell::default();
        for forgetful in [false, true] {
            on_every_app_at(SATURDAY, async |app| {
                let mut history = History::begin(app, forgetful).await;
                history.tick().await;
                history.tick().await;
                let mut said = Vec::new();
                for deed in &deeds {
                    said.push(format!("{deed:?}: {}", history.act(deed).await));
                    history.tick().await;
                }
                said.append(&mut history.reports);
                let invitations = history.invitations().await;
                ends.borrow_mut().push((said, invitations));
            });
        }
        // One for each database with memory, then one for each without: they are all the same.
        let ends = ends.into_inner();
        for end in &ends[1..] {
            prop_assert_eq!(end, &ends[0]);
        }
        *asked.borrow_mut() += ends[0].1.len();
        Ok(())
    });
    if let Err(failure) = told {
        panic!("{failure}");
    }
    assert!(asked.into_inner() > 30, "histories in which nobody is asked tell nothing");
}

/// A hundred classes on Thursday that want coaches, and two coaches, who have been asked as often
/// as they may be.
async fn exhausted(app: TestApp) -> Stage {
    let mut academy = Academy::new();
    for number in 0..100 {
        academy = academy.period(
            &format!("{:02}:{:02}", 12 + number / 12, number % 12 * 5),
            &format!("{:02}:{:02}", 13 + number / 12, number % 12 * 5),
        );
        academy = academy.template(&format!("t{number:03}"), "FREQ=WEEKLY;BYDAY=TH");
    }
    let stage = Stage::set(app, academy.coaches(2).students(100)).await;
    stage.ignore_messages("this story is about costs");
    for number in 0..100 {
        stage.academy.reserve_all(&stage, &format!("t{number:03}"), number + 1, number + 1, None).await;
    }
    stage
}

#[test]
fn a_minute_in_which_nothing_happened_costs_as_much_with_a_hundred_short_tasks_as_with_none() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = exhausted(app).await;
        let tick = async |words: &str| stage.statements().of(async || stage.fire(words, None).await).await;
        stage.set_clock("2026-03-02T08:00").await;
        let (_, idle) = tick("invite exec").await;
        let (_, idle_check) = tick("invite check").await;
        stage.fire("invite create", None).await;
        for at in ["2026-03-02T08:00", "2026-03-02T08:30", "2026-03-02T08:31"] {
            stage.minute(at).await;
        }
        stage.set_clock("2026-03-02T08:33").await;
        let (report, quiet) = tick("invite exec").await;
        assert_eq!((report.examined, report.changed), (100, 0));
        assert!(
            quiet.len() <= idle.len() + 2,
            "{} statements, {} when idle: {quiet:#?}",
            quiet.len(),
            idle.len()
        );
        let (report, quiet) = tick("invite check").await;
        assert_eq!((report.examined, report.changed), (100, 0));
        assert!(
            quiet.len() <= idle_check.len() + 1,
            "{} statements, {} when idle: {quiet:#?}",
            quiet.len(),
            idle_check.len()
        );
        // None of them reads a row of a task.
        assert!(quiet.iter().all(|statement| !statement.sql.contains("FROM coach_availability")));

        // A coach who comes is asked in the same minute.
        let row = pb::Coach { user_name: coach(3), ..stage.academy.coaches[0].clone() };
        stage
            .coaches()
            .upsert_coach(pb::UpsertCoachRequest { coach: Some(row), request_id: String::new() })
            .await
            .unwrap();
        let offers = pb::ListAvailabilityRequest { coach: coach(1), page_size: 200, ..Default::default() };
        let mut availability =
            stage.coaches().list_availability(offers).await.unwrap().into_inner().availability;
        availability.iter_mut().for_each(|offer| {
            offer.used_days.clear();
            offer.season.clear();
        });
        let request =
            pb::SetAvailabilityRequest { coach: coach(3), season: "spring".to_owned(), availability };
        stage.coaches().set_availability(request).await.unwrap();
        let (report, _) = tick("invite exec").await;
        assert_eq!(report.changed, 1);
    });
}

#[test]
fn a_server_with_other_rules_looks_again() {
    on_every_app_with(
        SATURDAY,
        |config| config.rules.budget_day = 1,
        async |app| {
            let stage = exhausted(app).await;
            stage.set_clock("2026-03-02T00:00").await;
            stage.fire("invite create", None).await;
            for at in ["2026-03-02T08:00", "2026-03-02T08:01", "2026-03-02T09:00"] {
                stage.minute(at).await;
            }
            let asked = async || {
                sql("SELECT COUNT(*) FROM invitation").column::<i64>(stage.db().reader()).await.unwrap()[0]
            };
            assert_eq!(asked().await, 2, "one each, and for today that is all");
            // Started again with a larger budget, nothing else has happened.
            let larger = stage.replica_with(|config| config.rules.budget_day = 2).await;
            larger.fire("invite exec", None).await;
            assert_eq!(asked().await, 4);
        },
    );
}
