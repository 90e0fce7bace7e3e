"""soak_test.py: under load of every kind all is answered as it should be, and
nothing is left behind; with FAREBOX_LONG for an hour, in which nothing grows.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("top_srcdir") or os.path.join(HERE, "..", "..")
BUILD = os.environ.get("top_builddir") or os.getcwd()
sys.path[:0] = [HERE, os.path.join(HERE, "..", "http")]

from pool_fixture import is_instrumented  # noqa: E402

LONG = bool(os.environ.get("FAREBOX_LONG")) and not is_instrumented()
MINUTES = "60" if LONG else "0.25"
# The first workers of both sockets, with the spare one.
WORKERS = 16 + 1 + 2
SERIES, PARTS = 20, 12
# Nobody sees a short life of a worker often enough to judge it.
OF_LIVES = 2
PATIENCE = 120


def command(minutes, folder):
    """The run; its results are in the folder's soak.json."""
    return [sys.executable, os.path.join(SOURCE, "contrib", "bench"),
            "--soak", minutes, "--build", BUILD, "--output",
            os.path.join(folder, "soak")]


def load_checks(result):
    """(whether it is so, what) of what was asked and answered."""
    parts = result["parts"]
    yield result["failed"] == [], "each answer is one that it may be"
    yield len(parts) == PARTS and all(
        sums["answers"] + sums["left"] for sums in parts.values()), \
        "every kind of request is made"
    yield parts["clients that leave"]["left"] > 0 and \
        result["errors"].get("client_left", 0) > 0, "clients leave"
    yield parts["a provider that fails"]["statuses"].get("502", 0) > 0, \
        "a provider fails"
    yield parts["402: no money"]["statuses"].get("402", 0) > 0, \
        "who has no money is refused"
    yield result["workers_seen"] > WORKERS, "workers retire"
    books = result["books"]
    yield books and books["ok"] and books["holds"] == 0 \
        and books["entries"] > 0, \
        "the books are right, and nothing is held"


def growth_checks(result, table):
    """The same of what was looked at."""
    lines = result["growth"]
    yield len(lines) == SERIES and len(result["samples"]) >= 8, \
        "all that could grow is looked at"
    yield all(line["early"] is not None for line in lines[OF_LIVES:]), \
        "each has a number"
    yield all(sample["workers"] and sample["store"]["lockers"] > 0
              and sample["log_bytes"] > 0 and sample["supervisor"]["files"]
              and sample["web"]["own_kib"] for sample in result["samples"]), \
        "no look sees nothing"
    yield all(line["what"] in table for line in lines), \
        "the table has every line"
    yield result["judged"] == LONG, "only a long run is judged"
    for line in lines if LONG else ():
        yield not line["grows"] and line["early"] is not None, \
            f"{line['what']}: from {line['early']} to {line['late']}"


def has_ended(group):
    """Whether a process group has nobody left."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def interrupt(folder):
    """Ctrl-C in the middle: (status, whether all have ended, what is left)."""
    files = os.path.join(folder, "interrupted")
    os.mkdir(files)
    # A shell has its background ignore it, and so would the run.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command("1", folder), stderr=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "TMPDIR": files})
    for line in process.stderr:
        if "lockers" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    for line in said.splitlines():
        print(f"# {line}")
    return process.returncode, has_ended(process.pid), os.listdir(files)


def checks(folder):
    """All of them."""
    done = subprocess.run(command(MINUTES, folder), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    for line in done.stdout.splitlines():
        print(f"# {line}")
    yield done.returncode == 0, "it runs"
    with open(os.path.join(folder, "soak.json"), encoding="utf-8") as text:
        result = json.load(text)
    yield from load_checks(result)
    yield from growth_checks(result, done.stdout)
    status, ended, left = interrupt(folder)
    yield status == 130, f"broken off, it says so: {status}"
    yield ended, "and leaves no process behind"
    yield not left, f"nor a file: {left}"


def main():
    """Prints TAP."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if not shutil.which("lighttpd", path=path):
        print("1..0 # SKIP lighttpd is not installed")
        return 0
    count = failed = 0
    with tempfile.TemporaryDirectory(prefix="farebox-soak-") as folder:
        for good, name in checks(folder):
            count += 1
            failed += not good
            print(f"{'ok' if good else 'not ok'} {count} - {name}",
                  flush=True)
    print(f"1..{count}")
    return 1 if failed else 0


sys.exit(main())
