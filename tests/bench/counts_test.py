"""counts_test.py: a request costs no more than it did: calls, flushes,
instructions, allocations.

These are upper bounds, a little above what was counted on Debian 12 (amd64,
-O2), so that other libraries and processors fit as well.  Who makes the gateway
cheaper lowers them.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("top_srcdir", os.path.join(HERE, "..", ".."))
os.environ.setdefault("top_builddir", os.getcwd())
sys.path[:0] = [HERE, os.path.join(HERE, "..", "http")]

import counts  # noqa: E402
from pool_fixture import is_instrumented  # noqa: E402

# Of system calls, flushes, instructions and allocations.
LIMITS = {
    "a whole answer": (40, 1, 450000, 180),
    "a prompt of 64 KB": (70, 1, 3500000, 185),
    "a stream of 20 events": (130, 1, 780000, 200),
    "401: unknown key": (24, 0, 125000, 40),
}


def main():
    """Prints TAP."""
    if is_instrumented():
        print("1..0 # SKIP built with sanitizers")
        return 0
    kinds = list(counts.UNKNOWN)
    print(f"1..{len(LIMITS) * len(kinds)}", flush=True)
    found = counts.all_counts(lambda words: print(f"# {words}", flush=True),
                              {name: counts.CASES[name] for name in LIMITS})
    number = failed = 0
    for name, limits in LIMITS.items():
        for kind, limit in zip(kinds, limits):
            number += 1
            got = found[name][kind]
            what = f"{number} - {name}: {got} {kind}, at most {limit}"
            if got == "-":
                print(f"ok {what} # SKIP what counts them is not there")
                continue
            failed += got > limit
            print(f"{'ok' if got <= limit else 'not ok'} {what}")
    return 1 if failed else 0


sys.exit(main())
