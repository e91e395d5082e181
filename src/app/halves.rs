//! What is done in one go about many, and for each all the same when one of them is in the way.

use crate::error::Result;

/// Sets of which each is done in one go. When that fails, halves of it are, down to the one by
/// which it fails: the others are done all the same, and the number of statements depends on how
/// many fail, not on how many there are.
#[derive(Debug)]
pub(super) struct Halves<'a, T> {
    sets: Vec<&'a [T]>,
    /// How many that were by themselves have failed one after the other.
    failed: usize,
}

/// When so many fail one after the other it is not for what they are: sets are left whole.
const MANY: usize = 16;

impl<'a, T> Halves<'a, T> {
    /// All of them, to begin with; none is nothing to do.
    pub(super) fn of(all: &'a [T]) -> Self {
        Self { sets: if all.is_empty() { Vec::new() } else { vec![all] }, failed: 0 }
    }

    /// The set that is next.
    pub(super) fn next_set(&mut self) -> Option<&'a [T]> {
        self.sets.pop()
    }

    /// Whether what came of a set is to be left alone, because its halves are done instead.
    pub(super) fn are_taken<R>(&mut self, set: &'a [T], done: &Result<R>) -> bool {
        let is_fault = done.as_ref().is_err_and(|error| !error.ends_all());
        let fails = is_fault && set.len() > 1 && self.failed < MANY;
        self.failed = if is_fault { self.failed + usize::from(set.len() == 1) } else { 0 };
        if fails {
            let (first, second) = set.split_at(set.len() / 2);
            // The last of them is taken next: those that come first.
            self.sets.extend([second, first]);
        }
        fails
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn what_fails_by_no_fault_of_its_own_is_not_tried_one_by_one() {
        let all: Vec<u32> = (0..10_000).collect();
        let mut halves = Halves::of(&all);
        let (mut failed, mut tried) = (Vec::<u32>::new(), 0);
        while let Some(set) = halves.next_set() {
            tried += 1;
            if !halves.are_taken::<()>(set, &Err(Error::internal("all"))) {
                failed.extend(set);
            }
        }
        assert_eq!(failed, all, "each once, in their order");
        assert!(tried < 70, "{tried}");
    }

    #[test]
    fn all_but_the_one_that_fails_are_done_each_once_and_in_their_order() {
        let all: Vec<u32> = (0..100).collect();
        let mut halves = Halves::of(&all);
        let (mut done, mut failed, mut tried) = (Vec::<u32>::new(), Vec::<u32>::new(), 0);
        while let Some(set) = halves.next_set() {
            tried += 1;
            let result = if set.contains(&37) { Err(Error::internal("37")) } else { Ok(set) };
            if halves.are_taken(set, &result) {
                continue;
            }
            match result {
                Ok(set) => done.extend(set),
                Err(_) => failed.extend(set),
            }
        }
        assert_eq!((failed, done.len()), (vec![37], 99));
        assert!(done.is_sorted() && tried < 20, "{tried}: {done:?}");
    }
}
