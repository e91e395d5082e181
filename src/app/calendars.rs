//! A cache of the templates' lesson days. They change only with the catalogue, and every page reads
//! the catalogue's version in the same statement as the seats taken, so it does not matter which
//! replica edits it.

use crate::domain::opening::LessonDay;
use crate::domain::time::Day;
use crate::error::Result;
use crate::storage::opening::{DayRange, LessonDays, OpeningRow, days_taken, place_all};
use sea_orm::ConnectionTrait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Lesson days that are kept at most (6 MiB): those of some thousand templates.
const KEPT: usize = 200_000;

/// The lesson days of one version of the catalogue.
#[derive(Clone, Debug, Default)]
pub struct Calendars {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    version: i64,
    templates: HashMap<i64, Arc<[LessonDay]>>,
    days: usize,
}

impl Calendars {
    /// The lesson days of a page in its range, with the seats taken now: out of what is known of
    /// this version of the catalogue, or else read as a whole.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn lesson_days(
        &self,
        conn: &impl ConnectionTrait,
        rows: &[OpeningRow],
        range: DayRange,
    ) -> Result<LessonDays> {
        if let Some(found) = self.recall(rows, range) {
            return Ok(found);
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.template.id).collect();
        let (version, all) = place_all(conn, &ids).await?;
        let within = all.iter().map(|(id, days)| (*id, window(days, range).to_vec())).collect();
        if let Some(version) = version {
            self.keep(version, all);
        }
        Ok(within)
    }

    fn recall(&self, rows: &[OpeningRow], range: DayRange) -> Option<LessonDays> {
        let calendars: Vec<Arc<[LessonDay]>> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let calendar = |row: &OpeningRow| {
                (row.version == known.version).then(|| known.templates.get(&row.template.id).cloned())?
            };
            rows.iter().map(calendar).collect::<Option<_>>()?
        };
        let of_row = |(row, calendar): (&OpeningRow, &Arc<[LessonDay]>)| {
            Some((row.template.id, with_taken(window(calendar, range), &days_taken(&row.taken)?)?))
        };
        rows.iter().zip(&calendars).map(of_row).collect()
    }

    fn keep(&self, version: i64, all: LessonDays) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let more: usize = all.values().map(Vec::len).sum();
        if known.version != version || known.days + more > KEPT {
            *known = Known { version, ..Known::default() };
        }
        for (id, days) in all {
            known.days += days.len();
            let before = known.templates.insert(id, days.into());
            known.days -= before.map_or(0, |days| days.len());
        }
    }
}

/// The lesson days of a range.
fn window(days: &[LessonDay], range: DayRange) -> &[LessonDay] {
    let from = days.partition_point(|lesson| lesson.day < range.first);
    let to = days.partition_point(|lesson| lesson.day <= range.last);
    &days[from..to.max(from)]
}

/// These lesson days with so many seats taken; none = they are not the same days.
fn with_taken(lessons: &[LessonDay], taken: &[(Day, i32)]) -> Option<Vec<LessonDay>> {
    let each = lessons
        .iter()
        .zip(taken)
        .map(|(lesson, (day, taken))| (lesson.day == *day).then_some(LessonDay { taken: *taken, ..*lesson }));
    if lessons.len() == taken.len() { each.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Instant;
    use crate::storage::opening::TemplateRow;

    fn day(number: u32) -> Day {
        Day::from_ymd_opt(2026, 3, number).unwrap()
    }

    fn lesson(number: u32, taken: i32) -> LessonDay {
        let start_at = Instant::from_unix(i64::from(number) * 86_400);
        LessonDay { day: day(number), start_at, end_at: start_at, capacity: 6, taken }
    }

    fn row(id: i64, version: i64, taken: &str) -> OpeningRow {
        let template = TemplateRow {
            id,
            code: "t".to_owned(),
            subject_id: 1,
            grade: 7,
            recurrence: "FREQ=DAILY".to_owned(),
            max_students_per_class: 6,
            season: "s".to_owned(),
            start_time: "19:00".to_owned(),
            end_time: "20:00".to_owned(),
        };
        OpeningRow { template, version, taken: taken.to_owned() }
    }

    #[test]
    fn what_is_known_is_told_of_its_version_and_its_days_only() {
        let known = Calendars::default();
        known.keep(4, LessonDays::from([(1, vec![lesson(6, 0), lesson(7, 0), lesson(8, 0), lesson(9, 0)])]));
        let range = DayRange { first: day(7), last: day(8) };
        let recall = |rows: &[OpeningRow]| known.recall(rows, range);
        let found = LessonDays::from([(1, vec![lesson(7, 5), lesson(8, 2)])]);
        assert_eq!(recall(&[row(1, 4, "2026-03-082;2026-03-075")]), Some(found));
        for (what, other) in [
            ("another version", row(1, 5, "2026-03-075;2026-03-082")),
            ("a day less", row(1, 4, "2026-03-075")),
            ("a day more", row(1, 4, "2026-03-075;2026-03-082;2026-03-100")),
            ("another day", row(1, 4, "2026-03-075;2026-03-092")),
            ("another template", row(2, 4, "2026-03-075;2026-03-082")),
        ] {
            assert_eq!(recall(&[other]), None, "{what}");
        }
        known.keep(5, LessonDays::from([(2, vec![lesson(7, 0)])]));
        assert_eq!(
            recall(&[row(1, 5, "2026-03-075;2026-03-082")]),
            None,
            "nothing is kept of the version before"
        );
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let known = Calendars::default();
        let half = || vec![lesson(7, 0); KEPT / 2];
        for (id, templates) in [(1, 1), (2, 2), (3, 1)] {
            known.keep(1, LessonDays::from([(id, half())]));
            assert_eq!(known.known.lock().unwrap().templates.len(), templates, "after template {id}");
        }
    }
}
