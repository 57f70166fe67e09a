"""Cohere's Python SDK: rankings by its client of today and by the one before."""

from __future__ import annotations

import cohere
import pytest
from cohere.core import ApiError

from harness.gateway import Gateway, Key

# The first as Cohere calls it.
RERANKERS = ["rerank-v3.5", "amazon-rerank"]
CLIENTS = [cohere.ClientV2, cohere.Client]

every_client = pytest.mark.parametrize("kind", CLIENTS, ids=["v2", "v1"])


@every_client
@pytest.mark.parametrize("model", RERANKERS)
def test_rankings(gateway: Gateway, key: Key, marker: str, model: str, kind: type[cohere.ClientV2]) -> None:
    client = kind(api_key=key.text, base_url=gateway.base_url)
    documents = ["Rivers", f"{marker} is in France", "France is large"]
    ranking = client.rerank(model=model, query=f"{marker} France", documents=documents, top_n=2)
    assert [result.index for result in ranking.results] == [1, 2]
    assert ranking.results[0].relevance_score > ranking.results[1].relevance_score
    assert ranking.meta and ranking.meta.billed_units and ranking.meta.billed_units.search_units == 1
    assert gateway.wait_for_usage(key, 1).nanodollars == (2_000_000 if model == "rerank-v3.5" else 1_000_000)


@every_client
def test_refusals_are_the_sdks_own(gateway: Gateway, kind: type[cohere.ClientV2]) -> None:
    client = kind(api_key=gateway.key.text, base_url=gateway.base_url)
    with pytest.raises(cohere.NotFoundError, match="rerank-v3.6"):
        client.rerank(model="rerank-v3.6", query="x", documents=["x"])
    with pytest.raises(cohere.BadRequestError, match="documents"):
        client.rerank(model=RERANKERS[0], query="x", documents=[])
    with pytest.raises(ApiError) as refused:
        kind(api_key="sk-stone-wrong", base_url=gateway.base_url).rerank(model=RERANKERS[0], query="x", documents=["x"])
    assert refused.value.status_code == 401
