"""upstream_http.py: HTTP/1.1 for the test upstream: request in, bytes out.

It is written by hand because a library would refuse to send what the tests
need.  A request is read strictly; what is sent is up to the behaviour.
"""

import asyncio
import hashlib
import json
import re
import socket
import struct

SILENCE_SECONDS_MAX = 300

REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized",
           402: "Payment Required", 403: "Forbidden", 404: "Not Found",
           408: "Request Timeout", 409: "Conflict", 413: "Content Too Large",
           422: "Unprocessable Content", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable", 504: "Gateway Timeout"}


class Reader(asyncio.StreamReader):
    """A stream reader that tells when the peer is gone."""

    def __init__(self, **options):
        super().__init__(**options)
        self.gone = asyncio.Event()

    def feed_eof(self):
        super().feed_eof()
        self.gone.set()

    def set_exception(self, exc):
        super().set_exception(exc)
        self.gone.set()


def form_fields(kind, data):
    """The fields of a multipart body; of a file its size and digest."""
    boundary = re.search(r'boundary="?([^";]+)', kind)
    fields = {}
    for part in data.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="?([^";\r\n]+)', head)
        value = value.removesuffix(b"\r\n")
        fields[name[1].decode()] = (
            {"size": len(value), "sha256": hashlib.sha256(value).hexdigest()}
            if b"filename" in head else value.decode("utf-8", "replace"))
    return fields


class Request:
    """One request as it arrived.

    `body` is what the log shows: the parsed JSON, the form, or the text.
    `fields` is what the answer is made from: the JSON object, or the form.
    """

    def __init__(self, method, target, version, headers):
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition("?")
        self.version = version
        self.headers = headers
        wish = headers.get("connection", "").lower()
        self.keep = version == "HTTP/1.1" and "close" not in wish
        self.body = ""
        self.fields = {}

    def take(self, data):
        """Read the body."""
        self.data = data
        kind = self.headers.get("content-type", "")
        if "multipart/" in kind.lower():
            self.body = self.fields = form_fields(kind, data)
            return
        try:
            self.body = json.loads(data)
        except (ValueError, RecursionError):
            self.body = data.decode("utf-8", "replace")
        if isinstance(self.body, dict):
            self.fields = self.body


async def read_request(reader, writer):
    """The next request; ValueError when it is not HTTP."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise ValueError("the head is too large") from None
    first, *lines = head.decode("latin-1")[:-4].split("\r\n")
    method, target, version = first.split(" ")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise ValueError("a header line is malformed")
        name, value = name.lower(), value.strip()
        headers[name] = (f"{headers[name]}, {value}" if name in headers
                         else value)
    request = Request(method, target, version, headers)
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.take(await read_body(reader, headers))
    return request


async def read_body(reader, headers):
    """The bytes of the body; ValueError when its framing is wrong."""
    if "transfer-encoding" not in headers:
        return await reader.readexactly(int(headers.get("content-length", 0)))
    if "content-length" in headers:
        raise ValueError("the body has two lengths")
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        if await reader.readexactly(2) != b"\r\n":
            raise ValueError("a chunk is longer than its size")
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return b"".join(parts)


class Wire:
    """One request and the means to send bytes back.

    `keep` tells whether the connection can serve another request after the
    answer; who sends something that cannot be followed by another answer
    clears it.
    """

    def __init__(self, request, number, reader, writer):
        self.request = request
        self.number = number
        self.reader = reader
        self.writer = writer
        self.keep = request.keep

    async def write(self, data):
        """Send bytes; ConnectionError when the peer is gone."""
        self.writer.write(data)
        await self.writer.drain()

    async def pause(self, seconds):
        """Wait; ConnectionError as soon as the peer is gone."""
        try:
            await asyncio.wait_for(self.reader.gone.wait(), seconds)
        except asyncio.TimeoutError:
            return
        raise ConnectionResetError("the peer is gone")

    async def hold(self, released):
        """Wait for an event; ConnectionError as soon as the peer is gone."""
        gone = asyncio.ensure_future(self.reader.gone.wait())
        free = asyncio.ensure_future(released.wait())
        try:
            await asyncio.wait((gone, free), timeout=SILENCE_SECONDS_MAX,
                               return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            free.cancel()
        if not released.is_set():
            raise ConnectionResetError("the peer is gone")

    async def silence(self):
        """Say nothing more until the peer leaves or the time is over."""
        self.keep = False
        await self.pause(SILENCE_SECONDS_MAX)

    def head(self, status, fields):
        """A response head as bytes."""
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}",
                 f"x-request-id: req_upstream_{self.number}"]
        lines += [f"{name}: {value}" for name, value in fields]
        if not self.keep:
            lines.append("connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def whole(self, kind, data, status=200, fields=()):
        """Send a complete response."""
        fields = [("content-type", kind), ("content-length", len(data)),
                  *fields]
        await self.write(self.head(status, fields) + data)

    def reset(self):
        """End the connection with a RST."""
        self.keep = False
        linger = struct.pack("ii", 1, 0)
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()
