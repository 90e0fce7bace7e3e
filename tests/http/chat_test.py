#!/usr/bin/env python3
"""chat_test.py: a paid answer: what it costs, what it needs, what is sent."""

import functools
import random

from farebox_test import (
    UPSTREAM_KEY, Gateway, dollars, equal, nano, run, true)

MODELS = {
    "ok": {},
    "cheap": {"price_input": "0.000001", "price_output": "0"},
    "free": {"price_input": "0", "price_output": "0"},
    "priced": {"route": "test ok,prompt=7,completion=5",
               "price_input": "0.27", "price_output": "1.1"},
    "long": {"route": "test ok,prompt=1000,completion=max", "context": "1000",
             "price_input": "1", "price_output": "2"},
    "vendor/model:1": {"route": "test ok"},
    "no-model": {},
}

# A field, a value that is wrong in it, and the param that the error names
# when that is not the field.
WRONG_VALUES = [
    ("model", ..., None), ("model", None, None), ("model", 5, None),
    ("model", "", None), ("model", ["ok"], None),
    ("messages", ..., None), ("messages", None, None), ("messages", [], None),
    ("messages", "Hello", None), ("messages", {"role": "user"}, None),
    ("messages", ["Hello"], "messages[0]"),
    ("messages", [{"content": "x"}], "messages[0].role"),
    ("messages", [{"role": "user", "content": "x"}, {"role": 5}],
     "messages[1].role"),
    ("max_tokens", 0, None), ("max_tokens", -1, None),
    ("max_tokens", 1.5, None), ("max_tokens", "5", None),
    ("max_tokens", True, None), ("max_tokens", 4097, None),
    ("max_tokens", 9223372036854775807, None),
    ("max_completion_tokens", 0, None), ("max_completion_tokens", [], None),
    ("temperature", -0.1, None), ("temperature", 2.1, None),
    ("temperature", "1", None), ("temperature", True, None),
    ("top_p", -0.1, None), ("top_p", 1.1, None), ("top_p", {}, None),
    ("frequency_penalty", 2.1, None), ("frequency_penalty", -2.1, None),
    ("presence_penalty", 2.1, None), ("presence_penalty", -3, None),
    ("n", 0, None), ("n", -1, None), ("n", 1.5, None), ("n", 100000, None),
    ("stream", "yes", None), ("stream", 1, None), ("stream", [], None),
    ("stream_options", True, None), ("stream_options", "x", None),
]

RIGHT_VALUES = [
    {"temperature": 0}, {"temperature": 2}, {"temperature": 2.0},
    {"top_p": 0}, {"top_p": 1}, {"frequency_penalty": -2},
    {"presence_penalty": 2}, {"max_tokens": 1}, {"max_tokens": 4096},
    {"max_tokens": 5.0}, {"max_completion_tokens": 5}, {"n": 3},
    {"stream": False}, {"stop": ["a", "b"]}, {"stop": None},
    {"messages": [{"role": "developer", "content": "x"},
                  {"role": "assistant", "content": None},
                  {"role": "assistant", "content": ""},
                  {"role": "tool", "tool_call_id": "1", "content": "x"},
                  {"role": "function", "name": "f", "content": "x"},
                  {"role": "user", "content": [
                      {"type": "text", "text": "x"},
                      {"type": "image_url", "image_url": {
                          "url": "data:image/png;base64,AAAA"}}]}]},
    dict.fromkeys(("temperature", "top_p", "max_tokens", "n", "stream",
                   "max_completion_tokens", "frequency_penalty", "tools",
                   "presence_penalty", "stream_options", "user", "seed")),
]


def exact_cost(gateway):
    key = gateway.open_account("exact")
    answer = gateway.chat(key)
    equal(answer.status, 200, "the status")
    equal(answer.headers["content-type"], "application/json", "content-type")
    equal(nano(answer.headers["x-farebox-request-cost"]), 9 * 140 + 12 * 280,
          "the cost")
    equal(answer.headers["x-request-id"],
          answer.headers["x-farebox-request-id"], "the request ID")
    true(answer.headers["x-farebox-latency-ms"].isdigit(), "no latency")
    body = answer.json()
    equal(body["object"], "chat.completion", "object")
    equal(body["usage"]["total_tokens"], 21, "total_tokens")
    books = gateway.books("exact")
    equal(books, {"balance": 10**10 - 4620, "available": 10**10 - 4620,
                  "held": 0, "spent": 4620, "deposited": 10**10}, "the books")
    usage = gateway.last_usage("exact")
    equal(usage["request_id"], answer.headers["x-request-id"], "its ID")
    equal((usage["http"], usage["input_tokens"], usage["output_tokens"],
           nano(usage["cost"])), (200, 9, 12, 4620), "the usage record")


def sums_add_up(gateway):
    key = gateway.open_account("sums", "1")
    spent = 0
    choice = random.Random(1)
    for _ in range(30):
        model = choice.choice(["ok", "cheap", "free", "priced"])
        answer = gateway.chat(key, model, n=choice.choice([1, 2]))
        equal(answer.status, 200, "the status")
        spent += nano(answer.headers["x-farebox-request-cost"])
    books = gateway.books("sums")
    equal(books["spent"], spent, "spent")
    equal(books["balance"], 10**9 - spent, "the balance")
    told = gateway.get("/v1/balance", key).json()
    equal((nano(told["balance"]), nano(told["total_spent"]),
           told["currency"]), (10**9 - spent, spent, "USD"), "/v1/balance")


def rounding(gateway):
    key = gateway.open_account("rounding")
    # 9 tokens at a millionth of a dollar per million are 0.009 nano-USD.
    equal(gateway.chat(key, "cheap").headers["x-farebox-request-cost"],
          "0.000000001", "the least there is to pay")
    equal(gateway.chat(key, "free").headers["x-farebox-request-cost"], "0",
          "the cost of a free model")
    # 7 x 270 + 5 x 1100, without a quota's rounding.
    equal(nano(gateway.chat(key, "priced").headers["x-farebox-request-cost"]),
          7390, "the cost")


def spends_to_the_last_nano(gateway):
    hold = 1000 * 1000 + 10 * 2000
    key = gateway.open_account("last", dollars(2 * hold))
    ask = functools.partial(gateway.chat, key, "long", max_tokens=10,
                            messages=[{"role": "user", "content": "x" * 1000}])
    for left in (hold, 0):
        equal(ask().status, 200, "the status")
        equal(gateway.books("last")["balance"], left, "the balance")
    gateway.upstream.forget()
    answer = ask()
    equal(answer.status, 402, "the status with nothing left")
    equal(answer.error()["code"], "insufficient_quota", "the code")
    true("x-farebox-request-cost" not in answer.headers, "a cost is named")
    equal(gateway.upstream.log(), [], "what the upstream saw")
    equal(gateway.books("last")["held"], 0, "held")
    equal(gateway.last_usage("last")["http"], 402, "the usage record")
    gateway.farebox("credit", "add", "last", dollars(hold - 1))
    equal(ask().status, 402, "the status with a nano-dollar too little")
    gateway.farebox("credit", "add", "last", dollars(1))
    equal(ask().status, 200, "the status with enough")
    equal(gateway.get("/v1/balance", key).status, 200, "balance at zero")


def key_budget(gateway):
    hold = 1000 * 1000 + 10 * 2000
    gateway.open_account("budget", "10")
    key = gateway.mint("budget", "--budget", dollars(hold))
    body = {"max_tokens": 10,
            "messages": [{"role": "user", "content": "x" * 1000}]}
    equal(gateway.chat(key, "long", **body).status, 200, "the first")
    answer = gateway.chat(key, "long", **body)
    equal(answer.status, 402, "the second")
    equal(answer.error()["code"], "insufficient_quota", "the code")
    equal(gateway.books("budget")["spent"], hold, "spent")
    told = gateway.get("/v1/balance", key).json()["key_budget"]
    equal((nano(told["limit"]), nano(told["spent"]), told["remaining"]),
          (hold, hold, 0), "the key's budget")


def key_scope(gateway):
    gateway.open_account("scope")
    key = gateway.mint("scope", "--scope", "ok,vendor/model:1")
    listed = gateway.get("/v1/models", key).json()["data"]
    equal(sorted(m["id"] for m in listed), ["ok", "vendor/model:1"], "models")
    equal(gateway.chat(key, "ok").status, 200, "a model that is listed")
    for model in ("free", "unknown", "OK", "ok "):
        answer = gateway.chat(key, model)
        equal(answer.status, 404, f"the status of {model!r}")
        equal(answer.error()["code"], "model_not_found", "the code")
    equal(gateway.get("/v1/models/free", key).status, 404, "its description")


def wrong_values(gateway):
    key = gateway.open_account("wrong")
    gateway.upstream.forget()
    for field, value, param in WRONG_VALUES:
        answer = gateway.chat(key, **{field: value})
        equal(answer.status, 400, f"the status of {field}={value!r}")
        error = answer.error()
        equal((error["code"], error["param"]),
              ("invalid_request", param or field), f"{field}={value!r}")
        true(field in error["message"], f"message: {error['message']}")
    equal(gateway.upstream.log(), [], "what the upstream saw")
    equal(gateway.books("wrong")["spent"], 0, "spent")


def right_values(gateway):
    key = gateway.open_account("right")
    for fields in RIGHT_VALUES:
        answer = gateway.chat(key, **fields)
        equal(answer.status, 200, f"the status of {fields}: {answer}")


def what_the_upstream_gets(gateway):
    key = gateway.open_account("relay")
    gateway.upstream.forget()
    fields = {"temperature": 0.7, "vendor_field": {"a": [1, None, "ž"]},
              "reasoning_effort": None, "max_tokens": 5.0}
    answer = gateway.chat(key, "vendor/model:1", **fields)
    equal(answer.status, 200, "the status")
    equal(answer.json()["model"], "vendor/model:1", "the model in the answer")
    equal(gateway.chat(key, "no-model").json()["model"], "no-model",
          "the model where the upstream named none")
    seen = gateway.upstream.log()[0]
    equal(seen["body"], {
        **fields, "max_tokens": 5, "model": "ok",
        "messages": [{"role": "user", "content": "Hello"}]}, "the body")
    equal(type(seen["body"]["max_tokens"]), int, "5.0")
    equal(seen["headers"]["authorization"], f"Bearer {UPSTREAM_KEY}",
          "the key")
    true(key not in str(gateway.upstream.log()), "the client's key leaked")
    true(key not in gateway.log() and UPSTREAM_KEY not in gateway.log(),
         "a key is in the log")
    gateway.chat(key)
    equal(gateway.upstream.log()[-1]["body"]["max_tokens"], 4096,
          "the output bound that is held")


run(lambda front: Gateway(front, MODELS), [
    ("an answer costs exactly its tokens", exact_cost),
    ("spent is the sum of all costs", sums_add_up),
    ("a request rounds up once, to a nano-dollar", rounding),
    ("a balance is spent to its last nano-dollar", spends_to_the_last_nano),
    ("a key's own budget ends it", key_budget),
    ("a key's scope", key_scope),
    ("wrong values are named", wrong_values),
    ("right values and nulls pass", right_values),
    ("the upstream gets the client's body and our key",
     what_the_upstream_gets),
    ("the books are right", Gateway.check_books),
])
