//! The demo tells the same story every time, and it is the right story.

use etutor::demo::{self, Options};
use tokio_util::sync::CancellationToken;

fn told(options: Options) -> String {
    let mut out = Vec::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(demo::run(&options, &mut out, CancellationToken::new())).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_story_is_the_same_every_time_and_has_everything_in_it() {
    let again = std::thread::spawn(|| told(Options::plain()));
    let story = told(Options::plain());
    assert_eq!(story, again.join().unwrap());
    let mut rest = story.as_str();
    // In this order; what stands between is of no interest here.
    for part in [
        "Sunday 30 August 2026 · D−4",
        "refused, NOT_A_LESSON_DAY",
        "Monday 31 August 2026 · D−3",
        "00:00  invite create          math7-0900  12 students signed up in time, 4 a class: 3 coaches \
         needed",
        "08:00  invite exec            math7-0900  3 missing: asks 6 coaches",
        "not asked: SAME_CITY 1",
        "08:12  fang.min               math7-0900  says yes → READY",
        "08:15  mei.ran                math8-1900  says no → DECLINED",
        "09:30  liu.xin                math8-1900  says yes → RESERVE: all 3 places are taken",
        "09:35  jia.ming               math8-1900  fails the software test",
        "12:00",
        "gao.jie: no answer in time → EXPIRED",
        "12:40  qin.mo                 eng11-2330  says yes late (asked until Mon 12:00) → ACCEPTED",
        "17:00  sms send               math7-0900  ✉ TEST_REMINDER to deng.kai",
        "jia.ming: no software test passed in time → LAPSED",
        "liu.xin: RESERVE → ACCEPTED, promoted; software test by Mon 24:00",
        "Tuesday 1 September 2026 · D−2",
        "wants to sign up from Thu 3 Sep → refused, TOO_LATE",
        "20:00  sms send               math7-0900  ✉ TASK_EARLY_WARNING to admin.wang (SMS, mail)",
        "Wednesday 2 September 2026 · D−1",
        "07:00  sms send               math7-0900  ✉ TASK_SHORT to admin.wang (SMS, mail): not covered at G, \
         2 of 3 coaches ready",
        "09:55  kong.fei               math8-1900  takes the yes back → WITHDRAWN",
        "ou.yang: RESERVE → ACCEPTED, promoted",
        "20:00  clazz assign_students  math7-0900  class formed: fang.min with 4 students",
        "the task goes from INVITING to PARTIAL: 2 of 3 coaches ready",
        "✉ TASK_LEFT_OVER to admin.wang",
        "✉ LESSON_NOT_HELD to s09, s10, s11, s12",
        "Thursday 3 September 2026 · D",
        // One coach is late, and those whom it concerns are told the truth.
        "08:45  fang.min               math7-0900  comes online",
        "08:50  sms send               math7-0900  ✉ COACH_NOT_ONLINE to admin.wang, bai.lu (SMS, mail)",
        "nobody who is online can stand by",
        "09:00  clazz check_on_time    math7-0900  the lesson begins without bai.lu → COACH_LATE",
        "09:05  sms send               math7-0900  ✉ LESSON_DELAYED to s05, s06, s07, s08",
        "09:07  bai.lu                 math7-0900  comes online, 7 min after the start",
        "✉ LESSON_GOES_ON to admin.wang, s05, s06, s07, s08 (SMS, mail): somebody teaches the lesson now",
        "class formed: ou.yang with 5 students",
        // One student is on leave, and is not reminded.
        "15:01  s14                    math8-1900  asks for leave from this lesson → on leave",
        "✉ LESSON_REMINDER to s13, s15, s16,",
        // One coach never comes, and the standby teaches.
        "18:48  kong.fei               math8-1900  is online too, without a lesson",
        "asked to stand by: kong.fei;",
        "jia.ming TEST_NOT_VALID",
        "✉ STANDBY_REQUEST to kong.fei: can you take over a lesson at once? Answer by Thu 19:05",
        "18:56  kong.fei               math8-1900  says yes → READY",
        "kong.fei teaches this lesson in the place of ou.yang → SUBSTITUTED",
        "✉ LESSON_TAKEN_OVER to admin.wang, kong.fei, ou.yang (SMS, mail)",
        "class formed: qin.mo with 8 students",
        "Friday 4 September 2026 · D+1",
        "00:31                         eng11-2330  the lesson is over, everybody goes offline",
        "│ class task",
        "│ math7-0900 ┆ PARTIAL",
        "│ math8-1900 ┆ FORMED",
        "│ eng11-2330 ┆ FORMED",
        "│ lesson of D",
        "bai.lu               ┆ COACH_LATE  ┆ 09:07, 7 min late ┆ 3                ┆ s06 (12 min)",
        "hou.lan              ┆ DONE        ┆ 18:45             ┆ 4 ",
        "┆ s14 ",
        "liu.xin              ┆ DONE        ┆ 18:45             ┆ 4 ",
        "┆ s20 ",
        "kong.fei for ou.yang ┆ SUBSTITUTED ┆ 18:48 ",
        "│ LESSON_NOT_HELD",
    ] {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("{part:?} is missing after\n{}", &story[..story.len() - rest.len()]));
        rest = &rest[at + part.len()..];
    }
    assert!(!story.contains('\x1b') && !story.contains("+999"), "neither colours nor phone numbers");
}

#[test]
fn the_readme_shows_lines_of_the_real_story() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let excerpt =
        readme.split("<!-- demo -->").nth(1).and_then(|rest| rest.split("<!-- /demo -->").next()).unwrap();
    let story = told(Options::plain());
    let mut rest = story.lines();
    for line in
        excerpt.lines().filter(|line| !line.is_empty() && !line.starts_with("```") && line.trim() != "…")
    {
        assert!(
            rest.any(|told| told == line),
            "this line of README.md is not in the story, or not there: {line}"
        );
    }
}

#[test]
fn for_scripts_each_line_is_an_object() {
    let story = told(Options { json: true, ..Options::plain() });
    let lines: Vec<serde_json::Value> =
        story.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, events) = lines.split_last().unwrap();
    assert!(events.iter().all(|event| event["at"].is_string() && event["actor"].is_string()));
    assert_eq!(summary["summary"]["tasks"][0]["left_over"], 4);
    let lessons = summary["summary"]["lessons"].as_array().unwrap();
    let of = |coach: &str| lessons.iter().find(|lesson| lesson["coach"] == coach).unwrap();
    assert_eq!(of("hou.lan")["on_leave"], serde_json::json!(["s14"]));
    assert_eq!(of("kong.fei for ou.yang")["in_time"].as_array().unwrap().len(), 5);
}

#[test]
#[ignore = "slow: every minute of five days; run it when something new can come due"]
fn nothing_is_due_in_the_minutes_that_are_skipped() {
    assert_eq!(told(Options { every_minute: true, ..Options::plain() }), told(Options::plain()));
}
