//! Names of the databases and folders that tests make, and how leftovers are recognised.

use crate::clock::system_now;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// All that tests make begins with this; leftovers are found by it.
pub(super) const PREFIX: &str = "etutor_test_";

/// A database that is copied begins with this.
pub(super) const TEMPLATE: &str = "etutor_template_";

/// What is older than this was left by a run that was killed.
const LEFTOVER_SECONDS: i64 = 3_600;

/// Days since 1970.
pub(super) fn today() -> i64 {
    system_now().unix() / 86_400
}

/// Names are `etutor_test_<pid>_<start of the process>_<n>`, those of templates
/// `etutor_template_<digest>_<day>`.
pub(super) fn is_leftover(name: &str) -> bool {
    if let Some(parts) = name.strip_prefix(TEMPLATE) {
        let day = parts.split('_').nth(1).and_then(|day| day.parse::<i64>().ok());
        return day.is_none_or(|day| today() - day > 1);
    }
    let Some(parts) = name.strip_prefix(PREFIX) else { return false };
    let started = parts.split('_').nth(1).and_then(|started| started.parse::<i64>().ok());
    started.is_some_and(|started| system_now().unix() - started > LEFTOVER_SECONDS)
}

/// A new one.
pub(super) fn new_name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    static STARTED: OnceLock<i64> = OnceLock::new();
    let started = STARTED.get_or_init(|| system_now().unix());
    format!("{PREFIX}{}_{started}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
