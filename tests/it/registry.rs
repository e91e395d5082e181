//! Registry, docs/domain.md, crontab, command line, protocol and README agree about the scheduled
//! tasks.

use clap::CommandFactory as _;
use etutor::rpc::pb;
use etutor::task::crontab::crontab;
use etutor::task::registry::{Argument, Task};
use prost::Message as _;
use std::collections::BTreeSet;

fn names() -> BTreeSet<&'static str> {
    Task::ALL.iter().map(|task| task.words()).collect()
}

#[test]
fn a_task_is_found_however_its_words_are_joined() {
    for task in Task::ALL {
        assert_eq!(task.name(), task.words().replace(' ', "_"));
        for text in [
            task.name(),
            task.words(),
            &task.words().replace('_', "-"),
            &task.words().replace([' ', '_'], "-"),
        ] {
            assert_eq!(Task::find(text), Some(*task), "{text}");
        }
        let file = format!("src/task/{}.rs", task.name());
        assert!(std::path::Path::new(&file).exists(), "{file}: one file per task, named as its command");
    }
    assert_eq!(names().len(), Task::ALL.len());
    assert_eq!(Task::find("invite"), None);
}

#[test]
fn the_crontab_fires_every_task_at_its_times() {
    let text = std::fs::read_to_string("crontab").unwrap();
    assert_eq!(text, crontab(), "make it anew: etutorctl crontab > crontab");
    assert!(text.ends_with('\n'), "cron refuses a file without it");
    let mut fired = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.len() == 1 && line.contains('=') {
            continue;
        }
        let [schedule @ .., "etutor", "/usr/local/bin/etutorctl", "--tick", "now", group, command] =
            words.as_slice()
        else {
            panic!("not in system form, by absolute path, with its tick: {line}");
        };
        assert_eq!(schedule.len(), 5, "{line}");
        assert!(!line.contains('%'), "cron takes it for a line break: {line}");
        fired.push((format!("{group} {command}"), schedule.join(" ")));
    }
    let expected = Task::ALL.iter().flat_map(|task| {
        task.info()
            .schedules
            .iter()
            .map(|schedule| (task.words().to_owned(), (*schedule).to_owned()))
            .collect::<Vec<_>>()
    });
    assert_eq!(fired, expected.collect::<Vec<_>>());
}

#[test]
fn the_command_line_has_every_task_and_no_other() {
    let command = etutor::cli::args::Args::command();
    let mut found = BTreeSet::new();
    for group in Task::ALL.iter().map(|task| task.words().split(' ').next().unwrap()).collect::<BTreeSet<_>>()
    {
        let group = command.find_subcommand(group).unwrap_or_else(|| panic!("etutorctl {group} is missing"));
        for leaf in group.get_subcommands() {
            let words = format!("{} {}", group.get_name(), leaf.get_name());
            let task = Task::find(&words).unwrap_or_else(|| panic!("etutorctl {words} is no task"));
            assert_eq!(leaf.get_about().unwrap().to_string(), task.info().description);
            let argument =
                leaf.get_positionals().next().unwrap_or_else(|| panic!("{words} takes no test argument"));
            assert_eq!(format!("[{}]", argument.get_value_names().unwrap()[0]), task.info().argument.shown());
            let hyphens = leaf.get_name().replace('_', "-");
            assert!(
                hyphens == leaf.get_name() || leaf.get_all_aliases().any(|alias| alias == hyphens),
                "{words} with hyphens"
            );
            found.insert(task.words());
        }
    }
    assert_eq!(found, names());
}

#[test]
fn the_protocol_has_an_rpc_of_its_own_for_every_task() {
    let set = prost_types::FileDescriptorSet::decode(pb::DESCRIPTORS).unwrap();
    let service = set
        .file
        .iter()
        .flat_map(|file| &file.service)
        .find(|service| service.name() == "TaskService")
        .unwrap();
    let mut rpcs: Vec<&str> = service.method.iter().map(|method| method.name()).collect();
    rpcs.retain(|name| !name.starts_with("List"));
    let mut expected: Vec<&str> = Task::ALL.iter().map(|task| task.info().rpc).collect();
    rpcs.sort_unstable();
    expected.sort_unstable();
    assert_eq!(rpcs, expected);
    for method in &service.method {
        assert!(method.input_type().ends_with(&format!("{}Request", method.name())));
        assert!(method.output_type().ends_with(&format!("{}Response", method.name())));
    }
}

/// A row of the table of docs/domain.md §8: command, RPC, schedule, after an outage, useless after.
fn row_of_the_rules(line: &str) -> [String; 5] {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [command, rpc, schedule, after_outage, useless_after] = cells.as_slice() else {
        panic!("not five cells: {line}");
    };
    [
        command.trim_matches('`'),
        // What else it does stands in brackets.
        rpc.split(' ').next().unwrap(),
        schedule,
        // What is meant and not done yet.
        after_outage.trim_end_matches(NOT_BUILT).trim_end(),
        useless_after,
    ]
    .map(str::to_owned)
}

const NOT_BUILT: &str = "**[not built]**";

#[test]
fn the_rules_say_of_every_task_what_the_registry_says() {
    let rules = std::fs::read_to_string("docs/domain.md").unwrap();
    let section = rules.split("\n## ").find(|section| section.starts_with("8. Scheduled tasks")).unwrap();
    let table = section.lines().skip_while(|line| !line.starts_with("| command |")).skip(2);
    let (not_built, built): (Vec<&str>, Vec<&str>) = table
        .take_while(|line| line.starts_with('|'))
        .partition(|line| line.trim_start_matches('|').trim_start().starts_with(NOT_BUILT));
    for line in not_built {
        let command = line.split('`').nth(1).unwrap();
        let words = command.split(" [").next().unwrap();
        assert_eq!(Task::find(words), None, "it is built: {line}");
    }
    let registry: Vec<[String; 5]> = Task::ALL
        .iter()
        .map(|task| {
            let info = task.info();
            let command = match info.argument {
                Argument::ClassDay => format!("{} {}", info.words, info.argument.shown()),
                // The rules name the test argument once, for all tasks.
                Argument::Instant => info.words.to_owned(),
            };
            let useless_after = Some(info.useless_after.shown()).filter(|text| !text.is_empty());
            [
                command,
                info.rpc.to_owned(),
                info.schedules.join(" and "),
                info.after_outage.shown().to_owned(),
                useless_after.unwrap_or("–").to_owned(),
            ]
        })
        .collect();
    assert_eq!(built.into_iter().map(row_of_the_rules).collect::<Vec<_>>(), registry);
}

#[test]
fn the_readme_lists_every_task() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let table = readme.split("<!-- tasks -->").nth(1).and_then(|rest| rest.split("<!-- /tasks -->").next());
    let table = table.expect("README.md has a table between <!-- tasks --> and <!-- /tasks -->");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    let expected: Vec<Vec<String>> = Task::ALL
        .iter()
        .map(|task| {
            let info = task.info();
            let command = format!("{} {}", info.words, info.argument.shown());
            vec![command, info.rpc.to_owned(), info.schedules.join("`, `"), info.description.to_owned()]
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_guide_for_running_it_says_of_every_task_what_is_to_be_done_after_an_outage() {
    let guide = std::fs::read_to_string("docs/operations.md").unwrap();
    let part = guide.split("**After an outage.**").nth(1).and_then(|rest| rest.split("**Tried**").next());
    let words: String = part.unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    let missing: Vec<&str> = Task::ALL
        .iter()
        .map(|task| task.info().words)
        .filter(|task| !words.contains(&format!("`{task}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
