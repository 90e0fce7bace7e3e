#!/usr/bin/env python3
"""stream_stop_test.py: SIGTERM in mid-stream, from whoever sends it: the stream
ends in order or with an error event, and its bill is settled."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys

from fcgi_client import END_REQUEST, STDOUT, Request, get, variables
from pool_fixture import PATIENCE, PROGRAM, run_tests, wait

BODY = json.dumps({"model": "steady", "max_tokens": 20, "stream": True,
                   "messages": [{"role": "user", "content": "x"}]}).encode()
GRACE = "stop_grace_ms = 1000\nstream_head_ms = 200\nheartbeat_ms = 300"
MODELS = "".join(f"""
[model {name}]
route = test {behaviour}
price_input = 1
price_output = 1
""" for name, behaviour in (
    ("steady", "ok,gap=0.15"), ("endless", "ok,gap=0.1,events=9000"),
    ("stalled", "stream-stall"), ("never", "accept-silent")))


def body_for(model, stream=True):
    """A request for another model."""
    return json.dumps({**json.loads(BODY), "model": model,
                       "stream": stream}).encode()


def headers(house):
    """Those of a request that is paid for."""
    return {"Authorization": f"Bearer {house.key}",
            "Content-Type": "application/json"}


class Reading(Request):
    """A streamed answer, read as far as is wanted."""

    def __init__(self, house, body):
        super().__init__(house.socket, "POST", "/v1/chat/completions", body,
                         headers(house))
        self.out = b""
        self.ended = False

    def more(self):
        """Takes one record."""
        _, kind, _, size, padding, _ = struct.unpack("!BBHHBB", self.read(8))
        data = self.read(size)
        self.read(padding)
        if kind == STDOUT:
            self.out += data
        self.ended = kind == END_REQUEST

    def until(self, text):
        """Reads on until this has come."""
        while text not in self.out and not self.ended:
            self.more()
        assert text in self.out, self.out[-400:]
        return self

    def all(self):
        """Reads to the end; the text."""
        while not self.ended:
            self.more()
        self.close()
        return self.out.decode()


def last_record(house, code):
    """The newest usage record, which is to have this code."""
    def look():
        line = house.command("usage", "list", "demo", "--limit", "1",
                             "--json")
        found = json.loads(line) if line else {}
        return found if found.get("code") == code else None
    return wait(f"a record of {code}", look)


def held(house):
    """What is held, as text."""
    return json.loads(house.command("account", "show", "demo",
                                    "--json"))["held"]


def check_books(house):
    """Nothing is held, and all adds up."""
    wait("holds to end", lambda: float(held(house)) == 0)
    house.command("ledger", "check")


def last_error(text):
    """The code of the event that ends a stream."""
    last = text.rstrip("\n").split("\n\n")[-1]
    assert last.startswith("data: {"), last
    return json.loads(last[len("data: "):])["error"]["code"]


def spawn(house, settings=GRACE, options=()):
    """A worker as mod_fcgid starts it: a listening socket is its input. With
    --workers, a supervisor as lighttpd starts it."""
    house.write(settings, MODELS)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(house.socket)
    listener.listen(8)
    pool = house.start(command=[PROGRAM, "--config", house.config, *options],
                       stdin=listener)
    listener.close()
    return pool.ready()


def a_supervisor_waits_for_a_stream(house):
    house.write(GRACE, MODELS)
    pool = house.start().ready()
    reading = Reading(house, BODY).until(b"word1")
    pool.kill(signal.SIGTERM)
    assert reading.all().endswith("data: [DONE]\n\n")
    assert pool.end() == 0
    assert last_record(house, None)["http"] == 200
    check_books(house)


def a_short_stream_ends_within_the_grace(house):
    pool = spawn(house, GRACE.replace("1000", "60000"))
    reading = Reading(house, BODY).until(b"word1")
    pool.kill(signal.SIGTERM)
    assert reading.all().endswith("data: [DONE]\n\n")
    assert pool.end() == 0
    check_books(house)


def a_long_stream_is_ended_after_the_grace(house):
    pool = spawn(house)
    reading = Reading(house, body_for("endless")).until(b"word1")
    pool.kill(signal.SIGTERM)
    text = reading.all()
    assert last_error(text) == "gateway_busy", text[-300:]
    assert pool.end() == 0
    record = last_record(house, "gateway_busy")
    assert record["http"] == 503 and float(record["cost"]) > 0, record
    check_books(house)


def a_web_server_does_not_wait_for_a_stream(house):
    pool = spawn(house, options=("--workers", "2"))
    reading = Reading(house, body_for("endless")).until(b"word1")
    pool.kill(signal.SIGTERM)
    assert last_error(reading.all()) == "gateway_busy"
    assert pool.end() == 0
    assert float(last_record(house, "gateway_busy")["cost"]) > 0
    check_books(house)


def a_silent_stream_is_ended_after_the_grace(house):
    pool = spawn(house)
    reading = Reading(house, body_for("stalled")).until(b"word0")
    pool.kill(signal.SIGTERM)
    assert last_error(reading.all()) == "gateway_busy"
    assert pool.end() == 0
    check_books(house)


def a_whole_answer_is_refused_after_the_grace(house):
    pool = spawn(house)
    request = Request(house.socket, "POST", "/v1/chat/completions",
                      body_for("never", False), headers(house))
    wait("the hold", lambda: float(held(house)) > 0)
    pool.kill(signal.SIGTERM)
    answer = request.answer()
    assert (answer.status, answer.code()) == (503, "gateway_busy")
    assert pool.end() == 0
    assert float(last_record(house, "gateway_busy")["cost"]) == 0
    check_books(house)


def start_cgi(house, body):
    """A CGI program at work."""
    house.write(GRACE, MODELS)
    process = subprocess.Popen(
        [PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**house.environment,
             **variables("POST", "/v1/chat/completions", body,
                         headers(house)),
             "SCRIPT_FILENAME": PROGRAM, "FAREBOX_CONFIG": house.config})
    process.stdin.write(body)
    process.stdin.close()
    return process


def read_until(process, text):
    """What a program has written up to this."""
    out = b""
    while text not in out:
        part = os.read(process.stdout.fileno(), 65536)
        assert part, out[-300:]
        out += part
    return out


def cgi_streams(house):
    process = start_cgi(house, BODY)
    out = read_until(process, b"word0")
    assert b"\r\nX-Accel-Buffering: no\r\n" in out, out
    if not out.endswith(b"data: [DONE]\n\n"):
        read_until(process, b"data: [DONE]\n\n")
    assert process.wait(PATIENCE) == 0
    process.stdout.close()
    check_books(house)


def finish_soon(process):
    """It must end long before the provider does."""
    process.wait(PATIENCE)
    process.stdout.close()


def cgi_takes_a_signal_for_a_client_that_left(house):
    for model in ("endless", "stalled"):
        process = start_cgi(house, body_for(model))
        read_until(process, b"word0")
        process.terminate()
        finish_soon(process)
        record = last_record(house, "client_left")
        assert record["http"] == 499 and float(record["cost"]) > 0, record
        check_books(house)


def cgi_sees_that_nobody_reads(house):
    process = start_cgi(house, body_for("stalled"))
    read_until(process, b"word0")
    process.stdout.close()
    process.wait(PATIENCE)
    assert last_record(house, "client_left")["http"] == 499
    check_books(house)


def cgi_gives_a_whole_answer_up(house):
    process = start_cgi(house, body_for("never", False))
    wait("the hold", lambda: float(held(house)) > 0)
    process.terminate()
    finish_soon(process)
    check_books(house)


def a_hold_of_a_killed_program_comes_back(house):
    process = start_cgi(house, body_for("stalled"))
    read_until(process, b"word0")
    process.kill()
    process.wait()
    process.stdout.close()
    assert float(held(house)) > 0
    pool = house.start().ready()
    # Whoever serves requests looks after the dead.
    wait("the hold to end", lambda: get(pool.path).status == 200
         and float(held(house)) == 0)
    check_books(house)


sys.exit(run_tests([
    a_supervisor_waits_for_a_stream,
    a_short_stream_ends_within_the_grace,
    a_long_stream_is_ended_after_the_grace,
    a_web_server_does_not_wait_for_a_stream,
    a_silent_stream_is_ended_after_the_grace,
    a_whole_answer_is_refused_after_the_grace,
    cgi_streams,
    cgi_takes_a_signal_for_a_client_that_left,
    cgi_sees_that_nobody_reads,
    cgi_gives_a_whole_answer_up,
    a_hold_of_a_killed_program_comes_back,
]))
