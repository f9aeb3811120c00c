"""The time and the dice, for those who are handed them."""

import time

_STEADY = getattr(time, "CLOCK_BOOTTIME", None)


def now() -> float:
    """Unix seconds (UTC)."""
    return time.time()


def second_of_day() -> float:
    """Seconds since midnight by the clock on the wall, where this machine is."""
    local = time.localtime()
    return local.tm_hour * 3600.0 + local.tm_min * 60.0 + local.tm_sec


def monotonic() -> float:
    """Seconds since some instant; never jumps. For measuring waits, never for writing down."""
    return time.monotonic()


def steady() -> float:
    """Seconds since some instant; never jumps, and goes on while the machine sleeps, where the system can tell."""
    return time.clock_gettime(_STEADY) if _STEADY is not None else time.monotonic()


def spent_s() -> float:
    """Seconds of a core that the calling thread has taken so far."""
    return time.thread_time()


def jitter() -> float:
    """A throw in [0, 1)."""
    import random  # not at the top: `eisync status` tells the time only, and has 0.2 s for everything

    return random.random()  # noqa: S311 - it spreads retries, it guards nothing


def epoch() -> str:
    """A name that nobody else has: 128 random bits."""
    import secrets  # as above

    return secrets.token_hex(16)


def boundary() -> str:
    """A multipart boundary that no file contains: 128 random bits."""
    import secrets  # as above

    return f"eisync-{secrets.token_hex(16)}"
