//! Converts lessons that are owed.

use super::{number, optional_timestamp, timestamp};
use crate::rpc::pb;
use crate::storage::make_up::MakeUpRow;

impl From<MakeUpRow> for pb::MakeUp {
    fn from(row: MakeUpRow) -> Self {
        let MakeUpRow {
            id,
            student_id: _,
            student,
            phone: _,
            lesson_id,
            class_id,
            class_template,
            day,
            start_at,
            lesson_state,
            cause,
            state,
            owed_at,
            settled_at,
            offered,
            offered_day,
            offered_at,
            answer_until,
            reservation_id,
            operator,
            remark,
        } = row;
        Self {
            make_up_id: id,
            student,
            class_id,
            class_template,
            lesson_id,
            day: day.to_string(),
            start_time: Some(timestamp(start_at)),
            lesson_state: number(lesson_state),
            cause: number(cause),
            state: number(state),
            owed_time: Some(timestamp(owed_at)),
            settle_time: optional_timestamp(settled_at),
            operator,
            remark,
            offered_template: offered.unwrap_or_default(),
            offered_day: offered_day.map(|day| day.to_string()).unwrap_or_default(),
            offered_start_time: optional_timestamp(offered_at),
            answer_time: optional_timestamp(answer_until),
            reservation_id: reservation_id.unwrap_or_default(),
        }
    }
}
