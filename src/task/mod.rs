//! The scheduled tasks: registry, runner, and one file per task, named after its command.
//!
//! A task takes no business input but the time. Running it twice, on two replicas, late, or killed
//! half-way has the same result as running it once; the runner only saves the repeated work.

mod clazz_assign_students;
mod clazz_auto_change_coach;
mod clazz_check_on_time;
mod clazz_close_ended;
mod clazz_complete_coach_changes;
mod clazz_correct_coach_status;
mod clazz_free_available_time;
mod clazz_init_place;
mod clazz_morning_notify;
mod clazz_not_morning_notify;
mod clazz_offer_places;
mod clazz_remove_expired_students;
pub mod crontab;
mod invite_check;
mod invite_create;
mod invite_exec;
mod invite_notify_class;
mod invite_notify_test;
pub(crate) mod list;
mod message_purge;
mod monitor_notify_disconnect;
mod monitor_notify_empty;
pub mod registry;
pub mod runner;
mod scope;
mod sms_send;

use crate::app::App;
use crate::app::call::Call;
use crate::app::report::Report;
use crate::domain::actor::Actor;
use crate::error::Result;
use registry::Task;
pub use scope::Scope;

/// Does a task's work.
async fn work(app: &App, task: Task, scope: Scope) -> Result<Report> {
    let call = Call::new(app, scope.now).by(Actor::Task(task.words()));
    match task {
        Task::InviteCreate => invite_create::run(&call, scope.day).await,
        Task::InviteExec => invite_exec::run(&call, scope.day).await,
        Task::InviteCheck => invite_check::run(&call, scope.day).await,
        Task::InviteNotifyTest => invite_notify_test::run(&call).await,
        Task::InviteNotifyClass => invite_notify_class::run(&call).await,
        Task::ClazzMorningNotify => clazz_morning_notify::run(&call).await,
        Task::ClazzNotMorningNotify => clazz_not_morning_notify::run(&call).await,
        Task::SmsSend => sms_send::run(&call).await,
        Task::ClazzInitPlace => clazz_init_place::run(&call).await,
        Task::ClazzRemoveExpiredStudents => clazz_remove_expired_students::run(&call).await,
        Task::ClazzFreeAvailableTime => clazz_free_available_time::run(&call).await,
        Task::ClazzAssignStudents => clazz_assign_students::run(&call).await,
        Task::ClazzOfferPlaces => clazz_offer_places::run(&call).await,
        Task::ClazzCheckOnTime => clazz_check_on_time::run(&call).await,
        Task::ClazzAutoChangeCoach => clazz_auto_change_coach::run(&call).await,
        Task::ClazzCompleteCoachChanges => clazz_complete_coach_changes::run(&call).await,
        Task::ClazzCorrectCoachStatus => clazz_correct_coach_status::run(&call).await,
        Task::ClazzCloseEnded => clazz_close_ended::run(&call).await,
        Task::MonitorNotifyDisconnect => monitor_notify_disconnect::run(&call).await,
        Task::MonitorNotifyEmpty => monitor_notify_empty::run(&call).await,
        Task::MessagePurge => message_purge::run(&call).await,
    }
}
