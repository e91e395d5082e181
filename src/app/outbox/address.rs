//! Where messages go: to the number or mail address that the person has at the hand-over
//! (docs/domain.md §7).

use crate::app::call::Work;
use crate::domain::state::{Audience, Channel};
use crate::error::Result;
use crate::storage::entity::message;
use crate::storage::message_judge::message_people;
use std::collections::{HashMap, HashSet};

/// What has become of the people whom messages are for.
#[derive(Debug, Default)]
pub(super) struct People {
    /// Messages to coaches who want none.
    pub opted_out: HashSet<i64>,
    /// Messages to admins who are not configured any more.
    pub not_admins: HashSet<i64>,
}

/// Gives messages the addresses of now, empty where there is none: of coaches and students as they
/// are stored, of admins as they are configured. Also answers which of them had another before.
pub(super) async fn address_now(
    work: Work<'_>,
    rows: &mut [message::Model],
) -> Result<(People, HashSet<i64>)> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut found: HashMap<i64, (String, bool)> = message_people(work.txn, &ids)
        .await?
        .into_iter()
        .map(|(id, phone, wants_none)| (id, (phone, !wants_none.is_empty())))
        .collect();
    let config = work.app.current();
    let (mut people, mut moved) = (People::default(), HashSet::new());
    for row in rows {
        let address = if row.audience == Audience::Admin {
            let Some(admin) = config.admins.iter().find(|admin| admin.name == row.person) else {
                people.not_admins.insert(row.id);
                continue;
            };
            if row.channel == Channel::Sms { admin.phone.clone() } else { admin.mail.clone() }
        } else {
            let (phone, wants_none) = found.remove(&row.id).unwrap_or_default();
            if wants_none {
                people.opted_out.insert(row.id);
            }
            phone
        };
        if address != row.address {
            moved.insert(row.id);
            row.address = address;
        }
    }
    Ok((people, moved))
}
