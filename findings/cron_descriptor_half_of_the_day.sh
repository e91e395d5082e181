#!/usr/bin/env bash
# cron_descriptor 2.2.1 (Python) puts crontab lines into words. In Chinese it uses the 12-hour clock and leaves out the half of the day: midnight
# (`0 0 * * *`) and noon are both 在 12:00, and `0 17,22 * * *` is 在 05:00 和 10:00. In English both halves are named.
# Expected: different words for different hours. cronstrue 3.39.0 (npm), a port of the same library, says 上午 and 下午.
# 25 more of its 32 languages do the same. The option use_24hour_time_format cures it.
# Met with the lines of our crontab: who reads it so takes the tasks of midnight for tasks of noon. Ends with 0 as long as it does so.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet cron_descriptor==2.2.1
npm install --silent --no-audit --no-fund --prefix "$folder" cronstrue@3.39.0 > /dev/null
cd "$folder"
cat > words.py <<'PY'
import sys
from cron_descriptor import Options, get_description
options = Options()
options.locale_code, options.use_24hour_time_format = sys.argv[1], sys.argv[2] == "24"
print("|".join(get_description(line, options) for line in sys.argv[3:]))
PY
cat > words.js <<'JS'
const cronstrue = require('cronstrue/i18n')
console.log(process.argv.slice(2).map((line) => cronstrue.toString(line, { locale: 'zh_CN' })).join('|'))
JS
lines=("0 0 * * *" "0 12 * * *" "0 17,22 * * *")
english=$(venv/bin/python words.py en_US 12 "${lines[@]}")
chinese=$(venv/bin/python words.py zh_CN 12 "${lines[@]}")
cured=$(venv/bin/python words.py zh_CN 24 "${lines[@]}")
cronstrue=$(node words.js "${lines[@]}")
venv/bin/pip list 2>/dev/null | grep -i "^cron_descriptor "
echo "English:              $english"
echo "Chinese, expected:    words that tell midnight from noon"
echo "Chinese, seen:        $chinese"
echo "Chinese, 24 hours:    $cured"
echo "cronstrue, Chinese:   $cronstrue"
[ "$english" = "At 12:00 AM|At 12:00 PM|At 05:00 PM and 10:00 PM" ]
[ "$chinese" = "在 12:00|在 12:00|在 05:00 和 10:00" ]
[ "$cured" = "在 00:00|在 12:00|在 17:00 和 22:00" ]
[[ "$cronstrue" == *上午*"|"*下午*"|"*下午* ]]
