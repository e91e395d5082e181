//! The files of docs/domain.md §10 and their columns.

use super::spelling::{folded, trimmed};

macro_rules! files {
    ($($name:ident = $file:literal: $($column:literal)+;)+) => {
        $(pub(super) const $name: (&str, &[&str]) = ($file, &[$($column),+]);)+
        /// The files that can be imported with their columns, in the order in which they build on
        /// each other.
        pub const FILES: &[(&str, &[&str])] = &[$($name),+];
    };
}

files! {
    SUBJECTS = "subjects.csv": "subject_id" "name";
    SEASONS = "seasons.csv": "code" "year" "type" "start_day" "end_day" "except_days";
    PERIODS = "periods.csv": "code" "season" "grade_type" "start_time" "end_time";
    CLASS_TEMPLATES = "class_templates.csv":
        "code" "season" "subject_id" "grade" "period" "recurrence" "max_classes" "max_students_per_class";
    COACHES = "coaches.csv":
        "user_name" "real_name" "area_code" "school_name" "grade_type" "subject_id" "phone" "job_status"
        "rank" "forbid_same_city";
    COACH_AVAILABILITY = "coach_availability.csv":
        "coach" "season" "period" "recurrence" "start_day" "end_day";
    STUDENTS = "students.csv": "user_name" "real_name" "area_code" "school_name" "grade" "phone";
    RESERVATIONS = "reservations.csv": "created_at" "student" "class_template" "start_day" "end_day";
}

/// In place of a key: all rows of a file whose header is bad.
pub(super) const ALL: &str = "*";

/// The columns of a file that a header may name, and which of them one of its cells names, however
/// it is written.
pub(crate) fn column_of(columns: &[&'static str], cell: &str) -> Option<&'static str> {
    let name = folded(cell);
    columns.iter().copied().find(|column| column.eq_ignore_ascii_case(&name))
}

/// Whether a cell says nothing.
pub(crate) fn is_blank(cell: &str) -> bool {
    trimmed(cell).is_empty()
}
