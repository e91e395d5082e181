//! Phrases that all texts are built from.

use crate::domain::time::Day;
use chrono::Datelike;

/// The sign that carriers want before every text.
pub(crate) const SIGN: &str = "【etutor】";

/// `初一数学班`.
pub(super) fn class_of(subject: &str, of_grade: i32) -> String {
    format!("{}{subject}班", grade(of_grade))
}

/// `10月1日（周二）`.
pub(super) fn day(day: Day) -> String {
    let weekday =
        ["一", "二", "三", "四", "五", "六", "日"][day.weekday().num_days_from_monday() as usize % 7];
    format!("{}月{}日（周{weekday}）", day.month(), day.day())
}

/// `共12次课至12月17日`.
pub(super) fn lessons_until(lessons: usize, last: Day) -> String {
    match lessons {
        2.. => format!("共{lessons}次课至{}月{}日", last.month(), last.day()),
        _ => "共1次课".to_owned(),
    }
}

/// `小学一年级`, `初一`, `高三`.
pub(super) fn grade(grade: i32) -> String {
    const NUMBERS: [&str; 6] = ["一", "二", "三", "四", "五", "六"];
    let number = |from: i32| {
        usize::try_from(grade - from).ok().and_then(|index| NUMBERS.get(index)).copied().unwrap_or_default()
    };
    match grade {
        1..=6 => format!("小学{}年级", number(1)),
        7..=9 => format!("初{}", number(7)),
        10..=12 => format!("高{}", number(10)),
        _ => String::new(),
    }
}
