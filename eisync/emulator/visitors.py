"""Refuse requests from web pages of other sites. Programs and the emulator's own page are accepted.

A browser on this machine lets any web page send requests to loopback: a form may post to every address. With DNS
rebinding, where the address of a host name changes to 127.0.0.1, the page even counts as one of the emulator's. The
browser's headers give it away: Host has the name that was used, Origin and Sec-Fetch-Site tell whose page sent the
request. Programs do not send the last two.

Sources: RFC 9110 §7.2; WHATWG Fetch, "Origin header"; W3C, "Fetch Metadata Request Headers".
"""

import functools
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

_OF_OURS = frozenset({"", "same-origin", "none"})


def reason_to_refuse(
    method: str,
    headers: Mapping[str, str],
    *,
    allowed_hosts: tuple[str, ...],
    is_remote: bool,
    own_ports: tuple[int, ...],
) -> str | None:
    """Return why a request is refused; None when it is accepted.

    `own_ports` are the ports of both services: a page of one may send requests to the other.
    """
    host = headers.get("Host", "")
    if host and not is_our_name(host, allowed_hosts, is_remote):
        name = _split(host)[0]
        return f"the emulator does not accept the host name {name[:100]!r}; allow it with --allow-host"
    origin = headers.get("Origin")
    if origin is None and method not in ("GET", "HEAD"):
        origin = headers.get("Referer")  # old browsers send only this one
    if origin is not None and not _is_ours(origin, host, allowed_hosts, is_remote, own_ports):
        return "the emulator refuses requests from web pages of other sites"
    if headers.get("Sec-Fetch-Site", "") not in _OF_OURS and headers.get("Sec-Fetch-Mode") != "navigate":
        return "the emulator refuses requests from web pages of other sites"
    return None


@functools.lru_cache(maxsize=64)
def is_our_name(host: str, allowed_hosts: tuple[str, ...], is_remote: bool) -> bool:
    """Return whether a Host header names this machine and not a site on the internet.

    With `is_remote`, any IP address is accepted (DNS rebinding needs a name), and any name without a dot, such as the
    name of a service in a compose file.
    """
    name, _ = _split(host)
    if name == "localhost" or name.endswith(".localhost") or name in map(_plain, allowed_hosts):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback or is_remote
    except ValueError:
        return is_remote and bool(name) and "." not in name


def _is_ours(
    origin: str, host: str, allowed_hosts: tuple[str, ...], is_remote: bool, own_ports: tuple[int, ...]
) -> bool:
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https"):  # for example the origin "null"
        return False
    name, port = _split(parts.netloc)
    return is_our_name(parts.netloc, allowed_hosts, is_remote) and ((name, port) == _split(host) or port in own_ports)


def _split(host: str) -> tuple[str, int | None]:
    """Split `[::1]:80` into `("::1", 80)`."""
    try:
        parts = urlsplit(f"//{host}")
        return _plain(parts.hostname or ""), parts.port
    except ValueError:
        return "", None


def _plain(name: str) -> str:
    return name.lower().strip("[]").removesuffix(".")
