"""store_moves.py: the part of commands.py about backups and exports."""

import json
import os
import shutil

from harness import (CONFLICT, NOT_FOUND, OK, UNUSABLE, USAGE, WRONG, fails,
                     works)


def tree(path):
    """What each file of a directory holds."""
    found = {}
    for name in sorted(os.listdir(path)):
        with open(os.path.join(path, name), "rb") as file:
            found[name] = file.read()
    return found


def modes_are_private(path):
    return os.stat(path).st_mode & 0o777 == 0o700 and all(
        os.stat(os.path.join(path, name)).st_mode & 0o777 == 0o600
        for name in os.listdir(path))


def check(tap, bench):
    answer = bench.run("store check --json")
    works(tap, answer, "store check")
    totals = answer.object()
    tap.ok(totals["ok"] and totals["damaged"] == totals["wrong"] == 0
           and totals["complaints"] == [], "it finds nothing wrong", totals)
    tap.ok("damaged" not in bench.run("ledger check --json").object(),
           "ledger check does not claim to have looked at the tables")
    elsewhere = os.path.join(bench.dir, "work")
    os.mkdir(elsewhere)
    works(tap, bench.run("store", "check", "--work", elsewhere),
          "store check --work")
    tap.equal(os.listdir(elsewhere), [], "the copy is removed")
    fails(tap, bench.run("store", "check", "--work", "/nonexistent"),
          UNUSABLE, "no such place for a copy")


def flipped(tap, bench):
    """A store of its own is damaged on its disk."""
    other = os.path.join(bench.dir, "flipped")
    bench.run("store", "init", "--dir", other)
    works(tap, bench.run("store", "check", "--dir", other, "--quiet"),
          "a new store is sound")
    with open(os.path.join(other, "usage.db"), "r+b") as file:
        file.seek(612)
        byte = file.read(1)
        file.seek(612)
        file.write(bytes([byte[0] ^ 1]))
    answer = bench.run("store", "check", "--dir", other, "--json")
    tap.ok(answer.rc == WRONG and not answer.object()["ok"]
           and answer.object()["damaged"] == 1
           and answer.err.startswith("usage.db: page 1 is damaged")
           and "store restore" in answer.err.splitlines()[-1],
           "a flipped byte is found", answer)
    shutil.rmtree(other)


def backup(tap, bench):
    path = os.path.join(bench.dir, "backup")
    answer = bench.run("store", "backup", path, "--json")
    works(tap, answer, "store backup")
    tap.ok(answer.object()["backup"] == path and answer.object()["ok"]
           and "without the pepper" in answer.err, "it says what is missing",
           answer)
    tap.ok(modes_are_private(path) and "pepper" not in os.listdir(path),
           "it is private, and without the pepper", os.listdir(path))
    with open(os.path.join(path, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    tap.equal({row["name"] for row in manifest["files"]} |
              {"manifest.json"}, set(os.listdir(path)),
              "the manifest lists every file")
    tap.ok(manifest["accounts"] == answer.object()["accounts"]
           and len(manifest["files"][0]["sha256"]) == 64,
           "and the totals", manifest)
    fails(tap, bench.run("store", "backup", path), UNUSABLE,
          "a backup is not written over")
    full = os.path.join(bench.dir, "full")
    answer = bench.run("store", "backup", full, "--with-pepper")
    tap.ok(answer.rc == OK and "pepper" in os.listdir(full),
           "store backup --with-pepper", answer)
    return path, full


def restore(tap, bench, path, full):
    back = os.path.join(bench.dir, "back")
    fails(tap, bench.run("store", "restore", full), USAGE,
          "store restore wants --to")
    answer = bench.run("store", "restore", full, "--to", back, "--json")
    tap.ok(answer.rc == OK and answer.object()["store"] == back,
           "store restore", answer)
    config = os.path.join(bench.dir, "back.conf")
    with open(bench.config, encoding="utf-8") as old, \
            open(config, "w", encoding="utf-8") as new:
        new.write(old.read().replace(bench.store, back))
    for words in ("account list", "key list", "credit history acme",
                  "usage list acme"):
        there = bench.run(*words.split(), "--json", "--config", config)
        tap.equal(there.out, bench.run(*words.split(), "--json").out,
                  f"the same {words}")
    fails(tap, bench.run("store", "restore", full, "--to", back), UNUSABLE,
          "a store is not written over")
    bare = os.path.join(bench.dir, "bare")
    answer = bench.run("store", "restore", path, "--to", bare)
    tap.ok(answer.rc == OK and f"{bare}/pepper" in answer.err,
           "without a pepper it says what to do", answer)
    fails(tap, bench.run("store", "check", "--dir", bare), UNUSABLE,
          "the pepper is missed")
    with open(os.path.join(path, "accounts.db"), "r+b") as file:
        file.seek(600)
        file.write(b"x")
    nowhere = os.path.join(bench.dir, "nowhere")
    answer = bench.run("store", "restore", path, "--to", nowhere)
    fails(tap, answer, UNUSABLE, "a changed backup is refused")
    tap.ok("SHA-256" in answer.err and not os.path.exists(nowhere),
           "and nothing is left of it", answer)
    fails(tap, bench.run("store", "restore", bench.dir, "--to", nowhere),
          UNUSABLE, "a directory that is no backup")


def export(tap, bench):
    path = os.path.join(bench.dir, "export")
    answer = bench.run("store", "export", path, "--keep-hashes")
    tap.ok(answer.rc == OK and answer.out == "", "store export", answer)
    tap.equal(sorted(os.listdir(path)),
              ["accounts.jsonl", "hashes.jsonl", "keys.jsonl",
               "ledger.jsonl", "usage.jsonl"], "a file for each kind")
    tap.ok(modes_are_private(path), "nobody else can read them")
    stream = bench.run("store export - --quiet")
    tap.equal(stream.out.encode(),
              b"".join(data for name, data in tree(path).items()
                       if name != "hashes.jsonl"),
              "store export - has the same lines")
    fails(tap, bench.run("store export - --format csv"), USAGE,
          "CSV wants a directory")
    fails(tap, bench.run("store", "export", path + "x", "--format", "xml"),
          USAGE, "no such format")
    fails(tap, bench.run("store", "export", path), UNUSABLE,
          "an export is not written over")
    csv = os.path.join(bench.dir, "csv")
    works(tap, bench.run("store", "export", csv, "--format", "csv"),
          "store export --format csv")
    tap.ok(tree(csv)["accounts.csv"].startswith(
        b"number,name,state,plan,balance,"), "CSV has a head")
    return path


def import_(tap, bench, path):
    other = os.path.join(bench.dir, "import")
    fails(tap, bench.run("store", "import", path), CONFLICT,
          "a store that is in use is not filled")
    bench.run("store", "init", "--dir", other)
    answer = bench.run("store", "import", path, "--dir", other, "--json")
    tap.ok(answer.rc == OK and answer.object()["ok"]
           and "pepper" in answer.err, "store import", answer)
    again = os.path.join(bench.dir, "again")
    works(tap, bench.run("store", "export", again, "--dir", other,
                         "--keep-hashes"), "what was imported is exported")
    tap.equal(tree(again), tree(path), "and is the same to the byte")
    shutil.rmtree(other)
    bench.run("store", "init", "--dir", other)
    os.unlink(os.path.join(path, "hashes.jsonl"))
    answer = bench.run("store", "import", path, "--dir", other)
    tap.ok(answer.rc == OK and "key rotate" in answer.err,
           "keys without hashes want new secrets", answer)
    shutil.rmtree(other)
    bench.run("store", "init", "--dir", other)
    with open(os.path.join(path, "ledger.jsonl"), "r+b") as file:
        file.truncate(os.path.getsize(file.name) // 2)
    answer = bench.run("store", "import", path, "--dir", other)
    fails(tap, answer, WRONG, "half a ledger is refused")
    fails(tap, bench.run("store import /nonexistent"), CONFLICT,
          "nothing to import, and not empty either")


def store_moves(tap, bench):
    check(tap, bench)
    flipped(tap, bench)
    restore(tap, bench, *backup(tap, bench))
    import_(tap, bench, export(tap, bench))
    fails(tap, bench.run("account show nobody-was-made"), NOT_FOUND,
          "the store is as it was")
