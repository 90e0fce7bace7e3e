#!/usr/bin/env python3
"""race_test.py: many clients at once and too little money for them all.

64 clients ask at the same moment, and there is money for exactly 10 of them.
Exactly 10 are answered, each round, whatever the processes do.
"""

import collections
import itertools
import queue
import threading

from farebox_test import ANSWER_SECONDS, Gateway, dollars, equal, nano, run

CLIENTS = 64
AFFORDABLE = 10
ROUNDS = {"lighttpd-spawn": 100, "lighttpd-sockets": 10, "apache": 20}

# The prompt is longer than the context, so what is held for it is the context,
# and the usage that the upstream reports equals the hold.
CONTEXT = 500
OUTPUT = 40
MODEL = {"route": f"test ok,prompt={CONTEXT},completion={OUTPUT}",
         "context": CONTEXT, "price_input": "1", "price_output": "2.5"}
HOLD = CONTEXT * 1000 + OUTPUT * 2500
BODY = {"max_tokens": OUTPUT,
        "messages": [{"role": "user", "content": "x" * CONTEXT}]}


class Crowd:
    """Clients that wait for the word and then all ask at once."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.key = None
        self.statuses = queue.Queue()
        self.start = threading.Barrier(CLIENTS + 1)
        self.threads = [threading.Thread(target=self.client, daemon=True)
                        for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def client(self):
        """One client: asks once for each round."""
        while True:
            self.start.wait()
            if self.key is None:
                return
            try:
                answer = self.gateway.chat(self.key, "full", **BODY)
                self.statuses.put(answer.status)
            except Exception as error:
                self.statuses.put(repr(error))

    def ask(self, key):
        """One round; how often there was which status."""
        self.key = key
        self.start.wait()
        return collections.Counter(
            self.statuses.get(timeout=ANSWER_SECONDS) for _ in range(CLIENTS))

    def leave(self):
        """Ends the clients."""
        self.key = None
        self.start.wait()
        for thread in self.threads:
            thread.join()


def rounds(gateway, prepare):
    """All rounds; prepare(number) makes a key with money for 10."""
    crowd = Crowd(gateway)
    try:
        for number in range(ROUNDS.get(gateway.front, 10)):
            account, key = prepare(number)
            counts = crowd.ask(key)
            equal(counts, {200: AFFORDABLE, 402: CLIENTS - AFFORDABLE},
                  f"round {number}")
            books = gateway.books(account)
            equal((books["spent"], books["held"]), (AFFORDABLE * HOLD, 0),
                  f"spent and held after round {number}")
            gateway.check_books()
    finally:
        crowd.leave()


def the_hold_is_as_computed(gateway):
    key = gateway.open_account("measure", "1")
    equal(gateway.chat(key, "full", **BODY).status, 200, "the status")
    usage = gateway.last_usage("measure")
    equal((nano(usage["hold"]), nano(usage["cost"])), (HOLD, HOLD),
          "hold and cost")


def a_balance(gateway):
    def prepare(number):
        account = f"balance{number}"
        return account, gateway.open_account(account,
                                             dollars(AFFORDABLE * HOLD))

    rounds(gateway, prepare)
    for number in range(ROUNDS.get(gateway.front, 10)):
        equal(gateway.books(f"balance{number}")["balance"], 0, "the balance")


def a_key_budget(gateway):
    def prepare(number):
        account = f"budget{number}"
        gateway.open_account(account, "100")
        return account, gateway.mint(account, "--budget",
                                     dollars(AFFORDABLE * HOLD))

    rounds(gateway, prepare)


def two_keys_share_a_balance(gateway):
    """Both keys' holds come out of one balance; neither budget is the limit."""
    gateway.open_account("shared", dollars(AFFORDABLE * HOLD))
    keys = itertools.cycle([
        gateway.mint("shared", "--budget", dollars(8 * HOLD))
        for _ in range(2)])
    counts = collections.Counter()
    lock = threading.Lock()

    def client(key):
        status = gateway.chat(key, "full", **BODY).status
        with lock:
            counts[status] += 1

    threads = [threading.Thread(target=client, args=(next(keys),))
               for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(counts, {200: AFFORDABLE, 402: CLIENTS - AFFORDABLE}, "the answers")
    equal(gateway.books("shared")["balance"], 0, "the balance")


run(lambda front: Gateway(front, {"full": MODEL}, workers=8,
                          settings={"workers_spare": "1",
                                    "busy_wait_ms": "20000"}), [
    ("the hold equals the cost", the_hold_is_as_computed),
    ("64 clients, a balance of 10 holds", a_balance),
    ("64 clients, a key's budget of 10 holds", a_key_budget),
    ("64 clients, two keys of one balance", two_keys_share_a_balance),
    ("the books are right", Gateway.check_books),
])
