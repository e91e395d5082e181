//! An open page of openings: painted once, and again whenever a look finds a change.

use super::{App, Opening, OpeningQuery, page_of, wanted};
use crate::app::call::Call;
use crate::domain::opening::next_turn;
use crate::domain::time::{Instant, add_days};
use crate::error::Result;
use crate::storage::opening::{self, DayRange, Mark};
use crate::storage::page::Page;
use std::collections::HashMap;
use std::sync::Arc;

/// After so many looks the page is painted again whatever they found, to catch changes that the
/// mark does not cover: a student or a coach who is now of another city.
const LOOKS: u32 = 30;

/// What is new on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Openings that are new or have changed.
    pub openings: Vec<Arc<Opening>>,
    /// Codes of the templates that are no longer on the page.
    pub removed: Vec<String>,
}

/// A page that is open.
#[derive(Debug)]
pub struct Watch {
    app: App,
    query: OpeningQuery,
    page: Page,
    shown: HashMap<i64, Arc<Opening>>,
    mark: Mark,
    student_id: Option<i64>,
    range: DayRange,
    painted_at: Instant,
    turns_at: Instant,
    looks: u32,
}

impl Watch {
    /// Opens the page; what is on it comes first.
    ///
    /// # Errors
    /// Those of [`list_openings`](super::list_openings).
    pub async fn open(app: App, query: OpeningQuery, size: u64) -> Result<(Self, News)> {
        let now = app.now().await?;
        let today = app.time().day(now);
        let mut watch = Self {
            app,
            query,
            page: Page { after: None, size },
            shown: HashMap::new(),
            mark: Mark::new(),
            student_id: None,
            range: DayRange { first: today, last: today },
            painted_at: now,
            turns_at: now,
            looks: 0,
        };
        let news = watch.paint(now).await?;
        Ok((watch, news))
    }

    /// Looks whether anything is new since the last look: one statement when nothing is.
    ///
    /// # Errors
    /// Those of [`list_openings`](super::list_openings).
    pub async fn look(&mut self) -> Result<Option<News>> {
        let now = self.app.now().await?;
        self.looks += 1;
        // A test clock may go back.
        let turned = now < self.painted_at || self.turns_at <= now;
        if !turned && self.looks < LOOKS && self.mark_of(self.student_id, self.range, now).await? == self.mark
        {
            return Ok(None);
        }
        let news = self.paint(now).await?;
        Ok((news != News::default()).then_some(news))
    }

    async fn mark_of(&self, student_id: Option<i64>, range: DayRange, now: Instant) -> Result<Mark> {
        let ids: Vec<i64> = self.shown.keys().copied().collect();
        opening::opening_mark(self.app.db.reader(), &ids, student_id, range, now).await
    }

    async fn paint(&mut self, now: Instant) -> Result<News> {
        let wanted = wanted(&Call::new(&self.app, now), &self.query).await?;
        // The mark comes before the page, and is of the templates shown so far: what changes
        // between the two, or is new on the page, is painted twice rather than never. Nothing is
        // kept before all is read: who is dropped in between has seen nothing.
        let student_id = wanted.student.as_ref().map(|student| student.id);
        let mark = self.mark_of(student_id, wanted.choice.range, now).await?;
        let painted = page_of(&Call::new(&self.app, now), &wanted, &self.page).await?.items;
        (self.student_id, self.range, self.mark) = (student_id, wanted.choice.range, mark);
        let mut gone = std::mem::take(&mut self.shown);
        let mut news = News::default();
        for opening in painted {
            let id = opening.template.id;
            let opening = match gone.remove(&id) {
                Some(shown) if *shown == opening => shown,
                _ => {
                    let opening = Arc::new(opening);
                    news.openings.push(opening.clone());
                    opening
                }
            };
            self.shown.insert(id, opening);
        }
        news.removed = gone.into_values().map(|opening| opening.template.code.clone()).collect();
        news.removed.sort();
        self.turns_at = self.next_turn(now);
        (self.painted_at, self.looks) = (now, 0);
        Ok(news)
    }

    /// When the page changes by itself: at midnight, and when a lesson day does.
    fn next_turn(&self, now: Instant) -> Instant {
        let (rules, time) = (self.app.rules(), self.app.time());
        let midnight = time.midnight(add_days(time.day(now), 1));
        let days = self.shown.values().flat_map(|opening| &opening.days).map(|day| &day.place);
        next_turn(rules, days, now).map_or(midnight, |turn| turn.min(midnight))
    }
}
