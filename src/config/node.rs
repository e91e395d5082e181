//! YAML as written: a tree that keeps the text of every scalar, how it was written, and where.
//!
//! The key decides what a scalar means (see `schema`), never the scalar's looks: under `phone`,
//! `+8613800138000` is a phone number although YAML calls it an integer, and `null` is never the
//! text "null".

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// More levels than any configuration has; a text that is deeper is refused, so that nothing that
/// walks the tree runs out of stack.
const DEEPEST: usize = 16;

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A file as a whole.
    Whole(Rc<str>),
    /// In a file; lines and columns (in characters) begin at 1.
    File {
        /// Its name as it was given.
        name: Rc<str>,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In a variable of the environment.
    Variable(Rc<str>),
    /// In `etc/default.yml`, which is compiled in.
    Default,
}

/// Where a text comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A file of this name.
    File(Rc<str>),
    /// A variable of the environment.
    Variable(Rc<str>),
    /// The defaults.
    Default,
}

impl Source {
    fn place(&self, span: Span) -> Place {
        match self {
            Self::File(name) => {
                Place::File { name: name.clone(), line: span.start.line(), column: span.start.col() + 1 }
            }
            Self::Variable(name) => Place::Variable(name.clone()),
            Self::Default => Place::Default,
        }
    }
}

/// A part of the text, and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// What is written.
    pub(super) what: What,
    /// Where.
    pub(super) at: Place,
}

/// What is written.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Nothing, `~` or `null`, without quotes.
    Nothing,
    /// A scalar, as it is written (without its quotes).
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in order; no key is in it twice.
    Table(Vec<Entry>),
}

/// A key of a table and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key.
    pub(super) name: String,
    /// Where the key is written.
    pub(super) at: Place,
    /// The value.
    pub(super) node: Node,
}

/// Something that no configuration may hold, wherever it stands.
#[derive(Debug)]
pub(super) struct Flaw {
    /// Where.
    pub(super) at: Place,
    /// The path of the key; none where the text could not be read on.
    pub(super) key: Option<String>,
    /// What is wrong.
    pub(super) reason: String,
}

/// Reads a text. What is no YAML ends it; keys that are there twice do not.
pub(super) fn parse(source: &Source, text: &str, flaws: &mut Vec<Flaw>) -> Node {
    let mut tree = Tree { source, flaws, open: Vec::new(), whole: None };
    for event in Parser::new_from_str(text) {
        let went_on = match event {
            Ok((event, span)) => tree.add(event, span),
            Err(error) => {
                let at = source.place(Span::empty(*error.marker()));
                Err(tree.flaw(at, format!("is not YAML: {}", error.info())))
            }
        };
        if went_on.is_err() {
            return nothing(source);
        }
    }
    tree.whole.unwrap_or_else(|| nothing(source))
}

fn nothing(source: &Source) -> Node {
    Node { what: What::Nothing, at: source.place(Span::default()) }
}

/// The text cannot be read on; what is wrong has been noted.
struct Stop;

/// A list or table that is not yet closed.
struct Open {
    node: Node,
    /// The key of a table whose value comes next.
    key: Option<(String, Place)>,
    /// Keys of a table, with the places where they were first written.
    seen: HashMap<String, Place>,
}

struct Tree<'a> {
    source: &'a Source,
    flaws: &'a mut Vec<Flaw>,
    open: Vec<Open>,
    whole: Option<Node>,
}

impl Tree<'_> {
    fn flaw(&mut self, at: Place, reason: impl Into<String>) -> Stop {
        self.flaws.push(Flaw { at, key: None, reason: reason.into() });
        Stop
    }

    /// The path of what is being read.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match (&open.node.what, &open.key) {
                (What::List(items), _) => path.push_str(&format!("[{}]", items.len())),
                (_, Some((key, _))) if path.is_empty() => path.push_str(key),
                (_, Some((key, _))) => path.push_str(&format!(".{key}")),
                (_, None) => {}
            }
        }
        path
    }

    fn add(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let at = self.source.place(span);
        match event {
            Event::DocumentStart(_) if self.whole.is_some() => {
                Err(self.flaw(at, "a second document begins here; only one is read"))
            }
            Event::Scalar(text, style, 0, tag) => {
                let tagged = match tag.as_deref() {
                    None => false,
                    Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => true,
                    Some(_) => return Err(self.flaw(at, "the only tag allowed here is !!str")),
                };
                let plain = style == ScalarStyle::Plain && !tagged;
                let what =
                    if plain && is_nothing(&text) { What::Nothing } else { What::Text(text.into_owned()) };
                self.put(Node { what, at })
            }
            Event::SequenceStart(0, None) => self.begin(What::List(Vec::new()), at),
            Event::MappingStart(0, None) => self.begin(What::Table(Vec::new()), at),
            Event::SequenceStart(0, _) | Event::MappingStart(0, _) => {
                Err(self.flaw(at, "the only tag allowed here is !!str"))
            }
            Event::Alias(_) | Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                Err(self.flaw(at, "anchors and aliases are not supported: write the value out"))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.put(open.node),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, what: What, at: Place) -> Result<(), Stop> {
        if self.open.len() == DEEPEST {
            return Err(self.flaw(at, "is nested too deeply"));
        }
        self.open.push(Open { node: Node { what, at }, key: None, seen: HashMap::new() });
        Ok(())
    }

    /// Puts a whole node where it belongs.
    fn put(&mut self, node: Node) -> Result<(), Stop> {
        let path = self.path();
        let Some(open) = self.open.last_mut() else {
            self.whole = Some(node);
            return Ok(());
        };
        match (&mut open.node.what, open.key.take()) {
            (What::List(items), _) => items.push(node),
            (What::Table(entries), Some((key, at))) => match open.seen.get(&key) {
                Some(first) => self.flaws.push(Flaw {
                    at,
                    key: Some(path),
                    reason: format!("is written twice; {}", first.told()),
                }),
                None => {
                    open.seen.insert(key.clone(), at.clone());
                    entries.push(Entry { name: key, at, node });
                }
            },
            (What::Table(_), None) => match node.what {
                What::Text(key) => open.key = Some((key, node.at)),
                _ => return Err(self.flaw(node.at, "is not a key: a key is a word")),
            },
            _ => {}
        }
        Ok(())
    }
}

impl Place {
    fn told(&self) -> String {
        match self {
            Self::File { line, .. } => format!("the first is in line {line}"),
            _ => "remove one of them".to_owned(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Whole(name) | Self::Variable(name) => f.write_str(name),
            Self::Default => f.write_str("etc/default.yml"),
        }
    }
}

/// How YAML 1.2 writes that there is nothing.
fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
