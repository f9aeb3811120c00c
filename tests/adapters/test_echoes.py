"""A service or a proxy repeats the key in its answers: no request, and no encoding of the key, lets it in."""

import base64
import json
import traceback
from collections.abc import Callable
from urllib.parse import quote

import pytest

import eisync
from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.adapters.client.transport import Transport
from eisync.core import wire
from eisync.core.wire import Envelope, Reply
from eisync.data import client
from eisync.data.client import Access
from eisync.errors import EisyncError
from eisync.exceptions import EdgeImpulseException
from tests.canary import CANARY

from .raw import answers, raw_server, says

KEY = CANARY + "0123456789abcdef" + "0a1b2c3d4e"
BARE = "k3y" + KEY.removeprefix("ei_")[::-1]
WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "without ei_": lambda key: key.removeprefix("ei_"),
    "upper": str.upper,
    "percent": lambda key: "".join(f"%{ord(one):02x}" for one in key),
    "json": lambda key: "".join(f"\\u{ord(one):04x}" for one in key),
    "html": lambda key: "".join(f"&#{ord(one)};" for one in key),
    "base64": lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
    "hex": lambda key: key.encode().hex(),
    "cut": lambda key: key[:24],
}
SHAPES: dict[str, Callable[[str], tuple[str, str]]] = {
    "an error": lambda echo: (f'{{"success": false, "error": "x-api-key={echo}"}}', "200 OK"),
    "a refusal": lambda echo: (f'{{"success": false, "error": "x-api-key={echo}"}}', "400 Bad Request"),
    "a refused key": lambda echo: (f'{{"success": false, "error": "not {echo}"}}', "401 Unauthorized"),
    "a failure": lambda echo: (f'{{"success": false, "error": "{"y" * 280}{echo}"}}', "502 Bad Gateway"),
    "a page of a proxy": lambda echo: (f"<html>x-api-key: {echo}", "403 Forbidden"),
    "a listing": lambda echo: (
        json.dumps({"success": True, "projectId": 7, "totalCount": 1, "samples": [sample()]}).replace("TOLD", echo),
        "200 OK",
    ),
    "something else": lambda echo: (f"[{echo}]", "200 OK"),
    "a name that is wrong": lambda echo: (f'{{"success": true, "projectId": 7, "{echo}": 1}}', "200 OK"),
}
CALLS: dict[str, Callable[[ServiceClient], object]] = {
    "upload": lambda service: wire.read_reply(reply_of(service), sent=1, now=0.0),
    "page": lambda service: service.page(limit=5),
    "full page": lambda service: service.full_page(limit=5),
    "count": lambda service: service.count(),
    "is there": lambda service: service.is_there(5),
    "rename": lambda service: service.rename(5, "x"),
    "delete": lambda service: service.delete(5),
    "modified": lambda service: service.modified_at(),
    "raw": lambda service: [] if b"success" not in b"".join(service.raw(5)) else None,
}


def sample() -> dict[str, object]:
    said = {"filename": "TOLD", "label": "TOLD", "category": "TOLD", "metadata": {"TOLD": "TOLD"}}
    return {"id": 1, "coldstorageFilename": "raw/TOLD.json.1a2b3c4d.ingestion-0-zz.json", **said}


def reply_of(service: ServiceClient) -> Reply:
    reply = service.upload(Envelope("/api/training/files", {}, (), b"\r\n", b"--end--\r\n")).reply
    assert isinstance(reply, Reply)
    return reply


def pieces(key: str) -> list[str]:
    return [key[at : at + 16].lower() for at in range(0, len(key) - 15, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("key", [KEY, BARE], ids=["ei_", "bare"])
def test_nothing_that_is_asked_brings_the_key_back(key: str, way: str, shape: str) -> None:
    body, status = SHAPES[shape](WAYS[way](key))
    said = []
    with raw_server(answers(body, status, f"x-echo: {quote(key)}", f"location: http://x/{quote(key)}")) as server:
        for name, call in CALLS.items():
            if name == "raw" and status == "200 OK" and shape != "an error":
                continue  # then it is the file
            endpoints = Endpoints(studio_url=f"{server.url}/v1", ingestion_url=server.url, timeout_s=5.0)
            service = ServiceClient(endpoints, lambda: key, user_agent="eisync/test")
            service._studio._project = (key, 7)
            try:
                said.append(repr(call(service)))
            except EisyncError as error:
                said.append("".join(traceback.format_exception(error)) + repr(vars(error)))
            finally:
                service.close()
    echo = "\n".join(said).lower()
    assert [] == [piece for piece in (*pieces(key), *pieces(WAYS[way](key))) if piece in echo and piece != "y" * 16]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("way", WAYS)
def test_the_data_api_raises_without_it(way: str, shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body, status = SHAPES[shape](WAYS[way](KEY))
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    said = []
    with raw_server(answers(body, status)) as server:
        monkeypatch.setattr(eisync, "API_ENDPOINT", f"{server.url}/v1")
        access = Access(api_key=KEY)
        for ask in (lambda path: access.request("GET", path), access.file):
            if ask == access.file and status == "200 OK" and shape != "an error":
                continue  # then it is the file
            try:
                said.append(repr(ask("/api/7/raw-data")))
            except EdgeImpulseException as error:
                said.append(f"{error} {vars(error)}")
    client.forget_everything()
    echo = "\n".join(said).lower()
    assert [] == [piece for piece in (*pieces(KEY), *pieces(WAYS[way](KEY))) if piece in echo]


def test_a_file_comes_as_it_is_though_the_key_is_in_it() -> None:
    content = f'{{"note": "{KEY}"}}'.encode()
    transport = Transport(user_agent="eisync/test", pool_connections=1, pool_maxsize=1)
    with raw_server(answers(content)) as server:
        endpoints = Endpoints(studio_url=f"{server.url}/v1", ingestion_url=server.url)
        service = ServiceClient(endpoints, lambda: KEY, user_agent="eisync/test")
        service._studio._project = (KEY, 7)
        assert content == b"".join(service.raw(5))
        service.close()
        reply = transport.send("GET", server.url, headers={"x-api-key": KEY}, timeout_s=(5, 5), is_file=True)
        transport.close()
    assert isinstance(reply, Reply)
    assert content == reply.body


@pytest.mark.parametrize("word", ["\x1b[2J", "\x1b]0;x\x07", "\u202e", "\x9b31m"])
def test_what_the_service_says_is_fit_for_a_terminal(word: str) -> None:
    body = json.dumps({"success": False, "error": f"no {word} at all"})
    for status in ("200 OK", "400 Bad Request", "500 Failed"):
        with raw_server(answers(body, status)) as server:
            service = ServiceClient(
                Endpoints(studio_url=server.url, ingestion_url=server.url), lambda: KEY, user_agent="x"
            )
            service._studio._project = (KEY, 7)
            assert word not in str(wire.read_reply(reply_of(service), sent=1, now=0.0))
            with pytest.raises(EisyncError) as caught:
                service.count()
            assert word not in str(caught.value)
            service.close()


def test_what_the_http_library_logs_of_an_answer_is_clean(caplog: pytest.LogCaptureFixture) -> None:
    """A header without a colon: urllib3 logs what it cannot parse, and Python prints that if logging is not set up."""
    script = says(f"HTTP/1.1 200 OK\nContent-Length: 2\nx-api-key {KEY} \x1b[2J\nConnection: close\n\n{{}}")
    with raw_server(script) as server:
        service = ServiceClient(Endpoints(studio_url=server.url, ingestion_url=server.url), lambda: KEY, user_agent="x")
        reply_of(service)
        service.close()
    assert "Failed to parse headers" in caplog.text
    assert KEY not in caplog.text
    assert "\x1b" not in caplog.text
