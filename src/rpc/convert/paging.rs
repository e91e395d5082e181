//! Pages of lists on the wire. A page token says where the next page begins and belongs to one list
//! with one set of filters; used with any other, it is refused.

use super::words::Word;
use super::{REQUEST, number};
use crate::app::idempotency;
use crate::domain::calendar::parse_day;
use crate::domain::state::TimelineKind;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::rpc::pb;
use crate::storage::lesson::LessonKey;
use crate::storage::page::Page;
use crate::storage::timeline::EventKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

/// Items on a page when the caller does not say.
const PAGE_SIZE: i32 = 50;
/// Items on a page at most.
const PAGE_SIZE_MAX: i32 = 1000;
/// Longer than any token that was ever given out.
const TOKEN_MAX: usize = 64;
/// Characters of the hash by which a token knows its list.
const MARK: usize = 16;

/// A request for a page of a list: its filters beside `page_size` and `page_token`.
pub(crate) trait ListRequest: prost::Message + Clone {
    /// Its name, so that lists with the same filters are told apart.
    const LIST: &'static str;
    /// The fields that say which page, taken out of it.
    fn take_page(&mut self) -> (i32, String);
}

macro_rules! lists {
    ($($request:ident),+ $(,)?) => {$(
        impl ListRequest for pb::$request {
            const LIST: &'static str = stringify!($request);
            fn take_page(&mut self) -> (i32, String) {
                (std::mem::take(&mut self.page_size), std::mem::take(&mut self.page_token))
            }
        }
    )+};
}

lists!(
    ListSubjectsRequest,
    ListSeasonsRequest,
    ListPeriodsRequest,
    ListClassTemplatesRequest,
    ListLessonDaysRequest,
    ListCoachesRequest,
    ListAvailabilityRequest,
    ListStudentsRequest,
    ListReservationsRequest,
    ListWaitlistRequest,
    ListOpeningsRequest,
    GetEnrollmentOverviewRequest,
    ExplainPlacesRequest,
    ListClassTasksRequest,
    StaffingServiceListInvitationsRequest,
    ListInvitationsRequest,
    ListClassesRequest,
    ListMessagesRequest,
    ListTaskRunsRequest,
    ListPresentRequest,
    ListSubstitutionsRequest,
    ListCoachChangesRequest,
    ListAttendanceRequest,
    ListLessonsRequest,
    ListTimelineRequest,
    ListMakeUpsRequest,
    ListContinuationsRequest,
    ListBlocksRequest,
);

/// What lists are in order of.
pub(crate) trait PageKey: Sized {
    /// The first letter of their tokens.
    const SORT: char;
    /// As it stands in a token.
    fn write(&self) -> String;
    /// As it was written.
    fn read(text: &str) -> Option<Self>;
}

impl PageKey for i64 {
    const SORT: char = 'i';
    fn write(&self) -> String {
        self.to_string()
    }
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl PageKey for Day {
    const SORT: char = 'd';
    fn write(&self) -> String {
        self.to_string()
    }
    fn read(text: &str) -> Option<Self> {
        parse_day(text)
    }
}

impl PageKey for LessonKey {
    const SORT: char = 'l';
    fn write(&self) -> String {
        format!("{}:{}", self.0.unix(), self.1)
    }
    fn read(text: &str) -> Option<Self> {
        let (start, id) = text.split_once(':')?;
        Some((Instant::from_unix(start.parse().ok()?), id.parse().ok()?))
    }
}

impl PageKey for EventKey {
    const SORT: char = 't';
    fn write(&self) -> String {
        format!("{}:{}:{}", self.0.unix(), number(self.1), self.2)
    }
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (at, kind, id) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = TimelineKind::of_number(kind.parse().ok()?).ok()??;
        Some((Instant::from_unix(at.parse().ok()?), kind, id.parse().ok()?))
    }
}

/// The page that is asked for, and what makes the token of the next.
#[derive(Clone, Debug)]
pub(crate) struct Paging<K = i64> {
    /// The page.
    pub page: Page<K>,
    mark: String,
}

/// The page that a request asks for.
///
/// # Errors
/// `Invalid` for a `page_size` out of range, and a `page_token` that is none, or of another list or
/// other filters.
pub(crate) fn paging<K: PageKey, R: ListRequest>(request: &R) -> Result<Paging<K>> {
    let mut filters = request.clone();
    let (size, token) = filters.take_page();
    let mut mark = idempotency::fingerprint(&[R::LIST, &BASE64.encode(filters.encode_to_vec())]);
    mark.truncate(MARK);
    let page = Page { after: token_key(&token, &mark)?, size: page_size(size)? };
    Ok(Paging { page, mark })
}

impl<K: PageKey> Paging<K> {
    /// The token of the page that begins after a key; empty = there is none.
    pub(crate) fn next(&self, next: Option<K>) -> String {
        next.map(|key| BASE64.encode(format!("{}{}.{}", K::SORT, key.write(), self.mark))).unwrap_or_default()
    }
}

/// How many items a page has at most.
pub(crate) fn page_size(page_size: i32) -> Result<u64> {
    let size = if page_size == 0 { PAGE_SIZE } else { page_size };
    REQUEST
        .range("page_size", size, 1, PAGE_SIZE_MAX)
        .map_err(|_| Error::invalid("page_size", "must be from 0 to 1000"))?;
    Ok(u64::from(size.unsigned_abs()))
}

fn token_key<K: PageKey>(token: &str, mark: &str) -> Result<Option<K>> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = (token.len() <= TOKEN_MAX).then(|| BASE64.decode(token).ok()).flatten();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let parts =
        text.as_deref().and_then(|text| text.strip_prefix(K::SORT)).and_then(|text| text.split_once('.'));
    match parts.and_then(|(key, of)| Some((K::read(key)?, of))) {
        Some((key, of)) if of == mark => Ok(Some(key)),
        _ => Err(Error::invalid(
            "page_token",
            "is not a next_page_token that this list returned for the same filters",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use std::collections::BTreeSet;

    fn field(error: Error) -> String {
        match error {
            Error::Invalid { field, .. } => field,
            other => panic!("{other:?}"),
        }
    }

    fn periods(season: &str, page_size: i32, page_token: &str) -> pb::ListPeriodsRequest {
        pb::ListPeriodsRequest { season: season.to_owned(), page_size, page_token: page_token.to_owned() }
    }

    #[test]
    fn page_tokens_come_back_and_others_are_refused() {
        let first: Paging = paging(&periods("s1", 0, "")).unwrap();
        assert_eq!((first.page, first.next(None)), (Page { after: None, size: 50 }, String::new()));
        let token = first.next(Some(i64::MAX));
        let second: Paging = paging(&periods("s1", 1000, &token)).unwrap();
        assert_eq!(
            second.page,
            Page { after: Some(i64::MAX), size: 1000 },
            "of another size, which is no filter"
        );
        let day = parse_day("2026-03-07").unwrap();
        let by_day = pb::ListLessonDaysRequest { class_template: "t".into(), ..Default::default() };
        let days: Paging<Day> = paging(&by_day).unwrap();
        let again = pb::ListLessonDaysRequest { page_token: days.next(Some(day)), page_size: 7, ..by_day };
        assert_eq!(paging::<Day, _>(&again).unwrap().page, Page { after: Some(day), size: 7 });
        let of_students: Paging = paging(&pb::ListStudentsRequest::default()).unwrap();
        let of_subjects: Paging = paging(&pb::ListSubjectsRequest::default()).unwrap();
        let of_seasons: Paging = paging(&pb::ListSeasonsRequest::default()).unwrap();
        assert_ne!(of_subjects.next(Some(1)), of_seasons.next(Some(1)), "the same filters, none");
        let others = [
            "x".to_owned(),
            "42".to_owned(),
            days.next(Some(day)),
            of_students.next(Some(42)),
            paging::<i64, _>(&periods("s2", 0, "")).unwrap().next(Some(42)),
            paging::<i64, _>(&periods("", 0, "")).unwrap().next(Some(42)),
            BASE64.encode("i42"),
            BASE64.encode("i"),
            BASE64.encode([b'i', 0xff]),
            "A".repeat(10_000),
        ];
        for other in &others {
            assert_eq!(
                field(paging::<i64, _>(&periods("s1", 0, other)).unwrap_err()),
                "page_token",
                "{other}"
            );
        }
        for bad in [-1, i32::MIN, 1001, i32::MAX] {
            assert_eq!(field(paging::<i64, _>(&periods("s1", bad, "")).unwrap_err()), "page_size", "{bad}");
        }
    }

    #[test]
    fn every_list_of_the_protocol_is_named_here() {
        let set = prost_types::FileDescriptorSet::decode(pb::DESCRIPTORS).unwrap();
        let messages =
            set.file.iter().filter(|file| file.package() == "etutor.v1").flat_map(|file| &file.message_type);
        let has_token = |message: &&prost_types::DescriptorProto| {
            message.field.iter().any(|field| field.name() == "page_token")
        };
        let expected: BTreeSet<&str> =
            messages.filter(has_token).map(prost_types::DescriptorProto::name).collect();
        let here = include_str!("paging.rs")
            .split("lists!(")
            .nth(1)
            .and_then(|rest| rest.split(");").next())
            .unwrap();
        let here: BTreeSet<&str> = here.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        assert_eq!(here, expected);
    }
}
