"""pool_fixture.py: a store, a provider and a pool, in their own folder."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import fcgi_client

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("top_builddir") or os.getcwd()
PROGRAM = os.path.join(BUILD, "farebox.fcgi")
COMMAND = os.path.join(BUILD, "farebox")
PATIENCE = 60

CONFIG = """\
[farebox]
store = {store}
workers_spare = 0
address_rpm = 0
{settings}

[plan default]
rpm = 0
tpm = 0

[provider test]
base_url = {url}
breaker_failures = 0
breaker_share = 0

[model demo]
route = test ok
price_input = 1
price_output = 1

[model slow]
route = test ok,delay=2
price_input = 1
price_output = 1

[model silent]
route = test accept-silent
price_input = 1
price_output = 1
"""


def wait(what, condition, patience=PATIENCE):
    """Looks until the condition is true, and returns what it is.

    A connection that is refused or breaks off says: not yet.
    """
    end = time.monotonic() + patience
    while True:
        last = ""
        try:
            found = condition()
        except (ConnectionError, http.client.HTTPException) as error:
            found, last = None, f", at last {error!r}"
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}{last}")
        time.sleep(0.02)


def children(pid):
    """The processes that a supervisor has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as text:
        return [int(word) for word in text.read().split()]


def is_worker(pid):
    """True when it is a worker, and not a recovery of the store."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as text:
            return text.read().startswith("farebox.fcgi: worker")
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_alive(pid):
    """False when a process is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as text:
            return text.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def open_files(pid):
    """What a process has open: paths, and "socket:[inode]".

    A file that is closed while this looks is passed over; of a process that
    is gone there are none.
    """
    folder, found = f"/proc/{pid}/fd", []
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(os.path.join(folder, name)))
    return found


def is_instrumented(program=PROGRAM):
    """Whether sanitizers are built in, which call and allocate themselves."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True,
                          check=False)
    return "san.so" in done.stdout


def private_kib(pid):
    """Memory that one process alone has; the store's is everybody's."""
    total, counts = 0, False
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as text:
        for line in text:
            words = line.split()
            if not words[0].endswith(":"):
                counts = words[1].endswith("p")
            elif counts and words[0] in ("Private_Clean:", "Private_Dirty:"):
                total += int(words[1])
    return total


def kill_all(pids):
    """SIGKILL for those that there are still."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def remove_folder(folder):
    """Removes it, also when a process that is just ending writes there."""
    def is_gone():
        shutil.rmtree(folder, ignore_errors=True)
        return not os.path.exists(folder)

    wait(f"{folder} to be gone", is_gone)


class Pool:
    """A running farebox.fcgi."""

    def __init__(self, house, command, **more):
        self.log_file = tempfile.NamedTemporaryFile(
            "r", dir=house.folder, prefix="log-", delete=False)
        self.process = subprocess.Popen(
            command, stderr=open(self.log_file.name, "a", encoding="utf-8"),
            env=house.environment, **more)
        self.pid = self.process.pid
        self.path = os.path.join(house.folder, "socket")

    def log(self):
        """What it has logged so far."""
        with open(self.log_file.name, encoding="utf-8") as text:
            return text.read()

    def ready(self):
        """Waits until it answers and all its workers run; returns itself."""
        wait("an answer", self.answers)
        for workers, light in re.findall(
                r"mode=supervisor workers=(\d+) light=(\d+)", self.log()):
            wait("all workers",
                 lambda: len(self.workers()) == int(workers) + int(light))
        return self

    def asked(self):
        """Its answer, or None when there is none yet."""
        if self.process.poll() is not None:
            raise AssertionError(f"it ended: {self.log()}")
        try:
            return fcgi_client.get(self.path)
        except (OSError, fcgi_client.Broken):
            return None

    def answers(self):
        """True when it answers well."""
        answer = self.asked()
        return answer is not None and answer.status == 200

    def workers(self):
        """The workers' pids."""
        return [pid for pid in children(self.pid) if is_worker(pid)]

    def kill(self, number):
        """Sends it a signal."""
        os.kill(self.pid, number)

    def end(self):
        """Its exit status, when it has ended."""
        return self.process.wait(PATIENCE)

    def stop(self):
        """Stops it as an operator does; its exit status."""
        if self.process.poll() is None:
            self.kill(signal.SIGTERM)
        return self.end()

    def clean(self):
        """Leaves nothing running."""
        if self.process.poll() is not None:
            return
        left = children(self.pid)
        self.process.kill()
        self.process.wait()
        kill_all(left)
        # A pool that starts now is to see which of them died in the store.
        wait("the workers to be gone",
             lambda: not any(is_alive(pid) for pid in left))


class House:
    """A folder with a configuration, a store with a paid key, a provider."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="farebox-pool-")
        self.config = os.path.join(self.folder, "farebox.conf")
        self.socket = os.path.join(self.folder, "socket")
        self.store = os.path.join(self.folder, "store")
        self.environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("HTTP_", "FAREBOX_", "LISTEN_"))}
        self.pools = []
        self.upstream, self.url = self.start_upstream()
        try:
            self.fill()
        except BaseException:
            self.close()
            raise

    def fill(self):
        """The configuration, the store, an account and its key."""
        self.write()
        self.command("store", "init")
        self.command("account", "create", "demo")
        self.command("credit", "add", "demo", "1000")
        self.key = self.command("key", "new", "demo", "--quiet")

    def start_upstream(self):
        """The provider, and where its API begins."""
        port_file = os.path.join(self.folder, "port")
        process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "upstream.py"),
             "--port-file", port_file], stderr=subprocess.DEVNULL)
        wait("the provider", lambda: os.path.exists(port_file))
        with open(port_file, encoding="ascii") as text:
            return process, f"http://127.0.0.1:{text.read().strip()}/v1"

    def write(self, settings="", more="", store=None):
        """Writes the configuration anew."""
        text = CONFIG.format(store=store or self.store, url=self.url,
                             settings=settings) + more
        with open(self.config + ".new", "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(self.config + ".new", self.config)

    def command(self, *words):
        """Runs the operator's command; what it prints."""
        done = subprocess.run(
            [COMMAND, *words], check=True, text=True, capture_output=True,
            env={**self.environment, "FAREBOX_CONFIG": self.config})
        return done.stdout.strip()

    def start(self, *words, command=None, **more):
        """Starts a pool; by default with two workers on its own socket."""
        words = words or ("--workers", "2", "--socket", self.socket)
        pool = Pool(self, command or [PROGRAM, "--config", self.config,
                                      *words], **more)
        self.pools.append(pool)
        return pool

    def leave(self):
        """Ends the pools of a test and puts the configuration back."""
        for pool in self.pools:
            pool.clean()
        self.pools.clear()
        self.write()
        if os.path.lexists(self.socket):
            os.unlink(self.socket)

    def close(self):
        """Ends everything and removes the folder."""
        self.leave()
        self.upstream.terminate()
        self.upstream.wait()
        remove_folder(self.folder)


def run_tests(tests):
    """Runs each test in the same house, and prints TAP."""
    print(f"1..{len(tests)}", flush=True)
    house = House()
    failed = 0
    try:
        for number, test in enumerate(tests, 1):
            good = run_test(house, test)
            failed += not good
            name = test.__name__.replace("_", " ")
            print(f"{'ok' if good else 'not ok'} {number} - {name}",
                  flush=True)
    finally:
        house.close()
    return 1 if failed else 0


def run_test(house, test):
    """One test; True when it passes."""
    try:
        test(house)
        return True
    except Exception as error:
        print(f"# {type(error).__name__}: {error}")
        where = error.__traceback__
        while where:
            print(f"# at {os.path.basename(where.tb_frame.f_code.co_filename)}"
                  f":{where.tb_lineno}")
            where = where.tb_next
        for pool in house.pools:
            lines = [line for line in pool.log().splitlines()
                     if " request=" not in line]
            for line in lines[-10:]:
                print(f"# {line}")
        return False
    finally:
        house.leave()
