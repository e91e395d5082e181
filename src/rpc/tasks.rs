//! TaskService: one RPC per scheduled task, the list of tasks and of their runs.

use super::clock::{answer, instant, timestamp};
use super::pb;
use crate::app::App;
use crate::app::clock::LATEST;
use crate::domain::state::RunState;
use crate::domain::time::{BusinessTime, Day, Instant};
use crate::error::{Error, Result};
use crate::task::list;
use crate::task::registry::Task;
use crate::task::runner::{Firing, Outcome, Tick, fire};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDateTime};
use tonic::{Request, Response, Status};

/// The service.
#[derive(Clone, Debug)]
pub struct TaskRpc {
    app: App,
}

impl TaskRpc {
    /// Of an application.
    pub fn new(app: App) -> Self {
        Self { app }
    }

    async fn fire(&self, task: Task, firing: Option<pb::Firing>, day: &str) -> Result<Option<pb::TaskReport>> {
        let firing = firing_of(firing.unwrap_or_default(), day, self.app.time())?;
        let outcome = fire(&self.app, task, firing).await?;
        Ok(Some(report(outcome)))
    }
}

/// The methods that fire a task: all alike, but with messages of their own. `day` where the request has one.
macro_rules! fires {
    ($($method:ident($request:ident $(, $day:ident)?) -> $response:ident = $task:ident;)+) => {
        #[tonic::async_trait]
        impl pb::task_service_server::TaskService for TaskRpc {
            $(async fn $method(&self, request: Request<pb::$request>) -> Result<Response<pb::$response>, Status> {
                let pb::$request { firing $(, $day)? } = request.into_inner();
                let day = fires!(@day $($day)?);
                let report = self.fire(Task::$task, firing, &day).await?;
                Ok(answer(&self.app, pb::$response { report }))
            })+

            async fn list_tasks(&self, request: Request<pb::ListTasksRequest>) -> Result<Response<pb::ListTasksResponse>, Status> {
                let pb::ListTasksRequest {} = request.into_inner();
                let mut tasks = Vec::new();
                for (task, last) in list::tasks(&self.app).await? {
                    tasks.push(described(task, last.map(report)));
                }
                Ok(answer(&self.app, pb::ListTasksResponse { tasks }))
            }

            async fn list_task_runs(
                &self,
                request: Request<pb::ListTaskRunsRequest>,
            ) -> Result<Response<pb::ListTaskRunsResponse>, Status> {
                let Asked { filter, size, before } = asked(request.into_inner())?;
                let mut runs = list::runs(&self.app, filter.task, filter.state, before, size + 1).await?;
                let more = runs.len() as u64 > size;
                runs.truncate(size as usize);
                let next_page_token = if more { runs.last().map_or_else(String::new, |last| token(filter, last.run.id)) } else { String::new() };
                Ok(answer(&self.app, pb::ListTaskRunsResponse { runs: runs.into_iter().map(report).collect(), next_page_token }))
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
    notify_unstaffed_classes(NotifyUnstaffedClassesRequest) -> NotifyUnstaffedClassesResponse = InviteNotifyClass;
    assign_students(AssignStudentsRequest) -> AssignStudentsResponse = ClazzAssignStudents;
    send_sms(SendSmsRequest) -> SendSmsResponse = SmsSend;
}

/// How a task is fired, as it is read.
fn firing_of(firing: pb::Firing, day: &str, time: BusinessTime) -> Result<Firing> {
    let pb::Firing { tick, when } = firing;
    let tick = match tick {
        Some(pb::firing::Tick::TickAt(at)) => Some(Tick::At(instant("firing.tick_at", at)?)),
        Some(pb::firing::Tick::TickNow(true)) => Some(Tick::Now),
        Some(pb::firing::Tick::TickNow(false)) | None => None,
    };
    let day = match day {
        "" => None,
        text => Some(parse_day(text).ok_or_else(|| Error::invalid("day", "is no day YYYY-MM-DD"))?),
    };
    let now = match when.as_str() {
        "" => None,
        text => Some(parse_when(text, time).ok_or_else(|| {
            Error::invalid(
                "firing.when",
                "is neither a day YYYY-MM-DD nor a local time YYYY-MM-DDTHH:MM nor an RFC 3339 instant, from 1970 to 9999",
            )
        })?),
    };
    Ok(Firing { tick, now, day })
}

/// A day; `None` for anything else.
fn parse_day(text: &str) -> Option<Day> {
    let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day = is_plain.then(|| Day::parse_from_str(text, "%Y-%m-%d").ok())??;
    (1970..=9999).contains(&chrono::Datelike::year(&day)).then_some(day)
}

/// A day (its 00:00), a local time or an instant; `None` for anything else.
fn parse_when(text: &str, time: BusinessTime) -> Option<Instant> {
    if text.len() > 40 {
        return None;
    }
    let local = |format| NaiveDateTime::parse_from_str(text, format).ok().map(|at| time.at(at.date(), at.time()));
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
        logical_time: Some(timestamp(run.logical_at)),
        tick_time: run.tick_at.map(timestamp),
        already_done,
        state: written(run.state).into(),
        examined: count(report.examined),
        changed: count(report.changed),
        skipped: report.skipped.into_iter().map(|(reason, skipped)| (reason, count(skipped))).collect(),
        failed: count(report.failed),
        messages: count(report.messages),
        notes: report.notes,
        start_time: Some(timestamp(run.started_at)),
        end_time: run.ended_at.map(timestamp),
        error: run.error,
        host: run.host,
    }
}

fn described(task: Task, last_run: Option<pb::TaskReport>) -> pb::Task {
    let info = task.info();
    pb::Task {
        name: info.words.to_owned(),
        command: format!("etutorctl {} {}", info.words, info.argument.shown()),
        schedules: info.schedules.iter().map(|&schedule| schedule.to_owned()).collect(),
        description: info.description.to_owned(),
        rpc: info.rpc.to_owned(),
        last_run,
    }
}

fn written(state: RunState) -> pb::TaskRunState {
    match state {
        RunState::Running => pb::TaskRunState::Running,
        RunState::Done => pb::TaskRunState::Done,
        RunState::Failed => pb::TaskRunState::Failed,
    }
}

/// Which runs are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Filter {
    task: Option<Task>,
    state: Option<RunState>,
}

/// A request for a page of runs, as it is read.
struct Asked {
    filter: Filter,
    size: u64,
    before: Option<i64>,
}

fn asked(request: pb::ListTaskRunsRequest) -> Result<Asked> {
    let pb::ListTaskRunsRequest { task, state, page_size, page_token } = request;
    let task = match task.as_str() {
        "" => None,
        text => Some(Task::find(text).ok_or_else(|| Error::invalid("task", "is no scheduled task; ListTasks names them"))?),
    };
    let state = match pb::TaskRunState::try_from(state) {
        Ok(pb::TaskRunState::Unspecified) => None,
        Ok(pb::TaskRunState::Running) => Some(RunState::Running),
        Ok(pb::TaskRunState::Done) => Some(RunState::Done),
        Ok(pb::TaskRunState::Failed) => Some(RunState::Failed),
        Err(_) => return Err(Error::invalid("state", "is no state of a run")),
    };
    let size = match u64::try_from(page_size) {
        Ok(0) => 50,
        Ok(size) => size.min(1000),
        Err(_) => return Err(Error::invalid("page_size", "must not be negative")),
    };
    let filter = Filter { task, state };
    let before = match page_token.as_str() {
        "" => None,
        text => Some(before(filter, text).ok_or_else(|| Error::invalid("page_token", "is none that was answered for the same filters"))?),
    };
    Ok(Asked { filter, size, before })
}

/// The token of the page after a run: which filters it is for, and the key of the run.
fn token(filter: Filter, last: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}{last}", prefix(filter)))
}

fn before(filter: Filter, token: &str) -> Option<i64> {
    let decoded = if token.len() <= 200 { URL_SAFE_NO_PAD.decode(token).ok()? } else { return None };
    let text = String::from_utf8(decoded).ok()?;
    text.strip_prefix(&prefix(filter))?.parse().ok()
}

fn prefix(Filter { task, state }: Filter) -> String {
    format!("runs|{}|{}|", task.map_or("", Task::name), state.map_or("", RunState::as_str))
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

    #[test]
    fn a_page_token_holds_for_its_filters_only() {
        let all = Filter { task: None, state: None };
        let some = Filter { task: Some(Task::SmsSend), state: Some(RunState::Failed) };
        assert_eq!(before(some, &token(some, 7)), Some(7));
        assert_eq!(before(all, &token(some, 7)), None);
        assert_eq!(before(all, "nonsense"), None);
        assert_eq!(before(all, &"x".repeat(100_000)), None);
    }
}
