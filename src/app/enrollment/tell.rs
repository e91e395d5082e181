//! The messages about sign-ups.

use crate::app::call::Work;
use crate::app::outbox::{self, Draft, Person};
use crate::domain::actor::Actor;
use crate::domain::calendar::parse_time;
use crate::domain::state::{MessageKind, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::message::content::{ClassFacts, ClassNews, LessonCount, ListEnd, SignUpEnd};
use crate::storage::catalog::{Course, course_list};
use crate::storage::continuation::seats_offered;
use crate::storage::entity::{reservation, student};
use crate::storage::reservation::{lesson_list_signed_up, place_days};
use sea_orm::EntityTrait;
use std::collections::BTreeMap;

/// Lessons of a template from this day on.
pub(crate) fn class_from(course: &Course, day: Day) -> ClassFacts {
    ClassFacts {
        template: course.code.clone(),
        subject: course.subject_name.clone(),
        grade: course.grade,
        day,
        start: parse_time(&course.start_time).unwrap_or_default(),
        end: parse_time(&course.end_time).unwrap_or_default(),
    }
}

/// The lessons of templates for which the student of a reservation is signed up; in a call of
/// students themselves nobody asks.
pub(super) struct SignedUp(BTreeMap<i64, Lessons>);

/// Lessons ahead of one template, with their starts.
type Lessons = BTreeMap<Day, Instant>;

/// By this a message about a sign-up is known to be about what staff did.
const BY_STAFF: &str = "BY_STAFF";

impl SignedUp {
    /// As it is now, of these templates.
    pub(super) async fn read(work: Work<'_>, student_id: i64, templates: &[i64]) -> Result<Self> {
        let mut of = BTreeMap::new();
        if let Actor::Admin(_) = work.actor {
            for id in templates {
                let lessons = lesson_list_signed_up(work.txn, student_id, *id, work.now).await?;
                of.insert(*id, Lessons::from_iter(lessons));
            }
        }
        Ok(Self(of))
    }

    /// For nothing of a template, which the student could not sign up for.
    pub(super) fn for_none(template_id: i64) -> Self {
        Self(BTreeMap::from([(template_id, Lessons::new())]))
    }

    /// Tells the student what staff have made of it: of which lessons there is a sign-up no more,
    /// and of which there is one now. It follows from what the student knows: what was not told yet
    /// of earlier changes is taken back, and told with this one where it is still so.
    pub(super) async fn tell_change(self, work: Work<'_>, before: &reservation::Model) -> Result<()> {
        for (template_id, had) in self.0 {
            let has = lesson_list_signed_up(work.txn, before.student_id, template_id, work.now).await?;
            let has = Lessons::from_iter(has);
            if has == had {
                continue;
            }
            let to = Told::of(work, before.student_id, template_id).await?;
            let known = to.known(work, had).await?;
            let without = |all: &Lessons, some: &Lessons| -> Vec<(Day, Instant)> {
                all.iter().filter(|(day, _)| !some.contains_key(day)).map(|(day, at)| (*day, *at)).collect()
            };
            let lost = |lessons| ClassNews::SignUpCancelled(SignUpEnd::Staff(lessons));
            let new = |lessons| ClassNews::SignUpAdded { lessons };
            let version = format!("{}.{}.{}", work.now.unix(), before.id, before.version);
            for draft in [to.draft(&without(&known, &has), lost), to.draft(&without(&has, &known), new)] {
                let draft = draft.map(|draft| Draft {
                    version: version.clone(),
                    said: Some((String::new(), BY_STAFF.to_owned())),
                    ..draft
                });
                outbox::write(work, draft.into_iter().collect()).await?;
            }
        }
        Ok(())
    }
}

/// Tells a student that staff have taken away a hold, a place on the waiting list or an offer, for
/// these lessons.
pub(super) async fn taken_away(
    work: Work<'_>,
    before: &reservation::Model,
    lessons: &[(Day, Instant)],
) -> Result<()> {
    let ahead: Vec<(Day, Instant)> =
        lessons.iter().copied().filter(|(_, start_at)| *start_at > work.now).collect();
    let goes_on = seats_offered(work.txn, [before.id]).await?.contains(&before.id);
    let news = |_| match before.state {
        // A place in a class that goes on was kept as a hold is: nobody waited for it.
        _ if goes_on => ClassNews::SignUpCancelled(SignUpEnd::HoldByStaff),
        ReservationState::Held => ClassNews::SignUpCancelled(SignUpEnd::HoldByStaff),
        _ => ClassNews::WaitlistClosed(ListEnd::Staff),
    };
    let to = Told::of(work, before.student_id, before.template_id).await?;
    // The student may ask for it again, and lose it again.
    let version = format!("{}.{}.{}", work.now.unix(), before.id, before.version);
    let draft = to.draft(&ahead, news).map(|draft| Draft { version, ..draft });
    outbox::write(work, draft.into_iter().collect()).await.map(drop)
}

/// A student who is told something of a template.
struct Told {
    person: student::Model,
    course: Course,
    template_id: i64,
}

impl Told {
    async fn of(work: Work<'_>, student_id: i64, template_id: i64) -> Result<Self> {
        let person = student::Entity::find_by_id(student_id).one(work.txn).await?;
        let person = person.ok_or_else(|| Error::not_found("student", student_id))?;
        let course = course_list(work.txn, [template_id]).await?.remove(&template_id);
        let course = course.ok_or_else(|| Error::not_found("class template", template_id))?;
        Ok(Self { person, course, template_id })
    }

    /// For which of the lessons the student believes to be signed up who `had` these: what staff
    /// have done and nobody has told yet is unknown. It is withdrawn.
    async fn known(&self, work: Work<'_>, had: Lessons) -> Result<Lessons> {
        let kinds = [MessageKind::SignUpCancelled, MessageKind::SignUpAdded];
        let mut waiting =
            outbox::unsent_of_person(work.txn, &kinds, &self.person.user_name, BY_STAFF).await?;
        let about = format!("/{}@", self.course.code);
        waiting.retain(|row| row.dedup_key.contains(&about));
        let mut known = had;
        for row in &waiting {
            let Some(first) = row.lesson_at else { continue };
            let told = first..=row.valid_until;
            if row.kind == MessageKind::SignUpAdded {
                known.retain(|_, start| !told.contains(start));
                continue;
            }
            let (from, to) = (work.app.time().day(first), work.app.time().day(row.valid_until));
            let lessons = place_days(work.txn, self.template_id, from, to).await?;
            known.extend(lessons.into_iter().filter(|(_, start)| told.contains(start) && *start > work.now));
        }
        outbox::withdraw(work, &waiting).await?;
        Ok(known)
    }

    /// A message about lessons, in order; none where there are none.
    fn draft(&self, lessons: &[(Day, Instant)], news: impl Fn(LessonCount) -> ClassNews) -> Option<Draft> {
        let (first, last) = (lessons.first()?, lessons.last()?);
        let news = news(LessonCount { lessons: lessons.len(), last_day: last.0 });
        let student::Model { user_name, phone, .. } = self.person.clone();
        let to = Person::Student { user_name, phone };
        let draft = Draft::of_class(to, class_from(&self.course, first.0), news, first.1);
        Some(Draft { valid_until: last.1, ..draft })
    }
}
