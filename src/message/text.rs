//! The Chinese texts, compiled in: notices (通知), without advertising or links. An SMS begins with
//! the sign.

use super::class_text::{class_name, course, first, lessons_of, span};
use super::content::{ClassFacts, ClassNews, Content, ListEnd, Shortage, SignUpEnd, TestPart};
use super::phrase::{SIGN, day};
use super::{class_text, lesson_text, place_text};
use crate::domain::class_task::Counts;
use crate::domain::notice::WhyLetGo;
use crate::domain::reason::Reason;
use crate::domain::state::{Channel, MessageKind, VacancyKind};
use crate::domain::time::{BusinessTime, Instant, add_days};
use chrono::{Datelike, NaiveTime};

/// User names an SMS lists before it only counts; a mail lists all.
const NAMES_IN_SMS: usize = 5;

/// Stands in the text of an invitation for the instant until which it may be answered. That follows
/// from when the message is handed over; see [`with_answer_by`].
const ANSWER_BY: &str = "〔答复截止时间〕";

/// A text ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Of a mail; empty for an SMS.
    pub subject: String,
    /// The text itself; an SMS begins with the sign.
    pub body: String,
}

/// The text on a channel.
pub fn render(content: &Content, channel: Channel, time: BusinessTime) -> Text {
    let names = if channel == Channel::Sms { NAMES_IN_SMS } else { usize::MAX };
    let sentence = match content {
        Content::OfClass(class, news) => of_class(class, news, time, names),
        Content::OfLessons(news, lines) => lesson_text::sentence(*news, lines),
        Content::PlaceDrift { places } => {
            format!("名额核对：有{places}处与约课不符，已修正。请检查任务报告。")
        }
        Content::MessagesCapped { people, kinds } => {
            let count: usize = kinds.iter().map(|(_, count)| count).sum();
            format!(
                "告警：有{count}条短信因号码超过发送上限未能在有效期内发出，涉及{people}人：{}。请查看消息列表。",
                listed(kinds, names)
            )
        }
        Content::StaffNotice { text } => text.clone(),
    };
    match channel {
        Channel::Sms => Text { subject: String::new(), body: format!("{SIGN}{sentence}") },
        Channel::Mail => {
            let about = about(content).map_or_else(String::new, |about| format!("：{about}"));
            Text { subject: format!("{SIGN}{}{about}", content.kind().row().title), body: sentence }
        }
    }
}

/// The lesson that it is about in the first place; none when it is about no class.
fn about(content: &Content) -> Option<String> {
    match content {
        Content::OfClass(class, _) => Some(first(class)),
        Content::OfLessons(_, lines) => lesson_text::first(lines),
        Content::PlaceDrift { .. } | Content::MessagesCapped { .. } | Content::StaffNotice { .. } => None,
    }
}

/// The text of an invitation that is handed over, with the instant until which it may be answered.
pub fn with_answer_by(body: &str, at: Instant, time: BusinessTime) -> String {
    body.replace(ANSWER_BY, &until(at, time))
}

fn of_class(class: &ClassFacts, news: &ClassNews, time: BusinessTime, names: usize) -> String {
    let (name, first, span) = (class_name(class), first(class), span(class));
    let template = &class.template;
    match news {
        ClassNews::Invitation { to, lessons } => {
            let (asks, course) = (asks(*to, &name), course(lessons));
            format!("{asks}：{span}，{course}。请在{ANSWER_BY}前到客户端答复。")
        }
        ClassNews::InvitationRecalled { to } => {
            format!("{first}的{}邀请已撤回，您无需再答复。谢谢您的关注，期待下次合作。", task_of(*to))
        }
        ClassNews::InvitationChanged { to, said_yes, days } => {
            let which = match said_yes {
                true => format!("您答应{}的{name}", task_of(*to)),
                false => format!("邀请您{}的{name}", task_of(*to)),
            };
            let rest =
                if *said_yes { "您的答复继续有效" } else { "请按此答复，截止时间不变" };
            format!(
                "更正：{which}，上课日期有变，现为{}。{rest}。",
                lessons_of(class, days, *to != VacancyKind::Substitution)
            )
        }
        ClassNews::Accepted { to, test_by, again } => {
            let counts = match (again, to) {
                (true, _) => format!("更正：{first}照常上课，您的确认有效。"),
                (false, VacancyKind::Change) => format!("已确认由您接任：自{first}起。"),
                (false, VacancyKind::Substitution) => format!("已收到您的代课确认：{first}。"),
                (false, VacancyKind::Continue) => format!("已收到您的续班确认：自{first}起。"),
                (false, _) => format!("已收到您的确认：{first}。"),
            };
            match test_by {
                Some(by) => format!(
                    "{counts}请在{}前通过客户端的软件测试，逾期{}。",
                    until(*by, time),
                    otherwise(*to)
                ),
                None => format!("{counts}您已通过软件测试，无需再测，{}。", what_follows(*to)),
            }
        }
        ClassNews::Reserved { to } => {
            format!("谢谢您答应{}：{first}。目前教练已满，您已列入候补，一有空缺会马上通知您。", task_of(*to))
        }
        ClassNews::Promoted { to: _, test_by: Some(by) } => {
            format!(
                "{first}有了空缺，您已由候补转为正式教练。请在{}前通过客户端的软件测试，逾期名额将让给其他教练。",
                until(*by, time)
            )
        }
        ClassNews::Promoted { to, test_by: None } => {
            format!("{first}有了空缺，您已由候补转为正式教练，{}。", what_follows(*to))
        }
        ClassNews::TestReminder { to, test_by } => {
            format!(
                "您答应带的{first}还差软件测试。请在{}前到客户端完成，逾期{}。",
                until(*test_by, time),
                otherwise(*to)
            )
        }
        ClassNews::TestLapsed => {
            format!("您的软件测试未在截止时间前通过，{first}的名额已释放。您仍可随时完成测试，方便下次带班。")
        }
        ClassNews::TestFailed { failed, test_by } => {
            let parts: Vec<&str> = failed.iter().copied().map(part_name).collect();
            format!(
                "您的软件测试未通过：{}。请在{}前重新测试，逾期{first}的名额将让给其他教练。",
                parts.join("、"),
                until(*test_by, time)
            )
        }
        ClassNews::TestPassed { to } => {
            format!("您已通过软件测试，{first}已为您保留，{}。", what_follows(*to))
        }
        ClassNews::Assigned { lessons, students } => {
            format!(
                "您将担任{name}教练：首课{span}，{}，学员{students}人。请提前10分钟上线。",
                course(lessons)
            )
        }
        ClassNews::NoLongerNeeded { to, why, in_reserve } => {
            format!("{}谢谢您的支持，期待下次合作。", let_go(&first, *to, *why, *in_reserve))
        }
        ClassNews::TaskEarlyWarning(shortage) => {
            format!(
                "预警：{first}（{template}）还缺{}{}人。{}",
                wanted(shortage.to),
                shortage.counts.uncovered(),
                numbers(shortage, time)
            )
        }
        ClassNews::TaskShort { shortage, late_minutes } => {
            let late = match late_minutes {
                ..=0 => String::new(),
                late => format!("（本告警迟{}）", minutes(*late)),
            };
            format!(
                "告警：{first}（{template}）仍缺{}{}人。{}{late}",
                wanted(shortage.to),
                shortage.counts.uncovered(),
                numbers(shortage, time)
            )
        }
        ClassNews::TaskLeftOver { students, needed, ready, reason } => {
            let reason = match reason {
                None => String::new(),
                Some(Reason::SameCity) => "（同城限制）".to_owned(),
                Some(Reason::Blocked) => "（教练须回避）".to_owned(),
                Some(reason) => format!("（{reason}）"),
            };
            format!(
                "{first}（{template}）有{}名学员未能入班{reason}{}。需教练{needed}人，已就绪{ready}。请处理。",
                students.len(),
                listed_students(students, names)
            )
        }
        ClassNews::AssignedWithdrawal { coach } => {
            format!("教练{coach}（下次课{first}，{template}）要求退出，请尽快安排代课或接任教练。")
        }
        ClassNews::ClassClosed(reader) => class_text::left_empty(class, reader),
        ClassNews::WaitlistOffer { lessons, take_by } => {
            format!(
                "您候补的{name}有名额了：首课{span}，{}。请在{}前到客户端确认，逾期将让给下一位。",
                course(lessons),
                until(*take_by, time)
            )
        }
        ClassNews::MakeUpOffer { missed, answer_by } => {
            format!(
                "{}未上的{name}课，拟于{span}补课。请在{}前到客户端答复是否参加。",
                day(*missed),
                until(*answer_by, time)
            )
        }
        ClassNews::ContinueOffer { lessons, take_by } => {
            format!(
                "您的{name}要续班：续班首课{span}，{}，已为您保留名额。请在{}前到客户端确认，逾期名额将释放。",
                course(lessons),
                until(*take_by, time)
            )
        }
        ClassNews::ContinueReminder { take_by } => {
            format!(
                "续班提醒：{first}起的续班名额为您保留到{}，请到客户端确认，逾期名额将释放。",
                until(*take_by, time)
            )
        }
        ClassNews::OfferExpired { continues: true } => {
            format!("{first}起的续班名额未在截止时间前确认，已释放。")
        }
        ClassNews::OfferExpired { continues: false } => {
            format!("您候补的{first}名额未在截止时间前确认，已让给下一位。")
        }
        ClassNews::WaitlistClosed(ListEnd::YesElsewhere) => {
            format!("您已约了这个时间的课，{first}的候补随之结束。")
        }
        ClassNews::WaitlistClosed(ListEnd::Staff) => {
            format!("您候补的{first}已由教务取消，如有疑问请联系教务。")
        }
        ClassNews::WaitlistClosed(ListEnd::NoPlace) => {
            format!("很抱歉，您候补的{first}未能等到名额，本次候补已结束。")
        }
        ClassNews::ClassChanged => format!("您已调班：自{first}起在新的班级上课，上课时间不变。"),
        ClassNews::SignUpCancelled(SignUpEnd::Calendar) => {
            format!("因校历调整，您约的{first}已无课可上，约课已取消。")
        }
        ClassNews::SignUpCancelled(SignUpEnd::Staff(lessons)) => {
            format!("您约的{first}起的课（{}）已由教务取消，如有疑问请联系教务。", course(lessons))
        }
        ClassNews::SignUpAdded { lessons } => {
            format!("教务已为您约了{first}起的课（{}），如有疑问请联系教务。", course(lessons))
        }
        ClassNews::SignUpCancelled(SignUpEnd::HoldByStaff) => {
            format!("为您预留的{first}名额已由教务取消，如有疑问请联系教务。")
        }
        ClassNews::CoachDisconnected { coach: None, since } => {
            format!("{first}正在上课，您自{}起已离线，请尽快重新上线。", clock(*since, time))
        }
        ClassNews::CoachDisconnected { coach: Some(coach), since } => {
            format!(
                "告警：{first}（{template}）正在上课，教练{coach}自{}起离线。请尽快联系。",
                clock(*since, time)
            )
        }
        ClassNews::CoachBack { coach, since } => {
            format!("{first}（{template}）的教练{coach}已于{}重新上线。", clock(*since, time))
        }
        ClassNews::LessonWithoutStudents { coach: None, students, seen_at } => {
            format!(
                "{first}已开课，截至{}没有学员在线（应到{students}人）。已告知教务，请您继续等候。",
                clock(*seen_at, time)
            )
        }
        ClassNews::LessonWithoutStudents { coach: Some(coach), students, seen_at } => {
            format!(
                "告警：{first}（{template}，教练{coach}）已开课，截至{}没有学员在线（应到{students}人）。请联系。",
                clock(*seen_at, time)
            )
        }
        ClassNews::GoesOn { .. } | ClassNews::SubstituteMissing { .. } => {
            place_text::substitution(class, news)
        }
        ClassNews::CoachNotOnline { .. }
        | ClassNews::CoachLate { .. }
        | ClassNews::LessonTakenOver(_)
        | ClassNews::LessonDelayed
        | ClassNews::CoachAbsent(_)
        | ClassNews::LessonGoesOn { .. } => place_text::of_the_hour(class, news),
    }
}

/// A part of the software test.
fn part_name(part: TestPart) -> &'static str {
    match part {
        TestPart::Camera => "摄像头",
        TestPart::Sound => "声音",
        TestPart::Microphone => "麦克风",
        TestPart::Lesson => "课堂",
        TestPart::Whiteboard => "白板",
    }
}

/// What a coach is asked to do.
fn asks(to: VacancyKind, class: &str) -> String {
    match to {
        VacancyKind::NewClasses => format!("邀请您担任{class}教练"),
        VacancyKind::Substitution => format!("邀请您为{class}代课"),
        VacancyKind::MakeUp => format!("邀请您为{class}补课"),
        VacancyKind::Change => format!("邀请您接任{class}教练"),
        VacancyKind::Standby => format!("紧急：{class}的教练尚未上线，请您准备接替上课"),
        VacancyKind::Continue => format!("您的{class}要续班，邀请您继续担任教练"),
    }
}

/// What comes after a yes that counts.
fn what_follows(to: VacancyKind) -> &'static str {
    match to {
        VacancyKind::NewClasses | VacancyKind::MakeUp => "分班结果会另行通知",
        VacancyKind::Substitution => "代课安排会另行通知",
        VacancyKind::Change => "接任当日会另行通知",
        VacancyKind::Standby => "需要您接替时会马上通知，请保持在线",
        VacancyKind::Continue => "续班安排会另行通知",
    }
}

/// What becomes of a yes without a test.
fn otherwise(to: VacancyKind) -> &'static str {
    match to {
        VacancyKind::Continue => "将不再续班",
        _ => "名额将让给其他教练",
    }
}

/// Whom admins miss.
fn wanted(to: VacancyKind) -> &'static str {
    match to {
        VacancyKind::NewClasses | VacancyKind::Continue => "教练",
        VacancyKind::Substitution | VacancyKind::Standby => "代课教练",
        VacancyKind::MakeUp => "补课教练",
        VacancyKind::Change => "接任教练",
    }
}

/// What coaches are wanted for, in one word.
fn task_of(to: VacancyKind) -> &'static str {
    match to {
        VacancyKind::NewClasses => "带班",
        VacancyKind::Substitution | VacancyKind::Standby => "代课",
        VacancyKind::MakeUp => "补课",
        VacancyKind::Change => "接任",
        VacancyKind::Continue => "续班",
    }
}

/// That a coach is let go, and why.
fn let_go(first: &str, to: VacancyKind, why: WhyLetGo, in_reserve: bool) -> String {
    let task = task_of(to);
    match (why, in_reserve) {
        (WhyLetGo::NotNeeded, false) => format!("{first}目前不再需要您{task}，为您保留的时段已释放。"),
        (WhyLetGo::NotNeeded, true) => format!("{first}目前不再需要候补教练，您的候补已结束。"),
        (WhyLetGo::TookAnother, _) => {
            format!("您已答应带其他班，与{first}不能兼顾，您在这个班的候补已结束。")
        }
        (WhyLetGo::NotEligible, false) => {
            format!("您目前不符合{first}的{task}条件，这次不再请您{task}，为您保留的时段已释放。")
        }
        (WhyLetGo::NotEligible, true) => {
            format!("您目前不符合{first}的{task}条件，您在这个班的候补已结束。")
        }
    }
}

/// `9月28日19:00`, never later than it is: seconds are cut off. Midnight is the day before at 24:00,
/// as people say it.
fn until(at: Instant, time: BusinessTime) -> String {
    let local = time.local(at);
    if local.time() == NaiveTime::MIN {
        let before = add_days(local.date(), -1);
        return format!("{}月{}日24:00", before.month(), before.day());
    }
    format!("{}月{}日{}", local.month(), local.day(), local.format("%H:%M"))
}

/// `19:05`, of what happens now.
fn clock(at: Instant, time: BusinessTime) -> String {
    time.local(at).format("%H:%M").to_string()
}

/// `2小时`, `90分钟`, `1天`.
fn minutes(minutes: i64) -> String {
    match minutes {
        _ if minutes >= 24 * 60 && minutes % (24 * 60) == 0 => format!("{}天", minutes / (24 * 60)),
        _ if minutes >= 60 && minutes % 60 == 0 => format!("{}小时", minutes / 60),
        _ if minutes > 120 => format!("{}小时{}分钟", minutes / 60, minutes % 60),
        _ => format!("{minutes}分钟"),
    }
}

/// `课程取消14、调班通知2等`: at most so many kinds, those with the most messages first.
fn listed(kinds: &[(MessageKind, usize)], most: usize) -> String {
    let mut kinds: Vec<&(MessageKind, usize)> = kinds.iter().collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
    let listed: Vec<String> =
        kinds.iter().take(most).map(|(kind, count)| format!("{}{count}", kind.row().title)).collect();
    format!("{}{}", listed.join("、"), if kinds.len() > most { "等" } else { "" })
}

/// `：s0001、s0002等`: at most so many.
fn listed_students(students: &[String], most: usize) -> String {
    if students.is_empty() {
        return String::new();
    }
    let listed: Vec<&str> = students.iter().take(most).map(String::as_str).collect();
    format!("：{}{}", listed.join("、"), if students.len() > most { "等" } else { "" })
}

/// What an admin needs to know to act.
fn numbers(shortage: &Shortage, time: BusinessTime) -> String {
    let Shortage { counts, counted_at, coaches_left, closes_at, to: _ } = shortage;
    let Counts { needed, ready, accepted, live, .. } = counts;
    format!(
        "{}统计：需{needed}人，已就绪{ready}，待测试{accepted}，待答复{live}，还可邀请{coaches_left}，{}截止。",
        until(*counted_at, time),
        until(*closes_at, time)
    )
}

#[cfg(test)]
mod tests;
