//! Prints how this program expands recurrences, so that the result can be compared with other
//! programs. Reads lines of rule, first day and last day, separated by tabs. Writes for each the
//! days, or `refused: ` and the reason.

use etutor::domain::calendar::parse_day;
use etutor::domain::recurrence::Recurrence;
use std::io::{BufRead as _, Write as _};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut cells = line.split('\t');
        let mut cell = || cells.next().unwrap_or_default();
        let (rule, first, last) = (cell(), cell(), cell());
        let days = match (rule.parse::<Recurrence>(), parse_day(first), parse_day(last)) {
            (Ok(rule), Some(first), Some(last)) => {
                rule.days(first, last).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            (Err(wrong), ..) => format!("refused: {wrong}"),
            _ => "refused: a day is written YYYY-MM-DD".to_owned(),
        };
        writeln!(out, "{rule}\t{first}\t{last}\t{days}")?;
    }
    Ok(())
}
