"""harness.py: what the tests of the farebox command share."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.environ.get("top_srcdir") or os.path.normpath(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.environ.get("top_builddir") or os.getcwd()
FAREBOX = os.environ.get("FAREBOX") or os.path.join(BUILD, "farebox")
TIMEOUT_S = 180

OK, WRONG, USAGE, NOT_FOUND, CONFLICT, UNUSABLE = range(6)

CONFIG = """\
[farebox]
store = {dir}/store
brand = testbrand
[provider demo]
base_url = http://127.0.0.1:9/v1
[model demo-chat]
route = demo cost_input=0.1 cost_output=0.3
price_input = 0.14
price_output = 0.28
[model vendor/large]
route = demo large-2
price_input = 10
price_output = 20.5
[plan free]
rpm = 10
concurrency = 2
[plan tier-1]
rpm = 500
tpm = 0
tps = 10
account_concurrency = 50
per_model = yes
"""


class Tap:
    """Counts checks and prints them as TAP."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, good, name, why=""):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        if not good and why != "":
            for line in str(why).splitlines():
                print(f"# {line}")
        sys.stdout.flush()
        return good

    def equal(self, got, expected, name):
        return self.ok(got == expected, name,
                       f"expected {expected!r}\ngot      {got!r}")

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}")

    def done(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)


class Answer:
    """What one run of the command said."""

    def __init__(self, run):
        self.rc = run.returncode
        self.out = run.stdout
        self.err = run.stderr

    def object(self):
        return json.loads(self.out)

    def rows(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __str__(self):
        return f"exit {self.rc}\nout: {self.out}\nerr: {self.err}"


class Bench:
    """A directory with a configuration, and the command run on it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="farebox-admin.")
        self.config = os.path.join(self.dir, "farebox.conf")
        self.store = os.path.join(self.dir, "store")
        self.seen = set()
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(dir=self.dir))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def environment(self):
        env = dict(os.environ)
        env["FAREBOX_CONFIG"] = self.config
        env["FAREBOX"] = FAREBOX
        return env

    def run(self, *words, program=None, before=(), **options):
        """Runs the command; words may also be one string of them."""
        if len(words) == 1:
            words = words[0].split()
        self.seen.add(tuple(words[:1]))
        self.seen.add(tuple(words[:2]))
        return Answer(subprocess.run(
            [*before, program or FAREBOX, *words], text=True,
            stdin=subprocess.DEVNULL, env=self.environment(),
            stdout=options.get("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE, timeout=TIMEOUT_S, check=False))


SECRET = re.compile(r"sk-testbrand-[0-9A-Za-z]{43}\n")
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def fails(tap, answer, rc, name):
    """It exits so, says why, and what to type next; nothing is answered."""
    tap.ok(answer.rc == rc and answer.out == ""
           and names_next_step(answer.err), name, answer)


def works(tap, answer, name):
    return tap.ok(answer.rc == OK, name, answer)


def names_next_step(text):
    """The last line is an error that ends with a command to type."""
    lines = text.splitlines()
    return bool(lines) and re.match(
        r"farebox: .+: (sudo -u \S+ )?\S*farebox( \S+)+$",
        lines[-1]) is not None


def commands(bench):
    """(noun,) or (noun, verb) of each command that help lists."""
    listed = []
    for line in bench.run("help").out.splitlines():
        found = re.match(r"  ([a-z]+)(?: ([a-z]+))?(?: [\[A-Z].*?)?  +[A-Z]",
                         line)
        if found:
            listed.append(tuple(word for word in found.groups() if word))
    return listed
