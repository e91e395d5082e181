#!/usr/bin/env bash
# xlsx2csv writes a date and time of the format `yyyy/m/d h:mm` by the 12-hour clock and leaves out the half of the day: 15:14 becomes
# 03:14. With `hh` instead of `h` it is right. `h` without AM/PM is the 24-hour clock (ECMA-376, 18.8.31), and yyyy/m/d h:mm is what a Chinese
# Excel proposes. So a file of sign-ups that was made with it holds afternoons as nights, and nothing in it tells.
# Met while reading the `created_at` of schools' files (docs/domain.md §10). Ends with 1 when xlsx2csv does something else.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openpyxl==3.1.5 xlsx2csv==0.8.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import openpyxl
book = openpyxl.Workbook()
for form in ["yyyy/m/d h:mm", "yyyy/m/d hh:mm"]:
    book.active.append([46254.634722222225])  # 20 August 2026, 15:14
    book.active.cell(book.active.max_row, 1).number_format = form
book.save("book.xlsx")
PYTHON
venv/bin/pip list 2>/dev/null | grep -i -E "^(openpyxl|xlsx2csv) "
seen=$(venv/bin/xlsx2csv book.xlsx | tr -d '\r' | paste -sd'|')
echo "expected: 2026/08/20 15:14|2026/08/20 15:14"
echo "seen:     $seen"
[ "$seen" = "2026/08/20 03:14|2026/08/20 15:14" ]
