#!/usr/bin/env bash
# ical.js 2.2.1 (the reader of many calendar programs) and two parts of a recurrence beside BYDAY.
# BYWEEKNO: RFC 5545's own example, Monday of week 20 of each year, becomes each Monday from the second week on; the first is left out.
# BYSETPOS of a week has no effect: the first of Saturday and Sunday becomes both. (It is known there as kewisch/ical.js issue 1039.)
# Expected: the dates that RFC 5545 §3.8.5.3 prints for its example, and one day a week (RFC 5545 §3.3.10: the interval of a WEEKLY rule is the
# week). python-dateutil 2.9.0 gives both. Seen when the days of 700 recurrences were compared with its days.
# So a calendar may show lessons on days that the rule does not have. Ends with 0 as long as ical.js does so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" ical.js@2.2.1 > /dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-dateutil==2.9.0.post0
cat > "$folder/days.mjs" <<'JS'
import ICAL from 'ical.js'
const [rule, first] = process.argv.slice(2)
const days = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateString(first))
console.log(Array.from({ length: 3 }, () => days.next().toString()).join(' '))
JS
cat > "$folder/days.py" <<'PY'
import datetime, itertools, sys
from dateutil.rrule import rrulestr
days = rrulestr(sys.argv[1], dtstart=datetime.datetime.fromisoformat(sys.argv[2]))
print(*(day.date() for day in itertools.islice(days, 3)))
PY
seen=
while read -r rule first expected; do
    ical=$(node "$folder/days.mjs" "$rule" "$first")
    dateutil=$("$folder/venv/bin/python" "$folder/days.py" "$rule" "$first")
    printf '%s\n  expected         %s\n  python-dateutil  %s\n  ical.js          %s\n' "$rule" "$expected" "$dateutil" "$ical"
    [ "$dateutil" = "$expected" ]
    seen="$seen$ical|"
done <<'RULES'
FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO 1997-05-12 1997-05-12 1998-05-11 1999-05-17
FREQ=WEEKLY;BYDAY=SA,SU;BYSETPOS=1 2026-09-05 2026-09-05 2026-09-12 2026-09-19
RULES
[ "$seen" = "1997-05-19 1997-05-26 1997-06-02|2026-09-05 2026-09-06 2026-09-12|" ]
