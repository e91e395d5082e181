#!/usr/bin/env bash
# grpclib 0.4.9 (gRPC for Python's asyncio) and a server that is stopped in order while a call is in flight.
#
# The server sends GOAWAY with NO_ERROR and finishes what it has begun. Expected (RFC 9113 §6.8): streams up to the one that GOAWAY
# names may still end well; so the call gets its answer, as grpcio's own client does.
# Seen: grpclib closes the connection at once. The call ends with "Connection lost", the server carries it out, and its answer reaches
# nobody. So each restart of a server cuts off the calls of such a client: repeat them, with the same id if they write.
set -euo pipefail
grpcio=1.85.3 grpclib=0.4.9
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv venv
venv/bin/pip -q install "grpcio==$grpcio" "grpclib==$grpclib"
cat > try.py <<'PYTHON'
import asyncio, sys, time
from concurrent import futures
from importlib.metadata import version

import grpc
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.encoding.base import CodecBase

print("grpcio", version("grpcio"), "grpclib", version("grpclib"))
carried_out = []


def write(request, context):
    time.sleep(2)
    carried_out.append(request)
    return b"written"


class Handler(grpc.GenericRpcHandler):
    def service(self, call):
        return grpc.unary_unary_rpc_method_handler(write)


class Plain(CodecBase):
    __content_subtype__ = "proto"

    def encode(self, message, message_type):
        return message

    decode = encode


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


async def by_grpclib():
    server, port = serve()
    channel = Channel("127.0.0.1", port, codec=Plain())
    call = asyncio.create_task(UnaryUnaryMethod(channel, "/t.T/Write", bytes, bytes)(b"by grpclib"))
    await asyncio.sleep(1)
    server.stop(30)
    answer = (await asyncio.gather(call, return_exceptions=True))[0]
    await asyncio.sleep(3)
    channel.close()
    return answer


def by_grpcio():
    server, port = serve()
    call = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary("/t.T/Write", bytes, bytes).future(b"by grpcio")
    time.sleep(1)
    server.stop(30)
    return call.result()


first, second = by_grpcio(), asyncio.run(by_grpclib())
print("expected: b'written' for both")
print("seen: grpcio", first, "| grpclib", repr(second), "| carried out:", carried_out)
sys.exit(0 if first == b"written" and "Connection lost" in str(second) and len(carried_out) == 2 else 1)
PYTHON
venv/bin/python try.py
