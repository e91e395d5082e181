//! A class goes on in another season.

use super::own::has;
use super::{go_on, gone_on, lessons, listed, refused, stands, takes, until};
use crate::staffing::blocks;
use crate::staffing::stage::{SATURDAY, Stage, TH};
use etutor::rpc::pb;
use etutor::testing::academy::{coach, student};
use etutor::testing::{TestApp, on_every_app_at};

/// The same academy with a summer season, in which coach 1 offers Thursday evenings; the template
/// `next` is for the next grade.
async fn with_summer(app: TestApp) -> Stage {
    let stage = super::ending(app).await;
    let season = pb::Season {
        code: "summer".to_owned(),
        r#type: pb::SeasonType::Summer.into(),
        start_day: "2026-07-06".to_owned(),
        end_day: "2026-08-30".to_owned(),
        ..stage.academy.season.clone()
    };
    let request = pb::UpsertSeasonRequest { season: Some(season), ..Default::default() };
    stage.catalog().upsert_season(request).await.unwrap();
    for (code, start, end) in [("e1900", "19:00", "20:30"), ("e1800", "18:00", "19:30")] {
        let period = pb::Period {
            season: "summer".to_owned(),
            code: code.to_owned(),
            start_time: start.to_owned(),
            end_time: end.to_owned(),
            ..stage.academy.periods[0].clone()
        };
        let request = pb::UpsertPeriodRequest { period: Some(period), ..Default::default() };
        stage.catalog().upsert_period(request).await.unwrap();
    }
    for (code, period, grade) in
        [("next", "e1900", 8), ("early", "e1800", 8), ("same", "e1900", 7), ("old", "e1900", 9)]
    {
        let template = pb::ClassTemplate {
            code: code.to_owned(),
            season: "summer".to_owned(),
            period: period.to_owned(),
            grade,
            recurrence: TH.to_owned(),
            ..stage.academy.templates[0].clone()
        };
        let request = pb::UpsertClassTemplateRequest { class_template: Some(template), ..Default::default() };
        stage.catalog().upsert_class_template(request).await.unwrap();
    }
    stage
}

async fn offers_summer(stage: &Stage, number: usize) {
    let availability = vec![pb::Availability {
        period: "e1900".to_owned(),
        recurrence: TH.to_owned(),
        start_day: "2026-07-06".to_owned(),
        end_day: "2026-08-30".to_owned(),
        ..Default::default()
    }];
    let request =
        pb::SetAvailabilityRequest { coach: coach(number), season: "summer".to_owned(), availability };
    stage.coaches().set_availability(request).await.unwrap();
}

fn in_summer(template: &str) -> pb::ContinueClassRequest {
    pb::ContinueClassRequest { class_template: template.to_owned(), ..until("2026-08-06") }
}

#[test]
fn a_class_goes_on_in_the_next_season_as_a_class_of_its_coach_and_its_students() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_summer(app).await;
        assert_eq!(refused(&stage, in_summer("next")).await, "NO_AVAILABILITY", "the coach offers no time");
        offers_summer(&stage, 1).await;
        for template in ["early", "old"] {
            assert_eq!(refused(&stage, in_summer(template)).await, "INVALID_FIELD", "{template}");
        }
        let made = go_on(&stage, in_summer("next")).await.unwrap();
        assert_eq!(made.days, ["2026-07-09", "2026-07-16", "2026-07-23", "2026-07-30", "2026-08-06"]);
        gone_on(&stage).await;
        assert_eq!(
            stands(&stage).await,
            "FORMED student-001 OFFERED, student-002 OFFERED, student-003 OFFERED"
        );
        let class_id = listed(&stage).await[0].next_class_id;
        assert_ne!(class_id, 1);
        let class = stage.class(class_id).await.class.unwrap();
        assert_eq!((class.class_template.as_str(), class.coach.as_str()), ("next", "coach-001"));
        let by = listed(&stage).await[0].continuation_id;
        assert_eq!((class.task_id, class.continuation_id), (0, by));
        assert_eq!(lessons(&stage, class_id).await, ["07-09", "07-16", "07-23", "07-30", "08-06"]);
        stage.fire("sms send", None).await;
        let told = stage.messages().await;
        let text = told.iter().find(|row| row.kind.as_str() == "CONTINUE_OFFER").unwrap();
        let expected = "【etutor】您的初二学科1班要续班：续班首课7月9日（周四）19:00-20:30，共5次课至8月6日，\
            已为您保留名额。请在3月23日10:05前到客户端确认，逾期名额将释放。";
        assert_eq!(text.body, expected);
        // They are of grade 7 today; who goes on with the class is not asked.
        let taken = takes(&stage, 2).await.unwrap();
        assert_eq!((taken.class_template.as_str(), taken.class_id), ("next", class_id));
        // The old class ends as it was to, and takes nothing from the new one.
        for reservation_id in 1..=3 {
            let from_day = "2026-03-19".to_owned();
            let request = pb::CancelReservationRequest { reservation_id, from_day, ..Default::default() };
            stage.enrollment().cancel_reservation(request).await.unwrap();
        }
        assert_eq!(lessons(&stage, 1).await, ["03-05", "03-12"]);
        assert_eq!(lessons(&stage, class_id).await.len(), 5);
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn who_is_kept_from_the_coach_is_not_offered_a_place_in_another_season() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_summer(app).await;
        offers_summer(&stage, 1).await;
        let block = pb::SetBlockRequest {
            coach: coach(1),
            student: "student-002".to_owned(),
            operator: "wang".to_owned(),
            remark: "家长投诉".to_owned(),
            ..Default::default()
        };
        stage.coaches().set_block(block).await.unwrap();
        let (first, _) = blocks::set(&stage, 1, blocks::From::Student(1)).await;
        let (third, _) = blocks::set(&stage, 1, blocks::From::Student(3)).await;
        assert_eq!(refused(&stage, in_summer("next")).await, "BLOCKED", "nobody would come");
        for block in [first, third] {
            blocks::remove(&stage, block).await.unwrap();
        }
        go_on(&stage, in_summer("next")).await.unwrap();
        gone_on(&stage).await;
        assert_eq!(stands(&stage).await, "FORMED student-001 OFFERED, student-003 OFFERED");
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn who_has_signed_up_for_the_other_season_by_themselves_has_a_seat_in_it() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_summer(app).await;
        offers_summer(&stage, 1).await;
        for (number, last) in [(1, "2026-07-23"), (2, "2026-08-27"), (3, "2026-07-16")] {
            let days = Some(("2026-07-09", last));
            stage.academy.reserve(&stage, &student(number), "same", days).await.unwrap();
        }
        // In another season it is a new class, for which a block counts.
        blocks::set(&stage, 1, blocks::From::Student(3)).await;
        go_on(&stage, in_summer("same")).await.unwrap();
        stage.minute("2026-03-16T10:01").await;
        assert_eq!(crate::substitutions::yes(&stage, 1).await, "READY");
        stage.set_clock("2026-03-16T10:05").await;
        let report = stage.fire("clazz offer_places", None).await;
        assert_eq!(report.skipped.get("BLOCKED"), Some(&1), "{report:?}");
        assert_eq!(
            stands(&stage).await,
            "FORMED student-001 PLACED, student-002 PLACED, student-001 OFFERED"
        );
        assert_eq!(has(&stage, 1, "same").await, ["PLACED 07-09 07-23", "OFFERED 07-30 08-06"]);
        assert_eq!(has(&stage, 2, "same").await, ["PLACED 07-09 08-06", "BOOKED 08-07 08-27"]);
        assert_eq!(has(&stage, 3, "same").await, ["BOOKED 07-09 07-16"]);
        let class_id = listed(&stage).await[0].next_class_id;
        let roster = stage.class(class_id).await.roster;
        let seated: Vec<&str> = roster.iter().map(|entry| entry.student.as_str()).collect();
        assert_eq!(seated, ["student-001", "student-002"]);
        stage.ignore_messages("what is told is another story");
    });
}
