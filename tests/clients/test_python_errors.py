"""The Python SDK: every kind of no, and failures in mid-stream."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anthropic
import pytest

from harness.gateway import Gateway, Key
from harness.samples import MODEL, WEATHER, ask, user
from harness.simulator import Simulator


@pytest.fixture
def hasty(gateways: Callable[..., Gateway]) -> Gateway:
    """A gateway that never tries again by itself, so that the client's own patience shows."""
    return gateways(bedrock__max_attempts="1")


def connect(gateway: Gateway, key: Key | None = None, **options: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.base_url, api_key=(key or gateway.key).text, **options)


def test_an_unknown_model_suggests_the_nearest(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    with pytest.raises(anthropic.NotFoundError) as missing:
        client.messages.create(model="claude-sonet-5-5", max_tokens=200, messages=ask(marker))
    assert missing.value.type == "not_found_error"
    assert "claude-sonnet-5-5" in missing.value.message
    assert missing.value.request_id
    assert simulator.arrivals(marker) == []


def test_a_key_that_is_none_is_refused_once(gateway: Gateway, marker: str) -> None:
    with anthropic.Anthropic(base_url=gateway.base_url, api_key="sk-ant-not-ours") as client:
        begun = time.monotonic()
        with pytest.raises(anthropic.AuthenticationError) as refused:
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))
    assert refused.value.type == "authentication_error"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert time.monotonic() - begun < 5


def test_a_call_without_a_key_is_refused(gateway: Gateway) -> None:
    headers = {"Authorization": anthropic.Omit()}
    with anthropic.Anthropic(base_url=gateway.base_url, api_key="unused", default_headers=headers) as client:
        with pytest.raises(anthropic.AuthenticationError):
            client.models.list()


def test_a_revoked_key_stops_within_a_second(gateway: Gateway, key: Key, marker: str) -> None:
    with connect(gateway, key, max_retries=0) as client:
        client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))
        gateway.revoke(key)
        time.sleep(1)
        with pytest.raises(anthropic.AuthenticationError) as refused:
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))
    assert refused.value.type == "authentication_error"


def test_the_sdk_waits_out_throttling(hasty: Gateway, simulator: Simulator, marker: str) -> None:
    """Bedrock's own `retry-after` comes through, and the SDK keeps to it."""
    with connect(hasty) as client:
        begun = time.monotonic()
        message = client.messages.create(
            model=MODEL, max_tokens=200, messages=ask(marker, "throttle 1 x 2; text patience")
        )
    assert message.content[0].text == "patience"
    assert time.monotonic() - begun >= 2
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [429, 429, 200]


def test_throttling_that_stays_is_a_rate_limit_error(hasty: Gateway, marker: str) -> None:
    with connect(hasty, max_retries=0) as client:
        with pytest.raises(anthropic.RateLimitError) as throttled:
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker, "throttle 7"))
    assert throttled.value.type == "rate_limit_error"
    assert int(throttled.value.response.headers["retry-after"]) >= 1


def test_the_gateway_tries_again_by_itself(gateway: Gateway, simulator: Simulator, marker: str) -> None:
    with connect(gateway, max_retries=0) as client:
        message = client.messages.create(
            model=MODEL, max_tokens=200, messages=ask(marker, "throttle x 2; text third time lucky")
        )
    assert message.content[0].text == "third time lucky"
    assert len(simulator.arrivals(marker)) == 3


def test_a_dropped_connection_is_tried_again(gateway: Gateway, simulator: Simulator, marker: str) -> None:
    with connect(gateway, max_retries=0) as client:
        message = client.messages.create(
            model=MODEL, max_tokens=200, messages=ask(marker, "drop before x 1; text back again")
        )
    assert message.content[0].text == "back again"
    assert len(simulator.arrivals(marker)) == 2


@pytest.mark.parametrize(
    ("upstream", "status", "kind"),
    [
        ("ServiceUnavailableException", 529, "overloaded_error"),
        ("InternalServerException", 500, "api_error"),
        ("ModelTimeoutException", 504, "timeout_error"),
        ("ModelErrorException", 500, "api_error"),
        ("ModelNotReadyException", 429, "rate_limit_error"),
    ],
)
def test_failures_of_bedrock_keep_their_kind(
    hasty: Gateway, marker: str, upstream: str, status: int, kind: str
) -> None:
    with connect(hasty, max_retries=0) as client:
        with pytest.raises(anthropic.APIStatusError) as failed:
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker, f"error {upstream}"))
    assert (failed.value.status_code, failed.value.type) == (status, kind)
    assert failed.value.request_id


def test_trouble_with_the_gateways_own_access_is_not_the_callers(hasty: Gateway, marker: str) -> None:
    """A 401 or 403 would make clients log in again, although it is the operator who has to act."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-5-5"
    words = f"User: arn:aws:sts::123456789012:assumed-role/gate/i-0 is not authorized to perform: x on resource: {arn}"
    with connect(hasty, max_retries=0) as client:
        with pytest.raises(anthropic.APIStatusError) as failed:
            client.messages.create(
                model=MODEL, max_tokens=200, messages=ask(marker, f'error 403 AccessDeniedException "{words}"')
            )
    assert failed.value.status_code not in (401,)
    told = failed.value.response.text
    assert "arn:" not in told and "123456789012" not in told and "assumed-role" not in told


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("speed", "fast"),
        ("container", "container_1"),
        ("mcp_servers", [{"type": "url", "url": "https://example.com", "name": "x"}]),
        ("fallbacks", [{"model": "claude-haiku-5-5"}]),
    ],
)
def test_what_bedrock_cannot_serve_is_refused_by_name(
    client: anthropic.Anthropic, simulator: Simulator, marker: str, member: str, value: Any
) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker), extra_body={member: value})
    assert refused.value.type == "invalid_request_error"
    assert member in refused.value.message
    assert simulator.arrivals(marker) == []


def test_tools_of_anthropics_own_platform_are_refused_by_name(client: anthropic.Anthropic, marker: str) -> None:
    search: Any = {"type": "web_search_20250305", "name": "web_search"}
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker), tools=[search])
    assert "web_search" in refused.value.message


def test_threads_are_refused_by_a_code(client: anthropic.Anthropic, marker: str) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.beta.messages.create(
            model=MODEL,
            max_tokens=200,
            messages=ask(marker),
            thread={"type": "create"},
            betas=["message-threads-2026-08-12"],
        )
    assert refused.value.error_code == "thread_unsupported_request"


def test_sampling_parameters_are_refused_by_name_in_the_second_version(
    client: anthropic.Anthropic, marker: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker), extra_body={"temperature": 1.0})
    assert "temperature" in refused.value.message


def test_what_bedrock_finds_wrong_is_told(client: anthropic.Anthropic, marker: str) -> None:
    messages: Any = [
        user(f"{marker} hello"),
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_nobody", "content": "x"}]},
    ]
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=MODEL, max_tokens=200, messages=messages, tools=[WEATHER])
    assert "toolu_nobody" in refused.value.message


def test_a_body_without_max_tokens_is_refused_by_name(gateway: Gateway, marker: str) -> None:
    with connect(gateway) as client:
        with pytest.raises(anthropic.BadRequestError) as refused:
            client.post("/v1/messages", body={"model": MODEL, "messages": ask(marker)}, cast_to=object)
    assert "max_tokens" in refused.value.message


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        ("throttlingException", "rate_limit_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("internalServerException", "api_error"),
        ("modelStreamErrorException", "api_error"),
        ("modelTimeoutException", "timeout_error"),
    ],
)
def test_a_failure_in_mid_stream_is_raised(client: anthropic.Anthropic, marker: str, exception: str, kind: str) -> None:
    heard = []
    with pytest.raises(anthropic.APIStatusError) as failed:
        with client.messages.stream(
            model=MODEL, max_tokens=200, messages=ask(marker, f"text a b c d e f; exception {exception} after 5")
        ) as stream:
            heard.extend(stream.text_stream)
    assert "".join(heard).startswith("a")
    assert failed.value.type == kind


@pytest.mark.parametrize("fault", ["drop after 5", "garbage after 5"])
def test_a_stream_that_breaks_off_is_raised(client: anthropic.Anthropic, marker: str, fault: str) -> None:
    """The SDK takes a stream without `message_stop` for a whole one, so the gateway has to say otherwise."""
    with pytest.raises(anthropic.APIStatusError) as failed:
        with client.messages.stream(
            model=MODEL, max_tokens=200, messages=ask(marker, f"text a b c d e f; {fault}")
        ) as stream:
            stream.get_final_message()
    assert failed.value.type in ("api_error", "overloaded_error")


def test_a_failure_before_the_first_event_is_tried_again(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    """Bedrock begins a stream with 200 and may fail at once: nothing has gone to the client yet."""
    with client.messages.stream(
        model=MODEL, max_tokens=200, messages=ask(marker, "text fine; exception throttlingException after 0 x 1")
    ) as stream:
        assert stream.get_final_text() == "fine"
    assert len(simulator.arrivals(marker)) == 2


def test_an_answer_that_breaks_off_is_no_answer(hasty: Gateway, marker: str) -> None:
    with connect(hasty, max_retries=0) as client:
        with pytest.raises(anthropic.APIStatusError) as failed:
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker, "text a b c; drop after 1"))
    assert failed.value.status_code >= 500


def test_silence_after_the_first_words_ends_as_an_error(gateways: Callable[..., Gateway], marker: str) -> None:
    impatient = gateways(bedrock__first_byte_timeout_seconds="1", bedrock__idle_timeout_seconds="1")
    with connect(impatient, max_retries=0) as client:
        with pytest.raises(anthropic.APIStatusError) as failed:
            with client.messages.stream(
                model=MODEL, max_tokens=200, messages=ask(marker, "text a b c d e f; silence 4s after 5")
            ) as stream:
                stream.get_final_message()
    assert failed.value.type == "timeout_error"


def test_silence_before_the_first_word_ends_as_a_timeout(gateways: Callable[..., Gateway], marker: str) -> None:
    impatient = gateways(bedrock__first_byte_timeout_seconds="1", bedrock__idle_timeout_seconds="1")
    with connect(impatient, max_retries=0) as client:
        with pytest.raises(anthropic.APIStatusError) as failed:
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker, "delay 4s; text late"))
    assert (failed.value.status_code, failed.value.type) == (504, "timeout_error")


def test_the_clients_own_timeout_is_the_clients(gateway: Gateway, marker: str) -> None:
    with connect(gateway, max_retries=0, timeout=1.0) as client:
        with pytest.raises(anthropic.APITimeoutError):
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker, "delay 3s; text late"))


def test_an_unknown_member_travels_and_what_bedrock_refuses_is_learned(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    """A member of tomorrow goes to Bedrock as it is; refused there, it is left out, once and for all, and told."""
    member = f"future_{marker.replace('-', '_')}"
    raw = client.messages.with_raw_response.create(
        model=MODEL, max_tokens=200, messages=ask(marker), extra_body={member: {"deep": [1, 2.50, None]}}
    )
    first, second = (arrival.json for arrival in simulator.arrivals(marker))
    assert first[member] == {"deep": [1, 2.50, None]}
    assert member not in second
    assert member in raw.headers["x-stonegate-dropped"]
    client.messages.create(
        model=MODEL, max_tokens=200, messages=ask(f"again {marker}"), extra_body={member: {"deep": [1, 2.50, None]}}
    )
    assert len(simulator.arrivals(f"again {marker}")) == 1


def test_an_unknown_beta_travels_and_what_bedrock_refuses_is_learned(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    """The day after a release of Claude Code must not be the day on which nothing works."""
    beta = f"future-{marker}-2027-01-01"
    for words in ("first", "second"):
        raw = client.beta.messages.with_raw_response.create(
            model=MODEL, max_tokens=200, messages=ask(f"{words} {marker}"), betas=[beta, "effort-2025-11-24"]
        )
        assert beta in raw.headers["x-stonegate-dropped"]
    sent = [arrival.json["anthropic_beta"] for arrival in simulator.arrivals(marker)]
    assert sent == [[beta, "effort-2025-11-24"], ["effort-2025-11-24"], ["effort-2025-11-24"]]
