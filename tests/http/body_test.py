#!/usr/bin/env python3
"""body_test.py: request bodies of every odd kind."""

from farebox_test import CHAT, Gateway, equal, run, true

BODY_BYTES_MAX = 300000
GOOD = b'{"model":"ok","messages":[{"role":"user","content":"x"}]%s}'
DEEP = 10 ** 5

BAD_BODIES = {
    "nothing": b"",
    "blanks": b"  \r\n ",
    "half of an object": b'{"model":"ok",',
    "an array": b"[]",
    "null": b"null",
    "a string": b'"model"',
    "something behind the object": GOOD % b"" + b"{}",
    "a duplicate key": GOOD % b',"model":"ok"',
    "a duplicate key further down": GOOD % b',"x":{"a":1,"a":2}',
    "a raw NUL": GOOD % b',"x":"a\0b"',
    "a NUL behind the object": GOOD % b"" + b"\0",
    "bad UTF-8": GOOD % b',"x":"\xff\xfe"',
    "an overlong UTF-8": GOOD % b',"x":"\xc0\xaf"',
    "a surrogate": GOOD % b',"x":"\xed\xa0\x80"',
    "half an escaped pair": GOOD % b',"x":"\\ud800"',
    "arrays 100000 deep": GOOD % (b',"x":' + b"[" * DEEP + b"]" * DEEP),
    "arrays without an end": GOOD[:-3] + b',"x":' + b"[" * DEEP,
    "objects 20000 deep": GOOD % (b',"x":' + b'{"a":' * 20000 + b"1"
                                  + b"}" * 20000),
    "an integer out of range": GOOD % b',"seed":99999999999999999999',
    "max_tokens out of range": GOOD % b',"max_tokens":99999999999999999999',
    "a real out of range": GOOD % b',"temperature":1e999',
    "NaN": GOOD % b',"temperature":NaN',
    "a comment": GOOD % b'/* , */',
    "single quotes": b"{'model':'ok'}",
    "a form": b"model=ok&messages=x",
}

GOOD_BODIES = {
    "an escaped NUL": GOOD % b',"user":"a\\u0000b"',
    "an escaped pair": GOOD % b',"user":"\\ud83d\\ude00"',
    "arrays 100 deep": GOOD % (b',"x":' + b"[" * 100 + b"]" * 100),
    "an integral real": GOOD % b',"max_tokens":5.0',
    "an exponent": GOOD % b',"max_tokens":1e2',
    "the largest integer": GOOD % b',"seed":9223372036854775807',
    "blanks around it": b" \n" + GOOD % b"" + b"\r\n\t ",
    "an empty key": GOOD % b',"":1',
}

TYPES = {"application/json; charset=utf-8": 200, "application/json": 200,
         "APPLICATION/JSON": 200, "application/vnd.api+json": 200,
         "text/plain": 415, "application/x-www-form-urlencoded": 415,
         "multipart/form-data; boundary=x": 415}


def post(gateway, body, **headers):
    """A chat request with this body."""
    return gateway.request("POST", CHAT, body, gateway.key, headers or None)


def head(gateway, *lines):
    """The head of a raw chat request."""
    return "\r\n".join([
        f"POST {CHAT} HTTP/1.1", "Host: localhost",
        f"Authorization: Bearer {gateway.key}", "Connection: close",
        "Content-Type: application/json", *lines, "", ""]).encode()


def chunks(*parts):
    """These parts as a chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (*parts, b""))


def bad_bodies(gateway):
    for name, body in BAD_BODIES.items():
        answer = post(gateway, body)
        equal(answer.status, 400, f"the status of {name}")
        equal(answer.error()["code"], "invalid_request", f"code of {name}")
    equal(gateway.upstream.log(), [], "what the upstream saw")


def good_bodies(gateway):
    for name, body in GOOD_BODIES.items():
        answer = post(gateway, body)
        equal(answer.status, 200, f"the status of {name}: {answer}")


def media_types(gateway):
    for kind, status in TYPES.items():
        answer = post(gateway, GOOD % b"", **{"Content-Type": kind})
        equal(answer.status, status, f"the status of {kind}")
        if status != 200:
            equal(answer.error()["code"], "unsupported_media_type", "code")
    body = GOOD % b""
    equal(gateway.raw(
        f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer {gateway.key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode() + body).status, 200,
        "the status without Content-Type")


def chunked(gateway):
    body = GOOD % b""
    for parts in ((body,), (body[:5], body[5:6], body[6:]),
                  [bytes([b]) for b in body]):
        answer = gateway.raw(head(gateway, "Transfer-Encoding: chunked")
                             + chunks(*parts))
        equal(answer.status, 200, f"the status of {len(parts)} chunks")
    answer = gateway.raw(head(gateway, "Transfer-Encoding: chunked")
                         + chunks())
    equal(answer.status, 400, "the status of an empty chunked body")
    answer.error()


def no_body(gateway):
    answer = gateway.raw(head(gateway, "Content-Length: 0"))
    equal(answer.status, 400, "the status of an empty body")
    answer.error()
    answer = gateway.raw(head(gateway))
    true(answer.status in (400, 411), f"without a length: {answer}")
    equal(answer.error()["code"], "invalid_request", "the code")


def too_large(gateway):
    fill = BODY_BYTES_MAX - len(GOOD % b',"user":""')
    body = GOOD % (b',"user":"%s"' % (b"x" * fill))
    equal(len(body), BODY_BYTES_MAX, "the length")
    equal(post(gateway, body).status, 200, "the status of the largest body")
    for answer in (
            post(gateway, body + b" "),
            post(gateway, body * 10),
            gateway.raw(head(gateway, "Transfer-Encoding: chunked")
                        + chunks(body, b" "))):
        equal(answer.status, 413, "the status")
        equal(answer.error()["code"], "request_too_large", "the code")
        equal(answer.headers["x-should-retry"], "false", "x-should-retry")


def long_prompt(gateway):
    """A coding agent's first request has 80 KB of all kinds of text."""
    text = "".join(map(chr, range(32, 3000))) * 13
    answer = gateway.chat(gateway.key, "echo", max_tokens=4096,
                          messages=[{"role": "user", "content": text}])
    equal(answer.status, 200, f"the status: {answer}")
    equal(gateway.upstream.log()[-1]["body"]["messages"][0]["content"], text,
          "what the upstream saw")


def make(front):
    """A gateway with a small limit and one account."""
    gateway = Gateway(front, {"ok": {}, "echo": {}},
                      settings={"body_bytes_max": BODY_BYTES_MAX})
    gateway.key = gateway.open_account("bodies")
    return gateway


run(make, [
    ("bad bodies", bad_bodies),
    ("odd bodies that are right", good_bodies),
    ("media types", media_types),
    ("chunked bodies", chunked),
    ("no body", no_body),
    ("bodies over the limit", too_large),
    ("a long prompt", long_prompt),
    ("the books are right", Gateway.check_books),
])
