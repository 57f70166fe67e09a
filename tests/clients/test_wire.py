"""What no SDK shows: bytes, events and headers as they stand on the wire."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.gateway import Gateway, Key, Serve
from harness.samples import MODEL, ask
from harness.simulator import BEARER_TOKEN, Simulator


def post(
    gateway: Gateway, body: bytes, key: Key | None = None, path: str = "/v1/messages", **headers: str
) -> http.client.HTTPResponse:
    address = urlsplit(gateway.base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    usual = {"x-api-key": (key or gateway.key).text, "anthropic-version": "2023-06-01"}
    connection.request("POST", path, body, {**usual, "content-type": "application/json", **named})
    return connection.getresponse()


def body_of(marker: str, directive: str = "", **members: Any) -> bytes:
    body = {"model": MODEL, "max_tokens": 200, "messages": ask(marker, directive), **members}
    return json.dumps(body).encode()


def events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in answer:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def test_a_stream_is_anthropics_sse(gateway: Gateway, marker: str) -> None:
    answer = post(gateway, body_of(marker, "text hello there", stream=True))
    assert answer.status == 200
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    assert answer.getheader("request-id") == answer.getheader("x-request-id")
    heard = list(events(answer))
    assert all(name == event["type"] for name, event in heard)
    assert heard[0][1]["message"]["usage"]["input_tokens"] > 0
    assert heard[-1][0] == "message_stop"
    assert "amazon" not in json.dumps(heard)


def test_pings_come_while_the_model_is_silent(gateways: Callable[..., Gateway], marker: str) -> None:
    gateway = gateways(stream__ping_seconds="1")
    answer = post(gateway, body_of(marker, "text a b c d; silence 2500ms after 4", stream=True))
    heard = [name for name, _ in events(answer)]
    silent = heard.index("ping")
    assert heard.count("ping") == 2 and heard[silent + 1] == "ping"
    assert heard[-1] == "message_stop"


def test_pings_come_before_the_first_word_too(gateways: Callable[..., Gateway], marker: str) -> None:
    gateway = gateways(stream__ping_seconds="1")
    begun = time.monotonic()
    answer = post(gateway, body_of(marker, "delay 2500ms; text late", stream=True))
    assert time.monotonic() - begun < 2
    heard = [name for name, _ in events(answer)]
    assert heard[:3] == ["ping", "ping", "message_start"]
    assert heard[-1] == "message_stop"


def test_messages_keep_their_very_bytes(gateway: Gateway, simulator: Simulator, marker: str) -> None:
    """Signatures of thinking depend on them: no number is rewritten, no escape, no space, no order."""
    messages = (
        '[ {"content" : [{"text":"%s \\u00fc \\/ \\ud83e\\uddf1 caf\\u00e9 é","type":"text"}],  "role":"user"},'
        '{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":'
        '{"b":1.0,"a":1e2,"n":12345678901234567890,"x":{"":[ ]}}}]},\n'
        '{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"ok"}]} ]' % marker
    )
    tools = '[{"name":"f","input_schema":{"type":"object","properties":{"a":{"type":"number","default":1.50}}}}]'
    text = f'{{"stream":true, "messages":{messages},"model":"{MODEL}","tools" : {tools}, "max_tokens":200}}'
    answer = post(gateway, text.encode())
    answer.read()
    assert answer.status == 200
    arrived = simulator.arrival(marker).body.decode()
    assert messages in arrived and tools in arrived


def test_unknown_versions_and_queries_are_taken(gateway: Gateway, marker: str) -> None:
    answer = post(gateway, body_of(marker), path="/v1/messages?beta=true", anthropic_version="2027-01-01")
    assert answer.status == 200
    answer.read()


def test_several_beta_headers_are_one_list(gateway: Gateway, simulator: Simulator, marker: str) -> None:
    betas = "claude-code-20250219, interleaved-thinking-2025-05-14 ,oauth-2025-04-20,prompt-caching-scope-2026-01-05"
    answer = post(gateway, body_of(marker), anthropic_beta=betas)
    answer.read()
    assert simulator.arrival(marker).json["anthropic_beta"] == [
        "claude-code-20250219",
        "interleaved-thinking-2025-05-14",
    ]
    assert "oauth-2025-04-20" in (answer.getheader("x-stonegate-dropped") or "")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model":1}', b"\xff\xfe", b'{"model":"x","messages":}'])
def test_what_is_no_request_is_refused_in_anthropics_shape(gateway: Gateway, body: bytes) -> None:
    answer = post(gateway, body)
    told = json.loads(answer.read())
    assert answer.status == 400
    assert told["type"] == "error" and told["error"]["type"] == "invalid_request_error" and told["error"]["message"]
    assert told["request_id"] == answer.getheader("request-id")


def test_connections_to_bedrock_are_used_again(gateway: Gateway, simulator: Simulator, marker: str) -> None:
    """A stream is read to its very end, which is after its last event; else each costs AWS's handshakes anew."""
    for _ in range(3):
        post(gateway, body_of(marker, "slow 5ms x 10", stream=True)).read()
    simulator.wait_for(marker, lambda found: [arrival.ending for arrival in found] == ["finished"] * 3)


@pytest.mark.parametrize("path", ["/", "/api/hello"])
def test_probes_of_clients_are_answered(gateway: Gateway, path: str) -> None:
    assert gateway.get(path, method="HEAD")[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_key(gateway: Gateway, path: str) -> None:
    assert gateway.get(path)[0] == 200


def test_a_tier_that_the_model_has_not_is_refused_by_name(gateway: Gateway, marker: str) -> None:
    answer = post(gateway, body_of(marker, service_tier="flex"))
    told = json.loads(answer.read())
    assert (answer.status, told["error"]["type"]) == (400, "invalid_request_error")
    assert "service_tier" in told["error"]["message"]


@pytest.mark.parametrize("tier", ["auto", "standard_only", "default"])
def test_tiers_that_ask_for_nothing_special_are_what_bedrock_does_anyway(
    gateway: Gateway, simulator: Simulator, marker: str, tier: str
) -> None:
    answer = post(gateway, body_of(marker, service_tier=tier))
    assert answer.status == 200
    answer.read()
    arrived = simulator.arrival(marker)
    assert "service_tier" not in arrived.json
    assert arrived.headers.get("x-amzn-bedrock-service-tier", "default") == "default"


def leave(gateway: Gateway, simulator: Simulator, key: Key, marker: str, body: bytes) -> None:
    """Asks, and goes away as soon as the question has reached Bedrock."""
    address = urlsplit(gateway.base_url)
    head = (
        f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {key.text}\r\nanthropic-version: 2023-06-01\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        simulator.wait_for(marker, lambda found: len(found) == 1)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_before_the_first_byte_is_accounted(
    gateway: Gateway, simulator: Simulator, key: Key, marker: str, stream: bool
) -> None:
    leave(gateway, simulator, key, marker, body_of(marker, "delay 1s; words 30", stream=stream))
    simulator.wait_for(marker, lambda found: found[0].ending == "finished")
    usage = gateway.wait_for_usage(key, calls=1)
    assert (usage.calls, usage.estimated) == (1, 0)
    assert usage.tokens["output"] >= 30


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_before_the_first_byte_can_be_left_as_well(
    gateways: Callable[..., Gateway], simulator: Simulator, marker: str, stream: bool
) -> None:
    """Within a second. What Bedrock will bill for it is not known, so all that was held is charged, and marked so."""
    gateway = gateways(stream__on_disconnect="cancel")
    key = gateway.create_key(marker)
    leave(gateway, simulator, key, marker, body_of(marker, "delay 20s; words 30", stream=stream))
    simulator.wait_for(marker, lambda found: found[0].ending == "client_gone", seconds=2)
    usage = gateway.wait_for_usage(key, calls=1)
    assert (usage.calls, usage.unresolved) == (1, 1)
    assert usage.tokens["input"] > 0 and usage.nanodollars > 0


def test_open_streams_end_well_when_the_gateway_is_told_to_stop(
    binary: Path, simulator: Simulator, tmp_path: Path, marker: str
) -> None:
    gateway = Serve(binary, tmp_path, simulator, {})
    answer = post(gateway, body_of(marker, "slow 20ms x 100", stream=True))
    heard = events(answer)
    assert next(heard)[0] == "message_start"
    gateway.background.process.send_signal(signal.SIGTERM)
    assert [name for name, _ in heard][-1] == "message_stop"
    # Not by `stop`: a second order to stop would end it at once.
    assert gateway.background.process.wait(10) == 0


def test_a_bedrock_api_key_is_used_in_place_of_signatures(
    gateways: Callable[..., Gateway], simulator: Simulator, marker: str
) -> None:
    gateway = gateways(bedrock__bearer_token=BEARER_TOKEN)
    answer = post(gateway, body_of(marker))
    assert answer.status == 200
    answer.read()
    assert simulator.arrival(marker).headers["authorization"].startswith("Bearer ")
