//! Coaches, their availability, and students of an import.

use super::catalogue::Catalogue;
use super::columns::{COACH_AVAILABILITY, COACHES, STUDENTS};
use super::entry::Offered;
use super::files::Parsed;
use super::outcome::{Code, Problem};
use super::run::Run;
use crate::app::coach::offer_end;
use crate::app::student::StudentSpec;
use crate::domain::actor::Actor;
use crate::domain::state::{ActorKind, JobStatus};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::entity::{coach, coach_availability, coach_status_change, student};
use crate::storage::import::{self, Updates, insert_set_in_txn, update_set_in_txn};
use sea_orm::ActiveValue::Set;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Who the import is about, as stored, by user name.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    pub(super) coaches: HashMap<String, coach::Model>,
    pub(super) students: HashMap<String, student::Model>,
}

impl People {
    pub(super) async fn load(txn: &Txn, parsed: &Parsed) -> Result<Self> {
        let mut coaches: BTreeSet<&str> =
            parsed.coaches.iter().map(|row| row.value.user_name.as_str()).collect();
        coaches.extend(parsed.availability.iter().map(|row| row.value.coach.as_str()));
        let mut students: BTreeSet<&str> =
            parsed.students.iter().map(|row| row.value.user_name.as_str()).collect();
        students.extend(parsed.sign_ups.iter().map(|row| row.value.student.as_str()));
        let coaches = import::coach_list_by_names(txn, &Vec::from_iter(coaches)).await?;
        let students = import::student_list_by_names(txn, &Vec::from_iter(students)).await?;
        Ok(Self {
            coaches: coaches.into_iter().map(|row| (row.user_name.clone(), row)).collect(),
            students: students.into_iter().map(|row| (row.user_name.clone(), row)).collect(),
        })
    }

    /// Keeps everybody's sign-ups and invitations as they are until the import is through.
    pub(super) async fn lock(&self, txn: &Txn) -> Result<()> {
        if !self.coaches.is_empty() {
            import::coach_lock_set_in_txn(txn, &self.coaches.values().map(|row| row.id).collect::<Vec<_>>())
                .await?;
        }
        if !self.students.is_empty() {
            import::student_lock_set_in_txn(
                txn,
                &self.students.values().map(|row| row.id).collect::<Vec<_>>(),
            )
            .await?;
        }
        Ok(())
    }
}

/// What an import of coaches and students touched.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Coaches that are new or changed, or whose availability is.
    pub(super) coaches: BTreeSet<i64>,
    /// Class templates with a student who has moved to another city.
    pub(super) templates: BTreeSet<i64>,
}

impl Run<'_> {
    /// Writes coaches, availability and students; the people as they are then, and what was
    /// touched.
    pub(super) async fn write_people(
        &mut self,
        before: People,
        catalogue: &Catalogue,
    ) -> Result<(People, Touched)> {
        let changed = self.write_coaches(&before).await?;
        let moved = self.write_students(&before).await?;
        let new = |name: &str| !before.coaches.contains_key(name);
        let new: HashSet<String> = changed.iter().filter(|name| new(name)).cloned().collect();
        let people = if self.parsed.coaches.is_empty() && self.parsed.students.is_empty() {
            before
        } else {
            People::load(self.work.txn, self.parsed).await?
        };
        self.write_history(&people, &new).await?;
        let mut coaches: BTreeSet<i64> =
            changed.iter().filter_map(|name| people.coaches.get(name)).map(|row| row.id).collect();
        coaches.extend(self.write_availability(&people, catalogue).await?);
        let templates = match moved.is_empty() {
            true => BTreeSet::new(),
            false => import::template_ids_of_students(self.work.txn, &moved).await?.into_iter().collect(),
        };
        Ok((people, Touched { coaches, templates }))
    }

    /// The user names of the coaches that are new or changed. The status of a coach who is there is
    /// changed by SetCoachStatus only, with operator and remark (docs/domain.md §6): a file that
    /// says another is an old one.
    async fn write_coaches(&mut self, stored: &People) -> Result<BTreeSet<String>> {
        let (mut new, mut changed, mut unchanged): (Vec<_>, Updates, usize) = (Vec::new(), Vec::new(), 0);
        let mut touched = BTreeSet::new();
        let parsed = self.parsed;
        for row in &parsed.coaches {
            let spec = &row.value;
            let Some(had) = stored.coaches.get(&spec.user_name) else {
                touched.insert(spec.user_name.clone());
                new.push(spec.row());
                continue;
            };
            if let Some(status) = spec.job_status.filter(|status| *status != had.job_status) {
                let reason = format!(
                    "is {status} here but {} on the server, where it stays; only SetCoachStatus changes it",
                    had.job_status
                );
                let left = Problem {
                    code: Code::Left,
                    bad: false,
                    ..Problem::bad(COACHES.0, row.line, "job_status", reason)
                };
                self.outcome.problems.push(left);
            }
            let wanted = spec.over(had);
            if wanted == *had {
                unchanged += 1;
                continue;
            }
            touched.insert(spec.user_name.clone());
            changed.push((
                had.id,
                vec![
                    wanted.real_name.into(),
                    wanted.area_code.into(),
                    wanted.school_name.into(),
                    wanted.grade_type.into(),
                    wanted.subject_id.into(),
                    wanted.phone.into(),
                    wanted.coach_rank.into(),
                    wanted.forbid_same_city.into(),
                ],
            ));
        }
        self.count(COACHES.0, new.len(), changed.len(), unchanged);
        insert_set_in_txn(self.work.txn, new).await?;
        let columns = [
            coach::Column::RealName,
            coach::Column::AreaCode,
            coach::Column::SchoolName,
            coach::Column::GradeType,
            coach::Column::SubjectId,
            coach::Column::Phone,
            coach::Column::CoachRank,
            coach::Column::ForbidSameCity,
        ];
        update_set_in_txn::<coach::Entity>(
            self.work.txn,
            coach::Column::Id,
            Some(coach::Column::Version),
            &columns,
            &changed,
        )
        .await?;
        Ok(touched)
    }

    /// A new coach begins in reserve; what the file says is the first change of the status, with
    /// operator, remark and time.
    async fn write_history(&self, people: &People, new: &HashSet<String>) -> Result<()> {
        let rows = new
            .iter()
            .filter_map(|name| people.coaches.get(name))
            .filter(|coach| coach.job_status != JobStatus::Reserve);
        let rows = rows.map(|coach| coach_status_change::ActiveModel {
            coach_id: Set(coach.id),
            from_status: Set(JobStatus::Reserve),
            to_status: Set(coach.job_status),
            operator_kind: Set(ActorKind::Import),
            operator: Set(Actor::Import.name().to_owned()),
            remark: Set(String::new()),
            changed_at: Set(self.work.now),
            ..Default::default()
        });
        insert_set_in_txn(self.work.txn, rows.collect()).await
    }

    /// The coaches whose availability is new or changed.
    async fn write_availability(&mut self, people: &People, catalogue: &Catalogue) -> Result<BTreeSet<i64>> {
        let rows = &self.parsed.availability;
        if rows.is_empty() {
            return Ok(BTreeSet::new());
        }
        let coach_id =
            |name: &str| people.coaches.get(name).map(|row| row.id).ok_or(Error::Contended("import"));
        let ids: BTreeSet<i64> = rows.iter().map(|row| coach_id(&row.value.coach)).collect::<Result<_>>()?;
        let stored: HashMap<_, coach_availability::Model> =
            import::availability_list(self.work.txn, &Vec::from_iter(ids))
                .await?
                .into_iter()
                .map(|row| {
                    ((row.coach_id, row.season_id, row.period_id, row.recurrence.clone(), row.start_day), row)
                })
                .collect();
        let (mut new, mut changed, mut unchanged): (Vec<_>, Updates, usize) = (Vec::new(), Vec::new(), 0);
        let (mut touched, mut ends) = (BTreeSet::new(), Vec::new());
        for row in rows {
            let Offered { coach, season, spec } = &row.value;
            let coach_id = coach_id(coach)?;
            let (season_id, period_id) =
                (catalogue.season_id(season)?, catalogue.period_id(season, &spec.period)?);
            let key = (coach_id, season_id, period_id, spec.recurrence.clone(), spec.start_day);
            match stored.get(&key) {
                Some(had) => ends.push((had, row)),
                None => {
                    touched.insert(coach_id);
                    new.push(coach_availability::ActiveModel {
                        coach_id: Set(coach_id),
                        season_id: Set(season_id),
                        period_id: Set(period_id),
                        recurrence: Set(spec.recurrence.clone()),
                        start_day: Set(spec.start_day),
                        end_day: Set(spec.end_day),
                        ..Default::default()
                    });
                }
            }
        }
        let shortened: Vec<i64> = ends
            .iter()
            .filter(|(had, row)| row.value.spec.end_day < had.end_day)
            .map(|(had, _)| had.id)
            .collect();
        let used = if shortened.is_empty() {
            HashMap::new()
        } else {
            import::availability_last_used(self.work.txn, &shortened).await?
        };
        let today = self.work.app.time().day(self.work.now);
        for (had, row) in ends {
            match offer_end(row.value.spec.end_day, used.get(&had.id).copied(), today) {
                Ok(end_day) if end_day == had.end_day => unchanged += 1,
                Ok(end_day) => {
                    touched.insert(had.coach_id);
                    changed.push((had.id, vec![end_day.into()]));
                }
                Err(last) => {
                    let reason = format!("the offer is used by an invitation or a class until {last}");
                    self.bad(COACH_AVAILABILITY.0, row.line, "end_day", reason);
                }
            }
        }
        self.count(COACH_AVAILABILITY.0, new.len(), changed.len(), unchanged);
        insert_set_in_txn(self.work.txn, new).await?;
        let (key, columns) = (coach_availability::Column::Id, [coach_availability::Column::EndDay]);
        update_set_in_txn::<coach_availability::Entity>(self.work.txn, key, None, &columns, &changed).await?;
        if !touched.is_empty() {
            import::coach_bump_set_in_txn(self.work.txn, &Vec::from_iter(touched.iter().copied())).await?;
        }
        Ok(touched)
    }

    /// The keys of the students whose area code is another than before: the city rule looks at the
    /// students of a task.
    async fn write_students(&mut self, stored: &People) -> Result<Vec<i64>> {
        let (mut new, mut changed, mut unchanged): (Vec<_>, Updates, usize) = (Vec::new(), Vec::new(), 0);
        let mut moved = Vec::new();
        for row in &self.parsed.students {
            let spec = &row.value;
            match stored.students.get(&spec.user_name) {
                None => new.push(spec.row()),
                Some(had) if spec.is(had) => unchanged += 1,
                Some(had) => {
                    if had.area_code != spec.area_code {
                        moved.push(had.id);
                    }
                    let StudentSpec { user_name: _, real_name, area_code, school_name, grade, phone } =
                        spec.clone();
                    changed.push((
                        had.id,
                        vec![
                            real_name.into(),
                            area_code.into(),
                            school_name.into(),
                            grade.into(),
                            phone.into(),
                        ],
                    ));
                }
            }
        }
        self.count(STUDENTS.0, new.len(), changed.len(), unchanged);
        insert_set_in_txn(self.work.txn, new).await?;
        let columns = [
            student::Column::RealName,
            student::Column::AreaCode,
            student::Column::SchoolName,
            student::Column::Grade,
            student::Column::Phone,
        ];
        update_set_in_txn::<student::Entity>(
            self.work.txn,
            student::Column::Id,
            Some(student::Column::Version),
            &columns,
            &changed,
        )
        .await?;
        Ok(moved)
    }
}
