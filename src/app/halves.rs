//! What is done in one go about many, and for each all the same when one of them is in the way.

use crate::error::Result;

/// Sets of which each is done in one go. When that fails, halves of it are, down to the one by
/// which it fails: the others are done all the same, and the number of statements depends on how
/// many fail, not on how many there are.
#[derive(Debug)]
pub(super) struct Halves<'a, T>(Vec<&'a [T]>);

impl<'a, T> Halves<'a, T> {
    /// All of them, to begin with; none is nothing to do.
    pub(super) fn of(all: &'a [T]) -> Self {
        Self(if all.is_empty() { Vec::new() } else { vec![all] })
    }

    /// The set that is next.
    pub(super) fn next_set(&mut self) -> Option<&'a [T]> {
        self.0.pop()
    }

    /// Whether what came of a set is to be left alone, because its halves are done instead.
    pub(super) fn are_taken<R>(&mut self, set: &'a [T], done: &Result<R>) -> bool {
        let fails = set.len() > 1 && done.as_ref().is_err_and(|error| !error.ends_all());
        if fails {
            let (first, second) = set.split_at(set.len() / 2);
            // The last of them is taken next: those that come first.
            self.0.extend([second, first]);
        }
        fails
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

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
