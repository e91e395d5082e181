//! Builds small academies, through the RPCs that staff and clients use.

use super::app::TestApp;
use crate::rpc::pb;
use tonic::Status;

/// What an academy has; [`Academy::build`] makes it. By default: subject 1, season `spring` from
/// 2026-03-02 (a Monday) to 2026-06-28, grade 7, classes of 6.
///
/// Coaches are `coach-001` …, students `student-001` …; all live in different cities from each
/// other, and the coaches offer every period of the season every day.
#[derive(Clone, Debug)]
pub struct Academy {
    /// The subject of everything.
    pub subject_id: i64,
    /// The season, of code `spring`.
    pub season: pb::Season,
    /// The grade of templates and students.
    pub grade: i32,
    /// The periods; codes are `p` and the start, as `p1900`.
    pub periods: Vec<pb::Period>,
    /// The class templates.
    pub templates: Vec<pb::ClassTemplate>,
    /// The coaches.
    pub coaches: Vec<pb::Coach>,
    /// The students.
    pub students: Vec<pb::Student>,
}

impl Default for Academy {
    fn default() -> Self {
        let season = pb::Season {
            code: "spring".to_owned(),
            year: 2026,
            r#type: pb::SeasonType::Spring.into(),
            start_day: "2026-03-02".to_owned(),
            end_day: "2026-06-28".to_owned(),
            except_days: Vec::new(),
        };
        Self {
            subject_id: 1,
            season,
            grade: 7,
            periods: Vec::new(),
            templates: Vec::new(),
            coaches: Vec::new(),
            students: Vec::new(),
        }
    }
}

impl Academy {
    /// An empty academy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another season.
    pub fn season(mut self, start_day: &str, end_day: &str) -> Self {
        (self.season.start_day, self.season.end_day) = (start_day.to_owned(), end_day.to_owned());
        self
    }

    /// Days of the season without lessons.
    pub fn except(mut self, days: &[&str]) -> Self {
        self.season.except_days = days.iter().map(|&day| day.to_owned()).collect();
        self
    }

    /// Another grade, of what is added from here on.
    pub fn grade(mut self, grade: i32) -> Self {
        self.grade = grade;
        self
    }

    /// Another subject, of what is added from here on.
    pub fn subject(mut self, subject_id: i64) -> Self {
        self.subject_id = subject_id;
        self
    }

    /// Adds a period; the templates that follow are in it.
    pub fn period(mut self, start: &str, end: &str) -> Self {
        self.periods.push(pb::Period {
            season: self.season.code.clone(),
            code: format!("p{}", start.replace(':', "")),
            grade_type: self.grade_type().into(),
            start_time: start.to_owned(),
            end_time: end.to_owned(),
        });
        self
    }

    /// Adds a template in the last period, with one class of 6; see [`Self::classes`].
    pub fn template(mut self, code: &str, recurrence: &str) -> Self {
        self.templates.push(pb::ClassTemplate {
            code: code.to_owned(),
            season: self.season.code.clone(),
            subject_id: self.subject_id,
            grade: self.grade,
            period: self.periods.last().expect("a period comes first").code.clone(),
            recurrence: recurrence.to_owned(),
            max_classes: 1,
            max_students_per_class: 6,
        });
        self
    }

    /// How many classes the last template may have, and how large they may be.
    pub fn classes(mut self, max_classes: i32, max_students_per_class: i32) -> Self {
        let template = self.templates.last_mut().expect("a template comes first");
        (template.max_classes, template.max_students_per_class) = (max_classes, max_students_per_class);
        self
    }

    /// Adds so many regular coaches of rank 1.
    pub fn coaches(mut self, count: usize) -> Self {
        for _ in 0..count {
            let number = self.coaches.len() + 1;
            self.coaches.push(pb::Coach {
                user_name: coach(number),
                real_name: format!("教练{number}"),
                area_code: area_code(number),
                school_name: "第一大学".to_owned(),
                grade_type: self.grade_type().into(),
                subject_id: self.subject_id,
                phone: format!("+9991{number:07}"),
                job_status: pb::JobStatus::Regular.into(),
                rank: 1,
                ..pb::Coach::default()
            });
        }
        self
    }

    /// Adds so many students.
    pub fn students(mut self, count: usize) -> Self {
        for _ in 0..count {
            let number = self.students.len() + 1;
            self.students.push(pb::Student {
                user_name: student(number),
                real_name: format!("学员{number}"),
                area_code: area_code(number + 4000),
                school_name: "第一中学".to_owned(),
                grade: self.grade,
                phone: format!("+9992{number:07}"),
            });
        }
        self
    }

    /// Changes the last coach, or all of them in a loop over [`Self::coaches`].
    pub fn change_coaches(mut self, mut change: impl FnMut(usize, &mut pb::Coach)) -> Self {
        for (index, coach) in self.coaches.iter_mut().enumerate() {
            change(index + 1, coach);
        }
        self
    }

    /// Makes it all.
    pub async fn build(self, app: &TestApp) -> Self {
        let (mut catalog, none) = (app.catalog(), String::new);
        let mut subjects: Vec<i64> = self.templates.iter().map(|template| template.subject_id).collect();
        subjects.extend(self.coaches.iter().map(|coach| coach.subject_id).chain([self.subject_id]));
        subjects.sort_unstable();
        subjects.dedup();
        for subject_id in subjects {
            let subject = Some(pb::Subject { subject_id, name: format!("学科{subject_id}") });
            catalog.upsert_subject(pb::UpsertSubjectRequest { subject, request_id: none() }).await.unwrap();
        }
        let season = Some(self.season.clone());
        catalog
            .upsert_season(pb::UpsertSeasonRequest { season, request_id: none(), validate_only: false })
            .await
            .unwrap();
        for period in &self.periods {
            let period = Some(period.clone());
            catalog
                .upsert_period(pb::UpsertPeriodRequest { period, request_id: none(), validate_only: false })
                .await
                .unwrap();
        }
        for template in &self.templates {
            let class_template = Some(template.clone());
            catalog
                .upsert_class_template(pb::UpsertClassTemplateRequest {
                    class_template,
                    request_id: none(),
                    validate_only: false,
                })
                .await
                .unwrap();
        }
        for coach in &self.coaches {
            self.add_coach(app, coach).await;
        }
        for student in &self.students {
            let student = Some(student.clone());
            app.students()
                .upsert_student(pb::UpsertStudentRequest { student, request_id: none() })
                .await
                .unwrap();
        }
        self
    }

    async fn add_coach(&self, app: &TestApp, coach: &pb::Coach) {
        let request = pb::UpsertCoachRequest { coach: Some(coach.clone()), request_id: String::new() };
        app.coaches().upsert_coach(request).await.unwrap();
        let periods = self.periods.iter().filter(|period| period.grade_type == coach.grade_type);
        let availability = periods.map(|period| pb::Availability {
            period: period.code.clone(),
            recurrence: "FREQ=DAILY".to_owned(),
            start_day: self.season.start_day.clone(),
            end_day: self.season.end_day.clone(),
            ..pb::Availability::default()
        });
        let (coach, season) = (coach.user_name.clone(), self.season.code.clone());
        let request = pb::SetAvailabilityRequest { coach, season, availability: availability.collect() };
        app.coaches().set_availability(request).await.unwrap();
    }

    /// Signs a student up for a template; the range is that of the season unless it is given.
    pub async fn reserve(
        &self,
        app: &TestApp,
        student: &str,
        template: &str,
        range: Option<(&str, &str)>,
    ) -> Result<pb::Reservation, Status> {
        let (start_day, end_day) = range.unwrap_or((&self.season.start_day, &self.season.end_day));
        let request = pb::CreateReservationRequest {
            student: student.to_owned(),
            class_template: template.to_owned(),
            start_day: start_day.to_owned(),
            end_day: end_day.to_owned(),
            request_id: String::new(),
        };
        Ok(app.enrollment().create_reservation(request).await?.into_inner().reservation.unwrap())
    }

    /// Signs the students `from` to `to` (numbers, both included) up for a template.
    pub async fn reserve_all(
        &self,
        app: &TestApp,
        template: &str,
        from: usize,
        to: usize,
        range: Option<(&str, &str)>,
    ) -> Vec<pb::Reservation> {
        let mut made = Vec::new();
        for number in from..=to {
            made.push(self.reserve(app, &student(number), template, range).await.unwrap());
        }
        made
    }

    fn grade_type(&self) -> pb::GradeType {
        match self.grade {
            ..=6 => pb::GradeType::Primary,
            7..=9 => pb::GradeType::Junior,
            _ => pb::GradeType::Senior,
        }
    }
}

/// The user name of a coach by number, from 1.
pub fn coach(number: usize) -> String {
    format!("coach-{number:03}")
}

/// The user name of a student by number, from 1.
pub fn student(number: usize) -> String {
    format!("student-{number:03}")
}

/// An area code in a city of its own: of no municipality, each of which is one city.
fn area_code(number: usize) -> String {
    let mut city = 1300 + number % 8000;
    for municipality in [3100, 5000] {
        city += if city >= municipality { 100 } else { 0 };
    }
    format!("{city:04}01")
}
