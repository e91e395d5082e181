#!/usr/bin/env bash
# grpcio's server (Python) and an upload that its client cancels in the middle.
#
# Expected: the handler's iterator of requests raises when the client has cancelled, so that what came is known to be half.
# Seen: for some of the calls it ends in order (StopIteration), as after a whole upload. So a stream must say itself that it is
# whole, by a last message with counts; the same is true behind proxies, which end such a stream in order too.
# Needs python3 with venv. No code of this project runs.
set -euo pipefail
grpcio=1.85.3
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv venv
venv/bin/pip -q install "grpcio==$grpcio"
cat > try.py <<'PYTHON'
import collections, sys, threading, time
from concurrent import futures
import grpc

print("grpcio", grpc.__version__)
ends = []


def upload(requests, context):
    try:
        for _ in requests:
            pass
        ends.append("ended in order")
    except Exception:
        ends.append("broke off")
        raise
    return b""


class Handler(grpc.GenericRpcHandler):
    def service(self, call):
        return grpc.stream_unary_rpc_method_handler(upload)


server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((Handler(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
call = grpc.insecure_channel(f"127.0.0.1:{port}").stream_unary("/t.T/Upload", lambda b: b, lambda b: b)
over = threading.Event()


def half():
    yield b"half"
    # The client does not end its stream: only the cancel does.
    over.wait()


for _ in range(300):
    future = call.future(half())
    time.sleep(.01)
    future.cancel()
time.sleep(1)
seen = collections.Counter(ends)
print("300 cancelled uploads: expected only 'broke off', seen", dict(seen))
over.set()
server.stop(0)
sys.exit(0 if seen["ended in order"] > 0 and seen["broke off"] > 0 else 1)
PYTHON
venv/bin/python try.py
