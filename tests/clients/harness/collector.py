"""An OTLP collector that reads what arrives with OpenTelemetry's own messages."""

from __future__ import annotations

import http.server
import json
import queue
import threading
from dataclasses import dataclass

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MESSAGES = {
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}


@dataclass(frozen=True)
class Arrival:
    path: str
    headers: dict[str, str]
    message: Message

    def resources(self) -> list[dict[str, str]]:
        """The attributes of every resource."""
        [(_, entries)] = self.message.ListFields()
        return [{entry.key: entry.value.string_value for entry in each.resource.attributes} for each in entries]


class Collector:
    """Listens on a free port and keeps what it got in order."""

    def __init__(self) -> None:
        self.arrivals: queue.Queue[Arrival] = queue.Queue()
        arrivals = self.arrivals

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                message = MESSAGES[self.path]()
                if self.headers["content-type"] == "application/json":
                    json_format.ParseDict(json.loads(body), message)
                else:
                    message.ParseFromString(body)
                arrivals.put(Arrival(self.path, dict(self.headers.items()), message))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *values: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next(self, path: str, seconds: float = 20) -> Arrival:
        """The next that came to a path; what came to others before is let go."""
        while True:
            arrival = self.arrivals.get(timeout=seconds)
            if arrival.path == path:
                return arrival

    def first_of_each(self, *paths: str, seconds: float = 20) -> dict[str, Arrival]:
        """The first that came to each path, in whatever order they came."""
        found: dict[str, Arrival] = {}
        while len(found) < len(paths):
            arrival = self.arrivals.get(timeout=seconds)
            if arrival.path in paths:
                found.setdefault(arrival.path, arrival)
        return found

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
