#!/usr/bin/env bash
# MariaDB 10.11.19 in strict mode, and many rows written by one statement from one JSON parameter (INSERT … SELECT … FROM JSON_TABLE).
#
# Expected: what strict mode does with the same values from anywhere else (VALUES, JSON_VALUE, CAST): a text that is too long, a number
# that is too large and one that is none are errors, and nothing is stored. The columns say ERROR ON ERROR besides.
# Seen: JSON_TABLE cuts the text, makes 127 of 300 and 0 of "x", and they are stored. There are warnings; the statement succeeds.
# So its columns must be wider than those of the table (then the table refuses), and numbers be checked before.
# Needs Debian 12 (apt-get download). Ends with 0 as long as MariaDB does so.
set -euo pipefail
version=1:10.11.19-0+deb12u1
cd "$(mktemp -d)"
trap 'kill %1 2> /dev/null && wait || true; rm -rf "$PWD"' EXIT
apt-get download -qq "mariadb-server-core=$version" "mariadb-client-core=$version" liburing2 libaio1 libnuma1 2> /dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$(dirname "$(find "$PWD" -name 'liburing.so.2' | head -1)")
export LD_LIBRARY_PATH=$libraries:${libraries#"$PWD/usr"}
mkdir data
usr/sbin/mariadbd --no-defaults --user="$(id -un)" --datadir="$PWD/data" --socket="$PWD/s" --pid-file="$PWD/pid" --skip-networking \
    --skip-grant-tables --lc-messages-dir="$PWD/usr/share/mysql" --character-sets-dir="$PWD/usr/share/mysql/charsets" 2> log &
sql() { usr/bin/mariadb --no-defaults --socket="$PWD/s" -N "$@"; }
for _ in $(seq 60); do sql -e 'SELECT 1' > /dev/null 2>&1 && break; sleep 1; done
sql <<'SQL'
CREATE DATABASE school;
CREATE TABLE school.student (name VARCHAR(3), grade TINYINT);
SELECT VERSION(), @@sql_mode LIKE '%STRICT_TRANS_TABLES%';
SQL
# Each line is a statement; its error is printed, or 'stored'.
each() { while read -r statement; do { sql school <<< "$statement" 2>&1 || true; } | grep -o 'ERROR [0-9]*' || echo stored; done; }

elsewhere=$(each <<'SQL' | paste -sd' '
INSERT INTO student VALUES ('abcdef', 1)
INSERT INTO student SELECT JSON_VALUE('["abcdef"]', '$[0]'), 1
INSERT INTO student VALUES ('abc', 300)
INSERT INTO student SELECT 'abc', CAST('x' AS INT)
SQL
)
echo "values that do not fit, from elsewhere: $elsewhere"
tables=$(each <<'SQL' | paste -sd' '
INSERT INTO student SELECT * FROM JSON_TABLE('["abcdef"]', '$[*]' COLUMNS (n VARCHAR(3) PATH '$' ERROR ON ERROR, g FOR ORDINALITY)) j
INSERT INTO student SELECT 'abc', g FROM JSON_TABLE('[300]', '$[*]' COLUMNS (g TINYINT PATH '$' ERROR ON ERROR)) j
INSERT INTO student SELECT 'abc', g FROM JSON_TABLE('["x"]', '$[*]' COLUMNS (g INT PATH '$' ERROR ON ERROR)) j
SQL
)
rows=$(sql school -e 'SELECT * FROM student' | tr '\t' ' ' | paste -sd'|')
echo "from JSON_TABLE, expected three errors: $tables: $rows"
wider=$(each <<'SQL' | paste -sd' '
INSERT INTO student SELECT * FROM JSON_TABLE('["abcdef"]', '$[*]' COLUMNS (n VARCHAR(500) PATH '$', g FOR ORDINALITY)) j
INSERT INTO student SELECT 'abc', g FROM JSON_TABLE('[300]', '$[*]' COLUMNS (g BIGINT PATH '$')) j
SQL
)
echo "the first two with wider columns: $wider"
[ "$elsewhere" = "ERROR 1406 ERROR 1406 ERROR 1264 ERROR 1292" ]
[ "$tables" = "stored stored stored" ] && [ "$rows" = "abc 1|abc 127|abc 0" ]
[ "$wider" = "ERROR 1406 ERROR 1264" ]
