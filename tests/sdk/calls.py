"""calls.py: what the tests ask through the OpenAI SDK for Python.

Run by python_test.py inside the SDK's virtual environment; prints TAP.
"""

import asyncio
import json
import os
import re
import sys
import traceback
import urllib.request
from decimal import Decimal

import openai
from openai import AsyncOpenAI, OpenAI

TOLD = json.loads(os.environ["FAREBOX_SDK"])
HELLO = [{"role": "user", "content": "Hello!"}]
ATTEMPTS = []


class Counting(openai.DefaultHttpxClient):
    """An HTTP client that notes each attempt."""

    def send(self, request, **more):
        ATTEMPTS.append(request.url.path)
        return super().send(request, **more)


def client(key=TOLD["key"], **more):
    """The SDK as an application makes it, with another URL and key."""
    ATTEMPTS.clear()
    return OpenAI(api_key=key, base_url=TOLD["base_url"],
                  http_client=Counting(), **more)


def create(model, key=TOLD["key"], **more):
    """One chat completion."""
    more.setdefault("messages", HELLO)
    return client(key).chat.completions.create(model=model, **more)


def refused(kind, status, code, attempts, call):
    """The call fails in this way after so many attempts."""
    try:
        call()
    except openai.APIStatusError as error:
        assert type(error) is kind, type(error)
        assert error.status_code == status, error.status_code
        assert error.code == code, error.code
        assert error.message and error.request_id, error
        assert len(ATTEMPTS) == attempts, ATTEMPTS
        return error
    raise AssertionError("it was not refused")


def upstream_calls(model):
    """How often the provider was asked for a model."""
    with urllib.request.urlopen(TOLD["upstream"] + "/_log") as reply:
        return sum(entry["body"].get("model") == model
                   for entry in json.load(reply) if entry.get("body"))


def answered(completion, model):
    """A complete answer of that model."""
    assert completion.model == model, completion.model
    assert completion.object == "chat.completion"
    assert completion.choices[0].message.role == "assistant"
    assert completion.choices[0].message.content
    assert completion.choices[0].finish_reason in ("stop", "length")
    usage = completion.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert completion._request_id.startswith("req_")


def manual_example():
    answered(create("deepseek-v4-flash", temperature=0.7, max_tokens=256,
                    messages=[
                        {"role": "system",
                         "content": "You are a concise assistant."},
                        {"role": "user", "content":
                         "Summarize this product in one sentence."}]),
             "deepseek-v4-flash")


def minimal_example():
    answered(create("deepseek-v4-flash", max_tokens=256, messages=[
        {"role": "user", "content": "Write one short launch checklist."}]),
        "deepseek-v4-flash")


def router_example():
    answered(create("gemini-2.5-flash", temperature=1, max_tokens=1024,
                    top_p=1, extra_body={"nemo_cache": False}, messages=[
                        {"role": "user", "content":
                         "Hello! What models do you support?"}]),
             "gemini-2.5-flash")


def nexus_example():
    answered(create("deepseek-v4", temperature=0.7, max_tokens=1024,
                    messages=[
                        {"role": "system",
                         "content": "You are a helpful assistant."},
                        {"role": "user", "content": "Hello!"}]),
             "deepseek-v4")


def stream_example():
    story = [{"role": "user", "content": "Tell me a story"}]
    chunks = list(create("qwen-max", stream=True, messages=story))
    text = "".join(c.choices[0].delta.content or "" for c in chunks
                   if c.choices)
    assert text.startswith("word0 word1"), text
    assert chunks[-1].choices[0].finish_reason == "stop", chunks[-1]


def environment_variables():
    os.environ["OPENAI_API_KEY"] = TOLD["key"]
    os.environ["OPENAI_BASE_URL"] = TOLD["base_url"]
    answered(OpenAI().chat.completions.create(
        model="qwen-max", messages=HELLO), "qwen-max")


def cost_header():
    raw = client().chat.completions.with_raw_response.create(
        model="qwen-max", messages=HELLO)
    usage = raw.parse().usage
    cost = (usage.prompt_tokens * Decimal("0.14")
            + usage.completion_tokens * Decimal("0.28")) / 10 ** 6
    assert Decimal(raw.headers["x-farebox-request-cost"]) == cost
    assert raw.headers["x-request-id"] == raw.parse()._request_id


def fields_pass_through():
    tools = [{"type": "function", "function": {
        "name": "weather", "strict": True, "parameters": {
            "type": "object", "properties": {}}}}]
    answer = create("echo", n=2, tools=tools, tool_choice="auto", seed=7,
                    max_completion_tokens=50, reasoning_effort="low",
                    parallel_tool_calls=False, user="someone",
                    response_format={"type": "json_object"}, stop=["x"])
    assert len(answer.choices) == 2, answer
    seen = json.loads(answer.choices[0].message.content)
    assert seen["tools"] == tools and seen["seed"] == 7, seen
    assert seen["max_completion_tokens"] == 50, seen
    assert seen["parallel_tool_calls"] is False, seen
    assert "max_tokens" not in seen, seen


def models_list():
    listed = [model.id for model in client().models.list()]
    assert sorted(listed) == TOLD["models"], listed


def models_retrieve():
    for name in ("qwen-max", "vendor/model:1"):
        model = client().models.retrieve(name)
        assert (model.id, model.object) == (name, "model"), model
        assert isinstance(model.created, int) and model.owned_by, model


def many_at_once():
    async def ask():
        async with AsyncOpenAI(api_key=TOLD["key"],
                               base_url=TOLD["base_url"]) as many:
            return await asyncio.gather(*(
                many.chat.completions.create(model="qwen-max",
                                             messages=HELLO)
                for _ in range(24)))

    for answer in asyncio.run(ask()):
        answered(answer, "qwen-max")


def limited_key():
    """What is refused at first is let in when the SDK tries again."""
    async def ask():
        sdk = AsyncOpenAI(api_key=TOLD["single_key"],
                          base_url=TOLD["base_url"], max_retries=9)
        async with sdk:
            return await asyncio.gather(*(
                sdk.chat.completions.with_raw_response.create(
                    model="pause", messages=HELLO) for _ in range(2)))
    replies = asyncio.run(ask())
    for reply in replies:
        answered(reply.parse(), "pause")
    assert sum(reply.retries_taken for reply in replies) > 0, "no retry"


def balance():
    told = client().get("/balance", cast_to=object)
    assert told["currency"] == "USD" and 0 < told["balance"] < 5, told
    assert round(told["balance"] + told["total_spent"], 9) == 5, told


def direct(model):
    """The provider itself, whose model has another name."""
    return OpenAI(api_key="none", base_url=TOLD["upstream"] + "/v1"), model


def same(call, name, model):
    """The answer's bytes, the same of the gateway and of the provider."""
    got = call(client(), name).content
    wanted = call(*direct(model)).content
    wanted = wanted.replace(b'"model":"%s"' % model.encode(),
                            b'"model":"%s"' % name.encode())
    changing = rb'"created": ?\d+|"id":"chatcmpl-\d+"'
    assert (re.sub(changing, b"", got) == re.sub(changing, b"", wanted)), got
    return got


def completions():
    answer = client().completions.create(model="text", prompt="Say",
                                         max_tokens=5)
    assert answer.choices[0].text == "word0 word1 word2 word3 word4", answer
    assert answer.model == "text" and answer.usage.total_tokens == 14, answer
    stream = client().completions.create(model="text", prompt="Say",
                                         stream=True)
    text = "".join(chunk.choices[0].text for chunk in stream)
    assert text.startswith("word0 word1"), text
    same(lambda c, m: c.completions.with_raw_response.create(
        model=m, prompt=["a", "b"]), "text", "ok")


def embeddings():
    # The SDK asks for base64 when it is not told, and decodes it.
    vector = client().embeddings.create(model="vectors", input="one",
                                        dimensions=16).data[0].embedding
    plain = client().embeddings.create(model="vectors", input="one",
                                       dimensions=16, encoding_format="float")
    assert vector == plain.data[0].embedding and len(vector) == 16, vector
    for given in ("one", ["one", "two"], [5, 6], [[5, 6], [7]]):
        same(lambda c, m, given=given: c.embeddings.with_raw_response.create(
            model=m, input=given), "vectors", "ok")


def images():
    answer = client().images.generate(model="painter", prompt="a cat", n=2,
                                      quality="hd")
    assert [image.b64_json for image in answer.data] == 2 * [
        "iVBORw0KGgo="], answer
    same(lambda c, m: c.images.with_raw_response.generate(
        model=m, prompt="a cat"), "painter", "ok")


def speech():
    def say(sdk, model):
        return sdk.audio.speech.with_raw_response.create(
            model=model, voice="alloy", input="Hello!",
            response_format="wav")
    assert len(same(say, "voice", "ok,bytes=50000")) == 50000
    with client().audio.speech.with_streaming_response.create(
            model="voice", voice="alloy", input="Hello!") as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert sum(map(len, answer.iter_bytes())) == 50000


def transcriptions():
    sound = ("a.mp3", bytes(range(256)) * 100, "audio/mpeg")
    answer = client().audio.transcriptions.create(model="ear", file=sound)
    assert answer.text.startswith("word0 word1"), answer
    for form in ("json", "verbose_json", "text", "srt", "vtt"):
        same(lambda c, m, form=form:
             c.audio.transcriptions.with_raw_response.create(
                 model=m, file=sound, response_format=form, language="en"),
             "ear", "ok,seconds=2.5")


def wrong_kind():
    error = refused(openai.BadRequestError, 400, "invalid_request", 1,
                    lambda: client().embeddings.create(model="qwen-max",
                                                       input="one"))
    assert error.param == "model", error
    assert "/v1/chat/completions" in error.message, error


def wrong_key():
    refused(openai.AuthenticationError, 401, "invalid_api_key", 1,
            lambda: create("qwen-max", "sk-farebox-wrong"))


def no_money():
    error = refused(openai.APIStatusError, 402, "insufficient_quota", 1,
                    lambda: create("qwen-max", TOLD["poor_key"]))
    assert "0.000001 USD" in error.message, error.message


def unknown_model():
    error = refused(openai.NotFoundError, 404, "model_not_found", 1,
                    lambda: create("qwen-maxi"))
    assert error.param == "model", error.param
    refused(openai.NotFoundError, 404, "model_not_found", 1,
            lambda: client().models.retrieve("vendor/none"))
    refused(openai.NotFoundError, 404, "model_not_found", 1,
            lambda: create("deepseek-v4", TOLD["chat_key"]))


def wrong_fields():
    for field, value in (("temperature", 3), ("top_p", 2), ("messages", []),
                         ("max_tokens", 0), ("presence_penalty", -3)):
        error = refused(openai.BadRequestError, 400, "invalid_request", 1,
                        lambda f=field, v=value: create("qwen-max",
                                                        **{f: v}))
        assert error.param == field, error.param


def unsupported_endpoint():
    error = refused(openai.NotFoundError, 404, "not_found", 1,
                    lambda: client().responses.create(model="qwen-max",
                                                      input="Hello"))
    assert "/v1/chat/completions" in error.message, error.message


def provider_complains():
    error = refused(openai.BadRequestError, 400, "context_length_exceeded", 1,
                    lambda: create("complains"))
    assert "8192 tokens" in error.message, error.message


def provider_fails():
    before = client().get("/balance", cast_to=object)["total_spent"]
    refused(openai.InternalServerError, 502, "upstream_error", 3,
            lambda: create("fails"))
    assert upstream_calls("status,code=500") == 3
    after = client().get("/balance", cast_to=object)["total_spent"]
    assert before == after, (before, after)


def provider_stalls():
    refused(openai.InternalServerError, 504, "upstream_headers_timeout", 1,
            lambda: client(max_retries=0).chat.completions.create(
                model="stalls", messages=HELLO))


TESTS = (manual_example, minimal_example, router_example, nexus_example,
         stream_example, environment_variables, cost_header,
         fields_pass_through, models_list, models_retrieve, many_at_once,
         limited_key, balance, completions, embeddings, images, speech,
         transcriptions,
         wrong_kind, wrong_key, no_money, unknown_model, wrong_fields,
         unsupported_endpoint, provider_complains, provider_fails,
         provider_stalls)


def main():
    """Runs each test; the exit status says whether all passed."""
    print(f"1..{len(TESTS)}\n# openai {openai.__version__}", flush=True)
    failed = 0
    for number, test in enumerate(TESTS, 1):
        name = test.__name__.replace("_", " ")
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Exception:
            failed += 1
            said = traceback.format_exc().strip().replace("\n", "\n# ")
            print(f"not ok {number} - {name}\n# {said}", flush=True)
    sys.exit(1 if failed else 0)


main()
