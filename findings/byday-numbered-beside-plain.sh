#!/usr/bin/env bash
# BYDAY=1SA,SU of a month: python-dateutil 2.9.0 and npm's rrule 2.8.1 (a port of it) find no day at all, ical.js 2.2.1 finds both.
# Expected (RFC 5545 §3.3.10): BYDAY is a list, of which each weekday counts, with a number or without: the first Saturday and every Sunday.
# The two keep numbered and plain weekdays apart and ask a day for both. So a rule that calendars show has no dates on a Python or Node server.
# Ends with 0 as long as they differ so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" rrule@2.8.1 ical.js@2.2.1 > /dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-dateutil==2.9.0.post0
rule="FREQ=MONTHLY;BYDAY=1SA,SU;UNTIL=20260331"

cat > "$folder/days.py" <<'PY'
import datetime, sys
from dateutil.rrule import rrulestr
datetime.MAXYEAR = 2027  # so that it does not search until the year 9999
print(*(day.date() for day in rrulestr(sys.argv[1], dtstart=datetime.datetime(2026, 3, 1))))
PY
cat > "$folder/days.mjs" <<'JS'
import ICAL from 'ical.js'
import rrule from 'rrule'
const [which, rule] = process.argv.slice(2)
const found = []
if (which === 'rrule') {
  const all = new rrule.RRule({ ...rrule.RRule.parseString(rule), dtstart: new Date('2026-03-01T00:00:00Z') })
  found.push(...all.between(new Date('2026-03-01T00:00:00Z'), new Date('2026-03-31T00:00:00Z'), true).map((day) => day.toISOString().slice(0, 10)))
} else {
  const days = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateString('2026-03-01'))
  for (let day = days.next(); day; day = days.next()) found.push(day.toString().slice(0, 10))
}
console.log(found.join(' '))
JS
dateutil=$("$folder/venv/bin/python" "$folder/days.py" "$rule")
npm=$(node "$folder/days.mjs" rrule "$rule")
ical=$(node "$folder/days.mjs" ical "$rule")
echo "$rule"
echo "python-dateutil 2.9.0: '$dateutil'"
echo "npm rrule 2.8.1:       '$npm'"
echo "ical.js 2.2.1:         '$ical'"
[ -z "$dateutil" ] && [ -z "$npm" ] && [ "$ical" = "2026-03-01 2026-03-07 2026-03-08 2026-03-15 2026-03-22 2026-03-29" ]
