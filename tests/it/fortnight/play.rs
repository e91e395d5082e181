//! Plays days with their lessons: the tasks of the crontab, coaches who are asked and answer, and
//! coaches and students who come to their lessons, or do not.

use super::draws::{Comes, DESERTED, Draws, EMPTY, GRID, ON_LEAVE, TESTED, Visit};
use super::service::{Act, Service};
use chrono::{NaiveTime, TimeDelta, Timelike};
use etutor::demo::behaviour::{Answer, Behaviour, answer};
use etutor::domain::time::{BusinessTime, Day, Instant, add_days};
use etutor::rpc::pb;
use etutor::task::registry::Task;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tonic::{Code, Response};

/// Who is asked to stand by answers soon or never.
const STANDBY: Behaviour =
    Behaviour { accept_probability: 0.65, median_answer_minutes: 2.0, pass_test_probability: 1.0 };

/// A lesson, as it was to be before anybody came.
#[derive(Clone, Debug)]
pub struct Held {
    pub class_id: i64,
    pub template: String,
    pub day: Day,
    pub s: Instant,
    pub e: Instant,
    /// The coach who was to teach it.
    pub coach: String,
    pub comes: Comes,
    /// The students who are not on leave.
    pub students: Vec<String>,
    /// Those who are.
    pub on_leave: Vec<String>,
}

/// That a coach said yes to stand by.
#[derive(Clone, Debug)]
pub struct Yes {
    pub at: Instant,
    pub coach: String,
    pub invitation_id: i64,
}

/// What somebody does at an instant.
#[derive(Clone, Debug)]
enum Deed {
    Yes { invitation: pb::Invitation, test: Option<(Instant, bool)> },
    No { invitation: pb::Invitation },
    Test { coach: String, passes: bool },
}

/// Plays an academy; keeps what was really so.
pub struct Player<'a> {
    pub service: Service<'a>,
    time: BusinessTime,
    habits: BTreeMap<String, Behaviour>,
    /// When lessons begin.
    starts: Vec<NaiveTime>,
    deeds: BTreeMap<(Instant, String), Deed>,
    marks: BTreeSet<Instant>,
    seen: HashSet<i64>,
    /// When who was there; whether it is a coach.
    pub people: BTreeMap<(String, bool), Vec<Visit>>,
    pub lessons: BTreeMap<i64, Held>,
    pub yes: Vec<Yes>,
    /// How often answers were refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Heartbeats that were sent.
    pub beats: u64,
}

impl<'a> Player<'a> {
    pub fn new(
        service: Service<'a>,
        time: BusinessTime,
        habits: HashMap<String, Behaviour>,
        starts: Vec<NaiveTime>,
    ) -> Self {
        Self {
            service,
            time,
            habits: habits.into_iter().collect(),
            starts,
            deeds: BTreeMap::new(),
            marks: BTreeSet::new(),
            seen: HashSet::new(),
            people: BTreeMap::new(),
            lessons: BTreeMap::new(),
            yes: Vec::new(),
            refused: BTreeMap::new(),
            beats: 0,
        }
    }

    /// Plays whole days, both included, and the night after the last.
    pub async fn play(&mut self, from: Day, to: Day) {
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        for (coach, passes) in self.habits.keys().map(|coach| (coach.clone(), true)).collect::<Vec<_>>() {
            let draws = Draws { person: &coach, template: "", day: from };
            if draws.one(41) < TESTED {
                self.deeds.insert((self.time.at(from, hour(7)), coach.clone()), Deed::Test { coach, passes });
            }
        }
        let mut day = from;
        while day <= to {
            self.mark_day(day, &[7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 20, 22].map(hour));
            day = add_days(day, 1);
        }
        self.mark_day(day, &[]);
        while let Some(now) = self.marks.pop_first() {
            self.step(now).await;
        }
    }

    /// The minutes of a day on which something is done in any case: the hours of the tasks of the
    /// night, these, and some time before lessons may begin.
    fn mark_day(&mut self, day: Day, hours: &[NaiveTime]) {
        let night = [(0, 0), (0, 30), (1, 0), (3, 0), (4, 0)];
        let night = night.map(|(hour, minute)| NaiveTime::from_hms_opt(hour, minute, 0).unwrap());
        let prepared = self.starts.iter().map(|start| *start - TimeDelta::hours(3));
        let prepared: Vec<NaiveTime> = if hours.is_empty() { Vec::new() } else { prepared.collect() };
        let all = night.into_iter().chain(hours.iter().copied()).chain(prepared);
        self.marks.extend(all.map(|clock| self.time.at(day, clock)));
    }

    fn shown(&self, at: Instant) -> String {
        format!("{}:{:02}", self.time.show(at), self.time.time(at).second())
    }

    /// Everything that happens up to and at `now`.
    async fn step(&mut self, now: Instant) {
        while let Some(((at, _), _)) = self.deeds.first_key_value() {
            let at = *at;
            if at > now {
                break;
            }
            let (_, deed) = self.deeds.pop_first().unwrap();
            let shown = self.shown(at);
            self.service.set_clock(at, &shown).await;
            self.act(at, deed).await;
        }
        let shown = self.shown(now);
        self.service.set_clock(now, &shown).await;
        self.prepare(now).await;
        let said = self.said_at(now);
        self.beats += said.iter().filter(|(_, _, act)| *act == Act::Beat).count() as u64;
        self.service.say(said, &shown).await;
        if self.time.time(now).second() != 0 {
            return;
        }
        self.service.write_gathered().await;
        let mut sent = 0;
        for task in self.tasks(now) {
            let report = self.service.fire(task, &shown).await;
            // Places agree, and whatever ended has freed its time by itself.
            let repairs = matches!(task, Task::ClazzInitPlace | Task::ClazzFreeAvailableTime);
            assert!(!repairs || (report.changed, report.messages) == (0, 0), "{}: {report:?}", task.words());
            if task == Task::SmsSend {
                sent = report.messages;
            }
        }
        if sent > 0 {
            self.read_invitations(&shown).await;
        }
    }

    /// What the crontab fires at this minute, as far as it can find anything. Those of one minute
    /// run in any order: in another each minute.
    fn tasks(&self, now: Instant) -> Vec<Task> {
        let clock = self.time.time(now);
        let (hour, minute) = (clock.hour(), clock.minute());
        let on = |is_so: bool, task: Task| is_so.then_some(task);
        let is_hour = minute == 0;
        // Between lessons at full hours; in the quarter of an hour around a start every minute.
        let near = |held: &Held| (held.s - now).abs() <= TimeDelta::minutes(16);
        let asks = is_hour || self.lessons.values().rev().any(near);
        // Nothing is new but by the clock or by a coach who came or went in the last minutes.
        let moves = |at: Instant| (now - TimeDelta::minutes(5)..=now).contains(&at);
        let moved = |visit: &Visit| moves(visit.from) || moves(visit.to);
        let coaches = self.people.iter().filter(|((_, is_coach), _)| *is_coach);
        let watches = asks || minute % 10 < 2 || coaches.flat_map(|(_, visits)| visits).any(moved);
        let (night, rest) = ((hour, minute) == (0, 0), is_hour || self.is_prepared(now));
        let all = [
            on(night, Task::InviteCreate),
            on(night, Task::ClazzInitPlace),
            on(night, Task::ClazzRemoveExpiredStudents),
            on(night, Task::ClazzFreeAvailableTime),
            on(night, Task::ClazzCloseEnded),
            on((hour, minute) == (0, 30), Task::ClazzCorrectCoachStatus),
            on((hour, minute) == (1, 0), Task::ClazzAutoChangeCoach),
            on((hour, minute) == (3, 0), Task::ClazzCompleteCoachChanges),
            on((hour, minute) == (4, 0), Task::MessagePurge),
            on(is_hour && [17, 22].contains(&hour), Task::InviteNotifyTest),
            on((hour, minute) == (20, 0), Task::ClazzMorningNotify),
            on(rest && ((8..20).contains(&hour) || (hour, minute) == (20, 0)), Task::ClazzNotMorningNotify),
            on(rest, Task::InviteNotifyClass),
            on(rest, Task::ClazzAssignStudents),
            on(rest, Task::ClazzOfferPlaces),
            on(asks, Task::InviteCheck),
            on(asks, Task::InviteExec),
            on(minute % 10 == 0, Task::MonitorNotifyEmpty),
            on(watches, Task::ClazzCheckOnTime),
            on(watches, Task::MonitorNotifyDisconnect),
            on(watches, Task::SmsSend),
        ];
        let mut all: Vec<Task> = all.into_iter().flatten().collect();
        let (turn, length) = ((now.unix() / 60) as usize, all.len().max(1));
        all.rotate_left(turn % length);
        if turn.is_multiple_of(2) {
            all.reverse();
        }
        all
    }

    /// Some hours before lessons may begin.
    fn is_prepared(&self, now: Instant) -> bool {
        self.starts.contains(&(self.time.time(now) + TimeDelta::hours(3)))
    }

    /// Hours before lessons some students ask for leave; a quarter of an hour before, everybody
    /// makes up their mind when to come.
    async fn prepare(&mut self, now: Instant) {
        for lead in [TimeDelta::hours(3), TimeDelta::minutes(15)] {
            let s = now + lead;
            if !self.starts.contains(&self.time.time(s)) {
                continue;
            }
            let lessons: Vec<pb::LiveLesson> = self.lessons_at(s).await;
            let Some(e) = lessons.iter().map(|lesson| lesson.end_time.unwrap().seconds).max() else {
                continue;
            };
            if lead == TimeDelta::minutes(15) {
                self.draw(&lessons, s);
                continue;
            }
            let from = s - TimeDelta::minutes(15);
            let until = Instant::from_unix(e) + TimeDelta::minutes(2);
            self.marks
                .extend((0..).map(|n| from + TimeDelta::seconds(n * GRID)).take_while(|at| *at <= until));
            for lesson in &lessons {
                self.ask_for_leave(lesson).await;
            }
        }
    }

    /// The lessons that begin at an instant.
    async fn lessons_at(&mut self, s: Instant) -> Vec<pb::LiveLesson> {
        let (day, mut lessons, mut page_token) = (self.time.day(s).to_string(), Vec::new(), String::new());
        loop {
            let request = pb::ListLessonsRequest {
                day: day.clone(),
                page_size: 1000,
                page_token,
                ..Default::default()
            };
            let list = move |channel| {
                let request = request.clone();
                async move {
                    let mut monitor = pb::monitor_service_client::MonitorServiceClient::new(channel);
                    monitor.list_lessons(request).await.map(Response::into_inner)
                }
            };
            let page = self.service.call(&format!("list lessons {day}"), list).await.unwrap();
            lessons.extend(page.lessons.into_iter().filter(|lesson| {
                lesson.start_time.unwrap().seconds == s.unix() && lesson.state() != pb::LessonState::Cancelled
            }));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return lessons;
            }
        }
    }

    async fn ask_for_leave(&mut self, lesson: &pb::LiveLesson) {
        let (template, day) = (&lesson.class_template, lesson.day.parse::<Day>().unwrap());
        let coach = &lesson.coach.as_ref().unwrap().user_name;
        let is_deserted = Draws { person: coach, template, day }.one(42) < DESERTED;
        for student in &lesson.students {
            let student = student.user_name.clone();
            let drawn = Draws { person: &student, template, day }.one(43);
            if !is_deserted && drawn >= ON_LEAVE {
                continue;
            }
            let (name, day) = (format!("leave {student} {day}"), lesson.day.clone());
            let ask = move |channel| {
                let (student, day) = (student.clone(), day.clone());
                async move {
                    let mut enrollment = pb::enrollment_service_client::EnrollmentServiceClient::new(channel);
                    let (from_day, to_day) = (day.clone(), day.clone());
                    let request = pb::GetStudentScheduleRequest { student, from_day, to_day };
                    let lessons = enrollment.get_student_schedule(request).await?.into_inner().lessons;
                    let reservation_id = lessons[0].reservation_id;
                    enrollment.request_leave(pb::RequestLeaveRequest { reservation_id, day }).await.map(drop)
                }
            };
            self.service.call(&name, ask).await.unwrap();
            self.service.changed(&name, true);
        }
    }

    /// Draws who comes when.
    fn draw(&mut self, lessons: &[pb::LiveLesson], s: Instant) {
        for lesson in lessons {
            let (template, day) = (lesson.class_template.clone(), lesson.day.parse::<Day>().unwrap());
            let e = Instant::from_unix(lesson.end_time.unwrap().seconds);
            let coach = lesson.coach.as_ref().unwrap().user_name.clone();
            let draws = Draws { person: &coach, template: &template, day };
            let (comes, visits) = draws.coach(s, e);
            let is_empty = draws.one(44) < EMPTY;
            for visit in visits {
                self.add(&coach, true, visit);
            }
            let away = pb::WhereNow::OnLeave;
            let (on_leave, students): (Vec<_>, Vec<_>) =
                lesson.students.iter().partition(|student| student.r#where() == away);
            let names = |some: Vec<&pb::LivePerson>| some.iter().map(|one| one.user_name.clone()).collect();
            let (on_leave, students): (Vec<String>, Vec<String>) = (names(on_leave), names(students));
            for student in &students {
                let draws = Draws { person: student, template: &template, day };
                if let Some(visit) = draws.student((s, e), is_empty) {
                    self.add(student, false, visit);
                }
            }
            let class_id = lesson.class_id;
            let held = Held { class_id, template, day, s, e, coach, comes, students, on_leave };
            self.lessons.insert(lesson.lesson_id, held);
        }
        let clock = self.time.time(s).to_string();
        for coach in self.habits.keys().cloned().collect::<Vec<_>>() {
            let idle = Draws { person: &coach, template: &clock, day: self.time.day(s) }.idle(s);
            let busy = self.lessons.values().any(|held| {
                held.coach == coach
                    && held.s <= s + TimeDelta::minutes(60)
                    && held.e > s - TimeDelta::minutes(60)
            });
            let known = self.people.get(&(coach.clone(), true)).and_then(|visits| visits.last());
            if let Some(idle) = idle.filter(|idle| !busy && known.is_none_or(|last| last.to < idle.from)) {
                self.add(&coach, true, idle);
            }
        }
    }

    fn add(&mut self, name: &str, is_coach: bool, visit: Visit) {
        let visits = self.people.entry((name.to_owned(), is_coach)).or_default();
        match visits.last_mut().filter(|last| visit.from <= last.to) {
            Some(last) => *last = Visit { from: last.from, ..visit },
            None => visits.push(visit),
        }
    }

    /// What clients say at an instant. Of students nobody knows more than whether they are there
    /// when somebody looks, every ten minutes: in between they are silent, a tenth of the calls.
    fn said_at(&self, now: Instant) -> Vec<(String, bool, Act)> {
        let clock = self.time.time(now);
        let beats = self.service.beat_seconds() == GRID || clock.second() == 30;
        let is_looked_at = (clock.minute(), clock.second()) == (clock.minute() / 10 * 10 + 9, 30);
        let mut said = Vec::new();
        for ((name, is_coach), visits) in &self.people {
            let around = |visit: &&Visit| visit.from <= now && now <= visit.to;
            let Some(visit) = visits.iter().rev().find(around) else { continue };
            let act = match visit {
                _ if now == visit.from => Act::Login,
                _ if now == visit.to && !visit.quietly => Act::Logout,
                _ if now == visit.to => Act::Beat,
                _ if visit.beats && (if *is_coach { beats } else { is_looked_at }) => Act::Beat,
                _ => continue,
            };
            said.push((name.clone(), *is_coach, act));
        }
        said
    }

    /// Coaches read what was sent and make up their minds.
    async fn read_invitations(&mut self, at: &str) {
        let mut page_token = String::new();
        loop {
            let states = vec![pb::InvitationState::Sent.into()];
            let request = pb::StaffingServiceListInvitationsRequest {
                states,
                page_size: 1000,
                page_token,
                ..Default::default()
            };
            let list = move |channel| {
                let request = request.clone();
                async move {
                    let mut staffing = pb::staffing_service_client::StaffingServiceClient::new(channel);
                    staffing.list_invitations(request).await.map(Response::into_inner)
                }
            };
            let page = self.service.call(&format!("list invitations {at}"), list).await.unwrap();
            for invitation in page.invitations {
                if self.seen.insert(invitation.invitation_id) {
                    self.decide(invitation);
                }
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return;
            }
        }
    }

    fn decide(&mut self, invitation: pb::Invitation) {
        let sent = Instant::from_unix(invitation.sent_time.unwrap().seconds);
        let day = invitation.day.parse().unwrap();
        let stands_by = invitation.kind() == pb::InvitationKind::Substitute;
        let habits = if stands_by { STANDBY } else { self.habits[&invitation.coach] };
        let who =
            format!("{} {} {day} {}", invitation.coach, invitation.class_template, invitation.vacancy_id);
        match answer(self.time, habits, &invitation.coach, &invitation.class_template, day, sent) {
            Answer::Yes { at, test_at, passes } => {
                let test = (!stands_by).then_some((test_at, passes));
                self.deeds.insert((at, who), Deed::Yes { invitation, test });
            }
            Answer::No { at } => drop(self.deeds.insert((at, who), Deed::No { invitation })),
            Answer::Silence => {}
        }
    }

    async fn act(&mut self, at: Instant, deed: Deed) {
        use pb::invitation_service_client::InvitationServiceClient as Invitations;
        let shown = self.shown(at);
        match deed {
            Deed::Yes { invitation, test } => {
                let (invitation_id, coach) = (invitation.invitation_id, invitation.coach.clone());
                let name = format!("yes {coach} {shown}");
                let request = pb::AcceptInvitationRequest { invitation_id, coach: coach.clone() };
                let accept = move |channel| {
                    let request = request.clone();
                    async move { Invitations::new(channel).accept_invitation(request).await.map(drop) }
                };
                let answer = self.service.call(&name, accept).await;
                self.service.changed(&name, true);
                if let Err(status) = answer {
                    return self.refusal(&status);
                }
                if let Some((test_at, passes)) = test {
                    let who = format!("{coach} {} {} test", invitation.class_template, invitation.day);
                    self.deeds.insert((test_at.max(at), who), Deed::Test { coach, passes });
                } else {
                    self.yes.push(Yes { at, coach, invitation_id });
                }
            }
            Deed::No { invitation } => {
                let (invitation_id, coach) = (invitation.invitation_id, invitation.coach);
                let name = format!("no {coach} {shown}");
                let request = pb::DeclineInvitationRequest { invitation_id, coach };
                let decline = move |channel| {
                    let request = request.clone();
                    async move { Invitations::new(channel).decline_invitation(request).await.map(drop) }
                };
                if let Err(status) = self.service.call(&name, decline).await {
                    self.refusal(&status);
                }
                self.service.changed(&name, true);
            }
            Deed::Test { coach, passes } => {
                // Of two in the same minute one may fail, and the other pass.
                let name = format!("test {coach} {shown} {passes}");
                let request_id = name.replace([' ', ':'], "_");
                let part = if passes { pb::TestResult::Passed } else { pb::TestResult::Failed }.into();
                let passed = pb::TestResult::Passed.into();
                let request = pb::CompleteSoftwareTestRequest {
                    coach,
                    camera: passed,
                    sound: passed,
                    microphone: part,
                    lesson: passed,
                    whiteboard: passed,
                    request_id,
                };
                let test = move |channel| {
                    let request = request.clone();
                    async move {
                        let mut presence = pb::presence_service_client::PresenceServiceClient::new(channel);
                        presence.complete_software_test(request).await.map(drop)
                    }
                };
                self.service.call(&name, test).await.unwrap();
                self.service.changed(&name, true);
            }
        }
    }

    fn refusal(&mut self, status: &tonic::Status) {
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        *self.refused.entry(crate::grpc::reason(status)).or_default() += 1;
    }
}
