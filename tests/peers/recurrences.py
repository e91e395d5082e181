"""Recurrences: rules made by chance, and what python-dateutil says of them. See recurrences.sh.

    recurrences.py rules NUMBER SEED   rule, first and last day, with tabs between
    recurrences.py dateutil            the same lines with the days (stdin to stdout)
    recurrences.py compare DIR         our days beside those of dateutil and of npm's rrule; exits 1 when one is not explained
    recurrences.py table NUMBER DIR    a table of rules on which all three agree
"""

import datetime
import random
import re
import sys

WEEKDAYS = "MO TU WE TH FR SA SU".split()


def signed(chance, most, number):
    found = set()
    while len(found) < number:
        value = chance.randint(1, most)
        found.add(value if chance.random() < 0.65 else -value)
    return ",".join(map(str, found))


def by_day(chance, frequency, numbered):
    # A number beside a weekday without one is left out: both others find only days that are both (findings/).
    most = 5 if frequency == "MONTHLY" else chance.choice([5, 53])
    number = lambda: chance.randint(1, most) * (1 if chance.random() < 0.65 else -1)
    days = chance.sample(WEEKDAYS, chance.randint(1, 4))
    return "BYDAY=" + ",".join(f"{number()}{day}" if numbered else day for day in days)


def rule(chance):
    frequency = chance.choice("DAILY WEEKLY WEEKLY MONTHLY MONTHLY YEARLY YEARLY".split())
    parts, by, weeks = [], [], False
    if chance.random() < 0.4:
        often = [1, 2, 2, 3, 4, 5, 6, 7, 10, 13, 14] if frequency in ("DAILY", "WEEKLY") else [1, 2, 2, 3]
        parts.append(f"INTERVAL={chance.choice(often)}")
    if chance.random() < 0.3:
        parts.append("WKST=" + chance.choice(WEEKDAYS))
    if chance.random() < 0.25:
        by.append("BYMONTH=" + ",".join(map(str, chance.sample(range(1, 13), chance.randint(1, 5)))))
    if frequency == "YEARLY" and chance.random() < 0.25:
        by.append("BYWEEKNO=" + signed(chance, 53, chance.randint(1, 6)))
        weeks = True
    if frequency == "YEARLY" and chance.random() < 0.2:
        by.append("BYYEARDAY=" + signed(chance, 366, chance.randint(1, 8)))
    if frequency != "WEEKLY" and chance.random() < 0.3:
        by.append("BYMONTHDAY=" + signed(chance, 31, chance.randint(1, 6)))
    if chance.random() < 0.55:
        by.append(by_day(chance, frequency, frequency in ("MONTHLY", "YEARLY") and not weeks and chance.random() < 0.5))
    if by and chance.random() < 0.2:
        by.append("BYSETPOS=" + signed(chance, chance.choice([2, 5, 12]), chance.randint(1, 3)))
    first = datetime.date(2024, 1, 1) + datetime.timedelta(chance.randint(0, 366 * 5))
    length = chance.choice([60, 120, 180, 370, 400])
    end = chance.random()
    if end < 0.12:
        parts.append(f"COUNT={chance.randint(1, 20)}")
    elif end < 0.24:
        parts.append(f"UNTIL={first + datetime.timedelta(chance.randint(0, length)):%Y%m%d}")
    parts += by
    chance.shuffle(parts)
    return ";".join([f"FREQ={frequency}"] + parts), first.isoformat(), (first + datetime.timedelta(length)).isoformat()


def of_dateutil(text, first, last):
    from dateutil.rrule import rrulestr

    # It searches to this year for a rule's first day; and COUNT is looked at apart for the same reason.
    datetime.MAXYEAR = int(last[:4]) + 1
    count = re.search(r";COUNT=(\d+)", text)
    whole = text.replace(count.group(0), "") if count else text
    if "UNTIL" not in whole:
        whole += ";UNTIL=" + last.replace("-", "")
    start = datetime.datetime.fromisoformat(first)
    try:
        days = [day.date().isoformat() for day in rrulestr(whole, dtstart=start)]
        if count and len(days) >= int(count.group(1)):
            assert [day.date().isoformat() for day in rrulestr(text, dtstart=start)] == days[: int(count.group(1))]
        return " ".join(days[: int(count.group(1))] if count else days)
    except IndexError:
        return "FAILED"


def lines(path):
    with open(path) as file:
        return [line.rstrip("\n").split("\t") for line in file]


def compare(folder):
    """Every difference, and which of the known ones it is: both others are compared with us, and with each other."""
    different, explained, checked = 0, {}, 0
    for ours, dateutil, npm in zip(*(lines(f"{folder}/{name}.tsv") for name in ("ours", "dateutil", "npm"))):
        assert ours[:3] == dateutil[:3] == npm[:3]
        text, days = ours[0], ours[3].split()
        known = []
        if dateutil[3] == "FAILED":
            known.append("dateutil fails: a number beyond the month's weekdays")
        elif dateutil[3].split() != days:
            known.append("weeks -52 and -53 without their days of December" if re.search(r"BYWEEKNO=[^;]*-5[23]", text) else None)
        if npm[3].split() != days:
            if "BYSETPOS" in text:
                known.append("npm's rrule: BYSETPOS gives days twice, or the first for one before it")
            elif re.search(r"BYWEEKNO=[^;]*-5[23]", text):
                known.append("weeks -52 and -53 without their days of December")
            else:
                known.append(None)
        checked += not known
        for reason in known:
            if reason is None:
                different += 1
                print(*ours[:3], "ours: " + ours[3], "dateutil: " + dateutil[3], "npm: " + npm[3], sep="\n  ")
            else:
                explained[reason] = explained.get(reason, 0) + 1
    print(f"{checked} rules on which all three agree, {different} differences, and {sum(explained.values())} that are explained:")
    for reason, number in explained.items():
        print(f"  {number} {reason}")
    return different == 0


def table(number, folder):
    """Rules by hand first, then by chance; short enough to be read."""
    print("# Rule, first and last day of the season, days: what python-dateutil 2.9.0 and npm's rrule 2.8.1 say. Made by tests/peers/recurrences.sh.")
    found = 0
    for ours, dateutil, npm in zip(*(lines(f"{folder}/{name}.tsv") for name in ("ours", "dateutil", "npm"))):
        if dateutil[3] == npm[3] and 0 < len(dateutil[3].split()) <= 40 and found < number:
            found += 1
            print("\t".join(dateutil))


if __name__ == "__main__":
    what, rest = sys.argv[1], sys.argv[2:]
    if what == "rules":
        chance, seen = random.Random(int(rest[1])), set()
        while len(seen) < int(rest[0]):
            made = rule(chance)
            if made[0] not in seen:
                seen.add(made[0])
                print("\t".join(made))
    elif what == "dateutil":
        for line in sys.stdin:
            cells = line.rstrip("\n").split("\t")[:3]
            print("\t".join([*cells, of_dateutil(*cells)]))
    elif what == "compare":
        sys.exit(not compare(rest[0]))
    elif what == "table":
        table(int(rest[0]), rest[1])
