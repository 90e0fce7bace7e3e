#!/usr/bin/env python3
"""kinds_test.py: every kind of model, asked through real web servers."""

import hashlib
import http.client
import json
import re

from farebox_test import Gateway, equal, nano, read_answer, run, true
from pool_fixture import wait

TOKENS = {"price_input": "1", "price_output": "2"}
MODELS = {
    "ok": {},
    "text": {"route": "test ok", "kind": "completion", **TOKENS},
    "vectors": {"route": "test ok,prompt=7", "kind": "embedding",
                "price_output": None, "price_input": "0.02"},
    "painter": {"route": "test ok", "kind": "image", "price_input": None,
                "price_output": None,
                "price_images": "0.04, hd 0.08, hd 1792x1024 0.12"},
    "voice": {"route": "test ok,bytes=100000", "kind": "speech",
              "price_input": None, "price_output": None,
              "price_characters": "15"},
    "voice-breaks": {"route": "test close-early,after=5000,bytes=100000",
                     "kind": "speech", "price_input": None,
                     "price_output": None, "price_characters": "15"},
    "ear": {"route": "test ok,seconds=3.25", "kind": "transcription",
            "price_input": None, "price_output": None,
            "price_second": "0.0001"},
    "token-ear": {"route": "test ok,prompt=30,completion=5",
                  "kind": "transcription", **TOKENS},
    "ear-fails": {"route": "test status,code=500", "kind": "transcription",
                  "price_input": None, "price_output": None,
                  "price_second": "0.0001"},
}
BOUNDARY = "----farebox-test-7MA4YWxkTrZu0gW"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
UPLOAD_BYTES = 25 * 1024 * 1024
PEAK_KIB_MORE = 8192


def form(*parts):
    """A form; a part is (name, value) or (name, filename, bytes)."""
    body = b""
    for name, *rest, value in parts:
        more = f'; filename="{rest[0]}"' if rest else ""
        value = value if isinstance(value, bytes) else value.encode()
        body += (f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
                 f'name="{name}"{more}\r\n\r\n').encode() + value + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def direct(gateway, path, model, body, headers):
    """What the provider itself answers to the request for its model."""
    if isinstance(body, bytes):
        body = body.replace(b"\r\n\r\near\r\n",
                            f"\r\n\r\n{model}\r\n".encode())
    else:
        body = json.dumps({**body, "model": model})
    connection = http.client.HTTPConnection("127.0.0.1",
                                            gateway.upstream.port)
    connection.request("POST", path, body, headers)
    answer = read_answer(connection.getresponse())
    connection.close()
    return answer


def same(gateway, path, model, body, headers=None):
    """The gateway's answer, which is the provider's but for the model."""
    headers = headers or {"Content-Type": "application/json"}
    got = gateway.request("POST", path, body, gateway.key, headers)
    equal(got.status, 200, f"the status of {path}: {got}")
    name = MODELS[model]["route"].partition(" ")[2]
    wanted = direct(gateway, path, name, body, headers)
    equal(got.headers["content-type"], wanted.headers["content-type"],
          "content-type")
    changing = rb'("created": ?|"id":"chatcmpl-)\d+'
    equal(re.sub(changing, b"", got.body),
          re.sub(changing, b"", wanted.body.replace(
              b'"model":"%s"' % name.encode(),
              b'"model":"%s"' % model.encode())), f"the answer of {path}")
    return got


def cost(gateway):
    """What the last request cost."""
    return nano(gateway.last_usage("kinds")["cost"])


def completions(gateway):
    for prompt in ("Say", ["Say", "more"], [1, 2, 3], [[1, 2], [3]]):
        same(gateway, "/v1/completions", "text",
             {"model": "text", "prompt": prompt, "max_tokens": 5})
    equal(cost(gateway), 9 * 1000 + 10 * 2000, "the cost of two texts")
    streamed = gateway.request(
        "POST", "/v1/completions", {"model": "text", "prompt": "Say",
                                    "stream": True}, gateway.key)
    events = re.findall(rb"^data: (.*)$", streamed.body, re.M)
    equal(events.pop(), b"[DONE]", "the last event")
    text = "".join(json.loads(e)["choices"][0]["text"] for e in events)
    true(text.startswith("word0 word1"), f"the text is {text!r}")
    equal(cost(gateway), 9 * 1000 + 12 * 2000, "the cost of a stream")


def embeddings(gateway):
    for encoding in ("float", "base64"):
        for given in ("one", ["one", "two"], [5, 6], [[5], [6, 7]]):
            same(gateway, "/v1/embeddings", "vectors", {
                "model": "vectors", "input": given, "dimensions": 16,
                "encoding_format": encoding})
            equal(cost(gateway), 7 * 20, "the cost")
    usage = gateway.last_usage("kinds")
    equal((usage["input_tokens"], usage["output_tokens"]), (7, 0), "tokens")


def images(gateway):
    for rest, cents in (({}, 12), ({"quality": "standard"}, 4),
                        ({"quality": "hd", "size": "1024x1024", "n": 2}, 16),
                        ({"quality": "hd", "size": "1792x1024"}, 12)):
        same(gateway, "/v1/images/generations", "painter",
             {"model": "painter", "prompt": "a cat", **rest})
        equal(cost(gateway), cents * 10 ** 7, f"the cost of {rest}")
    equal(gateway.last_usage("kinds")["images"], 1, "images")


def speech(gateway):
    asked = {"model": "voice", "voice": "alloy", "input": "Grüße!",
             "response_format": "opus"}
    got = same(gateway, "/v1/audio/speech", "voice", asked)
    equal(got.headers["content-type"], "audio/ogg", "its type")
    equal(len(got.body), 100000, "its length")
    wait("the usage record",
         lambda: gateway.last_usage("kinds")["model"] == "voice")
    equal(gateway.last_usage("kinds")["characters"], 6, "characters")
    equal(cost(gateway), 6 * 15000, "the cost")


def speech_breaks(gateway):
    """The client sees that it is not whole; it was billed all the same."""
    try:
        got = gateway.request("POST", "/v1/audio/speech", {
            "model": "voice-breaks", "voice": "alloy", "input": "Hello"},
            gateway.key)
        true(len(got.body) < 100000, "it was whole")
    except http.client.IncompleteRead as broken:
        equal(broken.partial, (bytes(range(256)) * 20)[:len(broken.partial)],
              "what was delivered")
    wait("the usage record",
         lambda: gateway.last_usage("kinds")["model"] == "voice-breaks")
    usage = gateway.last_usage("kinds")
    equal((usage["http"], nano(usage["cost"])), (502, 5 * 15000), "the record")


def transcriptions(gateway):
    sound = b"ID3\r\n--" + bytes(range(256)) * 40
    file, model = ("file", "a.mp3", sound), ("model", "ear")
    for kind in ("json", "verbose_json", "text", "srt", "vtt"):
        for parts in ([model, file], [file, model]):
            same(gateway, "/v1/audio/transcriptions", "ear",
                 form(("response_format", kind), *parts), FORM)
            equal("estimated" in gateway.last_usage("kinds")["flags"],
                  kind in ("text", "srt", "vtt"), f"{kind} is an estimate")
    same(gateway, "/v1/audio/transcriptions", "ear", form(file, model), FORM)
    equal(cost(gateway), 325000, "the cost of 3.25 s")
    equal(gateway.last_usage("kinds")["audio_ms"], 3250, "audio_ms")
    got = gateway.request("POST", "/v1/audio/transcriptions",
                          form(("model", "token-ear"), file), gateway.key,
                          FORM)
    equal(got.status, 200, "the status")
    equal(cost(gateway), 30 * 1000 + 5 * 2000, "the cost of tokens")
    failed = gateway.request("POST", "/v1/audio/transcriptions",
                             form(file, ("model", "ear-fails")), gateway.key,
                             FORM)
    equal((failed.status, failed.error()["code"]), (502, "upstream_error"),
          "a provider that fails")
    equal(cost(gateway), 0, "what that costs")


def wrong_places(gateway):
    """Each kind is refused everywhere else, in words that help."""
    bodies = {"/v1/chat/completions": {"messages": [{"role": "user"}]},
              "/v1/completions": {"prompt": "x"},
              "/v1/embeddings": {"input": "x"},
              "/v1/images/generations": {"prompt": "x"},
              "/v1/audio/speech": {"input": "x"}}
    homes = {"ok": 0, "text": 1, "vectors": 2, "painter": 3, "voice": 4}
    for place, (path, body) in enumerate(bodies.items()):
        for model, home in homes.items():
            if home == place:
                continue
            got = gateway.request("POST", path, {"model": model, **body},
                                  gateway.key)
            error = got.error()
            equal((got.status, error["code"], error["param"]),
                  (400, "invalid_request", "model"), f"{model} at {path}")
            true(f"POST {list(bodies)[home]}. " in error["message"],
                 error["message"])
    listed = [m["id"] for m in gateway.get("/v1/models",
                                           gateway.key).json()["data"]]
    equal(sorted(listed), sorted(MODELS), "all are listed")


def peak_kib(pid):
    """The most memory this process ever had."""
    with open(f"/proc/{pid}/status", encoding="ascii") as text:
        return int(re.search(r"VmHWM:\s+(\d+)", text.read())[1])


def upload(gateway):
    """25 MB go through, and no worker grows by it."""
    sound = hashlib.sha256(b"seed").digest() * (UPLOAD_BYTES // 32)
    warm = form(("file", "a.mp3", b"ID3" * 1000), ("model", "ear"))
    for _ in range(8):
        equal(gateway.request("POST", "/v1/audio/transcriptions", warm,
                              gateway.key, FORM).status, 200, "the status")
    before = {pid: peak_kib(pid) for pid in gateway.worker_pids()}
    body = form(("file", "a.wav", sound), ("model", "ear"))
    gateway.upstream.forget()
    for _ in range(2):
        got = gateway.request("POST", "/v1/audio/transcriptions", body,
                              gateway.key, FORM)
        equal((got.status, b'"text"' in got.body), (200, True), "the answer")
    seen = [entry["body"]["file"] for entry in gateway.upstream.log()]
    equal(seen, 2 * [{"size": UPLOAD_BYTES, "sha256":
                      hashlib.sha256(sound).hexdigest()}], "what arrived")
    after = {pid: peak_kib(pid) for pid in gateway.worker_pids()}
    equal(set(after), set(before), "the workers")
    more = max(after[pid] - before[pid] for pid in after)
    print(f"# a worker's peak rose by {more} KiB")
    true(more <= PEAK_KIB_MORE, f"a worker's peak rose by {more} KiB")


def too_large(gateway):
    body = form(("file", "a.wav", bytes(27 << 20)), ("model", "ear"))
    try:
        got = gateway.request("POST", "/v1/audio/transcriptions", body,
                              gateway.key, FORM)
        equal(got.status, 413, "the status")
    except (BrokenPipeError, ConnectionResetError):
        pass  # it was answered while it was still being sent
    equal(gateway.get("/healthz").status, 200, "the gateway")


def books(gateway):
    gateway.check_books()


def make(front):
    gateway = Gateway(front, MODELS, workers=2,
                      settings={"requests_per_worker": 1000000})
    gateway.key = gateway.open_account("kinds", "100")
    return gateway


run(make, [
    ("texts are completed", completions),
    ("texts become vectors", embeddings),
    ("images cost what they are", images),
    ("speech is the provider's bytes", speech),
    ("speech that breaks off ends", speech_breaks),
    ("recordings are written down", transcriptions),
    ("a kind is refused where it does not belong", wrong_places),
    ("25 MB are not held in memory", upload),
    ("more than that is refused", too_large),
    ("the books are right", books),
], fronts=("lighttpd-spawn", "apache"))
