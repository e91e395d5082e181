//! What is typed for an argument is what is meant: nothing, or 0, is neither none nor all.

use super::*;

#[test]
fn nothing_and_0_never_mean_all_where_something_is_to_be_typed() {
    let by = ["--operator", "wang", "--remark", "x"];
    for (words, flag) in [
        (vec!["coach", "block", "coach-001", "--class", "0"], "--class"),
        (vec!["coach", "block", "coach-001", "--student", ""], "--student"),
        (vec!["coach", "block", "", "--all"], "COACH"),
        (vec!["coach", "unblock", "0"], "BLOCK"),
        (vec!["makeup", "schedule", "0", "2026-03-18", "p1900", "--lesson", "2026-03-12"], "CLASS"),
        (vec!["makeup", "waive", "0"], "ID"),
    ] {
        let output = etutorctl().args(words.iter().chain(&by)).output().unwrap();
        assert_eq!(code(&output), 64, "{words:?}: {output:?}");
        assert!(text(&output.stderr).contains(flag), "{words:?}: {output:?}");
    }
    for (words, flag) in [
        (vec!["coach", "blocks", ""], "COACH"),
        (vec!["coach", "blocks", "--class=-1"], "--class"),
        (vec!["coach", "blocks", "--student", ""], "--student"),
        (vec!["makeup", "list", "--class", "0"], "--class"),
        (vec!["makeup", "list", "--template", ""], "--template"),
        (vec!["makeup", "answer", "1", "yes", "--operator", ""], "--operator"),
        (vec!["attendance", "--class", "0"], "--class"),
        (vec!["attendance", ""], "DAY"),
        (vec!["enrollment", "--subject", "0"], "--subject"),
        (vec!["enrollment", "--grade", "0"], "--grade"),
        (vec!["openings", "--grade", "13"], "--grade"),
        (vec!["lessons", "--coach", ""], "--coach"),
        (vec!["messages", "--task", "0"], "--task"),
        (vec!["messages", "--person", ""], "--person"),
        (vec!["notice", "0", "x", "--operator", "wang"], "CLASS"),
        (vec!["runs", ""], "TASK"),
        (vec!["task", "list", ""], "DAY"),
        (vec!["timeline", ""], "PERSON"),
        (vec!["invite", "check", ""], "DAY"),
    ] {
        let output = etutorctl().args(&words).output().unwrap();
        assert_eq!(code(&output), 64, "{words:?}: {output:?}");
        assert!(text(&output.stderr).contains(flag), "{words:?}: {output:?}");
    }
}
