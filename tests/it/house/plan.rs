//! The plan of the code: which file uses which, and which uses are wrong.

use super::code::{Code, Use};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

/// The floors, the ground first: a file uses files of lower floors and of its own room.
const FLOORS: &[&[&str]] = &[
    &["domain"],
    &["clock", "config", "error", "exit"],
    &["log", "message", "storage"],
    &["app", "serve"],
    &["task"],
    &["rpc"],
    &["cli", "demo"],
    &["daemon"],
    &["testing"],
];

/// Where a file stands: `["app", "outbox"]` for `app/outbox.rs` and for `app/outbox/mod.rs`.
type Place = Vec<String>;

/// Who uses whom, of files or of rooms.
type Graph<T> = BTreeMap<T, BTreeSet<T>>;

/// The files of a package.
#[derive(Debug, Default)]
pub struct Plan {
    files: BTreeMap<Place, (String, Code)>,
}

impl Plan {
    /// Of the files of a folder.
    pub fn read(folder: &Path) -> Self {
        let mut plan = Self::default();
        plan.add_folder(folder, folder);
        plan
    }

    /// Of files by their names and texts.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut plan = Self::default();
        files.iter().for_each(|(name, text)| plan.add(name, text));
        plan
    }

    fn add_folder(&mut self, root: &Path, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.add_folder(root, &path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                self.add(&name, &std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    fn add(&mut self, name: &str, text: &str) {
        let mut place: Place =
            name.strip_suffix(".rs").unwrap_or(name).split('/').map(str::to_owned).collect();
        if ["mod", "lib"].contains(&place.last().unwrap().as_str()) {
            place.pop();
        }
        self.files.insert(place, (name.to_owned(), Code::read(text)));
    }

    /// Everything that is wrong, one line each.
    pub fn faults(&self) -> Vec<String> {
        let graph = self.graph();
        let mut faults = self.circles_of_files(&graph);
        faults.extend(self.circles_of_rooms(&graph));
        faults.extend(self.arrows_up(&graph));
        faults
    }

    fn name(&self, place: &Place) -> &str {
        &self.files[place].0
    }

    /// Which file uses which.
    pub fn graph(&self) -> Graph<Place> {
        let mut graph = Graph::new();
        for (place, (_, code)) in &self.files {
            let used = code
                .uses
                .iter()
                // A name that is only passed on is a door: whoever comes through it is counted.
                .filter(|one| !one.passed_on || one.name == "*" || code.words.contains(&one.name))
                .map(|one| (&one.path, &one.within))
                .chain(code.paths.iter().map(|(path, within)| (path, within)));
            for (path, within) in used {
                let found = self.absolute(place, within, path).and_then(|path| self.file_of(&path, 0));
                if let Some(found) = found.filter(|found| found != place) {
                    graph.entry(place.clone()).or_default().insert(found);
                }
            }
        }
        graph
    }

    /// A path from the root of the package; none when it is not the package's.
    fn absolute(&self, place: &Place, within: &[String], path: &[String]) -> Option<Vec<String>> {
        let here = || place.iter().chain(within).cloned().collect::<Vec<_>>();
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([here(), rest.to_vec()].concat()),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let mut base = here();
                base.truncate(base.len().checked_sub(ups)?);
                Some([base, path[ups..].to_vec()].concat())
            }
            _ => {
                let child = [place.as_slice(), std::slice::from_ref(first)].concat();
                self.files.contains_key(&child).then(|| [place.as_slice(), path].concat())
            }
        }
    }

    /// The file that a path of the package leads to, through names that are passed on.
    fn file_of(&self, path: &[String], doors: usize) -> Option<Place> {
        if let [name] = path
            && let Some((place, _)) = self.files.iter().find(|(_, (_, code))| code.macros.contains(name))
            && !self.files.contains_key(path)
        {
            return Some(place.clone());
        }
        let (length, (_, code)) =
            (0..=path.len()).rev().find_map(|length| Some((length, self.files.get(&path[..length])?)))?;
        let place = path[..length].to_vec();
        let passed_on = |one: &&Use| one.passed_on && path.get(length) == Some(&one.name);
        if let Some(door) = code.uses.iter().find(passed_on)
            && doors < 9
            && let Some(behind) = self.absolute(&place, &door.within, &door.path)
        {
            return self.file_of(&[behind, path[length + 1..].to_vec()].concat(), doors + 1);
        }
        Some(place)
    }

    fn circles_of_files(&self, graph: &Graph<Place>) -> Vec<String> {
        let shown = |circle: Vec<Place>| {
            let names: Vec<&str> = circle.iter().map(|place| self.name(place)).collect();
            format!("a circle of files: {}", names.join(" → "))
        };
        circles(graph).into_iter().map(shown).collect()
    }

    /// Circles of what stands in one folder: files and rooms, whatever is in them.
    fn circles_of_rooms(&self, graph: &Graph<Place>) -> Vec<String> {
        let folders: BTreeSet<&[String]> = self
            .files
            .keys()
            .filter(|place| !place.is_empty())
            .map(|place| &place[..place.len() - 1])
            .collect();
        let mut faults = Vec::new();
        for folder in folders {
            let room = |place: &Place| {
                let inside = place.strip_prefix(folder)?;
                Some(inside.first().map_or_else(|| "mod".to_owned(), Clone::clone))
            };
            let files_in =
                |one: &String| self.files.keys().filter(|place| room(place).as_ref() == Some(one)).count();
            let (mut rooms, mut ways) = (Graph::<String>::new(), BTreeMap::new());
            for (from, all) in graph {
                for to in all {
                    let (Some(one), Some(other)) = (room(from), room(to)) else { continue };
                    if one != other {
                        rooms.entry(one.clone()).or_default().insert(other.clone());
                        ways.entry([one, other])
                            .or_insert_with(|| format!("{} uses {}", self.name(from), self.name(to)));
                    }
                }
            }
            // One whose rooms are single files was told already.
            let circles = circles(&rooms).into_iter();
            for circle in circles.filter(|circle| circle.iter().any(|one| files_in(one) > 1)) {
                let ways: Vec<&str> = circle.windows(2).map(|pair| ways[pair].as_str()).collect();
                let folder = if folder.is_empty() { "the root".to_owned() } else { folder.join("/") };
                faults.push(format!(
                    "a circle of rooms in {folder}: {} ({})",
                    circle.join(" → "),
                    ways.join(", ")
                ));
            }
        }
        faults
    }

    fn arrows_up(&self, graph: &Graph<Place>) -> Vec<String> {
        let floor = |room: &str| FLOORS.iter().position(|floor| floor.contains(&room));
        let mut faults = Vec::new();
        for place in self.files.keys().filter(|place| place.len() == 1 && floor(&place[0]).is_none()) {
            faults.push(format!("{} is on no floor", self.name(place)));
        }
        for (from, all) in graph {
            for to in all {
                let (Some(one), Some(other)) = (from.first(), to.first()) else { continue };
                if one != other && floor(one) <= floor(other) {
                    faults.push(format!(
                        "an arrow up: {} uses {}, and {other} is not below {one}",
                        self.name(from),
                        self.name(to)
                    ));
                }
            }
        }
        faults
    }
}

/// One circle, the shortest, of each set of things that lead to each other; it ends as it begins.
fn circles<T: Ord + Clone>(graph: &Graph<T>) -> Vec<Vec<T>> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for begin in graph.keys() {
        if seen.contains(begin) {
            continue;
        }
        let mut there = reached(graph, begin);
        there.retain(|other| reached(graph, other).contains(begin));
        found.extend(there.iter().filter_map(|one| circle_of(graph, one)).min_by_key(Vec::len));
        seen.append(&mut there);
    }
    found
}

fn reached<T: Ord + Clone>(graph: &Graph<T>, begin: &T) -> BTreeSet<T> {
    let (mut there, mut next) = (BTreeSet::new(), vec![begin.clone()]);
    while let Some(one) = next.pop() {
        let more = graph.get(&one).into_iter().flatten().filter(|other| there.insert((*other).clone()));
        next.extend(more.cloned().collect::<Vec<_>>());
    }
    there
}

/// The shortest way from something back to itself.
fn circle_of<T: Ord + Clone>(graph: &Graph<T>, begin: &T) -> Option<Vec<T>> {
    let mut ways = VecDeque::from([vec![begin.clone()]]);
    let mut there = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in way.last().and_then(|last| graph.get(last)).into_iter().flatten() {
            let longer = [way.as_slice(), std::slice::from_ref(next)].concat();
            if next == begin {
                return Some(longer);
            }
            if there.insert(next.clone()) {
                ways.push_back(longer);
            }
        }
    }
    None
}
