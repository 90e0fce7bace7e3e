#!/usr/bin/env python3
"""limit_test.py: limits across processes, behind real web servers."""

import collections
import os
import threading
import time

from farebox_test import Gateway, Upstream, equal, run, true, wait
from pool_fixture import kill_all

LONG = os.environ.get("FAREBOX_LONG") == "1"
MINUTE = 60
CLIENTS = 32
RPM = 600
WINDOWS = 3 if LONG else 2  # that are filled
# How late a place may be free, on a busy machine; half a second on another.
LATE_SECONDS = 45
HAMMER_FRONTS = (("lighttpd-spawn", "lighttpd-sockets", "apache") if LONG
                 else ("lighttpd-sockets",))
WORKERS = 6
# A refused client comes again at once, but leaves the machine some time.
PAUSE = 0.05

PLANS = {
    "hammered": {"rpm": str(RPM), "tpm": "0"},
    "single": {"rpm": "0", "tpm": "0", "concurrency": "1"},
    "pair": {"rpm": "0", "tpm": "0", "account_concurrency": "2"},
    "paced": {"rpm": "0", "tpm": "0", "tps": "20"},
    "free": {"rpm": "10"},
}
MODELS = {
    "ok": {},
    "held": {"route": "test ok,held"},
    "hung": {"route": "test accept-silent"},
    "few": {"route": "narrow ok,held"},
    "words": {"route": "test ok,events=30,text=" + "abc" * 30},
}


def make(front):
    """Workers, and one that is kept free."""
    return Gateway(front, MODELS, workers=WORKERS, plans=PLANS,
                   settings={"workers_spare": "1", "busy_wait_ms": "8000"},
                   providers={"narrow": {"concurrency": "2"}})


def account_on(gateway, plan):
    """A new account on a plan, named like it, and its key."""
    key = gateway.open_account(plan, "1000")
    gateway.farebox("account", "plan", plan, plan)
    return key


class Crowd:
    """Requests that run side by side."""

    def __init__(self, gateway, asks):
        self.answers = [None] * len(asks)
        self.threads = [
            threading.Thread(target=self.ask, args=(number, gateway, *ask),
                             daemon=True)
            for number, ask in enumerate(asks)]
        for thread in self.threads:
            thread.start()

    def ask(self, number, gateway, key, model, more):
        """One request."""
        try:
            self.answers[number] = gateway.chat(key, model, **more)
        except OSError as error:
            self.answers[number] = error

    def all(self):
        """All answers, when they are there."""
        for thread in self.threads:
            thread.join()
        return self.answers


def statuses(answers):
    """How often there was which status."""
    return collections.Counter(
        getattr(answer, "status", repr(answer)) for answer in answers)


def most_in_a_minute(spans):
    """The largest number of them that begin and end within any 60 s.

    When a request was admitted is not seen; it was between these two.
    """
    spans = sorted(spans)
    return max(sum(ended < first + MINUTE for _, ended in spans[number:])
               for number, (first, _) in enumerate(spans))


def hammer(gateway, key, until, counts, spans):
    """One client that does not take no for an answer."""
    while time.monotonic() < until and len(spans) < WINDOWS * RPM:
        began = time.monotonic()
        answer = gateway.chat(key)
        counts[answer.status] += 1
        if answer.status == 200:
            spans.append((began, time.monotonic()))
        if answer.status == 429:
            time.sleep(PAUSE)


def a_hammered_key_gets_its_limit(gateway):
    if gateway.front not in HAMMER_FRONTS:
        return
    key = account_on(gateway, "hammered")
    gateway.upstream.forget()
    counts = [collections.Counter() for _ in range(CLIENTS)]
    spans = []
    until = time.monotonic() + (WINDOWS - 1) * MINUTE + LATE_SECONDS
    threads = [threading.Thread(target=hammer, daemon=True, args=(
        gateway, key, until, count, spans)) for count in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = sum(counts, collections.Counter())
    true(set(counts) <= {200, 429}, f"statuses: {counts}")
    equal(len(gateway.upstream.log()), counts[200], "what the provider saw")
    most = most_in_a_minute(spans)
    true(most <= RPM, f"{most} were admitted in a minute")
    equal(len(spans), WINDOWS * RPM, "what was admitted")
    gateway.check_books()


def each_answer_tells_the_limits(gateway):
    key = account_on(gateway, "free")
    answer = gateway.chat(key)
    equal(answer.status, 200)
    equal(answer.headers["x-ratelimit-limit"], "10")
    equal(answer.headers["x-ratelimit-remaining"], "9")
    equal(answer.headers["x-ratelimit-limit-tokens"], "120000")
    true(answer.headers["x-ratelimit-reset-requests"].endswith("s"), "reset")
    answer = gateway.chat(key, stream=True)
    equal(answer.headers["x-ratelimit-remaining"], "8")
    answer = gateway.get("/v1/models", key)
    equal(answer.headers["x-ratelimit-remaining-requests"], "8")
    for _ in range(8):
        equal(gateway.chat(key).status, 200)
    answer = gateway.chat(key)
    equal((answer.status, answer.error()["code"]),
          (429, "rate_limit_exceeded"))
    true(0 < int(answer.headers["retry-after-ms"]) <= 60500, answer.headers)
    equal(int(answer.headers["retry-after"]),
          -(-int(answer.headers["retry-after-ms"]) // 1000))
    gateway.farebox("key", "limits", str(key_number(gateway, "free")),
                    "--rpm", "12")
    equal(gateway.chat(key).headers["x-ratelimit-remaining"], "1")


def key_number(gateway, account):
    """The number of an account's only key."""
    return gateway.listed("key", "list", account)[0]["number"]


def one_key_may_have_one_request(gateway):
    key = account_on(gateway, "single")
    gateway.upstream.ask("DELETE", "/_count")
    first = Crowd(gateway, [(key, "held", {})])
    wait("the provider", lambda: gateway.upstream.waiting() == 1)
    answer = gateway.chat(key)
    equal((answer.status, answer.error()["code"]),
          (429, "concurrency_limit_exceeded"))
    equal(answer.headers["retry-after"], "1")
    gateway.upstream.release()
    equal(statuses(first.all()), {200: 1})
    equal(gateway.chat(key).status, 200)


def an_account_may_have_two(gateway):
    keys = [account_on(gateway, "pair"), gateway.mint("pair"),
            gateway.mint("pair")]
    gateway.upstream.ask("DELETE", "/_count")
    both = Crowd(gateway, [(key, "held", {}) for key in keys[:2]])
    wait("the provider", lambda: gateway.upstream.waiting() == 2)
    answer = gateway.chat(keys[2])
    equal((answer.status, answer.error()["code"]),
          (429, "concurrency_limit_exceeded"))
    gateway.upstream.release()
    equal(statuses(both.all()), {200: 2})


def a_provider_is_asked_twice_at_once(gateway):
    key = gateway.open_account("narrow", "10")
    gateway.upstream.ask("DELETE", "/_count")
    crowd = Crowd(gateway, [(key, "few", {})] * 4)
    wait("two answers", lambda: sum(map(bool, crowd.answers)) == 2)
    wait("the provider", lambda: gateway.upstream.waiting() == 2)
    gateway.upstream.release()
    answers = crowd.all()
    equal(statuses(answers), {200: 2, 503: 2})
    equal(gateway.upstream.ask("GET", "/_count")["max_open"], 2)
    equal(next(a for a in answers if a.status == 503).error()["code"],
          "upstream_unavailable")


def a_killed_worker_frees_its_place(gateway):
    key = gateway.mint("single")
    gateway.upstream.ask("DELETE", "/_count")
    crowd = Crowd(gateway, [(key, "hung", {})])
    wait("the provider", lambda: gateway.upstream.waiting() == 1)
    equal(gateway.chat(key).status, 429)
    kill_all(gateway.worker_pids())
    crowd.all()
    wait("the place", lambda: gateway.chat(key).status == 200)


def output_is_paced(gateway):
    key = account_on(gateway, "paced")
    began = time.monotonic()
    answer = gateway.chat(key, "words", stream=True)
    equal(answer.status, 200)
    true(answer.body.rstrip().endswith(b"[DONE]"), answer.body[-200:])
    # 90 bytes of text are 30 tokens, which take 1.5 s at 20 in a second.
    true(time.monotonic() - began > 1.3, "it came too quickly")


def a_waiting_pool_says_no(gateway):
    key = gateway.open_account("waiting", "100")
    gateway.upstream.ask("DELETE", "/_count")
    hung = Crowd(gateway, [(key, "hung", {})] * (WORKERS))
    wait("the provider",
         lambda: gateway.upstream.waiting() == WORKERS)
    try:
        wait("the first no", lambda: gateway.chat(key).status == 503)
        for _ in range(50):
            answer = gateway.chat(key)
            equal((answer.status, answer.error()["code"]),
                  (503, "gateway_busy"))
            true(int(answer.headers["retry-after-ms"]) > 0, answer.headers)
            equal(gateway.get("/v1/models", key).status, 200)
            equal(gateway.get("/v1/balance", key).status, 200)
        equal(gateway.upstream.waiting(), WORKERS)
        times = []
        for path in ("/v1/models", "/v1/balance") * 50:
            began = time.monotonic()
            equal(gateway.get(path, key).status, 200)
            times.append(time.monotonic() - began)
        print(f"# while the pool waited, reading took "
              f"{sorted(times)[98] * 1000:.1f} ms at p99")
    finally:
        gateway.upstream.process.terminate()
        gateway.upstream.process.wait()
        hung.all()
    gateway.upstream = Upstream(gateway.folder)
    gateway.processes.append(gateway.upstream.process)
    gateway.check_books()


run(make, [
    ("each answer tells the limits", each_answer_tells_the_limits),
    ("one key may have one request", one_key_may_have_one_request),
    ("an account may have two", an_account_may_have_two),
    ("a provider is asked twice at once", a_provider_is_asked_twice_at_once),
    ("a killed worker frees its place", a_killed_worker_frees_its_place),
    ("output is paced", output_is_paced),
    ("a hammered key gets its limit", a_hammered_key_gets_its_limit),
    ("a waiting pool says no", a_waiting_pool_says_no),
])
