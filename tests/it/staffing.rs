//! From sign-ups to coaches: tasks, sizing, waves, budgets, windows, the gate, alarms
//! (docs/domain.md §§3–5).

mod alarms;
mod asking;
pub mod blocks;
mod budgets;
mod creating;
mod limits;
mod memory;
mod next_day;
mod resizing;
pub mod stage;
