//! The invariants of a replay, judged from the rows alone.

use chrono::TimeDelta;
use etutor::domain::eligibility::{Purpose, Span, check};
use etutor::domain::state::{GradeType, InvitationKind, InvitationState, JobStatus};
use etutor::domain::time::{Day, Instant};
use etutor::storage::entity::{coach, invitation};
use etutor::storage::pool::{self, Which};
use etutor::storage::sql::sql;
use etutor::storage::{entity, staffing};
use etutor::testing::TestApp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A student in a class: class, its size at most, first day, last day, student.
type Stay = (i64, i32, Option<Day>, Day, i64);

/// Remembers what was looked at, so that a step costs what is new in it.
#[derive(Default)]
pub struct Invariants {
    last_invitation: i64,
    classes: i64,
    invitations: HashMap<i64, Vec<(Instant, i64)>>,
    coaches: HashMap<i64, coach::Model>,
    spans: HashMap<i64, Vec<Span>>,
}

impl Invariants {
    /// Before tasks are closed: none that is short has an eligible coach left whom nobody asked,
    /// with budget and window.
    pub async fn before_closing(&mut self, app: &TestApp, now: Instant) {
        let tasks = staffing::vacancy_list_closing(app.db().reader(), now).await.unwrap();
        let before = now - TimeDelta::minutes(1);
        if tasks.is_empty() || !app.rules().invitation_window.is_open(app.time(), before) {
            return;
        }
        // The minute before F belongs to recruiting: the tick of that minute, which a coarse replay
        // would skip, is fired.
        app.set_clock_to(before).await;
        app.fire("invite exec", None).await;
        let db = app.db().reader();
        let counts = staffing::vacancy_counts(db, &tasks, before).await.unwrap();
        let short: Vec<_> =
            tasks.into_iter().filter(|task| counts[&task.id].live < counts[&task.id].missing()).collect();
        let day = app.time().day(before);
        let (today, week) = (app.time().midnight(day), app.time().midnight(app.time().week_start(day)));
        let subjects =
            short.iter().map(|task| task.subject_id).collect::<BTreeSet<_>>().into_iter().collect();
        let mut coaches =
            pool::candidate_list(db, &Which::OfSubjects(subjects), before, today, week).await.unwrap();
        pool::asked_add(db, short.iter().map(|task| task.id), &mut coaches).await.unwrap();
        let needs = pool::need_list(db, &short).await.unwrap();
        for task in &short {
            let left = coaches
                .iter()
                .filter(|coach| {
                    check(
                        app.rules(),
                        coach,
                        &needs[&task.id],
                        Purpose::Auto { rescue: before >= task.gate_at },
                        before,
                    )
                    .is_ok()
                })
                .map(|coach| coach.user_name.as_str());
            assert_eq!(
                left.collect::<Vec<_>>(),
                Vec::<&str>::new(),
                "{} is short and nobody asked them",
                task.about()
            );
        }
        app.set_clock_to(now).await;
    }

    /// After a step.
    pub async fn check(&mut self, app: &TestApp, now: Instant) {
        let db = app.db().reader();
        let number = async |text: &'static str| sql(text).tuples::<(i64, i64)>(db).await.unwrap();
        let over = number(
            "SELECT t.id, COUNT(*) AS n FROM class_task t JOIN invitation i ON i.task_id = t.id \
             WHERE t.state IN ('PENDING', 'INVITING', 'COVERED') AND i.state IN ('ACCEPTED', 'READY') \
             GROUP BY t.id, t.needed HAVING COUNT(*) > t.needed",
        );
        assert_eq!(over.await, [], "more accepted than needed at {now}");
        self.new_invitations(app, now).await;
        let classes = sql("SELECT COUNT(*) AS n FROM class").column::<i64>(db).await.unwrap()[0];
        if classes != self.classes {
            self.classes = classes;
            self.classes(app).await;
        }
    }

    /// Every new invitation: in the window, to a coach who may be asked, within the budgets, at a
    /// distance from the last.
    async fn new_invitations(&mut self, app: &TestApp, now: Instant) {
        let db = app.db().reader();
        let new = invitation::Entity::find()
            .filter(invitation::Column::Id.gt(self.last_invitation))
            .order_by_asc(invitation::Column::Id)
            .all(db)
            .await
            .unwrap();
        let Some(last) = new.last() else { return };
        self.last_invitation = last.id;
        if self.coaches.is_empty() {
            self.coaches =
                coach::Entity::find().all(db).await.unwrap().into_iter().map(|row| (row.id, row)).collect();
        }
        let tasks: HashMap<i64, staffing::Vacancy> =
            staffing::vacancy_list_by_ids(db, new.iter().map(|row| row.task_id))
                .await
                .unwrap()
                .into_iter()
                .map(|task| (task.id, task))
                .collect();
        let rules = app.rules();
        for row in &new {
            let (task, coach) = (&tasks[&row.task_id], &self.coaches[&row.coach_id]);
            let name = format!("{} for {} at {}", coach.user_name, task.about(), row.queued_at);
            assert!(row.queued_at <= now && row.valid_until <= task.closes_at, "{name}");
            assert!(rules.invitation_window.is_open(app.time(), row.queued_at), "{name}: outside the window");
            assert!(
                matches!(coach.job_status, JobStatus::Regular | JobStatus::Trial),
                "{name}: {}",
                coach.job_status
            );
            assert_eq!(coach.subject_id, task.subject_id, "{name}");
            assert_eq!(Some(coach.grade_type), GradeType::of_grade(task.grade as u8), "{name}");
            if row.kind != InvitationKind::Auto {
                continue;
            }
            let day = app.time().day(row.queued_at);
            let asked = self.invitations.entry(row.coach_id).or_default();
            let rescue = row.queued_at >= task.gate_at;
            let today = asked.iter().filter(|(at, _)| app.time().day(*at) == day).count() as u32;
            let monday = app.time().midnight(app.time().week_start(day));
            let week = asked.iter().filter(|(at, _)| *at >= monday).count() as u32;
            assert!(
                today < if rescue { rules.budget_day_rescue } else { rules.budget_day },
                "{name}: budget of the day"
            );
            assert!(week < rules.budget_week, "{name}: budget of the week");
            let spacing = if rescue { rules.spacing_rescue } else { rules.spacing };
            assert!(asked.iter().all(|(at, _)| row.queued_at - *at >= spacing), "{name}: spacing");
            assert!(asked.iter().all(|(_, task)| *task != row.task_id), "{name}: asked twice");
            asked.push((row.queued_at, row.task_id));
        }
        self.availability(app, &new, &tasks).await;
        self.overlaps(app, now).await;
    }

    /// Availability covers every planned lesson, by a look of its own: day by day, with the
    /// period's times.
    async fn availability(
        &mut self,
        app: &TestApp,
        new: &[invitation::Model],
        tasks: &HashMap<i64, staffing::Vacancy>,
    ) {
        let db = app.db().reader();
        let rows: Vec<(i64, String, String, String, Day, Day, Day)> =
            sql("SELECT a.coach_id, a.recurrence, p.start_time, p.end_time, a.start_day, a.end_day, \
                 s.start_day AS season_start \
                 FROM coach_availability a JOIN period p ON p.id = a.period_id JOIN season s \
                 ON s.id = a.season_id WHERE a.coach_id IN ({ids})")
            .ids(new.iter().map(|row| row.coach_id))
            .tuples(db)
            .await
            .unwrap();
        let mut days: HashMap<(String, Day), BTreeSet<Day>> = HashMap::new();
        self.read_spans(app, tasks.values().map(|task| task.template_id)).await;
        for row in new {
            let task = &tasks[&row.task_id];
            let mut free = BTreeSet::new();
            for (_, recurrence, start, end, first, last, season) in
                rows.iter().filter(|offer| offer.0 == row.coach_id)
            {
                // The academies of the replays offer exactly the periods of their templates.
                if (start, end) != (&task.start_time, &task.end_time) {
                    continue;
                }
                let all = days.entry((recurrence.clone(), *season)).or_insert_with(|| {
                    let end = etutor::domain::time::add_days(*season, 400);
                    etutor::domain::calendar::lesson_days(recurrence, *season, end, &BTreeSet::new())
                        .unwrap()
                        .into_iter()
                        .collect()
                });
                free.extend(all.iter().filter(|day| first <= *day && *day <= last).copied());
            }
            for span in self.spans[&task.template_id]
                .iter()
                .filter(|span| task.day <= span.day && span.day <= row.last_day)
            {
                assert!(
                    free.contains(&span.day),
                    "coach {} offers nothing for {} on {}",
                    row.coach_id,
                    task.about(),
                    span.day
                );
            }
        }
    }

    async fn read_spans(&mut self, app: &TestApp, templates: impl Iterator<Item = i64>) {
        let missing: Vec<i64> = templates.filter(|template| !self.spans.contains_key(template)).collect();
        if !missing.is_empty() {
            self.spans.extend(pool::span_list(app.db().reader(), missing).await.unwrap());
        }
    }

    /// No coach has two lessons, held or asked for, less than 15 minutes apart.
    async fn overlaps(&mut self, app: &TestApp, now: Instant) {
        let held: Vec<(i64, i64, i64, Day, Day, InvitationState)> =
            sql("SELECT i.coach_id, i.task_id, t.template_id, t.day, i.last_day, i.state FROM invitation i \
                 JOIN class_task t ON t.id = i.task_id \
                 WHERE i.state IN ('ACCEPTED', 'READY', 'ASSIGNED') OR (i.state = 'SENT' \
                 AND i.expires_at > ?) \
                 OR (i.state = 'QUEUED' AND i.valid_until > ?)")
            .bind(now)
            .bind(now)
            .tuples(app.db().reader())
            .await
            .unwrap();
        self.read_spans(app, held.iter().map(|row| row.2).collect::<Vec<_>>().into_iter()).await;
        let mut of_coach: BTreeMap<i64, Vec<_>> = BTreeMap::new();
        for row in held {
            of_coach.entry(row.0).or_default().push(row);
        }
        for (coach, rows) in of_coach.iter().filter(|(_, rows)| rows.len() > 1) {
            let mut lessons: Vec<(Instant, Instant, i64)> = rows
                .iter()
                .flat_map(|(_, task, template, first, last, _)| {
                    let in_range = move |span: &&Span| first <= &span.day && &span.day <= last;
                    self.spans[template].iter().filter(in_range).map(|span| (span.start, span.end, *task))
                })
                .collect();
            lessons.sort_unstable();
            for pair in lessons.windows(2) {
                let apart = pair[1].0 - pair[0].1;
                assert!(
                    apart >= TimeDelta::minutes(15),
                    "coach {coach}: tasks {} and {} are {apart} apart at {now}",
                    pair[0].2,
                    pair[1].2
                );
            }
        }
    }

    /// Classes: none over its size on any day, no coach with two lessons at once, no student in two
    /// classes of one template.
    async fn classes(&mut self, app: &TestApp) {
        let db = app.db().reader();
        let sizes: Vec<Stay> =
            sql("SELECT r.class_id, ct.max_students_per_class, r.placed_from, r.last_day, r.student_id \
             FROM reservation r JOIN class_template ct ON ct.id = r.template_id WHERE r.state = 'PLACED'")
            .tuples(db)
            .await
            .unwrap();
        let lessons = entity::lesson::Entity::find()
            .order_by_asc(entity::lesson::Column::StartAt)
            .all(db)
            .await
            .unwrap();
        let mut rosters: HashMap<i64, Vec<&Stay>> = HashMap::new();
        for stay in &sizes {
            rosters.entry(stay.0).or_default().push(stay);
        }
        let (mut by_coach, mut of_student) =
            (HashMap::<i64, Instant>::new(), HashMap::<(i64, Instant), i64>::new());
        for lesson in lessons.iter().filter(|lesson| lesson.state.as_str() == "SCHEDULED") {
            let there: Vec<_> = rosters
                .get(&lesson.class_id)
                .into_iter()
                .flatten()
                .filter(|stay| stay.2.is_some_and(|from| from <= lesson.day) && lesson.day <= stay.3)
                .collect();
            if let Some(first) = there.first() {
                assert!(
                    there.len() <= first.1 as usize,
                    "class {} has {} students on {}",
                    lesson.class_id,
                    there.len(),
                    lesson.day
                );
            }
            for stay in there {
                assert_eq!(
                    of_student.insert((stay.4, lesson.start_at), lesson.class_id),
                    None,
                    "student {} is in two lessons at once",
                    stay.4
                );
            }
            if let Some(before) = by_coach.insert(lesson.coach_id, lesson.end_at) {
                assert!(
                    lesson.start_at - before >= TimeDelta::minutes(15),
                    "coach {} on {}",
                    lesson.coach_id,
                    lesson.day
                );
            }
        }
    }

    /// At the end: every student who should have had a lesson and had no class was told so, once.
    pub async fn nobody_dropped(&self, app: &TestApp, now: Instant) -> (i64, i64) {
        let db = app.db().reader();
        let missed: Vec<(String, Day, String)> =
            sql("SELECT ct.code, p.day, s.user_name FROM place p JOIN class_template ct \
             ON ct.id = p.template_id \
             JOIN reservation r ON r.template_id = p.template_id AND r.start_day <= p.day \
             AND r.last_day >= p.day \
             JOIN student s ON s.id = r.student_id \
             WHERE p.start_at <= ? AND r.state IN ('BOOKED', 'PLACED', 'ENDED') AND (r.class_id IS NULL \
             OR r.placed_from > p.day)")
            .bind(now)
            .tuples(db)
            .await
            .unwrap();
        let told: BTreeSet<String> = sql("SELECT dedup_key FROM message WHERE kind = 'LESSON_NOT_HELD'")
            .column(db)
            .await
            .unwrap()
            .into_iter()
            .collect();
        for (template, day, student) in &missed {
            let key = format!("LESSON_NOT_HELD/{template}@{day}/{student}/1");
            assert!(told.contains(&key), "{student} had no lesson of {template} on {day} and was not told");
        }
        let placed: Vec<i64> = sql("SELECT COUNT(*) AS n FROM reservation WHERE class_id IS NOT NULL \
            AND state IN ('PLACED', 'ENDED')")
        .column(db)
        .await
        .unwrap();
        (placed[0], missed.len() as i64)
    }
}
