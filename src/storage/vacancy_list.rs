//! Lists substitutions, standbys and coach changes for people; the queries that rules decide by are
//! in `vacancy`.

use super::entity::{class_template, coach, vacancy};
use super::page::Page;
use super::sql::sql;
use crate::domain::state::{TaskState, VacancyKind};
use crate::domain::time::Day;
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect,
};
use std::collections::HashMap;

/// A vacancy as staff see it.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct VacancyRow {
    /// The row.
    #[sea_orm(nested)]
    pub row: vacancy::Model,
    /// Code of the class template.
    pub template_code: String,
    /// User name of the coach who is to be replaced.
    pub replaces: String,
    /// User name of who fills it.
    pub coach: Option<String>,
    /// User name of who has said yes, and is to fill it.
    pub said_yes: Option<String>,
}

/// Which vacancies to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct VacancyFilter {
    /// Of these kinds.
    pub kinds: Vec<VacancyKind>,
    /// Of this class.
    pub class_id: Option<i64>,
    /// With this coach, as the one who is replaced or who fills it.
    pub coach_id: Option<i64>,
    /// In one of these states; none = all.
    pub states: Vec<TaskState>,
    /// By which this class goes on.
    pub continued_class_id: Option<i64>,
    /// Of these keys; none = all.
    pub ids: Vec<i64>,
}

/// Who has said yes to a vacancy.
const SAID_YES: &str = "(SELECT MIN(y.user_name) FROM invitation i JOIN coach y ON y.id = i.coach_id \
     WHERE i.task_id = -vacancy.id AND i.state IN ('ACCEPTED', 'READY'))";

/// Vacancies in the order in which they were made.
pub(crate) async fn vacancy_page(
    conn: &impl ConnectionTrait,
    filter: &VacancyFilter,
    page: &Page,
) -> Result<Vec<VacancyRow>> {
    use vacancy::Column;
    let to_template = vacancy::Entity::belongs_to(class_template::Entity)
        .from(Column::TemplateId)
        .to(class_template::Column::Id);
    let to_coach = vacancy::Entity::belongs_to(coach::Entity).from(Column::ReplacesId).to(coach::Column::Id);
    let mut query = vacancy::Entity::find()
        .column_as(class_template::Column::Code, "template_code")
        .column_as(coach::Column::UserName, "replaces")
        .column_as(Expr::cust("(SELECT f.user_name FROM coach f WHERE f.id = vacancy.coach_id)"), "coach")
        .column_as(Expr::cust(SAID_YES), "said_yes")
        .join(JoinType::InnerJoin, to_template.into())
        .join(JoinType::InnerJoin, to_coach.into())
        .filter(Column::Id.gt(page.after.unwrap_or(0)));
    if !filter.kinds.is_empty() {
        query = query.filter(Column::Kind.is_in(filter.kinds.iter().copied()));
    }
    if let Some(class_id) = filter.class_id {
        query = query.filter(Column::ClassId.eq(class_id));
    }
    if let Some(class_id) = filter.continued_class_id {
        let of_class = Query::select()
            .column("vacancy_id")
            .from("continuation")
            .and_where(Expr::col("class_id").eq(class_id))
            .to_owned();
        query = query.filter(Column::Id.in_subquery(of_class));
    }
    if let Some(coach_id) = filter.coach_id {
        query = query.filter(Column::ReplacesId.eq(coach_id).or(Column::CoachId.eq(coach_id)));
    }
    if !filter.states.is_empty() {
        query = query.filter(Column::State.is_in(filter.states.iter().copied()));
    }
    if !filter.ids.is_empty() {
        query = query.filter(Column::Id.is_in(filter.ids.iter().copied()));
    }
    Ok(query.order_by_asc(Column::Id).limit(page.limit()).into_model::<VacancyRow>().all(conn).await?)
}

/// The listed days of vacancies, by their keys in `vacancy`.
pub(crate) async fn day_list(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Vec<Day>>> {
    let rows: Vec<(i64, Day)> =
        sql("SELECT vacancy_id, day FROM vacancy_day WHERE vacancy_id IN ({ids}) ORDER BY vacancy_id, day")
            .ids(ids)
            .tuples(conn)
            .await?;
    let mut days: HashMap<i64, Vec<Day>> = HashMap::new();
    for (id, day) in rows {
        days.entry(id).or_default().push(day);
    }
    Ok(days)
}
