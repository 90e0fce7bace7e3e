#!/usr/bin/env python3
"""endpoints_test.py: everything that is not a chat completion."""

import re
from urllib.parse import quote

from farebox_test import CHAT, Gateway, equal, nano, run, true

MODELS = {"ok": {"created": "1718000000", "owned_by": "acme"},
          "vendor/model:1": {}, "odd": {"id": "odd%name+1"}}
SDK_HEADERS = ("authorization, content-type, x-stainless-arch, "
               "x-stainless-lang, x-stainless-os, "
               "x-stainless-package-version, x-stainless-retry-count, "
               "x-stainless-runtime, x-stainless-runtime-version")
EXPOSED = ("x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining",
           "retry-after", "x-farebox-request-id", "x-farebox-request-cost",
           "x-farebox-latency-ms")


def models(gateway):
    answer = gateway.get("/v1/models", gateway.key)
    equal(answer.status, 200, "the status")
    body = answer.json()
    equal(body["object"], "list", "object")
    listed = {m["id"]: m for m in body["data"]}
    equal(sorted(listed), ["odd%name+1", "ok", "vendor/model:1"],
          "the IDs")
    equal(listed["ok"], {"id": "ok", "object": "model",
                         "created": 1718000000, "owned_by": "acme"}, "ok")
    for name, model in listed.items():
        answer = gateway.get("/v1/models/" + quote(name, safe=""),
                             gateway.key)
        equal((answer.status, answer.json()), (200, model), name)
    equal(gateway.get("/v1/models/vendor/model:1", gateway.key).json(),
          listed["vendor/model:1"], "an ID with a plain slash")
    for name in ("unknown", "vendor", "vendor%2F", "ok%00", "ok/", "%zz"):
        answer = gateway.get(f"/v1/models/{name}", gateway.key)
        true(answer.status in (400, 404), f"the status of {name}: {answer}")
        true(answer.error()["code"] in ("model_not_found", "not_found",
                                        "invalid_request"), name)


def balance(gateway):
    key = gateway.open_account("balance", "42.5")
    body = gateway.get("/v1/balance", key).json()
    equal((body["balance"], body["currency"], body["total_spent"]),
          (nano("42.5") / 10**9, "USD", 0), "the balance")
    true(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
                      body["last_updated"]), "last_updated")
    equal(body["quota"], 21250000, "quota")
    equal((body["held"], body["available"]), (0, body["balance"]), "held")


def healthz(gateway):
    answer = gateway.get("/healthz")
    equal((answer.status, answer.json()), (200, {"status": "ok"}), "healthz")


def not_found(gateway):
    for path in ("/", "/v1", "/v1/", "/v1/responses", "/v1/nothing", "/x?y=1",
                 "/v1/chat", "/v1/chat/completions/", "/v1/balances",
                 "/healthz/x", "/v1//models"):
        for method, body in (("GET", None), ("POST", b"{}")):
            answer = gateway.request(method, path, body, gateway.key)
            equal(answer.status, 404, f"the status of {method} {path}")
            error = answer.error()
            equal(error["code"], "not_found", f"the code of {path}")
            true(CHAT in error["message"], f"names no endpoint: {error}")
    answer = gateway.get("/%2e%2e/etc/passwd", gateway.key)
    true(answer.status in (400, 404), f"a path that climbs: {answer}")
    answer.error()


def wrong_method(gateway):
    for method, path, allowed in (
            ("GET", CHAT, "POST"), ("DELETE", CHAT, "POST"),
            ("PUT", CHAT, "POST"), ("POST", "/v1/models", "GET"),
            ("PATCH", "/v1/balance", "GET"), ("POST", "/healthz", "GET"),
            ("DELETE", "/v1/models/ok", "GET")):
        body = None if method == "GET" else b"{}"
        answer = gateway.request(method, path, body, gateway.key)
        equal(answer.status, 405, f"the status of {method} {path}")
        equal(answer.error()["code"], "method_not_allowed", "the code")
        true(allowed in answer.headers["allow"], "Allow")


def preflight(gateway):
    for path in (CHAT, "/v1/models", "/nothing"):
        answer = gateway.request("OPTIONS", path, headers={
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": SDK_HEADERS})
        equal((answer.status, answer.body), (204, b""), f"preflight {path}")
        equal(answer.headers["access-control-allow-origin"], "*", "origin")
        equal(answer.headers["access-control-allow-headers"], SDK_HEADERS,
              "the headers")
        true("POST" in answer.headers["access-control-allow-methods"],
             "the methods")


def cors_on_answers(gateway):
    for answer in (gateway.chat(gateway.key), gateway.get("/v1/models"),
                   gateway.get("/nothing")):
        equal(answer.headers["access-control-allow-origin"], "*", "origin")
        exposed = answer.headers["access-control-expose-headers"].lower()
        for name in EXPOSED:
            true(name in re.split(", *", exposed), f"{name} is not exposed")


def head(gateway):
    for path, status in (("/v1/models", 200), ("/healthz", 200),
                         ("/v1/balance", 200), ("/nothing", 404)):
        answer = gateway.request("HEAD", path, None, gateway.key)
        equal((answer.status, answer.body), (status, b""), f"HEAD {path}")
        true(answer.headers["x-request-id"], "no request ID")


def query_strings(gateway):
    equal(gateway.get("/v1/models?limit=5&x=%2F", gateway.key).status, 200,
          "a query on /v1/models")
    answer = gateway.request("POST", CHAT + "?api-version=1", {
        "model": "ok", "messages": [{"role": "user", "content": "x"}]},
        gateway.key)
    equal(answer.status, 200, "a query on chat")


def request_ids(gateway):
    answers = [gateway.get("/healthz") for _ in range(5)]
    ids = {a.headers["x-request-id"] for a in answers}
    equal(len(ids), 5, "the number of different request IDs")


def make(front):
    """A gateway with one account."""
    gateway = Gateway(front, MODELS)
    gateway.key = gateway.open_account("endpoints")
    return gateway


run(make, [
    ("models, IDs with %2F included", models),
    ("balance", balance),
    ("healthz", healthz),
    ("404 names the endpoints", not_found),
    ("405 names the methods", wrong_method),
    ("a browser's preflight", preflight),
    ("answers can be read by browsers", cors_on_answers),
    ("HEAD", head),
    ("query strings", query_strings),
    ("each request has an ID of its own", request_ids),
])
