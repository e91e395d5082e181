//! Lists class tasks and invitations for people; the queries that rules decide by are in
//! `staffing`.

use super::entity::{class_task, class_template, coach, invitation, vacancy};
use super::page::Page;
use super::sql::sql;
use crate::domain::state::{InvitationKind, InvitationState, TaskState};
use crate::domain::time::Day;
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use std::collections::HashMap;

/// Which class tasks to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskFilter {
    /// Of this template.
    pub template_id: Option<i64>,
    /// Of days from this one on.
    pub from_day: Option<Day>,
    /// Of days up to this one.
    pub to_day: Option<Day>,
    /// In one of these states; none = all.
    pub states: Vec<TaskState>,
}

/// Class tasks in order of keys.
pub(crate) async fn task_page(
    conn: &impl ConnectionTrait,
    filter: &TaskFilter,
    page: &Page,
) -> Result<Vec<class_task::Model>> {
    use class_task::Column;
    let mut query = class_task::Entity::find().filter(Column::Id.gt(page.after.unwrap_or(0)));
    if let Some(template_id) = filter.template_id {
        query = query.filter(Column::TemplateId.eq(template_id));
    }
    if let Some(from) = filter.from_day {
        query = query.filter(Column::Day.gte(from));
    }
    if let Some(to) = filter.to_day {
        query = query.filter(Column::Day.lte(to));
    }
    if !filter.states.is_empty() {
        query = query.filter(Column::State.is_in(filter.states.iter().copied()));
    }
    Ok(query.order_by_asc(Column::Id).limit(page.limit()).all(conn).await?)
}

/// One class task.
pub(crate) async fn task_by_key(conn: &impl ConnectionTrait, id: i64) -> Result<Option<class_task::Model>> {
    Ok(class_task::Entity::find_by_id(id).one(conn).await?)
}

/// How many invitations of class tasks are ASSIGNED.
pub(crate) async fn task_assigned(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, i64>> {
    let pairs: Vec<(i64, i64)> =
        sql("SELECT task_id, COUNT(*) FROM invitation WHERE task_id IN ({ids}) AND state = 'ASSIGNED' \
            GROUP BY task_id")
        .ids(ids)
        .tuples(conn)
        .await?;
    Ok(pairs.into_iter().collect())
}

/// An invitation with the names of its task and coach.
#[derive(Clone, Debug, FromQueryResult)]
pub struct InvitationRow {
    /// The invitation.
    #[sea_orm(nested)]
    pub invitation: invitation::Model,
    /// The template of its task.
    pub task_template_id: i64,
    /// Code of that template.
    pub template_code: String,
    /// Subject of that template.
    pub template_subject_id: i64,
    /// Grade of that template.
    pub template_grade: i32,
    /// The lesson day of its task.
    pub task_day: Day,
    /// User name of its coach.
    pub coach_user_name: String,
}

/// Which invitations to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct InvitationFilter {
    /// Of this class task.
    pub task_id: Option<i64>,
    /// Of this coach.
    pub coach_id: Option<i64>,
    /// Of tasks of this template.
    pub template_id: Option<i64>,
    /// Of tasks of days from this one on.
    pub from_day: Option<Day>,
    /// Of tasks of days up to this one.
    pub to_day: Option<Day>,
    /// In one of these states; none = all.
    pub states: Vec<InvitationState>,
    /// Of this kind.
    pub kind: Option<InvitationKind>,
    /// Latest first; a page is then what comes before a key.
    pub latest_first: bool,
}

/// The template and the day of what an invitation is for: a class task, or another vacancy.
const TEMPLATE: &str = "COALESCE(class_task.template_id, vacancy.template_id)";
/// See `TEMPLATE`.
const DAY: &str = "COALESCE(class_task.day, vacancy.day)";

fn with_names() -> Select<invitation::Entity> {
    let to_task = invitation::Entity::belongs_to(class_task::Entity)
        .from(invitation::Column::TaskId)
        .to(class_task::Column::Id);
    let to_coach =
        invitation::Entity::belongs_to(coach::Entity).from(invitation::Column::CoachId).to(coach::Column::Id);
    let mut query = invitation::Entity::find()
        .column_as(Expr::cust(TEMPLATE), "task_template_id")
        .column_as(class_template::Column::Code, "template_code")
        .column_as(class_template::Column::SubjectId, "template_subject_id")
        .column_as(class_template::Column::Grade, "template_grade")
        .column_as(Expr::cust(DAY), "task_day")
        .column_as(coach::Column::UserName, "coach_user_name")
        .join(JoinType::LeftJoin, to_task.into());
    let to_vacancy = Expr::cust("vacancy.id = -invitation.task_id");
    let to_template = Expr::cust(format!("class_template.id = {TEMPLATE}"));
    QuerySelect::query(&mut query).join(JoinType::LeftJoin, vacancy::Entity, to_vacancy).join(
        JoinType::InnerJoin,
        class_template::Entity,
        to_template,
    );
    query.join(JoinType::InnerJoin, to_coach.into())
}

/// One invitation.
pub(crate) async fn invitation_with_names(
    conn: &impl ConnectionTrait,
    id: i64,
) -> Result<Option<InvitationRow>> {
    Ok(with_names().filter(invitation::Column::Id.eq(id)).into_model::<InvitationRow>().one(conn).await?)
}

/// All invitations of a class task, in order of keys.
pub(crate) async fn invitations_of_task(
    conn: &impl ConnectionTrait,
    task_id: i64,
) -> Result<Vec<InvitationRow>> {
    let query =
        with_names().filter(invitation::Column::TaskId.eq(task_id)).order_by_asc(invitation::Column::Id);
    Ok(query.into_model::<InvitationRow>().all(conn).await?)
}

/// Invitations in order of keys.
pub(crate) async fn invitation_page(
    conn: &impl ConnectionTrait,
    filter: &InvitationFilter,
    page: &Page,
) -> Result<Vec<InvitationRow>> {
    use invitation::Column;
    let mut query = with_names();
    query = match (page.after, filter.latest_first) {
        (Some(after), true) => query.filter(Column::Id.lt(after)),
        (Some(after), false) => query.filter(Column::Id.gt(after)),
        (None, _) => query,
    };
    if let Some(task_id) = filter.task_id {
        query = query.filter(Column::TaskId.eq(task_id));
    }
    if let Some(coach_id) = filter.coach_id {
        query = query.filter(Column::CoachId.eq(coach_id));
    }
    if let Some(template_id) = filter.template_id {
        query = query.filter(Expr::cust(TEMPLATE).eq(template_id));
    }
    if let Some(from) = filter.from_day {
        query = query.filter(Expr::cust(DAY).gte(from));
    }
    if let Some(to) = filter.to_day {
        query = query.filter(Expr::cust(DAY).lte(to));
    }
    if !filter.states.is_empty() {
        query = query.filter(Column::State.is_in(filter.states.iter().copied()));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(Column::Kind.eq(kind));
    }
    query =
        if filter.latest_first { query.order_by_desc(Column::Id) } else { query.order_by_asc(Column::Id) };
    Ok(query.limit(page.limit()).into_model::<InvitationRow>().all(conn).await?)
}
