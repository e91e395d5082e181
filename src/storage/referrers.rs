//! Finds what refers to a part of the catalogue and so prevents its deletion, for a refusal that
//! names it.

use super::Txn;
use super::sql::sql;
use crate::error::{Error, Reason, Result};

/// A part of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A subject.
    Subject,
    /// A season; its excepted days and its limits on classes go with it.
    Season,
    /// A period.
    Period,
    /// A class template; its places go with it.
    Template,
}

/// A table whose rows refer to a part.
#[derive(Clone, Copy, Debug)]
pub struct Referrer {
    /// The table.
    pub table: &'static str,
    /// What one row of it is.
    one: &'static str,
    /// What several are.
    many: &'static str,
    /// How many refer to the part of a key.
    count: &'static str,
    /// What the first ten of them are called; people are only counted.
    names: Names,
}

#[derive(Clone, Copy, Debug)]
enum Names {
    None,
    Codes(&'static str),
    Ids(&'static str),
}

macro_rules! referrer {
    ($table:literal . $column:literal, $one:literal, $many:literal, $names:ident $($name:literal)?) => {
        Referrer {
            table: $table,
            one: $one,
            many: $many,
            count: concat!("SELECT COUNT(*) FROM ", $table, " WHERE ", $column, " = ?"),
            names: Names::$names $((concat!("SELECT ", $name, " FROM ", $table, " WHERE ", $column, " = ? \
                ORDER BY id LIMIT 10")))?,
        }
    };
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Subject, Self::Season, Self::Period, Self::Template];

    /// The table it is in.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Season => "season",
            Self::Period => "period",
            Self::Template => "class_template",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Season => "season",
            Self::Period => "period",
            Self::Template => "class template",
        }
    }

    /// The tables whose rows refer to it, but for those that go with it.
    pub const fn referrers(self) -> &'static [Referrer] {
        match self {
            Self::Subject => &[
                referrer!("class_template"."subject_id", "class template", "class templates", Codes "code"),
                referrer!("coach"."subject_id", "coach", "coaches", None),
            ],
            Self::Season => &[
                referrer!("period"."season_id", "period", "periods", Codes "code"),
                referrer!("class_template"."season_id", "class template", "class templates", Codes "code"),
                referrer!("coach_availability"."season_id", "offer of a coach", "offers of coaches", None),
            ],
            Self::Period => &[
                referrer!("class_template"."period_id", "class template", "class templates", Codes "code"),
                referrer!("coach_availability"."period_id", "offer of a coach", "offers of coaches", None),
            ],
            Self::Template => &[
                referrer!("reservation"."template_id", "reservation", "reservations", Ids "id"),
                referrer!("class_task"."template_id", "class task", "class tasks", Ids "id"),
                referrer!("class"."template_id", "class", "classes", Ids "id"),
                referrer!("vacancy"."template_id", "search for a coach", "searches for coaches", None),
                referrer!("make_up_day"."template_id", "day for make-ups", "days for make-ups", None),
            ],
        }
    }
}

/// Whether nothing refers to a part of the catalogue; `name` is what people call it.
///
/// # Errors
/// IN_USE that says by what and how many.
pub(crate) async fn refuse_if_used(txn: &Txn, part: Part, id: i64, name: &str) -> Result<()> {
    let (mut found, mut reservations, mut classes) = (Vec::new(), Vec::new(), Vec::new());
    for referrer in part.referrers() {
        let count = sql(referrer.count).bind(id).column::<i64>(txn).await?.first().copied().unwrap_or(0);
        if count == 0 {
            continue;
        }
        let names: Vec<String> = match referrer.names {
            Names::None => Vec::new(),
            Names::Codes(select) => sql(select).bind(id).column(txn).await?,
            Names::Ids(select) => {
                let ids: Vec<i64> = sql(select).bind(id).column(txn).await?;
                let names = ids.iter().map(i64::to_string).collect();
                match referrer.table {
                    "reservation" => reservations = ids,
                    "class" => classes = ids,
                    _ => {}
                }
                names
            }
        };
        found.push(told(referrer, count, &names));
    }
    if found.is_empty() {
        return Ok(());
    }
    let detail = format!("{} {name} is used by {}", part.word(), found.join(" and "));
    Err(Error::precondition(Reason::InUse, detail).of_reservations(reservations).of_classes(classes))
}

/// `3 class templates (m7, m8, m9)`.
fn told(referrer: &Referrer, count: i64, names: &[String]) -> String {
    let what = if count == 1 { referrer.one } else { referrer.many };
    let more = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(names.len());
    match (names, more) {
        ([], _) => format!("{count} {what}"),
        (names, 0) => format!("{count} {what} ({})", names.join(", ")),
        (names, more) => format!("{count} {what} ({} and {more} more)", names.join(", ")),
    }
}
