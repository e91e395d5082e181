//! Reads what the eligibility of coaches depends on, for many coaches at once.

use super::block::block_list_of_tasks;
use super::class_limit::class_limit_of_templates;
use super::sql::sql;
use crate::domain::calendar::{lesson_days, parse_time};
use crate::domain::city::city;
use crate::domain::eligibility::{Candidate, Held, Need, Offer, Span};
use crate::domain::state::{GradeType, InvitationState, VacancyKind};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::entity::{coach, season};
use crate::storage::staffing::{self, Vacancy};
use crate::storage::{make_up, vacancy};
use chrono::NaiveTime;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Templates whose lessons are read at once, and coaches with what is theirs. A row waits in the
/// driver with every value by itself, ten times as large as what becomes of it: read all at once, a
/// season's lessons were most of the memory that the server ever needed.
const TEMPLATES: usize = 32;
const COACHES: usize = 200;

/// Which coaches to read.
#[derive(Clone, Debug)]
pub enum Which {
    /// On duty, of these subjects.
    OfSubjects(Vec<i64>),
    /// Exactly these, whatever their status.
    Coaches(Vec<i64>),
}

/// What each of these vacancies wants of a coach. Spans are the planned lessons: of a class task
/// from D to the last day reserved by any of its students, of others the lessons that are to be
/// taught.
pub async fn need_list(conn: &impl ConnectionTrait, vacancies: &[Vacancy]) -> Result<HashMap<i64, Need>> {
    let (tasks, others): (Vec<&Vacancy>, Vec<&Vacancy>) =
        vacancies.iter().partition(|vacancy| vacancy.is_of_task());
    let limits = class_limit_of_templates(conn, vacancies.iter().map(|one| one.template_id)).await?;
    let limits = |of: &Vacancy| limits.get(&of.template_id).cloned().unwrap_or_default();
    let mut needs = HashMap::with_capacity(vacancies.len());
    if !tasks.is_empty() {
        let ids = || tasks.iter().map(|task| task.id);
        let last_days = staffing::task_last_days(conn, ids()).await?;
        let mut cities = staffing::task_cities(conn, ids()).await?;
        let mut blocks = block_list_of_tasks(conn, ids()).await?;
        let spans = span_list(conn, tasks.iter().map(|task| task.template_id)).await?;
        let make_ups = tasks.iter().filter(|task| task.kind == VacancyKind::MakeUp);
        let mut first = make_up::coach_list_first(conn, make_ups.map(|task| task.template_id)).await?;
        for task in tasks {
            let last = last_days.get(&task.id).copied().unwrap_or(task.day);
            let all = spans.get(&task.template_id).map_or(&[][..], Vec::as_slice);
            let spans = all.iter().copied().filter(|span| task.day <= span.day && span.day <= last);
            let cities = cities.remove(&task.id).unwrap_or_default();
            let first = first.remove(&task.template_id).unwrap_or_default();
            let blocks = blocks.remove(&task.id).unwrap_or_default();
            let need = Need { limits: limits(task), first, blocks, ..need(task, spans.collect(), cities)? };
            needs.insert(task.id, need);
        }
    }
    if !others.is_empty() {
        let ids = || others.iter().map(|vacancy| vacancy.id);
        let mut spans = vacancy::span_list(conn, ids()).await?;
        let mut cities = vacancy::city_list(conn, ids()).await?;
        let mut first = vacancy::coach_list_first(conn, ids()).await?;
        let mut blocks = vacancy::block_list(conn, ids()).await?;
        for vacancy in others {
            let spans = spans.remove(&vacancy.id).unwrap_or_default();
            let cities = cities.remove(&vacancy.id).unwrap_or_default();
            let first = first.remove(&vacancy.id).unwrap_or_default();
            let blocks = blocks.remove(&vacancy.id).unwrap_or_default();
            let need = Need { limits: limits(vacancy), first, blocks, ..need(vacancy, spans, cities)? };
            needs.insert(vacancy.id, need);
        }
    }
    Ok(needs)
}

fn need(vacancy: &Vacancy, spans: Vec<Span>, cities: BTreeMap<String, i64>) -> Result<Need> {
    Ok(Need {
        task_id: vacancy.id,
        subject_id: vacancy.subject_id,
        grade_type: grade_type(vacancy.grade, vacancy.id)?,
        start: time_of(&vacancy.start_time, "start_time", vacancy.id)?,
        end: time_of(&vacancy.end_time, "end_time", vacancy.id)?,
        spans,
        needed: i64::from(vacancy.needed),
        cities,
        is_a_class: vacancy.kind.is_a_class(),
        first: BTreeSet::new(),
        limits: BTreeMap::new(),
        blocks: BTreeMap::new(),
    })
}

/// The level of a stored grade.
pub fn grade_type(grade: i32, task_id: i64) -> Result<GradeType> {
    u8::try_from(grade).ok().and_then(GradeType::of_grade).ok_or_else(|| Error::Corrupt {
        table: "class_template",
        column: "grade",
        id: format!("of class task {task_id}"),
    })
}

/// A stored time of day of a period.
pub(crate) fn time_of(text: &str, column: &'static str, id: i64) -> Result<NaiveTime> {
    parse_time(text).ok_or_else(|| Error::Corrupt {
        table: "period",
        column,
        id: format!("of class task or availability {id}"),
    })
}

/// All lessons of templates, in order.
pub async fn span_list(
    conn: &impl ConnectionTrait,
    template_ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Vec<Span>>> {
    let ids: BTreeSet<i64> = template_ids.into_iter().collect();
    let mut spans: HashMap<i64, Vec<Span>> = HashMap::with_capacity(ids.len());
    for some in Vec::from_iter(ids).chunks(TEMPLATES) {
        let rows: Vec<(i64, Day, Instant, Instant)> =
            sql("SELECT template_id, day, start_at, end_at FROM place WHERE template_id IN ({ids}) \
                ORDER BY template_id, day")
            .ids(some.iter().copied())
            .tuples(conn)
            .await?;
        for (template, day, start, end) in rows {
            spans.entry(template).or_default().push(Span { day, start, end });
        }
    }
    Ok(spans)
}

#[derive(FromQueryResult)]
struct OfferRow {
    id: i64,
    coach_id: i64,
    season_id: i64,
    recurrence: String,
    start_day: Day,
    end_day: Day,
    start_time: String,
    end_time: String,
}

#[derive(FromQueryResult)]
struct HeldRow {
    coach_id: i64,
    task_id: i64,
    state: InvitationState,
    template_id: i64,
    day: Day,
    last_day: Day,
    until_at: Option<Instant>,
    /// 1 = of a make-up, which is no class more.
    make_ups: i64,
}

/// Coaches as the rules see them at `now`. Versions are read first: a writer that repeats them
/// learns whether anything changed since.
///
/// `week` is the first instant of the week, `today` of the day (budgets).
pub async fn candidate_list(
    conn: &impl ConnectionTrait,
    which: &Which,
    now: Instant,
    today: Instant,
    week: Instant,
) -> Result<Vec<Candidate>> {
    let coaches = match which {
        Which::OfSubjects(subjects) => {
            let on_duty = coach::Column::JobStatus.is_in(["regular", "trial"]);
            coach::Entity::find()
                .filter(on_duty)
                .filter(coach::Column::SubjectId.is_in(subjects.iter().copied()))
                .all(conn)
                .await?
        }
        Which::Coaches(ids) => {
            sql("SELECT * FROM coach WHERE id IN ({ids})").ids(ids.iter().copied()).all(conn).await?
        }
    };
    let ids: Vec<i64> = coaches.iter().map(|coach| coach.id).collect();
    let mut candidates: HashMap<i64, Candidate> = HashMap::with_capacity(coaches.len());
    for coach in coaches {
        candidates.insert(coach.id, candidate(coach)?);
    }
    for ids in ids.chunks(COACHES) {
        add_offers(conn, ids, &mut candidates).await?;
        add_lessons(conn, ids, now, &mut candidates).await?;
        add_held(conn, ids, now, &mut candidates).await?;
        add_budgets(conn, ids, today, week, &mut candidates).await?;
        // Nobody is asked twice, so only of answers it matters who asked.
        if matches!(which, Which::Coaches(_)) {
            add_by_hand(conn, ids, &mut candidates).await?;
        }
    }
    let mut all: Vec<Candidate> = candidates.into_values().collect();
    all.sort_by(|a, b| a.user_name.cmp(&b.user_name));
    Ok(all)
}

fn candidate(row: coach::Model) -> Result<Candidate> {
    let rank = u8::try_from(row.coach_rank).map_err(|_| Error::Corrupt {
        table: "coach",
        column: "coach_rank",
        id: row.id.to_string(),
    })?;
    Ok(Candidate {
        id: row.id,
        user_name: row.user_name,
        subject_id: row.subject_id,
        grade_type: row.grade_type,
        status: row.job_status,
        rank,
        city: city(&row.area_code),
        forbid_same_city: row.forbid_same_city,
        blocked: row.blocked,
        opted_out: row.opted_out,
        offers: Vec::new(),
        lessons: Vec::new(),
        held: Vec::new(),
        classes: 0,
        by_hand: BTreeSet::new(),
        said_yes: BTreeSet::new(),
        asked: BTreeSet::new(),
        today: 0,
        week: 0,
        last_auto: None,
        last_invited: row.last_invited_at,
        test_passed: row.test_passed_at,
        version: row.version,
    })
}

async fn add_offers(
    conn: &impl ConnectionTrait,
    ids: &[i64],
    candidates: &mut HashMap<i64, Candidate>,
) -> Result<()> {
    let rows: Vec<OfferRow> = sql("SELECT a.id, a.coach_id, a.season_id, a.recurrence, a.start_day, \
         a.end_day, p.start_time, p.end_time \
         FROM coach_availability a JOIN period p ON p.id = a.period_id WHERE a.coach_id IN ({ids}) \
         ORDER BY a.id")
    .ids(ids.iter().copied())
    .all(conn)
    .await?;
    let uses: Vec<(i64, Day)> =
        sql("SELECT u.availability_id, u.day FROM availability_use u JOIN coach_availability a \
         ON a.id = u.availability_id \
         WHERE a.coach_id IN ({ids})")
        .ids(ids.iter().copied())
        .tuples(conn)
        .await?;
    let mut used: HashMap<i64, BTreeSet<Day>> = HashMap::new();
    for (offer, day) in uses {
        used.entry(offer).or_default().insert(day);
    }
    let seasons: HashMap<i64, season::Model> =
        season::Entity::find().all(conn).await?.into_iter().map(|season| (season.id, season)).collect();
    // A thousand coaches offer the same few recurrences of a season: each is expanded once.
    let mut expanded: HashMap<(i64, String), Arc<Vec<Day>>> = HashMap::new();
    for row in rows {
        let (Some(season), Some(candidate)) =
            (seasons.get(&row.season_id), candidates.get_mut(&row.coach_id))
        else {
            continue;
        };
        let days = match expanded.get(&(row.season_id, row.recurrence.clone())) {
            Some(days) => Arc::clone(days),
            None => {
                let days = lesson_days(&row.recurrence, season.start_day, season.end_day, &BTreeSet::new());
                // Stored by a version that asked less: the offer is of no day until it is made
                // anew. It is no reason to ask nobody.
                let days = days.unwrap_or_else(|wrong| {
                    tracing::warn!(coach_availability.id = row.id, %wrong, "the recurrence of an offer \
                        cannot be used: it offers no day");
                    Vec::new()
                });
                let days = Arc::new(days);
                expanded.insert((row.season_id, row.recurrence.clone()), Arc::clone(&days));
                days
            }
        };
        candidate.offers.push(Offer {
            id: row.id,
            start: time_of(&row.start_time, "start_time", row.id)?,
            end: time_of(&row.end_time, "end_time", row.id)?,
            days,
            first: row.start_day,
            last: row.end_day,
            used: used.remove(&row.id).unwrap_or_default(),
        });
    }
    Ok(())
}

async fn add_lessons(
    conn: &impl ConnectionTrait,
    ids: &[i64],
    now: Instant,
    candidates: &mut HashMap<i64, Candidate>,
) -> Result<()> {
    let rows: Vec<(i64, Day, Instant, Instant)> = sql("SELECT coach_id, day, start_at, end_at FROM lesson \
         WHERE coach_id IN ({ids}) AND start_at >= ? \
         AND state IN ('SCHEDULED', 'RUNNING', 'DONE', 'COACH_LATE', 'SUBSTITUTED') \
         ORDER BY coach_id, start_at")
    .ids(ids.iter().copied())
    // A lesson lasts four hours at most, so one that began earlier is over long since.
    .bind(now - chrono::TimeDelta::days(1))
    .tuples(conn)
    .await?;
    for (coach, day, start, end) in rows {
        if let Some(candidate) = candidates.get_mut(&coach) {
            candidate.lessons.push(Span { day, start, end });
        }
    }
    let classes: Vec<(i64, i64)> =
        sql("SELECT c.coach_id, COUNT(*) AS n FROM class c WHERE c.coach_id IN ({ids}) \
             AND c.state IN ('OPEN', 'RUNNING') \
             AND EXISTS (SELECT 1 FROM lesson l WHERE l.class_id = c.id AND l.end_at > ? \
             AND l.state IN ('SCHEDULED', 'RUNNING')) \
             AND NOT EXISTS (SELECT 1 FROM make_up_day u WHERE u.template_id = c.template_id) \
             GROUP BY c.coach_id")
        .ids(ids.iter().copied())
        .bind(now)
        .tuples(conn)
        .await?;
    for (coach, count) in classes {
        if let Some(candidate) = candidates.get_mut(&coach) {
            candidate.classes += u32::try_from(count).unwrap_or(u32::MAX);
        }
    }
    Ok(())
}

async fn add_held(
    conn: &impl ConnectionTrait,
    ids: &[i64],
    now: Instant,
    candidates: &mut HashMap<i64, Candidate>,
) -> Result<()> {
    let rows: Vec<HeldRow> = sql("SELECT i.coach_id, i.task_id, i.state, t.template_id, t.day, i.last_day, \
             CASE i.state WHEN 'QUEUED' THEN i.valid_until WHEN 'SENT' THEN i.expires_at WHEN 'ACCEPTED' \
         THEN i.test_deadline END AS until_at, \
             (SELECT COUNT(*) FROM make_up_day u WHERE u.template_id = t.template_id) AS make_ups \
         FROM invitation i JOIN class_task t ON t.id = i.task_id WHERE i.coach_id IN ({ids}) AND ( \
             (i.state = 'QUEUED' AND i.valid_until > ?) OR (i.state = 'SENT' AND i.expires_at > ?) \
             OR (i.state = 'ACCEPTED' AND i.test_deadline > ?) OR i.state = 'READY')")
    .ids(ids.iter().copied())
    .bind(now)
    .bind(now)
    .bind(now)
    .all(conn)
    .await?;
    let templates: BTreeSet<i64> = rows.iter().map(|row| row.template_id).collect();
    let spans = if templates.is_empty() { HashMap::new() } else { span_list(conn, templates).await? };
    for row in rows {
        let Some(candidate) = candidates.get_mut(&row.coach_id) else { continue };
        if row.state.is_held() && row.make_ups == 0 {
            candidate.classes += 1;
            candidate.said_yes.insert(row.task_id);
        }
        let all = spans.get(&row.template_id).map_or(&[][..], Vec::as_slice);
        let spans =
            all.iter().copied().filter(|span| row.day <= span.day && span.day <= row.last_day).collect();
        candidate.held.push(Held { task_id: row.task_id, spans, until: row.until_at });
    }
    let others = vacancy::held_list(conn, ids, now).await?;
    if others.is_empty() {
        return Ok(());
    }
    let spans = vacancy::span_list(conn, others.iter().map(|row| row.task_id)).await?;
    for row in others {
        let Some(candidate) = candidates.get_mut(&row.coach_id) else { continue };
        if row.state.is_held() && row.kind.is_a_class() {
            candidate.classes += 1;
            candidate.said_yes.insert(row.task_id);
        }
        let spans = spans.get(&row.task_id).cloned().unwrap_or_default();
        candidate.held.push(Held { task_id: row.task_id, spans, until: row.until_at });
    }
    Ok(())
}

/// For which open tasks staff asked them by hand.
async fn add_by_hand(
    conn: &impl ConnectionTrait,
    ids: &[i64],
    candidates: &mut HashMap<i64, Candidate>,
) -> Result<()> {
    let rows: Vec<(i64, i64)> =
        sql("SELECT i.coach_id, i.task_id FROM invitation i JOIN class_task t ON t.id = i.task_id \
         WHERE i.coach_id IN ({ids}) AND i.kind <> 'AUTO' AND t.state IN ('PENDING', 'INVITING', 'COVERED')")
        .ids(ids.iter().copied())
        .tuples(conn)
        .await?;
    for (coach, task) in rows {
        if let Some(candidate) = candidates.get_mut(&coach) {
            candidate.by_hand.insert(task);
        }
    }
    Ok(())
}

async fn add_budgets(
    conn: &impl ConnectionTrait,
    ids: &[i64],
    today: Instant,
    week: Instant,
    candidates: &mut HashMap<i64, Candidate>,
) -> Result<()> {
    let rows: Vec<(i64, Instant)> =
        sql("SELECT coach_id, queued_at FROM invitation WHERE coach_id IN ({ids}) AND queued_at >= ? \
            AND kind = 'AUTO'")
        .ids(ids.iter().copied())
        .bind(week)
        .tuples(conn)
        .await?;
    for (coach, queued_at) in rows {
        let Some(candidate) = candidates.get_mut(&coach) else { continue };
        candidate.week += 1;
        candidate.today += u32::from(queued_at >= today);
        candidate.last_auto = candidate.last_auto.max(Some(queued_at));
    }
    Ok(())
}

/// Adds which of these tasks each coach was asked for.
pub async fn asked_add(
    conn: &impl ConnectionTrait,
    task_ids: impl IntoIterator<Item = i64>,
    candidates: &mut [Candidate],
) -> Result<()> {
    let rows: Vec<(i64, i64)> = sql("SELECT coach_id, task_id FROM invitation WHERE task_id IN ({ids})")
        .ids(task_ids)
        .tuples(conn)
        .await?;
    let mut asked: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    for (coach, task) in rows {
        asked.entry(coach).or_default().insert(task);
    }
    for candidate in candidates {
        candidate.asked = asked.remove(&candidate.id).unwrap_or_default();
    }
    Ok(())
}
