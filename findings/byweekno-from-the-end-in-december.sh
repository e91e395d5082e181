#!/usr/bin/env bash
# BYWEEKNO=1 and BYWEEKNO=-53 are the same week of 2026, which has 53, and begin on 29 December 2025. python-dateutil 2.9.0 and npm's rrule
# 2.8.1 give all seven days for the first and leave out December for the second: days of December count for the next year's week 1 only, never for
# its number from the end. Expected (RFC 5545 §3.3.10: -10 is the tenth week from the end, weeks as in ISO 8601): the same seven days.
# Ends with 0 as long as they do so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" rrule@2.8.1 > /dev/null
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-dateutil==2.9.0.post0

cat > "$folder/days.py" <<'PY'
import datetime, sys
from dateutil.rrule import rrulestr
for rule in sys.argv[1:]:
    print(rule, *(f"{day:%m-%d}" for day in rrulestr(rule, dtstart=datetime.datetime(2025, 12, 20))))
PY
cat > "$folder/days.js" <<'JS'
const { RRule } = require('rrule')
for (const rule of process.argv.slice(2)) {
  const days = new RRule({ ...RRule.parseString(rule), dtstart: new Date('2025-12-20T00:00:00Z') }).all()
  console.log(rule, days.map((day) => day.toISOString().slice(5, 10)).join(' '))
}
JS
rules=("FREQ=YEARLY;BYWEEKNO=1;UNTIL=20260131" "FREQ=YEARLY;BYWEEKNO=-53;UNTIL=20260131")
python3 -c "import datetime; print('29 December 2025 is in week', *datetime.date(2025, 12, 29).isocalendar()[:2], 'and 2026 ends with', datetime.date(2026, 12, 31).isocalendar()[1])"
dateutil=$("$folder/venv/bin/python" "$folder/days.py" "${rules[@]}")
npm=$(NODE_PATH=$folder/node_modules node "$folder/days.js" "${rules[@]}")
printf 'python-dateutil 2.9.0:\n%s\nnpm rrule 2.8.1:\n%s\n' "$dateutil" "$npm"
seen="FREQ=YEARLY;BYWEEKNO=1;UNTIL=20260131 12-29 12-30 12-31 01-01 01-02 01-03 01-04
FREQ=YEARLY;BYWEEKNO=-53;UNTIL=20260131 01-01 01-02 01-03 01-04"
[ "$dateutil" = "$seen" ] && [ "$npm" = "$seen" ]
