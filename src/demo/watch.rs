//! Finds what has changed in the academy since the last look, as lines of the story.

use super::timeline::{Line, Tone};
use crate::app::App;
use crate::domain::state::{
    Audience, Channel, InvitationState, LessonState, MessageKind, MessageState, ReservationState, TaskState,
};
use crate::domain::time::{BusinessTime, Instant};
use crate::error::Result;
use crate::storage::entity::{
    class, class_task, class_template, coach, invitation, lesson, message, reservation, student, vacancy,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// An instant that a message names, and as what.
type Named = (&'static str, Instant);

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    coaches: HashMap<i64, String>,
    /// Code and places in a class.
    templates: HashMap<i64, (String, i32)>,
    tasks: BTreeMap<i64, class_task::Model>,
    invitations: BTreeMap<i64, invitation::Model>,
    messages: HashSet<i64>,
    classes: HashSet<i64>,
    /// What is to be filled besides new classes: the template.
    vacancies: HashMap<i64, i64>,
    /// The lessons of D: who teaches them, and their state.
    lessons: HashMap<i64, (i64, LessonState)>,
    /// In whose place somebody taught a lesson.
    replaced: HashMap<i64, i64>,
}

/// A class that was formed, with its lesson on D.
#[derive(Clone, Debug)]
pub(super) struct Formed {
    /// Code of the template.
    pub(super) code: String,
    /// User name of the coach.
    pub(super) coach: String,
    /// User names of the students.
    pub(super) students: Vec<String>,
    /// Their sign-ups, in the same order.
    reservations: Vec<i64>,
    /// The lesson.
    pub(super) start: Instant,
    /// Its end.
    pub(super) end: Instant,
}

impl Formed {
    /// The sign-up of a student.
    pub(super) fn reservation(&self, student: &str) -> Option<i64> {
        let place = self.students.iter().position(|name| name == student)?;
        self.reservations.get(place).copied()
    }
}

/// News.
#[derive(Debug, Default)]
pub(super) struct News {
    /// To be told.
    pub(super) lines: Vec<Line>,
    /// Invitations in another state than before, with that state.
    pub(super) moved: Vec<(Option<InvitationState>, invitation::Model)>,
    /// Tasks that became covered.
    pub(super) covered: Vec<i64>,
    /// Classes that were formed.
    pub(super) formed: Vec<Formed>,
}

impl Watch {
    /// Learns the names.
    pub(super) async fn new(app: &App) -> Result<Self> {
        let conn = app.db.reader();
        let coaches =
            coach::Entity::find().all(conn).await?.into_iter().map(|row| (row.id, row.user_name)).collect();
        let templates = class_template::Entity::find().all(conn).await?;
        let templates =
            templates.into_iter().map(|row| (row.id, (row.code, row.max_students_per_class))).collect();
        Ok(Self { coaches, templates, ..Self::default() })
    }

    /// User name of a coach.
    pub(super) fn coach(&self, id: i64) -> &str {
        self.coaches.get(&id).map_or("?", String::as_str)
    }

    /// Code of the template of what coaches are asked for.
    pub(super) fn code(&self, task_id: i64) -> &str {
        let of_task = self.tasks.get(&task_id).map(|task| task.template_id);
        self.code_of(of_task.or_else(|| self.vacancies.get(&-task_id).copied()).unwrap_or(0))
    }

    fn code_of(&self, template_id: i64) -> &str {
        self.templates.get(&template_id).map_or("", |(code, _)| code)
    }

    /// The task as it was last seen.
    pub(super) fn task(&self, id: i64) -> Option<&class_task::Model> {
        self.tasks.get(&id)
    }

    /// All tasks as they were last seen.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &class_task::Model> {
        self.tasks.values()
    }

    /// All invitations as they were last seen.
    pub(super) fn invitations(&self) -> impl Iterator<Item = &invitation::Model> {
        self.invitations.values()
    }

    /// An invitation as it was last seen.
    pub(super) fn invitation(&self, id: i64) -> Option<&invitation::Model> {
        self.invitations.get(&id)
    }

    /// Who was to teach a lesson that another taught.
    pub(super) fn replaced(&self, lesson_id: i64) -> Option<&str> {
        self.replaced.get(&lesson_id).map(|coach_id| self.coach(*coach_id))
    }

    /// Coaches who hold a place of a task at an instant, accepted or ready.
    fn held(&self, task_id: i64, now: Instant) -> usize {
        // Too late for the software test, whether or not `invite check` has run.
        let in_time = |row: &invitation::Model| row.test_deadline.is_none_or(|deadline| deadline > now);
        self.invitations
            .values()
            .filter(|row| row.task_id == task_id && row.state.is_held() && in_time(row))
            .count()
    }

    fn ready(&self, task_id: i64) -> usize {
        let is_ready = |state| matches!(state, InvitationState::Ready | InvitationState::Assigned);
        self.invitations.values().filter(|row| row.task_id == task_id && is_ready(row.state)).count()
    }

    /// Looks at everything; `actor` caused it. What happened to `own` is told by the caller.
    pub(super) async fn look(
        &mut self,
        app: &App,
        now: Instant,
        actor: &str,
        own: Option<i64>,
    ) -> Result<News> {
        let mut news = News::default();
        let conn = app.db.reader();
        let tasks: Vec<_> = class_task::Entity::find().order_by_asc(class_task::Column::Id).all(conn).await?;
        let old: BTreeMap<i64, class_task::Model> =
            tasks.iter().filter_map(|task| Some((task.id, self.tasks.get(&task.id)?.clone()))).collect();
        self.tasks = tasks.into_iter().map(|task| (task.id, task)).collect();
        self.vacancies = vacancy::Entity::find()
            .all(conn)
            .await?
            .into_iter()
            .map(|row| (row.id, row.template_id))
            .collect();
        for row in invitation::Entity::find().order_by_asc(invitation::Column::Id).all(conn).await? {
            let before = self.invitations.insert(row.id, row.clone()).map(|before| before.state);
            if before != Some(row.state) {
                news.moved.push((before, row));
            }
        }
        let line = |about: &str, tone, text| Line {
            at: now,
            actor: actor.to_owned(),
            about: about.to_owned(),
            text,
            tone,
        };
        for task in self.tasks.values().filter(|task| !old.contains_key(&task.id)) {
            news.lines.push(line(self.code(task.id), Tone::Plain, self.created(task, app.time())));
        }
        for (task_id, tone, text) in self.told_of_invitations(&news.moved, own, app.time(), now) {
            news.lines.push(line(self.code(task_id), tone, text));
        }
        for class in class::Entity::find().order_by_asc(class::Column::Id).all(conn).await? {
            if self.classes.insert(class.id) {
                let (text, formed) = self.formed(app, &class).await?;
                news.lines.push(line(self.code(class.task_id), Tone::Good, text));
                news.formed.extend(formed);
            }
        }
        for task in self.tasks.values() {
            let Some(before) = old.get(&task.id).filter(|before| before.state != task.state) else {
                continue;
            };
            if before.state == TaskState::Pending && task.state == TaskState::Inviting {
                continue;
            }
            if task.state == TaskState::Covered {
                news.covered.push(task.id);
            }
            let tone = match task.state {
                TaskState::Covered | TaskState::Formed => Tone::Good,
                TaskState::Partial | TaskState::Failed => Tone::Bad,
                _ => Tone::Plain,
            };
            let why = format!("{} of {} coaches ready", self.ready(task.id), task.needed);
            news.lines.push(line(
                self.code(task.id),
                tone,
                format!("the task goes from {} to {}: {why}", before.state, task.state),
            ));
        }
        for (about, tone, text) in self.lessons(app).await? {
            news.lines.push(line(&about, tone, text));
        }
        for (about, tone, text) in self.messages(app).await? {
            news.lines.push(line(&about, tone, text));
        }
        Ok(news)
    }

    fn created(&self, task: &class_task::Model, time: BusinessTime) -> String {
        let size = self.templates.get(&task.template_id).map_or(0, |(_, size)| *size);
        format!(
            "{} students signed up in time, {} a class: {} needed; gate G {}, rosters freeze F {}",
            task.students,
            size,
            if task.needed == 1 { "1 coach".to_owned() } else { format!("{} coaches", task.needed) },
            short(time, task.gate_at),
            short(time, task.freeze_at)
        )
    }

    /// Invitations that changed by themselves or by others, those of one task and kind in one line.
    fn told_of_invitations(
        &self,
        moved: &[(Option<InvitationState>, invitation::Model)],
        own: Option<i64>,
        time: BusinessTime,
        now: Instant,
    ) -> Vec<(i64, Tone, String)> {
        use InvitationState::*;
        // Those that are new come last: they are made because of what happened to the others.
        let mut groups: BTreeMap<
            (bool, i64, Option<InvitationState>, InvitationState),
            Vec<&invitation::Model>,
        > = BTreeMap::new();
        for (before, row) in moved.iter().filter(|(_, row)| Some(row.id) != own) {
            groups.entry((before.is_none(), row.task_id, *before, row.state)).or_default().push(row);
        }
        let mut told = Vec::new();
        for ((_, task_id, before, after), rows) in groups {
            let who = rows.iter().map(|row| self.coach(row.coach_id)).collect::<Vec<_>>().join(", ");
            let (tone, text) = match (before, after) {
                // Who is asked to stand by, and why, the run says.
                (None, _) if task_id < 0 => continue,
                (None, _) => {
                    let needed = self.task(task_id).map_or(0, |task| task.needed as usize);
                    let missing = needed.saturating_sub(self.held(task_id, now));
                    (
                        Tone::Plain,
                        format!(
                            "{missing} missing: asks {} {}",
                            rows.len(),
                            if rows.len() == 1 { "coach" } else { "coaches" }
                        ),
                    )
                }
                // The message that carries it is told of, and so is the class.
                (Some(Queued), Sent) | (Some(Ready), Assigned) => continue,
                (_, Expired) => (Tone::Plain, format!("{who}: no answer in time → EXPIRED")),
                (_, Lapsed) => (
                    Tone::Bad,
                    format!("{who}: no software test passed in time → LAPSED, the place is open again"),
                ),
                (Some(Reserve), Accepted | Ready) => {
                    let by = rows
                        .first()
                        .and_then(|row| row.test_deadline)
                        .map(|at| format!("; software test by {}", until(time, at)));
                    (Tone::Good, format!("{who}: RESERVE → {after}, promoted{}", by.unwrap_or_default()))
                }
                (Some(Reserve), Cancelled) => (Tone::Plain, format!("{who}: leaves the reserve → CANCELLED")),
                (Some(before), after) => (Tone::Plain, format!("{who}: {before} → {after}")),
            };
            told.push((task_id, tone, text));
        }
        told
    }

    async fn formed(&self, app: &App, class: &class::Model) -> Result<(String, Option<Formed>)> {
        let conn = app.db.reader();
        let lessons = lesson::Entity::find().filter(lesson::Column::ClassId.eq(class.id)).all(conn).await?;
        let placed = reservation::Entity::find().filter(reservation::Column::ClassId.eq(class.id));
        let roster = placed.filter(reservation::Column::State.eq(ReservationState::Placed)).all(conn).await?;
        let last = lessons.iter().map(|lesson| lesson.day).max().unwrap_or(class.last_day);
        let text = format!(
            "class formed: {} with {} students, {} lessons until {}",
            self.coach(class.coach_id),
            roster.len(),
            lessons.len(),
            last.format("%-d %b")
        );
        let ids: Vec<i64> = roster.iter().map(|row| row.student_id).collect();
        let names = student::Entity::find().filter(student::Column::Id.is_in(ids)).all(conn).await?;
        let names: HashMap<i64, String> = names.into_iter().map(|row| (row.id, row.user_name)).collect();
        let formed = lessons.iter().find(|lesson| lesson.day == super::academy::D).map(|lesson| Formed {
            code: self.code(class.task_id).to_owned(),
            coach: self.coach(class.coach_id).to_owned(),
            students: roster.iter().filter_map(|row| names.get(&row.student_id).cloned()).collect(),
            reservations: roster.iter().map(|row| row.id).collect(),
            start: lesson.start_at,
            end: lesson.end_at,
        });
        Ok((text, formed))
    }

    /// Lessons of D that begin without their coach, or with another.
    async fn lessons(&mut self, app: &App) -> Result<Vec<(String, Tone, String)>> {
        let conn = app.db.reader();
        let classes = class::Entity::find().all(conn).await?;
        let of_day = lesson::Entity::find().filter(lesson::Column::Day.eq(super::academy::D));
        let mut told = Vec::new();
        for row in of_day.order_by_asc(lesson::Column::Id).all(conn).await? {
            let Some(before) = self.lessons.insert(row.id, (row.coach_id, row.state)) else {
                continue;
            };
            let (now, then) = (self.coach(row.coach_id).to_owned(), self.coach(before.0).to_owned());
            let (tone, text) = match row.state {
                _ if row.coach_id != before.0 => {
                    self.replaced.insert(row.id, before.0);
                    (Tone::Good, format!("{now} teaches this lesson in the place of {then} → {}", row.state))
                }
                _ if row.state == before.1 => continue,
                LessonState::CoachLate => {
                    (Tone::Bad, format!("the lesson begins without {now} → {}", row.state))
                }
                LessonState::CoachAbsent => (Tone::Bad, format!("nobody came to teach → {}", row.state)),
                _ => continue,
            };
            let template = classes.iter().find(|class| class.id == row.class_id);
            let about = template.map_or("", |class| self.code_of(class.template_id)).to_owned();
            told.push((about, tone, text));
        }
        Ok(told)
    }

    /// Messages that went out (were captured), those of one kind about one task in one line.
    async fn messages(&mut self, app: &App) -> Result<Vec<(String, Tone, String)>> {
        let sent = message::Entity::find().filter(message::Column::State.eq(MessageState::Captured));
        let mut groups: BTreeMap<(i64, MessageKind, String, Option<Named>), Vec<message::Model>> =
            BTreeMap::new();
        let mut first = HashMap::new();
        for row in sent.order_by_asc(message::Column::Id).all(app.db.reader()).await? {
            if !self.messages.insert(row.id) {
                continue;
            }
            // KIND/template@day/person/version
            let about = row
                .dedup_key
                .split('/')
                .nth(1)
                .and_then(|about| about.split('@').next())
                .unwrap_or_default()
                .to_owned();
            let by = self.until_when(&row);
            let order = *first.entry((row.kind, about.clone(), by)).or_insert(row.id);
            groups.entry((order, row.kind, about, by)).or_default().push(row);
        }
        let told = groups.into_iter().map(|((_, kind, about, by), rows)| {
            let people: BTreeSet<&str> = rows.iter().map(|row| row.person.as_str()).collect();
            let people = people.into_iter().collect::<Vec<_>>().join(", ");
            let mail = rows.iter().any(|row| row.channel == Channel::Mail);
            let sms = rows.iter().any(|row| row.channel == Channel::Sms);
            let way = match (sms, mail) {
                (true, true) => " (SMS, mail)",
                (false, true) => " (mail)",
                _ => "",
            };
            let says = kind.row().says;
            let mark = if says.ends_with('?') { "" } else { ";" };
            let mut by = by
                .map_or_else(String::new, |(named, at)| format!("{mark} {named} {}", until(app.time(), at)));
            if matches!(kind, MessageKind::TaskEarlyWarning | MessageKind::TaskShort) {
                let task = rows.first().and_then(|row| row.task_id).and_then(|id| self.tasks.get(&id));
                by = task
                    .map_or(by, |task| format!(", {} of {} coaches ready", self.ready(task.id), task.needed));
            }
            let tone = match rows.first().map(|row| row.audience) {
                _ if matches!(kind, MessageKind::LessonReminder | MessageKind::LessonGoesOn) => Tone::Message,
                Some(Audience::Admin | Audience::Student) => Tone::Bad,
                _ => Tone::Message,
            };
            (about, tone, format!("✉ {kind} to {people}{way}: {says}{by}"))
        });
        Ok(told.collect())
    }

    /// The instant that a message of this kind names.
    fn until_when(&self, row: &message::Model) -> Option<Named> {
        let invitation = self.invitations.get(&row.invitation_id?)?;
        let (named, at) = match row.kind {
            MessageKind::Invitation | MessageKind::StandbyRequest => ("Answer by", invitation.expires_at),
            MessageKind::Accepted | MessageKind::Promoted => ("software test by", invitation.test_deadline),
            MessageKind::TestReminder => ("by", invitation.test_deadline),
            _ => return None,
        };
        Some((named, at?))
    }
}

/// `Wed 20:00`.
pub(super) fn short(time: BusinessTime, at: Instant) -> String {
    time.local(at).format("%a %H:%M").to_string()
}

/// The same; midnight is the day before at 24:00, as people say it.
pub(super) fn until(time: BusinessTime, at: Instant) -> String {
    let local = time.local(at);
    if local.time() == chrono::NaiveTime::MIN {
        return format!("{} 24:00", crate::domain::time::add_days(local.date(), -1).format("%a"));
    }
    short(time, at)
}
