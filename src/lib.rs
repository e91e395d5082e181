//! etutor: the coaching operations (教练伴学) of an online tutoring company.
//!
//! Who calls whom goes one way: `rpc, task, cli, demo, daemon → app → storage, message → domain`;
//! the test `house` reads it.
//!
//! | room | what is in it |
//! |---|---|
//! | [`config`] | the configuration, one struct per YAML section |
//! | [`clock`] | the host's clock; nothing else reads the time or draws at random |
//! | [`error`] | the one error |
//! | [`domain`] | the rules, without input or output, and docs/domain.md's reason codes |
//! | [`storage`] | the database: connecting, transactions, entities, migrations, queries |
//! | [`app`] | use cases; they own the transactions |
//! | [`message`] | texts, gateways and the sender of the outbox |
//! | [`task`] | the scheduled tasks: registry, runner, one file per task |
//! | [`serve`] | the serving stack, which knows no service |
//! | [`rpc`] | the gRPC services |
//! | [`daemon`] | the server as a program |
//! | [`demo`] | a small academy and the people who play in it |
//! | [`cli`] | the command `etutorctl` |
//! | `log` | lines on standard error, which nobody waits for |
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
