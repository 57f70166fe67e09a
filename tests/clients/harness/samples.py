"""Small things to send: tools, an image, a document, and texts long enough to be cached."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

# The models that the tests talk to: one of today's, and one from before 4.7, which still takes sampling parameters
# and a thinking budget.
MODEL = "claude-sonnet-5-5"
OLDER_MODEL = "claude-haiku-4-5"

WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TIME: dict[str, Any] = {
    "name": "get_time",
    "description": "The time in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def png(width: int = 2, height: int = 2) -> str:
    """A red picture, in base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(picture).decode()


def pdf() -> str:
    """A document of one empty page, in base64."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
    ]
    document = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj%sendobj\n" % (number, body)
    start = len(document)
    document += b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    document += b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start
    return base64.b64encode(document).decode()


def long_text(marker: str, words: int = 6000) -> str:
    """A text that no other test sends, longer than the least that any model caches."""
    return f"{marker} " + " ".join(f"word{number}" for number in range(words))


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def ask(marker: str, directive: str = "") -> list[dict[str, Any]]:
    """One question, with what the simulator shall do about it."""
    return [user(f"{marker} [sim: {directive}]" if directive else f"Say {marker}")]
