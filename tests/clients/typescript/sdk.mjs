// The SDK as installed by setup.sh, the gateway that pytest started, and the doors of its simulator.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(new URL("../.work/node/", import.meta.url));
export const Anthropic = require("@anthropic-ai/sdk").default;
export const OpenAI = require("openai").default;

const { STONEGATE_URL, STONEGATE_HASTY_URL, STONEGATE_KEY, STONEGATE_HASTY_KEY, SIMULATOR_URL } = process.env;

export const MODEL = "claude-sonnet-5-5";
export const OLDER_MODEL = "claude-haiku-4-5";

export const url = STONEGATE_URL;
export const key = STONEGATE_KEY;

/** The SDK as anybody would set it up. */
export function connect(options = {}) {
  return new Anthropic({ baseURL: STONEGATE_URL, apiKey: STONEGATE_KEY, logLevel: "off", ...options });
}

/** OpenAI's SDK as anybody would set it up. */
export function connectOpenAI(options = {}) {
  return new OpenAI({ baseURL: `${STONEGATE_URL}/v1`, apiKey: STONEGATE_KEY, logLevel: "off", ...options });
}

/** Before a gateway that never tries again by itself. */
export function connectHasty(options = {}) {
  return connect({ baseURL: STONEGATE_HASTY_URL, apiKey: STONEGATE_HASTY_KEY, ...options });
}

let count = 0;

/** A word that finds this test's requests in the simulator's log. */
export function marker() {
  count += 1;
  return `ts-${process.pid}-${count}-end`;
}

/** One question, with what the simulator shall do about it. */
export function ask(word, directive) {
  return [{ role: "user", content: directive ? `${word} [sim: ${directive}]` : `Say ${word}` }];
}

/** What reached Bedrock, oldest first, with bodies as text and as JSON. */
export async function arrivals(word) {
  const log = await (await fetch(`${SIMULATOR_URL}/_sim/log`)).json();
  return log
    .map((entry) => ({ ...entry, text: Buffer.from(entry.body, "base64").toString() }))
    .filter((entry) => entry.text.includes(word))
    .map((entry) => ({ ...entry, json: JSON.parse(entry.text) }));
}

export async function arrival(word) {
  const found = await arrivals(word);
  assert.equal(found.length, 1, `requests with ${word}`);
  return found[0];
}

export function textOf(message) {
  return message.content.map((block) => block.text ?? "").join("");
}
