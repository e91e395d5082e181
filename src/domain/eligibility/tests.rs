use super::*;
use crate::domain::calendar::{lesson_span, parse_day, parse_time};
use chrono_tz::Asia::Shanghai;

fn rules() -> Rules {
    Rules::new(Shanghai)
}
fn time(text: &str) -> NaiveTime {
    parse_time(text).unwrap()
}
fn at(text: &str) -> Instant {
    let (day, clock) = text.split_once(' ').unwrap();
    rules().time.at(parse_day(day).unwrap(), time(clock))
}
fn spans(days: &[&str], start: &str, end: &str) -> Vec<Span> {
    let make = |day: &str| {
        let day = parse_day(day).unwrap();
        let (start, end) = lesson_span(rules().time, day, time(start), time(end));
        Span { day, start, end }
    };
    days.iter().map(|day| make(day)).collect()
}
const THURSDAYS: [&str; 2] = ["2026-03-05", "2026-03-12"];

fn need() -> Need {
    Need {
        task_id: 1,
        subject_id: 1,
        grade_type: GradeType::Junior,
        start: time("19:00"),
        end: time("20:30"),
        spans: spans(&THURSDAYS, "19:00", "20:30"),
        needed: 2,
        cities: BTreeMap::from([("1101".to_owned(), 8), ("3101".to_owned(), 4)]),
        is_a_class: true,
        first: BTreeSet::new(),
        limits: BTreeMap::new(),
        blocks: BTreeMap::new(),
    }
}
fn coach() -> Candidate {
    Candidate {
        id: 1,
        user_name: "c1".to_owned(),
        subject_id: 1,
        grade_type: GradeType::Junior,
        status: JobStatus::Regular,
        rank: 2,
        city: "1101".to_owned(),
        forbid_same_city: false,
        blocked: false,
        opted_out: false,
        offers: vec![Offer {
            id: 7,
            start: time("18:00"),
            end: time("21:00"),
            days: Arc::new(THURSDAYS.iter().map(|day| parse_day(day).unwrap()).collect()),
            first: parse_day("2026-03-01").unwrap(),
            last: parse_day("2026-06-30").unwrap(),
            used: BTreeSet::new(),
        }],
        lessons: Vec::new(),
        held: Vec::new(),
        classes: 0,
        by_hand: BTreeSet::new(),
        said_yes: BTreeSet::new(),
        asked: BTreeSet::new(),
        today: 0,
        week: 0,
        last_auto: None,
        last_invited: None,
        test_passed: None,
        version: 0,
    }
}
const AUTO: Purpose = Purpose::Auto { rescue: false };
fn refused(change: impl FnOnce(&mut Candidate), purpose: Purpose) -> Option<Reason> {
    let mut coach = coach();
    change(&mut coach);
    check(&rules(), &coach, &need(), purpose, at("2026-03-02 09:00")).err()
}

#[test]
fn every_refusal_has_its_reason() {
    assert_eq!(refused(|_| {}, AUTO), None);
    assert_eq!(refused(|coach| coach.status = JobStatus::Retraining, AUTO), Some(Reason::NotOnDuty));
    assert_eq!(refused(|coach| coach.subject_id = 2, AUTO), Some(Reason::Subject));
    assert_eq!(refused(|coach| coach.grade_type = GradeType::Senior, AUTO), Some(Reason::Grade));
    assert_eq!(refused(|coach| coach.offers[0].start = time("19:01"), AUTO), Some(Reason::NoAvailability));
    assert_eq!(refused(|coach| coach.offers[0].end = time("20:29"), AUTO), Some(Reason::NoAvailability));
    assert_eq!(
        refused(|coach| coach.offers[0].last = parse_day("2026-03-11").unwrap(), AUTO),
        Some(Reason::NoAvailability)
    );
    let used = BTreeSet::from([parse_day("2026-03-12").unwrap()]);
    assert_eq!(refused(|coach| coach.offers[0].used = used, AUTO), Some(Reason::NoAvailability));
    assert_eq!(refused(|coach| coach.classes = 5, AUTO), Some(Reason::RankLimit));
    assert_eq!(refused(|coach| coach.classes = 4, AUTO), None);
    assert_eq!(refused(|coach| coach.blocked = true, AUTO), Some(Reason::Blocked));
    assert_eq!(refused(|coach| coach.opted_out = true, AUTO), Some(Reason::OptedOut));
    assert_eq!(refused(|coach| coach.asked = BTreeSet::from([1]), AUTO), Some(Reason::AlreadyAsked));
}

#[test]
fn a_refusal_tells_the_days_and_what_is_in_the_way() {
    let of = |change: &dyn Fn(&mut Candidate)| {
        let mut coach = coach();
        change(&mut coach);
        let reason = check(&rules(), &coach, &need(), AUTO, at("2026-03-02 09:00")).unwrap_err();
        obstacle(&rules(), &coach, &need(), reason)
    };
    let day = |text: &str| parse_day(text).unwrap();
    let second = || vec![day("2026-03-12")];
    let near = || spans(&["2026-03-12"], "18:00", "19:30");
    let far = || spans(&["2026-03-12"], "18:00", "18:45");
    let use_second = |coach: &mut Candidate| coach.offers[0].used = BTreeSet::from([day("2026-03-12")]);
    let held = |spans: Vec<Span>| vec![Held { task_id: 2, spans, until: None }];
    assert_eq!(
        of(&|coach| coach.offers[0].last = day("2026-03-11")),
        Some((Obstacle::NoOffer, second())),
        "nothing is offered on the second day"
    );
    assert_eq!(of(&|coach| coach.lessons = near()), Some((Obstacle::Lessons(near()), second())));
    assert_eq!(of(&|coach| coach.held = held(near())), Some((Obstacle::Tasks(vec![2]), second())));
    assert_eq!(
        of(&|coach| {
            use_second(coach);
            coach.lessons = near();
        }),
        Some((Obstacle::Lessons(near()), second())),
        "the class that is in the way uses the offer"
    );
    assert_eq!(
        of(&|coach| {
            use_second(coach);
            coach.held = held(near());
        }),
        Some((Obstacle::Tasks(vec![2]), second()))
    );
    assert_eq!(
        of(&|coach| {
            use_second(coach);
            coach.lessons = far();
        }),
        Some((Obstacle::Used, second())),
        "of one day an offer is used once"
    );
    assert_eq!(of(&|coach| coach.subject_id = 2), None);
}

#[test]
fn fifteen_minutes_between_lessons_are_enough_and_fourteen_are_not() {
    let before = |end: &str| spans(&["2026-03-12"], "17:00", end);
    assert_eq!(refused(|coach| coach.lessons = before("18:45"), AUTO), None);
    assert_eq!(refused(|coach| coach.lessons = before("18:46"), AUTO), Some(Reason::OverlapClass));
    let held = |end: &str| vec![Held { task_id: 2, spans: before(end), until: None }];
    assert_eq!(refused(|coach| coach.held = held("18:46"), AUTO), Some(Reason::OverlapInvitation));
    assert_eq!(refused(|coach| coach.held = held("18:46"), Purpose::Answer), Some(Reason::OverlapInvitation));
    assert_eq!(
        refused(
            |coach| coach.held = vec![Held { task_id: 1, spans: before("18:46"), until: None }],
            Purpose::Answer
        ),
        None
    );
}

#[test]
fn the_city_rule_needs_a_class_full_of_students_from_elsewhere() {
    // 12 students, 2 classes: 6 from elsewhere are needed, 4 are there.
    assert_eq!(refused(|coach| coach.forbid_same_city = true, AUTO), Some(Reason::SameCity));
    assert_eq!(refused(|coach| coach.forbid_same_city = true, Purpose::Manual { overriding: true }), None);
    let elsewhere = |coach: &mut Candidate| (coach.forbid_same_city, coach.city) = (true, "3101".to_owned());
    assert_eq!(refused(elsewhere, AUTO), None);
}

#[test]
fn budgets_and_spacing_bind_the_automatic_ones_only_and_less_in_the_rescue() {
    let rescue = Purpose::Auto { rescue: true };
    for (change, auto, in_rescue) in [
        ((2, 2, None), Some(Reason::BudgetDay), None),
        ((3, 3, None), Some(Reason::BudgetDay), Some(Reason::BudgetDay)),
        ((0, 6, None), Some(Reason::BudgetWeek), Some(Reason::BudgetWeek)),
        ((1, 1, Some("2026-03-02 08:31")), Some(Reason::Spacing), None),
        ((1, 1, Some("2026-03-02 08:30")), None, None),
        ((1, 1, Some("2026-03-02 08:51")), Some(Reason::Spacing), Some(Reason::Spacing)),
    ] {
        let set = |coach: &mut Candidate| {
            (coach.today, coach.week, coach.last_auto) = (change.0, change.1, change.2.map(at))
        };
        assert_eq!(refused(set, AUTO), auto, "{change:?}");
        assert_eq!(refused(set, rescue), in_rescue, "{change:?}");
        assert_eq!(refused(set, Purpose::Answer), None);
        assert_eq!(refused(set, Purpose::Manual { overriding: false }), None);
    }
}

#[test]
fn a_refusal_may_change_with_time_when_what_holds_the_coach_ends() {
    let mut coach = coach();
    let hold = |until: Option<&str>| Held { task_id: 2, spans: Vec::new(), until: until.map(at) };
    coach.held = vec![hold(None), hold(Some("2026-03-02 12:00")), hold(Some("2026-03-02 11:00"))];
    coach.lessons = spans(&["2026-03-02"], "08:00", "10:30");
    coach.last_auto = Some(at("2026-03-02 08:50"));
    let changes = |reason, rescue| may_change_at(&rules(), &coach, reason, rescue, at("2026-03-02 09:00"));
    assert_eq!(changes(Reason::OverlapInvitation, false), Some(at("2026-03-02 11:00")));
    assert_eq!(changes(Reason::RankLimit, false), Some(at("2026-03-02 10:30")));
    assert_eq!(changes(Reason::Spacing, false), Some(at("2026-03-02 09:20")));
    assert_eq!(changes(Reason::Spacing, true), Some(at("2026-03-02 09:00")));
    assert_eq!(changes(Reason::NoAvailability, false), None);
    assert_eq!(changes(Reason::BudgetDay, false), None, "the next midnight is everybody's");
}

#[test]
fn offers_over_midnight_cover_lessons_over_midnight() {
    let offer =
        |start: &str, end: &str| Offer { start: time(start), end: time(end), ..coach().offers.remove(0) };
    assert!(offer("22:00", "01:00").includes(time("23:30"), time("00:30")));
    assert!(offer("23:30", "00:30").includes(time("23:30"), time("00:30")));
    assert!(!offer("22:00", "00:00").includes(time("23:30"), time("00:30")));
    assert!(offer("22:00", "00:00").includes(time("22:30"), time("23:30")));
    assert!(!offer("10:00", "12:00").includes(time("09:00"), time("10:30")));
    assert!(
        !offer("22:00", "01:00").includes(time("00:10"), time("00:40")),
        "that is another civil day's lesson"
    );
}

#[test]
fn coaches_are_asked_by_rank_then_fewest_classes_then_longest_since_then_name() {
    let one = |name: &str, rank, classes, last: Option<i64>| Candidate {
        user_name: name.to_owned(),
        rank,
        classes,
        last_invited: last.map(Instant::from_unix),
        ..coach()
    };
    let all = [
        one("e", 2, 0, None),
        one("d", 1, 1, None),
        one("c", 1, 0, Some(9)),
        one("b", 1, 0, None),
        one("a", 1, 0, None),
    ];
    let mut ordered: Vec<&Candidate> = all.iter().collect();
    order(&mut ordered, &BTreeSet::new());
    assert_eq!(
        ordered.iter().map(|coach| coach.user_name.as_str()).collect::<Vec<_>>(),
        ["a", "b", "c", "d", "e"]
    );
}

#[test]
fn the_limits_of_a_season_are_two_and_a_yes_stays() {
    const MANUAL: Purpose = Purpose::Manual { overriding: true };
    let refused = |purpose, classes, change: fn(&mut Candidate)| {
        let mut coach = Candidate { classes, ..coach() };
        change(&mut coach);
        let limits = BTreeMap::from([(2, ClassLimit { base: 1, most: 3 })]);
        let need = Need { limits, ..need() };
        check(&rules(), &coach, &need, purpose, at("2026-03-02 09:00")).err()
    };
    let over = Some(Reason::RankLimit);
    let nothing = |_: &mut Candidate| {};
    let by_hand = |coach: &mut Candidate| coach.by_hand = BTreeSet::from([1]);
    assert_eq!([0, 1].map(|classes| refused(AUTO, classes, nothing)), [None, over]);
    assert_eq!([2, 3].map(|classes| refused(MANUAL, classes, nothing)), [None, over]);
    // An answer is judged as its invitation was.
    assert_eq!([0, 1].map(|classes| refused(Purpose::Answer, classes, nothing)), [None, over]);
    assert_eq!([2, 3].map(|classes| refused(Purpose::Answer, classes, by_hand)), [None, over]);
    assert_eq!(refused(Purpose::Answer, 9, |coach| coach.said_yes = BTreeSet::from([1])), None);
    // Another rank keeps what the configuration says: 6 of rank 1.
    assert_eq!([5, 6].map(|classes| refused(AUTO, classes, |coach| coach.rank = 1)), [None, over]);
}
