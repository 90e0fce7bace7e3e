"""mint_key.py: contrib/mint-key makes what it says, and says what it made."""

import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402 (the path comes first)

MINT_KEY = os.path.join(harness.ROOT, "contrib", "mint-key")


def mint(bench, *words):
    return bench.run(MINT_KEY, *words, program="/bin/sh")


def account(bench, name):
    return bench.run("account", "show", name, "--json").object()


def first(tap, bench):
    made = mint(bench, "--base-url", "http://h:8/v1/", "acme", "2.5", "phone")
    tap.ok(made.rc == 0 and made.err == "", "an account, credit and a key",
           made)
    secrets = set(re.findall(r"sk-testbrand-\w{43}", made.out))
    tap.equal(len(secrets), 1, "one secret is printed")
    tap.equal(account(bench, "acme")["balance"], "2.5", "the credit is there")
    key = bench.run("key show acme/phone --json").object()
    tap.ok(secrets.pop().endswith(key["last4"]), "the secret is the key's")
    tap.ok(made.out.count("http://h:8/v1\"") == 2
           and "curl http://h:8/v1/chat/completions " in made.out
           and made.out.count('"demo-chat"') == 3,
           "the snippets have the URL and a model", made)
    curl = re.search(r"-d '(.*)'", made.out)
    tap.equal(json.loads(curl.group(1))["model"], "demo-chat",
              "the body is JSON")


def again(tap, bench):
    made = mint(bench, "--config", bench.config, "acme")
    tap.ok(made.rc == 0 and "2.5 USD" in made.out,
           "again, without credit", made)
    tap.equal(account(bench, "acme")["balance"], "2.5", "none was added")
    tap.equal(len(bench.run("key list acme --json").rows()), 2,
              "a second key")


def plans(tap, bench):
    made = mint(bench, "--plan", "free", "second")
    tap.ok(made.rc == 0 and account(bench, "second")["plan"] == "free",
           "a new account on a plan", made)
    made = mint(bench, "second")
    tap.ok(made.rc == 0 and account(bench, "second")["plan"] == "free",
           "it keeps its plan", made)
    made = mint(bench, "--plan", "tier-1", "second", "1")
    tap.ok(made.rc == 0 and account(bench, "second")["plan"] == "tier-1",
           "until it is given another", made)
    for name in ("second", "third"):
        answer = mint(bench, "--plan", "gold", name, "1")
        tap.ok(answer.rc == harness.NOT_FOUND and answer.out == ""
               and "free, tier-1" in answer.err, "no such plan", answer)
    tap.equal(account(bench, "second")["balance"], "1",
              "and nothing was added")
    tap.equal(bench.run("account show third").rc, harness.NOT_FOUND,
              "nor an account made")


def mistakes(tap, bench):
    for words in ((), ("--nope", "acme"), ("--config",), ("--plan",),
                  ("a", "1", "b", "c")):
        answer = mint(bench, *words)
        tap.ok(answer.rc == harness.USAGE and answer.out == "",
               f"usage: {' '.join(words)}", answer)
    keys = bench.run("key list --json").out
    for words, rc in ((("acme", "much"), harness.USAGE),
                      (("a b",), harness.USAGE),
                      (("--config", "/nonexistent", "acme"),
                       harness.UNUSABLE)):
        answer = mint(bench, *words)
        tap.ok(answer.rc == rc and answer.out == ""
               and harness.names_next_step(answer.err),
               f"farebox says no: {' '.join(words)}", answer)
    tap.equal(bench.run("key list --json").out, keys, "no key was made")


def main():
    tap = harness.Tap()
    with harness.Bench() as bench:
        bench.run("store init")
        first(tap, bench)
        again(tap, bench)
        plans(tap, bench)
        mistakes(tap, bench)
    tap.done()


main()
