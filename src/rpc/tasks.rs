//! The gRPC service `TaskService`: one RPC per scheduled task, and the runs.

use super::{convert, pb};
use crate::app::App;
use crate::app::clock::LATEST;
use crate::domain::calendar::parse_day;
use crate::domain::rules::Rules;
use crate::domain::time::{BusinessTime, Instant, Window};
use crate::error::{Error, Result};
use crate::task::list;
use crate::task::registry::Task;
use crate::task::runner::{Firing, Outcome, Tick, fire};
use chrono::{DateTime, NaiveDateTime};
use tonic::{Request, Response, Status};

/// The scheduled tasks: one RPC each, and what they did.
#[derive(Clone, Debug)]
pub struct TaskRpc {
    app: App,
}

impl TaskRpc {
    /// The service of an application.
    pub fn new(app: App) -> Self {
        Self { app }
    }

    async fn fire(
        &self,
        task: Task,
        firing: Option<pb::Firing>,
        day: &str,
    ) -> Result<Option<pb::TaskReport>> {
        let firing = firing_of(firing.unwrap_or_default(), day, self.app.time())?;
        let outcome = fire(&self.app, task, firing).await?;
        Ok(Some(report(outcome)))
    }
}

/// The methods that fire a task: all alike, but with messages of their own. `day` where the request
/// has one.
macro_rules! fires {
    ($($method:ident($request:ident $(, $day:ident)?) -> $response:ident = $task:ident;)+) => {
        #[tonic::async_trait]
        impl pb::task_service_server::TaskService for TaskRpc {
            $(async fn $method(
                &self, request: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                let pb::$request { firing $(, $day)? } = request.into_inner();
                let day = fires!(@day $($day)?);
                let report = self.fire(Task::$task, firing, &day).await?;
                Ok(Response::new(pb::$response { report }))
            })+

            async fn list_tasks(
                &self, request: Request<pb::ListTasksRequest>,
            ) -> Result<Response<pb::ListTasksResponse>, Status> {
                let pb::ListTasksRequest {} = request.into_inner();
                let mut tasks = Vec::new();
                for (task, last) in list::tasks(&self.app).await? {
                    tasks.push(described(task, self.app.rules(), last.map(report)));
                }
                Ok(Response::new(pb::ListTasksResponse { tasks }))
            }

            async fn list_task_runs(
                &self,
                request: Request<pb::ListTaskRunsRequest>,
            ) -> Result<Response<pb::ListTaskRunsResponse>, Status> {
                let request = request.into_inner();
                let paging = convert::paging(&request)?;
                let pb::ListTaskRunsRequest { task, state, page_size: _, page_token: _ } = request;
                let (task, state) = (task_of(&task)?, convert::optional_word("state", state)?);
                let found = list::runs(&self.app, task, state, &paging.page).await?;
                let next_page_token = paging.next(found.next);
                let runs = found.items.into_iter().map(report).collect();
                Ok(Response::new(pb::ListTaskRunsResponse { runs, next_page_token }))
            }
        }
    };
    (@day) => { String::new() };
    (@day $day:ident) => { $day };
}

fires! {
    create_class_tasks(CreateClassTasksRequest, day) -> CreateClassTasksResponse = InviteCreate;
    send_invitations(SendInvitationsRequest, day) -> SendInvitationsResponse = InviteExec;
    check_invitations(CheckInvitationsRequest, day) -> CheckInvitationsResponse = InviteCheck;
    notify_software_tests(NotifySoftwareTestsRequest) -> NotifySoftwareTestsResponse = InviteNotifyTest;
    notify_unstaffed_classes(NotifyUnstaffedClassesRequest) -> NotifyUnstaffedClassesResponse
        = InviteNotifyClass;
    init_places(InitPlacesRequest) -> InitPlacesResponse = ClazzInitPlace;
    remove_expired_students(RemoveExpiredStudentsRequest) -> RemoveExpiredStudentsResponse
        = ClazzRemoveExpiredStudents;
    free_availability(FreeAvailabilityRequest) -> FreeAvailabilityResponse = ClazzFreeAvailableTime;
    notify_morning_classes(NotifyMorningClassesRequest) -> NotifyMorningClassesResponse = ClazzMorningNotify;
    notify_upcoming_classes(NotifyUpcomingClassesRequest) -> NotifyUpcomingClassesResponse
        = ClazzNotMorningNotify;
    assign_students(AssignStudentsRequest) -> AssignStudentsResponse = ClazzAssignStudents;
    offer_places(OfferPlacesRequest) -> OfferPlacesResponse = ClazzOfferPlaces;
    correct_coach_status(CorrectCoachStatusRequest) -> CorrectCoachStatusResponse = ClazzCorrectCoachStatus;
    close_ended_classes(CloseEndedClassesRequest) -> CloseEndedClassesResponse = ClazzCloseEnded;
    notify_disconnected_coaches(NotifyDisconnectedCoachesRequest) -> NotifyDisconnectedCoachesResponse
        = MonitorNotifyDisconnect;
    notify_empty_lessons(NotifyEmptyLessonsRequest) -> NotifyEmptyLessonsResponse
        = MonitorNotifyEmpty;
    send_sms(SendSmsRequest) -> SendSmsResponse = SmsSend;
    check_coaches_on_time(CheckCoachesOnTimeRequest) -> CheckCoachesOnTimeResponse
        = ClazzCheckOnTime;
    start_due_coach_changes(StartDueCoachChangesRequest) -> StartDueCoachChangesResponse
        = ClazzAutoChangeCoach;
    complete_coach_changes(CompleteCoachChangesRequest) -> CompleteCoachChangesResponse
        = ClazzCompleteCoachChanges;
    purge_messages(PurgeMessagesRequest) -> PurgeMessagesResponse = MessagePurge;
}

/// How a task is fired, as it is read.
fn firing_of(firing: pb::Firing, day: &str, time: BusinessTime) -> Result<Firing> {
    let pb::Firing { tick, when } = firing;
    let tick = match tick {
        Some(pb::firing::Tick::TickAt(at)) => Some(Tick::At(convert::instant("firing.tick_at", Some(at))?)),
        Some(pb::firing::Tick::TickNow(true)) => Some(Tick::Now),
        Some(pb::firing::Tick::TickNow(false)) | None => None,
    };
    let day = convert::optional_day("day", day)?;
    let now = match when.as_str() {
        "" => None,
        text => Some(parse_when(text, time).ok_or_else(|| {
            Error::invalid(
                "firing.when",
                "is neither a day YYYY-MM-DD nor a local time YYYY-MM-DDTHH:MM nor an RFC 3339 instant, from \
                 1970 to 9999",
            )
        })?),
    };
    Ok(Firing { tick, now, day })
}

/// A day (its 00:00), a local time or an instant; `None` for anything else.
fn parse_when(text: &str, time: BusinessTime) -> Option<Instant> {
    if text.len() > 40 {
        return None;
    }
    let local =
        |format| NaiveDateTime::parse_from_str(text, format).ok().map(|at| time.at(at.date(), at.time()));
    let at = parse_day(text)
        .map(|day| time.midnight(day))
        .or_else(|| local("%Y-%m-%dT%H:%M"))
        .or_else(|| local("%Y-%m-%dT%H:%M:%S"))
        .or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|at| Instant::from_utc(at.to_utc())))?;
    (Instant::from_unix(0) <= at && at <= LATEST).then_some(at)
}

/// What a run did, as it is written.
fn report(outcome: Outcome) -> pb::TaskReport {
    let Outcome { run, report, already_done } = outcome;
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    pb::TaskReport {
        run_id: run.id,
        task: Task::find(&run.task).map_or(run.task, |task| task.words().to_owned()),
        logical_time: Some(convert::timestamp(run.logical_at)),
        tick_time: convert::optional_timestamp(run.tick_at),
        already_done,
        state: convert::number(run.state),
        examined: count(report.examined),
        changed: count(report.changed),
        skipped: report.skipped.into_iter().map(|(reason, skipped)| (reason, count(skipped))).collect(),
        failed: count(report.failed),
        messages: count(report.messages),
        notes: report.notes,
        start_time: Some(convert::timestamp(run.started_at)),
        end_time: convert::optional_timestamp(run.ended_at),
        error: run.error,
        host: run.host,
    }
}

fn described(task: Task, rules: &Rules, last_run: Option<pb::TaskReport>) -> pb::Task {
    let info = task.info();
    let window = info.window.map(|hours| hours.of(rules));
    pb::Task {
        name: info.words.to_owned(),
        command: format!("etutorctl {} {}", info.words, info.argument.shown()),
        schedules: info.schedules.iter().map(|&schedule| schedule.to_owned()).collect(),
        description: info.description.to_owned(),
        rpc: info.rpc.to_owned(),
        last_run,
        after_outage: info.after_outage.shown().to_owned(),
        useless_after: info.useless_after.shown().to_owned(),
        window: window.map_or_else(String::new, |Window { from, to }| {
            format!("{}-{}", from.format("%H:%M"), to.format("%H:%M"))
        }),
    }
}

/// A task by its words; empty = none.
fn task_of(text: &str) -> Result<Option<Task>> {
    if text.is_empty() {
        return Ok(None);
    }
    Task::find(text)
        .map(Some)
        .ok_or_else(|| Error::invalid("task", "is not a scheduled task; ListTasks names them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_argument_is_a_day_a_local_time_or_an_instant() {
        let time = BusinessTime::new(chrono_tz::Asia::Shanghai);
        for (text, unix) in [
            ("2026-09-01", Some(1_788_192_000)),
            ("2026-09-01T00:00", Some(1_788_192_000)),
            ("2026-09-01T08:30:15", Some(1_788_192_000 + 30_615)),
            ("2026-08-31T16:00:00Z", Some(1_788_192_000)),
            ("2026-09-01T00:00:00+08:00", Some(1_788_192_000)),
            ("2026-9-1", None),
            ("2026-02-30", None),
            ("+2026-09-01", None),
            ("1969-12-31", None),
            ("99999-01-01", None),
            ("tomorrow", None),
            ("2026-09-01T25:00", None),
            ("2026-09-01 00:00", None),
        ] {
            assert_eq!(parse_when(text, time).map(Instant::unix), unix, "{text}");
        }
    }
}
