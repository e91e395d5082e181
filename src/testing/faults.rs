//! Real database faults at a chosen statement of a transaction, provoked on its own connection.

use crate::storage::Db;
use std::sync::{Arc, Mutex};

/// What happens to the transactions of a database. Every BEGIN, statement, COMMIT and ROLLBACK of
/// any transaction is a step.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    armed: Arc<Mutex<Option<Armed>>>,
}

struct Armed {
    steps: usize,
    text: String,
    act: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for Armed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Armed").field("steps", &self.steps).field("text", &self.text).finish_non_exhaustive()
    }
}

impl Faults {
    pub(super) fn provoke(&self, db: &mut Db) {
        let armed = self.armed.clone();
        db.provoke(Arc::new(move || {
            let mut armed = armed.lock().unwrap();
            match &mut *armed {
                Some(Armed { steps: 0, .. }) => {
                    let Armed { text, act, .. } = armed.take()?;
                    act();
                    (!text.is_empty()).then_some(text)
                }
                Some(Armed { steps, .. }) => {
                    *steps -= 1;
                    None
                }
                None => None,
            }
        }));
    }

    /// Runs `text` on the connection of whichever transaction comes after so many steps, in place
    /// of that step where it fails, and before it where it does not.
    pub fn arm(&self, steps: usize, text: &str) {
        self.arm_with(steps, text, || {});
    }

    /// The same, and does something to the world outside before it. Without a text, the step is
    /// what comes next.
    pub fn arm_with(&self, steps: usize, text: &str, act: impl FnOnce() + Send + 'static) {
        *self.armed.lock().unwrap() = Some(Armed { steps, text: text.to_owned(), act: Box::new(act) });
    }

    /// Nothing happens any more; whether it had happened.
    pub fn disarm(&self) -> bool {
        self.steps_left().is_none()
    }

    /// The same; how many steps were still to come until it would have happened, and none when it
    /// had.
    pub fn steps_left(&self) -> Option<usize> {
        self.armed.lock().unwrap().take().map(|armed| armed.steps)
    }
}
