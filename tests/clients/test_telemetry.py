"""OpenTelemetry's own SDK and the real Claude Code send what they measure; OpenTelemetry's own messages read what is relayed."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from harness.claude_code import ClaudeCode
from harness.collector import MESSAGES, Collector
from harness.gateway import Gateway

CLAIM = {"user.id": "boss", "user.email": "boss@example.org", "stonegate.tenant": "other"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def relaying(gateways: Callable[..., Gateway], collector: Collector) -> Gateway:
    return gateways(telemetry__otlp_endpoint=collector.url, telemetry__otlp_headers="x-collector=its secret")


def identity(gateway: Gateway) -> dict[str, str]:
    """What the gateway says of the key of all tests."""
    [key] = [key for key in gateway.run("keys", "list")["data"] if key["id"] == gateway.key.id]
    return {"stonegate.tenant": "default", "stonegate.key": key["id"], "user.id": key["user"]}


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
@pytest.mark.parametrize("path", MESSAGES)
def test_what_the_sdk_sends_arrives_in_its_senders_name(
    relaying: Gateway, collector: Collector, path: str, compression: Compression, marker: str
) -> None:
    to: dict[str, Any] = {
        "endpoint": f"{relaying.base_url}{path}",
        "headers": {"authorization": f"Bearer {relaying.key.text}"},
        "compression": compression,
    }
    resource = Resource({"service.name": marker, **CLAIM})
    if path == "/v1/traces":
        tracing = TracerProvider(resource=resource)
        tracing.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(**to)))
        with tracing.get_tracer("tests").start_as_current_span("work", attributes={**CLAIM, "n": 1}) as span:
            span.add_event("step", CLAIM)
    elif path == "/v1/logs":
        logging = LoggerProvider(resource=resource)
        logging.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(**to)))
        logging.get_logger("tests").emit(body="said", attributes={**CLAIM, "n": 1})
    else:
        metering = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(**to))], resource)
        metering.get_meter("tests").create_counter("calls").add(7, {**CLAIM, "n": 1})
        metering.shutdown()
    arrival = collector.next(path)
    [found] = arrival.resources()
    assert found.pop("service.name") == marker
    assert {name: value for name, value in found.items() if not name.startswith("telemetry.")} == identity(relaying)
    whole = json_format.MessageToJson(arrival.message)
    assert "boss" not in whole and '"other"' not in whole and '"n"' in whole
    assert arrival.headers["x-collector"] == "its secret" and "authorization" not in arrival.headers


@pytest.mark.parametrize("kind", ["application/x-protobuf", "application/json"])
@pytest.mark.parametrize("path", MESSAGES)
def test_no_place_of_otlps_schema_carries_a_claim(
    relaying: Gateway, collector: Collector, path: str, kind: str
) -> None:
    claimed, expected = MESSAGES[path](), MESSAGES[path]()
    places = fill(claimed, ["user.id", "kept"])
    assert places == fill(expected, ["kept"]) and places >= 3
    body = (
        json_format.MessageToJson(claimed).encode()
        if kind == "application/json"
        else claimed.SerializeToString()
    )
    headers = {"content-type": kind, "x-api-key": relaying.key.text}
    request = urllib.request.Request(f"{relaying.base_url}{path}", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200 and answer.headers["content-type"] == kind
        assert answer.read() == (b"{}" if kind == "application/json" else b"")
    arrival = collector.next(path)
    for resource in resources(expected):
        for name, value in sorted(identity(relaying).items()):
            resource.attributes.add(key=name).value.string_value = value
    for resource in [*resources(expected), *resources(arrival.message)]:
        resource.attributes.sort(key=lambda entry: entry.key)
    assert arrival.message == expected


def resources(message: Message) -> list[Any]:
    [(_, entries)] = message.ListFields()
    return [each.resource for each in entries]


def fill(message: Message, names: list[str], above: tuple[Descriptor, ...] = ()) -> int:
    """Puts attributes of these names into every list of attributes that the schema has below; gives how many lists."""
    places = 0
    for field in message.DESCRIPTOR.fields:
        kind = field.message_type
        if field.type != FieldDescriptor.TYPE_MESSAGE or kind in above:
            continue
        if kind.name == "KeyValue":
            places += 1
            for name in names:
                getattr(message, field.name).add(key=name).value.string_value = "somebody"
        elif kind.name not in ("AnyValue", "EntityRef"):
            deeper = (*above, message.DESCRIPTOR)
            inner = getattr(message, field.name)
            # Of the members of a `oneof` only one can be there: a message for each of them, and for none.
            choices = [choice.name for one in kind.oneofs for choice in one.fields if choice.message_type]
            for choice in choices if field.is_repeated else []:
                chosen = getattr(made := inner.add(), choice)
                chosen.SetInParent()
                places += fill(chosen, names, (*deeper, kind)) + fill(made, names, deeper)
            if field.is_repeated and not choices:
                places += fill(inner.add(), names, deeper)
            elif field.containing_oneof is None and not field.is_repeated:
                inner.SetInParent()
                places += fill(inner, names, deeper)
    return places


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_claude_code_is_measured_in_its_persons_name(
    relaying: Gateway, collector: Collector, claude_code: ClaudeCode, protocol: str, marker: str
) -> None:
    turn = claude_code.ask(
        relaying.base_url,
        relaying.key.text,
        f"Say {marker}",
        CLAUDE_CODE_ENABLE_TELEMETRY="1",
        OTEL_METRICS_EXPORTER="otlp",
        OTEL_LOGS_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT=relaying.base_url,
        OTEL_EXPORTER_OTLP_HEADERS=f"Authorization=Bearer {relaying.key.text}",
        OTEL_RESOURCE_ATTRIBUTES="user.id=boss,department=tests",
    )
    assert turn.said == marker
    for arrival in collector.first_of_each("/v1/logs", "/v1/metrics").values():
        for found in arrival.resources():
            assert found.items() >= identity(relaying).items()
            assert found["service.name"] == "claude-code" and found["department"] == "tests"
        whole = json_format.MessageToJson(arrival.message)
        assert "claude_code" in whole and "boss" not in whole
