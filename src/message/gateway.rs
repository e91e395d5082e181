//! Gateways, which carry messages to the outside. A gateway takes a batch and returns an outcome
//! for each message in it.

use crate::domain::state::{Channel, MessageKind};
use crate::domain::time::Instant;
use crate::message::segment::segments;
use serde::Serialize;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A message on its way out. Its `Debug` would show an address, so it has none.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The client key: the same at every try.
    pub key: String,
    /// What it says.
    pub kind: MessageKind,
    /// The way it goes.
    pub channel: Channel,
    /// Phone number or mail address.
    pub address: String,
    /// Subject line of a mail.
    pub subject: String,
    /// The text.
    pub body: String,
    /// Which hand-over this is, from 1.
    pub attempt: i32,
    /// When it is of no use any more.
    pub valid_until: Instant,
}

/// What a gateway made of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway has it.
    Accepted,
    /// Refused for good, with the gateway's code: a bad number, a forbidden text.
    Rejected(String),
    /// Certainly not sent; it may be tried again.
    NotSent(String),
    /// Perhaps sent: a time-out or a fault after it was handed over.
    Unknown(String),
}

/// A way out. Capturing is none: in testing mode no gateway is ever called.
#[async_trait::async_trait]
pub trait Gateway: Send + Sync {
    /// Hands over a batch of one channel, same texts beside each other; one outcome per message, in
    /// their order.
    async fn submit(&self, batch: &[Outgoing], now: Instant) -> Vec<Outcome>;
}

/// Appends a JSON line per message to a file that only its owner may read.
#[derive(Clone, Debug)]
pub struct FileGateway {
    path: PathBuf,
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    kind: &'static str,
    channel: &'static str,
    to: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<usize>,
    attempt: i32,
    sent_at: String,
    valid_until: String,
}

impl FileGateway {
    /// Of a path; file and folder are made where they are missing.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

#[async_trait::async_trait]
impl Gateway for FileGateway {
    async fn submit(&self, batch: &[Outgoing], now: Instant) -> Vec<Outcome> {
        let mut lines = Vec::with_capacity(batch.len() * 400);
        for message in batch {
            if let Err(error) = serde_json::to_writer(&mut lines, &line(message, now)) {
                return vec![Outcome::NotSent(format!("a line cannot be written: {error}")); batch.len()];
            }
            lines.push(b'\n');
        }
        let path = self.path.clone();
        let outcome = match tokio::task::spawn_blocking(move || append(&path, &lines)).await {
            Ok(Ok(())) => Outcome::Accepted,
            Ok(Err(error)) => Outcome::NotSent(format!("the outbox file cannot be written: {error}")),
            Err(error) => Outcome::Unknown(error.to_string()),
        };
        vec![outcome; batch.len()]
    }
}

fn line(message: &Outgoing, now: Instant) -> Line<'_> {
    Line {
        key: &message.key,
        kind: message.kind.as_str(),
        channel: message.channel.as_str(),
        to: &message.address,
        subject: &message.subject,
        text: &message.body,
        segments: (message.channel == Channel::Sms).then(|| segments(&message.body)),
        attempt: message.attempt,
        sent_at: now.to_string(),
        valid_until: message.valid_until.to_string(),
    }
}

/// Appends all of it or nothing: the lock keeps other processes' lines whole, and a write that
/// fails half-way is taken back.
fn append(path: &Path, lines: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).read(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // Released when the file is closed.
    file.lock()?;
    let length = file.metadata()?.len();
    let whole = if ends_whole(&mut file, length)? {
        file.write_all(lines)
    } else {
        file.write_all(&[b"\n", lines].concat())
    };
    whole.inspect_err(|_| {
        if let Err(error) = file.set_len(length) {
            tracing::error!(%error, "a half-written batch could not be taken back from the outbox file");
        }
    })
}

/// Whether the file is empty or ends with a whole line: after a power cut it may not.
fn ends_whole(file: &mut std::fs::File, length: u64) -> std::io::Result<bool> {
    if length == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u32) -> Outgoing {
        Outgoing {
            key: format!("INVITATION/t@2013-10-01/c{number}/1"),
            kind: MessageKind::Invitation,
            channel: Channel::Sms,
            address: format!("+99920000{number:04}"),
            subject: String::new(),
            body: "【etutor】邀请\n您".to_owned(),
            attempt: 1,
            valid_until: Instant::from_unix(3600),
        }
    }

    fn lines(path: &Path) -> Vec<String> {
        std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_message_is_a_line_that_only_the_owner_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("var/sms.jsonl");
        let gateway = FileGateway::new(&path);
        assert_eq!(
            gateway.submit(&[message(1), message(2)], Instant::from_unix(0)).await,
            [Outcome::Accepted, Outcome::Accepted]
        );
        assert_eq!(gateway.submit(&[message(3)], Instant::from_unix(60)).await, [Outcome::Accepted]);
        let lines = lines(&path);
        assert_eq!(lines.len(), 3, "the line break in the text is escaped");
        let first: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(first["to"], "+999200000001");
        assert_eq!(first["segments"], 1);
        assert_eq!(first["sent_at"], "1970-01-01T00:00:00Z");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_torn_line_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sms.jsonl");
        std::fs::write(&path, "{\"key\":\"torn by a power c").unwrap();
        FileGateway::new(&path).submit(&[message(1)], Instant::from_unix(0)).await;
        assert!(serde_json::from_str::<serde_json::Value>(&lines(&path)[1]).is_ok());
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_sends_nothing_for_certain() {
        let folder = tempfile::tempdir().unwrap();
        let outcomes = FileGateway::new(folder.path()).submit(&[message(1)], Instant::from_unix(0)).await;
        assert!(matches!(outcomes.as_slice(), [Outcome::NotSent(_)]));
    }
}
