#!/usr/bin/env bash
# haproxy 2.6 and an upload that its gRPC server refuses before all of it has come.
#
# A gRPC server may answer a client stream at any time; it then closes the stream with RST_STREAM NO_ERROR (RFC 9113 §8.1),
# and the client gets the status that was sent. Expected through a proxy: the same status.
# Seen: the status directly, CANCELLED through haproxy. What helps: the server reads on and drops the rest for a while.
# Needs Debian 12 (apt-get download), python3 with venv. No code of this project runs.
set -euo pipefail
haproxy=2.6.12-1+deb12u4 grpcio=1.85.3
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
apt-get download -qq "haproxy=$haproxy" liblua5.3-0 libopentracing-c-wrapper0 2>/dev/null || apt-get download -qq "haproxy=$haproxy" liblua5.3-0
for package in *.deb; do dpkg -x "$package" .; done
python3 -m venv venv
venv/bin/pip -q install "grpcio==$grpcio"
lib=$(dirname "$(find "$PWD/usr/lib" -name 'liblua5.3.so.0' | head -1)")
export LD_LIBRARY_PATH=$lib PATH=$PWD/usr/sbin:$PATH
haproxy -v | head -1
cat > try.py <<'PYTHON'
import collections, socket, subprocess, sys, time
from concurrent import futures
import grpc

print("grpcio", grpc.__version__)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def refuse(requests, context):
    next(requests)
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")


class Handler(grpc.GenericRpcHandler):
    def service(self, call):
        return grpc.stream_unary_rpc_method_handler(refuse)


server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((Handler(),))
back, front = server.add_insecure_port("127.0.0.1:0"), free_port()
server.start()
open("haproxy.cfg", "w").write(f"""
defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
listen l
  bind 127.0.0.1:{front} proto h2
  server s 127.0.0.1:{back} proto h2
""")
proxy = subprocess.Popen(["haproxy", "-db", "-f", "haproxy.cfg"])
time.sleep(1)
seen = {}
for name, port in [("directly", back), ("through haproxy", front)]:
    call = grpc.insecure_channel(f"127.0.0.1:{port}").stream_unary("/t.T/Upload", lambda b: b, lambda b: b)
    codes = []
    for _ in range(20):
        try:
            call((b"x" * 60000 for _ in range(300)), timeout=10)
            codes.append("OK")
        except grpc.RpcError as error:
            codes.append(error.code().name)
    seen[name] = collections.Counter(codes)
    print(f"{name}: expected 20 INVALID_ARGUMENT, seen", dict(seen[name]))
proxy.terminate()
proxy.wait()
server.stop(0)
sys.exit(0 if seen["directly"]["INVALID_ARGUMENT"] == 20 and seen["through haproxy"]["CANCELLED"] > 0 else 1)
PYTHON
venv/bin/python try.py
