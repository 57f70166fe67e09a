"""AWS's own client talks to the simulator, so that a gateway that works with the one works with the other."""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from harness.samples import WEATHER, user
from harness.simulator import ACCESS_KEY_ID, BEARER_TOKEN, REGION, SECRET_ACCESS_KEY, Simulator

PROFILE = "us.anthropic.claude-sonnet-5-5"
FOUNDATION = "anthropic.claude-sonnet-5-5"


def connect(simulator: Simulator, secret: str = SECRET_ACCESS_KEY) -> Any:
    return botocore.session.get_session().create_client(
        "bedrock-runtime",
        region_name=REGION,
        endpoint_url=simulator.base_url,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
    )


def prompt(text: str, **members: Any) -> bytes:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 200, "messages": [user(text)], **members}
    return json.dumps(body).encode()


def events(answer: Any) -> list[Any]:
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]


def test_invoke_model(simulator: Simulator, marker: str) -> None:
    answer = connect(simulator).invoke_model(modelId=PROFILE, body=prompt(f"Say {marker}"))
    assert answer["contentType"] == "application/json"
    message = json.load(answer["body"])
    assert message["content"] == [{"type": "text", "text": marker}]
    assert simulator.arrival(marker).verdict == "good"


def test_the_service_tier_is_repeated(simulator: Simulator, marker: str) -> None:
    answer = connect(simulator).invoke_model(modelId=PROFILE, body=prompt(f"Say {marker}"), serviceTier="flex")
    assert answer["serviceTier"] == "flex"


def test_invoke_model_with_a_stream(simulator: Simulator, marker: str) -> None:
    answer = connect(simulator).invoke_model_with_response_stream(modelId=PROFILE, body=prompt(f"Say {marker}"))
    heard = events(answer)
    assert (heard[0]["type"], heard[-1]["type"]) == ("message_start", "message_stop")
    assert heard[-1]["amazon-bedrock-invocationMetrics"]["inputTokenCount"] > 0
    text = "".join(event["delta"]["text"] for event in heard if event["type"] == "content_block_delta")
    assert text == marker


def test_count_tokens(simulator: Simulator, marker: str) -> None:
    body = prompt(f"Say {marker}", tools=[WEATHER])
    client = connect(simulator)
    counted = client.count_tokens(modelId=FOUNDATION, input={"invokeModel": {"body": body}})
    message = json.load(client.invoke_model(modelId=PROFILE, body=body)["body"])
    assert counted["inputTokens"] == message["usage"]["input_tokens"]


def test_profiles_cannot_be_counted(simulator: Simulator) -> None:
    with pytest.raises(ClientError) as refused:
        connect(simulator).count_tokens(modelId=PROFILE, input={"invokeModel": {"body": prompt("x")}})
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_wrong_secret_is_refused(simulator: Simulator, marker: str) -> None:
    with pytest.raises(ClientError) as refused:
        connect(simulator, "not/the/secret").invoke_model(modelId=PROFILE, body=prompt(marker))
    assert refused.value.response["Error"]["Code"] in ("InvalidSignatureException", "UnrecognizedClientException")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_bedrock_api_key_is_taken(simulator: Simulator, marker: str) -> None:
    """By hand: botocore sends such keys over TLS only."""
    headers = {"authorization": f"Bearer {BEARER_TOKEN}", "content-type": "application/json"}
    request = urllib.request.Request(
        f"{simulator.base_url}/model/{PROFILE}/invoke", data=prompt(f"Say {marker}"), headers=headers, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["content"][0]["text"] == marker


def test_errors_are_typed(simulator: Simulator, marker: str) -> None:
    client = connect(simulator)
    with pytest.raises(client.exceptions.ThrottlingException) as throttled:
        client.invoke_model(modelId=PROFILE, body=prompt(f"{marker} [sim: throttle 3]"))
    response = throttled.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "3"
    assert response["ResponseMetadata"]["RequestId"]


def test_a_failure_in_mid_stream_is_typed(simulator: Simulator, marker: str) -> None:
    answer = connect(simulator).invoke_model_with_response_stream(
        modelId=PROFILE, body=prompt(f"{marker} [sim: words 20; exception throttlingException after 3]")
    )
    with pytest.raises(EventStreamError) as failed:
        events(answer)
    assert failed.value.response["Error"]["Code"] == "throttlingException"


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"future": 1}, "future"),
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"temperature": 1.0}, "temperature"),
    ],
)
def test_bodies_are_checked_as_strictly_as_bedrock_does(
    simulator: Simulator, members: dict[str, Any], named: str
) -> None:
    body = json.loads(prompt("x", **members))
    sent = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
    client = connect(simulator)
    with pytest.raises(client.exceptions.ValidationException) as refused:
        client.invoke_model(modelId=PROFILE, body=sent)
    assert named in refused.value.response["Error"]["Message"]


def test_an_unknown_model_is_refused(simulator: Simulator) -> None:
    client = connect(simulator)
    with pytest.raises(client.exceptions.ValidationException):
        client.invoke_model(modelId="us.anthropic.claude-nobody", body=prompt("x"))


def test_what_is_recorded_is_what_was_sent(simulator: Simulator, marker: str) -> None:
    body = prompt(f"Say {marker}")
    connect(simulator).invoke_model(modelId=PROFILE, body=body)
    arrived = simulator.arrival(marker)
    assert (arrived.method, arrived.body) == ("POST", body)
    assert arrived.path in (f"/model/{PROFILE}/invoke", f"/model/{PROFILE.replace(':', '%3A')}/invoke")
    assert base64.b64encode(body).decode() == arrived.raw["body"]
