"""watched.py: what is looked at under load, and what of it must not grow."""

import contextlib
import json
import os
import subprocess

from growth import judge, judge_lives, judge_rate
from machine import family, look_at
from pool_fixture import PATIENCE
from subjects import PROGRAMS

MIB = 1024 * 1024
ODD_MAX = 20


class Insides:
    """What the store has given out, asked now and then."""

    def __init__(self, store):
        self.process = subprocess.Popen(
            [os.path.join(PROGRAMS, "insides"), store], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def look(self):
        """What insides.c prints."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        """Ends it; it may have been interrupted as well."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(PATIENCE)


class Log:
    """What the pool logs: how often which error, and what is odd."""

    def __init__(self, path):
        self.path, self.offset = path, 0
        self.codes, self.odd = {}, []

    def read(self):
        """What is new."""
        with open(self.path, "rb") as log:
            log.seek(self.offset)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self.offset += len(line)
                self.take(line.decode("utf-8", "replace").rstrip())

    def take(self, line):
        """A request's line has a code; any other is one of a process."""
        if " request=" not in line:
            if " level=info " not in line and len(self.odd) < ODD_MAX:
                self.odd.append(line)
            return
        code = line.partition(" code=")[2].split(" ", 1)[0]
        if code not in ("", "-"):
            self.codes[code] = self.codes.get(code, 0) + 1


def file_sums(store):
    """Number and bytes of logs, bytes of tables and of all else."""
    sums = {"logs": 0, "log_bytes": 0, "table_bytes": 0, "shared_bytes": 0}
    for entry in os.scandir(store):
        try:
            stat = entry.stat()
        except FileNotFoundError:
            continue  # a log that has just been removed
        if entry.name.startswith("log."):
            sums["logs"] += 1
            sums["log_bytes"] += stat.st_size
        elif entry.name.endswith(".db"):
            sums["table_bytes"] += stat.st_size
        else:
            sums["shared_bytes"] += stat.st_blocks * 512
    return sums


def look_at_gateway(gateway, insides):
    """One sample of a Farebox behind a web server."""
    workers = {pid: look_at(pid) for pid in gateway.worker_pids()}
    web = [look_at(pid) for pid in family([gateway.web.pid])]
    sample = {
        "workers": {pid: seen for pid, seen in workers.items() if seen},
        "supervisor": look_at(gateway.pool.pid),
        "web": {name: sum(one[name] for one in web if one)
                for name in ("own_kib", "files", "pss_kib")},
        "store": insides.look(), **file_sums(gateway.path("store"))}
    sample["pss_kib"] = (
        sample["web"]["pss_kib"] + sample["supervisor"]["pss_kib"]
        + sum(one["pss_kib"] for one in sample["workers"].values()))
    return sample


def lives_of(samples, what):
    """That number of each worker, from its first look to its last."""
    lives = {}
    for sample in samples:
        for pid, worker in sample["workers"].items():
            lives.setdefault((pid, worker["born"]), []).append(worker[what])
    return list(lives.values())


def growth(samples):
    """What is judged, and how: see growth.py."""
    def of(*path):
        values = samples
        for name in path:
            values = [value[name] for value in values]
        return values

    def most(what):
        return [max((worker[what] for worker in workers.values()), default=0)
                for workers in of("workers")]

    pages, mutexes = of("store", "pages"), of("store", "mutexes")
    return [
        # A heap is a hundred KiB larger until it is trimmed again.
        judge_lives("a worker's own memory, by its age", "KiB",
                    lives_of(samples, "own_kib"), 128),
        judge_lives("a worker's open files, by its age", "",
                    lives_of(samples, "files"), 2),
        judge("the largest worker's own memory", "KiB", most("own_kib"), 256),
        judge("the most open files of a worker", "", most("files"), 2),
        judge("the supervisor's own memory", "KiB",
              of("supervisor", "own_kib"), 16),
        judge("the supervisor's open files", "", of("supervisor", "files"),
              0),
        judge("lighttpd's own memory", "KiB", of("web", "own_kib"), 256),
        judge("lighttpd's open files", "", of("web", "files"), 8),
        judge("log files", "", of("logs"), 1),
        judge("bytes of log files", "MiB",
              [size / MIB for size in of("log_bytes")], 16),
        judge("shared memory", "KiB",
              [size / 1024 for size in of("shared_bytes")], 64),
        judge("slots of processes", "", of("store", "slots"), 2),
        judge("lockers", "", of("store", "lockers"), 30),
        judge("locks", "", of("store", "locks"), 60),
        judge("objects that are locked", "", of("store", "lock_objects"), 60),
        judge("transactions that run", "", of("store", "transactions"), 8),
        judge("holds", "", of("store", "holds"), 8),
        judge("names of tables in the log", "", of("store", "log_names"), 28),
        judge("mutexes, but for those of cached pages", "",
              [one - other for one, other in zip(mutexes, pages)], 100),
        judge_rate("tables, for each request", "bytes", of("table_bytes"),
                   of("requests"), 50),
    ]
