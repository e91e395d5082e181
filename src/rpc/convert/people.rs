//! Converts coaches, their availability, and students between protobuf and the domain.

use super::{
    REQUEST, code, count, day, number, optional_code, optional_id, optional_timestamp, optional_word,
    required, timestamp, word,
};
use crate::app::coach::{
    AvailabilitySpec, CoachSpec, KeptFrom, NewBlock, NewLimits, NewStatus, Offer, RankLimit,
};
use crate::app::input::Fields;
use crate::app::student::StudentSpec;
use crate::domain::eligibility::ClassLimit;
use crate::error::{Error, Result};
use crate::rpc::pb;
use crate::storage::block::BlockRow;
use crate::storage::coach::CoachFilter;
use crate::storage::entity::{coach, coach_block, coach_status_change, student};
use std::collections::BTreeSet;

/// Offers in one request at most.
const OFFERS_MAX: usize = 200;

/// A coach that must be there.
pub(crate) fn coach(coach: Option<pb::Coach>) -> Result<CoachSpec> {
    let pb::Coach {
        user_name,
        real_name,
        area_code,
        school_name,
        grade_type,
        subject_id,
        phone,
        job_status,
        rank,
        forbid_same_city,
        blocked,
        opted_out,
        // Output only.
        test_passed_time: _,
        last_login_time: _,
        last_invited_time: _,
    } = required("coach", coach)?;
    Ok(CoachSpec {
        user_name,
        real_name,
        area_code,
        school_name,
        grade_type: word("coach.grade_type", grade_type)?,
        subject_id,
        phone,
        job_status: optional_word("coach.job_status", job_status)?,
        rank,
        forbid_same_city,
        blocked,
        opted_out,
    })
}

/// A student that must be there.
pub(crate) fn student(student: Option<pb::Student>) -> Result<StudentSpec> {
    let pb::Student { user_name, real_name, area_code, school_name, grade, phone } =
        required("student", student)?;
    Ok(StudentSpec { user_name, real_name, area_code, school_name, grade, phone })
}

/// A new status of a coach.
pub(crate) fn new_status(user_name: String, job_status: i32) -> Result<NewStatus> {
    Ok(NewStatus { user_name: code("user_name", user_name)?, job_status: word("job_status", job_status)? })
}

/// A block to be set.
pub(crate) fn new_block(coach: String, student: String, class_id: i64) -> Result<NewBlock> {
    let coach = code("coach", coach)?;
    let student = optional_code("student", student)?;
    let from = match (student, optional_id("class_id", class_id)?) {
        (Some(_), Some(_)) => return Err(Error::invalid("class_id", "must not be given beside student")),
        (Some(student), None) => KeptFrom::Student(student),
        (None, Some(class)) => KeptFrom::Class(class),
        (None, None) => KeptFrom::Everything,
    };
    Ok(NewBlock { coach, from })
}

/// Which coaches to list.
pub(crate) fn coach_filter(subject_id: i64, grade_type: i32, job_status: i32) -> Result<CoachFilter> {
    Ok(CoachFilter {
        subject_id: optional_id("subject_id", subject_id)?,
        grade_type: optional_word("grade_type", grade_type)?,
        job_status: optional_word("job_status", job_status)?,
    })
}

/// Offers of a coach.
pub(crate) fn availability(offers: Vec<pb::Availability>) -> Result<Vec<AvailabilitySpec>> {
    if offers.len() > OFFERS_MAX {
        return Err(Error::invalid("availability", format!("must have at most {OFFERS_MAX} offers")));
    }
    let convert = |(index, offer): (usize, pb::Availability)| {
        let pb::Availability { period, recurrence, start_day, end_day, season: _, used_days: _ } = offer;
        Ok(AvailabilitySpec {
            period,
            recurrence,
            start_day: day(&format!("availability[{index}].start_day"), &start_day)?,
            end_day: day(&format!("availability[{index}].end_day"), &end_day)?,
        })
    };
    offers.into_iter().enumerate().map(convert).collect()
}

/// Classes of one coach at most, whoever sets the limit.
const CLASSES_MAX: i32 = 100;

/// Limits on classes, each rank at most once.
pub(crate) fn class_limits(limits: Vec<pb::ClassLimit>) -> Result<NewLimits> {
    if limits.is_empty() {
        return Err(Error::invalid("limits", "is missing"));
    }
    let mut ranks = BTreeSet::new();
    let convert = |(index, limit): (usize, pb::ClassLimit)| {
        let pb::ClassLimit { rank, base, most } = limit;
        let path = format!("limits[{index}].");
        let fields = Fields { path: &path };
        fields.range("rank", rank, 1, 5)?;
        if !ranks.insert(rank) {
            return Err(fields.invalid("rank", "is named twice"));
        }
        fields.range("base", base, 0, CLASSES_MAX)?;
        fields.range("most", most, base, CLASSES_MAX)?;
        Ok((rank, ClassLimit { base: base.unsigned_abs(), most: most.unsigned_abs() }))
    };
    limits.into_iter().enumerate().map(convert).collect()
}

/// A grade to list; 0 = all.
pub(crate) fn optional_grade(grade: i32) -> Result<Option<i32>> {
    REQUEST.range("grade", grade, 0, 12)?;
    Ok((grade != 0).then_some(grade))
}

impl From<coach::Model> for pb::Coach {
    fn from(row: coach::Model) -> Self {
        let coach::Model {
            id: _,
            user_name,
            real_name,
            area_code,
            school_name,
            grade_type,
            subject_id,
            phone,
            job_status,
            coach_rank,
            forbid_same_city,
            blocked,
            opted_out,
            test_passed_at,
            last_login_at,
            last_invited_at,
            version: _,
        } = row;
        Self {
            user_name,
            real_name,
            area_code,
            school_name,
            grade_type: number(grade_type),
            subject_id,
            phone,
            job_status: number(job_status),
            rank: coach_rank,
            forbid_same_city,
            blocked: Some(blocked),
            opted_out: Some(opted_out),
            test_passed_time: optional_timestamp(test_passed_at),
            last_login_time: optional_timestamp(last_login_at),
            last_invited_time: optional_timestamp(last_invited_at),
        }
    }
}

impl From<coach_status_change::Model> for pb::CoachStatusChange {
    fn from(row: coach_status_change::Model) -> Self {
        let coach_status_change::Model {
            id: _,
            coach_id: _,
            from_status,
            to_status,
            operator_kind,
            operator,
            remark,
            changed_at,
        } = row;
        Self {
            from_status: number(from_status),
            to_status: number(to_status),
            operator,
            operator_kind: number(operator_kind),
            remark,
            change_time: Some(timestamp(changed_at)),
        }
    }
}

impl From<BlockRow> for pb::Block {
    fn from(BlockRow { row, coach, student }: BlockRow) -> Self {
        let coach_block::Model {
            id,
            coach_id: _,
            student_id: _,
            class_id,
            operator,
            remark,
            set_at,
            removed_by,
            removal_remark,
            removed_at,
        } = row;
        Self {
            block_id: id,
            coach,
            student: student.unwrap_or_default(),
            class_id: class_id.unwrap_or_default(),
            operator,
            remark,
            set_time: optional_timestamp(set_at),
            removed_by,
            removal_remark,
            remove_time: optional_timestamp(removed_at),
        }
    }
}

impl From<RankLimit> for pb::RankLimit {
    fn from(RankLimit { rank, limit: ClassLimit { base, most }, set }: RankLimit) -> Self {
        let limit = pb::ClassLimit { rank, base: count(base.into()), most: count(most.into()) };
        let set_time = set.as_ref().map(|(_, _, at)| timestamp(*at));
        let (operator, remark) = set.map(|(operator, remark, _)| (operator, remark)).unwrap_or_default();
        Self { limit: Some(limit), operator, remark, set_time }
    }
}

impl From<Offer> for pb::Availability {
    fn from(Offer { season, spec, used_days }: Offer) -> Self {
        let AvailabilitySpec { period, recurrence, start_day, end_day } = spec;
        Self {
            period,
            recurrence,
            start_day: start_day.to_string(),
            end_day: end_day.to_string(),
            season,
            used_days: used_days.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<student::Model> for pb::Student {
    fn from(row: student::Model) -> Self {
        let student::Model { id: _, user_name, real_name, area_code, school_name, grade, phone, version: _ } =
            row;
        Self { user_name, real_name, area_code, school_name, grade, phone }
    }
}
