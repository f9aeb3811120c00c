"""Try the way to a service step by step, for `eisync doctor`: proxy, name, connection, certificate, answer, key.

Only the last step sends the key, and no step sends a file. Each step has a time limit of its own, and returns why it
failed as a value. Whatever a service or a proxy says becomes one short line without keys.
"""

import contextlib
import http.client
import importlib.util
import os
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy

from eisync.adapters import clock
from eisync.adapters.client.listing import EVERYTHING
from eisync.adapters.client.replies import Count
from eisync.adapters.client.studio import Studio
from eisync.adapters.client.transport import Transport
from eisync.core.doctor.network import Answer, Certificate, Distrust, Failure, Route
from eisync.core.formats.json_syntax import json_object
from eisync.core.redaction import KEYS
from eisync.core.studio import projects_of_key
from eisync.core.text import one_line
from eisync.core.wire import Silence
from eisync.errors import StudioError, UnansweredError

CONNECT_S, ANSWER_S = 5.0, 8.0
"""Time limits of a step, in seconds."""

_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a port. As a text `host:port`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Way:
    """The way to a service: its `place`, and the proxy on it. The proxy's user and password are in no repr."""

    route: Route
    place: Place
    proxy: Place | None
    _login: str = ""

    def __repr__(self) -> str:
        return f"<Way {self.place} {self.proxy or ''}>"

    @property
    def first(self) -> Place:
        """The place that this machine connects to."""
        return self.proxy or self.place

    @property
    def can_tunnel(self) -> bool:
        """Whether a certificate can be read on this way: not behind proxies that speak no plain HTTP."""
        return self.proxy is None or self._login is not _NO_TUNNEL

    def headers(self) -> dict[str, str]:
        """Return the headers for the proxy."""
        return {"proxy-authorization": f"Basic {self._login}"} if self._login else {}


_NO_TUNNEL = "no tunnel"
_LATER = (408, 429)


class NotStudioError(UnansweredError):
    """What answers at the address of Studio is something else."""


def way_to(url: str, variables: Sequence[str]) -> Way:
    """Return the way to `url` as requests of eisync take it. `variables`: the names of the proxy variables here."""
    parts = urlsplit(url)
    place = _place_of(parts)
    is_tls = parts.scheme == "https"
    # As in `Transport`: by what requests reads from the environment.
    with requests.Session() as session:
        proxies = session.merge_environment_settings(f"{parts.scheme}://{parts.netloc}", {}, None, None, None)[
            "proxies"
        ]
    found = select_proxy(url, dict(proxies))
    if not found:
        return Way(Route(host=str(place), is_tls=is_tls, variables=variables), place, None)
    proxy = urlsplit(found if "://" in found else f"http://{found}")
    trouble = _trouble_of(proxy)
    via = None if trouble else _place_of(proxy)
    route = Route(
        host=str(place), is_tls=is_tls, proxy=None if via is None else str(via), trouble=trouble, variables=variables
    )
    return Way(route, place, via, _login_of(proxy))


def addresses(place: Place) -> Sequence[str] | Failure:
    """Return the addresses of the host."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return Failure(_words(error))
    except UnicodeError:
        return Failure("it is no valid name of a host")
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))


def connection(place: Place) -> float | Failure:
    """Connect, and return how many seconds it took."""
    began_at = clock.monotonic()
    try:
        with socket.create_connection((place.host, place.port), timeout=CONNECT_S):
            return clock.monotonic() - began_at
    except (OSError, UnicodeError) as error:
        return Failure(_words(error))


def certificate(way: Way, verify: str | bool) -> Certificate | Distrust | Failure:
    """Return the certificate of a host that is reached by TLS. `verify`: what is trusted, as in `Transport`."""
    try:
        with _secured(way, _context(verify)) as line:
            found = line.getpeercert()
            if not found:
                return Failure("it showed no certificate")
            expires_at = ssl.cert_time_to_seconds(str(found["notAfter"]))
            return Certificate(line.version() or "TLS", _issuer(found), float(expires_at))
    except ssl.SSLCertVerificationError as error:
        return Distrust(error.verify_code, one_line(error.verify_message))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Failure(_words(error))


def answer(transport: Transport, url: str) -> Answer | Failure:
    """Send a request without a key and return what answers."""
    reply = transport.send(
        "GET", url, headers={}, timeout_s=(CONNECT_S, ANSWER_S), max_answer_bytes=_MOST_BYTES, is_file=True
    )
    if isinstance(reply, Silence):
        return Answer(status=200, is_page=True) if reply.is_too_large else Failure(reply.reason)
    headers = {name.lower(): value for name, value in reply.headers.items()}
    return Answer(
        status=reply.status,
        location=_without_login(headers.get("location", "")),
        is_page=headers.get("content-type", "").startswith("text/html"),
    )


def key(studio: Studio) -> tuple[int, str | None]:
    """Return the project that the key opens and what Studio calls its rights; None when it names none.

    Raise KeyRefusedError, StudioError, NotStudioError or TransitError; ConfigurationError when the key cannot be read.
    """
    roles = []

    def ask(path: str) -> dict[str, Any]:
        answered = studio.fetch(path)
        if answered.status < 500 and answered.status not in _LATER and json_object(answered.body) is None:
            raise NotStudioError(f"HTTP {answered.status}, and no JSON")
        content = answered.content()
        if isinstance(role := content.get("role"), str):
            roles.append(one_line(role))
        return content

    found = projects_of_key(ask, StudioError)
    if found is None or not found:
        raise UnansweredError("what it says of the key's project cannot be understood")
    if len(found) != 1:
        raise StudioError(f"the key opens {len(found)} projects, not one", status=200)
    return found[0], roles[0] if roles else None


def samples(studio: Studio, project_id: int) -> int:
    """Return how many samples the key may list. Raise the same errors."""
    return studio.ask(f"/api/{project_id}/raw-data/count", Count, EVERYTHING).count


@contextlib.contextmanager
def _secured(way: Way, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    line = http.client.HTTPSConnection(way.first.host, way.first.port, timeout=CONNECT_S, context=context)
    if way.proxy is not None:
        line.set_tunnel(way.place.host, way.place.port, way.headers())
    try:
        line.connect()
        assert isinstance(line.sock, ssl.SSLSocket)
        yield line.sock
    finally:
        line.close()


def _context(verify: str | bool) -> ssl.SSLContext:
    place = verify if isinstance(verify, str) else str(DEFAULT_CA_BUNDLE_PATH)
    is_folder = os.path.isdir(place)
    return ssl.create_default_context(cafile=None if is_folder else place, capath=place if is_folder else None)


def _issuer(found: Any) -> str:
    """Return who issued the certificate: the name of the organisation, or else of the issuer."""
    names = {name: value for part in found.get("issuer", ()) for name, value in part}
    return one_line(
        KEYS.without_keys(str(names.get("organizationName") or names.get("commonName") or "an unknown issuer"))
    )


def _trouble_of(proxy: SplitResult) -> str | None:
    try:
        if not proxy.hostname or proxy.scheme not in _PORTS:
            return "it is no address such as http://HOST:PORT"
        _place_of(proxy)
    except ValueError:
        return "its port is no number"
    if proxy.scheme.startswith("socks") and importlib.util.find_spec("socks") is None:
        return "for SOCKS, PySocks must be installed (pip install 'requests[socks]')"
    return None


def _place_of(parts: SplitResult) -> Place:
    return Place(parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443))


def _login_of(proxy: SplitResult) -> str:
    if proxy.scheme != "http":
        return _NO_TUNNEL
    if not proxy.username:
        return ""
    return b64encode(f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()).decode()


def _without_login(address: str) -> str:
    """Return an address from a service without user and password, and without its query, as one line."""
    try:
        parts = urlsplit(address)
        return one_line(f"{parts.scheme}://{_place_of(parts)}{parts.path}" if parts.hostname else parts.path)
    except ValueError:
        return "an address that is none"


def _words(error: Exception) -> str:
    """Return why a step failed, in a few words."""
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_S:.0f} s"
    if isinstance(error, ssl.SSLError):
        return one_line(error.reason or type(error).__name__).replace("_", " ").lower()
    said = (error.strerror or str(error)) if isinstance(error, OSError) else ""
    return one_line(KEYS.without_keys(said)) or type(error).__name__
