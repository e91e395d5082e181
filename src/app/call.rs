//! The one argument of every use case: when it is, who calls, and how the call is to be carried
//! out; and the same inside its transaction.

use super::App;
use super::idempotency;
use super::input::RequestKey;
use crate::domain::actor::Actor;
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::ledger::By;
use std::ops::Deref;

/// One call of a use case.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The application.
    pub app: &'a App,
    /// The instant by which everything in it is decided. It is read once, before the call begins;
    /// only a sign-up that has waited for `invite create` reads it again (`enrollment/turn.rs`).
    pub now: Instant,
    /// Who calls.
    pub actor: Actor,
    /// The reason they gave; may be empty.
    pub remark: String,
    /// The request id, for retries.
    pub key: RequestKey,
    /// Nothing is kept: the answer says what would be.
    pub rehearsal: bool,
}

impl App {
    /// A call that begins now.
    pub async fn call(&self) -> Result<Call<'_>> {
        Ok(Call::new(self, self.now().await?))
    }
}

impl<'a> Call<'a> {
    /// A call at an instant, of nobody in particular.
    pub fn new(app: &'a App, now: Instant) -> Self {
        let (actor, remark, key) = (Actor::Client, String::new(), RequestKey::default());
        Self { app, now, actor, remark, key, rehearsal: false }
    }

    /// The same by somebody.
    #[must_use]
    pub fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// The same, decided at another instant.
    #[must_use]
    pub fn at(&self, now: Instant) -> Self {
        Self { now, ..self.clone() }
    }

    /// The same after the caller has waited for its turn: the clock is read again, because a
    /// cut-off may have passed meanwhile.
    pub async fn after_turn(&self) -> Result<Self> {
        Ok(self.at(self.app.now().await?))
    }

    /// The same with a request id.
    #[must_use]
    pub fn keyed(self, key: RequestKey) -> Self {
        Self { key, ..self }
    }

    /// The same by an operator with a reason, unless none is named.
    #[must_use]
    pub fn operated(self, operator: String, remark: String) -> Self {
        let actor = if operator.is_empty() { self.actor } else { Actor::Admin(operator) };
        Self { actor, remark, ..self }
    }

    /// The same by a student, unless an operator makes it for them.
    #[must_use]
    pub fn or_student(&self, user_name: &str) -> Self {
        let mut call = self.clone();
        if call.actor == Actor::Client {
            call.actor = Actor::Student(user_name.to_owned());
        }
        call
    }

    /// The same as a rehearsal, if it is to be one.
    #[must_use]
    pub fn rehearsed(self, rehearsal: bool) -> Self {
        Self { rehearsal, ..self }
    }

    /// For the ledger of places.
    pub fn author(&self) -> By {
        By { actor: self.actor.clone(), remark: self.remark.clone(), request_id: self.key.request_id.clone() }
    }
}

/// A unit of work: a call inside a transaction. Cheap to copy; all of the call is at hand.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    call: &'a Call<'a>,
    /// The transaction.
    pub txn: &'a Txn,
}

impl<'a> Work<'a> {
    /// Of a call and its transaction.
    pub fn new(call: &'a Call<'a>, txn: &'a Txn) -> Self {
        Self { call, txn }
    }

    /// The result stored for this request before, if it was carried out. A rehearsal never was.
    ///
    /// # Errors
    /// REQUEST_ID_REUSED; see [`idempotency::claimed`].
    pub(crate) async fn claimed(self, scope: &str) -> Result<Option<String>> {
        if self.rehearsal {
            return Ok(None);
        }
        let RequestKey { request_id, fingerprint } = &self.key;
        idempotency::claimed(self.txn, scope, request_id, fingerprint).await
    }

    /// The same of a result that is a key.
    pub(crate) async fn claimed_key(self, scope: &str) -> Result<Option<i64>> {
        let Some(result) = self.claimed(scope).await? else { return Ok(None) };
        let id = self.key.request_id.clone();
        result.parse().map(Some).map_err(|_| Error::Corrupt { table: "request_log", column: "result", id })
    }

    /// Stores the result of this request, unless it is a rehearsal; see [`idempotency::record`].
    pub(crate) async fn record(self, scope: &str, result: impl ToString) -> Result<()> {
        if self.rehearsal {
            return Ok(());
        }
        let RequestKey { request_id, fingerprint } = &self.key;
        idempotency::record(self.txn, scope, request_id, fingerprint, &result.to_string(), self.now).await
    }
}

impl<'a> Deref for Work<'a> {
    type Target = Call<'a>;

    fn deref(&self) -> &Call<'a> {
        self.call
    }
}

/// Runs a block as the write transaction of a call, named `$name`: `in_txn!(call, "x", |work| { …
/// Ok(value) })`. All that [`write_txn!`](crate::write_txn) says holds; a rehearsal is rolled back.
#[macro_export]
macro_rules! in_txn {
    ($call:expr, $name:literal, |$work:ident| $body:expr) => {{
        let call: &$crate::app::call::Call<'_> = $call;
        $crate::write_txn!(&call.app.db, $name, keep: !call.rehearsal, |txn| {
            let $work = $crate::app::call::Work::new(call, txn);
            $body
        })
    }};
}
