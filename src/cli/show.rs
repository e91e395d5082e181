//! Commands that show scheduled tasks, their runs, class tasks and messages.

use super::args::{ClassTask, Messages};
use super::connect::{Connection, READING_S};
use super::exit::Failure;
use super::fire;
use super::global::Global;
use super::output::{self, json_time, shown_time, table, word};
use crate::rpc::pb;
use crate::rpc::pb::message_service_client::MessageServiceClient;
use crate::rpc::pb::staffing_service_client::StaffingServiceClient;
use crate::rpc::pb::task_service_client::TaskServiceClient;
use serde_json::{Value, json};

/// The scheduled tasks and their last runs.
pub(super) async fn tasks(global: &Global) -> Result<(), Failure> {
    let connection = Connection::open(global, READING_S).await?;
    let mut client = TaskServiceClient::new(connection.channel.clone());
    let answer = connection
        .call("tasks", pb::ListTasksRequest {}, async move |request| client.list_tasks(request).await)
        .await?;
    if global.json {
        let list: Vec<Value> = answer.tasks.iter().map(task_json).collect();
        return output::print_json(&json!({ "tasks": list }));
    }
    let zone = connection.zone().await?;
    let rows = answer.tasks.into_iter().map(|task| {
        let (state, at) = match &task.last_run {
            Some(run) => (fire::state(run), shown_time(zone, run.logical_time)),
            None => ("never ran".to_owned(), String::new()),
        };
        let schedule = task.schedules.join("; ");
        [task.name, schedule, task.window, state, at, task.after_outage, task.useless_after, task.description]
    });
    let header = [
        "TASK",
        "SCHEDULE",
        "WINDOW",
        "LAST RUN",
        "AS OF",
        "AFTER AN OUTAGE",
        "USELESS AFTER",
        "WHAT IT DOES",
    ];
    output::print(&table(header, rows))
}

fn task_json(task: &pb::Task) -> Value {
    let pb::Task {
        name,
        command,
        schedules,
        description,
        rpc,
        last_run,
        after_outage,
        useless_after,
        window,
    } = task;
    json!({
        "name": name, "command": command, "schedules": schedules, "description": description, "rpc": rpc,
        "after_outage": after_outage, "useless_after": useless_after, "window": window,
        "last_run": last_run.as_ref().map(fire::json),
    })
}

/// What the scheduled tasks did.
pub(super) async fn runs(global: &Global, words: Vec<String>, limit: i32) -> Result<(), Failure> {
    let connection = Connection::open(global, READING_S).await?;
    let mut client = TaskServiceClient::new(connection.channel.clone());
    let request = pb::ListTaskRunsRequest { task: words.join(" "), page_size: limit, ..Default::default() };
    let answer =
        connection.call("runs", request, async move |request| client.list_task_runs(request).await).await?;
    if global.json {
        let list: Vec<Value> = answer.runs.iter().map(fire::json).collect();
        return output::print_json(&json!({ "runs": list }));
    }
    let zone = connection.zone().await?;
    let rows = answer.runs.iter().map(|run| {
        let details = if run.error.is_empty() { fire::skipped(run) } else { run.error.clone() };
        [
            run.run_id.to_string(),
            run.task.clone(),
            fire::state(run),
            shown_time(zone, run.logical_time),
            shown_time(zone, run.tick_time),
            run.examined.to_string(),
            run.changed.to_string(),
            run.messages.to_string(),
            run.failed.to_string(),
            details,
        ]
    });
    let header = [
        "RUN",
        "TASK",
        "STATE",
        "AS OF",
        "TICK",
        "EXAMINED",
        "CHANGED",
        "MESSAGES",
        "FAILED",
        "SKIPPED OR ERROR",
    ];
    output::print(&table(header, rows))
}

/// Class tasks.
pub(super) async fn class_tasks(global: &Global, command: ClassTask) -> Result<(), Failure> {
    let connection = Connection::open(global, READING_S).await?;
    let mut client = StaffingServiceClient::new(connection.channel.clone());
    let (tasks, invitations) = match command {
        ClassTask::List { day, limit } => {
            let day = day.unwrap_or_default();
            let request = pb::ListClassTasksRequest {
                from_day: day.clone(),
                to_day: day,
                page_size: limit,
                ..Default::default()
            };
            let answer = connection
                .call("task list", request, async move |request| client.list_class_tasks(request).await)
                .await?;
            (answer.class_tasks, None)
        }
        ClassTask::Show { template, day } => {
            let request = pb::GetClassTaskRequest { task_id: 0, class_template: template, day };
            let answer = connection
                .call("task show", request, async move |request| client.get_class_task(request).await)
                .await?;
            (answer.class_task.into_iter().collect(), Some(answer.invitations))
        }
    };
    if global.json {
        let list: Vec<Value> = tasks.iter().map(class_task_json).collect();
        return output::print_json(&match invitations {
            Some(invitations) => {
                json!({ "class_task": list.first(),
                "invitations": invitations.iter().map(invitation_json).collect::<Vec<_>>() })
            }
            None => json!({ "class_tasks": list }),
        });
    }
    let zone = connection.zone().await?;
    let rows = tasks.iter().map(|task| {
        [
            task.day.clone(),
            task.class_template.clone(),
            word(task.state().as_str_name(), "CLASS_TASK_STATE_"),
            shown_time(zone, task.start_time),
            shown_time(zone, task.freeze_time),
            task.students.to_string(),
            task.needed.to_string(),
            (task.ready + task.assigned).to_string(),
            task.accepted.to_string(),
            task.live.to_string(),
            task.reserve.to_string(),
        ]
    });
    let header = [
        "DAY", "TEMPLATE", "STATE", "STARTS", "FREEZE", "STUDENTS", "NEEDED", "READY", "ACCEPTED", "LIVE",
        "RESERVE",
    ];
    let mut text = table(header, rows);
    if let Some(invitations) = invitations {
        let rows = invitations.iter().map(|invitation| {
            [
                invitation.invitation_id.to_string(),
                invitation.coach.clone(),
                word(invitation.kind().as_str_name(), "INVITATION_KIND_"),
                word(invitation.state().as_str_name(), "INVITATION_STATE_"),
                shown_time(zone, invitation.sent_time),
                shown_time(zone, invitation.expire_time),
                shown_time(zone, invitation.answer_time),
                shown_time(zone, invitation.test_deadline_time),
                invitation.reason.clone(),
            ]
        });
        text.push_str("\n\n");
        text.push_str(&table(
            ["INVITATION", "COACH", "KIND", "STATE", "SENT", "EXPIRES", "ANSWERED", "TEST UNTIL", "REASON"],
            rows,
        ));
    }
    output::print(&text)
}

fn class_task_json(task: &pb::ClassTask) -> Value {
    json!({
        "task_id": task.task_id, "class_template": task.class_template, "day": task.day,
        "state": word(task.state().as_str_name(), "CLASS_TASK_STATE_"),
        "start_time": json_time(task.start_time), "gate_time": json_time(task.gate_time),
        "freeze_time": json_time(task.freeze_time),
        "close_time": json_time(task.close_time), "create_time": json_time(task.create_time),
        "reopened": task.reopened,
        "students": task.students, "needed": task.needed, "ready": task.ready, "accepted": task.accepted,
        "assigned": task.assigned,
        "live": task.live, "reserve": task.reserve, "missing": task.missing, "uncovered": task.uncovered,
    })
}

fn invitation_json(invitation: &pb::Invitation) -> Value {
    json!({
        "invitation_id": invitation.invitation_id, "coach": invitation.coach,
        "kind": word(invitation.kind().as_str_name(), "INVITATION_KIND_"),
        "state": word(invitation.state().as_str_name(), "INVITATION_STATE_"),
        "queue_time": json_time(invitation.queue_time), "sent_time": json_time(invitation.sent_time),
        "expire_time": json_time(invitation.expire_time), "answer_time": json_time(invitation.answer_time),
        "test_deadline_time": json_time(invitation.test_deadline_time),
        "end_time": json_time(invitation.end_time),
        "class_id": invitation.class_id, "reason": invitation.reason, "operator": invitation.operator,
        "remark": invitation.remark,
    })
}

/// Messages.
pub(super) async fn messages(global: &Global, filter: Messages) -> Result<(), Failure> {
    let connection = Connection::open(global, READING_S).await?;
    let mut client = MessageServiceClient::new(connection.channel.clone());
    let request = pb::ListMessagesRequest {
        person: filter.person.unwrap_or_default(),
        task_id: filter.task.unwrap_or_default(),
        page_size: filter.limit,
        ..Default::default()
    };
    let answer = connection
        .call("messages", request, async move |request| client.list_messages(request).await)
        .await?;
    if global.json {
        let list: Vec<Value> = answer.messages.iter().map(message_json).collect();
        return output::print_json(&json!({ "messages": list }));
    }
    let zone = connection.zone().await?;
    let rows = answer.messages.iter().map(|message| {
        [
            message.message_id.to_string(),
            shown_time(zone, message.create_time),
            word(message.kind().as_str_name(), "MESSAGE_KIND_"),
            message.person.clone(),
            word(message.state().as_str_name(), "MESSAGE_STATE_"),
            shown_time(zone, message.hand_over_time),
            message.body.clone(),
        ]
    });
    output::print(&table(["MESSAGE", "WRITTEN", "KIND", "PERSON", "STATE", "HANDED OVER", "TEXT"], rows))
}

fn message_json(message: &pb::Message) -> Value {
    // Without the address: a list that is passed on should not hold the numbers of people.
    json!({
        "message_id": message.message_id, "dedup_key": message.dedup_key,
        "kind": word(message.kind().as_str_name(), "MESSAGE_KIND_"),
        "channel": word(message.channel().as_str_name(), "CHANNEL_"),
        "audience": word(message.audience().as_str_name(), "AUDIENCE_"),
        "person": message.person, "subject": message.subject, "body": message.body,
        "state": word(message.state().as_str_name(), "MESSAGE_STATE_"), "task_id": message.task_id,
        "invitation_id": message.invitation_id, "class_id": message.class_id,
        "create_time": json_time(message.create_time),
        "due_time": json_time(message.due_time), "valid_until_time": json_time(message.valid_until_time),
        "hand_over_time": json_time(message.hand_over_time), "settle_time": json_time(message.settle_time),
        "attempts": message.attempts, "error": message.error,
    })
}
