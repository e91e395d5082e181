//! Tells admins which messages the cap held back until they were of no use (docs/domain.md §7).

use super::{Draft, Person, write};
use crate::app::call::Work;
use crate::domain::state::MessageKind;
use crate::error::Result;
use crate::message::content::Content;
use crate::storage::entity::message;
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet};

/// Tells every admin of those of `rows` that have just ended so: in the transaction that ends them,
/// so that none is lost in silence and each is told of once.
pub(super) async fn tell(work: Work<'_>, rows: &[message::Model], ended: &[i64]) -> Result<u64> {
    let lost: Vec<&message::Model> = rows.iter().filter(|row| ended.contains(&row.id)).collect();
    let Some(first) = lost.first() else { return Ok(0) };
    let mut kinds = BTreeMap::<MessageKind, usize>::new();
    for row in &lost {
        *kinds.entry(row.kind).or_default() += 1;
    }
    let people: BTreeSet<_> = lost.iter().map(|row| (row.audience, row.person.as_str())).collect();
    let content = Content::MessagesCapped { people: people.len(), kinds: kinds.into_iter().collect() };
    let draft = Draft::new(Person::EveryAdmin, "cap", content, work.now + TimeDelta::days(1));
    // A message ends once: the first of them stands for all that end with it, in every replay.
    let draft = Draft { version: first.dedup_key.clone(), ..draft };
    write(work, vec![draft]).await
}
