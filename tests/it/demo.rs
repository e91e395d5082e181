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
        "class formed: ou.yang with 5 students",
        "class formed: qin.mo with 8 students",
        "│ class task",
        "│ math7-0900 ┆ PARTIAL",
        "│ math8-1900 ┆ FORMED",
        "│ eng11-2330 ┆ FORMED",
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
}

#[test]
#[ignore = "slow: every minute of five days; run it when something new can come due"]
fn nothing_is_due_in_the_minutes_that_are_skipped() {
    assert_eq!(told(Options { every_minute: true, ..Options::plain() }), told(Options::plain()));
}
