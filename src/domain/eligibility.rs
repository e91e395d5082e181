//! Whether a coach may be asked, may say yes or may be promoted for a task (docs/domain.md §5).
//! Every refusal has one reason code.

use super::reason::Reason;
use super::rules::Rules;
use super::state::{GradeType, JobStatus};
use super::time::{Day, Instant};
use chrono::NaiveTime;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A lesson as a stretch of time; slices of them are in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The lesson day.
    pub day: Day,
    /// Start of the lesson.
    pub start: Instant,
    /// End of the lesson.
    pub end: Instant,
}

/// A coach's offer.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The availability row.
    pub id: i64,
    /// The times of day of its period.
    pub start: NaiveTime,
    /// See `start`; an end not after the start is on the next day.
    pub end: NaiveTime,
    /// Its days, in order.
    pub days: Arc<Vec<Day>>,
    /// The first and the last day the row is good for.
    pub first: Day,
    /// See `first`.
    pub last: Day,
    /// Days on which a class or an accepted invitation uses it.
    pub used: BTreeSet<Day>,
}

impl Offer {
    fn is_of(&self, day: Day) -> bool {
        self.first <= day && day <= self.last && self.days.binary_search(&day).is_ok()
    }

    fn is_free_on(&self, day: Day) -> bool {
        self.is_of(day) && !self.used.contains(&day)
    }

    fn includes(&self, start: NaiveTime, end: NaiveTime) -> bool {
        includes(self.start, self.end, start, end)
    }
}

/// Whether an offer from `from` to `until` has a lesson from `start` to `end` inside; an end not
/// after its start is on the next day.
pub(crate) fn includes(from: NaiveTime, until: NaiveTime, start: NaiveTime, end: NaiveTime) -> bool {
    // Minutes since the offer's start, so that offers and lessons over midnight compare too.
    let since = |time: NaiveTime| (time - from).num_minutes().rem_euclid(24 * 60);
    let length = match since(until) {
        0 => 24 * 60,
        minutes => minutes,
    };
    let (begin, mut to) = (since(start), since(end));
    if to <= begin {
        to += 24 * 60;
    }
    // A lesson that begins before the offer on the same day wraps to a late minute and is caught by
    // the length.
    start >= from && to <= length
}

/// An invitation that holds a coach's time: live, accepted or ready.
#[derive(Clone, Debug)]
pub struct Held {
    /// The task it is for.
    pub task_id: i64,
    /// The lessons it would mean.
    pub spans: Vec<Span>,
    /// Until when it holds the time; `None` = until something happens.
    pub until: Option<Instant>,
}

/// A coach as the rules see one.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The coach.
    pub id: i64,
    /// User name: the last word in every order.
    pub user_name: String,
    /// What the coach teaches.
    pub subject_id: i64,
    /// At which level.
    pub grade_type: GradeType,
    /// Job status.
    pub status: JobStatus,
    /// 1 is best.
    pub rank: u8,
    /// First four digits of the area code.
    pub city: String,
    /// Takes no students of the same city.
    pub forbid_same_city: bool,
    /// Blocked by staff as a whole.
    pub blocked: bool,
    /// Wants no messages.
    pub opted_out: bool,
    /// What the coach offers.
    pub offers: Vec<Offer>,
    /// Lessons the coach teaches, in order.
    pub lessons: Vec<Span>,
    /// Invitations that hold time.
    pub held: Vec<Held>,
    /// Classes: running, ready and accepted.
    pub classes: u32,
    /// Open tasks for which staff asked the coach by hand.
    pub by_hand: BTreeSet<i64>,
    /// Tasks for which the coach is accepted or ready: these classes are the coach's own.
    pub said_yes: BTreeSet<i64>,
    /// Tasks the coach was asked for.
    pub asked: BTreeSet<i64>,
    /// Automatic invitations today.
    pub today: u32,
    /// … and this week.
    pub week: u32,
    /// The last automatic one.
    pub last_auto: Option<Instant>,
    /// The last of any kind.
    pub last_invited: Option<Instant>,
    /// Until when a passed test counts from; `None` = never passed.
    pub test_passed: Option<Instant>,
    /// For the optimistic check of storage.
    pub version: i64,
}

/// A block of a coach that concerns a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its key.
    pub id: i64,
    /// The city of the student whom it is about; `None` = it is about the class.
    pub city: Option<String>,
}

/// How many classes a coach of a rank may have in a season.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassLimit {
    /// By automatic invitations.
    pub base: u32,
    /// When staff ask by hand; at least `base`.
    pub most: u32,
}

/// What a task needs of a coach.
#[derive(Clone, Debug)]
pub struct Need {
    /// The task.
    pub task_id: i64,
    /// Subject of the template.
    pub subject_id: i64,
    /// Level of the template's grade.
    pub grade_type: GradeType,
    /// Times of day of the lessons.
    pub start: NaiveTime,
    /// See `start`.
    pub end: NaiveTime,
    /// The planned lessons: from D to the last day reserved by any of the task's students.
    pub spans: Vec<Span>,
    /// New classes needed.
    pub needed: i64,
    /// The students by city.
    pub cities: BTreeMap<String, i64>,
    /// Whether it makes one class more of whoever takes it: not for some lessons of another's.
    pub is_a_class: bool,
    /// Coaches who are asked before all others.
    pub first: BTreeSet<i64>,
    /// The limits that staff set for the season, by rank.
    pub limits: BTreeMap<u8, ClassLimit>,
    /// The blocks with the class, or with students of the task, by coach.
    pub blocks: BTreeMap<i64, Vec<Block>>,
}

impl Need {
    /// How many classes a coach may have to be asked, or to say yes, for this.
    fn class_limit(&self, rules: &Rules, coach: &Candidate, purpose: Purpose) -> u32 {
        let Some(limit) = self.limits.get(&coach.rank) else {
            return rules.class_limit.get(&coach.rank).copied().unwrap_or(0);
        };
        match purpose {
            Purpose::Auto { .. } | Purpose::Substitute => limit.base,
            Purpose::Manual { .. } | Purpose::Named => limit.most,
            Purpose::Answer if coach.by_hand.contains(&self.task_id) => limit.most,
            Purpose::Answer => limit.base,
        }
    }
}

/// What the check is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An automatic invitation; `rescue` = after the gate.
    Auto {
        /// Between G and F the budget of the day is larger and the spacing shorter.
        rescue: bool,
    },
    /// An automatic invitation to teach in another coach's place: budgets do not count.
    Substitute,
    /// By staff; with `override` the city rule and blocks do not count, overlap and dismissal
    /// always do.
    Manual {
        /// Whether staff said so.
        overriding: bool,
    },
    /// Staff have spoken to the coach, who is to teach in another's place: the city rule does not
    /// count, blocks do.
    Named,
    /// A yes or a promotion: the invitation itself, budgets and spacing do not count.
    Answer,
}

/// Whether the coach is eligible; the first reason why not, in the order of docs/domain.md §9.
///
/// # Errors
/// The reason code.
pub fn check(
    rules: &Rules,
    coach: &Candidate,
    need: &Need,
    purpose: Purpose,
    now: Instant,
) -> Result<(), Reason> {
    let overriding = purpose == Purpose::Manual { overriding: true };
    if purpose != Purpose::Answer && coach.asked.contains(&need.task_id) {
        return Err(Reason::AlreadyAsked);
    }
    if !coach.status.is_on_duty() {
        return Err(Reason::NotOnDuty);
    }
    if coach.subject_id != need.subject_id {
        return Err(Reason::Subject);
    }
    if coach.grade_type != need.grade_type {
        return Err(Reason::Grade);
    }
    if offers_for(coach, need).is_none() {
        return Err(Reason::NoAvailability);
    }
    if too_near(rules, &coach.lessons, &need.spans) {
        return Err(Reason::OverlapClass);
    }
    if coach.held.iter().any(|held| held.task_id != need.task_id && too_near(rules, &held.spans, &need.spans))
    {
        return Err(Reason::OverlapInvitation);
    }
    // A limit that was lowered takes nothing from who has said yes.
    let is_own = purpose == Purpose::Answer && coach.said_yes.contains(&need.task_id);
    if need.is_a_class && !is_own && coach.classes >= need.class_limit(rules, coach, purpose) {
        return Err(Reason::RankLimit);
    }
    let counts_city = !overriding && purpose != Purpose::Named;
    if counts_city && !city_can_be_kept(coach, need) {
        return Err(Reason::SameCity);
    }
    if !overriding && (coach.blocked || !blocks_can_be_kept(coach, need, counts_city)) {
        return Err(Reason::Blocked);
    }
    if coach.opted_out && purpose != Purpose::Answer {
        return Err(Reason::OptedOut);
    }
    if let Purpose::Auto { rescue } = purpose {
        let (day_limit, spacing) = if rescue {
            (rules.budget_day_rescue, rules.spacing_rescue)
        } else {
            (rules.budget_day, rules.spacing)
        };
        if coach.today >= day_limit {
            return Err(Reason::BudgetDay);
        }
        if coach.week >= rules.budget_week {
            return Err(Reason::BudgetWeek);
        }
        if coach.last_auto.is_some_and(|last| now - last < spacing) {
            return Err(Reason::Spacing);
        }
    }
    Ok(())
}

/// What stands in the way of a coach, of the reasons that are about time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The coach does not offer the time.
    NoOffer,
    /// What the coach offers is used by something that is not too near.
    Used,
    /// Lessons that the coach teaches.
    Lessons(Vec<Span>),
    /// Tasks for which the coach is asked, or has said yes.
    Tasks(Vec<i64>),
}

/// What stands in the way of a coach who was refused for this reason, and on which days, as people
/// are told: time that the coach offers, and that a class or an invitation uses which is too near,
/// is no lack of offers. `None` = the reason is not about time.
pub(crate) fn obstacle(
    rules: &Rules,
    coach: &Candidate,
    need: &Need,
    reason: Reason,
) -> Option<(Obstacle, Vec<Day>)> {
    let days = |is_one: &dyn Fn(&Span) -> bool| -> Vec<Day> {
        need.spans.iter().filter(|span| is_one(span)).map(|span| span.day).collect()
    };
    let has = |span: &Span, is_one: fn(&Offer, Day) -> bool| {
        coach.offers.iter().any(|offer| offer.includes(need.start, need.end) && is_one(offer, span.day))
    };
    let never = days(&|span| !has(span, Offer::is_of));
    if reason == Reason::NoAvailability && !never.is_empty() {
        return Some((Obstacle::NoOffer, never));
    }
    let used = days(&|span| !has(span, Offer::is_free_on));
    let is_why = |why: Reason, days: &[Day]| {
        reason == why || (reason == Reason::NoAvailability && used.iter().any(|day| days.contains(day)))
    };
    let near = |taken: &[Span], planned: &[Span]| too_near(rules, taken, planned);
    let taught = days(&|span| near(&coach.lessons, &[*span]));
    if is_why(Reason::OverlapClass, &taught) {
        let lessons = coach.lessons.iter().copied().filter(|lesson| near(&[*lesson], &need.spans));
        return Some((Obstacle::Lessons(lessons.collect()), taught));
    }
    let others = || coach.held.iter().filter(|held| held.task_id != need.task_id);
    let asked = days(&|span| others().any(|held| near(&held.spans, &[*span])));
    if is_why(Reason::OverlapInvitation, &asked) {
        let tasks = others().filter(|held| near(&held.spans, &need.spans)).map(|held| held.task_id);
        return Some((Obstacle::Tasks(tasks.collect()), asked));
    }
    (reason == Reason::NoAvailability).then_some((Obstacle::Used, used))
}

/// When time alone may make another answer of a refusal of an automatic invitation; `None` = only
/// what somebody does can, or the next midnight (budgets of a day and of a week). Never later than
/// it really is: a look too many finds the same again.
pub(crate) fn may_change_at(
    rules: &Rules,
    coach: &Candidate,
    reason: Reason,
    rescue: bool,
    now: Instant,
) -> Option<Instant> {
    let held = coach.held.iter().filter_map(|held| held.until);
    match reason {
        Reason::OverlapInvitation => held.min(),
        // A class counts until its last lesson is over.
        Reason::RankLimit => {
            held.chain(coach.lessons.iter().map(|lesson| lesson.end).filter(|end| *end > now)).min()
        }
        Reason::Spacing => {
            coach.last_auto.map(|last| last + if rescue { rules.spacing_rescue } else { rules.spacing })
        }
        _ => None,
    }
}

/// The availability row that is used on each planned day, or `None` when a day is not covered. The
/// row of the lowest id wins.
pub(crate) fn offers_for(coach: &Candidate, need: &Need) -> Option<Vec<(i64, Day)>> {
    let fitting: Vec<&Offer> =
        coach.offers.iter().filter(|offer| offer.includes(need.start, need.end)).collect();
    need.spans
        .iter()
        .map(|span| fitting.iter().find(|offer| offer.is_free_on(span.day)).map(|offer| (offer.id, span.day)))
        .collect()
}

/// Whether two lessons are less than the gap (15 minutes) apart; exactly that much is allowed.
fn too_near(rules: &Rules, taken: &[Span], planned: &[Span]) -> bool {
    let (mut taken, mut planned) = (taken.iter().peekable(), planned.iter().peekable());
    while let (Some(a), Some(b)) = (taken.peek(), planned.peek()) {
        if a.end + rules.gap <= b.start {
            taken.next();
        } else if b.end + rules.gap <= a.start {
            planned.next();
        } else {
            return true;
        }
    }
    false
}

/// The city rule can be kept: enough of the task's students are from elsewhere, ⌊students ÷ needed⌋
/// at least.
fn city_can_be_kept(coach: &Candidate, need: &Need) -> bool {
    if !coach.forbid_same_city {
        return true;
    }
    let all: i64 = need.cities.values().sum();
    let same = need.cities.get(&coach.city).copied().unwrap_or(0);
    all - same >= all / need.needed.max(1)
}

/// The blocks can be kept as the city rule can: enough students of the task may be taught by the
/// coach; a class with which the coach is blocked never.
fn blocks_can_be_kept(coach: &Candidate, need: &Need, counts_city: bool) -> bool {
    let Some(blocks) = need.blocks.get(&coach.id) else { return true };
    let forbidden = Some(coach.city.as_str()).filter(|_| counts_city && coach.forbid_same_city);
    let same = forbidden.and_then(|city| need.cities.get(city)).copied().unwrap_or(0);
    let all: i64 = need.cities.values().sum();
    let mut kept_out = same;
    for block in blocks {
        match &block.city {
            None => return false,
            // Kept out already.
            Some(city) if Some(city.as_str()) == forbidden => {}
            Some(_) => kept_out += 1,
        }
    }
    all - kept_out >= all / need.needed.max(1)
}

/// The order in which coaches are asked (docs/domain.md §5): who is to be asked first, then by
/// rank, fewest classes, longest since last invited, user name.
pub fn order(candidates: &mut [&Candidate], first: &BTreeSet<i64>) {
    candidates.sort_by_key(|coach| {
        let last_invited = coach.last_invited.map(Instant::unix);
        (!first.contains(&coach.id), coach.rank, coach.classes, last_invited, coach.user_name.clone())
    });
}

#[cfg(test)]
mod tests;
