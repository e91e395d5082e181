//! How times of day, windows and what happens after the gate are written in YAML.

use crate::domain::rules::AfterGate;
use crate::domain::time::Window;
use chrono::NaiveTime;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

/// A time of day, `HH:MM`.
pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<NaiveTime, D::Error> {
    // A visitor, because an error raised inside of it is told with the whole path of the key.
    struct Time;
    impl Visitor<'_> for Time {
        type Value = NaiveTime;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time of day such as \"08:00\"")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<NaiveTime, E> {
            parse_time(text)
                .ok_or_else(|| E::custom(format!("{text:?} is not a time of day such as \"08:00\"")))
        }
    }
    from.deserialize_str(Time)
}

/// The time of day that a text says.
pub(super) fn parse_time(text: &str) -> Option<NaiveTime> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
    {
        return None;
    }
    NaiveTime::from_hms_opt(hour.parse().ok()?, minute.parse().ok()?, 0)
}

/// A window of the day, `{ from: "08:00", to: "21:00" }`.
pub(super) fn window<'de, D: Deserializer<'de>>(from: D) -> Result<Window, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Text {
        #[serde(deserialize_with = "time")]
        from: NaiveTime,
        #[serde(deserialize_with = "time")]
        to: NaiveTime,
    }
    Text::deserialize(from).map(|Text { from, to }| Window { from, to })
}

/// What happens after the gate: `auto` or `manual`.
pub(super) fn after_gate<'de, D: Deserializer<'de>>(from: D) -> Result<AfterGate, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Text {
        Auto,
        Manual,
    }
    Text::deserialize(from).map(|text| match text {
        Text::Auto => AfterGate::Auto,
        Text::Manual => AfterGate::Manual,
    })
}
