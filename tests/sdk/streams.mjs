// streams.mjs: how clients stream through Farebox: the official SDK, the AI SDK
// and LangChain; with and without usage, leaving, and meeting an error event.
import assert from "node:assert/strict";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { streamText } from "ai";
import OpenAI from "openai";

const told = JSON.parse(process.env.FAREBOX_SDK);
const messages = [{ role: "user", content: "Hello" }];

const openai = new OpenAI({
  apiKey: told.key, baseURL: told.base_url, maxRetries: 0,
});
const provider = createOpenAICompatible({
  name: "farebox", apiKey: told.key, baseURL: told.base_url,
  includeUsage: true,
});

function chain(model) {
  return new ChatOpenAI({
    model, apiKey: told.key, maxRetries: 0, streamUsage: true,
    configuration: { baseURL: told.base_url },
  });
}

async function collect(model, more = {}) {
  const chunks = [];
  const stream = await openai.chat.completions.create(
    { model, messages, stream: true, ...more });
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function textOf(chunks) {
  return chunks.map((c) => c.choices[0]?.delta?.content ?? "").join("");
}

async function spent() {
  return (await openai.get("/balance")).total_spent;
}

async function waitFor(what, condition) {
  const end = Date.now() + 60000;
  while (!(await condition())) {
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const tests = {
  async "openai: without usage"() {
    const chunks = await collect("tells");
    assert.ok(textOf(chunks).length > 0);
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    for (const chunk of chunks) {
      assert.equal(chunk.model, "tells");
      assert.equal(chunk.choices.length, 1);
    }
  },

  async "openai: with usage and cost"() {
    const before = await spent();
    const chunks = await collect("tells",
      { stream_options: { include_usage: true } });
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assert.equal(last.usage.prompt_tokens, 9);
    assert.ok(last.usage.cost > 0);
    for (const chunk of chunks) assert.equal(chunk.usage, null);
    assert.ok(Math.abs(await spent() - before - last.usage.cost) < 1e-9);
  },

  async "openai: leaves"() {
    const before = await spent();
    const stream = await openai.chat.completions.create(
      { model: "slow", messages, stream: true });
    let n = 0;
    for await (const chunk of stream) {
      assert.equal(chunk.model, "slow");
      n += 1;
      if (n === 4) break;
    }
    stream.controller.abort();
    await waitFor("the bill", async () => await spent() > before);
    await waitFor("the hold's end",
      async () => (await openai.get("/balance")).held === 0);
  },

  async "openai: an error event"() {
    await assert.rejects(collect("breaks"), (error) => {
      assert.ok(error instanceof OpenAI.APIError);
      assert.equal(error.code, "upstream_error");
      return true;
    });
  },

  async "AI SDK: text and usage"() {
    const result = streamText({ model: provider("tells"), prompt: "Hello" });
    let text = "";
    for await (const part of result.textStream) text += part;
    assert.ok(text.length > 0);
    assert.equal(await result.finishReason, "stop");
    assert.equal((await result.usage).inputTokens, 9);
  },

  async "AI SDK: an error event"() {
    const errors = [];
    const result = streamText({
      model: provider("breaks"), prompt: "Hello", maxRetries: 0,
      onError: ({ error }) => errors.push(error),
    });
    for await (const part of result.fullStream)
      if (part.type === "error") errors.push(part.error);
    assert.ok(errors.length > 0);
  },

  async "LangChain: text and usage"() {
    let text = "", usage = null;
    for await (const chunk of await chain("tells").stream("Hello")) {
      text += chunk.content;
      usage = chunk.usage_metadata ?? usage;
    }
    assert.ok(text.length > 0);
    assert.equal(usage.input_tokens, 9);
  },

  async "LangChain: an error event"() {
    await assert.rejects(async () => {
      for await (const chunk of await chain("breaks").stream("Hello"))
        assert.equal(typeof chunk.content, "string");
    });
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
