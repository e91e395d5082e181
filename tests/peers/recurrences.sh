#!/usr/bin/env bash
# Compares the days of recurrences with python-dateutil and npm's rrule: 3,000 rules made by chance that give at least one day.
#   tests/peers/recurrences.sh [SEED]          compares; ends with 1 when there is a difference that is not explained
#   tests/peers/recurrences.sh --table         writes tests/data/recurrences.tsv anew: 200 rules, those of recurrences.txt first
# Needs python3 with venv, node and npm; what they fetch is pinned and goes into a temporary folder. Takes a minute. Not part of CI.
set -euo pipefail
cd "$(dirname "$0")/../.."
peers=$PWD/tests/peers
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cargo build --quiet --example recurrences
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-dateutil==2.9.0.post0
npm install --silent --no-audit --no-fund --prefix "$folder" rrule@2.8.1 > /dev/null
python=$folder/venv/bin/python

all() { # the rules in $1 through all three
    target/debug/examples/recurrences < "$1" > "$folder/ours.tsv"
    "$python" "$peers/recurrences.py" dateutil < "$1" > "$folder/dateutil.tsv"
    NODE_PATH=$folder/node_modules node "$peers/recurrences.js" < "$1" > "$folder/npm.tsv"
}

if [ "${1:-}" = --table ]; then
    { grep -v '^#' "$peers/recurrences.txt"; "$python" "$peers/recurrences.py" rules 400 8; } > "$folder/some"
else
    "$python" "$peers/recurrences.py" rules 6000 "${1:-1}" > "$folder/some"
fi
# Those that give a day, or of which dateutil does not know: the others search for one for thousands of years.
"$python" "$peers/recurrences.py" dateutil < "$folder/some" | awk -F'\t' '$4 != ""' | cut -f1-3 | head -3000 > "$folder/rules"
all "$folder/rules"
if [ "${1:-}" = --table ]; then
    python3 "$peers/recurrences.py" table 200 "$folder" > tests/data/recurrences.tsv
    wc -l tests/data/recurrences.tsv
else
    wc -l < "$folder/rules"
    python3 "$peers/recurrences.py" compare "$folder"
fi
