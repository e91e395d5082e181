//! Plans a day on which lessons that are owed are to be held: a class template of that one day, for
//! which nobody signs up but who is owed a lesson and asked. Its class task looks for a coach as
//! that of any lesson does, if anybody says yes.

use crate::app::call::{Call, Work};
use crate::app::catalog::{self as catalogue, TemplateSpec};
use crate::app::outbox::{self, Draft, Person};
use crate::domain::calendar::{cut_off, lesson_span, parse_time};
use crate::domain::places::{first_possible_day, show_days};
use crate::domain::refusal::Refusal;
use crate::domain::state::{GradeType, LessonState, MakeUpState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::message::content::{ClassFacts, ClassNews};
use crate::storage::class_lesson::class_lesson_list;
use crate::storage::entity::{class_template, period};
use crate::storage::make_up::{
    MakeUpFilter, MakeUpRow, NewMakeUpDay, busy_list, make_up_asked_list, make_up_day_class,
    make_up_day_insert_in_txn, make_up_list, make_up_offer_in_txn,
};
use crate::storage::page::Page;
use crate::storage::season_edit::student_lock_set_in_txn;
use crate::storage::{catalog, class};
use chrono::{Datelike as _, NaiveTime};
use std::collections::{BTreeMap, BTreeSet};

/// A page that holds everything.
const ALL: Page = Page { after: None, size: i32::MAX as u64 };

/// A day for make-ups.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The class whose lessons are made up.
    pub class_id: i64,
    /// The days of the lessons that were not held.
    pub lesson_days: BTreeSet<Day>,
    /// The day on which they are to be made up.
    pub day: Day,
    /// The period, by its code.
    pub period: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// Code of the class template.
    pub template: String,
    /// Those who are asked.
    pub offered: Vec<MakeUpRow>,
    /// User names of those who have another lesson at that time, or are asked to this one for
    /// another, and are not.
    pub busy: Vec<String>,
}

/// Where and when it would be.
struct Place {
    /// The template of the class.
    of: class_template::Model,
    /// Code of its season.
    season: String,
    /// Name of its subject.
    subject: String,
    period: period::Model,
    /// The template for make-ups of that class, day and period, if it is there.
    there: Option<class_template::Model>,
    start: NaiveTime,
    end: NaiveTime,
    span: (Instant, Instant),
}

/// Plans a day, and asks everybody to whom one of the lessons is owed.
///
/// # Errors
/// `NotFound`; `Invalid` for a period of another grade type; NOT_A_LESSON_DAY for a day outside the
/// season and for lessons of which nothing is owed, TOO_LATE, IN_USE when the class has a lesson on
/// that day, SCHEDULE_CONFLICT when all have another lesson then.
pub(crate) async fn schedule_make_up(call: &Call<'_>, plan: &Plan) -> Result<Planned> {
    const SCOPE: &str = "ScheduleMakeUp";
    in_txn!(call, "make_up.schedule", |work| {
        let of = lock_in_txn(work, plan.class_id).await?;
        if let Some(template) = work.claimed(SCOPE).await? {
            let found = catalog::template_by_code(work.txn, &template).await?;
            let offered_id = Some(found.ok_or_else(|| Error::not_found("class template", &template))?.id);
            let filter = MakeUpFilter { offered_id, ..MakeUpFilter::default() };
            let offered = make_up_list(work.txn, &filter, work.now, &ALL).await?;
            return Ok(Planned { template, offered, busy: Vec::new() });
        }
        let made = make(work, plan, of).await?;
        work.record(SCOPE, &made.template).await?;
        Ok(made)
    })
}

/// The template of a class. Whoever plans in its season, or edits it, waits here: the same request,
/// too, which then finds the first answer.
async fn lock_in_txn(work: Work<'_>, class_id: i64) -> Result<class_template::Model> {
    let found = class::class_by_id(work.txn, class_id).await?;
    let code = found.ok_or_else(|| Error::not_found("class", class_id))?.template_code;
    let template = catalog::template_by_code(work.txn, &code).await?;
    let of = template.ok_or_else(|| Error::not_found("class template", &code))?;
    catalog::season_lock_in_txn(work.txn, of.season_id).await?;
    Ok(of)
}

async fn make(work: Work<'_>, plan: &Plan, of: class_template::Model) -> Result<Planned> {
    let place = place(work, plan, of).await?;
    let mut students: Vec<i64> = owed(work, plan).await?.iter().map(|row| row.student_id).collect();
    students.sort_unstable();
    students.dedup();
    student_lock_set_in_txn(work.txn, &students).await?;
    let template = template_of(work, plan, &place).await?;
    let mut busy: BTreeSet<i64> =
        busy_list(work.txn, &students, place.span, work.now).await?.into_iter().collect();
    // One lesson makes up for one: who is asked to this one already is not asked for another.
    let before = make_up_asked_list(work.txn, [template.id], work.now).await?;
    busy.extend(before.iter().map(|row| row.student_id));
    // Of several lessons that are owed the first is made up.
    let mut first: BTreeMap<i64, MakeUpRow> = BTreeMap::new();
    for row in owed(work, plan).await? {
        let earlier = first.get(&row.student_id).is_some_and(|one| one.start_at <= row.start_at);
        if !earlier {
            first.insert(row.student_id, row);
        }
    }
    let (busy, asked): (Vec<MakeUpRow>, Vec<MakeUpRow>) =
        first.into_values().partition(|row| busy.contains(&row.student_id));
    if asked.is_empty() {
        let text =
            format!("all who are owed a lesson have another at that time, or are asked to, on {}", plan.day);
        return Err(Error::refused_on(Reason::ScheduleConflict, text, [plan.day]));
    }
    let ids: Vec<i64> = asked.iter().map(|row| row.id).collect();
    let answer_until = cut_off(work.app.time(), plan.day);
    if make_up_offer_in_txn(work.txn, &ids, template.id, answer_until).await? != ids.len() as u64 {
        return Err(Error::Contended("make_up.state"));
    }
    tell(work, plan, (&place, &template.code), &asked, answer_until).await?;
    let filter = MakeUpFilter { offered_id: Some(template.id), ..MakeUpFilter::default() };
    let mut offered = make_up_list(work.txn, &filter, work.now, &ALL).await?;
    offered.retain(|row| ids.contains(&row.id));
    Ok(Planned { template: template.code, offered, busy: busy.into_iter().map(|row| row.student).collect() })
}

/// What is owed of the lessons, and not offered yet; each lesson owes something.
async fn owed(work: Work<'_>, plan: &Plan) -> Result<Vec<MakeUpRow>> {
    let filter = MakeUpFilter {
        class_id: Some(plan.class_id),
        states: vec![MakeUpState::Owed],
        ..MakeUpFilter::default()
    };
    let mut owed = make_up_list(work.txn, &filter, work.now, &ALL).await?;
    owed.retain(|row| plan.lesson_days.contains(&row.day));
    let none = |day: &&Day| !owed.iter().any(|row| row.day == **day);
    let none: Vec<Day> = plan.lesson_days.iter().filter(none).copied().collect();
    if none.is_empty() {
        return Ok(owed);
    }
    let text =
        format!("nothing is owed that is not offered already, of the class's lesson on {}", show_days(&none));
    Err(Error::refused_on(Reason::NotALessonDay, text, none))
}

/// What the plan is about, if that can be.
async fn place(work: Work<'_>, plan: &Plan, of: class_template::Model) -> Result<Place> {
    let (day, time) = (plan.day, work.app.time());
    let season = catalog::season_codes(work.txn, [of.season_id]).await?.remove(&of.season_id);
    let season = season.ok_or_else(|| Error::not_found("season", of.season_id))?;
    let (_, spec) = catalogue::season_by_code(work.txn, &season).await?;
    let period = catalog::period_by_code(work.txn, of.season_id, &plan.period).await?;
    let period = period.ok_or_else(|| Error::not_found("period", format!("{season}/{}", plan.period)))?;
    if u8::try_from(of.grade).ok().and_then(GradeType::of_grade) != Some(period.grade_type) {
        return Err(Error::invalid("period", format!("is not of the grade type of grade {}", of.grade)));
    }
    if day < spec.start_day || spec.end_day < day || spec.except_days.contains(&day) {
        let text = format!("season {season} has no lessons on {day}");
        return Err(Error::refused_on(Reason::NotALessonDay, text, [day]));
    }
    if cut_off(time, day) <= work.now {
        return Err(Refusal::too_late(day, Some(first_possible_day(time.day(work.now)))).into());
    }
    let lessons = class_lesson_list(work.txn, plan.class_id).await?;
    if lessons.iter().any(|lesson| lesson.day == day && lesson.state != LessonState::Cancelled) {
        let text = format!("the class has a lesson on {day}");
        return Err(Error::refused_on(Reason::InUse, text, [day]).of_classes(vec![plan.class_id]));
    }
    let there = made_before(work, plan, (&of, &period)).await?;
    let (start, end) = times(&period)?;
    let subject = catalog::subject_by_id(work.txn, of.subject_id).await?;
    let subject = subject.ok_or_else(|| Error::not_found("subject", of.subject_id))?.name;
    let span = lesson_span(time, day, start, end);
    Ok(Place { of, season, subject, period, there, start, end, span })
}

fn times(period: &period::Model) -> Result<(NaiveTime, NaiveTime)> {
    let of = |text: &str, column| {
        parse_time(text).ok_or_else(|| Error::Corrupt { table: "period", column, id: period.id.to_string() })
    };
    Ok((of(&period.start_time, "start_time")?, of(&period.end_time, "end_time")?))
}

/// The template of the class and day, if there is one: a class has one make-up a day.
async fn made_before(
    work: Work<'_>,
    plan: &Plan,
    (of, period): (&class_template::Model, &period::Model),
) -> Result<Option<class_template::Model>> {
    let code = code_of(&of.code, plan);
    let Some(there) = catalog::template_by_code(work.txn, &code).await? else { return Ok(None) };
    let is_ours = make_up_day_class(work.txn, there.id).await? == Some(plan.class_id);
    if is_ours && there.period_id == period.id {
        return Ok(Some(there));
    }
    let text = format!("class template {code:?} is there already, at another time or for something else");
    Err(Error::refused_on(Reason::InUse, text, [plan.day]))
}

/// One template a class and day, which is made if there is none yet: who comes to be owed a lesson
/// later may be asked for it too.
async fn template_of(work: Work<'_>, plan: &Plan, place: &Place) -> Result<class_template::Model> {
    let Place { of, season, period, there, .. } = place;
    if let Some(there) = there {
        return Ok(there.clone());
    }
    let code = code_of(&of.code, plan);
    let spec = TemplateSpec {
        code: code.clone(),
        season: season.clone(),
        subject_id: of.subject_id,
        grade: of.grade,
        period: period.code.clone(),
        recurrence: format!("FREQ=YEARLY;BYMONTH={};BYMONTHDAY={}", plan.day.month(), plan.day.day()),
        max_classes: 1,
        max_students_per_class: of.max_students_per_class,
    };
    let (_, days_of) = catalogue::season_by_code(work.txn, season).await?;
    if days_of.days(&spec.recurrence).is_ok_and(|days| days != [plan.day]) {
        return Err(Error::invalid("day", "comes twice in the season"));
    }
    catalogue::upsert_template_in_txn(work, &spec).await?;
    let made = catalog::template_by_code(work.txn, &code).await?;
    let made = made.ok_or_else(|| Error::not_found("class template", &code))?;
    let new = NewMakeUpDay { template_id: made.id, class_id: plan.class_id, day: plan.day };
    make_up_day_insert_in_txn(work.txn, &new, (&work.actor, &work.remark), work.now).await?;
    Ok(made)
}

/// `math-20260312-7`: at most 64 characters, as codes have.
fn code_of(code: &str, plan: &Plan) -> String {
    let end = format!("-{}-{}", plan.day.format("%Y%m%d"), plan.class_id);
    // Codes are ASCII.
    format!("{}{end}", code.get(..64_usize.saturating_sub(end.len())).unwrap_or(code))
}

/// Asks the students.
async fn tell(
    work: Work<'_>,
    plan: &Plan,
    (place, code): (&Place, &str),
    asked: &[MakeUpRow],
    answer_by: Instant,
) -> Result<u64> {
    let (start_at, _) = place.span;
    let class = ClassFacts {
        template: code.to_owned(),
        subject: place.subject.clone(),
        grade: place.of.grade,
        day: plan.day,
        start: place.start,
        end: place.end,
    };
    let draft = |row: &MakeUpRow| {
        let person = Person::Student { user_name: row.student.clone(), phone: row.phone.clone() };
        let news = ClassNews::MakeUpOffer { missed: row.day, answer_by };
        // Who said no may be asked again, and for another lesson.
        let version = format!("{}.{}", work.now.unix(), row.day);
        Draft { version, valid_until: answer_by, ..Draft::of_class(person, class.clone(), news, start_at) }
    };
    outbox::write(work, asked.iter().map(draft).collect()).await
}
