//! Plays days against the real program as cron and people's clients would: a call that fails
//! because the server is gone is repeated.

use super::killer::Killer;
use super::mortal::Mortal;
use super::process::fire;
use chrono::{NaiveTime, TimeDelta};
use etutor::config::Config;
use etutor::demo::behaviour::{Answer, Behaviour, answer};
use etutor::domain::time::{BusinessTime, Day, Instant, add_days};
use etutor::rpc::pb;
use etutor::task::registry::Task;
use std::collections::{BTreeMap, HashSet};
use tonic::{Code, Response};

/// The hours of a day at which the tasks are fired.
const HOURS: [u32; 13] = [0, 8, 9, 11, 12, 14, 15, 17, 18, 19, 20, 21, 22];
/// What is fired at each of them, in this order.
const TASKS: [Task; 21] = [
    Task::InviteCreate,
    Task::InviteNotifyTest,
    Task::InviteCheck,
    Task::InviteExec,
    Task::SmsSend,
    Task::InviteNotifyClass,
    Task::ClazzMorningNotify,
    Task::ClazzNotMorningNotify,
    Task::ClazzAssignStudents,
    Task::ClazzOfferPlaces,
    Task::ClazzRemoveExpiredStudents,
    Task::ClazzFreeAvailableTime,
    Task::ClazzCorrectCoachStatus,
    Task::ClazzInitPlace,
    Task::ClazzCheckOnTime,
    Task::ClazzAutoChangeCoach,
    Task::ClazzCompleteCoachChanges,
    Task::ClazzCloseEnded,
    Task::MonitorNotifyDisconnect,
    Task::MonitorNotifyEmpty,
    Task::MessagePurge,
];
const HABITS: Behaviour =
    Behaviour { accept_probability: 0.55, median_answer_minutes: 60.0, pass_test_probability: 0.75 };

/// What somebody does at an instant.
#[derive(Clone, Debug)]
pub enum Deed {
    Yes { invitation_id: i64, coach: String },
    No { invitation_id: i64, coach: String },
    Withdraw { invitation_id: i64, coach: String },
    Test { coach: String, passes: bool },
    SignUp { student: String, template: &'static str, from: &'static str, to: &'static str },
}

/// Plays an academy.
pub struct Player {
    pub server: Mortal,
    time: BusinessTime,
    deeds: BTreeMap<(Instant, String), Deed>,
    seen: HashSet<i64>,
    /// What people were answered, in the order of their deeds.
    pub answers: Vec<String>,
    /// Ticks whose run was killed, so that they were taken over after their lease.
    pub taken_over: usize,
}

impl Player {
    pub async fn start(url: &str, killer: Killer) -> Self {
        let time = Config::default().rules.time;
        let missing: Vec<&Task> = Task::ALL.iter().filter(|task| !TASKS.contains(task)).collect();
        assert!(missing.is_empty(), "{missing:?} are not fired");
        Self {
            server: Mortal::start(url, killer).await,
            time,
            deeds: BTreeMap::new(),
            seen: HashSet::new(),
            answers: Vec::new(),
            taken_over: 0,
        }
    }

    /// Something that will be done at a local hour.
    pub fn plan_at(&mut self, day: Day, hour: u32, who: &str, deed: Deed) {
        self.plan(self.time.at(day, NaiveTime::from_hms_opt(hour, 0, 0).unwrap()), who, deed);
    }

    fn plan(&mut self, at: Instant, who: &str, deed: Deed) {
        assert!(self.deeds.insert((at, who.to_owned()), deed).is_none(), "{who} does one thing at a time");
    }

    /// Plays whole days, both included.
    pub async fn play(&mut self, from: Day, to: Day) {
        let mut day = from;
        while day <= to {
            for hour in HOURS {
                self.step(self.time.at(day, NaiveTime::from_hms_opt(hour, 0, 0).unwrap())).await;
            }
            day = add_days(day, 1);
        }
    }

    /// Everything that happens up to and at `now`.
    async fn step(&mut self, now: Instant) {
        while let Some(((at, who), deed)) =
            self.deeds.first_key_value().map(|(key, deed)| (key.clone(), deed.clone()))
        {
            if at > now {
                break;
            }
            self.deeds.pop_first();
            self.set_clock(at).await;
            self.act(at, &who, deed).await;
        }
        self.set_clock(now).await;
        for task in TASKS {
            self.fire(task, now).await;
        }
        self.read_invitations(now).await;
    }

    /// Fires a task for the tick. A tick that a killed server seems to be running is fired again
    /// when the clock is past its lease.
    async fn fire(&mut self, task: Task, tick: Instant) {
        let call = format!("{} {}", task.words(), self.time.show(tick));
        loop {
            let report = self.server.call(&call, move |channel| fire(channel, task, tick)).await.unwrap();
            if report.state() == pb::TaskRunState::Done {
                assert_eq!((report.failed, report.error.as_str()), (0, ""), "{call}");
                self.server.changed(&call, report.changed + report.messages > 0);
                return;
            }
            assert!(report.already_done && report.state() == pb::TaskRunState::Running, "{call}: {report:?}");
            self.taken_over += 1;
            let lease = Config::default().tasks.lease();
            let duration = Some(prost_types::Duration { seconds: lease.num_seconds() + 1, nanos: 0 });
            let advance = move |channel| async move {
                let mut clock = pb::clock_service_client::ClockServiceClient::new(channel);
                clock.advance_clock(pb::AdvanceClockRequest { duration }).await.map(Response::into_inner)
            };
            self.server.call("advance", advance).await.unwrap();
        }
    }

    async fn set_clock(&mut self, at: Instant) {
        let set = move |channel| async move {
            let time = Some(prost_types::Timestamp { seconds: at.unix(), nanos: 0 });
            let mut clock = pb::clock_service_client::ClockServiceClient::new(channel);
            clock.set_clock(pb::SetClockRequest { time, running: false }).await.map(Response::into_inner)
        };
        self.server.call(&format!("set clock {}", self.time.show(at)), set).await.unwrap();
    }

    /// Coaches read what was sent and make up their minds.
    async fn read_invitations(&mut self, now: Instant) {
        let list = move |channel| async move {
            let states = vec![pb::InvitationState::Sent.into()];
            let request =
                pb::StaffingServiceListInvitationsRequest { states, page_size: 1000, ..Default::default() };
            let mut staffing = pb::staffing_service_client::StaffingServiceClient::new(channel);
            staffing.list_invitations(request).await.map(Response::into_inner)
        };
        let page =
            self.server.call(&format!("list invitations {}", self.time.show(now)), list).await.unwrap();
        assert_eq!(page.next_page_token, "");
        for invitation in page.invitations {
            if self.seen.insert(invitation.invitation_id) {
                self.decide(&invitation);
            }
        }
    }

    fn decide(&mut self, invitation: &pb::Invitation) {
        let sent = Instant::from_unix(invitation.sent_time.unwrap().seconds);
        let (coach, invitation_id) = (invitation.coach.clone(), invitation.invitation_id);
        let who = format!("{coach} {} {}", invitation.class_template, invitation.day);
        let day = invitation.day.parse().unwrap();
        match answer(self.time, HABITS, &coach, &invitation.class_template, day, sent) {
            Answer::Yes { at, test_at, passes } => {
                self.plan(at, &who, Deed::Yes { invitation_id, coach: coach.clone() });
                // One coach thinks better of it, and one never takes the test.
                if coach == "coach-005" {
                    self.plan(
                        at + TimeDelta::minutes(100),
                        &format!("{who} no"),
                        Deed::Withdraw { invitation_id, coach },
                    );
                } else if coach != "coach-003" {
                    self.plan(test_at, &format!("{who} test"), Deed::Test { coach, passes });
                }
            }
            Answer::No { at } => self.plan(at, &who, Deed::No { invitation_id, coach }),
            Answer::Silence => {}
        }
    }

    async fn act(&mut self, at: Instant, who: &str, deed: Deed) {
        use pb::enrollment_service_client::EnrollmentServiceClient as Enrollment;
        use pb::invitation_service_client::InvitationServiceClient as Invitations;
        use pb::presence_service_client::PresenceServiceClient as Presence;
        let call = format!("{who} {}", self.time.show(at));
        let request_id = call.replace(' ', "_");
        let done = self
            .server
            .call(&call, move |channel| {
                let (deed, request_id) = (deed.clone(), request_id.clone());
                async move {
                    match deed {
                        Deed::Yes { invitation_id, coach } => {
                            let request = pb::AcceptInvitationRequest { invitation_id, coach };
                            let invitation = Invitations::new(channel)
                                .accept_invitation(request)
                                .await?
                                .into_inner()
                                .invitation;
                            Ok(format!("{:?}", invitation.unwrap().state()))
                        }
                        Deed::No { invitation_id, coach } => {
                            let request = pb::DeclineInvitationRequest { invitation_id, coach };
                            let invitation = Invitations::new(channel)
                                .decline_invitation(request)
                                .await?
                                .into_inner()
                                .invitation;
                            Ok(format!("{:?}", invitation.unwrap().state()))
                        }
                        Deed::Withdraw { invitation_id, coach } => {
                            let request = pb::WithdrawInvitationRequest { invitation_id, coach };
                            let invitation = Invitations::new(channel)
                                .withdraw_invitation(request)
                                .await?
                                .into_inner()
                                .invitation;
                            Ok(format!("{:?}", invitation.unwrap().state()))
                        }
                        Deed::Test { coach, passes } => {
                            let part =
                                if passes { pb::TestResult::Passed } else { pb::TestResult::Failed }.into();
                            let request = pb::CompleteSoftwareTestRequest {
                                coach,
                                camera: part,
                                sound: part,
                                microphone: part,
                                lesson: part,
                                whiteboard: part,
                                request_id,
                            };
                            let passed = Presence::new(channel)
                                .complete_software_test(request)
                                .await?
                                .into_inner()
                                .passed;
                            Ok(format!("passed: {passed}"))
                        }
                        Deed::SignUp { student, template, from, to } => {
                            let request = pb::CreateReservationRequest {
                                student,
                                class_template: template.to_owned(),
                                start_day: from.to_owned(),
                                end_day: to.to_owned(),
                                request_id,
                            };
                            let made = Enrollment::new(channel)
                                .create_reservation(request)
                                .await?
                                .into_inner()
                                .reservation
                                .unwrap();
                            Ok(format!("{:?}", made.state()))
                        }
                    }
                }
            })
            .await;
        self.server.changed(&call, true);
        let told = done.unwrap_or_else(|status| {
            assert_eq!(status.code(), Code::FailedPrecondition, "{call}: {status:?}");
            status.message().to_owned()
        });
        self.answers.push(format!("{call}: {told}"));
    }
}
