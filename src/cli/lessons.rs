//! `etutorctl lessons` and `etutorctl watch`: what goes on in lessons.

use super::connect::{Connection, READING_S};
use super::exit::Failure;
use super::global::Global;
use super::keys::Keys;
use super::output::{self, columns, json_time, shown_time, table, word};
use super::screen::Screen;
use super::value;
use crate::domain::time::BusinessTime;
use crate::rpc::pb;
use crate::rpc::pb::monitor_service_client::MonitorServiceClient;
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

/// Lessons of one call.
const PAGE: i32 = 500;

/// Which lessons.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Which {
    /// Only lessons of this subject
    #[arg(long, value_name = "SUBJECT_ID", value_parser = value::number)]
    subject: Option<i64>,
    /// Only lessons of this grade, 1 to 12
    #[arg(long, value_parser = value::grade)]
    grade: Option<i32>,
    /// Only lessons that this coach teaches, by user name
    #[arg(long, value_parser = value::name)]
    coach: Option<String>,
}

/// `lessons …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct LessonArgs {
    /// Lessons of this day, YYYY-MM-DD [default: those that go on or begin in the next two hours]
    #[arg(value_parser = value::name)]
    day: Option<String>,
    /// Only lessons that go on now
    #[arg(long, conflicts_with = "day")]
    now: bool,
    /// Only lessons that go on now and about which something is unusual
    #[arg(long, conflicts_with_all = ["day", "now", "state"])]
    unusual: bool,
    #[command(flatten)]
    which: Which,
    /// Only lessons in this state; may be given more than once
    #[arg(long)]
    state: Vec<State>,
}

/// States of lessons by which they are listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Scheduled,
    Running,
    Done,
    CoachLate,
    CoachAbsent,
    Substituted,
    Cancelled,
    MadeUp,
}

impl From<State> for pb::LessonState {
    fn from(state: State) -> Self {
        match state {
            State::Scheduled => Self::Scheduled,
            State::Running => Self::Running,
            State::Done => Self::Done,
            State::CoachLate => Self::CoachLate,
            State::CoachAbsent => Self::CoachAbsent,
            State::Substituted => Self::Substituted,
            State::Cancelled => Self::Cancelled,
            State::MadeUp => Self::MadeUp,
        }
    }
}

fn client(connection: &Connection) -> MonitorServiceClient<super::wire::Line> {
    MonitorServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(crate::rpc::MAX_RESPONSE_BYTES)
}

/// Prints lessons.
pub(super) async fn run(global: &Global, args: LessonArgs) -> Result<(), Failure> {
    let LessonArgs { day, now, unusual, which: Which { subject, grade, coach }, state } = args;
    let connection = Connection::open(global, READING_S).await?;
    let (subject_id, grade) = (subject.unwrap_or_default(), grade.unwrap_or_default());
    let coach = coach.unwrap_or_default();
    let mut lessons = Vec::new();
    if unusual {
        let (mut client, request) =
            (client(&connection), pb::ListUnusualRequest { subject_id, grade, coach });
        let call = async move |request| client.list_unusual(request).await;
        lessons = connection.call("lessons", request, call).await?.lessons;
    } else {
        let span = if now { pb::LessonSpan::Now } else { pb::LessonSpan::NextTwoHours };
        let mut request = pb::ListLessonsRequest {
            day: day.unwrap_or_default(),
            span: span.into(),
            subject_id,
            grade,
            coach,
            states: state.into_iter().map(|state| pb::LessonState::from(state).into()).collect(),
            page_size: PAGE,
            page_token: String::new(),
        };
        loop {
            let mut client = client(&connection);
            let call = async move |request| client.list_lessons(request).await;
            let answer = connection.call("lessons", request.clone(), call).await?;
            lessons.extend(answer.lessons);
            request.page_token = answer.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
    }
    if global.json {
        let list: Vec<Value> = lessons.iter().map(lesson_json).collect();
        return output::print_json(&json!({ "lessons": list }));
    }
    output::print(&shown(&lessons, connection.zone().await?))
}

/// Keeps showing the lessons of the next two hours, also over a server that is restarted.
pub(super) async fn watch(global: &Global, which: Which) -> Result<(), Failure> {
    let Which { subject, grade, coach } = which;
    let connection = Connection::open(global, READING_S).await?;
    // This says too that the server is in testing mode.
    let zone = connection.zone().await?;
    let request = pb::WatchLessonsRequest {
        subject_id: subject.unwrap_or_default(),
        grade: grade.unwrap_or_default(),
        coach: coach.unwrap_or_default(),
    };
    let shows = match (global.json, output::is_terminal()) {
        (true, _) => Shows::Json,
        (false, false) => Shows::Lines(BTreeMap::new()),
        (false, true) => Shows::Table(Screen::open(), BTreeMap::new()),
    };
    let mut keys = if matches!(shows, Shows::Table(..)) { Keys::read() } else { Keys::none() };
    tokio::select! {
        broken = follow(global, connection, request, shows, zone) => broken,
        () = keys.ended() => Ok(()),
    }
}

/// What is known of lessons, by start and key.
type Known = BTreeMap<(i64, i64), pb::LiveLesson>;

/// How the lessons are shown.
enum Shows {
    /// A line of JSON for each piece of news.
    Json,
    /// A line for each lesson of which there is news.
    Lines(Known),
    /// The table of all of them, in place.
    Table(Screen, Known),
}

/// Shows what is new until it cannot be read or written any more. A page that says nothing for
/// longer than servers are silent is dead, whatever cut it: it is opened again, by a connection of
/// its own, and so is one that its server has ended.
async fn follow(
    global: &Global,
    mut connection: Connection,
    request: pb::WatchLessonsRequest,
    mut shows: Shows,
    zone: BusinessTime,
) -> Result<(), Failure> {
    let mut was_open = false;
    let mut sizes = signal(SignalKind::window_change()).ok();
    loop {
        // Without a deadline: it ends when somebody ends it.
        let opened = timeout(DEAD_AFTER, client(&connection).watch_lessons(request.clone())).await;
        let why = match opened {
            Ok(Ok(answer)) => {
                was_open = true;
                let mut news = answer.into_inner();
                let mut is_whole = true;
                loop {
                    let news = tokio::select! {
                        news = timeout(DEAD_AFTER, news.message()) => news,
                        () = resized(&mut sizes) => {
                            shows.draw_again(zone)?;
                            continue;
                        }
                    };
                    match news {
                        Ok(Ok(Some(one))) => {
                            let one = if is_whole { shows.caught_up(one) } else { one };
                            is_whole = false;
                            shows.show(one, zone)?;
                        }
                        Ok(Ok(None)) => break "the server ended the page".to_owned(),
                        Ok(Err(status)) if may_pass(&status) => break status.message().to_owned(),
                        Ok(Err(status)) => return Err(Failure::of("watch", &status)),
                        Err(_silent) => break "nothing was heard of the server".to_owned(),
                    }
                }
            }
            Ok(Err(status)) if was_open && may_pass(&status) => status.message().to_owned(),
            Ok(Err(status)) => return Err(Failure::of("watch", &status)),
            Err(_silent) => "nothing was heard of the server".to_owned(),
        };
        shows.trouble(&format!("{why}; trying again"), zone)?;
        let mut said = String::new();
        connection = loop {
            tokio::time::sleep(AGAIN_AFTER).await;
            match Connection::open(global, READING_S).await {
                Ok(connection) => break connection,
                // Said once, however long it lasts.
                Err(failure) if failure.message() == said => {}
                Err(failure) => {
                    failure.message().clone_into(&mut said);
                    shows.trouble(&format!("{said}; trying again"), zone)?;
                }
            }
        };
    }
}

/// Waits until the terminal has another size; without end where that cannot be seen.
async fn resized(sizes: &mut Option<Signal>) {
    match sizes {
        Some(sizes) => drop(sizes.recv().await),
        None => std::future::pending().await,
    }
}

/// After so much silence a page is dead: servers say something every 20 s.
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// How long to wait before it is opened again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Whether what broke a page may be over by the next try.
fn may_pass(status: &tonic::Status) -> bool {
    use tonic::Code::{Aborted, Cancelled, Internal, Unavailable, Unknown};
    matches!(status.code(), Unavailable | Unknown | Internal | Cancelled | Aborted)
}

impl Shows {
    /// A page begins with everything: what of it is news, and which lessons have ended since the
    /// page before.
    fn caught_up(&self, whole: pb::WatchLessonsResponse) -> pb::WatchLessonsResponse {
        let (Self::Lines(known) | Self::Table(_, known)) = self else { return whole };
        let pb::WatchLessonsResponse { mut lessons, mut removed_lesson_ids } = whole;
        let is_there = |known: &pb::LiveLesson| lessons.iter().any(|one| one.lesson_id == known.lesson_id);
        let gone = known.values().filter(|known| !is_there(known)).map(|known| known.lesson_id);
        removed_lesson_ids.extend(gone);
        lessons.retain(|one| !known.values().any(|known| known == one));
        pb::WatchLessonsResponse { lessons, removed_lesson_ids }
    }

    fn show(&mut self, news: pb::WatchLessonsResponse, zone: BusinessTime) -> Result<(), Failure> {
        let pb::WatchLessonsResponse { lessons, removed_lesson_ids } = news;
        let start = |lesson: &pb::LiveLesson| lesson.start_time.map_or(0, |at| at.seconds);
        let add = |known: &mut Known| -> Vec<pb::LiveLesson> {
            let is_gone = |lesson: &pb::LiveLesson| removed_lesson_ids.contains(&lesson.lesson_id);
            let gone = known.values().filter(|lesson| is_gone(lesson)).cloned().collect();
            known.retain(|_, lesson| !is_gone(lesson));
            known.retain(|_, lesson| !lessons.iter().any(|new| new.lesson_id == lesson.lesson_id));
            known.extend(lessons.iter().map(|one| ((start(one), one.lesson_id), one.clone())));
            gone
        };
        match self {
            Self::Json => {
                let list: Vec<Value> = lessons.iter().map(lesson_json).collect();
                output::print_json(&json!({ "lessons": list, "removed_lesson_ids": removed_lesson_ids }))
            }
            Self::Lines(known) => {
                for one in add(known) {
                    output::print(&format!("ended  {}", cells(&one, zone).join("  ")))?;
                }
                for line in lessons.iter().map(|lesson| cells(lesson, zone).join("  ")) {
                    output::print(&line)?;
                }
                Ok(())
            }
            Self::Table(screen, known) => {
                add(known);
                screen.draw(&table_of(known, zone), "q ends")
            }
        }
    }

    /// The terminal has another size.
    fn draw_again(&self, zone: BusinessTime) -> Result<(), Failure> {
        match self {
            Self::Table(screen, known) => screen.draw(&table_of(known, zone), "q ends"),
            Self::Json | Self::Lines(_) => Ok(()),
        }
    }

    /// Says that nothing new is to be seen at this moment, and why.
    fn trouble(&mut self, why: &str, zone: BusinessTime) -> Result<(), Failure> {
        match self {
            Self::Table(screen, known) => screen.draw(&table_of(known, zone), &format!("{why} · q ends")),
            Self::Json | Self::Lines(_) => {
                output::talk(&format!("watch: {why}"));
                Ok(())
            }
        }
    }
}

/// The lessons that are watched, what is unusual first: of a line that is too wide the end is cut.
fn table_of(known: &Known, zone: BusinessTime) -> String {
    let header = ["START", "END", "UNUSUAL", "COACH", "STUDENTS", "MISSING", "STATE", "TEMPLATE", "CLASS"];
    let rows = known.values().map(|lesson| {
        let [start, end, template, class, state, coach, students, missing, unusual] = cells(lesson, zone);
        let hour = |at: String| at.split(' ').next_back().unwrap_or_default().to_owned();
        [hour(start), hour(end), unusual, coach, students, missing, state, template, class]
    });
    columns(header, rows)
}

fn shown(lessons: &[pb::LiveLesson], zone: BusinessTime) -> String {
    let header = ["START", "END", "TEMPLATE", "CLASS", "STATE", "COACH", "STUDENTS", "MISSING", "UNUSUAL"];
    table(header, lessons.iter().map(|lesson| cells(lesson, zone)))
}

/// `coach-001 since 18:50`, `coach-001 missing since 19:12`.
fn person(one: &pb::LivePerson, zone: BusinessTime) -> String {
    let since = one.since_time.map(|at| {
        let at = crate::domain::time::Instant::from_unix(at.seconds);
        format!(" since {}", zone.local(at).format("%H:%M"))
    });
    let name = &one.user_name;
    match one.r#where() {
        pb::WhereNow::Present => format!("{name} present{}", since.unwrap_or_default()),
        pb::WhereNow::Missing => format!("{name} missing{}", since.unwrap_or_default()),
        pb::WhereNow::OnLeave => format!("{name} on leave"),
        pb::WhereNow::Unspecified => name.clone(),
    }
}

fn troubles(lesson: &pb::LiveLesson) -> Vec<String> {
    lesson.troubles().map(|trouble| word(trouble.as_str_name(), "LESSON_TROUBLE_")).collect()
}

fn state(lesson: &pb::LiveLesson) -> String {
    word(lesson.state().as_str_name(), "LESSON_STATE_")
}

fn cells(lesson: &pb::LiveLesson, zone: BusinessTime) -> [String; 9] {
    let count = |at| lesson.students.iter().filter(|student| student.r#where() == at).count();
    let (present, on_leave) = (count(pb::WhereNow::Present), count(pb::WhereNow::OnLeave));
    let expected = lesson.students.len() - on_leave;
    let missing = lesson.students.iter().filter(|student| student.r#where() == pb::WhereNow::Missing);
    let missing: Vec<String> = missing.map(|student| person(student, zone).replace(" missing", "")).collect();
    [
        shown_time(zone, lesson.start_time),
        shown_time(zone, lesson.end_time),
        lesson.class_template.clone(),
        lesson.class_id.to_string(),
        state(lesson),
        lesson.coach.as_ref().map(|coach| person(coach, zone)).unwrap_or_default(),
        format!("{present} of {expected}"),
        missing.join(", "),
        troubles(lesson).join(", "),
    ]
}

fn lesson_json(lesson: &pb::LiveLesson) -> Value {
    let person = |one: &pb::LivePerson| {
        let at = match one.r#where() {
            pb::WhereNow::Unspecified => Value::Null,
            at => Value::String(word(at.as_str_name(), "WHERE_NOW_")),
        };
        json!({ "user_name": one.user_name, "where": at, "since_time": json_time(one.since_time) })
    };
    json!({
        "lesson_id": lesson.lesson_id, "class_id": lesson.class_id, "class_template": lesson.class_template,
        "subject_id": lesson.subject_id, "grade": lesson.grade, "day": lesson.day,
        "start_time": json_time(lesson.start_time), "end_time": json_time(lesson.end_time),
        "state": state(lesson), "coach": lesson.coach.as_ref().map(person),
        "students": lesson.students.iter().map(person).collect::<Vec<_>>(), "troubles": troubles(lesson),
    })
}
