"""The official uploader's requests, byte for byte, as section 4 of the wire contract has them: plain sockets."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from .wire import connect

BOUNDARY = b"-" * 26 + b"123456789012345678901234"
AGENT = "EDGE_IMPULSE_UPLOADER"


@dataclass(frozen=True)
class Part:
    """As the uploader writes one: the first header is the disposition, the second the type."""

    name: str
    content: bytes
    content_type: str

    def as_bytes(self) -> bytes:
        disposition = f'Content-Disposition: form-data; name="data"; filename="{self.name}"'
        return f"{disposition}\r\nContent-Type: {self.content_type}\r\n\r\n".encode() + self.content


def body_of(parts: Sequence[Part]) -> bytes:
    """Delimiters stand between the parts; after the closing one comes nothing, no CRLF either."""
    opened = b"--" + BOUNDARY + b"\r\n"
    return opened + (b"\r\n" + opened).join(part.as_bytes() for part in parts) + b"\r\n--" + BOUNDARY + b"--"


def get(url: str, path: str, key: str) -> bytes:
    host = urlsplit(url).netloc
    head = (
        f"GET /v1{path} HTTP/1.1\r\nx-api-key: {key}\r\nContent-Type: application/json\r\nUser-Agent: {AGENT}\r\n"
        f"Accept-Encoding: gzip,deflate\r\nAccept: */*\r\nConnection: close\r\nHost: {host}\r\n\r\n"
    )
    return head.encode()


def post(url: str, key: str, category: str, parts: Sequence[Part], *, chunked: bool = False, **headers: str) -> bytes:
    body = body_of(parts)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    if chunked:
        pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
        body = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n"
    wishes = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST /api/{category}/files HTTP/1.1\r\nx-api-key: {key}\r\n{wishes}x-upload-source: {AGENT}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n{length}\r\nUser-Agent: {AGENT}\r\n"
        f"Accept-Encoding: gzip,deflate\r\nAccept: */*\r\nConnection: close\r\nHost: {urlsplit(url).netloc}\r\n\r\n"
    )
    return head.encode() + body


def exchange(url: str, raw: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of the answer."""
    with connect(url) as connection:
        connection.sendall(raw)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
    assert status is not None
    assert re.search(rb"(?i)^content-type: application/json", head, re.MULTILINE)
    return int(status[1]), json.loads(body)


def encode_uri_component(text: str) -> str:
    return quote(text, safe="!~*'()")
