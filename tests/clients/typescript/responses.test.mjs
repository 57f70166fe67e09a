// OpenAI's TypeScript SDK: Responses.
import assert from "node:assert/strict";
import { test } from "node:test";

import { MODEL, OpenAI, arrival, ask, connectOpenAI, marker } from "./sdk.mjs";

const MODELS = [MODEL, "nova-2-lite", "gpt-6-sol"];
const TOOL = {
  type: "function",
  name: "get_weather",
  description: "The weather in a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  strict: false,
};

for (const model of MODELS) {
  test(`a response by ${model}`, async () => {
    const word = marker();
    const { data, request_id } = await connectOpenAI()
      .responses.create({ model, input: ask(word), store: false })
      .withResponse();
    assert.equal(data.output_text, word);
    assert.equal(data.status, "completed");
    assert.ok(data.usage.output_tokens > 0);
    assert.match(request_id, /^req_/);
  });

  test(`a streamed response by ${model}`, async () => {
    const stream = connectOpenAI().responses.stream({
      model,
      input: ask(marker(), "text one two three four"),
      store: false,
    });
    const numbers = [];
    let text = "";
    for await (const event of stream) {
      numbers.push(event.sequence_number);
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    assert.equal(text, "one two three four");
    assert.deepEqual(numbers, [...numbers.keys()]);
    assert.equal((await stream.finalResponse()).output_text, text);
  });

  test(`a tool call and its result by ${model}`, async () => {
    const client = connectOpenAI();
    const input = ask(marker(), 'tool get_weather {"city":"Bern"}; then text It is fine.');
    const first = await client.responses.create({ model, input, tools: [TOOL], store: false });
    const calls = first.output.filter((item) => item.type === "function_call");
    assert.deepEqual(
      calls.map((call) => [call.name, JSON.parse(call.arguments)]),
      [["get_weather", { city: "Bern" }]],
    );
    const results = calls.map(({ call_id }) => ({ type: "function_call_output", call_id, output: "sunny" }));
    const second = await client.responses.create({
      model,
      input: [...input, ...first.output, ...results],
      tools: [TOOL],
      store: false,
    });
    assert.equal(second.output_text, "It is fine.");
  });

  test(`a kept response is gone on from, shown and removed, by ${model}`, async () => {
    const client = connectOpenAI();
    const first = await client.responses.create({ model, input: ask(marker()) });
    const second = await client.responses.create({
      model,
      input: "And now?",
      previous_response_id: first.id,
    });
    assert.equal(second.previous_response_id, first.id);
    assert.equal((await client.responses.retrieve(first.id)).output_text, first.output_text);
    const items = await client.responses.inputItems.list(first.id);
    assert.equal(items.data.length, 1);
    await client.responses.delete(first.id);
    await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError);
  });
}

test("instructions reach the model as its system", async () => {
  const word = marker();
  await connectOpenAI().responses.create({
    model: MODEL,
    instructions: "Be brief.",
    input: ask(word),
    store: false,
  });
  assert.match(JSON.stringify((await arrival(word)).json.system), /Be brief\./);
});

test("what cannot be run is refused by name", async () => {
  const call = connectOpenAI().responses.create({
    model: MODEL,
    input: ask(marker()),
    tools: [{ type: "file_search", vector_store_ids: ["vs_1"] }],
  });
  await assert.rejects(call, (error) => error instanceof OpenAI.BadRequestError && /file_search/.test(error.message));
});

test("an unknown model is not found", async () => {
  const call = connectOpenAI().responses.create({ model: "gpt-nothing", input: "Hi" });
  await assert.rejects(call, OpenAI.NotFoundError);
});
