"""OpenAI's Python SDK, Chat Completions, on models of every kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from harness.gateway import Gateway, Key
from harness.samples import png, user
from harness.simulator import Simulator

CLAUDE = "claude-sonnet-5-5"
# One model behind each of Bedrock's APIs.
MODELS = [CLAUDE, "nova-lite", "gpt-oss-120b", "gpt-6-sol"]
TWO_CALLS = 'tool get_weather {"city":"Bern"}; tool get_time {"city":"Rom"}; then text Sunny at noon.'
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "description": "About a city.", "parameters": CITY}}
    for name in ("get_weather", "get_time")
]


def ask(marker: str, directive: str = "") -> list[Any]:
    return [user(f"{marker} [sim: {directive}]" if directive else f"Say {marker}")]


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    """The SDK as anybody would set it up, but strict: an answer that does not fit its types is an error."""
    with openai.OpenAI(
        base_url=f"{gateway.base_url}/v1", api_key=gateway.key.text, _strict_response_validation=True
    ) as made:
        yield made


def completed(client: openai.OpenAI, streamed: bool, **asked: Any) -> Any:
    """The same call, streamed or not, as one answer."""
    if not streamed:
        return client.chat.completions.create(**asked)
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        return stream.get_final_completion()


both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
every_model = pytest.mark.parametrize("model", MODELS)


@every_model
@both_ways
def test_a_plain_answer(client: openai.OpenAI, marker: str, model: str, streamed: bool) -> None:
    said = completed(client, streamed, model=model, messages=ask(marker, "text All is well."))
    assert said.choices[0].message.content == "All is well."
    assert said.choices[0].finish_reason == "stop"
    assert said.model == model
    assert said.usage.prompt_tokens > 0 and said.usage.completion_tokens > 0
    assert said.usage.total_tokens == said.usage.prompt_tokens + said.usage.completion_tokens


@every_model
@both_ways
def test_parallel_tool_calls_and_their_results(
    client: openai.OpenAI, marker: str, model: str, streamed: bool
) -> None:
    messages = [{"role": "developer", "content": "Be brief."}, *ask(marker, TWO_CALLS)]
    first = completed(client, streamed, model=model, messages=messages, tools=TOOLS)
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("get_weather", {"city": "Bern"}),
        ("get_time", {"city": "Rom"}),
    ]
    messages.append(choice.message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "fine"} for call in calls]
    second = completed(client, streamed, model=model, messages=messages, tools=TOOLS)
    assert second.choices[0].message.content == "Sunny at noon."


@every_model
@both_ways
def test_text_beside_a_tool_call_is_kept(client: openai.OpenAI, marker: str, model: str, streamed: bool) -> None:
    directive = 'text Let me look.; tool get_weather {"city":"Bern"}; then text Done.'
    first = completed(client, streamed, model=model, messages=ask(marker, directive), tools=TOOLS)
    message = first.choices[0].message
    assert (message.content, len(message.tool_calls)) == ("Let me look.", 1)


@every_model
def test_a_second_system_message_is_kept(
    client: openai.OpenAI, simulator: Simulator, marker: str, model: str
) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "First rule."},
        {"role": "system", "content": "Second rule."},
        *ask(marker),
    ]
    client.chat.completions.create(model=model, messages=messages)
    arrived = simulator.arrival(marker).body.decode()
    assert "First rule." in arrived and "Second rule." in arrived


@every_model
def test_usage_is_sent_when_asked_for_and_only_then(client: openai.OpenAI, marker: str, model: str) -> None:
    asked: Any = {"model": model, "messages": ask(marker), "stream": True}
    without = list(client.chat.completions.create(**asked))
    assert all(chunk.usage is None for chunk in without)
    assert all(chunk.choices for chunk in without)
    chunks = list(client.chat.completions.create(**asked, stream_options={"include_usage": True}))
    assert chunks[-1].usage is not None and chunks[-1].choices == []


@every_model
def test_an_answer_in_the_shape_of_a_schema(client: openai.OpenAI, marker: str, model: str) -> None:
    class Answer(BaseModel):
        city: str
        degrees: int

    said = client.chat.completions.parse(
        model=model,
        messages=ask(marker),
        response_format=Answer,
    )
    assert isinstance(said.choices[0].message.parsed, Answer)


@pytest.mark.parametrize("model", [model for model in MODELS if model != "gpt-oss-120b"])
def test_an_image_as_a_data_url(client: openai.OpenAI, simulator: Simulator, marker: str, model: str) -> None:
    picture = png()
    content = [
        {"type": "text", "text": f"{marker} What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
    ]
    messages: Any = [{"role": "user", "content": content}]
    said = client.chat.completions.create(model=model, messages=messages)
    assert said.choices[0].message.content
    assert picture in simulator.arrival(marker).body.decode()


def test_an_image_for_a_model_that_sees_none_is_refused(client: openai.OpenAI, marker: str) -> None:
    content = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png()}"}}]
    messages: Any = [{"role": "user", "content": content}]
    with pytest.raises(openai.BadRequestError, match="image"):
        client.chat.completions.create(model="gpt-oss-120b", messages=messages)


@both_ways
def test_thoughts_come_back_and_go_in_again_with_their_signature(
    client: openai.OpenAI, simulator: Simulator, marker: str, streamed: bool
) -> None:
    directive = 'think 20; tool get_weather {"city":"Bern"}; then text Sunny.'
    asked: Any = {"model": CLAUDE, "reasoning_effort": "high", "tools": TOOLS}
    messages = ask(marker, directive)
    first = completed(client, streamed, messages=messages, **asked)
    message = first.choices[0].message.model_dump(exclude_none=True)
    assert message["reasoning_content"]
    assert first.usage.completion_tokens_details.reasoning_tokens > 0
    for beside in ("parsed", "refusal"):
        message.pop(beside, None)
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "fine"}
    second = completed(client, streamed, messages=[*messages, message, result], **asked)
    assert second.choices[0].message.content == "Sunny."
    # The simulator refuses a signature that is not its own; that there was one to refuse:
    turn = simulator.arrivals(marker)[-1].json["messages"][1]["content"]
    assert [block["type"] for block in turn] == ["thinking", "tool_use"]


def test_errors_are_the_sdks_own(client: openai.OpenAI, gateway: Gateway, marker: str) -> None:
    with pytest.raises(openai.NotFoundError, match="gpt-nothing"):
        client.chat.completions.create(model="gpt-nothing", messages=ask(marker))
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=CLAUDE, messages=ask(marker), n=2)
    assert refused.value.param == "n"
    stranger = client.with_options(api_key="sk-nobody")
    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model=CLAUDE, messages=ask(marker))


def test_a_spent_budget_is_one_request(
    client: openai.OpenAI, gateway: Gateway, key: Key, simulator: Simulator, marker: str
) -> None:
    gateway.limit(key, "monthly", "0.000001")
    poor = client.with_options(api_key=key.text)
    with pytest.raises(openai.RateLimitError) as refused:
        poor.chat.completions.create(model=CLAUDE, messages=ask(marker))
    assert refused.value.code == "insufficient_quota"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert simulator.arrivals(marker) == []


def test_a_broken_stream_is_an_error(client: openai.OpenAI, marker: str) -> None:
    messages = ask(marker, "text a b c d e f; exception modelStreamErrorException after 5")
    stream = client.chat.completions.create(model=CLAUDE, messages=messages, stream=True)
    with pytest.raises(openai.APIError):
        list(stream)


async def _asynchronous(gateway: Gateway, marker: str) -> str:
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/openai/v1", api_key=gateway.key.text) as client:
        pieces = []
        stream = await client.chat.completions.create(
            model=CLAUDE, messages=ask(marker, "text Here I am."), stream=True
        )
        async for chunk in stream:
            pieces.append(chunk.choices[0].delta.content or "")
        return "".join(pieces)


def test_the_asynchronous_client_under_the_other_path(gateway: Gateway, marker: str) -> None:
    import asyncio

    assert asyncio.run(_asynchronous(gateway, marker)) == "Here I am."


def test_models_are_listed_in_openais_shape(client: openai.OpenAI) -> None:
    listed = {model.id for model in client.models.list()}
    assert {CLAUDE, "nova-lite"} <= listed
    assert client.models.retrieve(CLAUDE).object == "model"
