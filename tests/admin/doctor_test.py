#!/usr/bin/env python3
"""doctor_test.py: the doctor finds what was broken on purpose.

Each web server is started once with all that can be wrong with it, and once as
contrib/ has it; the doctor must name every problem, and what mends it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from farebox_test import (  # noqa: E402 (the path comes first)
    CONTRIB, Missing, equal, run, true)
from hosting_fixture import FRONTS, Host  # noqa: E402

MODELS = {
    "vendor/large": {"route": "test ok,gap=0.2,events=8"},
    "quick": {"route": "test ok"},
}

# file in contrib/: what is taken out of it, and what is put in its place.
BREAKS = {
    "apache": ("apache/farebox.conf", [
        ("CGIPassAuth On", "CGIPassAuth Off"),
        ("flushpackets=on timeout=660", "timeout=660"),
        ("AllowEncodedSlashes NoDecode", "AllowEncodedSlashes Off"),
        ("ErrorDocument", "#"),
        ('<Location "/">', '<Location "/">\n'
         "<LimitExcept GET POST>\nRequire all denied\n</LimitExcept>"),
    ]),
    "apache-fcgid": ("apache/farebox-fcgid.conf", [
        ("CGIPassAuth On", ""),
        ("FcgidOutputBufferSize 0", ""),
        ("FcgidMaxRequestLen 29360128", ""),
        ("AllowEncodedSlashes NoDecode", ""),
        ("ErrorDocument", "#"),
    ]),
    "nginx": ("nginx/farebox-common.conf", [
        ("client_max_body_size 28m;", ""),
        ("gzip off;", "fastcgi_ignore_headers X-Accel-Buffering;"),
        ("error_page", "#"),
        ("location / {", "location = /v1/doctor { return 404; }\n"
         "location / {\nlimit_except GET POST { deny all; }"),
    ]),
    "lighttpd-sockets": ("lighttpd/farebox-common.conf", [
        ("server.stream-response-body = 1", ""),
        ("server.max-request-size = 28672", "server.max-request-size = 100"),
        ("server.error-handler", "#"),
        ("server.errorfile-prefix", "#"),
    ]),
    "cgi": ("htaccess/htaccess", [
        ("SetEnvIfNoCase", "#"),
        ("^(v1(/.*)?|", "^(v1/(models|chat/completions)(/.*)?|"),
    ]),
}

# What the doctor must find then, and a part of what mends it.
FOUND = {
    "apache": {
        "key": "CGIPassAuth On", "stream": "flushpackets=on",
        "slash": "AllowEncodedSlashes NoDecode",
        "errors": "ErrorDocument 400", "preflight": "LimitExcept"},
    "apache-fcgid": {
        "key": "CGIPassAuth On", "stream": "FcgidOutputBufferSize 0",
        "body": "FcgidMaxRequestLen 29360128",
        "slash": "AllowEncodedSlashes NoDecode",
        "errors": "ErrorDocument 400"},
    "nginx": {
        "body": "client_max_body_size 28m;",
        "stream": "fastcgi_buffering off;", "errors": "error_page 400",
        "preflight": "limit_except", "routes": "fastcgi_pass"},
    "lighttpd-sockets": {
        "stream": "server.stream-response-body = 1",
        "body": "server.max-request-size = 28672",
        "errors": "server.error-handler"},
    "cgi": {
        "key": "SetEnvIfNoCase ^Authorization$",
        "routes": "RewriteRule", "slash": "AllowEncodedSlashes",
        "errors": "host's to mend"},
}
# The host's, not ours to mend.
INCURABLE = {"cgi": {"slash", "errors"}}
STREAM_TRIES = 5


class Patient(Host):
    """A gateway whose web server is broken, or is not."""

    broken = False

    def find_server(self):
        """Before the folder: breaks the configuration."""
        super().find_server()
        if self.broken:
            self.contrib_folder = break_contrib(self.front)

    def doctor(self, *words, key=None, codes=(0, 1)):
        """What it finds: check to finding; its exit status is in rc."""
        done = self.ask_doctor(f"http://127.0.0.1:{self.port}/v1", *words,
                               key=key)
        true(done.returncode in codes, f"it exits {done.returncode}: "
             f"{done.stdout}{done.stderr}")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {row["check"]: row for row in rows}

    def ask_doctor(self, *words, key=None, path=None):
        """Runs it, with the key where others cannot see it."""
        environment = {**os.environ, "FAREBOX_KEY": key or ""}
        if not key:
            del environment["FAREBOX_KEY"]
        if path is not None:
            environment["PATH"] = path
        user = {}
        if self.store_user():
            user = {"user": self.store_user(), "extra_groups": []}
        return subprocess.run(
            [self.path("bin/farebox"), "--config", self.config, "doctor",
             "--json", *words], text=True, capture_output=True, check=False,
            env=environment, **user)


class BrokenPatient(Patient):
    """One with everything that can be wrong."""

    broken = True

    def close(self):
        """Ends everything."""
        try:
            super().close()
        finally:
            shutil.rmtree(self.contrib_folder, ignore_errors=True)

    def answers(self):
        """True when the web server answers at all."""
        try:
            return self.get("/healthz").status < 500
        except OSError:
            return False


def break_contrib(front):
    """A copy of contrib/ with that front's configuration broken."""
    folder = tempfile.mkdtemp(prefix="farebox-doctor-")
    os.chmod(folder, 0o755)
    shutil.copytree(CONTRIB, folder, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__"))
    name, changes = BREAKS[front]
    path = os.path.join(folder, name)
    with open(path, encoding="utf-8") as text:
        content = text.read()
    for old, new in changes:
        true(old in content, f"{name} has no {old}")
        content = content.replace(old, new)
    with open(path, "w", encoding="utf-8") as out:
        out.write(content)
    return folder


def wrong(found):
    """The checks that are problems, and those that are worth a note."""
    return {check for check, row in found.items()
            if row["state"] == "problem"
            or (row["state"] == "note" and check == "errors")}


def directives(row):
    """All that a finding says would mend it."""
    return " | ".join(mend["directive"] for mend in row["mend"])


def broken(front):
    """Every problem is found, and what mends it is said."""
    gateway = BrokenPatient(front, MODELS, workers=2)
    try:
        key = gateway.open_account("sick")
        found = gateway.doctor(key=key, codes=(1,))
        wanted = FOUND[front]
        # A key that does not arrive cannot be tried with.
        later = {"stream", "body"} & set(wanted) if "key" in wanted else set()
        wanted = {k: v for k, v in wanted.items() if k not in later}
        for check, directive in wanted.items():
            true(check in found and check in wrong(found),
                 f"{check} was not found: {found.get(check)}")
            true(directive in directives(found[check]),
                 f"{check} is not mended by {directives(found[check])}")
        equal(wrong(found) - set(wanted) - later - {"your key"}, set(),
              "what else was found")
        if later:
            broken_with_key(gateway, front, key, later)
    finally:
        gateway.close()


def broken_with_key(gateway, front, key, checks):
    """When the key's way is mended, the rest is found."""
    path = os.path.join(gateway.contrib_folder, BREAKS[front][0])
    with open(path, "a", encoding="utf-8") as out:
        out.write('<Location "/">\nCGIPassAuth On\n</Location>\n')
    gateway.stop_web()
    gateway.start_web()
    found = gateway.doctor(key=key)
    for check in checks:
        row = found[check]
        equal(row["state"], "problem", f"{check}: {row['detail']}")
        true(FOUND[front][check] in directives(row),
             f"{check} is not mended by {directives(row)}")


def whose_stream_flows(gateway):
    """What is found when the stream came as it was sent. A machine that is
    stopped meanwhile brings all at once; a front that buffers always does."""
    found = gateway.doctor(key=gateway.key)
    for _ in range(STREAM_TRIES - 1):
        if found["stream"]["state"] == "ok":
            break
        found = gateway.doctor(key=gateway.key)
    return found


def healthy(gateway):
    """Nothing is wrong with what contrib/ has."""
    found = whose_stream_flows(gateway)
    equal(wrong(found), INCURABLE.get(gateway.front, set()), "what is wrong")
    equal(found["stream"]["state"], "ok", found["stream"]["detail"])
    equal(found["body"]["detail"], "2 MB arrive", "the body")
    names = {mend["server"] for mend in found["silence"]["mend"]}
    equal(len(names), 3 if gateway.is_apache() else 1,
          f"servers that it may be: {names}")


def everything_wrong(gateway):
    """The same web server with all that can be wrong."""
    broken(gateway.front)


def costs_little(gateway):
    """Only the stream is charged, and only with a key."""
    before = gateway.books("well")["spent"]
    gateway.doctor()
    equal(gateway.books("well")["spent"], before, "what it costs without")
    gateway.doctor("--model", "quick", key=gateway.key)
    true(0 < gateway.books("well")["spent"] - before < 100000,
         "what it costs with a key")


def local(gateway):
    """The local side: modes, configuration, space, clock, curl."""
    if gateway.front != "nginx":
        return
    store = gateway.path("store")
    checks = [
        ("a store that others can use", "store", f"chmod 700 {store}",
         lambda: os.chmod(store, 0o755), lambda: os.chmod(store, 0o700)),
        ("a key that others can read", "configuration", "chmod 600",
         lambda: os.chmod(gateway.path("key"), 0o644),
         lambda: os.chmod(gateway.path("key"), 0o600)),
        ("a configuration that others can write", "configuration",
         "chmod go-w", lambda: os.chmod(gateway.config, 0o666),
         lambda: os.chmod(gateway.config, 0o644)),
        ("a clock that was set back", "clock", "set-ntp",
         lambda: set_age(store, 3600), lambda: set_age(store, 0)),
        ("no store", "store", "store init",
         lambda: os.rename(store, store + ".away"),
         lambda: os.rename(store + ".away", store)),
    ]
    for name, check, text, spoil, mend in checks:
        spoil()
        rows = gateway.ask_doctor()
        mend()
        found = [json.loads(line) for line in rows.stdout.splitlines()]
        true(any(row["check"] == check and row["state"] == "problem"
                 and text in row["detail"] for row in found),
             f"{name}: {rows.stdout}")
        equal(rows.returncode, 1, f"{name}: the exit status")
    equal(gateway.ask_doctor().returncode, 0, "when all is mended")


def set_age(store, seconds):
    """Dates a file of the store that far into the future."""
    when = time.time() + seconds
    os.utime(os.path.join(store, "pepper"), (when, when))


def wrong_configuration(gateway):
    """Every line that is wrong is a problem."""
    with open(gateway.config, encoding="utf-8") as text:
        good = text.read()
    with open(gateway.config, "w", encoding="utf-8") as out:
        out.write(good + "[model x]\nspam = 1\n")
    try:
        done = gateway.ask_doctor()
    finally:
        with open(gateway.config, "w", encoding="utf-8") as out:
            out.write(good)
    equal(done.returncode, 1, "the exit status")
    equal(done.stdout.count('"configuration"') >= 3, True,
          f"its problems: {done.stdout}")


def unreachable(gateway):
    """Nobody there, no URL, no curl."""
    for url, path, text in (
            ("http://127.0.0.1:1/v1", None, "nobody listens"),
            ("spam", None, "is no URL"),
            ('http://127.0.0.1:1/"', None, "is no URL"),
            (f"http://127.0.0.1:{gateway.port}", "/nonexistent",
             "apt-get install curl")):
        done = gateway.ask_doctor(url, path=path)
        equal(done.returncode, 1, f"{url}: the exit status")
        true(text in done.stdout, f"{url}: {done.stdout}")


def key_is_not_shown(gateway):
    """Neither on curl's command line nor in what is printed."""
    done = gateway.ask_doctor(f"http://127.0.0.1:{gateway.port}",
                              key=gateway.key)
    true(gateway.key not in done.stdout + done.stderr, "the key is shown")
    done = gateway.ask_doctor(f"http://127.0.0.1:{gateway.port}",
                              key='x" \n')
    true("is no key" in done.stdout, f"a strange key: {done.stdout}")


def make(front):
    """A gateway that is well."""
    if not shutil.which("curl"):
        raise Missing("curl is not installed")
    gateway = Patient(front, MODELS, workers=2)
    gateway.key = gateway.open_account("well")
    return gateway


if __name__ == "__main__":
    run(make, [
        ("nothing is wrong", healthy),
        ("everything is wrong", everything_wrong),
        ("it costs little", costs_little),
        ("the local side", local),
        ("a configuration that is wrong", wrong_configuration),
        ("who cannot be reached", unreachable),
        ("the key is not shown", key_is_not_shown),
    ], fronts=[front for front in FRONTS if front in BREAKS])
