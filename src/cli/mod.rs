//! `etutorctl`: arguments, output, exit codes.
//!
//! A crontab starts this command every minute, so starting must be cheap: one thread, no database,
//! nothing read that is not needed.

pub mod args;
mod attendance;
mod blocks;
mod clock;
mod connect;
mod continuing;
mod enrollment;
mod exit;
mod fire;
mod global;
mod import;
mod keys;
mod lessons;
mod make_up;
mod notice;
mod openings;
mod output;
mod places;
mod presence;
mod screen;
mod show;
mod timeline;
mod value;
mod when;
mod wire;

use crate::task::crontab;
use args::{Args, Coach, Command};
use clap::Parser as _;
use exit::Failure;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Does what the command line says; the exit code is one of docs/style.md's (see `etutorctl
/// --help`).
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return crate::exit::usage(&error),
    };
    // One thread: starting more would take longer than most calls.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::new(exit::FAILED, error.to_string()).report(),
    };
    // A panic has been written already; its own exit code would be none of ours.
    match catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(args)))) {
        Ok(Ok(())) => ExitCode::from(exit::DONE),
        Ok(Err(failure)) => failure.report(),
        Err(_) => ExitCode::from(exit::FAILED),
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    let Args { global, command } = args;
    if global.tick.is_some() && command.task().is_none() {
        return Err(Failure::new(exit::USAGE, "--tick is for the scheduled tasks only"));
    }
    // Whoever names a file means it, also where it is not needed.
    if let Some(file) = &global.config
        && let Err(error) = std::fs::File::open(file)
    {
        return Err(Failure::new(exit::USAGE, format!("-c {}: {error}", file.display())));
    }
    if let Some((task, when)) = command.task() {
        return fire::run(&global, task, when).await;
    }
    match command {
        Command::Import(args) => import::run(&global, args).await,
        Command::Coach(Coach::Import { file, how }) => {
            import::run_file(&global, "coaches.csv", &file, how).await
        }
        Command::Coach(Coach::Block(args)) => blocks::block(&global, args).await,
        Command::Coach(Coach::Unblock(args)) => blocks::unblock(&global, args).await,
        Command::Coach(Coach::Blocks(args)) => blocks::list(&global, args).await,
        Command::Clock(command) => clock::run(&global, command).await,
        Command::Tasks => show::tasks(&global).await,
        Command::Runs { task, limit } => show::runs(&global, task, limit).await,
        Command::Task(command) => show::class_tasks(&global, command).await,
        Command::Messages(filter) => show::messages(&global, filter).await,
        Command::Openings(args) => openings::run(&global, args).await,
        Command::Enrollment(args) => enrollment::run(&global, args).await,
        Command::Presence(args) => presence::run(&global, args).await,
        Command::Notice(args) => notice::run(&global, args).await,
        Command::Lessons(args) => lessons::run(&global, args).await,
        Command::Makeup(command) => make_up::run(&global, command).await,
        Command::Continuation(command) => continuing::run(&global, command).await,
        Command::Watch(which) => lessons::watch(&global, which).await,
        Command::Attendance(args) => attendance::run(&global, args).await,
        Command::Timeline(args) => timeline::run(&global, args).await,
        Command::Places(command) => places::run(&global, command).await,
        Command::Crontab => output::print(&crontab::crontab()),
        // `task()` has answered for these.
        Command::Invite(_)
        | Command::Clazz(_)
        | Command::Monitor(_)
        | Command::Sms(_)
        | Command::Message(_) => Ok(()),
    }
}
