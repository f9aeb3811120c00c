"""The way to a service, step by step: what each step says of a host that is right, wrong, silent or in between."""

import contextlib
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eisync.adapters import machine
from eisync.adapters.client import probe
from eisync.adapters.client.probe import Place, way_to
from eisync.core.doctor.network import Certificate, Distrust, Failure

from .raw import RawServer, head_of, raw_server, says

GATEWAY = Path(__file__).parent / "gateway.pem"
STRANGER = Path(__file__).parent / "localhost.pem"
PROXIES = ("https_proxy", "http_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextlib.contextmanager
def secure_host(*, tunnels: bool = False) -> Iterator[RawServer]:
    """A host with the certificate of a gateway; behind itself as a proxy, if it `tunnels`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(GATEWAY)
    heads: list[bytes] = []

    def shake_hands(caller: socket.socket) -> None:
        if tunnels:
            heads.append(head_of(caller))
            caller.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with contextlib.suppress(OSError), context.wrap_socket(caller, server_side=True) as secure:
            secure.recv(1)

    with raw_server(shake_hands, reads=False) as server:
        server.requests = heads
        yield server


def https(server: RawServer) -> str:
    return server.url.replace("http://", "https://")


def test_a_trusted_certificate_has_an_end_and_an_issuer() -> None:
    with secure_host() as server:
        found = probe.certificate(way_to(https(server), ()), str(GATEWAY))
    assert isinstance(found, Certificate)
    assert ("TLSv1.3", "Test Gateway") == (found.protocol, found.issuer)
    assert found.expires_at > 4_000_000_000


@pytest.mark.parametrize("verify", [True, str(STRANGER)])
def test_another_authority_is_not_trusted(verify: str | bool) -> None:
    with secure_host() as server:
        found = probe.certificate(way_to(https(server), ()), verify)
    assert isinstance(found, Distrust)
    assert (18, "self-signed certificate") == (found.number, found.words)


def test_a_host_that_speaks_no_tls_is_a_failure() -> None:
    with raw_server(says("HTTP/1.1 400 Bad Request\n\n"), reads=False) as server:
        found = probe.certificate(way_to(https(server), ()), True)
    assert isinstance(found, Failure)
    assert "wrong version number" in found.reason


def test_trusted_certificates_that_are_missing_are_a_failure(tmp_path: Path) -> None:
    found = probe.certificate(way_to("https://127.0.0.1:9", ()), str(tmp_path / "none.pem"))
    assert Failure("No such file or directory") == found


def test_a_certificate_is_read_through_a_proxy_that_asks_for_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with secure_host(tunnels=True) as server:
        monkeypatch.setenv("https_proxy", f"http://lab:pass%21word@127.0.0.1:{server.port}")
        way = way_to("https://127.0.0.1:4433", ["https_proxy"])
        found = probe.certificate(way, str(GATEWAY))
    assert isinstance(found, Certificate)
    assert f"127.0.0.1:{server.port}" == way.route.proxy == str(way.first)
    (head,) = server.requests
    assert head.startswith(b"CONNECT 127.0.0.1:4433 ")
    assert b"Basic bGFiOnBhc3Mhd29yZA==" in head
    assert "word" not in f"{way!r}{found!r}"


def test_a_proxy_that_refuses_the_tunnel_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as server:
        monkeypatch.setenv("https_proxy", server.url)
        found = probe.certificate(way_to("https://127.0.0.1:4433", ()), True)
    assert Failure("Tunnel connection failed: 407 Proxy Authentication Required") == found


@pytest.mark.parametrize(
    ("proxy", "trouble"),
    [
        ("http://", "it is no address such as http://HOST:PORT"),
        ("ftp://proxy:21", "it is no address such as http://HOST:PORT"),
        ("http://proxy:port", "its port is no number"),
        ("proxy:3128", None),
        ("http://[::1]:3128", None),
    ],
)
def test_the_form_of_a_proxy(monkeypatch: pytest.MonkeyPatch, proxy: str, trouble: str | None) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    way = way_to("http://studio.example/v1", ["http_proxy"])
    assert trouble == way.route.trouble
    assert {"proxy:3128": "proxy:3128", "http://[::1]:3128": "[::1]:3128"}.get(proxy) == way.route.proxy


def test_a_host_that_needs_no_proxy_is_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "studio.example")
    way = way_to("https://studio.example/v1", ["https_proxy"])
    assert (None, Place("studio.example", 443)) == (way.proxy, way.first)


def test_a_name_without_an_address_and_a_closed_port_are_failures() -> None:
    assert isinstance(probe.addresses(Place("nowhere.invalid", 443)), Failure)
    assert Failure("it is no valid name of a host") == probe.addresses(Place("a" * 70, 443))
    assert Failure("Connection refused") == probe.connection(Place("127.0.0.1", 1))


# The machine


def test_this_process_has_limits_a_user_and_a_disk(tmp_path: Path) -> None:
    pid = os.getpid()
    assert (machine.limits_of(pid).open_files or 0) > 0
    assert os.geteuid() == machine.user_of(pid)
    disk = machine.disk_of(str(tmp_path))
    assert disk is not None
    assert 0 < disk.free < disk.total
    assert machine.disk_of(str(tmp_path / "none")) is None
    assert machine.user_of(2**30) is None
    assert str(2**30) == machine.user_name(2**30)


def test_folders_are_counted_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "1.csv").touch()
    (tmp_path / "up").symlink_to(tmp_path)
    found = machine.content_of(str(tmp_path))
    assert (2, 3, True) == (found.files, found.folders, found.is_complete)
    assert "a/1.csv" == machine.a_file_in(str(tmp_path))
    assert machine.a_file_in(str(tmp_path / "a" / "b")) is None
    assert not machine.content_of(str(tmp_path), within_s=-1.0).is_complete


def test_a_process_in_a_sandbox_sees_another_folder_or_may_not_write(tmp_path: Path) -> None:
    hidden, kept = tmp_path / "hidden", tmp_path / "kept"
    hidden.mkdir()
    kept.mkdir()
    script = f"mount -t tmpfs none {hidden} && mount --bind {kept} {kept} && mount -o remount,ro,bind {kept} && "
    try:
        process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script + "echo ready && read _"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        pytest.skip("there is no program that makes namespaces")
    with process:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            pytest.skip("nothing may be mounted here")
        seen = [machine.place_for(pid, str(one), "x") for one in (hidden, kept) for pid in (process.pid, os.getpid())]
        process.kill()
    assert [True, False, False, False] == [one is not None and one.is_other for one in seen]
    assert [True, True, False, True] == [one is not None and one.is_writable for one in seen]
