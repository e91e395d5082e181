//! The log: lines on standard error. Logging never blocks and never fails, whatever the reader
//! does.
//!
//! Lines go into a bounded queue, and one thread writes them. Lines that cannot be written in time
//! are dropped and counted, and the count is logged as soon as writing works again.

mod line;
mod pace;
mod queue;
mod writer;

pub(crate) use pace::Pace;

use crate::config::{LogConfig, LogFormat};
use queue::Queue;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// The log of this process, once started.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    queue: Arc<Queue>,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Log {
    /// Starts it: tracing's events, and panics, become lines on standard error.
    ///
    /// # Errors
    /// `log.filter` is malformed; no thread can be started; there is a log already.
    pub(crate) fn start(config: &LogConfig) -> Result<Self, Failed> {
        let filter = parse(&config.filter)?;
        let ansi = io::stderr().is_terminal();
        // A descriptor of our own: `std::io::stderr()` has a lock, which a writer that waits for
        // its reader would keep.
        let sink = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let queue = Arc::<Queue>::default();
        writer::spawn(sink, config.format, queue.clone())?;

        let (filter, handle) = reload::Layer::new(filter);
        let lines =
            fmt::layer().with_ansi(ansi).log_internal_errors(false).with_writer(queue::Lines(queue.clone()));
        let lines = match config.format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        tracing_subscriber::registry().with(filter).with(lines).try_init().map_err(io::Error::other)?;
        let (panics, format) = (queue.clone(), config.format);
        std::panic::set_hook(Box::new(move |panic| panics.push(panic_line(format, panic).as_bytes())));
        Ok(Self { queue, filter: handle })
    }

    /// From now on, what `log.filter` says.
    ///
    /// # Errors
    /// It is malformed, and nothing has changed.
    pub(crate) fn refilter(&self, filter: &str) -> Result<(), Failed> {
        self.filter.reload(parse(filter)?).map_err(|error| Failed::Machine(io::Error::other(error)))
    }

    /// Waits until all lines are written, but no longer than this: the reader may never come back.
    pub(crate) fn finish(&self, within: Duration) {
        self.queue.flush(within);
    }
}

fn parse(filter: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(filter)
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// The configuration is wrong.
    #[error("log.filter: {0}")]
    Filter(#[from] ParseError),
    /// The machine refuses something.
    #[error("the log cannot be started: {0}")]
    Machine(#[from] io::Error),
}

/// The line of a panic. It goes past tracing, whose locks the panicking thread may hold, and calls
/// nothing that could panic again.
fn panic_line(format: LogFormat, panic: &PanicHookInfo<'_>) -> String {
    let message = format!("panic: {}", panic.payload_as_str().unwrap_or("without a text"));
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        // Asked for by RUST_BACKTRACE.
        BacktraceStatus::Captured => line::compose(
            format,
            "ERROR",
            &message,
            &[("at", at.into()), ("backtrace", backtrace.to_string().into())],
        ),
        _ => line::compose(format, "ERROR", &message, &[("at", at.into())]),
    }
}
