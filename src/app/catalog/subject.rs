//! Subjects.

use super::SubjectSpec;
use crate::app::App;
use crate::app::call::Call;
use crate::app::input::Change;
use crate::error::{Error, Result};
use crate::in_txn;
use crate::storage::Txn;
use crate::storage::catalog;
use crate::storage::entity::subject;
use crate::storage::page::{Page, Paged};
use crate::storage::referrers::{Part, refuse_if_used};
use crate::write_txn;
use sea_orm::ActiveValue::Set;

/// Makes or renames a subject.
pub(crate) async fn upsert_subject(call: &Call<'_>, spec: &SubjectSpec) -> Result<SubjectSpec> {
    const SCOPE: &str = "UpsertSubject";
    spec.check("subject.")?;
    in_txn!(call, "subject.upsert", |work| {
        if work.claimed(SCOPE).await?.is_none() {
            upsert_subject_in_txn(work.txn, spec).await?;
            work.record(SCOPE, spec.subject_id).await?;
        }
        Ok(())
    })?;
    get_subject(call.app, spec.subject_id).await
}

/// Makes or renames a subject that was checked.
async fn upsert_subject_in_txn(txn: &Txn, spec: &SubjectSpec) -> Result<Change> {
    match catalog::subject_by_id(txn, spec.subject_id).await? {
        Some(row) if row.name == spec.name => Ok(Change::Unchanged),
        Some(row) => catalog::subject_rename_in_txn(txn, row.id, &spec.name).await.map(|_| Change::Changed),
        None => {
            let row = subject::ActiveModel { id: Set(spec.subject_id), name: Set(spec.name.clone()) };
            catalog::subject_insert_in_txn(txn, row).await.map(|()| Change::Created)
        }
    }
}

/// One subject.
pub(crate) async fn get_subject(app: &App, id: i64) -> Result<SubjectSpec> {
    let row =
        catalog::subject_by_id(app.db.reader(), id).await?.ok_or_else(|| Error::not_found("subject", id))?;
    Ok(subject_spec(row))
}

/// Subjects by id.
pub(crate) async fn list_subjects(app: &App, page: &Page) -> Result<Paged<SubjectSpec>> {
    let rows = catalog::subject_list(app.db.reader(), page).await?;
    Ok(page.cut(rows, |row| row.id).map(subject_spec))
}

/// Deletes a subject.
///
/// # Errors
/// `NotFound`; IN_USE when a coach or template is of it.
pub(crate) async fn delete_subject(app: &App, id: i64) -> Result<()> {
    write_txn!(&app.db, "subject.delete", |txn| {
        refuse_if_used(txn, Part::Subject, id, &id.to_string()).await?;
        match catalog::subject_delete_in_txn(txn, id).await? {
            0 => Err(Error::not_found("subject", id)),
            _ => catalog::catalog_changed_in_txn(txn).await,
        }
    })
}

fn subject_spec(row: subject::Model) -> SubjectSpec {
    SubjectSpec { subject_id: row.id, name: row.name }
}
