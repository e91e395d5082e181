//! Table `class_template` (班型): what students can sign up for. The columns are explained in the
//! migration that creates it.

use sea_orm::entity::prelude::*;

/// A row of `class_template`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "class_template")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub code: String,
    pub season_id: i64,
    pub subject_id: i64,
    pub grade: i32,
    pub period_id: i64,
    pub recurrence: String,
    pub max_classes: i32,
    pub max_students_per_class: i32,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
