//! `etutord demo`: a small academy, replayed on the test clock, with coaches who answer, refuse,
//! stay silent and fail the test, and the lessons to which they and the students come, or not.
//!
//! It uses its own database in a new folder, which is removed at the end. Nothing is ever handed to
//! a gateway.

mod academy;
pub mod behaviour;
mod due;
mod lesson_hour;
mod replay;
mod summary;
mod timeline;
mod watch;

use crate::app::App;
use crate::clock::{Clock, new_token};
use crate::config::{Config, ServerConfig};
use crate::error::{Error, Result};
use crate::rpc;
use crate::serve::{self, ServeOptions};
use crate::storage::{Db, DbOptions};
use replay::Stopped;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use timeline::Timeline;
use tokio_util::sync::CancellationToken;

/// How the demo is shown, and what comes after it.
#[derive(Clone, Debug)]
pub struct Options {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// With colours.
    pub color: bool,
    /// Every minute, not only those in which something is due: slow, and the same story (a test of
    /// the short cut).
    pub every_minute: bool,
    /// Stay up afterwards and serve like this.
    pub serve: Option<ServerConfig>,
}

impl Options {
    /// Plain text to the end.
    pub fn plain() -> Self {
        Self { json: false, color: false, every_minute: false, serve: None }
    }
}

/// Replays D−4 to the end of the last lesson of D and writes what happens; with `serve` it then
/// serves the academy until `stop`.
///
/// # Errors
/// The address to serve on is taken or refused; a folder for the database cannot be made; the
/// service fails.
pub async fn run(options: &Options, out: &mut impl Write, stop: CancellationToken) -> Result<()> {
    // Before the story: nobody wants to learn at its end that the address is taken.
    let listener = match &options.serve {
        Some(config) => {
            let serving = ServeOptions::from(config);
            Some((serve::bind(&serving).await?, serving))
        }
        None => None,
    };
    let folder = Folder::new()?;
    let app = open(&folder.0).await?;
    let mut timeline = Timeline::new(out, options.json, options.color, app.time());
    let replayed = tokio::select! {
        replayed = replay::run(&app, &mut timeline, options.every_minute) => replayed,
        () = stop.cancelled() => Ok(()),
    };
    match replayed {
        // Whoever reads has gone, as `head` does: nothing is left to be told.
        Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(Stopped::Output(error)) => {
            return Err(Error::internal(format!("the output could not be written: {error}")));
        }
        Err(Stopped::Service(error)) => return Err(error),
        Ok(()) => {}
    }
    if let Some((listener, serving)) = listener
        && !stop.is_cancelled()
    {
        let address = listener.local_addr().map_err(Error::internal)?;
        // The server is of use even if nobody reads this.
        let _told = timeline.serving(address);
        rpc::serve(&app, listener, &serving, stop).await?;
    }
    app.db.close().await;
    Ok(())
}

/// The service on a new database in a folder.
async fn open(folder: &Path) -> Result<App> {
    let mut options = DbOptions::new(format!("sqlite://{}", folder.join("etutor.db").display()));
    // Nothing here needs to survive a power cut.
    options.sqlite_synchronous_full = false;
    Db::migrate_at(&options).await?;
    let config = Config { testing: true, admins: academy::admins(), ..Config::default() };
    Ok(App::new(Db::connect(&options).await?, Clock::Test, config))
}

/// A new folder of our own, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("etutor-demo-{}", new_token()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|error| Error::internal(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "the demo's folder could not be removed");
        }
    }
}
