"""The Python SDK: which models there are, and how many tokens a prompt has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import pytest

from harness.gateway import Gateway
from harness.samples import MODEL, WEATHER, ask, png
from harness.simulator import ACCOUNT, REGION, Simulator


def test_the_list_is_paged(client: anthropic.Anthropic) -> None:
    whole = client.models.list(limit=1000)
    assert not whole.has_more
    ids = [model.id for model in whole.data]
    assert len(ids) > 10 and len(set(ids)) == len(ids)
    assert MODEL in ids
    paged = [model.id for model in client.models.list(limit=3)]
    assert paged == ids


def test_the_list_goes_backwards_too(client: anthropic.Anthropic) -> None:
    ids = [model.id for model in client.models.list(limit=1000)]
    page = client.models.list(limit=2, before_id=ids[4])
    assert [model.id for model in page.data] == ids[2:4]


def test_a_model_tells_what_it_is(client: anthropic.Anthropic) -> None:
    model = client.models.retrieve(MODEL)
    assert (model.id, model.type, model.display_name) == (MODEL, "model", "Claude Sonnet 5.5")
    assert model.created_at is not None


def test_an_unknown_model_is_not_found(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as missing:
        client.models.retrieve("claude-sonet-5-5")
    assert "claude-sonnet-5-5" in missing.value.message


def test_a_client_of_openai_sees_its_own_list(gateway: Gateway) -> None:
    status, models = gateway.get("/v1/models", headers={"authorization": f"Bearer {gateway.key.text}"})
    assert status == 200
    assert models["object"] == "list"
    assert {"id", "object", "created", "owned_by"} <= set(models["data"][0])


@pytest.mark.parametrize(
    "name",
    [
        "claude-sonnet-5-5",
        "claude-sonnet-5-5[1m]",
        "anthropic.claude-sonnet-5-5",
        "us.anthropic.claude-sonnet-5-5",
        "global.anthropic.claude-sonnet-5-5",
        f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/us.anthropic.claude-sonnet-5-5",
    ],
)
def test_every_name_of_a_model_finds_it(
    client: anthropic.Anthropic, simulator: Simulator, marker: str, name: str
) -> None:
    message = client.messages.create(model=name, max_tokens=200, messages=ask(marker))
    assert message.content[0].text == marker
    assert "claude-sonnet-5-5" in simulator.arrival(marker).path


@pytest.mark.parametrize(
    "name",
    ["claude-opus-5-5", "claude-haiku-5-5", "claude-haiku-4-5-20251001", "claude-sonnet-4-6", "claude-fable-5-1"],
)
def test_all_generations_answer(client: anthropic.Anthropic, simulator: Simulator, marker: str, name: str) -> None:
    message = client.messages.create(model=name, max_tokens=2000, messages=ask(marker))
    assert message.content[-1].text == marker
    assert name.rsplit("-2025", 1)[0] in simulator.arrival(marker).path


def test_names_can_be_given_by_the_operator(
    gateways: Callable[..., Gateway], simulator: Simulator, marker: str
) -> None:
    """Clients name small models in the background that nobody listed."""
    gateway = gateways(models__aliases="fast=claude-haiku-5-5")
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=gateway.key.text) as client:
        client.messages.create(model="fast", max_tokens=200, messages=ask(marker))
    assert "claude-haiku-5-5" in simulator.arrival(marker).path


def test_counting_agrees_with_what_a_call_reports(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png()}}
    asked: Any = {
        "model": MODEL,
        "messages": [{"role": "user", "content": [image, {"type": "text", "text": f"{marker} say hello"}]}],
        "system": "Be brief.",
        "tools": [WEATHER],
    }
    counted = client.messages.count_tokens(**asked)
    message = client.messages.create(max_tokens=200, **asked)
    assert counted.input_tokens == message.usage.input_tokens
    assert [arrival.path for arrival in simulator.arrivals(marker) if arrival.is_count] == [
        "/model/anthropic.claude-sonnet-5-5/count-tokens"
    ]


def test_counting_takes_what_claude_code_sends(client: anthropic.Anthropic, marker: str) -> None:
    """One tool, empty messages around it, thinking and betas: the requests behind `/context`."""
    counted = client.beta.messages.count_tokens(
        model=MODEL,
        messages=[{"role": "user", "content": marker}],
        tools=[WEATHER],
        thinking={"type": "adaptive"},
        betas=["claude-code-20250219", "token-counting-2024-11-01", "context-management-2025-06-27"],
    )
    assert counted.input_tokens > 20


def test_a_count_without_an_upstream_is_estimated(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    """Models without CountTokens get a documented estimate, not an error."""
    refusal = {"type": "ValidationException", "message": "The provided model doesn't support counting tokens."}
    simulator.script({"match": {"path": "claude-opus-4-8/count-tokens"}, "error": refusal})
    counted = client.messages.count_tokens(model="claude-opus-4-8", messages=ask(marker, "text " + "word " * 400))
    assert 200 < counted.input_tokens < 2000


def test_counting_an_unknown_model_is_not_found(client: anthropic.Anthropic, marker: str) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="claude-sonet-5-5", messages=ask(marker))


def test_a_long_context_is_asked_for_where_it_is_not_native(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    client.messages.create(model="claude-sonnet-4-5[1m]", max_tokens=200, messages=ask(marker))
    assert simulator.arrival(marker).json["anthropic_beta"] == ["context-1m-2025-08-07"]


def test_a_key_sees_and_calls_its_own_models_only(gateway: Gateway, simulator: Simulator, marker: str) -> None:
    key = gateway.create_key(marker, "--allow-model", "claude-haiku-*")
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=key.text) as client:
        ids = [model.id for model in client.models.list(limit=1000)]
        assert ids and all(model.startswith("claude-haiku-") for model in ids)
        client.messages.create(model="claude-haiku-5-5", max_tokens=200, messages=ask(marker))
        with pytest.raises(anthropic.PermissionDeniedError) as refused:
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))
    assert MODEL in refused.value.message
    assert len(simulator.arrivals(marker)) == 1
