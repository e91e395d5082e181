//! `etutorctl timeline`: what happened to one person, and why.

use super::connect::{Connection, READING_S};
use super::exit::Failure;
use super::global::Global;
use super::output::{self, json_time, shown_time, table, word};
use super::value;
use super::when::read;
use crate::domain::time::BusinessTime;
use crate::rpc::pb;
use crate::rpc::pb::TimelineKind::*;
use crate::rpc::pb::monitor_service_client::MonitorServiceClient;
use clap::Args as ClapArgs;
use serde_json::{Value, json};

/// Events of one call.
const PAGE: i32 = 1000;

/// `timeline …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct TimelineArgs {
    /// User name of a coach or student
    #[arg(value_parser = value::name)]
    person: String,
    /// The coach of this name, where a student has it too
    #[arg(long, conflicts_with = "student")]
    coach: bool,
    /// The student of this name
    #[arg(long)]
    student: bool,
    /// Only what happened from then on: YYYY-MM-DD (its 00:00), YYYY-MM-DDTHH:MM, or an RFC 3339
    /// instant
    #[arg(long, value_name = "WHEN", value_parser = value::name)]
    from: Option<String>,
    /// Only what happened before
    #[arg(long, value_name = "WHEN", value_parser = value::name)]
    to: Option<String>,
}

/// Prints what happened, the latest last.
pub(super) async fn run(global: &Global, args: TimelineArgs) -> Result<(), Failure> {
    let TimelineArgs { person, coach, student, from, to } = args;
    let connection = Connection::open(global, READING_S).await?;
    let zone = connection.zone().await?;
    let instant = |text: Option<String>| {
        let at = text.map(|text| read("timeline", &text, zone)).transpose()?;
        Ok::<_, Failure>(at.map(|at| prost_types::Timestamp { seconds: at.unix(), nanos: 0 }))
    };
    let audience = match (coach, student) {
        (true, _) => pb::Audience::Coach,
        (_, true) => pb::Audience::Student,
        _ => pb::Audience::Unspecified,
    };
    let mut request = pb::ListTimelineRequest {
        person,
        audience: audience.into(),
        from_time: instant(from)?,
        to_time: instant(to)?,
        page_size: PAGE,
        page_token: String::new(),
    };
    let client = MonitorServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(crate::rpc::MAX_RESPONSE_BYTES);
    let (mut events, mut audience) = (Vec::new(), pb::Audience::Unspecified);
    loop {
        let mut client = client.clone();
        let call = async move |request| client.list_timeline(request).await;
        let answer = connection.call("timeline", request.clone(), call).await?;
        audience = pb::Audience::try_from(answer.audience).unwrap_or(audience);
        events.extend(answer.events);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    if global.json {
        let list: Vec<Value> = events.iter().map(event_json).collect();
        let audience = word(audience.as_str_name(), "AUDIENCE_");
        return output::print_json(
            &json!({ "person": request.person, "audience": audience, "events": list }),
        );
    }
    let rows = events.iter().map(|event| {
        let text = if event.kind() == Message { event.text.clone() } else { String::new() };
        [shown_time(zone, event.time), what(event, zone), about(event), by(event), why(event), text]
    });
    output::print(&table(["TIME", "WHAT", "ABOUT", "BY", "WHY", "TEXT"], rows))
}

/// What happened, in few words.
fn what(event: &pb::TimelineEvent, zone: BusinessTime) -> String {
    let pb::TimelineEvent { what, state, text, .. } = event;
    let until = |before: &str| match event.until_time {
        None => String::new(),
        at => format!("{before}{}", shown_time(zone, at)),
    };
    let more = |mark: &str| if text.is_empty() { String::new() } else { format!("{mark}{text}") };
    match event.kind() {
        Places => format!("{what} ({text} place)"),
        SignedUp => format!("signed up, now {state}"),
        WaitlistJoined => format!("joins the waiting list, now {state}"),
        WaitlistEnded => "no longer on the waiting list".to_owned(),
        StatusChanged => format!("status {text} → {what}"),
        Blocked if text.is_empty() => format!("kept from {}", from_what(what)),
        Blocked => format!("kept from {text}"),
        Unblocked if text.is_empty() => format!("no longer kept from {}", from_what(what)),
        Unblocked => format!("no longer kept from {text}"),
        MakeUpOwed => format!("a lesson is owed ({what}), now {state}"),
        MakeUpAnswered => format!("says {what} to a make-up"),
        MakeUpSettled => format!("the lesson is owed no more: {what}"),
        VacancyOpened if what == "CONTINUE" => {
            format!("the class is to go on, now {state}{}", more(": ended by "))
        }
        VacancyOpened => {
            format!("somebody is wanted in the coach's place ({what}), now {state}{}", more(": ended by "))
        }
        Invited => format!("to be asked ({what}), now {state}"),
        InvitationSent => format!("asked{}", until(", to answer by ")),
        Answered => format!("says {what}, now {state}{}", until("; software test by ")),
        SoftwareTest => format!("software test {what}{}", more(": not ")),
        InvitationEnded => format!("the invitation ends: {what}"),
        ClassFormed => "class formed".to_owned(),
        VacancyFilled if what == "CONTINUE" => "the class goes on".to_owned(),
        VacancyFilled => format!("the lessons are taught {text} ({what})"),
        ClassJoined => "first lesson in the class".to_owned(),
        ClassLeft => "last lesson in the class".to_owned(),
        Present => format!("present{}, {state}", until(" until ")),
        NotOnTime => format!("not there when the lesson began: {text}{}", until("; somebody teaches since ")),
        Attendance => format!("lesson {state}: {what}{}", more(", ")),
        Message => format!("message {what}, {state}{}", until(" ")),
        Unspecified => what.clone(),
    }
}

/// From what a coach is kept, where it is no student.
fn from_what(what: &str) -> &'static str {
    if what == "CLASS" { "the class" } else { "being invited" }
}

/// What it is about.
fn about(event: &pb::TimelineEvent) -> String {
    let id = |name: &str, id: i64| (id != 0).then(|| format!("{name} {id}"));
    let days = match (event.day.as_str(), event.last_day.as_str()) {
        (first, last) if last.is_empty() || first == last => first.to_owned(),
        (first, last) => format!("{first} – {last}"),
    };
    let parts = [
        Some(event.class_template.clone()).filter(|code| !code.is_empty()),
        Some(days).filter(|days| !days.is_empty()),
        id("sign-up", event.reservation_id),
        id("task", event.task_id),
        id("vacancy", event.vacancy_id),
        id("invitation", event.invitation_id),
        id("class", event.class_id),
        id("lesson", event.lesson_id),
        id("message", event.message_id),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Who did it.
fn by(event: &pb::TimelineEvent) -> String {
    match event.actor_kind() {
        pb::ActorKind::Unspecified => String::new(),
        kind => format!("{} {}", word(kind.as_str_name(), "ACTOR_KIND_").to_lowercase(), event.actor)
            .trim_end()
            .to_owned(),
    }
}

/// The cause that is stored.
fn why(event: &pb::TimelineEvent) -> String {
    let both = [&event.reason, &event.remark];
    both.into_iter().filter(|text| !text.is_empty()).map(String::as_str).collect::<Vec<_>>().join(": ")
}

fn event_json(event: &pb::TimelineEvent) -> Value {
    let pb::TimelineEvent {
        time,
        kind: _,
        what,
        state,
        text,
        until_time,
        class_template,
        day,
        last_day,
        reservation_id,
        class_id,
        lesson_id,
        task_id,
        vacancy_id,
        invitation_id,
        message_id,
        actor_kind: _,
        actor,
        reason,
        remark,
    } = event;
    let actor_kind = match event.actor_kind() {
        pb::ActorKind::Unspecified => Value::Null,
        kind => Value::String(word(kind.as_str_name(), "ACTOR_KIND_")),
    };
    json!({
        "time": json_time(*time), "kind": word(event.kind().as_str_name(), "TIMELINE_KIND_"), "what": what,
        "state": state, "text": text, "until_time": json_time(*until_time),
        "class_template": class_template, "day": day, "last_day": last_day,
        "reservation_id": reservation_id, "class_id": class_id, "lesson_id": lesson_id, "task_id": task_id,
        "vacancy_id": vacancy_id, "invitation_id": invitation_id, "message_id": message_id,
        "actor_kind": actor_kind, "actor": actor, "reason": reason, "remark": remark,
    })
}
