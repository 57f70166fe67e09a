// The TypeScript SDK: plain calls, streams, tools, thinking, content.
import assert from "node:assert/strict";
import { test } from "node:test";

import { MODEL, OLDER_MODEL, arrival, arrivals, ask, connect, key, marker, textOf, url } from "./sdk.mjs";

const WEATHER = {
  name: "get_weather",
  description: "The weather in a city.",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

test("a plain call is answered", async () => {
  const word = marker();
  const { data, response, request_id } = await connect()
    .messages.create({ model: MODEL, max_tokens: 200, messages: ask(word) })
    .withResponse();
  assert.equal(textOf(data), word);
  assert.equal(data.stop_reason, "end_turn");
  assert.match(request_id, /^req_/);
  assert.equal(response.headers.get("x-request-id"), request_id);
});

test("the SDK of today sends bearer and the second version", async () => {
  const word = marker();
  let sent;
  const watched = async (address, init) => {
    sent = new Headers(init.headers);
    return fetch(address, init);
  };
  await connect({ fetch: watched }).messages.create({ model: MODEL, max_tokens: 200, messages: ask(word) });
  assert.equal(sent.get("anthropic-version"), "2026-10-21");
  assert.match(sent.get("authorization"), /^Bearer sk-stone-/);
  assert.equal((await arrival(word)).json.model, undefined);
});

test("the first version and x-api-key are taken too", async () => {
  const word = marker();
  const defaultHeaders = { "anthropic-version": "2023-06-01", "x-api-key": key, authorization: null };
  const client = connect({ apiKey: "unused", defaultHeaders });
  await client.messages.create({ model: OLDER_MODEL, max_tokens: 200, temperature: 0.5, messages: ask(word) });
  assert.equal((await arrival(word)).json.temperature, 0.5);
});

test("a stream comes event for event", async () => {
  const word = marker();
  const stream = await connect().messages.create({
    model: MODEL,
    max_tokens: 200,
    messages: ask(word, "text one two three four"),
    stream: true,
  });
  const events = [];
  for await (const event of stream) events.push(event);
  const kinds = events.map((event) => event.type).filter((type) => type !== "content_block_delta");
  assert.deepEqual(kinds, [
    "message_start",
    "content_block_start",
    "content_block_stop",
    "message_delta",
    "message_stop",
  ]);
  const text = events.map((event) => event.delta?.text ?? "").join("");
  assert.equal(text, "one two three four");
});

test("the streaming helper gives the whole message", async () => {
  const word = marker();
  const pieces = [];
  const message = await connect()
    .messages.stream({ model: MODEL, max_tokens: 200, messages: ask(word, "text some words") })
    .on("text", (piece) => pieces.push(piece))
    .finalMessage();
  assert.equal(pieces.join(""), "some words");
  assert.equal(textOf(message), "some words");
  assert.ok(message.usage.output_tokens > 0);
});

for (const streamed of [false, true]) {
  test(`thinking and parallel tools survive a tool turn, streamed: ${streamed}`, async () => {
    const word = marker();
    const client = connect();
    const asked = {
      model: MODEL,
      max_tokens: 4000,
      thinking: { type: "adaptive", display: "summarized" },
      tools: [WEATHER, { ...WEATHER, name: "get_time" }],
    };
    const turn = (messages) =>
      streamed
        ? client.messages.stream({ ...asked, messages }).finalMessage()
        : client.messages.create({ ...asked, messages });
    const plan = 'think 20; tool get_weather {"city":"Bern"}; tool get_time {"city":"Rom"}; then text Sunny.';
    const messages = ask(word, plan);
    const first = await turn(messages);
    assert.equal(first.stop_reason, "tool_use");
    assert.deepEqual(
      first.content.map((block) => block.type),
      ["thinking", "tool_use", "tool_use"],
    );
    const results = first.content
      .filter((block) => block.type === "tool_use")
      .map((use) => ({ type: "tool_result", tool_use_id: use.id, content: use.input.city }));
    messages.push({ role: "assistant", content: first.content }, { role: "user", content: results });
    const second = await turn(messages);
    assert.equal(textOf(second), "Sunny.");
    const replayed = (await arrivals(word))[1].json.messages[1].content[0];
    assert.equal(replayed.signature, first.content[0].signature);
  });
}

test("a thinking budget and redacted thinking survive", async () => {
  const word = marker();
  const message = await connect().messages.create({
    model: OLDER_MODEL,
    max_tokens: 4000,
    thinking: { type: "enabled", budget_tokens: 1024 },
    messages: ask(word, "redact; think 10; text Hm."),
  });
  assert.deepEqual(
    message.content.map((block) => block.type),
    ["redacted_thinking", "thinking", "text"],
  );
  assert.equal((await arrival(word)).json.thinking.budget_tokens, 1024);
});

test("images, documents and citations travel", async () => {
  const word = marker();
  const picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  const content = [
    { type: "image", source: { type: "base64", media_type: "image/png", data: picture } },
    {
      type: "document",
      source: { type: "text", media_type: "text/plain", data: "Grass is green. Sky is blue." },
      citations: { enabled: true },
    },
    { type: "text", text: `${word} What is green?` },
  ];
  const message = await connect().messages.create({
    model: MODEL,
    max_tokens: 200,
    messages: [{ role: "user", content }],
  });
  assert.equal(message.content[0].citations[0].cited_text, "Grass is green.");
  assert.deepEqual((await arrival(word)).json.messages[0].content, content);
});

test("both cache lifetimes are kept apart", async () => {
  const word = marker();
  const long = Array.from({ length: 6000 }, (_, number) => `word${number}`).join(" ");
  const system = [
    { type: "text", text: `${word} ${long}`, cache_control: { type: "ephemeral", ttl: "1h" } },
    { type: "text", text: `second ${long}`, cache_control: { type: "ephemeral" } },
  ];
  const asked = { model: MODEL, max_tokens: 200, system, messages: [{ role: "user", content: "Hello." }] };
  const written = (await connect().messages.create(asked)).usage;
  const read = (await connect().messages.create(asked)).usage;
  assert.ok(written.cache_creation.ephemeral_1h_input_tokens > 1000);
  assert.ok(written.cache_creation.ephemeral_5m_input_tokens > 1000);
  assert.equal(read.cache_read_input_tokens, written.cache_creation_input_tokens);
});

test("stop sequences stop", async () => {
  const message = await connect().messages.create({
    model: MODEL,
    max_tokens: 200,
    messages: ask(marker(), "text one two HALT three"),
    stop_sequences: ["HALT"],
  });
  assert.equal(message.stop_sequence, "HALT");
});

test("structured output is parsed", async () => {
  const word = marker();
  const schema = {
    type: "object",
    properties: { city: { type: "string" }, degrees: { type: "integer" } },
    required: ["city", "degrees"],
    additionalProperties: false,
  };
  const message = await connect().messages.create({
    model: MODEL,
    max_tokens: 200,
    messages: ask(word),
    output_config: { format: { type: "json_schema", schema } },
  });
  assert.deepEqual(Object.keys(JSON.parse(textOf(message))), ["city", "degrees"]);
  assert.deepEqual((await arrival(word)).json.output_config.format.schema, schema);
});

test("the tool runner falls back when threads are refused", async () => {
  const word = marker();
  const asked = [];
  const runner = connect().beta.messages.toolRunner({
    model: MODEL,
    max_tokens: 500,
    messages: ask(word, 'tool get_weather {"city":"Bern"}; then tool get_weather {"city":"Rom"}; then text done'),
    tools: [
      {
        ...WEATHER,
        type: "custom",
        run: ({ city }) => {
          asked.push(city);
          return `${city} is sunny`;
        },
        parse: (input) => input,
      },
    ],
  });
  const final = await runner.runUntilDone();
  assert.deepEqual(asked, ["Bern", "Rom"]);
  assert.equal(textOf(final), "done");
  assert.deepEqual(
    (await arrivals(word)).map((arrived) => arrived.json.messages.length),
    [1, 3, 5],
  );
});

test("betas are filtered for Bedrock", async () => {
  const word = marker();
  await connect().beta.messages.create({
    model: MODEL,
    max_tokens: 200,
    messages: ask(word),
    betas: ["advanced-tool-use-2025-11-20", "fast-mode-2026-02-01"],
  });
  assert.deepEqual((await arrival(word)).json.anthropic_beta, ["tool-search-tool-2025-10-19"]);
});

test("tokens are counted and models listed", async () => {
  const client = connect();
  const word = marker();
  const counted = await client.messages.countTokens({ model: MODEL, messages: ask(word) });
  const message = await client.messages.create({ model: MODEL, max_tokens: 200, messages: ask(word) });
  assert.equal(counted.input_tokens, message.usage.input_tokens);
  const ids = [];
  for await (const model of client.models.list({ limit: 4 })) ids.push(model.id);
  assert.ok(ids.length > 10 && ids.includes(MODEL));
  assert.equal((await client.models.retrieve(MODEL)).display_name, "Claude Sonnet 5.5");
});

test("an aborted stream frees the client at once", async () => {
  const stream = connect().messages.stream({
    model: MODEL,
    max_tokens: 200,
    messages: ask(marker(), "slow 50ms x 40"),
  });
  await assert.rejects(async () => {
    for await (const event of stream) if (event.type === "content_block_delta") stream.abort();
  });
  assert.ok(stream.aborted);
});

test("what the gateway says survives a base address with a slash", async () => {
  const word = marker();
  const message = await connect({ baseURL: `${url}/` }).messages.create({
    model: MODEL,
    max_tokens: 200,
    messages: ask(word),
  });
  assert.equal(textOf(message), word);
});
