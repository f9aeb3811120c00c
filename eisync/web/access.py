"""Decide who may: from where a request comes, whom it speaks for, and whether a form is ours.

A page of another site in the same browser must neither read nor press anything. It can send requests here (cross-site
request forgery), and it can point a name of its own at this machine (DNS rebinding). Therefore:

* the Host header names this page: a loopback name, the address that is served, or one of `hosts`;
* a POST comes from a page of ours: Sec-Fetch-Site or Origin say so, and the form carries the text of its session;
* the session is a cookie that other sites cannot send along (SameSite=Strict) and no script can read (HttpOnly).

Sources: Fetch Metadata Request Headers (W3C), RFC 6454 (Origin), RFC 6265bis (SameSite).
"""

import threading
from collections import deque
from collections.abc import Callable
from enum import Enum
from ipaddress import ip_address
from urllib.parse import urlsplit

from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Request

from eisync.core.model import value
from eisync.web.credentials import Credentials, Session, is_same

TRIES = 10
TRIES_WITHIN_S = 60.0
"""At most this many wrong passwords in this time, from all clients together."""

LONGEST_PASSWORD = 1024
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_OWN_PAGES = frozenset({"same-origin"})


class Access(Enum):
    """What a route asks for."""

    SESSION = "session"  # a person who is logged in
    BEARER = "bearer"  # a program with the token, or a person
    PUBLIC = "public"  # nothing: it says nothing about files


@value(kw_only=True)
class TrustedProxy:
    """The address of a proxy that logs people in, and the header in which it names them."""

    address: str
    header: str


@value(kw_only=True)
class AccessRules:
    """The configuration: the served address, further host names, the hash of the password, the proxy."""

    address: str
    hosts: tuple[str, ...] = ()
    password_hash: str | None = None
    proxy: TrustedProxy | None = None


class Refusal(Exception):
    """A request that may not be answered: the status, and a sentence with the remedy."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Gate:
    """Check requests by the rules. Safe from any thread."""

    def __init__(self, rules: AccessRules, credentials: Credentials, *, port: int, now: Callable[[], float]) -> None:
        self.rules = rules
        self.credentials = credentials
        self.cookie_name = f"eisync-{port}"  # browsers send cookies to every port of a host
        self._now = now
        self._hosts = {_without_port(host).lower() for host in rules.hosts if host == _without_port(host)}
        self._exact_hosts = {host.lower() for host in rules.hosts} - self._hosts
        self._hosts |= _LOOPBACK_NAMES | {_bracketed(rules.address)}
        self._is_everywhere = ip_address(rules.address).is_unspecified
        self._failures: deque[float] = deque(maxlen=TRIES)
        self._lock = threading.Lock()

    def check_host(self, request: Request) -> None:
        """Raise Refusal for a request that was sent to a name which is not this page's."""
        host = request.headers.get("Host", "").lower()
        if not self._is_host(host):
            raise Refusal(
                421, "This name is not one of the page's. Open it by its address, or add the name to web.hosts."
            )

    def check_origin(self, request: Request) -> None:
        """Raise Refusal for a POST that does not come from a page of ours."""
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        host = request.headers.get("Host", "").lower()
        is_ours = origin is not None or site is not None
        if site is not None:
            is_ours = site in _OWN_PAGES
        if origin is not None:
            is_ours = is_ours and urlsplit(origin).netloc.lower() == host
        if not is_ours:
            raise Refusal(403, "Another site sent this request, so nothing was done. Use the buttons of eisync's page.")

    def session_of(self, request: Request) -> Session | None:
        """Return the session of the browser, or of the user whom the trusted proxy names; None if there is none."""
        proxy = self.rules.proxy
        if proxy is not None and is_same(request.remote_addr or "", proxy.address):
            user = request.headers.get(proxy.header, "")
            if user:
                return Session(self.credentials.csrf_of(f"user:{user}"))
        return self.credentials.session_of(request.cookies.get(self.cookie_name))

    def check_csrf(self, request: Request, session: Session) -> None:
        """Raise Refusal for a form without the text of its session."""
        if not is_same(request.form.get("csrf", ""), session.csrf):
            raise Refusal(403, "The form is not of this session, so nothing was done. Reload the page and try again.")

    def is_password(self, given: str) -> bool:
        """Return whether this is the password. Raise Refusal after too many wrong ones.

        One password is checked at a time: the hash takes 32 MB and 0.1 s on purpose.
        """
        stored = self.rules.password_hash
        if stored is None or len(given) > LONGEST_PASSWORD:
            return False
        with self._lock:
            now = self._now()
            if len(self._failures) == TRIES and 0 <= now - self._failures[0] < TRIES_WITHIN_S:
                raise Refusal(
                    429, "There were too many wrong passwords. Wait a minute, or run 'eisync ui' on the machine."
                )
            is_right = check_password_hash(stored, given)
            if not is_right:
                self._failures.append(now)
            return is_right

    def _is_host(self, host: str) -> bool:
        name = _without_port(host)
        if host in self._exact_hosts or name in self._hosts:
            return True
        # A page of another site cannot make a browser write an IP address there: rebinding needs a name.
        return self._is_everywhere and _is_ip(name)


def hash_of(password: str) -> str:
    """Return what `web.password_hash` must be for this password."""
    return generate_password_hash(password, method="scrypt")


def _without_port(host: str) -> str:
    head, colon, port = host.rpartition(":")
    return head if colon and port.isdigit() and (head.endswith("]") or ":" not in head) else host


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _is_ip(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
