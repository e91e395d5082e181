//! The catalogue: what is written can be read again, and nothing is taken away from those who have
//! signed up.

mod deleting;

use etutor::rpc::pb;
use etutor::storage::referrers::Part;
use etutor::storage::sql::sql;
use etutor::testing::{Academy, TestApp, on_every_app};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The field that a refusal names.
fn field(status: &Status) -> String {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    status.get_error_details().bad_request().unwrap().field_violations[0].field.clone()
}

/// The reason of a refusal.
fn reason(status: &Status) -> String {
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
    status.get_error_details().error_info().unwrap().reason.clone()
}

/// Mathematics on Saturdays at 19:00 in a short spring of four Saturdays.
fn saturdays() -> Academy {
    Academy::new()
        .season("2026-03-02", "2026-03-29")
        .period("19:00", "20:30")
        .template("sat", "FREQ=WEEKLY;BYDAY=SA")
        .students(3)
}

async fn put_season(app: &TestApp, season: pb::Season) -> Result<pb::Season, Status> {
    let request =
        pb::UpsertSeasonRequest { season: Some(season), request_id: String::new(), validate_only: false };
    Ok(app.catalog().upsert_season(request).await?.into_inner().season.unwrap())
}

async fn put_period(app: &TestApp, period: pb::Period) -> Result<pb::Period, Status> {
    let request =
        pb::UpsertPeriodRequest { period: Some(period), request_id: String::new(), validate_only: false };
    Ok(app.catalog().upsert_period(request).await?.into_inner().period.unwrap())
}

async fn put_template(app: &TestApp, template: pb::ClassTemplate) -> Result<pb::ClassTemplate, Status> {
    let request = pb::UpsertClassTemplateRequest {
        class_template: Some(template),
        request_id: String::new(),
        validate_only: false,
    };
    Ok(app.catalog().upsert_class_template(request).await?.into_inner().class_template.unwrap())
}

async fn lesson_days(app: &TestApp, template: &str) -> Vec<pb::LessonDay> {
    let request = pb::ListLessonDaysRequest {
        class_template: template.to_owned(),
        page_size: 1000,
        ..Default::default()
    };
    app.catalog().list_lesson_days(request).await.unwrap().into_inner().lesson_days
}

async fn days(app: &TestApp, template: &str) -> Vec<String> {
    lesson_days(app, template).await.into_iter().map(|day| day.day).collect()
}

async fn sign_up(app: &TestApp, student: &str, template: &str, first: &str, last: &str) {
    saturdays().reserve(app, student, template, Some((first, last))).await.unwrap();
}

#[test]
fn what_is_put_into_the_catalogue_can_be_read_again() {
    on_every_app(async |app| {
        let academy = saturdays().build(&app).await;
        let mut catalog = app.catalog();
        let season = catalog
            .get_season(pb::GetSeasonRequest { code: "spring".into() })
            .await
            .unwrap()
            .into_inner()
            .season
            .unwrap();
        assert_eq!(season, academy.season);
        let request = pb::GetPeriodRequest { season: "spring".into(), code: "p1900".into() };
        assert_eq!(
            catalog.get_period(request).await.unwrap().into_inner().period.unwrap(),
            academy.periods[0]
        );
        let request = pb::GetClassTemplateRequest { code: "sat".into() };
        assert_eq!(
            catalog.get_class_template(request).await.unwrap().into_inner().class_template.unwrap(),
            academy.templates[0]
        );
        let listed = catalog.list_class_templates(pb::ListClassTemplatesRequest {
            season: "spring".into(),
            ..Default::default()
        });
        assert_eq!(listed.await.unwrap().into_inner().class_templates, academy.templates);
        let of_grade_8 = pb::ListClassTemplatesRequest { grade: 8, ..Default::default() };
        assert!(
            catalog.list_class_templates(of_grade_8).await.unwrap().into_inner().class_templates.is_empty()
        );
        assert_eq!(
            catalog.list_periods(pb::ListPeriodsRequest::default()).await.unwrap().into_inner().periods,
            academy.periods
        );
        assert_eq!(
            catalog.list_seasons(pb::ListSeasonsRequest::default()).await.unwrap().into_inner().seasons,
            [academy.season]
        );
    });
}

#[test]
fn lists_come_in_pages() {
    on_every_app(async |app| {
        let mut catalog = app.catalog();
        for subject_id in 1..=5 {
            let subject = Some(pb::Subject { subject_id, name: format!("学科{subject_id}") });
            catalog
                .upsert_subject(pb::UpsertSubjectRequest { subject, request_id: String::new() })
                .await
                .unwrap();
        }
        let (mut seen, mut page_token, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = catalog
                .list_subjects(pb::ListSubjectsRequest { page_size: 2, page_token })
                .await
                .unwrap()
                .into_inner();
            seen.extend(page.subjects.into_iter().map(|subject| subject.subject_id));
            (page_token, pages) = (page.next_page_token, pages + 1);
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!((seen, pages), (vec![1, 2, 3, 4, 5], 3));
        for (page_size, page_token, wrong) in
            [(-1, "", "page_size"), (1001, "", "page_size"), (0, "nonsense", "page_token")]
        {
            let request = pb::ListSubjectsRequest { page_size, page_token: page_token.into() };
            assert_eq!(field(&catalog.list_subjects(request).await.unwrap_err()), wrong);
        }
    });
}

#[test]
fn a_template_has_a_place_for_everyone_on_each_lesson_day() {
    on_every_app(async |app| {
        saturdays().classes(2, 6).build(&app).await;
        let found = lesson_days(&app, "sat").await;
        let shown: Vec<_> =
            found.iter().map(|day| (day.day.as_str(), day.capacity, day.taken, day.free)).collect();
        assert_eq!(
            shown,
            ["2026-03-07", "2026-03-14", "2026-03-21", "2026-03-28"].map(|day| (day, 12, 0, 12))
        );
        assert_eq!(found[0].start_time.unwrap().seconds, app.instant("2026-03-07T19:00").unix());
        assert_eq!(found[0].end_time.unwrap().seconds, app.instant("2026-03-07T20:30").unix());
        sign_up(&app, "student-001", "sat", "2026-03-10", "2026-03-22").await;
        let taken: Vec<i32> = lesson_days(&app, "sat").await.iter().map(|day| day.taken).collect();
        assert_eq!(taken, [0, 1, 1, 0]);
        let mut catalog = app.catalog();
        let request = |page_token, page_size| pb::ListLessonDaysRequest {
            class_template: "sat".into(),
            from_day: "2026-03-08".into(),
            to_day: "2026-03-28".into(),
            page_size,
            page_token,
        };
        let first = catalog.list_lesson_days(request(String::new(), 2)).await.unwrap().into_inner();
        assert_eq!(first.lesson_days.len(), 2);
        let second = catalog.list_lesson_days(request(first.next_page_token, 2)).await.unwrap().into_inner();
        assert_eq!((second.lesson_days[0].day.as_str(), second.next_page_token.as_str()), ("2026-03-28", ""));
    });
}

#[test]
fn a_period_that_ends_not_after_its_start_ends_on_the_next_day() {
    on_every_app(async |app| {
        Academy::new()
            .season("2026-03-02", "2026-03-08")
            .period("23:30", "00:30")
            .template("late", "FREQ=DAILY")
            .build(&app)
            .await;
        let found = lesson_days(&app, "late").await;
        assert_eq!(found.len(), 7);
        assert_eq!(
            (found[0].day.as_str(), found[0].end_time.unwrap().seconds),
            ("2026-03-02", app.instant("2026-03-03T00:30").unix())
        );
    });
}

#[test]
fn lesson_days_follow_the_season_as_long_as_nobody_has_signed_up() {
    on_every_app(async |app| {
        let mut academy = saturdays().build(&app).await;
        academy.season.except_days = vec!["2026-03-14".into()];
        put_season(&app, academy.season.clone()).await.unwrap();
        assert_eq!(days(&app, "sat").await, ["2026-03-07", "2026-03-21", "2026-03-28"]);
        academy.season.end_day = "2026-04-12".into();
        academy.season.except_days.clear();
        put_season(&app, academy.season.clone()).await.unwrap();
        assert_eq!(days(&app, "sat").await.len(), 6);
        put_period(
            &app,
            pb::Period { start_time: "10:00".into(), end_time: "11:00".into(), ..academy.periods[0].clone() },
        )
        .await
        .unwrap();
        assert_eq!(
            lesson_days(&app, "sat").await[0].start_time.unwrap().seconds,
            app.instant("2026-03-07T10:00").unix()
        );
        // A season without any Saturday would leave the template without lessons.
        let short = pb::Season { end_day: "2026-03-06".into(), ..academy.season };
        assert_eq!(field(&put_season(&app, short).await.unwrap_err()), "season.start_day");
        assert_eq!(days(&app, "sat").await.len(), 6);
    });
}

#[test]
fn nothing_is_taken_away_from_those_who_signed_up() {
    on_every_app(async |app| {
        let academy = saturdays().build(&app).await;
        sign_up(&app, "student-001", "sat", "2026-03-07", "2026-03-21").await;
        sign_up(&app, "student-002", "sat", "2026-03-07", "2026-03-21").await;
        let before = lesson_days(&app, "sat").await;
        // What is edited for all who signed up is told in `season_edits`; a place that is taken
        // stays.
        let small = pb::ClassTemplate { max_students_per_class: 1, ..academy.templates[0].clone() };
        assert_eq!(reason(&put_template(&app, small).await.unwrap_err()), "IN_USE");
        let other = pb::ClassTemplate { grade: 8, ..academy.templates[0].clone() };
        assert_eq!(reason(&put_template(&app, other).await.unwrap_err()), "IN_USE");
        assert_eq!(lesson_days(&app, "sat").await, before);
        // What nobody has a claim on may change.
        let smaller = pb::ClassTemplate { max_students_per_class: 2, ..academy.templates[0].clone() };
        put_template(&app, smaller).await.unwrap();
        let free: Vec<i32> = lesson_days(&app, "sat").await.iter().map(|day| day.free).collect();
        assert_eq!(free, [0, 0, 0, 2]);
        put_season(&app, pb::Season { end_day: "2026-03-27".into(), ..academy.season }).await.unwrap();
        assert_eq!(days(&app, "sat").await, ["2026-03-07", "2026-03-14", "2026-03-21"]);
    });
}

#[test]
fn a_page_token_of_another_list_or_other_filters_is_refused() {
    on_every_app(async |app| {
        saturdays()
            .period("08:00", "09:00")
            .template("early", "FREQ=DAILY")
            .template("late", "FREQ=DAILY")
            .build(&app)
            .await;
        let mut catalog = app.catalog();
        let templates = |grade, page_size, page_token: &str| {
            let (season, page_token) = ("spring".to_owned(), page_token.to_owned());
            pb::ListClassTemplatesRequest { season, grade, page_size, page_token, ..Default::default() }
        };
        let first = catalog.list_class_templates(templates(7, 1, "")).await.unwrap().into_inner();
        let token = first.next_page_token.as_str();
        let second =
            catalog.list_class_templates(templates(7, 2, token)).await.unwrap().into_inner().class_templates;
        assert_eq!(
            second.iter().map(|template| template.code.as_str()).collect::<Vec<_>>(),
            ["early", "late"]
        );
        assert_eq!(
            field(&catalog.list_class_templates(templates(0, 1, token)).await.unwrap_err()),
            "page_token"
        );
        let periods = pb::ListPeriodsRequest {
            season: "spring".into(),
            page_token: token.to_owned(),
            ..Default::default()
        };
        assert_eq!(field(&catalog.list_periods(periods).await.unwrap_err()), "page_token");
        let days = |class_template: &str, page_token: &str| {
            let (class_template, page_token) = (class_template.to_owned(), page_token.to_owned());
            pb::ListLessonDaysRequest { class_template, page_size: 1, page_token, ..Default::default() }
        };
        let of_early =
            catalog.list_lesson_days(days("early", "")).await.unwrap().into_inner().next_page_token;
        assert_eq!(
            catalog.list_lesson_days(days("early", &of_early)).await.unwrap().into_inner().lesson_days.len(),
            1
        );
        assert_eq!(
            field(&catalog.list_lesson_days(days("late", &of_early)).await.unwrap_err()),
            "page_token"
        );
        let mut staffing = app.staffing();
        let other = pb::ListClassTasksRequest { page_token: token.to_owned(), ..Default::default() };
        assert_eq!(field(&staffing.list_class_tasks(other).await.unwrap_err()), "page_token");
    });
}

#[test]
fn saying_the_same_again_writes_nothing() {
    on_every_app(async |app| {
        let academy = saturdays().build(&app).await;
        sign_up(&app, "student-001", "sat", "2026-03-07", "2026-03-28").await;
        let before = lesson_days(&app, "sat").await;
        put_season(&app, academy.season.clone()).await.unwrap();
        put_period(&app, academy.periods[0].clone()).await.unwrap();
        put_template(&app, academy.templates[0].clone()).await.unwrap();
        assert_eq!(lesson_days(&app, "sat").await, before);
    });
}

#[test]
fn a_request_id_answers_the_same_request_only() {
    on_every_app(async |app| {
        let mut catalog = app.catalog();
        let request = |name: &str| pb::UpsertSubjectRequest {
            subject: Some(pb::Subject { subject_id: 7, name: name.into() }),
            request_id: "from-the-office-1".into(),
        };
        catalog.upsert_subject(request("数学")).await.unwrap();
        catalog.upsert_subject(request("数学")).await.unwrap();
        assert_eq!(reason(&catalog.upsert_subject(request("语文")).await.unwrap_err()), "REQUEST_ID_REUSED");
        let found = catalog
            .get_subject(pb::GetSubjectRequest { subject_id: 7 })
            .await
            .unwrap()
            .into_inner()
            .subject
            .unwrap();
        assert_eq!(found.name, "数学");
    });
}

#[test]
fn many_who_make_the_same_thing_at_once_make_it_once() {
    on_every_app(async |app| {
        let academy = saturdays().build(&app).await;
        let new = pb::ClassTemplate { code: "sat-2".into(), ..academy.templates[0].clone() };
        let made = join_all((0..10).map(|_| put_template(&app, new.clone()))).await;
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        assert_eq!(days(&app, "sat-2").await.len(), 4);
    });
}

#[test]
fn wrong_values_are_refused_with_the_name_of_the_field() {
    on_every_app(async |app| {
        let academy = saturdays().build(&app).await;
        let season = |change: fn(&mut pb::Season)| {
            let mut season = academy.season.clone();
            change(&mut season);
            put_season(&app, season)
        };
        assert_eq!(field(&season(|it| it.code = String::new()).await.unwrap_err()), "season.code");
        assert_eq!(field(&season(|it| it.code = "x".repeat(65)).await.unwrap_err()), "season.code");
        assert_eq!(field(&season(|it| it.year = 0).await.unwrap_err()), "season.year");
        assert_eq!(field(&season(|it| it.r#type = 0).await.unwrap_err()), "season.type");
        assert_eq!(field(&season(|it| it.r#type = 99).await.unwrap_err()), "season.type");
        assert_eq!(
            field(&season(|it| it.start_day = "2026-02-30".into()).await.unwrap_err()),
            "season.start_day"
        );
        assert_eq!(
            field(&season(|it| it.end_day = "2026-03-01".into()).await.unwrap_err()),
            "season.end_day"
        );
        assert_eq!(
            field(&season(|it| it.end_day = "9999-12-31".into()).await.unwrap_err()),
            "season.end_day"
        );
        assert_eq!(
            field(&season(|it| it.except_days = vec!["2026-04-01".into()]).await.unwrap_err()),
            "season.except_days"
        );
        assert_eq!(
            field(&season(|it| it.except_days = vec!["2026-03-07".into(); 2]).await.unwrap_err()),
            "season.except_days"
        );
        let period = |change: fn(&mut pb::Period)| {
            let mut period = academy.periods[0].clone();
            change(&mut period);
            put_period(&app, period)
        };
        assert_eq!(field(&period(|it| it.season = String::new()).await.unwrap_err()), "period.season");
        assert_eq!(period(|it| it.season = "none".into()).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(field(&period(|it| it.grade_type = 0).await.unwrap_err()), "period.grade_type");
        assert_eq!(
            field(&period(|it| it.grade_type = pb::GradeType::Senior.into()).await.unwrap_err()),
            "period.grade_type"
        );
        assert_eq!(
            field(&period(|it| it.start_time = "24:00".into()).await.unwrap_err()),
            "period.start_time"
        );
        assert_eq!(field(&period(|it| it.end_time = "23:01".into()).await.unwrap_err()), "period.end_time");
        assert_eq!(field(&period(|it| it.end_time = "19:00".into()).await.unwrap_err()), "period.end_time");
        let template = |change: fn(&mut pb::ClassTemplate)| {
            let mut template = academy.templates[0].clone();
            change(&mut template);
            put_template(&app, template)
        };
        assert_eq!(field(&template(|it| it.code = "a b".into()).await.unwrap_err()), "class_template.code");
        assert_eq!(template(|it| it.season = "none".into()).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(template(|it| it.period = "none".into()).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(template(|it| it.subject_id = 99).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(field(&template(|it| it.subject_id = -1).await.unwrap_err()), "class_template.subject_id");
        assert_eq!(field(&template(|it| it.grade = 13).await.unwrap_err()), "class_template.grade");
        assert_eq!(field(&template(|it| it.grade = 6).await.unwrap_err()), "class_template.grade");
        for rule in
            ["", "weekly", "FREQ=HOURLY", "FREQ=DAILY;INTERVAL=0", "FREQ=YEARLY;BYMONTH=7", "FREQ=DAILY\u{0}"]
        {
            let template = pb::ClassTemplate { recurrence: rule.into(), ..academy.templates[0].clone() };
            assert_eq!(
                field(&put_template(&app, template).await.unwrap_err()),
                "class_template.recurrence",
                "{rule:?}"
            );
        }
        assert_eq!(
            field(&template(|it| it.max_classes = 0).await.unwrap_err()),
            "class_template.max_classes"
        );
        let crowd = template(|it| it.max_students_per_class = i32::MAX).await.unwrap_err();
        assert_eq!(field(&crowd), "class_template.max_students_per_class");
        let mut catalog = app.catalog();
        assert_eq!(
            field(&catalog.upsert_season(pb::UpsertSeasonRequest::default()).await.unwrap_err()),
            "season"
        );
        assert_eq!(
            field(&catalog.upsert_period(pb::UpsertPeriodRequest::default()).await.unwrap_err()),
            "period"
        );
        assert_eq!(
            field(
                &catalog.upsert_class_template(pb::UpsertClassTemplateRequest::default()).await.unwrap_err()
            ),
            "class_template"
        );
        assert_eq!(
            field(&catalog.upsert_subject(pb::UpsertSubjectRequest::default()).await.unwrap_err()),
            "subject"
        );
        let nameless = pb::UpsertSubjectRequest {
            subject: Some(pb::Subject { subject_id: 1, name: " ".into() }),
            request_id: String::new(),
        };
        assert_eq!(field(&catalog.upsert_subject(nameless).await.unwrap_err()), "subject.name");
        assert_eq!(field(&catalog.get_season(pb::GetSeasonRequest::default()).await.unwrap_err()), "code");
        assert_eq!(
            field(&catalog.get_subject(pb::GetSubjectRequest::default()).await.unwrap_err()),
            "subject_id"
        );
        assert_eq!(field(&catalog.get_period(pb::GetPeriodRequest::default()).await.unwrap_err()), "season");
        assert_eq!(
            catalog.get_season(pb::GetSeasonRequest { code: "none".into() }).await.unwrap_err().code(),
            Code::NotFound
        );
        let backwards = pb::ListLessonDaysRequest {
            class_template: "sat".into(),
            from_day: "2026-03-10".into(),
            to_day: "2026-03-09".into(),
            ..Default::default()
        };
        assert_eq!(field(&catalog.list_lesson_days(backwards).await.unwrap_err()), "to_day");
        assert_eq!(days(&app, "sat").await.len(), 4);
    });
}
