"""Read clocks and random numbers. Other modules get these functions as arguments."""

import time

_BOUNDARIES: list[str] = []
"""Random bits for the next boundaries. Each is used once, by whichever thread takes it."""
_STEADY = getattr(time, "CLOCK_BOOTTIME", None)


def now() -> float:
    """Return the time in Unix seconds (UTC)."""
    return time.time()


def as_text(at: float) -> str:
    """Return an instant in this machine's time zone, for a person: `2026-11-30 14:05:09`."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def second_of_day() -> float:
    """Return the seconds since midnight in this machine's time zone."""
    local = time.localtime()
    return local.tm_hour * 3600.0 + local.tm_min * 60.0 + local.tm_sec


def monotonic() -> float:
    """Return seconds since some instant. This clock never jumps; use it to measure waits, never to store a time."""
    return time.monotonic()


def steady() -> float:
    """Return seconds since some instant. This clock never jumps, and also counts sleep where the system supports it."""
    return time.clock_gettime(_STEADY) if _STEADY is not None else time.monotonic()


def spent_s() -> float:
    """Return the CPU time that the calling thread has used, in seconds."""
    return time.thread_time()


def jitter() -> float:
    """Return a random number in [0, 1)."""
    import random  # only here: `eisync status` needs the time only, and has 0.2 s for everything

    return random.random()  # noqa: S311 - it spreads retries and protects nothing


def epoch() -> str:
    """Return a unique name: 128 random bits."""
    import secrets  # as above

    return secrets.token_hex(16)


def boundary() -> str:
    """Return a multipart boundary that no file contains: 128 random bits."""
    try:
        return f"eisync-{_BOUNDARIES.pop()}"
    except IndexError:
        import secrets  # as above

        # Many at once: while requests are under way, other threads run first after each system call.
        bits = secrets.token_hex(16 * 64)
        first, *others = (bits[at : at + 32] for at in range(0, len(bits), 32))
        _BOUNDARIES.extend(others)
        return f"eisync-{first}"
