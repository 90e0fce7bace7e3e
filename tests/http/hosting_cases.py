"""hosting_cases.py: what must hold behind every web server.

One table of cases for all ways of hosting; a script for each web server runs
them, so that they can run side by side. TRAITS says where servers differ.
"""

import json
import os
import re
import subprocess
import threading

from farebox_test import (
    CHAT, Gateway, equal, find_program, nano, run, true, wait)
from hosting_fixture import (
    STALL_MS, STARTERS, Host, Missing, Stream)
from pool_fixture import kill_all

LONG = bool(os.environ.get("FAREBOX_LONG"))
SILENCE_SECONDS = 100 if LONG else 3
BODY_BYTES = 8_000_000
OVERSIZE_BYTES = 30_000_000
RECORDING_BYTES = 25_000_000
UPLOADS = 8
SETTLE_SECONDS = 60
TRIES = 8
PAGES = (400, 404, 405, 408, 411, 413, 414, 500, 501, 502, 503, 504)

MODELS = {
    "ok": {},
    "vendor/large": {"route": "test ok"},
    "ear": {"route": "test ok", "kind": "transcription", "price_input": None,
            "price_output": None, "price_second": "0.0001"},
    "voice": {"route": "test ok,bytes=300000", "kind": "speech",
              "price_input": None, "price_output": None,
              "price_characters": "15"},
    "spaced": {"route": "test ok,gap=0.2,events=8"},
    "short": {"route": "patient ok,gap=0.1,events=25"},
    "long": {"route": "patient ok,gap=0.1,events=200"},
    "silent": {"route": "patient stream-stall,after=4"},
    "stall": {"route": "dull stream-stall,after=4"},
    "breaks": {"route": "test stream-break,after=4"},
    "breaks-before": {"route": "test stream-break-before"},
    "error-event": {"route": "test stream-error,after=4"},
    "late": {"route": f"patient ok,delay={SILENCE_SECONDS}"},
    "slow": {"route": "patient ok,delay=600"},
}

# reload: what becomes of a stream when the web server is reloaded. page: the
# file in contrib/ that names the pages of the server's own errors, and how.
# says: what else stands in the configuration, and for what.
PROXY_TRAITS = {
    "reload": "goes on", "slash": True, "odd": True,
    "page": ("farebox.conf", r"ErrorDocument {0} /farebox-errors/{0}\.html"),
    "says": [("farebox.conf", "timeout=660")],
}
TRAITS = {
    "lighttpd-spawn": {
        "reload": "is cut", "slash": True, "odd": True, "page": None,
        "says": [("farebox-common.conf", "server.stream-response-body = 1"),
                 ("farebox-common.conf", "server.max-request-size = 28672")]},
    # lighttpd tells its old process to end before that has noted what it is;
    # most of the time it comes too late to do harm.
    "lighttpd-sockets": {
        "reload": "may go on", "slash": True, "odd": True, "page": None,
        "says": [("farebox-common.conf", "server.stream-response-body = 1")]},
    "apache": PROXY_TRAITS,
    "apache-reuse": PROXY_TRAITS,
    "apache-fcgid": {
        "reload": "is ended", "slash": True, "odd": True,
        "page": ("farebox-fcgid.conf",
                 r"ErrorDocument {0} /farebox-errors/{0}\.html"),
        "says": [("farebox-fcgid.conf", "FcgidIOTimeout 660"),
                 ("farebox-fcgid.conf", "FcgidBusyTimeout 720"),
                 ("farebox-fcgid.conf", "FcgidOutputBufferSize 0")]},
    "nginx": {
        "reload": "goes on", "slash": True, "odd": True,
        "page": ("farebox-common.conf",
                 r"error_page {0} /farebox-errors/{0}\.html"),
        "says": [("farebox-common.conf", "fastcgi_read_timeout 660s"),
                 ("farebox-common.conf", "client_max_body_size 28m")]},
    # A host whose virtual host we do not write: no %2F, and Apache's own
    # complaints about what is hardly HTTP.
    "cgi": {
        "reload": "goes on", "slash": False, "odd": False,
        "page": ("htaccess", r"ErrorDocument {0} /farebox-errors/{0}\.html"),
        "says": []},
}


def trait(gateway, name):
    """What TRAITS says of this way of hosting."""
    return TRAITS[gateway.front][name]


def settled(gateway, account, key):
    """Waits until nothing is held; its newest usage record.

    A request lets the housekeeping run, where no supervisor does.
    """
    def nothing_held():
        equal(gateway.get("/v1/balance", key).status, 200, "the balance")
        return gateway.books(account)["held"] == 0

    wait("the hold to end", nothing_held, SETTLE_SECONDS)
    return gateway.last_usage(account)


def paid_in_part(usage, *flags):
    """A bill that is neither nothing nor the hold."""
    cost, hold = nano(usage["cost"]), nano(usage["hold"])
    true(0 < cost < hold, f"of {hold} held, {cost} were paid")
    true(set(flags) <= set(usage["flags"]), f"the flags: {usage['flags']}")


def is_ours(answer, *statuses):
    """An error in our shape, with the headers that go with it."""
    true(answer.status in statuses, f"the status: {answer}")
    equal(answer.headers["content-type"], "application/json", "the type")
    equal(answer.headers.get("access-control-allow-origin"), "*", "CORS")
    if answer.status in (502, 503, 504):
        true(int(answer.headers.get("retry-after", "0")) > 0,
             f"there is no retry-after: {answer.headers}")
    return answer.error()


# Requests.

def authorization(gateway):
    equal(gateway.chat(gateway.key).status, 200, "with a key")
    error = is_ours(gateway.chat("sk-unknown"), 401)
    true("not known" in error["message"], f"an unknown key: {error}")
    error = is_ours(gateway.chat(None), 401)
    true("missing" in error["message"], f"no key: {error}")


def big_body(gateway):
    gateway.upstream.forget()
    answer = gateway.chat(gateway.key, messages=[
        {"role": "user", "content": "x" * BODY_BYTES}])
    equal(answer.status, 200, f"the status of {answer}")
    true(gateway.upstream.log()[-1]["size"] > BODY_BYTES, "what arrived")


def recording(gateway):
    """25 MB in a form, and then bytes that come back."""
    form = b"\r\n".join((
        b"--xY", b"Content-Disposition: form-data; name=file; filename=a.mp3",
        b"", b"x" * RECORDING_BYTES, b"--xY",
        b'Content-Disposition: form-data; name="model"', b"", b"ear",
        b"--xY--", b""))
    gateway.upstream.forget()
    answer = gateway.request(
        "POST", "/v1/audio/transcriptions", form, gateway.key,
        {"Content-Type": "multipart/form-data; boundary=xY"})
    equal(answer.status, 200, f"the status of {answer}")
    seen = gateway.upstream.log()[-1]["body"]
    equal((seen["model"], seen["file"]["size"]), ("ok", RECORDING_BYTES),
          "what arrived")
    answer = gateway.request("POST", "/v1/audio/speech", {
        "model": "voice", "voice": "alloy", "input": "Hello"}, gateway.key)
    equal((answer.status, answer.headers["content-type"], len(answer.body)),
          (200, "audio/mpeg", 300000), "the sound")


def unread_body(gateway):
    """An answer that comes before the body is read is not lost."""
    body = b" " * 300_000
    for _ in range(3):
        is_ours(gateway.request("POST", CHAT, body, "sk-unknown"), 401)


def refused_upload(gateway):
    """A client that sends no more when it sees that it is refused."""
    with open(gateway.path("upload"), "wb") as out:
        out.write(b" " * 2_000_000)
    for _ in range(UPLOADS):
        done = subprocess.run(
            [curl_program(), "-q", "-s", "--noproxy", "*", "-m", "50", "-H",
             "Expect:", "-H", "Authorization: Bearer sk-unknown", "-H",
             "Content-Type: application/json", "--data-binary",
             "@" + gateway.path("upload"), "-o", gateway.path("refusal"), "-w",
             "%{http_code}", f"http://127.0.0.1:{gateway.port}{CHAT}"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False)
        equal(done.returncode, 0, "the exit status of curl")
        true(done.stdout == "401" or gateway.front == "apache-reuse",
             f"the status is {done.stdout}")


def chunked_body(gateway):
    body = json.dumps({"model": "ok", "messages": [
        {"role": "user", "content": "x" * 300_000}]}).encode()
    data = (f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
            f"{gateway.key}\r\nContent-Type: application/json\r\n"
            f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n").encode()
    equal(gateway.raw(data + body + b"\r\n0\r\n\r\n").status, 200,
          "the status")


def slash(gateway):
    path = "/v1/models/vendor%2Flarge" if trait(gateway, "slash") else \
        "/v1/models/vendor/large"
    answer = gateway.get(path, gateway.key)
    equal(answer.status, 200, f"the status of {answer}")
    equal(answer.json()["id"], "vendor/large", "the ID")


def preflight(gateway):
    answer = gateway.request("OPTIONS", CHAT, headers={
        "Origin": "https://example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-stainless-os"})
    equal(answer.status, 204, "the status")
    equal(answer.headers["access-control-allow-headers"],
          "authorization,x-stainless-os", "the headers that are allowed")


def many_connections(gateway):
    """More clients that stay connected than there are workers."""
    statuses = []

    def client():
        for _ in range(10):
            statuses.append(gateway.chat(gateway.key).status)

    clients = [threading.Thread(target=client) for _ in range(8)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    good = statuses.count(200)
    true(good == len(statuses) == 80,
         f"{good} of {len(statuses)} succeeded: {set(statuses)}")


def silence(gateway):
    for _ in gateway.tries():
        stream = Stream.of_request(
            gateway.port, gateway.key, {"model": "late", "messages": [
                {"role": "user", "content": "Hello"}]}, SILENCE_SECONDS + 60)
        stream.read_all()
        if stream.status != 503:
            break
    equal((stream.status, stream.ended), (200, "clean"), "how it went")


# Errors of the web server itself.

def pages(gateway):
    """The configuration has a page for each, and its limits."""
    if trait(gateway, "page"):
        name, form = trait(gateway, "page")
        for status in PAGES:
            true(re.search(form.format(status), gateway.contrib(name)),
                 f"{name} has no page for {status}")
    for name, text in trait(gateway, "says"):
        true(text in gateway.contrib(name), f"{name} lacks {text}")


def oversize(gateway):
    error = is_ours(gateway.request(
        "POST", CHAT, b" " * OVERSIZE_BYTES, gateway.key), 413)
    equal(error["code"], "request_too_large", "the code")


def odd_requests(gateway):
    if not trait(gateway, "odd"):
        return
    for data in (b"GET / HTTP/1.1\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "
                 + b"x" * 100000 + b"\r\n\r\n"):
        is_ours(gateway.raw(data), 400, 431)


def worker_dies(gateway):
    ending = []
    body = {"model": "slow", "messages": [{"role": "user", "content": "x"}]}
    for _ in gateway.tries():
        client = threading.Thread(target=lambda: ending.append(
            gateway.request("POST", CHAT, body, gateway.key, again=False)))
        client.start()
        wait("the call", lambda: gateway.upstream.waiting() or ending)
        if gateway.upstream.waiting():
            break
        client.join()
        true(ending.pop().status == 503, "what came in place of a call")
    # All of them, as a host does that has no patience.
    kill_all(gateway.worker_pids())
    client.join()
    is_ours(ending[0], 500, 502, 503)
    wait("an answer", lambda: gateway.chat(gateway.key).status == 200)


def pool_is_gone(gateway):
    if gateway.front == "cgi":
        program_is_gone(gateway)
    if gateway.front in STARTERS:
        return
    gateway.pool.terminate()
    gateway.pool.wait()
    gateway.processes.remove(gateway.pool)
    for answer in (gateway.chat(gateway.key), gateway.get("/healthz")):
        is_ours(answer, 502, 503)
    gateway.start_pool()
    wait("the new pool", lambda: gateway.get("/healthz").status == 200
         and gateway.chat(gateway.key).status == 200)


def program_is_gone(gateway):
    """The dispatcher file names a program that is not there."""
    program = gateway.path("bin/farebox.fcgi")
    os.rename(program, program + ".away")
    try:
        is_ours(gateway.chat(gateway.key), 500, 503)
    finally:
        os.rename(program + ".away", program)


# Streams.

def is_spaced(ask):
    """Eight events, 0.2 s apart, arrive in that way.

    On a busy machine what is late comes together with the next, so there are
    several tries.
    """
    for _ in range(TRIES):
        stream = ask().read_all()
        equal((stream.status, stream.finished(), stream.ended),
              (200, True, "clean"), f"how it went: {stream}")
        times = [at for at, _ in stream.events[1:9]]
        gaps = [b - a for a, b in zip(times, times[1:])]
        if sum(0.05 < gap < 1 for gap in gaps) >= 6:
            return stream
    raise AssertionError(f"the gaps: {gaps}")


def spaced(gateway):
    stream = is_spaced(lambda: gateway.stream(gateway.key, "spaced"))
    true(stream.headers["content-type"].startswith("text/event-stream"),
         "the type")


def leaves_while_events_flow(gateway):
    key = gateway.open_account("leaves-flow")
    stream = gateway.stream(key, "long").read_events(5)
    stream.leave()
    wait("the call to be dropped", lambda: gateway.upstream.waiting() == 0)
    paid_in_part(settled(gateway, "leaves-flow", key), "client_left")


def leaves_while_silent(gateway):
    key = gateway.open_account("leaves-silent")
    stream = gateway.stream(key, "silent").read_events(4).read_comments(1)
    stream.leave()
    wait("the call to be dropped", lambda: gateway.upstream.waiting() == 0)
    paid_in_part(settled(gateway, "leaves-silent", key), "client_left")


def breaks_before(gateway):
    key = gateway.open_account("breaks-before")
    stream = gateway.stream(key, "breaks-before")
    equal(stream.status, 502, "the status")
    stream.close()
    usage = settled(gateway, "breaks-before", key)
    equal((nano(usage["cost"]), usage["code"]), (0, "upstream_error"),
          "the record")


def ends_with(gateway, model, code):
    """A stream that ends with that error, and a bill for its part."""
    key = gateway.open_account(model)
    stream = gateway.stream(key, model).read_all()
    equal((stream.status, stream.ended), (200, "clean"), f"{stream}")
    true(stream.error(), f"there is no error event: {stream}")
    equal(stream.error()["code"], code, "the code")
    paid_in_part(settled(gateway, model, key))
    return stream


def breaks_after(gateway):
    ends_with(gateway, "breaks", "upstream_error")


def error_event(gateway):
    ends_with(gateway, "error-event", "upstream_error")


def stalls(gateway):
    ends_with(gateway, "stall", "upstream_body_timeout")


# What an operator does in mid-stream.

def config_changes(gateway):
    stream = gateway.stream(gateway.key, "short").read_events(3)
    with open(gateway.config, "a", encoding="utf-8") as out:
        out.write("[model new]\nroute = test ok\nprice_input = 1\n"
                  "price_output = 1\n")
    wait("the new model",
         lambda: gateway.chat(gateway.key, "new").status == 200)
    stream.read_all()
    true(stream.finished(), f"the stream: {stream}")


def reload(gateway):
    key = gateway.open_account("reloaded")
    fate = trait(gateway, "reload")
    stream = gateway.stream(
        key, "long" if fate in ("is cut", "is ended") else "short")
    stream.read_events(3)
    gateway.reload()
    if fate in ("goes on", "may go on"):
        wait("an answer meanwhile",
             lambda: gateway.chat(gateway.key).status == 200)
    stream.read_all()
    usage = settled_again(gateway, "reloaded", key)
    if fate == "may go on":
        fate = "goes on" if stream.finished() else "is cut"
    if fate == "goes on":
        true(stream.finished(), f"the stream: {stream}")
        equal(usage["code"], None, "the record")
    elif fate == "is ended":
        equal((stream.error() or {}).get("code"), "gateway_busy",
              f"the stream {stream}")
        paid_in_part(usage)
    else:
        true(stream.ended != "clean" and not stream.finished(),
             f"the stream: {stream}")
        paid_in_part(usage)
        # lighttpd that waits for its child may keep the connection to it.
        true("client_left" in usage["flags"]
             or (gateway.front == "lighttpd-spawn"
                 and usage["code"] == "gateway_busy"), f"the record: {usage}")


def settled_again(gateway, account, key):
    """The same as settled(), of a gateway that may not be there yet."""
    wait("the gateway to be back", gateway.answers)
    return settled(gateway, account, key)


def worker_dies_in_stream(gateway):
    """SIGKILL, which nobody can answer: the hold comes back by itself."""
    key = gateway.open_account("killed")
    stream = gateway.stream(key, "long").read_events(3)
    kill_all(gateway.worker_pids())
    stream.read_all()
    true(not stream.finished(), f"the stream: {stream}")
    usage = settled_again(gateway, "killed", key)
    equal((nano(usage["cost"]), usage["flags"]), (0, ["orphaned"]),
          "the record")


def server_stops(gateway):
    key = gateway.open_account("stopped")
    stream = gateway.stream(key, "long").read_events(3)
    gateway.stop_web()
    stream.read_all()
    true(not stream.finished(), f"the stream: {stream}")
    wait("the call to be dropped", lambda: gateway.upstream.waiting() == 0)
    gateway.start_web()
    usage = settled(gateway, "stopped", key)
    if usage["flags"] != ["orphaned"]:
        paid_in_part(usage)


# HTTP/2.

def curl_program():
    """Where curl is."""
    tool = find_program("curl")
    if not tool:
        raise Missing("curl is not installed")
    return tool


def curl(gateway, path, *words):
    """curl speaking HTTP/2; the process."""
    if gateway.front == "nginx":
        how = ["--http2", "-k", f"https://127.0.0.1:{gateway.tls_port}{path}"]
    else:
        how = ["--http2-prior-knowledge",
               f"http://127.0.0.1:{gateway.port}{path}"]
    return subprocess.Popen(
        [curl_program(), "-q", "-s", "-N", "--noproxy", "*", "-m", "60", "-H",
         f"Authorization: Bearer {gateway.key}", "-H",
         "Content-Type: application/json", *words, *how],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)


def speaks_http2(gateway):
    """That of apache-reuse is that of apache, and curl does not try again."""
    return gateway.front != "apache-reuse"


def http2(gateway):
    if not speaks_http2(gateway):
        return
    path = "/v1/models/vendor%2Flarge" if trait(gateway, "slash") else \
        "/v1/models/vendor/large"
    said = curl(gateway, path, "-o", gateway.path("h2.json"), "-w",
                "%{http_version} %{http_code}").communicate()[0]
    equal(said.decode(), "2 200", "version and status")
    with open(gateway.path("h2.body"), "w", encoding="ascii") as out:
        json.dump({"model": "ok", "messages": [
            {"role": "user", "content": "x" * BODY_BYTES}]}, out)
    said = curl(gateway, CHAT, "-d", "@" + gateway.path("h2.body"), "-o",
                gateway.path("h2.json"), "-w",
                "%{http_version} %{http_code}").communicate()[0]
    equal(said.decode(), "2 200", "version and status of 8 MB")


def http2_stream(gateway):
    if not speaks_http2(gateway):
        return
    body = json.dumps({"model": "spaced", "stream": True, "messages": [
        {"role": "user", "content": "Hello"}]})
    is_spaced(lambda: Stream.of_process(curl(gateway, CHAT, "-d", body)))


def http2_leave(gateway):
    if not speaks_http2(gateway):
        return
    key, gateway.key = gateway.key, gateway.open_account("leaves-http2")
    try:
        process = curl(gateway, CHAT, "-d", json.dumps({
            "model": "long", "stream": True,
            "messages": [{"role": "user", "content": "Hello"}]}))
        Stream.of_process(process).read_events(4).leave()
        wait("the call to be dropped",
             lambda: gateway.upstream.waiting() == 0)
        paid_in_part(settled(gateway, "leaves-http2", gateway.key),
                     "client_left")
    finally:
        gateway.key = key


def make(front):
    """A gateway with little patience."""
    gateway = Host(front, MODELS, workers=4, settings={
        "heartbeat_ms": 400, "stream_head_ms": 60000, "stop_grace_ms": 1000,
        "twin_wait_ms": 100}, providers={
            "dull": {"stall_timeout_ms": STALL_MS}})
    gateway.key = gateway.open_account("hosted", "1000")
    return gateway


CASES = [
    ("the key arrives", authorization),
    ("a body of 8 MB", big_body),
    ("a recording of 25 MB, and sound", recording),
    ("an answer before the body is read", unread_body),
    ("a client that stops sending when it is refused", refused_upload),
    ("a chunked body", chunked_body),
    ("a slash in a model ID", slash),
    ("a preflight request", preflight),
    ("more connections than workers", many_connections),
    (f"a provider that is silent for {SILENCE_SECONDS} s", silence),
    ("the configuration has its limits and pages", pages),
    ("a body that is too large", oversize),
    ("requests that are hardly HTTP", odd_requests),
    ("spaced events arrive spaced", spaced),
    ("a client that leaves while events flow", leaves_while_events_flow),
    ("a client that leaves while the provider is silent",
     leaves_while_silent),
    ("a provider that breaks off before the first byte", breaks_before),
    ("a provider that breaks off after it", breaks_after),
    ("a provider that sends an error event", error_event),
    ("a provider that stalls", stalls),
    ("a configuration that changes in mid-stream", config_changes),
    ("HTTP/2", http2),
    ("a stream over HTTP/2", http2_stream),
    ("a client of HTTP/2 that leaves", http2_leave),
    ("a worker that dies in a call", worker_dies),
    ("a worker that dies in mid-stream", worker_dies_in_stream),
    ("a reload of the web server in mid-stream", reload),
    ("a stop of the web server in mid-stream", server_stops),
    ("a pool that is gone, and comes back", pool_is_gone),
    ("the books are right", Gateway.check_books),
]


def main(*fronts):
    """Runs every case behind these."""
    run(make, CASES, fronts=fronts)
