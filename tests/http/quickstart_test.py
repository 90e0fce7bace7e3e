#!/usr/bin/env python3
"""quickstart_test.py: contrib/quickstart, from nothing to a paid answer."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback

from farebox_test import (
    BUILD, CONTRIB, STOP_SECONDS, Upstream, equal, find_program, is_alive,
    nano, true, wait)

QUICKSTART = os.path.join(CONTRIB, "quickstart")
START_SECONDS = 180
COST = 5 * 500 + 22 * 1500  # of the demo's first answer
HELLO = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}


class State:
    """A state directory and the quickstart that runs in it."""

    def __init__(self, folder, name):
        self.folder = os.path.join(folder, name)
        self.environment = {**os.environ, "FAREBOX_BUILD": BUILD,
                            "http_proxy": "http://127.0.0.1:1"}

    def run(self, *words, **more):
        """Runs it to its end."""
        return subprocess.run(
            [QUICKSTART, "--no-install", "--state", self.folder, *words],
            env=self.environment, text=True, check=False,
            stdin=subprocess.DEVNULL, capture_output=True,
            timeout=START_SECONDS, **more)

    def begin(self, *words):
        """Starts it, and does not wait."""
        return subprocess.Popen(
            [QUICKSTART, "--no-install", "--state", self.folder, *words],
            env=self.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)

    def told(self):
        """What quickstart.env says."""
        with open(os.path.join(self.folder, "quickstart.env"),
                  encoding="ascii") as text:
            return dict(line.rstrip("\n").split("=", 1) for line in text)

    def demo_port(self):
        """Where the demo listened."""
        with open(self.told()["FAREBOX_CONFIG"], encoding="ascii") as text:
            return re.search(r"base_url = http://127.0.0.1:(\d+)/",
                             text.read())[1]

    def ask(self, method, path, body=None):
        """The status and the JSON of an answer."""
        told = self.told()
        host, _, base = told["FAREBOX_BASE_URL"][7:].partition("/")
        connection = http.client.HTTPConnection(host, timeout=START_SECONDS)
        connection.request(method, f"/{base}{path}",
                           json.dumps(body) if body else None, {
                               "Authorization":
                               "Bearer " + told["FAREBOX_KEY"]})
        reply = connection.getresponse()
        answer = reply.status, json.loads(reply.read())
        connection.close()
        return answer

    def spent(self):
        """What the account has spent, in nano-USD."""
        done = subprocess.run(
            [os.path.join(BUILD, "farebox"), "--config",
             self.told()["FAREBOX_CONFIG"], "account", "show", "demo",
             "--json"], check=True, capture_output=True, text=True)
        return nano(json.loads(done.stdout)["spent"])

    def pids(self):
        """The keeper and what it started."""
        with open(os.path.join(self.folder, "pids"), encoding="ascii") as text:
            return [int(self.told()["FAREBOX_PID"]), *map(int, text)]

    def stop(self):
        """--stop; nothing may be left."""
        running = self.pids()
        true(len(running) > 2 and all(map(is_alive, running)), "it runs")
        equal(self.run("--stop").returncode, 0, "the exit status of --stop")
        equal([p for p in running if is_alive(p)], [], "what is left")


def good(done):
    """A run that went well; its standard output."""
    equal(done.returncode, 0, f"the exit status ({done.stderr.strip()})")
    return done.stdout


def daemon(folder, server):
    """Start, a call, stop, and the same again with the same balance."""
    state = State(folder, server)
    try:
        said = good(state.run("--daemon", "--server", server))
        told = state.told()
        equal(sorted(told), ["FAREBOX_BASE_URL", "FAREBOX_CONFIG",
                             "FAREBOX_KEY", "FAREBOX_PID"], "the names")
        for word in (told["FAREBOX_BASE_URL"], told["FAREBOX_KEY"],
                     "from openai import OpenAI", 'from "openai"', "curl "):
            true(word in said, f"it does not print {word}")
        mode = os.stat(os.path.join(state.folder, "quickstart.env")).st_mode
        equal(mode & 0o077, 0, "who else may read the key")
        equal(state.spent(), COST, "the first request's cost")
        equal(state.ask("POST", "/chat/completions", HELLO)[0], 200, "chat")
        true(state.run("--daemon").returncode == 1, "a second one starts")
        state.stop()
        # The demo makes way.
        good(state.run("--daemon", "--server", server, "--port",
                       state.demo_port()))
        equal(state.told()["FAREBOX_KEY"], told["FAREBOX_KEY"], "the key")
        equal(state.spent(), 3 * COST, "spent in three requests")
        state.stop()
    finally:
        state.run("--stop")


def two_at_once(folder):
    """Two directories, started at the same moment."""
    states = [State(folder, f"twin{i}") for i in range(2)]
    try:
        runs = [s.begin("--daemon") for s in states]
        for run in runs:
            said = run.communicate(timeout=START_SECONDS)[0]
            equal(run.returncode, 0, f"the exit status ({said})")
        urls = {s.told()["FAREBOX_BASE_URL"] for s in states}
        equal(len(urls), 2, f"the number of {urls}")
        for state in states:
            equal(state.ask("GET", "/models")[0], 200, "models")
            state.stop()
    finally:
        for state in states:
            state.run("--stop")


def foreground(folder, number):
    """A signal to the script, or Ctrl-C, ends all that it started."""
    state = State(folder, f"foreground{number}")
    run = state.begin()
    try:
        for line in run.stdout:
            if line.startswith("It runs until"):
                break
        equal(state.ask("GET", "/models")[0], 200, "models")
        running = state.pids()
        if number == signal.SIGINT:
            os.killpg(run.pid, number)
        else:
            run.send_signal(number)
        equal(run.wait(STOP_SECONDS), 128 + number, "the exit status")
        equal([p for p in running if is_alive(p)], [], "what is left")
    finally:
        run.stdout.close()
        state.run("--stop")


def killed_keeper(folder):
    """--stop also ends what a keeper that was killed has left."""
    state = State(folder, "killed")
    try:
        good(state.run("--daemon"))
        running = state.pids()
        os.kill(running[0], signal.SIGKILL)
        wait("the keeper's end", lambda: not is_alive(running[0]))
        equal(state.run("--stop").returncode, 0, "the exit status of --stop")
        equal([p for p in running if is_alive(p)], [], "what is left")
    finally:
        state.run("--stop")


def real_provider(folder):
    """--upstream and its friends, and what is said when they are wrong."""
    state = State(folder, "provider")
    os.mkdir(state.folder)
    upstream = Upstream(folder)
    key = os.path.join(folder, "key")
    try:
        with open(key, "w", encoding="ascii",
                  opener=lambda p, f: os.open(p, f, 0o600)) as out:
            out.write("sk-provider\n")
        good(state.run("--daemon", "--upstream", upstream.url,
                       "--upstream-key-file", key, "--model", "vendor/ok",
                       "--price-input", "0.14", "--price-output", "0.28"))
        equal(state.ask("GET", "/models")[1]["data"][0]["id"], "vendor/ok",
              "the model")
        equal(state.spent(), 9 * 140 + 12 * 280, "the first request's cost")
        equal(upstream.log()[0]["headers"]["authorization"],
              "Bearer sk-provider", "the key that the provider got")
        state.stop()
        done = state.run("--daemon", "--upstream", "http://127.0.0.1:1/v1",
                         "--model", "none")
        equal(done.returncode, 1, "the exit status with a wrong URL")
        for word in ("upstream_unreachable", "next: ", "farebox.conf"):
            true(word in done.stderr, f"no {word} in {done.stderr}")
    finally:
        state.run("--stop")
        upstream.process.terminate()
        upstream.process.wait()


def wrong_use(folder):
    """Options that make no sense, and a port that is taken."""
    state = State(folder, "wrong")
    for words in (("--server", "nginx"), ("--port", "0"), ("--port",),
                  ("--workers", "x"), ("--model", "x"), ("--frobnicate",),
                  ("--upstream", "http://127.0.0.1:1/v1")):
        done = state.run(*words)
        equal(done.returncode, 2, f"the exit status of {words}")
        true("--help" in done.stderr, f"no hint in {done.stderr}")
    good(state.run("--help"))
    upstream = Upstream(folder)
    try:
        done = state.run("--daemon", "--port", str(upstream.port))
        equal(done.returncode, 1, "the exit status with a port in use")
        true("in use" in done.stderr, done.stderr)
    finally:
        upstream.process.terminate()
        upstream.process.wait()


TESTS = (
    ("lighttpd: daemon, stop, and again", "lighttpd",
     lambda f: daemon(f, "lighttpd")),
    ("apache: daemon, stop, and again", "apache2",
     lambda f: daemon(f, "apache")),
    ("two at once", "lighttpd", two_at_once),
    ("Ctrl-C", "lighttpd", lambda f: foreground(f, signal.SIGINT)),
    ("kill", "lighttpd", lambda f: foreground(f, signal.SIGTERM)),
    ("a keeper that was killed", "lighttpd", killed_keeper),
    ("a provider", "lighttpd", real_provider),
    ("wrong use", "lighttpd", wrong_use),
)


def main():
    """Runs each test in a folder of its own."""
    print(f"1..{len(TESTS)}", flush=True)
    failed = 0
    for number, (name, server, test) in enumerate(TESTS, 1):
        if not find_program(server) or not find_program("curl"):
            print(f"ok {number} - {name} # SKIP no {server} or no curl")
            continue
        folder = tempfile.mkdtemp(prefix="farebox-quick-")
        try:
            test(folder)
            print(f"ok {number} - {name}", flush=True)
        except Exception:
            failed += 1
            said = traceback.format_exc().strip().replace("\n", "\n# ")
            print(f"not ok {number} - {name}\n# {said}", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


main()
