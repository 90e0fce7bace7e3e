"""reference.py: help, completion and farebox.8 tell of every command."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402 (the path comes first)


def read(path):
    with open(os.path.join(harness.ROOT, path), encoding="utf-8") as file:
        return file.read()


def help_pages(tap, bench, listed):
    tap.ok(len(listed) > 25 and ("account", "create") in listed
           and ("routes",) in listed, "help lists the commands", listed)
    both = (bench.run("--help").out, bench.run("help").out)
    tap.ok(both[0] == both[1] and "Exit codes:" in both[0],
           "--help is help")
    for words in listed:
        page = bench.run("help", *words)
        tap.ok(page.rc == 0 and page.err == "" and page.out.startswith(
            "usage: farebox " + " ".join(words)),
            f"help {' '.join(words)}", page)
        tap.equal(bench.run(*words, "--help").out, page.out,
                  f"{' '.join(words)} --help")
    for noun in sorted({words[0] for words in listed if len(words) > 1}):
        page = bench.run("help", noun)
        named = {tuple(line.split()[:2]) for line in page.out.splitlines()}
        tap.ok({w for w in listed if w[0] == noun} <= named,
               f"help {noun}", page)


def options_of(bench, listed):
    options = set()
    for words in listed:
        options |= set(re.findall(r"^  --([a-z-]+)",
                                  bench.run("help", *words).out, re.M))
    return options


def manual(tap, bench, listed):
    path = os.path.join(harness.BUILD, "man", "farebox.8")
    if not os.path.exists(path):
        tap.skip("farebox.8", "it is not built")
        return
    with open(path, encoding="utf-8") as file:
        page = file.read()
    items = [line.replace(".It Cm ", "").replace(".Cm ", "")
             for line in page.splitlines()
             if line.startswith((".It Cm ", ".Cm "))]
    for words in listed:
        tap.ok(any(re.match(r"\b" + " ".join(words) + r"\b", item)
                   for item in items), f"farebox.8: {' '.join(words)}")
    for option in sorted(options_of(bench, listed)):
        tap.ok(re.search(rf"^\.It Fl -{option}\b", page, re.M),
               f"farebox.8: --{option}")


COMPLETE = r"""
. "$1"
shift
COMP_WORDS=(farebox "$@")
COMP_CWORD=$(($# ))
_farebox
printf '%s\n' "${COMPREPLY[@]}"
"""


def complete(path, *words):
    """What bash would offer for the last of the words."""
    run = subprocess.run(
        ["bash", "-euc", COMPLETE, "bash", path, *words],
        stdout=subprocess.PIPE, text=True, timeout=harness.TIMEOUT_S,
        check=True)
    return run.stdout.split()


def completion(tap, bench, listed):
    path = os.path.join(harness.ROOT, "contrib/completion/farebox.bash")
    tap.ok(bench.run("completion bash").out == read(
        "contrib/completion/farebox.bash"),
        "contrib/completion/farebox.bash is what the command prints")
    nouns = {words[0] for words in listed}
    tap.ok(nouns <= set(complete(path, "")), "nouns are completed")
    for noun in sorted(nouns):
        verbs = {words[1] for words in listed
                 if words[0] == noun and len(words) > 1}
        tap.ok(verbs <= set(complete(path, noun, "")), f"{noun} <TAB>")
    for words in listed:
        page = bench.run("help", *words).out
        options = set(re.findall(r"^  (--[a-z-]+)", page, re.M))
        tap.equal(set(complete(path, *words, "--")), options,
                  f"{' '.join(words)} --<TAB>")
    tap.equal(complete(path, "--config", "x", "key", "n"), ["new"],
              "the value of an option is no noun")
    tap.equal(complete(path, "key", "new", "--label", ""), [],
              "a label is not completed")


def tables(tap, bench):
    """What is printed is what the gateway is made from."""
    paths = re.findall(r'^ENDPOINT\((\w+), "([^"]+)"',
                       read("base/endpoint.def"), re.M)
    rows = bench.run("routes --json").rows()
    tap.equal([(r["method"], r["path"]) for r in rows], paths, "routes")
    chat = rows[[r["path"] for r in rows].index("/v1/chat/completions")]
    tap.equal(chat["needs"], ["key", "json", "credit"],
              "routes tell what they need")
    errors = re.findall(r"^ERROR\((\w+), (\d+)", read("base/error.def"), re.M)
    rows = bench.run("errors --json").rows()
    tap.equal([r["http"] for r in rows], [int(http) for _, http in errors],
              "errors")
    options = re.findall(r"^OPTION_(\w+)\(\w+, (\w+),",
                         read("base/option.def"), re.M)
    rows = bench.run("options --json").rows()
    tap.equal([(r["section"], r["name"]) for r in rows],
              [(section.lower(), name) for section, name in options],
              "options")
    for words in ("routes", "errors", "options"):
        table = bench.run(words).out.splitlines()
        count = len(bench.run(words, "--json").rows())
        tap.equal(len(table), count + 1, f"{words} is a table with a head")


def main():
    tap = harness.Tap()
    with harness.Bench() as bench:
        listed = harness.commands(bench)
        help_pages(tap, bench, listed)
        manual(tap, bench, listed)
        completion(tap, bench, listed)
        tables(tap, bench)
    tap.done()


main()
