"""farebox_test.py: a gateway behind a real web server, for tests to ask.

A test script hands run() a list of (name, function) pairs; each function gets
a Gateway and raises when something is not as it should be.  The gateway is
started from the configurations in contrib/, once for each front.
"""

import contextlib
import http.client
import json
import os
import pwd
import grp
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

from pool_fixture import children, is_alive, remove_folder, wait

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.environ.get("top_srcdir")
                         or os.path.join(HERE, "..", ".."))
BUILD = os.path.abspath(os.environ.get("top_builddir") or os.getcwd())
CONTRIB = os.path.join(SOURCE, "contrib")
FRONTS = ("lighttpd-spawn", "lighttpd-sockets", "apache")
ANSWER_SECONDS = 60
STOP_SECONDS = 60
SOCKET_PATH_MAX = 100
UPSTREAM_KEY = "sk-upstream-secret"
NANO = 10 ** 9
CHAT = "/v1/chat/completions"

MODULES = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules",
           "/usr/lib/httpd/modules", "/usr/libexec/apache2")


class Missing(Exception):
    """Something that this machine lacks; the tests are skipped."""


def find_program(*names):
    """The first of these programs that there is, or None."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"
    return next(filter(None, (shutil.which(n, path=path) for n in names)),
                None)


def nano(dollars):
    """Decimal USD as nano-USD; exact, or an error."""
    amount = Decimal(dollars) * NANO
    if amount != amount.to_integral_value():
        raise ValueError(f"{dollars} is not a whole number of nano-USD")
    return int(amount)


def dollars(amount):
    """Nano-USD as decimal USD."""
    return format(Decimal(amount) / NANO, "f")


def equal(got, wanted, what="it"):
    """Raises unless both are the same."""
    if got != wanted:
        raise AssertionError(f"{what} is {got!r}, not {wanted!r}")


def true(condition, what):
    """Raises unless the condition holds."""
    if not condition:
        raise AssertionError(what)


reserved = []


def free_port():
    """A port that is kept from everybody but who listens on it.

    A socket that is bound and does not listen keeps the kernel from giving
    the port to somebody else; with SO_REUSEADDR, which web servers set, it is
    no hindrance to listening.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    reserved.append(probe)
    return probe.getsockname()[1]


def program_of(pid):
    """The file of a process's program, "" when it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/exe") if is_alive(pid) else ""
    except OSError:
        return ""


def stop_process(process):
    """Ends a process that we started; true when it ended when asked to."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False
    return True


class Answer:
    """What came back: status, headers (lower-case names), body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        """The body as JSON, money as Decimal."""
        return json.loads(self.body, parse_float=Decimal)

    def error(self):
        """The error object, of which the shape is checked."""
        body = self.json()
        equal(list(body), ["error"], "the body's member")
        error = body["error"]
        equal(sorted(error), ["code", "message", "param", "type"],
              "the error's members")
        true(isinstance(error["code"], str) and error["message"],
             f"code or message is missing: {error}")
        return error

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


def read_answer(reply):
    """An http.client answer, read to its end."""
    headers = {}
    for name, value in reply.getheaders():
        name = name.lower()
        headers[name] = (f"{headers[name]}, {value}" if name in headers
                         else value)
    return Answer(reply.status, headers, reply.read())


class Upstream:
    """The test upstream, and what it saw."""

    def __init__(self, folder):
        port_file = os.path.join(folder, "upstream.port")
        # Of one that was here before.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(port_file)
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "upstream.py"),
             "--port-file", port_file])
        wait("the test upstream", lambda: os.path.exists(port_file))
        with open(port_file, encoding="ascii") as text:
            self.port = int(text.read())
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def ask(self, method, path):
        """One of its /_ pages."""
        with_host = http.client.HTTPConnection("127.0.0.1", self.port,
                                               timeout=ANSWER_SECONDS)
        with_host.request(method, path)
        answer = read_answer(with_host.getresponse())
        with_host.close()
        return json.loads(answer.body) if answer.body else None

    def log(self):
        """Every request since the last forget()."""
        return self.ask("GET", "/_log")

    def forget(self):
        """Empties the log."""
        self.ask("DELETE", "/_log")

    def release(self):
        """Lets the answers go that are held."""
        self.ask("POST", "/_release")

    def waiting(self):
        """How many requests it has not answered yet."""
        return self.ask("GET", "/_count")["open"]


# What a test that is not about limits is not to meet.
NO_LIMITS = {"rpm": "0", "tpm": "0"}
NO_SPARE = {"address_rpm": "0", "workers_spare": "0"}


class Gateway:
    """Farebox behind a web server, with a store and a folder of its own."""

    def __init__(self, front, models, *, workers=4, light=1, settings=None,
                 provider=None, providers=None, plans=None,
                 server_extra=""):
        self.front = front
        self.plans = {"default": NO_LIMITS, **(plans or {})}
        self.workers = workers
        self.light = light
        self.settings = settings or {}
        self.provider = provider or {}
        self.providers = providers or {}
        self.server_extra = server_extra
        self.processes = []
        self.find_server()
        self.make_folder()
        try:
            self.upstream = Upstream(self.folder)
            self.processes.append(self.upstream.process)
            self.write_config(models)
            self.farebox("store", "init")
            self.start()
        except BaseException:
            self.complain()
            self.close()
            raise

    # Making it.

    def find_server(self):
        """The web server's program; Missing when there is none."""
        names = (("apache2", "httpd") if self.front == "apache"
                 else ("lighttpd",))
        self.server = find_program(*names)
        if not self.server:
            raise Missing(f"{names[0]} is not installed")
        self.modules = next(filter(os.path.isdir, MODULES), None)
        if self.front == "apache" and not self.modules:
            raise Missing("Apache's modules were not found")

    def make_folder(self):
        """A folder that the web server's user may pass through."""
        self.folder = tempfile.mkdtemp(prefix="farebox-http-")
        if len(self.folder) > SOCKET_PATH_MAX:
            os.rmdir(self.folder)
            self.folder = tempfile.mkdtemp(prefix="farebox-http-", dir="/tmp")
        os.chmod(self.folder, 0o711)
        self.config = self.path("farebox.conf")
        self.socket = self.path("socket")
        shutil.copytree(os.path.join(CONTRIB, "errors"), self.path("errors"))
        os.mkdir(self.path("uploads"))
        with open(self.path("key"), "w", encoding="ascii",
                  opener=lambda p, f: os.open(p, f, 0o600)) as out:
            out.write(UPSTREAM_KEY + "\n")

    def path(self, name):
        """A file of this gateway."""
        return os.path.join(self.folder, name)

    def write_config(self, models):
        """farebox.conf: the provider test, one that is not there, and more.

        The others are the same upstream, asked with other patience.  Faults
        are tried one after another, so no breaker opens unless a test says so.
        """
        calm = {"breaker_failures": 0, "breaker_share": 0}
        here = {"base_url": self.upstream.url, "key_file": self.path("key"),
                **calm}
        sections = [("farebox", {"store": self.path("store"),
                                 **NO_SPARE, **self.settings}),
                    ("provider test", {**here, **self.provider}),
                    ("provider gone", {"base_url": "http://127.0.0.1:1/v1",
                                       **calm})]
        for name, options in self.providers.items():
            sections.append((f"provider {name}", {**here, **options}))
        for name, options in self.plans.items():
            sections.append((f"plan {name}", options))
        for name, options in models.items():
            sections.append((f"model {name}", {
                "route": f"test {name}", "price_input": "0.14",
                "price_output": "0.28", **options}))
        with open(self.config + ".new", "w", encoding="utf-8") as out:
            for title, options in sections:
                out.write(f"[{title}]\n")
                for name, value in options.items():
                    if value is None:
                        continue
                    for one in value if isinstance(value, list) else [value]:
                        out.write(f"{name} = {one}\n")
        os.replace(self.config + ".new", self.config)

    def server_user(self):
        """Apache's user and group when we are root, else None."""
        if self.front != "apache" or os.geteuid() != 0:
            return None
        for name in ("www-data", "apache", "nobody"):
            try:
                user = pwd.getpwnam(name)
                return name, grp.getgrgid(user.pw_gid).gr_name
            except KeyError:
                continue
        raise Missing("there is no user for Apache")

    def write_server_config(self):
        """The web server's configuration, from its template."""
        kind = self.front.partition("-")[0]
        user = self.server_user()
        values = {
            "PORT": self.port, "DIR": self.folder, "CONTRIB": CONTRIB,
            "PROGRAM": os.path.join(BUILD, "farebox.fcgi"),
            "ERRORS": self.path("errors"), "CONFIG": self.config,
            "SOCKET": self.socket,
            "WORKERS": self.workers, "LIGHT": self.light,
            "MODE": self.front.partition("-")[2], "MODULES": self.modules,
            "USER": "User {}\nGroup {}".format(*user) if user else "",
        }
        source = os.path.join(CONTRIB, kind, "standalone.conf.in")
        with open(source, encoding="utf-8") as text:
            config = text.read() + self.server_extra
        for name, value in values.items():
            config = config.replace(f"@{name}@", str(value))
        with open(self.path("web.conf"), "w", encoding="utf-8") as out:
            out.write(config)

    def server_command(self):
        """How the web server is started in the foreground."""
        config = self.path("web.conf")
        if self.front == "apache":
            return [self.server, "-d", self.folder, "-f", config,
                    "-DFOREGROUND"]
        return [self.server, "-D", "-f", config]

    def start(self):
        """Starts the pool, if the web server does not, and the server."""
        self.pool = None
        if self.front != "lighttpd-spawn":
            self.start_pool()
        self.port = free_port()
        self.write_server_config()
        with open(self.path("web.out"), "ab") as out:
            self.web = subprocess.Popen(self.server_command(), stderr=out,
                                        stdout=out, stdin=subprocess.DEVNULL,
                                        cwd=self.folder)
        self.processes.append(self.web)
        wait("the gateway", self.answers)

    def start_pool(self):
        """The workers, with their own sockets."""
        command = [os.path.join(BUILD, "farebox.fcgi"), "--config",
                   self.config, "--workers", str(self.workers),
                   "--light", str(self.light), "--socket", self.socket]
        user = self.server_user()
        if user:
            command += ["--socket-group", user[1]]
        with open(self.path("pool.log"), "ab") as out:
            self.pool = subprocess.Popen(command, stderr=out,
                                         stdin=subprocess.DEVNULL)
        self.processes.append(self.pool)
        wait("the sockets",
             lambda: os.path.exists(self.socket + "-light")
             or self.pool.poll() is not None)

    def answers(self):
        """True when both sockets' workers answer through the server."""
        for process in self.processes:
            if process.poll() is not None:
                raise AssertionError(f"{process.args[0]} ended")
        try:
            return (self.get("/healthz").status == 200
                    and self.get("/nothing").status == 404)
        except (OSError, http.client.HTTPException):
            return False

    # Ending it.

    def close(self):
        """Ends everything and removes the folder."""
        running = self.pool_pids() if hasattr(self, "web") else []
        stopped = [stop_process(p) for p in reversed(self.processes)]
        try:
            wait("the workers to end",
                 lambda: not any(map(is_alive, running)), STOP_SECONDS)
            true(all(stopped), "a process did not end when it was asked to")
        finally:
            remove_folder(self.folder)

    def complain(self):
        """Shows the ends of the logs as TAP diagnostics."""
        for name in ("web.log", "web.out", "pool.log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8",
                          errors="replace") as text:
                    for line in text.readlines()[-10:]:
                        print(f"# {name}: {line.rstrip()}")

    def log(self):
        """What the pool has logged."""
        with open(self.path("pool.log"), encoding="utf-8",
                  errors="replace") as text:
            return text.read()

    # Its processes.

    def supervisor(self):
        """The pid of the process that owns the workers, or None."""
        if self.pool:
            return self.pool.pid
        return next((pid for pid in children(self.web.pid)
                     if program_of(pid).endswith("/farebox.fcgi")), None)

    def pool_pids(self):
        """The supervisor and its workers."""
        try:
            supervisor = self.supervisor()
            return [supervisor, *children(supervisor)] if supervisor else []
        except (FileNotFoundError, ProcessLookupError):
            return []

    def worker_pids(self):
        """The workers of both sockets."""
        return self.pool_pids()[1:]

    # Asking it.

    def request(self, method, path, body=None, key=None, headers=None,
                port=None):
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", port or self.port, timeout=ANSWER_SECONDS)
        fields = dict(headers or {})
        if key:
            fields["Authorization"] = f"Bearer {key}"
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            fields.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, fields)
            return read_answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, key=None, headers=None):
        """A GET."""
        return self.request("GET", path, None, key, headers)

    def chat(self, key, model="ok", headers=None, **more):
        """A chat request; a field that is ... is left out."""
        body = {"model": model,
                "messages": [{"role": "user", "content": "Hello"}], **more}
        body = {k: v for k, v in body.items() if v is not ...}
        return self.request("POST", CHAT, body, key, headers)

    def raw(self, data):
        """Sends bytes as they are, and reads one answer."""
        with socket.create_connection(("127.0.0.1", self.port),
                                      ANSWER_SECONDS) as connection:
            connection.sendall(data)
            reply = http.client.HTTPResponse(connection)
            reply.begin()
            return read_answer(reply)

    # The operator's side.

    def farebox(self, *words, codes=(0,)):
        """Runs the operator's command; what it prints."""
        done = subprocess.run(
            [os.path.join(BUILD, "farebox"), "--config", self.config, *words],
            text=True, capture_output=True, check=False)
        if done.returncode not in codes:
            raise AssertionError(f"farebox {' '.join(words)} exits "
                                 f"{done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def listed(self, *words):
        """The same, as a list of JSON objects."""
        return [json.loads(line)
                for line in self.farebox(*words, "--json").splitlines()]

    def open_account(self, name, usd="10"):
        """A new account with that credit, and a key for it."""
        self.farebox("account", "create", name)
        if nano(usd):
            self.farebox("credit", "add", name, usd)
        return self.mint(name)

    def mint(self, account, *options):
        """A new key."""
        return self.farebox("key", "new", account, "--quiet", *options)

    def books(self, account):
        """An account's sums in nano-USD."""
        shown = self.listed("account", "show", account)[0]
        return {name: nano(shown[name]) for name in
                ("balance", "held", "available", "spent", "deposited")}

    def last_usage(self, account):
        """The newest usage record."""
        return self.listed("usage", "list", account, "--limit", "1")[0]

    def check_books(self):
        """The ledger must add up, and nothing be held."""
        totals = self.listed("ledger", "check")[0]
        true(totals["ok"], f"the ledger does not check: {totals}")
        equal(nano(totals["held"]), 0, "what is held in the end")
        return totals


# Running tests.

def run_one(number, name, test, gateway):
    """One test; true when it passed."""
    try:
        test(gateway)
    except Exception as error:
        print(f"not ok {number} - {name}")
        print("# " + f"{type(error).__name__}: {error}".replace("\n", "\n# "))
        where = error.__traceback__
        while where:
            code = where.tb_frame.f_code
            print(f"# at {os.path.basename(code.co_filename)}"
                  f":{where.tb_lineno} {code.co_name}")
            where = where.tb_next
        gateway.complain()
        return False
    print(f"ok {number} - {name}", flush=True)
    return True


def run_front(first, front, make, tests):
    """All tests behind one front; how many failed."""
    names = [f"{front}: {name}" for name, _ in tests]
    try:
        gateway = make(front)
    except Missing as missing:
        for number, name in enumerate(names, first):
            print(f"ok {number} - {name} # SKIP {missing}")
        return 0
    failed = 0
    try:
        for number, (name, (_, test)) in enumerate(zip(names, tests), first):
            failed += not run_one(number, name, test, gateway)
    finally:
        gateway.close()
    return failed


def run(make, tests, fronts=FRONTS):
    """Runs the tests behind each front, prints TAP, and exits.

    make(front) makes the Gateway.  Arguments of the script name the fronts.
    """
    fronts = sys.argv[1:] or fronts
    print(f"1..{len(tests) * len(fronts)}", flush=True)
    began = time.monotonic()
    failed = 0
    for place, front in enumerate(fronts):
        failed += run_front(place * len(tests) + 1, front, make, tests)
    print(f"# {time.monotonic() - began:.1f} s")
    sys.exit(1 if failed else 0)
