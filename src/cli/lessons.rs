//! `etutorctl lessons` and `etutorctl watch`: what goes on in lessons.

use super::connect::{Connection, READING_S};
use super::exit::{FAILED, Failure};
use super::global::Global;
use super::keys::Keys;
use super::output::{self, json_time, shown_time, table, word};
use super::value;
use crate::domain::time::BusinessTime;
use crate::rpc::pb;
use crate::rpc::pb::monitor_service_client::MonitorServiceClient;
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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

/// Keeps showing the lessons of the next two hours.
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
    let broken = |status| Failure::of("watch", &status);
    // Without a deadline: it ends when somebody ends it.
    let mut news = client(&connection).watch_lessons(request).await.map_err(broken)?.into_inner();
    let is_screen = output::is_terminal() && !global.json;
    let mut keys = if is_screen { Keys::read() } else { Keys::none() };
    let mut all: BTreeMap<(i64, i64), pb::LiveLesson> = BTreeMap::new();
    loop {
        let one = tokio::select! {
            one = news.message() => one.map_err(broken)?,
            () = keys.ended() => return Ok(()),
        };
        let Some(pb::WatchLessonsResponse { lessons, removed_lesson_ids }) = one else {
            return Err(Failure::new(FAILED, "watch: the server ended the page"));
        };
        if global.json {
            let list: Vec<Value> = lessons.iter().map(lesson_json).collect();
            output::print_json(&json!({ "lessons": list, "removed_lesson_ids": removed_lesson_ids }))?;
            continue;
        }
        if !is_screen {
            for line in lessons.iter().map(|lesson| cells(lesson, zone).join("  ")) {
                output::print(&line)?;
            }
            continue;
        }
        all.retain(|_, lesson| !removed_lesson_ids.contains(&lesson.lesson_id));
        let start = |lesson: &pb::LiveLesson| lesson.start_time.map_or(0, |at| at.seconds);
        all.retain(|_, lesson| !lessons.iter().any(|new| new.lesson_id == lesson.lesson_id));
        all.extend(lessons.into_iter().map(|lesson| ((start(&lesson), lesson.lesson_id), lesson)));
        let list: Vec<pb::LiveLesson> = all.values().cloned().collect();
        // From the top of the screen, and nothing below.
        output::print(&format!("\x1b[H\x1b[2J{}\nq ends", shown(&list, zone)))?;
    }
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
