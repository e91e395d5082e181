//! The real program in a process of its own.

use etutor::rpc::pb;
use etutor::task::registry::Task;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::sync::oneshot;
use tonic::transport::Channel;

/// The program may take so long to start or end on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(60);
const ADMINS: &str = "[{name: wang, phone: '+99900000001', mail: wang@example.test}]";

/// A running `etutord`; killed when dropped.
pub struct Server {
    child: Child,
    channel: Channel,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    /// Starts one on a database and waits until it listens.
    pub async fn start(url: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etutord"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ETUTOR__")) {
            command.env_remove(name);
        }
        command.envs([
            ("ETUTOR__DATABASE__URL", url),
            ("ETUTOR__SERVER__LISTEN", "127.0.0.1:0"),
            ("ETUTOR__LOG__FORMAT", "json"),
            ("ETUTOR__TESTING", "true"),
            ("ETUTOR__ADMINS", ADMINS),
        ]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = oneshot::channel();
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in log.lines().map_while(Result::ok) {
                match listens(&line) {
                    Some(address) => drop(tell.take().map(|tell| tell.send(address))),
                    None if line.contains("\"level\":\"ERROR\"") => eprintln!("etutord: {line}"),
                    None => {}
                }
            }
        });
        // Made before the wait, so that a program that does not start is killed too.
        let mut server = Self { child, channel: Channel::from_static("http://127.0.0.1:1").connect_lazy() };
        let address =
            tokio::time::timeout(LIMIT, told).await.expect("it does not start").expect("it ended at once");
        server.channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        server
    }

    /// A connection to it.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _gone_already = self.child.kill();
        let _status = self.child.wait();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        assert!(
            Command::new("kill")
                .args(["-s", "TERM", &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = async {
            loop {
                match self.child.try_wait().unwrap() {
                    Some(status) => return status,
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::time::timeout(LIMIT, ended).await.expect("it does not end")
    }
}

/// The address in the line of the log that says where it listens.
fn listens(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    line["fields"]["listen"].as_str().map(str::to_owned)
}

/// Fires a task for a tick, its `now` being the tick too.
pub async fn fire(
    channel: Channel,
    task: Task,
    tick: etutor::domain::time::Instant,
) -> Result<pb::TaskReport, tonic::Status> {
    let tick_at = pb::firing::Tick::TickAt(prost_types::Timestamp { seconds: tick.unix(), nanos: 0 });
    fire_as(channel, task, pb::Firing { tick: Some(tick_at), when: tick.to_utc().to_rfc3339() }).await
}

/// Fires a task.
pub async fn fire_as(
    channel: Channel,
    task: Task,
    firing: pb::Firing,
) -> Result<pb::TaskReport, tonic::Status> {
    let firing = Some(firing);
    let (mut tasks, day) = (pb::task_service_client::TaskServiceClient::new(channel), String::new());
    let report = match task {
        Task::InviteCreate => {
            tasks.create_class_tasks(pb::CreateClassTasksRequest { firing, day }).await?.into_inner().report
        }
        Task::InviteExec => {
            tasks.send_invitations(pb::SendInvitationsRequest { firing, day }).await?.into_inner().report
        }
        Task::InviteCheck => {
            tasks.check_invitations(pb::CheckInvitationsRequest { firing, day }).await?.into_inner().report
        }
        Task::InviteNotifyTest => {
            tasks.notify_software_tests(pb::NotifySoftwareTestsRequest { firing }).await?.into_inner().report
        }
        Task::InviteNotifyClass => {
            tasks
                .notify_unstaffed_classes(pb::NotifyUnstaffedClassesRequest { firing })
                .await?
                .into_inner()
                .report
        }
        Task::ClazzInitPlace => {
            tasks.init_places(pb::InitPlacesRequest { firing }).await?.into_inner().report
        }
        Task::ClazzRemoveExpiredStudents => {
            tasks
                .remove_expired_students(pb::RemoveExpiredStudentsRequest { firing })
                .await?
                .into_inner()
                .report
        }
        Task::ClazzFreeAvailableTime => {
            tasks.free_availability(pb::FreeAvailabilityRequest { firing }).await?.into_inner().report
        }
        Task::ClazzCorrectCoachStatus => {
            tasks.correct_coach_status(pb::CorrectCoachStatusRequest { firing }).await?.into_inner().report
        }
        Task::ClazzMorningNotify => {
            let request = pb::NotifyMorningClassesRequest { firing };
            tasks.notify_morning_classes(request).await?.into_inner().report
        }
        Task::ClazzNotMorningNotify => {
            let request = pb::NotifyUpcomingClassesRequest { firing };
            tasks.notify_upcoming_classes(request).await?.into_inner().report
        }
        Task::ClazzAssignStudents => {
            tasks.assign_students(pb::AssignStudentsRequest { firing }).await?.into_inner().report
        }
        Task::ClazzOfferPlaces => {
            tasks.offer_places(pb::OfferPlacesRequest { firing }).await?.into_inner().report
        }
        Task::ClazzCheckOnTime => {
            tasks.check_coaches_on_time(pb::CheckCoachesOnTimeRequest { firing }).await?.into_inner().report
        }
        Task::ClazzAutoChangeCoach => {
            tasks
                .start_due_coach_changes(pb::StartDueCoachChangesRequest { firing })
                .await?
                .into_inner()
                .report
        }
        Task::ClazzCompleteCoachChanges => {
            tasks
                .complete_coach_changes(pb::CompleteCoachChangesRequest { firing })
                .await?
                .into_inner()
                .report
        }
        Task::ClazzCloseEnded => {
            tasks.close_ended_classes(pb::CloseEndedClassesRequest { firing }).await?.into_inner().report
        }
        Task::MonitorNotifyDisconnect => {
            tasks
                .notify_disconnected_coaches(pb::NotifyDisconnectedCoachesRequest { firing })
                .await?
                .into_inner()
                .report
        }
        Task::MonitorNotifyEmpty => {
            tasks.notify_empty_lessons(pb::NotifyEmptyLessonsRequest { firing }).await?.into_inner().report
        }
        Task::MessagePurge => {
            tasks.purge_messages(pb::PurgeMessagesRequest { firing }).await?.into_inner().report
        }
        Task::SmsSend => tasks.send_sms(pb::SendSmsRequest { firing }).await?.into_inner().report,
    };
    Ok(report.unwrap())
}
