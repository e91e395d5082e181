//! The demo's result: one row per class task, one per lesson of D, and one per kind of message.

use super::watch::Watch;
use crate::app::App;
use crate::app::call::Call;
use crate::app::monitor::attendance::{AttendanceQuery, LessonAttendance, list_attendance};
use crate::domain::state::{AttendanceState, Audience, Channel, MessageKind, ReservationState};
use crate::domain::time::Instant;
use crate::error::Result;
use crate::storage::entity::{class, message, reservation};
use crate::storage::page::Page;
use chrono::TimeDelta;
use comfy_table::{Cell, CellAlignment, Table, presets};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// What is counted on the way, by task.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Every yes, and how many of them went to the reserve.
    yes: HashMap<i64, (u32, u32)>,
    /// When the task was covered for the first time.
    covered: HashMap<i64, Instant>,
}

impl Tally {
    /// A coach said yes.
    pub(super) fn yes(&mut self, task: i64, reserve: bool) {
        let counts = self.yes.entry(task).or_default();
        counts.0 += 1;
        counts.1 += u32::from(reserve);
    }

    /// A task became covered.
    pub(super) fn covered(&mut self, task: i64, now: Instant) {
        self.covered.entry(task).or_insert(now);
    }

    /// Everything counted.
    pub(super) async fn summary(&self, app: &App, watch: &Watch) -> Result<Summary> {
        let conn = app.db.reader();
        let mut tasks = Vec::new();
        for task in watch.tasks() {
            let asked: Vec<_> = watch.invitations().filter(|row| row.task_id == task.id).collect();
            let classes = class::Entity::find().filter(class::Column::TaskId.eq(task.id)).all(conn).await?;
            let ids: Vec<i64> = classes.iter().map(|class| class.id).collect();
            let placed = reservation::Entity::find().filter(reservation::Column::ClassId.is_in(ids));
            let placed =
                placed.filter(reservation::Column::State.eq(ReservationState::Placed)).all(conn).await?.len();
            let (yes, reserve) = self.yes.get(&task.id).copied().unwrap_or_default();
            let first = asked.iter().map(|row| row.queued_at).min();
            tasks.push(TaskSummary {
                template: watch.code(task.id).to_owned(),
                state: task.state.as_str(),
                students: usize::try_from(task.students).unwrap_or_default(),
                needed: usize::try_from(task.needed).unwrap_or_default(),
                asked: asked.len(),
                yes,
                reserve,
                classes: classes.len(),
                placed,
                minutes_to_cover: first
                    .zip(self.covered.get(&task.id))
                    .map(|(first, at)| (*at - first).num_minutes()),
            });
        }
        let mut messages: BTreeMap<MessageKind, (u32, u32)> = BTreeMap::new();
        for row in message::Entity::find().all(conn).await?.iter().filter(|row| row.handed_at.is_some()) {
            let counts = messages.entry(row.kind).or_default();
            match row.channel {
                Channel::Sms => counts.0 += 1,
                Channel::Mail => counts.1 += 1,
            }
        }
        let day = AttendanceQuery { from_day: Some(super::academy::D), ..AttendanceQuery::default() };
        let page = Page { after: None, size: 100 };
        let lessons = list_attendance(&Call::new(app, app.now().await?), &day, &page).await?.items;
        let lessons = lessons.iter().map(|lesson| LessonSummary::of(app, watch, lesson)).collect();
        Ok(Summary { tasks, lessons, messages })
    }
}

/// See [`Tally::summary`].
#[derive(Clone, Debug)]
pub(super) struct Summary {
    tasks: Vec<TaskSummary>,
    lessons: Vec<LessonSummary>,
    /// SMS and mails by kind.
    messages: BTreeMap<MessageKind, (u32, u32)>,
}

/// Who came to a lesson of D.
#[derive(Clone, Debug)]
struct LessonSummary {
    template: String,
    state: &'static str,
    /// Who taught it, and in whose place.
    coach: String,
    /// Since when the coach was there, and how late.
    came: String,
    in_time: Vec<String>,
    late: Vec<String>,
    absent: Vec<String>,
    on_leave: Vec<String>,
}

impl LessonSummary {
    fn of(app: &App, watch: &Watch, LessonAttendance { lesson, people }: &LessonAttendance) -> Self {
        let minutes = |late: TimeDelta| (late.num_seconds() + 59) / 60;
        let mut row = Self {
            template: lesson.class_template.clone(),
            state: lesson.state.as_str(),
            coach: match watch.replaced(lesson.id) {
                Some(replaced) => format!("{} for {replaced}", lesson.coach),
                None => lesson.coach.clone(),
            },
            came: "never".to_owned(),
            in_time: Vec::new(),
            late: Vec::new(),
            absent: Vec::new(),
            on_leave: Vec::new(),
        };
        for person in people {
            let (said, name) = (&person.attendance, person.user_name.clone());
            let late = minutes(said.late);
            match (person.audience, said.state) {
                // Not one who did not teach.
                (Audience::Coach, AttendanceState::Came) => {
                    if let Some(first) = said.first {
                        let at = app.time().time(first).format("%H:%M");
                        row.came = if late > 0 { format!("{at}, {late} min late") } else { at.to_string() };
                    }
                }
                (Audience::Coach, _) => {}
                (_, AttendanceState::Came) if late > 0 => row.late.push(format!("{name} ({late} min)")),
                (_, AttendanceState::Came) => row.in_time.push(name),
                (_, AttendanceState::OnLeave) => row.on_leave.push(name),
                (_, AttendanceState::Absent) => row.absent.push(name),
                (_, AttendanceState::NotNeeded) => {}
            }
        }
        row
    }
}

#[derive(Clone, Debug)]
struct TaskSummary {
    template: String,
    state: &'static str,
    students: usize,
    needed: usize,
    asked: usize,
    yes: u32,
    reserve: u32,
    classes: usize,
    placed: usize,
    minutes_to_cover: Option<i64>,
}

impl TaskSummary {
    fn left_over(&self) -> usize {
        self.students.saturating_sub(self.placed)
    }

    fn fill_percent(&self) -> usize {
        (self.placed * 100).checked_div(self.students).unwrap_or(0)
    }

    fn asked_per_place(&self) -> f64 {
        if self.needed == 0 { 0.0 } else { self.asked as f64 / self.needed as f64 }
    }
}

impl Summary {
    /// Three tables.
    pub(super) fn text(&self) -> String {
        let right = |table: &mut Table, from: usize| {
            for column in table.column_iter_mut().skip(from) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        };
        let mut tasks = Table::new();
        tasks.load_style(presets::UTF8_FULL_CONDENSED).set_header([
            "class task",
            "ended",
            "students",
            "needed",
            "asked",
            "yes",
            "reserve",
            "classes",
            "left over",
            "fill",
            "asked per place",
            "time to cover",
        ]);
        for task in &self.tasks {
            tasks.add_row([
                task.template.clone(),
                task.state.to_owned(),
                task.students.to_string(),
                task.needed.to_string(),
                task.asked.to_string(),
                task.yes.to_string(),
                task.reserve.to_string(),
                task.classes.to_string(),
                task.left_over().to_string(),
                format!("{} %", task.fill_percent()),
                format!("{:.1}", task.asked_per_place()),
                task.minutes_to_cover.map_or_else(
                    || "never".to_owned(),
                    |minutes| format!("{} h {:02} min", minutes / 60, minutes % 60),
                ),
            ]);
        }
        right(&mut tasks, 2);
        let mut lessons = Table::new();
        lessons.load_style(presets::UTF8_FULL_CONDENSED).set_header([
            "lesson of D",
            "coach",
            "lesson",
            "coach online",
            "students in time",
            "late",
            "absent",
            "on leave",
        ]);
        for lesson in &self.lessons {
            lessons.add_row([
                lesson.template.clone(),
                lesson.coach.clone(),
                lesson.state.to_owned(),
                lesson.came.clone(),
                lesson.in_time.len().to_string(),
                lesson.late.join(", "),
                lesson.absent.join(", "),
                lesson.on_leave.join(", "),
            ]);
        }
        let mut messages = Table::new();
        messages.load_style(presets::UTF8_FULL_CONDENSED).set_header(["message", "SMS", "mail"]);
        for (kind, (sms, mail)) in &self.messages {
            messages.add_row([Cell::new(kind), Cell::new(sms), Cell::new(mail)]);
        }
        right(&mut messages, 1);
        format!("\n{tasks}\n\n{lessons}\n\n{messages}")
    }

    /// The same for scripts.
    pub(super) fn json(&self) -> Value {
        let tasks = self.tasks.iter().map(|task| {
            json!({
                "class_template": task.template, "state": task.state, "students": task.students,
                "needed": task.needed, "asked": task.asked,
                "yes": task.yes, "reserve": task.reserve, "classes": task.classes,
                "left_over": task.left_over(),
                "fill_percent": task.fill_percent(), "asked_per_place": task.asked_per_place(),
                "minutes_to_cover": task.minutes_to_cover,
            })
        });
        let lessons = self.lessons.iter().map(|lesson| {
            json!({
                "class_template": lesson.template, "coach": lesson.coach, "state": lesson.state,
                "coach_online": lesson.came, "in_time": lesson.in_time, "late": lesson.late,
                "absent": lesson.absent, "on_leave": lesson.on_leave,
            })
        });
        let messages = self
            .messages
            .iter()
            .map(|(kind, (sms, mail))| json!({ "kind": kind.as_str(), "sms": sms, "mail": mail }));
        json!({ "summary": {
            "tasks": tasks.collect::<Vec<_>>(), "lessons": lessons.collect::<Vec<_>>(),
            "messages": messages.collect::<Vec<_>>(),
        } })
    }
}
