"""growth_test.py: what grows is said to grow, and what only wavers is not."""

import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("top_srcdir", os.path.join(HERE, "..", ".."))
os.environ.setdefault("top_builddir", os.getcwd())
sys.path[:0] = [HERE, os.path.join(HERE, "..", "http")]

import watched  # noqa: E402
from growth import judge, judge_lives, judge_rate  # noqa: E402

LOOKS = 90
SLACK = 100


def wavers(chance, base=2000, by=80, looks=LOOKS):
    """Goes up and down."""
    return [base + chance.uniform(-by, by) for _ in range(looks)]


def fills(chance):
    """Grows in the first quarter only, as a cache does."""
    return [value - max(0, LOOKS // 4 - place) * 50
            for place, value in enumerate(wavers(chance))]


def leaks(chance, step, looks=LOOKS):
    """Grows by a little each time, below what it wavers by."""
    return [value + place * step
            for place, value in enumerate(wavers(chance, looks=looks))]


def peaks(chance):
    """Is at times, also at the end, much more than usual."""
    return [value * (3 if place % 5 == 4 else 1)
            for place, value in enumerate(wavers(chance))]


def saw(looks=LOOKS, tooth=9, step=40):
    """Grows and falls back, again and again."""
    return [2000 + place % tooth * step for place in range(looks)]


def single(values, slack=SLACK):
    """The verdict on a series."""
    return judge("it", "KiB", values, slack)["grows"]


def lives(*series):
    """The verdict on lives."""
    return judge_lives("it", "KiB", series, SLACK)["grows"]


def cases(chance):
    """(what is said of it, what it is) of each case."""
    flat = [wavers(chance, looks=20) for _ in range(30)]
    bad = [leaks(chance, 12, 20) for _ in range(30)]
    yield not single(wavers(chance)), "what wavers does not grow"
    yield not single(fills(chance)), "what fills up does not grow"
    yield not single(peaks(chance)), "peaks are no growth"
    yield not single(saw()), "what falls back again does not grow"
    yield not single([7] * LOOKS, 0), "what stays the same does not grow"
    yield not single(leaks(chance, -5)), "what shrinks does not grow"
    yield not single([1, 9, 99]), "three looks say nothing"
    yield single(leaks(chance, 5)), "a slow leak grows"
    yield single([20] * 60 + [25] * 30, 2), "a step late in the run grows"
    yield single([place // 10 for place in range(LOOKS)], 2), \
        "a descriptor every ten looks grows"
    yield not single([20] * 60 + [22] * 30, 2), "the slack is left to it"
    yield not lives(*flat), "lives that waver do not grow"
    yield lives(*bad), "lives that each leak and end grow"
    yield lives(*flat[:20], *bad[:10]), "one life in three is enough"
    yield not lives(*flat, bad[0]), "one life in thirty is not"
    yield not lives(*[leaks(chance, 500, 7)] * 9), \
        "lives that are too short say nothing"
    done = [place * 4000 + chance.uniform(-99, 99) for place in range(LOOKS)]
    line = [number * 690 for number in done]
    curve = [number * number / 500 for number in done]
    yield not judge_rate("it", "bytes", line, done, 20)["grows"], \
        "what grows with the requests does not grow"
    yield judge_rate("it", "bytes", curve, done, 20)["grows"], \
        "what grows faster than the requests grows"
    yield judge_rate("it", "bytes", curve, done, 20)["early"] > 0, \
        "how much for one request is told"


def sample(chance, place):
    """A look at a gateway in which nothing grows; workers retire."""
    life = place // 22
    process = {"own_kib": 1900, "files": 25, "pss_kib": 3000}
    return {
        "requests": place * 4000, "pss_kib": 60000,
        "workers": {pid: {**process, "born": life, "age": place % 22,
                          "own_kib": 1900 + chance.randrange(30)}
                    for pid in range(life * 18, life * 18 + 18)},
        "supervisor": dict(process), "web": dict(process),
        "logs": chance.randint(1, 2), "log_bytes": 16 << 20,
        "table_bytes": place * 4000 * 690, "shared_bytes": 90 << 20,
        "store": {"slots": 20, "lockers": 300 + chance.randrange(9),
                  "locks": 280, "lock_objects": 14, "transactions": 1,
                  "holds": 3, "log_names": 280, "mutexes": 4500 + place * 9,
                  "pages": place * 9}}


# What grows by how much from look to look, and the lines that tell of it.
LEAKS = [
    (("supervisor", "own_kib"), 4, "the supervisor's own memory"),
    (("supervisor", "files"), 0.05, "the supervisor's open files"),
    (("web", "own_kib"), 20, "lighttpd's own memory"),
    (("web", "files"), 1, "lighttpd's open files"),
    (("logs",), 0.1, "log files"),
    (("log_bytes",), 1 << 20, "bytes of log files"),
    (("shared_bytes",), 1 << 20, "shared memory"),
    (("store", "slots"), 0.2, "slots of processes"),
    (("store", "lockers"), 2, "lockers"),
    (("store", "locks"), 3, "locks"),
    (("store", "lock_objects"), 3, "objects that are locked"),
    (("store", "transactions"), 1, "transactions that run"),
    (("store", "holds"), 1, "holds"),
    (("store", "log_names"), 2, "names of tables in the log"),
    (("store", "mutexes"), 20, "mutexes, but for those of cached pages"),
]


def leaking(chance, path, step):
    """Samples in which one number grows."""
    samples = [sample(chance, place) for place in range(LOOKS)]
    for place, one in enumerate(samples):
        for name in path[:-1]:
            one = one[name]
        one[path[-1]] += int(place * step)
    return samples


def grown(samples):
    """The names of what grows."""
    return [line["what"] for line in watched.growth(samples)
            if line["grows"]]


def watched_cases(chance):
    """The same of what is looked at in a gateway."""
    still = leaking(chance, ("pss_kib",), 0)
    yield grown(still) == [], "a gateway that does not grow is passed"
    yield all(line["early"] is not None for line in watched.growth(still)), \
        "and all of it is judged"
    for path, step, name in LEAKS:
        yield grown(leaking(chance, path, step)) == [name], \
            f"noticed: {name}"
    for name, what in (("own_kib", "memory"), ("files", "files")):
        samples = leaking(chance, ("pss_kib",), 0)
        for one in samples:
            for worker in one["workers"].values():
                worker[name] += worker["age"] * (20 if what == "memory"
                                                 else 1)
        yield any("by its age" in line and what in line
                  for line in grown(samples)), \
            f"noticed: {what} of workers that retire"
    samples = leaking(chance, ("pss_kib",), 0)
    for place, one in enumerate(samples):
        one["table_bytes"] *= 1 + place / LOOKS
    yield grown(samples) == ["tables, for each request"], \
        "noticed: tables that grow faster than the requests"


def main():
    """Prints TAP."""
    count = failed = 0
    chance = random.Random(7)
    for good, name in (*cases(chance), *watched_cases(chance)):
        count += 1
        failed += not good
        print(f"{'ok' if good else 'not ok'} {count} - {name}")
    print(f"1..{count}")
    return 1 if failed else 0


sys.exit(main())
