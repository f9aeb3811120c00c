"""Decide when to try again after an attempt that failed in transit.

No clock, no sleep, no random numbers: the uploader passes the fault, `due_at` returns when to try again, and the outbox
stores it. Names ending in `_s` are seconds; `now` and `due_at` are Unix seconds (UTC). After transit faults, retries
never stop: a gateway may be without a network for a week, and its only recording must not be parked for that.

Sources: RFC 9110 §10.2.3 (Retry-After); M. Brooker, "Exponential Backoff And Jitter", 2015 ("full jitter").
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum

from eisync.core.model import value

ASKED_CAP_S = 300.0
"""A longer Retry-After is ignored: one header of a broken proxy must not stop a target for a day."""

LONGEST_PAUSE_S = 60.0
"""The longest Retry-After that is followed while a person waits for the call."""


def accepted_s(asked_s: float) -> float:
    """Return the pause for a Retry-After of `asked_s`: the same, or 0 when it is not plausible.

    An implausible value counts as none, so that probes continue as without it.
    """
    return asked_s if 0.0 < asked_s <= ASKED_CAP_S else 0.0


def asked_s(headers: Mapping[str, str], now: float) -> float:
    """Return the pause that a Retry-After asks for; 0 without one, or when it is not plausible."""
    value = header(headers, "retry-after")
    if value is None:
        return 0.0
    try:
        if value.strip().isdigit():
            return accepted_s(float(value))
        date = parsedate_to_datetime(value)
        return accepted_s((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


def header(headers: Mapping[str, str], name: str) -> str | None:
    """Return the value of a header. The case of its name does not matter."""
    return next((value for key, value in headers.items() if key.lower() == name), None)


class Fault(Enum):
    """Why a request got no usable answer."""

    THROTTLED = "throttled"  # 429 or 503: the service may accept it later
    UNREACHABLE = "unreachable"  # the request certainly did not arrive at the service
    UNANSWERED = "unanswered"  # it was sent, and may have arrived


@value(kw_only=True)
class RetryPolicy:
    """How long to wait between attempts. Raises ValueError for values that cannot work."""

    base_s: float = 2.0
    cap_s: float = 300.0

    def __post_init__(self) -> None:
        if not 0 < self.base_s <= self.cap_s:
            raise ValueError(f"a first pause of {self.base_s:g} s cannot grow to {self.cap_s:g} s")

    def due_at(self, *, attempt: int, now: float, jitter: float, asked_s: float = 0.0) -> float:
        """Return when to try again. `attempt` counts from 1; `jitter` is in [0, 1); `asked_s` is Retry-After."""
        ceiling_s = min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, 32))
        return now + max(jitter * ceiling_s, accepted_s(asked_s))

    def pause_s(self, *, attempt: int, jitter: float, asked_s: float = 0.0) -> float:
        """Return the pause before the next attempt while a person waits for the call. It limits Retry-After."""
        return self.due_at(attempt=attempt, now=0.0, jitter=jitter, asked_s=min(asked_s, LONGEST_PAUSE_S))
