#!/usr/bin/env python3
"""memory_test.py: a worker's private memory after a thousand requests."""

import sys
import threading

from farebox_test import Gateway, equal, run, true
from pool_fixture import is_instrumented, private_kib

REQUESTS = 1000
CLIENTS = 4
LIMIT_KIB = 1024
PROMPT = "All work and no play makes Jack a dull boy. " * 200


def ask(gateway, key, number, statuses):
    """A client's share of the requests: short ones, long ones, wrong ones."""
    kinds = [(200, {}), (200, {"messages": [
        {"role": "user", "content": PROMPT}]}),
             (400, {"temperature": 3}), (200, {"model": "big"})]
    for i in range(number):
        status, fields = kinds[i % len(kinds)]
        got = gateway.chat(key, **fields).status
        if got != status:
            statuses.append((got, fields))


def thousand_requests(gateway):
    key = gateway.open_account("memory", "100")
    busy = set(gateway.worker_pids())
    odd = []
    clients = [threading.Thread(target=ask, args=(
        gateway, key, REQUESTS // CLIENTS, odd)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    equal(odd, [], "answers of another kind")
    equal(set(gateway.worker_pids()), busy, "the workers")
    sizes = sorted(private_kib(pid) for pid in busy)
    print(f"# private memory of the workers after {REQUESTS} requests: "
          + ", ".join(f"{size} KiB" for size in sizes))
    true(sizes[-1] <= LIMIT_KIB, f"a worker has {sizes[-1]} KiB")


def make(front):
    """One worker for the calls, which does not retire."""
    return Gateway(front, {"ok": {}, "big": {
        "route": "test big,bytes=200000"}}, workers=1,
        settings={"requests_per_worker": 1000000})


if is_instrumented():
    print("1..0 # SKIP sanitizers take memory of their own")
    sys.exit(0)
run(make, [("a worker stays small", thousand_requests)],
    fronts=("lighttpd-spawn",))
