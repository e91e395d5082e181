//! The whole service in this process, on a free port, with a clock that stands still until it is
//! moved.

use super::database::{TestDb, on_every_kind};
use super::faults::Faults;
use super::statements::Statements;
use crate::app::App;
use crate::app::staffing::wave;
use crate::clock::Clock;
use crate::config::{Admin, Config};
use crate::domain::time::Instant;
use crate::rpc::{self, pb};
use crate::serve::{self, ServeOptions};
use crate::storage::Db;
use crate::storage::entity::{message, test_clock};
use crate::storage::sql::sql;
use crate::write_txn;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use sea_orm::{EntityTrait, QueryOrder, Set};
use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;

/// When a test begins unless it says otherwise: a Monday, midnight.
pub const START: &str = "2026-03-02T00:00";

/// Tells a story to a service on a fresh database of every kind that is configured. It begins at
/// [`START`].
pub fn on_every_app(story: impl AsyncFn(TestApp)) {
    on_every_app_at(START, story);
}

/// The same, beginning at a local time `YYYY-MM-DDTHH:MM` or `YYYY-MM-DD`.
pub fn on_every_app_at(at: &str, story: impl AsyncFn(TestApp)) {
    on_every_app_with(at, |_| (), story);
}

/// The same with another configuration.
pub fn on_every_app_with(at: &str, change: impl Fn(&mut Config), story: impl AsyncFn(TestApp)) {
    on_every_kind(async |kind| {
        let app = TestApp::start(TestDb::new(kind).await, at, &change).await;
        story(app).await;
    });
}

/// A running service and its clients. It is used like an [`App`] too.
///
/// When it is dropped, every message that was written must have been looked at
/// ([`TestApp::messages`]).
#[derive(Debug)]
pub struct TestApp {
    app: App,
    channel: Channel,
    messages: Arc<Messages>,
    is_replica: bool,
    shutdown: CancellationToken,
    // Last, so that it is dropped last.
    db: TestDb,
}

#[derive(Debug, Default)]
struct Messages {
    looked_at: Mutex<HashSet<i64>>,
    ignored: Mutex<bool>,
}

impl TestApp {
    /// Starts the service on a database, its clock standing at a local time.
    pub async fn start(db: TestDb, at: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { testing: true, admins: admins(), ..Config::default() };
        change(&mut config);
        let app = Self::serve(db, config, Arc::default(), false).await;
        app.set_clock(at).await;
        app
    }

    /// A second replica: another server with a pool of its own, on the same database.
    pub async fn replica(&self) -> Self {
        Self::serve(self.db.replica().await, (*self.app.config).clone(), self.messages.clone(), true).await
    }

    /// A second replica that reaches the database by another way.
    pub async fn replica_at(&self, url: &str) -> Self {
        Self::serve(self.db.replica_at(url).await, (*self.app.config).clone(), self.messages.clone(), true)
            .await
    }

    /// A second replica with another configuration.
    pub async fn replica_with(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = (*self.app.config).clone();
        change(&mut config);
        Self::serve(self.db.replica().await, config, self.messages.clone(), true).await
    }

    /// That `invite exec`, which has just run, remembers nothing that would have been asked: a look
    /// at everything finds nobody to ask.
    pub async fn nobody_is_overlooked(&self) {
        let call = self.app.call().await.unwrap();
        assert_eq!(
            wave::would_ask(&call).await.unwrap(),
            Vec::<String>::new(),
            "not asked at {}",
            self.app.time().show(call.now)
        );
    }

    async fn serve(db: TestDb, config: Config, messages: Arc<Messages>, is_replica: bool) -> Self {
        let clock = if config.testing { Clock::Test } else { Clock::System };
        let app = App::new((*db).clone(), clock, config);
        let options = ServeOptions { listen: ([127, 0, 0, 1], 0).into(), ..ServeOptions::default() };
        let listener = serve::bind(&options).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let (of, stop) = (app.clone(), shutdown.clone());
        tokio::spawn(async move { rpc::serve(&of, listener, &options, stop).await.unwrap() });
        let channel = Channel::from_shared(url).unwrap().connect_lazy();
        Self { app, channel, messages, is_replica, shutdown, db }
    }

    /// The connection to the server; [`Self::catalog`] and its like make clients of it.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The statements sent to the database.
    pub fn statements(&self) -> &Statements {
        self.db.statements()
    }

    /// What may happen to the transactions of its database.
    pub fn faults(&self) -> &Faults {
        self.db.faults()
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Where the database is.
    pub fn url(&self) -> &str {
        &self.db.options().url
    }

    /// How many transactions it can have at once, on databases other than SQLite.
    pub fn write_connections(&self) -> u32 {
        self.db.options().write_connections
    }

    /// The instant of a local time `YYYY-MM-DDTHH:MM` or `YYYY-MM-DD` (its 00:00).
    pub fn instant(&self, local: &str) -> Instant {
        let at = local.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN));
        let at = at.or_else(|_| NaiveDateTime::parse_from_str(local, "%Y-%m-%dT%H:%M")).unwrap();
        self.app.time().at(at.date(), at.time())
    }

    /// Sets the clock to a local time `YYYY-MM-DDTHH:MM` or `YYYY-MM-DD`; it stands there.
    pub async fn set_clock(&self, local: &str) {
        self.set_clock_to(self.instant(local)).await;
    }

    /// Sets the clock to an instant; it stands there.
    pub async fn set_clock_to(&self, at: Instant) {
        write_txn!(&self.app.db, "test.clock", |txn| {
            let moved = sql("UPDATE test_clock SET set_to = ?, set_at = ?, running = FALSE WHERE id = 1")
                .bind(at)
                .bind(at);
            if moved.execute(txn).await? == 0 {
                let row = test_clock::ActiveModel {
                    id: Set(1),
                    set_to: Set(at),
                    set_at: Set(at),
                    running: Set(false),
                };
                test_clock::Entity::insert(row).exec(txn).await?;
            }
            Ok(())
        })
        .unwrap();
    }

    /// Moves the clock on.
    pub async fn advance(&self, by: TimeDelta) {
        self.set_clock_to(self.app.now().await.unwrap() + by).await;
    }

    /// The messages written since they were last looked at, in the order of writing.
    pub async fn messages(&self) -> Vec<message::Model> {
        let mut rows = message::Entity::find()
            .order_by_asc(message::Column::Id)
            .all(self.app.db.reader())
            .await
            .unwrap();
        let mut looked_at = self.messages.looked_at.lock().unwrap();
        rows.retain(|row| looked_at.insert(row.id));
        rows
    }

    /// For tests that are not about messages; the reason is for the reader.
    pub fn ignore_messages(&self, reason: &'static str) {
        assert!(!reason.is_empty());
        *self.messages.ignored.lock().unwrap() = true;
    }

    /// Fires a scheduled task by the words of its command, as a crontab does, without a tick.
    /// `when` is the test argument: the day of `invite create|exec|check`, the time of the others.
    pub async fn fire(&self, words: &str, when: Option<&str>) -> pb::TaskReport {
        let report =
            self.try_fire(words, when, None).await.unwrap_or_else(|status| panic!("{words}: {status:?}"));
        assert_eq!(report.error, "", "{words}");
        report
    }

    /// Fires a scheduled task that may be refused, perhaps with a tick (a local time).
    pub async fn try_fire(
        &self,
        words: &str,
        when: Option<&str>,
        tick: Option<&str>,
    ) -> Result<pb::TaskReport, Status> {
        let when = when.unwrap_or_default().to_owned();
        let tick = tick.map(|tick| self.instant(tick).unix());
        let tick = tick.map(|seconds| pb::firing::Tick::TickAt(prost_types::Timestamp { seconds, nanos: 0 }));
        let (firing, day) = match words {
            "invite create" | "invite exec" | "invite check" => {
                (pb::Firing { tick, when: String::new() }, when)
            }
            _ => (pb::Firing { tick, when }, String::new()),
        };
        let (firing, mut tasks) = (Some(firing), self.tasks());
        let report = match words {
            "invite create" => {
                tasks
                    .create_class_tasks(pb::CreateClassTasksRequest { firing, day })
                    .await?
                    .into_inner()
                    .report
            }
            "invite exec" => {
                tasks.send_invitations(pb::SendInvitationsRequest { firing, day }).await?.into_inner().report
            }
            "invite check" => {
                tasks
                    .check_invitations(pb::CheckInvitationsRequest { firing, day })
                    .await?
                    .into_inner()
                    .report
            }
            "invite notify_test" => {
                tasks
                    .notify_software_tests(pb::NotifySoftwareTestsRequest { firing })
                    .await?
                    .into_inner()
                    .report
            }
            "invite notify_class" => {
                tasks
                    .notify_unstaffed_classes(pb::NotifyUnstaffedClassesRequest { firing })
                    .await?
                    .into_inner()
                    .report
            }
            "clazz init_place" => {
                tasks.init_places(pb::InitPlacesRequest { firing }).await?.into_inner().report
            }
            "clazz remove_expired_students" => {
                tasks
                    .remove_expired_students(pb::RemoveExpiredStudentsRequest { firing })
                    .await?
                    .into_inner()
                    .report
            }
            "clazz free_available_time" => {
                tasks.free_availability(pb::FreeAvailabilityRequest { firing }).await?.into_inner().report
            }
            "clazz correct_coach_status" => {
                let request = pb::CorrectCoachStatusRequest { firing };
                tasks.correct_coach_status(request).await?.into_inner().report
            }
            "clazz morning_notify" => {
                let request = pb::NotifyMorningClassesRequest { firing };
                tasks.notify_morning_classes(request).await?.into_inner().report
            }
            "clazz not_morning_notify" => {
                let request = pb::NotifyUpcomingClassesRequest { firing };
                tasks.notify_upcoming_classes(request).await?.into_inner().report
            }
            "clazz assign_students" => {
                tasks.assign_students(pb::AssignStudentsRequest { firing }).await?.into_inner().report
            }
            "clazz offer_places" => {
                tasks.offer_places(pb::OfferPlacesRequest { firing }).await?.into_inner().report
            }
            "clazz check_on_time" => {
                tasks
                    .check_coaches_on_time(pb::CheckCoachesOnTimeRequest { firing })
                    .await?
                    .into_inner()
                    .report
            }
            "clazz auto_change_coach" => {
                tasks
                    .start_due_coach_changes(pb::StartDueCoachChangesRequest { firing })
                    .await?
                    .into_inner()
                    .report
            }
            "clazz complete_coach_changes" => {
                tasks
                    .complete_coach_changes(pb::CompleteCoachChangesRequest { firing })
                    .await?
                    .into_inner()
                    .report
            }
            "clazz close_ended" => {
                tasks.close_ended_classes(pb::CloseEndedClassesRequest { firing }).await?.into_inner().report
            }
            "monitor notify_disconnect" => {
                tasks
                    .notify_disconnected_coaches(pb::NotifyDisconnectedCoachesRequest { firing })
                    .await?
                    .into_inner()
                    .report
            }
            "monitor notify_empty" => {
                tasks
                    .notify_empty_lessons(pb::NotifyEmptyLessonsRequest { firing })
                    .await?
                    .into_inner()
                    .report
            }
            "message purge" => {
                tasks.purge_messages(pb::PurgeMessagesRequest { firing }).await?.into_inner().report
            }
            "sms send" => tasks.send_sms(pb::SendSmsRequest { firing }).await?.into_inner().report,
            _ => panic!("no task is called {words:?}"),
        };
        Ok(report.unwrap())
    }
}

macro_rules! clients {
    ($($name:ident: $module:ident::$client:ident,)+) => {
        /// A client of each service.
        impl TestApp {
            $(
                #[doc = concat!("A `", stringify!($client), "`.")]
                pub fn $name(&self) -> pb::$module::$client<Channel> {
                    pb::$module::$client::new(self.channel())
                }
            )+
        }
    };
}

clients! {
    catalog: catalog_service_client::CatalogServiceClient,
    coaches: coach_service_client::CoachServiceClient,
    students: student_service_client::StudentServiceClient,
    enrollment: enrollment_service_client::EnrollmentServiceClient,
    waitlist: waitlist_service_client::WaitlistServiceClient,
    openings: opening_service_client::OpeningServiceClient,
    places: place_service_client::PlaceServiceClient,
    staffing: staffing_service_client::StaffingServiceClient,
    make_ups: make_up_service_client::MakeUpServiceClient,
    continuations: continuation_service_client::ContinuationServiceClient,
    substitutions: substitution_service_client::SubstitutionServiceClient,
    invitations: invitation_service_client::InvitationServiceClient,
    presence: presence_service_client::PresenceServiceClient,
    classes: class_service_client::ClassServiceClient,
    monitor: monitor_service_client::MonitorServiceClient,
    outbox: message_service_client::MessageServiceClient,
    tasks: task_service_client::TaskServiceClient,
    imports: import_service_client::ImportServiceClient,
    clock: clock_service_client::ClockServiceClient,
}

impl Deref for TestApp {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let unseen = if self.is_replica || std::thread::panicking() || *self.messages.ignored.lock().unwrap()
        {
            Vec::new()
        } else {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(self.messages()))
        };
        self.shutdown.cancel();
        let unseen: Vec<_> =
            unseen.iter().map(|row| format!("{} to {} ({})", row.kind, row.person, row.state)).collect();
        assert!(
            unseen.is_empty(),
            "{} messages were written and not looked at: {}",
            unseen.len(),
            unseen.join(", ")
        );
    }
}

/// Two admins: of everything, and of subject 2 only.
fn admins() -> Vec<Admin> {
    [("wang", "+99900000001", Vec::new()), ("li", "+99900000002", vec![2])]
        .map(|(name, phone, subjects)| Admin {
            name: name.to_owned(),
            phone: phone.to_owned(),
            mail: format!("{name}@example.test"),
            subjects,
        })
        .into()
}
