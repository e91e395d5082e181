//! How spreadsheets and people write values. A value is read if it can mean only one thing
//! (docs/domain.md §10); otherwise the refusal says what to write instead. RPCs accept the one
//! strict form only and do not use this file.

use crate::domain::time::Day;
use chrono::{NaiveTime, TimeDelta, Timelike};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A value, or what is wrong with its text. No message repeats the text: it may be somebody's name
/// or number.
pub(super) type Reading<T> = Result<T, String>;

/// What no cell can mean; every kind of cell asks this first.
pub(super) fn accident(text: &str) -> Option<&'static str> {
    const ERRORS: &[&str] = &[
        "#N/A",
        "#REF!",
        "#VALUE!",
        "#NAME?",
        "#DIV/0!",
        "#NULL!",
        "#NUM!",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#GETTING_DATA",
    ];
    if text.contains(char::REPLACEMENT_CHARACTER) {
        Some("contains a character that was lost when the file was saved in another encoding; write it again")
    } else if text.len() > 1 && text.bytes().all(|byte| byte == b'#') {
        Some("is what a spreadsheet saves when a column is too narrow; widen the column and save again")
    } else if ERRORS.contains(&text) {
        Some("is the error of a spreadsheet formula")
    } else {
        None
    }
}

/// A text for people: as it is but for blanks around it.
pub(super) fn trimmed(text: &str) -> &str {
    // Beside blanks: the byte order mark, zero-width characters, and the marks of direction that
    // come with copied phone numbers.
    let marks = |letter: char| {
        let zero_width = '\u{200b}'..='\u{200f}';
        let direction = '\u{202a}'..='\u{202e}';
        let joiners = '\u{2060}'..='\u{2069}';
        letter == '\u{feff}' || [zero_width, direction, joiners].iter().any(|range| range.contains(&letter))
    };
    text.trim_matches(|letter: char| letter.is_whitespace() || marks(letter))
}

/// A text that only programs read: half-width, without blanks around it and without the signs by
/// which spreadsheets mark text.
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    let text = trimmed(text);
    let half = |letter: char| match letter {
        // The full-width forms of ASCII, in its order.
        '\u{ff01}'..='\u{ff5e}' => u8::try_from(u32::from(letter) - 0xfee0).map_or(letter, char::from),
        '\u{3000}' | '\u{a0}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    };
    let text =
        if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.chars().map(half).collect()) };
    let bare =
        text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).or_else(|| text.strip_prefix('\''));
    match bare {
        Some(bare) => Cow::Owned(trimmed(bare).to_owned()),
        None => text,
    }
}

/// Why a text that should be made of digits is none, if a spreadsheet did it.
pub(super) fn power_of_ten(text: &str) -> Option<&'static str> {
    let (mantissa, exponent) = text.split_once(['E', 'e'])?;
    let digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (digits(mantissa) && exponent.strip_prefix(['+', '-']).is_some_and(digits)).then_some(
        "is a power of ten that a spreadsheet made of a long number; format the column as text \
            and write the number again",
    )
}

/// The digits of a number that another program wrote as a fraction (`7.0`).
pub(super) fn without_fraction(text: &str) -> &str {
    let whole = text.split_once('.').filter(|(whole, rest)| {
        !whole.is_empty() && !rest.is_empty() && rest.bytes().all(|byte| byte == b'0')
    });
    whole.map_or(text, |(whole, _)| whole)
}

/// A whole number, 0 or more.
pub(super) fn whole(text: &str) -> Reading<i64> {
    let digits = without_fraction(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(power_of_ten(text).unwrap_or("is not a whole number").to_owned());
    }
    // What is larger than any bound is told by the bound.
    Ok(digits.parse().unwrap_or(i64::MAX))
}

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Reading<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" | "是" => Ok(true),
        "false" | "no" | "0" | "否" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

const DAY: &str = "is not a day such as 2026-09-03 (years 1970 to 9999)";

/// A civil day. A time of day beside it may only be midnight, which spreadsheets add.
pub(super) fn day(text: &str) -> Reading<Day> {
    let (day, clock) = day_and_clock(text);
    match clock.map(time) {
        None | Some(Ok(NaiveTime::MIN)) => bare_day(day),
        Some(_) => Err("has a time of day; write only the day, such as 2026-09-03".to_owned()),
    }
}

/// A day, and what stands behind it.
fn day_and_clock(text: &str) -> (&str, Option<&str>) {
    text.split_once([' ', 'T', 't']).map_or((text, None), |(day, clock)| (day, Some(clock.trim())))
}

fn bare_day(text: &str) -> Reading<Day> {
    let is_number =
        |part: &str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    let chinese = text.strip_suffix(['日', '号']).map(|text| text.replace(['年', '月'], "-"));
    let text = chinese.as_deref().unwrap_or(text);
    let separator = text.chars().find(|letter| !letter.is_ascii_digit());
    let parts: Vec<&str> = match separator {
        Some(separator @ ('-' | '/' | '.')) => text.split(separator).collect(),
        None if text.len() == 8 => {
            vec![text.get(..4).unwrap_or(""), text.get(4..6).unwrap_or(""), text.get(6..).unwrap_or("")]
        }
        _ => Vec::new(),
    };
    let found = match parts.as_slice() {
        [year, month, day] if parts.iter().all(|part| is_number(part)) && month.len() <= 2 => {
            let number = |part: &str| part.parse::<u32>().unwrap_or(0);
            match (year.len(), day.len()) {
                (4, 1 | 2) => of_calendar(number(year), number(month), number(day)),
                (1 | 2, 4) => return Err(either(number(year), number(month), number(day))),
                (1 | 2, 1 | 2) => return Err(format!("{DAY}: the year comes first and has four digits")),
                _ => None,
            }
        }
        [first, second] if is_number(first) && is_number(second) => {
            return Err(format!("{DAY}: the year or the day is missing"));
        }
        [] if text.len() == 5 && separator.is_none() => {
            return Err(format!("{DAY}, but a spreadsheet's number for a day; format the column as a date"));
        }
        _ => None,
    };
    found.ok_or_else(|| DAY.to_owned())
}

fn of_calendar(year: u32, month: u32, day: u32) -> Option<Day> {
    let year = i32::try_from(year).ok().filter(|year| (1970..=9999).contains(year))?;
    Day::from_ymd_opt(year, month, day)
}

/// A day whose year comes last: some write the month first, some the day.
fn either(first: u32, second: u32, year: u32) -> String {
    let found = [(first, second), (second, first)]
        .into_iter()
        .filter_map(|(month, day)| of_calendar(year, month, day));
    let found: BTreeSet<String> = found.map(|day| day.to_string()).collect();
    match found.len() {
        0 => DAY.to_owned(),
        _ => format!(
            "{DAY}: with the year last it can be read in two ways; write {}",
            Vec::from_iter(found).join(" or ")
        ),
    }
}

/// Days with a separator between.
pub(super) fn days(text: &str) -> Reading<Vec<Day>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let each = |part: &str| {
        day(part.trim()).map_err(|wrong| format!("has a part that {wrong}; separate days with ;"))
    };
    text.split([';', '、', ',']).map(each).collect()
}

const TIME: &str = "is not a time of day such as 19:30 (00:00 to 23:59)";

/// A time of day, to the second.
pub(super) fn time(text: &str) -> Reading<NaiveTime> {
    let (clock, half) = half_of_day(text);
    // As spreadsheets show it in Chinese: 19时30分.
    let clock = clock.strip_suffix('分').unwrap_or(clock).replace(['时', '点'], ":");
    let parts: Vec<&str> = clock.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (*hour, *minute, "00"),
        // Fractions of a second are cut off, as everywhere.
        [hour, minute, second] => {
            (*hour, *minute, second.split_once('.').map_or(*second, |(whole, _)| whole))
        }
        _ if clock.parse::<f64>().is_ok_and(|number| (0.0..1.0).contains(&number)) => {
            return Err(format!(
                "{TIME}, but a spreadsheet's fraction of a day; format the column as a time"
            ));
        }
        _ => return Err(TIME.to_owned()),
    };
    let number = |part: &str, shortest: usize| {
        let good = (shortest..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| good)
    };
    let hour = match (number(hour, 1), half) {
        (Some(hour), None) => Some(hour),
        (Some(hour @ 1..=11), Some(half)) => Some(hour + half),
        (Some(12), Some(_)) => {
            return Err(format!("{TIME}: 12 AM and 12 PM can be read in two ways; write 00:00 or 12:00"));
        }
        _ => None,
    };
    let found = hour.zip(number(minute, 2)).zip(number(second, 2));
    found
        .and_then(|((hour, minute), second)| NaiveTime::from_hms_opt(hour, minute, second))
        .ok_or_else(|| TIME.to_owned())
}

/// A time without the word for its half of the day, and the hours that the word adds.
fn half_of_day(text: &str) -> (&str, Option<u32>) {
    for (mark, hours) in [("AM", 0), ("am", 0), ("上午", 0), ("PM", 12), ("pm", 12), ("下午", 12)] {
        if let Some(rest) = text.strip_prefix(mark).or_else(|| text.strip_suffix(mark)) {
            return (rest.trim(), Some(hours));
        }
    }
    (text, None)
}

/// A time of day to the minute.
pub(super) fn start_time(text: &str) -> Reading<NaiveTime> {
    if is_midnight_as_end(text) {
        return Err(format!("{TIME}; only an end may be 24:00"));
    }
    match time(text)? {
        whole if whole.second() == 0 => Ok(whole),
        _ => Err("has seconds; write HH:MM".to_owned()),
    }
}

/// A time of day to the minute at which something ends: 24:00 is the 00:00 of the next day.
pub(super) fn end_time(text: &str) -> Reading<NaiveTime> {
    if is_midnight_as_end(text) { Ok(NaiveTime::MIN) } else { start_time(text) }
}

fn is_midnight_as_end(text: &str) -> bool {
    // The last is how Python writes the 24:00 of a workbook.
    matches!(text, "24:00" | "24:00:00" | "1 day, 0:00:00")
}

const INSTANT: &str = "is not a date and time such as 2026-08-20 15:14:00, or one with its offset (RFC 3339)";

/// A day and a time of day, and how far they are from UTC when that is said.
pub(super) fn date_time(text: &str) -> Reading<(Day, NaiveTime, Option<TimeDelta>)> {
    let (day, clock) = day_and_clock(text);
    let day = bare_day(day)
        .map_err(|wrong| if wrong == DAY { INSTANT.to_owned() } else { format!("has a day that {wrong}") })?;
    let Some(clock) = clock.filter(|clock| !clock.is_empty()) else {
        return Err(format!("{INSTANT}: the time of day is missing, and who came first depends on it"));
    };
    let (clock, offset) = match clock.find(['+', '-', 'Z', 'z']) {
        Some(at) => {
            let (clock, offset) = clock.split_at(at);
            (clock.trim_end(), Some(self::offset(offset).ok_or_else(|| INSTANT.to_owned())?))
        }
        None => (clock, None),
    };
    Ok((day, time(clock).map_err(|_| INSTANT.to_owned())?, offset))
}

/// `Z`, `+08:00`, `+0800` or `+08`.
fn offset(text: &str) -> Option<TimeDelta> {
    if matches!(text, "Z" | "z") {
        return Some(TimeDelta::zero());
    }
    let (sign, digits) = (if text.starts_with('-') { -1 } else { 1 }, text.get(1..)?.replace(':', ""));
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) =
        (digits.get(..2)?.parse().ok()?, digits.get(2..)?.parse().unwrap_or(0));
    (hours < 24 && minutes < 60).then(|| TimeDelta::minutes(sign * (hours * 60 + minutes)))
}

/// A recurrence rule: no part of one holds a blank, so those around its signs are none.
pub(super) fn recurrence(text: &str) -> String {
    let mut rule = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, ';' | ',' | '=') {
            rule.truncate(rule.trim_end().len());
        }
        if letter != ' ' || !rule.ends_with([';', ',', '=']) {
            rule.push(letter);
        }
    }
    rule
}

/// A phone number without the signs that group its digits.
pub(super) fn phone(text: &str) -> String {
    without_fraction(text).replace([' ', '-'], "")
}

/// What may have become of a phone number that is none, beside what one looks like.
pub(super) fn phone_hint(text: &str) -> &'static str {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.len() {
        12.. if digits && text.starts_with("00") => "; write + in place of the leading 00",
        11..=15 if digits => {
            "; write + before the country code: spreadsheets drop it, unless the column is formatted as text"
        }
        7..=10 if digits => "; spreadsheets drop leading zeros, unless the column is formatted as text",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
