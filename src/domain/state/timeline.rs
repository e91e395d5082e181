//! What the timeline of a person is made of.

super::words! {
    /// What happened to a person, by where it is stored. Events of one instant are told in this
    /// order.
    TimelineKind {
        /// A student's sign-up, hold, offer or leave took or freed places: a row of the ledger.
        Places = "PLACES",
        /// A student is signed up since then: by a hold or an offer that was taken, or by a
        /// sign-up that was imported.
        SignedUp = "SIGNED_UP",
        /// A student joined a waiting list.
        WaitlistJoined = "WAITLIST_JOINED",
        /// A place on a waiting list ended without a sign-up.
        WaitlistEnded = "WAITLIST_ENDED",
        /// The job status of a coach was changed.
        StatusChanged = "STATUS_CHANGED",
        /// Staff keep a coach from a student, from a class, or from being invited.
        Blocked = "BLOCKED",
        /// That is over.
        Unblocked = "UNBLOCKED",
        /// A lesson is owed to a student.
        MakeUpOwed = "MAKE_UP_OWED",
        /// A student answered whether to come to a make-up.
        MakeUpAnswered = "MAKE_UP_ANSWERED",
        /// A lesson is owed to a student no more.
        MakeUpSettled = "MAKE_UP_SETTLED",
        /// Somebody is wanted in the place of a coach.
        VacancyOpened = "VACANCY_OPENED",
        /// A coach is to be asked.
        Invited = "INVITED",
        /// The question is out.
        InvitationSent = "INVITATION_SENT",
        /// A coach answered.
        Answered = "ANSWERED",
        /// A coach took the software test.
        SoftwareTest = "SOFTWARE_TEST",
        /// An invitation ended, and not by an answer.
        InvitationEnded = "INVITATION_ENDED",
        /// A class was formed for a coach.
        ClassFormed = "CLASS_FORMED",
        /// A coach has the lessons of another.
        VacancyFilled = "VACANCY_FILLED",
        /// The first lesson of a student in a class.
        ClassJoined = "CLASS_JOINED",
        /// A person was present.
        Present = "PRESENT",
        /// A coach was not there when a lesson was about to begin.
        NotOnTime = "NOT_ON_TIME",
        /// Attendance of a lesson that is over.
        Attendance = "ATTENDANCE",
        /// The last lesson of a student in a class.
        ClassLeft = "CLASS_LEFT",
        /// A message was written.
        Message = "MESSAGE",
    }
}

impl TimelineKind {
    /// Those of a student.
    pub(crate) const OF_STUDENTS: &'static [Self] = &[
        Self::Places,
        Self::SignedUp,
        Self::WaitlistJoined,
        Self::WaitlistEnded,
        Self::Blocked,
        Self::Unblocked,
        Self::MakeUpOwed,
        Self::MakeUpAnswered,
        Self::MakeUpSettled,
        Self::ClassJoined,
        Self::Present,
        Self::Attendance,
        Self::ClassLeft,
        Self::Message,
    ];

    /// Those of a coach.
    pub(crate) const OF_COACHES: &'static [Self] = &[
        Self::StatusChanged,
        Self::Blocked,
        Self::Unblocked,
        Self::VacancyOpened,
        Self::Invited,
        Self::InvitationSent,
        Self::Answered,
        Self::SoftwareTest,
        Self::InvitationEnded,
        Self::ClassFormed,
        Self::VacancyFilled,
        Self::Present,
        Self::NotOnTime,
        Self::Attendance,
        Self::Message,
    ];
}
