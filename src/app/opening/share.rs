//! Pages that ask the same question share one board, which is painted once and looked at once,
//! however many have it open.

use super::watch::{News, Watch};
use super::{App, Opening, OpeningQuery};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::MissedTickBehavior;

/// How often a page is looked at. Replicas write too, so it is the database that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pages that are looked at at a time: however many are open and however often they change,
/// sign-ups have the rest of the database.
const LOOKS_AT_ONCE: usize = 2;

/// The openings of a page by key of the template, which is their order.
type Shown = BTreeMap<i64, Arc<Opening>>;

/// What a page asks for, and how many openings at most.
type Question = (OpeningQuery, u64);

/// The pages that are open, by their questions.
#[derive(Clone, Debug)]
pub(crate) struct Boards {
    app: App,
    open: Arc<Mutex<HashMap<Question, Weak<Board>>>>,
    looks: Arc<Semaphore>,
}

/// A question that is asked by at least one page, with the latest answer.
#[derive(Debug)]
struct Board {
    app: App,
    question: Question,
    watch: tokio::sync::Mutex<Option<Watch>>,
    looks: Arc<Semaphore>,
    /// Looks begun so far, and the number of the last one that came to a good end.
    begun: AtomicU64,
    done: AtomicU64,
    latest: watch::Sender<Result<Arc<Shown>>>,
}

impl Boards {
    /// No page is open.
    pub(crate) fn new(app: App) -> Self {
        Self { app, open: Arc::default(), looks: Arc::new(Semaphore::new(LOOKS_AT_ONCE)) }
    }

    /// Opens a page; what is on it at this moment comes first.
    ///
    /// # Errors
    /// Those of [`list_openings`](super::list_openings).
    pub(crate) async fn open(&self, query: OpeningQuery, size: u64) -> Result<(Reader, News)> {
        let board = self.board((query, size));
        let asked = board.begun.load(Ordering::SeqCst);
        if board.look(asked).await? {
            tokio::spawn(keep_looking(Arc::downgrade(&board)));
        }
        let mut reader = Reader { latest: board.latest.subscribe(), seen: Shown::new(), _board: board };
        let news = reader.news()?;
        Ok((reader, news))
    }

    fn board(&self, question: Question) -> Arc<Board> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // One whose last look failed tells that to its readers and is not looked at again.
        if let Some(board) =
            open.get(&question).and_then(Weak::upgrade).filter(|board| board.latest.borrow().is_ok())
        {
            return board;
        }
        open.retain(|_, board| board.strong_count() > 0);
        let board = Arc::new(Board {
            app: self.app.clone(),
            question: question.clone(),
            watch: tokio::sync::Mutex::default(),
            looks: self.looks.clone(),
            begun: AtomicU64::new(0),
            done: AtomicU64::new(0),
            latest: watch::Sender::new(Ok(Arc::default())),
        });
        open.insert(question, Arc::downgrade(&board));
        board
    }
}

impl Board {
    /// Looks, unless a look that began after the first `asked` ones has been done meanwhile.
    /// Whether this was the first, which paints the page.
    async fn look(&self, asked: u64) -> Result<bool> {
        let mut watch = self.watch.lock().await;
        // The last look has failed: nobody looks any more, so nobody may join.
        if let Err(error) = &*self.latest.borrow() {
            return Err(error.clone());
        }
        if self.done.load(Ordering::SeqCst) > asked {
            return Ok(false);
        }
        // Never closed, so always had. Pages that are opened wait for it too, however many at once.
        let _turn = self.looks.acquire().await;
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let (news, is_first) = match &mut *watch {
            Some(watch) => match watch.look().await {
                Ok(news) => (news, false),
                Err(error) => {
                    // Told to all who read it before anybody else has its turn here.
                    drop(self.latest.send_replace(Err(error.clone())));
                    return Err(error);
                }
            },
            None => {
                let (query, size) = self.question.clone();
                let (opened, news) = Watch::open(self.app.clone(), query, size).await?;
                *watch = Some(opened);
                (Some(news), true)
            }
        };
        if let Some(news) = news {
            let mut shown =
                self.latest.borrow().as_ref().map(|shown| Shown::clone(shown)).unwrap_or_default();
            shown.retain(|_, opening| !news.removed.contains(&opening.template.code));
            shown.extend(news.openings.into_iter().map(|opening| (opening.template.id, opening)));
            drop(self.latest.send_replace(Ok(Arc::new(shown))));
        }
        self.done.store(number, Ordering::SeqCst);
        Ok(is_first)
    }
}

/// Looks at a page once a second until nobody has it open any more or a look fails. It is work of
/// its own, because a look must come to its end: it is not dropped in the middle when a reader
/// goes.
async fn keep_looking(board: Weak<Board>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once; the page has just been painted.
    looks.tick().await;
    loop {
        looks.tick().await;
        let Some(board) = board.upgrade() else { return };
        if board.look(board.begun.load(Ordering::SeqCst)).await.is_err() {
            return;
        }
    }
}

/// A page that somebody has open.
#[derive(Debug)]
pub(crate) struct Reader {
    latest: watch::Receiver<Result<Arc<Shown>>>,
    seen: Shown,
    _board: Arc<Board>,
}

impl Reader {
    /// Waits for what is new since the last news. Dropped while it waits it has missed nothing.
    ///
    /// # Errors
    /// Those of [`list_openings`](super::list_openings); then the page is closed.
    pub(crate) async fn next(&mut self) -> Result<News> {
        loop {
            // The sender lives as long as the board.
            self.latest.changed().await.map_err(Error::internal)?;
            let news = self.news()?;
            if news != News::default() {
                return Ok(news);
            }
        }
    }

    fn news(&mut self) -> Result<News> {
        let shown = self.latest.borrow_and_update().clone()?;
        let mut gone = std::mem::take(&mut self.seen);
        let mut news = News::default();
        for (id, opening) in shown.iter() {
            // What has not changed is the same in memory; what has changed and changed back is
            // equal.
            if !gone.remove(id).is_some_and(|seen| Arc::ptr_eq(&seen, opening) || seen == *opening) {
                news.openings.push(opening.clone());
            }
        }
        news.removed = gone.into_values().map(|opening| opening.template.code.clone()).collect();
        news.removed.sort();
        self.seen = Shown::clone(&shown);
        Ok(news)
    }
}
