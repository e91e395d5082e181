//! The stage for stories of staffing: an academy, its clock, and what everybody says and is told.

use crate::grpc::reason;
use etutor::rpc::pb;
use etutor::storage::entity::message;
use etutor::testing::{Academy, TestApp, academy};
use std::ops::Deref;

/// A Saturday noon, in time for the lessons of Thursday 2026-03-05, whose tasks are made on Monday
/// 2026-03-02 00:00.
pub const SATURDAY: &str = "2026-02-28T12:00";
/// Thursdays.
pub const TH: &str = "FREQ=WEEKLY;BYDAY=TH";
/// The class most stories are about.
pub const MATH: &str = "math@2026-03-05";

/// A service with an academy. Tasks are named `template@day`.
pub struct Stage {
    app: TestApp,
    /// What was made before the story begins.
    pub academy: Academy,
}

impl Deref for Stage {
    type Target = TestApp;
    fn deref(&self) -> &TestApp {
        &self.app
    }
}

/// An academy with the template `math`, Thursdays 19:00–20:30, up to four classes of 6.
pub fn evening() -> Academy {
    Academy::new().period("19:00", "20:30").template("math", TH).classes(4, 6)
}

/// The same on Thursdays 09:00–10:00.
pub fn morning() -> Academy {
    Academy::new().period("09:00", "10:00").template("math", TH).classes(4, 6)
}

impl Stage {
    /// Makes the academy.
    pub async fn set(app: TestApp, academy: Academy) -> Self {
        Self { academy: academy.build(&app).await, app }
    }

    /// The same, and signs `students` up for `math` for the whole season; then it is Monday 00:00
    /// and the task of Thursday is made.
    pub async fn monday(app: TestApp, academy: Academy, students: usize) -> Self {
        let stage = Self::set(app, academy).await;
        stage.academy.reserve_all(&stage, "math", 1, students, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage
    }

    /// What the crontab does in a minute: answers first, `sms send` last.
    pub async fn minute(&self, at: &str) {
        self.set_clock(at).await;
        for words in ["invite check", "invite exec", "clazz assign_students", "sms send"] {
            self.fire(words, None).await;
            if words == "invite exec" {
                self.nobody_is_overlooked().await;
            }
        }
    }

    /// The task with its invitations.
    pub async fn whole_task(&self, on: &str) -> pb::GetClassTaskResponse {
        let (template, day) = on.split_once('@').unwrap();
        let request =
            pb::GetClassTaskRequest { task_id: 0, class_template: template.to_owned(), day: day.to_owned() };
        self.staffing().get_class_task(request).await.unwrap().into_inner()
    }

    /// The task.
    pub async fn task(&self, on: &str) -> pb::ClassTask {
        self.whole_task(on).await.class_task.unwrap()
    }

    /// The task's state, and students, needed, accepted, ready, live, in reserve.
    pub async fn standing(&self, on: &str) -> (String, [i32; 6]) {
        let task = self.task(on).await;
        let counts = [task.students, task.needed, task.accepted, task.ready, task.live, task.reserve];
        (task.state().as_str_name().replace("CLASS_TASK_STATE_", ""), counts)
    }

    /// The task's state.
    pub async fn state(&self, on: &str) -> String {
        self.standing(on).await.0
    }

    /// Who was asked and what became of it: `coach-001 SENT`, by name.
    pub async fn asked(&self, on: &str) -> Vec<String> {
        let found = self.whole_task(on).await.invitations;
        let mut found: Vec<String> = found.iter().map(|one| format!("{} {}", one.coach, said(one))).collect();
        found.sort();
        found
    }

    /// The invitation of a coach, by number.
    pub async fn invitation(&self, coach: usize, on: &str) -> pb::Invitation {
        let found =
            self.whole_task(on).await.invitations.into_iter().find(|one| one.coach == academy::coach(coach));
        found.unwrap_or_else(|| panic!("coach {coach} was not asked for {on}"))
    }

    /// A yes: the state of the invitation, or the reason of the refusal.
    pub async fn yes(&self, coach: usize, on: &str) -> String {
        let invitation = self.invitation(coach, on).await;
        let request =
            pb::AcceptInvitationRequest { invitation_id: invitation.invitation_id, coach: invitation.coach };
        match self.invitations().accept_invitation(request).await {
            Ok(answer) => said(&answer.into_inner().invitation.unwrap()),
            Err(status) => reason(&status),
        }
    }

    /// A no.
    pub async fn no(&self, coach: usize, on: &str) -> String {
        let invitation = self.invitation(coach, on).await;
        let request =
            pb::DeclineInvitationRequest { invitation_id: invitation.invitation_id, coach: invitation.coach };
        match self.invitations().decline_invitation(request).await {
            Ok(answer) => said(&answer.into_inner().invitation.unwrap()),
            Err(status) => reason(&status),
        }
    }

    /// Staff invite a coach; `remark` overrides.
    pub async fn invite(&self, coach: usize, on: &str, remark: Option<&str>) -> String {
        let (template, day) = on.split_once('@').unwrap();
        let request = pb::InviteCoachRequest {
            class_template: template.to_owned(),
            day: day.to_owned(),
            coach: academy::coach(coach),
            operator: "wang".to_owned(),
            r#override: remark.is_some(),
            remark: remark.unwrap_or_default().to_owned(),
            ..pb::InviteCoachRequest::default()
        };
        match self.staffing().invite_coach(request).await {
            Ok(answer) => said(&answer.into_inner().invitation.unwrap()),
            Err(status) => reason(&status),
        }
    }

    /// Staff take an invitation back.
    pub async fn take_back(&self, coach: usize, on: &str) -> String {
        let invitation_id = self.invitation(coach, on).await.invitation_id;
        let request = pb::CancelInvitationRequest {
            invitation_id,
            operator: "wang".to_owned(),
            remark: "换人".to_owned(),
        };
        match self.staffing().cancel_invitation(request).await {
            Ok(answer) => said(&answer.into_inner().invitation.unwrap()),
            Err(status) => reason(&status),
        }
    }

    /// A coach does the software test; how many acceptances became READY.
    pub async fn test(&self, coach: usize, passed: bool) -> usize {
        let all = pb::TestResult::Passed.into();
        let request = pb::CompleteSoftwareTestRequest {
            coach: academy::coach(coach),
            camera: all,
            sound: all,
            microphone: all,
            lesson: all,
            whiteboard: if passed { all } else { pb::TestResult::Failed.into() },
            request_id: String::new(),
        };
        let answer = self.presence().complete_software_test(request).await.unwrap().into_inner();
        assert_eq!(answer.passed, passed);
        answer.ready_invitation_ids.len()
    }

    /// Yeses with the test passed.
    pub async fn ready(&self, coaches: &[usize], on: &str) {
        for coach in coaches {
            self.test(*coach, true).await;
            assert_eq!(self.yes(*coach, on).await, "READY", "coach {coach}");
        }
    }

    /// Another job status.
    pub async fn set_status(&self, coach: usize, status: pb::JobStatus) {
        let request = pb::SetCoachStatusRequest {
            user_name: academy::coach(coach),
            job_status: status.into(),
            operator: "wang".to_owned(),
            remark: "合同到期".to_owned(),
            request_id: String::new(),
        };
        self.coaches().set_coach_status(request).await.unwrap();
    }

    /// A student signs off `math` (or the only template there is), from `from` on.
    pub async fn sign_off(&self, student: usize, from: &str) {
        let request =
            pb::ListReservationsRequest { student: academy::student(student), ..Default::default() };
        let found = self.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
        let reservation_id = found.last().unwrap().reservation_id;
        let request =
            pb::CancelReservationRequest { reservation_id, from_day: from.to_owned(), ..Default::default() };
        self.enrollment().cancel_reservation(request).await.unwrap();
    }

    /// The classes a task formed: `coach-001: 1 3 5` (numbers of students), in the order of
    /// forming.
    pub async fn classes(&self, on: &str) -> Vec<String> {
        let request = pb::ListClassesRequest { task_id: self.task(on).await.task_id, ..Default::default() };
        let found = self.app.classes().list_classes(request).await.unwrap().into_inner().classes;
        let mut classes = Vec::new();
        for class in found {
            let whole = self.class(class.class_id).await;
            let mut roster: Vec<u32> =
                whole.roster.iter().map(|entry| entry.student[8..].parse().unwrap()).collect();
            roster.sort_unstable();
            let roster: Vec<String> = roster.iter().map(u32::to_string).collect();
            classes.push(format!("{}: {}", class.coach, roster.join(" ")));
        }
        classes
    }

    /// One class.
    pub async fn class(&self, class_id: i64) -> pb::GetClassResponse {
        self.app.classes().get_class(pb::GetClassRequest { class_id }).await.unwrap().into_inner()
    }

    /// Who was told what since it was last asked, in the order of writing: `INVITATION coach-001`;
    /// admins `TASK_SHORT wang SMS`.
    pub async fn told(&self) -> Vec<String> {
        self.messages().await.iter().map(line).collect()
    }

    /// Who was told one kind of thing; the rest is looked at too.
    pub async fn told_of(&self, kind: &str) -> Vec<String> {
        self.told()
            .await
            .into_iter()
            .filter_map(|line| line.strip_prefix(&format!("{kind} ")).map(str::to_owned))
            .collect()
    }

    /// A timestamp as local time.
    pub fn local(&self, at: &Option<prost_types::Timestamp>) -> String {
        at.as_ref().map_or_else(
            || "-".to_owned(),
            |at| self.time().show(etutor::domain::time::Instant::from_unix(at.seconds)),
        )
    }
}

fn line(row: &message::Model) -> String {
    match row.audience {
        etutor::domain::state::Audience::Admin => format!("{} {} {}", row.kind, row.person, row.channel),
        _ => format!("{} {}", row.kind, row.person),
    }
}

/// The state of an invitation.
fn said(invitation: &pb::Invitation) -> String {
    invitation.state().as_str_name().replace("INVITATION_STATE_", "")
}

/// `coach-00N STATE` for each.
pub fn each(coaches: impl IntoIterator<Item = usize>, state: &str) -> Vec<String> {
    coaches.into_iter().map(|number| format!("{} {state}", academy::coach(number))).collect()
}
