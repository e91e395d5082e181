//! Layers of the configuration: YAML trees merged key by key, checked against the tree of the defaults, which names every key.

use super::{ConfigError, DEFAULT_YAML, Problem, problem};
use serde_yaml::{Mapping, Value};
use std::path::Path;

/// Tables that are replaced as a whole: leaving a line out must be seen, not filled in from the defaults.
const WHOLE: &[&str] = &["coach.class_limit"];

/// The variables of the environment that are meant for the configuration.
const PREFIX: &str = "ETUTOR__";

/// The merged tree, and what must be remembered about where it came from.
#[derive(Debug)]
pub(super) struct Layers {
    tree: Value,
    /// `database.url` came from the environment, so it wins over `database.url_file`.
    url_from_env: bool,
    problems: Vec<Problem>,
}

impl Layers {
    /// The defaults alone.
    pub(super) fn new() -> Self {
        Self { tree: defaults(), url_from_env: false, problems: Vec::new() }
    }

    /// Lays a file over it.
    pub(super) fn add_file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| problem(&name, error.to_string()))?;
        self.add_text(&name, &text)
    }

    /// Lays the text of a file over it.
    pub(super) fn add_text(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let given: Value = serde_yaml::from_str(text).map_err(|error| problem(name, error.to_string()))?;
        if !matches!(given, Value::Null | Value::Mapping(_)) {
            return Err(problem(name, "the top level must be keys with values"));
        }
        let database = given.get("database");
        let (url, url_file) = (database.and_then(|section| section.get("url")), database.and_then(|section| section.get("url_file")));
        if let Some(url) = url.and_then(Value::as_str)
            && let Some(Userinfo { password: Some(_), host }) = Userinfo::of(url)
            && !is_loopback(host)
        {
            self.refuse(
                "database.url",
                "holds a password, which does not belong in this file: give it by ETUTOR__DATABASE__URL or url_file",
            );
        }
        if url.is_some_and(|url| !url.is_null()) && url_file.is_some_and(|file| !file.is_null()) {
            self.refuse("database.url_file", "and database.url exclude each other");
        }
        merge(&mut self.tree, given, "", &mut self.problems);
        Ok(())
    }

    /// Lays the variables `ETUTOR__SECTION__KEY` over it; others are none of our business.
    pub(super) fn add_env(&mut self, env: impl IntoIterator<Item = (String, String)>) -> Result<(), ConfigError> {
        let mut ours: Vec<(String, String)> = env.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        // In the order of the names, so that the same environment always gives the same result.
        ours.sort();
        for (name, text) in ours {
            let path = name[PREFIX.len()..].to_lowercase().replace("__", ".");
            let Some(place) = find(&mut self.tree, &path) else {
                self.refuse(&name, &format!("there is no key {path}"));
                continue;
            };
            // A key that holds text (or nothing) takes the variable as it is: a phone number is no number.
            let value = if matches!(place, Value::String(_) | Value::Null) {
                Value::String(text)
            } else {
                match serde_yaml::from_str(&text) {
                    Ok(value) => value,
                    // The text of the variable may be a secret and is not repeated.
                    Err(_) => {
                        self.refuse(&path, &format!("the variable {name} is no YAML"));
                        continue;
                    }
                }
            };
            self.url_from_env |= path == "database.url";
            *place_of(&mut self.tree, &path) = value;
        }
        Ok(())
    }

    /// Reads the URL of the database from its file, if one is named and the environment did not give the URL itself.
    pub(super) fn add_url_file(&mut self) -> Result<(), ConfigError> {
        if let Some(file) = self.text("database", "url_file").filter(|_| !self.url_from_env) {
            match std::fs::read_to_string(&file) {
                Ok(text) => *place_of(&mut self.tree, "database.url") = Value::String(text.trim().to_owned()),
                Err(error) => self.refuse("database.url_file", &format!("{file}: {error}")),
            }
        }
        Ok(())
    }

    /// The text of a key.
    pub(super) fn text(&self, section: &str, key: &str) -> Option<String> {
        self.tree.get(section)?.get(key)?.as_str().map(str::to_owned)
    }

    /// The merged tree, if nothing was wrong so far.
    pub(super) fn finish(self) -> Result<Value, ConfigError> {
        if self.problems.is_empty() { Ok(self.tree) } else { Err(ConfigError { problems: self.problems }) }
    }

    fn refuse(&mut self, key: &str, reason: &str) {
        self.problems.push(Problem { key: key.to_owned(), reason: reason.to_owned() });
    }
}

/// User and password of a database URL.
pub(super) struct Userinfo<'a> {
    /// The password, if there is one; the user name does not count as secret.
    pub(super) password: Option<&'a str>,
    /// The host, without port.
    pub(super) host: &'a str,
}

impl<'a> Userinfo<'a> {
    /// Of `scheme://user:password@host:port/…`; `None` when it is no such URL.
    pub(super) fn of(url: &'a str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        // A password may hold an unescaped `/`, so the last `@` of all decides whether there is one.
        let (user, host) = match rest.rfind('@') {
            Some(at) => (&rest[..at], rest[at + 1..].split(['/', '?', '#']).next().unwrap_or_default()),
            None => ("", authority),
        };
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or(v6),
            None => host.split(':').next().unwrap_or(host),
        };
        let in_query = url.split_once('?').and_then(|(_, query)| query.split('&').find_map(|pair| pair.strip_prefix("password=")));
        let password = user.split_once(':').map(|(_, password)| password).or(in_query).filter(|password| !password.is_empty());
        Some(Self { password, host })
    }
}

/// Whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.is_empty() || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn defaults() -> Value {
    // The text is compiled in, and the test `the_defaults_are_in_order` loads it.
    serde_yaml::from_str(DEFAULT_YAML).expect("etc/default.yml is YAML")
}

fn merge(into: &mut Value, given: Value, path: &str, problems: &mut Vec<Problem>) {
    match (into, given) {
        // A section whose keys are all commented out says nothing.
        (Value::Mapping(_), Value::Null) => {}
        (Value::Mapping(known), Value::Mapping(given)) if !WHOLE.contains(&path) => {
            for (key, value) in given {
                let name = key.as_str().map_or_else(|| serde_yaml::to_string(&key).unwrap_or_default().trim().to_owned(), str::to_owned);
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match known.get_mut(name.as_str()) {
                    Some(place) => merge(place, value, &path, problems),
                    None => problems.push(Problem { key: path, reason: format!("there is no such key{}", meant(known, &name)) }),
                }
            }
        }
        (into, given) => *into = given,
    }
}

/// The known key that looks most like the one given.
fn meant(known: &Mapping, name: &str) -> String {
    let names: Vec<&str> = known.keys().filter_map(Value::as_str).collect();
    let stem = |text: &str| -> String {
        let text = text.to_lowercase().replace('-', "_");
        ["_ms", "_s", "_min", "_h", "_d"].iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(&text).to_owned()
    };
    match names.iter().find(|known| stem(known) == stem(name)) {
        Some(known) => format!("; did you mean {known}?"),
        None => format!("; there are {}", names.join(", ")),
    }
}

/// The place of a path of known keys.
fn find<'a>(tree: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').try_fold(tree, |place, key| match place {
        Value::Mapping(known) => known.get_mut(key),
        _ => None,
    })
}

/// The place of a path that is known to exist.
fn place_of<'a>(tree: &'a mut Value, path: &str) -> &'a mut Value {
    // Only called with paths that `find` has just found, or that stand in etc/default.yml (tests load it).
    find(tree, path).expect("the path was found before")
}
