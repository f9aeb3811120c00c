"""Speak to a running emulator as a stranger would: forms made by hand, sockets, `requests`."""

import hashlib
import json
import os
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from eisync.emulator.server import RunningEmulator

TIMEOUT_S = 20.0
SAMPLES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "data")
File = tuple[str, bytes]


def csv(number: int) -> bytes:
    """A time series that no other number has."""
    return f"timestamp,accX\n0,{number}\n10,{number + 0.5}\n".encode()


def png(width: int = 3, height: int = 2, note: bytes = b"") -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0" + note


def wav(frames: Sequence[int] = (1, -2, 3), *, rate_hz: int = 8000, data_length: int | None = None) -> bytes:
    data = struct.pack(f"<{len(frames)}h", *frames)
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, rate_hz * 2, 2, 16)
    length = len(data) if data_length is None else data_length
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", length) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def acquisition(
    number: float = 1.0, *, alg: str = "none", signature: object = "0" * 64, **payload: object
) -> dict[str, Any]:
    return {
        "protected": {"ver": "v1", "alg": alg},
        "signature": signature,
        "payload": {
            "device_type": "TEST",
            "interval_ms": 10,
            "sensors": [{"name": "accX", "units": "m/s2"}],
            "values": [[number], [number + 1]],
        }
        | payload,
    }


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def form(parts: Iterable[tuple[str, bytes]], *, boundary: str = "frontier", trailing: bytes = b"\r\n") -> bytes:
    """A multipart body as browsers write it. `trailing` follows the closing boundary."""
    body = b""
    for name, content in parts:
        escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="data"; filename="{escaped}"\r\n'
        body += head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n"
    return body + f"--{boundary}--".encode() + trailing


@dataclass
class Client:
    """One key, one session."""

    emulator: RunningEmulator
    key: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.key = self.key or self.emulator.key
        self.session.trust_env = False

    def headers(self, more: Mapping[str, str | bytes] | None = None) -> dict[str, str | bytes]:
        return {"x-api-key": self.key, **(more or {})}

    def post_form(
        self, files: Sequence[File], category: str = "training", headers: Mapping[str, str | bytes] | None = None
    ) -> requests.Response:
        content_type = {"Content-Type": "multipart/form-data; boundary=frontier"}
        return self.session.post(
            f"{self.emulator.ingestion_url}/api/{category}/files",
            data=form(files),
            headers=self.headers(content_type | dict(headers or {})),
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )

    def upload(
        self, files: Sequence[File], category: str = "training", headers: Mapping[str, str | bytes] | None = None
    ) -> list[dict[str, Any]]:
        """The entries of the answer."""
        response = self.post_form(files, category, headers)
        assert response.status_code == 200, response.text
        content = response.json()
        assert content["success"] is True
        entries: list[dict[str, Any]] = content["files"]
        return entries

    def store(self, *files: File, category: str = "training", **headers: str) -> list[int]:
        """Sample ids of files that must be accepted."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return [entry["sampleId"] for entry in self.upload(files, category, named)]

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """To Studio, with a path below /api/<project>."""
        return self.session.request(
            method,
            f"{self.emulator.studio_url}/api/{self.emulator.project_id}{path}",
            headers=self.headers(),
            timeout=TIMEOUT_S,
            allow_redirects=False,
            **options,
        )

    def studio(self, method: str, path: str, body: object = None, **query: object) -> dict[str, Any]:
        """The JSON of an answer with status 200."""
        given = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
        response = self.send(method, path, params=given, json=body)
        assert response.status_code == 200, response.text
        content: dict[str, Any] = response.json()
        return content

    def listed(self, **query: object) -> list[dict[str, Any]]:
        samples: list[dict[str, Any]] = self.studio("GET", "/raw-data", **({"category": "all"} | query))["samples"]
        return samples

    def sample(self, sample_id: int) -> dict[str, Any]:
        content: dict[str, Any] = self.studio("GET", f"/raw-data/{sample_id}")
        return content


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    return socket.create_connection((address.hostname, address.port), timeout=TIMEOUT_S)


def read_all(connection: socket.socket) -> bytes:
    """Until the peer closes. Raises ConnectionResetError."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def raw_upload(key: str, body: bytes, *, content_length: int | None = None, extra: str = "") -> bytes:
    """A whole HTTP request whose stated length may lie."""
    length = len(body) if content_length is None else content_length
    head = (
        "POST /api/training/files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"x-api-key: {key}\r\nContent-Type: multipart/form-data; boundary=frontier\r\n"
        f"Content-Length: {length}\r\n{extra}\r\n"
    )
    return head.encode() + body
