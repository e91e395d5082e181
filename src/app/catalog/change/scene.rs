//! What an edit of the catalogue reads under its locks (the `Scene`), and what it reports.

use super::plan::Edit;
use crate::domain::state::{LessonChangeKind, TaskChangeKind};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::entity::lesson;
use crate::storage::season_edit::{self, EditedClass, EditedReservation};

/// What an edit touched, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogChange {
    /// Lesson days of templates and lessons of classes, by template, day and class.
    pub lessons: Vec<LessonChange>,
    /// Reservations, in the order in which they were made.
    pub reservations: Vec<ReservationChange>,
    /// Class tasks.
    pub tasks: Vec<TaskChange>,
    /// Messages written.
    pub messages: u64,
}

/// What becomes of a lesson day of a template, or of a lesson of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonChange {
    /// Code of the template.
    pub class_template: String,
    /// The day.
    pub day: Day,
    /// The class; `None` = the template's lesson day itself.
    pub class_id: Option<i64>,
    /// What becomes of it.
    pub kind: LessonChangeKind,
    /// When it started before.
    pub before: Option<Instant>,
    /// When it starts now.
    pub after: Option<Instant>,
    /// Places of the day before.
    pub capacity_before: i32,
    /// Places of the day now.
    pub capacity: i32,
}

/// What becomes of a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationChange {
    /// The reservation.
    pub reservation_id: i64,
    /// User name of the student.
    pub student: String,
    /// Code of the template.
    pub class_template: String,
    /// Days that fall away.
    pub lost: usize,
    /// Days that come.
    pub added: usize,
    /// Days whose lesson is at another time.
    pub moved: usize,
    /// Whether nothing is left of it.
    pub cancelled: bool,
}

/// What becomes of a class task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskChange {
    /// The task.
    pub task_id: i64,
    /// Code of its template.
    pub class_template: String,
    /// Its day.
    pub day: Day,
    /// What becomes of it.
    pub kind: TaskChangeKind,
}

/// What in the catalogue an edit of lesson days comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EditCause<'a> {
    /// The field that asks for it.
    pub field: &'a str,
    /// Whether the template was put into another period: what its coaches offered does not follow.
    pub other_period: bool,
}

/// Everything that was read under the locks.
pub(super) struct Scene<'a> {
    pub edits: Vec<Edit<'a>>,
    pub reservations: Vec<EditedReservation>,
    pub classes: Classes,
}

impl Scene<'_> {
    /// The edit of a template.
    pub(super) fn edit_of(&self, template_id: i64) -> Option<&Edit<'_>> {
        self.edits.iter().find(|edit| edit.template.id == template_id)
    }
}

/// The classes of the edited templates.
#[derive(Debug, Default)]
pub(super) struct Classes {
    pub all: Vec<EditedClass>,
    /// By class and day.
    pub lessons: Vec<lesson::Model>,
}

impl Classes {
    /// Reads them.
    pub(super) async fn load(txn: &Txn, template_ids: &[i64]) -> Result<Self> {
        let all = season_edit::class_list_of_templates(txn, template_ids).await?;
        let lessons = if all.is_empty() {
            Vec::new()
        } else {
            season_edit::lesson_list_of_templates(txn, template_ids).await?
        };
        Ok(Self { all, lessons })
    }

    /// The template of a class.
    pub(super) fn template_of(&self, class_id: i64) -> Option<i64> {
        self.all.iter().find(|class| class.id == class_id).map(|class| class.template_id)
    }
}

/// The first and the last day that edits touch.
pub(super) fn span(edits: &[Edit<'_>]) -> Option<(Day, Day)> {
    edits.iter().filter_map(|edit| edit.span()).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
