"""AWS's Python SDK on Bedrock's own API, with a Stonegate key as bearer and with the pair of AWS credentials of a key."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EventStreamError

from harness.gateway import Gateway, Key
from harness.samples import png
from harness.simulator import REGION, Simulator
from harness.tap import Tap

CLAUDE = "us.anthropic.claude-sonnet-5-5"
NOVA = "us.amazon.nova-lite-v1:0"
# One model of every family that takes tools.
FAMILIES = [
    CLAUDE,
    NOVA,
    "us.amazon.nova-2-lite-v1:0",
    "us.meta.llama4-maverick-17b-instruct-v1:0",
    "mistral.mistral-large-3-675b-instruct",
    "deepseek.v3-v1:0",
    "qwen.qwen3-32b-v1:0",
    "openai.gpt-oss-120b-1:0",
]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = {
    "tools": [
        {"toolSpec": {"name": name, "description": "About a city.", "inputSchema": {"json": CITY}}}
        for name in ("get_weather", "get_time")
    ]
}
TWO_CALLS = 'tool get_weather {"city":"Bern"}; tool get_time {"city":"Rom"}; then text Sunny at noon.'

Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The SDK sends a bearer token over TLS only: a certificate of this machine, and its key."""
    place = tmp_path_factory.mktemp("tls")
    names = (str(place / "cert.pem"), str(place / "key.pem"))
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-out", names[0], "-keyout", names[1]], check=True, capture_output=True, timeout=20)
    return names


@pytest.fixture
def secure(gateways: Callable[..., Gateway], certificate: tuple[str, str]) -> Gateway:
    """The gateway as it speaks TLS itself."""
    return gateways(server__tls_cert=certificate[0], server__tls_key=certificate[1])


@pytest.fixture
def connect(secure: Gateway, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Connect:
    """The SDK as anybody would set it up: the address, and the key where a Bedrock API key would be."""
    monkeypatch.setenv("AWS_CA_BUNDLE", certificate[0])

    def make(service: str = "bedrock-runtime", key: str = secure.key.text) -> Any:
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", key)
        return boto3.Session().client(service, region_name=REGION, endpoint_url=f"{secure.base_url}/bedrock")

    return make


@pytest.fixture
def runtime(connect: Connect) -> Any:
    return connect()


def signing(gateway: Gateway, key: Key, url: str | None = None, **changed: str) -> Any:
    """A client that signs, by the pair that the gateway gives for a key."""
    status, pair = gateway.get("/bedrock/credentials", headers={"authorization": f"Bearer {key.text}"})
    assert (status, pair["Version"]) == (200, 1)
    credentials = {
        "aws_access_key_id": pair["AccessKeyId"],
        "aws_secret_access_key": pair["SecretAccessKey"],
        **changed,
    }
    return boto3.Session(**credentials).client(
        "bedrock-runtime", region_name=REGION, endpoint_url=f"{url or gateway.base_url}/bedrock"
    )


def ask(marker: str, directive: str = "") -> list[Any]:
    text = f"{marker} [sim: {directive}]" if directive else f"Say {marker}"
    return [{"role": "user", "content": [{"text": text}]}]


def conversed(runtime: Any, streamed: bool, **asked: Any) -> Any:
    """The same call, streamed or not, as one answer."""
    if not streamed:
        return runtime.converse(**asked)
    blocks: dict[int, dict[str, Any]] = {}
    answer: dict[str, Any] = {}
    for event in runtime.converse_stream(**asked)["stream"]:
        ((kind, told),) = event.items()
        if kind == "contentBlockStart":
            blocks[told["contentBlockIndex"]] = {"toolUse": {**told["start"]["toolUse"], "input": ""}}
        elif kind == "contentBlockDelta":
            _add(blocks.setdefault(told["contentBlockIndex"], {}), told["delta"])
        elif kind in ("messageStop", "metadata"):
            answer |= told
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    content = [blocks[index] for index in sorted(blocks)]
    return {**answer, "output": {"message": {"role": "assistant", "content": content}}}


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    else:
        thought = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
        for name, piece in delta["reasoningContent"].items():
            thought[name] = thought.get(name, "") + piece


both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
every_family = pytest.mark.parametrize("model", FAMILIES)


@every_family
@both_ways
def test_a_conversation_with_tools(
    runtime: Any, simulator: Simulator, marker: str, model: str, streamed: bool
) -> None:
    asked = {"modelId": model, "system": [{"text": "Be brief."}], "toolConfig": TOOLS}
    messages = ask(marker, TWO_CALLS)
    first = conversed(runtime, streamed, messages=messages, **asked)
    assert first["stopReason"] == "tool_use"
    said = first["output"]["message"]
    calls = [block["toolUse"] for block in said["content"] if "toolUse" in block]
    assert [(call["name"], call["input"]) for call in calls] == [
        ("get_weather", {"city": "Bern"}),
        ("get_time", {"city": "Rom"}),
    ]
    results = [{"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": "fine"}]}} for call in calls]
    messages += [said, {"role": "user", "content": results}]
    second = conversed(runtime, streamed, messages=messages, **asked)
    assert second["stopReason"] == "end_turn"
    assert [block["text"] for block in second["output"]["message"]["content"] if "text" in block] == ["Sunny at noon."]
    usage = second["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"] > 0
    assert second["metrics"]["latencyMs"] >= 0
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [200, 200]


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
@both_ways
def test_an_image(runtime: Any, simulator: Simulator, marker: str, model: str, streamed: bool) -> None:
    picture = png()
    content = [
        {"text": f"{marker} What is this?"},
        {"image": {"format": "png", "source": {"bytes": base64.b64decode(picture)}}},
    ]
    said = conversed(runtime, streamed, modelId=model, messages=[{"role": "user", "content": content}])
    assert said["output"]["message"]["content"][0]["text"]
    assert picture in simulator.arrival(marker).body.decode()


@both_ways
def test_thoughts_come_back_and_go_in_again_with_their_signature(runtime: Any, marker: str, streamed: bool) -> None:
    """The simulator refuses a thought whose signature was not made for its text."""
    asked = {
        "modelId": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "toolConfig": TOOLS,
        "inferenceConfig": {"maxTokens": 4000},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    }
    messages = ask(marker, 'think 20; tool get_weather {"city":"Bern"}; then text Sunny.')
    said = conversed(runtime, streamed, messages=messages, **asked)["output"]["message"]
    assert said["content"][0]["reasoningContent"]["reasoningText"]["signature"]
    result = {"toolResult": {"toolUseId": said["content"][1]["toolUse"]["toolUseId"], "content": [{"text": "fine"}]}}
    messages += [said, {"role": "user", "content": [result]}]
    second = conversed(runtime, streamed, messages=messages, **asked)
    assert second["output"]["message"]["content"][-1]["text"] == "Sunny."
    said["content"][0]["reasoningContent"]["reasoningText"]["text"] += " not"
    with pytest.raises(runtime.exceptions.ValidationException):
        runtime.converse(messages=messages, **asked)


def test_the_end_of_the_tokens_is_told(runtime: Any, marker: str) -> None:
    messages = ask(marker, "text one two three four five six seven eight nine ten")
    said = runtime.converse(modelId=NOVA, messages=messages, inferenceConfig={"maxTokens": 3})
    assert said["stopReason"] == "max_tokens"


def anthropic_body(text: str) -> bytes:
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 200,
        "messages": [{"role": "user", "content": text}],
    }
    return json.dumps(body).encode()


def test_invoke_model(runtime: Any, simulator: Simulator, marker: str) -> None:
    answer = runtime.invoke_model(modelId=CLAUDE, body=anthropic_body(f"Say {marker}"))
    assert answer["contentType"] == "application/json"
    message = json.load(answer["body"])
    assert message["content"] == [{"type": "text", "text": marker}]
    assert simulator.arrival(marker).json["anthropic_version"] == "bedrock-2023-05-31"


def test_invoke_model_with_a_stream(runtime: Any, marker: str) -> None:
    answer = runtime.invoke_model_with_response_stream(modelId=CLAUDE, body=anthropic_body(f"Say {marker}"))
    heard = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    assert (heard[0]["type"], heard[-1]["type"]) == ("message_start", "message_stop")
    assert heard[-1]["amazon-bedrock-invocationMetrics"]["inputTokenCount"] > 0
    deltas = [event["delta"] for event in heard if event["type"] == "content_block_delta"]
    assert "".join(delta["text"] for delta in deltas) == marker


def test_tokens_are_counted_for_both_bodies(runtime: Any, marker: str) -> None:
    model = CLAUDE.removeprefix("us.")
    short = runtime.count_tokens(modelId=model, input={"converse": {"messages": ask(marker)}})
    long = runtime.count_tokens(modelId=model, input={"converse": {"messages": ask(marker * 50)}})
    assert 0 < short["inputTokens"] < long["inputTokens"]
    native = runtime.count_tokens(modelId=model, input={"invokeModel": {"body": anthropic_body(f"Say {marker}")}})
    assert native["inputTokens"] == short["inputTokens"]


def code(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_errors_are_botocores_own(connect: Connect, marker: str) -> None:
    runtime = connect()
    with pytest.raises(runtime.exceptions.ResourceNotFoundException, match="amazon.nothing"):
        runtime.converse(modelId="amazon.nothing-v1:0", messages=ask(marker))
    with pytest.raises(runtime.exceptions.ValidationException):
        runtime.converse(modelId=NOVA, messages=[{"role": "assistant", "content": [{"text": marker}]}])
    with pytest.raises(ClientError) as refused:
        connect(key="sk-nobody").converse(modelId=NOVA, messages=ask(marker))
    assert code(refused) == ("AccessDeniedException", 403)


def test_a_spent_budget_is_one_request(
    gateway: Gateway, key: Key, simulator: Simulator, marker: str
) -> None:
    gateway.limit(key, "monthly", "0.000001")
    with Tap(gateway.base_url) as tap:
        poor = signing(gateway, key, tap.base_url)
        with pytest.raises(poor.exceptions.ServiceQuotaExceededException):
            poor.converse(modelId=NOVA, messages=ask(marker))
    assert len(tap.statuses) == 1
    assert simulator.arrivals(marker) == []


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_a_broken_stream_is_an_error(runtime: Any, marker: str, model: str) -> None:
    for kind in ("modelStreamErrorException", "internalServerException", "throttlingException"):
        messages = ask(marker, f"text a b c d e f; exception {kind} after 5")
        with pytest.raises(EventStreamError) as broken:
            list(runtime.converse_stream(modelId=model, messages=messages)["stream"])
        assert broken.value.response["Error"]["Code"] == kind


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_a_broken_invocation_is_an_error(runtime: Any, marker: str, model: str) -> None:
    text = f"{marker} [sim: text a b c d e f; exception modelStreamErrorException after 5]"
    body = anthropic_body(text)
    if model == NOVA:
        body = json.dumps({"messages": [{"role": "user", "content": [{"text": text}]}]}).encode()
    with pytest.raises(EventStreamError) as broken:
        list(runtime.invoke_model_with_response_stream(modelId=model, body=body)["body"])
    assert broken.value.response["Error"]["Code"] == "modelStreamErrorException"


@both_ways
def test_a_field_that_the_model_refuses_is_told_after_one_attempt(
    runtime: Any, simulator: Simulator, marker: str, streamed: bool
) -> None:
    """Nothing is left out of Bedrock's own bodies to make a call succeed."""
    asked = {"modelId": CLAUDE, "messages": ask(marker), "additionalModelRequestFields": {"brand_new": 1}}
    with pytest.raises(runtime.exceptions.ValidationException, match="brand_new"):
        conversed(runtime, streamed, **asked)
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [400]


def test_what_there_is_is_listed(connect: Connect) -> None:
    control = connect("bedrock")
    models = {model["modelId"]: model for model in control.list_foundation_models()["modelSummaries"]}
    makers = {model.split(".")[0]: summary["providerName"] for model, summary in models.items()}
    named = {"amazon": "Amazon", "anthropic": "Anthropic", "meta": "Meta", "mistral": "Mistral AI", "openai": "OpenAI"}
    assert named.items() <= makers.items()
    assert all(maker != family for family, maker in makers.items())
    assert "IMAGE" in models["amazon.nova-lite-v1:0"]["inputModalities"]
    summaries = control.list_inference_profiles()["inferenceProfileSummaries"]
    profiles = {profile["inferenceProfileId"] for profile in summaries}
    assert {CLAUDE, NOVA} <= profiles
    assert control.get_foundation_model(modelIdentifier="amazon.nova-lite-v1:0")["modelDetails"]["modelName"]


@both_ways
def test_a_client_that_signs(gateway: Gateway, simulator: Simulator, key: Key, marker: str, streamed: bool) -> None:
    runtime = signing(gateway, key)
    said = conversed(runtime, streamed, modelId=NOVA, messages=ask(marker, "text Signed."))
    assert said["output"]["message"]["content"] == [{"text": "Signed."}]
    # Signed anew for AWS: the pair of the key is nothing that Bedrock knows.
    arrived = simulator.arrival(marker)
    assert arrived.verdict == "good"
    usage = gateway.wait_for_usage(key, 1)
    assert usage.tokens["output"] == said["usage"]["outputTokens"] and usage.nanodollars > 0


def test_a_wrong_signature_and_a_revoked_key_are_refused(gateway: Gateway, key: Key, marker: str) -> None:
    with pytest.raises(ClientError) as refused:
        signing(gateway, key, aws_secret_access_key="x" * 40).converse(modelId=NOVA, messages=ask(marker))
    assert code(refused)[1] == 403
    runtime = signing(gateway, key)
    assert runtime.converse(modelId=NOVA, messages=ask(marker))["stopReason"] == "end_turn"
    gateway.revoke(key)
    with pytest.raises(ClientError) as ended:
        for _ in range(20):
            runtime.converse(modelId=NOVA, messages=ask(marker))
            threading.Event().wait(0.1)
    assert code(ended)[1] == 403
