"""Keep the token of the page, and derive from it what browsers get: links, sessions, and proofs against forged forms.

The token is 32 random bytes in the state folder, readable by its owner only, so that sessions survive a restart. A
browser never gets the token itself. A link and a session say until when they hold, and are signed with the token; so
nothing needs to be stored, and removing the file ends every session at the next start.

`/metrics` and the other routes for programs take a bearer token (RFC 6750). It is derived from the token, too, so that
a monitoring program which is broken into can read numbers, and neither log in nor press a button.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress

from eisync.core.model import value
from eisync.errors import StateError
from eisync.store.state_folder import WEB_TOKEN_NAME, open_private, write_anew

LINK_S = 600.0
"""How long a link of `eisync ui` opens the page (s)."""
SESSION_S = 30 * 86_400.0
"""How long a browser stays logged in (s)."""

_TOKEN_BYTES = 32
_LONGEST_TOKEN_BYTES = 256
_LONGEST_TEXT = 200


def read_token(folder: str) -> str:
    """Return the token of the state folder. Make it if there is none, or if what is there is none.

    Raises StateError if it can be neither read nor written.
    """
    with suppress(OSError, ValueError), open(open_private(folder, WEB_TOKEN_NAME, os.O_RDONLY), "rb") as file:
        found = file.read(_LONGEST_TOKEN_BYTES).decode("ascii").strip()
        if len(found) == 2 * _TOKEN_BYTES and bytes.fromhex(found):
            return found
    token = secrets.token_hex(_TOKEN_BYTES)
    try:
        write_anew(folder, WEB_TOKEN_NAME, token.encode("ascii") + b"\n")
    except OSError as error:
        raise StateError(f"the token of the page cannot be stored in {folder}: {error.strerror or error}") from error
    return token


@value
class Session:
    """A browser that is logged in. `csrf` is what its forms must carry."""

    csrf: str


class Credentials:
    """Sign and check. Comparisons take the same time for right and wrong answers."""

    def __init__(self, token: str, *, now: Callable[[], float]) -> None:
        self._token = token.encode("ascii")
        self._now = now

    def link_code(self, valid_s: float) -> str:
        """Return a code that logs a browser in, for `valid_s` seconds from now."""
        return self._signed("link", valid_s)

    def is_link_code(self, code: str) -> bool:
        """Return whether the code was signed with this token and still holds."""
        return self._is_valid("link", code)

    def new_session(self) -> str:
        """Return the value of the cookie of a browser that logs in now."""
        return self._signed("session", SESSION_S)

    def session_of(self, cookie: str | None) -> Session | None:
        """Return the session of the browser that sent this cookie; None if it is not logged in."""
        if cookie is None or not self._is_valid("session", cookie):
            return None
        return Session(self.csrf_of(cookie))

    def csrf_of(self, identity: str) -> str:
        """Return the text that forms must carry for a session, or for a user whom a proxy names."""
        return self._signature("csrf", identity)

    def program_token(self) -> str:
        """Return the bearer token of programs. It opens what routes allow to programs, and nothing else."""
        return self._signature("program", "bearer")

    def is_bearer(self, header: str | None) -> bool:
        """Return whether the Authorization header carries the token, or the one of programs."""
        scheme, _, given = (header or "").partition(" ")
        own, programs = self._token.decode("ascii"), self.program_token()
        is_known = is_same(given.strip(), own) | is_same(given.strip(), programs)
        return is_known and scheme.lower() == "bearer"

    def _signed(self, purpose: str, valid_s: float) -> str:
        claim = f"{int(self._now() + valid_s)}.{secrets.token_hex(8)}"
        return f"{claim}.{self._signature(purpose, claim)}"

    def _is_valid(self, purpose: str, text: str) -> bool:
        claim, _, signature = text.rpartition(".")
        if len(text) > _LONGEST_TEXT or not is_same(signature, self._signature(purpose, claim)):
            return False
        return int(claim.partition(".")[0]) >= self._now()  # a number: this token signed it

    def _signature(self, purpose: str, text: str) -> str:
        message = f"{purpose}:{text}".encode("utf-8", "surrogateescape")
        return hmac.new(self._token, message, hashlib.sha256).hexdigest()


def is_same(given: str, expected: str) -> bool:
    """Compare two texts in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))
