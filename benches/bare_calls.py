"""Unary gRPC calls over one bare HTTP/2 connection, for loads.

grpcio takes as long for a call as the server does, on the same processors. Here the requests are
encoded before the first is sent, and of an answer only the heads of its frames are read.
"""

import socket, struct, time
from itertools import islice


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def frames(wire):
    """The whole frames of each read from a connection: (kind, flags, stream, payload)."""
    waiting = b""
    while got := wire.recv(1 << 16):
        waiting, at, whole = waiting + got, 0, []
        while len(waiting) - at >= 9:
            size, kind, flags, stream = struct.unpack_from(">IBBI", b"\0" + waiting[at : at + 9])
            if len(waiting) - at < 9 + size:
                break
            whole.append((kind, flags, stream, waiting[at + 9 : at + 9 + size]))
            at += 9 + size
        waiting = waiting[at:]
        yield whole
    raise ConnectionError("the server closed the connection")


def many_calls(port, path, requests, in_flight):
    """Seconds that these encoded requests took, so many at a time, and which brought a message."""
    text = lambda value: bytes([len(value)]) + value.encode()
    # POST, http, :path, :authority, content-type and te; none goes into the dynamic table.
    head = b"\x83\x86\x04" + text(path) + b"\x01" + text(f"127.0.0.1:{port}")
    head += b"\x0f\x10" + text("application/grpc") + b"\x00" + text("te") + text("trailers")
    calls = [
        frame(1, 4, 2 * n + 1, head) + frame(0, 1, 2 * n + 1, struct.pack(">BI", 0, len(one)) + one)
        for n, one in enumerate(requests)
    ]
    ended, answered, began, left = 0, set(), 0.0, iter(calls)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        window = frame(8, 0, 0, struct.pack(">I", 1 << 30))
        wire.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + window)
        for read in frames(wire):
            out = []
            for kind, flags, stream, payload in read:
                if kind == 4 and not flags & 1:
                    # Its settings: the server is there.
                    out += [frame(4, 1, 0), *islice(left, in_flight)]
                    began = time.perf_counter()
                elif kind == 6 and not flags & 1:
                    out.append(frame(6, 1, 0, payload))
                elif kind == 7:
                    raise ConnectionError(f"the server goes away: {payload[8:]}")
                elif kind in (0, 1, 3):
                    if kind == 0:
                        answered.add(stream // 2)
                    if kind == 3 or flags & 1:
                        ended += 1
                        out += islice(left, 1)
            if ended == len(calls):
                return time.perf_counter() - began, answered
            wire.sendall(b"".join(out))
