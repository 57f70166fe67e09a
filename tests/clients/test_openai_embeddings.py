"""OpenAI's Python SDK on embeddings and images, and plain HTTP on rankings, which it has no method for."""

from __future__ import annotations

import base64
import json
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from harness.gateway import Gateway, Key
from harness.simulator import Simulator

EMBEDDERS = [
    "titan-embed-text-v2",
    "titan-embed-text-v1",
    "cohere-embed-english-v3",
    "cohere-embed-v4",
    "nova-2-multimodal-embeddings",
    "marengo-embed-3-0",
]
PAINTERS = ["titan-image-generator-v2", "nova-canvas", "stable-image-core", "sd3-5-large"]
RERANKERS = ["cohere-rerank-v3-5", "amazon-rerank"]


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    """The SDK as anybody would set it up. Its strict mode refuses the base64 that it asks for itself."""
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=gateway.key.text) as made:
        yield made


@pytest.mark.parametrize("model", EMBEDDERS)
def test_one_text_and_several(client: openai.OpenAI, simulator: Simulator, marker: str, model: str) -> None:
    """The SDK asks for base64 by itself and decodes it."""
    one = client.embeddings.create(model=model, input=f"{marker} gate")
    several = client.embeddings.create(model=model, input=["A stone", f"{marker} gate"])
    floats = client.embeddings.create(model=model, input=f"{marker} gate", encoding_format="float")
    assert one.model == model and one.usage.prompt_tokens == one.usage.total_tokens > 0
    assert [entry.index for entry in several.data] == [0, 1]
    assert one.data[0].embedding == several.data[1].embedding != several.data[0].embedding
    assert floats.data[0].embedding == pytest.approx(one.data[0].embedding, abs=1e-7)
    assert sum(number * number for number in one.data[0].embedding) == pytest.approx(1, abs=1e-4)
    assert all(arrival.status == 200 for arrival in simulator.arrivals(marker))


def test_a_large_batch_keeps_its_order(client: openai.OpenAI, gateway: Gateway, key: Key, marker: str) -> None:
    texts = [f"{marker} stone {number}" for number in range(300)]
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=key.text) as own:
        many = own.embeddings.create(model="cohere-embed-english-v3", input=texts)
    assert len(many.data) == 300
    for number in (0, 96, 299):
        alone = client.embeddings.create(model="cohere-embed-english-v3", input=texts[number])
        assert many.data[number].embedding == alone.data[0].embedding
    usage = gateway.wait_for_usage(key, 1)
    assert (usage.calls, usage.tokens["input"]) == (1, many.usage.prompt_tokens)
    assert usage.nanodollars == many.usage.prompt_tokens * 100


def test_dimensions_and_tokens(client: openai.OpenAI) -> None:
    small = client.embeddings.create(model="titan-embed-text-v2", input="hello world", dimensions=256)
    assert len(small.data[0].embedding) == 256
    # `hello world` in the vocabulary that LangChain cuts texts with.
    tokens = client.embeddings.create(model="titan-embed-text-v2", input=[[15339, 1917]], dimensions=256)
    assert tokens.data[0].embedding == small.data[0].embedding


def test_errors_are_the_sdks_own(client: openai.OpenAI, gateway: Gateway, key: Key, marker: str) -> None:
    with pytest.raises(openai.NotFoundError, match="nobody-embeds"):
        client.embeddings.create(model="nobody-embeds", input=marker)
    with pytest.raises(openai.BadRequestError, match="dimensions"):
        client.embeddings.create(model="cohere-embed-english-v3", input=marker, dimensions=256)
    with pytest.raises(openai.BadRequestError, match="embed"):
        client.embeddings.create(model="claude-sonnet-5-5", input=marker)
    gateway.limit(key, "monthly", "0.000000001")
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=key.text) as poor:
        with pytest.raises(openai.RateLimitError) as spent:
            poor.embeddings.create(model="titan-embed-text-v2", input=marker)
    assert spent.value.code == "insufficient_quota"


@pytest.mark.parametrize("model", PAINTERS)
def test_images(client: openai.OpenAI, marker: str, model: str) -> None:
    made = client.images.generate(model=model, prompt=f"{marker} by a river", n=2, size="1024x1024")
    assert made.created > 0 and made.data and len(made.data) == 2
    for image in made.data:
        png = base64.b64decode(image.b64_json or "")
        assert png.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", png[16:24])
        assert width == height


def test_a_filtered_image_is_an_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="(?i)filter"):
        client.images.generate(model="stable-image-core", prompt="[sim: stop refusal]")


def rerank(gateway: Gateway, key: Key, body: dict[str, Any]) -> tuple[int, Any]:
    """As Cohere's and Jina's clients do it."""
    request = urllib.request.Request(
        f"{gateway.base_url}/v1/rerank",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {key.text}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("model", RERANKERS)
def test_rankings(gateway: Gateway, key: Key, marker: str, model: str) -> None:
    documents = ["Rivers", f"{marker} is in France", {"text": "France is large"}]
    body = {"model": model, "query": f"{marker} France", "documents": documents, "return_documents": True}
    status, said = rerank(gateway, key, body)
    assert status == 200, said
    assert [result["index"] for result in said["results"]] == [1, 2, 0]
    assert said["results"][0]["document"] == {"text": f"{marker} is in France"}
    assert said["meta"]["billed_units"] == {"search_units": 1}
    assert gateway.wait_for_usage(key, 1).nanodollars == (2_000_000 if model.startswith("cohere") else 1_000_000)
    status, said = rerank(gateway, key, {"model": model, "query": "x", "documents": []})
    assert (status, said["error"]["type"]) == (400, "invalid_request_error")
