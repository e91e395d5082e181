//! The configuration: one struct per YAML section, layered from `etc/default.yml`, a file and the
//! environment.
//!
//! `etc/default.yml` documents every key and is compiled in. The file holds only what differs from
//! it, and `ETUTOR__SECTION__KEY` overrides both. All faults are reported at once, each with its
//! key, where it is written and what is allowed.
//!
//! Text becomes a configuration in four steps: `node` parses the YAML as written, `read` merges the
//! layers and gives every value the type that `schema` demands, `sections` builds the structs, and
//! `check` enforces rules that involve several keys. A new key takes three lines, and a test names
//! the missing one: in `schema` (what may be written), in `etc/default.yml` with a comment, and the
//! field in `sections`.

mod check;
mod fault;
mod keys;
mod node;
mod read;
mod schema;
mod secret;
mod sections;
mod words;

pub use fault::{ConfigError, Problem};
pub use keys::{Keys, LIVE};
pub use read::DEFAULT_YAML;
pub use sections::{
    Admin, Config, DatabaseConfig, Gateway, LogConfig, LogFormat, MailConfig, RetentionConfig, ServerConfig,
    SmsConfig, SqliteSynchronous, TasksConfig,
};

use fault::Fault;
use read::Reader;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// The environment of the process. `std::env::vars` would end the program on any variable that is
/// not Unicode, ours or not.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}

impl Config {
    /// The defaults, then the file if one is given, then the variables `ETUTOR__…` of `env` (for
    /// the programs: [`environment`]).
    ///
    /// # Errors All that is wrong: unreadable or malformed YAML, unknown keys, wrong types and
    /// units, settings that contradict each other.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::load_with_keys(file, env).map(|(config, _)| config)
    }

    /// The same, with what every key was given, so that another load can be compared with it.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with_keys(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Keys), ConfigError> {
        let mut reader = Reader::default();
        if let Some(file) = file {
            reader.add_file(file);
            secret::check_file(&mut reader);
        }
        reader.add_env(env);
        Self::finish(reader)
    }

    /// This configuration with the keys of another that a running server follows ([`LIVE`]).
    #[must_use]
    pub fn following(&self, new: &Self) -> Self {
        let mut config = self.clone();
        config.log.filter.clone_from(&new.log.filter);
        config.sms.batch_max = new.sms.batch_max;
        config.sms.per_run_max = new.sms.per_run_max;
        config.admins.clone_from(&new.admins);
        config
    }

    /// The same from the text of a file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut reader = Reader::default();
        reader.add_text("the configuration", text);
        secret::check_file(&mut reader);
        Self::finish(reader).map(|(config, _)| config)
    }

    fn finish(mut reader: Reader) -> Result<(Self, Keys), ConfigError> {
        secret::add_url_file(&mut reader);
        let tree = reader.read();
        let keys = Keys::of(&tree);
        let (origins, mut faults) = reader.finish();
        match sections::config(tree) {
            Ok(config) => {
                faults.extend(check::faults(&config, &origins));
                if faults.is_empty() { Ok((config, keys)) } else { Err(ConfigError::of(faults)) }
            }
            // Values stand in for those refused, and serde need not like them.
            Err(reason) => {
                if faults.is_empty() {
                    faults.push(Fault { key: String::new(), at: None, reason });
                }
                Err(ConfigError::of(faults))
            }
        }
    }

    /// Where the server of this configuration is reached: `server.listen`, with the loopback for an
    /// unspecified address. Reads nothing else, so that a command needs no access to the server's
    /// secrets.
    ///
    /// # Errors
    /// An unreadable or malformed file; a `server.listen` that is no address.
    pub fn server_address(
        file: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<SocketAddr, ConfigError> {
        let mut reader = Reader::default();
        reader.add_file(file);
        reader.add_env(env);
        let tree = reader.read();
        let (_, mut faults) = reader.finish();
        // What has no key made the file unreadable.
        faults.retain(|fault| ["", "server", "server.listen"].contains(&fault.key.as_str()));
        if !faults.is_empty() {
            return Err(ConfigError::of(faults));
        }
        let listen = tree["server"]["listen"].as_str().unwrap_or_default();
        // `schema` lets only addresses through.
        let mut address: SocketAddr = listen.parse().map_err(|_| {
            ConfigError::of(vec![Fault {
                key: "server.listen".to_owned(),
                at: None,
                reason: "is not an address and port".to_owned(),
            }])
        })?;
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
