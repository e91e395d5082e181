//! The city rule: no student is placed with a coach of the same city who is marked
//! `forbid_same_city`.

use crate::staffing::stage::{MATH, SATURDAY, Stage, each, evening};
use etutor::testing::{Academy, on_every_app_at};

/// Coach 1 forbids students of the same city; students 1 … `same` live there.
fn academy(students: usize, same: usize, coaches: usize) -> Academy {
    let mut academy = evening().coaches(coaches).students(students);
    academy.coaches[0].forbid_same_city = true;
    for student in &mut academy.students[..same] {
        // Another district of the city.
        student.area_code = format!("{}99", &academy.coaches[0].area_code[..4]);
    }
    academy
}

#[test]
fn even_sizes_give_way_to_the_city_rule() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, academy(9, 6, 4), 9).await;
        stage.ignore_messages("this story is about rosters");
        stage.minute("2026-03-02T08:00").await;
        // ⌊9 ÷ 2⌋ = 4 would be needed from elsewhere, and there are three: coach 1 is not asked.
        assert_eq!(stage.asked(MATH).await, each(2..=4, "SENT"));
        assert_eq!(
            stage.fire("invite exec", None).await.skipped.get("SAME_CITY"),
            None,
            "nobody more is wanted"
        );
        assert_eq!(stage.invite(1, MATH, None).await, "SAME_CITY");
        assert_eq!(stage.invite(1, MATH, Some("只剩这位")).await, "QUEUED");
        // A yes is judged by the rule again.
        assert_eq!(stage.yes(1, MATH).await, "SAME_CITY");
    });
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, academy(9, 5, 4), 9).await;
        stage.ignore_messages("this story is about rosters");
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1, 2], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.state(MATH).await, "FORMED");
        assert_eq!(stage.classes(MATH).await, ["coach-001: 6 7 8 9", "coach-002: 1 2 3 4 5"]);
    });
}

#[test]
fn whom_the_city_rule_keeps_out_is_reported_with_the_reason() {
    on_every_app_at(SATURDAY, async |app| {
        // Two classes of six; seven live in the city of coach 1, five elsewhere.
        let stage = Stage::monday(app, academy(12, 6, 4), 12).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1, 2], MATH).await;
        // One from elsewhere leaves, and somebody of the city was in time too.
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.classes(MATH).await, ["coach-001: 7 8 9 10 11 12", "coach-002: 1 2 3 4 5 6"]);
        stage.told().await;
    });
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, academy(11, 5, 2), 11).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        // Only coach 1 is ready: six from elsewhere have a class, those of the city have none.
        stage.told().await;
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.state(MATH).await, "PARTIAL");
        assert_eq!(stage.classes(MATH).await, ["coach-001: 6 7 8 9 10 11"]);
        let messages = stage.messages().await;
        let left = messages.iter().find(|row| row.kind.as_str() == "TASK_LEFT_OVER").unwrap();
        assert!(left.body.contains("有5名学员未能入班（同城限制）"), "{}", left.body);
    });
}

#[test]
fn a_municipality_is_one_city_and_each_unit_directly_under_a_province_is_another() {
    for (coach, student, asked) in [
        ("310104", "310230", 2..=3),
        ("110101", "110229", 2..=3),
        ("441900", "441900", 2..=3),
        ("371200", "371203", 2..=3),
        ("429004", "429004", 2..=3),
        // Two units directly under Hubei; two prefectures of one province.
        ("429004", "429005", 1..=2),
        ("371200", "371301", 1..=2),
    ] {
        on_every_app_at(SATURDAY, async |app| {
            let mut academy = academy(6, 6, 3);
            academy.coaches[0].area_code = coach.to_owned();
            academy.students.iter_mut().for_each(|one| one.area_code = student.to_owned());
            let stage = Stage::monday(app, academy, 6).await;
            stage.ignore_messages("this story is about who is asked");
            stage.minute("2026-03-02T08:00").await;
            assert_eq!(
                stage.asked(MATH).await,
                each(asked.clone(), "SENT"),
                "coach in {coach}, students in {student}"
            );
        });
    }
}
