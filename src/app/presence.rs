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
use super::pulse::{Act, Beat, Gathered, LastLogin, Noted, Sign};
use crate::domain::presence::{Heard, Presence, Span};
use crate::domain::state::{Audience, PresenceState};
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::coach::coach_login_set_in_txn;
use crate::storage::page::{Page, Paged};
use crate::storage::presence::{
    PersonId, Present, SpanRow, StoredSpan, person_ids, present_list, span_latest, span_list,
    span_lock_latest_set_in_txn, span_write_set_in_txn,
};
use crate::write_txn;
use chrono::TimeDelta;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Logins and logouts of one transaction.
const BATCH: usize = 500;

/// Gathered heartbeats of one transaction: on SQLite, other writers wait for it.
const SET: usize = 2_000;

/// For so long a login waits until it is kept as the coach's last.
const LAST_LOGIN: Duration = Duration::from_millis(500);

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
        let stale = self.config.presence.stale();
        let (noted, open) = write_txn!(&self.db, "presence.note", keep: true, tries: tries, |txn| {
            note_in_txn(txn, signs, stale).await
        })?;
        // While no other batch has these people.
        for (person, id, open_to) in open {
            self.pulse.settle(person, id, open_to);
        }
        Ok(noted)
    }
}

impl Committer<LastLogin> for App {
    type Answer = ();

    const QUEUE: &'static str = "the queue of last logins";
    const KEY: &'static str = "the coach";

    fn limits(&self) -> Limits {
        Limits { batch: BATCH, workers: 2 }
    }

    async fn commit(&self, logins: &[LastLogin], tries: u32) -> Result<Vec<Result<()>>> {
        // The last of a coach counts.
        let last: BTreeMap<i64, Instant> = logins.iter().map(|login| (login.coach, login.at)).collect();
        write_txn!(&self.db, "presence.last_login", keep: true, tries: tries, |txn| {
            coach_login_set_in_txn(txn, &last).await
        })?;
        Ok(logins.iter().map(|_| Ok(())).collect())
    }
}

/// People with their keys, and until when they are present, if they are.
type Open<'a> = Vec<(&'a Person, i64, Option<Instant>)>;

/// Writes a batch, in the order in which it came.
async fn note_in_txn<'a>(
    txn: &Txn,
    signs: &'a [Sign],
    stale: TimeDelta,
) -> Result<(Vec<Result<Noted>>, Open<'a>)> {
    let ids = ids_of(txn, signs.iter().map(|sign| &sign.person)).await?;
    let mut people = People::lock(txn, ids.values().copied().collect()).await?;
    let mut noted = Vec::with_capacity(signs.len());
    for Sign { person, act, at, gathered } in signs {
        let Some(id) = ids.get(person).copied() else {
            noted.push(Err(person.not_found()));
            continue;
        };
        let mut came = None;
        if let Some(Gathered { first, last, .. }) = gathered {
            came = people.hear(id, Heard::Gathered(*first, *last), stale).came;
        }
        let heard = match act {
            Act::Login => Heard::Login(*at),
            Act::Heartbeat => Heard::Heartbeat(*at),
            Act::Logout => Heard::Logout(*at),
        };
        let Change { changed, came: now } = people.hear(id, heard, stale);
        let login = if *act == Act::Login { Some(*at) } else { now.or(came) };
        noted.push(Ok(Noted { at: *at, changed, login: login.and_then(|at| last_login(id, at)) }));
    }
    people.write(txn).await?;
    let open = ids.iter().map(|(person, id)| (*person, id.1, people.open_to(*id)));
    Ok((noted, open.collect()))
}

/// The keys of those people who exist.
async fn ids_of<'a>(
    txn: &Txn,
    people: impl Iterator<Item = &'a Person> + Clone,
) -> Result<HashMap<&'a Person, PersonId>> {
    let mut found = HashMap::new();
    for audience in [Audience::Coach, Audience::Student] {
        let of = people.clone().filter(|person| person.audience == audience);
        let names: BTreeSet<&str> = of.clone().map(|person| person.user_name.as_str()).collect();
        let ids = person_ids(txn, audience, &names).await?;
        found.extend(of.filter_map(|person| Some((person, (audience, *ids.get(&person.user_name)?)))));
    }
    Ok(found)
}

/// The presence of some people, whose latest spans are locked.
struct People {
    stored: BTreeMap<PersonId, StoredSpan>,
    now: BTreeMap<PersonId, Presence>,
}

/// What became of a person's presence.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    /// Whether the person came or went.
    changed: bool,
    /// Since when the person is there, who came.
    came: Option<Instant>,
}

/// The last login is kept of coaches.
fn last_login((audience, coach): PersonId, at: Instant) -> Option<LastLogin> {
    (audience == Audience::Coach).then_some(LastLogin { coach, at })
}

impl People {
    async fn lock(txn: &Txn, ids: BTreeSet<PersonId>) -> Result<Self> {
        let stored =
            if ids.is_empty() { BTreeMap::new() } else { span_lock_latest_set_in_txn(txn, &ids).await? };
        let now =
            ids.into_iter().map(|id| (id, Presence::new(stored.get(&id).map(|row| row.span)))).collect();
        Ok(Self { stored, now })
    }

    /// Takes note of something.
    fn hear(&mut self, id: PersonId, heard: Heard, stale: TimeDelta) -> Change {
        let Some(presence) = self.now.get_mut(&id) else { return Change::default() };
        let changed = presence.hear(heard, stale);
        let came = presence.latest.filter(|_| changed && !matches!(heard, Heard::Logout(_)));
        Change { changed, came: came.map(|span| span.from) }
    }

    fn open_to(&self, id: PersonId) -> Option<Instant> {
        let latest = self.now.get(&id).and_then(|presence| presence.latest);
        latest.filter(|span| span.state == PresenceState::Open).map(|span| span.to)
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
        span_write_set_in_txn(txn, &rows).await
    }
}

/// Records a login or a logout.
pub(crate) async fn note(app: &App, person: &Person, act: Act) -> Result<Noted> {
    note_at(app, person, act, app.now().await?).await
}

/// Records what is not gathered, as of when it came.
async fn note_at(app: &App, person: &Person, act: Act, at: Instant) -> Result<Noted> {
    let gathered = app.pulse.forget(person);
    let sign = Sign { person: person.clone(), act, at, gathered: gathered.clone() };
    let noted = app.pulse.queue(person.audience).submit(app, sign).await;
    match &noted {
        // Mostly it is there when the login is answered.
        Ok(Noted { login: Some(login), .. }) => {
            drop(tokio::time::timeout(LAST_LOGIN, keep_last_logins(app.clone(), vec![*login])).await);
        }
        Ok(_) => {}
        Err(_) => app.pulse.give_back(gathered),
    }
    noted
}

/// Keeps last logins, once the spans that they began are stored. The row of a coach may be locked
/// for minutes, as by an import: that must hold up neither presence nor the answer. So this goes on
/// when nobody waits for it. When it fails, the last login is as it was; the next login writes it
/// anew, and until then the spans are right.
fn keep_last_logins(app: App, logins: Vec<LastLogin>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let kept = logins.into_iter().map(|login| app.pulse.logins.submit(&app, login));
        let failed = join_all(kept).await.into_iter().filter_map(Result::err);
        for error in failed {
            tracing::warn!(%error, "a coach's last login could not be written");
        }
    })
}

/// Hears a heartbeat; when it was.
///
/// # Errors
/// `NotFound` for somebody who does not exist.
pub async fn heartbeat(app: &App, person: &Person) -> Result<Instant> {
    let now = app.now().await?;
    match app.pulse.gather(person, now, app.config.presence.reach()) {
        Beat::Written => return Ok(note_at(app, person, Act::Heartbeat, now).await?.at),
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
            tracing::warn!(%error, "heartbeats could not be written; they are written later");
        }
    });
}

/// Writes all heartbeats that are gathered, in sets, after those that are being written.
///
/// # Errors
/// The first of those of the database; what is not written by then is gathered again, and written
/// after a while.
pub async fn write_gathered(app: &App) -> Result<()> {
    let _writing = app.pulse.writing.lock().await;
    if !app.pulse.begin() {
        return Ok(());
    }
    let written = write_sets(app).await;
    if written.is_err() && app.pulse.needs_attendance() {
        attend(app.clone());
    }
    written
}

/// Writes each set, also when one before it could not be written.
async fn write_sets(app: &App) -> Result<()> {
    let (now, keys) = (app.now().await?, &app.config.presence);
    let gathered = app.pulse.take(now, keys.reach());
    let mut all = Ok(());
    for set in gathered.chunks(SET) {
        match write_set(app, set, keys.stale()).await {
            Ok((open, logins)) => {
                for (one, open_to) in set.iter().zip(open) {
                    app.pulse.raise(&one.person, open_to);
                }
                if !logins.is_empty() {
                    keep_last_logins(app.clone(), logins);
                }
            }
            Err(error) => {
                app.pulse.give_back(set.iter().cloned());
                all = all.and(Err(error));
            }
        }
    }
    all
}

/// Writes gathered heartbeats; until when each person is present now, and the coaches who came.
async fn write_set(
    app: &App,
    set: &[Gathered],
    stale: TimeDelta,
) -> Result<(Vec<Option<Instant>>, Vec<LastLogin>)> {
    let id = |one: &Gathered| (one.person.audience, one.id);
    write_txn!(&app.db, "presence.gathered", |txn| {
        let mut people = People::lock(txn, set.iter().map(id).collect()).await?;
        let mut logins = Vec::new();
        for one in set {
            let came = people.hear(id(one), Heard::Gathered(one.first, one.last), stale).came;
            logins.extend(came.and_then(|at| last_login(id(one), at)));
        }
        people.write(txn).await?;
        Ok((set.iter().map(|one| people.open_to(id(one))).collect(), logins))
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
    let ids = person_ids(conn, person.audience, &BTreeSet::from([person.user_name.as_str()])).await?;
    let id = (person.audience, *ids.get(&person.user_name).ok_or_else(|| person.not_found())?);
    let stale = call.app.config.presence.stale();
    let latest = span_latest(conn, id).await?;
    let spans = span_list(conn, id, from, to, SPANS).await?;
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
    let (now, stale) = (call.now, call.app.config.presence.stale());
    let heard = (now - stale, now + stale);
    Ok(page.cut(present_list(call.app.db.reader(), audience, heard, page).await?, |row| row.id))
}
