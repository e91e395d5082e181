//! How a coach stands with an invitation, as the coach knows or as it is, and when there is
//! something to tell (docs/domain.md §7, "What a notice is").

use crate::domain::reason::Reason;
use crate::domain::state::invitation::Invitation;
use crate::domain::state::{InvitationState, MessageKind};
use crate::domain::time::Instant;

/// Why a coach is let go who said yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyLetGo {
    /// The class needs nobody more.
    NotNeeded,
    /// The coach said yes to something else that does not go with it.
    TookAnother,
    /// The coach is not eligible any more.
    NotEligible,
}

impl WhyLetGo {
    /// What stands behind the reason with which an invitation was cancelled.
    fn of(reason: Reason) -> Self {
        match reason {
            Reason::TaskCovered | Reason::TaskClosed | Reason::Cancelled => Self::NotNeeded,
            Reason::OverlapInvitation | Reason::OverlapClass | Reason::RankLimit => Self::TookAnother,
            _ => Self::NotEligible,
        }
    }
}

/// How a coach stands with an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The coach has not heard of it.
    Unasked,
    /// The coach was asked.
    Asked,
    /// The coach has said yes, and not heard what came of it.
    SaidYes,
    /// The yes counts; until this instant the software test must be passed.
    Accepted(Instant),
    /// The yes counts, and the software test is passed.
    Ready,
    /// The yes is kept in reserve.
    Reserve,
    /// The software test was not passed in time.
    Lapsed,
    /// It was taken back.
    LetGo(WhyLetGo),
    /// There is nothing to tell: the coach said no, or did not answer.
    Closed,
}

impl Standing {
    /// Of an invitation as it stands, with the reason for its end; `is_out`: its message has gone
    /// out, or is being handed over.
    pub(crate) fn of(stands: Invitation, reason: Option<Reason>, is_out: bool) -> Self {
        match stands {
            Invitation::Queued if !is_out => Self::Unasked,
            Invitation::Queued | Invitation::Sent => Self::Asked,
            Invitation::Accepted { test_by, .. } => Self::Accepted(test_by),
            // Who has the class is told so by a message about the class.
            Invitation::Ready { .. } | Invitation::Assigned => Self::Ready,
            Invitation::Reserve { .. } => Self::Reserve,
            Invitation::Ended(InvitationState::Lapsed) => Self::Lapsed,
            Invitation::Ended(InvitationState::Cancelled) => {
                Self::LetGo(reason.map_or(WhyLetGo::NotNeeded, WhyLetGo::of))
            }
            Invitation::Ended(_) => Self::Closed,
        }
    }

    /// As stored.
    pub fn text(self) -> String {
        match self {
            Self::Unasked => "UNASKED".to_owned(),
            Self::Asked => "ASKED".to_owned(),
            Self::SaidYes => "SAID_YES".to_owned(),
            Self::Accepted(test_by) => format!("ACCEPTED {}", test_by.unix()),
            Self::Ready => "READY".to_owned(),
            Self::Reserve => "RESERVE".to_owned(),
            Self::Lapsed => "LAPSED".to_owned(),
            Self::LetGo(WhyLetGo::NotNeeded) => "LET_GO NOT_NEEDED".to_owned(),
            Self::LetGo(WhyLetGo::TookAnother) => "LET_GO TOOK_ANOTHER".to_owned(),
            Self::LetGo(WhyLetGo::NotEligible) => "LET_GO NOT_ELIGIBLE".to_owned(),
            Self::Closed => "CLOSED".to_owned(),
        }
    }

    /// Of a stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "UNASKED" => Self::Unasked,
            "ASKED" => Self::Asked,
            "SAID_YES" => Self::SaidYes,
            "READY" => Self::Ready,
            "RESERVE" => Self::Reserve,
            "LAPSED" => Self::Lapsed,
            "LET_GO NOT_NEEDED" => Self::LetGo(WhyLetGo::NotNeeded),
            "LET_GO TOOK_ANOTHER" => Self::LetGo(WhyLetGo::TookAnother),
            "LET_GO NOT_ELIGIBLE" => Self::LetGo(WhyLetGo::NotEligible),
            "CLOSED" => Self::Closed,
            text => Self::Accepted(Instant::from_unix(text.strip_prefix("ACCEPTED ")?.parse().ok()?)),
        })
    }

    /// Whether the coach has nothing to do for it any more.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::LetGo(_) | Self::Lapsed)
    }

    /// Until when the software test must be passed, if it must.
    pub(crate) fn test_by(self) -> Option<Instant> {
        match self {
            Self::Accepted(test_by) => Some(test_by),
            _ => None,
        }
    }
}

/// A message about an invitation, as far as it matters for what its coach knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its key; later ones are larger.
    pub id: i64,
    /// What the coach knew when it was written, and what it says; `None` = a server of before wrote
    /// it, which did not note them.
    pub says: Option<(Standing, Standing)>,
    /// Whether it went out.
    pub went: Went,
}

/// Whether a message went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Went {
    /// It waits.
    NotYet,
    /// It was handed over then, and went out, or may have.
    At(Instant),
    /// It never will.
    Never,
}

/// What a coach knows: what the last message says that went out, or may have. What went out before
/// the coach said yes for the last time counts no more. `told` are the messages about the
/// invitation in the order of their keys, without `but` one that may go out again; `before` is how
/// the coach stood before the change that makes us look, for a coach of whom no message says it.
pub(crate) fn known(told: &[Told], before: Standing, but: Option<i64>) -> Standing {
    let knew_yes = |one: &Told| one.says.is_some_and(|(knew, _)| knew == Standing::SaidYes);
    let since = told.iter().rposition(knew_yes).unwrap_or(0);
    let since_yes = || told.iter().skip(since);
    let gone = since_yes().filter(|one| Some(one.id) != but).filter_map(|one| match one.went {
        Went::At(at) => Some((at, one.id, one)),
        Went::NotYet | Went::Never => None,
    });
    if let Some((.., last)) = gone.max_by_key(|(at, id, _)| (*at, *id)) {
        return last.says.map_or(before, |(_, word)| word);
    }
    let waits = |one: &&Told| one.went == Went::NotYet || Some(one.id) == but;
    since_yes().filter(waits).find_map(|one| one.says).map_or(before, |(knew, _)| knew)
}

/// Whether how a coach stands now is what a message of a kind says, of which it is not noted what
/// it says.
pub(crate) fn fits(kind: MessageKind, now: Standing) -> bool {
    match kind {
        MessageKind::Accepted | MessageKind::Promoted => {
            matches!(now, Standing::Accepted(_) | Standing::Ready)
        }
        MessageKind::TestPassed => now == Standing::Ready,
        MessageKind::Reserved => now == Standing::Reserve,
        MessageKind::TestLapsed => now == Standing::Lapsed,
        MessageKind::InvitationRecalled | MessageKind::NoLongerNeeded => matches!(now, Standing::LetGo(_)),
        _ => true,
    }
}

/// The kind of message that tells the difference between what a coach knows and what is so; `None`
/// when there is nothing to tell.
pub(crate) fn to_tell(known: Standing, now: Standing) -> Option<MessageKind> {
    use Standing::{Accepted, Asked, Closed, Lapsed, LetGo, Ready, Reserve, SaidYes, Unasked};
    if known == now {
        return None;
    }
    match (known, now) {
        // What coaches do themselves they know, and a question is asked by a message of its own.
        (_, Unasked | Asked | SaidYes | Closed) => None,
        (Reserve, Accepted(_) | Ready) => Some(MessageKind::Promoted),
        (Accepted(_), Ready) => Some(MessageKind::TestPassed),
        (_, Accepted(_) | Ready) => Some(MessageKind::Accepted),
        (_, Reserve) => Some(MessageKind::Reserved),
        (SaidYes | Accepted(_) | Ready | Reserve, Lapsed) => Some(MessageKind::TestLapsed),
        (SaidYes | Accepted(_) | Ready | Reserve, LetGo(_)) => Some(MessageKind::NoLongerNeeded),
        (Asked, LetGo(_)) => Some(MessageKind::InvitationRecalled),
        // Who was not asked, or knows that it is over, hears nothing of its end.
        (_, Lapsed | LetGo(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Accepted, Asked, Closed, Lapsed, LetGo, Ready, Reserve, SaidYes, Unasked};
    use super::*;
    use crate::domain::message::{TopicKind, Truth};

    const SEVEN: Standing = Accepted(Instant::from_unix(1_772_708_400));
    const MIDNIGHT: Standing = Accepted(Instant::from_unix(1_772_726_400));
    const OVER: Standing = LetGo(WhyLetGo::NotNeeded);
    const ALL: [Standing; 12] = [
        Unasked,
        Asked,
        SaidYes,
        SEVEN,
        MIDNIGHT,
        Ready,
        Reserve,
        Lapsed,
        OVER,
        LetGo(WhyLetGo::TookAnother),
        LetGo(WhyLetGo::NotEligible),
        Closed,
    ];

    #[test]
    fn how_a_coach_stands_is_read_as_it_was_stored() {
        for standing in ALL {
            assert_eq!(Standing::parse(&standing.text()), Some(standing));
            assert!(standing.text().len() <= 24, "it fits its column");
        }
        for text in ["", "ACCEPTED", "ACCEPTED x", "asked", "LET_GO"] {
            assert_eq!(Standing::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_a_coach_is_told_follows_from_what_they_know_and_what_is_so() {
        use MessageKind as Kind;
        let cases = [
            (SaidYes, SEVEN, Some(Kind::Accepted)),
            (SaidYes, Ready, Some(Kind::Accepted)),
            (SaidYes, Reserve, Some(Kind::Reserved)),
            (SEVEN, MIDNIGHT, Some(Kind::Accepted)),
            (SEVEN, Ready, Some(Kind::TestPassed)),
            (SEVEN, Reserve, Some(Kind::Reserved)),
            (Reserve, SEVEN, Some(Kind::Promoted)),
            (Reserve, Ready, Some(Kind::Promoted)),
            (SEVEN, Lapsed, Some(Kind::TestLapsed)),
            (Lapsed, SEVEN, Some(Kind::Accepted)),
            (Asked, OVER, Some(Kind::InvitationRecalled)),
            (SaidYes, OVER, Some(Kind::NoLongerNeeded)),
            (Ready, OVER, Some(Kind::NoLongerNeeded)),
            (Reserve, OVER, Some(Kind::NoLongerNeeded)),
            (Unasked, OVER, None),
            (Lapsed, OVER, None),
            (Ready, Closed, None),
            (Asked, Closed, None),
            (OVER, LetGo(WhyLetGo::NotEligible), None),
        ];
        for (known, now, kind) in cases {
            assert_eq!(to_tell(known, now), kind, "{known:?} → {now:?}");
        }
    }

    fn told(id: i64, knew: Standing, word: Standing, went: Went) -> Told {
        Told { id, says: Some((knew, word)), went }
    }

    fn at(second: i64) -> Went {
        Went::At(Instant::from_unix(second))
    }

    #[test]
    fn a_coach_knows_what_the_last_message_says_that_went_out() {
        let accepted = told(1, SaidYes, SEVEN, at(10));
        let reserved = told(2, SEVEN, Reserve, at(20));
        assert_eq!(known(&[], Ready, None), Ready, "of no message: how they stood before");
        assert_eq!(known(&[accepted], Ready, None), SEVEN);
        assert_eq!(known(&[accepted, reserved], SEVEN, None), Reserve);
        // What waits, or never goes, is not heard.
        let never = Told { went: Went::Never, ..reserved };
        assert_eq!(
            known(&[accepted, never, Told { id: 3, went: Went::NotYet, ..reserved }], Ready, None),
            SEVEN
        );
        let waits = Told { went: Went::NotYet, ..accepted };
        assert_eq!(known(&[waits], SEVEN, None), SaidYes);
        // The one handed over later is the later word, whichever was written first.
        let late = Told { went: at(30), ..reserved };
        let promoted = told(3, Reserve, SEVEN, at(25));
        assert_eq!(known(&[accepted, late, promoted], SEVEN, None), Reserve);
    }

    #[test]
    fn what_was_told_before_the_last_yes_counts_no_more() {
        // The sender of the lapse stopped half-way; the coach said yes again meanwhile.
        let lapsed = told(2, SEVEN, Lapsed, at(20));
        let again = told(3, SaidYes, MIDNIGHT, at(15));
        let all = [told(1, SaidYes, SEVEN, at(10)), lapsed, again];
        assert_eq!(known(&all, MIDNIGHT, None), MIDNIGHT);
        assert_eq!(to_tell(known(&all, MIDNIGHT, None), OVER), Some(MessageKind::NoLongerNeeded));
    }

    #[test]
    fn a_message_that_may_have_gone_out_is_repeated_only_while_it_is_the_last_word() {
        let accepted = told(1, SaidYes, SEVEN, at(10));
        assert_eq!(known(&[accepted], SEVEN, Some(1)), SaidYes, "it may be told once more");
        let again = told(2, SaidYes, SEVEN, at(20));
        assert_eq!(known(&[accepted, again], SEVEN, Some(1)), SEVEN, "it was told since");
    }

    #[test]
    fn of_what_a_server_of_before_told_the_state_before_the_change_is_known() {
        let legacy = Told { id: 2, says: None, went: at(20) };
        let lapsed = told(1, SEVEN, Lapsed, at(10));
        assert_eq!(known(&[lapsed, legacy], MIDNIGHT, None), MIDNIGHT);
        assert!(fits(MessageKind::Promoted, Ready) && !fits(MessageKind::Promoted, OVER));
        assert!(fits(MessageKind::TestLapsed, Lapsed) && !fits(MessageKind::TestLapsed, SEVEN));
    }

    #[test]
    fn every_kind_that_is_told_speaks_of_the_invitation_and_nobody_is_told_what_they_know() {
        for known in ALL {
            assert_eq!(to_tell(known, known), None);
            for kind in ALL.iter().filter_map(|now| to_tell(known, *now)) {
                let row = kind.row();
                assert_eq!((row.topic, row.truth), (TopicKind::Invitation, Truth::Topic), "{kind}");
            }
        }
    }
}
