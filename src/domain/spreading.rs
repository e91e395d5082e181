//! Spreading students over new classes (docs/domain.md §4): evenly, and never with a coach who does
//! not teach them, be it for the city or for a block.

use super::apart::{Apart, Pupil};
use super::reason::Reason;

/// Who goes where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spread {
    /// For each class the positions of its students in the input, in order.
    pub groups: Vec<Vec<usize>>,
    /// Positions of those who find no class at all because it is full.
    pub full: Vec<usize>,
    /// Positions of those whom the coaches of the classes do not teach, and why.
    pub apart: Vec<(usize, Reason)>,
}

/// Spreads students over classes of at most `max` each; each group is whom its coach does not
/// teach. The slice that the students come in is the order of priority (created_at, then id).
///
/// As many as possible find a place (a maximum matching), earlier students before later ones; sizes
/// differ by at most one unless the coaches make that impossible.
pub(crate) fn spread(pupils: &[Pupil], groups: &[Apart], max: usize) -> Spread {
    // Who finds a place at all: greedy by priority with augmenting paths, every class at its full
    // size.
    let mut matching = Matching::new(pupils, groups);
    matching.sizes = vec![max; groups.len()];
    let chosen: Vec<usize> = (0..pupils.len()).filter(|&pupil| matching.place(pupil)).collect();
    // Where: the same students again, classes growing together one seat at a time, so that they
    // stay as even as the coaches let them.
    let mut even = Matching::new(pupils, groups);
    let mut waiting = chosen.clone();
    let floor = chosen.len().checked_div(groups.len()).unwrap_or(0);
    for size in floor..=max {
        even.sizes = vec![size; groups.len()];
        waiting.retain(|&pupil| !even.place(pupil));
        if waiting.is_empty() {
            break;
        }
    }
    let mut spread = Spread { groups: vec![Vec::new(); groups.len()], ..Spread::default() };
    for (pupil, group) in even.of.iter().enumerate() {
        if let Some(group) = group {
            spread.groups[*group].push(pupil);
        }
    }
    // Who finds no class while one has room is kept out by its coach, even where another coach,
    // whose class is full, would have taken the student.
    let open: Vec<&Apart> = groups
        .iter()
        .zip(&spread.groups)
        .filter(|(_, members)| members.len() < max)
        .map(|(of, _)| of)
        .collect();
    let of = if open.is_empty() { groups.iter().collect() } else { open };
    for pupil in (0..pupils.len()).filter(|pupil| even.of[*pupil].is_none()) {
        let reasons: Option<Vec<Reason>> = of.iter().map(|group| group.why(&pupils[pupil])).collect();
        match reasons {
            // Without the block there would be a place.
            Some(reasons) if reasons.contains(&Reason::Blocked) => {
                spread.apart.push((pupil, Reason::Blocked))
            }
            Some(reasons) if !reasons.is_empty() => spread.apart.push((pupil, Reason::SameCity)),
            _ => spread.full.push(pupil),
        }
    }
    spread
}

struct Matching<'a> {
    pupils: &'a [Pupil],
    groups: &'a [Apart],
    sizes: Vec<usize>,
    of: Vec<Option<usize>>,
    members: Vec<Vec<usize>>,
}

impl<'a> Matching<'a> {
    fn new(pupils: &'a [Pupil], groups: &'a [Apart]) -> Self {
        Self {
            pupils,
            groups,
            sizes: vec![0; groups.len()],
            of: vec![None; pupils.len()],
            members: vec![Vec::new(); groups.len()],
        }
    }

    /// Finds a place for one more, moving others where that helps; never takes a place from
    /// anybody.
    fn place(&mut self, pupil: usize) -> bool {
        // Breadth first over classes: `came` remembers through whom a class was reached.
        let mut came: Vec<Option<usize>> = vec![None; self.groups.len()];
        let mut queue = std::collections::VecDeque::from([pupil]);
        while let Some(moving) = queue.pop_front() {
            for group in 0..self.groups.len() {
                if came[group].is_some()
                    || self.of[moving] == Some(group)
                    || self.groups[group].why(&self.pupils[moving]).is_some()
                {
                    continue;
                }
                came[group] = Some(moving);
                if self.members[group].len() < self.sizes[group] {
                    self.shift(group, pupil, &came);
                    return true;
                }
                queue.extend(self.members[group].iter().copied());
            }
        }
        false
    }

    /// Moves everybody on the path one class on, ending with `pupil`.
    fn shift(&mut self, free: usize, pupil: usize, came: &[Option<usize>]) {
        let mut group = free;
        while let Some(moving) = came[group] {
            let from = self.of[moving].replace(group);
            self.members[group].push(moving);
            match from {
                Some(from) => {
                    self.members[from].retain(|&member| member != moving);
                    group = from;
                }
                None => {
                    debug_assert_eq!(moving, pupil);
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn pupils(cities: &[&str]) -> Vec<Pupil> {
        cities
            .iter()
            .enumerate()
            .map(|(id, city)| Pupil { student_id: id as i64, city: (*city).to_owned() })
            .collect()
    }
    fn group(forbidden: &str) -> Apart {
        Apart { city: (!forbidden.is_empty()).then(|| forbidden.to_owned()), students: BTreeSet::new() }
    }
    fn blocked(students: &[i64]) -> Apart {
        Apart { city: None, students: students.iter().copied().collect() }
    }
    fn sizes(spread: &Spread) -> Vec<usize> {
        spread.groups.iter().map(Vec::len).collect()
    }

    #[test]
    fn sizes_differ_by_at_most_one() {
        let spread = spread(&pupils(&["1101"; 14]), &[group(""), group(""), group("")], 6);
        assert_eq!(sizes(&spread), [5, 5, 4]);
    }

    #[test]
    fn even_sizes_give_way_to_the_city_rule() {
        // Four of five are from 1101, which the first coach does not take.
        let spread =
            spread(&pupils(&["1101", "1101", "1101", "1101", "3101"]), &[group("1101"), group("")], 6);
        assert_eq!(sizes(&spread), [1, 4]);
        assert!(spread.apart.is_empty());
    }

    #[test]
    fn others_move_so_that_everybody_fits() {
        // The student from elsewhere came first, but has to leave the open class to the one who can
        // go nowhere else.
        let spread = spread(&pupils(&["3101", "1101"]), &[group(""), group("1101")], 1);
        assert_eq!(spread.groups, [vec![1], vec![0]]);
    }

    #[test]
    fn who_cannot_be_placed_is_told_why() {
        let all_at_home = spread(&pupils(&["1101", "1101"]), &[group("1101")], 6);
        let home = |pupil| (pupil, Reason::SameCity);
        assert_eq!((all_at_home.apart, all_at_home.full), (vec![home(0), home(1)], vec![]));
        let too_many = spread(&pupils(&["1101", "1101", "1101"]), &[group("")], 2);
        assert_eq!((too_many.full, too_many.apart), (vec![2], vec![]));
        assert_eq!(spread(&pupils(&["1101"]), &[], 6).full, [0]);
    }

    #[test]
    fn a_block_is_kept_as_the_city_is() {
        let three = pupils(&["1101", "1101", "3101"]);
        // The first student may only go to the second class.
        let kept = spread(&three, &[blocked(&[0]), group("")], 2);
        assert_eq!(kept.groups, [vec![1, 2], vec![0]]);
        assert_eq!(spread(&three, &[blocked(&[0])], 6).apart, [(0, Reason::Blocked)]);
        // Kept out by the city of one and by a block of the other: staff can lift the block.
        assert_eq!(spread(&three[..1], &[blocked(&[0]), group("1101")], 6).apart, [(0, Reason::Blocked)]);
        let both = Apart { city: Some("1101".to_owned()), ..blocked(&[0, 2]) };
        let home = |pupil| (pupil, Reason::SameCity);
        assert_eq!(spread(&three, &[both], 6).apart, [home(0), home(1), (2, Reason::Blocked)]);
        // No class has room: the coach of a full one would have taken the student.
        assert_eq!(spread(&three, &[blocked(&[2]), group("")], 1).full, [2]);
    }

    proptest! {
        /// Against brute force: as many as possible are placed, the earliest first; sizes and the
        /// city rule hold.
        #[test]
        fn as_many_as_possible_find_a_place(
            cities in prop::collection::vec(0..3u8, 0..8),
            forbidden in prop::collection::vec((0..4u8, prop::collection::btree_set(0..8i64, 0..3)), 0..4),
            max in 1..4usize,
        ) {
            let pupil = |(id, city): (usize, &u8)| Pupil { student_id: id as i64, city: city.to_string() };
            let pupils: Vec<Pupil> = cities.iter().enumerate().map(pupil).collect();
            let group = |(city, students): &(u8, BTreeSet<i64>)| Apart {
                city: (*city < 3).then(|| city.to_string()),
                students: students.clone(),
            };
            let groups: Vec<Apart> = forbidden.iter().map(group).collect();
            let spread = spread(&pupils, &groups, max);
            let placed = spread.groups.iter().flatten();
            let apart = spread.apart.iter().map(|(pupil, _)| pupil);
            let mut seen: Vec<usize> = placed.chain(&spread.full).chain(apart).copied().collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..pupils.len()).collect::<Vec<_>>());
            for (group, members) in groups.iter().zip(&spread.groups) {
                prop_assert!(members.len() <= max);
                prop_assert!(members.iter().all(|&pupil| group.why(&pupils[pupil]).is_none()));
            }
            fn best(pupils: &[Pupil], groups: &[Apart], room: &mut Vec<usize>, next: usize) -> usize {
                if next == pupils.len() { return 0; }
                let mut most = best(pupils, groups, room, next + 1);
                for group in 0..groups.len() {
                    if room[group] > 0 && groups[group].why(&pupils[next]).is_none() {
                        room[group] -= 1;
                        most = most.max(1 + best(pupils, groups, room, next + 1));
                        room[group] += 1;
                    }
                }
                most
            }
            let placed: usize = spread.groups.iter().map(Vec::len).sum();
            prop_assert_eq!(placed, best(&pupils, &groups, &mut vec![max; groups.len()], 0));
            if groups.iter().all(|group| *group == Apart::default()) && !groups.is_empty() {
                let sizes = spread.groups.iter().map(Vec::len);
                let (least, most) = (sizes.clone().min().unwrap(), sizes.max().unwrap());
                prop_assert!(most - least <= 1);
            }
        }
    }
}
