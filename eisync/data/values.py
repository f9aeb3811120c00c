"""Decide what one value of a foreign table means: a label, a category, metadata, an instant, or nothing.

Values come from pandas, numpy, polars or plain Python, and none of the first three is imported: a value is asked what
it can do. Missing are None, NaN, NaT and pandas' NA.
"""

import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Any

NS_DIGITS = 6
"""Milliseconds keep this many digits after the point: nanoseconds."""

_US_DIGITS = 3  # a float of Unix seconds knows no more


def is_missing(value: Any) -> bool:
    """Whether there is no value here.

    >>> [is_missing(value) for value in (None, float("nan"), 0, "", "nan")]
    [True, True, False, False, False]
    """
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:  # pandas' NA is neither equal nor unequal
        return True
    except ValueError:  # an array
        return False


def label_text(value: Any) -> str | None:
    """The label as the wire carries it; None for no label. The number 0 is a label, an empty text is none.

    >>> label_text(0), label_text("idle"), label_text(""), label_text(None)
    ('0', 'idle', None, None)
    """
    return None if is_missing(value) else str(value) or None


def category_text(value: Any) -> str:
    """The category; a missing one leaves the choice to the service."""
    return "split" if is_missing(value) else str(value) or "split"


def metadata_texts(metadata: Mapping[Any, Any] | None) -> dict[str, str] | None:
    """A new mapping of texts, as the service wants it; what is missing is left out.

    >>> metadata_texts({"site": "desk", "run": 7, "note": None})
    {'site': 'desk', 'run': '7'}
    """
    if metadata is None:
        return None
    return {str(key): str(value) for key, value in metadata.items() if not is_missing(value)}


def unix_ms(timestamp: Any) -> int | float:
    """Milliseconds since 1970, of seconds or of a date. A date without a zone is UTC. Raises ValueError.

    >>> unix_ms(0.57), unix_ms(0.0005), unix_ms(datetime(1970, 1, 1, 0, 0, 1, 500))
    (570, 0.5, 1000.5)
    """
    if isinstance(timestamp, date) and not is_missing(timestamp):
        seconds = _instant(timestamp).timestamp()
    else:
        try:
            seconds = float(timestamp)
        except (TypeError, ValueError):
            seconds = float("nan")
    if seconds - seconds != 0:
        raise ValueError(
            f"Error: Unsupported timestamp format - {timestamp!r} is neither a number of seconds nor a date"
        )
    return whole(round(seconds * 1000, _US_DIGITS))


def index_ms(index: Iterable[Any]) -> list[int | float] | None:
    """Milliseconds, of an index of numbers (taken for milliseconds), time spans, or dates (counted from the first).

    None when it is anything else, or does not increase.

    >>> from datetime import timedelta
    >>> index_ms([timedelta(0), timedelta(microseconds=500), timedelta(milliseconds=1)])
    [0, 0.5, 1]
    >>> index_ms(["a", "b"]) is index_ms([2, 1]) is None
    True
    """
    keys = [key.to_timestamp() if hasattr(key, "to_timestamp") else key for key in index]  # pandas' Period
    if any(is_missing(key) for key in keys):
        return None
    if all(hasattr(key, "total_seconds") for key in keys):
        found = [_span_ms(key) for key in keys]
    elif all(isinstance(key, date) for key in keys):
        instants = [_instant(key) for key in keys]
        found = [_span_ms(instant - instants[0]) for instant in instants]
    elif all(isinstance(key, int | float) and not isinstance(key, bool) for key in keys):
        found = keys
    else:
        return None
    return found if all(one <= other for one, other in pairwise(found)) else None


def whole(number: float) -> int | float:
    """`10.0` is written `10`, and `0.5` stays what it is."""
    return int(number) if number == int(number) else number


def shortest_float32(number: float) -> float:
    """The number with the fewest digits that is the same in 32 bits: what a person wrote.

    >>> shortest_float32(0.10000000149011612)
    0.1
    """
    if number - number != 0:
        return number
    for digits in range(6, 10):
        shorter = float(f"{number:.{digits}g}")
        try:
            if struct.unpack("f", struct.pack("f", shorter))[0] == number:
                return shorter
        except OverflowError:  # rounded up past the largest one
            continue
    return number


def _instant(moment: date) -> datetime:
    """In UTC: the difference of two is the time that passed between them, whatever the clocks on the wall did."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time(), UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _span_ms(span: Any) -> int | float:
    # Some pandas leave the nanoseconds out of total_seconds.
    us = (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
    return whole(round(us / 1000 + getattr(span, "nanoseconds", 0) / 1_000_000, NS_DIGITS))
