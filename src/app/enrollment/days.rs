//! Ranges of days of templates, and lesson days grouped by template.

use crate::domain::places::PlaceDay;
use crate::domain::time::{Day, LAST_DAY, add_days};
use crate::storage::entity::place;
use std::collections::{BTreeMap, HashMap};

/// One range for each template, that holds all of its ranges.
pub(crate) fn ranges(all: impl Iterator<Item = (i64, Day, Day)>) -> Vec<(i64, Day, Day)> {
    let mut found: BTreeMap<i64, (Day, Day)> = BTreeMap::new();
    for (template, first, last) in all {
        let range = found.entry(template).or_insert((first, last));
        *range = (range.0.min(first), range.1.max(last));
    }
    found.into_iter().map(|(template, (first, last))| (template, first, last)).collect()
}

/// The days on which what somebody has may overlap with lessons of these ranges: a lesson of the
/// day before may last into the first day, and the last may last into the day after.
pub(crate) fn around(ranges: &[(i64, Day, Day)]) -> (Day, Day) {
    let first = ranges.iter().map(|(_, first, _)| *first).min();
    let last = ranges.iter().map(|(.., last)| *last).max();
    let around = |(first, last)| (add_days(first, -1), add_days(last, 1).min(LAST_DAY));
    first.zip(last).map(around).unwrap_or_default()
}

/// Places by their templates, in the order in which they come.
pub(super) fn by_template(places: Vec<place::Model>) -> HashMap<i64, Vec<PlaceDay>> {
    let mut found: HashMap<i64, Vec<PlaceDay>> = HashMap::new();
    for place in places {
        found.entry(place.template_id).or_default().push((&place).into());
    }
    found
}
