#!/usr/bin/env python3
"""routes_test.py: whatever the first provider does, the second makes good."""

import functools
import json
import sys

from farebox_test import Gateway, equal, nano, run, true

GOOD = 9 * 140 + 12 * 280
# Only where time must run out: whatever else happens may take its time.
HASTE = {"headers_timeout": "first_byte_timeout_ms=700",
         "body_timeout": "stall_timeout_ms=700",
         "total_timeout": "total_timeout_ms=1500"}

# What the first provider does, and what the usage record says of it.
WHOLE = [
    ("accept-silent", "headers_timeout"),
    ("header-stall", "headers_timeout"),
    ("body-stall", "body_timeout"),
    ("drip,ms=50", "total_timeout"),
    ("reset", "broken"),
    ("reset-mid", "broken"),
    ("close-early", "broken"),
    ("close-early,after=30", "broken"),
    ("wrong-length,delta=10", "broken"),
    ("chunk-garbage", "broken"),
    ("gzip-bomb,bytes=5000000", "too_large"),
    ("endless-line", "too_large"),
    ("redirect", "302"),
    ("invalid-json", "unusable"),
    ("html", "unusable"),
    ("empty-body", "unusable"),
    ("empty", "unusable"),
    ("nul", "unusable"),
    *((f"status,code={code}", str(code)) for code in
      (401, 402, 403, 404, 408, 409, 425, 500, 502, 503)),
    ("status,code=400,error=insufficient_quota", "400"),
]
STREAMED = [
    ("accept-silent", "headers_timeout"),
    ("stream-break-before", "broken"),
    ("stream-break-before,clean", "unusable"),
    ("stream-error,after=0", "unusable"),
    ("stream-stall,after=0", "body_timeout"),
    ("reset", "broken"),
    ("html", "unusable"),
    ("empty", "unusable"),
    ("status,code=500", "500"),
    ("status,code=401", "401"),
]


def name_of(fault, kind):
    """The public ID of the model whose first route does that."""
    return f"{kind}-{fault.replace('=', '-').replace(',', '-')}"


def two(fault, outcome):
    """The routes to a provider that does that, and to one that is good."""
    return {"route": [f"test {fault} {HASTE.get(outcome, '')}", "second ok"]}


MODELS = {
    **{name_of(fault, "whole"): two(fault, how) for fault, how in WHOLE},
    **{name_of(fault, "stream"): two(fault, how) for fault, how in STREAMED},
    "gone": {"route": ["gone ok", "second ok cost_input=0.1 cost_output=0.1"]},
    "untrusted": {"route": ["untrusted ok", "second ok"]},
    "three": {"route": ["test status,code=503 priority=9",
                        "gone ok priority=4",
                        "second status,code=500 priority=7"]},
    "complaint": {"route": ["test status,code=400", "second ok"]},
    "patient": {"route": ["test status,code=429,retry=300", "second ok"]},
    "begun": {"route": ["test stream-break,after=3", "second ok"]},
    "shared": {"route": ["test ok weight=3", "second other weight=1"]},
}


class Routed(Gateway):
    """A gateway for all of these."""

    def __init__(self, front):
        super().__init__(front, MODELS, settings={"answer_bytes_max": 1000000},
                         provider={"key_pause_ms": 0},
                         providers={"second": {}, "untrusted": {}})

    def write_config(self, models):
        """One provider speaks no TLS, where TLS is expected."""
        self.providers["untrusted"]["base_url"] = self.upstream.url.replace(
            "http:", "https:")
        super().write_config(models)


def ask(gateway, model, **more):
    """A request, and what was recorded of it."""
    before = gateway.books("acme")
    gateway.upstream.forget()
    answer = gateway.chat(gateway.key, model, **more)
    usage = gateway.last_usage("acme")
    spent = before["available"] - gateway.books("acme")["available"]
    equal(nano(usage["cost"]), spent, "what the balance lost")
    return answer, usage


def outcomes(usage):
    """The routes that were tried, and what became of each."""
    return [(a["route"], a["outcome"]) for a in usage["attempts"]]


def models_asked(gateway):
    """What the providers were asked for, in order."""
    return [entry["body"]["model"] for entry in gateway.upstream.log()]


def whole(gateway, fault, outcome):
    """A whole answer comes from the second provider, and is charged once."""
    answer, usage = ask(gateway, name_of(fault, "whole"))
    equal(answer.status, 200, f"the status of {answer}")
    equal(answer.json()["model"], name_of(fault, "whole"), "the model")
    equal(outcomes(usage), [("test", outcome), ("second", "ok")], "the calls")
    equal(models_asked(gateway)[-1], "ok", "the last that was asked for")
    equal(nano(usage["cost"]), GOOD, "the cost")


def streamed(gateway, fault, outcome):
    """The same of a stream that failed before its first event."""
    answer, usage = ask(gateway, name_of(fault, "stream"), stream=True)
    equal(answer.status, 200, f"the status of {answer}")
    true(answer.body.endswith(b"data: [DONE]\n\n"), f"{answer} is complete")
    true(b'"error"' not in answer.body, f"{answer} tells of no error")
    equal(outcomes(usage), [("test", outcome), ("second", "ok")], "the calls")
    equal(nano(usage["cost"]), GOOD, "the cost")


def unreachable(gateway):
    """Nobody listens; nobody can be trusted."""
    for model in ("gone", "untrusted"):
        answer, usage = ask(gateway, model)
        equal(answer.status, 200, f"the status of {answer}")
        equal(outcomes(usage), [(model, "unreachable"), ("second", "ok")],
              "the calls")
    answer, usage = ask(gateway, "gone")
    equal(nano(usage["upstream_cost"]), 21 * 100, "what the operator paid")
    equal(nano(usage["margin"]), GOOD - 21 * 100, "what is left")


def patience(gateway):
    """A provider that asks for patience is left alone by all workers."""
    wanted = [[("test", "429"), ("second", "ok")]] + 6 * [[("second", "ok")]]
    for calls in wanted:
        answer, usage = ask(gateway, "patient")
        equal(answer.status, 200, f"the status of {answer}")
        equal(outcomes(usage), calls, "the calls")
    shown = gateway.listed("provider", "list")[0]
    true(shown["aside_until"] and "429" in shown["why"], f"{shown} tells why")
    gateway.farebox("provider", "reset", "test")
    equal(outcomes(ask(gateway, "patient")[1]), wanted[0], "after a reset")
    gateway.farebox("provider", "reset", "test")


def by_priority(gateway):
    """Three fail in the order of their priorities; the last one is told."""
    answer, usage = ask(gateway, "three")
    equal(answer.status, 502, f"the status of {answer}")
    equal(answer.error()["code"], "upstream_error", "the code")
    true(int(answer.headers["retry-after"]) >= 1, "retry-after is there")
    equal(outcomes(usage), [("gone", "unreachable"), ("second", "500"),
                            ("test", "503")], "the calls")
    equal(usage["cost"], "0", "the cost")


def complaint(gateway):
    """What is wrong with the request is wrong at any provider."""
    answer, usage = ask(gateway, "complaint")
    equal(answer.status, 400, f"the status of {answer}")
    equal(outcomes(usage), [("test", "400")], "the calls")


def begun(gateway):
    """What the client has read cannot be said again by another."""
    answer, usage = ask(gateway, "begun", stream=True)
    equal(outcomes(usage), [("test", "broken")], "the calls")
    true(b'"upstream_error"' in answer.body, f"{answer} ends in an error")


def weights(gateway):
    """Three of four requests go one way, in any four workers."""
    gateway.upstream.forget()
    for _ in range(120):
        equal(gateway.chat(gateway.key, "shared").status, 200, "the status")
    first = models_asked(gateway).count("ok")
    true(78 <= first <= 102, f"{first} of 120 went to the first route")


def status(gateway):
    """The public page tells of requests, and of nothing else."""
    answer = gateway.get("/status")
    equal(answer.status, 200, f"the status of {answer}")
    equal(answer.headers["cache-control"], "public, max-age=5", "caching")
    told = {row["id"]: row for row in json.loads(answer.body)["models"]}
    equal(told["three"]["status"], "degraded", "a model that always failed")
    equal(told["three"]["availability"], 0, "its availability")
    equal(told["gone"]["status"], "ok", "a model that another made good")
    for secret in (b'"second"', b"127.0.0.1", b"price"):
        true(secret not in answer.body, f"{secret} is in {answer}")


def books(gateway):
    """Whatever happened, the ledger adds up."""
    gateway.check_books()


def begin(gateway):
    """The account of all tests."""
    gateway.key = gateway.open_account("acme")



def main():
    """All faults before one web server; how it is attached is the same."""
    tests = [("an account", begin)]
    tests += [(f"whole: {fault}", functools.partial(
        whole, fault=fault, outcome=outcome)) for fault, outcome in WHOLE]
    tests += [(f"stream: {fault}", functools.partial(
        streamed, fault=fault, outcome=outcome))
        for fault, outcome in STREAMED]
    tests += [("unreachable", unreachable), ("by priority", by_priority),
              ("patience", patience), ("a complaint", complaint),
              ("a stream that began", begun), ("weights", weights),
              ("status", status), ("books", books)]
    run(Routed, tests, ("lighttpd-sockets",))


if __name__ == "__main__":
    sys.exit(main())
