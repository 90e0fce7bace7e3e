#!/usr/bin/env python3
"""upstream.py: a provider for the tests, which can misbehave.

The model of a request chooses what happens to it, so tests can share one
upstream.  The part after the model's last "/" is read as

    name[,option[=value]]*        for example  stream-break,after=3,clean

Values may be percent-encoded (a comma is %2C, a slash %2F).  A name that is
not in the table means ok, with what options of ok it carries.  A wrong
option of a name in the table is a mistake in the test: it is answered with
500 and reported on standard error.

Served are the POST endpoints in ENDPOINTS, GET /v1/models (?model=NAME
chooses a behaviour) and GET /v1/models/NAME.  For the tests there are

    GET /_log       every request so far as a JSON array (the newest 64 MB)
    DELETE /_log    forget them, in the file, too
    GET /_count     {"requests", "open", "max_open"}, without /_ paths
    DELETE /_count  count again from zero
    POST /_release  let the answers go that are held
"""

import argparse
import asyncio
import collections
import hashlib
import json
import os
import resource
import signal
import sys
import time
from urllib.parse import parse_qs, unquote

import upstream_answers as answers
import upstream_faults as faults
from upstream_answers import Call
from upstream_http import Reader, read_request

HEAD_BYTES_MAX = 1 << 20
LOG_BYTES_MAX = 64 << 20
COMMON = ("delay= held prompt= completion= cached= text= echo events= gap= "
          "frame= bytes= seconds=")

# name: (coroutine, options besides the common ones, what it does)
BEHAVIOURS = {
    "ok": (faults.ok, "", "the good answer, whole or streamed"),
    "echo": (faults.echo, "", "the content is the received body as JSON"),
    "big": (faults.big, "", "content of bytes= bytes (1000000)"),
    "no-model": (faults.no_model, "", "an answer without model"),
    "status": (faults.status, "code= body= error= retry=",
               "an error: code= (500), body= (openai), error= as its code, "
               "retry= as retry-after"),
    "redirect": (faults.redirect, "code=", "302 to /_redirected"),
    "accept-silent": (faults.accept_silent, "", "no byte of an answer"),
    "header-stall": (faults.header_stall, "",
                     "half a status line, then silence"),
    "slow-header": (faults.slow_header, "ms=",
                    "the head a byte each ms= (20), then the body"),
    "body-stall": (faults.body_stall, "after=",
                   "after= (20) bytes of the body, then silence"),
    "drip": (faults.drip, "ms=", "the body a byte each ms= (10)"),
    "reset": (faults.reset, "", "RST instead of an answer"),
    "reset-mid": (faults.reset_mid, "after=",
                  "RST after after= (20) bytes of the body"),
    "close-early": (faults.close_early, "after=",
                    "closed without an answer, or after= bytes of the body"),
    "wrong-length": (faults.wrong_length, "delta=",
                     "Content-Length off by delta= (10); then closed, or "
                     "left open when negative"),
    "chunk-garbage": (faults.chunk_garbage, "after=",
                      "after= (20) bytes of the body, then no chunk size"),
    "gzip-bomb": (faults.gzip_bomb, "",
                  "a good answer, gzip, content of bytes= (100000000)"),
    "endless-line": (faults.endless_line(
        answers.JSON, b'{"choices":[{"text":"'), "",
                     "a body without newline or end, up to bytes= "
                     "(200000000)"),
    "invalid-json": (faults.fixed(answers.JSON, b'{"choices":[{]'), "",
                     "200 with broken JSON"),
    "html": (faults.fixed("text/html", b"<html><h1>Hello</h1></html>"), "",
             "200 with HTML"),
    "empty-body": (faults.fixed(answers.JSON, b""), "", "200, no bytes"),
    "empty": (faults.empty, "", "200 with choices: []"),
    "nul": (faults.nul, "", "a NUL byte inside the JSON"),
    "usage-missing": (faults.bad_usage("missing"), "", "no usage"),
    "usage-null": (faults.bad_usage("null"), "", "usage: null"),
    "usage-negative": (faults.bad_usage("negative"), "",
                       "counts below zero"),
    "usage-string": (faults.bad_usage("string"), "", "counts as strings"),
    "usage-float": (faults.bad_usage("float"), "", "counts with a half"),
    "usage-huge": (faults.bad_usage("huge"), "value=",
                   "every count value= (2^63-1)"),
    "usage-dup": (faults.bad_usage("dup"), "",
                  "two usage members, the second with 1000 more of each"),
    "stream-break-before": (faults.stream_break_before, "clean",
                            "closed before the first event"),
    "stream-break": (faults.stream_break, "after= clean",
                     "closed after after= (2) events, before a finish"),
    "stream-reset": (faults.stream_reset, "after=",
                     "RST after after= (2) events"),
    "stream-stall": (faults.stream_stall, "after=",
                     "silence after after= (2) events"),
    "stream-error": (faults.stream_error, "after= error=",
                     "an error event after after= (2) events, then the end"),
    "stream-nodone": (faults.stream_nodone, "", "no [DONE]"),
    "stream-crlf": (faults.stream_replaced(b"\n", b"\r\n"), "",
                    "lines end in CRLF"),
    "stream-nospace": (faults.stream_replaced(b"data: ", b"data:"), "",
                       "no space after data:"),
    "stream-comments": (faults.stream_comments, "",
                        "comments between and inside the events"),
    "stream-bigevent": (faults.stream_bigevent, "",
                        "one content event of bytes= (1000000)"),
    "stream-onewrite": (faults.stream_onewrite, "", "all events in one write"),
    "stream-bytewise": (faults.stream_bytewise, "",
                        "each byte in its own write"),
    "stream-utf8split": (faults.stream_utf8split, "",
                         "writes end inside characters"),
    "stream-nousage": (faults.bad_usage("missing"), "",
                       "no usage, though asked for"),
    "stream-usage-negative": (faults.bad_usage("negative"), "",
                              "usage below zero"),
    "stream-idle": (faults.stream_idle, "ms=",
                    "a head, then silence for ms= (1000) before the events"),
    "stream-garbage": (faults.stream_garbage, "after=",
                       "broken events after after= (2) events, then the rest"),
    "stream-endless-line": (faults.endless_line(
        "text/event-stream", b'data: {"choices":[{"delta":{"content":"'), "",
        "an event that never ends, up to bytes= (200000000)"),
}

ENDPOINTS = (answers.CHAT, answers.COMPLETIONS, answers.EMBEDDINGS,
             answers.IMAGES, answers.SPEECH, answers.TRANSCRIPTIONS)


def at_least(number, kind):
    """A reader of numbers which refuses those below this one."""
    def read(text):
        value = kind(text)
        if not value >= number:
            raise ValueError
        return value
    return read


def one_of(*words):
    """A reader of these words."""
    return dict(zip(words, words)).__getitem__


def status_code(text):
    """A status code that is not a success."""
    return {str(code): code for code in range(300, 600)}[text]


count = at_least(0, int)

# option: (reader, what it means)
OPTIONS = {
    "delay": (at_least(0, float), "seconds before the answer (0)"),
    "held": (None, "no answer before the next POST /_release"),
    "prompt": (count, "prompt tokens to report (9)"),
    "completion": (lambda text: "max" if text == "max" else count(text),
                   "completion tokens to report over all choices, or max: "
                   "max_tokens times n (12, at most max_tokens; times n)"),
    "cached": (count, "cached prompt tokens to report (0)"),
    "text": (str, "the content"),
    "echo": (None, "the content is the received body as JSON"),
    "events": (count, "content events of each choice of a stream (12, at "
               "most max_tokens; one for each word of text)"),
    "gap": (at_least(0, float), "seconds between two events (0)"),
    "frame": (one_of("chunked", "close"), "how the body of a stream ends"),
    "bytes": (count, "size of speech (4096), or see the behaviour"),
    "seconds": (at_least(0, float), "length of what was transcribed (3)"),
    "after": (count, "see the behaviour; events count the role event"),
    "clean": (None, "end the body in order, so that only events are missing"),
    "code": (status_code, "status code, 300 to 599"),
    "body": (one_of("openai", "json", "html", "invalid", "none"),
             "the form of an error: openai json html invalid none"),
    "error": (str, "the code in an openai error"),
    "retry": (str, "the value of retry-after"),
    "ms": (at_least(0, float), "milliseconds"),
    "delta": (int, "bytes to add to the true Content-Length"),
    "value": (int, "a number"),
}


def read_options(texts, takes):
    """The options in texts by name, and a list of those not understood."""
    names = {word.rstrip("=") for word in takes.split()}
    options, wrong = {}, []
    for text in texts:
        name, given, value = text.partition("=")
        read = OPTIONS[name][0] if name in names else None
        try:
            if name not in names or bool(given) != bool(read):
                raise ValueError
            options[name] = read(unquote(value)) if read else True
        except (ValueError, KeyError):
            wrong.append(text)
    return options, wrong


def choose(model):
    """A model's behaviour: its name, options, and the options in error."""
    name, *texts = str(model).rpartition("/")[2].split(",")
    known = name in BEHAVIOURS
    name = name if known else "ok"
    options, wrong = read_options(texts, f"{COMMON} {BEHAVIOURS[name][1]}")
    return name, options, wrong if known else []


def aim(request):
    """Find the endpoint; False where there is none."""
    if request.method == "POST":
        return request.path in ENDPOINTS
    if request.method != "GET" or not request.path.startswith(answers.MODELS):
        return False
    model = parse_qs(request.query).get("model", [""])[0]
    if request.path.startswith(answers.MODEL):
        model = unquote(request.path[len(answers.MODEL):])
        request.path = answers.MODEL
    request.fields = {"model": model, "names": list(BEHAVIOURS)}
    return request.path in (answers.MODELS, answers.MODEL)


class Journal:
    """The requests so far: in memory, the newest, and in a file, all."""

    def __init__(self, path):
        self.lines = collections.deque()
        self.size = 0
        self.file = open(path, "ab", buffering=0) if path else None
        self.requests = self.open = self.max_open = 0

    def add(self, request, fault):
        """Write one request down, before it is answered."""
        entry = {
            "method": request.method, "path": request.target,
            "headers": request.headers, "body": request.body,
            "fault": fault, "size": len(request.data),
            "sha256": hashlib.sha256(request.data).hexdigest()}
        try:
            self.note(entry)
        except RecursionError:
            self.note({**entry, "body": "(nested too deeply to be shown)"})

    def note(self, entry):
        """Write an entry down with the time."""
        entry = {"t": time.monotonic(), "wall": time.time(), **entry}
        line = json.dumps(entry).encode()
        self.lines.append(line)
        self.size += len(line)
        while self.size > LOG_BYTES_MAX:
            self.size -= len(self.lines.popleft())
        if self.file:
            self.file.write(line + b"\n")

    def clear(self):
        """Forget all requests, in the file, too."""
        self.lines.clear()
        self.size = 0
        if self.file:
            self.file.truncate(0)

    def enter(self):
        """Count a request in; returns its number."""
        self.requests += 1
        self.open += 1
        self.max_open = max(self.max_open, self.open)
        return self.requests

    def leave(self):
        """Count a request out."""
        self.open -= 1

    def recount(self):
        """Count again from zero, but for what is in flight."""
        self.requests = 0
        self.max_open = self.open

    def counts(self):
        """The counters."""
        return {"requests": self.requests, "open": self.open,
                "max_open": self.max_open}


class Upstream:
    """The server: reads requests, keeps the journal, picks behaviours."""

    def __init__(self, journal):
        self.journal = journal
        self.released = asyncio.Event()

    def release(self):
        """Let the answers go that are held now."""
        self.released.set()
        self.released = asyncio.Event()

    async def connection(self, reader, writer):
        """Serve one connection until it ends, in whatever way."""
        try:
            while await self.one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception as error:
            print(f"upstream.py: {error!r}", file=sys.stderr, flush=True)
        finally:
            writer.close()

    async def one(self, reader, writer):
        """Serve one request; False when the connection is to be closed."""
        try:
            request = await read_request(reader, writer)
        except ValueError as error:
            self.journal.note({"method": "", "path": "", "headers": {},
                               "body": str(error), "fault": "malformed"})
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n"
                         b"connection: close\r\n\r\n")
            return False
        if request.path.startswith("/_"):
            return await self.control(request, reader, writer)
        number = self.journal.enter()
        try:
            return await self.answer(request, number, reader, writer)
        finally:
            self.journal.leave()

    async def control(self, request, reader, writer):
        """Answer a /_ path."""
        call = Call(request, 0, {}, reader, writer)
        journal = self.journal
        what = request.method + " " + request.path
        if what == "GET /_log":
            body = b"[" + b",\n".join(journal.lines) + b"]\n"
            await call.whole(answers.JSON, body)
            return call.keep
        if what == "DELETE /_log":
            journal.clear()
        elif what == "DELETE /_count":
            journal.recount()
        elif what == "POST /_release":
            self.release()
        elif what != "GET /_count":
            journal.add(request, None)
        await call.whole(answers.JSON, json.dumps(journal.counts()).encode())
        return call.keep

    async def answer(self, request, number, reader, writer):
        """Answer a request in the way its model asks for."""
        if not aim(request):
            self.journal.add(request, None)
            call = Call(request, number, {"code": 404}, reader, writer)
            await faults.status(call)
            return call.keep
        name, options, wrong = choose(request.fields.get("model") or "")
        call = Call(request, number, options, reader, writer)
        if wrong:
            print("upstream.py: not understood: " + ",".join([name, *wrong]),
                  file=sys.stderr, flush=True)
            name, call.options = "status", {"error": "upstream_test_mistake"}
        elif name.startswith("stream-") and not call.streaming:
            name = "ok"
        self.journal.add(request, "bad-option" if wrong else name)
        if "delay" in options:
            await call.pause(options["delay"])
        if "held" in options:
            await call.hold(self.released)
        await BEHAVIOURS[name][0](call)
        return call.keep


def print_list():
    """Print the behaviours and their options."""
    for name, (_, takes, doc) in BEHAVIOURS.items():
        print(f"{name:22}{doc}" + (f"  [{takes}]" if takes else ""))
    print(f"\nOptions (each behaviour takes {COMMON}):")
    for name, (read, doc) in OPTIONS.items():
        print(f"{name + ('=' if read else ''):22}{doc}")


def write_port_file(path, port):
    """Write the port in such a way that no reader sees half a file."""
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="ascii") as out:
        out.write(f"{port}\n")
    os.replace(temporary, path)


def raise_open_files():
    """Allow as many connections as the system does."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve(arguments):
    """Serve on the loopback until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    upstream = Upstream(Journal(arguments.log))

    def protocol():
        reader = Reader(limit=HEAD_BYTES_MAX, loop=loop)
        return asyncio.StreamReaderProtocol(reader, upstream.connection,
                                            loop=loop)

    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(protocol, "127.0.0.1", arguments.port,
                                      backlog=4096)
    port = server.sockets[0].getsockname()[1]
    if arguments.port_file:
        write_port_file(arguments.port_file, port)
    print(f"upstream.py: listening on http://127.0.0.1:{port}/v1",
          file=sys.stderr, flush=True)
    await stopped.wait()
    server.close()


def main():
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0,
                        help="port to listen on (default: any free one)")
    parser.add_argument("--port-file", metavar="FILE",
                        help="write the port here once it is listening")
    parser.add_argument("--log", metavar="FILE",
                        help="append each request here as a line of JSON")
    parser.add_argument("--list", action="store_true",
                        help="print the behaviours and their options")
    arguments = parser.parse_args()
    if arguments.list:
        print_list()
        return
    raise_open_files()
    try:
        asyncio.run(serve(arguments))
    except (OSError, OverflowError) as error:
        sys.exit(f"upstream.py: {error}")


if __name__ == "__main__":
    main()
