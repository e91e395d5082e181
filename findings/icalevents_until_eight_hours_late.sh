#!/usr/bin/env bash
# icalevents 0.3.1 (Python) and the end of a recurrence in a zone east of Greenwich.
# A lesson at 07:30 each day in Asia/Shanghai until the end of 1 November, which is UNTIL=20261101T155959Z: as RFC 5545 §3.3.10 asks, in UTC.
# Expected: the last lesson is that of 1 November (23:30 UTC on 31 October); the next would be 7 h 30 min after UNTIL.
# recurring-ical-events 3.8.2 says so. Seen: icalevents has the lesson of 2 November too. It adds the zone's offset to an UNTIL that already has
# one, and so ends eight hours late. West of Greenwich too: the offset is added without its sign, so New York's rules end four hours late.
# Seen by comparing 183 calendars. A season of morning lessons gets one too many. Ends with 0 as long as it does so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet icalevents==0.3.1 recurring-ical-events==3.8.2 icalendar==7.3.2
cd "$folder"
cat > ends.py <<'PY'
import datetime, sys
from importlib.metadata import version
from zoneinfo import ZoneInfo
import icalendar, recurring_ical_events
from icalevents import icalevents

TEXT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//school//lessons//EN
BEGIN:VEVENT
UID:lesson-1@school.example
DTSTAMP:20260801T000000Z
DTSTART;TZID={zone}:20261026T{begin}
DTEND;TZID={zone}:20261026T{end}
SUMMARY:lesson
RRULE:FREQ=DAILY;UNTIL={until}
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def last_days(zone, begin, end, until):
    text, tz = TEXT.format(zone=zone, begin=begin, end=end, until=until), ZoneInfo(zone)
    start, stop = datetime.datetime(2026, 10, 1, tzinfo=tz), datetime.datetime(2026, 11, 30, tzinfo=tz)
    one = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(start, stop)
    two = icalevents.events(string_content=text.encode(), start=start, end=stop)
    return [str(max(days).astimezone(tz)) for days in ([e["DTSTART"].dt for e in one], [e.start for e in two])]


print(*(f"{name} {version(name)}" for name in ("icalevents", "recurring-ical-events")))
expected = "2026-11-01 07:30:00+08:00"
theirs, seen = last_days("Asia/Shanghai", "073000", "083000", "20261101T155959Z")
print(f"last lesson, expected {expected}; recurring-ical-events {theirs}; icalevents {seen}")
west, west_seen = last_days("America/New_York", "010000", "020000", "20261029T035959Z")
print(f"New York, until the end of 28 October: recurring-ical-events {west}; icalevents {west_seen}")
right = theirs == expected and west == "2026-10-28 01:00:00-04:00"
sys.exit(0 if right and seen == "2026-11-02 07:30:00+08:00" and west_seen == "2026-10-29 01:00:00-04:00" else 1)
PY
venv/bin/python ends.py
