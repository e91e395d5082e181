//! `etutorctl openings`: what can be signed up for.

use super::connect::{Connection, READING_S};
use super::exit::Failure;
use super::global::Global;
use super::output::{self, json_time, table, word};
use super::value;
use crate::rpc::pb;
use crate::rpc::pb::opening_service_client::OpeningServiceClient;
use clap::{ArgGroup, Args as ClapArgs};
use serde_json::{Value, json};

/// `openings …`
#[derive(Clone, Debug, ClapArgs)]
#[command(group(ArgGroup::new("whom").required(true).multiple(true).args(["student", "grade"])))]
pub(super) struct OpeningArgs {
    /// For this student, by user name
    #[arg(long, value_parser = value::name)]
    student: Option<String>,
    /// For this grade, 1 to 12
    #[arg(long, value_parser = value::grade)]
    grade: Option<i32>,
    /// Only class templates of this subject
    #[arg(long, value_name = "SUBJECT_ID", value_parser = value::number)]
    subject: Option<i64>,
    /// Only class templates of this season [default: all present and future seasons]
    #[arg(long, value_parser = value::name)]
    season: Option<String>,
    /// The desired first day, YYYY-MM-DD [default: today]
    #[arg(long, value_name = "DAY", value_parser = value::name)]
    from: Option<String>,
    /// The last day to look at, YYYY-MM-DD [default: 60 days after the first]
    #[arg(long, value_name = "DAY", value_parser = value::name)]
    to: Option<String>,
    /// How many class templates at most
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
}

/// Prints the openings.
pub(super) async fn run(global: &Global, args: OpeningArgs) -> Result<(), Failure> {
    let OpeningArgs { student, grade, subject, season, from, to, limit } = args;
    let connection = Connection::open(global, READING_S).await?;
    let mut client = OpeningServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(crate::rpc::MAX_RESPONSE_BYTES);
    let request = pb::ListOpeningsRequest {
        student: student.unwrap_or_default(),
        grade: grade.unwrap_or_default(),
        subject_id: subject.unwrap_or_default(),
        season: season.unwrap_or_default(),
        from_day: from.unwrap_or_default(),
        to_day: to.unwrap_or_default(),
        page_size: limit,
        page_token: String::new(),
    };
    let answer = connection
        .call("openings", request, async move |request| client.list_openings(request).await)
        .await?;
    if global.json {
        let list: Vec<Value> = answer.openings.iter().map(opening_json).collect();
        return output::print_json(&json!({ "openings": list }));
    }
    let rows = answer.openings.iter().map(|opening| {
        let possible = opening.days.iter().filter(|day| day.reason() == pb::ErrorReason::Unspecified);
        let free = possible.clone().map(|day| day.free).min();
        let classes = opening
            .classes
            .iter()
            .map(|class| format!("{} {} ({})", class.class_id, class.coach, class.free_seats));
        [
            opening.class_template.clone(),
            opening.subject_id.to_string(),
            opening.season.clone(),
            format!("{}–{}", opening.start_time, opening.end_time),
            opening.recurrence.clone(),
            opening.first_possible_day.clone(),
            format!("{} of {}", possible.count(), opening.days.len()),
            free.map(|free| free.to_string()).unwrap_or_default(),
            opening.waiting.to_string(),
            classes.collect::<Vec<_>>().join(", "),
            why_not(opening),
        ]
    });
    let header = [
        "TEMPLATE",
        "SUBJECT",
        "SEASON",
        "TIME",
        "RECURRENCE",
        "FIRST",
        "DAYS",
        "FREE",
        "WAITING",
        "CLASSES (FREE SEATS)",
        "WHY NOT",
    ];
    output::print(&table(header, rows))
}

/// `2 TOO_LATE, 1 PLACES_EXHAUSTED`: why sign-ups cannot start on the other days.
fn why_not(opening: &pb::Opening) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for reason in opening
        .days
        .iter()
        .map(pb::OpeningDay::reason)
        .filter(|reason| *reason != pb::ErrorReason::Unspecified)
    {
        let name = reason.as_str_name();
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    counts
        .iter()
        .map(|(name, count)| format!("{count} {}", word(name, "ERROR_REASON_")))
        .collect::<Vec<_>>()
        .join(", ")
}

fn opening_json(opening: &pb::Opening) -> Value {
    let reason = |day: &pb::OpeningDay| match day.reason() {
        pb::ErrorReason::Unspecified => Value::Null,
        reason => Value::String(word(reason.as_str_name(), "ERROR_REASON_")),
    };
    let days: Vec<Value> = opening
        .days
        .iter()
        .map(|day| {
            json!({
                "day": day.day, "start_time": json_time(day.start_time), "end_time": json_time(day.end_time),
                "capacity": day.capacity,
                "free": day.free, "reason": reason(day),
            })
        })
        .collect();
    let classes: Vec<Value> = opening
        .classes
        .iter()
        .map(|class| {
            let pb::OpeningClass { class_id, coach, first_day, last_day, free_seats } = class;
            json!({ "class_id": class_id, "coach": coach, "first_day": first_day, "last_day": last_day,
            "free_seats": free_seats })
        })
        .collect();
    json!({
        "class_template": opening.class_template, "subject_id": opening.subject_id, "grade": opening.grade,
        "season": opening.season,
        "period": { "start_time": opening.start_time, "end_time": opening.end_time },
        "recurrence": opening.recurrence,
        "first_possible_day": (!opening.first_possible_day.is_empty()).then_some(&opening.first_possible_day),
        "waiting": opening.waiting, "days": days, "classes": classes,
    })
}
