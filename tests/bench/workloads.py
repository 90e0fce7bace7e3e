"""workloads.py: what is asked of which subject, and what that gives.

Within a group the subjects take turns, round after round, so that what else
the machine does meets all of them alike.
"""

import json
import os
import statistics
import subprocess
from dataclasses import dataclass

from machine import cpu_seconds, memory_sums
from pool_fixture import private_kib
from subjects import (CHAT, LIGHTTPD, NGINX, PROGRAMS, Bare, Farebox, Missing,
                      Peer)

PROMPT_BYTES = 64 * 1024
SPREAD_S = 2      # over which many streams begin
STREAM_ROUNDS = 1
SPARE = 4         # workers: the last ones say that the pool is busy
WARM = 0.2        # of a turn, before what counts
BRIEF = 64        # requests of a turn that measures nothing


@dataclass
class Workload:
    """One row's load."""
    subject: str
    label: str = ""
    path: str = CHAT
    model: str = "bench"
    body: str = "small"
    keys: str = "keys"
    status: str = "200"  # or several, with blanks between them


@dataclass
class Group:
    """Rows that take turns."""
    name: str
    title: str
    clients: int
    rows: list
    streams: bool = False


def bare_and_farebox(**more):
    """The same load for bare servers and both fronts of Farebox."""
    return [Workload(name, **more) for name in
            ("lighttpd", "nginx", "farebox", "farebox-apache")]


def groups(scale, peers):
    """All groups; scale says how many streams there are at once."""
    whole = bare_and_farebox() + [
        Workload("farebox-process", "durability = process"),
        Workload("farebox-4", "4 workers"),
        Workload("farebox-many", f"{scale['accounts']} accounts"),
        Workload("farebox-full", f"{scale['keys']} keys, "
                 f"{scale['records']} records"),
        # Whoever guesses keys is soon refused with 429.
        Workload("farebox", "401: unknown key", keys="wrong",
                 status="401 429"),
        Workload("farebox", "402: no money", keys="poor", status="402"),
        # Once a minute it may.
        Workload("farebox", "429: over its rate", keys="tight",
                 status="200 429"),
    ] + [Workload(name) for name in peers]
    found = [
        Group("whole", "whole answers of 300 bytes, 16 clients", 16, whole),
        Group("single", "whole answers, one client", 1,
              bare_and_farebox() + [
                  Workload("farebox-process", "durability = process")]
              + [Workload(name) for name in peers]),
        Group("prompt", "prompts of 64 KB, 16 clients", 16,
              bare_and_farebox(body="large")),
        Group("whole-64", "whole answers, 64 clients", 64,
              [Workload("lighttpd"), Workload("farebox-64", "64 workers")]),
        Group("models", "GET /v1/models, 16 clients", 16,
              bare_and_farebox(path="/v1/models", body="")),
        Group("burst", "streams of 200 events, as fast as they go, 16 "
              "clients", 16, bare_and_farebox(model="burst", body="burst")),
    ]
    for clients in scale["streams"]:
        names = ["lighttpd", "nginx", "farebox-streams"]
        if clients <= 100:
            names.append("farebox-apache-streams")
        found.append(Group(
            f"streams-{clients}", "streams of 200 events, 20 a second each, "
            f"{clients} at once", clients,
            [Workload(name, model="paced", body="paced") for name in names],
            streams=True))
    return found


class Stage:
    """The subjects that are needed now, and the folder of the bodies."""

    def __init__(self, upstream, folder, scale, peers):
        self.upstream, self.folder = upstream, folder
        self.scale, self.peers = scale, peers
        self.running = {}
        self.missing = {}
        self.failed = []
        self.clients = 1
        self.write_bodies()

    def write_bodies(self):
        """What the load program posts."""
        for name, model, text in (("small", "bench", "Hello"),
                                  ("large", "bench", "word " *
                                   (PROMPT_BYTES // 5)),
                                  ("paced", "paced", "Hello"),
                                  ("burst", "burst", "Hello")):
            body = {"model": model, "stream": name == model,
                    "messages": [{"role": "user", "content": text}]}
            with open(os.path.join(self.folder, name), "w",
                      encoding="utf-8") as out:
                json.dump(body, out)

    def make(self, name):
        """Starts a subject."""
        scale = self.scale
        if name in self.peers:
            return Peer(self.upstream, self.peers[name])
        if name in ("lighttpd", "nginx"):
            return Bare(self.upstream, name,
                        LIGHTTPD if name == "lighttpd" else NGINX)
        options = {
            "farebox": {},
            "farebox-apache": {},
            "farebox-process": {"settings": {"durability": "process"}},
            "farebox-4": {"workers": 4},
            "farebox-64": {"workers": 64},
            "farebox-many": {"accounts": (scale["accounts"],
                                          scale["accounts"], 0)},
            "farebox-full": {"accounts": (scale["accounts"], scale["keys"],
                                          scale["records"])},
            "farebox-streams": {"workers": self.clients + SPARE},
            "farebox-apache-streams": {"workers": self.clients + SPARE},
        }[name]
        front = "apache" if "apache" in name else "lighttpd-sockets"
        return Farebox(self.upstream, front, **options)

    def subject(self, name):
        """The subject, running; None when this machine lacks it."""
        if name in self.missing:
            return None
        if name not in self.running:
            try:
                self.running[name] = self.make(name)
            except Missing as missing:
                self.missing[name] = str(missing)
                return None
            except AssertionError as error:
                self.missing[name] = f"it did not start: {error}"
                self.failed.append(f"{name}: {self.missing[name]}")
                return None
        return self.running[name]

    def keep(self, names):
        """Ends the subjects that are not among these."""
        for name in set(self.running) - set(names):
            self.running.pop(name).close()

    def close(self):
        """Ends everything."""
        self.keep(())


def load(stage, subject, group, workload, seconds):
    """One turn: what the load program says. 0 seconds: a few requests."""
    path, options = subject.ask(workload)
    command = [os.path.join(PROGRAMS, "load"), "--port", str(subject.port),
               "--path", path, "--connections", str(group.clients), *options]
    if workload.body:
        command += ["--body", os.path.join(stage.folder, workload.body)]
    if group.streams:
        command += ["--requests", str(group.clients),
                    "--rate", str(group.clients / SPREAD_S)]
    elif seconds == 0:
        command += ["--requests", str(BRIEF)]
    else:
        command += ["--seconds", str(seconds),
                    "--warm", str(seconds * WARM)]
    done = subprocess.run(command, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{group.name}, {workload.subject}: the load "
                           f"failed: {done.stderr.strip()}{done.stdout}")
    return json.loads(done.stdout)


def check(group, workload, said):
    """Every answer must be the one that was expected."""
    if not set(said["statuses"]) <= set(workload.status.split()) \
            or said["broken"] or said["unfinished"]:
        raise RuntimeError(f"{group.name}, {workload.subject} "
                           f"{workload.label}: wanted {workload.status} and "
                           f"got {said}")


def turn(stage, subject, group, workload, seconds):
    """One turn, with what the subject used meanwhile."""
    flushed, used = subject.flushes(), cpu_seconds(subject.pids())
    said = load(stage, subject, group, workload, seconds)
    used = cpu_seconds(subject.pids()) - used
    check(group, workload, said)
    # Those while it warmed up are not among the answers.
    answers = said["answers"]
    if not group.streams and seconds:
        answers *= 1 + WARM
    result = {
        "requests_per_s": said["answers"] / said["seconds"],
        "events_per_s": said["events"] / said["seconds"],
        "cpu_us": used * 1e6 / answers,
    }
    if flushed is not None:
        result["flushes"] = (subject.flushes() - flushed) / answers
    for part in ("p50", "p90", "p99"):
        result[f"latency_{part}_us"] = said["latency_us"][part]
        result[f"event_{part}_us"] = said["event_us"][part]
    return result


class Memory:
    """The most that a subject was seen to use, looked at between turns."""

    def __init__(self):
        self.pss = self.private = 0

    def look(self, subject):
        """Looks now."""
        self.pss = max(self.pss, sum(memory_sums(pid)["Pss"]
                                     for pid in subject.pids()))
        for pid in subject.worker_pids():
            try:
                self.private = max(self.private, private_kib(pid))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it retired just now


def summary(turns, memory):
    """Medians, and the spread of the throughput."""
    row = {name: statistics.median(turn[name] for turn in turns)
           for name in turns[0]}
    rates = [turn["requests_per_s"] for turn in turns]
    row["requests_per_s_min"], row["requests_per_s_max"] = \
        min(rates), max(rates)
    row["pss_kib"], row["private_kib"] = memory.pss, memory.private
    row["turns"] = len(turns)
    return row


def present_rows(stage, group):
    """(workload, subject) of each row whose subject is there."""
    for workload in group.rows:
        subject = stage.subject(workload.subject)
        if subject and (workload.keys != "tight"
                        or subject.refuses_haste()):
            yield workload, subject


def run_row(stage, subject, group, workload, seconds):
    """A turn, or None when it failed; the reason is kept."""
    try:
        return turn(stage, subject, group, workload, seconds)
    except RuntimeError as error:
        stage.failed.append(f"{error}{subject.reasons()}")
        return None


def run_group(stage, group, seconds, rounds, say):
    """All rows of a group: a list of results."""
    stage.clients = group.clients
    rows = [(workload, subject, [], Memory())
            for workload, subject in present_rows(stage, group)]
    for number in range(STREAM_ROUNDS if group.streams else rounds):
        say(f"{group.name}: round {number + 1}")
        for workload, subject, turns, memory in rows:
            found = run_row(stage, subject, group, workload, seconds)
            if found:
                turns.append(found)
                memory.look(subject)
    return [{"group": group.name, "subject": workload.subject,
             "label": workload.label, **summary(turns, memory)}
            for workload, subject, turns, memory in rows if turns]
