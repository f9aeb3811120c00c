"""Who may ask: programs, and pages of the emulator's own. Web pages of other sites, which a browser lets in, may not.

Whoever listens on loopback is reached by every page that is open in a browser there: a form may post anywhere, and a
name whose address changes to 127.0.0.1 (DNS rebinding) makes a page of another site one of ours. A browser says by
which name it came (Host) and whose page asks (Origin, Sec-Fetch-Site); programs send neither of the last two.

Sources: RFC 9110 §7.2; WHATWG Fetch, "Origin header"; W3C, "Fetch Metadata Request Headers".
"""

import functools
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

_OF_OURS = frozenset({"", "same-origin", "none"})


def why_barred(
    method: str,
    headers: Mapping[str, str],
    *,
    allowed_hosts: tuple[str, ...],
    is_remote: bool,
    own_ports: tuple[int, ...],
) -> str | None:
    """What to answer a request that no program and no page of ours makes; None for those that may ask.

    `own_ports` are those of both services: a page of one may ask the other.
    """
    host = headers.get("Host", "")
    if host and not is_our_name(host, allowed_hosts, is_remote):
        name = _split(host)[0]
        return f"the emulator is not called {name[:100]!r}; start it with --allow-host to let it be called so"
    origin = headers.get("Origin")
    if origin is None and method not in ("GET", "HEAD"):
        origin = headers.get("Referer")  # what an old browser says in its place
    if origin is not None and not _is_ours(origin, host, allowed_hosts, is_remote, own_ports):
        return "a page of another site may not ask the emulator anything"
    if headers.get("Sec-Fetch-Site", "") not in _OF_OURS and headers.get("Sec-Fetch-Mode") != "navigate":
        return "a page of another site may not ask the emulator anything"
    return None


@functools.lru_cache(maxsize=64)
def is_our_name(host: str, allowed_hosts: tuple[str, ...], is_remote: bool) -> bool:
    """Whether a Host header names this machine and not a site on the internet.

    With `is_remote`, addresses do (nobody can turn them into another site), and names without a dot, such as those of
    the services of a compose file.
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
    if parts.scheme not in ("http", "https"):  # such as null
        return False
    name, port = _split(parts.netloc)
    return is_our_name(parts.netloc, allowed_hosts, is_remote) and ((name, port) == _split(host) or port in own_ports)


def _split(host: str) -> tuple[str, int | None]:
    """`[::1]:80` as `("::1", 80)`."""
    try:
        parts = urlsplit(f"//{host}")
        return _plain(parts.hostname or ""), parts.port
    except ValueError:
        return "", None


def _plain(name: str) -> str:
    return name.lower().strip("[]").removesuffix(".")
