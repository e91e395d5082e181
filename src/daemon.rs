//! The server as a program: its arguments, its log, its start with or without a database, its end by a signal.

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, LogConfig, LogFormat};
use crate::demo;
use crate::error::{Error, Result};
use crate::rpc::{self, server};
use crate::storage::zone::zone_claim;
use crate::storage::{Db, DbOptions};
use clap::{Parser, Subcommand};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// The coaching operations service. It listens on 127.0.0.1:50051 and keeps its data in var/etutor.db unless told otherwise.
#[derive(Debug, Parser)]
#[command(name = "etutord", version)]
pub struct Arguments {
    /// Configuration file; it holds what differs from the defaults, and ETUTOR__SECTION__KEY wins over both
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Clone, Debug, Default, Subcommand)]
enum What {
    /// Serve until SIGTERM or SIGINT (what it does when told nothing)
    #[default]
    Serve,
    /// Bring the database's schema up to date and end
    Migrate,
    /// Look at the configuration (file and environment), tell everything that is wrong, and end; touches nothing else
    Check {
        /// One JSON object, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Show what it does: a small academy of its own, from its sign-ups to its classes, in a few seconds; needs and changes nothing else
    Demo {
        /// Then serve that academy, at server.listen, until Ctrl-C
        #[arg(long)]
        serve: bool,
        /// One JSON object a line, for scripts
        #[arg(long)]
        json: bool,
    },
}

/// How long the database's connections may take to close.
const LAST_MOMENT: Duration = Duration::from_millis(500);
/// EX_UNAVAILABLE of sysexits: the database cannot be reached.
const UNREACHABLE: u8 = 69;
/// EX_TEMPFAIL of sysexits: another process has been migrating for too long.
const TRY_AGAIN: u8 = 75;
/// EX_SOFTWARE of sysexits: it failed.
const FAILED: u8 = 70;
/// EX_CONFIG of sysexits: the configuration is wrong.
const WRONG_CONFIGURATION: u8 = 78;

/// Does what the arguments say.
pub fn run(arguments: Arguments) -> ExitCode {
    let what = arguments.what.unwrap_or_default();
    let mut config = match Config::load(arguments.config.as_deref(), crate::config::environment()) {
        Ok(config) => config,
        Err(error) => {
            if matches!(what, What::Check { json: true }) {
                say(&error.to_json());
            } else {
                eprintln!("etutord: {error}");
            }
            return ExitCode::from(WRONG_CONFIGURATION);
        }
    };
    if let What::Check { json } = what {
        say(if json { r#"{"faults":[]}"# } else { "the configuration is in order" });
        return ExitCode::SUCCESS;
    }
    if matches!(what, What::Demo { .. }) {
        // What goes well is in the story.
        "warn".clone_into(&mut config.log.filter);
    }
    if let Err(error) = start_log(&config.log) {
        eprintln!("etutord: log.filter: {error}");
        return ExitCode::from(WRONG_CONFIGURATION);
    }
    let done = tokio::runtime::Runtime::new().map_err(Error::internal).and_then(|runtime| {
        let done = runtime.block_on(async {
            match what {
                What::Serve => serve(config).await,
                What::Migrate => migrate(&config).await,
                // Done before the log began.
                What::Check { .. } => Ok(()),
                What::Demo { serve, json } => demo(config, serve, json).await,
            }
        });
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(match error {
                Error::Invalid { .. } => WRONG_CONFIGURATION,
                Error::Unavailable(_) => UNREACHABLE,
                Error::Contended(_) => TRY_AGAIN,
                _ => FAILED,
            })
        }
    }
}

/// A line on stdout; whoever has closed it does not want it.
fn say(line: &str) {
    let _closed = writeln!(std::io::stdout(), "{line}");
}

fn start_log(config: &LogConfig) -> std::result::Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::builder().parse(&config.filter)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    match config.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    // As lines of the log, not between them.
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "panic: {}", panic.payload_as_str().unwrap_or("without a text"));
    }));
    Ok(())
}

async fn migrate(config: &Config) -> Result<()> {
    Db::migrate_at(&config.database.options()).await?;
    tracing::info!(database = config.database.shown_url(), "the schema is up to date");
    Ok(())
}

async fn demo(config: Config, serve: bool, json: bool) -> Result<()> {
    let shutdown = CancellationToken::new();
    end_by_signal(shutdown.clone())?;
    let stdout = std::io::stdout();
    let color = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let options = demo::Options { json, color, every_minute: false, serve: serve.then_some(config.server) };
    demo::run(&options, &mut stdout.lock(), shutdown).await
}

async fn serve(config: Config) -> Result<()> {
    // Before anything is made or waited for.
    let options = server::ServeOptions::from(&config.server);
    let listener = server::bind(&options).await?;
    let shutdown = CancellationToken::new();
    end_by_signal(shutdown.clone())?;

    let db = open_database(&config).await?;
    let testing = config.testing;
    let clock = if testing { Clock::Test } else { Clock::System };
    tracing::info!(
        listen = %listener.local_addr().map_err(Error::internal)?,
        database = config.database.shown_url(),
        testing,
        version = env!("CARGO_PKG_VERSION"),
        "etutord serves"
    );
    if testing {
        tracing::warn!("testing: true: nothing is handed to a gateway, and commands may say what time it is");
    }
    let app = App::new(db.clone(), clock, config);
    let routes = rpc::routes(&app);
    let served = server::serve(listener, app, routes, &options, shutdown).await;
    // Work that was left behind may still hold a connection; it is not waited for.
    if tokio::time::timeout(LAST_MOMENT, db.close()).await.is_err() {
        tracing::warn!("some connections to the database were still in use");
    }
    served
}

/// Opens the database. One that is away is waited for, NOT_SERVING; one whose schema is behind is refused, except for SQLite, whose file is ours.
/// One whose data is of another zone is refused.
async fn open_database(config: &Config) -> Result<Db> {
    let options = &config.database.options();
    let opened = async {
        if options.url.starts_with("sqlite:") {
            Db::migrate_at(options).await?;
        }
        let db = Db::connect(options).await?;
        db.check_schema().await?;
        zone_claim(&db, config.rules.time.zone().name()).await?;
        Ok(db)
    };
    match opened.await {
        Err(Error::Unavailable(cause)) if !options.url.starts_with("sqlite:") => {
            tracing::warn!(%cause, "the database cannot be reached; waiting for it");
            Db::connect(&DbOptions { lazy: true, ..options.clone() }).await
        }
        opened => opened,
    }
}

/// SIGTERM and SIGINT end the server in order; the second one ends it at once.
fn end_by_signal(shutdown: CancellationToken) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    tokio::spawn(async move {
        for first in [true, false] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "told to end");
            if first {
                shutdown.cancel();
            }
        }
        std::process::exit(i32::from(FAILED));
    });
    Ok(())
}
