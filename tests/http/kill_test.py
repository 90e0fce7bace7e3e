#!/usr/bin/env python3
"""kill_test.py: workers are killed in the middle of their calls, under load.

Every hold of a dead worker is released, no client waits for ever, and the
ledger adds up.
"""

import collections
import http.client
import json
import signal
import threading
import time

from farebox_test import Gateway, equal, is_alive, nano, run, true, wait
from pool_fixture import kill_all, open_files

KILLS = 50
WORKERS = 8
CLIENTS = 12
COST = 9 * 140 + 12 * 280
SLOWEST_ANSWER_SECONDS = 50
ESTABLISHED = "01"
CUT_OFF = "cut off"  # its worker died while it answered


class Load:
    """Clients that ask again and again until they are told to stop."""

    def __init__(self, gateway, key):
        self.gateway = gateway
        self.key = key
        self.stopping = threading.Event()
        self.counts = collections.Counter()
        self.slowest = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.client)
                        for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def client(self):
        """One client."""
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                outcome = self.gateway.chat(self.key, "slow").status
            except (http.client.IncompleteRead, ConnectionError):
                outcome = CUT_OFF
            except Exception as error:
                outcome = repr(error)
            took = time.monotonic() - began
            with self.lock:
                self.counts[outcome] += 1
                self.slowest = max(self.slowest, took)

    def wait_for_success(self):
        """Until one more request has been answered."""
        answered = self.counts[200]
        wait("somebody to be served", lambda: self.counts[200] > answered)

    def stop(self):
        """Lets the clients finish what they are at."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(2 * SLOWEST_ANSWER_SECONDS)
        equal([t for t in self.threads if t.is_alive()], [],
              "the clients that hang")


def calling_inodes(port):
    """The sockets of this machine that are connected to that port."""
    with open("/proc/net/tcp", encoding="ascii") as text:
        rows = [line.split() for line in text.readlines()[1:]]
    return {row[9] for row in rows if row[3] == ESTABLISHED
            and int(row[2].partition(":")[2], 16) == port}


def is_calling(pid, inodes):
    """True when one of the process's sockets is among these."""
    files = open_files(pid)
    return any(f"socket:[{inode}]" in files for inode in inodes)


def find_victim(gateway):
    """A worker in its call: one of those there are, when all of them are."""
    if gateway.upstream.waiting() < len(gateway.worker_pids()) - gateway.light:
        return None
    inodes = calling_inodes(gateway.upstream.port)
    return next((pid for pid in gateway.worker_pids()
                 if is_calling(pid, inodes)), None)


def orphans(gateway, account):
    """How many usage records say that their worker died."""
    return sum("orphaned" in usage["flags"] for usage in gateway.listed(
        "usage", "list", account, "--limit", "100000"))


def released(gateway, account):
    """True when nothing is held; a request lets the housekeeping run.

    A recovery of the store may end who serves that, or who looks.
    """
    if gateway.get("/healthz").status != 200:
        return False
    shown = gateway.farebox("account", "show", account, "--json",
                            codes=(0, -signal.SIGKILL))
    return shown and nano(json.loads(shown)["held"]) == 0


def all_there(gateway):
    """True when no worker's place is empty."""
    return len(gateway.worker_pids()) == WORKERS + gateway.light


def killing(gateway):
    key = gateway.open_account("killed", "100")
    load = Load(gateway, key)
    try:
        for _ in range(KILLS):
            load.wait_for_success()
            victim = wait("a worker in a call", lambda: find_victim(gateway))
            kill_all([victim])
            wait("its end", lambda: not is_alive(victim))
    finally:
        load.stop()
    print(f"# answers: {dict(load.counts)}, slowest {load.slowest:.1f} s")
    wait("every hold to be released", lambda: released(gateway, "killed"))
    wait("all workers to be there again", lambda: all_there(gateway))

    odd = {k for k in load.counts if k not in (200, 500, 502, 503, CUT_OFF)}
    equal(odd, set(), "answers of another kind")
    failed = sum(load.counts.values()) - load.counts[200]
    true(load.slowest < SLOWEST_ANSWER_SECONDS, "an answer took too long")
    # One that is hit inside the store may take others with it.
    died = gateway.log().count("worker died")
    dead = orphans(gateway, "killed")
    print(f"# {KILLS} kills: {died} workers died, {dead} of them in a call; "
          f"{failed} requests failed")
    true(failed <= died, f"{failed} requests failed by {died} deaths")
    true(dead >= KILLS * 0.5, f"only {dead} workers died in a call")

    # Some died after their settlement, but before their answer was out.
    books = gateway.books("killed")
    paid, rest = divmod(books["spent"], COST)
    equal(rest, 0, "what is left of a cost")
    true(load.counts[200] <= paid <= load.counts[200] + failed - dead,
         f"{paid} were paid, {load.counts[200]} answered, {dead} died")
    equal(books["balance"] + books["spent"], nano("100"), "balance and spent")
    gateway.check_books()


def all_at_once(gateway):
    """The whole pool is killed, and comes back by itself."""
    key = gateway.open_account("massacre", "10")
    wait("all workers to be there", lambda: all_there(gateway))
    clients = [threading.Thread(target=gateway.chat, args=(key, "slower"))
               for _ in range(WORKERS)]
    for client in clients:
        client.start()
    wait("all workers to be in a call",
         lambda: gateway.upstream.waiting() == WORKERS)
    kill_all(gateway.worker_pids())
    for client in clients:
        client.join(SLOWEST_ANSWER_SECONDS)
        true(not client.is_alive(), "a client hangs")
    wait("an answer", lambda: gateway.chat(key).status == 200)
    wait("every hold to be released",
         lambda: released(gateway, "massacre"))
    equal(gateway.books("massacre")["spent"], COST, "spent")
    gateway.check_books()


def make(front):
    """A gateway whose upstream takes its time."""
    return Gateway(front, {"ok": {}, "slow": {"route": "test ok,delay=0.3"},
                           "slower": {"route": "test ok,delay=600"}},
                   workers=WORKERS)


run(make, [
    (f"{KILLS} kills of a worker in its call", killing),
    ("all workers at once", all_at_once),
    ("the books are right", Gateway.check_books),
], fronts=("lighttpd-spawn", "apache"))
