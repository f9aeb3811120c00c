"""The time and the dice, for those who are handed them."""

import random
import secrets
import time


def now() -> float:
    """Unix seconds (UTC)."""
    return time.time()


def monotonic() -> float:
    """Seconds since some instant; never jumps. For measuring waits, never for writing down."""
    return time.monotonic()


def luck() -> float:
    """A throw in [0, 1)."""
    return random.random()  # noqa: S311 - it spreads retries, it guards nothing


def boundary() -> str:
    """A multipart boundary that no file contains: 128 random bits."""
    return f"eisync-{secrets.token_hex(16)}"
