"""A wire tap: passes bytes on, and counts what a client really asked and was answered."""

from __future__ import annotations

import re
import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"^(GET|HEAD|POST) (/[^ ]*) HTTP/1\.1\r$", re.MULTILINE)
_ANSWER = re.compile(rb"^HTTP/1\.1 (\d{3}) ", re.MULTILINE)


class Tap:
    """Listens on a port of its own before the gateway. `requests` are `POST /v1/messages` and the like, in order."""

    def __init__(self, base_url: str) -> None:
        address = urlsplit(base_url)
        self._target = (str(address.hostname), address.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[str] = []
        self.statuses: list[int] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Tap:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            gateway = socket.create_connection(self._target)
            threading.Thread(target=self._pump, args=(client, gateway, self._asked), daemon=True).start()
            threading.Thread(target=self._pump, args=(gateway, client, self._answered), daemon=True).start()

    def _asked(self, data: bytes) -> None:
        found = _REQUEST.findall(data)
        self.requests += [f"{method.decode()} {path.partition(b'?')[0].decode()}" for method, path in found]

    def _answered(self, data: bytes) -> None:
        self.statuses += [int(status) for status in _ANSWER.findall(data)]

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, look: object) -> None:
        assert callable(look)
        with source:
            while True:
                try:
                    data = source.recv(65536)
                    look(data)
                    target.sendall(data) if data else target.shutdown(socket.SHUT_WR)
                except OSError:
                    return
                if not data:
                    return
