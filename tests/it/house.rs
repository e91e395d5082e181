//! The code is laid out as docs/style.md says: files use each other in one direction and never in a
//! circle, every cited section exists, no line is too wide and no file too long.

mod books;
mod code;
mod plan;

use books::{Book, rules_cited, sections_cited};
use code::Code;
use plan::Plan;
use std::path::{Path, PathBuf};

/// The widest line of code, and the widest line of a comment, in characters.
const WIDEST: (usize, usize) = (110, 100);

/// The most lines that a file has.
const LONGEST: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files in some folders of the repository that end in one of these.
fn files(folders: &[&str], ends: &[&str]) -> Vec<(PathBuf, String)> {
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|end| ends.iter().any(|one| end == *one)) {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn none_of(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn who_uses_whom_goes_one_way_and_never_in_a_circle() {
    let plan = Plan::read(&root().join("src"));
    assert!(plan.graph().len() > 200, "hardly anything was read");
    none_of(plan.faults());
}

#[test]
fn what_is_cited_is_in_its_book() {
    let book = |name: &str| std::fs::read_to_string(root().join("docs").join(name)).unwrap();
    let (domain, style) = (Book::of_sections(&book("domain.md")), Book::of_rules(&book("style.md")));
    assert!(!domain.is_empty() && !style.is_empty());
    let mut faults = Vec::new();
    let all =
        files(&["src", "proto", "etc", "tests/it", "benches"], &["rs", "proto", "yml", "conf", "service"]);
    // The samples below cite what is nowhere, to see it found.
    for (path, text) in all.iter().filter(|(path, _)| path != Path::new("tests/it/house.rs")) {
        let path = path.display();
        let missing = domain.missing(sections_cited(text));
        faults.extend(missing.iter().map(|section| format!("{path} cites §{section} of docs/domain.md")));
        let missing = style.missing(rules_cited(text));
        faults.extend(missing.iter().map(|rule| format!("{path} cites rule {rule} of docs/style.md")));
        for old in ["DOMAIN.md", "STYLE.md"].iter().filter(|old| text.contains(**old)) {
            faults.push(format!("{path} cites {old}, which is nowhere"));
        }
    }
    none_of(faults);
}

#[test]
fn no_line_is_too_wide_and_no_file_too_long() {
    let mut faults = Vec::new();
    for (path, text) in files(&["src", "bin", "tests/it", "benches", "examples", "build.rs"], &["rs"]) {
        faults.extend(too_wide_or_long(&path.display().to_string(), &text));
    }
    none_of(faults);
}

fn too_wide_or_long(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let widest = if line.trim_start().starts_with("//") { WIDEST.1 } else { WIDEST.0 };
        let width = line.chars().count();
        if width > widest {
            faults.push(format!("{path}:{} has {width} columns, {widest} are enough", at + 1));
        }
    }
    let lines = text.lines().count();
    if lines > LONGEST {
        faults.push(format!("{path} has {lines} lines, {LONGEST} are enough"));
    }
    faults
}

#[test]
fn a_status_is_made_in_one_place() {
    let all = files(&["src"], &["rs"]);
    let (made_here, others): (Vec<_>, Vec<_>) =
        all.iter().partition(|(path, _)| path == Path::new("src/serve/status.rs"));
    assert!(made_here.iter().any(|(_, text)| !statuses_made(text).is_empty()), "none is made where all are");
    let mut faults = Vec::new();
    for (path, text) in others {
        faults.extend(
            statuses_made(text).into_iter().map(|how| format!("{} makes a status: {how}", path.display())),
        );
    }
    none_of(faults);
}

/// How a file makes a `tonic::Status`, its unit tests left aside.
fn statuses_made(text: &str) -> Vec<String> {
    let paths = Code::read(text).paths.into_iter().map(|(path, _)| path);
    let calls = paths.filter(|path| match path.as_slice() {
        [.., of, how] => of == "Status" && MAKE_A_STATUS.iter().any(|make| how.starts_with(make)),
        _ => false,
    });
    let calls = calls.map(|path| path.join("::"));
    let blanked = code::blanked(text);
    let words: Vec<&str> = blanked.split_whitespace().collect();
    let conversions = words.windows(3).filter(|words| words[0].starts_with("From<") && words[1] == "for");
    let conversions = conversions.filter(|words| words[2].rsplit("::").next() == Some("Status"));
    calls.chain(conversions.map(|words| words.join(" "))).collect()
}

/// The names with which tonic's functions begin that make a status. `from` is none of them: it
/// makes one of an error, in the one place.
const MAKE_A_STATUS: &[&str] = &[
    "new",
    "with_",
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
    "from_error",
    "try_from_error",
];

#[test]
fn a_status_that_is_made_is_seen() {
    let text = r#"//! Status::internal("no code")
        use tonic::Status;
        fn made() -> Result<(), Status> { Err(Status::new(Code::Internal, "Status::aborted")) }
        fn passed_on() { work().map_err(tonic::Status::unavailable)?; Status::from(error) }
        fn read(headers: &HeaderMap) -> Option<Status> { Status::from_header_map(headers) }
        fn another() { JobStatus::new(); StatusCode::new() }
        impl From<Late> for Status { fn from(_: Late) -> Self { Self::aborted("") } }
        #[cfg(test)]
        mod tests { fn test() { Status::ok("") } }"#;
    assert_eq!(statuses_made(text), ["Status::new", "tonic::Status::unavailable", "From<Late> for Status"]);
}

#[test]
fn files_that_use_each_other_are_a_circle() {
    let plan = Plan::of(&[
        ("lib.rs", "pub mod app; pub mod domain;"),
        ("app/mod.rs", "mod form;\nmod settle;\nmod sizing;"),
        ("app/settle.rs", "use super::{form, sizing::Size};\nfn settle() { form::form(); }"),
        ("app/form.rs", "use crate::{domain::Day, app::sizing as s};"),
        ("app/sizing.rs", "fn size() { super::settle::settle() }"),
        ("domain.rs", "pub struct Day;"),
    ]);
    assert_eq!(plan.faults(), ["a circle of files: app/settle.rs → app/sizing.rs → app/settle.rs"]);
}

#[test]
fn rooms_may_be_a_circle_where_no_files_are() {
    let plan = Plan::of(&[
        ("app/mod.rs", "mod outbox; mod staffing;"),
        ("app/outbox.rs", "mod send;"),
        ("app/outbox/send.rs", "fn sent() { crate::app::staffing::sent::settled() }"),
        ("app/staffing.rs", "mod sent; mod wave;"),
        ("app/staffing/sent.rs", ""),
        ("app/staffing/wave.rs", "use crate::app::outbox;"),
    ]);
    assert_eq!(
        plan.faults(),
        ["a circle of rooms in app: outbox → staffing → outbox (app/outbox/send.rs uses \
          app/staffing/sent.rs, app/staffing/wave.rs uses app/outbox.rs)"]
    );
}

#[test]
fn nobody_uses_what_is_above_or_beside() {
    let plan = Plan::of(&[
        ("domain/places.rs", "use crate::error::Reason;"),
        ("error.rs", "pub enum Reason {}"),
        ("config.rs", "use crate::clock;"),
        ("clock.rs", ""),
        ("storage/mod.rs", "use crate::domain::places;"),
        ("attic.rs", ""),
    ]);
    assert_eq!(
        plan.faults(),
        [
            "attic.rs is on no floor",
            "an arrow up: config.rs uses clock.rs, and clock is not below config",
            "an arrow up: domain/places.rs uses error.rs, and error is not below domain",
        ]
    );
}

#[test]
fn a_door_is_no_arrow_and_whoever_comes_through_it_is_seen_behind() {
    // `mod.rs` passes `Row` on; `read` takes it from there, which is `row` that it uses.
    let rows = [
        ("storage/mod.rs", "mod read; mod row;\npub use read::read;\npub use row::Row;"),
        ("storage/read.rs", "use super::Row;\npub fn read() -> Row { Row }"),
        ("storage/row.rs", "pub struct Row;"),
    ];
    assert_eq!(Plan::of(&rows).faults(), Vec::<String>::new());
    // Whoever uses what it passes on stands above it.
    let both = [
        ("storage/mod.rs", "mod read;\npub use read::read;\npub struct Row;\nfn again() { read(); }"),
        ("storage/read.rs", "use super::Row;"),
    ];
    assert_eq!(
        Plan::of(&both).faults(),
        ["a circle of files: storage/mod.rs → storage/read.rs → storage/mod.rs"]
    );
}

#[test]
fn only_code_counts() {
    let plan = Plan::of(&[
        (
            "error.rs",
            "#[macro_export]\nmacro_rules! refuse { () => { $crate::error::Error } }\npub struct Error;",
        ),
        (
            "domain.rs",
            r##"//! See [`crate::error::Error`].
            /* use crate::error::Error; /* and */ */
            const A: &str = "crate::error::Error \" crate::error::Error";
            const B: &str = r#"crate::error::Error " "#;
            const C: [char; 3] = ['"', '\'', 'c'];
            fn lives<'a>(of: &'a str) -> &'a str { of }
            #[cfg(test)]
            mod tests {
                use crate::error::Error;
                const OPEN: char = '{';
            }
            pub(in crate::error) struct Hidden;"##,
        ),
        ("exit.rs", "mod inner { use super::super::domain; fn up() { super::super::clock::now() } }"),
        ("clock.rs", "fn late() { crate::refuse!() }"),
    ]);
    // What an inline module uses is what its file uses; a macro is used where it is called.
    assert_eq!(
        plan.faults(),
        [
            "an arrow up: clock.rs uses error.rs, and error is not below clock",
            "an arrow up: exit.rs uses clock.rs, and clock is not below exit",
        ]
    );
}

#[test]
fn sections_and_rules_are_found_wherever_they_are_cited() {
    let text = [
        "//! Leave (docs/domain.md",
        "//! §6), waves (docs/domain.md §§3–5, G) and (docs/domain.md §§8,",
        "// 9); §3.2; RFC 5545 §77.",
        "/// docs/style.md rule 13; docs/style.md,",
        "/// rule 21; docs/style.md's",
    ]
    .join("\n");
    assert_eq!(sections_cited(&text), ["6", "3", "4", "5", "8", "9", "3.2"]);
    assert_eq!(rules_cited(&text), ["13", "21"]);
    let book = Book::of_sections("# The book\n## 3. Time\n### 3.1 Mornings\n## 10. Files\n");
    assert_eq!(book.missing(["3", "3.1", "3.2", "10", "1"].map(str::to_owned)), ["3.2", "1"]);
    let style = Book::of_rules("## Rules\n\n1. One\n   2. no rule\n13. Data\n");
    assert_eq!(style.missing(["1", "13", "2"].map(str::to_owned)), ["2"]);
}

#[test]
fn width_is_counted_in_characters() {
    assert_eq!(too_wide_or_long("a.rs", &"教".repeat(110)), Vec::<String>::new());
    assert_eq!(too_wide_or_long("a.rs", &"x".repeat(111)), ["a.rs:1 has 111 columns, 110 are enough"]);
    let comment = format!("    // {}", "x".repeat(94));
    assert_eq!(too_wide_or_long("a.rs", &comment), ["a.rs:1 has 101 columns, 100 are enough"]);
    assert_eq!(too_wide_or_long("a.rs", &"\n".repeat(501)), ["a.rs has 501 lines, 500 are enough"]);
}
