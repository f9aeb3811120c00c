"""The requests of the official uploader, byte for byte, as section 4 of the wire contract has them: plain sockets."""

import json
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from eisync.emulator.server import RunningEmulator

from .wire import Client, connect, csv, png, sha256

BOUNDARY = b"-" * 26 + b"123456789012345678901234"
AT_ONCE = 20
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


def test_the_whole_session_of_the_uploader(emulator: RunningEmulator, client: Client) -> None:
    studio, key = emulator.studio_url, emulator.key
    for _ in range(2):
        status, listed = exchange(studio, get(studio, "/api/projects", key))
        (project,) = listed["projects"]
        assert (status, project["id"], bool(project["name"]), bool(project["owner"])) == (
            200,
            emulator.project_id,
            True,
            True,
        )
    assert exchange(studio, get(studio, f"/api/{project['id']}/devkeys/hmac", key)) == (
        200,
        {"success": True, "hmacKey": emulator.hmac_key},
    )
    status, info = exchange(studio, get(studio, f"/api/{project['id']}", key))
    assert (status, info["project"]["id"], info["project"]["whitelabelId"]) == (200, project["id"], None)
    assert "csvImportConfig" not in info
    files = {f"wave {number}.csv": csv(number) for number in range(2 * AT_ONCE)}
    together = threading.Barrier(AT_ONCE, timeout=20)

    def upload(name: str) -> tuple[int, dict[str, Any]]:
        together.wait()
        assert exchange(studio, get(studio, f"/api/{project['id']}", key))[0] == 200  # once more for each CSV
        part = Part(name, files[name], "text/csv")
        label = encode_uri_component("héllo wörld/100%")
        raw = post(emulator.ingestion_url, key, "split", [part], x_label=label, x_disallow_duplicates="1")
        return exchange(emulator.ingestion_url, raw)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(upload, files))
    for name, (status, answer) in zip(files, answers, strict=True):
        (entry,) = answer["files"]
        assert (status, answer["success"], entry["success"], entry["projectId"]) == (200, True, True, project["id"])
        assert entry["fileName"].startswith(f"{name}.")
    assert {one["label"] for one in client.listed()} == {"héllo wörld/100%"}
    assert emulator.ledger()["stored_by_hash"] == {sha256(body): 1 for body in files.values()}


@pytest.mark.parametrize("chunked", [False, True])
def test_boxes_travel_as_a_companion_part(emulator: RunningEmulator, client: Client, chunked: bool) -> None:
    box = {"label": "car", "x": 1, "y": 2, "width": 3, "height": 4}
    companion = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": {"a.png": [box]}}
    parts = [
        Part("a.png", png(), "image/png"),
        Part("bounding_boxes.labels", json.dumps(companion).encode(), "application/json"),
    ]
    raw = post(emulator.ingestion_url, emulator.key, "training", parts, chunked=chunked, x_label="car")
    _, answer = exchange(emulator.ingestion_url, raw)
    assert len(answer["files"]) == 1
    assert client.listed()[0]["boundingBoxes"] == [box]


def test_no_label_is_an_empty_header_beside_the_wish(emulator: RunningEmulator, client: Client) -> None:
    parts = [Part("wave.1.csv", csv(1), "text/csv")]
    raw = post(emulator.ingestion_url, emulator.key, "training", parts, x_label="", x_no_label="1")
    assert exchange(emulator.ingestion_url, raw)[1]["success"] is True
    assert [one["label"] for one in client.listed()] == [""]


def test_a_refusal_is_an_entry_in_a_200(emulator: RunningEmulator) -> None:
    raw = post(emulator.ingestion_url, emulator.key, "training", [Part("a.csv", csv(1), "text/csv")])
    assert exchange(emulator.ingestion_url, raw)[1]["success"] is True
    raw = post(
        emulator.ingestion_url,
        emulator.key,
        "testing",
        [Part("b.csv", csv(1), "text/csv")],
        x_disallow_duplicates="1",
    )
    status, answer = exchange(emulator.ingestion_url, raw)
    refused = {"success": False, "error": "An item with this hash already exists (ids: 1)"}
    assert (status, answer) == (200, {"success": True, "files": [refused]})


def test_a_wrong_key_is_a_401(emulator: RunningEmulator) -> None:
    refused = (401, {"success": False, "error": "Invalid API key"})
    assert exchange(emulator.studio_url, get(emulator.studio_url, "/api/projects", "ei_wrong")) == refused
    raw = post(emulator.ingestion_url, "ei_wrong", "training", [Part("a.csv", csv(1), "text/csv")])
    assert exchange(emulator.ingestion_url, raw) == refused
