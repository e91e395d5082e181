//! Derives the city from an area code (GB/T 2260); nothing else does (docs/domain.md §10).

/// Provinces that are one city: Beijing, Tianjin, Shanghai, Chongqing.
const MUNICIPALITIES: [&str; 4] = ["11", "12", "31", "50"];
/// Third and fourth digit of units directly under a province: each is a city of its own, as 429004
/// (Xiantao).
const DIRECTLY_UNDER: &str = "90";

/// What all area codes of one city have in common and those of no other.
pub(crate) fn city(area_code: &str) -> String {
    let digits = |from, to| area_code.get(from..to).unwrap_or_default();
    let length = if MUNICIPALITIES.contains(&digits(0, 2)) {
        2
    } else if digits(2, 4) == DIRECTLY_UNDER {
        6
    } else {
        4
    };
    area_code.chars().take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_a_prefecture_a_municipality_or_a_unit_directly_under_a_province() {
        for (area_code, wanted) in [
            ("371200", "3712"),
            ("371203", "3712"),
            ("441900", "4419"),
            ("441901", "4419"),
            // Directly under Hubei, Henan, Hainan and Xinjiang.
            ("429004", "429004"),
            ("429005", "429005"),
            ("419001", "419001"),
            ("469001", "469001"),
            ("659001", "659001"),
            // A municipality has districts (01) and counties (02).
            ("110101", "11"),
            ("110229", "11"),
            ("120114", "12"),
            ("310115", "31"),
            ("310230", "31"),
            ("500101", "50"),
            ("500243", "50"),
        ] {
            assert_eq!(city(area_code), wanted, "{area_code}");
        }
    }
}
