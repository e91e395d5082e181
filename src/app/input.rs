//! What texts and numbers from outside may look like; RPCs and the import share these checks.

use crate::domain::person;
use crate::domain::recurrence::{End, Recurrence, RecurrenceError};
use crate::error::{Error, Result};

/// Checks the fields of one thing; names them as the caller does: `season.code` in an RPC, `code`
/// in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    /// What stands before each field: `season.`, or nothing.
    pub path: &'a str,
}

impl Fields<'_> {
    /// An error about a field.
    pub(crate) fn invalid(self, field: &str, reason: impl Into<String>) -> Error {
        Error::invalid(format!("{}{field}", self.path), reason)
    }

    /// A code or user name: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    pub(crate) fn code(self, field: &str, value: &str) -> Result<()> {
        let good = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if value.is_empty() {
            Err(self.invalid(field, "is missing"))
        } else if value.len() > 64 || !good {
            Err(self.invalid(field, "must have 1 to 64 characters of A-Z a-z 0-9 . _ -"))
        } else {
            Ok(())
        }
    }

    /// The name of a person or thing: 1 to 100 characters, no control characters.
    pub(crate) fn name(self, field: &str, value: &str) -> Result<()> {
        self.text(field, value, 100)
    }

    /// A text that must be given: 1 to `most` characters, no control characters.
    pub(crate) fn text(self, field: &str, value: &str, most: usize) -> Result<()> {
        if value.trim().is_empty() {
            return Err(self.invalid(field, "is missing"));
        }
        self.optional_text(field, value, most)
    }

    /// A text that may be empty: at most `most` characters, no control characters.
    pub(crate) fn optional_text(self, field: &str, value: &str, most: usize) -> Result<()> {
        if value.chars().count() > most {
            Err(self.invalid(field, format!("must have at most {most} characters")))
        } else if value.chars().any(char::is_control) {
            Err(self.invalid(field, "contains a control character"))
        } else {
            Ok(())
        }
    }

    /// A six-digit area code (GB/T 2260).
    pub(crate) fn area_code(self, field: &str, value: &str) -> Result<()> {
        if value.len() == 6 && value.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(())
        } else {
            Err(self.invalid(field, "must have six digits (GB/T 2260)"))
        }
    }

    /// A phone number, see [`person::is_phone`].
    pub(crate) fn phone(self, field: &str, value: &str) -> Result<()> {
        // The number itself stays out of texts.
        if value.trim().is_empty() {
            Err(self.invalid(field, "is missing"))
        } else if person::is_phone(value) {
            Ok(())
        } else {
            Err(self.invalid(field, format!("is not {}", person::PHONES)))
        }
    }

    /// A number in a range.
    pub(crate) fn range<N: PartialOrd + std::fmt::Display>(
        self,
        field: &str,
        value: N,
        least: N,
        most: N,
    ) -> Result<()> {
        if least <= value && value <= most {
            Ok(())
        } else {
            Err(self.invalid(field, format!("must be from {least} to {most}")))
        }
    }

    /// A recurrence that says on which days, and not where it ends; whether it gives a day in its
    /// season is asked where the season is known.
    pub(crate) fn recurrence(self, field: &str, value: &str) -> Result<()> {
        let rule: Recurrence =
            value.parse().map_err(|wrong: RecurrenceError| self.invalid(field, wrong.to_string()))?;
        // Only of what is said anew: a rule that was stored before goes on as it is.
        match rule.end() {
            None => Ok(()),
            Some(End::Count(_)) => {
                Err(self.invalid(field, "COUNT: is not allowed here: a recurrence ends with its season"))
            }
            Some(End::Until(_)) => {
                Err(self.invalid(field, "UNTIL: is not allowed here: a recurrence ends with its season"))
            }
        }
    }
}

/// What was made of something that was to be made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was not there.
    Created,
    /// It was there and different.
    Changed,
    /// It was there already.
    Unchanged,
}

/// The request id of a call with what tells its request from others; an empty id is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestKey {
    /// As the caller gave it.
    pub request_id: String,
    /// Hash of the request.
    pub fingerprint: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: Fields<'static> = Fields { path: "coach." };

    #[test]
    fn codes_are_plain_ascii_and_not_long() {
        for good in ["c1", "2013-autumn", "A.b_c", &"x".repeat(64)] {
            assert!(FIELDS.code("user_name", good).is_ok(), "{good}");
        }
        for bad in ["", "c 1", "教练", "c/1", "c\0", &"x".repeat(65)] {
            let error = FIELDS.code("user_name", bad).unwrap_err();
            assert!(matches!(error, Error::Invalid { field, .. } if field == "coach.user_name"), "{bad:?}");
        }
    }

    #[test]
    fn names_count_characters_and_hold_no_control_characters() {
        assert!(FIELDS.name("real_name", &"教".repeat(100)).is_ok());
        for bad in ["", " ", "a\u{7}b", "a\nb", &"教".repeat(101)] {
            assert!(FIELDS.name("real_name", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn phones_are_those_that_an_sms_can_reach() {
        for good in ["+12345", "+999200000001", "+123456789012345", "13800000000"] {
            assert!(FIELDS.phone("phone", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "+",
            "110",
            "123",
            "+1234",
            "+1234567890123456",
            "1380000000a",
            "138000000001",
            "23800000000",
            "+1 23456",
            "++12345",
        ] {
            let error = FIELDS.phone("phone", bad).unwrap_err().to_string();
            assert!(bad.len() < 3 || !error.contains(bad), "a number is not repeated: {error}");
        }
    }
}
