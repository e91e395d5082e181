//! Output: data on standard output, messages on standard error; tables for people, JSON for
//! programs.

use super::exit::{FAILED, Failure};
use crate::domain::time::{BusinessTime, Instant};
pub(super) use crate::exit::talk;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

/// Writes data, with an end of line. A reader that has gone (a closed pipe) ends the command
/// quietly.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    write(&format!("{text}{end}"))
}

/// Writes data as it is.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::reader_gone()),
        Err(error) => Err(Failure::new(FAILED, format!("standard output: {error}"))),
    }
}

/// Writes one JSON object.
pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&value.to_string())
}

/// Whether a person reads standard output.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// A table with a header: framed for people, bare columns for pipes.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    if !is_terminal() {
        return columns(header, rows);
    }
    let mut table = filled(header, rows);
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.trim_fmt()
}

/// A table with a header as bare columns, a line for each row however wide.
pub(super) fn columns<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = filled(header, rows);
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    // Without the blank that a frame would need.
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.trim_fmt()
}

fn filled<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    table
}

/// An instant for a program; null when there is none.
pub(super) fn json_time(at: Option<prost_types::Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(Instant::from_unix(at.seconds).to_string()))
}

/// An instant for a person, in the server's zone.
pub(super) fn shown_time(zone: BusinessTime, at: Option<prost_types::Timestamp>) -> String {
    at.map_or_else(String::new, |at| zone.show(Instant::from_unix(at.seconds)))
}

/// The word of an enum's name: `TASK_RUN_STATE_DONE` → `DONE`.
pub(super) fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_owned()
}
