//! The lessons of the next two hours as a page that stays open: all of them first, then what has
//! changed. However many pages are open, one task looks for all of them.

use super::live::{LiveLesson, LiveQuery, When, all_lessons};
use crate::app::App;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::time::MissedTickBehavior;

/// How often all pages are looked at. Replicas write too, so it is the database that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The lessons that were seen last, of all subjects, grades and coaches.
type Latest = watch::Receiver<Result<Arc<Vec<LiveLesson>>>>;

/// The pages of one server.
#[derive(Clone, Debug)]
pub(crate) struct LessonPages {
    app: App,
    latest: Arc<Mutex<Option<Latest>>>,
}

/// What is new on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LessonNews {
    /// Lessons that are new or have changed, by start.
    pub lessons: Vec<LiveLesson>,
    /// Keys of lessons that are no longer on the page.
    pub removed: Vec<i64>,
}

/// A page that is open.
#[derive(Debug)]
pub(crate) struct LessonPage {
    query: LiveQuery,
    latest: Latest,
    shown: BTreeMap<i64, LiveLesson>,
}

fn everything() -> LiveQuery {
    LiveQuery { when: When::Soon, subject_id: None, grade: None, coach: None, states: Vec::new() }
}

impl LessonPages {
    /// No page is open.
    pub(crate) fn new(app: App) -> Self {
        Self { app, latest: Arc::default() }
    }

    /// Opens a page; what is on it at this moment comes first.
    ///
    /// # Errors
    /// `NotFound` for the coach.
    pub(crate) async fn open(&self, query: LiveQuery) -> Result<(LessonPage, LessonNews)> {
        // The question itself is asked once, so that what is wrong with it is its answer.
        let first = all_lessons(&self.app.call().await?, &query).await?;
        let mut page = LessonPage { query, latest: self.follow().await?, shown: BTreeMap::new() };
        page.latest.mark_unchanged();
        let news = page.compare(first.into_iter());
        Ok((page, news))
    }

    /// What is looked at for all pages; the first that opens begins with it.
    async fn follow(&self) -> Result<Latest> {
        let mut latest = self.latest.lock().await;
        // One whose last look failed has told that to its pages, and has ended.
        if let Some(open) = latest.as_ref().filter(|open| open.has_changed().is_ok() && open.borrow().is_ok())
        {
            return Ok(open.clone());
        }
        let first = all_lessons(&self.app.call().await?, &everything()).await?;
        let (say, heard) = watch::channel(Ok(Arc::new(first)));
        tokio::spawn(keep_looking(self.app.clone(), say));
        *latest = Some(heard.clone());
        Ok(heard)
    }
}

/// Looks as long as a page is open and the database answers.
async fn keep_looking(app: App, say: watch::Sender<Result<Arc<Vec<LiveLesson>>>>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        // One of them is kept for whoever opens next.
        if say.receiver_count() <= 1 {
            return;
        }
        let found = match app.call().await {
            Ok(call) => all_lessons(&call, &everything()).await,
            Err(error) => Err(error),
        };
        let is_end = found.is_err();
        let found = found.map(Arc::new);
        say.send_if_modified(|latest| {
            let is_news = !matches!((&*latest, &found), (Ok(old), Ok(new)) if old == new);
            *latest = found;
            is_news
        });
        if is_end {
            return;
        }
    }
}

impl LessonPage {
    /// The next news; waits until there is some.
    ///
    /// # Errors
    /// What the last look failed with.
    pub(crate) async fn next(&mut self) -> Result<LessonNews> {
        loop {
            // It ends with an error, which is read first, or because the last page was closed at
            // the moment at which this one was opened.
            let ended = |_| Error::Unavailable("the page has ended; open it again".to_owned());
            self.latest.changed().await.map_err(ended)?;
            let found = self.latest.borrow_and_update().clone()?;
            let wanted: Vec<LiveLesson> = found.iter().filter(|lesson| self.wants(lesson)).cloned().collect();
            let news = self.compare(wanted.into_iter());
            if news != LessonNews::default() {
                return Ok(news);
            }
        }
    }

    /// Whether a lesson is on this page.
    fn wants(&self, lesson: &LiveLesson) -> bool {
        let LiveQuery { when: _, subject_id, grade, coach, states } = &self.query;
        let row = &lesson.lesson;
        subject_id.is_none_or(|id| id == row.subject_id)
            && grade.is_none_or(|grade| grade == row.grade)
            && coach.as_ref().is_none_or(|coach| *coach == row.coach)
            && (states.is_empty() || states.contains(&row.state))
    }

    /// What is new since what was shown.
    fn compare(&mut self, found: impl Iterator<Item = LiveLesson>) -> LessonNews {
        let mut gone = std::mem::take(&mut self.shown);
        let mut news = LessonNews::default();
        for lesson in found {
            if gone.remove(&lesson.lesson.id).as_ref() != Some(&lesson) {
                news.lessons.push(lesson.clone());
            }
            self.shown.insert(lesson.lesson.id, lesson);
        }
        news.removed = gone.into_keys().collect();
        news
    }
}
