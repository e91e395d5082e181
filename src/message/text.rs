//! The Chinese texts, compiled in: notices (通知), without advertising or links. An SMS begins with
//! the sign.

use super::lesson_text::{self, LessonLine};
use super::phrase::{SIGN, class_of, day};
use crate::domain::state::{Channel, MessageKind};
use crate::domain::time::{BusinessTime, Day, Instant, add_days};
use chrono::{Datelike, NaiveTime};

/// User names an SMS lists before it only counts; a mail lists all.
const NAMES_IN_SMS: usize = 5;

/// Stands in the text of an invitation for the instant until which it may be answered. That follows
/// from when the message is handed over; see [`with_answer_by`].
const ANSWER_BY: &str = "〔答复截止时间〕";

/// What a text may speak of; each kind uses some of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Code of the class template.
    pub template: String,
    /// Name of the subject.
    pub subject: String,
    /// Grade, 1–12.
    pub grade: i32,
    /// Day of the (first) lesson.
    pub day: Day,
    /// Its start and end, local.
    pub start: NaiveTime,
    /// See `start`.
    pub end: NaiveTime,
    /// How many lessons there are, and the last day.
    pub lessons: usize,
    /// See `lessons`.
    pub last_day: Day,
    /// Until when the software test must be passed; `None` when it is passed already. In alarms:
    /// until when coaches can be found (F).
    pub deadline: Option<Instant>,
    /// Students in the class.
    pub roster: usize,
    /// Classes needed.
    pub needed: i64,
    /// Coaches ready.
    pub ready: i64,
    /// Coaches who accepted and have not passed the test.
    pub accepted: i64,
    /// Coaches asked who have not answered.
    pub live: i64,
    /// Eligible coaches not asked yet.
    pub coaches_left: i64,
    /// How late an alarm is, in minutes; 0 = in time.
    pub late_minutes: i64,
    /// Students left over, by user name (to admins only).
    pub students: Vec<String>,
    /// User name of a coach (to admins only).
    pub coach: String,
    /// A reason code, where there is one.
    pub reason: String,
    /// The coach waits in reserve, and holds no time.
    pub in_reserve: bool,
    /// Why the coach is let go.
    pub let_go: LetGo,
    /// The lessons that a notice tells of.
    pub lines: Vec<LessonLine>,
    /// How many there are of what the text counts.
    pub count: i64,
    /// How many people that concerns.
    pub people: i64,
    /// Kinds of messages, and how many of each.
    pub kinds: Vec<(MessageKind, i64)>,
}

/// Why a coach is let go who said yes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LetGo {
    /// The class needs nobody more.
    #[default]
    NotNeeded,
    /// The coach said yes to something else that does not go with it.
    TookAnother,
    /// The coach is not eligible any more.
    NotEligible,
}

/// A text ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Of a mail; empty for an SMS.
    pub subject: String,
    /// The text itself; an SMS begins with the sign.
    pub body: String,
}

/// The text of a kind on a channel.
pub fn render(kind: MessageKind, channel: Channel, facts: &Facts, time: BusinessTime) -> Text {
    let names = if channel == Channel::Sms { NAMES_IN_SMS } else { usize::MAX };
    let sentence = sentence(kind, facts, time, names);
    match channel {
        Channel::Sms => Text { subject: String::new(), body: format!("{SIGN}{sentence}") },
        Channel::Mail => {
            // Not everything is about a class.
            let about =
                if facts.template.is_empty() { String::new() } else { format!("：{}", first(facts)) };
            Text { subject: format!("{SIGN}{}{about}", title(kind)), body: sentence }
        }
    }
}

/// The text of an invitation that is handed over, with the instant until which it may be answered.
pub fn with_answer_by(body: &str, at: Instant, time: BusinessTime) -> String {
    body.replace(ANSWER_BY, &until(at, time))
}

/// What a kind is called in the subject line of a mail.
fn title(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Invitation => "带班邀请",
        MessageKind::InvitationRecalled => "邀请撤回",
        MessageKind::Accepted => "带班确认",
        MessageKind::Reserved => "候补通知",
        MessageKind::Promoted => "候补转正",
        MessageKind::TestReminder => "软件测试提醒",
        MessageKind::TestLapsed => "软件测试未通过",
        MessageKind::TestPassed => "软件测试通过",
        MessageKind::Assigned => "分班通知",
        MessageKind::NoLongerNeeded => "带班取消",
        MessageKind::TaskEarlyWarning => "缺教练预警",
        MessageKind::TaskShort => "缺教练告警",
        MessageKind::TaskLeftOver => "学员未入班",
        MessageKind::AssignedWithdrawal => "教练申请退出",
        MessageKind::ClassClosed => "班级关闭",
        MessageKind::LessonNotHeld => "停课通知",
        MessageKind::LessonHeld => "照常上课",
        MessageKind::WaitlistOffer => "候补名额",
        MessageKind::OfferExpired => "候补名额过期",
        MessageKind::WaitlistClosed => "候补结束",
        MessageKind::ClassChanged => "调班通知",
        MessageKind::LessonEmpty => "本次课无学员",
        MessageKind::LessonAttended => "本次课有学员",
        MessageKind::LessonCancelled => "课程取消",
        MessageKind::LessonAdded => "加课通知",
        MessageKind::LessonMoved => "上课时间调整",
        MessageKind::SignUpCancelled => "约课取消",
        MessageKind::PlaceDrift => "名额核对有误",
        MessageKind::MessagesCapped => "短信超限",
    }
}

fn sentence(kind: MessageKind, facts: &Facts, time: BusinessTime, names: usize) -> String {
    let (class, first, span) = (class_name(facts), first(facts), span(facts));
    match kind {
        MessageKind::Invitation => {
            format!("邀请您担任{class}教练：{span}，{}。请在{ANSWER_BY}前到客户端答复。", course(facts))
        }
        MessageKind::InvitationRecalled => {
            format!("{first}的带班邀请已撤回，您无需再答复。谢谢您的关注，期待下次合作。")
        }
        MessageKind::Accepted => match facts.deadline {
            Some(deadline) => {
                format!(
                    "已收到您的确认：{first}。请在{}前通过客户端的软件测试，逾期名额将让给其他教练。",
                    until(deadline, time)
                )
            }
            None => format!("已收到您的确认：{first}。您的软件测试仍然有效，无需再测，分班结果会另行通知。"),
        },
        MessageKind::Reserved => {
            format!("谢谢您答应带{first}。目前教练已满，您已列入候补，一有空缺会马上通知您。")
        }
        MessageKind::Promoted => match facts.deadline {
            Some(deadline) => {
                format!(
                    "{first}有了空缺，您已由候补转为正式教练。请在{}前通过客户端的软件测试，逾期名额将让给其他教练。",
                    until(deadline, time)
                )
            }
            None => format!("{first}有了空缺，您已由候补转为正式教练，分班结果会另行通知。"),
        },
        MessageKind::TestReminder => {
            let by = facts
                .deadline
                .map_or_else(|| "尽快".to_owned(), |deadline| format!("在{}前", until(deadline, time)));
            format!("您答应带的{first}还差软件测试。请{by}到客户端完成，逾期名额将让给其他教练。")
        }
        MessageKind::TestLapsed => {
            format!("您的软件测试未在截止时间前通过，{first}的名额已释放。您仍可随时完成测试，方便下次带班。")
        }
        MessageKind::TestPassed => format!("您已通过软件测试，{first}已为您保留，分班结果会另行通知。"),
        MessageKind::Assigned => {
            format!(
                "您将担任{class}教练：首课{span}，{}，学员{}人。请提前10分钟上线。",
                course(facts),
                facts.roster
            )
        }
        MessageKind::NoLongerNeeded => {
            let said = match (facts.let_go, facts.in_reserve) {
                (LetGo::NotNeeded, false) => format!("{first}目前不再需要您带班，为您保留的时段已释放。"),
                (LetGo::NotNeeded, true) => format!("{first}目前不再需要候补教练，您的候补已结束。"),
                (LetGo::TookAnother, _) => {
                    format!("您已答应带其他班，与{first}不能兼顾，您在这个班的候补已结束。")
                }
                (LetGo::NotEligible, false) => {
                    format!("您目前不符合{first}的带班条件，这次不再请您带班，为您保留的时段已释放。")
                }
                (LetGo::NotEligible, true) => {
                    format!("您目前不符合{first}的带班条件，您在这个班的候补已结束。")
                }
            };
            format!("{said}谢谢您的支持，期待下次合作。")
        }
        MessageKind::TaskEarlyWarning => {
            format!(
                "预警：{first}（{}）还缺教练{}人。{}",
                facts.template,
                uncovered(facts),
                counts(facts, time)
            )
        }
        MessageKind::TaskShort => {
            let late = if facts.late_minutes > 0 {
                format!("（本告警迟{}）", minutes(facts.late_minutes))
            } else {
                String::new()
            };
            format!(
                "告警：{first}（{}）仍缺教练{}人。{}{late}",
                facts.template,
                uncovered(facts),
                counts(facts, time)
            )
        }
        MessageKind::TaskLeftOver => left_over(facts, names),
        MessageKind::AssignedWithdrawal => {
            format!("教练{}已分到{first}（{}），现要求退出，请尽快联系处理。", facts.coach, facts.template)
        }
        MessageKind::ClassClosed if facts.coach.is_empty() => {
            format!("{first}起的班级已没有学员，现已关闭，之后的课全部取消。")
        }
        MessageKind::ClassClosed => {
            format!(
                "{first}起的班级（{}，教练{}）已没有学员，现已关闭，之后的课全部取消。",
                facts.template, facts.coach
            )
        }
        MessageKind::WaitlistOffer => {
            let by = facts
                .deadline
                .map_or_else(|| "尽快".to_owned(), |deadline| format!("在{}前", until(deadline, time)));
            format!(
                "您候补的{class}有名额了：首课{span}，{}。请{by}到客户端确认，逾期将让给下一位。",
                course(facts)
            )
        }
        MessageKind::OfferExpired => format!("您候补的{first}名额未在截止时间前确认，已让给下一位。"),
        // With a reason: a yes elsewhere has ended it.
        MessageKind::WaitlistClosed if !facts.reason.is_empty() => {
            format!("您已约了这个时间的课，{first}的候补随之结束。")
        }
        MessageKind::WaitlistClosed => format!("很抱歉，您候补的{first}未能等到名额，本次候补已结束。"),
        MessageKind::ClassChanged => format!("您已调班：自{first}起在新的班级上课，上课时间不变。"),
        MessageKind::LessonNotHeld
        | MessageKind::LessonHeld
        | MessageKind::LessonEmpty
        | MessageKind::LessonAttended
        | MessageKind::LessonCancelled
        | MessageKind::LessonAdded
        | MessageKind::LessonMoved => lesson_text::sentence(kind, &facts.lines),
        MessageKind::SignUpCancelled => format!("因校历调整，您约的{first}已无课可上，约课已取消。"),
        MessageKind::PlaceDrift => {
            format!("名额核对：有{}处与约课不符，已修正。请检查任务报告。", facts.count)
        }
        MessageKind::MessagesCapped => {
            format!(
                "告警：有{}条短信因号码超过发送上限未能在有效期内发出，涉及{}人：{}。请查看消息列表。",
                facts.count,
                facts.people,
                kinds(facts, names)
            )
        }
    }
}

/// `初一数学班`.
fn class_name(facts: &Facts) -> String {
    class_of(&facts.subject, facts.grade)
}

/// `10月1日（周二）14:00初一数学班`: the (first) lesson in short.
fn first(facts: &Facts) -> String {
    format!("{}{}{}", day(facts.day), facts.start.format("%H:%M"), class_name(facts))
}

/// `10月1日（周二）14:00–15:00`.
fn span(facts: &Facts) -> String {
    let next = if facts.end <= facts.start { "次日" } else { "" };
    format!("{}{}-{next}{}", day(facts.day), facts.start.format("%H:%M"), facts.end.format("%H:%M"))
}

/// `共12次课至12月17日`.
fn course(facts: &Facts) -> String {
    if facts.lessons > 1 {
        format!("共{}次课至{}月{}日", facts.lessons, facts.last_day.month(), facts.last_day.day())
    } else {
        "共1次课".to_owned()
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

/// `2小时`, `90分钟`, `1天`.
fn minutes(minutes: i64) -> String {
    match minutes {
        _ if minutes >= 24 * 60 && minutes % (24 * 60) == 0 => format!("{}天", minutes / (24 * 60)),
        _ if minutes >= 60 && minutes % 60 == 0 => format!("{}小时", minutes / 60),
        _ if minutes > 120 => format!("{}小时{}分钟", minutes / 60, minutes % 60),
        _ => format!("{minutes}分钟"),
    }
}

fn uncovered(facts: &Facts) -> i64 {
    (facts.needed - facts.ready).max(0)
}

/// `课程取消14、调班通知2等`: at most so many kinds, those with the most messages first.
fn kinds(facts: &Facts, most: usize) -> String {
    let mut kinds: Vec<&(MessageKind, i64)> = facts.kinds.iter().collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
    let listed: Vec<String> =
        kinds.iter().take(most).map(|(kind, count)| format!("{}{count}", title(*kind))).collect();
    format!("{}{}", listed.join("、"), if kinds.len() > most { "等" } else { "" })
}

/// What an admin needs to know to act.
fn counts(facts: &Facts, time: BusinessTime) -> String {
    let Facts { needed, ready, accepted, live, coaches_left, .. } = facts;
    let by = facts.deadline.map_or_else(String::new, |deadline| format!("，{}截止", until(deadline, time)));
    format!("需{needed}人，已就绪{ready}，待测试{accepted}，待答复{live}，还可邀请{coaches_left}{by}。")
}

fn left_over(facts: &Facts, names: usize) -> String {
    let listed = facts.students.iter().take(names).map(String::as_str).collect::<Vec<_>>().join("、");
    let more = if facts.students.len() > names { "等" } else { "" };
    let list = if facts.students.is_empty() { String::new() } else { format!("：{listed}{more}") };
    let reason = match facts.reason.as_str() {
        "" => String::new(),
        "SAME_CITY" => "（同城限制）".to_owned(),
        code => format!("（{code}）"),
    };
    format!(
        "{}（{}）有{}名学员未能入班{reason}。需教练{}人，已就绪{}{list}。请处理。",
        first(facts),
        facts.template,
        facts.students.len(),
        facts.needed,
        facts.ready
    )
}

#[cfg(test)]
mod tests;
