//! `etutorctl makeup`: lessons that are owed to students.

use super::connect::{Connection, READING_S, WORKING_S};
use super::exit::Failure;
use super::global::Global;
use super::output::{self, json_time, shown_time, table, word};
use super::value;
use crate::domain::time::BusinessTime;
use crate::rpc::pb;
use crate::rpc::pb::make_up_service_client::MakeUpServiceClient;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// Make-ups of one call.
const PAGE: i32 = 500;

/// `makeup …`
#[derive(Clone, Debug, Subcommand)]
pub(super) enum MakeUp {
    /// Lessons that are, or were, owed to students, because one of theirs was not held
    List(ListArgs),
    /// Plan a day on which lessons of a class are made up, and ask everybody to whom one is owed
    Schedule {
        /// The class whose lessons are made up, by its number
        #[arg(value_parser = value::number)]
        class: i64,
        /// The day on which they are made up, YYYY-MM-DD, at least today + 4
        #[arg(value_parser = value::name)]
        day: String,
        /// The period of that day, by its code in the season of the class
        #[arg(value_parser = value::name)]
        period: String,
        /// The day of a lesson that was not held; may be given more than once
        #[arg(long, value_name = "DAY", required = true, value_parser = value::name)]
        lesson: Vec<String>,
        /// Who plans it: your name
        #[arg(long, value_name = "NAME", value_parser = value::name)]
        operator: String,
        /// Why
        #[arg(long, value_parser = value::name)]
        remark: String,
    },
    /// Answer for a student whether to come to a make-up
    Answer {
        /// The make-up, by the number that `makeup list` shows
        #[arg(value_parser = value::number)]
        id: i64,
        /// Whether the student comes
        #[arg(value_enum)]
        answer: Answer,
        /// Who answers for the student: your name [default: as the student]
        #[arg(long, value_name = "NAME", value_parser = value::name)]
        operator: Option<String>,
        /// Why
        #[arg(long, value_parser = value::name)]
        remark: Option<String>,
    },
    /// Waive lessons that are owed
    Waive {
        /// The make-ups, by the numbers that `makeup list` shows
        #[arg(required = true, value_parser = value::number)]
        id: Vec<i64>,
        /// Who waives them: your name
        #[arg(long, value_name = "NAME", value_parser = value::name)]
        operator: String,
        /// Why
        #[arg(long, value_parser = value::name)]
        remark: String,
    },
}

/// `makeup list …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct ListArgs {
    /// Only of lessons of this class, by its number
    #[arg(long, value_name = "CLASS_ID", value_parser = value::number)]
    class: Option<i64>,
    /// Only of lessons of classes of this class template, by its code
    #[arg(long, value_parser = value::name)]
    template: Option<String>,
    /// Only owed to this student, by user name
    #[arg(long, value_parser = value::name)]
    student: Option<String>,
    /// Only in this state; may be given more than once
    #[arg(long)]
    state: Vec<State>,
}

/// Whether a student comes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Answer {
    Yes,
    No,
}

impl From<Answer> for pb::MakeUpAnswer {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Yes => Self::Yes,
            Answer::No => Self::No,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Owed,
    Offered,
    Accepted,
    MadeUp,
    Waived,
    Returned,
}

impl From<State> for pb::MakeUpState {
    fn from(state: State) -> Self {
        match state {
            State::Owed => Self::Owed,
            State::Offered => Self::Offered,
            State::Accepted => Self::Accepted,
            State::MadeUp => Self::MadeUp,
            State::Waived => Self::Waived,
            State::Returned => Self::Returned,
        }
    }
}

fn client(connection: &Connection) -> MakeUpServiceClient<super::wire::Line> {
    MakeUpServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(crate::rpc::MAX_RESPONSE_BYTES)
}

/// Lists, plans, answers and waives make-ups, and prints them.
pub(super) async fn run(global: &Global, command: MakeUp) -> Result<(), Failure> {
    match command {
        MakeUp::List(args) => {
            let connection = Connection::open(global, READING_S).await?;
            let found = list(&connection, args).await?;
            print(global, &connection, &found).await
        }
        MakeUp::Schedule { class, day, period, lesson, operator, remark } => {
            let connection = Connection::open(global, WORKING_S).await?;
            let mut client = client(&connection);
            let request = pb::ScheduleMakeUpRequest {
                class_id: class,
                lesson_days: lesson,
                day,
                period,
                operator,
                remark,
                // Asked again, nobody is offered anything twice.
                request_id: String::new(),
            };
            let call = async move |request| client.schedule_make_up(request).await;
            let answer = connection.call("makeup schedule", request, call).await?;
            for student in &answer.busy_students {
                output::talk(&format!("{student} has another lesson at that time, and is not asked"));
            }
            print(global, &connection, &answer.make_ups).await
        }
        MakeUp::Answer { id, answer, operator, remark } => {
            let connection = Connection::open(global, WORKING_S).await?;
            let mut client = client(&connection);
            let answer = pb::MakeUpAnswer::from(answer).into();
            let request = pb::AnswerMakeUpRequest {
                make_up_id: id,
                answer,
                operator: operator.unwrap_or_default(),
                remark: remark.unwrap_or_default(),
            };
            let call = async move |request| client.answer_make_up(request).await;
            let answered = connection.call("makeup answer", request, call).await?.make_up;
            print(global, &connection, &Vec::from_iter(answered)).await
        }
        MakeUp::Waive { id, operator, remark } => {
            let connection = Connection::open(global, WORKING_S).await?;
            let mut waived = Vec::new();
            for make_up_id in id {
                let mut client = client(&connection);
                let (operator, remark) = (operator.clone(), remark.clone());
                let request = pb::WaiveMakeUpRequest { make_up_id, operator, remark };
                let call = async move |request| client.waive_make_up(request).await;
                waived.extend(connection.call("makeup waive", request, call).await?.make_up);
            }
            print(global, &connection, &waived).await
        }
    }
}

async fn list(connection: &Connection, args: ListArgs) -> Result<Vec<pb::MakeUp>, Failure> {
    let ListArgs { class, template, student, state } = args;
    let mut request = pb::ListMakeUpsRequest {
        class_id: class.unwrap_or_default(),
        class_template: template.unwrap_or_default(),
        student: student.unwrap_or_default(),
        states: state.into_iter().map(|state| pb::MakeUpState::from(state).into()).collect(),
        page_size: PAGE,
        page_token: String::new(),
    };
    let mut found = Vec::new();
    loop {
        let mut client = client(connection);
        let call = async move |request| client.list_make_ups(request).await;
        let answer = connection.call("makeup list", request.clone(), call).await?;
        found.extend(answer.make_ups);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return Ok(found);
        }
    }
}

async fn print(global: &Global, connection: &Connection, found: &[pb::MakeUp]) -> Result<(), Failure> {
    if global.json {
        let list: Vec<Value> = found.iter().map(make_up_json).collect();
        return output::print_json(&json!({ "make_ups": list }));
    }
    let zone = connection.zone().await?;
    let header =
        ["ID", "STUDENT", "TEMPLATE", "CLASS", "LESSON", "CAUSE", "STATE", "OFFERED", "ANSWER BY", "REMARK"];
    output::print(&table(header, found.iter().map(|one| cells(one, zone))))
}

fn cause(one: &pb::MakeUp) -> String {
    word(one.cause().as_str_name(), "MAKE_UP_CAUSE_")
}

fn state(one: &pb::MakeUp) -> String {
    word(one.state().as_str_name(), "MAKE_UP_STATE_")
}

fn cells(one: &pb::MakeUp, zone: BusinessTime) -> [String; 10] {
    let remark =
        if one.operator.is_empty() { String::new() } else { format!("{}: {}", one.operator, one.remark) };
    [
        one.make_up_id.to_string(),
        one.student.clone(),
        one.class_template.clone(),
        one.class_id.to_string(),
        shown_time(zone, one.start_time),
        cause(one),
        state(one),
        shown_time(zone, one.offered_start_time),
        shown_time(zone, one.answer_time),
        remark,
    ]
}

fn make_up_json(one: &pb::MakeUp) -> Value {
    json!({
        "make_up_id": one.make_up_id, "student": one.student, "class_id": one.class_id,
        "class_template": one.class_template, "lesson_id": one.lesson_id, "day": one.day,
        "start_time": json_time(one.start_time),
        "lesson_state": word(one.lesson_state().as_str_name(), "LESSON_STATE_"),
        "cause": cause(one), "state": state(one), "owed_time": json_time(one.owed_time),
        "settle_time": json_time(one.settle_time), "operator": one.operator, "remark": one.remark,
        "offered_template": one.offered_template, "offered_day": one.offered_day,
        "offered_start_time": json_time(one.offered_start_time), "answer_time": json_time(one.answer_time),
        "reservation_id": one.reservation_id,
    })
}
