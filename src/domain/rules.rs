//! The tunable numbers of docs/domain.md, with its values as defaults. They are read from the
//! configuration and passed to the rules.

use super::time::{BusinessTime, Window};
use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use std::collections::BTreeMap;

/// What happens with recruiting after the gate G (docs/domain.md §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterGate {
    /// Invitations go on by themselves (the rescue).
    Auto,
    /// New invitations are staff's business; live ones may still be answered.
    Manual,
}

/// The tunable numbers of the rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The zone all rules use.
    pub time: BusinessTime,
    /// Sending window W of invitations (§5).
    pub invitation_window: Window,
    /// Window of test reminders (§7).
    pub reminder_window: Window,
    /// Window of notices (§7).
    pub notice_window: Window,
    /// Hours at night in which an alarm goes by mail and its SMS waits: from `to` until `from` of
    /// this window (§3, G).
    pub alarm_sms_window: Window,
    /// G = s − this (26 h).
    pub gate_lead: TimeDelta,
    /// F of classes that are not morning classes = s − this (4 h).
    pub freeze_lead: TimeDelta,
    /// F of morning classes: this time on D−1 (20:00).
    pub morning_freeze: NaiveTime,
    /// Morning classes start before this (12:00).
    pub morning_before: NaiveTime,
    /// Early warning: this time on D−2 (20:00).
    pub early_warning: NaiveTime,
    /// Early warning concerns tasks whose gate is before this time of day (08:00).
    pub early_warning_gate_before: NaiveTime,
    /// A lesson without class is called off at s − this (2 h).
    pub not_held_lead: TimeDelta,
    /// … and for morning classes at this time on D−1 (21:00).
    pub morning_not_held: NaiveTime,
    /// Staff may reopen a task until s − this (30 min).
    pub reopen_lead: TimeDelta,
    /// Of those missing, this many times as many are asked at once (2.0).
    pub wave_factor: f64,
    /// See [`AfterGate`].
    pub after_gate: AfterGate,
    /// Form as soon as a task is covered instead of at F.
    pub form_when_covered: bool,
    /// How long the places of a class that goes on are kept for its students (7 days, §6).
    pub continue_hold: TimeDelta,
    /// Automatic invitations a coach may get on one civil day (2).
    pub budget_day: u32,
    /// … in the rescue (3).
    pub budget_day_rescue: u32,
    /// … in one week, Monday to Sunday (6).
    pub budget_week: u32,
    /// Least time between two automatic invitations to one coach (30 min).
    pub spacing: TimeDelta,
    /// … in the rescue (10 min).
    pub spacing_rescue: TimeDelta,
    /// Least time between two lessons of one coach (15 min).
    pub gap: TimeDelta,
    /// Classes a coach may have at once, by rank (§5).
    pub class_limit: BTreeMap<u8, u32>,
    /// Lessons a coach on trial teaches before becoming regular (5, §6).
    pub trial_lessons: u32,
    /// How long a passed software test counts (30 days).
    pub test_valid: TimeDelta,
    /// A test reminder needs at least this much time before the deadline (15 min) …
    pub reminder_least: TimeDelta,
    /// … and at most this much (2 h).
    pub reminder_most: TimeDelta,
    /// Messages per number in `cap_span` (10) …
    pub cap_short: u32,
    /// … which is this long (10 min) …
    pub cap_span: TimeDelta,
    /// … and on one day (20).
    pub cap_day: u32,
    /// How long a hold lasts (15 min, §6); it may be renewed once.
    pub hold: TimeDelta,
    /// A student's holds on a template's days last together at most this long (30 min, §6) …
    pub hold_limit: TimeDelta,
    /// … in any span of this length (2 h).
    pub hold_span: TimeDelta,
    /// How long an offer lasts when the lesson is more than `offer_far` away (12 h, §6) …
    pub offer_long: TimeDelta,
    /// … when it is at least `offer_near` away (2 h) …
    pub offer_middle: TimeDelta,
    /// … and when it is nearer (15 min).
    pub offer_short: TimeDelta,
    /// See `offer_long` (48 h).
    pub offer_far: TimeDelta,
    /// See `offer_middle` (4 h).
    pub offer_near: TimeDelta,
    /// Leave is asked for until s − this (2 h, §6).
    pub leave_lead: TimeDelta,
    /// Lessons a student may take leave from in one season (3, §6).
    pub leave_limit: u32,
    /// Sign-ups that are decided together in one transaction at most; more wait for the next.
    pub sign_up_batch: u32,
}

impl Rules {
    /// docs/domain.md's numbers in a zone.
    pub fn new(zone: Tz) -> Self {
        Self {
            time: BusinessTime::new(zone),
            invitation_window: Window { from: hm(8, 0), to: hm(21, 0) },
            reminder_window: Window { from: hm(7, 0), to: hm(22, 30) },
            notice_window: Window { from: hm(7, 0), to: hm(22, 0) },
            alarm_sms_window: Window { from: hm(7, 0), to: hm(22, 0) },
            gate_lead: TimeDelta::hours(26),
            freeze_lead: TimeDelta::hours(4),
            morning_freeze: hm(20, 0),
            morning_before: hm(12, 0),
            early_warning: hm(20, 0),
            early_warning_gate_before: hm(8, 0),
            not_held_lead: TimeDelta::hours(2),
            morning_not_held: hm(21, 0),
            reopen_lead: TimeDelta::minutes(30),
            wave_factor: 2.0,
            after_gate: AfterGate::Auto,
            form_when_covered: false,
            continue_hold: TimeDelta::days(7),
            budget_day: 2,
            budget_day_rescue: 3,
            budget_week: 6,
            spacing: TimeDelta::minutes(30),
            spacing_rescue: TimeDelta::minutes(10),
            gap: TimeDelta::minutes(15),
            class_limit: BTreeMap::from([(1, 6), (2, 5), (3, 4), (4, 3), (5, 2)]),
            trial_lessons: 5,
            test_valid: TimeDelta::days(30),
            reminder_least: TimeDelta::minutes(15),
            reminder_most: TimeDelta::hours(2),
            cap_short: 10,
            cap_span: TimeDelta::minutes(10),
            cap_day: 20,
            hold: TimeDelta::minutes(15),
            hold_limit: TimeDelta::minutes(30),
            hold_span: TimeDelta::hours(2),
            offer_long: TimeDelta::hours(12),
            offer_middle: TimeDelta::hours(2),
            offer_short: TimeDelta::minutes(15),
            offer_far: TimeDelta::hours(48),
            offer_near: TimeDelta::hours(4),
            leave_lead: TimeDelta::hours(2),
            leave_limit: 3,
            sign_up_batch: 256,
        }
    }
}

/// A time of day; out of range is midnight (only called with constants).
fn hm(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or(NaiveTime::MIN)
}
