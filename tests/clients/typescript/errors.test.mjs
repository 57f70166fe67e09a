// The TypeScript SDK: every kind of no, and failures in mid-stream.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Anthropic, MODEL, arrivals, ask, connect, connectHasty, marker, textOf } from "./sdk.mjs";

/** What a call that has to fail fails with. */
async function failure(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return assert.fail("it did not fail");
}

test("an unknown model suggests the nearest", async () => {
  const error = await failure(() =>
    connect().messages.create({ model: "claude-sonet-5-5", max_tokens: 200, messages: ask(marker()) }),
  );
  assert.ok(error instanceof Anthropic.NotFoundError);
  assert.match(error.message, /claude-sonnet-5-5/);
  assert.match(error.requestID, /^req_/);
});

test("a key that is none is refused", async () => {
  const error = await failure(() => connect({ apiKey: "sk-ant-not-ours" }).models.list());
  assert.ok(error instanceof Anthropic.AuthenticationError);
  assert.equal(error.type, "authentication_error");
});

test("what Bedrock cannot serve is refused by name", async () => {
  const error = await failure(() =>
    connect().messages.create({ model: MODEL, max_tokens: 200, messages: ask(marker()), speed: "fast" }),
  );
  assert.ok(error instanceof Anthropic.BadRequestError);
  assert.match(error.message, /speed/);
});

test("the SDK waits out throttling", async () => {
  const word = marker();
  const begun = Date.now();
  const message = await connectHasty().messages.create({
    model: MODEL,
    max_tokens: 200,
    messages: ask(word, "throttle 1 x 1; text patience"),
  });
  assert.equal(textOf(message), "patience");
  assert.ok(Date.now() - begun >= 1000);
  assert.deepEqual(
    (await arrivals(word)).map((arrived) => arrived.status),
    [429, 200],
  );
});

test("throttling that stays is a rate limit error", async () => {
  const error = await failure(() =>
    connectHasty({ maxRetries: 0 }).messages.create({
      model: MODEL,
      max_tokens: 200,
      messages: ask(marker(), "throttle 5"),
    }),
  );
  assert.ok(error instanceof Anthropic.RateLimitError);
  assert.ok(Number(error.headers.get("retry-after")) >= 1);
});

test("overload keeps its kind", async () => {
  const error = await failure(() =>
    connectHasty({ maxRetries: 0 }).messages.create({
      model: MODEL,
      max_tokens: 200,
      messages: ask(marker(), "error ServiceUnavailableException"),
    }),
  );
  assert.equal(error.status, 529);
  assert.equal(error.type, "overloaded_error");
});

for (const fault of ["exception throttlingException after 5", "drop after 5", "garbage after 5"]) {
  test(`a stream that fails is an error: ${fault}`, async () => {
    const heard = [];
    const error = await failure(async () => {
      const stream = connect().messages.stream({
        model: MODEL,
        max_tokens: 200,
        messages: ask(marker(), `text a b c d e f; ${fault}`),
      });
      stream.on("text", (piece) => heard.push(piece));
      await stream.finalMessage();
    });
    assert.ok(error instanceof Anthropic.APIError, String(error));
    assert.ok(heard.join("").startsWith("a"));
  });
}

test("an unknown member travels", async () => {
  const word = marker();
  const member = `future_${word.replaceAll("-", "_")}`;
  await connect().messages.create({ model: MODEL, max_tokens: 200, messages: ask(word), [member]: [1] });
  const [first, second] = await arrivals(word);
  assert.deepEqual(first.json[member], [1]);
  assert.equal(second.json[member], undefined);
});
