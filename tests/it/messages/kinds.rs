//! The table of kinds in the rules (docs/domain.md §7) is the table in the code.

use etutor::domain::message::{IfUnknown, KindRow, Timing, TopicKind, Truth};
use etutor::domain::state::{Audience, MessageKind};

/// The cells of a kind as the rules write them: to, speaks of, when, repeated after UNKNOWN, looked
/// at.
fn cells(row: &KindRow) -> [String; 5] {
    let to: Vec<&str> = row
        .to
        .iter()
        .map(|to| match to {
            Audience::Coach => "coach",
            Audience::Student => "student",
            Audience::Admin => "admin",
        })
        .collect();
    let topic = match row.topic {
        TopicKind::Lesson => "lesson",
        TopicKind::Invitation => "invitation",
        TopicKind::Task => "task",
        TopicKind::Class => "class",
        TopicKind::WaitingPlace => "waiting list",
        TopicKind::SignUp => "sign-up",
        TopicKind::Service => "service",
    };
    let timing = match row.timing {
        Timing::Invitation => "invitation",
        Timing::Reminder => "reminder",
        Timing::Notice => "notice",
        Timing::NightMail => "alarm",
        Timing::Always => "always",
    };
    let repeated = match row.if_unknown {
        IfUnknown::Again => "yes",
        IfUnknown::Never => "no",
    };
    let looked_at = match row.truth {
        Truth::Always => "",
        Truth::Topic => "topic",
        _ => "yes",
    };
    [to.join(", "), topic.to_owned(), timing.to_owned(), repeated.to_owned(), looked_at.to_owned()]
}

#[test]
fn the_rules_and_the_code_have_the_same_table() {
    let rules = std::fs::read_to_string("docs/domain.md").unwrap();
    let table = rules.lines().skip_while(|line| !line.starts_with("| kind | to | says |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let &[kind, to, _, topic, when, _, repeated, looked_at] = cells.as_slice() else {
            panic!("not eight cells: {line}");
        };
        let one = |to: &str| to.trim_end_matches('s').to_owned();
        let to: Vec<String> = to.split(", ").map(one).collect();
        // What follows in brackets is an exception of one call.
        let when = when.split(" (").next().unwrap_or_default();
        let cells =
            [to.join(", "), topic.to_owned(), when.to_owned(), repeated.to_owned(), looked_at.to_owned()];
        (kind.to_owned(), cells)
    });
    let expected = MessageKind::ALL.iter().map(|kind| (kind.to_string(), cells(kind.row())));
    assert_eq!(rows.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}
