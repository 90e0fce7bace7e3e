"""plans.py: the part of commands.py about plans, and limits of keys."""

import re

from harness import (CONFLICT, NOT_FOUND, OK, USAGE, UNUSABLE, fails, works)


def count(bench):
    """How many accounts each plan has."""
    return {row["plan"]: row["accounts"]
            for row in bench.run("plan list --json").rows()}


def limits(bench, key):
    """Name to value and origin of each limit in force."""
    return {row["limit"]: (row["value"], row["from"])
            for row in bench.run(f"key limits {key} --json").rows()}


def own(answer):
    """A key's own limits, of a key as an object."""
    return [answer[name] for name in ("rpm", "tpm", "tps", "concurrency")]


def account_plans(tap, bench):
    before = count(bench)
    tap.equal((list(before), before["free"]),
              (["default", "free", "tier-1"], 0), "plan list --json")
    row = bench.run("plan list --json").rows()[2]
    tap.equal(row, {"plan": "tier-1", "configured": True, "rpm": 500,
                    "tpm": 0, "tps": 10, "concurrency": 0,
                    "account_concurrency": 50, "per_model": True,
                    "accounts": 0}, "with all limits")
    made = bench.run("account create planned --plan free --json")
    tap.ok(made.rc == OK and made.object()["plan"] == "free",
           "account create --plan", made)
    table = bench.run("plan list").out.splitlines()
    tap.ok(len(table) == 4 and table[2].split() ==
           "free 10 120000 none 2 none no 1".split(), "plan list is a table",
           "\n".join(table))
    plan = bench.run("account plan planned tier-1 --json")
    tap.ok(plan.rc == OK and plan.object()["plan"] == "tier-1",
           "account plan", plan)
    tap.equal(count(bench)["tier-1"], 1, "plan list counts the account")
    told = bench.run("account plan planned free")
    tap.ok(told.rc == OK and told.out == "" and "'free'" in told.err,
           "account plan tells people", told)
    for words in ("account plan planned gold", "account plan planned Free",
                  "account create other --plan gold"):
        answer = bench.run(words)
        fails(tap, answer, NOT_FOUND, f"no such plan: {words}")
        tap.ok("default, free, tier-1" in answer.err,
               "it names those that there are", answer)
    fails(tap, bench.run("account plan nobody free"), NOT_FOUND,
          "a plan for nobody")
    fails(tap, bench.run("account show other"), NOT_FOUND,
          "without a plan no account is made")
    listed = {row["account"]: row["plan"]
              for row in bench.run("account list --json").rows()}
    tap.equal((listed["planned"], listed["acme"]), ("free", "default"),
              "account list --json shows the plans")
    tap.ok(re.search(r"planned +active +free ",
                     bench.run("account list").out), "and so does the table")
    cleared = bench.run("account plan planned default --json")
    tap.equal(cleared.object()["plan"], "default", "account plan default")
    tap.equal(count(bench), dict(before, default=before["default"] + 1),
              "which is the plan of those that have none")


def shown_limits(tap, bench):
    number = bench.run("key new planned --label k --json").object()["number"]
    bench.run("account plan planned tier-1 --quiet")
    tap.equal(limits(bench, number),
              {"rpm": (500, "plan"), "tpm": (0, "plan"), "tps": (10, "plan"),
               "concurrency": (0, "plan"),
               "account_concurrency": (50, "plan")},
              "key limits: those of the plan")
    rows = bench.run(f"key limits {number} --json").rows()
    tap.equal([(row["unit"], row["for_each"], row["plan"]) for row in rows],
              [("requests per minute", "key and model", "tier-1"),
               ("tokens per minute", "key and model", "tier-1"),
               ("tokens per second", "key and model", "tier-1"),
               ("requests", "key", "tier-1"),
               ("requests", "account", "tier-1")], "and what they count")
    set_ = bench.run(f"key limits {number} --rpm 7 --tps none --json")
    tap.ok(set_.rc == OK and set_.rows() ==
           bench.run(f"key limits {number} --json").rows(),
           "key limits sets some, and shows all", set_)
    tap.equal(limits(bench, number),
              {"rpm": (7, "key"), "tpm": (0, "plan"), "tps": (0, "key"),
               "concurrency": (0, "plan"),
               "account_concurrency": (50, "plan")}, "these are the key's")
    table = bench.run("key limits planned/k --concurrency 3")
    words = [line.split() for line in table.out.splitlines()]
    tap.ok(table.rc == OK and "key limits" in table.err
           and words[1][:2] == ["rpm", "7"] and words[3][:2] ==
           ["tps", "none"] and words[4][:2] == ["concurrency", "3"],
           "what is not named stays as it is", table)
    show = bench.run(f"key show {number}")
    tap.ok(re.search(r"^rpm +7$", show.out, re.M)
           and re.search(r"^tpm +plan$", show.out, re.M)
           and re.search(r"^tps +none$", show.out, re.M),
           "key show shows its own", show)
    listed = [row for row in bench.run("key list planned --json").rows()]
    tap.equal(own(listed[0]), [7, None, 0, 3], "and so does key list --json")
    return number


def bad_limits(tap, bench, number):
    before = limits(bench, number)
    for option, value in (
            ("--rpm", ""), ("--rpm", "-1"), ("--rpm", "1000001"),
            ("--tpm", "1000000001"), ("--tpm", "1e3"), ("--tpm", "+5"),
            ("--tps", "1000001"), ("--tps", "many"), ("--tps", " 5"),
            ("--concurrency", "4097"), ("--concurrency", "1.5"),
            ("--concurrency", "99999999999999999999")):
        for words in (("key", "limits", str(number)),
                      ("key", "new", "planned")):
            fails(tap, bench.run(*words, "--rpm=5", f"{option}={value}"),
                  USAGE, f"{' '.join(words[:2])} {option}={value!r}")
    tap.equal(limits(bench, number), before, "none of these set any")
    fails(tap, bench.run("key limits 999 --rpm 5"), NOT_FOUND,
          "limits of no key")


def change_limits(tap, bench, number):
    left = bench.run(f"key limits {number} --rpm plan --tps plan --tpm 0 "
                     "--concurrency 4096 --json")
    works(tap, left, "key limits leaves some to the plan")
    tap.equal(limits(bench, number),
              {"rpm": (500, "plan"), "tpm": (0, "key"), "tps": (10, "plan"),
               "concurrency": (4096, "key"),
               "account_concurrency": (50, "plan")},
              "0 is the same as none")
    bench.run("account plan planned free --quiet")
    tap.equal(limits(bench, number)["rpm"], (10, "plan"),
              "another plan, another limit")
    made = bench.run("key new planned --label fast --rpm 1000000 "
                     "--tpm 1000000000 --tps plan --concurrency none --json")
    tap.ok(made.rc == OK and own(made.object()) ==
           [1000000, 1000000000, None, 0], "key new with limits", made)
    usual = bench.run("key new planned --label usual --json").object()
    tap.equal(own(usual), [None] * 4, "key new leaves them to the plan")
    rotated = bench.run("key rotate planned/fast --json").object()
    tap.equal(own(rotated), own(made.object()), "key rotate leaves them")
    works(tap, bench.run("key revoke planned/fast"), "key revoke")
    fails(tap, bench.run("key limits planned/fast --rpm 5"), CONFLICT,
          "a revoked key: key limits")
    works(tap, bench.run("key limits planned/fast"),
          "its limits can be looked at")


def lost_plan(tap, bench, number):
    """The configuration no longer has the plan of an account."""
    with open(bench.config, encoding="utf-8") as file:
        text = file.read()
    with open(bench.config, "w", encoding="utf-8") as file:
        file.write(text.replace("[plan free]", "[plan gratis]"))
    rows = bench.run("plan list --json")
    tap.ok(rows.rc == OK and rows.rows()[-1]["plan"] == "free"
           and not rows.rows()[-1]["configured"]
           and rows.rows()[-1]["rpm"] is None
           and rows.rows()[-1]["accounts"] == 1
           and "'free'" in rows.err and "planned" in rows.err
           and rows.err.endswith("account plan planned PLAN\n"),
           "plan list warns of it", rows)
    tap.equal(bench.run("plan list --quiet").err, "", "unless --quiet")
    shown = bench.run("account show planned --json")
    tap.ok(shown.object()["plan"] == "free"
           and "has the limits of 'default'" in shown.err,
           "account show warns of it", shown)
    force = bench.run(f"key limits {number} --json")
    tap.ok(force.rows()[0]["value"] == 120 and force.rows()[0]["plan"] ==
           "default" and "account plan planned PLAN" in force.err,
           "key limits shows those of the default plan", force)
    with open(bench.config, "w", encoding="utf-8") as file:
        file.write(text + "[plan " + "x" * 24 + "]\n")
    fails(tap, bench.run("plan list"), UNUSABLE, "a plan's name has an end")
    with open(bench.config, "w", encoding="utf-8") as file:
        file.write(text)


def plans(tap, bench):
    account_plans(tap, bench)
    number = shown_limits(tap, bench)
    bad_limits(tap, bench, number)
    change_limits(tap, bench, number)
    lost_plan(tap, bench, number)
    works(tap, bench.run("ledger check"), "the books are as they were")
