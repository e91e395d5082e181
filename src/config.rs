//! The configuration: one struct per YAML section, layered from `etc/default.yml`, a file and the environment.
//!
//! `etc/default.yml` documents every key and is compiled in. A file holds what differs, `ETUTOR__SECTION__KEY` wins over both.
//! Whatever is wrong is refused with the name of the key, all of it at once.

mod check;
mod layer;
mod sections;
mod words;

pub use sections::{
    Admin, DatabaseConfig, Gateway, LogConfig, LogFormat, MailConfig, ServerConfig, SmsConfig, SqliteSynchronous, TasksConfig,
};

use crate::domain::rules::Rules;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// `etc/default.yml`: every key, its unit and its default.
pub const DEFAULT_YAML: &str = include_str!("../etc/default.yml");

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// Nothing is ever handed to a gateway, and the time can be set (DOMAIN.md §7, §8).
    pub testing: bool,
    /// The tunable numbers of the rules.
    pub rules: Rules,
    /// Where and how the server serves.
    pub server: ServerConfig,
    /// The database; its `Debug` hides the password.
    pub database: DatabaseConfig,
    /// What is logged and how.
    pub log: LogConfig,
    /// The runner of the scheduled tasks.
    pub tasks: TasksConfig,
    /// The SMS gateway and the sender.
    pub sms: SmsConfig,
    /// The mail gateway.
    pub mail: MailConfig,
    /// 教务: staff who are told when something needs a person.
    pub admins: Vec<Admin>,
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key as a path, `section.key`; the file's name where no key can be blamed.
    pub key: String,
    /// What is wrong with it and what would be right. Never a secret.
    pub reason: String,
}

/// All that is wrong with the configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { key, reason }) in self.problems.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{key}: {reason}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The environment of the process. `std::env::vars` would end the program on any variable that is not Unicode, ours or not.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}

impl Config {
    /// The defaults, then the file if one is given, then the variables `ETUTOR__…` of `env` (for the programs: [`environment`]).
    ///
    /// # Errors
    /// All that is wrong: unreadable or malformed YAML, unknown keys, wrong types and units, settings that contradict each other.
    pub fn load(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut layers = layer::Layers::new();
        if let Some(file) = file {
            layers.add_file(file)?;
        }
        layers.add_env(env)?;
        layers.add_url_file()?;
        sections::config(layers)
    }

    /// The same from the text of a file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut layers = layer::Layers::new();
        layers.add_text("the configuration", text)?;
        layers.add_url_file()?;
        sections::config(layers)
    }

    /// What contradicts itself or cannot work; [`Config::load`] has done this already, a program that changes the result should again.
    ///
    /// # Errors
    /// Every problem found, each with the name of its key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let problems = check::problems(self);
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }

    /// Where the server of this configuration is reached: `server.listen`, with the loopback for an unspecified address.
    /// Reads nothing else, so that a command needs no access to the server's secrets.
    ///
    /// # Errors
    /// An unreadable or malformed file; a `server.listen` that is no address.
    pub fn server_address(file: &Path, env: impl IntoIterator<Item = (String, String)>) -> Result<SocketAddr, ConfigError> {
        let mut layers = layer::Layers::new();
        layers.add_file(file)?;
        layers.add_env(env)?;
        let listen = layers.text("server", "listen").unwrap_or_default();
        let mut address: SocketAddr =
            listen.parse().map_err(|_| problem("server.listen", format!("{listen:?} is no address and port such as 127.0.0.1:50051")))?;
        match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        Ok(address)
    }
}

impl Default for Config {
    fn default() -> Self {
        // The text is compiled in, and the test `the_defaults_are_in_order` loads it.
        Self::parse("").expect("etc/default.yml is in order")
    }
}

/// An error of one problem.
fn problem(key: impl Into<String>, reason: impl Into<String>) -> ConfigError {
    ConfigError { problems: vec![Problem { key: key.into(), reason: reason.into() }] }
}
