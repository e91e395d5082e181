//! etutor: the coaching operations (教练伴学) of an online tutoring company.
//!
//! Calls go one way: `rpc, task, cli, demo, daemon → app → storage, message → domain`; the test
//! `house` checks it. docs/architecture.md has the full map.
//!
//! | module | what is in it |
//! |---|---|
//! | [`config`] | the configuration, one struct per YAML section |
//! | [`clock`] | the host's clock and random tokens; nothing else reads or draws either |
//! | [`error`] | the one error type |
//! | [`domain`] | the rules, without input or output, and docs/domain.md's reason codes |
//! | [`storage`] | the database: connections, transactions, entities, migrations, queries |
//! | [`app`] | use cases; they own the transactions |
//! | [`message`] | texts, gateways and the decisions of the outbox sender |
//! | [`task`] | the scheduled tasks: registry, runner, one file per task |
//! | [`serve`] | the serving stack, which knows no service |
//! | [`rpc`] | the gRPC services |
//! | [`daemon`] | the program `etutord` |
//! | [`demo`] | a small academy that plays by itself |
//! | [`cli`] | the program `etutorctl` |
//! | `log` | log lines on standard error; no caller ever waits for the reader |
//! | [`exit`] | the exit codes of both programs |

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic when nobody reads: cli::output prints, log tells, exit::talk speaks"
)]

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod domain;
pub mod error;
pub mod exit;
pub(crate) mod log;
pub mod message;
pub mod rpc;
pub mod serve;
pub mod storage;
pub mod task;
#[cfg(feature = "testing")]
pub mod testing;
