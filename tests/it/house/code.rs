//! A source file as the paths that it names. A small reader, not a parser: it knows comments,
//! string literals, `use` trees, inline modules and unit tests, and takes every `a::b` for a path.

/// What a `use` brings into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The path as it is written, without braces.
    pub path: Vec<String>,
    /// By what name it is known here.
    pub name: String,
    /// `pub use`: whoever names this file's `name` means what stands behind it.
    pub passed_on: bool,
    /// Inline modules around it.
    pub within: Vec<String>,
}

/// What a file names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// Its `use`s.
    pub uses: Vec<Use>,
    /// Its other paths, and the inline modules around each.
    pub paths: Vec<(Vec<String>, Vec<String>)>,
    /// Its single words outside of `use` and `mod`.
    pub words: Vec<String>,
    /// The macros that it defines.
    pub macros: Vec<String>,
}

impl Code {
    /// Reads a file.
    pub fn read(text: &str) -> Self {
        let blanked = without_tests(&blanked(text));
        let mut reader = Reader { tokens: tokens(&blanked), at: 0, depth: 0, inline: Vec::new() };
        let mut code = Self::default();
        while reader.step(&mut code) {}
        code
    }
}

/// The text with blanks for comments, strings and characters.
pub fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut at) = (String::with_capacity(text.len()), 0);
    while at < chars.len() {
        let Some(end) = end_of_no_code(&chars, at) else {
            code.push(chars[at]);
            at += 1;
            continue;
        };
        let end = end.min(chars.len());
        code.extend(chars[at..end].iter().map(|letter| if *letter == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    code
}

/// Where a comment, string or character ends that begins at `at`.
fn end_of_no_code(chars: &[char], at: usize) -> Option<usize> {
    let find = |from: usize, wanted: &[char]| {
        let found = chars.get(from..)?.windows(wanted.len()).position(|letters| letters == wanted)?;
        Some(from + found + wanted.len())
    };
    let end = chars.len();
    match &chars[at..] {
        ['/', '/', ..] => Some(find(at, &['\n']).map_or(end, |found| found - 1)),
        ['/', '*', ..] => Some(find(at + 2, &['*', '/']).unwrap_or(end)),
        ['r', rest @ ..] if at == 0 || !is_word(chars[at - 1]) => {
            let marks = rest.iter().take_while(|letter| **letter == '#').count();
            if rest.get(marks) != Some(&'"') {
                return None;
            }
            let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', marks)).collect();
            Some(find(at + marks + 2, &close).unwrap_or(end))
        }
        ['"', ..] => {
            let mut close = at + 1;
            while close < end && chars[close] != '"' {
                close += if chars[close] == '\\' { 2 } else { 1 };
            }
            Some(close + 1)
        }
        ['\'', '\\', ..] => find(at + 3, &['\'']),
        ['\'', letter, '\'', ..] if *letter != '\'' => Some(at + 3),
        _ => None,
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Blanks for the unit tests of a file that has no comments and strings any more.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let (mut kept, mut rest) = (String::with_capacity(code.len()), code);
    while let Some(begin) = rest.find(MARK) {
        let (before, from) = rest.split_at(begin);
        kept.push_str(before);
        let body = &from[MARK.len()..];
        let opened = body.find(['{', ';']).filter(|at| body[*at..].starts_with('{'));
        match opened.filter(|_| body.trim_start().starts_with("mod ")) {
            Some(open) => rest = &body[open + end_of_block(&body[open..])..],
            None => rest = body,
        }
    }
    kept + rest
}

/// Behind the brace that closes the first one.
fn end_of_block(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in code.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Words, `::`, and whatever else is no blank, letter by letter.
fn tokens(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        found.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    found
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
    depth: usize,
    /// Inline modules that are open, and how deep their braces are.
    inline: Vec<(String, usize)>,
}

impl Reader {
    fn token(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    fn behind(&self, back: usize) -> &str {
        self.at.checked_sub(back).map_or("", |at| self.tokens[at].as_str())
    }

    fn within(&self) -> Vec<String> {
        self.inline.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Reads on; whether there is more.
    fn step(&mut self, code: &mut Code) -> bool {
        match self.token(0) {
            "" => return false,
            "{" => self.depth += 1,
            "}" => {
                self.depth = self.depth.saturating_sub(1);
                self.inline.retain(|(_, depth)| *depth <= self.depth);
            }
            "use" => {
                let passed_on = ["pub", ")"].contains(&self.behind(1));
                self.at += 1;
                let within = self.within();
                self.tree(&[], &mut |path, name| {
                    code.uses.push(Use { path, name, passed_on, within: within.clone() });
                });
                return true;
            }
            "mod" if self.token(2) == "{" => {
                self.depth += 1;
                self.inline.push((self.token(1).to_owned(), self.depth));
                self.at += 3;
                return true;
            }
            "mod" => {
                self.at += 2;
                return true;
            }
            "macro_rules" => code.macros.push(self.token(2).to_owned()),
            word if word.starts_with(is_word) => {
                self.path(code);
                return true;
            }
            _ => {}
        }
        self.at += 1;
        true
    }

    /// A word or path outside of `use`.
    fn path(&mut self, code: &mut Code) {
        let in_visibility = self.behind(1) == "in" && self.behind(2) == "(" && self.behind(3) == "pub";
        let goes_on = self.behind(1) == "::" || self.behind(1) == ".";
        let mut path = vec![self.token(0).to_owned()];
        self.at += 1;
        while self.token(0) == "::" && self.token(1).starts_with(is_word) {
            path.push(self.token(1).to_owned());
            self.at += 2;
        }
        if !goes_on {
            code.words.push(path[0].clone());
        }
        if path.len() > 1 && !in_visibility && !goes_on {
            code.paths.push((path, self.within()));
        }
    }

    /// One tree of a `use`, behind its prefix.
    fn tree(&mut self, prefix: &[String], found: &mut impl FnMut(Vec<String>, String)) {
        let mut path = prefix.to_vec();
        loop {
            match self.token(0) {
                "{" => {
                    self.at += 1;
                    while !["}", ""].contains(&self.token(0)) {
                        if self.token(0) == "," { self.at += 1 } else { self.tree(&path, found) }
                    }
                    self.at += 1;
                    return;
                }
                // What is not this package's begins with it.
                "::" => self.at += 1,
                "" | ";" | "," | "}" => return,
                word => {
                    path.push(word.to_owned());
                    self.at += 1;
                    if self.token(0) == "::" {
                        self.at += 1;
                        continue;
                    }
                    // `self` in braces is the path before it.
                    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                        path.pop();
                    }
                    let mut name = path.last().cloned().unwrap_or_default();
                    if self.token(0) == "as" {
                        name = self.token(1).to_owned();
                        self.at += 2;
                    }
                    found(path, name);
                    return;
                }
            }
        }
    }
}
