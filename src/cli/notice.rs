//! `etutorctl notice`: staff tell the people of a class something in their own words.

use super::connect::{Connection, WORKING_S};
use super::exit::Failure;
use super::global::Global;
use super::output::{self, table, word};
use super::value;
use crate::rpc::pb;
use crate::rpc::pb::class_service_client::ClassServiceClient;
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Value, json};

/// `notice …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct NoticeArgs {
    /// The class, by its number: see `class_id` of ListClasses
    #[arg(value_parser = value::number)]
    class: i64,
    /// What to say; the sign of the service is added. At most 3 SMS parts
    #[arg(value_parser = value::name)]
    text: String,
    /// To whom
    #[arg(long, value_name = "WHOM", value_enum, default_value_t = Whom::Both)]
    to: Whom,
    /// Who sends it: your name
    #[arg(long, value_name = "NAME", value_parser = value::name)]
    operator: String,
    /// Only show to whom it would go, without sending anything
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Whom {
    /// Whoever teaches its lessons
    Coach,
    /// Its students
    Students,
    /// Coach and students
    Both,
}

/// Sends it, and prints to whom.
pub(super) async fn run(global: &Global, args: NoticeArgs) -> Result<(), Failure> {
    let NoticeArgs { class, text, to, operator, check } = args;
    let connection = Connection::open(global, WORKING_S).await?;
    let mut client = ClassServiceClient::new(connection.channel.clone());
    let audiences = match to {
        Whom::Coach => vec![pb::Audience::Coach],
        Whom::Students => vec![pb::Audience::Student],
        Whom::Both => vec![pb::Audience::Coach, pb::Audience::Student],
    };
    let request = pb::SendNoticeRequest {
        class_id: class,
        audiences: audiences.into_iter().map(i32::from).collect(),
        text,
        operator,
        // The same text goes to nobody twice a day: sending it again is safe.
        request_id: String::new(),
        validate_only: check,
    };
    let answer =
        connection.call("notice", request, async move |request| client.send_notice(request).await).await?;
    if global.json {
        return output::print_json(&answer_json(&answer, check));
    }
    let rows = answer.recipients.iter().map(|one| {
        let note = match (one.opted_out, one.told_before) {
            (true, _) => "wants no messages",
            (_, true) => "has it already",
            _ => "",
        };
        [one.user_name.clone(), kind(one).to_lowercase(), note.to_owned()]
    });
    let mut shown = table(["WHO", "KIND", "NOTE"], rows);
    shown.push_str(&format!("\n\n{}\n{}", answer.body, summary(&answer, check)));
    output::print(&shown)
}

fn kind(one: &pb::NoticeRecipient) -> String {
    word(one.audience().as_str_name(), "AUDIENCE_")
}

fn is_sent(one: &&pb::NoticeRecipient) -> bool {
    !one.told_before && !one.opted_out
}

/// `3 people get it, 2 SMS parts each`.
fn summary(answer: &pb::SendNoticeResponse, check: bool) -> String {
    let people = answer.recipients.iter().filter(is_sent).count();
    let (who, verb) = if people == 1 { ("person", "gets") } else { ("people", "get") };
    let verb = if check { "would get" } else { verb };
    let parts = if answer.sms_parts == 1 { "part" } else { "parts" };
    format!("{people} {who} {verb} it, {} SMS {parts} each", answer.sms_parts)
}

fn answer_json(answer: &pb::SendNoticeResponse, check: bool) -> Value {
    let people: Vec<Value> = answer
        .recipients
        .iter()
        .map(|one| {
            json!({ "user_name": one.user_name, "audience": kind(one), "told_before": one.told_before,
                    "opted_out": one.opted_out })
        })
        .collect();
    json!({ "sent": !check, "recipients": people, "body": answer.body, "sms_parts": answer.sms_parts })
}
