use super::*;

#[test]
fn a_lesson_day_is_read_as_it_is_listed_or_not_at_all() {
    let lesson = lesson_day("2026-03-07,1772881200,1772884800,6,2").unwrap();
    assert_eq!(lesson.day, Day::from_ymd_opt(2026, 3, 7).unwrap());
    assert_eq!(
        (lesson.start_at, lesson.end_at),
        (Instant::from_unix(1_772_881_200), Instant::from_unix(1_772_884_800))
    );
    assert_eq!((lesson.capacity, lesson.taken), (6, 2));
    for cut in [
        "",
        "2026-03-07",
        "2026-03-07,1772881200,1772884800,6",
        "2026-02-30,1,2,6,2",
        "2026-03,1,2,6,2",
        "2026-03-07,1,2,6,",
    ] {
        assert_eq!(lesson_day(cut), None, "{cut:?}");
    }
}

#[test]
fn days_with_the_seats_taken_are_read_in_order_or_not_at_all() {
    let day = |number| Day::from_ymd_opt(2026, 3, number).unwrap();
    assert_eq!(days_taken("2026-03-08250000;2026-03-070"), Some(vec![(day(7), 0), (day(8), 250_000)]));
    for cut in [
        "",
        "2026-03-07",
        "2026-03-071;",
        "2026-03-071;2026",
        "2026-02-301",
        "2026-3-071",
        "2026-03-07x",
        "２０２６-03-071",
    ] {
        assert_eq!(days_taken(cut), None, "{cut:?}");
    }
}
