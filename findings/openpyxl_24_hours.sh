#!/usr/bin/env bash
# A lesson that ends at 24:00 is typed into Excel as 24:00 and stored as the number 1 (a whole day). openpyxl reads it, by the format of the
# cell, as a datetime of the year 1900 or as a timedelta, while 19:30 beside it is a time; as text they are `1900-01-01 00:00:00` and
# `1 day, 0:00:00`. So scripts that turn a school's workbook into CSV write three kinds of text into one column.
# Met while reading the `end_time` of periods (docs/domain.md §10). Ends with 1 when openpyxl does something else.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openpyxl==3.1.5
cd "$folder"
venv/bin/pip list 2>/dev/null | grep -i "^openpyxl "
seen=$(venv/bin/python - <<'PYTHON'
import openpyxl
book = openpyxl.Workbook()
for value, form in [(0.8125, "h:mm"), (1, "h:mm"), (1, "[h]:mm")]:
    book.active.append([value])
    book.active.cell(book.active.max_row, 1).number_format = form
book.save("book.xlsx")
read = openpyxl.load_workbook("book.xlsx").active
print("|".join(str(row[0].value) for row in read.iter_rows()))
PYTHON
)
echo "expected: 19:30:00|24:00:00|24:00:00, or one kind of value for all three"
echo "seen:     $seen"
[ "$seen" = "19:30:00|1900-01-01 00:00:00|1 day, 0:00:00" ]
