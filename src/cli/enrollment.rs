//! `etutorctl enrollment`: how full the lesson days are, as a table with bars, as JSON or as CSV.

use super::connect::{Connection, READING_S};
use super::exit::{FAILED, Failure};
use super::global::Global;
use super::output::{self, json_time, table};
use super::value;
use crate::rpc::pb;
use crate::rpc::pb::place_service_client::PlaceServiceClient;
use clap::Args as ClapArgs;
use serde_json::{Value, json};

/// `enrollment …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct EnrollmentArgs {
    /// First lesson day, YYYY-MM-DD [default: today]
    #[arg(long, value_name = "DAY", value_parser = value::name)]
    from: Option<String>,
    /// Last lesson day, YYYY-MM-DD [default: seven days after the first]
    #[arg(long, value_name = "DAY", value_parser = value::name)]
    to: Option<String>,
    /// Only class templates of this season
    #[arg(long, value_parser = value::name)]
    season: Option<String>,
    /// Only this class template
    #[arg(long, value_parser = value::name)]
    template: Option<String>,
    /// Only class templates of this subject
    #[arg(long, value_name = "SUBJECT_ID", value_parser = value::number)]
    subject: Option<i64>,
    /// Only class templates of this grade, 1 to 12
    #[arg(long, value_parser = value::grade)]
    grade: Option<i32>,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Class templates asked for at once.
const PAGE: i32 = 200;

/// Prints the overview.
pub(super) async fn run(global: &Global, args: EnrollmentArgs) -> Result<(), Failure> {
    let connection = Connection::open(global, READING_S).await?;
    let csv = args.csv;
    let enrollments = fetch(&connection, args).await?;
    if global.json {
        let list: Vec<Value> = enrollments.iter().map(enrollment_json).collect();
        return output::print_json(&json!({ "enrollments": list }));
    }
    let mut rows: Vec<(&pb::Enrollment, &pb::EnrollmentDay)> = enrollments
        .iter()
        .flat_map(|template| template.days.iter().map(move |day| (template, day)))
        .collect();
    // As the days come: staff look at the next one first.
    rows.sort_by_key(|(template, day)| (&day.day, &template.start_time, &template.class_template));
    output::print(&if csv { as_csv(&rows)? } else { as_table(&rows) })
}

async fn fetch(connection: &Connection, args: EnrollmentArgs) -> Result<Vec<pb::Enrollment>, Failure> {
    let EnrollmentArgs { from, to, season, template, subject, grade, csv: _ } = args;
    let mut request = pb::GetEnrollmentOverviewRequest {
        season: season.unwrap_or_default(),
        subject_id: subject.unwrap_or_default(),
        grade: grade.unwrap_or_default(),
        class_template: template.unwrap_or_default(),
        from_day: from.unwrap_or_default(),
        to_day: to.unwrap_or_default(),
        page_size: PAGE,
        page_token: String::new(),
    };
    let mut found = Vec::new();
    loop {
        let mut client = PlaceServiceClient::new(connection.channel.clone())
            .max_decoding_message_size(crate::rpc::MAX_RESPONSE_BYTES);
        let asked = request.clone();
        let answer = connection
            .call("enrollment", asked, async move |request| client.get_enrollment_overview(request).await)
            .await?;
        found.extend(answer.enrollments);
        if answer.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = answer.next_page_token;
    }
}

fn as_table(rows: &[(&pb::Enrollment, &pb::EnrollmentDay)]) -> String {
    let header = [
        "DAY",
        "TIME",
        "TEMPLATE",
        "PLACES",
        "TAKEN",
        "FREE",
        "FILL",
        "CONTINUING",
        "NEW",
        "LAST WEEK",
        "ON LEAVE",
        "HELD",
        "WAITING",
    ];
    let cells = rows.iter().map(|(template, day)| {
        [
            day.day.clone(),
            format!("{}–{}", template.start_time, template.end_time),
            template.class_template.clone(),
            day.places.to_string(),
            day.taken.to_string(),
            day.free.to_string(),
            bar(day.taken, day.places),
            day.continuing.to_string(),
            day.new.to_string(),
            if day.has_last_week { day.last_week.to_string() } else { "–".to_owned() },
            day.on_leave.to_string(),
            day.held.to_string(),
            day.waiting.to_string(),
        ]
    });
    table(header, cells)
}

/// Cells of a bar.
const BAR: usize = 10;

/// `███████░░░  67 %`. A bar is full only when all is taken, and empty only when nothing is.
pub(super) fn bar(taken: i32, places: i32) -> String {
    let (taken, places) = (usize::try_from(taken).unwrap_or(0), usize::try_from(places).unwrap_or(0).max(1));
    let rounded = (taken * BAR + places / 2) / places;
    let filled = match taken {
        0 => 0,
        taken if taken >= places => BAR,
        _ => rounded.clamp(1, BAR - 1),
    };
    format!("{}{} {:>3} %", "█".repeat(filled), "░".repeat(BAR - filled), taken * 100 / places)
}

fn as_csv(rows: &[(&pb::Enrollment, &pb::EnrollmentDay)]) -> Result<String, Failure> {
    let failed = |error: String| Failure::new(FAILED, format!("enrollment: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "day",
        "start_time",
        "end_time",
        "class_template",
        "season",
        "subject_id",
        "grade",
        "places",
        "taken",
        "free",
        "continuing",
        "new",
        "last_week",
        "on_leave",
        "held",
        "waiting",
    ];
    writer.write_record(header).map_err(|error| failed(error.to_string()))?;
    for (template, day) in rows {
        // Codes, days and numbers: nothing that a spreadsheet takes for a formula.
        let record = [
            day.day.clone(),
            template.start_time.clone(),
            template.end_time.clone(),
            template.class_template.clone(),
            template.season.clone(),
            template.subject_id.to_string(),
            template.grade.to_string(),
            day.places.to_string(),
            day.taken.to_string(),
            day.free.to_string(),
            day.continuing.to_string(),
            day.new.to_string(),
            if day.has_last_week { day.last_week.to_string() } else { String::new() },
            day.on_leave.to_string(),
            day.held.to_string(),
            day.waiting.to_string(),
        ];
        writer.write_record(record).map_err(|error| failed(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

fn enrollment_json(enrollment: &pb::Enrollment) -> Value {
    let pb::Enrollment { class_template, subject_id, grade, season, start_time, end_time, days } = enrollment;
    let days: Vec<Value> = days
        .iter()
        .map(|day| {
            json!({
                "day": day.day, "start_time": json_time(day.start_time), "places": day.places,
                "taken": day.taken, "free": day.free,
                "continuing": day.continuing, "new": day.new,
                "last_week": day.has_last_week.then_some(day.last_week),
                "on_leave": day.on_leave, "held": day.held, "waiting": day.waiting,
            })
        })
        .collect();
    json!({
        "class_template": class_template, "subject_id": subject_id, "grade": grade, "season": season,
        "period": { "start_time": start_time, "end_time": end_time }, "days": days,
    })
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn a_bar_is_full_only_when_all_is_taken_and_empty_only_when_nothing_is() {
        assert_eq!(bar(0, 6), "░░░░░░░░░░   0 %");
        assert_eq!(bar(4, 6), "███████░░░  66 %");
        assert_eq!(bar(1, 1000), "█░░░░░░░░░   0 %");
        assert_eq!(bar(999, 1000), "█████████░  99 %");
        assert_eq!(bar(6, 6), "██████████ 100 %");
        assert_eq!(bar(-1, 0), "░░░░░░░░░░   0 %");
    }
}
