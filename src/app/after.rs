//! What follows when messages settle, by their kind: it is done in the transaction that settles
//! them. The outbox knows this table and not what is in it; `wiring` fills it.

use crate::domain::rules::Rules;
use crate::domain::state::MessageKind;
use crate::domain::time::Instant;
use crate::error::Result;
use crate::storage::Txn;
use std::pin::Pin;

/// Messages of one kind that settle together, by what they are about: the keys of invitations.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// Their messages became SUBMITTED, CAPTURED or UNKNOWN.
    pub out: &'a [i64],
    /// Their messages FAILED, EXPIRED or were suppressed.
    pub lost: &'a [i64],
}

/// What follows, under way.
pub(super) type Following<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// What follows when messages of a kind settle.
pub(super) type Follow = for<'a> fn(&'a Rules, &'a Txn, Settled<'a>, Instant) -> Following<'a>;

/// What follows, by kind.
#[derive(Clone, Copy, Debug)]
pub struct After(pub &'static [(MessageKind, Follow)]);

impl After {
    /// Does what follows when messages of a kind settle.
    pub async fn settled(
        self,
        kind: MessageKind,
        rules: &Rules,
        txn: &Txn,
        settled: Settled<'_>,
        now: Instant,
    ) -> Result<()> {
        for (_, follow) in self.0.iter().filter(|(of, _)| *of == kind) {
            follow(rules, txn, settled, now).await?;
        }
        Ok(())
    }
}
