//! Coaches, their availability, and students of an import.

use super::Run;
use super::catalogue::Catalogue;
use super::files::{COACH_AVAILABILITY, COACHES, Coach, Parsed, STUDENTS, Student};
use crate::domain::state::JobStatus;
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::entity::{coach, coach_availability, coach_status_change, student};
use crate::storage::import as store;
use crate::storage::import::{Updates, insert_set_in_txn, update_set_in_txn};
use sea_orm::ActiveValue::Set;
use std::collections::{BTreeSet, HashMap};

/// Who the import is about, as stored, by user name.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    pub(super) coaches: HashMap<String, coach::Model>,
    pub(super) students: HashMap<String, student::Model>,
}

impl People {
    pub(super) async fn load(txn: &Txn, parsed: &Parsed) -> Result<Self> {
        let mut coaches: BTreeSet<&str> = parsed.coaches.iter().map(|row| row.value.user_name.as_str()).collect();
        coaches.extend(parsed.availability.iter().map(|row| row.value.coach.as_str()));
        let mut students: BTreeSet<&str> = parsed.students.iter().map(|row| row.value.user_name.as_str()).collect();
        students.extend(parsed.sign_ups.iter().map(|row| row.value.student.as_str()));
        let coaches = store::coach_list_by_names(txn, &Vec::from_iter(coaches)).await?;
        let students = store::student_list_by_names(txn, &Vec::from_iter(students)).await?;
        Ok(Self {
            coaches: coaches.into_iter().map(|row| (row.user_name.clone(), row)).collect(),
            students: students.into_iter().map(|row| (row.user_name.clone(), row)).collect(),
        })
    }

    /// Keeps everybody's sign-ups and invitations as they are until the import is through.
    pub(super) async fn lock(&self, txn: &Txn) -> Result<()> {
        if !self.coaches.is_empty() {
            store::coach_lock_set_in_txn(txn, &self.coaches.values().map(|row| row.id).collect::<Vec<_>>()).await?;
        }
        if !self.students.is_empty() {
            store::student_lock_set_in_txn(txn, &self.students.values().map(|row| row.id).collect::<Vec<_>>()).await?;
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Writes coaches, availability and students; the people as they are then, and the coaches touched.
    pub(super) async fn write_people(&mut self, before: People, catalogue: &Catalogue) -> Result<(People, BTreeSet<i64>)> {
        let changed = self.write_coaches(&before).await?;
        self.write_students(&before).await?;
        let people = if self.parsed.coaches.is_empty() && self.parsed.students.is_empty() {
            before
        } else {
            People::load(self.txn, self.parsed).await?
        };
        self.write_history(&people, &changed).await?;
        let mut touched: BTreeSet<i64> = changed.keys().filter_map(|name| people.coaches.get(name)).map(|row| row.id).collect();
        touched.extend(self.write_availability(&people, catalogue).await?);
        Ok((people, touched))
    }

    /// The user names of the coaches that are new or changed, with the status they had.
    async fn write_coaches(&mut self, stored: &People) -> Result<HashMap<String, JobStatus>> {
        let (mut new, mut changed, mut unchanged): (Vec<_>, Updates, usize) = (Vec::new(), Vec::new(), 0);
        let mut touched = HashMap::new();
        for row in &self.parsed.coaches {
            let Coach { user_name, real_name, area_code, school_name, grade_type, subject_id, phone, job_status, rank, forbid_same_city } =
                &row.value;
            let Some(had) = stored.coaches.get(user_name) else {
                // A new coach begins in reserve.
                touched.insert(user_name.clone(), JobStatus::Reserve);
                new.push(coach::ActiveModel {
                    user_name: Set(user_name.clone()),
                    real_name: Set(real_name.clone()),
                    area_code: Set(area_code.clone()),
                    school_name: Set(school_name.clone()),
                    grade_type: Set(*grade_type),
                    subject_id: Set(*subject_id),
                    phone: Set(phone.clone()),
                    job_status: Set(*job_status),
                    coach_rank: Set(*rank),
                    forbid_same_city: Set(*forbid_same_city),
                    ..Default::default()
                });
                continue;
            };
            let wanted = coach::Model {
                real_name: real_name.clone(),
                area_code: area_code.clone(),
                school_name: school_name.clone(),
                grade_type: *grade_type,
                subject_id: *subject_id,
                phone: phone.clone(),
                job_status: *job_status,
                coach_rank: *rank,
                forbid_same_city: *forbid_same_city,
                ..had.clone()
            };
            if wanted == *had {
                unchanged += 1;
                continue;
            }
            touched.insert(user_name.clone(), had.job_status);
            changed.push((
                had.id,
                vec![
                    wanted.real_name.into(),
                    wanted.area_code.into(),
                    wanted.school_name.into(),
                    wanted.grade_type.into(),
                    wanted.subject_id.into(),
                    wanted.phone.into(),
                    wanted.job_status.into(),
                    wanted.coach_rank.into(),
                    wanted.forbid_same_city.into(),
                ],
            ));
        }
        self.count(COACHES.0, new.len(), changed.len(), unchanged);
        insert_set_in_txn(self.txn, new).await?;
        let columns = [
            coach::Column::RealName,
            coach::Column::AreaCode,
            coach::Column::SchoolName,
            coach::Column::GradeType,
            coach::Column::SubjectId,
            coach::Column::Phone,
            coach::Column::JobStatus,
            coach::Column::CoachRank,
            coach::Column::ForbidSameCity,
        ];
        update_set_in_txn::<coach::Entity>(self.txn, coach::Column::Id, Some(coach::Column::Version), &columns, &changed).await?;
        Ok(touched)
    }

    /// Each change of a job status has operator, remark and time (DOMAIN.md §6).
    async fn write_history(&self, people: &People, changed: &HashMap<String, JobStatus>) -> Result<()> {
        let rows = self.parsed.coaches.iter().filter_map(|row| {
            let (from, coach) = (*changed.get(&row.value.user_name)?, people.coaches.get(&row.value.user_name)?);
            (from != coach.job_status).then(|| coach_status_change::ActiveModel {
                coach_id: Set(coach.id),
                from_status: Set(from),
                to_status: Set(coach.job_status),
                operator: Set("import".to_owned()),
                remark: Set(String::new()),
                changed_at: Set(self.now),
                ..Default::default()
            })
        });
        insert_set_in_txn(self.txn, rows.collect()).await
    }

    /// The coaches whose availability is new or changed.
    async fn write_availability(&mut self, people: &People, catalogue: &Catalogue) -> Result<BTreeSet<i64>> {
        let rows = &self.parsed.availability;
        if rows.is_empty() {
            return Ok(BTreeSet::new());
        }
        let coach_id = |name: &str| people.coaches.get(name).map(|row| row.id).ok_or(Error::Contended("import"));
        let ids: BTreeSet<i64> = rows.iter().map(|row| coach_id(&row.value.coach)).collect::<Result<_>>()?;
        let stored: HashMap<_, coach_availability::Model> = store::availability_list(self.txn, &Vec::from_iter(ids))
            .await?
            .into_iter()
            .map(|row| ((row.coach_id, row.season_id, row.period_id, row.recurrence.clone(), row.start_day), row))
            .collect();
        let (mut new, mut changed, mut unchanged): (Vec<_>, Updates, usize) = (Vec::new(), Vec::new(), 0);
        let (mut touched, mut shortened) = (BTreeSet::new(), Vec::new());
        for row in rows {
            let offer = &row.value;
            let coach_id = coach_id(&offer.coach)?;
            let (season_id, period_id) = (catalogue.season_id(&offer.season)?, catalogue.period_id(&offer.season, &offer.period)?);
            match stored.get(&(coach_id, season_id, period_id, offer.recurrence.clone(), offer.start_day)) {
                Some(had) if had.end_day == offer.end_day => {
                    unchanged += 1;
                    continue;
                }
                Some(had) => {
                    if offer.end_day < had.end_day {
                        shortened.push((had.id, row));
                    }
                    changed.push((had.id, vec![offer.end_day.into()]));
                }
                None => new.push(coach_availability::ActiveModel {
                    coach_id: Set(coach_id),
                    season_id: Set(season_id),
                    period_id: Set(period_id),
                    recurrence: Set(offer.recurrence.clone()),
                    start_day: Set(offer.start_day),
                    end_day: Set(offer.end_day),
                    ..Default::default()
                }),
            }
            touched.insert(coach_id);
        }
        if !shortened.is_empty() {
            let ids: Vec<i64> = shortened.iter().map(|(id, _)| *id).collect();
            let used = store::availability_last_used(self.txn, &ids).await?;
            for (id, row) in shortened {
                if let Some(last) = used.get(&id).filter(|last| row.value.end_day < **last) {
                    let reason = format!("the offer is used by an invitation or a class until {last}");
                    self.bad(COACH_AVAILABILITY.0, row.line, "end_day", reason);
                }
            }
        }
        self.count(COACH_AVAILABILITY.0, new.len(), changed.len(), unchanged);
        insert_set_in_txn(self.txn, new).await?;
        let (key, columns) = (coach_availability::Column::Id, [coach_availability::Column::EndDay]);
        update_set_in_txn::<coach_availability::Entity>(self.txn, key, None, &columns, &changed).await?;
        if !touched.is_empty() {
            store::coach_bump_set_in_txn(self.txn, &Vec::from_iter(touched.iter().copied())).await?;
        }
        Ok(touched)
    }

    async fn write_students(&mut self, stored: &People) -> Result<()> {
        let (mut new, mut changed, mut unchanged): (Vec<_>, Updates, usize) = (Vec::new(), Vec::new(), 0);
        for row in &self.parsed.students {
            let Student { user_name, real_name, area_code, school_name, grade, phone } = &row.value;
            match stored.students.get(user_name) {
                None => new.push(student::ActiveModel {
                    user_name: Set(user_name.clone()),
                    real_name: Set(real_name.clone()),
                    area_code: Set(area_code.clone()),
                    school_name: Set(school_name.clone()),
                    grade: Set(*grade),
                    phone: Set(phone.clone()),
                    ..Default::default()
                }),
                Some(had)
                    if (&had.real_name, &had.area_code, &had.school_name, &had.grade, &had.phone)
                        == (real_name, area_code, school_name, grade, phone) =>
                {
                    unchanged += 1;
                }
                Some(had) => changed.push((
                    had.id,
                    vec![
                        real_name.clone().into(),
                        area_code.clone().into(),
                        school_name.clone().into(),
                        (*grade).into(),
                        phone.clone().into(),
                    ],
                )),
            }
        }
        self.count(STUDENTS.0, new.len(), changed.len(), unchanged);
        insert_set_in_txn(self.txn, new).await?;
        let columns = [
            student::Column::RealName,
            student::Column::AreaCode,
            student::Column::SchoolName,
            student::Column::Grade,
            student::Column::Phone,
        ];
        update_set_in_txn::<student::Entity>(self.txn, student::Column::Id, Some(student::Column::Version), &columns, &changed).await
    }
}
