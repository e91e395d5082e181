//! `etutorctl attendance`: who came to lessons.

use super::connect::{Connection, READING_S};
use super::exit::{FAILED, Failure};
use super::global::Global;
use super::output::{self, json_time, shown_time, table, word};
use super::value;
use crate::domain::time::BusinessTime;
use crate::rpc::pb;
use crate::rpc::pb::monitor_service_client::MonitorServiceClient;
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Lessons of one call.
const PAGE: i32 = 500;

/// `attendance …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct AttendanceArgs {
    /// The first day, YYYY-MM-DD [default: today]
    #[arg(value_name = "DAY", value_parser = value::name)]
    from: Option<String>,
    /// The last day, YYYY-MM-DD [default: the first]
    #[arg(long, value_name = "DAY", value_parser = value::name)]
    to: Option<String>,
    /// Only lessons of this class template
    #[arg(long, value_parser = value::name)]
    template: Option<String>,
    /// Only lessons of this class
    #[arg(long, value_name = "CLASS_ID", value_parser = value::number)]
    class: Option<i64>,
    /// Only lessons that this coach teaches, by user name
    #[arg(long, value_parser = value::name)]
    coach: Option<String>,
    /// Only this student, by user name
    #[arg(long, value_parser = value::name)]
    student: Option<String>,
    /// Write CSV for a spreadsheet to this file; - is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    csv: Option<PathBuf>,
}

/// Prints who came.
pub(super) async fn run(global: &Global, args: AttendanceArgs) -> Result<(), Failure> {
    let AttendanceArgs { from, to, template, class, coach, student, csv } = args;
    let connection = Connection::open(global, READING_S).await?;
    let client = MonitorServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(crate::rpc::MAX_RESPONSE_BYTES);
    let mut request = pb::ListAttendanceRequest {
        from_day: from.unwrap_or_default(),
        to_day: to.unwrap_or_default(),
        class_template: template.unwrap_or_default(),
        class_id: class.unwrap_or_default(),
        coach: coach.unwrap_or_default(),
        student: student.unwrap_or_default(),
        page_size: PAGE,
        page_token: String::new(),
    };
    let mut lessons = Vec::new();
    loop {
        let mut client = client.clone();
        let call = async move |request| client.list_attendance(request).await;
        let answer = connection.call("attendance", request.clone(), call).await?;
        lessons.extend(answer.lessons);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let rows = || lessons.iter().flat_map(|lesson| lesson.people.iter().map(move |person| (lesson, person)));
    if let Some(file) = csv {
        return write_csv(&file, rows(), connection.zone().await?);
    }
    if global.json {
        let list: Vec<Value> = rows().map(|(lesson, person)| attendance_json(lesson, person)).collect();
        return output::print_json(&json!({ "attendance": list }));
    }
    let zone = connection.zone().await?;
    output::print(&table(HEADER, rows().map(|(lesson, person)| cells(lesson, person, zone))))
}

const HEADER: [&str; 11] = [
    "START",
    "END",
    "TEMPLATE",
    "CLASS",
    "LESSON",
    "KIND",
    "WHO",
    "ATTENDANCE",
    "FIRST SEEN",
    "LAST SEEN",
    "LATE, LEFT EARLY",
];

fn who(person: &pb::Attendance) -> (&'static str, &str) {
    match &person.person {
        Some(pb::attendance::Person::Coach(name)) => ("coach", name),
        Some(pb::attendance::Person::Student(name)) => ("student", name),
        None => ("", ""),
    }
}

fn said(person: &pb::Attendance) -> String {
    word(person.state().as_str_name(), "ATTENDANCE_STATE_")
}

fn state(lesson: &pb::LessonAttendance) -> String {
    word(lesson.state().as_str_name(), "LESSON_STATE_")
}

/// Whole minutes of a span, cut off.
fn minutes(span: Option<prost_types::Duration>) -> i64 {
    span.map_or(0, |span| span.seconds / 60)
}

/// Seconds of a span.
fn seconds(span: Option<prost_types::Duration>) -> i64 {
    span.map_or(0, |span| span.seconds)
}

/// `3 min late, 10 min early`; less than a minute is not worth telling.
fn irregular(person: &pb::Attendance) -> String {
    let said = |minutes: i64, what: &str| (minutes > 0).then(|| format!("{minutes} min {what}"));
    let all = [said(minutes(person.late), "late"), said(minutes(person.left_early), "early")];
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn cells(lesson: &pb::LessonAttendance, person: &pb::Attendance, zone: BusinessTime) -> [String; 11] {
    let (kind, name) = who(person);
    [
        shown_time(zone, lesson.start_time),
        shown_time(zone, lesson.end_time),
        lesson.class_template.clone(),
        lesson.class_id.to_string(),
        state(lesson),
        kind.to_owned(),
        name.to_owned(),
        said(person),
        shown_time(zone, person.first_time),
        shown_time(zone, person.last_time),
        irregular(person),
    ]
}

fn attendance_json(lesson: &pb::LessonAttendance, person: &pb::Attendance) -> Value {
    let (kind, name) = who(person);
    json!({
        "lesson_id": lesson.lesson_id, "class_id": lesson.class_id, "class_template": lesson.class_template,
        "day": lesson.day, "start_time": json_time(lesson.start_time), "end_time": json_time(lesson.end_time),
        "lesson_state": state(lesson), "kind": kind, "person": name, "attendance": said(person),
        "first_time": json_time(person.first_time), "last_time": json_time(person.last_time),
        "late_s": seconds(person.late), "left_early_s": seconds(person.left_early),
    })
}

/// Writes CSV: UTF-8 with a byte order mark, by which Excel knows it.
fn write_csv<'a>(
    file: &Path,
    rows: impl Iterator<Item = (&'a pb::LessonAttendance, &'a pb::Attendance)>,
    zone: BusinessTime,
) -> Result<(), Failure> {
    let failed =
        |error: String| Failure::new(FAILED, format!("attendance: --csv {}: {error}", file.display()));
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(b"\xef\xbb\xbf".to_vec());
    let header = [
        "day",
        "start_time",
        "end_time",
        "class_template",
        "class_id",
        "lesson_state",
        "kind",
        "person",
        "attendance",
        "first_seen",
        "last_seen",
        "late_min",
        "left_early_min",
    ];
    writer.write_record(header).map_err(|error| failed(error.to_string()))?;
    for (lesson, person) in rows {
        let (kind, name) = who(person);
        // Codes, user names, times and numbers: nothing that a spreadsheet takes for a formula.
        let record = [
            lesson.day.clone(),
            shown_time(zone, lesson.start_time),
            shown_time(zone, lesson.end_time),
            lesson.class_template.clone(),
            lesson.class_id.to_string(),
            state(lesson),
            kind.to_owned(),
            name.to_owned(),
            said(person),
            shown_time(zone, person.first_time),
            shown_time(zone, person.last_time),
            minutes(person.late).to_string(),
            minutes(person.left_early).to_string(),
        ];
        writer.write_record(&record).map_err(|error| failed(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    if file.as_os_str() == "-" {
        let text = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
        return output::print(&text);
    }
    std::fs::write(file, bytes).map_err(|error| failed(error.to_string()))
}
