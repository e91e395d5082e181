#!/usr/bin/env python3
"""Compares two builds of the service from outside, turn about: is the second slower than the first?

    python3 -m venv ~/bench && ~/bench/bin/pip install grpcio grpcio-tools
    git worktree add ../before OLD && (cd ../before && cargo build --release)
    cargo build --release
    ~/bench/bin/python benches/versions.py ../before/target/release target/release \\
        --database sqlite --database postgres://postgres@127.0.0.1/postgres \\
        --database mysql://root@127.0.0.1/mysql --json versions.json

Each folder holds etutord and etutorctl. In a turn one build starts on a fresh database, imports an
academy, and is timed as its clients see it; then the other build has its turn.

ratio   the speed of the second build to the first (time of the first : time of the second), of the
        medians of all turns. Below 0.95 it is slower.
pairs   the least and the greatest ratio of the turns: how far to trust the first.
cpu     the same ratio of the processor time of etutord itself, without the database server.
done    what a part did: sign-ups, invitations, messages; of an edit the lessons, sign-ups and
        messages it touched. Where the builds differ both stand there: they did different work.

What a build refuses is told on stderr and ends its turn; the exit code is 1 then. The clock is the
host's, in the zone where it is about noon, so every window is open. Messages go to a file; with
--testing they are captured, which is less work. Databases are made through psql and mariadb.
"""

import argparse, csv, json, os, shutil, socket, statistics, subprocess, sys, tempfile, time
from collections import defaultdict
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import grpc
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc

sys.dont_write_bytecode = True
from bare_calls import many_calls

PROTO = Path(__file__).resolve().parent.parent / "proto"
SUBJECTS, SPREAD, WEEKS = 10, 20, 8
# Students of a class task, and how many classes that makes of at most six students.
STUDENTS, CLASSES = 7, 2


class Refused(Exception):
    """A build does not do what is asked of it."""


def read_protocol():
    """Path, request and answer of each method, by `Service/Method`."""
    methods = {}
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(PROTO.glob("etutor/v1/*.proto"))
        known = Path(protoc.__file__).parent / "_proto"
        if protoc.main(["", f"-I{PROTO}", f"-I{known}", f"--python_out={folder}", *map(str, files)]):
            sys.exit("the protocol cannot be compiled")
        sys.path.insert(0, folder)
        for file in files:
            described = import_module(f"etutor.v1.{file.stem}_pb2").DESCRIPTOR
            for service in described.services_by_name.values():
                for method in service.methods:
                    kinds = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
                    methods[f"{service.name}/{method.name}"] = (f"/{service.full_name}/{method.name}", *kinds)
    return methods


METHODS = read_protocol()


class Database:
    """A fresh database on a server, or a fresh file."""

    def __init__(self, server, home):
        self.server, self.name = server, f"etutor_versions_{os.getpid()}_{time.time_ns() % 10**9}"
        self.kind = server.split(":")[0]
        self.url = f"{server.rsplit('/', 1)[0]}/{self.name}"
        if self.kind == "sqlite":
            self.url = f"sqlite://{home}/etutor.db"
        else:
            binary = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if self.kind != "postgres" else ""
            self.run(f"CREATE DATABASE {self.name}{binary}")

    def run(self, statement, inside=False):
        to = urlsplit(self.url if inside else self.server)
        words = ["psql", "-qAtX", to.geturl(), "-c", statement]
        if self.kind != "postgres":
            words = ["mariadb", f"-h{to.hostname}", f"-P{to.port or 3306}", f"-u{to.username}"]
            words += [f"--password={to.password or ''}", "-Ne", statement, to.path[1:]]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()

    def analyze(self):
        """Statistics as of tables in use: when a server makes them by itself is chance."""
        if self.kind == "postgres":
            self.run("VACUUM ANALYZE", inside=True)
        elif self.kind != "sqlite":
            self.run(f"ANALYZE TABLE {', '.join(self.run('SHOW TABLES', inside=True))}", inside=True)

    def drop(self):
        if self.kind != "sqlite":
            self.run(f"DROP DATABASE {self.name}{' WITH (FORCE)' if self.kind == 'postgres' else ''}")


class Server:
    """A build that serves on a database."""

    def __init__(self, folder, home, url, testing):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.home = folder, home
        ahead = 12 - datetime.now(timezone.utc).hour
        self.zone = timezone(timedelta(hours=ahead))
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("ETUTOR")}
        self.env |= {
            "ETUTOR_SERVER": f"http://127.0.0.1:{self.port}",
            "ETUTOR__SERVER__LISTEN": f"127.0.0.1:{self.port}",
            "ETUTOR__SERVER__REQUEST_TIMEOUT_S": "120",
            "ETUTOR__DATABASE__URL": url,
            "ETUTOR__LOG__FILTER": os.environ.get("ETUTOR__LOG__FILTER", "warn"),
            "ETUTOR__TESTING": str(testing).lower(),
            # "Etc/GMT-8" is eight hours ahead of UTC.
            "ETUTOR__ZONE": f"Etc/GMT{-ahead:+}",
            "ETUTOR__CLASS__FORM_WHEN_COVERED": "true",
            "ETUTOR__SMS__OUTBOX_FILE": f"{home}/sms.jsonl",
            "ETUTOR__MAIL__OUTBOX_FILE": f"{home}/mail.jsonl",
        }
        self.run("etutord", "migrate")
        self.log = open(f"{home}/log", "w")
        self.process = subprocess.Popen([folder / "etutord"], cwd=home, env=self.env, stderr=self.log)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        try:
            grpc.channel_ready_future(self.channel).result(timeout=60)
        except grpc.FutureTimeoutError:
            self.stop()
            raise Refused(f"etutord does not start{self.logged()}") from None

    def run(self, program, *words):
        ready = [self.folder / program, *words]
        done = subprocess.run(ready, cwd=self.home, env=self.env, capture_output=True, text=True)
        if done.returncode:
            said = f"{done.stdout[-500:]}{done.stderr[-1500:]}"
            raise Refused(f"{program} {words[0]} ends with {done.returncode}: {said}")

    def call(self, name, **fields):
        path, request, answer = METHODS[name]
        send = self.channel.unary_unary(path, request.SerializeToString, answer.FromString)
        try:
            return send(request(**fields), timeout=300)
        except grpc.RpcError as error:
            raise Refused(f"{name}: {error.code().name}: {error.details()}") from None

    def task(self, name):
        report = self.call(f"TaskService/{name}").report
        if report.failed or report.error:
            raise Refused(f"{name}: {report.failed} failed. {report.error} {' '.join(report.notes)}")
        return report

    def logged(self):
        return "".join(f"\n  {line}" for line in Path(self.log.name).read_text().splitlines()[-5:])

    def cpu(self):
        """Seconds of processor time so far."""
        # The processor clock of a process, as clock_getcpuclockid(3) makes it.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def stop(self):
        self.channel.close()
        self.process.terminate()
        self.process.wait()


class Academy:
    """Files to import. Class tasks of the day `day` count the `c` students; the `n` students have
    signed up for the day after, and the `r` students for nothing yet."""

    def __init__(self, sizes, today):
        self.sizes, self.today, self.day = sizes, today, today + timedelta(days=3)
        self.end = self.day + timedelta(weeks=WEEKS) - timedelta(days=1)

    def files(self):
        sizes, day, end = self.sizes, self.day, self.end
        weekly = lambda day: f"FREQ=WEEKLY;BYDAY={day:%a}".upper()[:-1]
        subject, area = lambda n: n % SUBJECTS + 1, lambda n: f"{11 + n % 40}0100"
        after, later = day + timedelta(days=1), day + timedelta(days=2)
        booked = f"{self.today - timedelta(days=2)}T12:00:00"
        signed_up = [(f"c{n}", f"class{n // STUDENTS}", 7, day) for n in range(sizes.tasks * STUDENTS)]
        signed_up += [(f"n{n}", f"notice{n % SPREAD}", 8, after) for n in range(sizes.notices)]
        new = [(f"r{n}", "", 9, None) for n in range(sizes.calls + sizes.single)]
        templates = [(f"class{n}", n, 7, day, 4) for n in range(sizes.tasks)]
        templates += [(f"notice{n}", n, 8, after, 1000) for n in range(SPREAD)]
        templates += [(f"new{n}", n, 9, later, 1000) for n in range(SPREAD)]
        # A wave asks two coaches for each class; there are a quarter more.
        coaches = range(sizes.tasks * CLASSES * 2 * 5 // 4)
        yield "subjects subject_id name", [(n + 1, f"subject {n}") for n in range(SUBJECTS)]
        yield "seasons code year type start_day end_day except_days", [
            ("s", day.year, "autumn", self.today + timedelta(days=1), end, "")]
        yield "periods code season grade_type start_time end_time", [("p", "s", "junior", "19:00", "20:30")]
        yield ("class_templates code season subject_id grade period recurrence max_classes "
               "max_students_per_class"), [
            (code, "s", subject(n), grade, "p", weekly(first), classes, 6)
            for code, n, grade, first, classes in templates]
        yield ("coaches user_name real_name area_code school_name grade_type subject_id phone job_status "
               "rank forbid_same_city"), [
            (f"coach{n}", f"coach {n}", area(n), "", "junior", subject(n), f"+99920{n:07}", "regular",
             n % 5 + 1, "false") for n in coaches]
        yield "coach_availability coach season period recurrence start_day end_day", [
            (f"coach{n}", "s", "p", weekly(day), day, end) for n in coaches]
        yield "students user_name real_name area_code school_name grade phone", [
            (name, f"student {n}", area(n), "", grade, f"+99910{n:07}")
            for n, (name, _, grade, _) in enumerate(signed_up + new)]
        yield "reservations created_at student class_template start_day end_day", [
            (booked, name, template, first, end) for name, template, _, first in signed_up]

    def write(self, folder):
        folder.mkdir()
        for words, rows in self.files():
            name, *columns = words.split()
            with open(folder / f"{name}.csv", "w", newline="") as file:
                csv.writer(file).writerows([columns, *rows])

    def sign_ups(self):
        first = self.day + timedelta(days=2)
        return [{"student": f"r{n}", "class_template": f"new{n % SPREAD}", "start_day": str(first),
                 "end_day": str(self.end), "request_id": f"sign-up-{n}"}
                for n in range(self.sizes.calls + self.sizes.single)]


class Turn:
    """One build at work; of each part the seconds, the processor's seconds, and what was done."""

    def __init__(self, server, academy, database, parts):
        self.server, self.academy, self.database, self.parts = server, academy, database, parts

    @contextmanager
    def part(self, name):
        """Times what is done inside, which puts what it did into `done`."""
        self.done, self.took = 0, None
        if not self.academy.sizes.stale:
            self.database.analyze()
        cpu, began = self.server.cpu(), time.perf_counter()
        yield
        took = self.took or time.perf_counter() - began
        self.parts[name] = (took, self.server.cpu() - cpu, self.done)

    def play(self):
        sign_ups, calls = self.academy.sign_ups(), self.academy.sizes.calls
        self.reserve("reserve, 64 in flight", sign_ups[:calls], 64)
        self.reserve("reserve, one caller", sign_ups[calls:], 1)
        self.server.task("CreateClassTasks")
        with self.part("invite exec"):
            self.done = self.server.task("SendInvitations").changed
        with self.part("sms send, invitations"):
            self.done = self.send()
        self.form()
        self.send()
        # Lessons of the second week.
        classes, others = (self.academy.day + timedelta(days=days) for days in (7, 8))
        self.edit("season edit, day off with classes", [classes])
        self.edit("season edit, day off without", [classes, others])
        with self.part("sms send, notices"):
            self.done = self.send()
        self.edit("season edit, day back with classes", [others])

    def reserve(self, name, sign_ups, in_flight):
        path, request, _ = METHODS["EnrollmentService/CreateReservation"]
        requests = [request(**fields).SerializeToString() for fields in sign_ups]
        with self.part(name):
            self.took, answered = many_calls(self.server.port, path, requests, in_flight)
            self.done = len(answered)
        refused = [fields for n, fields in enumerate(sign_ups) if n not in answered]
        if refused:
            print(f"{len(refused)} sign-ups of {len(sign_ups)} are refused", file=sys.stderr)
            self.server.call("EnrollmentService/CreateReservation", **refused[0])

    def send(self):
        """Sends all that is due; one run takes 5,000 at most. Messages sent."""
        sent = 0
        while (report := self.server.task("SendSms")).changed:
            sent += report.messages
        return sent

    def form(self):
        """As many coaches as each task needs say yes; its classes form with the last of them."""
        asked, token = defaultdict(list), ""
        while True:
            page = self.server.call("StaffingService/ListInvitations", page_size=1000, page_token=token)
            for one in page.invitations:
                asked[one.task_id].append({"invitation_id": one.invitation_id, "coach": one.coach})
            if not (token := page.next_page_token):
                break
        yes = [one for all_asked in asked.values() for one in all_asked[:CLASSES]]
        passed = dict.fromkeys(("camera", "sound", "microphone", "lesson", "whiteboard"), 1)
        for one in yes:
            self.server.call("PresenceService/CompleteSoftwareTest", coach=one["coach"], **passed)
        # The last third, when there are classes as in a season that goes on.
        first = len(yes) * 2 // 3
        for one in yes[:first]:
            self.server.call("InvitationService/AcceptInvitation", **one)
        with self.part("accept, one caller"):
            for one in yes[first:]:
                self.server.call("InvitationService/AcceptInvitation", **one)
            self.done = len(yes) - first

    def edit(self, name, off):
        season = self.server.call("CatalogService/GetSeason", code="s").season
        season.except_days[:] = [str(day) for day in off]
        with self.part(name):
            change = self.server.call("CatalogService/UpsertSeason", season=season).change
            self.done = f"{change.lesson_total}/{change.reservation_total}/{change.message_total}"


def turn(folder, server_url, options):
    """A turn of a build: its parts, and why it stopped early if it did."""
    home = Path(tempfile.mkdtemp(prefix="etutor-versions-"))
    database, server, parts, why = Database(server_url, home), None, {}, None
    try:
        server = Server(folder, home, database.url, options.testing)
        academy = Academy(options, datetime.now(server.zone).date())
        academy.write(home / "academy")
        server.run("etutorctl", "import", str(home / "academy"), "--strict")
        database.analyze()
        Turn(server, academy, database, parts).play()
    except (Refused, OSError) as refused:
        why = f"{refused}{server.logged() if server else ''}"
    finally:
        if server:
            server.stop()
        database.drop()
        shutil.rmtree(home)
    return parts, why


def compare(turns):
    """What is to be said of each part; `turns` are (parts of the first, parts of the second)."""
    lines = {}
    for name in dict.fromkeys(name for pair in turns for parts in pair for name in parts):
        pairs = [(first[name], second[name]) for first, second in turns if name in first and name in second]
        if not pairs:
            continue
        took, cpu, done = ([[part[n] for part in side] for side in zip(*pairs)] for n in (0, 1, 2))
        (before, after), cpus = map(statistics.median, took), [statistics.median(side) for side in cpu]
        each = [first / second for first, second in zip(*took)]
        lines[name] = {
            "before_ms": before * 1e3, "after_ms": after * 1e3, "ratio": before / after,
            "pairs": [min(each), max(each)], "cpu": cpus[0] / cpus[1],
            "done": [" or ".join(sorted({str(one) for one in side})) for side in done],
            "all_ms": [[round(one * 1e3, 2) for one in side] for side in took],
        }
    return lines


def show(database, lines):
    print(f"\n| {database} | before | after | ratio | pairs | cpu | done |\n|---|---|---|---|---|---|---|")
    for name, line in lines.items():
        mark = "**" if line["ratio"] < 0.95 else ""
        times = f"{line['before_ms']:,.0f} ms | {line['after_ms']:,.0f} ms"
        pairs = f"{line['pairs'][0]:.2f} to {line['pairs'][1]:.2f} | {line['cpu']:.2f}"
        done = " : ".join(dict.fromkeys(line["done"]))
        print(f"| {name} | {times} | {mark}{line['ratio']:.2f}{mark} | {pairs} | {done} |", flush=True)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("before", type=Path, help="folder of the first build")
    words.add_argument("after", type=Path, help="folder of the second build")
    words.add_argument("--database", action="append", help="sqlite, or the URL of a server; may be repeated")
    words.add_argument("--testing", action="store_true", help="messages are captured")
    words.add_argument("--stale", action="store_true", help="statistics are those after the import")
    words.add_argument("--json", type=Path, help="file for the figures")
    for name, size, what in [
        ("turns", 5, "turns of each build"),
        ("calls", 6000, "sign-ups at 64 in flight"),
        ("single", 600, "sign-ups of one caller"),
        ("tasks", 300, f"class tasks, each of {STUDENTS} students and {CLASSES} classes"),
        ("notices", 2200, "sign-ups that come to no class"),
    ]:
        words.add_argument(f"--{name}", type=int, default=size, help=f"{what} ({size})")
    options = words.parse_args()
    all_lines, refusals = {}, []
    for server in options.database or ["sqlite"]:
        turns, name = [], server.split(":")[0]
        for n in range(options.turns):
            turns.append([])
            for folder in (options.before, options.after):
                parts, why = turn(folder.resolve(), server, options)
                turns[-1].append(parts)
                if why:
                    refusals.append(f"{name}, turn {n + 1}, {folder}: {why}")
                    print(refusals[-1], file=sys.stderr, flush=True)
        all_lines[name] = compare(turns)
        show(name, all_lines[name])
    if options.json:
        options.json.write_text(json.dumps({"refused": refusals, "databases": all_lines}, indent=1) + "\n")
    sys.exit(1 if refusals else 0)


if __name__ == "__main__":
    main()
