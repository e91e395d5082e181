//! A lesson that is owed to a student (docs/domain.md §6).

super::words! {
    /// Why a lesson is owed.
    MakeUpCause {
        /// Nobody came to teach it.
        CoachAbsent = "COACH_ABSENT",
        /// The catalogue took it away.
        LessonCancelled = "LESSON_CANCELLED",
    }
}

super::words! {
    /// State of a lesson that is owed.
    MakeUpState {
        /// It is owed.
        Owed = "OWED",
        /// The student is asked whether to come on a day.
        Offered = "OFFERED",
        /// The student has said yes to a day.
        Accepted = "ACCEPTED",
        /// It was held on another day.
        MadeUp = "MADE_UP",
        /// Staff have waived it.
        Waived = "WAIVED",
        /// The lesson is held after all.
        Returned = "RETURNED",
    }
}
