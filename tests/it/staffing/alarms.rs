//! `invite notify_class`: the gate, the early warning, the night.

use super::stage::{MATH, SATURDAY, Stage, TH, evening, morning};
use etutor::domain::state::{Channel, MessageState};
use etutor::testing::{Academy, on_every_app_at};

const ALARM: [&str; 2] = ["TASK_SHORT wang SMS", "TASK_SHORT wang MAIL"];
const WARNING: [&str; 2] = ["TASK_EARLY_WARNING wang SMS", "TASK_EARLY_WARNING wang MAIL"];

/// Fires the alarms at a time; which admins were told what.
async fn alarm(stage: &Stage, at: &str) -> Vec<String> {
    stage.told().await;
    stage.set_clock(at).await;
    stage.fire("invite notify_class", None).await;
    stage.told().await.into_iter().filter(|line| line.starts_with("TASK_")).collect()
}

#[test]
fn one_alarm_at_the_gate_and_another_only_when_it_gets_worse() {
    on_every_app_at(SATURDAY, async |app| {
        // 13 students: three classes.
        let stage = Stage::monday(app, evening().coaches(11).students(13), 13).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
        assert_eq!(
            alarm(&stage, "2026-03-02T20:00").await,
            Vec::<String>::new(),
            "no early warning: G is at 17:00"
        );
        stage.minute("2026-03-04T10:00").await;
        assert_eq!(
            stage.standing(MATH).await.1,
            [13, 3, 0, 1, 4, 0],
            "coach 2 did not pass the test; four more are asked"
        );
        assert_eq!(stage.yes(7, MATH).await, "ACCEPTED");
        stage.minute("2026-03-04T16:30").await;
        assert_eq!(stage.standing(MATH).await.1, [13, 3, 1, 1, 1, 0], "the last coach is asked");
        assert_eq!(alarm(&stage, "2026-03-04T16:59").await, Vec::<String>::new());

        stage.set_clock("2026-03-04T17:00").await;
        stage.fire("invite notify_class", None).await;
        let messages = stage.messages().await;
        // Admin li is for another subject.
        let told: Vec<&str> = messages.iter().map(|row| row.person.as_str()).collect();
        assert_eq!(told, ["wang", "wang"]);
        assert_eq!(
            messages[0].body,
            "【etutor】告警：3月5日（周四）19:00初一学科1班（math）仍缺教练2人。\
             3月4日17:00统计：需3人，已就绪1，待测试1，待答复1，还可邀请0，3月5日15:00截止。"
        );
        assert_eq!(alarm(&stage, "2026-03-04T17:01").await, Vec::<String>::new());
        // It gets better, then worse again, but not worse than was told.
        assert_eq!(stage.test(7, true).await, 1);
        assert_eq!(stage.no(7, MATH).await, "WITHDRAWN");
        assert_eq!(alarm(&stage, "2026-03-04T17:02").await, Vec::<String>::new());
        assert_eq!(stage.no(1, MATH).await, "WITHDRAWN");
        assert_eq!(alarm(&stage, "2026-03-04T17:03").await, ALARM);
        assert_eq!(alarm(&stage, "2026-03-04T17:04").await, Vec::<String>::new());
    });
}

#[test]
fn an_alarm_that_could_not_be_raised_in_time_says_how_late_it_is() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().students(1), 1).await;
        stage.set_clock("2026-03-04T19:30").await;
        stage.fire("invite notify_class", None).await;
        let messages = stage.messages().await;
        assert!(messages[0].body.ends_with("（本告警迟2小时30分钟）"), "{}", messages[0].body);
        assert_eq!(alarm(&stage, "2026-03-05T18:59").await, Vec::<String>::new());
    });
}

#[test]
fn nobody_is_alarmed_of_a_covered_task_and_a_later_loss_is_no_late_alarm() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(2).students(1), 1).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        assert_eq!(stage.state(MATH).await, "COVERED");
        assert_eq!(alarm(&stage, "2026-03-04T17:00").await, Vec::<String>::new());
        stage.set_clock("2026-03-04T18:00").await;
        assert_eq!(stage.no(1, MATH).await, "WITHDRAWN");
        assert_eq!(stage.state(MATH).await, "INVITING");
        stage.fire("invite notify_class", None).await;
        let messages = stage.messages().await;
        assert_eq!(messages.len(), 2);
        assert!(!messages[0].body.contains("迟"), "{}", messages[0].body);
    });
}

#[test]
fn a_gate_before_the_morning_is_warned_of_at_eight_in_the_evening() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = morning()
            .period("10:00", "11:00")
            .template("ten", TH)
            .period("00:30", "01:30")
            .template("night", TH)
            .students(3);
        let stage = Stage::set(app, academy).await;
        for (number, template) in ["math", "ten", "night"].into_iter().enumerate() {
            stage.academy.reserve_all(&stage, template, number + 1, number + 1, None).await;
        }
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(alarm(&stage, "2026-03-03T19:59").await, Vec::<String>::new());
        stage.set_clock("2026-03-03T20:00").await;
        stage.fire("invite notify_class", None).await;
        let about: Vec<String> = stage.messages().await.iter().map(|row| row.dedup_key.clone()).collect();
        let key = |about: &str, mail: &str| format!("TASK_EARLY_WARNING/{about}/wang/1{mail}");
        // 09:00 has its gate at 07:00, 00:30 at 22:30 of this evening; 10:00 has it at 08:00.
        let (night, nine) = ("night@2026-03-05", "math@2026-03-05");
        assert_eq!(about, [key(night, ""), key(night, "/MAIL"), key(nine, ""), key(nine, "/MAIL")]);
        assert_eq!(alarm(&stage, "2026-03-03T20:01").await, Vec::<String>::new());
        assert_eq!(alarm(&stage, "2026-03-03T22:30").await, ALARM, "the gate has its alarm all the same");
        assert_eq!(alarm(&stage, "2026-03-04T07:00").await, ALARM);
        assert_eq!(alarm(&stage, "2026-03-04T08:00").await, ALARM);
    });
}

#[test]
fn a_covered_task_is_not_warned_of() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, morning().coaches(2).students(7), 7).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        assert_eq!(alarm(&stage, "2026-03-03T20:00").await, WARNING);
        stage.ready(&[2], MATH).await;
        assert_eq!(alarm(&stage, "2026-03-04T07:00").await, Vec::<String>::new());
    });
}

#[test]
fn at_night_the_mail_goes_at_once_and_the_sms_at_seven() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = Academy::new().period("06:00", "07:00").template("math", TH).students(1);
        let stage = Stage::monday(app, academy, 1).await;
        stage.set_clock("2026-03-04T04:00").await;
        stage.fire("invite notify_class", None).await;
        let states = async |at: &str| {
            stage.set_clock(at).await;
            stage.fire("sms send", None).await;
            let request = etutor::rpc::pb::ListMessagesRequest::default();
            let rows = stage.outbox().list_messages(request).await.unwrap().into_inner().messages;
            rows.iter().map(|row| row.state().as_str_name().replace("MESSAGE_STATE_", "")).collect::<Vec<_>>()
        };
        let told = stage.messages().await;
        assert_eq!((told[0].channel, told[0].state), (Channel::Sms, MessageState::Deferred));
        assert_eq!(states("2026-03-04T04:00").await, ["DEFERRED", "CAPTURED"]);
        assert_eq!(states("2026-03-04T06:59").await, ["DEFERRED", "CAPTURED"]);
        assert_eq!(states("2026-03-04T07:00").await, ["CAPTURED", "CAPTURED"]);
    });
}

#[test]
fn a_reserve_that_moves_up_at_the_gate_is_no_reason_for_an_alarm() {
    on_every_app_at(SATURDAY, async |app| {
        // 21:00: G is Wednesday 19:00, when the test deadline of a yes in the morning is as well.
        let academy = Academy::new().period("21:00", "22:00").template("math", TH).coaches(4).students(1);
        let stage = Stage::monday(app, academy, 1).await;
        stage.minute("2026-03-04T09:00").await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        stage.test(2, true).await;
        assert_eq!(stage.yes(2, MATH).await, "RESERVE");
        stage.told().await;
        stage.fire("sms send", None).await;
        // Neither check nor exec has run this minute.
        stage.set_clock("2026-03-04T19:00").await;
        stage.fire("invite notify_class", None).await;
        assert_eq!(stage.told().await, ["TEST_LAPSED coach-001", "PROMOTED coach-002"]);
        assert_eq!(stage.state(MATH).await, "COVERED");
    });
}
