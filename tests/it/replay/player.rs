//! Plays days: fires the tasks, and answers for each coach at the right instant.

use super::invariants::Invariants;
use chrono::{TimeDelta, Timelike};
use etutor::demo::behaviour::{Answer, Behaviour, answer};
use etutor::domain::time::Instant;
use etutor::rpc::pb;
use etutor::testing::TestApp;
use std::collections::{BTreeMap, HashMap, HashSet};
use tonic::Code;

/// What a coach does at an instant.
#[derive(Clone, Debug)]
enum Deed {
    Yes { invitation_id: i64, coach: String, test_at: Instant, passes: bool },
    No { invitation_id: i64, coach: String },
    Test { coach: String, passes: bool },
}

/// Plays an academy.
pub struct Player<'a> {
    app: &'a TestApp,
    habits: HashMap<String, Behaviour>,
    deeds: BTreeMap<(Instant, u64), Deed>,
    seen: HashSet<i64>,
    turn: u64,
    /// What is looked at on the way.
    pub invariants: Invariants,
    /// How often answers were refused, by reason.
    pub refused: BTreeMap<String, u64>,
}

impl<'a> Player<'a> {
    pub fn new(app: &'a TestApp, habits: HashMap<String, Behaviour>) -> Self {
        Self {
            app,
            habits,
            deeds: BTreeMap::new(),
            seen: HashSet::new(),
            turn: 0,
            invariants: Invariants::default(),
            refused: BTreeMap::new(),
        }
    }

    /// From one instant to another, a step of so many minutes at a time, one an hour at night; both
    /// are local times of a full step.
    pub async fn play(&mut self, from: Instant, to: Instant, minutes: i64) {
        let mut now = from;
        while now <= to {
            self.step(now).await;
            let hour = self.app.time().time(now).hour();
            let next = if (7..21).contains(&hour) { minutes } else { 60 };
            now = now + TimeDelta::minutes(next);
        }
    }

    /// Everything that happens up to and at `now`.
    pub async fn step(&mut self, now: Instant) {
        while let Some(((at, _), deed)) = self.deeds.first_key_value().map(|(key, deed)| (*key, deed.clone()))
        {
            if at > now {
                break;
            }
            self.deeds.pop_first();
            self.app.set_clock_to(at).await;
            self.act(at, deed).await;
        }
        self.app.set_clock_to(now).await;
        let clock = self.app.time().time(now);
        if (clock.hour(), clock.minute()) == (0, 0) {
            // Jobs of one minute start in any order (docs/domain.md §3): another one each night.
            let mut jobs = [
                "invite create",
                "clazz init_place",
                "clazz remove_expired_students",
                "clazz free_available_time",
            ];
            self.turn += 1;
            jobs.rotate_left((self.turn % 4) as usize);
            for job in jobs {
                let report = self.app.fire(job, None).await;
                // Admins are told when places did not agree with the sign-ups.
                assert_eq!(report.messages, 0, "{job}: {report:?}");
                // Whatever ended freed its time by itself.
                assert!(job != "clazz free_available_time" || report.examined == 0, "{report:?}");
            }
        }
        if matches!((clock.hour(), clock.minute()), (17 | 22, 0)) {
            self.app.fire("invite notify_test", None).await;
        }
        self.invariants.before_closing(self.app, now).await;
        let mut jobs =
            ["invite exec", "invite check", "invite notify_class", "clazz assign_students", "sms send"];
        self.turn += 1;
        jobs.rotate_left((self.turn % 5) as usize);
        if self.turn.is_multiple_of(2) {
            jobs.reverse();
        }
        let mut sent = 0;
        for job in jobs {
            let report = self.app.fire(job, None).await;
            assert_eq!(report.failed, 0, "{job}: {report:?}");
            if job == "sms send" {
                sent = report.messages;
            }
            if job == "invite exec" {
                self.app.nobody_is_overlooked().await;
            }
        }
        if sent > 0 {
            self.read_invitations().await;
        }
        self.invariants.check(self.app, now).await;
    }

    /// Coaches read what was sent and make up their minds.
    async fn read_invitations(&mut self) {
        let mut page_token = String::new();
        loop {
            let request = pb::StaffingServiceListInvitationsRequest {
                states: vec![pb::InvitationState::Sent.into()],
                page_size: 1000,
                page_token,
                ..Default::default()
            };
            let page = self.app.staffing().list_invitations(request).await.unwrap().into_inner();
            for invitation in page.invitations {
                if self.seen.insert(invitation.invitation_id) {
                    self.decide(&invitation);
                }
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
    }

    fn decide(&mut self, invitation: &pb::Invitation) {
        let sent = Instant::from_unix(invitation.sent_time.unwrap().seconds);
        let day = invitation.day.parse().unwrap();
        let (coach, invitation_id) = (invitation.coach.clone(), invitation.invitation_id);
        let habits = self.habits[&coach];
        let (at, deed) = match answer(self.app.time(), habits, &coach, &invitation.class_template, day, sent)
        {
            Answer::Yes { at, test_at, passes } => (at, Deed::Yes { invitation_id, coach, test_at, passes }),
            Answer::No { at } => (at, Deed::No { invitation_id, coach }),
            Answer::Silence => return,
        };
        self.plan(at, deed);
    }

    fn plan(&mut self, at: Instant, deed: Deed) {
        // Deeds of one second are in an order that does not depend on row ids.
        let name = match &deed {
            Deed::Yes { coach, .. } | Deed::No { coach, .. } | Deed::Test { coach, .. } => coach,
        };
        let mut order = name.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        while self.deeds.contains_key(&(at, order)) {
            order = order.wrapping_add(1);
        }
        self.deeds.insert((at, order), deed);
    }

    async fn act(&mut self, at: Instant, deed: Deed) {
        match deed {
            Deed::Yes { invitation_id, coach, test_at, passes } => {
                let request = pb::AcceptInvitationRequest { invitation_id, coach: coach.clone() };
                match self.app.invitations().accept_invitation(request).await {
                    Ok(_) => self.plan(test_at.max(at), Deed::Test { coach, passes }),
                    Err(status) => self.refusal(status),
                }
            }
            Deed::No { invitation_id, coach } => {
                let request = pb::DeclineInvitationRequest { invitation_id, coach };
                if let Err(status) = self.app.invitations().decline_invitation(request).await {
                    self.refusal(status);
                }
            }
            Deed::Test { coach, passes } => {
                let part = if passes { pb::TestResult::Passed } else { pb::TestResult::Failed }.into();
                let request = pb::CompleteSoftwareTestRequest {
                    coach,
                    camera: pb::TestResult::Passed.into(),
                    sound: pb::TestResult::Passed.into(),
                    microphone: part,
                    lesson: pb::TestResult::Passed.into(),
                    whiteboard: pb::TestResult::Passed.into(),
                    request_id: String::new(),
                };
                self.app.presence().complete_software_test(request).await.unwrap();
            }
        }
    }

    fn refusal(&mut self, status: tonic::Status) {
        use tonic_types::StatusExt;
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        let reason = status.get_details_error_info().unwrap().reason;
        *self.refused.entry(reason).or_default() += 1;
    }
}
