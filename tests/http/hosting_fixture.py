"""hosting_fixture.py: a gateway behind each web server, and streams from it.

A Host is a Gateway that was started in one of the ways that contrib/HOSTING.md
describes, from the configuration in contrib/ that goes with it.
"""

import grp
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

from farebox_test import (
    ANSWER_SECONDS, BUILD, CHAT, CONTRIB, MODULES, STOP_SECONDS, Gateway,
    Missing, find_program, free_port, program_of, stop_process, wait)

# A provider that may be silent for long, and how long the other one may.
PATIENT_MS = 600000
STALL_MS = 1500

# What each way of hosting is made of: the program, its folder in contrib/, and
# the template there.
FRONTS = {
    "lighttpd-spawn": ("lighttpd", "lighttpd", "standalone.conf.in"),
    "lighttpd-sockets": ("lighttpd", "lighttpd", "standalone.conf.in"),
    "apache": ("apache2", "apache", "standalone.conf.in"),
    "apache-reuse": ("apache2", "apache", "standalone.conf.in"),
    "apache-fcgid": ("apache2", "apache", "standalone-fcgid.conf.in"),
    "nginx": ("nginx", "nginx", "standalone.conf.in"),
    "cgi": ("apache2", "htaccess", "standalone.conf.in"),
}
# These start the workers themselves, as their own user.
STARTERS = ("lighttpd-spawn", "apache-fcgid", "cgi")
HTTP2 = ('LoadModule http2_module "@MODULES@/mod_http2.so"\n'
         "Protocols h2c http/1.1\n")
HASTE = 'server.feature-flags += ( "server.graceful-shutdown-timeout" => 2 )\n'
FLAGS = r"(?m)^#(server\.feature-flags.*\n(?:#.*\n)*?#\))"


def make_certificate(path):
    """A certificate for localhost and its key, in one file; the certificate
    alone is in path + ".crt"."""
    tool = find_program("openssl")
    if not tool:
        raise Missing("openssl is not installed")
    subprocess.run(
        [tool, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", path, "-out", path + ".crt"],
        check=True, capture_output=True)
    with open(path + ".crt", encoding="ascii") as text:
        certificate = text.read()
    with open(path, "a", encoding="ascii") as out:
        out.write(certificate)


class Host(Gateway):
    """Farebox in one of the ways of hosting."""

    contrib_folder = CONTRIB

    def find_server(self):
        """The web server's program and modules; Missing without them."""
        name = FRONTS[self.front][0]
        self.server = find_program(
            *(("apache2", "httpd") if self.is_apache() else (name,)))
        if not self.server:
            raise Missing(f"{name} is not installed")
        self.modules = next(filter(os.path.isdir, MODULES), None)
        if self.is_apache() and not self.modules:
            raise Missing("Apache's modules were not found")
        if self.front == "apache-fcgid" and not os.path.exists(
                os.path.join(self.modules, "mod_fcgid.so")):
            raise Missing("mod_fcgid is not installed")

    def is_apache(self):
        """True when the web server is Apache."""
        return FRONTS[self.front][0] == "apache2"

    def contrib(self, name):
        """The text of a file in this server's folder of contrib/."""
        path = os.path.join(self.contrib_folder, FRONTS[self.front][1],
                            name)
        with open(path, encoding="utf-8") as text:
            return text.read()

    def server_user(self):
        """The web server's user and group when we are root, else None."""
        if self.front.startswith("lighttpd") or os.geteuid() != 0:
            return None
        for name in ("www-data", "apache", "nobody"):
            try:
                user = pwd.getpwnam(name)
                return name, grp.getgrgid(user.pw_gid).gr_name
            except KeyError:
                continue
        raise Missing("there is no user for the web server")

    def store_user(self):
        """Whose the store is, if not ours."""
        user = self.server_user()
        return user[0] if user and self.front in STARTERS else None

    def make_folder(self):
        """The folder, with what else this way of hosting needs."""
        super().make_folder()
        os.mkdir(self.path("bin"))
        for name in ("farebox.fcgi", "farebox"):
            shutil.copy2(os.path.join(BUILD, name), self.path("bin"))
        if self.front == "cgi":
            self.make_web_space()
        if self.store_user():
            # What the workers make lies where their user may.
            for name in ("store", "fcgid"):
                os.mkdir(self.path(name), 0o700)
                shutil.chown(self.path(name), self.store_user())
            shutil.chown(self.path("key"), self.store_user())

    def make_web_space(self):
        """What contrib/HOSTING.md says to put there."""
        os.mkdir(self.path("web"))
        source = os.path.join(self.contrib_folder, "htaccess")
        shutil.copytree(os.path.join(self.contrib_folder, "errors"),
                        self.path("web/farebox-errors"))
        shutil.copy(os.path.join(source, "htaccess"),
                    self.path("web/.htaccess"))
        shutil.copy(os.path.join(source, "errors-htaccess"),
                    self.path("web/farebox-errors/.htaccess"))
        with open(os.path.join(source, "farebox.cgi"),
                  encoding="utf-8") as text:
            lines = text.read().splitlines()
        lines[0] = "#!" + self.path("bin/farebox.fcgi")
        lines[-1] = "config = " + self.config
        with open(self.path("web/farebox.cgi"), "w",
                  encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
        os.chmod(self.path("web/farebox.cgi"), 0o755)

    def write_config(self, models):
        """farebox.conf, with a provider that may be silent for long."""
        super().write_config(models)
        with open(self.config, "a", encoding="utf-8") as out:
            out.write(f"[provider patient]\nbase_url = {self.upstream.url}\n"
                      f"stall_timeout_ms = {PATIENT_MS}\n"
                      f"first_byte_timeout_ms = {PATIENT_MS}\n")
        os.chmod(self.config, 0o644)

    def farebox(self, *words, codes=(0,)):
        """Runs the operator's command as the owner of the store."""
        done = subprocess.run(
            [self.path("bin/farebox"), "--config", self.config, *words],
            text=True, capture_output=True, check=False,
            **({"user": self.store_user(), "extra_groups": []}
               if self.store_user() else {}))
        if done.returncode not in codes:
            raise AssertionError(f"farebox {' '.join(words)} exits "
                                 f"{done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def template(self):
        """The web server's configuration, with its places still open."""
        text = self.contrib(FRONTS[self.front][2])
        if self.is_apache():
            text += HTTP2
        if self.front == "lighttpd-spawn":
            text += HASTE
        if self.front == "lighttpd-sockets":
            # What the file says to take in for a reload without a break.
            text += re.search(FLAGS, self.contrib("farebox.conf"))[1].replace(
                "\n#", "\n") + "\n"
        if self.front == "apache-reuse":
            with open(self.path("reuse.conf"), "w", encoding="utf-8") as out:
                out.write(self.contrib("farebox.conf").replace(
                    "flushpackets=on", "flushpackets=on enablereuse=on"))
            text = text.replace("@CONTRIB@/apache/farebox.conf",
                                self.path("reuse.conf"))
        return text + self.server_extra

    def write_server_config(self):
        """The web server's configuration, from its template."""
        user = self.server_user()
        nginx = self.front == "nginx"
        values = {
            "PORT": self.port, "DIR": self.folder,
            "CONTRIB": self.contrib_folder,
            "PROGRAM": self.path("bin/farebox.fcgi"),
            "ERRORS": self.path("errors"), "CONFIG": self.config,
            "SOCKET": self.socket, "WORKERS": self.workers,
            "LIGHT": self.light, "MODE": self.front.partition("-")[2],
            "MODULES": self.modules, "TLS": self.tls() if nginx else "",
            "USER": "",
        }
        if user:
            values["USER"] = ("user {} {};" if nginx else
                              "User {}\nGroup {}").format(*user)
        config = self.template()
        for name, value in values.items():
            config = config.replace(f"@{name}@", str(value))
        with open(self.path("web.conf"), "w", encoding="utf-8") as out:
            out.write(config)

    def tls(self):
        """nginx's lines for HTTP/2, which it speaks over TLS."""
        if not hasattr(self, "tls_port"):
            make_certificate(self.path("tls.pem"))
            self.tls_port = free_port()
        return (f"listen 127.0.0.1:{self.tls_port} ssl http2;"
                f"ssl_certificate {self.path('tls.pem')};"
                f"ssl_certificate_key {self.path('tls.pem')};")

    def server_command(self):
        """How the web server is started in the foreground."""
        config = self.path("web.conf")
        if self.front == "nginx":
            return [self.server, "-p", self.folder, "-e",
                    self.path("web.out"), "-c", config]
        if self.is_apache():
            return [self.server, "-d", self.folder, "-f", config,
                    "-DFOREGROUND"]
        return [self.server, "-D", "-f", config]

    def start(self):
        """Starts what is not started by the web server, and it."""
        self.pool = None
        if self.front not in STARTERS:
            self.start_pool()
        self.port = free_port()
        self.write_server_config()
        self.start_web()

    def start_web(self):
        """Starts the web server."""
        with open(self.path("web.out"), "ab") as out:
            self.web = subprocess.Popen(
                self.server_command(), stderr=out, stdout=out,
                stdin=subprocess.DEVNULL, cwd=self.folder)
        self.processes.append(self.web)
        wait("the gateway", self.answers)

    def stop_web(self):
        """Stops it, and waits until it is gone."""
        self.processes.remove(self.web)
        self.web.terminate()
        self.web.wait(STOP_SECONDS)

    def answers(self):
        """True when it answers."""
        for process in self.processes:
            if process.poll() is not None:
                raise AssertionError(f"{process.args[0]} ended")
        try:
            return self.get("/healthz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def worker_pids(self):
        """The workers, whoever has started them."""
        if self.front in ("apache-fcgid", "cgi"):
            return [pid for pid in descendants(self.web.pid)
                    if program_of(pid) == self.path("bin/farebox.fcgi")]
        return super().worker_pids()

    def pool_pids(self):
        """Every process of the pool."""
        if self.front in ("apache-fcgid", "cgi"):
            return self.worker_pids()
        return super().pool_pids()

    def request(self, *words, again=True, **more):
        """One request; see tries()."""
        for _ in self.tries() if again else [1]:
            answer = super().request(*words, **more)
            if answer.status != 503:
                break
        return answer

    def raw(self, data):
        """Sends bytes as they are, and reads one answer; see tries()."""
        for _ in self.tries():
            answer = super().raw(data)
            if answer.status != 503:
                break
        return answer

    def stream(self, key, model, **more):
        """A streamed answer, from its head on; see tries()."""
        for _ in self.tries():
            stream = Stream.of_request(self.port, key, {
                "model": model, "stream": True,
                "messages": [{"role": "user", "content": "Hello"}], **more})
            if stream.status != 503:
                break
        return stream

    def tries(self):
        """How often a client asks that is told 503.

        With enablereuse=on Apache now and then sends a request into a
        connection that is just being closed, the more often the busier the
        machine is, and answers so.
        """
        return range(8 if self.front == "apache-reuse" else 1)

    def reload(self):
        """What `systemctl reload` does to the web server."""
        self.web.send_signal(
            signal.SIGHUP if self.front == "nginx" else signal.SIGUSR1)


def descendants(pid):
    """All processes below one."""
    found = []
    try:
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as text:
            below = [int(word) for word in text.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    for child in below:
        found += [child, *descendants(child)]
    return found


class Stream:
    """One streamed answer: what came when, and how it ended."""

    def __init__(self):
        self.began = time.monotonic()
        self.process = self.connection = self.reply = None
        self.status, self.headers = 200, {}
        self.events = []   # (seconds since the start, data)
        self.comments = []
        self.ended = None  # "clean", or what went wrong
        self.text = b""    # what is left of a line, and of a chunk
        self.left = 0

    @classmethod
    def of_request(cls, port, key, body, seconds=ANSWER_SECONDS):
        """The answer to a chat request over HTTP/1.1."""
        self = cls()
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=seconds)
        self.connection.request(
            "POST", CHAT, json.dumps(body),
            {"Authorization": f"Bearer {key}",
             "Content-Type": "application/json"})
        self.reply = self.connection.getresponse()
        self.status = self.reply.status
        self.headers = {name.lower(): value
                        for name, value in self.reply.getheaders()}
        return self

    @classmethod
    def of_process(cls, process):
        """What a client writes that is a process of its own."""
        self = cls()
        self.process = process
        return self

    def read_piece(self):
        """The next bytes of the body; b"" at its end.

        http.client takes a chunked body that breaks off for one that ends.
        """
        if self.process:
            return os.read(self.process.stdout.fileno(), 65536)
        file = self.reply.fp
        if "content-length" in self.headers:
            return self.reply.read1()
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return file.read1(65536)
        if self.left == 0:
            size = file.readline()
            if not size:
                raise EOFError
            self.left = int(size, 16)
            if self.left == 0:
                return b""
        piece = file.read1(self.left)
        if not piece:
            raise EOFError
        self.left -= len(piece)
        if self.left == 0:
            file.readline()
        return piece

    def read_line(self):
        """Takes one line in; False at the end."""
        while b"\n" not in self.text:
            try:
                piece = self.read_piece()
            except (OSError, EOFError, ValueError) as error:
                self.ended = type(error).__name__
                return False
            if not piece:
                self.ended = "clean"
                return False
            self.text += piece
        line, _, self.text = self.text.partition(b"\n")
        now = time.monotonic() - self.began
        text = line.decode()
        if text.startswith("data: "):
            self.events.append((now, text[6:]))
        elif text.startswith(":"):
            self.comments.append((now, text))
        return True

    def read_events(self, count):
        """Reads until there are so many events."""
        return self.read_until(lambda: len(self.events) >= count)

    def read_comments(self, count):
        """Reads until there are so many comments."""
        return self.read_until(lambda: len(self.comments) >= count)

    def read_until(self, there):
        """Reads until that is true."""
        while not there():
            if not self.read_line():
                raise AssertionError(f"it ended early: {self}")
        return self

    def read_all(self):
        """Reads to the end, whatever that is like."""
        while self.read_line():
            pass
        self.close()
        return self

    def error(self):
        """The error of the last event, or None."""
        last = self.events[-1][1] if self.events else "[DONE]"
        return None if last == "[DONE]" else json.loads(last).get("error")

    def finished(self):
        """True for a complete answer."""
        return bool(self.events) and self.events[-1][1] == "[DONE]"

    def close(self):
        """Leaves, in whatever state it is."""
        if self.process:
            stop_process(self.process)
            self.process.stdout.close()
        else:
            self.reply.close()
            self.connection.close()

    def leave(self):
        """Leaves as a client does whose process ends."""
        if self.connection and self.connection.sock:
            self.connection.sock.close()
        self.close()

    def __repr__(self):
        return (f"{self.status}, {len(self.events)} events, "
                f"{len(self.comments)} comments, ended {self.ended}, last "
                f"{self.events[-1:]}")
