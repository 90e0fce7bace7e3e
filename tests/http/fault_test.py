#!/usr/bin/env python3
"""fault_test.py: what a provider can do wrong, and what that costs."""

import functools

from farebox_test import Gateway, equal, nano, run, true

GOOD = 9 * 140 + 12 * 280

# What the provider does; the status and code that the client sees; what it
# pays in nano-USD; a flag of its usage record.
FAULTS = [
    ("ok", 200, None, GOOD, None),
    ("no-model", 200, None, GOOD, None),
    ("unreachable", 502, "upstream_unreachable", 0, None),
    ("accept-silent", 504, "upstream_headers_timeout", 0, None),
    ("header-stall", 504, "upstream_headers_timeout", 0, None),
    ("ok,delay=5", 504, "upstream_headers_timeout", 0, None),
    ("body-stall", 504, "upstream_body_timeout", 0, None),
    ("drip,ms=20", 504, "upstream_request_timeout", 0, None),
    ("drip,ms=1", 200, None, GOOD, None),
    ("reset", 502, "upstream_error", 0, None),
    ("reset-mid", 502, "upstream_error", 0, None),
    ("close-early", 502, "upstream_error", 0, None),
    ("close-early,after=30", 502, "upstream_error", 0, None),
    ("wrong-length,delta=10", 502, "upstream_error", 0, None),
    ("wrong-length,delta=-10", 502, "upstream_error", 0, None),
    ("chunk-garbage", 502, "upstream_error", 0, None),
    ("gzip-bomb,bytes=5000000", 502, "upstream_error", 0, None),
    ("endless-line", 502, "upstream_error", 0, None),
    ("redirect", 502, "upstream_error", 0, None),
    ("invalid-json", 502, "upstream_error", 0, None),
    ("html", 502, "upstream_error", 0, None),
    ("empty-body", 502, "upstream_error", 0, None),
    ("empty", 502, "upstream_error", 0, None),
    ("nul", 502, "upstream_error", 0, None),
    ("status,code=500", 502, "upstream_error", 0, None),
    ("status,code=503,body=html", 502, "upstream_error", 0, None),
    ("status,code=599,body=none", 502, "upstream_error", 0, None),
    # The client's mistakes are told to the client.
    ("status,code=400", 400, "context_length_exceeded", 0, None),
    ("status,code=400,error=bad_tool", 400, "bad_tool", 0, None),
    ("status,code=413", 413, "invalid_request", 0, None),
    ("status,code=422", 422, "invalid_request", 0, None),
    ("status,code=422,body=html", 422, "invalid_request", 0, None),
    ("status,code=400,body=invalid", 400, "invalid_request", 0, None),
    # The operator's trouble is not.
    ("status,code=401", 503, "upstream_unavailable", 0, None),
    ("status,code=402", 503, "upstream_unavailable", 0, None),
    ("status,code=403", 503, "upstream_unavailable", 0, None),
    ("status,code=404", 503, "upstream_unavailable", 0, None),
    ("status,code=429,retry=7", 503, "upstream_unavailable", 0, None),
    ("status,code=400,error=invalid_api_key", 503, "upstream_unavailable", 0,
     None),
    # Usage that cannot be right: an estimate, or no more than was held.
    ("usage-missing", 200, None, "estimate", "estimated"),
    ("usage-null", 200, None, "estimate", "estimated"),
    ("usage-negative", 200, None, "estimate", "estimated"),
    ("usage-string", 200, None, "estimate", "estimated"),
    ("usage-float", 200, None, "estimate", "estimated"),
    ("usage-huge", 200, None, "estimate", "estimated"),
    ("usage-huge,value=100000", 200, None, "hold", "capped"),
    ("usage-dup", 200, None, 1009 * 140 + 1012 * 280, None),
]

# The providers that are given up soon; all others have the time that a busy
# machine needs.
IMPATIENT = {
    "accept-silent": "deaf", "header-stall": "deaf", "ok,delay=5": "deaf",
    "body-stall": "dull", "drip,ms=20": "slow",
}

# What the answer's text is long; base/tokens.h tells the estimate.
ANSWER_BYTES = len(" ".join(f"word{i}" for i in range(12)))


def model_id(fault):
    """The public ID of the model that does this."""
    return "".join(c if c.isalnum() else "-" for c in fault)


def wanted_cost(cost, usage, body_bytes):
    """What a row of the table means in nano-USD."""
    if cost == "hold":
        return nano(usage["hold"])
    if cost == "estimate":
        tokens = body_bytes // 3 + (64 + 16) // 4
        return tokens * 140 + ANSWER_BYTES // 3 * 280
    return cost


def fault(gateway, row):
    name, status, code, cost, flag = row
    before = gateway.books("faults")
    body = (b'{"model":"%b","messages":[{"role":"user","content":"x"}]}'
            % model_id(name).encode())
    answer = gateway.request("POST", "/v1/chat/completions", body,
                             gateway.key)
    usage = gateway.last_usage("faults")
    cost = wanted_cost(cost, usage, len(body))
    equal(answer.status, status, "the status")
    equal(usage["request_id"], answer.headers["x-request-id"], "its record")
    equal((usage["http"], usage["code"]), (status, code), "the record")
    equal(nano(usage["cost"]), cost, "the cost in the record")
    equal([f for f in usage["flags"] if f != "shortfall"],
          [flag] if flag else [], "the record's flags")
    if status == 200:
        equal(nano(answer.headers["x-farebox-request-cost"]), cost,
              "the cost in the header")
        equal(answer.json()["model"], model_id(name), "the model")
    else:
        equal(answer.error()["code"], code, "the code")
        true("sk-upstream" not in str(answer.body), "the provider's key")
    if status == 503:
        true(int(answer.headers["retry-after"]) > 0, "there is no retry-after")
    after = gateway.books("faults")
    equal(before["balance"] - after["balance"], cost, "what was paid")
    equal(after["held"], 0, "what is still held")


def relayed_message(gateway):
    error = gateway.chat(gateway.key, model_id("status,code=400")).error()
    equal((error["message"], error["param"], error["code"]),
          ("This model's maximum context length is 8192 tokens.", "messages",
           "context_length_exceeded"), "the provider's complaint")


def retry_after(gateway):
    answer = gateway.chat(gateway.key, model_id("status,code=429,retry=7"))
    equal(answer.headers["retry-after"], "7", "retry-after")


def make(front):
    """A gateway with short patience."""
    models = {model_id(f[0]): {"route": (
        f"{IMPATIENT.get(f[0], 'test')} {f[0]}")} for f in FAULTS}
    models["unreachable"]["route"] = "gone"
    gateway = Gateway(front, models,
                      settings={"answer_bytes_max": 1000000},
                      providers={"deaf": {"first_byte_timeout_ms": 500},
                                 "dull": {"stall_timeout_ms": 500},
                                 "slow": {"total_timeout_ms": 1500}})
    gateway.key = gateway.open_account("faults")
    return gateway


run(make, [
    *((f"{row[0]}: {row[1]} {row[2] or ''}".strip(),
       functools.partial(fault, row=row)) for row in FAULTS),
    ("a provider's complaint is told in its words", relayed_message),
    ("retry-after is passed on", retry_after),
    ("the books are right", Gateway.check_books),
])
