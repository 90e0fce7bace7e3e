"""key_care.py: the part of commands.py about rotation, expiry, addresses."""

import os

from harness import (CONFLICT, NOT_FOUND, OK, SECRET, USAGE, UTC, fails,
                     works)


def show(bench, number):
    return bench.run(f"key show {number} --json").object()


def rotation(tap, bench, number):
    before = show(bench, number)
    tap.equal((before["rotated"], before["old_secrets_end"]), (None, None),
              "a new key was never rotated")
    quiet = bench.run(f"key rotate {number} --quiet")
    tap.ok(quiet.rc == OK and SECRET.fullmatch(quiet.out) and
           quiet.err == "", "key rotate prints the secret and nothing else",
           quiet)
    after = show(bench, number)
    ends = after["old_secrets_end"]
    tap.ok(len(ends) == 1 and UTC.fullmatch(ends[0]) and
           ends[0] > after["rotated"] and quiet.out.strip().endswith(
               after["last4"]), "key show tells when the old one ends", after)
    changed = {m for m in after if after[m] != before[m]}
    tap.equal(changed, {"last4", "rotated", "old_secrets_end"},
              "nothing else has changed")
    told = bench.run("key rotate acme/care --grace 7d")
    tap.ok(told.rc == OK and SECRET.fullmatch(told.out) and
           "--grace 0" in told.err and told.out.strip() not in told.err,
           "it says when the old one ends, and how to end it now", told)
    tap.equal(len(show(bench, number)["old_secrets_end"]), 2,
              "two old secrets stay")
    made = bench.run(f"key rotate {number} --grace 0 --json").object()
    tap.ok(SECRET.fullmatch(made["secret"] + "\n") and
           made["old_secrets_end"] is None, "--grace 0 ends them all", made)
    for grace in ("", "-1h", "1", "h", "91d", "24h ", "never",
                  "99999999999999999999h"):
        fails(tap, bench.run("key", "rotate", str(number),
                             f"--grace={grace}"), USAGE,
              f"--grace '{grace}'")
    fails(tap, bench.run("key rotate 999"), NOT_FOUND, "no key to rotate")


def expiry(tap, bench, number):
    set_ = bench.run(f"key expire {number} 2099-01-31 --json")
    tap.ok(set_.rc == OK and set_.object()["expires"] ==
           "2099-01-31T00:00:00Z", "key expire at a date", set_)
    span = bench.run(f"key expire {number} 30d --json").object()
    tap.ok(UTC.fullmatch(span["expires"]) and span["state"] == "active",
           "key expire after a span", span)
    now = bench.run(f"key expire {number} now --json").object()
    tap.equal(now["state"], "expired", "key expire now")
    told = bench.run(f"key rotate {number}")
    tap.ok("the key is expired" in told.err,
           "an expired key is told of when it is rotated", told)
    never = bench.run("key expire acme/care never --json").object()
    tap.equal((never["state"], never["expires"]), ("active", None),
              "key expire never")
    for time in ("2020-01-31", "30", "soon", "0", "NOW", ""):
        fails(tap, bench.run("key", "expire", str(number), time), USAGE,
              f"key expire '{time}'")


def addresses(tap, bench, number):
    tap.equal(show(bench, number)["addresses"], None, "a key is not bound")
    bound = bench.run(f"key allow {number} 192.0.2.0/24 2001:DB8::/32 "
                      "::ffff:198.51.100.7 --json")
    works(tap, bound, "key allow")
    tap.equal(bound.object()["addresses"],
              ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32"],
              "its ranges, in order")
    more = bench.run(f"key allow {number} 10.0.0.0/8")
    tap.ok(more.rc == OK and more.out == "" and "4 addresses or ranges" in
           more.err, "a range is added", more)
    listed = [row for row in bench.run("key list --json").rows()
              if row["number"] == number]
    tap.equal(len(listed[0]["addresses"]), 4, "key list --json shows them")
    for range_ in ("10.0.0.1/8", "fe80::1%eth0", "[::1]", "10.0.0.1:80",
                   "localhost", "::/129", "10/8", ""):
        fails(tap, bench.run("key", "allow", str(number), "::1", range_),
              USAGE, f"'{range_}' is no range")
    fails(tap, bench.run(f"key allow {number}"), USAGE, "no range at all")
    tap.equal(len(show(bench, number)["addresses"]), 4,
              "none of these was added")
    many = [f"172.16.{i}.0/24" for i in range(31)]
    works(tap, bench.run("key", "allow", str(number), *many),
          "31 ranges at once")
    works(tap, bench.run("key", "allow", str(number), *(
        r.replace("172.16", "172.17") for r in many[:29])), "64 in all")
    fails(tap, bench.run(f"key allow {number} ::1"), CONFLICT,
          "there is an end to them")
    fails(tap, bench.run("key", "allow", str(number), *many, "::1"), USAGE,
          "and to those at once")
    replaced = bench.run(f"key allow {number} ::1 --clear --json")
    tap.equal(replaced.object()["addresses"], ["::1"],
              "--clear puts them in place of the others")
    cleared = bench.run(f"key allow {number} --clear --json")
    tap.equal(cleared.object()["addresses"], None, "--clear alone")


def key_care(tap, bench):
    number = bench.run("key new acme --label care --budget 2 --json"
                       ).object()["number"]
    rotation(tap, bench, number)
    expiry(tap, bench, number)
    addresses(tap, bench, number)
    works(tap, bench.run(f"key revoke {number}"), "key revoke")
    for words in (f"rotate {number}", f"expire {number} never",
                  f"allow {number} ::1"):
        fails(tap, bench.run(f"key {words}"), CONFLICT,
              f"a revoked key: key {words}")


def peppers(tap, bench):
    file = os.path.join(bench.store, "pepper")
    rows = bench.run("pepper list --json").rows()
    tap.ok(len(rows) == 1 and rows[0]["number"] == 1 and rows[0]["newest"]
           and rows[0]["secrets"] > rows[0]["usable"] > 0,
           "pepper list counts secrets", rows)
    with open(file, encoding="ascii") as old:
        before = old.read()
    made = bench.run("pepper rotate --json")
    tap.ok(made.rc == OK and made.object() == {"number": 2} and
           f"{bench.store}/pepper" in made.err,
           "pepper rotate says what to keep", made)
    with open(file, encoding="ascii") as new:
        tap.ok(new.read().endswith("\n" + before), "the newest stands first")
    tap.equal(os.stat(file).st_mode & 0o777, 0o600,
              "nobody else can read it")
    table = bench.run("pepper list").out.splitlines()
    tap.ok(len(table) == 3 and table[1].split() == ["2", "yes", "0", "0"],
           "pepper list is a table", table)
    fails(tap, bench.run("pepper drop 1"), CONFLICT, "it is in use")
    fails(tap, bench.run("pepper drop 2"), CONFLICT, "it is the newest")
    fails(tap, bench.run("pepper drop 3"), NOT_FOUND, "no such pepper")
    for number in ("x", "", "1x", "4294967297"):
        fails(tap, bench.run("pepper", "drop", number), USAGE,
              f"'{number}' is no pepper")
    for number in (3, 4):
        works(tap, bench.run("pepper rotate"), f"pepper {number}")
    fails(tap, bench.run("pepper rotate"), CONFLICT, "four are enough")
    for number in (2, 3, 1):
        dropped = bench.run(f"pepper drop {number} --force --json")
        tap.equal(dropped.object(), {"number": number},
                  f"pepper drop {number}")
    again = bench.run("key rotate acme/default --quiet")
    tap.ok(again.rc == OK and bench.run("pepper list --json").rows() == [
        {"number": 4, "newest": True, "secrets": 1, "usable": 1}],
        "a key of a forgotten pepper gets a secret of the new one", again)
