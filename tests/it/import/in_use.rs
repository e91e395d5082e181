//! An import does not change what sign-ups depend on.

use super::*;
use etutor::app::call::Call;

#[test]
fn the_catalogue_does_not_change_under_the_feet_of_sign_ups() {
    on_every_database(async |db| {
        let app = app_on(&db);
        import(&Call::new(&app, NOW), &academy_with(&[]), true).await.unwrap();
        let before = snapshot(&db).await;
        let template = |row: &str| {
            format!(
                "code,season,subject_id,grade,period,recurrence,max_classes,max_students_per_class\n{row}\n"
            )
        };
        let cases = [
            ("class_templates.csv", template("sat,spring,1,7,p1900,FREQ=WEEKLY;BYDAY=SA,1,1"), "max_classes"),
            ("class_templates.csv", template("sat,spring,1,7,p1900,FREQ=WEEKLY;BYDAY=SU,1,2"), "recurrence"),
            ("class_templates.csv", template("sat,spring,1,7,p1900,FREQ=DAILY,1,2"), "recurrence"),
            (
                "class_templates.csv",
                template(
                    "sat,spring,1,7,p1900,FREQ=DAILY;UNTIL=20200101T000000Z,1,\
                2",
                ),
                "recurrence",
            ),
            (
                "class_templates.csv",
                template(
                    "sat,spring,1,7,p1900,FREQ=WEEKLY;BYDAY=SA;COUNT=30,1,\
                2",
                ),
                "recurrence",
            ),
            ("class_templates.csv", template("sat,spring,1,8,p1900,FREQ=WEEKLY;BYDAY=SA,1,2"), "grade"),
            ("class_templates.csv", template("sat,spring,2,7,p1900,FREQ=WEEKLY;BYDAY=SA,1,2"), "subject_id"),
            ("class_templates.csv", template("sat,spring,1,7,p1930,FREQ=WEEKLY;BYDAY=SA,1,2"), "period"),
            (
                "periods.csv",
                "code,season,grade_type,start_time,end_time\n\
                p1900,spring,junior,18:00,20:00\n"
                    .to_owned(),
                "start_time",
            ),
            (
                "seasons.csv",
                "code,year,type,start_day,end_day,except_days\n\
                 spring,2026,spring,2026-03-02,2026-06-28,2026-03-14\n"
                    .to_owned(),
                "except_days",
            ),
        ];
        for (name, text, column) in &cases {
            let outcome = import(&Call::new(&app, NOW), &only(&[(name, text)]), false).await.unwrap();
            let found: Vec<_> = outcome
                .problems
                .iter()
                .map(|problem| (problem.file.as_str(), problem.line, problem.column.as_str()))
                .collect();
            assert_eq!(found, [(*name, 2, *column)], "{text} {:?}", outcome.problems);
            assert_eq!(snapshot(&db).await, before, "{text}");
        }
    });
}

/// What is in use by a class, an invitation or a task stays, with or without sign-ups.
#[test]
fn what_is_in_use_stays() {
    on_every_database(async |db| {
        let app = app_on(&db);
        import(&Call::new(&app, NOW), &academy_with(&[("reservations.csv", "")]), true).await.unwrap();
        let template = class_template::Entity::find()
            .filter(class_template::Column::Code.eq("sat"))
            .one(db.reader())
            .await
            .unwrap()
            .unwrap();
        let coach = coach::Entity::find()
            .filter(coach::Column::UserName.eq("c1"))
            .one(db.reader())
            .await
            .unwrap()
            .unwrap();
        let places = place::Entity::find()
            .filter(place::Column::TemplateId.eq(template.id))
            .order_by_asc(place::Column::Day);
        let second = places.all(db.reader()).await.unwrap()[1].clone();
        write_txn!(&app.db, "test.use", |txn| {
            sql("INSERT INTO class_task (id, template_id, day, state, start_at, gate_at, freeze_at, \
                 closes_at, created_at) \
                 VALUES (1, ?, ?, 'INVITING', ?, 0, 0, 0, 0)")
            .bind(template.id)
            .bind(second.day)
            .bind(second.start_at)
            .execute(txn)
            .await?;
            sql("INSERT INTO invitation (id, task_id, coach_id, kind, state, last_day, queued_at, \
                 valid_until) \
                 VALUES (1, 1, ?, 'AUTO', 'ACCEPTED', ?, 0, 0)")
            .bind(coach.id)
            .bind(second.day)
            .execute(txn)
            .await?;
            sql("INSERT INTO availability_use (availability_id, day, invitation_id) SELECT id, ?, 1 \
                FROM coach_availability WHERE coach_id = ?")
            .bind(second.day)
            .bind(coach.id)
            .execute(txn)
            .await
        })
        .unwrap();
        let before = snapshot(&db).await;
        let template = |row: &str| {
            format!(
                "code,season,subject_id,grade,period,recurrence,max_classes,max_students_per_class\n{row}\n"
            )
        };
        let cases = [
            ("class_templates.csv", template("sat,spring,1,7,p1900,FREQ=WEEKLY;BYDAY=SU,1,2"), "recurrence"),
            ("class_templates.csv", template("sat,spring,2,7,p1900,FREQ=WEEKLY;BYDAY=SA,1,2"), "subject_id"),
            (
                "periods.csv",
                "code,season,grade_type,start_time,end_time\n\
                p1900,spring,junior,19:00,20:01\n"
                    .to_owned(),
                "start_time",
            ),
            (
                "coach_availability.csv",
                "coach,season,period,recurrence,start_day,end_day\n\
                 c1,spring,p1900,FREQ=WEEKLY;BYDAY=SA,2026-03-02,2026-03-08\n"
                    .to_owned(),
                "end_day",
            ),
        ];
        for (name, text, column) in &cases {
            let outcome = import(&Call::new(&app, NOW), &only(&[(name, text)]), false).await.unwrap();
            let found: Vec<_> = outcome
                .problems
                .iter()
                .map(|problem| (problem.file.as_str(), problem.line, problem.column.as_str()))
                .collect();
            assert_eq!(found, [(*name, 2, *column)], "{text} {:?}", outcome.problems);
            assert_eq!(snapshot(&db).await, before, "{text}");
        }
        // An import that touches the template or the coach has the task sized again.
        let wider = template("sat,spring,1,7,p1900,FREQ=WEEKLY;BYDAY=SA,3,2");
        assert!(
            import(&Call::new(&app, NOW), &only(&[("class_templates.csv", &wider)]), false)
                .await
                .unwrap()
                .written
        );
        assert!(class_task::Entity::find_by_id(1).one(db.reader()).await.unwrap().unwrap().dirty);
    });
}
