// calls.mjs: what the tests ask through the OpenAI SDK for Node.
// Run by node_test.py beside the SDK; prints TAP.

import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const told = JSON.parse(process.env.FAREBOX_SDK);
const hello = [{ role: "user", content: "Hello!" }];
let attempts = [];

// The SDK as an application makes it, with another URL and key.
function client(key = told.key, more = {}) {
  attempts = [];
  return new OpenAI({
    apiKey: key,
    baseURL: told.base_url,
    fetch: (url, options) => {
      attempts.push(url);
      return fetch(url, options);
    },
    ...more,
  });
}

// The answer's bytes, the same of the gateway and of the provider itself,
// whose model has another name.
async function same(call, name, model) {
  const direct = new OpenAI({ apiKey: "none",
    baseURL: `${told.upstream}/v1` });
  const bytes = async (promise) => Buffer.from(
    await (await promise.asResponse()).arrayBuffer());
  const plain = (buffer) => buffer.toString("latin1")
    .replace(/"created": ?\d+|"id":"chatcmpl-\d+"/g, "")
    .replace(`"model":"${model}"`, `"model":"${name}"`);
  const got = await bytes(call(client(), name));
  assert.equal(plain(got), plain(await bytes(call(direct, model))));
  return got;
}

function create(model, more = {}, key = told.key) {
  return client(key).chat.completions.create(
    { model, messages: hello, ...more });
}

// The call fails in this way after so many attempts.
async function refused(kind, status, code, n, call) {
  try {
    await call();
  } catch (error) {
    assert.equal(error.constructor, kind, String(error));
    assert.equal(error.status, status);
    assert.equal(error.code, code);
    assert.ok(error.message && error.requestID, "message and request ID");
    assert.equal(attempts.length, n, "attempts");
    return error;
  }
  return assert.fail("it was not refused");
}

async function upstreamCalls(model) {
  const reply = await fetch(`${told.upstream}/_log`);
  return (await reply.json()).filter((e) => e.body?.model === model).length;
}

function answered(completion, model) {
  assert.equal(completion.model, model);
  assert.equal(completion.object, "chat.completion");
  assert.equal(completion.choices[0].message.role, "assistant");
  assert.ok(completion.choices[0].message.content);
  assert.ok(["stop", "length"].includes(completion.choices[0].finish_reason));
  const usage = completion.usage;
  assert.equal(usage.total_tokens,
    usage.prompt_tokens + usage.completion_tokens);
  assert.match(completion._request_id, /^req_/);
}

const tests = {
  async "manual example"() {
    answered(await create("deepseek-v4-flash", {
      temperature: 0.7,
      max_tokens: 256,
      messages: [
        { role: "system", content: "You are a concise assistant." },
        { role: "user", content: "Summarize this product in one sentence." },
      ],
    }), "deepseek-v4-flash");
  },

  async "minimal example"() {
    answered(await create("deepseek-v4-flash", {
      max_tokens: 256,
      messages: [
        { role: "user", content: "Write one short launch checklist." }],
    }), "deepseek-v4-flash");
  },

  async "router example"() {
    answered(await create("gemini-2.5-flash", {
      temperature: 1, max_tokens: 1024, top_p: 1, nemo_cache: false,
      messages: [
        { role: "user", content: "Hello! What models do you support?" }],
    }), "gemini-2.5-flash");
  },

  async "nexus example"() {
    answered(await create("deepseek-v4", {
      temperature: 0.7,
      max_tokens: 1024,
      messages: [
        { role: "system", content: "You are a helpful assistant." },
        { role: "user", content: "Hello!" },
      ],
    }), "deepseek-v4");
  },

  // Refused by name as long as there are no streams; whole when there are.
  async "stream example"() {
    const chunks = [];
    const stream = await create("qwen-max", {
      stream: true,
      messages: [{ role: "user", content: "Tell me a story" }],
    });
    for await (const chunk of stream) chunks.push(chunk);
    const text = chunks.map((c) => c.choices[0]?.delta.content ?? "").join("");
    assert.match(text, /^word0 word1/);
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  },

  async "environment variables"() {
    process.env.OPENAI_API_KEY = told.key;
    process.env.OPENAI_BASE_URL = told.base_url;
    answered(await new OpenAI().chat.completions.create(
      { model: "qwen-max", messages: hello }), "qwen-max");
  },

  async "cost header"() {
    const { data, response } = await client().chat.completions.create(
      { model: "qwen-max", messages: hello }).withResponse();
    const nano = data.usage.prompt_tokens * 140 +
      data.usage.completion_tokens * 280;
    assert.equal(
      Math.round(response.headers.get("x-farebox-request-cost") * 1e9), nano);
    assert.equal(response.headers.get("x-request-id"), data._request_id);
  },

  async "fields pass through"() {
    const tools = [{
      type: "function",
      function: {
        name: "weather", strict: true,
        parameters: { type: "object", properties: {} },
      },
    }];
    const answer = await create("echo", {
      n: 2, tools, tool_choice: "auto", seed: 7, max_completion_tokens: 50,
      reasoning_effort: "low", parallel_tool_calls: false, stop: ["x"],
    });
    assert.equal(answer.choices.length, 2);
    const seen = JSON.parse(answer.choices[0].message.content);
    assert.deepEqual(seen.tools, tools);
    assert.equal(seen.max_completion_tokens, 50);
    assert.equal(seen.parallel_tool_calls, false);
    assert.ok(!("max_tokens" in seen));
  },

  async "models list"() {
    const listed = [];
    for await (const model of client().models.list()) listed.push(model.id);
    assert.deepEqual(listed.sort(), told.models);
  },

  async "models retrieve"() {
    for (const name of ["qwen-max", "vendor/model:1"]) {
      const model = await client().models.retrieve(name);
      assert.equal(model.id, name);
      assert.equal(model.object, "model");
    }
  },

  async "many at once"() {
    const many = client();
    const answers = await Promise.all(Array.from({ length: 24 }, () =>
      many.chat.completions.create({ model: "qwen-max", messages: hello })));
    for (const answer of answers) answered(answer, "qwen-max");
  },

  async "balance"() {
    const told_ = await client().get("/balance");
    assert.equal(told_.currency, "USD");
    assert.equal(Math.round((told_.balance + told_.total_spent) * 1e9), 5e9);
  },

  async "completions"() {
    const answer = await client().completions.create(
      { model: "text", prompt: "Say", max_tokens: 5 });
    assert.equal(answer.choices[0].text, "word0 word1 word2 word3 word4");
    const stream = await client().completions.create(
      { model: "text", prompt: "Say", stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0].text;
    assert.match(text, /^word0 word1/);
    await same((sdk, model) => sdk.completions.create(
      { model, prompt: ["a", "b"] }), "text", "ok");
  },

  async "embeddings"() {
    // The SDK asks for base64 when it is not told, and decodes it.
    const asked = { model: "vectors", input: "one", dimensions: 16 };
    const [vector, plain] = [await client().embeddings.create(asked),
      await client().embeddings.create({ ...asked, encoding_format: "float" }),
    ].map((answer) => Array.from(answer.data[0].embedding));
    assert.equal(vector.length, 16);
    assert.deepEqual(vector, plain);
    for (const input of ["one", ["one", "two"], [5, 6], [[5, 6], [7]]]) {
      await same((sdk, model) => sdk.embeddings.create(
        { model, input, encoding_format: "float" }), "vectors", "ok");
    }
  },

  async "images"() {
    const answer = await client().images.generate(
      { model: "painter", prompt: "a cat", n: 2, quality: "hd" });
    assert.deepEqual(answer.data.map((image) => image.b64_json),
      ["iVBORw0KGgo=", "iVBORw0KGgo="]);
    await same((sdk, model) => sdk.images.generate(
      { model, prompt: "a cat" }), "painter", "ok");
  },

  async "speech"() {
    const sound = await same((sdk, model) => sdk.audio.speech.create(
      { model, voice: "alloy", input: "Hello!", response_format: "wav" }),
    "voice", "ok,bytes=50000");
    assert.equal(sound.length, 50000);
  },

  async "transcriptions"() {
    const bytes = new Uint8Array(25600).map((_, i) => i % 256);
    const file = () => toFile(bytes, "a.mp3", { type: "audio/mpeg" });
    const heard = await client().audio.transcriptions.create(
      { model: "ear", file: await file() });
    assert.match(heard.text, /^word0 word1/);
    for (const form of ["json", "verbose_json", "text", "srt", "vtt"]) {
      const sound = await file();
      await same((sdk, model) => sdk.audio.transcriptions.create(
        { model, file: sound, response_format: form, language: "en" }),
      "ear", "ok,seconds=2.5");
    }
  },

  async "wrong kind"() {
    const error = await refused(OpenAI.BadRequestError, 400,
      "invalid_request", 1, () => client().embeddings.create(
        { model: "qwen-max", input: "one" }));
    assert.equal(error.param, "model");
    assert.match(error.message, /\/v1\/chat\/completions/);
  },

  async "wrong key"() {
    await refused(OpenAI.AuthenticationError, 401, "invalid_api_key", 1,
      () => create("qwen-max", {}, "sk-farebox-wrong"));
  },

  async "no money"() {
    const error = await refused(OpenAI.APIError, 402, "insufficient_quota", 1,
      () => create("qwen-max", {}, told.poor_key));
    assert.match(error.message, /0\.000001 USD/);
  },

  async "unknown model"() {
    const error = await refused(OpenAI.NotFoundError, 404, "model_not_found",
      1, () => create("qwen-maxi"));
    assert.equal(error.param, "model");
    await refused(OpenAI.NotFoundError, 404, "model_not_found", 1,
      () => client().models.retrieve("vendor/none"));
    await refused(OpenAI.NotFoundError, 404, "model_not_found", 1,
      () => create("deepseek-v4", {}, told.chat_key));
  },

  async "wrong fields"() {
    for (const [field, value] of Object.entries({
      temperature: 3, top_p: 2, messages: [], max_tokens: 0,
      presence_penalty: -3,
    })) {
      const error = await refused(OpenAI.BadRequestError, 400,
        "invalid_request", 1, () => create("qwen-max", { [field]: value }));
      assert.equal(error.param, field);
    }
  },

  async "unsupported endpoint"() {
    const error = await refused(OpenAI.NotFoundError, 404, "not_found", 1,
      () => client().responses.create({ model: "qwen-max", input: "Hello" }));
    assert.match(error.message, /\/v1\/chat\/completions/);
  },

  async "limited key"() {
    const sdk = client(told.single_key, { maxRetries: 9 });
    const answers = await Promise.all([1, 2].map(() =>
      sdk.chat.completions.create({ model: "pause", messages: hello })));
    assert.deepEqual(answers.map((answer) => answer.model),
      ["pause", "pause"]);
    assert.ok(attempts.length > 2, "no retry");
  },

  async "provider complains"() {
    const error = await refused(OpenAI.BadRequestError, 400,
      "context_length_exceeded", 1, () => create("complains"));
    assert.match(error.message, /8192 tokens/);
  },

  async "provider fails"() {
    const before = (await client().get("/balance")).total_spent;
    await refused(OpenAI.InternalServerError, 502, "upstream_error", 3,
      () => create("fails"));
    assert.equal(await upstreamCalls("status,code=500"), 3);
    assert.equal((await client().get("/balance")).total_spent, before);
  },

  async "provider stalls"() {
    await refused(OpenAI.InternalServerError, 504, "upstream_headers_timeout",
      1, () => client(told.key, { maxRetries: 0 }).chat.completions.create(
        { model: "stalls", messages: hello }));
  },
};

const names = Object.keys(tests);
let failed = 0;
console.log(`1..${names.length}`);
for (const [i, name] of names.entries()) {
  try {
    await tests[name]();
    console.log(`ok ${i + 1} - ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok ${i + 1} - ${name}`);
    console.log(`# ${String(error.stack).replaceAll("\n", "\n# ")}`);
  }
}
process.exit(failed ? 1 : 0);
