"""counts.py: what one request costs one worker, counted and not timed.

System calls and flushes are those that strace sees between the ends of two
requests; instructions and allocations are those that valgrind's callgrind sees
within serve().  Each is the median over many requests, so that the chores that
come by the clock do not count.  What a tool that is missing would count is "-".
"""

import glob
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile

import fcgi_client
from farebox_test import BUILD
from machine import children
from pool_fixture import PATIENCE
from subjects import PLANS, PROGRAMS, Upstream, has_plans

FIRST = 8      # requests that warm the worker up
REQUESTS = 24  # that are counted
PROMPT = "word " * 13107
USD = 1000
FLUSHES = ("fsync", "fdatasync", "sync_file_range", "msync")
ALLOCATIONS = ("malloc", "calloc", "realloc")
UNKNOWN = {"system calls": "-", "flushes": "-", "instructions": "-",
           "allocations": "-"}

CONFIG = """\
[farebox]
store = {folder}/store
requests_per_worker = 1000000
[provider bench]
base_url = http://127.0.0.1:{port}/v1
[model bench]
route = bench
price_input = 0.14
price_output = 0.28
[provider stream]
base_url = http://127.0.0.1:{port}/stream-20-5/v1
[model stream]
route = stream
price_input = 0.14
price_output = 0.28
"""


def chat(text="Hello", **more):
    """The body of a chat request, and where it goes."""
    return {"method": "POST", "uri": "/v1/chat/completions", "body": {
        "model": "bench", "messages": [{"role": "user", "content": text}],
        **more}}


CASES = {
    "a whole answer": chat(),
    "a prompt of 64 KB": chat(PROMPT),
    "a stream of 20 events": chat(model="stream", stream=True),
    "GET /v1/models": {"uri": "/v1/models"},
    "401: unknown key": {**chat(), "key": "sk-farebox-" + "x" * 43},
}


class Worker:
    """One worker on a socket of its own, within a tool or without."""

    def __init__(self, folder, tool):
        self.folder = folder
        self.path = os.path.join(folder, "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path)
            listener.listen(64)
            with open(os.path.join(folder, "log"), "ab") as log:
                self.process = subprocess.Popen(
                    [*tool, os.path.join(BUILD, "farebox.fcgi"), "--config",
                     os.path.join(folder, "farebox.conf")],
                    stdin=listener, stdout=log, stderr=log)

    def ask(self, key, case):
        """One request of that kind; it must be answered as it should."""
        body = case.get("body")
        shown = case.get("key", key)
        answer = fcgi_client.Request(
            self.path, case.get("method", "GET"), case["uri"],
            json.dumps(body).encode() if body else b"",
            {"Authorization": f"Bearer {shown}",
             **({"Content-Type": "application/json"} if body else {})},
        ).answer()
        wanted = 200 if shown == key else 401
        if answer.status != wanted:
            raise RuntimeError(f"wanted {wanted}, got {answer.status}: "
                               f"{answer.body[:200]!r}")

    def close(self):
        """Ends it; strace itself would not heed a signal."""
        for pid in children(self.process.pid) or [self.process.pid]:
            os.kill(pid, signal.SIGTERM)
        self.process.wait(PATIENCE)
        os.unlink(self.path)


def make_store(folder, port):
    """A configuration and a store; the secret of its key."""
    config = os.path.join(folder, "farebox.conf")
    with open(config, "w", encoding="utf-8") as out:
        out.write(CONFIG.format(folder=folder, port=port)
                  + (PLANS if has_plans() else ""))
    subprocess.run([os.path.join(BUILD, "farebox"), "--config", config,
                    "store", "init"], check=True, capture_output=True)
    keys = os.path.join(folder, "keys")
    subprocess.run([os.path.join(PROGRAMS, "fill"),
                    os.path.join(folder, "store"), "1", "1", "0", str(USD),
                    keys], check=True)
    with open(keys, encoding="ascii") as text:
        return text.readline().strip()


def drive(folder, tool, key, case):
    """All requests of one kind."""
    worker = Worker(folder, tool)
    try:
        for _ in range(FIRST + REQUESTS):
            worker.ask(key, case)
    finally:
        worker.close()


# System calls.

def split_requests(lines):
    """The names of the calls of each request, up to the end of each."""
    connection, calls = None, []
    for line in lines:
        found = re.match(r"(\w+)\(([^,)]*)", line)
        if not found:
            continue
        calls.append(found[1])
        if found[1] == "accept4":
            connection = line.rpartition("= ")[2].split()[0]
        elif found[1] == "close" and found[2] == connection:
            yield calls
            connection, calls = None, []


def system_calls(folder, key, case):
    """Calls and flushes of one request."""
    trace = os.path.join(folder, "trace")
    drive(folder, ["strace", "-qq", "-s", "0", "-o", trace], key, case)
    with open(trace, encoding="utf-8", errors="replace") as text:
        requests = list(split_requests(text))[FIRST:]
    return {
        "system calls": statistics.median_low(map(len, requests)),
        "flushes": statistics.median_low(
            sum(call in FLUSHES for call in calls) for calls in requests),
    }


# Instructions.

def read_profile(path):
    """Instructions and allocations of one dump of callgrind."""
    instructions = allocations = 0
    names, called = {}, ""
    with open(path, encoding="utf-8", errors="replace") as text:
        for line in text:
            if line.startswith("cfn="):
                number, _, name = line[4:].strip().partition(" ")
                called = names.setdefault(number, name or number)
            elif line.startswith("fn="):
                number, _, name = line[3:].strip().partition(" ")
                names.setdefault(number, name)
            elif line.startswith("calls=") and called in ALLOCATIONS:
                allocations += int(line[6:].split()[0])
            elif line.startswith(("totals:", "summary:")):
                instructions = int(line.split()[1])
    return instructions, allocations


def instructions(folder, key, case):
    """Instructions and allocations of one request."""
    dumps = os.path.join(folder, "callgrind")
    drive(folder, [
        "valgrind", "-q", "--tool=callgrind", "--toggle-collect=serve",
        "--dump-after=serve", f"--callgrind-out-file={dumps}"], key, case)
    found = [read_profile(path) for path in sorted(
        glob.glob(dumps + ".*"),
        key=lambda path: int(path.rpartition(".")[2]))][FIRST:]
    for path in glob.glob(dumps + "*"):
        os.unlink(path)
    return {
        "instructions": statistics.median_low(one[0] for one in found),
        "allocations": statistics.median_low(one[1] for one in found),
    }


def can_trace():
    """Whether strace is there and may be used."""
    return bool(shutil.which("strace")) and subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True,
        check=False).returncode == 0


def all_counts(say, cases=CASES):
    """Each kind of request by name, with what it costs."""
    found, upstream = {}, Upstream()
    traces, profiles = can_trace(), bool(shutil.which("valgrind"))
    try:
        for name, case in cases.items():
            say(f"counting: {name}")
            found[name] = dict(UNKNOWN)
            with tempfile.TemporaryDirectory(
                    prefix="farebox-counts-") as folder:
                key = make_store(folder, upstream.port)
                if traces:
                    found[name].update(system_calls(folder, key, case))
                if profiles:
                    found[name].update(instructions(folder, key, case))
    finally:
        upstream.close()
    return found
