//! Sign-ups, holds, leave, waiting lists and classes inserted as rows: these stories test reading,
//! whoever wrote the rows.

use etutor::domain::actor::Actor;
use etutor::domain::state::{ClassState, LessonState, PlaceCause, ReservationState, TaskState};
use etutor::domain::time::Day;
use etutor::storage::catalog::template_by_code;
use etutor::storage::coach::coach_by_user_name;
use etutor::storage::entity::{class, class_task, place, reservation, student_leave};
use etutor::storage::ledger::{By, PlaceChange, place_change_write_in_txn};
use etutor::storage::sql::sql;
use etutor::storage::student::student_by_user_name;
use etutor::testing::academy::{coach, student};
use etutor::testing::{Academy, TestApp};
use etutor::write_txn;
use sea_orm::{ColumnTrait, EntityTrait, NotSet, QueryFilter, QueryOrder, Set};

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Saturdays at 19:00 for two, every day at 19:30 for six, Saturdays at 09:00 for grade 10; eight
/// students of grade 7, three coaches.
pub fn academy() -> Academy {
    Academy::new()
        .period("19:00", "20:00")
        .template("sat", "FREQ=WEEKLY;BYDAY=SA")
        .classes(1, 2)
        .period("19:30", "20:30")
        .template("daily", "FREQ=DAILY")
        .coaches(3)
        .students(8)
        .grade(10)
        .period("09:00", "10:00")
        .template("senior", "FREQ=WEEKLY;BYDAY=SA")
}

/// A reservation as it is to be.
pub struct Row<'a> {
    pub student: usize,
    pub template: &'a str,
    pub state: ReservationState,
    pub days: (&'a str, &'a str),
    /// Local time.
    pub expires: Option<&'a str>,
    pub class_id: Option<i64>,
}

impl<'a> Row<'a> {
    pub fn new(student: usize, template: &'a str, state: ReservationState, days: (&'a str, &'a str)) -> Self {
        Self { student, template, state, days, expires: None, class_id: None }
    }

    pub fn booked(student: usize, template: &'a str, days: (&'a str, &'a str)) -> Self {
        Self::new(student, template, ReservationState::Booked, days)
    }

    pub fn held(student: usize, template: &'a str, days: (&'a str, &'a str), expires: &'a str) -> Self {
        Self { expires: Some(expires), ..Self::new(student, template, ReservationState::Held, days) }
    }

    /// On the list of the first day until the second.
    pub fn waiting(student: usize, template: &'a str, days: (&'a str, &'a str)) -> Self {
        Self { expires: Some(days.1), ..Self::new(student, template, ReservationState::Waitlisted, days) }
    }

    pub fn placed(student: usize, template: &'a str, days: (&'a str, &'a str), class_id: i64) -> Self {
        Self { class_id: Some(class_id), ..Self::new(student, template, ReservationState::Placed, days) }
    }

    /// Writes it with its places and its line in the ledger.
    pub async fn write(self, app: &TestApp) -> i64 {
        let (first, last) = (day(self.days.0), day(self.days.1));
        let now = app.now().await.unwrap();
        let student_id =
            student_by_user_name(app.db().reader(), &student(self.student)).await.unwrap().unwrap().id;
        let template_id = template_by_code(app.db().reader(), self.template).await.unwrap().unwrap().id;
        let expires_at = self.expires.map(|at| app.instant(at));
        write_txn!(app.db(), "test.reservation", |txn| {
            let row = reservation::ActiveModel {
                student_id: Set(student_id),
                template_id: Set(template_id),
                start_day: Set(first),
                end_day: Set(last),
                last_day: Set(last),
                state: Set(self.state),
                created_at: Set(now),
                class_id: Set(self.class_id),
                placed_from: Set(self.class_id.map(|_| first)),
                version: Set(0),
                expires_at: Set(expires_at),
                renewed: Set(false),
                first_lesson_day: Set(Some(first)),
                ..Default::default()
            };
            let id = reservation::Entity::insert(row).exec(txn).await?.last_insert_id;
            if self.state.takes_places() {
                let cause =
                    if self.state == ReservationState::Held { PlaceCause::Hold } else { PlaceCause::SignUp };
                change(txn, template_id, (first, last), (id, 1, cause), &student(self.student), now).await?;
            }
            Ok(id)
        })
        .unwrap()
    }
}

async fn change(
    txn: &etutor::storage::Txn,
    template_id: i64,
    (first_day, last_day): (Day, Day),
    (id, delta, cause): (i64, i64, PlaceCause),
    actor: &str,
    now: etutor::domain::time::Instant,
) -> etutor::error::Result<()> {
    sql("UPDATE place SET taken = taken + ? WHERE template_id = ? AND day BETWEEN ? AND ?")
        .bind(delta)
        .bind(template_id)
        .bind(first_day)
        .bind(last_day)
        .execute(txn)
        .await?;
    let changes = [PlaceChange { template_id, reservation_id: Some(id), first_day, last_day, delta, cause }];
    place_change_write_in_txn(txn, &changes, &By::actor(Actor::Student(actor.to_owned())), now).await
}

/// A student of a reservation does not come on a day.
pub async fn leave(app: &TestApp, reservation_id: i64, text: &str) {
    let now = app.now().await.unwrap();
    let row = reservation::Entity::find_by_id(reservation_id).one(app.db().reader()).await.unwrap().unwrap();
    write_txn!(app.db(), "test.leave", |txn| {
        let new = student_leave::ActiveModel {
            reservation_id: Set(row.id),
            day: Set(day(text)),
            requested_at: Set(now),
        };
        student_leave::Entity::insert(new).exec_without_returning(txn).await?;
        change(txn, row.template_id, (day(text), day(text)), (row.id, -1, PlaceCause::Leave), "wang", now)
            .await
    })
    .unwrap();
}

/// A class of a coach with the template's lessons from the first to the last day.
pub async fn class(app: &TestApp, template: &str, number: usize, (first, last): (&str, &str)) -> i64 {
    let now = app.now().await.unwrap();
    let template_id = template_by_code(app.db().reader(), template).await.unwrap().unwrap().id;
    let coach_id = coach_by_user_name(app.db().reader(), &coach(number)).await.unwrap().unwrap().id;
    let days = place::Entity::find()
        .filter(place::Column::TemplateId.eq(template_id))
        .filter(place::Column::Day.between(day(first), day(last)));
    let days = days.order_by_asc(place::Column::Day).all(app.db().reader()).await.unwrap();
    write_txn!(app.db(), "test.class", |txn| {
        let task = class_task::ActiveModel {
            id: NotSet,
            template_id: Set(template_id),
            day: Set(days[number].day),
            state: Set(TaskState::Formed),
            start_at: Set(now),
            gate_at: Set(now),
            freeze_at: Set(now),
            closes_at: Set(now),
            reopened: Set(false),
            cancelled_by: Set(String::new()),
            students: Set(1),
            needed: Set(1),
            dirty: Set(false),
            early_warned: Set(false),
            told_uncovered: Set(0),
            gate_alarmed: Set(false),
            created_at: Set(now),
            version: Set(0),
        };
        let task_id = class_task::Entity::insert(task).exec(txn).await?.last_insert_id;
        let new = class::ActiveModel {
            id: NotSet,
            template_id: Set(template_id),
            task_id: Set(task_id),
            coach_id: Set(coach_id),
            state: Set(ClassState::Running),
            first_day: Set(day(first)),
            last_day: Set(day(last)),
            formed_at: Set(now),
            version: Set(0),
        };
        let class_id = class::Entity::insert(new).exec(txn).await?.last_insert_id;
        for place in &days {
            sql("INSERT INTO lesson (class_id, day, start_at, end_at, coach_id, state) \
                VALUES (?, ?, ?, ?, ?, ?)")
            .bind(class_id)
            .bind(place.day)
            .bind(place.start_at)
            .bind(place.end_at)
            .bind(coach_id)
            .bind(LessonState::Scheduled)
            .execute(txn)
            .await?;
        }
        Ok(class_id)
    })
    .unwrap()
}
