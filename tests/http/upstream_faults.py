"""upstream_faults.py: the behaviours of the test upstream, right and wrong.

One coroutine each, which gets a Call and sends what its name promises.  The
table in upstream.py names them, and says in a line what each one does and
which options it takes.
"""

import asyncio
import functools
import gzip
import io
import itertools

from upstream_answers import (
    CHAT, COMPLETIONS, DONE, JSON, SPEECH, begin, blocks, chunk, dump, end,
    finishing, opening, payload, play, put, put_all, text_answer,
    usage_member, usage_object)

ENDLESS_BYTES_MAX = 200_000_000
BLOCK_BYTES = 65536
UTF8_TEXT = "žluťoučký kůň 漢字 😀 konec"

# status -> type, param, code and message of the openai error body
COMPLAINTS = {
    400: ("invalid_request_error", "messages", "context_length_exceeded",
          "This model's maximum context length is 8192 tokens."),
    401: ("invalid_request_error", None, "invalid_api_key",
          "Incorrect API key provided: sk-upstream-secret."),
    402: ("insufficient_quota", None, "insufficient_quota",
          "The provider's account has no credit left."),
    403: ("invalid_request_error", None, "unsupported_country",
          "The provider's account may not do this."),
    404: ("invalid_request_error", "model", "model_not_found",
          "The model does not exist."),
    429: ("requests", None, "rate_limit_exceeded",
          "The provider's rate limit has been reached."),
}
CLIENT_COMPLAINT = ("invalid_request_error", None, "invalid_request",
                    "The provider refuses the request.")
SERVER_COMPLAINT = ("server_error", None, None,
                    "The provider had an error.")


# Behaviours: whole answers.

async def ok(call):
    """The good answer, streamed when that was asked for."""
    if call.streaming:
        await play(call, blocks(call))
    else:
        await call.whole(*payload(call))


async def echo(call):
    call.text = dump(call.body)
    await ok(call)


async def big(call):
    size = call.opt("bytes", 1_000_000)
    call.text = "x" * size
    call.options.setdefault("events", -(-size // 1000))
    await ok(call)


async def no_model(call):
    call.with_model = False
    await ok(call)


def bad_usage(fault):
    """The behaviour whose usage has this fault."""
    async def behave(call):
        call.usage_fault = fault
        await ok(call)
    return behave


async def empty(call):
    if call.streaming:
        last = usage_member(call, usage_object(call))
        await play(call, [chunk(call, [], last), DONE])
    elif call.path in (CHAT, COMPLETIONS):
        kind, data = text_answer(call, choices=[])
        await call.whole(kind, data.encode())
    elif call.path == SPEECH:
        await call.whole("audio/mpeg", b"")
    else:
        usage = usage_member(call, usage_object(call))
        await call.whole(JSON, f'{{"data":[],"text":""{usage}}}'.encode())


def complaint(call, status):
    """The proper error object for a status."""
    default = SERVER_COMPLAINT if status >= 500 else CLIENT_COMPLAINT
    kind, param, code, message = COMPLAINTS.get(status, default)
    return dump({"error": {"message": message, "type": kind, "param": param,
                           "code": call.opt("error", code)}})


async def status(call):
    code = call.opt("code", 500)
    forms = {
        "openai": (JSON, complaint(call, code)),
        "json": (JSON, dump({"detail": f"The provider answers {code}."})),
        "none": (JSON, ""),
        "html": ("text/html", f"<html><h1>{code}</h1></html>\n"),
        "invalid": (JSON, '{"error":{"message":"The provi'),
    }
    kind, data = forms[call.opt("body", "openai")]
    fields = []
    if "retry" in call.options:
        fields.append(("retry-after", call.opt("retry")))
    await call.whole(kind, data.encode(), code, fields)


async def redirect(call):
    await call.whole("text/plain", b"", call.opt("code", 302),
                     [("location", "/_redirected")])


def fixed(kind, data):
    """The behaviour that answers the same bytes whatever was asked."""
    async def behave(call):
        await call.whole(kind, data)
    return behave


async def nul(call):
    call.text = "before\0after"
    kind, data = payload(call)
    await call.whole(kind, data.replace(b"\\u0000", b"\0"))


async def accept_silent(call):
    await call.silence()


async def header_stall(call):
    await call.write(b"HTTP/1.1 20")
    await call.silence()


async def slow_header(call):
    kind, data = payload(call)
    head = call.head(200, [("content-type", kind),
                           ("content-length", len(data))])
    await drip_bytes(call, head, call.opt("ms", 20))
    await call.write(data)


async def drip_bytes(call, data, ms):
    """Send one byte each ms milliseconds."""
    for place in range(len(data)):
        await call.write(data[place:place + 1])
        await call.pause(ms / 1000)


async def drip(call):
    kind, data = payload(call)
    await call.write(call.head(200, [("content-type", kind),
                                     ("content-length", len(data))]))
    await drip_bytes(call, data, call.opt("ms", 10))


async def part(call, default):
    """Send the head and the first after= bytes of the good answer."""
    kind, data = payload(call)
    head = call.head(200, [("content-type", kind),
                           ("content-length", len(data))])
    await call.write(head + data[:call.opt("after", default)])


async def body_stall(call):
    await part(call, 20)
    await call.silence()


async def reset(call):
    call.reset()


async def reset_mid(call):
    await part(call, 20)
    await call.pause(0.05)
    call.reset()


async def close_early(call):
    call.keep = False
    if "after" in call.options:
        await part(call, 0)


async def wrong_length(call):
    kind, data = payload(call)
    delta = call.opt("delta", 10)
    call.keep = call.keep and delta <= 0
    size = max(0, len(data) + delta)
    await call.write(call.head(200, [("content-type", kind),
                                     ("content-length", size)]) + data)


async def chunk_garbage(call):
    kind, data = payload(call)
    call.keep = False
    good = data[:max(1, call.opt("after", 20))]
    await call.write(call.head(200, [("content-type", kind),
                                     ("transfer-encoding", "chunked")])
                     + b"%x\r\n%b\r\n" % (len(good), good)
                     + b"ZZ not a size\r\n" + data[len(good):])


@functools.lru_cache(maxsize=2)
def bomb(size):
    """A good answer whose content is this long, compressed."""
    block = b"x" * BLOCK_BYTES
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6) as pack:
        pack.write(b'{"id":"bomb","object":"chat.completion","created":1,'
                   b'"model":"bomb","choices":[{"index":0,"finish_reason":'
                   b'"stop","message":{"role":"assistant","content":"')
        for _ in range(size // BLOCK_BYTES):
            pack.write(block)
        pack.write(block[:size % BLOCK_BYTES])
        pack.write(b'"}}],"usage":{"prompt_tokens":9,"completion_tokens":12,'
                   b'"total_tokens":21}}')
    return out.getvalue()


async def gzip_bomb(call):
    data = await asyncio.to_thread(bomb, call.opt("bytes", 100_000_000))
    await call.whole(JSON, data, 200, [("content-encoding", "gzip")])


def endless_line(kind, start):
    """The behaviour whose body is a line without an end, until the cap."""
    async def behave(call):
        call.keep = False
        await call.write(call.head(200, [("content-type", kind)]) + start)
        block = b"x" * BLOCK_BYTES
        for _ in range(call.opt("bytes", ENDLESS_BYTES_MAX) // BLOCK_BYTES):
            await call.write(block)
            await asyncio.sleep(0)
    return behave


# Behaviours: streams.

async def stream_break_before(call):
    await begin(call)
    await finish_broken(call)


async def finish_broken(call):
    """Close; with the option clean, after an orderly end of the body."""
    call.keep = False
    if "clean" in call.options:
        await end(call)


async def first_events(call):
    """Begin a stream and send after= events, all of them before a finish."""
    await begin(call)
    await put_all(call, itertools.islice(opening(call), call.opt("after", 2)))


async def stream_break(call):
    await first_events(call)
    await finish_broken(call)


async def stream_reset(call):
    await first_events(call)
    await call.pause(0.05)
    call.reset()


async def stream_stall(call):
    await first_events(call)
    await call.silence()


async def stream_error(call):
    await first_events(call)
    error = complaint(call, 500)
    await put(call, f"data: {error}\n\n".encode())
    await end(call)


async def stream_nodone(call):
    await play(call, itertools.chain(opening(call), finishing(call)))


def stream_replaced(old, new):
    """The behaviour that streams well, with some bytes replaced."""
    async def behave(call):
        await play(call, (block.replace(old, new) for block in blocks(call)))
    return behave


async def stream_comments(call):
    await play(call, (b": comment\n\n: keep-alive\n" + block
                      for block in blocks(call)))


async def stream_bigevent(call):
    call.text = "x" * call.opt("bytes", 1_000_000)
    call.options["events"] = 1
    await ok(call)


async def stream_onewrite(call):
    await play(call, [b"".join(blocks(call))])


async def stream_bytewise(call):
    data = b"".join(blocks(call))
    await play(call, (data[i:i + 1] for i in range(len(data))))


def split_characters(block):
    """A block cut inside each of its characters of more than one byte."""
    cuts = [i for i, byte in enumerate(block) if byte & 0xc0 == 0x80]
    return [block[a:b] for a, b in zip([0] + cuts, cuts + [len(block)])]


async def stream_utf8split(call):
    if call.text is None:
        call.text = UTF8_TEXT
    parts = map(split_characters, blocks(call))
    await play(call, itertools.chain.from_iterable(parts))


async def stream_idle(call):
    await begin(call)
    await call.pause(call.opt("ms", 1000) / 1000)
    await put_all(call, blocks(call))
    await end(call)


async def stream_garbage(call):
    good = blocks(call)
    await begin(call)
    await put_all(call, itertools.islice(good, call.opt("after", 2)))
    await put(call, b"data: {not json\n\n")
    await put(call, b"\xff\xfe\x00 no field at all\n\n")
    await put_all(call, good)
    await end(call)
