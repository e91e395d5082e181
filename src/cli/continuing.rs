//! `etutorctl continuation`: classes that go on past their last day.

use super::connect::{Connection, READING_S, WORKING_S};
use super::exit::Failure;
use super::global::Global;
use super::output::{self, json_time, shown_time, table, word};
use super::value::{name, number};
use crate::domain::time::BusinessTime;
use crate::rpc::pb;
use crate::rpc::pb::continuation_service_client::ContinuationServiceClient;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// Continuations of one call.
const PAGE: i32 = 500;

/// `continuation …`
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Continuation {
    /// Classes that go on, or were to, with what their students say
    List(ListArgs),
    /// Ask the coach of a class whether to go on with it; then its students are offered the places
    Start(StartArgs),
    /// End it before the class goes on
    Cancel {
        /// The continuation, by the number that `continuation list` shows
        #[arg(value_parser = number)]
        id: i64,
        /// Who ends it: your name
        #[arg(long, value_name = "NAME", value_parser = name)]
        operator: String,
        /// Why
        #[arg(long, value_parser = name)]
        remark: String,
    },
}

/// `continuation list …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct ListArgs {
    /// Only of this class, by its number
    #[arg(long, value_name = "CLASS_ID", value_parser = number)]
    class: Option<i64>,
    /// Only of classes of this coach, by user name
    #[arg(long, value_parser = name)]
    coach: Option<String>,
    /// Only in this state; may be given more than once
    #[arg(long)]
    state: Vec<State>,
}

/// `continuation start …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct StartArgs {
    /// The class, by its number
    #[arg(value_parser = number)]
    class: i64,
    /// The last day on which it is to have a lesson, YYYY-MM-DD
    #[arg(value_parser = name)]
    last_day: String,
    /// The first such day [default: the first lesson day after its last lesson]
    #[arg(long, value_name = "DAY", value_parser = name)]
    first_day: Option<String>,
    /// The class template of another season in which it goes on [default: its own]
    #[arg(long, value_name = "CODE", value_parser = name)]
    template: Option<String>,
    /// A sign-up without a class for which it goes on, by its number; may be given more than once
    /// [default: it goes on for its students]
    #[arg(long, value_name = "SIGN_UP", value_parser = number)]
    newcomer: Vec<i64>,
    #[command(flatten)]
    by: By,
    /// Why; needed with --operator
    #[arg(long, required_unless_present = "coach", value_parser = name)]
    remark: Option<String>,
}

/// Who wants it: one of them.
#[derive(Clone, Debug, ClapArgs)]
#[group(required = true, multiple = false)]
struct By {
    /// Who starts it: your name
    #[arg(long, value_name = "NAME", value_parser = name)]
    operator: Option<String>,
    /// The coach of the class, by user name, who wants to go on, and is asked no more
    #[arg(long, value_name = "COACH", value_parser = name)]
    coach: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Pending,
    Inviting,
    Covered,
    Formed,
    Failed,
    Cancelled,
}

impl From<State> for pb::ClassTaskState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Inviting => Self::Inviting,
            State::Covered => Self::Covered,
            State::Formed => Self::Formed,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

fn client(connection: &Connection) -> ContinuationServiceClient<super::wire::Line> {
    ContinuationServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(crate::rpc::MAX_RESPONSE_BYTES)
}

/// Lists, starts and ends continuations, and prints them.
pub(super) async fn run(global: &Global, command: Continuation) -> Result<(), Failure> {
    match command {
        Continuation::List(args) => {
            let connection = Connection::open(global, READING_S).await?;
            let found = list(&connection, args).await?;
            print(global, &connection, &found).await
        }
        Continuation::Start(args) => {
            let StartArgs { class, last_day, first_day, template, newcomer, by, remark } = args;
            let connection = Connection::open(global, WORKING_S).await?;
            let mut client = client(&connection);
            let request = pb::ContinueClassRequest {
                class_id: class,
                last_day,
                first_day: first_day.unwrap_or_default(),
                class_template: template.unwrap_or_default(),
                reservation_ids: newcomer,
                operator: by.operator.unwrap_or_default(),
                remark: remark.unwrap_or_default(),
                coach: by.coach.unwrap_or_default(),
                // Asked again, it is refused because it was started.
                request_id: String::new(),
            };
            let call = async move |request| client.continue_class(request).await;
            let started = connection.call("continuation start", request, call).await?.continuation;
            print(global, &connection, &Vec::from_iter(started)).await
        }
        Continuation::Cancel { id, operator, remark } => {
            let connection = Connection::open(global, WORKING_S).await?;
            let mut client = client(&connection);
            let request = pb::CancelContinuationRequest { continuation_id: id, operator, remark };
            let call = async move |request| client.cancel_continuation(request).await;
            let ended = connection.call("continuation cancel", request, call).await?.continuation;
            print(global, &connection, &Vec::from_iter(ended)).await
        }
    }
}

async fn list(connection: &Connection, args: ListArgs) -> Result<Vec<pb::Continuation>, Failure> {
    let ListArgs { class, coach, state } = args;
    let mut request = pb::ListContinuationsRequest {
        class_id: class.unwrap_or_default(),
        coach: coach.unwrap_or_default(),
        states: state.into_iter().map(|state| pb::ClassTaskState::from(state).into()).collect(),
        page_size: PAGE,
        page_token: String::new(),
    };
    let mut found = Vec::new();
    loop {
        let mut client = client(connection);
        let call = async move |request| client.list_continuations(request).await;
        let answer = connection.call("continuation list", request.clone(), call).await?;
        found.extend(answer.continuations);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return Ok(found);
        }
    }
}

async fn print(global: &Global, connection: &Connection, found: &[pb::Continuation]) -> Result<(), Failure> {
    if global.json {
        let list: Vec<Value> = found.iter().map(continuation_json).collect();
        return output::print_json(&json!({ "continuations": list }));
    }
    let zone = connection.zone().await?;
    let header = [
        "ID",
        "CLASS",
        "TEMPLATE",
        "FROM",
        "UNTIL",
        "LESSONS",
        "STATE",
        "COACH",
        "COACH SAYS",
        "YES BY",
        "STUDENTS",
        "REMARK",
    ];
    output::print(&table(header, found.iter().map(|one| cells(one, zone))))
}

fn state(one: &pb::Continuation) -> String {
    word(one.state().as_str_name(), "CLASS_TASK_STATE_")
}

fn coach_says(one: &pb::Continuation) -> String {
    if one.invitation_id == 0 {
        return String::new();
    }
    word(one.invitation_state().as_str_name(), "INVITATION_STATE_")
}

/// `3 OFFERED, 2 PLACED`: what became of the seats.
fn seats(one: &pb::Continuation) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for seat in &one.seats {
        *counts.entry(word(seat.state().as_str_name(), "RESERVATION_STATE_")).or_insert(0) += 1;
    }
    counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}

fn cells(one: &pb::Continuation, zone: BusinessTime) -> [String; 12] {
    let remark = if one.remark.is_empty() {
        one.operator.clone()
    } else {
        format!("{}: {}", one.operator, one.remark)
    };
    [
        one.continuation_id.to_string(),
        one.class_id.to_string(),
        one.class_template.clone(),
        one.days.first().cloned().unwrap_or_default(),
        one.days.last().cloned().unwrap_or_default(),
        one.days.len().to_string(),
        state(one),
        one.coach.clone(),
        coach_says(one),
        shown_time(zone, one.close_time),
        seats(one),
        remark,
    ]
}

fn continuation_json(one: &pb::Continuation) -> Value {
    let seats: Vec<Value> = one
        .seats
        .iter()
        .map(|seat| {
            json!({
                "student": seat.student, "reservation_id": seat.reservation_id,
                "state": word(seat.state().as_str_name(), "RESERVATION_STATE_"),
                "newcomer": seat.newcomer, "expire_time": json_time(seat.expire_time),
            })
        })
        .collect();
    json!({
        "continuation_id": one.continuation_id, "class_id": one.class_id,
        "next_class_id": one.next_class_id, "class_template": one.class_template, "days": one.days,
        "state": state(one), "coach": one.coach, "invitation_id": one.invitation_id,
        "invitation_state": coach_says(one), "close_time": json_time(one.close_time),
        "fill_time": json_time(one.fill_time), "seats": seats, "operator": one.operator,
        "remark": one.remark, "end_operator": one.end_operator, "end_remark": one.end_remark,
        "create_time": json_time(one.create_time),
    })
}
