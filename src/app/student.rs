//! Students.

use super::App;
use super::input::{Change, Fields};
use super::staffing::demand::demand_changed;
use crate::app::call::Call;
use crate::error::{Error, Result};
use crate::in_txn;
use crate::storage::Txn;
use crate::storage::entity::student;
use crate::storage::page::{Page, Paged};
use crate::storage::student::{
    student_by_user_name, student_insert_in_txn, student_list, student_template_ids, student_update_in_txn,
};
use sea_orm::ActiveValue::Set;

/// 学员, as a caller writes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StudentSpec {
    /// Key.
    pub user_name: String,
    /// Name.
    pub real_name: String,
    /// Six digits, GB/T 2260.
    pub area_code: String,
    /// May be empty.
    pub school_name: String,
    /// 1 to 12.
    pub grade: i32,
    /// Phone number.
    pub phone: String,
}

impl StudentSpec {
    /// Whether it can be one at all; `path` stands before the field in the error.
    pub(crate) fn check(&self, path: &str) -> Result<()> {
        let fields = Fields { path };
        fields.code("user_name", &self.user_name)?;
        fields.name("real_name", &self.real_name)?;
        fields.area_code("area_code", &self.area_code)?;
        fields.optional_text("school_name", &self.school_name, 200)?;
        fields.range("grade", self.grade, 1, 12)?;
        fields.phone("phone", &self.phone)
    }

    /// The row of a new student.
    pub(crate) fn row(&self) -> student::ActiveModel {
        student::ActiveModel {
            user_name: Set(self.user_name.clone()),
            real_name: Set(self.real_name.clone()),
            area_code: Set(self.area_code.clone()),
            school_name: Set(self.school_name.clone()),
            grade: Set(self.grade),
            phone: Set(self.phone.clone()),
            ..Default::default()
        }
    }

    /// Whether a row says the same.
    pub(crate) fn is(&self, row: &student::Model) -> bool {
        let student::Model { id: _, user_name, real_name, area_code, school_name, grade, phone, version: _ } =
            row;
        (&self.user_name, &self.real_name, &self.area_code, &self.school_name, &self.grade, &self.phone)
            == (user_name, real_name, area_code, school_name, grade, phone)
    }
}

/// Makes or changes a student.
pub(crate) async fn upsert_student(call: &Call<'_>, spec: &StudentSpec) -> Result<student::Model> {
    const SCOPE: &str = "UpsertStudent";
    spec.check("student.")?;
    in_txn!(call, "student.upsert", |work| {
        if work.claimed(SCOPE).await?.is_none() {
            upsert_student_in_txn(work.txn, spec).await?;
            work.record(SCOPE, &spec.user_name).await?;
        }
        Ok(())
    })?;
    get_student(call.app, &spec.user_name).await
}

/// Makes or changes a student that was checked.
pub(crate) async fn upsert_student_in_txn(txn: &Txn, spec: &StudentSpec) -> Result<Change> {
    let Some(before) = student_by_user_name(txn, &spec.user_name).await? else {
        student_insert_in_txn(txn, spec.row()).await?;
        return Ok(Change::Created);
    };
    if spec.is(&before) {
        return Ok(Change::Unchanged);
    }
    if before.area_code != spec.area_code {
        // The city rule looks at the students of a task. Tasks are locked before students.
        demand_changed(txn, &student_template_ids(txn, before.id).await?).await?;
    }
    student_update_in_txn(txn, before.id, student::ActiveModel { id: Set(before.id), ..spec.row() }).await?;
    Ok(Change::Changed)
}

/// One student.
pub(crate) async fn get_student(app: &App, user_name: &str) -> Result<student::Model> {
    student_by_user_name(app.db.reader(), user_name)
        .await?
        .ok_or_else(|| Error::not_found("student", user_name))
}

/// Students in the order in which they were made.
pub(crate) async fn list_students(
    app: &App,
    grade: Option<i32>,
    page: &Page,
) -> Result<Paged<student::Model>> {
    Ok(page.cut(student_list(app.db.reader(), grade, page).await?, |row| row.id))
}
