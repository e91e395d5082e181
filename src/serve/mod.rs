//! The serving stack: connections, deadlines, limits, detached work, health, and the drain at the
//! end. It knows no service: what it serves is handed to it as a [`Served`].

mod accept;
mod answer;
mod deadline;
mod detach;
mod discard;
mod drain;
pub mod health;
pub mod kind;
mod options;
mod peer;
mod request;
pub mod server;
pub(crate) mod status;

pub use options::ServeOptions;
pub use server::{Served, bind, serve};
