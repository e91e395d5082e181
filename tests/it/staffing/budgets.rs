//! How often one coach is asked, and how close together two classes may be (docs/domain.md §5).

use super::stage::{SATURDAY, Stage, TH, each};
use etutor::testing::{Academy, on_every_app_at};

/// A coach and classes of one student each on Thursdays, at these times.
fn many(times: &[(&str, &str)]) -> Academy {
    times.iter().fold(Academy::new().students(times.len()).coaches(1), |academy, (start, end)| {
        academy.period(start, end).template(&format!("t{}", &start[..2]), TH)
    })
}

async fn monday(app: etutor::testing::TestApp, academy: Academy) -> Stage {
    let stage = Stage::set(app, academy).await;
    for (index, template) in stage.academy.templates.clone().iter().enumerate() {
        stage.academy.reserve_all(&stage, &template.code, index + 1, index + 1, None).await;
    }
    stage.set_clock("2026-03-02T00:00").await;
    stage.fire("invite create", None).await;
    stage
}

/// The templates for which the coach was asked so far.
async fn asked(stage: &Stage) -> Vec<String> {
    let request = etutor::rpc::pb::StaffingServiceListInvitationsRequest::default();
    let found = stage.staffing().list_invitations(request).await.unwrap().into_inner().invitations;
    found.into_iter().map(|one| one.class_template).collect()
}

#[test]
fn a_coach_is_asked_twice_a_day_half_an_hour_apart_and_six_times_a_week() {
    on_every_app_at(SATURDAY, async |app| {
        let times = [
            ("12:00", "12:45"),
            ("13:00", "13:45"),
            ("14:00", "14:45"),
            ("15:00", "15:45"),
            ("16:00", "16:45"),
            ("17:00", "17:45"),
            ("18:00", "18:45"),
            ("19:00", "19:45"),
        ];
        let stage = monday(app, many(&times)).await;
        stage.ignore_messages("this story is about who is asked");
        for (at, so_far) in [
            ("2026-03-02T08:00", 1),
            ("2026-03-02T08:29", 1),
            ("2026-03-02T08:30", 2),
            ("2026-03-02T20:59", 2),
            ("2026-03-03T08:00", 3),
            ("2026-03-03T20:59", 4),
            // G of the class at 12:00 is Wednesday 10:00; it was asked for first, and the coach
            // said nothing.
            ("2026-03-04T08:00", 5),
            ("2026-03-04T08:30", 6),
            ("2026-03-04T20:00", 6),
            ("2026-03-05T08:00", 6),
        ] {
            stage.minute(at).await;
            assert_eq!(asked(&stage).await.len(), so_far, "{at}");
        }
        assert_eq!(
            asked(&stage).await,
            ["t12", "t13", "t14", "t15", "t16", "t17"],
            "the earliest lesson first"
        );
        let report = stage.fire("invite exec", None).await;
        assert_eq!(report.skipped["BUDGET_WEEK"], 2);
    });
}

#[test]
fn in_the_rescue_a_third_time_and_ten_minutes_apart() {
    on_every_app_at(SATURDAY, async |app| {
        let times = [("14:00", "14:45"), ("15:00", "15:45"), ("16:00", "16:45"), ("17:00", "17:45")];
        let stage = monday(app, many(&times)).await;
        stage.ignore_messages("this story is about who is asked");
        // G of the first three is Wednesday 12:00, 13:00, 14:00.
        for (at, so_far) in [
            ("2026-03-04T12:00", 1),
            // The second class is past its gate at 13:00, the third at 14:00: for a class before
            // its gate it is twice, half an hour apart.
            ("2026-03-04T12:29", 1),
            ("2026-03-04T12:30", 2),
            ("2026-03-04T13:59", 2),
            ("2026-03-04T14:00", 3),
            ("2026-03-04T15:00", 3),
        ] {
            stage.minute(at).await;
            assert_eq!(asked(&stage).await.len(), so_far, "{at}");
        }
        assert_eq!(stage.fire("invite exec", None).await.skipped["BUDGET_DAY"], 1);
        stage.minute("2026-03-05T08:00").await;
        assert_eq!(asked(&stage).await.len(), 4, "a new day");
    });
}

#[test]
fn the_spacing_of_the_rescue_is_ten_minutes() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = monday(app, many(&[("14:00", "14:45"), ("15:00", "15:45"), ("16:00", "16:45")])).await;
        stage.ignore_messages("this story is about who is asked");
        // After 14:00 all three are past their gates.
        for (at, so_far) in [
            ("2026-03-04T14:00", 1),
            ("2026-03-04T14:09", 1),
            ("2026-03-04T14:10", 2),
            ("2026-03-04T14:19", 2),
            ("2026-03-04T14:20", 3),
        ] {
            stage.minute(at).await;
            assert_eq!(asked(&stage).await.len(), so_far, "{at}");
        }
    });
}

#[test]
fn a_quarter_of_an_hour_between_two_classes_is_enough() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = monday(app, many(&[("18:00", "19:00"), ("19:14", "20:14"), ("20:29", "21:29")])).await;
        stage.ignore_messages("this story is about who is asked");
        stage.minute("2026-03-02T08:00").await;
        stage.minute("2026-03-02T08:30").await;
        // 18:00 holds the time until 19:00; 19:14 is 14 minutes later, 20:29 would be 15 minutes
        // after 20:14.
        assert_eq!(asked(&stage).await, ["t18", "t20"]);
        let report = stage.fire("invite exec", None).await;
        assert_eq!(report.skipped["OVERLAP_INVITATION"], 1);
        assert_eq!(
            stage.invite(1, "t19@2026-03-05", Some("别人都不在")).await,
            "OVERLAP_INVITATION",
            "override or not"
        );
        // Who says no has the time again; for an hour from 19:14 the neighbour at 20:29 is exactly
        // far enough away.
        assert_eq!(stage.no(1, "t18@2026-03-05").await, "DECLINED");
        stage.minute("2026-03-03T08:00").await;
        assert_eq!(stage.asked("t19@2026-03-05").await, each([1], "SENT"));
    });
}

#[test]
fn a_coach_takes_no_more_classes_than_the_rank_allows() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = many(&[("14:00", "14:45"), ("15:00", "15:45"), ("16:00", "16:45")])
            .change_coaches(|_, coach| coach.rank = 5);
        let stage = monday(app, academy).await;
        stage.ignore_messages("this story is about who is asked");
        stage.minute("2026-03-02T08:00").await;
        stage.minute("2026-03-02T08:30").await;
        stage.minute("2026-03-03T08:00").await;
        assert_eq!(asked(&stage).await.len(), 3, "asked is not taken");
        assert_eq!(stage.yes(1, "t14@2026-03-05").await, "ACCEPTED");
        stage.ready(&[1], "t15@2026-03-05").await;
        assert_eq!(stage.yes(1, "t16@2026-03-05").await, "RANK_LIMIT");
        assert_eq!(stage.no(1, "t14@2026-03-05").await, "WITHDRAWN");
        assert_eq!(stage.yes(1, "t16@2026-03-05").await, "READY");
    });
}
