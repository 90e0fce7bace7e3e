"""soak.py: load of every kind for an hour, and what grows meanwhile.

First the rate is raised, step by step, until the gateway does not keep up; then
it runs at a part of what it reached, in rounds, in the middle of each of which
processes and store are looked at.  Every answer must be one of those that its
kind of request may get.
"""

import json
import os
import subprocess
import time
from dataclasses import dataclass

from pool_fixture import PATIENCE, wait
from subjects import CHAT, PROGRAMS, Farebox
from watched import Insides, Log, growth, look_at_gateway

WORKERS = 16
ACCOUNTS = 20
LIVES = 4           # of each worker, one after another
ROUND_S = 10
ROUNDS_MIN = 8      # of a short run, whose rounds are shorter
JUDGED_S = 600      # a shorter run fills caches only, and says nothing
STEP_S, STEPS_PART = 3, 0.01
BUSY = "503"        # see check_log()
FIRST_RATE, STEP, KEPT_UP = 60, 1.6, 0.9
PROMPT = "word " * (64 * 1024 // 5)
FAILURES_MAX = 20   # are told
BUSY_PART = 0.001   # of the answers, when the machine stalls for a moment

# Providers that fail: one that is asked all the same, one whose breaker opens
# and in whose place another answers, one whose streams break off.
PROVIDERS = """
[provider fails]
base_url = http://127.0.0.1:{port}/fail/v1
breaker_failures = 0
breaker_share = 0
[provider weak]
base_url = http://127.0.0.1:{port}/fail/v1
[provider breaks]
base_url = http://127.0.0.1:{port}/break-20-2/v1
breaker_failures = 0
breaker_share = 0
[model fails]
route = fails
{prices}
[model mended]
route = weak priority=1
route = bench priority=2
{prices}
[model breaks]
route = breaks
{prices}
"""
PRICES = "price_input = 0.14\nprice_output = 0.28\n"


@dataclass
class Part:
    """A kind of request; weights are shares in all of them."""
    name: str
    weight: int
    clients: int = 1
    statuses: str = "200"
    model: str = "bench"  # "": a GET
    path: str = CHAT
    text: str = "Hello"
    stream: bool = False
    keys: str = "keys"
    leave: int = 0

    def body(self):
        """What is posted."""
        return {"model": self.model, "stream": self.stream,
                "messages": [{"role": "user", "content": self.text}]}


# Fewer clients at once than workers: what a client has left runs for a while.
PARTS = [
    Part("whole answers", 50, 4),
    Part("prompts of 64 KB", 2, text=PROMPT),
    Part("streams", 6, 4, model="stream", stream=True),
    Part("clients that leave", 3, model="long", stream=True, leave=5),
    Part("a provider that fails", 3, statuses="502", model="fails"),
    Part("a route that fails", 3, model="mended"),
    Part("streams that break off", 2, model="breaks", stream=True),
    Part("401: unknown key", 5, statuses="401 429", keys="wrong"),
    Part("402: no money", 5, statuses="402", keys="poor"),
    Part("429: over its rate", 5, statuses="200 429", keys="tight"),
    Part("GET /v1/models", 6, model="", path="/v1/models"),
    Part("GET /v1/balance", 6, model="", path="/v1/balance"),
]


class Soak:
    """A gateway under load, and what was seen of it."""

    def __init__(self, upstream, folder, say):
        self.say, self.folder = say, folder
        upstream.models = {"bench": "", "stream": "/stream-20-2",
                           "long": "/stream-200-4"}
        self.gateway = Farebox(
            upstream, "lighttpd-sockets", workers=WORKERS,
            accounts=(ACCOUNTS, ACCOUNTS, 0),
            more=PROVIDERS.format(port=upstream.port, prices=PRICES))
        self.loads, self.insides = [], None
        self.log = Log(self.gateway.path("pool.log"))
        self.samples, self.failed = [], []
        self.parts = {part.name: {"answers": 0, "left": 0, "statuses": {}}
                      for part in PARTS}
        self.requests = 0
        self.pids = set()
        try:
            self.insides = Insides(self.gateway.path("store"))
            for place, part in enumerate(PARTS):
                with open(self.body(place), "w", encoding="utf-8") as out:
                    json.dump(part.body(), out)
        except BaseException:
            self.close()
            raise
        self.began = time.monotonic()

    def body(self, place):
        """The file that a part posts."""
        return os.path.join(self.folder, f"soak-{place}")

    # Load.

    def start_load(self, place, rate, seconds):
        """The load program for one part."""
        part = PARTS[place]
        command = [os.path.join(PROGRAMS, "load"), "--port",
                   str(self.gateway.port), "--path", part.path,
                   "--connections", str(part.clients), "--seconds",
                   str(seconds), "--rate", str(rate), "--keys",
                   self.gateway.path(part.keys), "--leave", str(part.leave)]
        if part.model:
            command += ["--body", self.body(place)]
        self.loads.append(subprocess.Popen(command, text=True,
                                           stdout=subprocess.PIPE))

    def fail(self, what):
        """What should not be; the run goes on."""
        if len(self.failed) < FAILURES_MAX:
            self.failed.append(what)
            self.say(f"FAILED {what}")

    def take(self, part, load):
        """What a load program says; how many requests it was."""
        out, _ = load.communicate(timeout=ROUND_S + PATIENCE)
        if load.returncode != 0:
            self.fail(f"{part.name}: nothing was answered {out}")
            return 0
        said, sums = json.loads(out), self.parts[part.name]
        for name in ("answers", "left"):
            sums[name] += said[name]
        for status, number in said["statuses"].items():
            sums["statuses"][status] = (sums["statuses"].get(status, 0)
                                        + number)
        if not set(said["statuses"]) <= {*part.statuses.split(), BUSY} \
                or said["broken"] or said["unfinished"]:
            self.fail(f"{part.name}: wanted {part.statuses}, got "
                      f"{said['statuses']}, {said['broken']} broken, "
                      f"{said['unfinished']} unfinished")
        return said["answers"] + said["left"]

    def round(self, rate, seconds, look=None):
        """All parts together for a while; how many were asked a second."""
        weights = sum(part.weight for part in PARTS)
        for place, part in enumerate(PARTS):
            self.start_load(place, rate * part.weight / weights, seconds)
        if look:
            time.sleep(seconds / 2)
            look(rate)
        done = sum(self.take(part, load)
                   for part, load in zip(PARTS, self.loads))
        self.loads = []
        self.requests += done
        return done / seconds

    def find_most(self, seconds):
        """What the gateway reaches, in requests per second."""
        rate, most = FIRST_RATE, 0
        while True:
            got = self.round(rate, seconds)
            most = max(most, got)
            if got < rate * KEPT_UP or self.failed:
                return most
            rate *= STEP

    # Looking.

    def look(self, rate):
        """One sample."""
        sample = {"at_s": time.monotonic() - self.began, "rate": rate,
                  "requests": self.requests,
                  **look_at_gateway(self.gateway, self.insides)}
        self.log.read()
        self.pids |= set(sample["workers"])
        self.samples.append(sample)
        self.tell(sample)

    def tell(self, sample):
        """Where it stands, for whoever waits."""
        workers = list(sample["workers"].values()) or [{"own_kib": 0}]
        self.say(f"{sample['at_s']:6.0f} s, {sample['requests']} requests, "
                 f"workers up to {max(w['own_kib'] for w in workers)} KiB, "
                 f"{sample['store']['lockers']} lockers, "
                 f"{sample['logs']} logs, {sample['pss_kib'] // 1024} MiB "
                 "in all")

    # From the beginning to the end.

    def set_lives(self, requests):
        """Lets workers retire in the course of so many requests."""
        self.gateway.settings["requests_per_worker"] = max(
            20, int(requests / WORKERS / LIVES))
        self.gateway.write_config(self.gateway.upstream.models)

    def run(self, seconds, share):
        """Finds the rate, and keeps to a part of it."""
        most = self.find_most(max(0.5, min(STEP_S, seconds * STEPS_PART)))
        rate = most * share
        self.say(f"reached {most:.0f} requests per second; goes on with "
                 f"{rate:.0f}")
        self.set_lives(rate * seconds)
        self.began, self.requests = time.monotonic(), 0
        length = min(ROUND_S, seconds / ROUNDS_MIN)
        while (time.monotonic() - self.began < seconds
               or len(self.samples) < ROUNDS_MIN):
            self.round(rate, length, self.look)
        took = time.monotonic() - self.began
        self.finish(took >= JUDGED_S)
        return {"most_per_s": most, "asked_per_s": rate,
                "per_s": self.requests / took, "seconds": took,
                "requests": self.requests,
                "requests_per_worker":
                    self.gateway.settings["requests_per_worker"],
                "workers_seen": len(self.pids), "parts": self.parts,
                "failed": self.failed, "books": self.books,
                "errors": self.log.codes,
                "judged": took >= JUDGED_S,
                "growth": growth(self.samples), "samples": self.samples}

    def finish(self, judged):
        """Nobody asks any more: nothing may be held, the books be right."""
        self.books = {}
        try:
            wait("the last hold to end",
                 lambda: self.insides.look()["holds"] == 0)
            self.books = self.gateway.check_books()
        except AssertionError as error:
            self.fail(str(error))
        self.check_log(judged)
        recoveries = (self.samples[-1]["store"]["generation"]
                      - self.samples[0]["store"]["generation"])
        if recoveries:
            self.fail(f"the store was recovered {recoveries} times")

    def check_log(self, judged):
        """A few may meet a full pool, and nothing else may go wrong.

        How few is asked of a long run only: a pause fills the pool as well.
        """
        refused = sum(sums["statuses"].get(BUSY, 0)
                      for sums in self.parts.values())

        def all_are_logged():
            self.log.read()
            return self.log.codes.get("gateway_busy", 0) >= refused

        try:
            wait(f"{refused} lines that say that the pool is busy",
                 all_are_logged)
        except AssertionError as error:
            self.fail(str(error))
        for line in self.log.odd:
            self.fail(f"logged: {line}")
        busy = self.log.codes.get("gateway_busy", 0)
        if busy > refused:
            self.fail(f"{busy} lines say that the pool is busy, and {refused} "
                      "answers are 503")
        answers = sum(sums["answers"] for sums in self.parts.values())
        if judged and refused > answers * BUSY_PART:
            self.fail(f"{refused} of {answers} were refused for a busy pool")

    def close(self):
        """Ends everything."""
        try:
            for load in self.loads:
                load.kill()
                load.communicate()
            if self.insides:
                self.insides.close()
        finally:
            self.gateway.close()


def table(result):
    """Lines for people."""
    yield (f"{result['requests']} requests in {result['seconds']:.0f} s: "
           f"{result['per_s']:.0f} a second of {result['most_per_s']:.0f} "
           f"that it reaches; {result['workers_seen']} workers, one after "
           f"another, for {result['requests_per_worker']} requests each")
    yield f"{'':44}{'answers':>10}  statuses"
    for name, sums in result["parts"].items():
        kinds = ", ".join(f"{number} of {status}" for status, number
                          in sorted(sums["statuses"].items()))
        if sums["left"]:
            kinds += f"{', ' if kinds else ''}{sums['left']} left"
        yield f"  {name:42}{sums['answers']:10}  {kinds}"
    yield f"{'':44}{'2nd quarter':>12}{'last':>10}{'allowed':>10}"
    for line in result["growth"]:
        if line["early"] is None:
            yield f"  {line['what']:42}  too few looks"
            continue
        word = ("" if not result["judged"] else
                "GROWS" if line["grows"] else "ok")
        yield (f"  {line['what']:42}" + "".join(
            f"{line[name]:{width}.{0 if line[name] > 99 else 1}f}"
            for name, width in (("early", 12), ("late", 10),
                                ("allowed", 10)))
               + f" {line['unit']:6}{word}".rstrip())
    yield f"errors: {json.dumps(result['errors'])}"
    yield f"books: {json.dumps(result['books'])}"
    if not result["judged"]:
        yield (f"not judged: a run of less than {JUDGED_S // 60} minutes "
               "says nothing about growth")


def run_soak(upstream, folder, seconds, share, say):
    """A whole run; its result."""
    soak = Soak(upstream, folder, say)
    try:
        return soak.run(seconds, share)
    finally:
        soak.close()
