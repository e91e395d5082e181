//! What is noted on class tasks besides their state: that they are to be sized again, their size,
//! the alarms that were told, and that somebody was asked.

use super::vacancy::apart;
use crate::domain::time::Day;
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::sql::{sql, update_by_pairs, update_by_rows};

/// Open tasks of templates are to be sized again.
pub(crate) async fn task_mark_of_templates_in_txn(txn: &Txn, template_ids: &[i64]) -> Result<()> {
    sql("UPDATE class_task SET dirty = TRUE WHERE template_id IN ({ids}) \
        AND state IN ('PENDING', 'INVITING', 'COVERED')")
    .ids(template_ids.iter().copied())
    .execute(txn)
    .await
    .map(drop)
}

/// Open vacancies that count on these coaches are to look at them again.
pub(crate) async fn vacancy_mark_of_coaches_in_txn(txn: &Txn, coach_ids: &[i64]) -> Result<()> {
    let (tasks, others) = counting_on(txn, coach_ids).await?;
    mark_tasks(txn, tasks).await?;
    if !others.is_empty() {
        sql("UPDATE vacancy SET dirty = TRUE WHERE state IN ('PENDING', 'INVITING', 'COVERED') \
             AND id IN ({ids})")
        .ids(others)
        .execute(txn)
        .await?;
    }
    Ok(())
}

/// Of these only class tasks, which are locked before classes.
pub(crate) async fn task_mark_of_coaches_in_txn(txn: &Txn, coach_ids: &[i64]) -> Result<()> {
    mark_tasks(txn, counting_on(txn, coach_ids).await?.0).await
}

/// The class tasks, and the other vacancies, that count on these coaches.
async fn counting_on(txn: &Txn, coach_ids: &[i64]) -> Result<(Vec<i64>, Vec<i64>)> {
    let asked: Vec<i64> = sql("SELECT DISTINCT task_id FROM invitation WHERE coach_id IN ({ids}) \
         AND state IN ('QUEUED', 'SENT', 'ACCEPTED', 'READY', 'RESERVE')")
    .ids(coach_ids.iter().copied())
    .column(txn)
    .await?;
    Ok(apart(asked))
}

async fn mark_tasks(txn: &Txn, ids: Vec<i64>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sql("UPDATE class_task SET dirty = TRUE WHERE state IN ('PENDING', 'INVITING', 'COVERED') \
         AND id IN ({ids})")
    .ids(ids)
    .execute(txn)
    .await
    .map(drop)
}

/// Open vacancies of classes are to be looked at again: lessons or rosters have changed.
pub(crate) async fn vacancy_mark_of_classes_in_txn(txn: &Txn, class_ids: &[i64]) -> Result<()> {
    sql("UPDATE vacancy SET dirty = TRUE WHERE class_id IN ({ids}) \
        AND state IN ('PENDING', 'INVITING', 'COVERED')")
    .ids(class_ids.iter().copied())
    .execute(txn)
    .await
    .map(drop)
}

/// Open tasks of templates on days after `day` are to be sized again: what happened on that day
/// concerns them. Students left over belong to the next one, and classes that were formed have
/// seats and count.
pub(crate) async fn task_mark_later_in_txn(txn: &Txn, template_ids: &[i64], day: Day) -> Result<()> {
    sql("UPDATE class_task SET dirty = TRUE WHERE day > ? AND state IN ('PENDING', 'INVITING', 'COVERED') \
        AND template_id IN ({ids})")
    .bind(day)
    .ids(template_ids.iter().copied())
    .execute_in_parts(txn)
    .await
    .map(drop)
}

/// Stores new sizes: (task, students, needed).
pub(crate) async fn task_size_set_in_txn(txn: &Txn, sizes: &[(i64, i64, i64)]) -> Result<()> {
    let set = "students = p.students, needed = p.needed, dirty = FALSE, version = class_task.version + 1";
    update_by_rows(txn, "class_task", "{rows:id:i, students:i, needed:i}", "class_task.id = p.id", set)
        .rows(sizes.iter().map(|(id, students, needed)| [(*id).into(), (*students).into(), (*needed).into()]))
        .execute_in_parts(txn)
        .await
        .map(drop)
}

/// Notes which alarms of a task were given, and how many uncovered classes were told at most.
pub(crate) async fn vacancy_alarmed_in_txn(txn: &Txn, id: i64, at_gate: bool, uncovered: i64) -> Result<()> {
    let text = match id {
        1.. => "UPDATE class_task SET early_warned = TRUE, gate_alarmed = ?, told_uncovered = ? WHERE id = ?",
        _ => "UPDATE vacancy SET early_warned = TRUE, gate_alarmed = ?, told_uncovered = ? WHERE id = ?",
    };
    sql(text).bind(at_gate).bind(uncovered).bind(id.abs()).execute(txn).await.map(drop)
}

/// Tasks that are covered at their gate need no alarm then.
pub(crate) async fn vacancy_covered_at_gate_in_txn(txn: &Txn, ids: &[i64]) -> Result<()> {
    let (tasks, others) = apart(ids.iter().copied());
    for (text, ids) in [
        (
            "UPDATE class_task SET gate_alarmed = TRUE, told_uncovered = 0 \
             WHERE gate_alarmed = FALSE AND state = 'COVERED' AND id IN ({ids})",
            tasks,
        ),
        (
            "UPDATE vacancy SET gate_alarmed = TRUE, told_uncovered = 0 \
             WHERE gate_alarmed = FALSE AND state = 'COVERED' AND id IN ({ids})",
            others,
        ),
    ] {
        if !ids.is_empty() {
            sql(text).ids(ids).execute(txn).await?;
        }
    }
    Ok(())
}

/// PENDING → INVITING where somebody is asked, if these tasks are still of the versions with which
/// they were read; how many were.
pub(crate) async fn vacancy_asked_in_txn(txn: &Txn, versions: &[(i64, i64)]) -> Result<u64> {
    let set = "version = class_task.version + 1, \
        state = CASE WHEN state = 'PENDING' THEN 'INVITING' ELSE state END";
    let (tasks, others): (Vec<_>, Vec<_>) = versions.iter().copied().partition(|(id, _)| *id > 0);
    let mut asked = 0;
    if !tasks.is_empty() {
        asked += update_by_pairs(
            txn,
            "class_task",
            ["id", "version"],
            set,
            "class_task.version = p.version",
            &tasks,
        )
        .execute(txn)
        .await?;
    }
    if !others.is_empty() {
        let others: Vec<(i64, i64)> = others.into_iter().map(|(id, version)| (-id, version)).collect();
        let set = "version = vacancy.version + 1, \
            state = CASE WHEN state = 'PENDING' THEN 'INVITING' ELSE state END";
        asked +=
            update_by_pairs(txn, "vacancy", ["id", "version"], set, "vacancy.version = p.version", &others)
                .execute(txn)
                .await?;
    }
    Ok(asked)
}
