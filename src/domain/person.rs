//! Which phone numbers are valid.

/// What [`is_phone`] allows, in words.
pub(crate) const PHONES: &str = "a phone number: + and 5 to 15 digits, or 11 digits that begin with 1";

/// Whether an SMS can be sent to a number: `+` and 5 to 15 digits, or the 11 digits of a Chinese
/// mobile number.
pub(crate) fn is_phone(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text.strip_prefix('+') {
        Some(rest) => (5..=15).contains(&rest.len()) && digits(rest),
        None => text.len() == 11 && text.starts_with('1') && digits(text),
    }
}
