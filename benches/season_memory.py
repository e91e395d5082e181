#!/usr/bin/env python3
"""How much memory etutord holds while a season is replayed: eleven days of the real sign-ups of tests/data/oulad-2013j.

    pip install grpcio grpcio-reflection
    cargo build --release
    benches/season_memory.py target/release [database URL, without it a new SQLite file]

Every minute from 07:00 to 21:00 and every hour of the night the jobs of the crontab are fired on the test clock; coaches answer as
coach_behaviour.csv says. Prints a line a day: resident memory, CPU time of `invite exec`, and what the tasks have come to. At the end
the server is started anew on the same database, for what it needs at least.
"""
import csv, hashlib, math, os, socket, statistics, subprocess, sys, tempfile, time
from collections import Counter
from datetime import datetime, timedelta, timezone

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/data/oulad-2013j")
ZONE = timezone(timedelta(hours=8))
MINUTE = ["SendInvitations", "CheckInvitations", "NotifyUnstaffedClasses", "AssignStudents", "OfferPlaces", "SendSms"]
MIDNIGHT = ["CreateClassTasks", "InitPlaces", "RemoveExpiredStudents", "FreeAvailability", "CorrectCoachStatus"]


class Server:
    def __init__(self, folder, home, url):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.home = folder, home
        self.env = {**os.environ, "ETUTOR__SERVER__LISTEN": f"127.0.0.1:{self.port}", "ETUTOR__DATABASE__URL": url,
                    "ETUTOR__LOG__FILTER": "warn", "ETUTOR__TESTING": "true"}

    def run(self, program, *words):
        subprocess.run([os.path.join(self.folder, program), *words], cwd=self.home, env=self.env, check=True, stdout=subprocess.DEVNULL)

    def start(self):
        self.process = subprocess.Popen([os.path.join(self.folder, "etutord")], cwd=self.home, env=self.env, stdout=subprocess.DEVNULL)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        grpc.channel_ready_future(self.channel).result(timeout=60)
        database = ProtoReflectionDescriptorDatabase(self.channel)
        pool = descriptor_pool.DescriptorPool(database)
        self.methods = {m.name if s.name != "StaffingService" else f"Staffing/{m.name}": (f"/{s.full_name}/{m.name}", m)
                        for s in (pool.FindServiceByName(name) for name in database.get_services() if name.startswith("etutor."))
                        for m in s.methods}
        return self

    def call(self, name, **fields):
        path, method = self.methods[name]
        request, answer = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
        call = self.channel.unary_unary(path, request_serializer=request.SerializeToString, response_deserializer=answer.FromString)
        return call(request(**fields), timeout=120)

    def stop(self):
        self.channel.close()
        self.process.terminate()
        self.process.wait()

    def rss(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def cpu_ms(self):
        with open(f"/proc/{self.process.pid}/schedstat") as stat:
            main = int(stat.read().split()[0])
        threads = f"/proc/{self.process.pid}/task"
        total = 0
        for thread in os.listdir(threads):
            try:
                with open(f"{threads}/{thread}/schedstat") as stat:
                    total += int(stat.read().split()[0])
            except FileNotFoundError:
                pass
        return max(main, total) / 1e6


def uniform(coach, template, day, n):
    digest = hashlib.sha256(f"{coach}{template}{day}{n}".encode()).digest()
    return ((int.from_bytes(digest[:8], "big") >> 11) + 0.5) / (1 << 53)


def awake(at):
    """Nobody answers between 23:00 and 07:00."""
    if at.hour >= 23:
        return (at + timedelta(days=1)).replace(hour=7, minute=0, second=0)
    return at.replace(hour=7, minute=0, second=0) if at.hour < 7 else at


class Coaches:
    def __init__(self, server):
        with open(os.path.join(DATA, "coach_behaviour.csv"), newline="") as file:
            rows = list(csv.reader(file))[1:]
        self.habits = {row[0]: tuple(map(float, row[1:4])) for row in rows}
        self.server, self.seen, self.deeds, self.refused = server, set(), [], Counter()

    def read(self, now):
        token = ""
        while True:
            page = self.server.call("Staffing/ListInvitations", states=["INVITATION_STATE_SENT"], page_size=1000, page_token=token)
            for one in page.invitations:
                if one.invitation_id not in self.seen:
                    self.seen.add(one.invitation_id)
                    self.decide(one, now)
            token = page.next_page_token
            if not token:
                return

    def decide(self, one, now):
        yes, answer_minutes, passes = self.habits[one.coach]
        u = [uniform(one.coach, one.class_template, one.day, n) for n in (1, 2, 3, 4)]
        delay = math.exp(math.log(answer_minutes) + 0.8 * statistics.NormalDist().inv_cdf(u[0]))
        at = awake(now + timedelta(minutes=delay))
        if u[1] < yes:
            self.deeds.append((at, "AcceptInvitation", one.invitation_id, one.coach))
            if u[3] < passes:
                self.deeds.append((awake(at + timedelta(minutes=max(10, delay / 2))), "CompleteSoftwareTest", 0, one.coach))
        elif u[2] < 0.6:
            self.deeds.append((at, "DeclineInvitation", one.invitation_id, one.coach))

    def act(self, now):
        due = sorted(deed for deed in self.deeds if deed[0] <= now)
        self.deeds = [deed for deed in self.deeds if deed[0] > now]
        for _, what, invitation, coach in due:
            try:
                if what == "CompleteSoftwareTest":
                    parts = {part: "TEST_RESULT_PASSED" for part in ("camera", "sound", "microphone", "lesson", "whiteboard")}
                    self.server.call(what, coach=coach, **parts)
                else:
                    self.server.call(what, invitation_id=invitation, coach=coach)
            except grpc.RpcError as error:
                self.refused[error.code().name] += 1


def main():
    folder, home = os.path.abspath(sys.argv[1]), tempfile.mkdtemp(prefix="season-memory-")
    url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite://{home}/etutor.db"
    days = int(os.environ.get("DAYS", "11"))
    server = Server(folder, home, url)
    server.run("etutord", "migrate")
    server.start()
    set_clock = lambda at: server.call("SetClock", time={"seconds": int(at.timestamp())})
    set_clock(datetime(2013, 3, 1, tzinfo=ZONE))
    print(f"started            {server.rss():6.1f} MiB")
    server.env["ETUTOR_SERVER"] = f"http://127.0.0.1:{server.port}"
    server.run("etutorctl", "import", DATA)
    print(f"season imported    {server.rss():6.1f} MiB", flush=True)
    coaches = Coaches(server)
    now = datetime(2013, 9, 27, tzinfo=ZONE)
    end, exec_ms, ticks, began = now + timedelta(days=days), 0.0, 0, time.time()
    while now < end:
        coaches.act(now)
        set_clock(now)
        for name in MIDNIGHT if (now.hour, now.minute) == (0, 0) else []:
            server.call(name)
        if now.hour in (17, 22) and now.minute == 0:
            server.call("NotifySoftwareTests")
        sent = False
        for name in MINUTE:
            before = server.cpu_ms() if name == "SendInvitations" else 0
            report = server.call(name).report
            if name == "SendInvitations":
                exec_ms, ticks = exec_ms + server.cpu_ms() - before, ticks + 1
            sent = sent or (name == "SendSms" and report.messages > 0)
        if sent:
            coaches.read(now)
        step = timedelta(minutes=int(os.environ.get("STEP", "1"))) if 7 <= now.hour < 21 else timedelta(hours=1)
        if (now + step).date() != now.date():
            print(f"{now.date()}         {server.rss():6.1f} MiB   invite exec {exec_ms / ticks:5.1f} ms CPU a tick", flush=True)
            exec_ms, ticks = 0.0, 0
        now += step
    states, token = Counter(), ""
    while True:
        page = server.call("Staffing/ListClassTasks", page_size=1000, page_token=token)
        names = page.DESCRIPTOR.fields_by_name["class_tasks"].message_type.fields_by_name["state"].enum_type.values_by_number
        states.update(names[task.state].name.replace("CLASS_TASK_STATE_", "") for task in page.class_tasks)
        token = page.next_page_token
        if not token:
            break
    print(f"at the end         {server.rss():6.1f} MiB   tasks {dict(states)}; answers refused {dict(coaches.refused)}; {time.time() - began:.0f} s")
    if os.environ.get("SMAPS"):
        subprocess.run(f"cp /proc/{server.process.pid}/smaps {os.environ['SMAPS']}", shell=True)
    server.stop()
    server.start()
    server.call("SendInvitations")
    print(f"started anew       {server.rss():6.1f} MiB")
    server.stop()


main()
