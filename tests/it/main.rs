//! The tests of the service: one binary, against a real database.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends in a panic")]
#![expect(unreachable_pub, reason = "nobody uses a binary of tests; `pub` is what its other files use")]

mod academy;
mod answers;
mod bad_input;
mod catalog;
mod cli;
mod clock;
mod config;
mod continuing;
mod crash;
mod demo;
mod enrollment;
mod faults;
mod forming;
mod fortnight;
mod frames;
mod grpc;
mod harness;
mod histories;
mod house;
mod import;
mod make_ups;
mod messages;
mod monitor;
mod notices;
mod on_time;
mod openings;
mod oulad;
mod overview;
mod people;
mod plans;
mod presence;
mod races;
mod recurrences;
mod registry;
mod replay;
mod season_edits;
mod serving;
mod sign_ups;
mod staffing;
mod storage;
mod substitutions;
mod task_run;
mod upkeep;
