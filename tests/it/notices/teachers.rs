//! Random histories of who teaches, with sending at random moments: no coach hears what they knew
//! already or never heard of, and what every coach knows in the end is so.

use super::histories;
use crate::staffing::stage::{SATURDAY, Stage};
use crate::substitutions::formed;
use chrono::TimeDelta;
use etutor::domain::time::Instant;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::coach;
use etutor::testing::on_every_app_at;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Thursdays, all ahead when the stories begin.
const DAYS: [&str; 4] = ["2026-03-19", "2026-03-26", "2026-04-02", "2026-04-09"];
const HOURS: [(&str, &str); 2] = [("19:00", "20:30"), ("18:30", "20:00")];

/// What happens; days by their place in [`DAYS`].
#[derive(Clone, Debug)]
enum Step {
    /// Staff name a substitute for a lesson.
    Name {
        coach: usize,
        days: BTreeSet<usize>,
    },
    /// Staff take back who was named last for it.
    TakeBack {
        day: usize,
    },
    /// These days are holidays, and no others.
    Holidays {
        days: BTreeSet<usize>,
    },
    /// The period has another time of day.
    Hours {
        at: usize,
    },
    Wait {
        minutes: i64,
    },
    Send,
}

fn step() -> impl Strategy<Value = Step> {
    let day = 0_usize..DAYS.len();
    prop_oneof![
        4 => (2_usize..4, prop::collection::btree_set(day.clone(), 1..4))
            .prop_map(|(coach, days)| Step::Name { coach, days }),
        3 => day.clone().prop_map(|day| Step::TakeBack { day }),
        2 => prop::collection::btree_set(day, 0..3).prop_map(|days| Step::Holidays { days }),
        2 => (0..HOURS.len()).prop_map(|at| Step::Hours { at }),
        2 => (1_i64..900).prop_map(|minutes| Step::Wait { minutes }),
        3 => Just(Step::Send),
    ]
}

/// What each coach knows of each lesson: its time if it is theirs, or `off`.
struct History {
    stage: Stage,
    minds: BTreeMap<(String, String), String>,
}

impl History {
    async fn begin(app: etutor::testing::TestApp) -> Self {
        let stage = formed(app).await;
        stage.ignore_messages("this history looks at what was sent");
        stage.test(2, true).await;
        stage.test(3, true).await;
        stage.fire("sms send", None).await;
        let minds = DAYS.map(|day| ((coach(1), day.to_owned()), "19:00".to_owned()));
        stage.advance(TimeDelta::minutes(1)).await;
        Self { stage, minds: BTreeMap::from(minds) }
    }

    fn knows(&self, person: &str, day: &str) -> &str {
        self.minds.get(&(person.to_owned(), day.to_owned())).map_or("off", String::as_str)
    }

    async fn play(&mut self, step: &Step) {
        match step {
            Step::Name { coach: number, days } => {
                let days: Vec<&str> = days.iter().map(|day| DAYS[*day]).collect();
                // Refused when that coach has one of the lessons.
                drop(crate::substitutions::start(&self.stage, &days, Some(*number)).await);
            }
            Step::TakeBack { day } => {
                let request = pb::ListSubstitutionsRequest {
                    states: vec![pb::ClassTaskState::Formed.into()],
                    ..Default::default()
                };
                let found =
                    self.stage.substitutions().list_substitutions(request).await.unwrap().into_inner();
                let of_day =
                    found.substitutions.iter().rev().find(|one| one.days.contains(&DAYS[*day].to_owned()));
                let Some(substitution_id) = of_day.map(|one| one.substitution_id) else { return };
                let request = pb::CancelSubstitutionRequest {
                    substitution_id,
                    operator: "wang".to_owned(),
                    remark: "教练已痊愈".to_owned(),
                };
                drop(self.stage.substitutions().cancel_substitution(request).await);
            }
            Step::Holidays { days } => {
                let season = pb::Season {
                    except_days: days.iter().map(|day| DAYS[*day].to_owned()).collect(),
                    ..self.stage.academy.season.clone()
                };
                let request = pb::UpsertSeasonRequest { season: Some(season), ..Default::default() };
                self.stage.catalog().upsert_season(request).await.unwrap();
            }
            Step::Hours { at } => {
                let period = pb::Period {
                    start_time: HOURS[*at].0.to_owned(),
                    end_time: HOURS[*at].1.to_owned(),
                    ..self.stage.academy.periods[0].clone()
                };
                let request = pb::UpsertPeriodRequest { period: Some(period), ..Default::default() };
                // It stays where somebody's time would not cover the lesson.
                drop(self.stage.catalog().upsert_period(request).await);
            }
            Step::Wait { minutes } => {
                let last: Instant = self.stage.instant("2026-03-17T12:00");
                if self.stage.now().await.unwrap() + TimeDelta::minutes(*minutes) < last {
                    self.stage.advance(TimeDelta::minutes(*minutes)).await;
                }
            }
            Step::Send => self.send().await,
        }
    }

    /// Sends, and every coach reads.
    async fn send(&mut self) {
        self.stage.fire("sms send", None).await;
        let now = self.stage.now().await.unwrap();
        let told: Vec<(String, String, etutor::domain::time::Day, String)> =
            sql("SELECT m.kind, m.person, t.day, a.word FROM message m \
                 JOIN message_topic a ON a.message_id = m.id JOIN notice_topic t ON t.id = a.topic_id \
                 WHERE m.state = 'CAPTURED' AND m.handed_at = ? AND m.audience = 'COACH' \
                 ORDER BY m.id, t.day")
            .bind(now)
            .tuples(self.stage.db().reader())
            .await
            .unwrap();
        for (kind, person, day, word) in told {
            let (day, word) = (day.to_string(), self.word(&word));
            assert_ne!(self.knows(&person, &day), word, "{person} knew that of {day}: {kind}");
            self.minds.insert((person, day), word);
        }
        self.stage.advance(TimeDelta::minutes(1)).await;
    }

    fn word(&self, word: &str) -> String {
        match word.strip_prefix("AT ").or_else(|| word.strip_prefix("INSTEAD ")) {
            Some(at) => self.stage.time().show(Instant::from_unix(at.parse().unwrap()))[11..].to_owned(),
            None => "off".to_owned(),
        }
    }

    /// In the daytime everything has gone out.
    async fn end(&mut self) {
        self.stage.set_clock("2026-03-17T13:00").await;
        self.send().await;
        self.send().await;
        let lessons = self.stage.class(1).await.lessons;
        for day in DAYS {
            let lesson = lessons.iter().find(|one| one.day == day);
            let held = lesson.filter(|one| one.state() == pb::LessonState::Scheduled);
            for number in 1..4 {
                let so = match held.filter(|lesson| lesson.coach == coach(number)) {
                    Some(lesson) => self.stage.local(&lesson.start_time)[11..].to_owned(),
                    None => "off".to_owned(),
                };
                assert_eq!(self.knows(&coach(number), day), so, "coach {number} on {day}");
            }
        }
    }
}

#[test]
fn whoever_teaches_knows_it_and_nobody_else_believes_it() {
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
