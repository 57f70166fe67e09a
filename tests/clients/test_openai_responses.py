"""OpenAI's Python SDK, Responses, on models that speak it themselves and on others. What streams is held against Open Responses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import openai
import openresponses_types
import pytest
from pydantic import BaseModel

from harness.gateway import Gateway, Key
from harness.samples import png
from harness.simulator import Simulator
from harness.tap import Tap

CLAUDE = "claude-sonnet-5-5"
# One model behind each of Bedrock's APIs.
MODELS = [CLAUDE, "nova-lite", "gpt-oss-120b", "gpt-6-sol", "gpt-daybreak-blue-5.6-sol"]
TWO_CALLS = 'tool get_weather {"city":"Bern"}; tool get_time {"city":"Rom"}; then text Sunny at noon.'
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: list[Any] = [
    {"type": "function", "name": name, "description": "About a city.", "parameters": CITY, "strict": False}
    for name in ("get_weather", "get_time")
]
# Every event of the published types, by its name.
EVENTS: dict[str, type[BaseModel]] = {
    kind.value: model
    for model in vars(openresponses_types).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.__name__.endswith("StreamingEvent")
    for kind in model.model_fields["type"].annotation  # type: ignore[union-attr]
}


def ask(marker: str, directive: str = "") -> list[Any]:
    return [{"role": "user", "content": f"{marker} [sim: {directive}]" if directive else f"Say {marker}"}]


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    """The SDK as anybody would set it up, but strict: an answer that does not fit its types is an error."""
    with openai.OpenAI(
        base_url=f"{gateway.base_url}/v1", api_key=gateway.key.text, _strict_response_validation=True
    ) as made:
        yield made


def answered(client: openai.OpenAI, streamed: bool, **asked: Any) -> Any:
    """The same call, streamed or not, as one response."""
    if not streamed:
        return client.responses.create(**asked)
    with client.responses.stream(**asked) as stream:
        return stream.get_final_response()


def again(response: Any) -> list[Any]:
    """The output as a client without a store sends it back."""
    return [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in response.output]


both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
every_model = pytest.mark.parametrize("model", MODELS)


@every_model
@both_ways
def test_a_plain_answer(client: openai.OpenAI, simulator: Simulator, marker: str, model: str, streamed: bool) -> None:
    asked = ask(marker, "text All is well.")
    said = answered(client, streamed, model=model, input=asked, instructions="Be brief.")
    assert (said.output_text, said.status, said.model) == ("All is well.", "completed", model)
    assert said.usage.input_tokens > 0 and said.usage.output_tokens > 0
    assert said.usage.total_tokens == said.usage.input_tokens + said.usage.output_tokens
    assert "Be brief." in simulator.arrival(marker).body.decode()


@every_model
@both_ways
def test_parallel_tool_calls_and_their_results(
    client: openai.OpenAI, marker: str, model: str, streamed: bool
) -> None:
    asked: Any = {"model": model, "tools": TOOLS, "store": False}
    messages = ask(marker, TWO_CALLS)
    first = answered(client, streamed, input=messages, **asked)
    calls = [item for item in first.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("get_weather", {"city": "Bern"}),
        ("get_time", {"city": "Rom"}),
    ]
    messages += again(first)
    messages += [{"type": "function_call_output", "call_id": call.call_id, "output": "fine"} for call in calls]
    assert answered(client, streamed, input=messages, **asked).output_text == "Sunny at noon."


@every_model
@both_ways
def test_a_custom_tool_takes_free_text(client: openai.OpenAI, marker: str, model: str, streamed: bool) -> None:
    """The model is asked for an object with one member; the client sees the text in it."""
    tool = {"type": "custom", "name": "apply_patch", "description": "Takes a patch."}
    asked: Any = {"model": model, "tools": [tool], "store": False}
    messages = ask(marker, 'tool apply_patch {"input":"*** Begin\\n+one"}; then text Applied.')
    first = answered(client, streamed, input=messages, **asked)
    (call,) = (item for item in first.output if item.type == "custom_tool_call")
    assert (call.name, call.input) == ("apply_patch", "*** Begin\n+one")
    messages += again(first)
    messages.append({"type": "custom_tool_call_output", "call_id": call.call_id, "output": "ok"})
    assert answered(client, streamed, input=messages, **asked).output_text == "Applied."


@both_ways
def test_encrypted_thoughts_go_in_again(
    client: openai.OpenAI, simulator: Simulator, marker: str, streamed: bool
) -> None:
    asked: Any = {"model": CLAUDE, "tools": TOOLS, "store": False, "reasoning": {"effort": "high", "summary": "auto"}}
    messages = ask(marker, 'think 20; tool get_weather {"city":"Bern"}; then text Sunny.')
    first = answered(client, streamed, input=messages, include=["reasoning.encrypted_content"], **asked)
    thought, call = first.output[0], first.output[-1]
    assert (thought.type, call.type) == ("reasoning", "function_call")
    assert thought.encrypted_content and thought.summary
    assert first.usage.output_tokens_details.reasoning_tokens > 0
    messages += [*again(first), {"type": "function_call_output", "call_id": call.call_id, "output": "fine"}]
    assert answered(client, streamed, input=messages, **asked).output_text == "Sunny."
    # The simulator refuses a signature that is not its own; that there was one to refuse:
    turn = simulator.arrivals(marker)[-1].json["messages"][1]["content"]
    assert [block["type"] for block in turn] == ["thinking", "tool_use"]


@every_model
def test_a_response_is_kept_and_gone_on_from(client: openai.OpenAI, marker: str, model: str) -> None:
    first = client.responses.create(model=model, input=f"{marker} My name is Ada.")
    assert client.responses.retrieve(first.id).output_text == first.output_text
    second = client.responses.create(model=model, input="What is my name?", previous_response_id=first.id)
    assert second.usage is not None and first.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)


@every_model
def test_an_answer_in_the_shape_of_a_schema(client: openai.OpenAI, marker: str, model: str) -> None:
    class Answer(BaseModel):
        city: str
        degrees: int

    said = client.responses.parse(model=model, input=ask(marker), text_format=Answer)
    assert isinstance(said.output_parsed, Answer)


@pytest.mark.parametrize("model", [model for model in MODELS if not model.startswith("gpt-oss")])
def test_an_image_as_a_data_url(client: openai.OpenAI, simulator: Simulator, marker: str, model: str) -> None:
    picture = png()
    content = [
        {"type": "input_text", "text": f"{marker} What is this?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{picture}", "detail": "auto"},
    ]
    asked: Any = [{"role": "user", "content": content}]
    assert client.responses.create(model=model, input=asked).output_text
    assert picture in simulator.arrival(marker).body.decode()


@every_model
def test_events_come_in_order_as_published(client: openai.OpenAI, marker: str, model: str) -> None:
    directive = 'text Let me look.; tool get_weather {"city":"Bern"}; then text Done.'
    stream = client.responses.create(model=model, input=ask(marker, directive), tools=TOOLS, stream=True)
    events = [event.model_dump(mode="json", by_alias=True, exclude_unset=True) for event in stream]
    for event in events:
        EVENTS[event["type"]].model_validate(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"].removeprefix("response.") for event in events]
    once = [kind for place, kind in enumerate(kinds) if place == 0 or kinds[place - 1] != kind]
    assert once == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == events[-1]["response"]["output"]


@every_model
def test_the_end_of_the_tokens_is_told(client: openai.OpenAI, marker: str, model: str) -> None:
    asked: Any = {"model": model, "input": ask(marker, f"text {'word ' * 60}"), "max_output_tokens": 16}
    # The SDK's own helper takes nothing but `response.completed` for an end, so its events are looked at.
    *_, last = client.responses.create(**asked, stream=True)
    assert last.type == "response.incomplete"
    for said in (client.responses.create(**asked), last.response):
        assert said.incomplete_details is not None
        assert (said.status, said.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_errors_are_the_sdks_own(client: openai.OpenAI, marker: str) -> None:
    with pytest.raises(openai.NotFoundError, match="gpt-nothing"):
        client.responses.create(model="gpt-nothing", input=ask(marker))
    with pytest.raises(openai.BadRequestError, match="file_search"):
        hosted: Any = [{"type": "file_search", "vector_store_ids": ["vs_1"]}]
        client.responses.create(model=CLAUDE, input=ask(marker), tools=hosted)
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-nobody").responses.create(model=CLAUDE, input=ask(marker))


def test_a_spent_budget_is_one_request(
    client: openai.OpenAI, gateway: Gateway, key: Key, simulator: Simulator, marker: str
) -> None:
    gateway.limit(key, "monthly", "0.000001")
    with Tap(gateway.base_url) as tap:
        poor = client.with_options(api_key=key.text, base_url=f"{tap.base_url}/v1")
        with pytest.raises(openai.RateLimitError) as refused:
            poor.responses.create(model=CLAUDE, input=ask(marker))
    assert refused.value.code == "insufficient_quota"
    assert tap.statuses == [429]
    assert simulator.arrivals(marker) == []


@every_model
def test_a_broken_stream_has_failed(client: openai.OpenAI, marker: str, model: str) -> None:
    asked = ask(marker, "text a b c d e f; exception modelStreamErrorException after 5")
    events = list(client.responses.create(model=model, input=asked, stream=True))
    assert events[-1].type == "response.failed"
    assert events[-1].response.error is not None and events[-1].response.status == "failed"


def test_usage_is_recorded(client: openai.OpenAI, gateway: Gateway, key: Key, marker: str) -> None:
    said = client.with_options(api_key=key.text).responses.create(model="nova-lite", input=ask(marker))
    usage = gateway.wait_for_usage(key, 1)
    assert said.usage is not None
    assert usage.tokens["output"] == said.usage.output_tokens and usage.nanodollars > 0


@pytest.mark.parametrize("model", [*MODELS, "nova-2-lite"])
@both_ways
def test_a_response_says_when_it_was_complete(client: openai.OpenAI, marker: str, model: str, streamed: bool) -> None:
    said = answered(client, streamed, model=model, input=ask(marker))
    assert said.completed_at is not None and said.created_at <= said.completed_at <= time.time() + 1
    cut = client.responses.create(model=model, input=ask(marker, "text a b c; stop max_tokens"))
    assert (cut.status, cut.completed_at) == ("incomplete", None)


@every_model
@both_ways
def test_a_response_says_whether_it_is_kept(
    client: openai.OpenAI, gateways: Callable[..., Gateway], marker: str, model: str, streamed: bool
) -> None:
    forgetful = gateways(responses__keep="false")
    elsewhere = client.with_options(base_url=f"{forgetful.base_url}/v1", api_key=forgetful.key.text)
    for asked, place, is_kept in [
        ({}, client, True),
        ({"store": True}, client, True),
        ({"store": False}, client, False),
        ({"store": True}, elsewhere, False),
    ]:
        said = answered(place, streamed, model=model, input=ask(marker), **asked)
        assert said.store is is_kept, asked


@pytest.mark.parametrize("model", [CLAUDE, "gpt-6-sol"])
@both_ways
def test_thoughts_are_sealed_as_openai_would_and_where_it_would_keep_them(
    client: openai.OpenAI, marker: str, model: str, streamed: bool
) -> None:
    sealed: list[Any] = ["reasoning.encrypted_content"]
    for asked, is_sealed in [
        ({"store": False}, False),
        ({"store": False, "include": sealed}, True),
        ({"store": True, "include": sealed}, True),
        # Here nothing is kept by the ids of items, so the client gets what it needs to send them back.
        ({"store": True}, True),
    ]:
        said = answered(
            client, streamed, model=model, input=ask(marker, "think 20; text Hm."), reasoning={"effort": "high"}, **asked
        )
        (thought,) = (item for item in said.output if item.type == "reasoning")
        assert bool(thought.encrypted_content) is is_sealed, asked


@every_model
def test_an_item_is_named_only_where_it_is_kept(client: openai.OpenAI, marker: str, model: str) -> None:
    first = client.responses.create(model=model, input=f"{marker} My name is Ada.")
    named: Any = {"type": "item_reference", "id": first.output[-1].id}
    more: Any = [named, {"role": "user", "content": "What is my name?"}]
    second = client.responses.create(model=model, input=more, previous_response_id=first.id)
    assert "Ada" in second.output_text
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model=model, input=more)
    assert "previous_response_id" in refused.value.message and str(refused.value.param).startswith("input.0")


@every_model
def test_a_limit_on_tool_calls_breaks_nothing(client: openai.OpenAI, marker: str, model: str) -> None:
    """It counts the calls of tools that OpenAI runs, of which other models have none."""
    said = client.responses.with_raw_response.create(model=model, input=ask(marker), max_tool_calls=3)
    assert said.parse().max_tool_calls == 3
    left_out = said.headers.get("x-stonegate-dropped", "")
    speaks_responses = model.startswith("gpt") and model != "gpt-oss-120b"
    assert ("max_tool_calls" in left_out) is not speaks_responses
