//! `etutorctl places`: the ledger that explains the places of a lesson day.

use super::connect::{Connection, READING_S};
use super::exit::Failure;
use super::global::Global;
use super::output::{self, json_time, shown_time, table, word};
use super::value;
use crate::rpc::pb;
use crate::rpc::pb::place_service_client::PlaceServiceClient;
use clap::Subcommand;
use serde_json::{Value, json};

/// `places …`
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Places {
    /// Explain how many places of a lesson day are taken: every change, and whether counter,
    /// reservations and ledger agree
    Explain {
        /// Code of the class template
        #[arg(value_parser = value::name)]
        template: String,
        /// The lesson day, YYYY-MM-DD
        #[arg(value_parser = value::name)]
        day: String,
    },
}

/// Rows of the ledger asked for at once.
const PAGE: i32 = 1000;

/// Prints what is asked for.
pub(super) async fn run(global: &Global, command: Places) -> Result<(), Failure> {
    let Places::Explain { template, day } = command;
    let connection = Connection::open(global, READING_S).await?;
    let explained = fetch(&connection, &template, &day).await?;
    if global.json {
        return output::print_json(&explained_json(&template, &day, &explained));
    }
    let zone = connection.zone().await?;
    let mut total = 0_i64;
    let rows = explained.changes.iter().map(|change| {
        total += i64::from(change.delta);
        [
            shown_time(zone, change.change_time),
            word(change.cause().as_str_name(), "PLACE_CAUSE_"),
            format!("{:+}", change.delta),
            total.to_string(),
            if change.reservation_id == 0 { String::new() } else { change.reservation_id.to_string() },
            format!("{} – {}", change.first_day, change.last_day),
            change.actor.clone(),
            change.remark.clone(),
            change.request_id.clone(),
        ]
    });
    let mut text =
        table(["TIME", "CAUSE", "CHANGE", "TAKEN", "RESERVATION", "DAYS", "WHO", "REMARK", "REQUEST"], rows);
    text.push_str("\n\n");
    text.push_str(&verdict(&template, &day, &explained));
    output::print(&text)
}

async fn fetch(
    connection: &Connection,
    template: &str,
    day: &str,
) -> Result<pb::ExplainPlacesResponse, Failure> {
    let mut changes = Vec::new();
    let mut request = pb::ExplainPlacesRequest {
        class_template: template.to_owned(),
        day: day.to_owned(),
        page_size: PAGE,
        page_token: String::new(),
    };
    loop {
        let mut client = PlaceServiceClient::new(connection.channel.clone());
        let asked = request.clone();
        let mut answer = connection
            .call("places explain", asked, async move |request| client.explain_places(request).await)
            .await?;
        changes.append(&mut answer.changes);
        if answer.next_page_token.is_empty() {
            return Ok(pb::ExplainPlacesResponse { changes, ..answer });
        }
        request.page_token = answer.next_page_token;
    }
}

/// Whether the three agree.
fn agree(explained: &pb::ExplainPlacesResponse) -> bool {
    explained.taken == explained.counted && explained.taken == explained.ledger_sum
}

/// `sat on 2026-03-14: 5 of 12 places are taken; counter, reservations and ledger agree`.
fn verdict(template: &str, day: &str, explained: &pb::ExplainPlacesResponse) -> String {
    let pb::ExplainPlacesResponse { capacity, taken, counted, ledger_sum, .. } = explained;
    let told = format!("{template} on {day}: {taken} of {capacity} places are taken");
    if agree(explained) {
        format!("{told}; counter, reservations and ledger agree")
    } else {
        format!(
            "{told} by the counter, {counted} by the reservations, {ledger_sum} by the ledger: they DIFFER, \
             see `etutorctl clazz init_place`"
        )
    }
}

fn explained_json(template: &str, day: &str, explained: &pb::ExplainPlacesResponse) -> Value {
    let changes: Vec<Value> = explained
        .changes
        .iter()
        .map(|change| {
            json!({
                "place_change_id": change.place_change_id, "change_time": json_time(change.change_time),
                "cause": word(change.cause().as_str_name(), "PLACE_CAUSE_"), "delta": change.delta,
                "reservation_id": change.reservation_id, "actor": change.actor, "remark": change.remark,
                "request_id": change.request_id, "first_day": change.first_day, "last_day": change.last_day,
            })
        })
        .collect();
    json!({
        "class_template": template, "day": day, "capacity": explained.capacity, "taken": explained.taken,
        "counted": explained.counted,
        "ledger_sum": explained.ledger_sum, "agree": agree(explained), "changes": changes,
    })
}
