//! Presence of coaches and students (docs/domain.md §6): logins, logouts and heartbeats in, who is
//! present out.
//!
//! Logins, logouts, and heartbeats of who is not known to be present are written at once, together
//! with those that wait at the same moment (`group_commit`). All other heartbeats are gathered
//! (`pulse`) and written in sets every `presence.flush_s`. A heartbeat is only gathered if the
//! person still reads as present by the time it is written, so that what is stored is always the
//! truth about who is present, on every server.

use super::App;
use super::call::Call;
use super::group_commit::{Committer, Limits};
pub use super::pulse::Person;
use super::pulse::{Act, Beat, Gathered, Noted, Sign};
use crate::domain::presence::{Heard, Presence, Span};
use crate::domain::state::Audience;
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::coach::coach_login_set_in_txn;
use crate::storage::page::{Page, Paged};
use crate::storage::presence::{self as store, PersonId, Present, SpanRow, StoredSpan};
use crate::write_txn;
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Logins and logouts of one transaction.
const BATCH: usize = 500;

/// Gathered heartbeats of one transaction: on SQLite, other writers wait for it.
const SET: usize = 2_000;

/// Spans of an answer.
const SPANS: i64 = 500;

impl Person {
    fn not_found(&self) -> Error {
        let kind = if self.audience == Audience::Coach { "coach" } else { "student" };
        Error::not_found(kind, &self.user_name)
    }
}

impl Committer<Sign> for App {
    type Answer = Noted;

    const QUEUE: &'static str = "the queue of logins";
    const KEY: &'static str = "the person's presence";

    fn limits(&self) -> Limits {
        Limits { batch: BATCH, workers: 2 }
    }

    async fn commit(&self, signs: &[Sign], tries: u32) -> Result<Vec<Result<Noted>>> {
        let (now, stale) = (self.now().await?, self.config.presence.stale());
        let (noted, open) = write_txn!(&self.db, "presence.note", keep: true, tries: tries, |txn| {
            note_in_txn(txn, signs, now, stale).await
        })?;
        // While no other batch has these people.
        for (person, id, open_to) in open {
            self.pulse.settle(person, id, open_to);
        }
        Ok(noted)
    }
}

/// People with their keys, and until when they are present, if they are.
type Open<'a> = Vec<(&'a Person, i64, Option<Instant>)>;

/// Writes a batch, in the order in which it came.
async fn note_in_txn<'a>(
    txn: &Txn,
    signs: &'a [Sign],
    now: Instant,
    stale: TimeDelta,
) -> Result<(Vec<Result<Noted>>, Open<'a>)> {
    let ids = person_ids(txn, signs.iter().map(|sign| &sign.person)).await?;
    let mut people = People::lock(txn, ids.values().copied().collect()).await?;
    let mut noted = Vec::with_capacity(signs.len());
    for Sign { person, act, gathered } in signs {
        let Some(id) = ids.get(person).copied() else {
            noted.push(Err(person.not_found()));
            continue;
        };
        if let Some(Gathered { first, last, .. }) = gathered {
            people.hear(id, Heard::Gathered(*first, *last), stale);
        }
        let heard = if *act == Act::Logout { Heard::Logout(now) } else { Heard::Now(now) };
        let changed = people.hear(id, heard, stale);
        if *act == Act::Login {
            people.logs_in(id, now);
        }
        noted.push(Ok(Noted { at: now, changed }));
    }
    people.write(txn).await?;
    let open = ids.iter().map(|(person, id)| (*person, id.1, people.open_to(*id, now, stale)));
    Ok((noted, open.collect()))
}

/// The keys of those people who exist.
async fn person_ids<'a>(
    txn: &Txn,
    people: impl Iterator<Item = &'a Person> + Clone,
) -> Result<HashMap<&'a Person, PersonId>> {
    let mut found = HashMap::new();
    for audience in [Audience::Coach, Audience::Student] {
        let of = people.clone().filter(|person| person.audience == audience);
        let names: BTreeSet<&str> = of.clone().map(|person| person.user_name.as_str()).collect();
        let ids = store::person_ids(txn, audience, &names).await?;
        found.extend(of.filter_map(|person| Some((person, (audience, *ids.get(&person.user_name)?)))));
    }
    Ok(found)
}

/// The presence of some people, whose latest spans are locked.
struct People {
    stored: BTreeMap<PersonId, StoredSpan>,
    now: BTreeMap<PersonId, Presence>,
    logins: BTreeMap<i64, Instant>,
}

impl People {
    async fn lock(txn: &Txn, ids: BTreeSet<PersonId>) -> Result<Self> {
        let stored = if ids.is_empty() {
            BTreeMap::new()
        } else {
            store::span_lock_latest_set_in_txn(txn, &ids).await?
        };
        let now =
            ids.into_iter().map(|id| (id, Presence::new(stored.get(&id).map(|row| row.span)))).collect();
        Ok(Self { stored, now, logins: BTreeMap::new() })
    }

    /// Takes note of something; whether the person came or went by it. Who comes logs in by that.
    fn hear(&mut self, id: PersonId, heard: Heard, stale: TimeDelta) -> bool {
        let Some(presence) = self.now.get_mut(&id) else { return false };
        let changed = presence.hear(heard, stale);
        if changed && let (Some(span), Heard::Now(_) | Heard::Gathered(..)) = (presence.latest, heard) {
            self.logs_in(id, span.from);
        }
        changed
    }

    /// The last login is kept of coaches.
    fn logs_in(&mut self, (audience, id): PersonId, at: Instant) {
        if audience == Audience::Coach {
            self.logins.insert(id, at);
        }
    }

    fn open_to(&self, id: PersonId, now: Instant, stale: TimeDelta) -> Option<Instant> {
        let latest = self.now.get(&id).and_then(|presence| presence.latest);
        latest.filter(|span| span.is_open(now, stale)).map(|span| span.to)
    }

    /// Writes what is not as it was stored.
    async fn write(&self, txn: &Txn) -> Result<()> {
        let mut rows = Vec::new();
        for (person, presence) in &self.now {
            let stored = self.stored.get(person);
            let past = presence.past.iter().map(|span| (*span, false));
            let spans = past.chain(presence.latest.map(|span| (span, true)));
            for (position, (span, is_latest)) in spans.enumerate() {
                let before = stored.filter(|_| position == 0);
                if before.is_none_or(|before| before.span != span || !is_latest) {
                    rows.push(SpanRow { id: before.map(|row| row.id), person: *person, span, is_latest });
                }
            }
        }
        store::span_write_set_in_txn(txn, &rows).await?;
        coach_login_set_in_txn(txn, &self.logins).await
    }
}

/// Records a login, a logout, or a heartbeat that is not gathered.
pub(crate) async fn note(app: &App, person: &Person, act: Act) -> Result<Noted> {
    let gathered = app.pulse.forget(person);
    let sign = Sign { person: person.clone(), act, gathered: gathered.clone() };
    let noted = app.pulse.queue.submit(app, sign).await;
    if noted.is_err() {
        app.pulse.give_back(gathered);
    }
    noted
}

/// Hears a heartbeat; when it was.
///
/// # Errors
/// `NotFound` for somebody who does not exist.
pub async fn heartbeat(app: &App, person: &Person) -> Result<Instant> {
    let now = app.now().await?;
    match app.pulse.gather(person, now, app.config.presence.reach()) {
        Beat::Written => return Ok(note(app, person, Act::Heartbeat).await?.at),
        Beat::Gathered => {}
        Beat::First => attend(app.clone()),
    }
    Ok(now)
}

/// Writes what is gathered after a while.
fn attend(app: App) {
    tokio::spawn(async move {
        tokio::time::sleep(app.config.presence.flush()).await;
        if let Err(error) = write_gathered(&app).await {
            tracing::warn!(%error, "heartbeats could not be written; they are written with the next ones");
        }
    });
}

/// Writes all heartbeats that are gathered, in sets.
///
/// # Errors
/// Those of the database; what is not written by then is gathered again.
pub async fn write_gathered(app: &App) -> Result<()> {
    if !app.pulse.begin() {
        return Ok(());
    }
    let (now, keys) = (app.now().await?, &app.config.presence);
    let gathered = app.pulse.take(now, keys.reach());
    let mut sets = gathered.chunks(SET);
    while let Some(set) = sets.next() {
        match write_set(app, set, keys.stale()).await {
            Ok(open) => {
                for (one, open_to) in set.iter().zip(open) {
                    app.pulse.settle(&one.person, one.id, open_to);
                }
            }
            Err(error) => {
                app.pulse.give_back(set.iter().chain(sets.flatten()).cloned());
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Writes gathered heartbeats; until when each person is present now.
async fn write_set(app: &App, set: &[Gathered], stale: TimeDelta) -> Result<Vec<Option<Instant>>> {
    let id = |one: &Gathered| (one.person.audience, one.id);
    write_txn!(&app.db, "presence.gathered", |txn| {
        let mut people = People::lock(txn, set.iter().map(id).collect()).await?;
        for one in set {
            people.hear(id(one), Heard::Gathered(one.first, one.last), stale);
        }
        people.write(txn).await?;
        Ok(set.iter().map(|one| people.open_to(id(one), one.last, stale)).collect())
    })
}

/// When a person was present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PersonPresence {
    /// Whether the person is present now.
    pub present: bool,
    /// The spans asked for, latest first.
    pub spans: Vec<Span>,
}

/// Whether a person is present, and the spans of a time; by default of the last 24 hours, now
/// included.
pub(crate) async fn get_presence(
    call: &Call<'_>,
    person: &Person,
    from: Option<Instant>,
    to: Option<Instant>,
) -> Result<PersonPresence> {
    let (conn, now) = (call.app.db.reader(), call.now);
    let to = to.unwrap_or(now + TimeDelta::seconds(1));
    let from = from.unwrap_or(to - TimeDelta::hours(24));
    if to <= from {
        return Err(Error::invalid("to_time", "must be after from_time"));
    }
    let ids = store::person_ids(conn, person.audience, &BTreeSet::from([person.user_name.as_str()])).await?;
    let id = (person.audience, *ids.get(&person.user_name).ok_or_else(|| person.not_found())?);
    let stale = call.app.config.presence.stale();
    let latest = store::span_latest(conn, id).await?;
    let spans = store::span_list(conn, id, from, to, SPANS).await?;
    Ok(PersonPresence {
        present: latest.is_some_and(|row| row.span.is_open(now, stale)),
        spans: spans.into_iter().map(|row| row.span.at(now, stale)).collect(),
    })
}

/// Who is present, in the order in which they came.
pub(crate) async fn list_present(
    call: &Call<'_>,
    audience: Option<Audience>,
    page: &Page,
) -> Result<Paged<Present>> {
    let since = call.now - call.app.config.presence.stale();
    Ok(page.cut(store::present_list(call.app.db.reader(), audience, since, page).await?, |row| row.id))
}
