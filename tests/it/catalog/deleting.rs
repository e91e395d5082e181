//! What something still refers to is not deleted, and the refusal says what that is.

use super::*;

#[test]
fn what_others_refer_to_is_not_deleted() {
    on_every_app(async |app| {
        saturdays().build(&app).await;
        let mut catalog = app.catalog();
        let season = || pb::DeleteSeasonRequest { code: "spring".into() };
        let period = || pb::DeletePeriodRequest { season: "spring".into(), code: "p1900".into() };
        let subject = || pb::DeleteSubjectRequest { subject_id: 1 };
        let template = || pb::DeleteClassTemplateRequest { code: "sat".into() };
        let by = |refused: Status| {
            assert_eq!(reason(&refused), "IN_USE");
            refused.message().to_owned()
        };
        let refused = by(catalog.delete_season(season()).await.unwrap_err());
        assert_eq!(refused, "season spring is used by 1 period (p1900) and 1 class template (sat)");
        let refused = by(catalog.delete_period(period()).await.unwrap_err());
        assert_eq!(refused, "period spring/p1900 is used by 1 class template (sat)");
        let refused = by(catalog.delete_subject(subject()).await.unwrap_err());
        assert_eq!(refused, "subject 1 is used by 1 class template (sat)");
        catalog.delete_class_template(template()).await.unwrap();
        catalog.delete_period(period()).await.unwrap();
        catalog.delete_season(season()).await.unwrap();
        catalog.delete_subject(subject()).await.unwrap();
        assert_eq!(catalog.delete_class_template(template()).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(catalog.delete_period(period()).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(catalog.delete_season(season()).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(catalog.delete_subject(subject()).await.unwrap_err().code(), Code::NotFound);
    });
}

#[test]
fn a_template_that_was_signed_up_for_is_not_deleted() {
    on_every_app(async |app| {
        saturdays().build(&app).await;
        sign_up(&app, "student-001", "sat", "2026-03-07", "2026-03-28").await;
        let refused = app
            .catalog()
            .delete_class_template(pb::DeleteClassTemplateRequest { code: "sat".into() })
            .await
            .unwrap_err();
        assert_eq!(reason(&refused), "IN_USE");
        let ids: Vec<i64> = sql("SELECT id FROM reservation").column(app.db().reader()).await.unwrap();
        assert_eq!(refused.message(), format!("class template sat is used by 1 reservation ({})", ids[0]));
        assert_eq!(refused.get_details_error_info().unwrap().metadata["reservations"], ids[0].to_string());
        assert_eq!(days(&app, "sat").await.len(), 4);
    });
}

#[test]
fn many_that_refer_to_it_are_counted_and_people_are_not_named() {
    on_every_app(async |app| {
        let mut academy = saturdays().coaches(3);
        for number in 0..11 {
            academy = academy.template(&format!("more-{number}"), "FREQ=DAILY");
        }
        academy.build(&app).await;
        let refused =
            app.catalog().delete_subject(pb::DeleteSubjectRequest { subject_id: 1 }).await.unwrap_err();
        let first = (0..9).map(|number| format!("more-{number}")).collect::<Vec<_>>().join(", ");
        assert_eq!(
            refused.message(),
            format!("subject 1 is used by 12 class templates (sat, {first} and 2 more) and 3 coaches")
        );
    });
}

#[test]
fn whatever_refers_to_a_part_of_the_catalogue_is_told() {
    on_every_app(async |app| {
        if !app.db().is_sqlite() {
            return;
        }
        // What is deleted with it needs no word.
        let along = ["season_except_day", "class_limit", "place"];
        for part in Part::ALL {
            let found: Vec<String> =
                sql("SELECT t.name FROM sqlite_master t, pragma_foreign_key_list(t.name) r \
                 WHERE t.type = 'table' AND r.\"table\" = ?")
                .bind(part.table())
                .column(app.db().reader())
                .await
                .unwrap();
            let expected: BTreeSet<&str> =
                found.iter().map(String::as_str).filter(|table| !along.contains(table)).collect();
            assert_eq!(
                part.referrers().iter().map(|referrer| referrer.table).collect::<BTreeSet<_>>(),
                expected,
                "{part:?}"
            );
        }
    });
}
