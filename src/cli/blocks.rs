//! `etutorctl coach block`, `unblock` and `blocks`: whom coaches are kept from.

use super::connect::{Connection, READING_S, WORKING_S};
use super::exit::Failure;
use super::global::Global;
use super::output::{self, json_time, shown_time, table};
use super::value;
use crate::rpc::pb;
use crate::rpc::pb::coach_service_client::CoachServiceClient;
use clap::Args as ClapArgs;
use serde_json::{Value, json};

/// `coach block …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct BlockArgs {
    /// User name of the coach
    #[arg(value_parser = value::name)]
    coach: String,
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    by: By,
}

/// What the coach is kept from: one of them.
#[derive(Clone, Debug, ClapArgs)]
#[group(required = true, multiple = false)]
struct From {
    /// Keep the coach from this student, by user name
    #[arg(long, value_name = "STUDENT", value_parser = value::name)]
    student: Option<String>,
    /// Keep the coach from this class, by its number
    #[arg(long, value_name = "CLASS", value_parser = value::number)]
    class: Option<i64>,
    /// Keep the coach from being invited at all
    #[arg(long)]
    all: bool,
}

/// Who does it, and why.
#[derive(Clone, Debug, ClapArgs)]
struct By {
    /// Who does it: your name
    #[arg(long, value_name = "NAME", value_parser = value::name)]
    operator: String,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = value::name)]
    remark: String,
}

/// `coach unblock …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct UnblockArgs {
    /// The block, by its number: see `coach blocks`
    #[arg(value_parser = value::number)]
    block: i64,
    #[command(flatten)]
    by: By,
}

/// `coach blocks …`
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct BlocksArgs {
    /// Only of this coach
    #[arg(value_parser = value::name)]
    coach: Option<String>,
    /// Only with this student
    #[arg(long, value_name = "STUDENT", value_parser = value::name)]
    student: Option<String>,
    /// Only with this class
    #[arg(long, value_name = "CLASS", value_parser = value::number)]
    class: Option<i64>,
    /// Those that were removed, too
    #[arg(long)]
    removed: bool,
}

/// Blocks asked for at once.
const PAGE: i32 = 1000;

/// Sets a block, and prints it with the classes that it concerns.
pub(super) async fn block(global: &Global, args: BlockArgs) -> Result<(), Failure> {
    let BlockArgs { coach, from: From { student, class, all: _ }, by } = args;
    let connection = Connection::open(global, WORKING_S).await?;
    let mut client = CoachServiceClient::new(connection.channel.clone());
    let request = pb::SetBlockRequest {
        coach,
        student: student.unwrap_or_default(),
        class_id: class.unwrap_or_default(),
        operator: by.operator,
        remark: by.remark,
        // The same block again changes nothing: a retry is safe.
        request_id: String::new(),
    };
    let answer =
        connection.call("coach block", request, async move |request| client.set_block(request).await).await?;
    let block = answer.block.unwrap_or_default();
    if global.json {
        let mut shown = block_json(&block);
        shown["class_ids"] = json!(answer.class_ids);
        return output::print_json(&shown);
    }
    let mut text = shown(&connection, &[block]).await?;
    if !answer.class_ids.is_empty() {
        let ids: Vec<String> = answer.class_ids.iter().map(i64::to_string).collect();
        text.push_str("\n\nThe coach keeps the lessons ahead in: class ");
        text.push_str(&ids.join(", "));
        text.push_str(". A coach change takes them away.");
    }
    output::print(&text)
}

/// Removes a block, and prints it.
pub(super) async fn unblock(global: &Global, args: UnblockArgs) -> Result<(), Failure> {
    let UnblockArgs { block, by } = args;
    let connection = Connection::open(global, WORKING_S).await?;
    let mut client = CoachServiceClient::new(connection.channel.clone());
    let request = pb::RemoveBlockRequest { block_id: block, operator: by.operator, remark: by.remark };
    let answer = connection
        .call("coach unblock", request, async move |request| client.remove_block(request).await)
        .await?;
    print(global, &connection, &[answer.block.unwrap_or_default()]).await
}

/// Prints the blocks there are.
pub(super) async fn list(global: &Global, args: BlocksArgs) -> Result<(), Failure> {
    let BlocksArgs { coach, student, class, removed } = args;
    let connection = Connection::open(global, READING_S).await?;
    let mut blocks = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListBlocksRequest {
            coach: coach.clone().unwrap_or_default(),
            student: student.clone().unwrap_or_default(),
            class_id: class.unwrap_or_default(),
            include_removed: removed,
            page_size: PAGE,
            page_token,
        };
        let mut client = CoachServiceClient::new(connection.channel.clone());
        let answer = connection
            .call("coach blocks", request, async move |request| client.list_blocks(request).await)
            .await?;
        blocks.extend(answer.blocks);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return print(global, &connection, &blocks).await;
        }
    }
}

async fn print(global: &Global, connection: &Connection, blocks: &[pb::Block]) -> Result<(), Failure> {
    if global.json {
        let blocks: Vec<Value> = blocks.iter().map(block_json).collect();
        return output::print_json(&json!({ "blocks": blocks }));
    }
    output::print(&shown(connection, blocks).await?)
}

async fn shown(connection: &Connection, blocks: &[pb::Block]) -> Result<String, Failure> {
    let zone = connection.zone().await?;
    let rows = blocks.iter().map(|block| {
        let from = match (block.student.as_str(), block.class_id) {
            ("", 0) => "everything".to_owned(),
            ("", class) => format!("class {class}"),
            (student, _) => student.to_owned(),
        };
        let removed = match block.removed_by.as_str() {
            "" => String::new(),
            by => format!("{} {by}: {}", shown_time(zone, block.remove_time), block.removal_remark),
        };
        [
            block.block_id.to_string(),
            block.coach.clone(),
            from,
            shown_time(zone, block.set_time),
            block.operator.clone(),
            block.remark.clone(),
            removed,
        ]
    });
    Ok(table(["BLOCK", "COACH", "FROM", "SET", "WHO", "WHY", "REMOVED"], rows))
}

fn block_json(block: &pb::Block) -> Value {
    let or_null = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
    json!({
        "block_id": block.block_id,
        "coach": block.coach,
        "student": or_null(&block.student),
        "class_id": (block.class_id != 0).then_some(block.class_id),
        "operator": block.operator,
        "remark": block.remark,
        "set_time": json_time(block.set_time),
        "removed_by": or_null(&block.removed_by),
        "removal_remark": or_null(&block.removal_remark),
        "remove_time": json_time(block.remove_time),
    })
}
