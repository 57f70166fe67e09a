"""boto3's `invoke_model` with the bodies of every maker but Anthropic."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from harness.gateway import Gateway, Key
from harness.simulator import Simulator
from test_boto3 import signing

SAID = "Stone by stone"


def prompt(text: str) -> dict[str, Any]:
    return {"prompt": text}


def messages(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def nova(text: str) -> dict[str, Any]:
    return {"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": text}]}]}


CHAT = "choices.0.message.content"
DELTA = "choices.0.delta.content"
# Model, body, where a whole answer has its text, where an event of a stream has it.
MAKERS: list[tuple[str, Any, str, str]] = [
    ("us.amazon.nova-lite-v1:0", nova, "output.message.content.0.text", "contentBlockDelta.delta.text"),
    ("us.meta.llama3-3-70b-instruct-v1:0", prompt, "generation", "generation"),
    ("mistral.mistral-7b-instruct-v0:2", prompt, "outputs.0.text", "outputs.0.text"),
    ("mistral.mistral-large-2407-v1:0", messages, CHAT, CHAT),
    ("mistral.mistral-large-3-675b-instruct", messages, CHAT, DELTA),
    ("ai21.jamba-1-5-large-v1:0", messages, CHAT, DELTA),
    ("cohere.command-text-v14", prompt, "generations.0.text", "text"),
    ("us.deepseek.r1-v1:0", prompt, "choices.0.text", "choices.0.text"),
    ("us.writer.palmyra-x5-v1:0", messages, CHAT, DELTA),
    ("qwen.qwen3-32b-v1:0", messages, CHAT, DELTA),
    ("openai.gpt-oss-20b-1:0", messages, CHAT, DELTA),
]
every_maker = pytest.mark.parametrize(("model", "body", "whole", "piece"), MAKERS, ids=[maker[0] for maker in MAKERS])


def at(value: Any, path: str) -> Any:
    """What stands at a path, or nothing."""
    for name in path.split("."):
        if isinstance(value, list):
            value = value[int(name)] if int(name) < len(value) else None
        else:
            value = (value or {}).get(name)
    return value


@pytest.fixture
def runtime(gateway: Gateway, key: Key) -> Any:
    return signing(gateway, key)


@every_maker
def test_a_whole_answer(
    runtime: Any, gateway: Gateway, key: Key, simulator: Simulator, marker: str,
    model: str, body: Any, whole: str, piece: str,
) -> None:
    sent = json.dumps(body(f"{marker} [sim: text {SAID}]"))
    answer = runtime.invoke_model(modelId=model, body=sent)
    assert at(json.load(answer["body"]), whole) == SAID
    counts = answer["ResponseMetadata"]["HTTPHeaders"]
    usage = gateway.wait_for_usage(key, 1)
    assert usage.tokens["input"] == int(counts["x-amzn-bedrock-input-token-count"]) > 0
    assert usage.tokens["output"] == int(counts["x-amzn-bedrock-output-token-count"]) > 0
    assert usage.nanodollars > 0 and usage.estimated == 0
    assert simulator.arrival(marker).verdict == "good"


@every_maker
def test_a_stream(
    runtime: Any, gateway: Gateway, key: Key, marker: str, model: str, body: Any, whole: str, piece: str
) -> None:
    sent = json.dumps(body(f"{marker} [sim: text {SAID}]"))
    answer = runtime.invoke_model_with_response_stream(modelId=model, body=sent)
    heard = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    assert "".join(at(event, piece) or "" for event in heard) == SAID
    metrics = heard[-1]["amazon-bedrock-invocationMetrics"]
    usage = gateway.wait_for_usage(key, 1)
    assert usage.tokens["output"] == metrics["outputTokenCount"] > 0


def test_a_broken_stream_is_an_error(runtime: Any) -> None:
    body = json.dumps(prompt("[sim: text a b c d; exception throttlingException after 2]"))
    answer = runtime.invoke_model_with_response_stream(modelId="us.meta.llama3-3-70b-instruct-v1:0", body=body)
    with pytest.raises(EventStreamError):
        list(answer["body"])


def test_embeddings_and_rankings(runtime: Any, gateway: Gateway, key: Key) -> None:
    vector = runtime.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "Stone"}))
    assert len(json.load(vector["body"])["embedding"]) == 1024
    body = {"texts": ["Stone", "Gate"], "input_type": "search_document"}
    vectors = runtime.invoke_model(modelId="cohere.embed-english-v3", body=json.dumps(body))
    assert len(json.load(vectors["body"])["embeddings"]) == 2
    assert gateway.wait_for_usage(key, 2).tokens["output"] == 0


def test_what_the_model_refuses_is_botocores_own(runtime: Any) -> None:
    body = json.dumps({"prompt": "Hello", "wish": 1})
    with pytest.raises(ClientError, match=r"extraneous key \[wish\]") as refused:
        runtime.invoke_model(modelId="us.meta.llama3-3-70b-instruct-v1:0", body=body)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
