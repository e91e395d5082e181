//! What the sender decides: which of the due messages go now, and what becomes of them after the
//! gateway's answer. It stores nothing.

use super::gateway::{Gateway, Outcome, Outgoing};
use crate::domain::message::{NEVER, UNKNOWN_TRIES, UNKNOWN_WAIT, retry_delay};
use crate::domain::rules::Rules;
use crate::domain::state::{Audience, Channel, MessageKind, MessageState};
use crate::domain::time::Instant;
use std::collections::{HashMap, HashSet};
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
    /// Phone number or mail address.
    pub address: String,
    /// Start of the lesson it is about.
    pub lesson_at: Option<Instant>,
    /// When it is of no use any more.
    pub valid_until: Instant,
}

/// What is known about the messages that are due.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Those that say what is no longer so.
    pub untrue: HashSet<i64>,
    /// Those to people who want none.
    pub opted_out: HashSet<i64>,
    /// What each address got within the short span and today.
    pub sent: HashMap<String, (u32, u32)>,
}

/// What happens with a message that is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It goes.
    Go,
    /// It waits for its window.
    Wait(Instant),
    /// It ends in this state, for this reason.
    End(MessageState, &'static str),
}

/// Judges messages in the order given: what goes counts for those behind it.
pub fn judge(waiting: &[Waiting], mut known: Known, rules: &Rules, now: Instant) -> Vec<(i64, Verdict)> {
    waiting.iter().map(|message| (message.id, verdict(message, &mut known, rules, now))).collect()
}

fn verdict(message: &Waiting, known: &mut Known, rules: &Rules, now: Instant) -> Verdict {
    if known.untrue.contains(&message.id) {
        return Verdict::End(MessageState::Cancelled, "no longer so");
    }
    if message.valid_until <= now {
        return Verdict::End(MessageState::Expired, "not sent in time");
    }
    if known.opted_out.contains(&message.id) {
        return Verdict::End(MessageState::Suppressed, "OPTED_OUT");
    }
    if message.address.is_empty() {
        return Verdict::End(MessageState::Failed, "no address");
    }
    let opens = message.kind.send_at(message.channel, message.lesson_at, rules, now);
    if opens > now {
        // One that will be of no use then is looked at (and expires) when it becomes so.
        return Verdict::Wait(opens.min(message.valid_until));
    }
    if message.channel == Channel::Sms && message.audience != Audience::Admin {
        let (lately, today) = known.sent.entry(message.address.clone()).or_default();
        if *lately >= rules.cap_short || *today >= rules.cap_day {
            return Verdict::End(MessageState::Suppressed, "CAP");
        }
        *lately += 1;
        *today += 1;
    }
    Verdict::Go
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

/// The gateways in use.
#[derive(Clone, Copy)]
pub struct Gateways<'a> {
    /// For SMS.
    pub sms: &'a dyn Gateway,
    /// For mail.
    pub mail: &'a dyn Gateway,
}

impl Gateways<'_> {
    /// Hands over messages of any channel, each channel's in one batch with same texts beside each
    /// other; ids with their outcomes. What has no answer within `limit` is [`Outcome::Unknown`].
    pub async fn submit(
        self,
        messages: Vec<(i64, Outgoing)>,
        limit: Duration,
        now: Instant,
    ) -> Vec<(i64, Outcome)> {
        let (sms, mail): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|(_, message)| message.channel == Channel::Sms);
        let mut outcomes = Vec::with_capacity(sms.len() + mail.len());
        // One limit for both: the lease does not become longer because there are two gateways.
        let until = tokio::time::Instant::now() + limit;
        for (gateway, mut batch) in [(self.sms, sms), (self.mail, mail)] {
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
            kind: MessageKind::Accepted,
            channel: Channel::Sms,
            audience,
            address: "+999200000001".to_owned(),
            lesson_at: None,
            valid_until: noon() + TimeDelta::hours(1),
        };
        (1..=count).map(one).collect()
    }

    fn gone(waiting: &[Waiting], known: Known) -> usize {
        judge(waiting, known, &rules(), noon()).iter().filter(|(_, verdict)| *verdict == Verdict::Go).count()
    }

    #[test]
    fn a_number_gets_ten_in_ten_minutes_and_twenty_a_day_but_admins_get_all() {
        let known = |lately, today| Known {
            sent: [("+999200000001".to_owned(), (lately, today))].into(),
            ..Known::default()
        };
        let cases = [((0, 0), 10), ((4, 4), 6), ((10, 10), 0), ((0, 15), 5), ((0, 20), 0)];
        for ((lately, today), expected) in cases {
            assert_eq!(
                gone(&messages(12, Audience::Coach), known(lately, today)),
                expected,
                "after {lately} lately and {today} today"
            );
        }
        assert_eq!(gone(&messages(12, Audience::Admin), known(10, 20)), 12);
    }

    #[test]
    fn what_is_untrue_late_or_unwanted_does_not_go() {
        let one = messages(1, Audience::Coach);
        let judged = |known| judge(&one, known, &rules(), noon()).remove(0).1;
        assert_eq!(judged(Known::default()), Verdict::Go);
        assert_eq!(
            judged(Known { untrue: [1].into(), ..Known::default() }),
            Verdict::End(MessageState::Cancelled, "no longer so")
        );
        assert_eq!(
            judged(Known { opted_out: [1].into(), ..Known::default() }),
            Verdict::End(MessageState::Suppressed, "OPTED_OUT")
        );
        let late = judge(&one, Known::default(), &rules(), noon() + TimeDelta::hours(1)).remove(0).1;
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
