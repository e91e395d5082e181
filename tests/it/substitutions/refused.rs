//! A coach who is named and cannot teach: the refusal says on which days, and what is in the way.

use super::*;

/// A class of `math` with coach 1 and one of `music` with coach 3, on Thursdays at the same hour;
/// it is the Friday after the first lessons.
async fn two_classes(app: TestApp) -> Stage {
    let academy = evening().classes(1, 4).template("music", TH).classes(1, 4).coaches(5).students(6);
    let stage = Stage::set(app, academy).await;
    let season = Some(("2026-03-05", "2026-06-28"));
    stage.academy.reserve_all(&stage, "math", 1, 3, season).await;
    stage.academy.reserve_all(&stage, "music", 4, 6, season).await;
    stage.set_clock("2026-03-02T00:00").await;
    stage.fire("invite create", None).await;
    stage.minute("2026-03-02T08:00").await;
    for (on, number) in [(MATH, 1), (MUSIC, 3)] {
        let coaches = stage.asked(on).await;
        assert!(coaches.iter().any(|line| line.starts_with(&coach(number))), "{on}: {coaches:?}");
        stage.ready(&[number], on).await;
    }
    stage.minute("2026-03-05T15:00").await;
    stage.set_clock("2026-03-06T10:00").await;
    stage.told().await;
    for number in [2, 4] {
        stage.test(number, true).await;
    }
    stage
}

const MUSIC: &str = "music@2026-03-05";

/// Reason, days and classes of a refusal, and its text.
fn shown(refused: &Status) -> (String, String, String, String) {
    let info = refused.get_details_error_info().unwrap();
    let of = |key: &str| info.metadata.get(key).cloned().unwrap_or_default();
    (info.reason, of("days"), of("classes"), refused.message().to_owned())
}

async fn class_of(stage: &Stage, template: &str) -> i64 {
    let request = pb::ListClassesRequest { class_template: template.to_owned(), ..Default::default() };
    TestApp::classes(stage).list_classes(request).await.unwrap().into_inner().classes[0].class_id
}

#[test]
fn who_teaches_another_class_at_that_hour_is_refused_with_the_class() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = two_classes(app).await;
        let music = class_of(&stage, "music").await;
        let refused = start(&stage, &["2026-03-12", "2026-03-19"], Some(3)).await.unwrap_err();
        let (why, days, classes, text) = shown(&refused);
        assert_eq!((why.as_str(), days.as_str()), ("OVERLAP_CLASS", "2026-03-12,2026-03-19"));
        assert_eq!(classes, music.to_string());
        assert!(text.contains(&format!("class {music} (music)")) && text.contains("2026-03-12"), "{text}");
        let (why, days, _, _) = shown(&change(&stage, "2026-06-25", Some(3)).await.unwrap_err());
        assert_eq!((why.as_str(), days.as_str()), ("OVERLAP_CLASS", "2026-06-25"));
        // The coach of the class is no better.
        let (why, days, _, _) = shown(&start(&stage, &["2026-03-12"], Some(1)).await.unwrap_err());
        assert_eq!((why.as_str(), days.as_str()), ("OVERLAP_CLASS", "2026-03-12"));
    });
}

#[test]
fn who_offers_no_time_is_refused_with_the_days() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = two_classes(app).await;
        let request = pb::SetAvailabilityRequest {
            coach: coach(2),
            season: "spring".to_owned(),
            availability: vec![pb::Availability {
                period: "p1900".to_owned(),
                recurrence: "FREQ=DAILY".to_owned(),
                start_day: "2026-03-02".to_owned(),
                end_day: "2026-03-12".to_owned(),
                ..Default::default()
            }],
        };
        stage.coaches().set_availability(request).await.unwrap();
        let days = ["2026-03-12", "2026-03-19", "2026-03-26"];
        let (why, days, _, text) = shown(&start(&stage, &days, Some(2)).await.unwrap_err());
        assert_eq!((why.as_str(), days.as_str()), ("NO_AVAILABILITY", "2026-03-19,2026-03-26"));
        assert!(text.contains("no time from 19:00 to 20:30"), "{text}");
    });
}

#[test]
fn who_is_asked_for_another_class_at_that_hour_is_refused_with_the_invitation() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = two_classes(app).await;
        let request = pb::StartSubstitutionRequest {
            class_id: class_of(&stage, "music").await,
            days: vec!["2026-03-12".to_owned()],
            operator: "wang".to_owned(),
            remark: "教练生病".to_owned(),
            ..Default::default()
        };
        stage.substitutions().start_substitution(request).await.unwrap();
        stage.minute("2026-03-06T10:01").await;
        let mut number = 0;
        for one in [2, 4, 5] {
            if !asked(&stage, one).await.is_empty() {
                number = one;
            }
        }
        let (invitation, _) = asked(&stage, number).await[0];
        let refused = shown(&start(&stage, &["2026-03-12"], Some(number)).await.unwrap_err());
        assert_eq!((refused.0.as_str(), refused.1.as_str()), ("OVERLAP_INVITATION", "2026-03-12"));
        let (_, _, _, text) = &refused;
        assert!(
            text.contains("music@2026-03-12") && text.contains(&format!("invitation {invitation})")),
            "{text}"
        );
        stage.ignore_messages("asked as by any substitution");
    });
}

#[test]
fn a_yes_for_another_class_at_that_hour_is_no_lack_of_offers() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = two_classes(app).await;
        let request = pb::StartCoachChangeRequest {
            class_id: class_of(&stage, "music").await,
            from_day: "2026-03-19".to_owned(),
            coach: coach(2),
            operator: "wang".to_owned(),
            remark: "教练离职".to_owned(),
            request_id: String::new(),
        };
        stage.substitutions().start_coach_change(request).await.unwrap();
        let refused = shown(&start(&stage, &["2026-03-12", "2026-03-19"], Some(2)).await.unwrap_err());
        assert_eq!((refused.0.as_str(), refused.1.as_str()), ("OVERLAP_INVITATION", "2026-03-19"));
        // Nor is it for who is asked by hand, and then says yes.
        start(&stage, &["2026-03-12"], Some(2)).await.unwrap();
        stage.ignore_messages("told as by any change");
    });
}
