//! A holiday is set by mistake on a day for which coaches were found, and taken back: the staffing
//! goes on where it was, and each coach hears what is new to them (docs/domain.md §5).

use super::{edit_period, edit_season};
use crate::staffing::stage::{MATH, SATURDAY, Stage, TH, each, evening};
use etutor::domain::state::MessageState;
use etutor::rpc::pb;
use etutor::storage::entity::message;
use etutor::testing::{Academy, TestApp, on_every_app_at};
use sea_orm::EntityTrait;

async fn holiday(stage: &Stage) {
    let season = pb::Season { except_days: vec!["2026-03-05".into()], ..stage.academy.season.clone() };
    edit_season(stage, &season, false).await.unwrap();
}

async fn taken_back(stage: &Stage) -> pb::CatalogChange {
    edit_season(stage, &stage.academy.season.clone(), false).await.unwrap()
}

/// What coaches are sent in a run of the crontab at this time: `KIND coach-001`, and the text.
pub async fn minute(stage: &Stage, at: &str) -> Vec<(String, String)> {
    stage.minute(at).await;
    stage.told().await;
    let now = stage.now().await.unwrap();
    let mut rows = message::Entity::find().all(stage.db().reader()).await.unwrap();
    rows.retain(|row| row.state == MessageState::Captured && row.handed_at == Some(now));
    rows.retain(|row| row.person.starts_with("coach"));
    let mut sent: Vec<(String, String)> =
        rows.into_iter().map(|row| (format!("{} {}", row.kind, row.person), row.body)).collect();
    sent.sort();
    sent
}

pub fn who(sent: &[(String, String)]) -> Vec<&str> {
    sent.iter().map(|(line, _)| line.as_str()).collect()
}

/// Three classes are needed; six coaches were asked on Monday 20:30, and one by hand at 21:05 whose
/// message waits for the morning. Coaches 1 and 3 are ready, 2 has not passed the test, 4 is in
/// reserve, 5 and 6 have not answered.
async fn staffed(app: TestApp, answers_at: &str) -> Stage {
    let stage = Stage::monday(app, evening().coaches(7).students(18), 18).await;
    stage.minute("2026-03-02T20:30").await;
    stage.set_clock("2026-03-02T21:05").await;
    assert_eq!(stage.invite(7, MATH, None).await, "QUEUED");
    stage.set_clock(answers_at).await;
    stage.ready(&[1], MATH).await;
    assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
    stage.ready(&[3], MATH).await;
    assert_eq!(stage.yes(4, MATH).await, "RESERVE");
    stage.fire("sms send", None).await;
    stage.told().await;
    stage
}

const AS_BEFORE: [&str; 7] = [
    "coach-001 READY",
    "coach-002 ACCEPTED",
    "coach-003 READY",
    "coach-004 RESERVE",
    "coach-005 SENT",
    "coach-006 SENT",
    "coach-007 QUEUED",
];

async fn deadline(stage: &Stage, coach: usize) -> String {
    stage.local(&stage.invitation(coach, MATH).await.test_deadline_time)
}

#[test]
fn a_mistake_that_is_taken_back_in_the_same_night_never_happened() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = staffed(app, "2026-03-02T21:30").await;
        assert_eq!(stage.asked(MATH).await, AS_BEFORE);
        let before = stage.standing(MATH).await;
        assert_eq!(deadline(&stage, 2).await, "2026-03-03 00:00");
        stage.set_clock("2026-03-02T22:30").await;
        holiday(&stage).await;
        assert_eq!(stage.asked(MATH).await, each(1..=7, "CANCELLED"));
        assert_eq!(who(&minute(&stage, "2026-03-02T22:31").await), Vec::<&str>::new());
        assert_eq!(stage.yes(5, MATH).await, "TASK_CLOSED");
        stage.set_clock("2026-03-02T22:40").await;
        let change = taken_back(&stage).await;
        assert_eq!(change.tasks.len(), 1);
        assert_eq!(stage.asked(MATH).await, AS_BEFORE);
        assert_eq!(stage.standing(MATH).await, before);
        assert_eq!(deadline(&stage, 2).await, "2026-03-03 00:00", "the time that was promised");
        // And once more, within a second.
        holiday(&stage).await;
        taken_back(&stage).await;
        assert_eq!(stage.asked(MATH).await, AS_BEFORE);
        assert_eq!(who(&minute(&stage, "2026-03-02T22:41").await), Vec::<&str>::new());
        assert_eq!(stage.test(2, true).await, 1);
        assert_eq!(stage.state(MATH).await, "COVERED");
        stage.fire("sms send", None).await;
        stage.told().await;
        // Nobody is told what never happened; who waited for the morning is asked, once.
        assert_eq!(who(&minute(&stage, "2026-03-03T07:00").await), Vec::<&str>::new());
        assert_eq!(who(&minute(&stage, "2026-03-03T08:00").await), ["INVITATION coach-007"]);
        assert_eq!(stage.yes(5, MATH).await, "RESERVE", "the question stood");
        stage.minute("2026-03-05T15:00").await;
        stage.told().await;
        let classes = stage.classes(MATH).await;
        let coaches: Vec<&str> = classes.iter().map(|class| &class[..9]).collect();
        assert_eq!(coaches, ["coach-001", "coach-002", "coach-003"]);
    });
}

#[test]
fn who_was_told_hears_how_they_stand_now_and_is_asked_anew() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = staffed(app, "2026-03-03T09:00").await;
        assert_eq!(deadline(&stage, 2).await, "2026-03-03 19:00");
        let before = stage.standing(MATH).await;
        stage.set_clock("2026-03-03T10:00").await;
        holiday(&stage).await;
        let told = minute(&stage, "2026-03-03T10:01").await;
        let over = [
            "INVITATION_RECALLED coach-005",
            "INVITATION_RECALLED coach-006",
            "INVITATION_RECALLED coach-007",
            "NO_LONGER_NEEDED coach-001",
            "NO_LONGER_NEEDED coach-002",
            "NO_LONGER_NEEDED coach-003",
            "NO_LONGER_NEEDED coach-004",
        ];
        assert_eq!(who(&told), over);
        stage.set_clock("2026-03-03T13:00").await;
        taken_back(&stage).await;
        let mut after = AS_BEFORE.map(str::to_owned);
        for asked in &mut after[4..] {
            *asked = asked.replace("SENT", "QUEUED");
        }
        assert_eq!(stage.asked(MATH).await, after);
        assert_eq!(stage.standing(MATH).await, before);
        assert_eq!(deadline(&stage, 2).await, "2026-03-04 00:00", "as after a yes at 13:00");
        let told = minute(&stage, "2026-03-03T13:01").await;
        let again = [
            "ACCEPTED coach-001",
            "ACCEPTED coach-002",
            "ACCEPTED coach-003",
            "INVITATION coach-005",
            "INVITATION coach-006",
            "INVITATION coach-007",
            "RESERVED coach-004",
        ];
        assert_eq!(who(&told), again);
        let lesson = "更正：3月5日（周四）19:00初一学科1班照常上课，您的确认有效。";
        assert!(told[0].1.ends_with(&format!("{lesson}您已通过软件测试，无需再测，分班结果会另行通知。")));
        assert!(told[1].1.contains(&format!("{lesson}请在3月3日24:00前通过")), "{}", told[1].1);
        // They are asked like anybody: the question is taken back from them again.
        assert_eq!(stage.no(5, MATH).await, "DECLINED");
        stage.set_clock("2026-03-03T13:10").await;
        holiday(&stage).await;
        let told = minute(&stage, "2026-03-03T13:11").await;
        assert_eq!(who(&told), [&over[1..3], &over[3..]].concat());
        // Who said no was not let go.
        taken_back(&stage).await;
        assert_eq!(stage.invitation(5, MATH).await.state(), pb::InvitationState::Declined);
        assert_eq!(stage.yes(6, MATH).await, "RESERVE");
        minute(&stage, "2026-03-03T13:12").await;
    });
}

#[test]
fn a_coach_who_took_something_else_meanwhile_is_not_given_the_class_as_well() {
    on_every_app_at(SATURDAY, async |app| {
        // `art` begins a day later, and has its Thursdays at the same hour.
        let academy = Academy::new().period("19:00", "20:30").template("math", TH);
        let academy = academy.template("art", "FREQ=WEEKLY;BYDAY=TH,FR").coaches(3).students(12);
        let stage = Stage::set(app, academy).await;
        stage.academy.reserve_all(&stage, "math", 1, 6, None).await;
        stage.academy.reserve_all(&stage, "art", 7, 12, Some(("2026-03-06", "2026-06-28"))).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        assert_eq!(stage.yes(2, MATH).await, "RESERVE");
        stage.set_clock("2026-03-03T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-03T08:00").await;
        assert_eq!(stage.no(3, "art@2026-03-06").await, "DECLINED");
        stage.set_clock("2026-03-03T09:00").await;
        holiday(&stage).await;
        minute(&stage, "2026-03-03T09:01").await;
        assert_eq!(stage.no(2, "art@2026-03-06").await, "DECLINED");
        minute(&stage, "2026-03-03T09:02").await;
        stage.ready(&[1], "art@2026-03-06").await;
        minute(&stage, "2026-03-03T09:03").await;
        taken_back(&stage).await;
        assert_eq!(stage.asked(MATH).await, ["coach-001 CANCELLED", "coach-002 ACCEPTED"]);
        assert_eq!(stage.state("art@2026-03-06").await, "COVERED");
        let told = minute(&stage, "2026-03-03T09:04").await;
        assert_eq!(who(&told), ["ACCEPTED coach-002"]);
    });
}

#[test]
fn a_lesson_that_comes_back_at_another_hour_is_told_to_who_said_yes() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = staffed(app, "2026-03-02T21:30").await;
        stage.set_clock("2026-03-02T22:30").await;
        holiday(&stage).await;
        let period = pb::Period {
            start_time: "19:30".to_owned(),
            end_time: "21:00".to_owned(),
            ..stage.academy.periods[0].clone()
        };
        edit_period(&stage, &period, false).await.unwrap();
        taken_back(&stage).await;
        stage.test(2, true).await;
        stage.fire("sms send", None).await;
        stage.told().await;
        let told = minute(&stage, "2026-03-03T07:00").await;
        let moved: Vec<String> = (1..=4).map(|coach| format!("LESSON_MOVED coach-00{coach}")).collect();
        assert_eq!(who(&told), moved);
        assert!(told[0].1.contains("由19:00改为19:30"), "{}", told[0].1);
        // Who had not answered reads the new hour in a new question.
        let told = minute(&stage, "2026-03-03T08:00").await;
        assert_eq!(who(&told), ["INVITATION coach-005", "INVITATION coach-006", "INVITATION coach-007"]);
        assert!(told.iter().all(|(_, text)| text.contains("19:30-21:00")), "{told:?}");
    });
}

#[test]
fn who_is_let_go_before_being_asked_anew_hears_that_the_first_question_is_taken_back() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = staffed(app, "2026-03-02T21:30").await;
        stage.test(2, true).await;
        stage.set_clock("2026-03-02T22:30").await;
        holiday(&stage).await;
        let (start_time, end_time) = ("19:30".to_owned(), "21:00".to_owned());
        let period = pb::Period { start_time, end_time, ..stage.academy.periods[0].clone() };
        edit_period(&stage, &period, false).await.unwrap();
        taken_back(&stage).await;
        // Coach 5 knows the question of the evening, coach 7 none.
        for coach in [5, 7] {
            assert_eq!(stage.take_back(coach, MATH).await, "CANCELLED");
        }
        let told = minute(&stage, "2026-03-03T07:00").await;
        assert_eq!(who(&told)[0], "INVITATION_RECALLED coach-005");
        assert!(who(&told)[1..].iter().all(|line| !line.starts_with("INVITATION")), "{told:?}");
        assert_eq!(who(&minute(&stage, "2026-03-03T08:00").await), ["INVITATION coach-006"]);
    });
}

#[test]
fn after_the_rosters_are_frozen_nothing_comes_back() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = staffed(app, "2026-03-03T09:00").await;
        stage.set_clock("2026-03-05T10:00").await;
        holiday(&stage).await;
        minute(&stage, "2026-03-05T10:01").await;
        let over = stage.asked(MATH).await;
        stage.set_clock("2026-03-05T15:00").await;
        assert!(taken_back(&stage).await.tasks.is_empty());
        assert_eq!((stage.state(MATH).await.as_str(), stage.asked(MATH).await), ("CANCELLED", over));
        assert_eq!(who(&minute(&stage, "2026-03-05T15:01").await), Vec::<&str>::new());
        assert_eq!(stage.yes(1, MATH).await, "TASK_CLOSED");
    });
}
