"""Programs and pages of the emulator's own may ask; web pages of other sites may not, under whatever name they come."""

import json
import socket
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.visitors import is_our_name, reason_to_refuse

PORTS = (4800, 4810)


def barred(headers: Mapping[str, str], method: str = "GET") -> bool:
    return reason_to_refuse(method, headers, allowed_hosts=("127.0.0.1",), is_remote=False, own_ports=PORTS) is not None


@pytest.mark.parametrize(
    ("host", "here", "remote"),
    [
        ("127.0.0.1:4800", True, True),
        ("127.0.0.1", True, True),
        ("127.8.9.10:1", True, True),
        ("localhost:4800", True, True),
        ("LOCALHOST.", True, True),
        ("studio.localhost:4800", True, True),
        ("[::1]:4800", True, True),
        ("10.0.0.7:4800", False, True),
        ("[fe80::1]:4800", False, True),
        ("0.0.0.0:4800", False, True),
        ("emulator:4800", False, True),
        ("evil.example:4800", False, False),
        ("evil.example", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("localhost.evil.example:4800", False, False),
        ("notlocalhost:4800", False, True),
        ("user@evil.example", False, False),
        ("127.0.0.1@evil.example", False, False),
        ("evil.example:x", False, False),
        ("[::1", False, False),
    ],
)
def test_by_which_names_it_may_be_called(host: str, here: bool, remote: bool) -> None:
    assert (here, remote) == (is_our_name(host, (), False), is_our_name(host, (), True))


def test_a_name_that_was_allowed_is_one() -> None:
    assert is_our_name("host.docker.internal:4800", ("Host.Docker.Internal",), False)
    assert not is_our_name("x.host.docker.internal:4800", ("host.docker.internal",), False)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"Host": "127.0.0.1:4800"}, False),
        ({"Host": "127.0.0.1:4800", "Origin": "http://127.0.0.1:4800"}, False),
        ({"Host": "localhost:4800", "Origin": "http://127.0.0.1:4810"}, False),
        ({"Host": "127.0.0.1:4800", "Origin": "http://evil.example"}, True),
        ({"Host": "127.0.0.1:4800", "Origin": "http://evil.example:4800"}, True),
        ({"Host": "127.0.0.1:4800", "Origin": "http://localhost:3000"}, True),
        ({"Host": "127.0.0.1:4800", "Origin": "http://127.0.0.1"}, True),
        ({"Host": "127.0.0.1:4800", "Origin": "null"}, True),
        ({"Host": "127.0.0.1:4800", "Origin": ""}, True),
        ({"Host": "127.0.0.1:4800", "Origin": "file://"}, True),
        ({"Host": "evil.example:4800", "Origin": "http://evil.example:4800"}, True),
        ({"Host": "127.0.0.1:4800", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, False),
        ({"Host": "127.0.0.1:4800", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, False),
        ({"Host": "127.0.0.1:4800", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"}, False),
        ({"Host": "127.0.0.1:4800", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, True),
        ({"Host": "127.0.0.1:4800", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, True),
    ],
)
def test_who_may_ask(headers: Mapping[str, str], expected: bool) -> None:
    assert expected == barred(headers)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_whose_page_asks_is_told_by_the_referer_where_nothing_else_does(method: str) -> None:
    own = {"Host": "127.0.0.1:4800", "Referer": "http://127.0.0.1:4800/"}
    assert not barred(own, method)
    assert (method != "GET") == barred({**own, "Referer": "http://evil.example/page"}, method)
    assert not barred({**own, "Referer": "http://evil.example/page", "Origin": "http://127.0.0.1:4800"}, method)


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningEmulator]:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, allowed_hosts=("lab.example",))) as running:
        yield running


def ask(url: str, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
    parts = urlsplit(url)
    lines = {"Host": parts.netloc, "Content-Length": str(len(body)), "Connection": "close"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as caller:
        caller.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        answer = b"".join(iter(lambda: caller.recv(65_536), b""))
    first, _, rest = answer.decode().partition("\r\n")
    return int(first.split()[1]), rest


PLACES = [
    ("GET", "/", ""),
    ("GET", "/emulator/projects", ""),
    ("GET", "/emulator/ledger", ""),
    ("POST", "/emulator/faults", '[{"where":"studio","kind":"status","status":500}]'),
    ("DELETE", "/emulator/faults", ""),
    ("POST", "/emulator/projects", "{}"),
    ("GET", "/v1/api/projects", ""),
    ("GET", "/nowhere", ""),
    ("GET", "/projects/1", ""),
    ("GET", "/live", ""),
    ("POST", "/faults/end", "token=x"),
    ("POST", "/projects/1/samples/1/delete", "token=x"),
]


@pytest.mark.parametrize(("method", "path", "body"), PLACES)
@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example:4800"}, {"Origin": "http://evil.example"}, {"Origin": "null"}], ids=str
)
def test_another_site_gets_nothing_and_changes_nothing(
    shared: RunningEmulator, method: str, path: str, body: str, headers: dict[str, str]
) -> None:
    status, answer = ask(shared.studio_url, method, path, body, **headers)
    assert 403 == status
    assert shared.key not in answer
    _, faults = ask(shared.studio_url, "GET", "/emulator/faults")
    assert [] == json.loads(faults.partition("\r\n\r\n")[2])["rules"]
    assert 403 == ask(shared.ingestion_url, "POST", "/api/training/files", "x", **headers)[0]


@pytest.mark.parametrize("host", ["localhost:4800", "127.0.0.1", "lab.example:80", "[::1]:4800"])
def test_by_its_own_names_it_answers(shared: RunningEmulator, host: str) -> None:
    status, answer = ask(shared.studio_url, "GET", "/", Host=host)
    assert 200 == status
    assert shared.key in answer
    assert "frame-ancestors 'none'" in answer


def test_a_key_that_exists_is_not_repeated(shared: RunningEmulator) -> None:
    for keys in ([{"key": shared.key}], [{"key": shared.key + "x"}, {"key": shared.key + "x"}]):
        status, answer = ask(shared.studio_url, "POST", "/emulator/projects", json.dumps({"keys": keys}))
        assert 400 == status
        assert shared.key not in answer


@pytest.mark.parametrize("name", ["", " ", "a\nb", "größe"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="An allowed host name"):
        EmulatorSettings(allowed_hosts=(name,))
