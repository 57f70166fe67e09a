"""The clients that the vendors' Python SDKs have for Bedrock: the gateway in Bedrock's place, by a key and by its pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from harness.gateway import Gateway
from harness.samples import ask
from harness.simulator import REGION, Simulator

CLAUDE = "us.anthropic.claude-sonnet-5-5"


def bearer(gateway: Gateway) -> dict[str, Any]:
    return {"api_key": gateway.key.text}


def signed(gateway: Gateway) -> dict[str, Any]:
    """The pair of AWS credentials that belongs to the key."""
    headers = {"authorization": f"Bearer {gateway.key.text}"}
    status, pair = gateway.get("/bedrock/credentials", headers=headers)
    assert status == 200, pair
    return {"aws_access_key": pair["AccessKeyId"], "aws_secret_key": pair["SecretAccessKey"]}


@pytest.fixture(params=[bearer, signed], ids=["key", "pair"])
def shown(request: pytest.FixtureRequest, gateway: Gateway) -> dict[str, Any]:
    show: Callable[[Gateway], dict[str, Any]] = request.param
    return show(gateway)


Client = anthropic.AnthropicBedrock | anthropic.AnthropicBedrockMantle


@pytest.fixture(params=["runtime", "mantle"])
def client(request: pytest.FixtureRequest, gateway: Gateway, shown: dict[str, Any]) -> Client:
    if request.param == "runtime":
        base_url = f"{gateway.base_url}/bedrock"
        return anthropic.AnthropicBedrock(base_url=base_url, aws_region=REGION, max_retries=0, **shown)
    base_url = f"{gateway.base_url}/anthropic"
    return anthropic.AnthropicBedrockMantle(base_url=base_url, aws_region=REGION, max_retries=0, **shown)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_messages(client: Client, simulator: Simulator, marker: str, streamed: bool) -> None:
    asked: dict[str, Any] = {"model": CLAUDE, "max_tokens": 100, "messages": ask(marker)}
    if streamed:
        with client.messages.stream(**asked) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**asked)
    assert message.content[0].text == marker and message.stop_reason == "end_turn"
    assert simulator.arrival(marker).is_stream is streamed


def test_refusals_are_the_sdks_own(client: Client) -> None:
    with pytest.raises(anthropic.NotFoundError, match="claude-sonnet-5-5"):
        client.messages.create(model="claude-sonnet-5-6", max_tokens=9, messages=ask("x"))


def test_a_wrong_pair_is_refused(gateway: Gateway) -> None:
    pair = signed(gateway) | {"aws_secret_key": "x" * 40}
    base_url = f"{gateway.base_url}/anthropic"
    client = anthropic.AnthropicBedrockMantle(base_url=base_url, aws_region=REGION, max_retries=0, **pair)
    with pytest.raises(anthropic.AuthenticationError, match="signature"):
        client.messages.create(model=CLAUDE, max_tokens=9, messages=ask("x"))


@pytest.mark.parametrize("model", ["us.openai.gpt-6-sol", CLAUDE])
def test_openais_client_for_bedrock(gateway: Gateway, shown: dict[str, Any], marker: str, model: str) -> None:
    names = {"aws_access_key": "aws_access_key_id", "aws_secret_key": "aws_secret_access_key"}
    named = {names.get(name, name): value for name, value in shown.items()}
    with openai.BedrockOpenAI(base_url=f"{gateway.base_url}/openai/v1", aws_region=REGION, **named) as client:
        response = client.responses.create(model=model, input=f"Say {marker}")
        assert marker in response.output_text
        chat = client.chat.completions.create(model=model, messages=[{"role": "user", "content": f"Say {marker}"}])
        assert marker in (chat.choices[0].message.content or "")
