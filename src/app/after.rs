//! What happens when messages of a kind settle, in the same transaction. The outbox uses this table
//! without knowing what is in it; `wiring` fills it.

use crate::domain::rules::Rules;
use crate::domain::state::MessageKind;
use crate::domain::time::Instant;
use crate::error::Result;
use crate::storage::Txn;
use std::collections::HashMap;
use std::pin::Pin;

/// Messages of one kind that settle together, by what they are about: the keys of invitations.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// Their messages became SUBMITTED, CAPTURED or UNKNOWN; each with the instant until which the
    /// person may answer, as the message says.
    pub out: &'a [(i64, Instant)],
    /// Their messages FAILED, EXPIRED or were suppressed.
    pub lost: &'a [i64],
}

/// What follows, under way.
pub(super) type Following<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Until when each may be answered, being looked up.
pub(super) type Until<'a> = Pin<Box<dyn Future<Output = Result<HashMap<i64, Instant>>> + Send + 'a>>;

/// What messages of a kind are followed by.
#[derive(Clone, Copy, Debug)]
pub struct Follow {
    /// The kind.
    pub kind: MessageKind,
    /// Until when those may be answered whose messages are handed over at these instants.
    pub answer_until: for<'a> fn(&'a Rules, &'a Txn, &'a [(i64, Instant)]) -> Until<'a>,
    /// What follows when they settle.
    pub settled: for<'a> fn(&'a Txn, Settled<'a>, Instant) -> Following<'a>,
}

/// What follows, by kind.
#[derive(Clone, Copy, Debug)]
pub struct After(pub &'static [Follow]);

impl After {
    /// Until when those may be answered whose messages of a kind are handed over at these instants.
    pub async fn answer_until(
        self,
        kind: MessageKind,
        rules: &Rules,
        txn: &Txn,
        handed: &[(i64, Instant)],
    ) -> Result<HashMap<i64, Instant>> {
        match self.0.iter().find(|follow| follow.kind == kind) {
            Some(follow) => (follow.answer_until)(rules, txn, handed).await,
            None => Ok(HashMap::new()),
        }
    }

    /// Does what follows when messages of a kind settle.
    pub async fn settled(
        self,
        kind: MessageKind,
        txn: &Txn,
        settled: Settled<'_>,
        now: Instant,
    ) -> Result<()> {
        for follow in self.0.iter().filter(|follow| follow.kind == kind) {
            (follow.settled)(txn, settled, now).await?;
        }
        Ok(())
    }
}
