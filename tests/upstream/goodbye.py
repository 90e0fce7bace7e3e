#!/usr/bin/env python3
"""goodbye.py: speaks enough HTTP/2 to say goodbye when it should answer.

The body of a request is a number: so many requests are refused, each with a
GOAWAY that says that it was not taken (RFC 9113, 6.8), before one is answered;
the answer tells how many requests there were since the last answer. A second
number is the milliseconds that each refusal takes.
"""

import socketserver
import struct
import time

from odd import serve

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, GOAWAY = 0, 1, 4, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4
STATUS_200 = b"\x88"  # in HPACK's static table


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    refused = 0  # since the last answer

    def handle(self):
        """Answers or refuses what is asked, until the client leaves."""
        try:
            if self.rfile.read(len(PREFACE)) == PREFACE:
                self.send(SETTINGS)
                self.bodies = {}
                while self.frame():
                    pass
        except OSError:
            pass

    def send(self, kind, flags=0, stream=0, data=b""):
        """Sends a frame."""
        self.wfile.write(struct.pack("!I", len(data))[1:] + struct.pack(
            "!BBI", kind, flags, stream) + data)

    def frame(self):
        """Reads a frame, and does what it asks for; False at the end."""
        head = self.rfile.read(9)
        if len(head) < 9:
            return False
        size, = struct.unpack("!I", b"\0" + head[:3])
        kind, flags, stream = struct.unpack("!BBI", head[3:])
        data = self.rfile.read(size)
        if kind == SETTINGS and not flags & ACK:
            self.send(SETTINGS, ACK)
        if kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + data
            if flags & END_STREAM:
                self.take(stream, *map(int, self.bodies.pop(stream).split()))
        return True

    def take(self, stream, wanted, refusal_ms=0):
        """A request is whole."""
        if Handler.refused < wanted:
            Handler.refused += 1
            time.sleep(refusal_ms / 1000)
            self.send(GOAWAY, data=struct.pack("!II", max(stream - 2, 0), 0))
            return
        text = str(Handler.refused + 1).encode()
        Handler.refused = 0
        self.send(HEADERS, END_HEADERS, stream, STATUS_200)
        self.send(DATA, END_STREAM, stream, text)


if __name__ == "__main__":
    serve(Handler, __doc__, ["h2"])
