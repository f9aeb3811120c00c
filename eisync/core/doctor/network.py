"""Decide what the way to a service and its first answer mean: proxy, names, connection, certificate, clock.

Each function gets what an adapter read and returns a `Finding`. Hosts are written as `host:port`. No text of a service
is used that was not made one short line before.

Sources: RFC 5280 (validity of certificates); the numbers of X509_verify(3) for what is wrong with a chain.
"""

from collections.abc import Iterable, Sequence

from eisync.core.clock_step import TRUST_TOLERANCE_S, ClockReading, ServiceTime, span
from eisync.core.doctor.finding import Finding, fault, not_checked, ok, warning
from eisync.core.model import value

EXPIRES_SOON_S = 14 * 86_400.0
SLOW_S = 3.0
"""A connection that takes longer than this."""
CLOCK_WARNING_S = 30.0

_EXPIRED, _NOT_YET_VALID, _REVOKED = 10, 9, 23
_WRONG_NAME, _WRONG_ADDRESS = 62, 64


@value(kw_only=True)
class Route:
    """How requests to a host leave this machine. `proxy`: its `host:port`, without user and password; None: directly.

    `trouble`: why the proxy cannot be used. `variables`: which proxy variables are set here.
    """

    host: str
    is_tls: bool
    proxy: str | None = None
    trouble: str | None = None
    variables: Sequence[str] = ()


@value
class Failure:
    """Why something was not reached, as a clause for a person."""

    reason: str


@value
class Certificate:
    """The certificate of a host, which was trusted. `expires_at` in Unix seconds; `issuer` names who vouches for it."""

    protocol: str
    issuer: str
    expires_at: float


@value
class Distrust:
    """Why a certificate was not trusted: the number and the words of OpenSSL."""

    number: int
    words: str


@value(kw_only=True)
class Answer:
    """The answer to a request without a key. `location`: where a redirect leads, else empty."""

    status: int
    location: str = ""
    is_page: bool = False


def route(found: Route) -> Finding:
    """Decide whether requests leave through a proxy, and through which."""
    names = ", ".join(found.variables)
    if found.trouble is not None:
        return fault(
            "proxy",
            f"the proxy of {names or 'this system'} cannot be used: {found.trouble}",
            "correct the variable (http://HOST:PORT), or unset it",
            about=found.host,
        )
    if found.proxy is not None:
        return ok(
            "proxy", f"requests leave through the proxy {found.proxy} ({names or 'of this system'})", about=found.host
        )
    if names:
        return ok("proxy", f"{names} is set, and not used for this host; requests leave directly", about=found.host)
    return ok("proxy", "no proxy is set; requests leave directly", about=found.host)


def names(host: str, addresses: Sequence[str], *, is_proxy: bool) -> Finding:
    """Decide whether the name of a host has an address."""
    if list(addresses) == [host]:
        return ok("dns", "it is an address, no name", about=host)
    shown = ", ".join(addresses[:3]) + (f" and {len(addresses) - 3} more" if len(addresses) > 3 else "")
    of = "the proxy " if is_proxy else ""
    return ok("dns", f"{of}{host} has the address {shown}", about=host)


def no_names(host: str, reason: str, *, is_proxy: bool) -> Finding:
    """Say that a name has no address. `reason` is the resolver's."""
    what = "the proxy's name" if is_proxy else "its name"
    option = "the proxy variable" if is_proxy else "studio_url and ingestion_url"
    return fault(
        "dns",
        f"{what} has no address ({reason})",
        f"check the network and the name server ('getent hosts {host}'), and the spelling in {option}",
        about=host,
    )


def connected(host: str, took_s: float, *, is_proxy: bool) -> Finding:
    """Decide whether a connection took too long."""
    to = "the proxy" if is_proxy else "it"
    if took_s > SLOW_S:
        return warning(
            "connection",
            f"a connection to {to} took {took_s:.1f} s",
            "check the network ('ping', 'mtr'); if it is always slow, raise upload.connect_timeout_s",
            about=host,
        )
    return ok("connection", f"a connection to {to} took {took_s * 1000:.0f} ms", about=host)


def not_connected(host: str, reason: str, *, is_proxy: bool) -> Finding:
    """Say that there is no connection, and why."""
    if is_proxy:
        remedy = "check the proxy, or unset the proxy variables and set no_proxy if this network needs none"
    else:
        remedy = "check the firewall and the address; behind a proxy, set https_proxy for the process that runs eisync"
    return fault("connection", f"no connection: {reason}", remedy, about=host)


def certificate(host: str, found: Certificate, now: float) -> Finding:
    """Decide whether a trusted certificate ends soon."""
    left_s = found.expires_at - now
    sentence = f"{found.protocol}, certificate of {found.issuer}, valid for {span(max(0.0, left_s))} more"
    if left_s < EXPIRES_SOON_S:
        return warning("tls", sentence, "ask the administrator of this host or of its proxy to renew it", about=host)
    return ok("tls", sentence, about=host)


def distrusted(host: str, why: Distrust, *, trust: str) -> Finding:
    """Decide what to do about a certificate that is not trusted. `trust` names what is trusted now."""
    renamed = "correct the host in studio_url or ingestion_url, or ask who intercepts the connection"
    remedies = {
        _EXPIRED: "check this machine's clock ('timedatectl'); if it is right, the host must renew its certificate",
        _NOT_YET_VALID: "set this machine's clock ('timedatectl set-ntp true')",
        _WRONG_NAME: renamed,
        _WRONG_ADDRESS: renamed,
        _REVOKED: "do not use this host; ask who runs it",
    }
    authority = (
        "if this is your own gateway or a proxy that intercepts, set ca_file of the target to its certificate (PEM), "
        'or trust = "system" if this machine trusts it'
    )
    remedy = remedies.get(why.number, authority)
    return fault("tls", f"its certificate is not trusted: {why.words} (trusted: {trust})", remedy, about=host)


def no_tls(host: str, reason: str) -> Finding:
    """Say that the secure connection failed before a certificate was seen."""
    if "407" in reason:
        remedy = "set https_proxy=http://USER:PASSWORD@HOST:PORT for the process that runs eisync"
    elif "Tunnel" in reason:
        remedy = f"ask who runs the proxy to allow connections to {host}"
    else:
        remedy = "check that the address and the port speak TLS, and what intercepts the connection"
    return fault("tls", f"no secure connection: {reason}", remedy, about=host)


def without_tls(host: str) -> Finding:
    """Say that there is no certificate. (The check of the configuration warns of keys that are sent unencrypted.)"""
    return not_checked("tls", "its address begins with http, so there is no certificate", about=host)


def answer(host: str, found: Answer) -> Finding:
    """Decide whether what answers is the service."""
    if 300 <= found.status < 400:
        to = f" to {found.location}" if found.location else ""
        return fault(
            "answer",
            f"it redirects{to} (HTTP {found.status}), and eisync follows no redirect, which would get the key",
            "put the address that it redirects to into studio_url or ingestion_url, if you trust it; a login page of "
            "the network: log in",
            about=host,
        )
    if found.status == 407:
        return fault(
            "answer",
            "the proxy asks for a user and a password (HTTP 407)",
            "set https_proxy=http://USER:PASSWORD@HOST:PORT for the process that runs eisync",
            about=host,
        )
    if found.status >= 500 or found.status == 429:
        return warning(
            "answer",
            f"the service is not well: HTTP {found.status}",
            "wait: eisync tries again",
            about=host,
        )
    page = "" if not found.is_page or found.status != 200 else ", a web page"
    return ok("answer", f"it answers (HTTP {found.status}{page}, to a request without a key)", about=host)


def no_answer(host: str, reason: str) -> Finding:
    """Say that a request got no answer."""
    return fault(
        "answer",
        f"no answer: {reason}",
        "check the firewall and the proxy; if the line is slow, raise upload.timeout_s",
        about=host,
    )


def clock(times: Iterable[ServiceTime], reading: ClockReading) -> Finding:
    """Decide whether the clock of this machine is right, by the dates in the answers of services."""
    found = list(times)
    if not found:
        return not_checked("clock", "no answer with a date came, so nothing can be compared")
    worst = max(found, key=lambda one: abs(one.ahead_s(reading)))
    ahead_s = worst.ahead_s(reading)
    sentence = f"{span(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} that of {worst.host}"
    remedy = "timedatectl set-ntp true"
    if abs(ahead_s) > TRUST_TOLERANCE_S:
        return fault(
            "clock", f"the clock is {sentence}: eisync deletes and decides nothing that waits for a time", remedy
        )
    if abs(ahead_s) > CLOCK_WARNING_S:
        return warning("clock", f"the clock is {sentence}", remedy)
    return ok("clock", f"the clock is right: {worst.host} says the same within {span(max(2.0, abs(ahead_s)))}")
