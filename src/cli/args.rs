//! The command line of `etutorctl`.

use super::attendance::AttendanceArgs;
use super::blocks::{BlockArgs, BlocksArgs, UnblockArgs};
use super::continuing::Continuation;
use super::enrollment::EnrollmentArgs;
use super::global::Global;
use super::lessons::{LessonArgs, Which};
use super::make_up::MakeUp;
use super::notice::NoticeArgs;
use super::openings::OpeningArgs;
use super::places::Places;
use super::presence::PresenceArgs;
use super::timeline::TimelineArgs;
use super::value;
use crate::task::registry::Task;
use clap::{Args as ClapArgs, Parser, Subcommand};
use encoding_rs::Encoding;
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes: 0 done, or nothing to do · 64 wrong usage · 65 bad data · 69 server unreachable · 70 failed, or \
a report with failures ·
75 try again · 77 access refused.
Data goes to standard output, messages to standard error. With --tick and without a terminal, a task that \
went well prints nothing.

Examples:
  etutorctl import tests/data/oulad-2013j        read the files of an academy
  etutorctl invite create                        make the class tasks of three days from now
  etutorctl --tick now invite exec               as the crontab does: once a minute, whoever fires it
  etutorctl clock set 2026-09-01T08:00           testing: set the clock, and
  etutorctl clock advance 90m                    … advance it
  etutorctl runs invite create                   what the task did";

/// The command-line client of etutor: fires scheduled tasks, imports, shows what is going on
#[derive(Debug, Parser)]
#[command(name = "etutorctl", version, after_help = EXIT_CODES, max_term_width = 140)]
pub struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Invitations: make class tasks, ask coaches, end what has run out, remind and warn
    #[command(subcommand)]
    Invite(Invite),
    /// Classes and places: form classes, maintain rosters and places
    #[command(subcommand)]
    Clazz(Clazz),
    /// Lessons that go on: tell who is missing
    #[command(subcommand)]
    Monitor(Monitor),
    /// SMS: send what is due
    #[command(subcommand)]
    Sms(Sms),
    /// Old messages: remove their contents, with old request ids and runs
    #[command(subcommand)]
    Message(Message),
    /// Import the CSV files of a folder, all or nothing
    Import(ImportArgs),
    /// Coaches
    #[command(subcommand)]
    Coach(Coach),
    /// The clock of a testing server
    #[command(subcommand)]
    Clock(Clock),
    /// The scheduled tasks and their last runs
    Tasks,
    /// What the scheduled tasks did, latest first
    Runs {
        /// Only runs of this task: `invite create`
        #[arg(value_parser = value::name)]
        task: Vec<String>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1000))]
        limit: i32,
    },
    /// Class tasks (组班任务), as staff see them
    #[command(subcommand)]
    Task(ClassTask),
    /// Messages to coaches, students and staff
    Messages(Messages),
    /// What can be signed up for, and why not the rest
    Openings(OpeningArgs),
    /// How full the lesson days are: places, students, waiting lists
    Enrollment(EnrollmentArgs),
    /// Which coaches and students are present now
    Presence(PresenceArgs),
    /// Send the people of a class a notice of your own, by SMS
    Notice(NoticeArgs),
    /// Lessons that go on or are about to begin, and who is there
    Lessons(LessonArgs),
    /// The same as a table that is kept up to date; `q` ends it
    Watch(Which),
    /// Who came to lessons, how late, and who left early
    Attendance(AttendanceArgs),
    /// All that a coach or student was sent, answered, and what was decided about them, with causes
    Timeline(TimelineArgs),
    /// Lessons that are owed to students (补课)
    #[command(subcommand)]
    Makeup(MakeUp),
    /// Classes that go on past their last day (续班)
    #[command(subcommand)]
    Continuation(Continuation),
    /// Places and their ledger
    #[command(subcommand)]
    Places(Places),
    /// The crontab of the scheduled tasks, in system form
    Crontab,
}

impl Command {
    /// The scheduled task it fires, and its test argument.
    pub(super) fn task(&self) -> Option<(Task, Option<&str>)> {
        let (task, argument) = match self {
            Self::Invite(Invite::Create(day)) => (Task::InviteCreate, &day.day),
            Self::Invite(Invite::Exec(day)) => (Task::InviteExec, &day.day),
            Self::Invite(Invite::Check(day)) => (Task::InviteCheck, &day.day),
            Self::Invite(Invite::NotifyTest(when)) => (Task::InviteNotifyTest, &when.when),
            Self::Invite(Invite::NotifyClass(when)) => (Task::InviteNotifyClass, &when.when),
            Self::Clazz(Clazz::InitPlace(when)) => (Task::ClazzInitPlace, &when.when),
            Self::Clazz(Clazz::RemoveExpiredStudents(when)) => (Task::ClazzRemoveExpiredStudents, &when.when),
            Self::Clazz(Clazz::FreeAvailableTime(when)) => (Task::ClazzFreeAvailableTime, &when.when),
            Self::Clazz(Clazz::CorrectCoachStatus(when)) => (Task::ClazzCorrectCoachStatus, &when.when),
            Self::Clazz(Clazz::AssignStudents(when)) => (Task::ClazzAssignStudents, &when.when),
            Self::Clazz(Clazz::MorningNotify(when)) => (Task::ClazzMorningNotify, &when.when),
            Self::Clazz(Clazz::NotMorningNotify(when)) => (Task::ClazzNotMorningNotify, &when.when),
            Self::Clazz(Clazz::OfferPlaces(when)) => (Task::ClazzOfferPlaces, &when.when),
            Self::Clazz(Clazz::CheckOnTime(when)) => (Task::ClazzCheckOnTime, &when.when),
            Self::Clazz(Clazz::AutoChangeCoach(when)) => (Task::ClazzAutoChangeCoach, &when.when),
            Self::Clazz(Clazz::CompleteCoachChanges(when)) => (Task::ClazzCompleteCoachChanges, &when.when),
            Self::Clazz(Clazz::CloseEnded(when)) => (Task::ClazzCloseEnded, &when.when),
            Self::Monitor(Monitor::NotifyDisconnect(when)) => (Task::MonitorNotifyDisconnect, &when.when),
            Self::Monitor(Monitor::NotifyEmpty(when)) => (Task::MonitorNotifyEmpty, &when.when),
            Self::Sms(Sms::Send(when)) => (Task::SmsSend, &when.when),
            Self::Message(Message::Purge(when)) => (Task::MessagePurge, &when.when),
            _ => return None,
        };
        Some((task, argument.as_deref()))
    }
}

/// `import …`
#[derive(Debug, ClapArgs)]
pub(super) struct ImportArgs {
    /// The folder; those import files that exist in it are read
    pub(super) dir: PathBuf,
    /// Treat a sign-up that the rules refuse as bad data
    #[arg(long)]
    pub(super) strict: bool,
    #[command(flatten)]
    pub(super) file: ImportFile,
}

/// How files are read, and what becomes of them.
#[derive(Debug, ClapArgs)]
pub(super) struct ImportFile {
    /// Check everything and report what would happen, without writing anything
    #[arg(long)]
    pub(super) check: bool,
    /// Encoding of files without a byte order mark: utf-8, gb18030, or another name from the web's
    /// Encoding Standard
    #[arg(long, value_name = "NAME", default_value = "utf-8", value_parser = encoding)]
    pub(super) encoding: &'static Encoding,
    /// Write every problem to a CSV file that spreadsheets can open: file, line, column, code, text
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
}

/// `coach …`
#[derive(Debug, Subcommand)]
pub(super) enum Coach {
    /// Import coaches from one CSV file with the columns of coaches.csv, all or nothing
    Import {
        /// The file, whatever its name
        file: PathBuf,
        #[command(flatten)]
        how: ImportFile,
    },
    /// Keep a coach from a student, from a class, or from being invited at all
    Block(BlockArgs),
    /// End a block
    Unblock(UnblockArgs),
    /// The blocks there are
    Blocks(BlocksArgs),
}

fn encoding(name: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label(name.as_bytes())
        .ok_or_else(|| "is not a known encoding; try utf-8 or gb18030".to_owned())
}

/// The argument of tasks that are about a lesson day.
#[derive(Debug, ClapArgs)]
pub(super) struct DayArgument {
    /// Testing only: the lesson day [default: for `create` three days from now, otherwise every
    /// open task]. Given an instant, run as of that time
    #[arg(value_name = "DAY", value_parser = value::name)]
    day: Option<String>,
}

/// The argument of the other tasks.
#[derive(Debug, ClapArgs)]
pub(super) struct WhenArgument {
    /// Testing only: run as of this time: a day (its 00:00), YYYY-MM-DDTHH:MM, or an RFC 3339
    /// instant
    #[arg(value_name = "WHEN", value_parser = value::name)]
    when: Option<String>,
}

/// `invite …`
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Invite {
    #[command(about = Task::InviteCreate.info().description)]
    Create(DayArgument),
    #[command(about = Task::InviteExec.info().description)]
    Exec(DayArgument),
    #[command(about = Task::InviteCheck.info().description)]
    Check(DayArgument),
    #[command(about = Task::InviteNotifyTest.info().description, alias = "notify-test")]
    NotifyTest(WhenArgument),
    #[command(about = Task::InviteNotifyClass.info().description, alias = "notify-class")]
    NotifyClass(WhenArgument),
}

/// `clazz …`
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Clazz {
    #[command(about = Task::ClazzMorningNotify.info().description, alias = "morning-notify")]
    MorningNotify(WhenArgument),
    #[command(about = Task::ClazzNotMorningNotify.info().description, alias = "not-morning-notify")]
    NotMorningNotify(WhenArgument),
    #[command(about = Task::ClazzInitPlace.info().description, alias = "init-place")]
    InitPlace(WhenArgument),
    #[command(about = Task::ClazzRemoveExpiredStudents.info().description, alias = "remove-expired-students")]
    RemoveExpiredStudents(WhenArgument),
    #[command(about = Task::ClazzFreeAvailableTime.info().description, alias = "free-available-time")]
    FreeAvailableTime(WhenArgument),
    #[command(about = Task::ClazzAssignStudents.info().description, alias = "assign-students")]
    AssignStudents(WhenArgument),
    #[command(about = Task::ClazzOfferPlaces.info().description, alias = "offer-places")]
    OfferPlaces(WhenArgument),
    #[command(about = Task::ClazzCheckOnTime.info().description, alias = "check-on-time")]
    CheckOnTime(WhenArgument),
    #[command(about = Task::ClazzAutoChangeCoach.info().description, alias = "auto-change-coach")]
    AutoChangeCoach(WhenArgument),
    #[command(about = Task::ClazzCompleteCoachChanges.info().description, alias = "complete-coach-changes")]
    CompleteCoachChanges(WhenArgument),
    #[command(about = Task::ClazzCorrectCoachStatus.info().description, alias = "correct-coach-status")]
    CorrectCoachStatus(WhenArgument),
    #[command(about = Task::ClazzCloseEnded.info().description, alias = "close-ended")]
    CloseEnded(WhenArgument),
}

/// `monitor …`
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Monitor {
    #[command(about = Task::MonitorNotifyDisconnect.info().description, alias = "notify-disconnect")]
    NotifyDisconnect(WhenArgument),
    #[command(about = Task::MonitorNotifyEmpty.info().description, alias = "notify-empty")]
    NotifyEmpty(WhenArgument),
}

/// `sms …`
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Sms {
    #[command(about = Task::SmsSend.info().description)]
    Send(WhenArgument),
}

/// `message …`
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Message {
    #[command(about = Task::MessagePurge.info().description)]
    Purge(WhenArgument),
}

/// `clock …`
#[derive(Debug, Subcommand)]
pub(super) enum Clock {
    /// Show it
    Get,
    /// Set it, backwards too
    Set {
        /// A day (its 00:00), a local YYYY-MM-DDTHH:MM[:SS], or an RFC 3339 instant
        #[arg(value_parser = value::name)]
        when: String,
        /// Let it run from there; otherwise it stands still until it is set or advanced
        #[arg(long)]
        running: bool,
    },
    /// Advance it
    Advance {
        /// By how much: 90s, 15m, 4h, 1d, 1d12h
        #[arg(value_parser = span)]
        by: i64,
    },
}

/// Seconds of `1d2h3m4s`.
fn span(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is not a duration such as 90s, 15m, 4h, 1d or 1d12h");
    let (mut total, mut digits) = (0_i64, String::new());
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let unit = match letter {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let count: i64 = std::mem::take(&mut digits).parse().map_err(|_| wrong())?;
        total = count.checked_mul(unit).and_then(|seconds| total.checked_add(seconds)).ok_or_else(wrong)?;
    }
    if digits.is_empty() && !text.is_empty() { Ok(total) } else { Err(wrong()) }
}

/// `task …`
#[derive(Debug, Subcommand)]
pub(super) enum ClassTask {
    /// The class tasks of a day, or of all days
    List {
        /// The lesson day, YYYY-MM-DD
        #[arg(value_parser = value::name)]
        day: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(i32).range(1..=1000))]
        limit: i32,
    },
    /// One class task with its invitations
    Show {
        /// Code of the class template
        #[arg(value_parser = value::name)]
        template: String,
        /// The lesson day, YYYY-MM-DD
        #[arg(value_parser = value::name)]
        day: String,
    },
}

/// `messages …`
#[derive(Debug, ClapArgs)]
pub(super) struct Messages {
    /// Only those to this coach, student or admin
    #[arg(long, value_parser = value::name)]
    pub(super) person: Option<String>,
    /// Only those about the class task with this id
    #[arg(long, value_name = "TASK_ID", value_parser = value::number)]
    pub(super) task: Option<i64>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub(super) limit: i32,
}

#[cfg(test)]
mod tests {
    use super::super::global::Tick;
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_words_work_with_hyphens_and_know_their_task() {
        for line in ["invite notify_test", "invite notify-test"] {
            let args = Args::try_parse_from(["etutorctl"].into_iter().chain(line.split(' '))).unwrap();
            assert_eq!(args.command.task(), Some((Task::InviteNotifyTest, None)));
        }
        for task in Task::ALL {
            let line = format!("etutorctl --tick now {} 2026-09-01", task.words());
            let args = Args::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(args.command.task(), Some((*task, Some("2026-09-01"))));
            assert_eq!(args.global.tick, Some(Tick::Now));
        }
    }

    #[test]
    fn spans_are_read() {
        assert_eq!(span("90s"), Ok(90));
        assert_eq!(span("1d12h"), Ok(129_600));
        for wrong in ["", "90", "h", "1w", "-1h", "99999999999999999999s", "9999999999999999d"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
