//! The story itself: in each minute in which something is due, people act, and then the scheduled
//! tasks run.

use super::academy::{self, Habits};
use super::due;
use super::lesson_hour::LessonHour;
use super::summary::Tally;
use super::timeline::{Line, Timeline, Tone};
use super::watch::{News, Watch, short, until};
use crate::app::call::Call;
use crate::app::enrollment::leave::request_leave;
use crate::app::enrollment::{NewReservation, create_reservation};
use crate::app::import::import;
use crate::app::input::RequestKey;
use crate::app::staffing::answer;
use crate::app::staffing::test::{TestParts, complete_software_test};
use crate::app::{App, clock};
use crate::domain::invitation::test_is_valid;
use crate::domain::state::InvitationState;
use crate::domain::time::{Instant, add_days};
use crate::error::{Error, Reason, Result};
use crate::storage::entity::coach;
use crate::task::registry::Task;
use crate::task::runner::{Firing, Tick, fire};
use chrono::{NaiveTime, TimeDelta};
use sea_orm::EntityTrait;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

/// What a person does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    /// Answers an invitation.
    Answer { invitation: i64, yes: bool },
    /// Takes a yes back.
    Withdraw { invitation: i64 },
    /// Takes the software test.
    Test { passes: bool },
    /// A student signs up from a first day on.
    SignUp { start: crate::domain::time::Day },
    /// A student asks for leave from the lesson of D.
    Leave { reservation_id: i64, about: String },
}

struct Replay<'a, 't, W> {
    app: &'a App,
    timeline: &'t mut Timeline<'a, W>,
    habits: HashMap<String, Habits>,
    watch: Watch,
    tally: Tally,
    hour: LessonHour,
    /// What people are about to do: when, in which order, who.
    acts: BTreeMap<(Instant, u32), (String, Act)>,
    order: u32,
    now: Instant,
}

/// Imports the academy on D−4 and lets everything happen until the lessons of D are over.
pub(super) async fn run<'a, W: Write>(
    app: &'a App,
    timeline: &mut Timeline<'a, W>,
    every_minute: bool,
) -> Result<(), Stopped> {
    let time = app.time();
    let from = time.midnight(add_days(academy::D, -4));
    // The last lesson of D goes on over midnight.
    let to = time.midnight(add_days(academy::D, 1)) + TimeDelta::hours(1);
    clock::set(app, from, false).await?;
    timeline.say(&format!(
        "A small academy, and the lesson day D = {}. Times are in {}; messages are captured, none is sent.",
        academy::D.format("%A %-d %B %Y"),
        time.zone()
    ))?;
    let imported = import(&Call::new(app, from), &academy::files()?, false).await?;
    if !imported.written {
        let problem = imported
            .problems
            .first()
            .map(|problem| format!("{}:{}: {}", problem.file, problem.line, problem.reason));
        return Err(Error::internal(format!("etc/demo: {}", problem.unwrap_or_default())).into());
    }
    let read = |file: &str| {
        imported.files.iter().find(|report| report.file == file).map_or(0, |report| report.created)
    };
    let line = |about: &str, tone, text| Line {
        at: from,
        actor: "import".to_owned(),
        about: about.to_owned(),
        text,
        tone,
    };
    let counts = ["class_templates.csv", "coaches.csv", "students.csv", "reservations.csv"].map(read);
    let [templates, coaches, students, sign_ups] = counts;
    timeline.line(line(
        "",
        Tone::Plain,
        format!("{templates} class templates, {coaches} coaches, {students} students, {sign_ups} sign-ups"),
    ))?;
    for problem in &imported.problems {
        let code = problem.code.as_str();
        timeline.line(line(
            "",
            Tone::Bad,
            format!("{}:{} refused, {code}: {}", problem.file, problem.line, problem.reason),
        ))?;
    }
    let mut replay = Replay {
        app,
        timeline,
        habits: academy::habits()?,
        watch: Watch::new(app).await?,
        tally: Tally::default(),
        hour: LessonHour::new()?,
        acts: BTreeMap::new(),
        order: 0,
        now: from,
    };
    let at = |days: i64, hour, minute| {
        time.at(add_days(academy::D, days), NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default())
    };
    replay.plan(at(-4, 15, 0), academy::TESTED, Act::Test { passes: true });
    replay.plan(at(-2, 10, 30), academy::LATE_STUDENT.0, Act::SignUp { start: academy::D });
    replay.plan(at(-2, 10, 32), academy::LATE_STUDENT.0, Act::SignUp { start: academy::NEXT });
    while replay.now < to {
        let busy = replay.minute().await?;
        let minute = replay.now + TimeDelta::minutes(1);
        let acts = replay.acts.keys().next().map(|(at, _)| due::full_minute(*at));
        let next = if busy || every_minute { minute } else { due::next(app, replay.now).await? };
        let next = acts.into_iter().chain(replay.hour.next()).fold(next, Instant::min).max(minute);
        replay.pass(next).await?;
    }
    clock::set(app, to, false).await?;
    let summary = replay.tally.summary(app, &replay.watch).await?;
    replay.timeline.say(&summary.text())?;
    replay.timeline.object(&summary.json())?;
    Ok(())
}

impl<W: Write> Replay<'_, '_, W> {
    /// Lets time pass in which nothing is due: clients of who is online go on.
    async fn pass(&mut self, until: Instant) -> Result<(), Stopped> {
        let minute = TimeDelta::minutes(1);
        while self.hour.is_anybody_online() && self.now + minute < until {
            self.now = self.now + minute;
            clock::set(self.app, self.now, false).await?;
            self.hour.beat(self.app).await?;
        }
        self.now = until;
        Ok(())
    }

    /// One minute: what people do, then the scheduled tasks. Whether anything happened.
    async fn minute(&mut self) -> Result<bool, Stopped> {
        clock::set(self.app, self.now, false).await?;
        self.hour.beat(self.app).await?;
        let visits = self.hour.visit(self.app, self.now).await?;
        let mut busy = !visits.is_empty();
        for line in visits {
            self.timeline.line(line)?;
        }
        while let Some(entry) = self.acts.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (who, act) = entry.remove();
            self.act(&who, act).await?;
            busy = true;
        }
        // Reminders form what is due as well; here the task that is there for it is to be seen.
        let (reminders, rest): (Vec<Task>, Vec<Task>) = Task::ALL
            .iter()
            .partition(|task| matches!(task, Task::ClazzMorningNotify | Task::ClazzNotMorningNotify));
        for task in rest.into_iter().chain(reminders) {
            if !due::is_scheduled(self.app, task, self.now) {
                continue;
            }
            let report =
                fire(self.app, task, Firing { tick: Some(Tick::Now), ..Firing::default() }).await?.report;
            // Looking at everything takes longer than most tasks.
            let news = match report.changed + report.messages + report.failed {
                0 => News::default(),
                _ => self.watch.look(self.app, self.now, task.words(), None).await?,
            };
            let asked = news.moved.iter().any(|(before, row)| before.is_none() && row.task_id > 0);
            busy |= report.changed > 0 || report.messages > 0 || !news.lines.is_empty();
            self.tell(news)?;
            if asked {
                let why =
                    report.skipped.iter().filter(|(reason, _)| SHOWN_REASONS.contains(&reason.as_str()));
                let why =
                    why.map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ");
                if !why.is_empty() {
                    self.say(task.words(), "", Tone::Plain, format!("not asked: {why}"))?;
                }
            }
            for note in &report.notes {
                let (about, text) = note.split_once(": ").unwrap_or(("", note));
                self.say(
                    task.words(),
                    about.split('@').next().unwrap_or_default(),
                    Tone::Bad,
                    text.to_owned(),
                )?;
            }
        }
        Ok(busy)
    }

    /// Tells the news, and lets people think about it.
    fn tell(&mut self, news: News) -> Result<(), Stopped> {
        for line in news.lines {
            self.timeline.line(line)?;
        }
        for task in news.covered {
            self.tally.covered(task, self.now);
        }
        for class in news.formed {
            for student in self.hour.plan(&class) {
                if let Some(reservation_id) = class.reservation(&student) {
                    let leave = Act::Leave { reservation_id, about: class.code.clone() };
                    self.plan(self.now + TimeDelta::seconds(30), &student, leave);
                }
            }
        }
        for (before, row) in news.moved {
            let Some(habits) = self.habits.get(self.watch.coach(row.coach_id)).copied() else {
                continue;
            };
            let who = self.watch.coach(row.coach_id).to_owned();
            match (before, row.state) {
                // Who stands by has no time to think.
                (_, InvitationState::Sent) if row.task_id < 0 => {
                    let yes = Act::Answer { invitation: row.id, yes: true };
                    self.plan(self.now + TimeDelta::minutes(1), &who, yes);
                }
                (_, InvitationState::Sent) => {
                    if let Some((yes, after)) = habits.answer {
                        self.plan(self.now + after, &who, Act::Answer { invitation: row.id, yes });
                    }
                }
                (_, InvitationState::Accepted) => {
                    if let Some((passes, after)) = habits.test {
                        self.plan(self.now + after, &who, Act::Test { passes });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn plan(&mut self, at: Instant, who: &str, act: Act) {
        self.order += 1;
        self.acts.insert((at, self.order), (who.to_owned(), act));
    }

    fn say(&mut self, actor: &str, about: &str, tone: Tone, text: String) -> Result<(), Stopped> {
        Ok(self.timeline.line(Line {
            at: self.now,
            actor: actor.to_owned(),
            about: about.to_owned(),
            text,
            tone,
        })?)
    }

    async fn act(&mut self, who: &str, act: Act) -> Result<(), Stopped> {
        match act {
            Act::Answer { invitation, yes: true } => self.says_yes(who, invitation).await,
            Act::Answer { invitation, yes: false } => {
                let after = answer::decline(&Call::new(self.app, self.now), invitation, who).await?;
                let about = self.watch.code(after.task_id).to_owned();
                self.say(who, &about, Tone::Plain, format!("says no → {}", after.state))?;
                self.look(who, Some(invitation)).await
            }
            Act::Withdraw { invitation } => {
                let after = answer::withdraw(&Call::new(self.app, self.now), invitation, who).await?;
                let about = self.watch.code(after.task_id).to_owned();
                self.say(who, &about, Tone::Bad, format!("takes the yes back → {}", after.state))?;
                self.look(who, Some(invitation)).await
            }
            Act::Test { passes } => self.takes_test(who, passes).await,
            Act::SignUp { start } => self.signs_up(who, start).await,
            Act::Leave { reservation_id, about } => {
                let left = request_leave(&Call::new(self.app, self.now), reservation_id, academy::D).await?;
                let text = format!("asks for leave from this lesson → on leave; {left} more this season");
                self.say(who, &about, Tone::Plain, text)?;
                self.look(who, None).await
            }
        }
    }

    /// What followed from what somebody did.
    async fn look(&mut self, who: &str, own: Option<i64>) -> Result<(), Stopped> {
        let news = self.watch.look(self.app, self.now, who, own).await?;
        self.tell(news)
    }

    async fn says_yes(&mut self, who: &str, invitation: i64) -> Result<(), Stopped> {
        let before = self.watch.invitation(invitation).cloned();
        let about = before.as_ref().map_or("", |row| self.watch.code(row.task_id)).to_owned();
        let time = self.app.time();
        let late = before
            .as_ref()
            .filter(|row| row.state == InvitationState::Expired)
            .and_then(|row| row.expires_at);
        let yes = late.map_or_else(
            || "says yes".to_owned(),
            |at| format!("says yes late (asked until {})", short(time, at)),
        );
        let after = match answer::accept(&Call::new(self.app, self.now), invitation, who).await {
            Ok(after) => after,
            Err(error) if error.reason().is_some() => {
                let reason = error.reason().map_or("", Reason::as_str);
                return self.say(who, &about, Tone::Bad, format!("{yes} → refused, {reason}: {error}"));
            }
            Err(error) => return Err(error.into()),
        };
        let (tone, why) = match (after.state, after.test_deadline) {
            (InvitationState::Accepted, Some(by)) => {
                (Tone::Good, format!(": software test by {}", until(time, by)))
            }
            (InvitationState::Ready, _) => {
                let person = coach::Entity::find_by_id(after.coach_id)
                    .one(self.app.db.reader())
                    .await
                    .map_err(Error::from)?;
                let passed = person
                    .and_then(|person| person.test_passed_at)
                    .filter(|at| test_is_valid(self.app.rules(), Some(*at), self.now));
                let day = passed.map_or_else(String::new, |at| time.day(at).format(" of %-d %b").to_string());
                (Tone::Good, format!(": the software test{day} still counts"))
            }
            (InvitationState::Reserve, _) => {
                let taken = match self.watch.task(after.task_id).map_or(0, |task| task.needed) {
                    1 => "the place is taken".to_owned(),
                    needed => format!("all {needed} places are taken"),
                };
                (Tone::Plain, format!(": {taken}"))
            }
            _ => (Tone::Plain, String::new()),
        };
        self.tally.yes(after.task_id, after.state == InvitationState::Reserve);
        self.say(who, &about, tone, format!("{yes} → {}{why}", after.state))?;
        if let Some(after) =
            self.habits.get(who).and_then(|habits| habits.withdraw).filter(|_| after.task_id > 0)
        {
            self.plan(self.now + after, who, Act::Withdraw { invitation });
        }
        self.look(who, Some(invitation)).await
    }

    async fn takes_test(&mut self, who: &str, passes: bool) -> Result<(), Stopped> {
        let parts =
            TestParts { camera: true, sound: true, microphone: passes, lesson: true, whiteboard: true };
        let outcome = complete_software_test(&Call::new(self.app, self.now), who, parts).await?;
        let mine =
            self.watch.invitations().find(|row| row.state.is_held() && self.watch.coach(row.coach_id) == who);
        let about = mine.map_or("", |row| self.watch.code(row.task_id)).to_owned();
        let (tone, text) = match (passes, outcome.ready.is_empty()) {
            (true, true) => (Tone::Plain, "passes the software test; it counts for 30 days"),
            (true, false) => (Tone::Good, "passes the software test → READY"),
            (false, _) => (Tone::Bad, "fails the software test: no microphone"),
        };
        self.say(who, &about, tone, text.to_owned())?;
        self.look(who, outcome.ready.first().copied()).await
    }

    async fn signs_up(&mut self, who: &str, start: crate::domain::time::Day) -> Result<(), Stopped> {
        let template = academy::LATE_STUDENT.1;
        let new = NewReservation {
            student: who.to_owned(),
            class_template: template.to_owned(),
            start_day: start,
            end_day: add_days(start, 28),
        };
        let key = RequestKey { request_id: String::new(), fingerprint: String::new() };
        let wish = format!("wants to sign up from {}", start.format("%a %-d %b"));
        let (tone, text) = match create_reservation(self.app, new, key).await {
            Ok(made) => (Tone::Good, format!("{wish} → {}", made.reservation.state)),
            Err(error) => match error.reason() {
                Some(reason) => (Tone::Bad, format!("{wish} → refused, {reason}: {error}")),
                None => return Err(error.into()),
            },
        };
        self.say(who, template, tone, text)?;
        self.look(who, None).await
    }
}

/// Why a coach is not asked, as far as it is of interest here; the other reasons are about other
/// subjects, grades and times of day.
const SHOWN_REASONS: [&str; 6] =
    ["SAME_CITY", "NOT_ON_DUTY", "BUDGET_DAY", "BUDGET_WEEK", "SPACING", "NO_COACH_LEFT"];

/// Why the story ends early.
#[derive(Debug)]
pub(super) enum Stopped {
    /// Nobody can read it.
    Output(io::Error),
    /// Something failed that should not.
    Service(Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}
