//! Fires a scheduled task and prints its report.

use super::connect::{Connection, WORKING_S};
use super::exit::{FAILED, Failure};
use super::global::{Global, Tick};
use super::output::{self, json_time, shown_time, word};
use crate::domain::time::BusinessTime;
use crate::rpc::pb;
use crate::rpc::pb::task_service_client::TaskServiceClient;
use crate::task::registry::{Argument, Task};
use serde_json::{Value, json};

/// Fires a task and prints its report: as JSON, for a person, or not at all when a crontab's firing
/// went well.
pub(super) async fn run(global: &Global, task: Task, when: Option<&str>) -> Result<(), Failure> {
    let connection = Connection::open(global, WORKING_S).await?;
    let report = fire(&connection, task, global.tick, when.unwrap_or_default()).await?;
    let failed = has_failed(&report);
    let work = if failed {
        Err(Failure::new(FAILED, format!("{}: {} failed", task.words(), report.failed)))
    } else {
        Ok(())
    };
    let output = if global.json {
        output::print_json(&json(&report))
    } else if global.verbose || failed || global.tick.is_none() || output::is_terminal() {
        connection.zone().await.and_then(|zone| output::print(&text(&report, zone)))
    } else {
        Ok(())
    };
    // Whoever reads the report may have gone; what failed has failed all the same.
    Failure::of_work_and(work, output)
}

/// Whether a person must look at it. A firing that did nothing has not failed: whoever ran the tick
/// was told.
fn has_failed(report: &pb::TaskReport) -> bool {
    report.failed > 0 && !report.already_done
}

macro_rules! call {
    ($connection:ident, $task:ident, $method:ident, $request:expr) => {{
        let mut client = TaskServiceClient::new($connection.channel.clone());
        $connection
            .call($task.words(), $request, async move |request| client.$method(request).await)
            .await?
            .report
    }};
}

async fn fire(
    connection: &Connection,
    task: Task,
    tick: Option<Tick>,
    when: &str,
) -> Result<pb::TaskReport, Failure> {
    // A day is what these tasks are about; anything else is the time to act at.
    let is_day = task.info().argument == Argument::ClassDay && !when.contains('T');
    let (day, when) =
        if is_day { (when.to_owned(), String::new()) } else { (String::new(), when.to_owned()) };
    let tick = tick.map(|tick| match tick {
        Tick::Now => pb::firing::Tick::TickNow(true),
        Tick::At(seconds) => pb::firing::Tick::TickAt(prost_types::Timestamp { seconds, nanos: 0 }),
    });
    let firing = Some(pb::Firing { tick, when });
    let report = match task {
        Task::InviteCreate => {
            call!(connection, task, create_class_tasks, pb::CreateClassTasksRequest { firing, day })
        }
        Task::InviteExec => {
            call!(connection, task, send_invitations, pb::SendInvitationsRequest { firing, day })
        }
        Task::InviteCheck => {
            call!(connection, task, check_invitations, pb::CheckInvitationsRequest { firing, day })
        }
        Task::InviteNotifyTest => {
            call!(connection, task, notify_software_tests, pb::NotifySoftwareTestsRequest { firing })
        }
        Task::InviteNotifyClass => {
            call!(connection, task, notify_unstaffed_classes, pb::NotifyUnstaffedClassesRequest { firing })
        }
        Task::ClazzCheckOnTime => {
            call!(connection, task, check_coaches_on_time, pb::CheckCoachesOnTimeRequest { firing })
        }
        Task::ClazzAutoChangeCoach => {
            call!(connection, task, start_due_coach_changes, pb::StartDueCoachChangesRequest { firing })
        }
        Task::ClazzCompleteCoachChanges => {
            call!(connection, task, complete_coach_changes, pb::CompleteCoachChangesRequest { firing })
        }
        Task::MessagePurge => call!(connection, task, purge_messages, pb::PurgeMessagesRequest { firing }),
        Task::SmsSend => call!(connection, task, send_sms, pb::SendSmsRequest { firing }),
        Task::ClazzInitPlace => call!(connection, task, init_places, pb::InitPlacesRequest { firing }),
        Task::ClazzRemoveExpiredStudents => {
            call!(connection, task, remove_expired_students, pb::RemoveExpiredStudentsRequest { firing })
        }
        Task::ClazzFreeAvailableTime => {
            call!(connection, task, free_availability, pb::FreeAvailabilityRequest { firing })
        }
        Task::ClazzCorrectCoachStatus => {
            call!(connection, task, correct_coach_status, pb::CorrectCoachStatusRequest { firing })
        }
        Task::ClazzAssignStudents => {
            call!(connection, task, assign_students, pb::AssignStudentsRequest { firing })
        }
        Task::ClazzMorningNotify => {
            call!(connection, task, notify_morning_classes, pb::NotifyMorningClassesRequest { firing })
        }
        Task::ClazzNotMorningNotify => {
            call!(connection, task, notify_upcoming_classes, pb::NotifyUpcomingClassesRequest { firing })
        }
        Task::ClazzOfferPlaces => call!(connection, task, offer_places, pb::OfferPlacesRequest { firing }),
        Task::MonitorNotifyDisconnect => {
            call!(
                connection,
                task,
                notify_disconnected_coaches,
                pb::NotifyDisconnectedCoachesRequest { firing }
            )
        }
        Task::MonitorNotifyEmpty => {
            call!(connection, task, notify_empty_lessons, pb::NotifyEmptyLessonsRequest { firing })
        }
        Task::ClazzCloseEnded => {
            call!(connection, task, close_ended_classes, pb::CloseEndedClassesRequest { firing })
        }
    };
    report.ok_or_else(|| {
        Failure::new(FAILED, format!("{}: the server's answer contains no report", task.words()))
    })
}

/// A report for a program.
pub(super) fn json(report: &pb::TaskReport) -> Value {
    let pb::TaskReport {
        run_id,
        task,
        logical_time,
        tick_time,
        already_done,
        state: _,
        examined,
        changed,
        skipped,
        failed,
        messages,
        notes,
        start_time,
        end_time,
        error,
        host,
    } = report;
    // Sorted, so that the same report is always the same text.
    let skipped: std::collections::BTreeMap<_, _> = skipped.iter().collect();
    json!({
        "task": task, "state": state(report), "already_done": already_done,
        "examined": examined, "changed": changed, "skipped": skipped, "failed": failed, "messages": messages,
        "notes": notes,
        "logical_time": json_time(*logical_time), "tick_time": json_time(*tick_time),
        "start_time": json_time(*start_time), "end_time": json_time(*end_time),
        "run_id": run_id, "error": error, "host": host,
    })
}

/// The state of a run, as a word.
pub(super) fn state(report: &pb::TaskReport) -> String {
    word(report.state().as_str_name(), "TASK_RUN_STATE_")
}

/// Reasons and counts, `SAME_CITY 3, SPACING 1`.
pub(super) fn skipped(report: &pb::TaskReport) -> String {
    let mut reasons: Vec<String> =
        report.skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    reasons.sort();
    reasons.join(", ")
}

fn text(report: &pb::TaskReport, zone: BusinessTime) -> String {
    let done = match (report.already_done, report.state()) {
        (true, pb::TaskRunState::Running) => "is running already",
        (true, _) => "was done already",
        (false, _) => "done",
    };
    let mut text = format!("{} {done}, as of {}\n", report.task, shown_time(zone, report.logical_time));
    let pb::TaskReport { examined, changed, messages, failed, .. } = report;
    text.push_str(&format!(
        "  examined {examined}, changed {changed}, messages {messages}, failed {failed}\n"
    ));
    if !report.skipped.is_empty() {
        text.push_str(&format!("  skipped: {}\n", skipped(report)));
    }
    for note in &report.notes {
        text.push_str(&format!("  {note}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_with_failures_fails_once() {
        let report = |failed, already_done| pb::TaskReport { failed, already_done, ..Default::default() };
        assert!(has_failed(&report(1, false)));
        assert!(!has_failed(&report(1, true)) && !has_failed(&report(0, false)));
    }

    #[test]
    fn a_report_reads_well() {
        let mut report = pb::TaskReport {
            task: "invite exec".to_owned(),
            examined: 3,
            changed: 2,
            messages: 4,
            ..Default::default()
        };
        report.logical_time = Some(prost_types::Timestamp { seconds: 1_788_220_800, nanos: 0 });
        report.skipped = [("SPACING".to_owned(), 1), ("SAME_CITY".to_owned(), 3)].into();
        report.notes = vec!["one note".to_owned()];
        assert_eq!(
            text(&report, BusinessTime::new(chrono_tz::Asia::Shanghai)),
            "invite exec done, as of 2026-09-01 08:00\n  examined 3, changed 2, messages 4, failed 0\n  \
             skipped: SAME_CITY 3, SPACING 1\n  one note\n"
        );
    }
}
