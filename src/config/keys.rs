//! Which keys differ between two configurations, and which of them a running server can follow
//! without a restart.

use serde_yaml::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Keys that a running server follows when it reads its configuration anew; all others need a
/// restart.
pub const LIVE: [&str; 4] = ["log.filter", "sms.batch_max", "sms.per_run_max", "admins"];

/// Every key of a configuration with what it was given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, String>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was given may be a secret, or belong to a person.
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// Those of a merged tree.
    pub(super) fn of(tree: &Value) -> Self {
        let mut keys = BTreeMap::new();
        collect(tree, "", &mut keys);
        Self(keys)
    }

    /// Keys that differ, in alphabetical order.
    pub fn changed(&self, new: &Self) -> Vec<String> {
        let all: std::collections::BTreeSet<&String> = self.0.keys().chain(new.0.keys()).collect();
        all.into_iter().filter(|key| self.0.get(*key) != new.0.get(*key)).cloned().collect()
    }

    /// Takes over what the live keys were given.
    pub fn follow(&mut self, new: &Self) {
        for key in LIVE {
            if let Some(given) = new.0.get(key) {
                self.0.insert(key.to_owned(), given.clone());
            }
        }
    }
}

fn collect(place: &Value, path: &str, keys: &mut BTreeMap<String, String>) {
    let text = |value: &Value| serde_yaml::to_string(value).unwrap_or_default().trim().to_owned();
    match place {
        Value::Mapping(section) => {
            for (key, value) in section {
                let name = key.as_str().map_or_else(|| text(key), str::to_owned);
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                collect(value, &path, keys);
            }
        }
        value => drop(keys.insert(path.to_owned(), text(value))),
    }
}
