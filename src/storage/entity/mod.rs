//! One file per table: the row as Rust sees it, and nothing else.
#![expect(missing_docs, reason = "the columns are explained where the migration makes them")]

pub mod availability_use;
pub mod class;
pub(crate) mod class_limit;
pub mod class_task;
pub mod class_template;
pub mod coach;
pub mod coach_availability;
pub(crate) mod coach_block;
pub mod coach_status_change;
pub mod invitation;
pub mod lesson;
pub mod message;
pub(crate) mod message_topic;
pub(crate) mod notice_topic;
pub mod period;
pub mod place;
pub mod place_change;
pub(crate) mod presence_span;
pub mod request_log;
pub mod reservation;
pub mod season;
pub mod season_except_day;
pub mod setting;
pub mod software_test;
pub mod student;
pub mod student_leave;
pub mod subject;
pub mod task_look;
pub mod task_run;
pub mod test_clock;
pub mod vacancy;
pub mod vacancy_day;
