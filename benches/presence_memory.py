#!/usr/bin/env python3
"""How much memory and CPU time etutord takes for open streams of heartbeats (KeepPresent), one person each.

    cargo build --release
    benches/presence_memory.py target/release [STREAMS [STREAMS A CONNECTION [database URL]]]

By default 5,000 streams, each on a connection of its own, on a new SQLite file; each sends a heartbeat every 30 s, for two minutes. Speaks
HTTP/2 by hand, because clients of that many connections would take more than the server.
"""
import asyncio, os, socket, struct, subprocess, sys, tempfile, time

FOLDER = os.path.abspath(sys.argv[1])
STREAMS = int(sys.argv[2]) if len(sys.argv) > 2 else 5_000
SHARE = int(sys.argv[3]) if len(sys.argv) > 3 else 1
HEARTBEAT_S, ROUNDS = 30, 4
DATA, HEADERS, SETTINGS, PING, END_HEADERS, ACK = 0, 1, 4, 6, 4, 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def message(body):
    return b"\0" + struct.pack(">I", len(body)) + body


CALL = b"".join(literal(*pair) for pair in [
    (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/etutor.v1.PresenceService/KeepPresent"),
    (b":authority", b"etutor"), (b"content-type", b"application/grpc"), (b"te", b"trailers")])


async def listen(reader, writer, ended):
    """Answers pings, and counts streams that the server ends."""
    try:
        while True:
            head = await reader.readexactly(9)
            kind, flags, payload = head[3], head[4], await reader.readexactly(int.from_bytes(head[:3], "big"))
            if kind in (SETTINGS, PING) and not flags & ACK:
                writer.write(frame(kind, ACK, 0, payload if kind == PING else b""))
            elif kind == HEADERS:
                ended.append(payload)
    except (asyncio.IncompleteReadError, ConnectionError):
        ended.append(b"closed")


async def connection(port, names, ended):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
    task = asyncio.create_task(listen(reader, writer, ended))
    for number, name in enumerate(names):
        writer.write(frame(HEADERS, END_HEADERS, 2 * number + 1, CALL))
        writer.write(frame(DATA, 0, 2 * number + 1, message(b"\x12" + bytes([len(name)]) + name.encode())))
    await writer.drain()
    return writer, len(names), task


def status(process):
    with open(f"/proc/{process.pid}/status") as lines:
        memory = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
    with open(f"/proc/{process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return memory, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def run(port, process):
    names, ended = [f"s{number:05}" for number in range(STREAMS)], []
    print(f"before: {status(process)[0]:.0f} MiB")
    connections = []
    for first in range(0, STREAMS, SHARE):
        connections.append(await connection(port, names[first:first + SHARE], ended))
        if first % 100 == 0:
            await asyncio.sleep(0.05)
    await asyncio.sleep(5)
    print(f"{STREAMS} streams, {SHARE} a connection: {status(process)[0]:.0f} MiB, {len(ended)} ended")
    for _ in range(ROUNDS):
        began, cpu = time.monotonic(), status(process)[1]
        for done, (writer, streams, _) in enumerate(connections, 1):
            for number in range(streams):
                writer.write(frame(DATA, 0, 2 * number + 1, message(b"")))
            if done % 100 == 0:
                await asyncio.sleep(max(0, began + HEARTBEAT_S * done / len(connections) - time.monotonic()))
        await asyncio.sleep(max(0, began + HEARTBEAT_S - time.monotonic()))
        memory, now = status(process)
        rate = STREAMS / (time.monotonic() - began)
        share = 100 * (now - cpu) / (time.monotonic() - began)
        print(f"{rate:.0f} heartbeats a second: {memory:.0f} MiB, {share:.1f} % of a core, {len(ended)} ended")


with tempfile.TemporaryDirectory() as home, socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    url = sys.argv[4] if len(sys.argv) > 4 else f"sqlite://{home}/etutor.db"
    env = {**os.environ, "ETUTOR__SERVER__LISTEN": f"127.0.0.1:{port}", "ETUTOR__DATABASE__URL": url,
           "ETUTOR__LOG__FILTER": "warn", "ETUTOR__TESTING": "false"}
    with open(f"{home}/students.csv", "w") as file:
        file.write("user_name,real_name,area_code,school_name,grade,phone\n")
        file.writelines(f"s{number:05},x,310101,x,7,+99910{number:06}\n" for number in range(STREAMS))
    subprocess.run([f"{FOLDER}/etutord", "migrate"], cwd=home, env=env, check=True)
    process = subprocess.Popen([f"{FOLDER}/etutord"], cwd=home, env=env)
    try:
        time.sleep(2)
        subprocess.run([f"{FOLDER}/etutorctl", "--server", f"http://127.0.0.1:{port}", "import", home],
                       cwd=home, env=env, check=True, stdout=subprocess.DEVNULL)
        asyncio.run(run(port, process))
    finally:
        process.terminate()
        process.wait()
