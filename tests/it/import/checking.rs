//! `--check`: everything is reported in one round, and nothing is written.

use super::*;
use etutor::app::call::Call;
use etutor::domain::state::ActorKind;

/// (file, line, column, code) of all that is told.
fn told(outcome: &ImportOutcome) -> Vec<(&str, u32, &str, &str)> {
    let told = outcome.problems.iter();
    told.map(|problem| (problem.file.as_str(), problem.line, problem.column.as_str(), problem.code.as_str()))
        .collect()
}

#[test]
fn a_check_says_what_would_be_done_and_does_none_of_it() {
    on_every_database(async |db| {
        let app = app_on(&db);
        let checked = import(&Call::new(&app, NOW).rehearsed(true), &academy_with(&[]), true).await.unwrap();
        assert_eq!((checked.written, checked.places, checked.problems.len()), (false, 18, 0), "{checked:?}");
        assert_eq!(counts(&checked, "students.csv"), (4, 0, 0, 0));
        assert_eq!(counts(&checked, "reservations.csv"), (2, 0, 0, 0));
        assert!(snapshot(&db).await.is_empty());

        let imported = import(&Call::new(&app, NOW), &academy_with(&[]), true).await.unwrap();
        assert_eq!(ImportOutcome { written: false, ..imported }, checked, "and the import does just that");
        let before = snapshot(&db).await;
        let again = import(&Call::new(&app, NOW).rehearsed(true), &academy_with(&[]), true).await.unwrap();
        assert_eq!((again.places, counts(&again, "students.csv")), (0, (0, 0, 4, 0)));
        assert_eq!(snapshot(&db).await, before);
    });
}

/// A bad row keeps nobody from hearing of the rest; what hangs on it is not told.
#[test]
fn all_that_is_wrong_is_told_at_once() {
    on_every_database(async |db| {
        let app = app_on(&db);
        let files = [
            (
                "seasons.csv",
                "code,year,type,start_day,end_day,except_days\nspring,2026,spring,2026-03-02,2026-06-28,\n\
                 summer,2026,summer,2026-07-06,2026-07-05,\n",
            ),
            (
                "periods.csv",
                "code,season,grade_type,start_time,end_time\np1900,spring,junior,19:00,20:00\n\
                 p1930,spring,junior,19:30,20:30\n\
                 p2330,spring,junior,23:30,00:30\np0900,summer,junior,09:00,10:00\n",
            ),
            (
                "coach_availability.csv",
                "coach,season,period,recurrence,start_day,end_day\n\
                 c1,spring,p1900,FREQ=WEEKLY;BYDAY=SA,2026-03-02,2026-03-06\n\
                 c2,summer,p0900,FREQ=DAILY,2026-07-06,2026-07-31\n\
                 c2,spring,p1930,FREQ=DAILY,2026-03-02,2026-07-31\n",
            ),
            (
                "students.csv",
                "user_name,real_name,area_code,school_name,grade,phone\n\
                 s1,学员一,110100,,7,+999100000001\ns2,学员二,310100,,7,1.38E+10\ns3,学员三,310100,,7,+999100000003\n\
                 s8,学员八,310100,,8,+999100000008\n",
            ),
            (
                "reservations.csv",
                "created_at,student,class_template,start_day,end_day\n\
                 2026-02-01T08:00,s1,sat,2026-03-02,2026-06-28\n\
                 2026-02-02T08:00,s2,sat,2026-03-10,2026-03-31\n\
                 2026-02-03T08:00,s8,sat,2026-03-10,2026-03-31\n\
                 2026-02-04T08:00,s9,sat,2026-03-10,2026-03-31\n\
                 2026-02-05T08:00,s3,sat,2026-03-08,2026-03-09\n",
            ),
        ];
        let expected = [
            ("seasons.csv", 3, "end_day", "BAD"),
            ("coach_availability.csv", 2, "recurrence", "BAD"),
            ("coach_availability.csv", 4, "end_day", "BAD"),
            ("students.csv", 3, "phone", "BAD"),
            ("reservations.csv", 4, "", "GRADE_MISMATCH"),
            ("reservations.csv", 5, "student", "BAD"),
            ("reservations.csv", 6, "", "NOT_A_LESSON_DAY"),
        ];
        for outcome in [
            import(&Call::new(&app, NOW).rehearsed(true), &academy_with(&files), false).await.unwrap(),
            import(&Call::new(&app, NOW), &academy_with(&files), false).await.unwrap(),
        ] {
            assert_eq!(told(&outcome), expected, "{:?}", outcome.problems);
            let bad: Vec<u64> = outcome.files.iter().map(|report| report.bad).collect();
            assert_eq!((bad, outcome.written, outcome.places), (vec![0, 1, 0, 0, 0, 2, 1, 1], false, 0));
        }
        assert!(snapshot(&db).await.is_empty());
    });
}

#[test]
fn a_file_that_was_not_read_whole_is_not_held_against_the_others() {
    on_every_database(async |db| {
        let app = app_on(&db);
        let mut data = academy_with(&[(
            "students.csv",
            "user_name,real_name,area_code,school_name,grade,phone\ns1,学员一,110100,,7,+999100000001\n",
        )]);
        let strict = import(&Call::new(&app, NOW), &data, true).await.unwrap();
        assert_eq!(told(&strict), [("reservations.csv", 3, "student", "BAD")]);
        for file in data.files.iter_mut().filter(|file| file.name == "students.csv") {
            file.incomplete = true;
        }
        let outcome = import(&Call::new(&app, NOW), &data, true).await.unwrap();
        assert_eq!((told(&outcome), outcome.written), (vec![], false), "whoever could not read it says so");
        for file in data.files.iter_mut().filter(|file| file.name == "students.csv") {
            file.columns.clear();
            file.rows.clear();
        }
        assert_eq!(told(&import(&Call::new(&app, NOW), &data, true).await.unwrap()), []);
        assert!(snapshot(&db).await.is_empty());
    });
}

#[test]
fn an_old_file_of_coaches_brings_nobody_back() {
    on_every_app(async |app: TestApp| {
        import(&Call::new(&app, NOW), &academy_with(&[]), true).await.unwrap();
        let dismissed = pb::SetCoachStatusRequest {
            user_name: "c1".to_owned(),
            job_status: pb::JobStatus::Dismissed.into(),
            operator: "wang".to_owned(),
            remark: "moved away".to_owned(),
            ..Default::default()
        };
        app.coaches().set_coach_status(dismissed).await.unwrap();
        let blocked = sql("UPDATE coach SET blocked = TRUE, opted_out = TRUE WHERE user_name = 'c2'");
        write_txn!(app.db(), "test.block", |txn| blocked.clone().execute(txn).await).unwrap();
        let before = snapshot(app.db()).await;

        let old = import(&Call::new(&app, NOW), &academy_with(&[]), true).await.unwrap();
        assert!(old.written, "{old:?}");
        assert_eq!(
            (told(&old), counts(&old, "coaches.csv")),
            (vec![("coaches.csv", 2, "job_status", "LEFT")], (0, 0, 2, 0))
        );
        assert_eq!(
            old.problems[0].reason,
            "is regular here but dismissed on the server, where it stays; only SetCoachStatus changes it"
        );
        assert_eq!(snapshot(app.db()).await, before);

        // What else the row says is taken over.
        let coaches = "user_name,real_name,area_code,school_name,grade_type,subject_id,phone,job_status,rank,\
                       forbid_same_city\n\
                       c1,王先生,110100,,junior,1,+999200000001,regular,2,true\n\
                       c2,李老师,310100,华东师大,junior,2,13800000000,trial,4,false\n";
        let outcome = import(&Call::new(&app, NOW), &only(&[("coaches.csv", coaches)]), true).await.unwrap();
        assert_eq!(counts(&outcome, "coaches.csv"), (0, 2, 0, 0));
        let coaches =
            coach::Entity::find().order_by_asc(coach::Column::Id).all(app.db().reader()).await.unwrap();
        let now: Vec<_> = coaches
            .iter()
            .map(|coach| (coach.job_status.as_str(), coach.coach_rank, coach.blocked, coach.opted_out))
            .collect();
        assert_eq!(now, [("dismissed", 2, false, false), ("trial", 4, true, true)]);
        let history = coach_status_change::Entity::find().all(app.db().reader()).await.unwrap();
        assert_eq!(
            history.iter().filter(|change| change.operator_kind == ActorKind::Import).count(),
            2,
            "the first status of each"
        );
    });
}

/// The city rule looks at the students of a task: by RPC or by file, a student who moves has the
/// task looked at again.
#[test]
fn a_student_who_moves_to_another_city_is_noticed() {
    on_every_database(async |db| {
        let app = app_on(&db);
        import(&Call::new(&app, NOW), &academy_with(&[]), true).await.unwrap();
        write_txn!(&app.db, "test.task", |txn| {
            sql("INSERT INTO class_task (id, template_id, day, state, start_at, gate_at, freeze_at, \
                 closes_at, created_at, dirty) \
                 SELECT 1, id, '2026-03-14', 'INVITING', 0, 0, 0, 0, 0, FALSE FROM class_template \
                 WHERE code = 'sat'")
            .execute(txn)
            .await
        })
        .unwrap();
        let dirty = async || class_task::Entity::find_by_id(1).one(db.reader()).await.unwrap().unwrap().dirty;
        let student = |city: &str, name: &str| {
            format!(
                "user_name,real_name,area_code,school_name,grade,phone\ns2,{name},{city},,7,+999100000002\n"
            )
        };
        let import_of = async |text: String| {
            import(&Call::new(&app, NOW), &only(&[("students.csv", &text)]), true).await.unwrap()
        };
        import_of(student("310100", "学员贰")).await;
        assert!(!dirty().await, "a name is nothing to a task");
        import_of(student("440300", "学员贰")).await;
        assert!(dirty().await);
    });
}
