// OpenAI's TypeScript SDK: Chat Completions.
import assert from "node:assert/strict";
import { test } from "node:test";

import { MODEL, OpenAI, arrival, ask, connectOpenAI, marker } from "./sdk.mjs";

const TOOL = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    function: ({ city }) => `Sunny in ${city}.`,
    parse: JSON.parse,
  },
};

test("a chat is answered", async () => {
  const word = marker();
  const { data, request_id } = await connectOpenAI()
    .chat.completions.create({ model: MODEL, messages: ask(word) })
    .withResponse();
  assert.equal(data.choices[0].message.content, word);
  assert.equal(data.object, "chat.completion");
  assert.match(request_id, /^req_/);
});

test("a streamed chat comes chunk for chunk", async () => {
  const stream = await connectOpenAI().chat.completions.create({
    model: MODEL,
    messages: ask(marker(), "text one two three four"),
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), "one two three four");
  assert.equal(chunks.at(-1).choices.length, 0);
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
});

test("the SDK's own tool runner comes to an end", async () => {
  const runner = connectOpenAI().chat.completions.runTools({
    model: MODEL,
    messages: ask(marker(), 'tool get_weather {"city":"Bern"}; then text It is fine.'),
    tools: [TOOL],
  });
  assert.equal(await runner.finalContent(), "It is fine.");
});

test("the SDK's own streamed tool runner comes to an end", async () => {
  const runner = connectOpenAI().chat.completions.runTools({
    model: MODEL,
    stream: true,
    messages: ask(marker(), 'tool get_weather {"city":"Bern"}; then text It is fine.'),
    tools: [TOOL],
  });
  assert.equal(await runner.finalContent(), "It is fine.");
});

test("what bedrock has and openai has not goes in beside the rest", async () => {
  const word = marker();
  await connectOpenAI().chat.completions.create({
    model: MODEL,
    messages: ask(word),
    thinking: { type: "adaptive" },
  });
  assert.equal((await arrival(word)).json.thinking.type, "adaptive");
});

test("an unknown model is not found", async () => {
  const call = connectOpenAI().chat.completions.create({ model: "gpt-nothing", messages: ask(marker()) });
  await assert.rejects(call, OpenAI.NotFoundError);
});

test("a wrong key is no authentication", async () => {
  const call = connectOpenAI({ apiKey: "sk-nobody" }).chat.completions.create({ model: MODEL, messages: ask("x") });
  await assert.rejects(call, OpenAI.AuthenticationError);
});
