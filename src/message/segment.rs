//! How many parts an SMS is billed as.

/// Characters of GSM 7-bit that cost one.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ \
    !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Those that cost two.
const GSM_ESCAPED: &str = "^{}\\[~]|€\u{c}";

/// Parts of a text: up to 160 characters of GSM 7-bit are one, more are parts of 153; any other
/// text is counted in UTF-16 units, 70 and 67. A character is never split. The sign counts. An
/// empty text has no part.
pub(crate) fn segments(text: &str) -> usize {
    let gsm = |character: char| {
        let cost = if GSM.contains(character) { Some(1) } else { None };
        cost.or_else(|| GSM_ESCAPED.contains(character).then_some(2))
    };
    match text.chars().map(gsm).collect::<Option<Vec<usize>>>() {
        Some(costs) => parts(costs.into_iter(), 160, 153),
        None => parts(text.chars().map(char::len_utf16), 70, 67),
    }
}

/// Parts of characters with these costs, when one part holds `single` and each of several holds
/// `each`.
fn parts(costs: impl Iterator<Item = usize> + Clone, single: usize, each: usize) -> usize {
    if costs.clone().sum::<usize>() <= single {
        return usize::from(costs.count() > 0);
    }
    let (mut parts, mut used) = (1, 0);
    for cost in costs {
        if used + cost > each {
            parts += 1;
            used = 0;
        }
        used += cost;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn parts_are_counted_as_carriers_bill_them() {
        let cases = [
            ("a", 160, 1),
            ("a", 161, 2),
            ("a", 306, 2),
            ("a", 307, 3),
            ("€", 80, 1),
            ("€", 81, 2),
            ("课", 70, 1),
            ("课", 71, 2),
            ("课", 134, 2),
            ("课", 135, 3),
            ("😀", 35, 1),
            ("😀", 36, 2),
            // 67 units hold 33 of two, not 33½.
            ("😀", 66, 2),
            ("😀", 67, 3),
            ("", 0, 0),
        ];
        for (text, times, expected) in cases {
            assert_eq!(segments(&text.repeat(times)), expected, "{times} × {text}");
        }
        assert_eq!(
            segments(&format!("{}课", "a".repeat(69))),
            1,
            "one Chinese character makes all of it UCS-2"
        );
        assert_eq!(segments(&format!("{}课", "a".repeat(70))), 2);
    }
}
