"""commands.py: every subcommand, what it prints and how it exits."""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402 (the path comes first)
from harness import (CONFLICT, NOT_FOUND, OK, SECRET,  # noqa: E402
                     UNUSABLE, USAGE, UTC, WRONG, fails, works)
from key_care import key_care, peppers  # noqa: E402
from plans import plans  # noqa: E402
from store_moves import store_moves  # noqa: E402


def store(tap, bench):
    fails(tap, bench.run("account list"), UNUSABLE, "there is no store yet")
    made = bench.run("store init --json")
    works(tap, made, "store init")
    tap.equal(made.object(), {"store": bench.store}, "it names the store")
    tap.equal(os.stat(bench.store).st_mode & 0o777, 0o700,
              "nobody else gets at the store")
    fails(tap, bench.run("store init"), CONFLICT, "a second store init")
    other = os.path.join(bench.dir, "other")
    works(tap, bench.run("store", "init", "--dir", other), "store init --dir")
    works(tap, bench.run("store", "check", "--dir", other),
          "store check --dir")
    works(tap, bench.run("store", "recover", "--dir", other),
          "store recover --dir")
    forced = bench.run("store", "recover", "--dir", other, "--force",
                       "--json")
    works(tap, forced, "store recover --force")
    tap.equal(forced.object(), {"store": other}, "recover --json")
    fails(tap, bench.run("store", "recover", "--dir", "/nonexistent/store"),
          UNUSABLE, "there is nothing to recover")
    empty = os.path.join(bench.dir, "empty")
    os.mkdir(empty, 0o700)
    fails(tap, bench.run("store", "check", "--dir", empty), UNUSABLE,
          "an empty directory is no store")
    works(tap, bench.run("store check"), "store check")


def accounts(tap, bench):
    empty = bench.run("account list --json")
    tap.ok(empty.rc == OK and empty.out == "" and "account create" in
           empty.err, "an empty list says how to begin", empty)
    made = bench.run("account create acme --json")
    works(tap, made, "account create")
    tap.equal((made.object()["number"], made.object()["balance"]), (1, "0"),
              "the first account is number 1 and has nothing")
    quiet = bench.run("account create second --quiet")
    tap.ok(quiet.rc == OK and quiet.out == quiet.err == "",
           "--quiet says nothing", quiet)
    fails(tap, bench.run("account create acme"), CONFLICT,
          "the name is taken")
    for name in ("", "42", "-x", "a b", "x" * 64, "a/b"):
        answer = bench.run("account", "create", "--", name)
        fails(tap, answer, USAGE, f"'{name[:9]}' is no name")
    rows = bench.run("account list --json").rows()
    tap.equal([row["account"] for row in rows], ["acme", "second"],
              "account list --json has a line for each")
    table = bench.run("account list").out.splitlines()
    tap.ok(len(table) == 3 and table[0].split()[:2] == ["NUMBER", "ACCOUNT"]
           and table[1].split()[:3] == ["1", "acme", "active"],
           "account list is a table", table)
    tap.equal(bench.run("account show 2 --json").object()["account"],
              "second", "an account is found by its number")
    show = bench.run("account show acme")
    tap.ok(re.search(r"^balance +0$", show.out, re.M) and UTC.search(show.out),
           "account show has a line for each member", show)
    missing = bench.run("account show nobody")
    fails(tap, missing, NOT_FOUND, "no such account")
    tap.ok(missing.err.endswith("farebox account create nobody\n"),
           "it says how to make it", missing)
    fails(tap, bench.run("account show 99"), NOT_FOUND, "no such number")
    for verb, state in (("suspend", "suspended"), ("resume", "active")):
        for _ in range(2):
            answer = bench.run(f"account {verb} second --json")
            tap.ok(answer.rc == OK and answer.object()["state"] == state,
                   f"account {verb}", answer)


def credit(tap, bench):
    added = bench.run("credit", "add", "acme", "5.000000001", "--json",
                      "--note", "first deposit")
    works(tap, added, "credit add")
    tap.equal(added.object()["balance"], "5.000000001",
              "a nano-dollar is not lost")
    for sum_ in ("1e3", "5,0", "$5", "", "0x5", "5.0000000001", "five", "+5",
                 "99999999999", "0"):
        fails(tap, bench.run("credit", "add", "acme", sum_), USAGE,
              f"'{sum_}' is no deposit")
    fails(tap, bench.run("credit", "add", "acme", "--", "-5"), USAGE,
          "a deposit is not below zero")
    minus = bench.run("credit adjust acme -5")
    fails(tap, minus, USAGE, "an amount below zero wants '--'")
    tap.ok("'--'" in minus.err, "it says so", minus)
    adjusted = bench.run("credit adjust acme --json -- -0.25")
    tap.ok(adjusted.rc == OK and
           adjusted.object()["balance"] == "4.750000001", "credit adjust",
           adjusted)
    fails(tap, bench.run("credit adjust acme -- -50"), CONFLICT,
          "a balance does not go below zero")
    fails(tap, bench.run("credit adjust acme 0"), USAGE, "nothing to adjust")
    fails(tap, bench.run("credit add acme 9223372036"), CONFLICT,
          "a balance has an upper end")
    fails(tap, bench.run("credit add nobody 5"), NOT_FOUND,
          "credit for nobody")
    fails(tap, bench.run("credit", "add", "acme", "5", "--note", "x" * 64),
          USAGE, "a note has an upper end")
    fails(tap, bench.run("credit", "add", "acme", "5", "--note", "a\nb"),
          USAGE, "a note is one line")
    rows = bench.run("credit history acme --json").rows()
    tap.equal([(r["kind"], r["amount"], r["balance"], r["note"])
               for r in rows],
              [("adjustment", "-0.25", "4.750000001", None),
               ("deposit", "5.000000001", "5.000000001", "first deposit")],
              "credit history, newest first")
    tap.equal(len(bench.run("credit history acme --json --limit 1").rows()),
              1, "--limit")
    for limit in ("0", "-1", "x", "100001", "1.5", ""):
        fails(tap, bench.run("credit", "history", "acme",
                             f"--limit={limit}"), USAGE,
              f"--limit '{limit}'")
    table = bench.run("credit history acme").out.splitlines()
    points = {line.index(".", 40) for line in table[1:]}
    tap.ok(len(table) == 3 and len(points) == 1,
           "decimal points stand above each other", "\n".join(table))


def keys(tap, bench):
    new = bench.run("key new acme --label laptop --quiet")
    tap.ok(new.rc == OK and SECRET.fullmatch(new.out) and new.err == "",
           "key new prints the secret and nothing else", new)
    told = bench.run("key new acme")
    tap.ok(told.rc == OK and SECRET.fullmatch(told.out)
           and "key 2 (acme/default)" in told.err
           and told.out.strip() not in told.err,
           "words for people stand elsewhere, without the secret", told)
    poor = bench.run("key new second")
    tap.ok("credit add second" in poor.err,
           "an account without credit is told of", poor)
    full = bench.run("key", "new", "acme", "--label", "full", "--scope",
                     "demo-chat,vendor/large,demo-chat", "--budget", "2.5",
                     "--expires", "2099-01-31", "--json")
    works(tap, full, "key new with everything")
    made = full.object()
    tap.equal([made[m] for m in ("label", "scope", "budget", "expires",
                                 "state", "account")],
              ["full", "list", "2.5", "2099-01-31T00:00:00Z", "active",
               "acme"], "it is as ordered")
    tap.equal(sorted(made["models"]), ["demo-chat", "vendor/large"],
              "a model is listed once")
    tap.ok(SECRET.fullmatch(made["secret"] + "\n")
           and made["secret"].endswith(made["last4"]), "--json has the secret")
    shown = bench.run("key", "show", str(made["number"]), "--json")
    tap.ok(shown.rc == OK and "secret" not in shown.object()
           and made["secret"] not in shown.out,
           "the secret is not shown again", shown)
    span = bench.run("key new acme --label span --expires 2h --json").object()
    tap.ok(UTC.fullmatch(span["expires"]) and
           span["expires"] > span["created"], "--expires takes a span", span)
    bad_keys(tap, bench)
    change_keys(tap, bench)
    listed = bench.run("key list acme --json").rows()
    tap.ok(listed and all(row["account"] == "acme" for row in listed)
           and len(bench.run("key list --json").rows()) == len(listed) + 1,
           "key list, of one account and of all", listed)
    table = bench.run("key list").out
    tap.ok(table.startswith("NUMBER  ACCOUNT  LABEL") and made["last4"] in
           table and made["secret"] not in table, "key list is a table",
           table)


def bad_keys(tap, bench):
    before = bench.run("key list --json").out
    for option, value in (
            ("--expires", "2020-01-31"), ("--expires", "2099-02-31"),
            ("--expires", "30"), ("--expires", "30x"), ("--expires", "-1d"),
            ("--expires", "99999999999w"), ("--expires", "2099-1-1x"),
            ("--budget", "much"), ("--budget", "-1"), ("--label", ""),
            ("--label", "x" * 48), ("--label", "a\tb"), ("--scope", ""),
            ("--scope", "demo-chat,"), ("--scope", "m" * 128)):
        fails(tap, bench.run("key", "new", "acme", f"{option}={value}"),
              USAGE, f"key new {option}={value[:20]!r}")
    fails(tap, bench.run("key new nobody"), NOT_FOUND, "a key for nobody")
    fails(tap, bench.run("key new acme --scope no-such-model"), NOT_FOUND,
          "a model that is not configured")
    tap.equal(bench.run("key list --json").out, before,
              "none of these made a key")
    forced = bench.run("key new acme --scope no-such-model --force --json "
                       "--label forced")
    tap.ok(forced.rc == OK and forced.object()["models"] ==
           ["no-such-model"], "--force lists it all the same", forced)
    chat = bench.run("key new acme --scope chat --json --label chat")
    tap.ok(chat.rc == OK and chat.object()["scope"] == "chat",
           "--scope chat", chat)


def change_keys(tap, bench):
    for verb, state in (("disable", "disabled"), ("enable", "active"),
                        ("revoke", "revoked"), ("revoke", "revoked")):
        answer = bench.run(f"key {verb} acme/laptop --json")
        tap.ok(answer.rc == OK and answer.object()["state"] == state,
               f"key {verb}", answer)
    fails(tap, bench.run("key enable 1"), CONFLICT,
          "a revoked key stays revoked")
    fails(tap, bench.run("key show 99"), NOT_FOUND, "no such key")
    fails(tap, bench.run("key show 0"), NOT_FOUND, "no key 0")
    fails(tap, bench.run("key show acme/none"), NOT_FOUND, "no such label")
    fails(tap, bench.run("key show nobody/none"), NOT_FOUND,
          "no such account's key")
    fails(tap, bench.run("key show laptop"), USAGE, "a label alone")
    bench.run("key new acme --label laptop")
    answer = bench.run("key show acme/laptop --json")
    tap.ok(answer.rc == OK and answer.object()["state"] == "active",
           "a label means the key that is not revoked", answer)
    bench.run("key new acme --label laptop")
    fails(tap, bench.run("key show acme/laptop"), USAGE,
          "a label that two keys bear")


def usage(tap, bench):
    fails(tap, bench.run("usage list nobody"), NOT_FOUND, "usage of nobody")
    fails(tap, bench.run("usage list acme --before yesterday"), USAGE,
          "--before is a request ID")
    fails(tap, bench.run("usage list acme --limit x"), USAGE,
          "usage list --limit")
    none = bench.run("usage list acme")
    tap.ok(none.rc == OK and none.out == "", "no usage yet", none)
    spend = os.path.join(harness.BUILD, "tests", "admin", "spend")
    if not os.path.exists(spend):
        tap.skip("usage list", "tests/admin/spend is not built")
        return
    for cost in ("250000001", "5", "0"):
        subprocess.run([spend, bench.store, "1", "2", "vendor/large", cost],
                       check=True, timeout=harness.TIMEOUT_S)
    rows = bench.run("usage list acme --json").rows()
    tap.equal([row["cost"] for row in rows],
              ["0", "0.000000005", "0.250000001"],
              "usage list, newest first")
    tap.ok(all(row["model"] == "vendor/large" and row["key"] == 2
               and row["key_label"] == "default"
               and len(row["key_last4"]) == 4 and row["http"] == 200
               and row["input_tokens"] == 7 and UTC.fullmatch(row["time"])
               for row in rows), "each row has what there is to know", rows)
    older = bench.run("usage", "list", "acme", "--json", "--before",
                      rows[0]["request_id"], "--limit", "1").rows()
    tap.equal(older, rows[1:2], "--before and --limit")
    table = bench.run("usage list acme").out.splitlines()
    tap.ok(len(table) == 4 and rows[2]["request_id"] in table[3],
           "usage list is a table", "\n".join(table))
    newest = bench.run("credit history acme --json").rows()[0]
    tap.equal([newest["kind"], newest["amount"], newest["key"]],
              ["settlement", "-0.000000005", 2],
              "a settlement stands in the ledger")


def books(tap, bench):
    check = bench.run("ledger check --json")
    works(tap, check, "ledger check")
    totals = check.object()
    tap.ok(totals["ok"] and totals["wrong"] == 0
           and totals["accounts"] == 2 and totals["complaints"] == [],
           "its totals", totals)
    tap.ok(re.search(r"^ok +yes$", bench.run("ledger check").out, re.M),
           "ledger check for people")
    wrong = os.path.join(harness.BUILD, "tests", "admin", "wrong_books")
    if not os.path.exists(wrong):
        tap.skip("wrong books", "tests/admin/wrong_books is not built")
        return
    for words in ("ledger check --json", "store check --json"):
        answer = bench.run(words, program=wrong)
        tap.ok(answer.rc == WRONG and not answer.object()["ok"]
               and answer.object()["complaints"] ==
               ["a first complaint", "a second complaint"],
               f"{words}: wrong books", answer)
        tap.ok(answer.err.startswith("a first complaint\na second complaint"
                                     "\nfarebox: 2 statements"),
               "complaints go to standard error", answer)


def configuration(tap, bench):
    models = bench.run("model list --json").rows()
    tap.equal([(m["id"], m["price_input"], m["provider_model"])
               for m in models],
              [("demo-chat", "0.14", "demo-chat"),
               ("vendor/large", "10", "large-2")], "model list --json")
    tap.ok(bench.run("model list").out.startswith("MODEL"), "model list")
    kinds = os.path.join(bench.dir, "kinds.conf")
    with open(kinds, "w", encoding="utf-8") as file:
        file.write("[provider p]\nbase_url = http://h/v1\n" + "".join(
            f"[model {kind}]\nroute = p\nkind = {kind}\n{price}\n"
            for kind, price in (
                ("image", "price_images = 0.04, hd 1792x1024 0.12"),
                ("speech", "price_characters = 15"),
                ("transcription", "price_second = 0.0001"))))
    models = bench.run("model", "list", "--config", kinds, "--json").rows()
    tap.equal([(m["kind"], m["price_other"]) for m in models],
              [("image", "0.04, hd 1792x1024 0.12"),
               ("speech", "15 per 1M characters"),
               ("transcription", "0.0001 per second")],
              "model list tells every kind's prices")
    good = bench.run("config check --json")
    tap.ok(good.rc == OK and good.object()["ok"]
           and good.object()["models"] == 2, "config check", good)
    bad = os.path.join(bench.dir, "bad.conf")
    with open(bad, "w", encoding="utf-8") as file:
        file.write("[farebox]\nbrnd = x\nbody_bytes_max = many\n")
    answer = bench.run("config", "check", "--config", bad, "--json")
    tap.ok(answer.rc == WRONG and len(answer.object()["problems"]) >= 2
           and "bad.conf:2:" in answer.err and "bad.conf:3:" in answer.err
           and not answer.object()["ok"], "all problems at once", answer)
    fails(tap, bench.run("config", "check", "--config", bad), WRONG,
          "config check says what next")
    used = bench.run("account", "list", "--config", bad)
    fails(tap, used, UNUSABLE, "a bad configuration is not used")
    tap.ok(f"--config {bad} config check" in used.err.splitlines()[-1],
           "the hint keeps --config", used)
    for words in ("config check", "account list"):
        fails(tap, bench.run(*words.split(), "--config", "/nonexistent"),
              UNUSABLE, f"{words}: no configuration")
    sample = bench.run("config sample")
    tap.ok(sample.rc == OK and "[farebox]" in sample.out, "config sample")


def doctor_says(bench):
    """What is found out, each as its check and its first word."""
    return [f"{row['check']} {row['detail'].split()[0]}"
            for row in bench.run("doctor --json").rows()]


def providers(tap, bench):
    rows = bench.run("model routes --json").rows()
    tap.equal([(r["id"], r["route"], r["provider_model"], r["priority"],
                r["margin_input"], r["margin_output"]) for r in rows],
              [("demo-chat", "demo", "demo-chat", 1, "0.04", "-0.02"),
               ("vendor/large", "demo", "large-2", 1, None, None)],
              "model routes --json")
    tap.equal(len(bench.run("model routes vendor/large").out.splitlines()),
              2, "model routes of one model")
    fails(tap, bench.run("model routes nothing"), NOT_FOUND,
          "routes of no model")
    row = bench.run("provider list --json").rows()[0]
    tap.ok((row["provider"], row["state"], row["since"], row["calls"],
            row["why"]) == ("demo", "closed", None, 0, None),
           "provider list --json", row)
    for verb, state in (("open", "kept open"), ("close", "kept closed"),
                        ("reset", "closed")):
        answer = bench.run(f"provider {verb} demo --json")
        tap.ok(answer.rc == OK and answer.object()["state"] == state and
               UTC.fullmatch(answer.object()["since"]),
               f"provider {verb}", answer)
        tap.ok(re.search(f"demo +{state} ", bench.run("provider list").out),
               f"provider list after {verb}")
        tap.equal("provider demo" in doctor_says(bench), verb == "open",
                  f"doctor after {verb}")
        fails(tap, bench.run(f"provider {verb} nobody"), NOT_FOUND,
              f"provider {verb} of no provider")


def command_line(tap, bench):
    for words in ("", "account", "acount list", "account lst", "account show",
                  "account show a b", "account show --nope a",
                  "account show acme --label x", "key new acme --label",
                  "help account nope", "ledger", "config sample --json"):
        answer = bench.run(*words.split())
        tap.ok(answer.rc == USAGE and answer.out == "" and
               (not words or harness.names_next_step(answer.err)),
               f"usage: '{words}'", answer)
    tap.ok(bench.run("--version").out.startswith("farebox "), "--version")
    mixed = bench.run("--json", "account", "--quiet", "show", "acme")
    tap.ok(mixed.rc == OK and mixed.object()["account"] == "acme",
           "options stand anywhere", mixed)
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w", encoding="utf-8") as full:
            lost = bench.run("account", "list", stdout=full)
        tap.ok(lost.rc == UNUSABLE and "standard output" in lost.err,
               "an answer that is lost is no success", f"exit {lost.rc}")
    shut = bench.run("-c", 'exec "$0" key new acme >&-', harness.FAREBOX,
                     program="/bin/sh")
    tap.ok(shut.rc == UNUSABLE, "standard output may be closed", shut)
    tap.ok(bench.run("store check").rc == OK, "and the store is unharmed")


def wrong_user(tap, bench):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        tap.skip("the wrong user", "not root, or no setpriv")
        return
    os.chmod(bench.dir, 0o755)
    os.chown(bench.store, 12345, 12345)
    for words in ("account list", "store init", "store recover"):
        answer = bench.run(words)
        fails(tap, answer, UNUSABLE, f"root is the wrong user: {words}")
        tap.ok(f": sudo -u '#12345' {harness.FAREBOX} --config "
               f"{bench.config} {words}\n" in answer.err,
               "it says how to run it", answer)
    os.chown(bench.store, 0, 0)
    copy = os.path.join(bench.dir, "farebox")
    shutil.copy(harness.FAREBOX, copy)
    os.chmod(copy, 0o755)
    answer = bench.run(
        "key new acme", program=copy,
        before=("setpriv", "--reuid=65534", "--regid=65534",
                "--clear-groups"))
    fails(tap, answer, UNUSABLE, "another user is the wrong user")
    tap.ok(": sudo -u root " in answer.err, "it says who is right", answer)
    works(tap, bench.run("account list"), "the owner is the right user")


def main():
    tap = harness.Tap()
    with harness.Bench() as bench:
        for part in (store, accounts, credit, keys, key_care, peppers,
                     usage, books, store_moves, plans, configuration,
                     providers, command_line, wrong_user):
            part(tap, bench)
        for words in ("routes", "errors", "options"):
            answer = bench.run(words, "--json")
            tap.ok(answer.rc == OK and len(answer.rows()) > 3, words, answer)
        tap.ok(bench.run("completion bash").rc == OK, "completion bash")
        tap.equal(bench.run("doctor --json").rc, OK, "doctor")
        unseen = [c for c in harness.commands(bench) if c not in bench.seen]
        tap.equal(unseen, [], "every command was run")
    tap.done()


main()
