"""subjects.py: the servers that the benchmark compares, started and stopped.

A subject has a port, a way to say which path and headers a workload takes
there, and the pids of its processes.  Its folder goes when it is closed.
"""

import json
import os
import shlex
import shutil
import socket
import subprocess
import tempfile

import farebox_test
from farebox_test import BUILD, Gateway, Missing, find_program, free_port
from machine import children, family
from pool_fixture import wait

PROGRAMS = os.path.join(BUILD, "tests", "bench")
CHAT = "/v1/chat/completions"
RICH_USD = 1000000
PATIENT_START = 120
REASONS = 3  # that are shown of what failed

# Limits are on, and far away, but for one account.
PLANS = """
[plan default]
rpm = 1000000
tpm = 1000000000
[plan tight]
rpm = 1
"""

LIGHTTPD = """\
server.modules = ( "mod_proxy" )
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{folder}"
server.upload-dirs = ( "{folder}" )
server.errorlog = "{folder}/web.log"
server.max-request-size = 20480
server.stream-response-body = 1
proxy.server = ( "" => (( "host" => "127.0.0.1", "port" => {upstream} )) )
"""

NGINX = """\
daemon off;
worker_processes auto;
pid {folder}/web.pid;
error_log stderr error;
events {{ worker_connections 2048; }}
http {{
	access_log off;
	client_body_temp_path {folder}/uploads;
	proxy_temp_path {folder}/proxy;
	fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi;
	scgi_temp_path {folder}/scgi;
	upstream provider {{ server 127.0.0.1:{upstream}; keepalive 64; }}
	server {{
		listen 127.0.0.1:{port} backlog=1024;
		client_max_body_size 20m;
		client_body_buffer_size 128k;
		location / {{
			proxy_pass http://provider;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_buffering off;
		}}
	}}
}}
"""


def listens(port):
    """True when somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process):
    """Ends a process that was started here."""
    farebox_test.stop_process(process)


def has_plans():
    """Whether this Farebox knows limits."""
    done = subprocess.run([os.path.join(BUILD, "farebox"), "options",
                           "--json"], capture_output=True, text=True,
                          check=True)
    return '"rpm"' in done.stdout


class Upstream:
    """The static provider, and what a URL for each model begins with."""

    def __init__(self, paced="/stream-200-50"):
        self.models = {"bench": "", "paced": paced,
                       "burst": "/stream-200-0"}
        self.port = free_port()
        self.process = subprocess.Popen(
            [os.path.join(PROGRAMS, "upstream"), str(self.port)])
        wait("the upstream", lambda: listens(self.port))

    def close(self):
        """Ends it."""
        stop(self.process)


class Bare:
    """A web server that only passes requests on."""

    def __init__(self, upstream, name, template):
        self.upstream = upstream
        self.program = find_program(name)
        if not self.program:
            raise Missing(f"{name} is not installed")
        self.folder = tempfile.mkdtemp(prefix="farebox-bench-")
        os.chmod(self.folder, 0o711)
        self.port = free_port()
        config = os.path.join(self.folder, "web.conf")
        with open(config, "w", encoding="utf-8") as out:
            out.write(template.format(port=self.port, folder=self.folder,
                                      upstream=upstream.port))
        words = (["-p", self.folder, "-e", self.folder + "/web.log", "-c"]
                 if name == "nginx" else ["-D", "-f"])
        self.process = subprocess.Popen([self.program, *words, config],
                                        stdin=subprocess.DEVNULL)
        wait(name, lambda: listens(self.port))

    def ask(self, workload):
        """Path and options of the load program."""
        return self.upstream.models[workload.model] + workload.path, []

    def pids(self):
        """Its processes."""
        return family([self.process.pid])

    def worker_pids(self):
        """Those that serve; nothing is told of these."""
        return []

    def flushes(self):
        """It keeps nothing."""
        return None

    def reasons(self):
        """It does not tell why it failed."""
        return ""

    def close(self):
        """Ends it."""
        stop(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


class Peer(Bare):
    """What a line of the file of peers says: see contrib/bench --help."""

    def __init__(self, upstream, peer):
        self.peer = peer
        self.folder = tempfile.mkdtemp(prefix="farebox-bench-")
        self.port = int(peer["url"].split(":")[2].split("/")[0])
        self.prefix = "/" + peer["url"].split("/", 3)[3].rstrip("/")
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                shlex.split(peer["command"]), stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, cwd=self.folder,
                env={**os.environ, "UPSTREAM":
                     f"http://127.0.0.1:{upstream.port}"})
        wait(peer["name"], lambda: listens(self.port), PATIENT_START)

    def ask(self, workload):
        """Where its URL ends in /v1, the path goes on behind that."""
        path = workload.path.removeprefix("/v1")
        return self.prefix.removesuffix("/") + path, [
            word for header in self.peer.get("headers", [])
            for word in ("--header", header)]


class Farebox(Gateway):
    """Farebox behind a web server, with a store of its own."""

    def __init__(self, upstream, front, *, workers=16, settings=None,
                 accounts=(1, 1, 0), wrapper=(), more=""):
        self.front, self.workers, self.light = front, workers, 2
        self.settings, self.server_extra = settings or {}, ""
        self.wrapper = list(wrapper)
        self.more = more  # of farebox.conf
        self.processes = []
        self.upstream = upstream
        self.find_server()
        self.make_folder()
        try:
            self.write_config(upstream.models)
            self.farebox("store", "init")
            self.fill(*accounts)
            self.start()
        except BaseException:
            self.complain()
            self.close()
            raise

    def write_config(self, models):
        """farebox.conf with limits that nobody feels."""
        text = f"[farebox]\nstore = {self.path('store')}\n"
        for name, value in self.settings.items():
            text += f"{name} = {value}\n"
        if has_plans():
            text += PLANS
        for name, prefix in models.items():
            text += (f"[provider {name}]\nbase_url = http://127.0.0.1:"
                     f"{self.upstream.port}{prefix}/v1\n"
                     f"key_file = {self.path('key')}\n"
                     f"[model {name}]\nroute = {name}\n"
                     "price_input = 0.14\nprice_output = 0.28\n")
        with open(self.config + ".new", "w", encoding="utf-8") as out:
            out.write(text + self.more)
        os.replace(self.config + ".new", self.config)

    def fill(self, accounts, keys, records):
        """Accounts with keys in `keys`; one without money in `poor`."""
        for name, numbers, usd in (("keys", (accounts, keys, records),
                                    RICH_USD), ("poor", (1, 1, 0), 0)):
            subprocess.run(
                [os.path.join(PROGRAMS, "fill"), self.path("store"),
                 *map(str, numbers), str(usd), self.path(name)], check=True)
        with open(self.path("wrong"), "w", encoding="ascii") as out:
            out.write("sk-farebox-" + "x" * 43 + "\n")
        if has_plans():
            self.farebox("account", "create", "tight", "--plan", "tight")
            self.farebox("credit", "add", "tight", str(RICH_USD))
            with open(self.path("tight"), "w", encoding="ascii") as out:
                out.write(self.mint("tight") + "\n")

    def refuses_haste(self):
        """Whether a key that is over its rate is refused."""
        if not has_plans():
            return False
        with open(self.path("tight"), encoding="ascii") as text:
            key = text.read().strip()
        return 429 in [self.chat(key, "bench").status for _ in range(3)]

    def start_pool(self):
        """The workers, within what counts their calls."""
        command = [*self.wrapper, os.path.join(BUILD, "farebox.fcgi"),
                   "--config", self.config, "--workers", str(self.workers),
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

    def ask(self, workload):
        """Path and options of the load program."""
        return workload.path, ["--keys", self.path(workload.keys)]

    def pids(self):
        """The web server and the pool."""
        return family([self.web.pid, self.pool.pid])

    def worker_pids(self):
        """The workers of both sockets."""
        return children(self.pool.pid)

    def flushes(self):
        """How often the store's log was flushed so far."""
        done = subprocess.run(
            [os.path.join(PROGRAMS, "insides"), self.path("store")],
            input="\n", capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["flushes"]

    def reasons(self):
        """The last errors that it logged, each in a line of its own."""
        found = [line for line in self.log().splitlines()
                 if " level=error " in line]
        return "".join(f"\n  {line}" for line in found[-REASONS:])
