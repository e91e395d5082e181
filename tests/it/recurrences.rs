//! Which recurrences are accepted and what they mean, by two tables, at every entry point that
//! takes one.

use crate::staffing::stage::{MATH, SATURDAY, Stage, each, evening};
use etutor::domain::calendar::parse_day;
use etutor::domain::recurrence::Recurrence;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::{Academy, on_every_app, on_every_app_at};
use etutor::write_txn;
use tonic::Code;

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

/// The days are those of python-dateutil and npm's rrule, which agree (tests/peers/recurrences.sh).
#[test]
fn two_hundred_rules_give_the_days_that_others_give() {
    let mut number = 0;
    for line in lines(include_str!("../data/recurrences.tsv")) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [rule, first, last, days] = cells[..] else { panic!("{line:?}") };
        let found = rule.parse::<Recurrence>().unwrap_or_else(|wrong| panic!("{rule}: {wrong}"));
        let found = found.days(parse_day(first).unwrap(), parse_day(last).unwrap());
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            days,
            "{rule} from {first} to {last}"
        );
        number += 1;
    }
    assert_eq!(number, 200);
}

#[test]
fn two_hundred_texts_are_refused_and_the_part_is_named() {
    let mut number = 0;
    for line in lines(include_str!("../data/recurrences_refused.tsv")) {
        let (part, text) = line.split_once('\t').unwrap();
        let wrong = text.parse::<Recurrence>().expect_err(text);
        assert_eq!(wrong.part, part, "{text:?}: {wrong}");
        assert!(wrong.reason.len() > 10, "{text:?}: {wrong}");
        number += 1;
    }
    assert!(number >= 200, "{number}");
}

/// What each of the doors is shown, and the part it must name.
const WRONG: [(&str, &str); 7] = [
    ("FREQ=WEEKLY;BYDAY=1SA", "BYDAY: "),
    ("FREQ=WEEKLY;BYDAY=SA，SU", "BYDAY: "),
    ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS: "),
    ("FREQ=WEEKLY;BYDAY=SA;", "part 3: "),
    ("FREQ=WEEKLY;BYDAY=ÄÖ", "BYDAY: "),
    ("FREQ=WEEKLY;COUNT=3", "COUNT: "),
    ("FREQ=WEEKLY;UNTIL=20260401", "UNTIL: "),
];

/// (Import: import/broken.rs.)
#[test]
fn the_catalogue_and_the_offers_of_coaches_name_the_part_that_is_wrong() {
    on_every_app(async |app| {
        let academy = Academy::new()
            .period("19:00", "20:30")
            .template("sat", "FREQ=WEEKLY;BYDAY=SA")
            .coaches(1)
            .build(&app)
            .await;
        for (wrong, part) in WRONG {
            let template = pb::ClassTemplate { recurrence: wrong.to_owned(), ..academy.templates[0].clone() };
            let request =
                pb::UpsertClassTemplateRequest { class_template: Some(template), ..Default::default() };
            let refused = app.catalog().upsert_class_template(request).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{wrong}");
            assert!(
                refused.message().starts_with(&format!("class_template.recurrence: {part}")),
                "{wrong}: {}",
                refused.message()
            );
            let offer = pb::Availability {
                period: academy.periods[0].code.clone(),
                recurrence: wrong.to_owned(),
                start_day: "2026-03-02".to_owned(),
                end_day: "2026-06-28".to_owned(),
                ..Default::default()
            };
            let coach = academy.coaches[0].user_name.clone();
            let request =
                pb::SetAvailabilityRequest { coach, season: "spring".to_owned(), availability: vec![offer] };
            let refused = app.coaches().set_availability(request).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{wrong}");
            assert!(
                refused.message().starts_with(&format!("availability[0].recurrence: {part}")),
                "{wrong}: {}",
                refused.message()
            );
        }
    });
}

/// A version that asked less stored such rules. The offer is of no day, the template keeps the days
/// it has and is reported by name; all others go on.
#[test]
fn a_stored_rule_that_is_none_stops_nobody_else() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, evening().coaches(3).students(6)).await;
        stage.ignore_messages("this story is about who is asked");
        let wrong = "FREQ=WEEKLY;BYDAY=SA，SU";
        write_txn!(stage.db(), "test.wrong_rules", |txn| {
            let first = "UPDATE coach_availability SET recurrence = ? WHERE coach_id = (SELECT id FROM coach \
                 WHERE user_name = 'coach-001')";
            sql(first).bind(wrong).execute(txn).await?;
            sql("UPDATE class_template SET recurrence = ?").bind(wrong).execute(txn).await
        })
        .unwrap();
        stage.academy.reserve_all(&stage, "math", 1, 6, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.asked(MATH).await, each(2..=3, "SENT"));
        let report = stage.fire("clazz init_place", None).await;
        assert!(
            report.failed > 0 && report.notes.iter().any(|note| note.starts_with("math: ")),
            "{report:?}"
        );
    });
}
