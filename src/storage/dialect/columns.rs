//! The columns that a statement declares for a set of rows or pairs.

use crate::error::{Error, Result};
use std::collections::HashSet;
use std::sync::LazyLock;

/// Most characters of a text in a column of `{rows:…}`. MariaDB cuts what is longer without a word,
/// in strict mode too.
pub(crate) const CELL_MOST: usize = 500;
/// Most characters of a text of `{texts}`, as wide as the columns that are keys.
pub(crate) const TEXT_MOST: usize = 190;

/// Refuses a text that would be cut by one database, on all of them.
pub(crate) fn fits(text: &str, most: usize) -> Result<()> {
    // Bytes first: most texts are far shorter.
    if text.len() <= most || text.chars().count() <= most {
        return Ok(());
    }
    Err(Error::internal(format!("a text of a set has more than {most} characters")))
}

/// A column of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: Kind,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `i`: a number.
    Number,
    /// `d`: a day.
    Day,
    /// `t`: a text.
    Text,
}

/// The columns that `{rows:…}` declares, as `student_id:i, day:d, note:t`.
pub(super) fn of_rows(declared: &str) -> Result<Vec<Column<'_>>> {
    let column = |text| {
        let (name, letter) = str::split_once(text, ':').ok_or_else(|| fault(declared, text))?;
        let kind = match letter {
            "i" => Kind::Number,
            "d" => Kind::Day,
            "t" => Kind::Text,
            _ => return Err(fault(declared, text)),
        };
        Ok(Column { name, kind })
    };
    let columns = declared.split(", ").map(column).collect::<Result<Vec<_>>>()?;
    check(declared, columns.iter().map(|column| column.name))?;
    Ok(columns)
}

/// The two columns that `{pairs:…}` declares, as `id, due_at`.
pub(super) fn of_pairs(declared: &str) -> Result<(&str, &str)> {
    let pair = declared.split_once(", ").ok_or_else(|| fault(declared, declared))?;
    check(declared, [pair.0, pair.1].into_iter())?;
    Ok(pair)
}

/// Refuses what is no name, and a name that comes twice; in tests, which see every set, also what
/// would need quotes.
fn check<'a>(declared: &str, names: impl Iterator<Item = &'a str> + Clone) -> Result<()> {
    for (at, name) in names.clone().enumerate() {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let is_name = name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(letter);
        let is_reserved = cfg!(any(test, feature = "testing")) && RESERVED.contains(name);
        if !is_name || is_reserved || names.clone().take(at).any(|other| other == name) {
            return Err(fault(declared, name));
        }
    }
    Ok(())
}

fn fault(declared: &str, column: &str) -> Error {
    Error::internal(format!("a set of `{declared}` cannot have the column `{column}`"))
}

/// Words that need quotes as names of columns in PostgreSQL, MariaDB, MySQL (up to 9) or SQLite;
/// and those that mean something else in SQLite: `value` is a row's JSON, `rowid` its number.
static RESERVED: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split(' ').collect());

const WORDS: &str = "\
    accessible add all alter analyse analyze and any array as asc asensitive asymmetric authorization \
    autoincrement before between bigint binary blob both by call cascade case cast change char character \
    check collate collation column commit concurrently condition constraint continue convert create \
    cross cube cume_dist current_catalog current_date current_role current_schema current_time \
    current_timestamp current_user cursor database databases day_hour day_microsecond day_minute \
    day_second dec decimal declare default deferrable delayed delete delete_domain_id dense_rank desc \
    describe deterministic distinct distinctrow div do do_domain_ids double drop dual each else elseif \
    empty enclosed end escape escaped except exists exit explain external false fetch first_value float \
    float4 float8 for force foreign freeze from full fulltext function general generated get grant group \
    grouping groups having high_priority hour_microsecond hour_minute hour_second if ignore \
    ignore_domain_ids ignore_server_ids ilike in index infile initially inner inout insensitive insert \
    int int1 int2 int3 int4 int8 integer intersect interval into io_after_gtids io_before_gtids is \
    isnull iterate join json_table key keys kill lag last_value lateral lead leading leave left library \
    like limit linear lines load localtime localtimestamp lock long longblob longtext loop low_priority \
    manual master_bind master_demote_to_replica master_demote_to_slave master_heartbeat_period \
    master_ssl_verify_server_cert match maxvalue mediumblob mediumint mediumtext middleint \
    minute_microsecond minute_second mod modifies natural no_write_to_binlog not nothing notnull \
    nth_value ntile null numeric of offset on only optimize optimizer_costs option optionally or order \
    out outer outfile over overlaps page_checksum parallel parse_vcol_expr partition percent_rank \
    placing portion precision primary procedure purge qualify raise range rank read read_write reads \
    real recursive ref_system_id references regexp release rename repeat replace require resignal \
    restrict return returning revoke right rlike row row_number rowid rows schema schemas \
    second_microsecond select sensitive separator session_user set sets show signal similar slow \
    smallint some spatial specific sql sql_big_result sql_buffer_result sql_cache sql_calc_found_rows \
    sql_no_cache sql_small_result sqlexception sqlstate sqlwarning ssl starting stats_auto_recalc \
    stats_persistent stats_sample_pages stored straight_join symmetric system table tablesample \
    terminated then tinyblob tinyint tinytext to trailing transaction trigger true undo union unique \
    unlock unsigned update usage use user using utc_date utc_time utc_timestamp value values varbinary \
    varchar varcharacter variadic varying vector verbose virtual when where while window with write xor \
    year_month zerofill";

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_set_declares_its_columns() {
        let column = |name, kind| Column { name, kind };
        assert_eq!(of_rows("day:d").unwrap(), [column("day", Kind::Day)]);
        assert_eq!(
            of_rows("student_id:i, day:d, note2:t").unwrap(),
            [column("student_id", Kind::Number), column("day", Kind::Day), column("note2", Kind::Text)]
        );
        assert_eq!(of_pairs("id, due_at").unwrap(), ("id", "due_at"));
    }

    #[test]
    fn a_declaration_that_is_none_is_refused() {
        for bad in [
            "",
            "iid",
            "student_id",
            "student_id:",
            ":i",
            "student_id:x",
            "student_id:ii",
            "student_id :i",
            "student_id: i",
            "student_id:i,day:d",
            "student_id:i,  day:d",
            "student_id:i, ",
            "student_id:i, day:d, student_id:t",
            "Student:i",
            "_id:i",
            "2nd:i",
            "q.id:i",
            "学生:i",
        ] {
            assert!(of_rows(bad).is_err(), "{bad}");
        }
        for bad in ["", "id", "id, id", "id,due_at", "id, due_at, state", "id:i, due_at:i", "id, Due"] {
            assert!(of_pairs(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_that_would_need_quotes_somewhere_is_refused() {
        // On all of them; PostgreSQL; MariaDB and MySQL; MySQL alone; MariaDB alone; SQLite.
        for word in "select from table order group where check default \
            user end only offset array similar analyse \
            rows key range read change condition interval usage \
            row rank groups system function of manual lead empty \
            slow page_checksum returning \
            commit escape transaction values value rowid"
            .split_whitespace()
        {
            assert!(of_rows(&format!("{word}:i")).is_err(), "{word}");
            assert!(of_pairs(&format!("id, {word}")).is_err(), "{word}");
        }
        let words: Vec<&str> = WORDS.split(' ').collect();
        assert!(words.is_sorted(), "and each once, between single blanks");
        assert!(words.iter().all(|word| !word.is_empty()) && words.len() == RESERVED.len());
        for word in ["day", "state", "number", "text", "version", "code", "period", "year", "first", "until"]
        {
            of_rows(&format!("{word}:i")).unwrap();
        }
    }

    /// Also of the statements that no test sends.
    #[test]
    fn whatever_is_declared_in_the_source_is_understood() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut open = Vec::from(["src", "benches", "tests"].map(|folder| root.join(folder)));
        let (mut sets, mut faults) = (0, Vec::new());
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            // These two have only bad ones, and whole ones in other tests.
            let is_ours = path.ends_with("storage/dialect.rs") || path.ends_with("dialect/columns.rs");
            if is_ours || path.extension().is_none_or(|end| end != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code: Vec<&str> =
                text.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
            let code = code.join("\n").replace("\\\n", "");
            for (start, understood) in [
                ("{rows:", (|declared| of_rows(declared).is_ok()) as fn(&str) -> bool),
                ("{pairs:", |declared| of_pairs(declared).is_ok()),
            ] {
                for rest in code.split(start).skip(1) {
                    // What is put together from parts has a test where it is.
                    if rest.starts_with(['"', '{', '?']) {
                        continue;
                    }
                    sets += 1;
                    let declared = rest.split('}').next().unwrap_or(rest);
                    if !understood(declared) {
                        faults.push(format!("{}: {start}{declared}}}", path.display()));
                    }
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(sets > 50, "hardly any set was found: {sets}");
    }
}
