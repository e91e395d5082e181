//! What may be typed for an argument. In requests 0 and the empty text stand for "none", which
//! often means "all": nobody types either and means that.

/// A name, a code or a day, which is not empty.
pub(super) fn name(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// The number of a class or a block, say: 1 or more.
pub(super) fn number(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("is not a number from 1 on".to_owned()),
    }
}

/// A grade.
pub(super) fn grade(text: &str) -> Result<i32, String> {
    match text.parse() {
        Ok(grade @ 1..=12) => Ok(grade),
        _ => Err("is not a grade from 1 to 12".to_owned()),
    }
}
