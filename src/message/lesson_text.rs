//! The texts of notices about one or several lessons.

use super::phrase::{class_of, day, lessons_until};
use crate::domain::notice::LessonNews;
use crate::domain::time::Day;
use chrono::{Datelike, NaiveTime};

/// The most lesson days that one notice tells of, so that an SMS of it has two parts at most and
/// names every day.
pub(crate) const MOST_DAYS: usize = 20;

/// The most groups of lessons (of one template at one time of day) that one notice tells of.
pub(crate) const MOST_LINES: usize = 3;

/// The most that a reminder lists: more than anybody teaches or attends in one run.
pub(crate) const MOST_AHEAD: usize = 12;

/// Behind lessons that are a coach's from now on, and to which nobody comes.
const NOBODY: &str = "（目前没有学员）";

/// Days that are named with their weekday; more are listed by month.
const DAYS_WITH_WEEKDAY: usize = 3;

/// Lessons of one template at one time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonLine {
    /// Name of the subject.
    pub subject: String,
    /// Grade, 1–12.
    pub grade: i32,
    /// Code of the class template.
    pub template: String,
    /// User name of the coach of the class (to admins only).
    pub coach: String,
    /// The days, in order.
    pub days: Vec<Day>,
    /// The start, local.
    pub start: NaiveTime,
    /// The end, where it is known.
    pub end: Option<NaiveTime>,
    /// The start that the person knew, local, where it is another.
    pub start_before: Option<NaiveTime>,
    /// The sign-up came too late for them; with the first lesson day for which it counts, if there
    /// is one.
    pub too_late: Option<Option<Day>>,
    /// Nobody comes to them.
    pub is_empty: bool,
    /// The person was told that they fall away.
    pub is_back: bool,
    /// The student was on leave from them.
    pub was_on_leave: bool,
}

impl LessonLine {
    /// Whether another differs from it by its days only.
    pub fn is_like(&self, other: &Self) -> bool {
        Self { days: Vec::new(), ..self.clone() } == Self { days: Vec::new(), ..other.clone() }
    }

    fn class(&self) -> String {
        class_of(&self.subject, self.grade)
    }

    /// `19:00-20:30`, or `19:00`.
    fn hours(&self) -> String {
        hours(self.start, self.end)
    }
}

pub(super) fn hours(start: NaiveTime, end: Option<NaiveTime>) -> String {
    let from = start.format("%H:%M");
    match end {
        Some(end) if end <= start => format!("{from}-次日{}", end.format("%H:%M")),
        Some(end) => format!("{from}-{}", end.format("%H:%M")),
        None => from.to_string(),
    }
}

/// What there is to tell of lessons, as a sentence.
pub(crate) fn sentence(news: LessonNews, lines: &[LessonLine]) -> String {
    let which = list(news, lines);
    match news {
        LessonNews::NotHeld if lines.iter().any(|line| line.too_late.is_some()) => {
            let from = match lines.iter().find_map(|line| line.too_late.flatten()) {
                Some(from) => format!("您的约课自{}的课起计入，分班结果会另行通知。", day(from)),
                None => "如仍需上课，请另约后面的日期。".to_owned(),
            };
            format!("您约课时{which}已过截止时间，本次课来不及为您安排，请见谅。{from}")
        }
        LessonNews::NotHeld => {
            format!("很抱歉，{which}的课因教练尚未排定，本次暂不上课，后续安排会另行通知。")
        }
        LessonNews::Held => format!("更正：{which}的课照常上课，请按时登录客户端。"),
        LessonNews::Empty => format!("{which}的课目前没有学员上课。如有变化会另行通知。"),
        LessonNews::Attended if lines.iter().any(|line| !line.coach.is_empty()) => {
            format!("更正：{which}的课有学员上课。")
        }
        LessonNews::Attended => format!("更正：{which}的课有学员上课，请按时上线。"),
        LessonNews::Cancelled => {
            let leave = if on_leave(lines) { "，您请的假已退回" } else { "" };
            format!("因校历调整，{which}的课取消{leave}，请留意后续安排。")
        }
        LessonNews::Added => {
            let leave = if on_leave(lines) {
                "您请过的假已退回，如不能上课请重新请假。"
            } else {
                ""
            };
            format!("因校历调整，{}：{which}，请留意。{leave}", comes(lines))
        }
        LessonNews::Moved => {
            let moved: Vec<String> = lines.iter().map(moved).collect();
            format!("{}，请留意。", moved.join("；"))
        }
        LessonNews::Ahead => match count(lines) {
            1 => format!("上课提醒：{which}，请提前10分钟登录客户端。"),
            more => format!("上课提醒：您有{more}次课：{which}，请提前10分钟登录客户端。"),
        },
        LessonNews::Substitutes => {
            format!("您将代课：{which}，共{}次课。请提前10分钟上线。", count(lines))
        }
        LessonNews::Takes => {
            let from: Vec<String> = lines.iter().map(from).collect();
            format!("您将接任{}教练：{}。请提前10分钟上线。", class(lines), from.join("；"))
        }
        LessonNews::Replaced => format!("{which}的课由其他教练代课，您无需上课，不占用您的时段。"),
        LessonNews::Leaves => format!(
            "自{}起，您带的这个班由其他教练接任，为您保留的时段已释放。谢谢您的支持。",
            first(lines).unwrap_or_default()
        ),
        LessonNews::Released => format!("{which}的代课已取消，您无需上课，时段已释放。谢谢您的支持。"),
        LessonNews::Returned => format!("{which}的课恢复由您上，请提前10分钟上线。"),
    }
}

/// `3月5日（周四）19:00初一数学班`: the first lesson in short.
pub(super) fn first(lines: &[LessonLine]) -> Option<String> {
    let line = lines.first()?;
    Some(format!("{}{}{}", day(*line.days.first()?), line.start.format("%H:%M"), line.class()))
}

fn class(lines: &[LessonLine]) -> String {
    lines.first().map_or_else(String::new, LessonLine::class)
}

/// `自3月5日（周四）19:00-20:30起，共12次课至5月21日`.
fn from(line: &LessonLine) -> String {
    let (Some(first), Some(last)) = (line.days.first(), line.days.last()) else { return String::new() };
    let nobody = if line.is_empty { NOBODY } else { "" };
    format!("自{}{}起，{}{nobody}", day(*first), line.hours(), lessons_until(line.days.len(), *last))
}

fn on_leave(lines: &[LessonLine]) -> bool {
    lines.iter().any(|line| line.was_on_leave)
}

/// How lessons come: back, as new ones, or some so and some so.
fn comes(lines: &[LessonLine]) -> String {
    let back = lines.iter().filter(|line| line.is_back || line.was_on_leave).count();
    let verb = match back {
        0 => "增加",
        _ if back == lines.len() => "恢复",
        _ => "恢复和增加",
    };
    match count(lines) {
        1 => format!("{verb}一次课"),
        more => format!("{verb}{more}次课"),
    }
}

fn count(lines: &[LessonLine]) -> usize {
    lines.iter().map(|line| line.days.len()).sum()
}

/// `初一数学班自3月5日（周四）起上课时间由19:00改为18:30`.
fn moved(line: &LessonLine) -> String {
    let before = line.start_before.map_or_else(String::new, |start| format!("由{}", start.format("%H:%M")));
    let from = match line.days.as_slice() {
        [] => String::new(),
        [only] => day(*only),
        [first, ..] => format!("自{}起", day(*first)),
    };
    format!("{}{from}上课时间{before}改为{}", line.class(), line.start.format("%H:%M"))
}

/// `3月5日（周四）、3月12日（周四）19:00初一数学班`.
fn list(news: LessonNews, lines: &[LessonLine]) -> String {
    // A coach and staff know lessons by the template as well.
    let named = matches!(news, LessonNews::Empty | LessonNews::Attended);
    let with_end = matches!(news, LessonNews::Added | LessonNews::Ahead | LessonNews::Substitutes);
    let part = |line: &LessonLine| {
        let hours = if with_end { line.hours() } else { line.start.format("%H:%M").to_string() };
        let template = match (named, line.coach.as_str()) {
            (false, _) => String::new(),
            (true, "") => format!("（{}）", line.template),
            (true, coach) => format!("（{}，教练{coach}）", line.template),
        };
        let nobody = if line.is_empty && news.is_of_coach() { NOBODY } else { "" };
        format!("{}{hours}{}{template}{nobody}", days(&line.days), line.class())
    };
    lines.iter().map(part).collect::<Vec<_>>().join("；")
}

/// `3月5日（周四）、3月12日（周四）`; of many `3月5、12、19、26日、4月2日`.
pub(super) fn days(all: &[Day]) -> String {
    if all.len() <= DAYS_WITH_WEEKDAY {
        return all.iter().map(|one| day(*one)).collect::<Vec<_>>().join("、");
    }
    let months = all.chunk_by(|a, b| (a.year(), a.month()) == (b.year(), b.month()));
    let month = |some: &[Day]| {
        let listed: Vec<String> = some.iter().map(|one| one.day().to_string()).collect();
        format!("{}月{}日", some.first().map_or(0, Datelike::month), listed.join("、"))
    };
    months.map(month).collect::<Vec<_>>().join("、")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::add_days;
    use crate::message::phrase::SIGN;
    use crate::message::segment::segments;

    fn day(number: u32) -> Day {
        Day::from_ymd_opt(2026, 3, number).unwrap()
    }

    fn line(days: usize) -> LessonLine {
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        LessonLine {
            subject: "数学".to_owned(),
            grade: 7,
            template: "math".to_owned(),
            coach: String::new(),
            days: (0..days as i64).map(|n| add_days(day(5), n)).collect(),
            start: time(19),
            end: NaiveTime::from_hms_opt(20, 30, 0),
            start_before: None,
            too_late: None,
            is_empty: false,
            is_back: false,
            was_on_leave: false,
        }
    }

    #[test]
    fn one_lesson_is_named_and_several_are_listed() {
        let cancelled = |lines: &[LessonLine]| sentence(LessonNews::Cancelled, lines);
        assert_eq!(
            cancelled(&[line(1)]),
            "因校历调整，3月5日（周四）19:00初一数学班的课取消，请留意后续安排。"
        );
        assert_eq!(
            cancelled(&[line(2)]),
            "因校历调整，3月5日（周四）、3月6日（周五）19:00初一数学班的课取消，请留意后续安排。"
        );
        let english = LessonLine { subject: "英语".to_owned(), ..line(1) };
        assert_eq!(
            cancelled(&[line(1), english]),
            "因校历调整，3月5日（周四）19:00初一数学班；3月5日（周四）19:00初一英语班的课取消，请留意后续安排。"
        );
        let month = LessonLine { days: (0..5).map(|n| add_days(day(28), n)).collect(), ..line(1) };
        assert!(cancelled(&[month]).contains("3月28、29、30、31日、4月1日19:00初一数学班的课取消"));
    }

    #[test]
    fn a_lesson_that_is_added_says_when_it_ends_and_one_that_is_moved_when_it_was() {
        assert_eq!(
            sentence(LessonNews::Added, &[line(1)]),
            "因校历调整，增加一次课：3月5日（周四）19:00-20:30初一数学班，请留意。"
        );
        let moved = LessonLine { start_before: NaiveTime::from_hms_opt(18, 30, 0), ..line(3) };
        assert_eq!(
            sentence(LessonNews::Moved, &[moved]),
            "初一数学班自3月5日（周四）起上课时间由18:30改为19:00，请留意。"
        );
    }

    #[test]
    fn who_teaches_is_told_by_days_and_a_class_for_good_by_its_first_day() {
        let says = |news| sentence(news, &[line(2)]);
        for (news, text) in [
            (
                LessonNews::Substitutes,
                "您将代课：3月5日（周四）、3月6日（周五）19:00-20:30初一数学班，共2次课。请提前10分钟上线。",
            ),
            (
                LessonNews::Takes,
                "您将接任初一数学班教练：自3月5日（周四）19:00-20:30起，共2次课至3月6日。请提前10分钟上线。",
            ),
            (
                LessonNews::Replaced,
                "3月5日（周四）、3月6日（周五）19:00初一数学班的课由其他教练代课，您无需上课，不占用您的时段。",
            ),
            (
                LessonNews::Leaves,
                "自3月5日（周四）19:00初一数学班起，您带的这个班由其他教练接任，为您保留的时段已释放。谢谢您的支持。",
            ),
            (
                LessonNews::Released,
                "3月5日（周四）、3月6日（周五）19:00初一数学班的代课已取消，您无需上课，时段已释放。谢谢您的支持。",
            ),
            (
                LessonNews::Returned,
                "3月5日（周四）、3月6日（周五）19:00初一数学班的课恢复由您上，请提前10分钟上线。",
            ),
        ] {
            assert_eq!(says(news), text);
        }
    }

    #[test]
    fn a_lesson_that_was_cancelled_comes_back_and_leave_is_given_back_with_it() {
        let back = LessonLine { is_back: true, ..line(1) };
        assert_eq!(
            sentence(LessonNews::Added, std::slice::from_ref(&back)),
            "因校历调整，恢复一次课：3月5日（周四）19:00-20:30初一数学班，请留意。"
        );
        let new = LessonLine { subject: "英语".to_owned(), ..line(1) };
        assert!(sentence(LessonNews::Added, &[back, new]).starts_with("因校历调整，恢复和增加2次课：3月5日"));
        let leave = LessonLine { was_on_leave: true, ..line(1) };
        assert_eq!(
            sentence(LessonNews::Cancelled, std::slice::from_ref(&leave)),
            "因校历调整，3月5日（周四）19:00初一数学班的课取消，您请的假已退回，请留意后续安排。"
        );
        assert_eq!(
            sentence(LessonNews::Added, &[leave]),
            "因校历调整，恢复一次课：3月5日（周四）19:00-20:30初一数学班，请留意。\
             您请过的假已退回，如不能上课请重新请假。"
        );
    }

    #[test]
    fn who_signed_up_too_late_is_told_so_and_from_when_it_counts() {
        let late = |counts_from| {
            let line = LessonLine { too_late: Some(counts_from), ..line(1) };
            sentence(LessonNews::NotHeld, &[line])
        };
        assert_eq!(
            late(Day::from_ymd_opt(2026, 3, 12)),
            "您约课时3月5日（周四）19:00初一数学班已过截止时间，本次课来不及为您安排，请见谅。\
             您的约课自3月12日（周四）的课起计入，分班结果会另行通知。"
        );
        assert!(late(None).ends_with("请见谅。如仍需上课，请另约后面的日期。"));
    }

    #[test]
    fn a_notice_about_any_number_of_lessons_is_two_parts_at_most() {
        for news in [
            LessonNews::NotHeld,
            LessonNews::Held,
            LessonNews::Empty,
            LessonNews::Attended,
            LessonNews::Cancelled,
            LessonNews::Added,
            LessonNews::Moved,
            LessonNews::Ahead,
            LessonNews::Substitutes,
            LessonNews::Takes,
            LessonNews::Replaced,
            LessonNews::Leaves,
            LessonNews::Released,
            LessonNews::Returned,
        ] {
            for days in [1, 2, 3, 4, MOST_DAYS] {
                // Real codes of templates are that long.
                let template = "2013-autumn-aaa-g7-tu-p1400".to_owned();
                let line = LessonLine { template, is_back: true, was_on_leave: true, ..line(days) };
                let text = format!("{SIGN}{}", sentence(news, &[line]));
                assert!(segments(&text) <= 2, "{news:?}, {days} days: {text}");
            }
        }
    }
}
