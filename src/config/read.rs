//! Turns what is written into values of the right types: merges the layers over the defaults, and
//! collects all of their faults.
//!
//! A faulty value is noted, and the next layer's value is used instead, so that reading goes on.
//! The result is either the faults or a complete tree, which serde turns into the sections.

use super::fault::Fault;
use super::node::{self, Entry, Node, Place, Source, What};
use super::schema::{FILE, Key, Kind};
use serde_yaml::{Mapping, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// `etc/default.yml`: every key, its unit and its default.
pub const DEFAULT_YAML: &str = include_str!("../../etc/default.yml");

/// The variables of the environment that are meant for the configuration.
const PREFIX: &str = "ETUTOR__";

/// Longer values are cut in messages.
const SHOWN: usize = 60;

/// What is laid over the defaults, the strongest first; and what is wrong.
#[derive(Debug, Default)]
pub(super) struct Reader {
    layers: Vec<Node>,
    faults: Vec<Fault>,
    /// Where the value in force is written, by path.
    origins: BTreeMap<String, Place>,
    /// Paths of which a value was refused.
    refused: BTreeSet<String>,
}

impl Reader {
    /// Lays a file over what is there.
    pub(super) fn add_file(&mut self, file: &Path) {
        let name = file.display().to_string();
        match std::fs::read_to_string(file) {
            Ok(text) => self.add_text(&name, &text),
            Err(error) => self.fault("", &Place::Whole(name.into()), error.to_string()),
        }
    }

    /// Lays the text of a file over what is there.
    pub(super) fn add_text(&mut self, name: &str, text: &str) {
        let layer = self.parse(&Source::File(name.into()), text, "");
        match layer.what {
            What::Table(_) => self.layers.insert(0, layer),
            What::Nothing => {}
            _ => self.fault("", &layer.at, "the top level must be keys with values"),
        }
    }

    /// Lays the variables `ETUTOR__SECTION__KEY` over it; others are none of our business.
    pub(super) fn add_env(&mut self, env: impl IntoIterator<Item = (String, String)>) {
        let mut ours: Vec<(String, String)> =
            env.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        // In the order of the names: a key's own variable comes after that of its section, and is
        // stronger.
        ours.sort();
        for (name, text) in ours {
            let path: Vec<String> =
                name[PREFIX.len()..].to_lowercase().split("__").map(str::to_owned).collect();
            let at = Place::Variable(name.as_str().into());
            let Some(kind) = kind_of(&path) else {
                let dotted = path.join(".");
                self.fault(&dotted, &at, format!("there is no such key{}", meant(&dotted)));
                continue;
            };
            let what = match kind {
                Kind::Table(_) | Kind::Together(_) | Kind::List(_) => {
                    self.parse(&Source::Variable(name.as_str().into()), &text, &path.join(".")).what
                }
                Kind::TextOrNothing(_) | Kind::PrivateOrNothing(_) if text.is_empty() => What::Nothing,
                _ => What::Text(text),
            };
            let leaf = Node { what, at };
            let layer = path.iter().rev().fold(leaf, |node, key| node.under(key));
            self.layers.insert(0, layer);
        }
    }

    /// A value that comes from elsewhere, for a text: the strongest of all.
    pub(super) fn add_value(&mut self, path: [&str; 2], text: String, at: Place) {
        let leaf = Node { what: What::Text(text), at };
        let layer = path.iter().rev().fold(leaf, |node, key| node.under(key));
        self.layers.insert(0, layer);
    }

    /// What is written for a key, in the strongest layer that says something, and where.
    pub(super) fn written(&self, section: &str, key: &str) -> Option<(&str, &Place)> {
        let nodes = self.layers.iter().filter_map(|layer| layer.get(section)?.get(key));
        nodes.into_iter().next().and_then(|node| match &node.what {
            What::Text(text) => Some((text.as_str(), &node.at)),
            _ => None,
        })
    }

    /// Notes a fault.
    pub(super) fn fault(&mut self, key: &str, at: &Place, reason: impl Into<String>) {
        if !key.is_empty() {
            self.refused.insert(key.to_owned());
        }
        self.faults.push(Fault { key: key.to_owned(), at: Some(at.clone()), reason: reason.into() });
    }

    /// The complete tree: everything that was given is looked at.
    pub(super) fn read(&mut self) -> Value {
        let mut layers = std::mem::take(&mut self.layers);
        layers.push(self.parse(&Source::Default, DEFAULT_YAML, ""));
        let given: Vec<&Node> = layers.iter().collect();
        let value = self.table(FILE, "", &given);
        self.layers = layers;
        value
    }

    /// Where the values in force are written, and the faults.
    pub(super) fn finish(self) -> (Origins, Vec<Fault>) {
        (Origins { places: self.origins, refused: self.refused }, self.faults)
    }

    fn parse(&mut self, source: &Source, text: &str, path: &str) -> Node {
        let mut flaws = Vec::new();
        let node = node::parse(source, text, &mut flaws);
        for flaw in flaws {
            let inner = flaw.key.unwrap_or_default();
            let key = if path.is_empty() || inner.is_empty() {
                format!("{path}{inner}")
            } else {
                format!("{path}.{inner}")
            };
            self.fault(&key, &flaw.at, flaw.reason);
        }
        node
    }

    fn value(&mut self, kind: &Kind, path: &str, given: &[&Node]) -> Option<Value> {
        match kind {
            Kind::Table(keys) => Some(self.table(keys, path, given)),
            Kind::Together(keys) => {
                let whole: Vec<&Node> = given
                    .iter()
                    .copied()
                    .find(|node| !matches!(node.what, What::Nothing))
                    .into_iter()
                    .collect();
                Some(self.table(keys, path, &whole))
            }
            Kind::List(kind) => given.iter().find_map(|node| self.list(kind, path, node)),
            _ => {
                let found = given.iter().find_map(|node| Some((self.scalar(kind, path, node)?, &node.at)));
                let (value, at) = found?;
                self.origins.insert(path.to_owned(), at.clone());
                Some(value)
            }
        }
    }

    fn table(&mut self, keys: &[Key], path: &str, given: &[&Node]) -> Value {
        let mut tables = Vec::new();
        for node in given {
            match &node.what {
                What::Table(entries) => tables.push((entries, &node.at)),
                // A section whose keys are all commented out says nothing.
                What::Nothing => {}
                _ => self.fault(path, &node.at, format!("must be keys with values: {}", names(keys))),
            }
        }
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        for Entry { name, at, .. } in tables.iter().flat_map(|(entries, _)| *entries) {
            if !keys.iter().any(|key| key.name == name) {
                let dotted = below(name);
                self.fault(&dotted, at, format!("there is no such key{}", meant_among(&dotted, name, keys)));
            }
        }
        let mut made = Mapping::new();
        for key in keys {
            let nodes: Vec<&Node> =
                tables.iter().filter_map(|(entries, _)| value_of(entries, key.name)).collect();
            let value = self.value(&key.kind, &below(key.name), &nodes);
            if let (true, true, Some((_, at))) = (key.needed, nodes.is_empty(), tables.first()) {
                self.fault(&below(key.name), at, "is missing");
            }
            // For what was refused something stands in, so that the rest can be looked at.
            match value.or_else(|| key.needed.then(|| stand_in(&key.kind))) {
                // Serde takes what is not there as nothing.
                None | Some(Value::Null) => {}
                Some(value) => drop(made.insert(name_value(key.name), value)),
            }
        }
        Value::Mapping(made)
    }

    fn list(&mut self, kind: &Kind, path: &str, node: &Node) -> Option<Value> {
        match &node.what {
            What::List(items) => {
                let values = items.iter().enumerate();
                let values =
                    values.filter_map(|(index, item)| self.value(kind, &format!("{path}[{index}]"), &[item]));
                Some(Value::Sequence(values.collect()))
            }
            What::Nothing => None,
            _ => {
                self.fault(path, &node.at, "must be a list: [a, b], or lines that begin with -");
                None
            }
        }
    }

    fn scalar(&mut self, kind: &Kind, path: &str, node: &Node) -> Option<Value> {
        let told = match (&node.what, kind) {
            (What::Text(text), _) => match scalar(kind, text) {
                Ok(value) => return Some(value),
                // What is a secret, or belongs to a person, is not repeated.
                Err(allowed) if kind.is_private() => format!("cannot be used; it must be {allowed}"),
                Err(allowed) => format!("{} cannot be used; it must be {allowed}", shown(text)),
            },
            (What::Nothing, Kind::TextOrNothing(_) | Kind::PrivateOrNothing(_)) => return Some(Value::Null),
            (What::Nothing, _) => format!("is empty; write {}, or leave the line out", allowed(kind)),
            (What::List(_) | What::Table(_), _) => format!("must be one value: {}", allowed(kind)),
        };
        self.fault(path, &node.at, told);
        None
    }
}

impl Node {
    fn get(&self, key: &str) -> Option<&Node> {
        match &self.what {
            What::Table(entries) => value_of(entries, key),
            _ => None,
        }
    }

    /// A table that holds this under one key.
    fn under(self, key: &str) -> Node {
        let at = self.at.clone();
        let entry = Entry { name: key.to_owned(), at: at.clone(), node: self };
        Node { what: What::Table(vec![entry]), at }
    }
}

fn value_of<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Node> {
    entries.iter().find(|entry| entry.name == key).map(|entry| &entry.node)
}

impl Kind {
    fn is_private(&self) -> bool {
        matches!(self, Self::Private(_) | Self::PrivateOrNothing(_))
    }
}

/// Where values are written, for faults that lie between several keys.
#[derive(Debug)]
pub(super) struct Origins {
    places: BTreeMap<String, Place>,
    refused: BTreeSet<String>,
}

impl Origins {
    /// Whether the value of a key was refused, or that of a key above or below it.
    pub(super) fn refused(&self, key: &str) -> bool {
        let is_below = |path: &str, key: &str| {
            path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.refused.iter().any(|path| is_below(path, key) || is_below(key, path))
    }

    /// Where the first of some keys is written that is not a default.
    pub(super) fn place(&self, keys: &[&str]) -> Option<Place> {
        let of_key = |key: &&str| {
            let own = self.places.get(*key).filter(|place| **place != Place::Default);
            let below = || {
                self.places
                    .range(format!("{key}.")..)
                    .take_while(|(path, _)| path.starts_with(&format!("{key}.")))
            };
            own.or_else(|| below().map(|(_, place)| place).find(|place| **place != Place::Default))
        };
        keys.iter().find_map(of_key).cloned()
    }
}

/// The value of a scalar, or what would be right.
fn scalar(kind: &Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Flag => match text {
            "true" | "True" | "TRUE" => Ok(true.into()),
            "false" | "False" | "FALSE" => Ok(false.into()),
            _ => Err(allowed(kind)),
        },
        Kind::Whole(least, most) => match whole(text) {
            Some(number) if (*least..=*most).contains(&number) => Ok(number.into()),
            Some(_) => Err(allowed(kind)),
            None => Err(format!("{}, in plain digits without a unit", allowed(kind))),
        },
        Kind::Decimal(least, most) => match decimal(text) {
            Some(number) if (*least..=*most).contains(&number) => Ok(number.into()),
            _ => Err(allowed(kind)),
        },
        Kind::Word(words) if words.contains(&text) => Ok(text.into()),
        Kind::Word(_) => Err(allowed(kind)),
        Kind::Text(check)
        | Kind::TextOrNothing(check)
        | Kind::Private(check)
        | Kind::PrivateOrNothing(check) => check(text).map(|()| text.into()),
        Kind::Table(_) | Kind::Together(_) | Kind::List(_) => Err(allowed(kind)),
    }
}

/// What may be written.
fn allowed(kind: &Kind) -> String {
    match kind {
        Kind::Flag => "true or false".to_owned(),
        Kind::Whole(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Decimal(least, most) => format!("a number from {least} to {most}"),
        Kind::Word(words) => words.join(" or "),
        // No text is right everywhere but where everything is.
        Kind::Text(check)
        | Kind::TextOrNothing(check)
        | Kind::Private(check)
        | Kind::PrivateOrNothing(check) => check("").err().unwrap_or_else(|| "a text".to_owned()),
        Kind::Table(_) | Kind::Together(_) => "keys with values".to_owned(),
        Kind::List(_) => "a list".to_owned(),
    }
}

/// A whole number in decimal digits. A leading zero is refused: YAML 1.1 counts such numbers by
/// eights, YAML 1.2 by tens.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    // More digits than an i64 has are out of every range.
    plain.then(|| text.parse().unwrap_or(i64::MAX))
}

/// A number with or without a fraction.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    text.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}

/// A value as it is written, on one line and not too long.
fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

/// A value for a key that has none.
fn stand_in(kind: &Kind) -> Value {
    match kind {
        Kind::Whole(least, _) => (*least).into(),
        _ => "".into(),
    }
}

/// A key as serde expects it: ranks are numbers.
fn name_value(name: &str) -> Value {
    name.parse::<u64>().map_or_else(|_| name.into(), Value::from)
}

fn names(keys: &[Key]) -> String {
    keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

/// What may be written for a path.
fn kind_of(path: &[String]) -> Option<&'static Kind> {
    let mut keys = FILE;
    let mut found = None;
    for name in path {
        let kind = &keys.iter().find(|key| key.name == name)?.kind;
        keys = match kind {
            Kind::Table(keys) => keys,
            _ => &[],
        };
        found = Some(kind);
    }
    found
}

/// Every path, for those who look for the right one.
fn paths(keys: &'static [Key], path: &str, found: &mut Vec<String>) {
    for key in keys {
        let path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        if let Kind::Table(keys) = key.kind {
            paths(keys, &path, found);
        }
        found.push(path);
    }
}

/// The key that was probably meant, wherever it stands: `; did you mean server.listen?`, or
/// nothing.
fn meant(dotted: &str) -> String {
    let mut known = Vec::new();
    paths(FILE, "", &mut known);
    let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let near = known
        .iter()
        .map(|path| (likeness(path, dotted).max(likeness(&last(path), &last(dotted)) - 0.01), path));
    match near.max_by(|one, other| one.0.total_cmp(&other.0)) {
        Some((likeness, path)) if likeness > 0.8 => format!("; did you mean {path}?"),
        _ => String::new(),
    }
}

/// The same, but of the keys of one table first.
fn meant_among(dotted: &str, name: &str, keys: &[Key]) -> String {
    let near = keys
        .iter()
        .map(|key| (likeness(key.name, name), key.name))
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match near {
        Some((likeness, known)) if likeness > 0.8 => format!("; did you mean {known}?"),
        _ => match meant(dotted) {
            none if none.is_empty() => format!("; the keys here are {}", names(keys)),
            meant => meant,
        },
    }
}

/// How alike two names are, from 0 to 1, their units aside.
fn likeness(one: &str, other: &str) -> f64 {
    let stem = |text: &str| -> String {
        let text = text.to_lowercase().replace('-', "_");
        ["_ms", "_s", "_min", "_h", "_d"]
            .iter()
            .find_map(|unit| text.strip_suffix(unit))
            .unwrap_or(&text)
            .to_owned()
    };
    strsim::jaro_winkler(&stem(one), &stem(other))
}
