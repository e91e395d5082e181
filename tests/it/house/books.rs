//! The two rule books, `docs/domain.md` and `docs/style.md`, and where they are cited.

use std::collections::BTreeSet;

/// The sections or rules of a book that can be cited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book(BTreeSet<String>);

impl Book {
    /// The sections of a text with headings such as `## 3. One timeline` or `### 3.1 Mornings`.
    pub fn of_sections(text: &str) -> Self {
        let numbered = |line: &str| {
            let heading = line.strip_prefix('#')?.trim_start_matches('#').trim_start();
            Some(number(heading)).filter(|number| !number.is_empty())
        };
        Self(text.lines().filter_map(numbered).collect())
    }

    /// The rules of a text with a list such as `13. Data on stdout`.
    pub fn of_rules(text: &str) -> Self {
        let rule = |line: &str| {
            let (number, _) = line.split_once(". ")?;
            number.parse::<u32>().ok().map(|number| number.to_string())
        };
        Self(text.lines().filter_map(rule).collect())
    }

    /// Those of what is cited that the book does not have.
    pub fn missing(&self, cited: impl IntoIterator<Item = String>) -> Vec<String> {
        cited.into_iter().filter(|one| !self.0.contains(one)).collect()
    }

    /// Whether there is anything in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A number of a section at the beginning of a text: `3`, `3.1`.
fn number(text: &str) -> String {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    text[..end].trim_end_matches('.').to_owned()
}

/// The text in one line, without the marks of comments: a citation may go on in the next one.
fn in_one_line(text: &str) -> String {
    let words = |line: &'_ str| {
        let line = line.trim();
        line.trim_start_matches(['/', '!', '#']).trim().to_owned()
    };
    text.lines().map(words).collect::<Vec<_>>().join(" ")
}

/// The sections that a text cites by `§3`, `§§4, 5` or `§§3–5`. Those of an RFC are not ours.
pub fn sections_cited(text: &str) -> Vec<String> {
    let text = in_one_line(text);
    let mut cited = Vec::new();
    for (at, mark) in text.match_indices('§') {
        let of_rfc =
            text[..at].trim_end().trim_end_matches(|letter: char| letter.is_ascii_digit()).ends_with("RFC ");
        let many = text[..at].ends_with('§');
        let mut rest = &text[at + mark.len()..];
        if of_rfc || rest.starts_with('§') {
            continue;
        }
        loop {
            let found = number(rest);
            rest = &rest[found.len()..];
            if found.is_empty() {
                break;
            }
            let until = rest.strip_prefix('–').filter(|_| many).map(number).unwrap_or_default();
            match (found.parse::<u32>(), until.parse::<u32>()) {
                (Ok(first), Ok(last)) => cited.extend((first..=last).map(|number| number.to_string())),
                _ => cited.push(found),
            }
            match rest.strip_prefix(", ").filter(|_| many) {
                Some(more) => rest = more,
                None => break,
            }
        }
    }
    cited
}

/// The rules of the style that a text cites by `docs/style.md rule 13` or `docs/style.md, rule 13`.
pub fn rules_cited(text: &str) -> Vec<String> {
    let text = in_one_line(text);
    let cited = text.match_indices("docs/style.md").filter_map(|(at, name)| {
        let rest = text[at + name.len()..].trim_start_matches([',', ' ']);
        Some(number(rest.strip_prefix("rule ")?))
    });
    cited.collect()
}
