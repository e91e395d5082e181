//! `sms send`: leases due messages, judges them, hands them over, and stores what became of them.
//!
//! Each chunk takes three short transactions, with the gateway's call between the last two: *take*
//! (judge and lease), *hand over* (note that the call begins), *settle*. If the process is killed
//! before the second, the message is queued again when its lease runs out. If it is killed after
//! the second, nobody knows whether the message went: UNKNOWN. In testing mode *take* ends
//! everything as CAPTURED, and nothing follows.
//!
//! Inside a transaction invitations come before messages, as almost everywhere
//! (docs/architecture.md, "The order of locks"), so that transactions do not wait for each other in
//! a circle.

use super::address::{People, address_now};
use super::capped;
use super::question::{self, Question, invitation_of, questions};
use crate::app::call::{Call, Work};
use crate::app::outbox::notice;
use crate::app::report::Report;
use crate::clock::new_token;
use crate::domain::cap::CAP;
use crate::domain::message::{NEVER, Truth};
use crate::domain::state::{MessageKind, MessageState};
use crate::domain::time::Instant;
use crate::error::Result;
use crate::in_txn;
use crate::message::gateway::{Outcome, Outgoing};
use crate::message::sender::{self, Fate, Known, Verdict, Waiting};
use crate::storage::entity::message;
use crate::storage::message::{
    message_capture, message_defer, message_due, message_due_of, message_end, message_hand_over,
    message_hold_back, message_lease, message_leases_lost, message_readdress, message_release,
    message_sender_lock, message_settle, message_unknown, message_waiting,
};
use crate::storage::message_judge::{message_got, message_true};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// `sms send`: hands out what is due, through the application's gateways. With `testing: true` they
/// are not called.
pub async fn send_due(call: &Call<'_>) -> Result<Report> {
    let settings = call.app.current().sms.clone();
    let limit = u64::from(settings.per_run_max);
    let mut report = Report::default();
    // A plain look through an index: a run that finds nothing takes no lock.
    let mut due = message_due(call.app.db.reader(), call.now, limit).await?;
    if due.iter().any(|message| message.state == MessageState::Leased) {
        report.add(take_over(call).await?);
        due = message_due(call.app.db.reader(), call.now, limit).await?;
    }
    if due.len() as u64 >= limit {
        // Alarms and answers must not wait behind a mountain of notices.
        let urgent: Vec<MessageKind> =
            MessageKind::ALL.iter().copied().filter(|kind| kind.is_urgent()).collect();
        due.extend(message_due_of(call.app.db.reader(), &urgent, call.now, limit).await?);
    }
    due.sort_unstable_by_key(|message| (!message.kind.is_urgent(), message.due_at, message.id));
    due.dedup_by_key(|message| message.id);
    due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let ids: Vec<i64> = due.into_iter().map(|message| message.id).collect();
    let clock = RunClock::start(call).await?;
    for chunk in ids.chunks(settings.batch_max.max(1) as usize) {
        let at = clock.tick(call).await?;
        let lease = Lease { token: new_token(), until: at.now + call.app.config.sms.lease() };
        let (taken, counts) = take(&at, chunk, &lease).await?;
        report.add(counts);
        if !call.app.config.testing && !taken.is_empty() {
            report.add(deliver(call, taken, &lease, &clock).await?);
        }
    }
    Ok(report)
}

/// The run's `now`, which goes on while gateways take their time, so that leases end when they
/// should.
struct RunClock {
    started: Option<Instant>,
}

impl RunClock {
    async fn start(call: &Call<'_>) -> Result<Self> {
        // In testing mode no gateway is called and no time passes.
        let started = if call.app.config.testing { None } else { Some(call.app.now().await?) };
        Ok(Self { started })
    }

    /// The call as late as it is by now.
    async fn tick<'a>(&self, call: &Call<'a>) -> Result<Call<'a>> {
        let Some(started) = self.started else { return Ok(call.clone()) };
        let later = call.app.now().await?;
        Ok(call.at(call.now + (later - started).max(chrono::TimeDelta::zero())))
    }
}

/// What a sender holds messages by.
struct Lease {
    token: String,
    until: Instant,
}

/// Judges messages: those that may go are leased (in testing mode: captured), the others wait or
/// end.
async fn take(call: &Call<'_>, ids: &[i64], lease: &Lease) -> Result<(Vec<message::Model>, Report)> {
    let testing = call.app.config.testing;
    in_txn!(call, "sms.take", |work| {
        message_sender_lock(work.txn).await?;
        let mut rows = read_in_order(work, ids).await?;
        let (people, moved) = address_now(work, &mut rows).await?;
        let verdicts = judge(work, &rows, people, (!testing).then_some(lease.until)).await?;
        let mut report = Report { examined: rows.len() as u64, ..Report::default() };
        let (mut going, mut waits, mut held_back) = (Vec::new(), Vec::new(), Vec::new());
        let mut ends = BTreeMap::<_, Vec<i64>>::new();
        for (id, verdict) in verdicts {
            match verdict {
                Verdict::Go => going.push(id),
                Verdict::Wait(until) => waits.push((id, until.unix())),
                Verdict::HoldBack(until) => held_back.push((id, until.unix())),
                Verdict::End(state, error) => ends.entry((state, error)).or_default().push(id),
            }
        }
        let is_lost = |row: &&message::Model| ends.values().any(|ids| ids.contains(&row.id));
        let lost: Vec<i64> = rows.iter().filter(is_lost).filter_map(invitation_of).collect();
        let captured = rows.iter().filter(|row| testing && going.contains(&row.id));
        let out = questions(work, captured.map(|row| (row, work.now))).await?;
        question::settle(work, out.iter(), &lost).await?;
        let deferred = message_defer(work.txn, &waits).await?;
        report.skip(MessageState::Deferred, deferred + message_hold_back(work.txn, &held_back).await?);
        let mut untrue = Vec::new();
        for ((state, error), ids) in &ends {
            if *state == MessageState::Cancelled {
                untrue.extend(ids.iter().copied());
            }
            let ended = message_end(work.txn, ids, *state, error, work.now).await?;
            report.changed += ended;
            match *state {
                MessageState::Failed => report.failed += ended,
                MessageState::Expired if *error == CAP => {
                    report.skip(CAP, ended);
                    report.notes.push(capped_note(ended));
                    capped::tell(work, &rows, ids).await?;
                }
                state => report.skip(state, ended),
            }
        }
        let untrue: Vec<message::Model> =
            rows.iter().filter(|row| untrue.contains(&row.id)).cloned().collect();
        let taken: Vec<message::Model> = rows.into_iter().filter(|row| going.contains(&row.id)).collect();
        let moved = taken.iter().filter(|row| moved.contains(&row.id));
        let moved: Vec<(i64, &str)> = moved.map(|row| (row.id, row.address.as_str())).collect();
        message_readdress(work.txn, &moved).await?;
        if testing {
            report.messages = message_capture(work.txn, &going, work.now).await?;
            report.changed += report.messages;
            notice::told_at_once(work, &going).await?;
        } else if !going.is_empty() {
            message_lease(work.txn, &going, &lease.token, lease.until).await?;
        }
        // What is so instead is written in the place of what is no longer so.
        notice::look_again(work, &untrue).await?;
        Ok((taken, report))
    })
}

/// The messages that still wait, in the order of `ids`.
async fn read_in_order(work: Work<'_>, ids: &[i64]) -> Result<Vec<message::Model>> {
    let place: HashMap<i64, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut rows = message_waiting(work.txn, ids, work.now).await?;
    rows.sort_unstable_by_key(|row| place.get(&row.id).copied());
    Ok(rows)
}

/// `known_at`: when it will be known whether what goes now went; `None` = at once.
async fn judge(
    work: Work<'_>,
    rows: &[message::Model],
    people: People,
    known_at: Option<Instant>,
) -> Result<Vec<(i64, Verdict)>> {
    let rules = work.app.rules();
    let People { opted_out, not_admins } = people;
    let mut known = Known { opted_out, not_admins, ..Known::default() };
    let mut truths = BTreeMap::<Truth, Vec<i64>>::new();
    for row in rows {
        truths.entry(row.kind.row().truth).or_default().push(row.id);
    }
    known.untrue.extend(notice::untrue(work, rows).await?);
    for (truth, ids) in truths {
        if let Some(still_so) = message_true(work.txn, truth, &ids, work.now).await? {
            known.untrue.extend(ids.into_iter().filter(|id| !still_so.contains(id)));
        }
    }
    let waiting: Vec<Waiting> = rows.iter().map(waiting).collect();
    let since = (work.now - rules.cap_span).min(rules.time.midnight(rules.time.day(work.now)));
    let capped = waiting.iter().filter(|message| message.may_be_held_back());
    let numbers: BTreeSet<&str> = capped.map(|message| message.address.as_str()).collect();
    for (number, state, at, count) in message_got(work.txn, &numbers, since).await? {
        let (got, count) = (known.got.entry(number).or_default(), count.unsigned_abs());
        match state {
            MessageState::Leased => got.add_going(at, count),
            _ => got.add_sent(at, count),
        }
    }
    Ok(sender::judge(&waiting, known, rules, work.now, known_at))
}

fn waiting(row: &message::Model) -> Waiting {
    Waiting {
        id: row.id,
        kind: row.kind,
        channel: row.channel,
        audience: row.audience,
        address: row.address.clone(),
        lesson_at: row.lesson_at,
        valid_until: row.valid_until,
        was_held_back: row.state == MessageState::Deferred && row.error == CAP,
    }
}

/// Hands leased messages over and stores what became of them.
async fn deliver(
    call: &Call<'_>,
    mut taken: Vec<message::Model>,
    lease: &Lease,
    clock: &RunClock,
) -> Result<Report> {
    let call = &clock.tick(call).await?;
    let ids: Vec<i64> = taken.iter().map(|row| row.id).collect();
    let (handed, questions) = in_txn!(call, "sms.hand_over", |work| {
        let handed = message_hand_over(work.txn, &ids, &lease.token, work.now).await?;
        let going = taken.iter().filter(|row| handed.contains(&row.id));
        let questions = questions(work, going.map(|row| (row, work.now))).await?;
        Ok((handed, questions))
    })?;
    taken.retain(|row| handed.contains(&row.id));
    // A call must end, one way or the other, while the lease lasts.
    let limit =
        Duration::from_secs(u64::from(call.app.config.sms.lease_s) * 3 / 4).max(Duration::from_secs(1));
    let going = taken.iter().map(|row| (row.id, outgoing(row, questions.get(&row.id)))).collect();
    let outcomes = call.app.gateways.submit(going, limit, call.now).await;
    settle(&clock.tick(call).await?, &taken, &questions, outcomes, lease).await
}

fn outgoing(row: &message::Model, question: Option<&Question>) -> Outgoing {
    Outgoing {
        key: row.dedup_key.clone(),
        kind: row.kind,
        channel: row.channel,
        address: row.address.clone(),
        subject: row.subject.clone(),
        body: question.map_or(&row.body, |question| &question.body).clone(),
        attempt: row.attempts + 1,
        valid_until: row.valid_until,
    }
}

async fn settle(
    call: &Call<'_>,
    rows: &[message::Model],
    questions: &HashMap<i64, Question>,
    outcomes: Vec<(i64, Outcome)>,
    lease: &Lease,
) -> Result<Report> {
    let by_id: HashMap<i64, &message::Model> = rows.iter().map(|row| (row.id, row)).collect();
    let mut fates = HashMap::<Fate, Vec<i64>>::new();
    let (mut out, mut lost) = (Vec::new(), Vec::new());
    for (id, outcome) in outcomes {
        let Some(row) = by_id.get(&id) else { continue };
        let fate = sender::fate(outcome, row.kind, row.attempts + 1, row.valid_until, call.now);
        match fate.state {
            MessageState::Submitted | MessageState::Unknown => out.extend(questions.get_key_value(&id)),
            MessageState::Retry => {}
            _ => lost.extend(invitation_of(row)),
        }
        fates.entry(fate).or_default().push(id);
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    in_txn!(call, "sms.settle", |work| {
        question::settle(work, out.iter().copied(), &lost).await?;
        notice::lock(work.txn, &ids).await?;
        let mut report = Report::default();
        let mut heard = Vec::new();
        for (fate, ids) in &fates {
            let Fate { state, due_at, error } = fate;
            let settled =
                message_settle(work.txn, ids, &lease.token, (*state, *due_at, error), work.now).await?;
            if matches!(state, MessageState::Submitted | MessageState::Unknown) {
                heard.extend(ids.iter().copied());
            }
            report.changed += settled;
            match state {
                MessageState::Submitted => report.messages += settled,
                MessageState::Failed => report.failed += settled,
                state => report.skip(state, settled),
            }
            if *state == MessageState::Unknown && *due_at == NEVER && settled > 0 {
                report.notes.push(unknown_note(settled));
            }
            if !error.is_empty() {
                tracing::warn!(messages = settled, state = %state, error, "messages were not sent");
            }
        }
        notice::told(work, &heard).await?;
        Ok(report)
    })
}

/// Takes up what a sender left behind when its lease ran out.
async fn take_over(call: &Call<'_>) -> Result<Report> {
    in_txn!(call, "sms.take_over", |work| {
        message_sender_lock(work.txn).await?;
        let rows = message_leases_lost(work.txn, work.now).await?;
        let handed = || rows.iter().filter_map(|row| Some((row, row.handed_at?)));
        let mut fates = BTreeMap::<Instant, Vec<i64>>::new();
        for (row, _) in handed() {
            let fate = sender::fate(
                Outcome::Unknown(String::new()),
                row.kind,
                row.attempts,
                row.valid_until,
                work.now,
            );
            fates.entry(fate.due_at).or_default().push(row.id);
        }
        let out = questions(work, handed()).await?;
        question::settle(work, out.iter(), &[]).await?;
        let heard: Vec<i64> = handed().map(|(row, _)| row.id).collect();
        notice::lock(work.txn, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
        let mut report = Report { changed: message_release(work.txn, work.now).await?, ..Report::default() };
        for (due_at, ids) in &fates {
            let unknown = message_unknown(work.txn, ids, *due_at, work.now).await?;
            report.changed += unknown;
            report.skip(MessageState::Unknown, unknown);
            if *due_at == NEVER && unknown > 0 {
                report.notes.push(unknown_note(unknown));
            }
        }
        notice::told(work, &heard).await?;
        Ok(report)
    })
}

fn capped_note(messages: u64) -> String {
    format!(
        "{messages} messages ran out while the cap held them back; they are listed in state EXPIRED with the \
         error {CAP}"
    )
}

fn unknown_note(messages: u64) -> String {
    format!(
        "{messages} messages may or may not have gone out and are not repeated; they are listed in state \
         UNKNOWN"
    )
}
