use super::*;

fn date(text: &str) -> Day {
    text.parse().unwrap()
}

fn clock(text: &str) -> NaiveTime {
    text.parse().unwrap()
}

#[test]
fn what_programs_read_is_folded_and_what_people_read_is_left() {
    for (written, read) in [
        ("ｓ１", "s1"),
        ("\u{feff} s1\u{200b}\t", "s1"),
        ("２０２６／９／３", "2026/9/3"),
        ("FREQ＝WEEKLY；BYDAY＝SA，SU", "FREQ=WEEKLY;BYDAY=SA,SU"),
        ("=\"007\"", "007"),
        ("'007", "007"),
        ("2026–09—03", "2026-09-03"),
        ("\u{202d}13800138000\u{202c}", "13800138000"),
        ("", ""),
    ] {
        assert_eq!(folded(written), read, "{written:?}");
    }
    assert_eq!(trimmed("\u{3000}王Ａ 老师\u{a0}\r"), "王Ａ 老师");
    for lost in ["王\u{fffd}", "########", "#N/A", "#VALUE!"] {
        assert!(accident(lost).is_some(), "{lost:?}");
    }
    for good in ["", "#", "#1", "王"] {
        assert_eq!(accident(good), None, "{good:?}");
    }
}

#[test]
fn days_are_read_year_first() {
    for written in [
        "2026-09-03",
        "2026-9-3",
        "2026/9/3",
        "2026/09/03",
        "2026.9.3",
        "20260903",
        "2026年9月3日",
        "2026年09月03号",
        "2026-09-03 00:00:00",
        "2026/9/3 0:00",
        "2026-09-03T00:00:00",
    ] {
        assert_eq!(day(written), Ok(date("2026-09-03")), "{written}");
    }
    for (written, told) in [
        ("9/3/2026", "write 2026-03-09 or 2026-09-03"),
        ("9/9/2026", "write 2026-09-09"),
        ("13/9/2026", "write 2026-09-13"),
        ("32/13/2026", "is not a day"),
        ("26/9/3", "the year comes first"),
        ("9/3", "the year or the day is missing"),
        ("2026/9", "the year or the day is missing"),
        ("46268", "a spreadsheet's number for a day"),
        ("2026-09-03 15:14", "has a time of day"),
        ("2026-02-30", "is not a day"),
        ("1969-12-31", "is not a day"),
        ("2026-9/3", "is not a day"),
        ("2026-9-", "is not a day"),
        ("3-Sep-26", "is not a day"),
        ("9月3日", "is not a day"),
        ("2026-09-003", "is not a day"),
        ("２０２６", "is not a day"),
    ] {
        let wrong = day(written).unwrap_err();
        assert!(wrong.contains(told), "{written}: {wrong}");
    }
    assert_eq!(
        days("2026/4/4；2026-5-2".replace('；', ";").as_str()),
        Ok(vec![date("2026-04-04"), date("2026-05-02")])
    );
    assert_eq!(days("2026-04-04、2026-05-02, 2026-05-03").unwrap().len(), 3);
    assert_eq!(days(""), Ok(Vec::new()));
    assert!(days("2026-03-07;").is_err());
}

#[test]
fn times_are_read_to_the_minute() {
    for (written, read) in [
        ("19:30", "19:30:00"),
        ("9:00", "09:00:00"),
        ("9:00:00", "09:00:00"),
        ("0:05", "00:05:00"),
        ("7:30 PM", "19:30:00"),
        ("7:30pm", "19:30:00"),
        ("下午7:30", "19:30:00"),
        ("上午 9:00", "09:00:00"),
        ("19时30分", "19:30:00"),
        ("19:30:00.000", "19:30:00"),
    ] {
        assert_eq!((start_time(written), end_time(written)), (Ok(clock(read)), Ok(clock(read))), "{written}");
    }
    for written in ["24:00", "24:00:00", "1 day, 0:00:00"] {
        assert_eq!(end_time(written), Ok(NaiveTime::MIN));
        assert!(start_time(written).unwrap_err().contains("only an end"), "{written}");
    }
    for (written, told) in [
        ("0.8125", "a spreadsheet's fraction of a day"),
        ("12:00 AM", "read in two ways"),
        ("13:00 PM", "is not a time"),
        ("0:30 AM", "is not a time"),
        ("19:30:15", "has seconds"),
        ("24:01", "is not a time"),
        ("19:60", "is not a time"),
        ("19:3", "is not a time"),
        ("1930", "is not a time"),
        ("19.30", "is not a time"),
        ("+9:00", "is not a time"),
        ("", "is not a time"),
    ] {
        let wrong = end_time(written).unwrap_err();
        assert!(wrong.contains(told), "{written}: {wrong}");
    }
}

#[test]
fn instants_have_a_day_a_time_and_perhaps_an_offset() {
    let (day, time) = (date("2026-08-20"), clock("15:14:00"));
    for (written, offset) in [
        ("2026-08-20 15:14:00", None),
        ("2026/8/20 15:14", None),
        ("2026-08-20T15:14:00.000", None),
        ("2026年8月20日 下午3:14", None),
        ("2026-08-20T15:14:00Z", Some(0)),
        ("2026-08-20 15:14:00+08:00", Some(480)),
        ("2026-08-20 15:14:00 +0800", Some(480)),
        ("2026-08-20T15:14:00-03:30", Some(-210)),
    ] {
        assert_eq!(date_time(written), Ok((day, time, offset.map(TimeDelta::minutes))), "{written}");
    }
    for (written, told) in [
        ("2026-08-20", "the time of day is missing"),
        ("8/20/2026 15:14", "with the year last"),
        ("2026-08-20 25:00", "is not a date and time"),
        ("2026-08-20 24:00", "is not a date and time"),
        ("2026-08-20 15:14:00+8", "is not a date and time"),
        ("2026-08-20 15:14 CST", "is not a date and time"),
        ("yesterday", "is not a date and time"),
        ("45524.6347", "is not a date and time"),
    ] {
        let wrong = date_time(written).unwrap_err();
        assert!(wrong.contains(told), "{written}: {wrong}");
    }
}

#[test]
fn numbers_words_and_phones_are_read_where_they_mean_one_thing() {
    for (written, read) in [("7", 7), ("07", 7), ("7.0", 7), ("7.00", 7)] {
        assert_eq!(whole(written), Ok(read), "{written}");
    }
    for (written, told) in [
        ("7.5", "whole"),
        ("1,000", "whole"),
        ("-1", "whole"),
        ("1E+05", "power of ten"),
        ("1.38e+10", "power of ten"),
        ("七", "whole"),
        (".0", "whole"),
    ] {
        assert!(whole(written).unwrap_err().contains(told), "{written}");
    }
    assert_eq!(whole("99999999999999999999"), Ok(i64::MAX));
    for (written, read) in [
        ("TRUE", true),
        ("True", true),
        ("是", true),
        ("1", true),
        ("FALSE", false),
        ("no", false),
        ("否", false),
    ] {
        assert_eq!(boolean(written), Ok(read), "{written}");
    }
    assert!(boolean("maybe").is_err());
    for (written, read) in [
        ("138 0013 8000", "13800138000"),
        ("138-0013-8000", "13800138000"),
        ("13800138000.0", "13800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
    ] {
        assert_eq!(phone(written), read);
    }
    for (written, told) in [
        ("8613800138000", "write + before"),
        ("008613800138000", "in place of the leading 00"),
        ("1088886666", "leading zeros"),
        ("x", ""),
    ] {
        assert!(phone_hint(written).contains(told), "{written}");
    }
    assert_eq!(recurrence("FREQ = WEEKLY; BYDAY=SA , SU"), "FREQ=WEEKLY;BYDAY=SA,SU");
    assert_eq!(
        recurrence("FREQ=WEEKLY;BYDAY=SA SU"),
        "FREQ=WEEKLY;BYDAY=SA SU",
        "nobody knows what this means"
    );
}
