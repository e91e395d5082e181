//! The calendar changes while a class is to go on, or goes on already.

use super::{ending, go_on, gone_on, lessons, listed, stands, until};
use crate::staffing::stage::{SATURDAY, Stage};
use crate::substitutions::yes;
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::on_every_app_at;

pub(super) async fn holidays(stage: &Stage, days: &[&str]) {
    let except_days = days.iter().map(|day| (*day).to_owned()).collect();
    let season = pb::Season { except_days, ..stage.academy.season.clone() };
    let request = pb::UpsertSeasonRequest { season: Some(season), ..Default::default() };
    stage.catalog().upsert_season(request).await.unwrap();
}

pub(super) async fn hours(stage: &Stage, start: &str, end: &str) {
    let (start_time, end_time) = (start.to_owned(), end.to_owned());
    let period = pb::Period { start_time, end_time, ..stage.academy.periods[0].clone() };
    let request = pb::UpsertPeriodRequest { period: Some(period), ..Default::default() };
    stage.catalog().upsert_period(request).await.unwrap();
}

#[test]
fn holidays_take_days_from_what_the_coach_is_asked_for_and_all_of_them_end_it() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-09")).await.unwrap();
        stage.minute("2026-03-16T10:00").await;
        holidays(&stage, &["2026-04-02"]).await;
        stage.minute("2026-03-16T10:01").await;
        assert_eq!(stands(&stage).await, "INVITING");
        assert_eq!(yes(&stage, 1).await, "READY");
        stage.fire("clazz offer_places", None).await;
        assert_eq!(lessons(&stage, 1).await, ["03-05", "03-12", "03-19", "03-26", "04-09"]);
        stage.fire("sms send", None).await;
        stage.told().await;
        // Offers follow as all do: nothing is left of them.
        holidays(&stage, &["2026-04-02", "2026-04-09"]).await;
        assert_eq!(
            stands(&stage).await,
            "FORMED student-001 CANCELLED, student-002 CANCELLED, student-003 CANCELLED"
        );
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn a_question_of_which_no_day_is_left_ends() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-02")).await.unwrap();
        stage.minute("2026-03-16T10:00").await;
        stage.told().await;
        holidays(&stage, &["2026-04-02"]).await;
        stage.minute("2026-03-16T10:01").await;
        assert_eq!(stands(&stage).await, "CANCELLED");
        assert_eq!(stage.told().await, ["INVITATION_RECALLED coach-001"]);
    });
}

#[test]
fn an_hour_that_moves_is_told_to_the_coach_who_is_asked_and_offers_name_the_new_one() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-09")).await.unwrap();
        stage.minute("2026-03-16T10:00").await;
        stage.told().await;
        hours(&stage, "19:15", "20:30").await;
        stage.minute("2026-03-16T10:01").await;
        let told = stage.told().await;
        assert!(told.contains(&"LESSON_MOVED coach-001".to_owned()), "{told:?}");
        gone_on(&stage).await;
        // The offers have not gone out.
        hours(&stage, "19:00", "20:30").await;
        stage.fire("sms send", None).await;
        let told = stage.messages().await;
        let sent = told.iter().filter(|row| row.state.as_str() == "CAPTURED");
        let offers: Vec<&str> =
            sent.filter(|row| row.kind.as_str() == "CONTINUE_OFFER").map(|row| row.body.as_str()).collect();
        assert_eq!(offers.len(), 3);
        assert!(offers.iter().all(|body| body.contains("4月2日（周四）19:00-20:30")), "{offers:?}");
        assert_eq!(listed(&stage).await[0].seats.len(), 3);
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn who_heard_an_offer_hears_that_its_end_is_nearer_and_its_hour_another() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-09")).await.unwrap();
        stage.minute("2026-03-16T10:01").await;
        stage.set_clock("2026-03-28T10:00").await;
        assert_eq!(yes(&stage, 1).await, "READY");
        stage.fire("clazz offer_places", None).await;
        stage.fire("sms send", None).await;
        stage.told().await;
        let end = async || stage.local(&listed(&stage).await[0].seats[0].expire_time);
        assert_eq!(end().await, "2026-04-02 15:00");
        hours(&stage, "09:00", "10:30").await;
        assert_eq!(end().await, "2026-04-01 20:00");
        let told = stage.messages().await;
        for number in 1..=3 {
            let of = told.iter().filter(|row| row.person == student(number));
            let of: Vec<(&str, &str)> = of.map(|row| (row.kind.as_str(), row.body.as_str())).collect();
            let is_told = |kind: &str, what: &str| of.iter().any(|one| one.0 == kind && one.1.contains(what));
            assert!(is_told("LESSON_MOVED", "09:00"), "{of:?}");
            assert!(is_told("CONTINUE_REMINDER", "4月1日20:00"), "{of:?}");
        }
        // What has not gone out is written anew, and the hour is told as well.
        hours(&stage, "19:00", "20:30").await;
        stage.fire("sms send", None).await;
        let told = stage.messages().await;
        let sent = told.iter().filter(|row| row.state.as_str() == "CAPTURED" && row.person == student(1));
        let end = end().await;
        let end = format!("4月{}日{}", &end[9..10], &end[11..]);
        let sent: Vec<(&str, bool)> = sent
            .map(|row| (row.kind.as_str(), row.body.contains("19:00") && row.body.contains(&end)))
            .collect();
        assert_eq!(sent, [("CONTINUE_REMINDER", true)], "the hour is what was heard");
        stage.ignore_messages("what else is told is another story");
    });
}

#[test]
fn a_lesson_day_that_comes_while_the_coach_is_asked_is_one_of_the_days() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        holidays(&stage, &["2026-04-09"]).await;
        let made = go_on(&stage, until("2026-04-16")).await.unwrap();
        assert_eq!(made.days, ["2026-04-02", "2026-04-16"]);
        stage.minute("2026-03-16T10:00").await;
        holidays(&stage, &[]).await;
        stage.minute("2026-03-16T10:01").await;
        assert_eq!(listed(&stage).await[0].days, ["2026-04-02", "2026-04-09", "2026-04-16"]);
        assert_eq!(yes(&stage, 1).await, "READY");
        stage.fire("clazz offer_places", None).await;
        let days = ["03-05", "03-12", "03-19", "03-26", "04-02", "04-09", "04-16"];
        assert_eq!(lessons(&stage, 1).await, days);
        stage.ignore_messages("what is told is another story");
    });
}

#[test]
fn a_holiday_in_the_days_with_which_a_class_has_gone_on_comes_and_goes() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = ending(app).await;
        go_on(&stage, until("2026-04-16")).await.unwrap();
        gone_on(&stage).await;
        stage.fire("sms send", None).await;
        super::takes(&stage, 1).await.unwrap();
        holidays(&stage, &["2026-04-09"]).await;
        assert_eq!(listed(&stage).await[0].days, ["2026-04-02", "2026-04-16"]);
        let offers = etutor::storage::sql::sql("SELECT COUNT(*) FROM availability_use WHERE day = ?");
        let day = etutor::domain::calendar::parse_day("2026-04-09").unwrap();
        let used: Vec<i64> = offers.bind(day).column(stage.db().reader()).await.unwrap();
        assert_eq!(used, [0], "the time of the coach is free");
        holidays(&stage, &[]).await;
        assert!(lessons(&stage, 1).await.contains(&"04-09".to_owned()));
        stage.ignore_messages("what is told is another story");
    });
}
