"""upstream_answers.py: what a well-behaved provider answers.

A Call is one request and the means to answer it.  The functions below it
build the good answers of every endpoint: whole, and as the events of a
stream.  A behaviour that spoils an answer starts from these.
"""

import asyncio
import base64
import itertools
import json
import re
import struct
import time

from upstream_http import Wire

PROMPT_TOKENS = 9
COMPLETION_TOKENS = 12
CHOICES_MAX = 128
DIMENSIONS_MAX = 4096
INT64_MAX = 2 ** 63 - 1
DONE = b"data: [DONE]\n\n"
JSON = "application/json"

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
IMAGES = "/v1/images/generations"
SPEECH = "/v1/audio/speech"
TRANSCRIPTIONS = "/v1/audio/transcriptions"
MODELS = "/v1/models"
MODEL = "/v1/models/"

SPEECH_TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac",
                "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm"}

USAGE_FAULTS = {"negative": lambda count: -count - 1,
                "string": str,
                "float": lambda count: count + 0.5}


def dump(value):
    """A value as compact JSON text; UTF-8 unescaped, half characters as ?."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()


class Call(Wire):
    """One request, and how it is to be answered.

    `text`, `usage_fault` and `with_model` are what a behaviour changes in an
    otherwise good answer.
    """

    def __init__(self, request, number, options, reader, writer):
        super().__init__(request, number, reader, writer)
        self.path = request.path
        self.body = request.fields
        self.options = options
        self.text = options.get("text")
        self.usage_fault = None
        self.with_model = True
        if "echo" in options:
            self.text = dump(self.body)

    def opt(self, name, default=None):
        """An option of the behaviour."""
        return self.options.get(name, default)

    def positive(self, name):
        """A positive integer of the body, or None."""
        value = self.body.get(name)
        return value if type(value) is int and value > 0 else None

    @property
    def streaming(self):
        """Whether a stream was asked for, where there is one."""
        return (self.path in (CHAT, COMPLETIONS)
                and self.body.get("stream") is True)

    @property
    def chunked(self):
        """Whether a stream is sent in chunks, or ends with the connection."""
        return (self.request.version != "HTTP/1.0"
                and self.opt("frame") != "close")

    @property
    def choices(self):
        """How many choices to give: n, at most 128, for each prompt."""
        prompts = self.body.get("prompt")
        listed = (self.path == COMPLETIONS and isinstance(prompts, list)
                  and prompts and not isinstance(prompts[0], int))
        n = min(self.positive("n") or 1, CHOICES_MAX)
        return n * (len(prompts) if listed else 1)

    @property
    def tokens_max(self):
        """The largest number of tokens of one choice, or None."""
        return (self.positive("max_completion_tokens")
                or self.positive("max_tokens"))


# Whole answers.

def stamp(call, kind, choices):
    """The members that answers and chunks have in common."""
    answer = {"id": f"chatcmpl-{call.number}", "object": kind,
              "created": int(time.time()), "model": call.body.get("model"),
              "choices": choices}
    if not call.with_model:
        del answer["model"]
    return answer


def pieces(call):
    """The content in pieces: one for each content chunk of a stream."""
    count = call.opt("events")
    if call.text is None:
        if count is None:
            count = min(COMPLETION_TOKENS,
                        call.tokens_max or COMPLETION_TOKENS)
        return (f" word{i}" if i else "word0" for i in range(count))
    if count is None:
        return re.findall(r"\s*\S+|\s+\Z", call.text)
    step = -(-len(call.text) // count) if count else 0
    return [call.text[i * step:(i + 1) * step] for i in range(count)]


def content(call):
    """The content of a whole answer."""
    return call.text if call.text is not None else "".join(pieces(call))


def token_counts(call):
    """Prompt and completion tokens to report, and the finish reason."""
    most = call.tokens_max
    each = min(COMPLETION_TOKENS, most or COMPLETION_TOKENS)
    completion = call.opt("completion")
    if completion == "max":
        completion = (most or COMPLETION_TOKENS) * call.choices
    elif completion is None:
        completion = each * call.choices
    full = most is not None and completion >= most * call.choices
    return call.opt("prompt", PROMPT_TOKENS), completion, full


def usage_object(call):
    """The usage of an answer whose tokens are counted."""
    prompt, completion, _ = token_counts(call)
    return {"prompt_tokens": prompt, "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": call.opt("cached", 0)},
            "completion_tokens_details": {"reasoning_tokens": 0}}


def usage_member(call, usage):
    """The usage member with a comma before it, spoilt as was asked for."""
    fault = call.usage_fault
    if fault == "missing" or usage is None:
        return ""
    if fault == "null":
        return ',"usage":null'
    if fault == "dup":
        return usage_twice(usage)
    spoil = USAGE_FAULTS.get(fault)
    if fault == "huge":
        value = call.opt("value", INT64_MAX)
        return ',"usage":' + dump(spoilt(usage, lambda count: value))
    return ',"usage":' + dump(spoilt(usage, spoil) if spoil else usage)


def spoilt(usage, change):
    """A usage object with each of its own numbers changed."""
    return {name: change(value) if isinstance(value, int) else value
            for name, value in usage.items()}


def usage_twice(usage):
    """Two usage members: the true one, then one with 1000 more of each."""
    more = spoilt(usage, lambda count: count + 1000)
    return f',"usage":{dump(usage)},"usage":{dump(more)}'


def whole_choice(call, index):
    """One choice of a whole answer."""
    finish = "length" if token_counts(call)[2] else "stop"
    said = {"message": {"role": "assistant", "content": content(call),
                        "refusal": None}}
    if call.path == COMPLETIONS:
        said = {"text": content(call)}
    return {"index": index, **said, "logprobs": None, "finish_reason": finish}


def text_answer(call, choices=None):
    """A whole chat or text completion."""
    if choices is None:
        choices = [whole_choice(call, i) for i in range(call.choices)]
    chat = call.path != COMPLETIONS
    answer = stamp(call, "chat.completion" if chat else "text_completion",
                   choices)
    return JSON, dump(answer)[:-1] + usage_member(
        call, usage_object(call)) + "}"


def embeddings_answer(call):
    """Embeddings, as numbers or as base64 of little-endian floats."""
    given = call.body.get("input")
    one = not isinstance(given, list) or given[:1] and type(given[0]) is int
    size = min(call.positive("dimensions") or 8, DIMENSIONS_MAX)
    vectors = [[(i + k) % 16 / 16 for k in range(size)]
               for i in range(1 if one else len(given))]
    if call.body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
                   for vector in vectors]
    data = [{"object": "embedding", "index": i, "embedding": vector}
            for i, vector in enumerate(vectors)]
    answer = {"object": "list", "data": data, "model": call.body.get("model")}
    prompt = token_counts(call)[0]
    return JSON, dump(answer)[:-1] + usage_member(
        call, {"prompt_tokens": prompt, "total_tokens": prompt}) + "}"


def images_answer(call):
    """Images; with usage only where prompt= or completion= ask for it."""
    image = {"b64_json": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()}
    if call.body.get("response_format") == "url":
        image = {"url": f"http://127.0.0.1/{call.number}.png"}
    answer = {"created": int(time.time()), "data": [image] * call.choices}
    usage = None
    if "prompt" in call.options or "completion" in call.options:
        usage = io_usage(call)
    return JSON, dump(answer)[:-1] + usage_member(call, usage) + "}"


def io_usage(call):
    """Usage as image and transcription models name it."""
    prompt, completion, _ = token_counts(call)
    return {"input_tokens": prompt, "output_tokens": completion,
            "total_tokens": prompt + completion}


def speech_answer(call):
    """Audio: bytes of all values, zero first."""
    size = call.opt("bytes", 4096)
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    form = call.body.get("response_format")
    return SPEECH_TYPES.get(form, "audio/mpeg"), data


def transcription_answer(call):
    """A transcription in the format asked for."""
    form = call.body.get("response_format") or "json"
    text = content(call)
    seconds = call.opt("seconds", 3)
    if form == "text":
        return "text/plain; charset=utf-8", text + "\n"
    if form in ("srt", "vtt"):
        start = "WEBVTT\n\n" if form == "vtt" else "1\n"
        mark = "." if form == "vtt" else ","
        return "text/plain; charset=utf-8", (
            f"{start}00:00:00{mark}000 --> 00:00:03{mark}000\n{text}\n\n")
    answer = {"text": text}
    if form == "verbose_json":
        answer = {"task": "transcribe", "language": "english",
                  "duration": seconds, "text": text, "segments": []}
    usage = {"type": "duration", "seconds": seconds}
    if "prompt" in call.options or "completion" in call.options:
        usage = {"type": "tokens", **io_usage(call)}
    return JSON, dump(answer)[:-1] + usage_member(call, usage) + "}"


def model_object(name):
    """A model as the list of models shows it."""
    return {"id": name, "object": "model", "created": 1700000000,
            "owned_by": "test-upstream"}


def models_answer(call):
    """The list of models: one for each behaviour."""
    data = [model_object(name) for name in call.body["names"]]
    return JSON, dump({"object": "list", "data": data})


def model_answer(call):
    """One model."""
    return JSON, dump(model_object(call.body["model"]))


ANSWERS = {CHAT: text_answer, COMPLETIONS: text_answer,
           EMBEDDINGS: embeddings_answer, IMAGES: images_answer,
           SPEECH: speech_answer, TRANSCRIPTIONS: transcription_answer,
           MODELS: models_answer, MODEL: model_answer}


def payload(call):
    """Content type and bytes of the good answer; a stream's in one piece."""
    if call.streaming:
        return "text/event-stream", b"".join(blocks(call))
    kind, data = ANSWERS[call.path](call)
    return kind, data.encode() if isinstance(data, str) else data


# Streams.

def wants_usage(call):
    """Whether the request asked for a usage chunk, and shall get it."""
    options = call.body.get("stream_options")
    return (isinstance(options, dict) and call.usage_fault != "missing"
            and options.get("include_usage") is True)


def chunk(call, choices, usage=""):
    """One event with these choices."""
    chat = call.path != COMPLETIONS
    text = dump(stamp(call, "chat.completion.chunk" if chat
                      else "text_completion", choices))
    if wants_usage(call) and not usage:
        usage = ',"usage":null'
    return f"data: {text[:-1]}{usage}}}\n\n".encode()


def chunk_choice(call, index, delta, finish=None):
    """The one choice of a chunk."""
    said = {"delta": delta}
    if call.path == COMPLETIONS:
        said = {"text": delta.get("content", "")}
    return [{"index": index, **said, "logprobs": None,
             "finish_reason": finish}]


def opening(call):
    """The events before a finish: a role per choice (chat), the content."""
    indexes = range(call.choices)
    if call.path == CHAT:
        for i in indexes:
            delta = {"role": "assistant", "content": ""}
            yield chunk(call, chunk_choice(call, i, delta))
    for piece in pieces(call):
        for i in indexes:
            yield chunk(call, chunk_choice(call, i, {"content": piece}))


def finishing(call):
    """The last events but [DONE]: a finish per choice, usage if asked."""
    finish = "length" if token_counts(call)[2] else "stop"
    for i in range(call.choices):
        yield chunk(call, chunk_choice(call, i, {}, finish))
    if wants_usage(call):
        yield chunk(call, [], usage_member(call, usage_object(call)))


def blocks(call):
    """All events of the stream."""
    return itertools.chain(opening(call), finishing(call), [DONE])


async def begin(call):
    """Send the head of a stream; frame=close ends it with the connection."""
    fields = [("content-type", "text/event-stream; charset=utf-8"),
              ("cache-control", "no-cache")]
    if call.chunked:
        fields.append(("transfer-encoding", "chunked"))
    else:
        call.keep = False
    await call.write(call.head(200, fields))


async def put(call, data):
    """Send a part of the stream in one write."""
    if call.chunked:
        data = b"%x\r\n%b\r\n" % (len(data), data)
    await call.write(data)


async def put_all(call, parts):
    """Send parts of the stream, gap= seconds apart."""
    gap = call.opt("gap", 0)
    for number, part in enumerate(parts):
        if gap and number:
            await call.pause(gap)
        await put(call, part)
        await asyncio.sleep(0)


async def end(call):
    """End the stream as a server does that means to."""
    if call.chunked:
        await call.write(b"0\r\n\r\n")


async def play(call, parts):
    """Send a complete stream."""
    await begin(call)
    await put_all(call, parts)
    await end(call)
