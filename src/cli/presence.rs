//! `etutorctl presence`: who is present now.

use super::connect::{Connection, READING_S};
use super::exit::Failure;
use super::global::Global;
use super::output::{self, json_time, shown_time, table};
use crate::rpc::pb;
use crate::rpc::pb::presence_service_client::PresenceServiceClient;
use clap::Args as ClapArgs;
use serde_json::{Value, json};

/// `presence …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct PresenceArgs {
    /// Only coaches
    #[arg(long, conflicts_with = "students")]
    coaches: bool,
    /// Only students
    #[arg(long)]
    students: bool,
    /// How many at most
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
}

/// Prints who is present.
pub(super) async fn run(global: &Global, args: PresenceArgs) -> Result<(), Failure> {
    let PresenceArgs { coaches, students, limit } = args;
    let connection = Connection::open(global, READING_S).await?;
    let mut client = PresenceServiceClient::new(connection.channel.clone());
    let audience = match (coaches, students) {
        (true, _) => pb::Audience::Coach,
        (_, true) => pb::Audience::Student,
        _ => pb::Audience::Unspecified,
    };
    let request =
        pb::ListPresentRequest { audience: audience.into(), page_size: limit, page_token: String::new() };
    let answer =
        connection.call("presence", request, async move |request| client.list_present(request).await).await?;
    let is_all = answer.next_page_token.is_empty();
    if global.json {
        let list: Vec<Value> = answer.present.iter().map(present_json).collect();
        return output::print_json(&json!({ "present": list, "more": !is_all }));
    }
    let zone = connection.zone().await?;
    let rows = answer.present.iter().map(|one| {
        let (kind, name) = who(one);
        [name.to_owned(), kind.to_owned(), shown_time(zone, one.from_time), shown_time(zone, one.to_time)]
    });
    output::print(&table(["WHO", "KIND", "SINCE", "LAST HEARD"], rows))?;
    if !is_all {
        output::talk(&format!("there are more than {limit}"));
    }
    Ok(())
}

fn who(one: &pb::PresentPerson) -> (&'static str, &str) {
    use pb::present_person::Person;
    match &one.person {
        Some(Person::Coach(name)) => ("coach", name),
        Some(Person::Student(name)) => ("student", name),
        None => ("", ""),
    }
}

fn present_json(one: &pb::PresentPerson) -> Value {
    let (kind, name) = who(one);
    json!({ kind: name, "from_time": json_time(one.from_time), "to_time": json_time(one.to_time) })
}
