"""style.py: what the style tests share: TAP, and the files of the tree."""

import os
import re
import sys

ROOT = os.environ.get("top_srcdir") or os.path.normpath(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.environ.get("top_builddir") or os.getcwd()
ROOMS = ("base", "db", "upstream", "handlers", "fcgi", "admin")

# What autogen.sh and configure make, and what belongs to other programs.
GENERATED_DIRS = {".git", "autom4te.cache", "build", "build-aux", "_build",
                  "_inst", "node_modules", "__pycache__", ".venv", ".deps"}
GENERATED_ENDS = (".o", ".a", ".log", ".trs", ".pyc", "~", ".dirstamp")
GENERATED = {"INSTALL", "Makefile", "Makefile.in", "aclocal.m4", "config.h",
             "config.h.in", "config.log", "config.status", "configure",
             "stamp-h1"}


class Tap:
    """Counts checks, prints them as TAP, and says at the end how many."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, good, name, faults=()):
        """One check; each fault is a line that says where and what."""
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        for fault in faults:
            print(f"# {fault}")
        sys.stdout.flush()

    def clean(self, faults, name):
        """One check that passes when there are no faults."""
        self.ok(not faults, name, faults)

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}")

    def done(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def files(*tops, ends=()):
    """Paths of source files, relative to the root, in order."""
    found = []
    for top in tops or (".",):
        for folder, dirs, names in os.walk(os.path.join(ROOT, top)):
            rel = os.path.relpath(folder, ROOT)
            dirs[:] = sorted(
                d for d in dirs if d not in GENERATED_DIRS
                and not os.path.exists(
                    os.path.join(folder, d, "config.status")))
            for name in sorted(names):
                path = os.path.normpath(os.path.join(rel, name))
                if path in GENERATED or path.endswith(GENERATED_ENDS):
                    continue
                if not ends or name.endswith(tuple(ends)):
                    found.append(path)
    return found


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def lines(path):
    """(number, line without its end) of each line."""
    return list(enumerate(text(path).split("\n"), 1))


def is_script(path):
    """What interpreter a script's first line names, else None."""
    try:
        with open(os.path.join(ROOT, path), "rb") as file:
            first = file.readline(200).decode("ascii", "replace")
    except OSError:
        return None
    found = re.match(r"#! ?/\S*?(\w+)(?: (\w+))?\s*$", first)
    if not found:
        return None
    return found.group(2) if found.group(1) == "env" else found.group(1)
