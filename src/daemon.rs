//! The program `etutord`: arguments, log, start with or without a database, shutdown on a signal.

mod reload;
mod signals;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Keys};
use crate::error::{Error, Result};
use crate::log::{self, Log};
use crate::rpc;
use crate::serve::{self, ServeOptions};
use crate::storage::zone::zone_claim;
use crate::storage::{Db, DbOptions};
use crate::{demo, exit};
use clap::{Parser, Subcommand};
use reload::Reload;
use signals::Signals;
use std::io::IsTerminal as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The coaching operations service. By default it listens on 127.0.0.1:50051 and keeps its data in
/// var/etutor.db.
#[derive(Debug, Parser)]
#[command(name = "etutord", version)]
pub struct Arguments {
    /// Configuration file with everything that differs from the defaults; ETUTOR__SECTION__KEY
    /// overrides both
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Clone, Debug, Default, Subcommand)]
enum What {
    /// Serve until SIGTERM, SIGINT or SIGQUIT (the default)
    #[default]
    Serve,
    /// Bring the database's schema up to date and exit
    Migrate,
    /// Check the configuration (file and environment), report everything that is wrong, and exit;
    /// touches nothing else
    Check {
        /// Print one JSON object, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Show what etutor does: a small academy, from its sign-ups to its classes, in a few seconds;
    /// needs and changes nothing else
    Demo {
        /// Afterwards serve that academy at server.listen until Ctrl-C
        #[arg(long)]
        serve: bool,
        /// Print one JSON object per line, for scripts
        #[arg(long)]
        json: bool,
    },
}

/// How long the database's connections may take to close, and the last lines of the log to be
/// written.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// The program `etutord`.
pub fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => run(arguments),
        Err(error) => exit::usage(&error),
    }
}

/// Does what the arguments say.
fn run(arguments: Arguments) -> ExitCode {
    let what = arguments.what.unwrap_or_default();
    let file = arguments.config;
    let (mut config, keys) = match Config::load_with_keys(file.as_deref(), crate::config::environment()) {
        Ok(loaded) => loaded,
        Err(error) => {
            if matches!(what, What::Check { json: true }) {
                return exit::print(&error.to_json(), exit::WRONG_CONFIGURATION);
            }
            exit::talk(&format!("etutord: {error}"));
            return ExitCode::from(exit::WRONG_CONFIGURATION);
        }
    };
    if let What::Check { json } = what {
        let told = if json { r#"{"faults":[]}"# } else { "the configuration is in order" };
        return exit::print(told, exit::DONE);
    }
    if matches!(what, What::Demo { .. }) {
        // What goes well is in the story.
        "warn".clone_into(&mut config.log.filter);
    }
    let log = match Log::start(&config.log) {
        Ok(log) => log,
        Err(error) => {
            exit::talk(&format!("etutord: {error}"));
            let filter = matches!(error, log::Failed::Filter(_));
            return ExitCode::from(if filter { exit::WRONG_CONFIGURATION } else { exit::FAILED });
        }
    };
    let done = tokio::runtime::Runtime::new().map_err(Error::internal).and_then(|runtime| {
        let work = async {
            match what {
                What::Serve => serve(config, file, keys, &log).await,
                What::Migrate => migrate(&config).await,
                // Done before the log began.
                What::Check { .. } => Ok(()),
                What::Demo { serve, json } => demo(config, serve, json, &log).await,
            }
        };
        // A panic is in the log already, which is still to be written.
        let done = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
        let done = done.unwrap_or_else(|_| Err(Error::internal("ended by a panic")));
        runtime.shutdown_background();
        done
    });
    let code = match done {
        Ok(()) => exit::DONE,
        Err(error) => {
            tracing::error!("{error}");
            match error {
                Error::Invalid { .. } => exit::WRONG_CONFIGURATION,
                Error::Unavailable(_) => exit::UNREACHABLE,
                Error::Contended(_) => exit::TRY_AGAIN,
                _ => exit::FAILED,
            }
        }
    };
    log.finish(LAST_MOMENT);
    ExitCode::from(code)
}

async fn migrate(config: &Config) -> Result<()> {
    Db::migrate_at(&DbOptions::from(&config.database)).await?;
    tracing::info!(database = config.database.shown_url(), "the schema is up to date");
    Ok(())
}

async fn demo(config: Config, serve: bool, json: bool, log: &Log) -> Result<()> {
    let shutdown = CancellationToken::new();
    Signals::take()?.attend(shutdown.clone(), None, log.clone());
    let stdout = std::io::stdout();
    let color = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let options = demo::Options { json, color, every_minute: false, serve: serve.then_some(config.server) };
    demo::run(&options, &mut stdout.lock(), shutdown).await
}

async fn serve(config: Config, file: Option<PathBuf>, keys: Keys, log: &Log) -> Result<()> {
    // Before anything is made or waited for.
    let (shutdown, reload) = (CancellationToken::new(), Arc::<Notify>::default());
    Signals::take()?.attend(shutdown.clone(), Some(reload.clone()), log.clone());
    let options = ServeOptions::from(&config.server);
    let listener = serve::bind(&options).await?;

    let db = tokio::select! {
        opened = open_database(&config) => opened?,
        () = shutdown.cancelled() => return Ok(()),
    };
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
        tracing::warn!("testing: true: nothing is handed to a gateway, and commands may choose the time");
    }
    let app = App::new(db.clone(), clock, config);
    tokio::spawn(Reload { file, keys, log: log.clone(), app: app.clone() }.attend(reload));
    let served = rpc::serve(&app, listener, &options, shutdown).await;
    // Work that was left behind may still hold a connection; it is not waited for.
    if tokio::time::timeout(LAST_MOMENT, db.close()).await.is_err() {
        tracing::warn!("some connections to the database were still in use");
    }
    served
}

/// Opens the database. One that is away is waited for, NOT_SERVING; one whose schema is behind is
/// refused, except for SQLite, whose file is ours. One whose data is of another zone is refused.
async fn open_database(config: &Config) -> Result<Db> {
    let options = &DbOptions::from(&config.database);
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
