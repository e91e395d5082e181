//! Random histories of everything that changes how a coach stands with an invitation, with sending
//! at random moments: nobody is told what they knew already or corrected who had not heard the
//! wrong word, and what every coach knows in the end is true.

use super::histories;
use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use chrono::{Datelike, NaiveTime, TimeDelta};
use etutor::domain::state::MessageKind;
use etutor::domain::time::{Instant, add_days};
use etutor::rpc::pb;
use etutor::storage::entity::message;
use etutor::testing::academy::coach;
use etutor::testing::{TestApp, on_every_app_at};
use proptest::prelude::*;
use std::collections::BTreeMap;

const COACHES: usize = 6;
const HOURS: [(&str, &str); 3] = [("19:00", "20:30"), ("19:30", "21:00"), ("20:00", "21:30")];

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    Yes {
        coach: usize,
    },
    No {
        coach: usize,
    },
    Test {
        coach: usize,
    },
    TakeBack {
        coach: usize,
    },
    Dismiss {
        coach: usize,
    },
    /// A student signs off.
    Student {
        number: usize,
    },
    Hours {
        at: usize,
    },
    /// The day of the lesson becomes a holiday, or is none any more.
    Holiday {
        on: bool,
    },
    Wait {
        minutes: i64,
    },
    Send,
}

fn step() -> impl Strategy<Value = Step> {
    let coach = 1..=COACHES;
    prop_oneof![
        5 => coach.clone().prop_map(|coach| Step::Yes { coach }),
        2 => coach.clone().prop_map(|coach| Step::No { coach }),
        2 => coach.clone().prop_map(|coach| Step::Test { coach }),
        1 => coach.clone().prop_map(|coach| Step::TakeBack { coach }),
        1 => coach.prop_map(|coach| Step::Dismiss { coach }),
        3 => (1_usize..=12).prop_map(|number| Step::Student { number }),
        1 => (0..HOURS.len()).prop_map(|at| Step::Hours { at }),
        3 => any::<bool>().prop_map(|on| Step::Holiday { on }),
        4 => (1_i64..800).prop_map(|minutes| Step::Wait { minutes }),
        4 => Just(Step::Send),
    ]
}

struct History {
    stage: Stage,
    /// What each coach knows, by user name.
    minds: BTreeMap<String, String>,
}

impl History {
    /// Twelve students, two classes of six: four coaches are asked.
    async fn begin(app: TestApp) -> Self {
        let stage = Stage::monday(app, evening().coaches(COACHES).students(12), 12).await;
        stage.ignore_messages("this history looks at what was sent");
        let mut history = Self { stage, minds: BTreeMap::new() };
        history.stage.set_clock("2026-03-02T08:00").await;
        history.work().await;
        history.send().await;
        history
    }

    /// What the crontab does, but for sending.
    async fn work(&self) {
        for words in ["invite check", "invite exec"] {
            self.stage.fire(words, None).await;
        }
    }

    async fn is_asked(&self, number: usize) -> bool {
        self.stage.whole_task(MATH).await.invitations.iter().any(|one| one.coach == coach(number))
    }

    async fn play(&mut self, step: &Step) {
        match *step {
            Step::Yes { coach: number } if self.is_asked(number).await => {
                let before = self.stage.invitation(number, MATH).await.state();
                let after = self.stage.yes(number, MATH).await;
                let counts = ["ACCEPTED", "READY", "RESERVE"].contains(&after.as_str());
                let is_new = !format!("{before:?}").eq_ignore_ascii_case(&after);
                if counts && is_new && !is_yes(before) {
                    self.minds.insert(coach(number), "said yes".to_owned());
                }
            }
            Step::No { coach: number } if self.is_asked(number).await => {
                let before = self.stage.invitation(number, MATH).await.state();
                let after = self.stage.no(number, MATH).await;
                if ["DECLINED", "WITHDRAWN"].contains(&after.as_str())
                    && !matches!(before, pb::InvitationState::Declined | pb::InvitationState::Withdrawn)
                {
                    self.minds.insert(coach(number), "said no".to_owned());
                }
            }
            Step::Test { coach: number } => drop(self.stage.test(number, true).await),
            Step::TakeBack { coach: number } if self.is_asked(number).await => {
                self.stage.take_back(number, MATH).await;
            }
            Step::Dismiss { coach: number } => {
                self.stage.set_status(number, pb::JobStatus::Dismissed).await;
            }
            Step::Student { number } => self.sign_off(number).await,
            Step::Hours { at } => {
                let period = pb::Period {
                    start_time: HOURS[at].0.to_owned(),
                    end_time: HOURS[at].1.to_owned(),
                    ..self.stage.academy.periods[0].clone()
                };
                let request = pb::UpsertPeriodRequest { period: Some(period), ..Default::default() };
                // An edit may be refused; then nothing has changed.
                drop(self.stage.catalog().upsert_period(request).await);
            }
            Step::Holiday { on } => {
                let except_days = if on { vec!["2026-03-05".to_owned()] } else { Vec::new() };
                let season = pb::Season { except_days, ..self.stage.academy.season.clone() };
                let request = pb::UpsertSeasonRequest { season: Some(season), ..Default::default() };
                self.stage.catalog().upsert_season(request).await.unwrap();
            }
            Step::Wait { minutes } => {
                // F stays ahead.
                let last: Instant = self.stage.instant("2026-03-05T12:00");
                if self.stage.now().await.unwrap() + TimeDelta::minutes(minutes) < last {
                    self.stage.advance(TimeDelta::minutes(minutes)).await;
                }
            }
            Step::Send => self.send().await,
            _ => {}
        }
        self.work().await;
    }

    async fn sign_off(&self, number: usize) {
        let student = etutor::testing::academy::student(number);
        let request = pb::ListReservationsRequest { student, ..Default::default() };
        let found = self.stage.enrollment().list_reservations(request).await.unwrap().into_inner();
        let live = found.reservations.iter().any(|one| one.state() == pb::ReservationState::Booked);
        if live {
            self.stage.sign_off(number, "2026-03-05").await;
        }
    }

    /// Sends, and everybody reads.
    async fn send(&mut self) {
        self.stage.fire("sms send", None).await;
        let sent = super::captured(&self.stage).await;
        let now = self.stage.now().await.unwrap();
        for row in sent.iter().filter(|row| row.handed_at == Some(now)) {
            if let Some(word) = word(row) {
                let known = self.minds.get(&row.person).map_or("nothing", String::as_str);
                assert!(may_hear(row, known), "{} knew {known:?} and was told {}", row.person, row.kind);
                let is_question = row.kind == MessageKind::Invitation;
                assert!(known != word || is_question, "{} knew that: {word}", row.person);
                self.minds.insert(row.person.clone(), word);
            }
        }
        self.stage.advance(TimeDelta::minutes(1)).await;
    }

    /// In the daytime everything has gone out.
    async fn end(&mut self) {
        self.stage.set_clock("2026-03-05T13:00").await;
        self.work().await;
        self.send().await;
        self.work().await;
        self.send().await;
        for one in self.stage.whole_task(MATH).await.invitations {
            use pb::InvitationState as State;
            let known = self.minds.get(&one.coach).map_or("nothing", String::as_str);
            let so = match one.state() {
                State::Accepted => format!("accepted until {}", until(&self.stage, &one)),
                State::Ready | State::Assigned => "ready".to_owned(),
                State::Reserve => "reserve".to_owned(),
                // Who never heard that the lesson is back knows no less.
                State::Lapsed if known == "over" => continue,
                State::Lapsed => "lapsed".to_owned(),
                State::Declined | State::Withdrawn => "said no".to_owned(),
                State::Cancelled if known != "nothing" => "over".to_owned(),
                State::Sent | State::Expired => "asked".to_owned(),
                // Who was asked anew and never got the question knows no more than before.
                State::Undelivered => continue,
                _ => "nothing".to_owned(),
            };
            assert_eq!(known, so, "{} is {:?}", one.coach, one.state());
        }
    }
}

fn is_yes(state: pb::InvitationState) -> bool {
    use pb::InvitationState as State;
    matches!(state, State::Accepted | State::Ready | State::Reserve | State::Assigned)
}

/// `3月2日24:00`, as texts say the deadline of the software test.
fn until(stage: &Stage, invitation: &pb::Invitation) -> String {
    let at = Instant::from_unix(invitation.test_deadline_time.as_ref().unwrap().seconds);
    let local = stage.time().local(at);
    let (day, clock) = match local.time() {
        NaiveTime::MIN => (add_days(local.date(), -1), "24:00".to_owned()),
        time => (local.date(), time.format("%H:%M").to_string()),
    };
    format!("{}月{}日{clock}", day.month(), day.day())
}

/// What a coach knows who has read this.
fn word(row: &message::Model) -> Option<String> {
    let deadline = row.body.split_once("请在").and_then(|(_, rest)| rest.split_once("前通过"));
    let place = || match deadline {
        Some((until, _)) => format!("accepted until {until}"),
        None => "ready".to_owned(),
    };
    Some(match row.kind {
        MessageKind::Invitation => "asked".to_owned(),
        MessageKind::Accepted | MessageKind::Promoted => place(),
        MessageKind::TestPassed => "ready".to_owned(),
        MessageKind::Reserved => "reserve".to_owned(),
        MessageKind::TestLapsed => "lapsed".to_owned(),
        MessageKind::InvitationRecalled | MessageKind::NoLongerNeeded => "over".to_owned(),
        _ => return None,
    })
}

/// Whether a message makes sense to who knows this.
fn may_hear(row: &message::Model, known: &str) -> bool {
    let has_place = known.starts_with("accepted") || known == "ready";
    match row.kind {
        // Asked anew when the lesson is back, perhaps at another hour or after the time was up.
        MessageKind::Invitation => ["nothing", "over", "asked"].contains(&known),
        MessageKind::InvitationRecalled => known == "asked",
        MessageKind::Accepted if row.body.contains("更正") => known == "over",
        MessageKind::Accepted => known != "nothing" && known != "asked" && known != "over",
        MessageKind::Promoted => known == "reserve",
        MessageKind::TestPassed => known.starts_with("accepted"),
        // Who hears of neither the promotion nor its end is not in reserve any more.
        MessageKind::TestLapsed => ["said yes", "reserve"].contains(&known) || known.starts_with("accepted"),
        // Out of nothing only when the lesson is back.
        MessageKind::Reserved => ["said yes", "over"].contains(&known) || has_place,
        MessageKind::NoLongerNeeded => known == "said yes" || known == "reserve" || has_place,
        _ => true,
    }
}

#[test]
fn whatever_happens_every_coach_knows_in_the_end_how_they_stand() {
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

/// A coach whose test lapses at midnight and who says yes again before the message goes out in the
/// morning hears of the yes, not of the lapse.
#[test]
fn what_was_to_be_said_in_the_morning_and_is_no_longer_so_is_not_said() {
    on_every_app_at(SATURDAY, async |app| {
        let mut history = History::begin(app).await;
        history.stage.set_clock("2026-03-02T13:00").await;
        history.play(&Step::Yes { coach: 1 }).await;
        history.send().await;
        assert_eq!(history.minds["coach-001"], "accepted until 3月2日24:00");
        history.stage.set_clock("2026-03-03T00:10").await;
        history.play(&Step::Send).await;
        assert_eq!(history.stage.asked(MATH).await[0], "coach-001 LAPSED");
        assert_eq!(history.minds["coach-001"], "accepted until 3月2日24:00", "nobody is woken for it");
        history.play(&Step::Yes { coach: 1 }).await;
        history.send().await;
        assert_eq!(history.minds["coach-001"], "accepted until 3月3日19:00");
        history.stage.set_clock("2026-03-03T07:00").await;
        history.send().await;
        assert_eq!(history.minds["coach-001"], "accepted until 3月3日19:00");
        history.end().await;
    });
}
