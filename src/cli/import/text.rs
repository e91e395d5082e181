//! From the bytes of a file to records: encodings, separators, quotation marks.

use csv::StringRecord;
use encoding_rs::{Encoding, GB18030, UTF_8};

/// A file as text.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) text: String,
    /// What is wrong with it as a whole, and on which line; it was read all the same, so that the
    /// rest can be checked.
    pub(super) wrong: Option<(u32, String)>,
    /// Whether characters could not be read; U+FFFD stands for each.
    pub(super) lossy: bool,
}

/// Reads bytes in an encoding. A byte order mark says its own.
pub(super) fn decode(bytes: &[u8], encoding: &'static Encoding) -> Decoded {
    if let Some((marked, length)) = Encoding::for_bom(bytes) {
        let (text, lossy) = marked.decode_without_bom_handling(bytes.get(length..).unwrap_or(&[]));
        return Decoded { text: text.into_owned(), wrong: None, lossy };
    }
    let (text, lossy) = encoding.decode_without_bom_handling(bytes);
    if encoding == UTF_8 && lossy {
        let (other, other_lossy) = GB18030.decode_without_bom_handling(bytes);
        if !other_lossy {
            let line = bytes.utf8_chunks().next().map_or(1, |chunk| lines(chunk.valid().as_bytes()) + 1);
            let wrong = "is not UTF-8, but can be read as GB18030: give --encoding gb18030, or save the file \
                as CSV UTF-8";
            return Decoded { text: other.into_owned(), wrong: Some((line, wrong.to_owned())), lossy: false };
        }
    }
    // Characters of three bytes hardly ever come about by chance.
    if encoding != UTF_8
        && let Ok(text) = std::str::from_utf8(bytes)
        && let Some(at) = text.find(|letter| letter >= '\u{800}')
    {
        let line = lines(text.as_bytes().get(..at).unwrap_or(&[])) + 1;
        let wrong = format!(
            "is UTF-8, not {}: save it with a byte order mark (CSV UTF-8), or leave out --encoding",
            encoding.name()
        );
        return Decoded { text: text.to_owned(), wrong: Some((line, wrong)), lossy: false };
    }
    Decoded { text: text.into_owned(), wrong: None, lossy }
}

/// How many lines end in these bytes.
fn lines(bytes: &[u8]) -> u32 {
    u32::try_from((0..bytes.len()).filter(|at| ends_line(bytes, *at)).count()).unwrap_or(u32::MAX)
}

/// Whether a line ends with the byte at a place: by LF, CR LF, or CR alone.
fn ends_line(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        Some(b'\n') => true,
        Some(b'\r') => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    }
}

/// What stands between the values: the sign by which the first line names most columns.
pub(super) fn separator(text: &str, is_column: impl Fn(&str) -> bool) -> u8 {
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let known = |separator: u8| {
        header.split(char::from(separator)).filter(|cell| is_column(cell.trim_matches('"'))).count()
    };
    [b';', b'\t']
        .into_iter()
        .fold(b',', |best, separator| if known(separator) > known(best) { separator } else { best })
}

/// The first quotation mark that does not do what it should, by line. Readers are lenient: they
/// take what follows for one value, or glue it to the next, and rows are gone without a word.
pub(super) fn stray_quote(text: &str, separator: u8) -> Option<(u32, &'static str)> {
    let bytes = text.as_bytes();
    let (mut at, mut line, mut value_begins) = (0, 1, true);
    while let Some(byte) = bytes.get(at) {
        if !(value_begins && *byte == b'"') {
            line += u32::from(ends_line(bytes, at));
            value_begins = *byte == separator || matches!(byte, b'\n' | b'\r');
            at += 1;
            continue;
        }
        let Some(close) = closing_quote(bytes, at + 1) else {
            return Some((line, "a quotation mark is opened here and never closed"));
        };
        if bytes.get(close + 1).is_some_and(|next| *next != separator && !matches!(next, b'\n' | b'\r')) {
            return Some((
                line,
                "a quotation mark is opened here, and something follows the closing one before the next \
                 value",
            ));
        }
        line += lines(bytes.get(at..close).unwrap_or(&[]));
        (at, value_begins) = (close + 1, false);
    }
    None
}

/// Where the value ends that begins there behind its quotation mark; a doubled one is part of it.
fn closing_quote(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// The records of a text with the lines on which they begin. The reader's own count stands before
/// the empty lines that it skips.
pub(super) fn records(text: &str, separator: u8) -> impl Iterator<Item = (u32, StringRecord)> + '_ {
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let (mut at, mut line) = (0, 1);
    // Reading from memory, and text that is UTF-8, cannot fail.
    reader.into_records().map_while(Result::ok).map(move |record| {
        let start =
            record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
        while let Some(byte) = text.as_bytes().get(at) {
            if at >= start && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            line += u32::from(ends_line(text.as_bytes(), at));
            at += 1;
        }
        (line, record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gb(text: &str) -> Vec<u8> {
        GB18030.encode(text).0.into_owned()
    }

    #[test]
    fn a_byte_order_mark_says_the_encoding_and_otherwise_the_caller_does() {
        let text = "subject_id,name\n1,语文\n";
        let utf_16: Vec<u8> =
            std::iter::once(0xfeff_u16).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        for (bytes, encoding) in [
            (text.as_bytes().to_vec(), UTF_8),
            (format!("\u{feff}{text}").into_bytes(), UTF_8),
            (format!("\u{feff}{text}").into_bytes(), GB18030),
            (utf_16, UTF_8),
            (gb(text), GB18030),
        ] {
            let read = decode(&bytes, encoding);
            assert_eq!((read.text.as_str(), &read.wrong, read.lossy), (text, &None, false));
        }
    }

    #[test]
    fn a_file_in_the_other_encoding_is_told_and_read_all_the_same() {
        let text = "subject_id,name\n7,x\n1,语文\n";
        for (bytes, encoding, flag) in
            [(gb(text), UTF_8, "--encoding gb18030"), (text.as_bytes().to_vec(), GB18030, "byte order mark")]
        {
            let read = decode(&bytes, encoding);
            let (line, wrong) = read.wrong.unwrap();
            assert_eq!((read.text.as_str(), line, wrong.contains(flag)), (text, 3, true), "{wrong}");
        }
        let broken = decode(b"subject_id,name\n1,\xff\n2,\xe8\xaf\n", UTF_8);
        assert!(broken.lossy && broken.wrong.is_none() && broken.text.contains('\u{fffd}'));
    }

    #[test]
    fn the_header_says_what_stands_between_values() {
        let is_column = |cell: &str| ["code", "year"].contains(&cell);
        for (header, found) in [
            ("code,year", b','),
            ("code;year;x", b';'),
            ("\n\"code\"\t\"year\"", b'\t'),
            ("code", b','),
            ("a;b", b','),
            ("", b','),
        ] {
            assert_eq!(separator(header, is_column), found, "{header:?}");
        }
    }

    #[test]
    fn quotation_marks_that_do_not_close_are_found() {
        for good in ["a,b\n1,\"x, \"\"y\"\"\"\r\n2,\"two\nlines\"\n", "1,5\" disk\n", "\"\",\"\"", ""] {
            assert_eq!(stray_quote(good, b','), None, "{good:?}");
        }
        for (bad, line) in [("a\n1,\"x\n2,y\n", 2), ("a\n\n\"x\n\"y,\"", 3), ("\"x\" ,y", 1)] {
            assert_eq!(stray_quote(bad, b',').map(|(line, _)| line), Some(line), "{bad:?}");
        }
    }

    #[test]
    fn records_know_their_lines() {
        let text = "subject_id,name\r\n\r\n1,语文\r\n\n\n2,\"数\n学\"\n3,英语";
        let found: Vec<(u32, String)> =
            records(text, b',').map(|(line, record)| (line, record[1].to_owned())).collect();
        let expected = [(1, "name"), (3, "语文"), (6, "数\n学"), (8, "英语")]
            .map(|(line, name)| (line, name.to_owned()));
        assert_eq!(found, expected);
        let old_mac: Vec<u32> = records("a\r\r1\r2", b',').map(|(line, _)| line).collect();
        assert_eq!(old_mac, [1, 3, 4]);
    }
}
