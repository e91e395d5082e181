//! Pages of lists: the rows after a key, in order of keys.

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<K = i64> {
    /// The key after which it begins; none = at the beginning.
    pub after: Option<K>,
    /// How many items at most.
    pub size: u64,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<T, K = i64> {
    /// The items.
    pub items: Vec<T>,
    /// The key after which the next part begins; none = this is the last.
    pub next: Option<K>,
}

impl<K> Page<K> {
    /// How many rows to ask for: one more than wanted, to know whether there is a next page.
    pub fn limit(&self) -> u64 {
        self.size.saturating_add(1)
    }

    /// The page of the rows that were found.
    pub fn cut<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Paged<T, K> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = if more { rows.last().map(key) } else { None };
        Paged { items: rows, next }
    }
}

impl<T, K> Paged<T, K> {
    /// The same page of something else.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Paged<U, K> {
        Paged { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_whether_there_is_more() {
        let page = Page { after: None::<i64>, size: 2 };
        assert_eq!(page.cut(vec![1, 2, 3], |key| *key), Paged { items: vec![1, 2], next: Some(2) });
        assert_eq!(page.cut(vec![1, 2], |key| *key), Paged { items: vec![1, 2], next: None });
    }
}
