"""Say whether a value that was read as JSON can be kept and sent: no half characters, no numbers that nobody takes."""

import math
from typing import Any

DEEPEST = 64

_INT64 = 1 << 63


def why_unusable(value: Any) -> str | None:
    """One clause for a person, or None when all of it can be used. No value is too deep or too large to be asked for.

    >>> why_unusable({"label": "\\ud800"})
    'it contains half a character'
    """
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            return f"it is nested deeper than {DEEPEST} levels"
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += one
                below += one.values()
            elif isinstance(one, list):
                below += one
            elif (why := _why_scalar(one)) is not None:
                return why
        level, depth = below, depth + 1
    return None


def _why_scalar(one: Any) -> str | None:
    if isinstance(one, str):
        if "\0" in one:
            return "it contains a NUL character"
        return None if is_whole(one) else "it contains half a character"
    if isinstance(one, float) and not math.isfinite(one):
        return "it contains a number that is too large"
    if isinstance(one, int) and not -_INT64 <= one < _INT64:
        return "it contains a number of more than 64 bits"
    return None


def is_whole(text: str) -> bool:
    """Whether it has no half character (a lone surrogate), which neither UTF-8 nor a database takes."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def mended(text: str) -> str:
    """The text with U+FFFD for each half character."""
    if is_whole(text):
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= one <= "\udfff" else one for one in text)
