//! Decides whom an edit concerns: students with a claim on its lessons, and coaches who teach them
//! or were asked to. Each lesson is told to a person once; a new time of day is told once per
//! person and template. Messages about these lessons that have not gone out are written again with
//! the new facts.

use super::lessons::ClassLessons;
use super::plan::{Edit, takes};
use super::reservations::{self, Followed};
use super::scene::Scene;
use super::tasks::MovedTask;
use crate::app::call::Work;
use crate::app::outbox::notice::{Asked, look_at, look_at_invitations};
use crate::app::outbox::{self, Draft, Person};
use crate::app::staffing::notice;
use crate::domain::notice::{Standing, Word};
use crate::domain::places::PlaceDay;
use crate::domain::state::{LessonState, MessageKind, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::message::content::{ClassFacts, ClassNews, LessonCount, SignUpEnd};
use crate::storage::Txn;
use crate::storage::catalog;
use crate::storage::entity::{lesson, message};
use crate::storage::season_edit::{self, EditedReservation};
use crate::storage::staffing::{InvitedCoach, Vacancy};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What texts are made of.
pub(super) struct Teller<'a> {
    work: Work<'a>,
    subjects: HashMap<i64, String>,
}

/// A lesson that a text is about.
#[derive(Clone, Copy)]
pub(super) struct Lesson {
    day: Day,
    start_at: Instant,
    end_at: Instant,
}

impl From<&PlaceDay> for Lesson {
    fn from(row: &PlaceDay) -> Self {
        Self { day: row.day, start_at: row.start_at, end_at: row.end_at }
    }
}

impl<'a> Teller<'a> {
    pub(super) async fn of(work: Work<'a>, scene: &Scene<'_>) -> Result<Self> {
        Ok(Self { work, subjects: subject_names(work.txn, &scene.edits).await? })
    }

    fn class(&self, edit: &Edit<'_>, lesson: Lesson) -> ClassFacts {
        let time = self.work.app.time();
        ClassFacts {
            template: edit.template.code.clone(),
            subject: self.subjects.get(&edit.template.subject_id).cloned().unwrap_or_default(),
            grade: edit.template.grade,
            day: lesson.day,
            start: time.time(lesson.start_at),
            end: time.time(lesson.end_at),
        }
    }

    pub(super) fn draft(&self, person: Person, edit: &Edit<'_>, lesson: Lesson, news: ClassNews) -> Draft {
        Draft {
            // A day may fall away, come back and fall away again: each time it is told.
            version: self.work.now.unix().to_string(),
            ..Draft::of_class(person, self.class(edit, lesson), news, lesson.start_at)
        }
    }
}

/// Writes the messages; how many.
pub(super) async fn tell(
    work: Work<'_>,
    scene: &Scene<'_>,
    lessons: &ClassLessons,
    followed: &Followed,
    moved: &[MovedTask],
) -> Result<u64> {
    if scene.reservations.is_empty() && scene.classes.all.is_empty() && moved.is_empty() {
        return Ok(0);
    }
    let teller = Teller::of(work, scene).await?;
    let (offers, ends) = offers_anew(&teller, work.txn, scene, &followed.gone).await?;
    let (mut drafts, mut asked) = students(&teller, scene, followed, &offers);
    drafts.extend(offers.into_values());
    drafts.extend(ends.into_values());
    let assigned = assigned_anew(&teller, work.txn, scene, lessons).await?;
    asked.extend(coaches(scene, lessons, &assigned));
    drafts.extend(assigned.into_values());
    drafts.extend(reminders_anew(work, moved).await?);
    // Coaches who were asked, or have said yes, and have no class yet.
    for MovedTask { task, start_before, coaches } in moved {
        asked.extend(coaches.iter().map(|coach| {
            let known = Word::At(*start_before);
            Asked::invited(&coach.user_name, task.template_id, task.day, known)
        }));
    }
    let written = outbox::write(work, drafts).await?;
    // Whose test deadline came nearer with F is told so, if no message says what it was.
    let of = |(task, coach): (&Vacancy, &InvitedCoach)| {
        let ends_at_freeze = coach.stands.test_by() == Some(task.closes_at);
        let before = if ends_at_freeze { Standing::SaidYes } else { Standing::of(coach.stands, None, true) };
        coach.stands.answered_at().map(|_| (coach.id, before))
    };
    let coaches = moved.iter().flat_map(|one| one.coaches.iter().map(|coach| (&one.task, coach)));
    let held: Vec<(i64, Standing)> = coaches.filter_map(of).collect();
    Ok(written + look_at(work, asked).await? + look_at_invitations(work, &held).await?)
}

/// Offers of places that nobody has handed over yet, as they are now, by reservation: all that
/// these students are told. And what those are told as well who have heard their offer: until when
/// it stands now, where they have been told a later end, or are to be reminded of it.
async fn offers_anew(
    teller: &Teller<'_>,
    txn: &Txn,
    scene: &Scene<'_>,
    gone: &HashSet<i64>,
) -> Result<(BTreeMap<i64, Draft>, BTreeMap<i64, Draft>)> {
    let offered: Vec<(&EditedReservation, &Edit<'_>, &PlaceDay)> = reservations::concerned(scene)
        .filter(|(reservation, ..)| {
            reservation.state == ReservationState::Offered && !gone.contains(&reservation.id)
        })
        .filter_map(|(reservation, edit, _)| Some((reservation, edit, edit.first_before(reservation)?)))
        .collect();
    if offered.is_empty() {
        return Ok(Default::default());
    }
    let mut rows = outbox::unsent(
        txn,
        &[MessageKind::WaitlistOffer, MessageKind::ContinueOffer, MessageKind::ContinueReminder],
        &offered.iter().map(|(.., first)| first.start_at).collect(),
    )
    .await?;
    rows.retain(|row| {
        offered.iter().any(|(reservation, edit, first)| is_offer_of(row, reservation, edit, first))
    });
    outbox::withdraw(teller.work, &rows).await?;
    let (mut anew, mut ends) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let Some((reservation, edit, _)) =
            offered.iter().find(|(reservation, edit, first)| is_offer_of(&row, reservation, edit, first))
        else {
            continue;
        };
        let Some(draft) = offer_now(teller, edit, reservation, row.kind) else { continue };
        let draft = Draft { version: outbox::next_version(&row), ..draft };
        // An offer before the reminder of it; who is only reminded has heard the offer.
        match row.kind {
            MessageKind::ContinueReminder if !anew.contains_key(&reservation.id) => {
                ends.insert(reservation.id, draft);
            }
            _ => {
                anew.entry(reservation.id).or_insert(draft);
            }
        }
    }
    let is_nearer = |(reservation, edit, _): &(&EditedReservation, &Edit<'_>, &PlaceDay)| {
        let end = reservations::next(&teller.work, edit, reservation).and_then(|(_, end)| end);
        !anew.contains_key(&reservation.id)
            && !ends.contains_key(&reservation.id)
            && end.zip(reservation.expires_at).is_some_and(|(end, before)| end < before)
    };
    let nearer: Vec<_> = offered.into_iter().filter(is_nearer).collect();
    if nearer.is_empty() {
        return Ok((anew, ends));
    }
    // Of a class that goes on, or of a place that was waited for: the offer says which it was.
    let people = nearer.iter().map(|(reservation, ..)| reservation.user_name.as_str()).collect();
    let going_on = outbox::written_to(txn, MessageKind::ContinueOffer, &people).await?;
    for (reservation, edit, first) in nearer {
        let about = format!("{}@{}", edit.template.code, first.day);
        let is_it = |row: &message::Model| outbox::is_about(row, row.kind, &about, &reservation.user_name);
        let goes_on = going_on.iter().any(is_it);
        let kind = if goes_on { MessageKind::ContinueReminder } else { MessageKind::WaitlistOffer };
        ends.extend(offer_now(teller, edit, reservation, kind).map(|draft| (reservation.id, draft)));
    }
    Ok((anew, ends))
}

/// What tells a student of an offer as it is now; `None` when nothing of it is left.
fn offer_now(
    teller: &Teller<'_>,
    edit: &Edit<'_>,
    reservation: &EditedReservation,
    kind: MessageKind,
) -> Option<Draft> {
    let days: Vec<&PlaceDay> =
        edit.places.range(reservation.start_day..=reservation.last_day).map(|(_, row)| row).collect();
    let until = reservations::next(&teller.work, edit, reservation)?.1?;
    let (first, last) = (days.first()?, days.last()?);
    let person =
        Person::Student { user_name: reservation.user_name.clone(), phone: reservation.phone.clone() };
    let lessons = LessonCount { lessons: days.len(), last_day: last.day };
    let news = match kind {
        MessageKind::ContinueOffer => ClassNews::ContinueOffer { lessons, take_by: until },
        MessageKind::ContinueReminder => ClassNews::ContinueReminder { take_by: until },
        _ => ClassNews::WaitlistOffer { lessons, take_by: until },
    };
    Some(Draft { valid_until: until, ..teller.draft(person, edit, (*first).into(), news) })
}

/// Whether a message offers a reservation its places, of which this was the first.
fn is_offer_of(
    row: &message::Model,
    reservation: &EditedReservation,
    edit: &Edit<'_>,
    first: &PlaceDay,
) -> bool {
    let about = format!("{}@{}", edit.template.code, first.day);
    row.lesson_at == Some(first.start_at) && outbox::is_about(row, row.kind, &about, &reservation.user_name)
}

/// What coaches were to be told of a class whose time is another and nobody has handed over yet, as
/// it is now, by class: they are not told that the time changed.
async fn assigned_anew(
    teller: &Teller<'_>,
    txn: &Txn,
    scene: &Scene<'_>,
    lessons: &ClassLessons,
) -> Result<BTreeMap<i64, Draft>> {
    let ClassLessons { cancelled, moved, added, .. } = lessons;
    let classes: HashSet<i64> = moved.iter().map(|(row, _)| row.class_id).collect();
    if classes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let lessons_of = scene.classes.lessons.iter().filter(|row| classes.contains(&row.class_id));
    let mut rows =
        outbox::unsent(txn, &[MessageKind::Assigned], &lessons_of.map(|row| row.start_at).collect()).await?;
    rows.retain(|row| row.class_id.is_some_and(|id| classes.contains(&id)));
    outbox::withdraw(teller.work, &rows).await?;
    let coaches = scene.classes.all.iter().filter(|class| classes.contains(&class.id));
    let contacts = season_edit::coach_contacts(txn, coaches.map(|class| class.coach_id)).await?;
    let mut anew = BTreeMap::new();
    for row in rows {
        let class = row.class_id.and_then(|id| scene.classes.all.iter().find(|class| class.id == id));
        let Some((class, (edit, (user_name, phone)))) = class.and_then(|class| {
            Some((class, (scene.edit_of(class.template_id)?, contacts.get(&class.coach_id)?.clone())))
        }) else {
            continue;
        };
        let gone = |lesson: &lesson::Model| {
            lesson.state == LessonState::Cancelled || cancelled.iter().any(|one| one.id == lesson.id)
        };
        // Those that another teaches are not this coach's.
        let theirs =
            |lesson: &&lesson::Model| lesson.class_id == class.id && lesson.coach_id == class.coach_id;
        let kept = scene.classes.lessons.iter().filter(theirs).filter(|lesson| !gone(lesson));
        let mut held: Vec<Lesson> = kept
            .map(|lesson| match moved.iter().find(|(before, _)| before.id == lesson.id) {
                Some((_, place)) => place.into(),
                None => Lesson { day: lesson.day, start_at: lesson.start_at, end_at: lesson.end_at },
            })
            .chain(added.iter().filter(theirs).map(|lesson| Lesson {
                day: lesson.day,
                start_at: lesson.start_at,
                end_at: lesson.end_at,
            }))
            .collect();
        held.sort_unstable_by_key(|lesson| lesson.day);
        let (Some(first), Some(last)) = (held.first().copied(), held.last().copied()) else { continue };
        let roster = scene.reservations.iter().filter(|reservation| {
            reservation.state == ReservationState::Placed && reservation.class_id == Some(class.id)
        });
        let lessons = LessonCount { lessons: held.len(), last_day: last.day };
        let news = ClassNews::Assigned { lessons, students: roster.count() };
        let draft = teller.draft(Person::Coach { user_name, phone }, edit, first, news);
        let next = held
            .iter()
            .map(|lesson| lesson.start_at)
            .find(|start| *start > teller.work.now)
            .unwrap_or(last.start_at);
        let draft = Draft {
            version: outbox::next_version(&row),
            lesson_at: Some(next),
            valid_until: last.start_at,
            ..draft
        };
        anew.insert(
            class.id,
            Draft { task_id: row.task_id, invitation_id: row.invitation_id, class_id: row.class_id, ..draft },
        );
    }
    Ok(anew)
}

/// Reminders of the software test that nobody has handed over yet, with the time that the lesson
/// has now.
async fn reminders_anew(work: Work<'_>, moved: &[MovedTask]) -> Result<Vec<Draft>> {
    let invited: HashMap<i64, (&Vacancy, &InvitedCoach)> = moved
        .iter()
        .flat_map(|MovedTask { task, coaches, .. }| {
            coaches.iter().map(move |coach| (coach.id, (task, coach)))
        })
        .collect();
    if invited.is_empty() {
        return Ok(Vec::new());
    }
    let before = moved.iter().map(|one| one.start_before).collect();
    let mut rows = outbox::unsent(work.txn, &[MessageKind::TestReminder], &before).await?;
    rows.retain(|row| row.invitation_id.is_some_and(|id| invited.contains_key(&id)));
    outbox::withdraw(work, &rows).await?;
    let anew = |row: &message::Model| {
        let (task, coach) = invited.get(&row.invitation_id?)?;
        let deadline = coach.stands.test_by()?;
        let news = ClassNews::TestReminder { to: task.kind, test_by: deadline };
        let draft = notice::to_coach(task, coach, outbox::next_version(row), news);
        Some(Draft { valid_until: deadline, ..draft })
    };
    Ok(rows.iter().filter_map(anew).collect())
}

/// The most lessons of students of which each is kept by itself when they move. Of more, the first
/// of each sign-up is: the text names the day from which on the hour is another.
const MOST_MOVED: usize = 20_000;

/// Sign-ups of which nothing is left, and the lessons of students that changed.
fn students(
    teller: &Teller<'_>,
    scene: &Scene<'_>,
    followed: &Followed,
    offers: &BTreeMap<i64, Draft>,
) -> (Vec<Draft>, Vec<Asked>) {
    let (mut drafts, mut asked) = (Vec::new(), Vec::new());
    let moved: usize = reservations::concerned(scene).map(|(.., touched)| touched.moved.len()).sum();
    let most_moved = if moved > MOST_MOVED { 1 } else { usize::MAX };
    for (reservation, edit, touched) in reservations::concerned(scene) {
        if offers.contains_key(&reservation.id) {
            continue;
        }
        if followed.gone.contains(&reservation.id) {
            let person = Person::Student {
                user_name: reservation.user_name.clone(),
                phone: reservation.phone.clone(),
            };
            let first = touched.lost.first().and_then(|day| edit.removed.get(day));
            let news = ClassNews::SignUpCancelled(SignUpEnd::Calendar);
            drafts.extend(first.map(|row| teller.draft(person, edit, row.into(), news)));
            continue;
        }
        if !takes(reservation) {
            // Who waits has lost nothing yet.
            continue;
        }
        let of =
            |day: &Day, known| Asked::student(&reservation.user_name, reservation.template_id, *day, known);
        let lost = touched.lost.iter().filter_map(|day| Some((day, edit.removed.get(day)?)));
        asked.extend(lost.map(|(day, row)| {
            // The leave was given back with the lesson.
            let on_leave = followed.leave.contains(&(reservation.id, *day));
            of(day, if on_leave { Word::OnLeave(None) } else { Word::At(row.start_at) })
        }));
        asked.extend(touched.added.iter().map(|day| of(day, Word::Off)));
        let moved = touched.moved.iter().filter_map(|day| Some((day, edit.moved.get(day)?)));
        asked.extend(moved.take(most_moved).map(|(day, row)| of(day, Word::At(row.start_at))));
    }
    (drafts, asked)
}

/// The lessons of classes that changed. Whose message about the class has not gone out is told of
/// the new time by that.
fn coaches(scene: &Scene<'_>, lessons: &ClassLessons, assigned: &BTreeMap<i64, Draft>) -> Vec<Asked> {
    let ClassLessons { cancelled, moved, added, .. } = lessons;
    let of = |row: &lesson::Model, known| {
        let template_id = scene.classes.template_of(row.class_id)?;
        Some(Asked::class(row.class_id, template_id, row.day, known))
    };
    let cancelled = cancelled.iter().filter_map(|row| of(row, Word::At(row.start_at)));
    let added = added.iter().filter_map(|row| of(row, Word::Off));
    let moved = moved.iter().filter(|(row, _)| !assigned.contains_key(&row.class_id));
    let moved = moved.filter_map(|(row, _)| of(row, Word::At(row.start_at)));
    cancelled.chain(added).chain(moved).flatten().collect()
}

/// Names of subjects, for texts.
async fn subject_names(txn: &Txn, edits: &[Edit<'_>]) -> Result<HashMap<i64, String>> {
    let ids: BTreeSet<i64> = edits.iter().map(|edit| edit.template.subject_id).collect();
    let mut names = HashMap::with_capacity(ids.len());
    for id in ids {
        // A handful at most.
        if let Some(row) = catalog::subject_by_id(txn, id).await? {
            names.insert(id, row.name);
        }
    }
    Ok(names)
}
