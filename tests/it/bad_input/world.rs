//! The academy that the requests refer to.

use super::cases::{passed, text};
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp};

/// What the requests speak of.
#[derive(Debug, Default)]
pub struct World {
    pub academy: Academy,
    pub now: i64,
    pub reservation: i64,
    pub task: i64,
    pub invitations: Vec<(i64, String)>,
    pub class: i64,
    /// The class that ends in March.
    pub ending: i64,
    /// In the class, and nothing is done to it.
    pub stays: i64,
    pub hold: i64,
    pub offer: i64,
    /// A lesson that is owed.
    pub make_up: i64,
}

/// A hold, and an offer from a waiting list.
async fn promised(app: &TestApp, academy: &Academy) -> (i64, i64) {
    let days = ("2026-06-02", "2026-06-20");
    let hold = pb::HoldPlacesRequest {
        student: student(1),
        class_template: text("held"),
        start_day: text(days.0),
        end_day: text(days.1),
        request_id: String::new(),
    };
    let hold = app.enrollment().hold_places(hold).await.unwrap().into_inner().reservation.unwrap();
    let full = academy.reserve(app, &student(1), "full", Some(days)).await.unwrap();
    let wait = pb::JoinWaitlistRequest {
        student: student(2),
        class_template: text("full"),
        start_day: text(days.0),
        end_day: text(days.1),
        request_id: String::new(),
    };
    let entry = app.waitlist().join_waitlist(wait).await.unwrap().into_inner().entry.unwrap();
    let cancel = pb::CancelReservationRequest { reservation_id: full.reservation_id, ..Default::default() };
    app.enrollment().cancel_reservation(cancel).await.unwrap();
    (hold.reservation_id, entry.reservation.unwrap().reservation_id)
}

impl World {
    /// A Saturday class that is formed, and a Sunday class whose coaches are being asked.
    pub async fn make(app: &TestApp) -> Self {
        let academy = Academy::new()
            .period("19:00", "20:30")
            .template("sat", "FREQ=WEEKLY;BYDAY=SA")
            .template("sun", "FREQ=WEEKLY;BYDAY=SU");
        let academy = academy
            .classes(2, 3)
            .template("mon", "FREQ=WEEKLY;BYDAY=MO")
            .template("spare", "FREQ=WEEKLY;BYDAY=TU")
            .template("held", "FREQ=WEEKLY;BYDAY=TU")
            .template("full", "FREQ=WEEKLY;BYDAY=WE")
            .classes(1, 1)
            .period("08:00", "09:30")
            .template("ends", "FREQ=WEEKLY;BYDAY=SA")
            .coaches(8)
            .students(12)
            .build(app)
            .await;
        let empty = pb::Season { code: text("empty"), ..academy.season.clone() };
        app.catalog()
            .upsert_season(pb::UpsertSeasonRequest {
                season: Some(empty),
                request_id: String::new(),
                validate_only: false,
            })
            .await
            .unwrap();
        let empty = pb::Period { season: text("empty"), code: text("empty"), ..academy.periods[0].clone() };
        app.catalog()
            .upsert_period(pb::UpsertPeriodRequest {
                period: Some(empty),
                request_id: String::new(),
                validate_only: false,
            })
            .await
            .unwrap();
        let made = academy.reserve_all(app, "sat", 1, 6, None).await;
        academy.reserve_all(app, "ends", 7, 8, Some(("2026-03-07", "2026-03-21"))).await;
        let later = Some(("2026-03-15", "2026-06-28"));
        academy.reserve_all(app, "sun", 7, 12, later).await;

        app.set_clock("2026-03-04T08:00").await;
        for task in ["invite create", "invite exec", "sms send"] {
            app.fire(task, None).await;
        }
        for template in ["sat", "ends"] {
            let (invitation_id, coach) = asked(app, template).await.remove(0);
            app.invitations()
                .accept_invitation(pb::AcceptInvitationRequest { invitation_id, coach: coach.clone() })
                .await
                .unwrap();
            app.presence().complete_software_test(passed(&coach)).await.unwrap();
        }
        app.set_clock("2026-03-07T15:00").await;
        app.fire("clazz assign_students", None).await;
        let classes =
            app.classes().list_classes(pb::ListClassesRequest::default()).await.unwrap().into_inner().classes;

        app.set_clock("2026-03-12T08:00").await;
        for task in ["invite create", "invite exec", "sms send"] {
            app.fire(task, None).await;
        }
        let by_name = pb::GetClassTaskRequest {
            task_id: 0,
            class_template: "sun".to_owned(),
            day: "2026-03-15".to_owned(),
        };
        let task = app.staffing().get_class_task(by_name).await.unwrap().into_inner().class_task.unwrap();
        let of =
            |template: &str| classes.iter().find(|class| class.class_template == template).unwrap().class_id;
        let (hold, offer) = promised(app, &academy).await;
        let make_up = owed(app, &academy).await;
        Self {
            stays: made[1].reservation_id,
            hold,
            offer,
            make_up,
            academy,
            now: app.now().await.unwrap().unix(),
            reservation: made[0].reservation_id,
            task: task.task_id,
            invitations: asked(app, "sun").await,
            class: of("sat"),
            ending: of("ends"),
        }
    }

    pub fn invitation(&self, index: usize) -> (i64, String) {
        self.invitations.get(index).cloned().unwrap_or_default()
    }
}

/// A Saturday class loses a lesson in May by a holiday.
async fn owed(app: &TestApp, academy: &Academy) -> i64 {
    let season = pb::Season { except_days: vec![text("2026-05-23")], ..academy.season.clone() };
    let request = pb::UpsertSeasonRequest { season: Some(season), ..Default::default() };
    app.catalog().upsert_season(request).await.unwrap();
    let found = app.make_ups().list_make_ups(pb::ListMakeUpsRequest::default()).await.unwrap();
    found.into_inner().make_ups[0].make_up_id
}

async fn asked(app: &TestApp, template: &str) -> Vec<(i64, String)> {
    let request = pb::StaffingServiceListInvitationsRequest {
        class_template: template.to_owned(),
        ..Default::default()
    };
    let found = app.staffing().list_invitations(request).await.unwrap().into_inner().invitations;
    found.into_iter().map(|invitation| (invitation.invitation_id, invitation.coach)).collect()
}
