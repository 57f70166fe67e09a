"""LangChain, by each of its clients that reach a model over Stonegate: OpenAI's, Anthropic's and AWS's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_aws import ChatBedrockConverse
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from harness.gateway import Gateway, Key
from harness.simulator import REGION, Simulator

CLAUDE = "claude-haiku-4-5"
TWO_CALLS = 'tool get_weather {"city":"Bern"}; tool get_weather {"city":"Rom"}; then text Sunny in both.'


def chat(gateway: Gateway, key: Key, model: str) -> BaseChatModel:
    return ChatOpenAI(
        model=model, base_url=f"{gateway.base_url}/v1", api_key=SecretStr(key.text), stream_usage=True
    )


def responses(gateway: Gateway, key: Key, model: str) -> BaseChatModel:
    return ChatOpenAI(
        model=model, base_url=f"{gateway.base_url}/v1", api_key=SecretStr(key.text), use_responses_api=True
    )


def messages(gateway: Gateway, key: Key, model: str) -> BaseChatModel:
    return ChatAnthropic(model_name=model, base_url=gateway.base_url, api_key=SecretStr(key.text), max_tokens=500)


def converse(gateway: Gateway, key: Key, model: str) -> BaseChatModel:
    status, pair = gateway.get("/bedrock/credentials", headers={"authorization": f"Bearer {key.text}"})
    assert status == 200, pair
    return ChatBedrockConverse(
        model=model,
        provider="anthropic" if "claude" in model else "amazon",
        region_name=REGION,
        endpoint_url=f"{gateway.base_url}/bedrock",
        aws_access_key_id=SecretStr(pair["AccessKeyId"]),
        aws_secret_access_key=SecretStr(pair["SecretAccessKey"]),
    )


every_client = pytest.mark.parametrize("connect", [chat, responses, messages, converse])
every_model = pytest.mark.parametrize("model", [CLAUDE, "nova-2-lite"])
Connect = Callable[[Gateway, Key, str], BaseChatModel]


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@every_client
@every_model
def test_a_plain_answer(gateway: Gateway, key: Key, marker: str, connect: Connect, model: str) -> None:
    said = connect(gateway, key, model).invoke(f"Say {marker}")
    assert said.text == marker
    usage = gateway.wait_for_usage(key, calls=1)
    assert said.usage_metadata is not None
    assert said.usage_metadata["output_tokens"] == usage.tokens["output"] > 0


@every_client
@every_model
def test_a_streamed_answer(gateway: Gateway, key: Key, marker: str, connect: Connect, model: str) -> None:
    chunks = list(connect(gateway, key, model).stream(f"{marker} [sim: text one two three four]"))
    assert len(chunks) > 3
    whole: Any = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert isinstance(whole, AIMessageChunk) and whole.text == "one two three four"
    assert whole.usage_metadata is not None and whole.usage_metadata["output_tokens"] > 0


@every_client
@every_model
def test_tools_are_called_side_by_side(
    gateway: Gateway, simulator: Simulator, key: Key, marker: str, connect: Connect, model: str
) -> None:
    bound = connect(gateway, key, model).bind_tools([get_weather])
    turns: list[Any] = [HumanMessage(f"{marker} [sim: {TWO_CALLS}]")]
    said = bound.invoke(turns)
    assert [call["args"] for call in said.tool_calls] == [{"city": "Bern"}, {"city": "Rom"}]
    results = [ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]) for call in said.tool_calls]
    assert bound.invoke([*turns, said, *results]).text == "Sunny in both."
    assert "sunny in Rom" in simulator.arrivals(marker)[1].body.decode()


class City(BaseModel):
    """A city and how many people live there."""

    name: str
    people: int


@pytest.mark.parametrize(
    ("connect", "by_a_tool"), [(chat, False), (responses, False), (messages, True), (converse, True)]
)
@every_model
def test_an_answer_in_the_shape_of_a_class(
    gateway: Gateway, key: Key, marker: str, connect: Connect, by_a_tool: bool, model: str
) -> None:
    """OpenAI's client asks for a schema, the others have the model call a tool that is none."""
    directive = ' [sim: tool City {"name":"Bern","people":134}]' if by_a_tool else ""
    found = connect(gateway, key, model).with_structured_output(City).invoke(f"{marker} Bern?{directive}")
    assert isinstance(found, City)


def test_embeddings(gateway: Gateway, key: Key) -> None:
    embeddings = OpenAIEmbeddings(
        model="titan-embed-text-v2",
        base_url=f"{gateway.base_url}/v1",
        api_key=SecretStr(key.text),
        check_embedding_ctx_length=False,
    )
    near, far, query = embeddings.embed_documents(["a river boat", "tax law", "a boat on a river"])
    assert len(near) == 1024

    def likeness(left: list[float], right: list[float]) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True))

    assert likeness(query, near) > likeness(query, far)
