//! Faults of a configuration, as people and programs read them.

use super::node::Place;
use std::fmt;

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is written: `FILE:LINE:COLUMN`, the name of a variable, or nothing where nothing is
    /// written.
    pub place: String,
    /// The key as a path, `section.key`; nothing where no key can be blamed.
    pub key: String,
    /// What is wrong with it and what would be right. Never a secret.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.place, &self.key].into_iter().filter(|part| !part.is_empty()) {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// All that is wrong with the configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one, in the order in which they are written.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn of(mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|one, other| (&one.at, &one.key).cmp(&(&other.at, &other.key)));
        let problem = |Fault { key, at, reason }: Fault| Problem {
            place: at.map(|at| at.to_string()).unwrap_or_default(),
            key,
            reason,
        };
        Self { problems: faults.into_iter().map(problem).collect() }
    }

    /// `{"faults": [{"place": …, "key": …, "reason": …}, …]}`, for programs.
    pub(crate) fn to_json(&self) -> String {
        let fault = |Problem { place, key, reason }: &Problem| {
            serde_json::json!({ "place": place, "key": key,
        "reason": reason })
        };
        serde_json::json!({ "faults": self.problems.iter().map(fault).collect::<Vec<_>>() }).to_string()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.problems.as_slice() {
            return one.fmt(f);
        }
        write!(f, "the configuration has {} faults", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}

/// A [`Problem`], with the place by which they are put in order.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) key: String,
    pub(super) at: Option<Place>,
    pub(super) reason: String,
}
