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
        /// Staff have waived it.
        Waived = "WAIVED",
        /// The lesson is held after all.
        Returned = "RETURNED",
    }
}
