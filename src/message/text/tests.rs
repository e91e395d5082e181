use super::*;
use crate::message::phrase::grade;
use crate::message::segment::segments;
use chrono::TimeDelta;

fn facts() -> Facts {
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    Facts {
        template: "2013-autumn-aaa-g7-tu-p1400".to_owned(),
        subject: "数学".to_owned(),
        grade: 7,
        day: Day::from_ymd_opt(2013, 10, 1).unwrap(),
        start: time(14),
        end: time(15),
        lessons: 12,
        last_day: Day::from_ymd_opt(2013, 12, 17).unwrap(),
        deadline: Some(shanghai().midnight(Day::from_ymd_opt(2013, 9, 29).unwrap())),
        roster: 6,
        needed: 3,
        ready: 1,
        accepted: 1,
        live: 4,
        coaches_left: 17,
        late_minutes: 0,
        students: (1..=7).map(|number| format!("s{number:04}")).collect(),
        coach: "c0012".to_owned(),
        reason: "SAME_CITY".to_owned(),
        in_reserve: false,
        let_go: LetGo::NotNeeded,
        lines: vec![LessonLine {
            subject: "数学".to_owned(),
            grade: 7,
            template: "2013-autumn-aaa-g7-tu-p1400".to_owned(),
            coach: String::new(),
            days: vec![Day::from_ymd_opt(2013, 10, 1).unwrap()],
            start: time(14),
            end: Some(time(15)),
            start_before: NaiveTime::from_hms_opt(13, 0, 0),
            too_late: None,
        }],
        count: 3,
        people: 2,
        kinds: MessageKind::ALL.iter().map(|kind| (*kind, 1)).collect(),
    }
}

fn shanghai() -> BusinessTime {
    BusinessTime::new(chrono_tz::Asia::Shanghai)
}

fn sms(kind: MessageKind, facts: &Facts) -> String {
    render(kind, Channel::Sms, facts, shanghai()).body
}

#[test]
fn coaches_read_what_they_need_to_know() {
    // One second before midnight of the 28th, and at it.
    let midnight = shanghai().midnight(Day::from_ymd_opt(2013, 9, 29).unwrap());
    for (at, said) in [(midnight - TimeDelta::seconds(1), "23:59"), (midnight, "24:00")] {
        assert_eq!(
            with_answer_by(&sms(MessageKind::Invitation, &facts()), at, shanghai()),
            format!(
                "【etutor】邀请您担任初一数学班教练：10月1日（周二）14:00-15:00，共12次课至12月17日。\
                 请在9月28日{said}前到客户端答复。"
            )
        );
    }
    assert_eq!(
        sms(MessageKind::Accepted, &facts()),
        "【etutor】已收到您的确认：10月1日（周二）14:00初一数学班。请在9月28日24:00前通过客户端的软件测试，逾期名额将让给其他教练。"
    );
    assert_eq!(
        sms(MessageKind::Assigned, &facts()),
        "【etutor】您将担任初一数学班教练：首课10月1日（周二）14:00-15:00，共12次课至12月17日，学员6人。请提前10分钟上线。"
    );
    let night = Facts {
        start: NaiveTime::from_hms_opt(23, 30, 0).unwrap(),
        end: NaiveTime::from_hms_opt(0, 30, 0).unwrap(),
        ..facts()
    };
    assert!(
        sms(MessageKind::Invitation, &Facts { lessons: 1, ..night }).contains("23:30-次日00:30，共1次课。")
    );
}

#[test]
fn a_reserve_is_not_told_of_kept_time_and_everybody_why_they_are_let_go() {
    let told =
        |let_go, in_reserve| sms(MessageKind::NoLongerNeeded, &Facts { let_go, in_reserve, ..facts() });
    assert_eq!(
        told(LetGo::NotNeeded, false),
        "【etutor】10月1日（周二）14:00初一数学班目前不再需要您带班，为您保留的时段已释放。谢谢您的支持，期待下次合作。"
    );
    assert_eq!(
        told(LetGo::NotNeeded, true),
        "【etutor】10月1日（周二）14:00初一数学班目前不再需要候补教练，您的候补已结束。谢谢您的支持，期待下次合作。"
    );
    for let_go in [LetGo::NotNeeded, LetGo::TookAnother, LetGo::NotEligible] {
        let text = told(let_go, true);
        assert!(!text.contains("保留") && segments(&text) <= 2, "{text}");
        assert_eq!(text.contains("不再需要"), let_go == LetGo::NotNeeded, "{text}");
    }
    assert!(segments(&told(LetGo::NotEligible, false)) <= 2);
}

#[test]
fn admins_read_the_numbers_and_a_mail_names_everybody_left_over() {
    assert_eq!(
        sms(MessageKind::TaskShort, &Facts { late_minutes: 150, ..facts() }),
        "【etutor】告警：10月1日（周二）14:00初一数学班（2013-autumn-aaa-g7-tu-p1400）仍缺教练2人。\
         需3人，已就绪1，待测试1，待答复4，还可邀请17，9月28日24:00截止。（本告警迟2小时30分钟）"
    );
    assert!(sms(MessageKind::TaskLeftOver, &facts()).contains(
        "有7名学员未能入班（同城限制）。需教练3人，已就绪1：s0001、s0002、s0003、s0004、s0005等。"
    ));
    let mail = render(MessageKind::TaskLeftOver, Channel::Mail, &facts(), shanghai());
    assert_eq!(mail.subject, "【etutor】学员未入班：10月1日（周二）14:00初一数学班");
    assert!(mail.body.contains("s0006、s0007。"));
}

#[test]
fn admins_read_how_many_messages_the_cap_has_cost_and_nobodys_name() {
    let kinds = vec![(MessageKind::ClassChanged, 2), (MessageKind::LessonCancelled, 14)];
    let facts = Facts { count: 16, people: 3, kinds, ..Facts::default() };
    assert_eq!(
        sms(MessageKind::MessagesCapped, &facts),
        "【etutor】告警：有16条短信因号码超过发送上限未能在有效期内发出，涉及3人：课程取消14、调班通知2。请查看消息列表。"
    );
    let mail = render(MessageKind::MessagesCapped, Channel::Mail, &facts, shanghai());
    assert_eq!(mail.subject, "【etutor】短信超限", "it is about no class");
}

#[test]
fn no_text_is_long_and_none_to_coaches_or_students_names_anyone() {
    for kind in MessageKind::ALL {
        let at = shanghai().midnight(Day::from_ymd_opt(2013, 12, 30).unwrap()) - TimeDelta::minutes(1);
        let text = with_answer_by(&sms(*kind, &facts()), at, shanghai());
        let admins = matches!(
            kind,
            MessageKind::TaskEarlyWarning
                | MessageKind::TaskShort
                | MessageKind::TaskLeftOver
                | MessageKind::AssignedWithdrawal
                | MessageKind::ClassClosed
        );
        assert!(segments(&text) <= if admins { 3 } else { 2 }, "{} parts: {text}", segments(&text));
        assert!(text.starts_with(SIGN) && !text.contains("http"));
        assert!(admins || !(text.contains("s0001") || text.contains("c0012")), "{text}");
    }
}

#[test]
fn grades_and_spans_of_time_are_said_as_people_say_them() {
    let grades: Vec<String> = [1, 6, 7, 9, 10, 12, 0].into_iter().map(grade).collect();
    assert_eq!(grades, ["小学一年级", "小学六年级", "初一", "初三", "高一", "高三", ""]);
    let spans: Vec<String> = [10, 30, 60, 90, 120, 150, 240, 1440].into_iter().map(minutes).collect();
    assert_eq!(spans, ["10分钟", "30分钟", "1小时", "90分钟", "2小时", "2小时30分钟", "4小时", "1天"]);
}
