//! Who kills the server, when, and how long after a call has begun.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What the calls of an undisturbed replay were: how long each took, and whether it changed
/// anything.
pub type Calls = HashMap<String, (Duration, bool)>;

/// Draws the calls during which the server is killed, each once.
pub struct Killer {
    seed: u64,
    /// Of calls that change something one in so many; of the others one in ten times as many.
    one_in: u64,
    calls: Calls,
    struck: HashSet<String>,
}

impl Killer {
    /// Kills nobody.
    pub fn idle() -> Self {
        Self::new(0, Calls::new())
    }

    /// Kills during the calls of a replay that was watched: of those that changed something one in
    /// four, of the others one in forty.
    pub fn new(seed: u64, calls: Calls) -> Self {
        Self { seed, one_in: 4, calls, struck: HashSet::new() }
    }

    /// The same of a long replay: of calls that changed something one in thirty.
    pub fn few(seed: u64, calls: Calls) -> Self {
        Self { one_in: 30, ..Self::new(seed, calls) }
    }

    /// How often it has killed.
    pub fn kills(&self) -> usize {
        self.struck.len()
    }

    /// How long after the beginning of this call the server is to be killed, if at all: before,
    /// amid or just after the work.
    pub fn strikes(&mut self, call: &str) -> Option<Duration> {
        let (took, changed) = *self.calls.get(call)?;
        let drawn = draw(self.seed, call);
        let one_in = if changed { self.one_in } else { 10 * self.one_in };
        if !drawn.is_multiple_of(one_in) || !self.struck.insert(call.to_owned()) {
            return None;
        }
        let part = (drawn >> 32) as f64 / f64::from(u32::MAX);
        Some(took.mul_f64(part * 1.1))
    }
}

/// A draw for a call that is the same in every run: FNV-1a, stirred.
fn draw(seed: u64, call: &str) -> u64 {
    let hash = call.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^ (hash >> 31)
}
