//! A season of real sign-ups, day by day, through the calls that students make: each on its day,
//! some of them cancelled on days drawn from a fixed seed, and nights that find nothing to repair.

use crate::grpc::reason;
use crate::oulad::academy;
use crate::replay::import_through_rpc;
use chrono::{Datelike, NaiveDateTime, NaiveTime, Weekday};
use etutor::app::import::ImportData;
use etutor::domain::time::{Day, add_days};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::{TestApp, on_every_app_at};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const SEED: u64 = 20_131_001;
/// One in so many takes the sign-up back.
const WITHDRAWN: u64 = 5;
/// Every so many days on which something was done, and after the last, the night is looked at: all
/// of them would take a minute.
const NIGHTS: usize = 3;
/// Sign-ups that are under way at the same time.
const AT_ONCE: usize = 64;

/// A line of `reservations.csv`.
struct SignUp {
    on: Day,
    student: String,
    template: String,
    first: Day,
    last: Day,
}

/// What the plain count needs of the catalogue.
struct Lessons {
    season: (Day, Day),
    except: BTreeSet<Day>,
    /// Day of the week and start.
    of: HashMap<String, (Weekday, NaiveTime)>,
}

impl Lessons {
    fn days(&self, template: &str, first: Day, last: Day) -> Vec<Day> {
        let weekday = self.of[template].0;
        let (first, last) = (first.max(self.season.0), last.min(self.season.1));
        let on = |day: &Day| day.weekday() == weekday && !self.except.contains(day);
        first.iter_days().take_while(|day| *day <= last).filter(on).collect()
    }
}

/// The rows of a file, by column.
fn rows(data: &ImportData, name: &str) -> Vec<HashMap<String, String>> {
    let file = data.files.iter().find(|file| file.name == name).unwrap();
    file.rows
        .iter()
        .map(|row| file.columns.iter().cloned().zip(row.values.iter().cloned()).collect())
        .collect()
}

fn lessons(data: &ImportData) -> Lessons {
    let season = rows(data, "seasons.csv").remove(0);
    let periods: HashMap<String, NaiveTime> = rows(data, "periods.csv")
        .into_iter()
        .map(|row| (row["code"].clone(), row["start_time"].parse().unwrap()))
        .collect();
    let weekdays = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let of = rows(data, "class_templates.csv").into_iter().map(|row| {
        let weekday = row["recurrence"].strip_prefix("FREQ=WEEKLY;BYDAY=").unwrap();
        let weekday = weekdays.iter().position(|short| *short == weekday).unwrap();
        (
            row["code"].clone(),
            (Weekday::try_from(u8::try_from(weekday).unwrap()).unwrap(), periods[&row["period"]]),
        )
    });
    Lessons {
        season: (season["start_day"].parse().unwrap(), season["end_day"].parse().unwrap()),
        except: season["except_days"].split(';').map(|day| day.parse().unwrap()).collect(),
        of: of.collect(),
    }
}

fn sign_ups(data: &ImportData) -> BTreeMap<Day, Vec<SignUp>> {
    let mut all: Vec<(NaiveDateTime, SignUp)> = rows(data, "reservations.csv")
        .into_iter()
        .map(|row| {
            let at: NaiveDateTime = row["created_at"].parse().unwrap();
            let (first, last) = (row["start_day"].parse().unwrap(), row["end_day"].parse().unwrap());
            (
                at,
                SignUp {
                    on: at.date(),
                    student: row["student"].clone(),
                    template: row["class_template"].clone(),
                    first,
                    last,
                },
            )
        })
        .collect();
    all.sort_by_key(|(at, _)| *at);
    let mut days: BTreeMap<Day, Vec<SignUp>> = BTreeMap::new();
    for (_, sign_up) in all {
        days.entry(sign_up.on).or_default().push(sign_up);
    }
    days
}

/// A draw for a student that is the same in every run: FNV-1a, stirred.
fn draw(student: &str) -> u64 {
    let hash = student.bytes().fold(0xcbf2_9ce4_8422_2325 ^ SEED, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^ (hash >> 31)
}

async fn sign_up(app: &TestApp, one: &SignUp) -> Result<i64, String> {
    let request = pb::CreateReservationRequest {
        student: one.student.clone(),
        class_template: one.template.clone(),
        start_day: one.first.to_string(),
        end_day: one.last.to_string(),
        request_id: format!("{}-{}", one.student, one.template),
    };
    let answer = app.enrollment().create_reservation(request).await;
    answer
        .map(|answer| answer.into_inner().reservation.unwrap().reservation_id)
        .map_err(|status| reason(&status))
}

#[test]
fn a_season_of_real_sign_ups_and_withdrawals_day_by_day_never_drifts() {
    on_every_app_at("2013-03-01", async |app| {
        app.ignore_messages("this is about places");
        let mut data = academy();
        let (lessons, mut days) = (lessons(&data), sign_ups(&data));
        data.files.retain(|file| {
            ["subjects", "seasons", "periods", "class_templates", "students"]
                .iter()
                .any(|name| file.name == format!("{name}.csv"))
        });
        assert!(import_through_rpc(&app, &data).await.written);

        let noon = NaiveTime::from_hms_opt(12, 0, 0).unwrap();
        let (mut taken, mut refused) =
            (BTreeMap::<(String, Day), i32>::new(), BTreeMap::<String, usize>::new());
        let mut leaving: BTreeMap<Day, Vec<(i64, SignUp)>> = BTreeMap::new();
        let (mut made, mut withdrawn, mut acted, mut nights) = (0, 0, 0, 0);
        let mut day = *days.first_key_value().unwrap().0;
        while day <= lessons.season.1 {
            let (today, gone) =
                (days.remove(&day).unwrap_or_default(), leaving.remove(&day).unwrap_or_default());
            if today.is_empty() && gone.is_empty() {
                day = add_days(day, 1);
                continue;
            }
            app.set_clock_to(app.time().at(day, noon)).await;
            let mut answers = Vec::with_capacity(today.len());
            for some in today.chunks(AT_ONCE) {
                answers.extend(join_all(some.iter().map(|one| sign_up(&app, one))).await);
            }
            for (one, answer) in today.into_iter().zip(answers) {
                let wanted = lessons.days(&one.template, one.first, one.last);
                // From D−3 on it is too late for D, for there are no classes to join.
                let expected = match wanted.first() {
                    None => Err("NOT_A_LESSON_DAY"),
                    Some(first) if add_days(*first, -3) <= day => Err("TOO_LATE"),
                    Some(_) => Ok(()),
                };
                assert_eq!(
                    answer.as_ref().map(|_| ()).map_err(String::as_str),
                    expected,
                    "{} on {day}",
                    one.student
                );
                let Ok(id) = answer else {
                    *refused.entry(answer.unwrap_err()).or_default() += 1;
                    continue;
                };
                made += 1;
                for lesson in wanted {
                    *taken.entry((one.template.clone(), lesson)).or_default() += 1;
                }
                let drawn = draw(&one.student);
                if drawn.is_multiple_of(WITHDRAWN) {
                    let length = (lessons.season.1 - day).num_days();
                    let after = i64::try_from((drawn >> 32) % u64::try_from(length).unwrap()).unwrap() + 1;
                    leaving.entry(add_days(day, after)).or_default().push((id, one));
                }
            }
            for some in gone.chunks(AT_ONCE) {
                let cancel = async |reservation_id: i64| {
                    let request = pb::CancelReservationRequest {
                        reservation_id,
                        request_id: format!("back-{reservation_id}"),
                        ..Default::default()
                    };
                    app.enrollment().cancel_reservation(request).await.unwrap();
                };
                join_all(some.iter().map(|(id, _)| cancel(*id))).await;
            }
            withdrawn += gone.len();
            for (_, one) in gone {
                let start = lessons.of[&one.template].1;
                for lesson in lessons
                    .days(&one.template, one.first, one.last)
                    .into_iter()
                    .filter(|lesson| (*lesson, start) > (day, noon))
                {
                    *taken.get_mut(&(one.template.clone(), lesson)).unwrap() -= 1;
                }
            }
            day = add_days(day, 1);
            acted += 1;
            if acted % NIGHTS == 0 || (days.is_empty() && leaving.is_empty()) {
                app.set_clock_to(app.time().midnight(day)).await;
                let night = app.fire("clazz init_place", None).await;
                assert_eq!((night.changed, night.failed), (0, 0), "the night to {day}: {night:?}");
                nights += 1;
            }
        }
        assert!(days.is_empty() && leaving.is_empty());
        taken.retain(|_, count| *count > 0);
        let text = "SELECT t.code, p.day, p.taken FROM place p JOIN class_template t ON t.id = p.template_id \
            WHERE p.taken > 0";
        let found: Vec<(String, Day, i32)> = sql(text).tuples(app.db().reader()).await.unwrap();
        let found: BTreeMap<(String, Day), i32> =
            found.into_iter().map(|(code, day, taken)| ((code, day), taken)).collect();
        assert!(
            found == taken,
            "{} places by the service, {} by the plain count",
            found.values().sum::<i32>(),
            taken.values().sum::<i32>()
        );
        println!(
            "{:?}: {made} sign-ups, {withdrawn} withdrawn, {refused:?} refused, {} places taken at the end; \
             {nights} nights without drift",
            app.db().backend(),
            taken.values().sum::<i32>()
        );
        assert_eq!(refused["NOT_A_LESSON_DAY"], 6);
        assert_eq!(made + refused.values().sum::<usize>(), 6_474);
        assert!(withdrawn > 1_000, "{withdrawn} withdrawn");
    });
}
