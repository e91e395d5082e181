//! Composes the few lines that the log itself writes, in the same form as tracing's.

use crate::config::LogFormat;
use serde_json::{Map, Value, json};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

/// Where these lines come from.
const TARGET: &str = "etutor::log";

/// A line with its line break.
pub(super) fn compose(format: LogFormat, level: &str, message: &str, fields: &[(&str, Value)]) -> String {
    let mut time = String::new();
    if SystemTime.format_time(&mut Writer::new(&mut time)).is_err() {
        time.clear();
    }
    match format {
        LogFormat::Text => {
            let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            format!("{time} {level:>5} {TARGET}: {message}{fields}\n")
        }
        LogFormat::Json => {
            let mut shown = Map::from_iter([("message".to_owned(), Value::from(message))]);
            shown.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            format!("{}\n", json!({ "timestamp": time, "level": level, "fields": shown, "target": TARGET }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_looks_as_the_others_do() {
        let text = compose(LogFormat::Text, "WARN", "some are missing", &[("lines", 3.into())]);
        let (time, rest) = text.split_at(27);
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
        assert_eq!(rest, "  WARN etutor::log: some are missing lines=3\n");
        let object: Value = serde_json::from_str(&compose(
            LogFormat::Json,
            "ERROR",
            "a \"word\"\n",
            &[("at", "x.rs:1".into())],
        ))
        .unwrap();
        assert_eq!(object["fields"], json!({ "message": "a \"word\"\n", "at": "x.rs:1" }));
        assert_eq!((&object["level"], &object["target"]), (&"ERROR".into(), &TARGET.into()));
    }
}
