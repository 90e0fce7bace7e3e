#!/usr/bin/env python3
"""web_server_test.py: what the web server itself answers is ours in shape."""

import glob
import json
import os
import threading

from farebox_test import (
    CHAT, CONTRIB, STOP_SECONDS, Gateway, equal, run, true, wait)
from pool_fixture import kill_all


def error_pages(gateway):
    """Each page has our shape and a code that `farebox errors` lists."""
    rows = {row["code"]: row for row in gateway.listed("errors")}
    pages = sorted(glob.glob(os.path.join(CONTRIB, "errors", "*.html")))
    true(len(pages) > 10, f"the pages: {pages}")
    for page in pages:
        with open(page, encoding="utf-8") as text:
            body = json.load(text)
        error = body.pop("error")
        equal(body, {}, f"what is beside error in {page}")
        equal(sorted(error), ["code", "message", "param", "type"], page)
        equal(error["type"], rows[error["code"]]["type"], page)
        with open(os.path.join(CONTRIB, "apache", "farebox.conf"),
                  encoding="utf-8") as text:
            status = os.path.basename(page).partition(".")[0]
            true(f"ErrorDocument {status} /farebox-errors/{status}.html"
                 in text.read(), f"Apache does not use {page}")


def too_large_for_the_server(gateway):
    """lighttpd has a limit of its own; Apache leaves it to us."""
    answer = gateway.request("POST", CHAT, b" " * 25_000_000, gateway.key)
    equal(answer.status, 413, "the status")
    equal(answer.headers["content-type"], "application/json", "the type")
    equal(answer.error()["code"], "request_too_large", "the code")


def odd_requests(gateway):
    """Requests that are hardly HTTP."""
    for data, statuses in (
            (b"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n", (400,)),
            (b"GET / HTTP/1.1\r\n\r\n", (400,)),
            (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "
             + b"x" * 100000 + b"\r\n\r\n", (400, 431)),
            (b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n"
             b"\r\n", (404, 414, 431))):
        answer = gateway.raw(data)
        true(answer.status in statuses, f"{data[:30]!r}: {answer}")
        equal(answer.headers["content-type"], "application/json", "the type")
        answer.error()


def worker_dies(gateway):
    """A worker that is killed in the middle of a call."""
    ending = []
    wait("a worker to be killed", lambda: kill_in_call(gateway, ending))
    equal(ending[0].headers["content-type"], "application/json", "the type")
    true(ending[0].status in (500, 502, 503), f"the status: {ending[0]}")
    ending[0].error()
    wait("the hold to be released",
         lambda: gateway.chat(gateway.key).status == 200
         and gateway.books("web")["held"] == 0)
    equal(gateway.chat(gateway.key).status, 200, "the status afterwards")


def kill_in_call(gateway, ending):
    """Kills the only worker while it waits for the provider."""
    ending.clear()
    client = threading.Thread(target=lambda: ending.append(
        gateway.chat(gateway.key, "slow")))
    client.start()
    wait("the call", lambda: gateway.upstream.waiting() == 1)
    kill_all(gateway.worker_pids())
    client.join()
    return bool(ending)


def pool_is_gone(gateway):
    """Nobody listens any more, then somebody does again."""
    if gateway.front == "lighttpd-spawn":
        return
    gateway.pool.terminate()
    gateway.pool.wait(STOP_SECONDS)
    gateway.processes.remove(gateway.pool)
    for answer in (gateway.chat(gateway.key), gateway.get("/healthz")):
        equal(answer.status, 503, "the status")
        equal(answer.headers["content-type"], "application/json", "the type")
        equal(answer.error()["code"], "gateway_busy", "the code")
        if gateway.front == "apache":
            equal(answer.headers["retry-after"], "2", "retry-after")
            equal(answer.headers["access-control-allow-origin"], "*", "CORS")
    gateway.start_pool()
    wait("the new pool", lambda: gateway.get("/healthz").status == 200
         and gateway.chat(gateway.key).status == 200)


def cheap_endpoints_have_their_own_workers(gateway):
    """With every worker waiting, the cheap endpoints still answer."""
    client = threading.Thread(target=gateway.chat, args=(gateway.key, "slow"))
    client.start()
    wait("the call", lambda: gateway.upstream.waiting() == 1)
    for path in ("/healthz", "/v1/models", "/v1/balance", "/v1/models/ok"):
        equal(gateway.get(path, gateway.key).status, 200, path)
    equal(gateway.upstream.waiting(), 1, "the calls that it did not wait for")
    kill_all(gateway.worker_pids())
    client.join()
    wait("an answer", lambda: gateway.chat(gateway.key).status == 200)


def make(front):
    """A gateway with a single worker for the calls."""
    gateway = Gateway(front, {
        "ok": {}, "slow": {"route": "test ok,delay=600"}}, workers=1)
    gateway.key = gateway.open_account("web")
    return gateway


run(make, [
    ("the error pages", error_pages),
    ("a body that is too large for the web server", too_large_for_the_server),
    ("requests that are hardly HTTP", odd_requests),
    ("cheap endpoints have workers of their own",
     cheap_endpoints_have_their_own_workers),
    ("a worker that dies in a call", worker_dies),
    ("a pool that is gone, and comes back", pool_is_gone),
    ("the books are right", Gateway.check_books),
])
