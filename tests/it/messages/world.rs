//! A task, some coaches and their messages, inserted as rows, without the use cases that make them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends in a panic")]

use chrono::{NaiveTime, TimeDelta};
use etutor::app::App;
use etutor::app::call::{Call, Work};
use etutor::app::outbox::{self, Draft, Person};
use etutor::app::report::Report;
use etutor::clock::Clock;
use etutor::config::{Admin, Config};
use etutor::domain::class_task::Counts;
use etutor::domain::notice::{LessonNews, WhyLetGo};
use etutor::domain::rules::Rules;
use etutor::domain::state::*;
use etutor::domain::time::{Day, Instant};
use etutor::message::content::{ClassFacts, ClassNews, Content, LessonCount, Shortage};
use etutor::storage::Db;
use etutor::storage::entity::{
    class, class_task, class_template, coach, invitation, message, period, season, student, subject,
    test_clock,
};
use etutor::storage::insert::insert_rows;
use etutor::storage::sql::sql;
use etutor::write_txn;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, NotSet, QueryOrder, Set};
use std::path::Path;

/// Local time on 1 October 2013; 24 and more hours are the next day.
pub fn at(text: &str) -> Instant {
    let mut parts = text.split(':').map(|part| part.parse::<i64>().unwrap());
    let seconds = parts.next().unwrap() * 3600 + parts.next().unwrap() * 60 + parts.next().unwrap_or(0);
    Rules::new(chrono_tz::Asia::Shanghai).time.midnight(day(1)) + TimeDelta::seconds(seconds)
}

fn day(day: u32) -> Day {
    Day::from_ymd_opt(2013, 10, day).unwrap()
}

/// What a message of a kind says of the lesson of 1 October.
pub fn content(kind: MessageKind) -> Content {
    let lessons = LessonCount { lessons: 1, last_day: day(1) };
    let counts = Counts { needed: 1, ..Counts::default() };
    let shortage = Shortage {
        counts,
        counted_at: at("10:00"),
        coaches_left: 0,
        closes_at: at("10:00"),
        to: VacancyKind::NewClasses,
    };
    let to = VacancyKind::NewClasses;
    let news = match kind {
        MessageKind::Invitation => ClassNews::Invitation { to, lessons },
        MessageKind::Accepted => ClassNews::Accepted { to, test_by: None, again: false },
        MessageKind::Reserved => ClassNews::Reserved { to: VacancyKind::NewClasses },
        MessageKind::Promoted => ClassNews::Promoted { to, test_by: None },
        MessageKind::TestReminder => ClassNews::TestReminder { to, test_by: at("19:00") },
        MessageKind::Assigned => ClassNews::Assigned { lessons, students: 6 },
        MessageKind::NoLongerNeeded => ClassNews::NoLongerNeeded {
            to: VacancyKind::NewClasses,
            why: WhyLetGo::NotNeeded,
            in_reserve: false,
        },
        MessageKind::TaskShort => ClassNews::TaskShort { shortage, late_minutes: 0 },
        MessageKind::TaskLeftOver => {
            ClassNews::TaskLeftOver { students: Vec::new(), needed: 1, ready: 0, reason: None }
        }
        MessageKind::ClassChanged => ClassNews::ClassChanged,
        MessageKind::LessonNotHeld => return Content::OfLessons(LessonNews::NotHeld, Vec::new()),
        kind => panic!("no test writes {kind} by itself"),
    };
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let class = ClassFacts {
        template: "maths".to_owned(),
        subject: "数学".to_owned(),
        grade: 7,
        day: day(1),
        start: time(14),
        end: time(15),
    };
    Content::OfClass(class, news)
}

/// One task of 10 October that needs a coach.
pub struct World {
    pub app: App,
    pub task: i64,
    template: i64,
}

impl World {
    pub async fn new(db: &Db) -> Self {
        let admin = |name: &str, phone: &str, subjects: &[i64]| Admin {
            name: name.to_owned(),
            phone: phone.to_owned(),
            mail: format!("{name}@example.org"),
            subjects: subjects.to_vec(),
        };
        let admins = vec![
            admin("王老师", "+999000000001", &[1]),
            admin("李老师", "", &[1, 2]),
            admin("张老师", "+999000000003", &[9]),
        ];
        let config = Config { testing: true, admins, ..Config::default() };
        let app = App::new(db.clone(), Clock::Test, config);
        write_txn!(db, "test.world", |txn| {
            if let Some(task) = class_task::Entity::find().one(txn).await? {
                return Ok((task.id, task.template_id));
            }
            subject::Entity::insert(subject::Model { id: 1, name: "数学".to_owned() }.into_active_model())
                .exec_without_returning(txn)
                .await?;
            test_clock::Entity::insert(
                test_clock::Model { id: 1, set_to: at("00:00"), set_at: at("00:00"), running: false }
                    .into_active_model(),
            )
            .exec_without_returning(txn)
            .await?;
            let season = season::ActiveModel {
                id: NotSet,
                code: Set("2013-autumn".to_owned()),
                year: Set(2013),
                season_type: Set(SeasonType::Autumn),
                start_day: Set(day(1)),
                end_day: Set(day(31)),
            };
            let season = season.insert(txn).await?.id;
            let period = period::ActiveModel {
                id: NotSet,
                code: Set("p1400".to_owned()),
                season_id: Set(season),
                grade_type: Set(GradeType::Junior),
                start_time: Set("14:00".to_owned()),
                end_time: Set("15:00".to_owned()),
            };
            let template = class_template::ActiveModel {
                id: NotSet,
                code: Set("maths".to_owned()),
                season_id: Set(season),
                subject_id: Set(1),
                grade: Set(7),
                period_id: Set(period.insert(txn).await?.id),
                recurrence: Set("FREQ=DAILY".to_owned()),
                max_classes: Set(1),
                max_students_per_class: Set(6),
            };
            let template = template.insert(txn).await?.id;
            let start_at = at("14:00") + TimeDelta::days(9);
            let task = class_task::ActiveModel {
                id: NotSet,
                template_id: Set(template),
                day: Set(day(10)),
                state: Set(TaskState::Inviting),
                start_at: Set(start_at),
                gate_at: Set(start_at - TimeDelta::hours(26)),
                freeze_at: Set(start_at - TimeDelta::hours(4)),
                closes_at: Set(start_at - TimeDelta::hours(4)),
                reopened: Set(false),
                cancelled_by: Set(String::new()),
                students: Set(6),
                needed: Set(1),
                dirty: Set(false),
                early_warned: Set(false),
                told_uncovered: Set(0),
                gate_alarmed: Set(false),
                created_at: Set(at("00:00")),
                version: Set(0),
            };
            for number in 1..=3 {
                coach_row(number).insert(txn).await?;
            }
            Ok((task.insert(txn).await?.id, template))
        })
        .map(|(task, template)| Self { app, task, template })
        .unwrap()
    }

    /// The same world in earnest, with its files in a folder.
    pub fn in_earnest(&self, folder: &Path) -> App {
        let mut config = Config { testing: false, ..(*self.app.config).clone() };
        config.sms.outbox_file = folder.join("sms.jsonl");
        config.mail.outbox_file = folder.join("mail.jsonl");
        App::new(self.app.db.clone(), self.app.clock.clone(), config)
    }

    pub fn draft(&self, kind: MessageKind, coach: &str) -> Draft {
        let phone = format!("+99920000000{}", coach.trim_start_matches('c'));
        let person = Person::Coach { user_name: coach.to_owned(), phone };
        Draft::new(person, "maths@2013-10-01", content(kind), at("00:00") + TimeDelta::days(5))
    }

    pub async fn write(&self, drafts: Vec<Draft>, now: Instant) -> u64 {
        write_txn!(&self.app.db, "test.write", |txn| {
            let written = outbox::write(Work::new(&Call::new(&self.app, now), txn), drafts.clone()).await?;
            Ok(written)
        })
        .unwrap()
    }

    /// A queued invitation with its message, valid for twelve hours.
    pub async fn invite(&self, coach: &str, now: Instant) -> i64 {
        let coach_id = coach::Entity::find_by_user_name(&self.app.db, coach).await;
        write_txn!(&self.app.db, "test.invite", |txn| {
            let invitation = invitation::ActiveModel {
                id: NotSet,
                task_id: Set(self.task),
                coach_id: Set(coach_id),
                kind: Set(InvitationKind::Auto),
                state: Set(InvitationState::Queued),
                last_day: Set(day(10)),
                queued_at: Set(now),
                valid_until: Set(now + TimeDelta::hours(12)),
                sent_at: Set(None),
                expires_at: Set(None),
                answered_at: Set(None),
                test_deadline: Set(None),
                ended_at: Set(None),
                class_id: Set(None),
                reason: Set(String::new()),
                fell_from: Set(String::new()),
                operator: Set(String::new()),
                remark: Set(String::new()),
                version: Set(0),
            };
            let id = invitation.insert(txn).await?.id;
            let draft = Draft {
                invitation_id: Some(id),
                task_id: Some(self.task),
                valid_until: now + TimeDelta::hours(12),
                ..self.draft(MessageKind::Invitation, coach)
            };
            outbox::write(Work::new(&Call::new(&self.app, now), txn), vec![draft]).await?;
            Ok(id)
        })
        .unwrap()
    }

    /// Students s0, s1 … so many.
    pub async fn students(&self, count: i64) {
        write_txn!(&self.app.db, "test.students", |txn| {
            let rows = (0..count).map(|number| student_row(&format!("s{number}"), &phone(number)));
            Ok(insert_rows(txn, rows).await?)
        })
        .unwrap();
    }

    /// One of them.
    pub fn student(&self, number: i64) -> Person {
        Person::Student { user_name: format!("s{number}"), phone: phone(number) }
    }

    /// Another number of a coach, or none.
    pub async fn set_phone(&self, coach: &str, phone: &str) {
        let _changed: u64 = write_txn!(&self.app.db, "test.phone", |txn| {
            sql("UPDATE coach SET phone = ? WHERE user_name = ?").bind(phone).bind(coach).execute(txn).await
        })
        .unwrap();
    }

    /// A running class of a coach.
    pub async fn class(&self, coach: &str) -> i64 {
        let coach_id = coach::Entity::find_by_user_name(&self.app.db, coach).await;
        write_txn!(&self.app.db, "test.class", |txn| {
            let class = class::ActiveModel {
                id: NotSet,
                template_id: Set(self.template),
                task_id: Set(self.task),
                coach_id: Set(coach_id),
                state: Set(ClassState::Open),
                first_day: Set(day(10)),
                last_day: Set(day(31)),
                formed_at: Set(at("20:00")),
                version: Set(0),
            };
            Ok(class.insert(txn).await?.id)
        })
        .unwrap()
    }

    pub async fn set_invitation(&self, id: i64, state: InvitationState, test_deadline: Option<Instant>) {
        let changed: u64 = write_txn!(&self.app.db, "test.invitation", |txn| {
            let update = sql("UPDATE invitation SET state = ?, test_deadline = ? WHERE id = ?");
            update.bind(state).bind(test_deadline).bind(id).execute(txn).await
        })
        .unwrap();
        assert_eq!(changed, 1);
    }

    pub async fn set_task(&self, state: TaskState) {
        let _changed: u64 = write_txn!(&self.app.db, "test.task", |txn| {
            sql("UPDATE class_task SET state = ? WHERE id = ?").bind(state).bind(self.task).execute(txn).await
        })
        .unwrap();
    }

    pub async fn opt_out(&self, coach: &str) {
        let _changed: u64 = write_txn!(&self.app.db, "test.opt_out", |txn| {
            sql("UPDATE coach SET opted_out = TRUE WHERE user_name = ?").bind(coach).execute(txn).await
        })
        .unwrap();
    }

    /// Takes all messages and invitations away.
    pub async fn clear(&self) {
        let _gone: u64 = write_txn!(&self.app.db, "test.clear", |txn| {
            sql("DELETE FROM message").execute(txn).await?;
            sql("DELETE FROM invitation").execute(txn).await
        })
        .unwrap();
    }

    pub async fn send(&self, now: Instant) -> Report {
        outbox::send_due(&Call::new(&self.app, now)).await.unwrap()
    }

    pub async fn messages(&self) -> Vec<message::Model> {
        message::Entity::find().order_by_asc(message::Column::Id).all(self.app.db.reader()).await.unwrap()
    }

    pub async fn states(&self) -> Vec<MessageState> {
        self.messages().await.into_iter().map(|row| row.state).collect()
    }

    pub async fn invitation(&self, id: i64) -> invitation::Model {
        invitation::Entity::find_by_id(id).one(self.app.db.reader()).await.unwrap().unwrap()
    }
}

trait ByUserName {
    async fn find_by_user_name(db: &Db, user_name: &str) -> i64;
}

impl ByUserName for coach::Entity {
    async fn find_by_user_name(db: &Db, user_name: &str) -> i64 {
        sql("SELECT id FROM coach WHERE user_name = ?")
            .bind(user_name)
            .column::<i64>(db.reader())
            .await
            .unwrap()[0]
    }
}

/// The number of student s0, s1 …
fn phone(number: i64) -> String {
    format!("+9991{number:08}")
}

fn student_row(user_name: &str, phone: &str) -> student::ActiveModel {
    student::ActiveModel {
        id: NotSet,
        user_name: Set(user_name.to_owned()),
        real_name: Set("学生".to_owned()),
        area_code: Set("110100".to_owned()),
        school_name: Set(String::new()),
        grade: Set(7),
        phone: Set(phone.to_owned()),
        version: Set(0),
    }
}

fn coach_row(number: i64) -> coach::ActiveModel {
    coach::ActiveModel {
        id: NotSet,
        user_name: Set(format!("c{number}")),
        real_name: Set("教练".to_owned()),
        area_code: Set("110100".to_owned()),
        school_name: Set(String::new()),
        grade_type: Set(GradeType::Junior),
        subject_id: Set(1),
        phone: Set(format!("+99920000000{number}")),
        job_status: Set(JobStatus::Regular),
        coach_rank: Set(1),
        forbid_same_city: Set(false),
        blocked: Set(false),
        opted_out: Set(false),
        test_passed_at: Set(None),
        last_login_at: Set(None),
        last_invited_at: Set(None),
        version: Set(0),
    }
}
