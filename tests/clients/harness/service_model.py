"""What botocore's own service model says of a request to Bedrock Runtime."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Generator, Iterator
from typing import Any
from urllib.parse import unquote

import botocore.session
from botocore.model import OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator

from .simulator import Arrival

# Headers that belong to HTTP, to signing, or to AWS's clients, and are no members of any operation.
PLUMBING = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "accept-encoding",
    "user-agent",
    "authorization",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "expect",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "x-amzn-trace-id",
    "x-amz-user-agent",
}

_MODEL = botocore.session.get_session().get_service_model("bedrock-runtime")
_OPERATIONS = [_MODEL.operation_model(name) for name in _MODEL.operation_names]


def complaints(arrival: Arrival) -> Iterator[str]:
    """Everything about a request that the service model does not allow."""
    path = arrival.path.partition("?")[0]
    operation, members = _operation(arrival.method, path)
    if operation is None:
        yield f"{arrival.method} {path} is no operation of bedrock-runtime"
        return
    shape = operation.input_shape
    params: dict[str, Any] = {}
    for name, text in members.items():
        if "%" in unquote(text):
            yield f"{name}={text} is encoded twice"
        params[name] = unquote(text)
    yield from _headers(arrival, shape, params)
    yield from _body(arrival, operation, shape, params)
    yield from _against(shape, params)


def operation_of(arrival: Arrival) -> str | None:
    operation, _ = _operation(arrival.method, arrival.path.partition("?")[0])
    return operation.name if operation else None


def answer_complaints(operation: str, document: Any) -> Iterator[str]:
    """Everything about the body of an answer that the operation's output does not allow."""
    yield from _all_of(document, _MODEL.operation_model(operation).output_shape)


def event_complaints(operation: str, event: str, payload: Any) -> Iterator[str]:
    """Everything about an event or exception of a stream that the operation's stream does not allow."""
    stream = _MODEL.operation_model(operation).get_event_stream_output()
    if event not in stream.members:
        yield f"{event} is no event of {operation}"
        return
    yield from _all_of(payload, stream.members[event])


def _all_of(document: Any, shape: StructureShape) -> Iterator[str]:
    complaints = _decoded(document, shape, shape.name)
    while True:
        try:
            yield next(complaints)
        except StopIteration as decoded:
            yield from _against(shape, decoded.value)
            return


def _operation(method: str, path: str) -> tuple[OperationModel | None, dict[str, str]]:
    for operation in _OPERATIONS:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(operation.http["requestUri"]))
        found = re.fullmatch(pattern, path)
        if found and operation.http["method"] == method:
            return operation, found.groupdict()
    return None, {}


def _headers(arrival: Arrival, shape: StructureShape, params: dict[str, Any]) -> Iterator[str]:
    known = {
        member.serialization["name"].lower(): (name, member)
        for name, member in shape.members.items()
        if member.serialization.get("location") == "header"
    }
    for header, value in arrival.headers.items():
        if header in known:
            name, member = known[header]
            yield from _mistyped(header, value, member)
            params[name] = value
        elif header == "content-type":
            if value != "application/json":
                yield f"content-type is {value}"
        elif header not in PLUMBING and header != "accept":
            yield f"{header} is no member of the operation"


def _mistyped(header: str, value: str, member: Shape) -> Iterator[str]:
    if member.enum and value not in member.enum:
        yield f"{header}: {value} is none of {member.enum}"
    if member.serialization.get("jsonvalue"):
        try:
            json.loads(value)
        except ValueError:
            yield f"{header} is no JSON"


def _body(arrival: Arrival, operation: OperationModel, shape: StructureShape, params: dict[str, Any]) -> Iterator[str]:
    payload = shape.serialization.get("payload")
    if payload:
        params[payload] = arrival.body
        if not isinstance(_json(arrival.body), dict):
            yield "the body is no JSON object"
        return
    document = _json(arrival.body)
    if not isinstance(document, dict):
        yield "the body is no JSON object"
        return
    located = {name for name, member in shape.members.items() if member.serialization.get("location")}
    for name, value in document.items():
        if name not in shape.members or name in located:
            yield f"{name} is no member of {operation.name}"
        else:
            params[name] = yield from _decoded(value, shape.members[name], name)


def _decoded(value: Any, shape: Shape, place: str) -> Generator[str, None, Any]:
    """The value with its blobs as bytes; unknown members of structures are complained of."""
    if shape.type_name == "blob":
        try:
            return base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            yield f"{place} is no base64"
            return b""
    if isinstance(shape, StructureShape) and isinstance(value, dict) and not shape.is_document_type:
        decoded = {}
        for name, member in value.items():
            if name in shape.members:
                decoded[name] = yield from _decoded(member, shape.members[name], f"{place}.{name}")
            else:
                yield f"{place}.{name} is no member of {shape.name}"
        return decoded
    if shape.type_name == "list" and isinstance(value, list):
        items = []
        for number, item in enumerate(value):
            items.append((yield from _decoded(item, shape.member, f"{place}[{number}]")))
        return items
    return value


def _against(shape: StructureShape, params: dict[str, Any]) -> Iterator[str]:
    """What botocore's validator checks (required members, types, least sizes), and what it leaves to the service."""
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        yield report.generate_report()
    yield from _limits(shape, params, "")


def _limits(shape: Shape, value: Any, place: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, member in value.items():
            if name in shape.members:
                yield from _limits(shape.members[name], member, f"{place}.{name}")
    elif isinstance(value, (str, bytes)):
        most = shape.metadata.get("max")
        if most is not None and len(value) > most:
            yield f"{place} has {len(value)} of at most {most}"
        pattern = shape.metadata.get("pattern")
        if pattern and isinstance(value, str) and not re.fullmatch(pattern, value):
            yield f"{place}: {value!r} does not match {pattern}"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
