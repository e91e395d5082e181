//! The options that every command takes.

use clap::Args as ClapArgs;
use std::path::PathBuf;

/// What every command takes.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Global {
    // Not read by clap: it would show what the environment gives as if it had to be typed.
    /// The server [env: ETUTOR_SERVER] [default: server.listen of -c FILE, else
    /// http://127.0.0.1:50051]
    #[arg(long, value_name = "URL", global = true)]
    pub(super) server: Option<String>,
    /// The server's configuration file, for its address
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// How long to wait for the answer [default: 30, for tasks and import 330]
    #[arg(long, value_name = "SECONDS", global = true,
        value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(super) timeout: Option<u32>,
    /// The tick of the schedule for which the task is fired; each tick runs once. `now` is the
    /// current minute of the server's clock
    #[arg(long, value_name = "now|INSTANT", global = true, value_parser = tick)]
    pub(super) tick: Option<Tick>,
    /// Always print the report of a task
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
}

/// A tick as it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    /// The current minute of the server's clock.
    Now,
    /// Seconds since 1970.
    At(i64),
}

fn tick(text: &str) -> Result<Tick, String> {
    if text == "now" {
        return Ok(Tick::Now);
    }
    let at = chrono::DateTime::parse_from_rfc3339(text)
        .map_err(|_| "`now` or an RFC 3339 instant such as 2026-09-01T08:00:00+08:00".to_owned())?;
    Ok(Tick::At(at.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read() {
        assert_eq!(tick("now"), Ok(Tick::Now));
        assert_eq!(tick("2026-09-01T08:00:00+08:00"), Ok(Tick::At(1_788_220_800)));
        assert!(tick("yesterday").is_err());
    }
}
