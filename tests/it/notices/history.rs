//! Random histories of everything that changes lessons, with sending at random moments: nobody is
//! told what they knew already, and what everybody knows in the end is true.

use super::{formed, histories, student};
use crate::staffing::stage::{SATURDAY, Stage, evening};
use chrono::TimeDelta;
use etutor::domain::time::Instant;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::on_every_app_at;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The Thursdays of the stories, all ahead when they begin.
const DAYS: [&str; 6] = ["2026-03-12", "2026-03-19", "2026-03-26", "2026-04-02", "2026-04-09", "2026-04-16"];
const HOURS: [(&str, &str); 3] = [("19:00", "20:30"), ("18:30", "20:00"), ("18:00", "19:30")];

/// What happens; days by their place in [`DAYS`].
#[derive(Clone, Debug)]
enum Step {
    Leave { student: usize, day: usize },
    EndLeave { student: usize, day: usize },
    SignUp { student: usize, from: usize, to: usize },
    Cancel { student: usize, from: usize },
    Holidays { days: Vec<usize> },
    Hours { at: usize },
    Wait { minutes: i64 },
    Send,
}

fn step() -> impl Strategy<Value = Step> {
    let (student, day) = (1_usize..5, 0_usize..DAYS.len());
    prop_oneof![
        3 => (student.clone(), day.clone()).prop_map(|(student, day)| Step::Leave { student, day }),
        2 => (student.clone(), day.clone()).prop_map(|(student, day)| Step::EndLeave { student, day }),
        2 => (3_usize..5, day.clone(), day.clone())
            .prop_map(|(student, a, b)| Step::SignUp { student, from: a.min(b), to: a.max(b) }),
        2 => (2_usize..5, day.clone()).prop_map(|(student, from)| Step::Cancel { student, from }),
        3 => prop::collection::vec(day, 0..3).prop_map(|days| Step::Holidays { days }),
        2 => (0..HOURS.len()).prop_map(|at| Step::Hours { at }),
        3 => (1_i64..900).prop_map(|minutes| Step::Wait { minutes }),
        3 => Just(Step::Send),
    ]
}

/// What everybody knows of each lesson, by person and day: its time, or that there is none for
/// them.
#[derive(Debug, Default)]
struct Minds {
    known: BTreeMap<(String, String), String>,
    /// What those on leave knew before.
    before_leave: BTreeMap<(String, String), String>,
}

impl Minds {
    fn learn(&mut self, person: &str, day: &str, word: &str) {
        let key = (person.to_owned(), day.to_owned());
        self.before_leave.remove(&key);
        self.known.insert(key, word.to_owned());
    }

    /// On leave from a lesson, whose time stays in mind.
    fn leave(&mut self, person: &str, day: &str) {
        let key = (person.to_owned(), day.to_owned());
        match self.known.insert(key.clone(), "leave".to_owned()) {
            Some(word) if word.contains(':') => {
                self.before_leave.insert(key, word);
            }
            _ => {}
        }
    }

    /// Back from leave, by an act that says nothing of another hour: what was in mind still is.
    fn back(&mut self, person: &str, day: &str, word: &str) {
        let key = (person.to_owned(), day.to_owned());
        let known = self.before_leave.remove(&key).unwrap_or_else(|| word.to_owned());
        self.known.insert(key, known);
    }

    fn forget(&mut self, person: &str, day: &str) {
        let key = (person.to_owned(), day.to_owned());
        self.before_leave.remove(&key);
        self.known.remove(&key);
    }

    fn of(&self, person: &str, day: &str) -> Option<&str> {
        self.known.get(&(person.to_owned(), day.to_owned())).map(String::as_str)
    }
}

struct History {
    stage: Stage,
    minds: Minds,
    read: i64,
}

impl History {
    async fn begin(app: etutor::testing::TestApp) -> Self {
        let stage = formed(app, evening(), 2).await;
        stage.ignore_messages("this history looks at what was sent");
        let mut minds = Minds::default();
        for day in DAYS {
            for person in ["coach-001", "student-001", "student-002"] {
                minds.learn(person, day, "19:00");
            }
        }
        let read = sql("SELECT CAST(COALESCE(MAX(id), 0) AS {bigint}) FROM message")
            .column(stage.db().reader())
            .await
            .unwrap()[0];
        Self { stage, minds, read }
    }

    /// The lessons of a student as they are: by day, the time, `leave` while on leave.
    async fn lessons(&self, number: usize) -> BTreeMap<String, (String, i64)> {
        let request = pb::GetStudentScheduleRequest {
            student: student(number),
            from_day: DAYS[0].to_owned(),
            to_day: DAYS[DAYS.len() - 1].to_owned(),
        };
        let found = self.stage.enrollment().get_student_schedule(request).await.unwrap().into_inner();
        let of = |one: pb::ScheduledLesson| {
            let word = if one.on_leave { "leave".to_owned() } else { self.clock(&one.start_time) };
            (one.day, (word, one.reservation_id))
        };
        let live = |one: &pb::ScheduledLesson| {
            use pb::ReservationState::{Booked, Placed};
            matches!(one.reservation_state(), Booked | Placed)
        };
        found.lessons.into_iter().filter(live).map(of).collect()
    }

    fn clock(&self, at: &Option<prost_types::Timestamp>) -> String {
        self.stage.local(at)[11..].to_owned()
    }

    async fn play(&mut self, step: &Step) {
        match step {
            Step::Leave { student: number, day } => {
                let Some((_, id)) = self.lessons(*number).await.remove(DAYS[*day]) else { return };
                let request = pb::RequestLeaveRequest { reservation_id: id, day: DAYS[*day].to_owned() };
                if self.stage.enrollment().request_leave(request).await.is_ok() {
                    self.minds.leave(&student(*number), DAYS[*day]);
                }
            }
            Step::EndLeave { student: number, day } => {
                let Some((word, id)) = self.lessons(*number).await.remove(DAYS[*day]) else { return };
                if word != "leave" {
                    return;
                }
                let request = pb::CancelLeaveRequest { reservation_id: id, day: DAYS[*day].to_owned() };
                if self.stage.enrollment().cancel_leave(request).await.is_ok() {
                    match self.lessons(*number).await.get(DAYS[*day]) {
                        Some((word, _)) => self.minds.back(&student(*number), DAYS[*day], word),
                        None => self.minds.learn(&student(*number), DAYS[*day], "off"),
                    }
                }
            }
            Step::SignUp { student: number, from, to } => {
                let range = Some((DAYS[*from], DAYS[*to]));
                let made = self.stage.academy.reserve(&self.stage, &student(*number), "math", range).await;
                if made.is_ok() {
                    self.learn_schedule(*number, &Vec::from_iter(*from..=*to)).await;
                }
            }
            Step::Cancel { student: number, from } => {
                let lessons = self.lessons(*number).await;
                let Some((day, (_, id))) = lessons.range(DAYS[*from].to_owned()..).next() else { return };
                let request = pb::CancelReservationRequest {
                    reservation_id: *id,
                    from_day: day.clone(),
                    ..Default::default()
                };
                if let Ok(answer) = self.stage.enrollment().cancel_reservation(request).await {
                    // When nothing is left before that day the whole sign-up is over, and the
                    // answer says so. Of a day that is a holiday just now they knew by it, too.
                    let left = answer.into_inner().reservation.unwrap();
                    let whole = left.state() == pb::ReservationState::Cancelled;
                    let from = if whole { left.start_day } else { day.clone() };
                    let others = self.lessons(*number).await;
                    for day in DAYS.iter().filter(|one| **one >= from.as_str() && !others.contains_key(**one))
                    {
                        self.minds.forget(&student(*number), day);
                    }
                }
            }
            Step::Holidays { days } => {
                let days: Vec<&str> = days.iter().map(|day| DAYS[*day]).collect();
                let season = pb::Season {
                    except_days: days.iter().map(|day| (*day).to_owned()).collect(),
                    ..self.stage.academy.season.clone()
                };
                let request = pb::UpsertSeasonRequest { season: Some(season), ..Default::default() };
                // An edit may be refused; then nothing has changed.
                drop(self.stage.catalog().upsert_season(request).await);
            }
            Step::Hours { at } => {
                let period = pb::Period {
                    start_time: HOURS[*at].0.to_owned(),
                    end_time: HOURS[*at].1.to_owned(),
                    ..self.stage.academy.periods[0].clone()
                };
                let request = pb::UpsertPeriodRequest { period: Some(period), ..Default::default() };
                drop(self.stage.catalog().upsert_period(request).await);
            }
            Step::Wait { minutes } => {
                // The lessons of the story stay ahead.
                let last: Instant = self.stage.instant("2026-03-11T12:00");
                if self.stage.now().await.unwrap() + TimeDelta::minutes(*minutes) < last {
                    self.stage.advance(TimeDelta::minutes(*minutes)).await;
                }
            }
            Step::Send => self.send().await,
        }
    }

    /// What a student did to days is answered with what is so.
    async fn learn_schedule(&mut self, number: usize, days: &[usize]) {
        let lessons = self.lessons(number).await;
        for day in days {
            match lessons.get(DAYS[*day]) {
                Some((word, _)) => self.minds.learn(&student(number), DAYS[*day], word),
                // There is no lesson on that day at present. Who had it by an earlier sign-up, and
                // has not heard so, may still be told.
                None => {
                    let known = self.minds.of(&student(number), DAYS[*day]);
                    let word = if known.is_some_and(|word| word.contains(':')) { "off?" } else { "off" };
                    self.minds.learn(&student(number), DAYS[*day], word);
                }
            }
        }
    }

    /// Sends, and everybody reads.
    async fn send(&mut self) {
        self.stage.fire("sms send", None).await;
        let told: Vec<(i64, String, etutor::domain::time::Day, String)> =
            sql("SELECT m.id, t.person, t.day, a.word FROM message m JOIN message_topic a \
                 ON a.message_id = m.id JOIN notice_topic t ON t.id = a.topic_id \
                 WHERE m.state = 'CAPTURED' AND t.audience <> 'ADMIN' AND m.id > ? ORDER BY m.id, t.day")
            .bind(self.read)
            .tuples(self.stage.db().reader())
            .await
            .unwrap();
        let now = self.stage.now().await.unwrap();
        let handed: Vec<i64> =
            sql("SELECT id FROM message WHERE state = 'CAPTURED' AND handed_at = ? AND id > ?")
                .bind(now)
                .bind(self.read)
                .column(self.stage.db().reader())
                .await
                .unwrap();
        for (_, person, day, word) in told.iter().filter(|(id, ..)| handed.contains(id)) {
            let word = match word.strip_prefix("AT ") {
                Some(at) => self.stage.time().show(Instant::from_unix(at.parse().unwrap()))[11..].to_owned(),
                None => word.to_lowercase(),
            };
            let day = day.to_string();
            assert_ne!(self.minds.of(person, &day), Some(word.as_str()), "{person} knew that of {day}");
            self.minds.learn(person, &day, &word);
        }
        let gone: Vec<String> = sql("SELECT person FROM message WHERE kind = 'SIGN_UP_CANCELLED' \
             AND state = 'CAPTURED' AND handed_at = ? AND id > ?")
        .bind(now)
        .bind(self.read)
        .column(self.stage.db().reader())
        .await
        .unwrap();
        for number in (1..5).filter(|number| gone.contains(&student(*number))) {
            let left = self.lessons(number).await;
            for day in DAYS.iter().filter(|day| !left.contains_key(**day)) {
                self.minds.learn(&student(number), day, "off");
            }
        }
        self.stage.advance(TimeDelta::minutes(1)).await;
    }

    /// In the daytime everything has gone out.
    async fn end(&mut self) {
        self.stage.set_clock("2026-03-11T13:00").await;
        self.send().await;
        self.send().await;
        let mut attended: BTreeMap<&str, String> = BTreeMap::new();
        for number in 1..5 {
            let lessons = self.lessons(number).await;
            for day in DAYS {
                let known = self.minds.of(&student(number), day);
                match lessons.get(day).map(|(word, _)| word.as_str()) {
                    // Leave ends with its lesson; who asked for it needs no word while it lasts.
                    Some("leave") => {}
                    Some(word) => {
                        attended.insert(day, word.to_owned());
                        assert_eq!(known, Some(word), "student {number} on {day}");
                    }
                    None => assert!(
                        matches!(known, None | Some("off" | "off?" | "leave")),
                        "student {number} on {day}: {known:?}"
                    ),
                }
            }
        }
        let classes = pb::ListClassesRequest::default();
        let app: &etutor::testing::TestApp = &self.stage;
        let class = app.classes().list_classes(classes).await.unwrap().into_inner().classes.remove(0);
        let lessons = self.stage.class(class.class_id).await.lessons;
        for day in DAYS {
            let held = lessons.iter().any(|one| one.day == day && one.state() == pb::LessonState::Scheduled);
            let so = match (held, attended.get(day)) {
                (false, _) => "off",
                (true, None) => "empty",
                (true, Some(time)) => time.as_str(),
            };
            assert_eq!(self.minds.of("coach-001", day), Some(so), "the coach on {day}");
        }
    }
}

#[test]
fn whatever_happens_the_last_word_is_true_and_nobody_hears_the_same_twice() {
    histories(step(), |steps| {
        on_every_app_at(SATURDAY, async |app| {
            let mut history = History::begin(app).await;
            for step in &steps {
                history.play(step).await;
            }
            history.end().await;
        });
    });
}

#[test]
fn who_signed_up_for_a_holiday_that_is_taken_back_comes_to_that_lesson_too() {
    // The first lesson of the class, and one in its middle.
    for day in [0, 3] {
        let steps = [
            Step::Cancel { student: 2, from: 0 },
            Step::Holidays { days: vec![day] },
            Step::SignUp { student: 3, from: day, to: day + 1 },
            Step::Holidays { days: vec![] },
            Step::Leave { student: 1, day },
        ];
        on_every_app_at(SATURDAY, async |app| {
            let mut history = History::begin(app).await;
            for step in &steps {
                history.play(step).await;
            }
            history.end().await;
        });
    }
}

#[test]
fn who_takes_leave_back_is_told_of_the_hour_that_has_moved_meanwhile() {
    let steps = [
        Step::Hours { at: 1 },
        Step::Leave { student: 2, day: 2 },
        Step::EndLeave { student: 2, day: 2 },
        Step::Send,
    ];
    on_every_app_at(SATURDAY, async |app| {
        let mut history = History::begin(app).await;
        for step in &steps {
            history.play(step).await;
        }
        assert_eq!(history.minds.of("student-002", DAYS[2]), Some(HOURS[1].0));
        history.end().await;
    });
}
