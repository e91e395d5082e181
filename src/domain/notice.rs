//! What a notice about a lesson speaks of, and when there is something to tell (docs/domain.md §7,
//! "What a notice is"). What is told of invitations is in `standing`.
//!
//! A notice follows from the state, not from the call that changed it. For each person we keep what
//! they were last told of a lesson (or know without being told). Comparing that with what is so now
//! says which kind of message to send, if any.

mod standing;

pub use standing::{Standing, WhyLetGo};

pub(crate) use standing::{Told, Went, fits, known, to_tell as standing_to_tell};

use super::state::{Audience, MessageKind};
use super::time::{Day, Instant};

/// A lesson as one person is concerned by it. What a person was last told is kept for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    /// Who is told.
    pub audience: Audience,
    /// User name of the student or coach; empty = the admins of the template's subject.
    pub person: String,
    /// The class template.
    pub template_id: i64,
    /// The class, for its coach and the admins; 0 for students, whose class may change.
    pub class_id: i64,
    /// The lesson day.
    pub day: Day,
}

/// What somebody knows of a lesson, or what is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// It takes place, and starts then. To a coach it is one of the coach's own class.
    At(Instant),
    /// So does a lesson that a coach teaches in the place of the coach of the class.
    Instead(Instant),
    /// Another coach teaches this lesson of the coach's class.
    Replaced,
    /// It is a lesson of another coach's class, and another's to teach; or one that was called off
    /// as nobody is left in the class, which CLASS_CLOSED has told.
    Anothers,
    /// It fell away from the calendar, or the class has none on that day.
    Off,
    /// Nobody comes to it.
    Empty,
    /// Nobody comes to a lesson that a coach teaches in another's place.
    EmptyInstead,
    /// There is no class for the student, so that it does not take place.
    NotHeld,
    /// The student signed up too late for it, and is in no class.
    TooLate,
    /// The student is on leave from it; with the start that the student knew before, where that is
    /// not the start that it has.
    OnLeave(Option<Instant>),
    /// It is no longer a lesson of this person, by what they did themselves.
    Gone,
}

impl Word {
    /// When the lesson starts that the person has.
    pub(crate) fn start(self) -> Option<Instant> {
        match self {
            Self::At(start) | Self::Instead(start) => Some(start),
            _ => None,
        }
    }

    /// As stored.
    pub fn text(self) -> String {
        match self {
            Self::At(start) => format!("AT {}", start.unix()),
            Self::Instead(start) => format!("INSTEAD {}", start.unix()),
            Self::Replaced => "REPLACED".to_owned(),
            Self::Anothers => "ANOTHERS".to_owned(),
            Self::Off => "OFF".to_owned(),
            Self::Empty => "EMPTY".to_owned(),
            Self::EmptyInstead => "EMPTY_INSTEAD".to_owned(),
            Self::NotHeld => "NOT_HELD".to_owned(),
            Self::TooLate => "TOO_LATE".to_owned(),
            Self::OnLeave(None) => "ON_LEAVE".to_owned(),
            Self::OnLeave(Some(start)) => format!("ON_LEAVE {}", start.unix()),
            Self::Gone => "GONE".to_owned(),
        }
    }

    /// Of a stored text.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "REPLACED" => Some(Self::Replaced),
            "ANOTHERS" => Some(Self::Anothers),
            "OFF" => Some(Self::Off),
            "EMPTY" => Some(Self::Empty),
            "EMPTY_INSTEAD" => Some(Self::EmptyInstead),
            "NOT_HELD" => Some(Self::NotHeld),
            "TOO_LATE" => Some(Self::TooLate),
            "ON_LEAVE" => Some(Self::OnLeave(None)),
            "GONE" => Some(Self::Gone),
            text => {
                let (word, start) = text.split_once(' ')?;
                let start = Instant::from_unix(start.parse().ok()?);
                match word {
                    "AT" => Some(Self::At(start)),
                    "INSTEAD" => Some(Self::Instead(start)),
                    "ON_LEAVE" => Some(Self::OnLeave(Some(start))),
                    _ => None,
                }
            }
        }
    }
}

/// What a person knows after an act of their own. It settles whether they have the lesson, not
/// when: of an hour that has moved and that they were not told of they may not know.
pub(crate) fn by_own_act(known: Word, now: Word) -> Word {
    match (known, now) {
        (Word::At(start), Word::OnLeave(_)) => Word::OnLeave(Some(start)),
        (Word::OnLeave(start), Word::OnLeave(_)) => Word::OnLeave(start),
        (Word::At(start) | Word::OnLeave(Some(start)), Word::At(_)) => Word::At(start),
        (_, now) => now,
    }
}

/// What there is to tell of a lesson; each is a kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LessonNews {
    /// It does not take place, or the sign-up came too late for it.
    NotHeld,
    /// It takes place after all.
    Held,
    /// Nobody comes to it.
    Empty,
    /// Somebody comes to it after all.
    Attended,
    /// It fell away from the calendar.
    Cancelled,
    /// The calendar has it as well.
    Added,
    /// It is at another time of day.
    Moved,
    /// It is about to be: a reminder, which nothing but the time brings about.
    Ahead,
    /// The coach teaches it in another's place.
    Substitutes,
    /// The class is the coach's, and this lesson with it.
    Takes,
    /// Another coach teaches this lesson of the class.
    Replaced,
    /// The class is another coach's.
    Leaves,
    /// It is not the substitute's after all.
    Released,
    /// It is the coach's again.
    Returned,
}

impl LessonNews {
    /// The kind of message that tells it.
    pub fn kind(self) -> MessageKind {
        match self {
            Self::NotHeld => MessageKind::LessonNotHeld,
            Self::Held => MessageKind::LessonHeld,
            Self::Empty => MessageKind::LessonEmpty,
            Self::Attended => MessageKind::LessonAttended,
            Self::Cancelled => MessageKind::LessonCancelled,
            Self::Added => MessageKind::LessonAdded,
            Self::Moved => MessageKind::LessonMoved,
            Self::Ahead => MessageKind::LessonReminder,
            Self::Substitutes | Self::Takes => MessageKind::SubstituteAssigned,
            Self::Replaced | Self::Leaves => MessageKind::CoachReplaced,
            Self::Released => MessageKind::SubstituteReleased,
            Self::Returned => MessageKind::LessonsReturned,
        }
    }

    /// Whether it tells who teaches: of one class at a time.
    pub(crate) fn is_of_coach(self) -> bool {
        use LessonNews::{Leaves, Released, Replaced, Returned, Substitutes, Takes};
        matches!(self, Substitutes | Takes | Replaced | Leaves | Released | Returned)
    }

    /// Whether it tells of a class for good, whose lessons are counted and not listed.
    pub(crate) fn is_for_good(self) -> bool {
        matches!(self, Self::Takes | Self::Leaves)
    }
}

/// What tells the difference between what somebody knows and what is so; `None` when there is
/// nothing to tell.
pub(crate) fn to_tell(audience: Audience, known: Word, now: Word) -> Option<LessonNews> {
    use Word::{Anothers, At, Empty, EmptyInstead, Gone, Instead, NotHeld, Off, OnLeave, Replaced, TooLate};
    if known == now {
        return None;
    }
    match audience {
        Audience::Student => match (known, now) {
            // Who knows of no lesson need not hear why there is none; and what students do
            // themselves they know.
            (Off | NotHeld | TooLate, Off | NotHeld | TooLate)
            | (_, Gone | OnLeave(_) | Empty | EmptyInstead | Instead(_) | Replaced | Anothers) => None,
            (At(_), At(_)) => Some(LessonNews::Moved),
            (_, NotHeld | TooLate) => Some(LessonNews::NotHeld),
            (_, Off) => Some(LessonNews::Cancelled),
            (NotHeld | TooLate, At(_)) => Some(LessonNews::Held),
            (_, At(_)) => Some(LessonNews::Added),
        },
        Audience::Coach => match (known, now) {
            (_, Gone | OnLeave(_) | NotHeld | TooLate) => None,
            // Who teaches is told first, and whether somebody comes with it.
            (Instead(_) | EmptyInstead | Anothers, At(_) | Empty) => Some(LessonNews::Takes),
            (Replaced | Anothers, Instead(_) | EmptyInstead) => Some(LessonNews::Substitutes),
            (Replaced, At(_) | Empty) => Some(LessonNews::Returned),
            (At(_) | Empty | Instead(_) | EmptyInstead, Replaced) => Some(LessonNews::Replaced),
            (At(_) | Empty | Replaced, Anothers) => Some(LessonNews::Leaves),
            (Instead(_) | EmptyInstead, Anothers) => Some(LessonNews::Released),
            // Whoever has the class from now on, and might come to it.
            (Anothers, Replaced) => Some(LessonNews::Replaced),
            // Who has no such lesson for all they know need not hear whose it is, nor that it
            // falls away.
            (_, Replaced | Anothers) | (Replaced | Anothers, Off) => None,
            (_, Off) => Some(LessonNews::Cancelled),
            (At(before) | Instead(before), At(start) | Instead(start)) => {
                (before != start).then_some(LessonNews::Moved)
            }
            (Empty, EmptyInstead) => None,
            (_, Empty | EmptyInstead) => Some(LessonNews::Empty),
            (Empty | EmptyInstead, At(_) | Instead(_)) => Some(LessonNews::Attended),
            (Off | Gone | OnLeave(_) | NotHeld | TooLate, At(_) | Instead(_)) => Some(LessonNews::Added),
        },
        // The calendar is theirs: they hear only of lessons to which nobody comes.
        Audience::Admin => match (known, now) {
            (_, Empty) => Some(LessonNews::Empty),
            (Empty, At(_)) => Some(LessonNews::Attended),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Word::{
        Anothers, At, Empty, EmptyInstead, Gone, Instead, NotHeld, Off, OnLeave, Replaced, TooLate,
    };
    use super::*;

    const SEVEN: Word = At(Instant::from_unix(1_772_708_400));
    const EIGHT: Word = At(Instant::from_unix(1_772_712_000));

    #[test]
    fn a_word_is_read_as_it_was_stored() {
        for word in
            [SEVEN, Off, Empty, NotHeld, TooLate, OnLeave(None), OnLeave(Some(Instant::from_unix(7))), Gone]
                .into_iter()
                .chain([Instead(Instant::from_unix(7)), EmptyInstead, Replaced, Anothers])
        {
            assert_eq!(Word::parse(&word.text()), Some(word));
        }
        for text in ["", "AT", "AT x", "at 7", "ON"] {
            assert_eq!(Word::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_a_person_is_told_follows_from_what_they_know_and_what_is_so() {
        use Audience::{Admin, Coach, Student};
        use LessonNews as News;
        let cases = [
            (Student, SEVEN, EIGHT, Some(News::Moved)),
            (Student, SEVEN, Off, Some(News::Cancelled)),
            (Student, Off, SEVEN, Some(News::Added)),
            (Student, SEVEN, NotHeld, Some(News::NotHeld)),
            (Student, NotHeld, SEVEN, Some(News::Held)),
            (Student, SEVEN, TooLate, Some(News::NotHeld)),
            (Student, TooLate, SEVEN, Some(News::Held)),
            (Student, Off, NotHeld, None),
            (Student, NotHeld, TooLate, None),
            (Student, SEVEN, OnLeave(None), None),
            (Student, OnLeave(None), SEVEN, Some(News::Added)),
            (Student, OnLeave(None), Off, Some(News::Cancelled)),
            (Student, SEVEN, Gone, None),
            (Coach, SEVEN, Empty, Some(News::Empty)),
            (Coach, Empty, EIGHT, Some(News::Attended)),
            (Coach, SEVEN, Off, Some(News::Cancelled)),
            (Coach, Off, EIGHT, Some(News::Added)),
            (Coach, SEVEN, EIGHT, Some(News::Moved)),
            (Coach, Off, Empty, Some(News::Empty)),
            (Coach, Empty, Off, Some(News::Cancelled)),
            (Admin, SEVEN, Empty, Some(News::Empty)),
            (Admin, Empty, SEVEN, Some(News::Attended)),
            (Admin, SEVEN, Off, None),
            (Admin, Empty, Off, None),
            (Admin, SEVEN, EIGHT, None),
        ];
        for (audience, known, now, news) in cases {
            assert_eq!(to_tell(audience, known, now), news, "{audience}: {known:?} → {now:?}");
            let is_for = |news: LessonNews| news.kind().row().to.contains(&audience);
            assert!(news.is_none_or(is_for), "{audience} is told {news:?}");
        }
    }

    #[test]
    fn coaches_are_told_who_teaches_of_lessons_that_they_know_of() {
        use LessonNews as News;
        let (seven, eight) = (Instant::from_unix(1_772_708_400), Instant::from_unix(1_772_712_000));
        let cases = [
            (SEVEN, Replaced, Some(News::Replaced)),
            (Replaced, SEVEN, Some(News::Returned)),
            (Replaced, Empty, Some(News::Returned)),
            (Replaced, Off, None),
            (Empty, Replaced, Some(News::Replaced)),
            (Empty, Anothers, Some(News::Leaves)),
            (Anothers, Empty, Some(News::Takes)),
            (Anothers, EmptyInstead, Some(News::Substitutes)),
            (EmptyInstead, Anothers, Some(News::Released)),
            (EmptyInstead, Off, Some(News::Cancelled)),
            (Off, Replaced, None),
            (SEVEN, Anothers, Some(News::Leaves)),
            (Replaced, Anothers, Some(News::Leaves)),
            (Anothers, SEVEN, Some(News::Takes)),
            (Anothers, Replaced, Some(News::Replaced)),
            (Anothers, Instead(seven), Some(News::Substitutes)),
            (Anothers, Off, None),
            (Instead(seven), Anothers, Some(News::Released)),
            (Instead(seven), SEVEN, Some(News::Takes)),
            (Instead(seven), Instead(eight), Some(News::Moved)),
            (Instead(seven), Off, Some(News::Cancelled)),
            (Off, Instead(seven), Some(News::Added)),
            (Off, Anothers, None),
            (Instead(seven), EmptyInstead, Some(News::Empty)),
            (EmptyInstead, Instead(seven), Some(News::Attended)),
            (Empty, EmptyInstead, None),
            (SEVEN, Instead(seven), None),
            (SEVEN, Instead(eight), Some(News::Moved)),
            (Instead(seven), Gone, None),
        ];
        for (known, now, news) in cases {
            assert_eq!(to_tell(Audience::Coach, known, now), news, "{known:?} → {now:?}");
        }
    }

    #[test]
    fn an_act_of_their_own_tells_nobody_of_another_hour() {
        let away = by_own_act(SEVEN, OnLeave(None));
        assert_eq!(by_own_act(away, EIGHT), SEVEN, "moved meanwhile, and not told");
        assert_eq!(by_own_act(SEVEN, EIGHT), SEVEN);
        assert_eq!(by_own_act(OnLeave(None), EIGHT), EIGHT);
        assert_eq!(by_own_act(Off, EIGHT), EIGHT);
    }

    #[test]
    fn nobody_is_told_what_they_know() {
        for audience in [Audience::Student, Audience::Coach, Audience::Admin] {
            for word in [SEVEN, Off, Empty, NotHeld, TooLate, OnLeave(None), Gone] {
                assert_eq!(to_tell(audience, word, word), None);
            }
        }
    }
}
