//! The configuration: one struct per YAML section.

use crate::domain::rules::Rules;

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// Nothing is ever handed to a gateway, and the time can be set (DOMAIN.md §7, §8).
    pub testing: bool,
    /// The tunable numbers of the rules.
    pub rules: Rules,
    /// 教务: staff who are told when something needs a person.
    pub admins: Vec<Admin>,
}

/// An education admin (DOMAIN.md §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Name, unique among the admins.
    pub name: String,
    /// Phone number for SMS.
    pub phone: String,
    /// Mail address.
    pub mail: String,
    /// Subjects (ids) the admin is told of; empty = all.
    pub subjects: Vec<i64>,
}

impl Default for Config {
    fn default() -> Self {
        Self { testing: true, rules: Rules::new(chrono_tz::Asia::Shanghai), admins: Vec::new() }
    }
}
