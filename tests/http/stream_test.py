#!/usr/bin/env python3
"""stream_test.py: streams through real servers: what the client sees, and what
is in the ledger, whatever the provider does."""

import functools
import os
import signal
import socket
import time

from farebox_test import (
    STOP_SECONDS, Gateway, dollars, equal, nano, run, true, wait)
from stream_client import Stream, check_error, content, cost

IN, OUT = 140, 280
GOOD = 9 * IN + 12 * OUT
WORDS = " ".join(f"word{i}" for i in range(12))
UTF8_TEXT = "žluťoučký kůň 漢字 😀 konec"
BIG = "x" * 900_000
SPACE = 0.15
TRIES = 8

ESTIMATED = ["estimated", "streamed"]
PLAIN = ["streamed"]


def text(words):
    """That the text was this, and its tokens and the input are estimated."""
    return ("text", words)


# What the provider does; what the client sees: a status, or a stream that is
# complete or broken; the code of the error; what it costs in nano-USD; flags
# of the usage record.
FAULTS = [
    ("ok", "complete", "", GOOD, PLAIN),
    ("ok,frame=close", "complete", "", GOOD, PLAIN),
    ("no-model", "complete", "", GOOD, PLAIN),
    ("stream-nodone", "complete", "", GOOD, PLAIN),
    ("stream-crlf", "complete", "", GOOD, PLAIN),
    ("stream-nospace", "complete", "", GOOD, PLAIN),
    ("stream-comments", "complete", "", GOOD, PLAIN),
    ("stream-onewrite", "complete", "", GOOD, PLAIN),
    ("stream-bytewise", "complete", "", GOOD, PLAIN),
    ("stream-utf8split", "complete", "", GOOD, PLAIN),
    ("stream-bigevent,bytes=900000", "complete", "", GOOD, PLAIN),
    ("stream-idle,ms=100", "complete", "", GOOD, PLAIN),
    ("wrong-length,delta=10", "complete", "", GOOD, PLAIN),
    ("wrong-length,delta=-10", "complete", "", GOOD, PLAIN),
    # Usage that cannot be right: an estimate, or no more than was held.
    ("stream-nousage", "complete", "", text(WORDS), ESTIMATED),
    ("usage-null", "complete", "", text(WORDS), ESTIMATED),
    ("stream-usage-negative", "complete", "", text(WORDS), ESTIMATED),
    ("usage-string", "complete", "", text(WORDS), ESTIMATED),
    ("usage-float", "complete", "", text(WORDS), ESTIMATED),
    ("usage-huge", "complete", "", text(WORDS), ESTIMATED),
    ("usage-huge,value=100000", "complete", "", "hold",
     ["capped", "streamed"]),
    ("usage-dup", "complete", "", 1009 * IN + 1012 * OUT, PLAIN),
    ("ok,completion=0", "complete", "", text(WORDS), ESTIMATED),
    ("ok,events=0", "complete", "", 0, PLAIN),
    # After the first event: an error event, and a bill for what there was.
    ("stream-break", "broken", "upstream_error", text("word0"), ESTIMATED),
    ("stream-break,clean", "broken", "upstream_error", text("word0"),
     ESTIMATED),
    ("stream-break,after=1", "broken", "upstream_error", 0, ESTIMATED),
    ("stream-break,after=4,clean", "broken", "upstream_error",
     text("word0 word1 word2"), ESTIMATED),
    ("stream-reset", "broken", "upstream_error", text("word0"), ESTIMATED),
    ("stream-stall", "broken", "upstream_body_timeout", text("word0"),
     ESTIMATED),
    ("ok,gap=0.25", "broken", "upstream_request_timeout", None, ESTIMATED),
    ("stream-error", "broken", "upstream_error", text("word0"), ESTIMATED),
    ("stream-error,error=insufficient_quota", "broken",
     "upstream_unavailable", text("word0"), ESTIMATED),
    ("stream-garbage", "broken", "upstream_error", text("word0"), ESTIMATED),
    ("nul", "broken", "upstream_error", 0, ESTIMATED),
    # Before it: a status.
    ("stream-break-before", 502, "upstream_error", 0, ESTIMATED),
    ("stream-break-before,clean", 502, "upstream_error", 0, ESTIMATED),
    ("stream-break,after=0", 502, "upstream_error", 0, ESTIMATED),
    ("stream-reset,after=0", 502, "upstream_error", 0, ESTIMATED),
    ("stream-stall,after=0", 504, "upstream_body_timeout", 0, ESTIMATED),
    ("stream-error,after=0", 502, "upstream_error", 0, ESTIMATED),
    ("stream-error,after=0,error=rate_limit_exceeded", 503,
     "upstream_unavailable", 0, ESTIMATED),
    ("stream-garbage,after=0", 502, "upstream_error", 0, ESTIMATED),
    ("stream-endless-line", 502, "upstream_error", 0, ESTIMATED),
    ("empty", 502, "upstream_error", 0, PLAIN),
    ("unreachable", 502, "upstream_unreachable", 0, ESTIMATED),
    ("accept-silent", 504, "upstream_headers_timeout", 0, ESTIMATED),
    ("header-stall", 504, "upstream_headers_timeout", 0, ESTIMATED),
    ("body-stall", 504, "upstream_body_timeout", 0, ESTIMATED),
    # Its head has been sent before the error comes.
    ("drip,ms=20", "broken", "upstream_request_timeout", 0, ESTIMATED),
    ("reset", 502, "upstream_error", 0, ESTIMATED),
    ("reset-mid", 502, "upstream_error", 0, ESTIMATED),
    ("close-early", 502, "upstream_error", 0, ESTIMATED),
    ("close-early,after=30", 502, "upstream_error", 0, ESTIMATED),
    ("chunk-garbage", 502, "upstream_error", 0, ESTIMATED),
    ("gzip-bomb,bytes=20000000", 502, "upstream_error", 0, ESTIMATED),
    ("endless-line", 502, "upstream_error", 0, ESTIMATED),
    ("redirect", 502, "upstream_error", 0, ESTIMATED),
    ("invalid-json", 502, "upstream_error", 0, ESTIMATED),
    ("html", 502, "upstream_error", 0, ESTIMATED),
    ("empty-body", 502, "upstream_error", 0, ESTIMATED),
    *((f"status,code={code},body={form}", 502, "upstream_error", 0, ESTIMATED)
      for code in (500, 502, 503, 504) for form in ("openai", "html", "none")),
    ("status,code=400", 400, "context_length_exceeded", 0, ESTIMATED),
    ("status,code=400,body=none", 400, "invalid_request", 0, ESTIMATED),
    ("status,code=413", 413, "invalid_request", 0, ESTIMATED),
    ("status,code=422,body=html", 422, "invalid_request", 0, ESTIMATED),
    *((f"status,code={code}", 503, "upstream_unavailable", 0, ESTIMATED)
      for code in (401, 402, 403, 404, 429)),
]

RECORDED = {"upstream_error": 502, "upstream_body_timeout": 504,
            "upstream_request_timeout": 504, "upstream_unavailable": 503}

TEXTS = {"stream-utf8split": UTF8_TEXT, "ok,events=0": "",
         "stream-bigevent,bytes=900000": BIG}

# The providers that are given up soon; all others have the time that a busy
# machine needs. Before a stall the events must have been read, so it is longer.
PROVIDERS = {"deaf": {"first_byte_timeout_ms": 500},
             "dull": {"stall_timeout_ms": 500},
             "dozing": {"stall_timeout_ms": 2000},
             "slow": {"total_timeout_ms": 2000}}
IMPATIENT = {
    "accept-silent": "deaf", "header-stall": "deaf", "body-stall": "dull",
    "stream-stall": "dozing", "stream-stall,after=0": "dull",
    "ok,gap=0.25": "slow", "drip,ms=20": "slow",
}

# How long a stream waits for its first event: for ever where an error is to
# have a status of its own, and shortly where the head is to be there first.
HEAD_MS, SHORT_HEAD_MS = 3600000, 1
HEAD_FIRST = ("drip,ms=20",)

MODELS = {
    "steady": f"ok,gap={SPACE}",
    "endless": "ok,gap=0.1,events=9000",
    "silent": "stream-stall",
    "never": "accept-silent",
    "late": "stream-idle,ms=2000",
    "later": "stream-idle,ms=3600000",
    "flood": "ok,events=20000",
}


def model_id(fault):
    """The public ID of the model that does this."""
    return "".join(c if c.isalnum() else "-" for c in fault)


def request_body(model, usage=False):
    """A streamed request, whose length is part of the estimate."""
    more = b',"stream_options":{"include_usage":true}' if usage else b""
    return (b'{"model":"%b","messages":[{"role":"user","content":"x"}],'
            b'"stream":true%b}' % (model.encode(), more))


def estimate(body, words):
    """What this much text costs when nobody counts tokens."""
    out = len(words.encode())
    return ((len(body) // 3 + (64 + 16) // 4) * IN
            + (out // 3 or bool(out)) * OUT)


def wanted_cost(row_cost, usage, body, chunks):
    """What a row of the table means in nano-USD."""
    if row_cost == "hold":
        return nano(usage["hold"])
    if row_cost is None:
        return estimate(body, content(chunks))
    if isinstance(row_cost, tuple):
        return estimate(body, row_cost[1])
    return row_cost


def check_head(stream):
    """The head of every stream."""
    equal(stream.status, 200, "the status")
    for name, value in (("content-type", "text/event-stream; charset=utf-8"),
                        ("cache-control", "no-cache, no-store"),
                        ("access-control-allow-origin", "*")):
        equal(stream.headers.get(name), value, name)


def check_chunks(chunks, model, name):
    """Each chunk has the public ID and no usage; returns their text."""
    for chunk in chunks:
        equal(chunk["model"] == model and "usage" not in chunk
              and len(chunk["choices"]) > 0, True, f"a chunk: {chunk}")
    return content(chunks)


def read_stream(stream, row):
    """Reads a stream to its end; its chunks, and what it says it costs."""
    name, view, code = row[:3]
    check_head(stream)
    events = stream.all()
    told = [e for e in events if not e.is_comment]
    last = told.pop()
    chunks = [e.json() for e in told]
    said = check_chunks(chunks, model_id(name), name)
    if view == "complete":
        true(last.is_done, f"the last event: {last.data[:300]}")
        equal(said, TEXTS.get(name, WORDS), "the text")
        equal(chunks[-1]["choices"][0]["finish_reason"], "stop", "the finish")
        true(cost(events) is not None, "no cost is told")
    else:
        equal(check_error(last.json())["code"], code, "the code")
        true("sk-upstream" not in last.data, "the provider's key")
    return chunks, nano(cost(events) or 0)


def fault(gateway, row):
    """One row of the table: what the client sees and what the books say."""
    name, view, code, row_cost, flags = row
    gateway.wait_for_head(SHORT_HEAD_MS if name in HEAD_FIRST else HEAD_MS)
    before = gateway.books("streams")
    body = request_body(model_id(name))
    stream = Stream(gateway.port, gateway.key, body)
    chunks, told = [], 0
    if isinstance(view, int):
        equal(stream.status, view, "the status")
        equal(stream.error()["code"], code, "the code")
    else:
        chunks, told = read_stream(stream, row)
    usage = gateway.last_usage("streams")
    wanted = wanted_cost(row_cost, usage, body, chunks)
    equal(usage["request_id"], stream.headers["x-request-id"], "its record")
    http = view if isinstance(view, int) else RECORDED.get(code, 200)
    equal((usage["http"], usage["code"]), (http, code or None), "the record")
    equal(nano(usage["cost"]), wanted, "the cost in the record")
    equal(told, wanted, "the cost that the client is told")
    equal(sorted(usage["flags"]), flags, "the record's flags")
    after = gateway.books("streams")
    equal(before["balance"] - after["balance"], wanted, "what was paid")
    equal(after["held"], 0, "what is still held")


def usage_chunk(gateway):
    """With include_usage the client sees OpenAI's shape, and the cost."""
    stream = Stream(gateway.port, gateway.key, request_body("ok", True))
    events = stream.all()
    told = [e for e in events if not e.is_comment]
    true(told.pop().is_done, "the last event")
    last = told.pop().json()
    equal((last["choices"], last["model"]), ([], "ok"), "the usage chunk")
    usage = last["usage"]
    equal((usage["prompt_tokens"], usage["completion_tokens"],
           usage["total_tokens"]), (9, 12, 21), "the usage")
    equal(nano(usage["cost"]), GOOD, "its cost")
    for event in told:
        equal(event.json()["usage"], None, "the usage of a chunk")
    equal(cost(events), dollars(GOOD), "the cost in a comment")


def events_are_spaced(gateway):
    """They arrive as they are made, not in a heap."""
    # What is late on a busy machine comes together with the next.
    for _ in range(TRIES):
        stream = Stream(gateway.port, gateway.key, request_body("steady"))
        times = [e.at for e in stream.all() if not e.is_comment][:10]
        gaps = [b - a for a, b in zip(times, times[1:])]
        if min(gaps) > SPACE / 3:
            return
    raise AssertionError(f"the gaps: {gaps}")


def many_events(gateway):
    """All of a long stream arrives, in order."""
    stream = Stream(gateway.port, gateway.key, request_body("flood"))
    words = content(e.json() for e in stream.all()
                    if not e.is_comment and not e.is_done).split()
    equal(words, [f"word{i}" for i in range(20000)], "the words")


def record_of(gateway, stream):
    """The usage record of a stream, once there is one."""
    identity = stream.headers["x-request-id"]
    return wait("the usage record", lambda: next(
        (u for u in gateway.listed("usage", "list", "streams", "--limit", "3")
         if u["request_id"] == identity), None))


def leave(gateway, model, events):
    """Leaves after some events; what was charged, for which tokens, and how
    long it was until the call was dropped."""
    body = request_body(model)
    began = time.monotonic()
    stream = Stream(gateway.port, gateway.key, body)
    seen = []
    while len(seen) < events:
        seen += [e for e in [stream.next()] if not e.is_comment]
    equal(gateway.upstream.waiting(), 1, "calls under way")
    stream.close()
    wait("the call to be dropped", lambda: gateway.upstream.waiting() == 0)
    took = time.monotonic() - began
    usage = record_of(gateway, stream)
    equal((usage["http"], usage["code"]), (499, "client_left"), "the record")
    equal(sorted(usage["flags"]), ["client_left", "estimated", "streamed"],
          "the flags")
    equal(gateway.books("streams")["held"], 0, "what is held")
    delivered = content(e.json() for e in seen)
    return nano(usage["cost"]), estimate(body, delivered), took


def leaves_while_events_flow(gateway):
    """The call is dropped soon, and what there was is paid."""
    paid, delivered, took = leave(gateway, "endless", 4)
    # Three tokens an event, ten events a second: what the provider can have
    # sent in that time, and a second more.
    true(delivered <= paid < delivered + 30 * (took + 1) * OUT,
         f"paid {paid} for {delivered}, in {took:.1f} s")


def leaves_while_all_is_silent(gateway):
    """The heartbeat tells; a web server may take the first one."""
    paid, delivered, _ = leave(gateway, "silent", 2)
    equal(paid, delivered, "what was paid")


def leaves_before_the_first_event(gateway):
    """Nothing was produced, so nothing is paid."""
    gateway.wait_for_head(SHORT_HEAD_MS)
    body = request_body("never")
    before = gateway.books("streams")
    with socket.create_connection(("127.0.0.1", gateway.port)) as line:
        line.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost"
                     b"\r\nAuthorization: Bearer %b\r\nContent-Type: "
                     b"application/json\r\nContent-Length: %d\r\n\r\n%b"
                     % (gateway.key.encode(), len(body), body))
        wait("the call", lambda: gateway.upstream.waiting() == 1)
    wait("the call to be dropped", lambda: gateway.upstream.waiting() == 0)
    wait("the hold to end", lambda: gateway.books("streams")["held"] == 0)
    equal(gateway.books("streams"), before, "the books")


def head_after_a_silence(gateway):
    """The head and a comment come first when the provider takes long."""
    gateway.wait_for_head(SHORT_HEAD_MS)
    stream = Stream(gateway.port, gateway.key, request_body("later"))
    check_head(stream)
    true(stream.next().is_comment, "an event of a provider that is silent")
    stream.close()
    wait("the call to be dropped", lambda: gateway.upstream.waiting() == 0)
    stream = Stream(gateway.port, gateway.key, request_body("late"))
    events = stream.all()
    true(events[0].is_comment, f"first: {events[0].text}")
    true(not events[-1].is_comment and events[-1].is_done, "the end")


def stop_in_mid_stream(gateway):
    """A supervisor that is asked to stop lets the stream end well."""
    if gateway.front == "lighttpd-spawn":
        return
    stream = Stream(gateway.port, gateway.key, request_body("steady"))
    stream.next()
    os.kill(gateway.pool.pid, signal.SIGTERM)
    events = stream.all()
    true(events[-1].is_done, f"the last event: {events[-1].text[:200]}")
    gateway.pool.wait(STOP_SECONDS)
    gateway.processes.remove(gateway.pool)
    gateway.start_pool()
    wait("the new pool", lambda: gateway.get("/healthz").status == 200)
    equal(nano(record_of(gateway, stream)["cost"]), GOOD, "the cost")


def reload_in_mid_stream(gateway):
    """A changed configuration does not disturb a stream."""
    stream = Stream(gateway.port, gateway.key, request_body("steady"))
    stream.next()
    with open(gateway.config, "a", encoding="utf-8") as out:
        out.write("# changed\n")
    true(stream.all()[-1].is_done, "the last event")


class Streams(Gateway):
    """A gateway whose patience can be changed."""

    def write_config(self, models):
        self.models = models
        super().write_config(models)

    def wait_for_head(self, ms):
        """Changes how long the first event is waited for; the next request
        sees it."""
        if self.settings["stream_head_ms"] != ms:
            self.settings["stream_head_ms"] = ms
            self.write_config(self.models)


def make(front):
    """A gateway with short patience for some."""
    models = {model_id(f[0]): {"route": (
        f"{IMPATIENT.get(f[0], 'test')} {f[0]}")} for f in FAULTS}
    models.update({name: {"route": f"test {behaviour}"}
                   for name, behaviour in MODELS.items()})
    models["unreachable"]["route"] = "gone"
    gateway = Streams(front, models, providers=PROVIDERS,
                      settings={"answer_bytes_max": 1000000,
                                "stream_head_ms": HEAD_MS,
                                "heartbeat_ms": 300},
                      provider={"first_byte_timeout_ms": 3600000})
    gateway.key = gateway.open_account("streams")
    return gateway


run(make, [
    *((f"{row[0]}: {row[1]} {row[2]}".strip(),
       functools.partial(fault, row=row)) for row in FAULTS),
    ("usage for who asked for it", usage_chunk),
    ("events arrive as they are made", events_are_spaced),
    ("a long stream", many_events),
    ("a client leaves while events flow", leaves_while_events_flow),
    ("a client leaves while all is silent", leaves_while_all_is_silent),
    ("a client leaves before the first event", leaves_before_the_first_event),
    ("the head after a silence", head_after_a_silence),
    ("a stop in mid-stream", stop_in_mid_stream),
    ("a reload in mid-stream", reload_in_mid_stream),
    ("the books are right", Gateway.check_books),
])
