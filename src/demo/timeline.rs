//! Writes the story: one line per event, under a heading for each day, or one JSON object per line.

use crate::domain::time::{BusinessTime, Day, Instant};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::SocketAddr;

/// What kind of news a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Something goes on.
    Plain,
    /// A coach is ready, a class is formed.
    Good,
    /// Somebody has to act, or goes without.
    Bad,
    /// A message.
    Message,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// When.
    pub(super) at: Instant,
    /// Who did it: the words of a scheduled task, or a user name.
    pub(super) actor: String,
    /// Code of the class template; may be empty.
    pub(super) about: String,
    /// What happened, to whom and why.
    pub(super) text: String,
    /// What kind of news it is.
    pub(super) tone: Tone,
}

/// Writes lines.
pub(super) struct Timeline<'a, W> {
    out: &'a mut W,
    json: bool,
    color: bool,
    time: BusinessTime,
    /// The day of the heading, and time and actor of the last line.
    day: Option<Day>,
    last: Option<(Instant, String)>,
}

/// Width of the longest words of a scheduled task, `clazz assign_students`.
const ACTOR: usize = 21;
/// Width of the codes of the demo's templates.
const ABOUT: usize = 10;

impl<'a, W: Write> Timeline<'a, W> {
    pub(super) fn new(out: &'a mut W, json: bool, color: bool, time: BusinessTime) -> Self {
        Self { out, json, color, time, day: None, last: None }
    }

    /// Text before the story and after it; not in JSON.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(self.out, "{text}") }
    }

    /// An object of JSON; not in text.
    pub(super) fn object(&mut self, value: &Value) -> io::Result<()> {
        if self.json { writeln!(self.out, "{value}") } else { Ok(()) }
    }

    /// One event.
    pub(super) fn line(&mut self, line: Line) -> io::Result<()> {
        let Line { at, actor, about, text, tone } = line;
        if self.json {
            let local = self.time.show(at);
            return self
                .object(&json!({ "at": at.to_string(), "local": local, "actor": actor, "about": about,
            "text": text }));
        }
        self.heading(self.time.day(at))?;
        let (same_time, same_actor) = match &self.last {
            Some((last, by)) => (*last == at, *last == at && *by == actor),
            None => (false, false),
        };
        let clock =
            if same_time { "     ".to_owned() } else { self.time.time(at).format("%H:%M").to_string() };
        let shown = if same_actor { "" } else { actor.as_str() };
        let (on, off) = self.paint(tone);
        let line = format!("  {clock}  {shown:<ACTOR$}  {about:<ABOUT$}  {on}{text}{off}");
        writeln!(self.out, "{}", line.trim_end())?;
        self.last = Some((at, actor));
        self.out.flush()
    }

    /// `Thursday 3 September 2026 · D`, once a day.
    fn heading(&mut self, day: Day) -> io::Result<()> {
        if self.day == Some(day) {
            return Ok(());
        }
        (self.day, self.last) = (Some(day), None);
        let distance = match (day - super::academy::D).num_days() {
            0 => "D".to_owned(),
            days => format!("D{}{}", if days < 0 { '−' } else { '+' }, days.abs()),
        };
        let (on, off) = if self.color { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        writeln!(self.out, "\n{on}{} · {distance}{off}", day.format("%A %-d %B %Y"))
    }

    fn paint(&self, tone: Tone) -> (&'static str, &'static str) {
        match tone {
            _ if !self.color => ("", ""),
            Tone::Plain => ("", ""),
            Tone::Good => ("\x1b[32m", "\x1b[0m"),
            Tone::Bad => ("\x1b[31m", "\x1b[0m"),
            Tone::Message => ("\x1b[36m", "\x1b[0m"),
        }
    }

    /// What to try while the academy is served.
    pub(super) fn serving(&mut self, address: SocketAddr) -> io::Result<()> {
        let server = format!("http://{address}");
        if self.json {
            self.object(&json!({ "serving": server }))?;
            return self.out.flush();
        }
        let day = super::academy::D;
        let next = super::academy::NEXT;
        writeln!(
            self.out,
            "\nThe academy is served on {address} until Ctrl-C; its clock stands at 01:00 on the day after \
             D. Try, in another terminal:\n\n\
             \x20 cargo run --bin etutorctl -- --server {server} task show math7-0900 {day}\n\
             \x20 cargo run --bin etutorctl -- --server {server} attendance {day}\n\
             \x20 cargo run --bin etutorctl -- --server {server} timeline ou.yang\n\
             \x20 cargo run --bin etutorctl -- --server {server} invite create {next}\n\
             \x20 grpcurl -plaintext -d '{{\"class_template\":\"math8-1900\"}}' {address} \
             etutor.v1.ClassService/ListClasses"
        )?;
        self.out.flush()
    }
}
