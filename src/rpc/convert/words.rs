//! Converts the closed sets of words between protobuf's enums and the domain's.

use crate::domain::state::*;
use crate::error::{Error, Result};
use crate::rpc::pb;
use prost::UnknownEnumValue;

/// A domain enum with its protobuf twin.
pub(crate) trait Word: Copy + Sized {
    /// The value of a number on the wire: `None` for unspecified, an error for numbers that mean
    /// nothing.
    fn of_number(number: i32) -> std::result::Result<Option<Self>, UnknownEnumValue>;
    /// The number on the wire.
    fn number(self) -> i32;
}

/// A word that must be there.
pub(crate) fn word<W: Word>(field: &str, number: i32) -> Result<W> {
    optional_word(field, number)?.ok_or_else(|| Error::invalid(field, "is unspecified"))
}

/// A word; unspecified = none.
pub(crate) fn optional_word<W: Word>(field: &str, number: i32) -> Result<Option<W>> {
    W::of_number(number)
        .map_err(|UnknownEnumValue(number)| Error::invalid(field, format!("{number} is not a known value")))
}

/// A set of words, none of them unspecified.
pub(crate) fn words<W: Word>(field: &str, numbers: &[i32]) -> Result<Vec<W>> {
    if numbers.len() > 100 {
        return Err(Error::invalid(field, "must have at most 100 values"));
    }
    numbers.iter().map(|number| word(field, *number)).collect()
}

/// The number of a word on the wire.
pub(crate) fn number(word: impl Word) -> i32 {
    word.number()
}

macro_rules! twins {
    ($($domain:ident = $pb:ident [$($variant:ident),+ $(,)?];)+) => {$(
        impl Word for $domain {
            fn of_number(number: i32) -> std::result::Result<Option<Self>, UnknownEnumValue> {
                match pb::$pb::try_from(number) {
                    Ok(pb::$pb::Unspecified) => Ok(None),
                    $(Ok(pb::$pb::$variant) => Ok(Some($domain::$variant)),)+
                    Err(unknown) => Err(unknown),
                }
            }
            fn number(self) -> i32 {
                match self { $($domain::$variant => pb::$pb::$variant as i32,)+ }
            }
        }
    )+

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn every_word_has_its_twin_of_the_same_name() {
                $(for word in $domain::ALL {
                    let twin = pb::$pb::try_from(word.number()).unwrap();
                    assert!(twin.as_str_name().ends_with(&word.as_str().to_uppercase()), "{twin:?} {word:?}");
                    assert_eq!($domain::of_number(word.number()), Ok(Some(*word)));
                }
                assert_eq!($domain::of_number(0), Ok(None));
                assert_eq!($domain::of_number(-1), Err(UnknownEnumValue(-1)));
                assert_eq!($domain::of_number(99), Err(UnknownEnumValue(99)));)+
            }

            #[test]
            fn every_reason_is_in_the_protocol() {
                for reason in crate::error::Reason::ALL {
                    let name = format!("ERROR_REASON_{reason}");
                    assert!(pb::ErrorReason::from_str_name(&name).is_some(), "{name}");
                }
            }
        }
    };
}

twins! {
    ActorKind = ActorKind [Student, Coach, Admin, Task, Catalogue, Import, Client];
    GradeType = GradeType [Primary, Junior, Senior];
    SeasonType = SeasonType [Spring, Summer, Autumn, Winter];
    JobStatus = JobStatus [Reserve, Waiting, Trial, Regular, Retraining, Dismissed];
    TaskState = ClassTaskState [Pending, Inviting, Covered, Formed, Partial, Failed, Cancelled];
    InvitationState = InvitationState [Queued, Sent, Accepted, Ready, Assigned, Reserve, Declined, Expired,
    Lapsed, Withdrawn, Cancelled, Undelivered];
    InvitationKind = InvitationKind [Auto, Manual, Substitute, Change];
    ReservationState = ReservationState [Held, Booked, Placed, Ended, Cancelled, Expired, Waitlisted,
    Offered];
    PlaceCause = PlaceCause [
        Opening, SignUp, Import, Hold, HoldReleased, HoldExpired, Offer, OfferDeclined, OfferExpired, Cancel,
        Change, Move, Leave, LeaveCancelled,
        Catalogue, Repair,
    ];
    ClassState = ClassState [Open, Running, Closed];
    LessonState = LessonState [Scheduled, Running, Done, CoachLate, CoachAbsent, Substituted, Cancelled,
    MadeUp];
    MessageState = MessageState [Queued, Leased, Submitted, Delivered, Failed, Retry, Unknown, Deferred,
    Suppressed, Expired, Cancelled, Captured];
    MessageKind = MessageKind [
        Invitation, InvitationRecalled, Accepted, Reserved, Promoted, TestReminder, TestLapsed, TestPassed,
        Assigned, NoLongerNeeded,
        TaskEarlyWarning, TaskShort, TaskLeftOver, AssignedWithdrawal, ClassClosed, LessonNotHeld, LessonHeld,
        WaitlistOffer, OfferExpired, WaitlistClosed, ClassChanged, LessonEmpty, LessonAttended,
        LessonCancelled, LessonAdded, LessonMoved,
        SignUpCancelled, PlaceDrift, MessagesCapped, LessonReminder,
        SubstituteAssigned, CoachReplaced, SubstituteReleased, LessonsReturned, SubstituteMissing,
        StandbyRequest, CoachNotOnline, CoachLate, LessonTakenOver, LessonDelayed, CoachAbsent,
        LessonGoesOn, TestFailed, StaffNotice,
        CoachDisconnected, CoachBack, LessonWithoutStudents, MakeUpOffer, SignUpAdded,
        ContinueOffer, ContinueReminder, InvitationChanged,
    ];
    TimelineKind = TimelineKind [
        Places, SignedUp, WaitlistJoined, WaitlistEnded, StatusChanged, Blocked, Unblocked,
        MakeUpOwed, MakeUpAnswered, MakeUpSettled, VacancyOpened, Invited,
        InvitationSent, Answered, SoftwareTest, InvitationEnded, ClassFormed, VacancyFilled, ClassJoined,
        Present, NotOnTime, Attendance, ClassLeft, Message,
    ];
    Channel = Channel [Sms, Mail];
    Audience = Audience [Coach, Student, Admin];
    WhereNow = WhereNow [Present, Missing, OnLeave];
    LessonTrouble = LessonTrouble [CoachAbsent, CoachLate, CoachDisconnected, NoStudents, FewStudents];
    MakeUpCause = MakeUpCause [CoachAbsent, LessonCancelled];
    MakeUpState = MakeUpState [Owed, Offered, Accepted, MadeUp, Waived, Returned];
    AttendanceState = AttendanceState [Came, Absent, OnLeave, NotNeeded];
    PresenceState = PresenceState [Open, Logout, Stale];
    RunState = TaskRunState [Running, Done, Failed];
    LessonChangeKind = LessonChangeKind [Added, Removed, Moved, Resized];
    TaskChangeKind = ClassTaskChangeKind [Cancelled, Resized, Moved, Reopened];
}
