"""smoke_test.py: the benchmark runs, and its results have every row."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("top_srcdir") or os.path.join(HERE, "..", "..")
BUILD = os.environ.get("top_builddir") or os.getcwd()
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
SERVERS = {"lighttpd": ("lighttpd",), "nginx": ("nginx",),
           "apache": ("apache2", "httpd")}
GROUPS = {
    "whole": {"farebox-process", "farebox-4", "farebox-many",
              "farebox-full"},
    "single": {"farebox-process"},
    "prompt": set(), "models": set(), "burst": set(),
    "whole-64": {"farebox-64"},
    "streams-1": set(), "streams-8": set(),
}
LABELS = {"401: unknown key", "402: no money"}


def present(server):
    """Whether this machine has a web server."""
    return any(shutil.which(name, path=PATH) for name in SERVERS[server])


def wanted():
    """(group, subject) of each row that there must be."""
    found = set()
    for group, more in GROUPS.items():
        end = "-streams" if group.startswith("streams-") else ""
        names = more | {"lighttpd"}
        if group != "whole-64":
            names.add("farebox" + end)
            names |= {"nginx"} if present("nginx") else set()
            names |= ({"farebox-apache" + end} if present("apache")
                      else set())
        found |= {(group, name) for name in names}
    return found


def run(output):
    """The benchmark, in brief; a file of results named by output."""
    return subprocess.run(
        [sys.executable, os.path.join(SOURCE, "contrib", "bench"), "--smoke",
         "--build", BUILD, "--output", output],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)


def is_flushed_right(row):
    """Whether a charge was flushed, once at most, and nothing else was.

    But for checkpoints, which come by the clock; beside few streams they count
    as much as these.
    """
    if "farebox" not in row["subject"]:
        return "flushes" not in row
    is_free = (row["subject"] == "farebox-process" or row["label"][:3] in
               ("401", "402", "429") or row["group"] == "models")
    if is_free:
        return row["flushes"] < 0.5
    return 0 < row["flushes"] and (row["group"].startswith("streams")
                                   or row["flushes"] < 1.5)


def checks(done, output):
    """(whether it is so, what) of each check."""
    yield done.returncode == 0, "the benchmark runs"
    with open(output + ".json", encoding="utf-8") as text:
        result = json.load(text)
    rows = result["rows"]
    found = {(row["group"], row["subject"]) for row in rows}
    for missing in wanted() - found:
        print(f"# missing: {missing}")
    yield wanted() <= found, "every row is there"
    yield LABELS <= {row["label"] for row in rows}, "refusals are asked for"
    yield all(row["requests_per_s"] > 0 and row["latency_p50_us"] > 0
              and row["pss_kib"] > 0 for row in rows), "no row is empty"
    yield all(row["events_per_s"] > 0 for row in rows
              if row["group"].startswith(("burst", "streams"))), \
        "streams have events"
    yield all(row[f"added_{part}_us"] is not None for row in rows
              for part in ("p50", "p90", "p99")), \
        "what each row adds to the bare proxy's times is told"
    yield all(is_flushed_right(row) for row in rows), \
        "flushes are counted where there are some, and nowhere else"
    yield all(f"  {row['subject']}" in done.stdout for row in rows), \
        "the table names every row"
    yield len(result["budget"]) > 8, "the budget is reckoned"
    xml.etree.ElementTree.parse(output + ".svg")
    yield True, "the plot is XML"


def main():
    """Prints TAP."""
    if not present("lighttpd"):
        print("1..0 # SKIP lighttpd is not installed")
        return 0
    count = failed = 0
    with tempfile.TemporaryDirectory(prefix="farebox-smoke-") as folder:
        output = os.path.join(folder, "bench")
        done = run(output)
        for line in done.stdout.splitlines():
            print(f"# {line}")
        for good, name in checks(done, output):
            count += 1
            failed += not good
            print(f"{'ok' if good else 'not ok'} {count} - {name}",
                  flush=True)
    print(f"1..{count}")
    return 1 if failed else 0


sys.exit(main())
