#!/usr/bin/env python3
"""breaker_test.py: a provider that comes and goes while many ask for it."""

import os
import signal
import subprocess
import sys
import threading
import time

from farebox_test import HERE, Gateway, equal, free_port, nano, run, true
from pool_fixture import wait

LONG = bool(os.environ.get("FAREBOX_LONG"))
WORKERS = 16 if LONG else 6
CLIENTS = 16 if LONG else 6
FLAPS = 5 if LONG else 1
PAUSE_MS = 400
PERIODS = 3
FAILURES = 4


class Flapping(Gateway):
    """A gateway with a second upstream, which can be stopped and started."""

    def __init__(self, front):
        self.flap_port = free_port()
        self.flap = None
        rules = {"breaker_failures": FAILURES, "breaker_share": 0,
                 "breaker_pause_ms": PAUSE_MS}
        dead = {**rules, "base_url": "http://127.0.0.1:1/v1",
                "breaker_pause_ms": 3600000}
        super().__init__(
            front, {"both": {"route": ["flap ok", "test ok"]},
                    "none": {"route": ["dead ok", "deader ok"]}},
            workers=WORKERS,
            providers={"flap": {"base_url":
                                f"http://127.0.0.1:{self.flap_port}/v1",
                                **rules},
                       "dead": dead, "deader": dead})

    def flap_up(self):
        """Starts the second upstream."""
        port_file = self.path("flap.port")
        self.flap = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "upstream.py"), "--port",
             str(self.flap_port), "--port-file", port_file],
            stderr=subprocess.DEVNULL)
        wait("the second upstream", lambda: os.path.exists(port_file))
        os.unlink(port_file)

    def flap_down(self):
        """Ends it at once, with whatever it is doing."""
        if self.flap:
            self.flap.kill()
            self.flap.wait()
        self.flap = None

    def replace_workers(self):
        """Has every worker end and another take its place."""
        old = self.worker_pids()
        for pid in old:
            os.kill(pid, signal.SIGTERM)
        wait("new workers", lambda: len(self.worker_pids()) == len(old)
             and not set(old) & set(self.worker_pids()))
        wait("the gateway", self.answers)

    def close(self):
        """Ends everything."""
        self.flap_down()
        super().close()

    def shown(self, name="flap"):
        """What the operator sees of a provider."""
        return next(row for row in self.listed("provider", "list")
                    if row["provider"] == name)


class Load:
    """Clients that ask and ask."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.going = True
        self.answers = []
        self.threads = [threading.Thread(target=self.client)
                        for _ in range(CLIENTS)]

    def client(self):
        """One of them."""
        while self.going:
            try:
                status = self.gateway.chat(self.gateway.key, "both").status
            except OSError as error:
                status = repr(error)
            self.answers.append(status)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        for thread in self.threads:
            thread.join()

    def more(self, number=2 * CLIENTS):
        """Waits until so many more were answered."""
        wanted = len(self.answers) + number
        wait("answers", lambda: len(self.answers) >= wanted)


def flap_once(gateway, load, opened):
    """The provider goes, and comes back."""
    load.more()
    equal(gateway.shown()["state"], "closed", "while it is there")
    probes = gateway.shown()["probes"]
    began = time.monotonic()
    gateway.flap_down()
    wait("an open breaker", lambda: gateway.shown()["state"] == "open")
    wait("some probes", lambda: gateway.shown()["probes"]
         >= probes + PERIODS)
    load.more()
    shown = gateway.shown()
    took_ms = (time.monotonic() - began) * 1000
    equal(shown["opened"], opened, f"how often {shown} opened")
    true(shown["probes"] - probes <= took_ms / PAUSE_MS,
         f"{shown} probed more than once a period of {took_ms} ms")
    true("unreachable" in shown["why"], f"{shown} tells why")
    gateway.flap_up()
    wait("a closed breaker", lambda: gateway.shown()["state"] == "closed")
    load.more()


def flapping(gateway):
    """No client learns of it; the breaker opens once each time."""
    gateway.key = gateway.open_account("acme", "100")
    gateway.flap_up()
    with Load(gateway) as load:
        for flap in range(FLAPS):
            flap_once(gateway, load, flap + 1)
    equal(set(load.answers), {200}, "what the clients were answered")
    print(f"# {len(load.answers)} requests")


def charged_once(gateway):
    """Each of them paid for one answer, however many calls it took."""
    good = 9 * 140 + 12 * 280
    rows = gateway.listed("usage", "list", "acme", "--limit", "100000")
    true(any(len(row["attempts"]) == 2 for row in rows), "some were moved")
    equal({nano(row["cost"]) for row in rows}, {good}, "what was charged")
    equal(gateway.books("acme")["spent"], good * len(rows), "all of it")


def all_open(gateway):
    """Nobody is asked, nothing is held, and that is quick."""
    for _ in range(FAILURES):
        equal(gateway.chat(gateway.key, "none").status, 502, "the status")
    times = []
    for _ in range(20):
        answer = gateway.chat(gateway.key, "none")
        equal(answer.status, 503, f"the status of {answer}")
        equal(answer.error()["code"], "upstream_unavailable", "the code")
        true(int(answer.headers["retry-after"]) >= 1, "retry-after is there")
        times.append(int(answer.headers["x-farebox-latency-ms"]))
    usage = gateway.last_usage("acme")
    equal((usage["hold"], usage["attempts"]), ("0", []), "what was tried")
    print(f"# 503 within {min(times)} to {max(times)} ms")


def restarted(gateway):
    """Workers go, and what is known of providers stays."""
    gateway.replace_workers()
    equal(gateway.chat(gateway.key, "none").status, 503, "the status")
    equal(gateway.shown("dead")["state"], "open", "the state")


def by_hand(gateway):
    """The operator's word goes before what was seen."""
    gateway.farebox("provider", "close", "deader")
    equal(gateway.chat(gateway.key, "none").status, 502, "when kept closed")
    gateway.farebox("provider", "open", "deader")
    equal(gateway.chat(gateway.key, "none").status, 503, "when kept open")
    gateway.farebox("provider", "open", "flap")
    equal(gateway.chat(gateway.key, "both").status, 200, "without it")
    equal([a["route"] for a in gateway.last_usage("acme")["attempts"]],
          ["test"], "who was asked")
    gateway.farebox("provider", "reset", "flap")
    gateway.chat(gateway.key, "both")
    equal([a["route"] for a in gateway.last_usage("acme")["attempts"]],
          ["flap"], "who is asked again")


def books(gateway):
    """The ledger adds up."""
    gateway.check_books()


if __name__ == "__main__":
    run(Flapping, [("flapping", flapping), ("charged once", charged_once),
                   ("all open", all_open), ("restarted", restarted),
                   ("by hand", by_hand), ("books", books)],
        ("lighttpd-sockets",))
