//! What the sender decides: which of the due messages go now, and what becomes of a message after
//! the gateway's answer. It stores nothing.

use super::gateway::{Gateway, Outcome, Outgoing};
use crate::domain::cap::{CAP, Got};
use crate::domain::message::{NEVER, UNKNOWN_TRIES, UNKNOWN_WAIT, retry_delay};
use crate::domain::rules::Rules;
use crate::domain::state::{Audience, Channel, MessageKind, MessageState};
use crate::domain::time::Instant;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A message that is due.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its key.
    pub id: i64,
    /// What it says.
    pub kind: MessageKind,
    /// The way it goes.
    pub channel: Channel,
    /// Whom it is for.
    pub audience: Audience,
    /// The phone number or mail address of now; empty when there is none.
    pub address: String,
    /// Start of the lesson it is about.
    pub lesson_at: Option<Instant>,
    /// When it is of no use any more.
    pub valid_until: Instant,
    /// It could have gone before, had there been room for it.
    pub was_held_back: bool,
}

/// What is known about the messages that are due.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Those that say what is no longer so.
    pub untrue: HashSet<i64>,
    /// Those to people who want none.
    pub opted_out: HashSet<i64>,
    /// Those to admins who are none any more.
    pub not_admins: HashSet<i64>,
    /// What each number got so far.
    pub got: HashMap<String, Got>,
}

/// What happens with a message that is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It goes.
    Go,
    /// It waits for its window.
    Wait(Instant),
    /// It waits for room: the number has got as many as it may.
    HoldBack(Instant),
    /// It ends in this state, for this reason.
    End(MessageState, &'static str),
}

/// Judges messages in the order given: what goes counts for those behind it, as sent, or until
/// `known_at` as being handed over.
pub fn judge(
    waiting: &[Waiting],
    mut known: Known,
    rules: &Rules,
    now: Instant,
    known_at: Option<Instant>,
) -> Vec<(i64, Verdict)> {
    let mut verdicts = Vec::with_capacity(waiting.len());
    for message in waiting {
        let verdict = verdict(message, &known, rules, now);
        if verdict == Verdict::Go && message.channel == Channel::Sms {
            let got = known.got.entry(message.address.clone()).or_default();
            match known_at {
                Some(until) => got.add_going(until, 1),
                None => got.add_sent(now, 1),
            }
        }
        verdicts.push((message.id, verdict));
    }
    verdicts
}

fn verdict(message: &Waiting, known: &Known, rules: &Rules, now: Instant) -> Verdict {
    if known.untrue.contains(&message.id) {
        return Verdict::End(MessageState::Cancelled, "no longer so");
    }
    if message.valid_until <= now {
        let why = if message.was_held_back { CAP } else { "not sent in time" };
        return Verdict::End(MessageState::Expired, why);
    }
    if known.not_admins.contains(&message.id) {
        return Verdict::End(MessageState::Cancelled, "no longer an admin");
    }
    if known.opted_out.contains(&message.id) {
        return Verdict::End(MessageState::Suppressed, "OPTED_OUT");
    }
    // One that will be of no use then is looked at (and expires) when it becomes so.
    let opens =
        |from| message.kind.send_at(message.channel, message.lesson_at, rules, from).min(message.valid_until);
    if opens(now) > now {
        return Verdict::Wait(opens(now));
    }
    if message.address.is_empty() {
        return Verdict::End(MessageState::Failed, "no address");
    }
    match known.got.get(&message.address).map(|got| got.room_at(rules, now)) {
        Some(room) if message.may_be_held_back() && room > now => Verdict::HoldBack(opens(room)),
        _ => Verdict::Go,
    }
}

impl Waiting {
    /// Whether the cap of its number concerns it.
    pub fn may_be_held_back(&self) -> bool {
        self.channel == Channel::Sms && self.audience != Audience::Admin && self.kind.is_capped()
    }
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fate {
    /// Its state.
    pub state: MessageState,
    /// When a sender looks at it again.
    pub due_at: Instant,
    /// Why it did not go, where it did not.
    pub error: String,
}

/// What becomes of a message after an answer; `attempts` are the hand-overs made, this one
/// included.
pub fn fate(outcome: Outcome, kind: MessageKind, attempts: i32, valid_until: Instant, now: Instant) -> Fate {
    let end = |state, error| Fate { state, due_at: NEVER, error };
    match outcome {
        Outcome::Accepted => end(MessageState::Submitted, String::new()),
        Outcome::Rejected(error) => end(MessageState::Failed, error),
        Outcome::NotSent(error) => match retry_delay(attempts) {
            None => end(MessageState::Failed, error),
            Some(delay) if now + delay >= valid_until => end(MessageState::Expired, error),
            Some(delay) => Fate { state: MessageState::Retry, due_at: now + delay, error },
        },
        Outcome::Unknown(error) => {
            let again = kind.is_repeatable() && attempts < UNKNOWN_TRIES;
            Fate {
                state: MessageState::Unknown,
                due_at: if again { now + UNKNOWN_WAIT } else { NEVER },
                error,
            }
        }
    }
}

/// The gateway of each channel; cheap to clone.
#[derive(Clone)]
pub struct Gateways {
    /// For SMS.
    pub sms: Arc<dyn Gateway>,
    /// For mail.
    pub mail: Arc<dyn Gateway>,
}

impl fmt::Debug for Gateways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A gateway may hold a password.
        f.debug_struct("Gateways").finish_non_exhaustive()
    }
}

impl Gateways {
    /// Hands over messages of any channel, each channel's in one batch with same texts beside each
    /// other; ids with their outcomes. What has no answer within `limit` is [`Outcome::Unknown`].
    pub async fn submit(
        &self,
        messages: Vec<(i64, Outgoing)>,
        limit: Duration,
        now: Instant,
    ) -> Vec<(i64, Outcome)> {
        let (sms, mail): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|(_, message)| message.channel == Channel::Sms);
        let mut outcomes = Vec::with_capacity(sms.len() + mail.len());
        // One limit for both: the lease does not become longer because there are two gateways.
        let until = tokio::time::Instant::now() + limit;
        for (gateway, mut batch) in [(&self.sms, sms), (&self.mail, mail)] {
            if batch.is_empty() {
                continue;
            }
            // Stable: within a text the order stays.
            batch.sort_by(|(_, a), (_, b)| a.body.cmp(&b.body));
            let (ids, batch): (Vec<i64>, Vec<Outgoing>) = batch.into_iter().unzip();
            let answers =
                tokio::time::timeout_at(until, gateway.submit(&batch, now)).await.unwrap_or_default();
            let silent = Outcome::Unknown("no answer from the gateway".to_owned());
            outcomes.extend(ids.into_iter().zip(answers.into_iter().chain(std::iter::repeat(silent))));
        }
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Day;
    use chrono::TimeDelta;

    fn rules() -> Rules {
        Rules::new(chrono_tz::Asia::Shanghai)
    }

    fn noon() -> Instant {
        rules().time.midnight(Day::from_ymd_opt(2013, 10, 1).unwrap()) + TimeDelta::hours(12)
    }

    fn messages(count: i64, audience: Audience) -> Vec<Waiting> {
        let one = |id| Waiting {
            id,
            kind: MessageKind::LessonMoved,
            channel: Channel::Sms,
            audience,
            address: "+999200000001".to_owned(),
            lesson_at: None,
            valid_until: noon() + TimeDelta::hours(48),
            was_held_back: false,
        };
        (1..=count).map(one).collect()
    }

    /// A number that got so many just now, and so many before today.
    fn after(now: u64, before: u64) -> Known {
        let mut got = Got::default();
        got.add_sent(noon() - TimeDelta::minutes(1), now);
        got.add_sent(noon() - TimeDelta::hours(3), before);
        Known { got: [("+999200000001".to_owned(), got)].into(), ..Known::default() }
    }

    fn judged(waiting: &[Waiting], known: Known) -> Vec<Verdict> {
        judge(waiting, known, &rules(), noon(), None).into_iter().map(|(_, verdict)| verdict).collect()
    }

    fn gone(waiting: &[Waiting], known: Known) -> usize {
        judged(waiting, known).iter().filter(|verdict| **verdict == Verdict::Go).count()
    }

    #[test]
    fn a_number_gets_ten_in_ten_minutes_and_twenty_a_day_but_admins_offers_and_answers_go() {
        let cases = [((0, 0), 10), ((4, 0), 6), ((10, 0), 0), ((0, 15), 5), ((0, 20), 0)];
        for ((lately, before), expected) in cases {
            assert_eq!(
                gone(&messages(12, Audience::Coach), after(lately, before)),
                expected,
                "after {lately} lately and {before} before"
            );
        }
        assert_eq!(gone(&messages(12, Audience::Admin), after(10, 20)), 12);
        for kind in [MessageKind::Invitation, MessageKind::WaitlistOffer, MessageKind::Accepted] {
            let mut some = messages(12, Audience::Coach);
            some.iter_mut().for_each(|message| message.kind = kind);
            assert_eq!(gone(&some, after(10, 20)), 12, "{kind}");
            // They are not held back, but they are messages that the number got.
            some.extend(messages(1, Audience::Coach));
            assert_eq!(
                judged(&some, Known::default())[12],
                Verdict::HoldBack(noon() + TimeDelta::minutes(10))
            );
        }
    }

    #[test]
    fn what_is_held_back_waits_for_room_inside_its_window_while_it_is_of_use() {
        let one = messages(1, Audience::Student);
        let minutes = |minutes| noon() + TimeDelta::minutes(minutes);
        assert_eq!(judged(&one, after(10, 0)), [Verdict::HoldBack(minutes(9))]);
        // At midnight there is room; its window opens at 07:00.
        assert_eq!(judged(&one, after(0, 20)), [Verdict::HoldBack(noon() + TimeDelta::hours(19))]);
        let short = [Waiting { valid_until: minutes(5), ..one[0].clone() }];
        assert_eq!(judged(&short, after(10, 0)), [Verdict::HoldBack(minutes(5))], "then it is of no use");
        // The lesson comes before the morning's room: it goes as soon as the day is over.
        let lesson_at = Some(noon() + TimeDelta::hours(19));
        let near = [Waiting { lesson_at, ..one[0].clone() }];
        assert_eq!(judged(&near, after(0, 20)), [Verdict::HoldBack(noon() + TimeDelta::hours(12))]);
        let ended = |was_held_back| {
            let late = Waiting { valid_until: noon(), was_held_back, ..one[0].clone() };
            judged(&[late], Known::default()).remove(0)
        };
        assert_eq!(ended(true), Verdict::End(MessageState::Expired, CAP));
        assert_eq!(ended(false), Verdict::End(MessageState::Expired, "not sent in time"));
    }

    #[test]
    fn what_is_untrue_late_or_unwanted_does_not_go() {
        let one = messages(1, Audience::Coach);
        let judged = |known| judged(&one, known).remove(0);
        assert_eq!(judged(Known::default()), Verdict::Go);
        assert_eq!(
            judged(Known { untrue: [1].into(), ..Known::default() }),
            Verdict::End(MessageState::Cancelled, "no longer so")
        );
        assert_eq!(
            judged(Known { opted_out: [1].into(), ..Known::default() }),
            Verdict::End(MessageState::Suppressed, "OPTED_OUT")
        );
        let late = judge(&one, Known::default(), &rules(), noon() + TimeDelta::hours(48), None).remove(0).1;
        assert_eq!(late, Verdict::End(MessageState::Expired, "not sent in time"));
    }

    #[test]
    fn what_was_not_sent_is_tried_six_times_while_it_is_of_use() {
        let failed = |attempts, valid| {
            let valid_until = noon() + TimeDelta::minutes(valid);
            fate(Outcome::NotSent("full".to_owned()), MessageKind::Invitation, attempts, valid_until, noon())
        };
        for (attempts, seconds) in [(1, 30), (2, 120), (3, 300), (4, 900), (5, 1800)] {
            let fate = failed(attempts, 60);
            assert_eq!(
                (fate.state, fate.due_at),
                (MessageState::Retry, noon() + TimeDelta::seconds(seconds))
            );
        }
        assert_eq!(failed(6, 60).state, MessageState::Failed);
        assert_eq!(
            failed(5, 30).state,
            MessageState::Expired,
            "the next try would come when it is of no use"
        );
    }

    #[test]
    fn what_may_have_been_sent_is_repeated_once_and_only_when_that_does_no_harm() {
        let unknown =
            |kind, attempts| fate(Outcome::Unknown(String::new()), kind, attempts, NEVER, noon()).due_at;
        assert_eq!(unknown(MessageKind::TaskShort, 1), noon() + TimeDelta::minutes(10));
        assert_eq!(unknown(MessageKind::TaskShort, 2), NEVER);
        assert_eq!(unknown(MessageKind::Invitation, 1), NEVER);
    }
}
