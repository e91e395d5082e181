use super::*;
use crate::domain::notice::LessonNews;
use crate::domain::time::Day;
use crate::message::content::{LeftEmpty, LessonCount, Reader, TakenOver};
use crate::message::lesson_text::LessonLine;
use crate::message::phrase::grade;
use crate::message::segment::segments;
use chrono::TimeDelta;

fn hour(hour: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, 0, 0).unwrap()
}

fn class() -> ClassFacts {
    ClassFacts {
        template: "2013-autumn-aaa-g7-tu-p1400".to_owned(),
        subject: "数学".to_owned(),
        grade: 7,
        day: Day::from_ymd_opt(2013, 10, 1).unwrap(),
        start: hour(14),
        end: hour(15),
    }
}

fn twelve() -> LessonCount {
    LessonCount { lessons: 12, last_day: Day::from_ymd_opt(2013, 12, 17).unwrap() }
}

/// The end of 28 September.
fn midnight() -> Instant {
    shanghai().midnight(Day::from_ymd_opt(2013, 9, 29).unwrap())
}

fn shortage() -> Shortage {
    let counts = Counts { needed: 3, ready: 1, accepted: 1, live: 4, ..Counts::default() };
    Shortage {
        counts,
        counted_at: midnight() - TimeDelta::minutes(90),
        coaches_left: 17,
        closes_at: midnight(),
        to: VacancyKind::NewClasses,
    }
}

/// What a message of a kind may say.
fn content(kind: MessageKind) -> Content {
    let (to, lessons, test_by) = (VacancyKind::NewClasses, twelve(), Some(midnight()));
    let coach = "c0012".to_owned();
    let news = match kind {
        MessageKind::Invitation => ClassNews::Invitation { to, lessons },
        MessageKind::InvitationRecalled => ClassNews::InvitationRecalled { to },
        MessageKind::InvitationChanged => {
            ClassNews::InvitationChanged { to: VacancyKind::Substitution, said_yes: false, days: october(20) }
        }
        MessageKind::Accepted => ClassNews::Accepted { to, test_by, again: false },
        MessageKind::Reserved => ClassNews::Reserved { to },
        MessageKind::Promoted => ClassNews::Promoted { to, test_by },
        MessageKind::TestReminder => {
            ClassNews::TestReminder { to: VacancyKind::NewClasses, test_by: midnight() }
        }
        MessageKind::TestLapsed => ClassNews::TestLapsed,
        MessageKind::TestPassed => ClassNews::TestPassed { to },
        MessageKind::TestFailed => {
            use TestPart::{Camera, Lesson, Microphone, Sound, Whiteboard};
            let failed = vec![Camera, Sound, Microphone, Lesson, Whiteboard];
            ClassNews::TestFailed { failed, test_by: midnight() }
        }
        MessageKind::Assigned => ClassNews::Assigned { lessons, students: 6 },
        MessageKind::NoLongerNeeded => {
            ClassNews::NoLongerNeeded { to, why: WhyLetGo::NotNeeded, in_reserve: false }
        }
        MessageKind::TaskEarlyWarning => ClassNews::TaskEarlyWarning(shortage()),
        MessageKind::TaskShort => ClassNews::TaskShort { shortage: shortage(), late_minutes: 0 },
        MessageKind::TaskLeftOver => ClassNews::TaskLeftOver {
            students: (1..=7).map(|number| format!("s{number:04}")).collect(),
            needed: 3,
            ready: 1,
            reason: Some(Reason::SameCity),
        },
        MessageKind::AssignedWithdrawal => ClassNews::AssignedWithdrawal { coach },
        MessageKind::ClassClosed => ClassNews::ClassClosed(LeftEmpty::Admins { coach, runs_on: true }),
        MessageKind::WaitlistOffer => ClassNews::WaitlistOffer { lessons, take_by: midnight() },
        MessageKind::MakeUpOffer => {
            ClassNews::MakeUpOffer { missed: Day::from_ymd_opt(2013, 9, 29).unwrap(), answer_by: midnight() }
        }
        MessageKind::ContinueOffer => ClassNews::ContinueOffer { lessons, take_by: midnight() },
        MessageKind::ContinueReminder => ClassNews::ContinueReminder { take_by: midnight() },
        MessageKind::OfferExpired => ClassNews::OfferExpired { continues: false },
        MessageKind::WaitlistClosed => ClassNews::WaitlistClosed(ListEnd::YesElsewhere),
        MessageKind::ClassChanged => ClassNews::ClassChanged,
        MessageKind::SubstituteMissing => {
            ClassNews::SubstituteMissing { to: VacancyKind::Substitution, coach }
        }
        MessageKind::StandbyRequest => ClassNews::Invitation { to: VacancyKind::Standby, lessons },
        MessageKind::CoachNotOnline => ClassNews::CoachNotOnline { coach: Some(coach) },
        MessageKind::CoachLate => ClassNews::CoachLate { coach: Some(coach) },
        MessageKind::LessonTakenOver => {
            ClassNews::LessonTakenOver(TakenOver::Admins { coach, standby: "c0013".to_owned() })
        }
        MessageKind::LessonDelayed => ClassNews::LessonDelayed,
        MessageKind::CoachAbsent => ClassNews::CoachAbsent(Reader::Admins { coach, students: 6 }),
        MessageKind::LessonGoesOn => ClassNews::LessonGoesOn { late_minutes: 7, coach: Some(coach) },
        MessageKind::SignUpCancelled => ClassNews::SignUpCancelled(SignUpEnd::Staff(lessons)),
        MessageKind::SignUpAdded => ClassNews::SignUpAdded { lessons },
        MessageKind::CoachDisconnected => {
            ClassNews::CoachDisconnected { coach: Some(coach), since: midnight() }
        }
        MessageKind::CoachBack => ClassNews::CoachBack { coach, since: midnight() },
        MessageKind::LessonWithoutStudents => {
            ClassNews::LessonWithoutStudents { coach: Some(coach), students: 6, seen_at: midnight() }
        }
        MessageKind::SubstituteAssigned => return lessons_of(LessonNews::Substitutes),
        MessageKind::CoachReplaced => return lessons_of(LessonNews::Replaced),
        MessageKind::SubstituteReleased => return lessons_of(LessonNews::Released),
        MessageKind::LessonsReturned => return lessons_of(LessonNews::Returned),
        MessageKind::LessonNotHeld => return lessons_of(LessonNews::NotHeld),
        MessageKind::LessonHeld => return lessons_of(LessonNews::Held),
        MessageKind::LessonEmpty => return lessons_of(LessonNews::Empty),
        MessageKind::LessonAttended => return lessons_of(LessonNews::Attended),
        MessageKind::LessonCancelled => return lessons_of(LessonNews::Cancelled),
        MessageKind::LessonAdded => return lessons_of(LessonNews::Added),
        MessageKind::LessonMoved => return lessons_of(LessonNews::Moved),
        MessageKind::LessonReminder => return lessons_of(LessonNews::Ahead),
        MessageKind::PlaceDrift => return Content::PlaceDrift { places: 3 },
        MessageKind::MessagesCapped => {
            let kinds = MessageKind::ALL.iter().map(|kind| (*kind, 1)).collect();
            return Content::MessagesCapped { people: 2, kinds };
        }
        MessageKind::StaffNotice => {
            return Content::StaffNotice { text: "下次课请带三角板。".to_owned() };
        }
    };
    Content::OfClass(class(), news)
}

fn lessons_of(news: LessonNews) -> Content {
    let line = LessonLine {
        subject: "数学".to_owned(),
        grade: 7,
        template: "2013-autumn-aaa-g7-tu-p1400".to_owned(),
        coach: String::new(),
        days: vec![Day::from_ymd_opt(2013, 10, 1).unwrap()],
        start: hour(14),
        end: Some(hour(15)),
        start_before: NaiveTime::from_hms_opt(13, 0, 0),
        too_late: None,
        is_empty: false,
        is_back: false,
        was_on_leave: false,
    };
    Content::OfLessons(news, vec![line])
}

fn shanghai() -> BusinessTime {
    BusinessTime::new(chrono_tz::Asia::Shanghai)
}

fn sms(content: &Content) -> String {
    render(content, Channel::Sms, shanghai()).body
}

fn sms_of(kind: MessageKind) -> String {
    sms(&content(kind))
}

#[test]
fn every_kind_has_its_content() {
    for kind in MessageKind::ALL {
        assert_eq!(content(*kind).kind(), *kind);
    }
}

#[test]
fn coaches_read_what_they_need_to_know() {
    // One second before midnight of the 28th, and at it.
    for (at, said) in [(midnight() - TimeDelta::seconds(1), "23:59"), (midnight(), "24:00")] {
        assert_eq!(
            with_answer_by(&sms_of(MessageKind::Invitation), at, shanghai()),
            format!(
                "【etutor】邀请您担任初一数学班教练：10月1日（周二）14:00-15:00，共12次课至12月17日。\
                 请在9月28日{said}前到客户端答复。"
            )
        );
    }
    assert_eq!(
        sms_of(MessageKind::Accepted),
        "【etutor】已收到您的确认：10月1日（周二）14:00初一数学班。请在9月28日24:00前通过客户端的软件测试，逾期名额将让给其他教练。"
    );
    let accepted = |test_by, again| {
        let to = VacancyKind::NewClasses;
        sms(&Content::OfClass(class(), ClassNews::Accepted { to, test_by, again }))
    };
    assert_eq!(
        accepted(None, false),
        "【etutor】已收到您的确认：10月1日（周二）14:00初一数学班。您已通过软件测试，无需再测，分班结果会另行通知。"
    );
    assert_eq!(
        accepted(Some(midnight()), true),
        "【etutor】更正：10月1日（周二）14:00初一数学班照常上课，您的确认有效。\
         请在9月28日24:00前通过客户端的软件测试，逾期名额将让给其他教练。"
    );
    assert!(segments(&accepted(Some(midnight()), true)) <= 2);
    let in_place =
        |to| sms(&Content::OfClass(class(), ClassNews::Accepted { to, test_by: None, again: false }));
    for (to, text) in [
        (
            VacancyKind::Substitution,
            "【etutor】已收到您的代课确认：10月1日（周二）14:00初一数学班。您已通过软件测试，无需再测，代课安排会另行通知。",
        ),
        (
            VacancyKind::Change,
            "【etutor】已确认由您接任：自10月1日（周二）14:00初一数学班起。您已通过软件测试，无需再测，接任当日会另行通知。",
        ),
        (
            VacancyKind::Continue,
            "【etutor】已收到您的续班确认：自10月1日（周二）14:00初一数学班起。\
             您已通过软件测试，无需再测，续班安排会另行通知。",
        ),
        (
            VacancyKind::Standby,
            "【etutor】已收到您的确认：10月1日（周二）14:00初一数学班。\
             您已通过软件测试，无需再测，需要您接替时会马上通知，请保持在线。",
        ),
    ] {
        assert_eq!(in_place(to), text);
    }
    assert_eq!(
        sms_of(MessageKind::Assigned),
        "【etutor】您将担任初一数学班教练：首课10月1日（周二）14:00-15:00，共12次课至12月17日，学员6人。请提前10分钟上线。"
    );
    let night = ClassFacts {
        start: NaiveTime::from_hms_opt(23, 30, 0).unwrap(),
        end: NaiveTime::from_hms_opt(0, 30, 0).unwrap(),
        ..class()
    };
    let once = ClassNews::Invitation {
        to: VacancyKind::NewClasses,
        lessons: LessonCount { lessons: 1, ..twelve() },
    };
    assert!(sms(&Content::OfClass(night, once)).contains("23:30-次日00:30，共1次课。"));
}

#[test]
fn a_reserve_is_not_told_of_kept_time_and_everybody_why_they_are_let_go() {
    let told = |why, in_reserve| {
        sms(&Content::OfClass(
            class(),
            ClassNews::NoLongerNeeded { to: VacancyKind::NewClasses, why, in_reserve },
        ))
    };
    assert_eq!(
        told(WhyLetGo::NotNeeded, false),
        "【etutor】10月1日（周二）14:00初一数学班目前不再需要您带班，为您保留的时段已释放。谢谢您的支持，期待下次合作。"
    );
    assert_eq!(
        told(WhyLetGo::NotNeeded, true),
        "【etutor】10月1日（周二）14:00初一数学班目前不再需要候补教练，您的候补已结束。谢谢您的支持，期待下次合作。"
    );
    for why in [WhyLetGo::NotNeeded, WhyLetGo::TookAnother, WhyLetGo::NotEligible] {
        let text = told(why, true);
        assert!(!text.contains("保留") && segments(&text) <= 2, "{text}");
        assert_eq!(text.contains("不再需要"), why == WhyLetGo::NotNeeded, "{text}");
    }
    assert!(segments(&told(WhyLetGo::NotEligible, false)) <= 2);
}

/// So many days from 2013-10-01 on.
fn october(days: u32) -> Vec<Day> {
    (1..=days).map(|day| Day::from_ymd_opt(2013, 10, day).unwrap()).collect()
}

#[test]
fn who_was_asked_reads_the_days_that_are_left_and_what_they_were_asked_for() {
    let told = |to, said_yes, days| {
        sms(&Content::OfClass(class(), ClassNews::InvitationChanged { to, said_yes, days }))
    };
    assert_eq!(
        told(VacancyKind::Substitution, false, october(2)),
        "【etutor】更正：邀请您代课的初一数学班，上课日期有变，\
         现为10月1日（周二）、10月2日（周三）14:00-15:00，共2次课。请按此答复，截止时间不变。"
    );
    assert_eq!(
        told(VacancyKind::Change, true, october(30)),
        "【etutor】更正：您答应接任的初一数学班，上课日期有变，\
         现为自10月1日（周二）14:00-15:00起，共30次课至10月30日。您的答复继续有效。"
    );
    let recalled = ClassNews::InvitationRecalled { to: VacancyKind::Substitution };
    assert!(sms(&Content::OfClass(class(), recalled)).contains("初一数学班的代课邀请已撤回"));
    let over =
        ClassNews::NoLongerNeeded { to: VacancyKind::Continue, why: WhyLetGo::NotNeeded, in_reserve: false };
    assert!(sms(&Content::OfClass(class(), over)).contains("目前不再需要您续班"));
}

#[test]
fn admins_read_the_numbers_and_a_mail_names_everybody_left_over() {
    let late = ClassNews::TaskShort { shortage: shortage(), late_minutes: 150 };
    assert_eq!(
        sms(&Content::OfClass(class(), late)),
        "【etutor】告警：10月1日（周二）14:00初一数学班（2013-autumn-aaa-g7-tu-p1400）仍缺教练2人。\
         9月28日22:30统计：需3人，已就绪1，待测试1，待答复4，还可邀请17，9月28日24:00截止。（本告警迟2小时30分钟）"
    );
    assert!(sms_of(MessageKind::TaskLeftOver).contains(
        "有7名学员未能入班（同城限制）：s0001、s0002、s0003、s0004、s0005等。需教练3人，已就绪1。"
    ));
    let mail = render(&content(MessageKind::TaskLeftOver), Channel::Mail, shanghai());
    assert_eq!(mail.subject, "【etutor】学员未入班：10月1日（周二）14:00初一数学班");
    assert!(mail.body.contains("s0006、s0007。"));
}

#[test]
fn admins_read_how_many_messages_the_cap_has_cost_and_nobodys_name() {
    let kinds = vec![(MessageKind::ClassChanged, 2), (MessageKind::LessonCancelled, 14)];
    let capped = Content::MessagesCapped { people: 3, kinds };
    assert_eq!(
        sms(&capped),
        "【etutor】告警：有16条短信因号码超过发送上限未能在有效期内发出，涉及3人：课程取消14、调班通知2。请查看消息列表。"
    );
    let mail = render(&capped, Channel::Mail, shanghai());
    assert_eq!(mail.subject, "【etutor】短信超限", "it is about no class");
}

#[test]
fn no_text_is_long_and_none_to_coaches_or_students_names_anyone() {
    for kind in MessageKind::ALL {
        let at = shanghai().midnight(Day::from_ymd_opt(2013, 12, 30).unwrap()) - TimeDelta::minutes(1);
        let text = with_answer_by(&sms_of(*kind), at, shanghai());
        let admins = matches!(
            kind,
            MessageKind::TaskEarlyWarning
                | MessageKind::TaskShort
                | MessageKind::TaskLeftOver
                | MessageKind::AssignedWithdrawal
                | MessageKind::ClassClosed
                | MessageKind::CoachDisconnected
                | MessageKind::CoachBack
                | MessageKind::LessonWithoutStudents
                | MessageKind::SubstituteMissing
                | MessageKind::CoachNotOnline
                | MessageKind::CoachLate
                | MessageKind::LessonTakenOver
                | MessageKind::CoachAbsent
                | MessageKind::LessonGoesOn
        );
        assert!(segments(&text) <= if admins { 3 } else { 2 }, "{} parts: {text}", segments(&text));
        assert!(text.starts_with(SIGN) && !text.contains("http"));
        assert!(admins || !(text.contains("s0001") || text.contains("c0012")), "{text}");
    }
}

#[test]
fn who_is_missing_from_a_lesson_is_named_to_admins_only() {
    let since = midnight() - TimeDelta::minutes(7);
    let told = |news| sms(&Content::OfClass(class(), news));
    assert_eq!(
        told(ClassNews::CoachDisconnected { coach: None, since }),
        "【etutor】10月1日（周二）14:00初一数学班正在上课，您自23:53起已离线，请尽快重新上线。"
    );
    let text = told(ClassNews::CoachDisconnected { coach: Some("c0012".to_owned()), since });
    assert!(text.contains("教练c0012自23:53起离线"), "{text}");
    let text = told(ClassNews::LessonWithoutStudents { coach: None, students: 6, seen_at: since });
    assert!(segments(&text) <= 2 && text.contains("截至23:53没有学员在线（应到6人）"), "{text}");
}

#[test]
fn grades_and_spans_of_time_are_said_as_people_say_them() {
    let grades: Vec<String> = [1, 6, 7, 9, 10, 12, 0].into_iter().map(grade).collect();
    assert_eq!(grades, ["小学一年级", "小学六年级", "初一", "初三", "高一", "高三", ""]);
    let spans: Vec<String> = [10, 30, 60, 90, 120, 150, 240, 1440].into_iter().map(minutes).collect();
    assert_eq!(spans, ["10分钟", "30分钟", "1小时", "90分钟", "2小时", "2小时30分钟", "4小时", "1天"]);
}

#[test]
fn a_class_that_goes_on_asks_its_coach_and_then_its_students() {
    let of = |news| sms(&Content::OfClass(class(), news));
    let to = VacancyKind::Continue;
    for (news, text) in [
        (
            ClassNews::ContinueOffer { lessons: twelve(), take_by: midnight() },
            "【etutor】您的初一数学班要续班：续班首课10月1日（周二）14:00-15:00，共12次课至12月17日，已为您保留名额。\
             请在9月28日24:00前到客户端确认，逾期名额将释放。",
        ),
        (
            ClassNews::ContinueReminder { take_by: midnight() },
            "【etutor】续班提醒：10月1日（周二）14:00初一数学班起的续班名额为您保留到9月28日24:00，\
             请到客户端确认，逾期名额将释放。",
        ),
        (
            ClassNews::OfferExpired { continues: true },
            "【etutor】10月1日（周二）14:00初一数学班起的续班名额未在截止时间前确认，已释放。",
        ),
        (
            ClassNews::GoesOn { lessons: twelve() },
            "【etutor】您的初一数学班续班：自10月1日（周二）14:00-15:00起，共12次课至12月17日，由您继续上课。\
             请提前10分钟上线。",
        ),
    ] {
        assert_eq!(of(news), text);
        assert!(segments(text) <= 2, "{text}");
    }
    let asked = of(ClassNews::Invitation { to, lessons: twelve() });
    assert!(asked.contains("您的初一数学班要续班，邀请您继续担任教练"), "{asked}");
    assert!(segments(&asked) <= 2, "{asked}");
}

#[test]
fn a_class_without_students_is_told_to_each_as_it_concerns_them() {
    let of = |reader| sms(&Content::OfClass(class(), ClassNews::ClassClosed(reader)));
    let admins = |runs_on| of(LeftEmpty::Admins { coach: "coach-001".to_owned(), runs_on });
    let template = class().template;
    let told = format!(
        "【etutor】10月1日（周二）14:00初一数学班（{template}，教练coach-001）自这次课起已没有学员，\
         这次和之后的课全部取消，"
    );
    assert_eq!(admins(true), format!("{told}之前的课照常。"));
    assert_eq!(admins(false), format!("{told}班级已关闭。"));
    for text in [of(LeftEmpty::Coach), of(LeftEmpty::Substitute), admins(true), admins(false)] {
        assert!(segments(&text) <= 2, "{text}");
    }
}
