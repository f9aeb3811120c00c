"""Decide whether a value that was read from JSON can be stored and sent, and what kind of document an object is.

A value with a lone surrogate or a number that does not fit cannot be stored. The first members of an object tell
whether it is an acquisition or a description of other files; the text may end anywhere.

Sources: the wire contract, section 2; the formats that `core.labels.annotations` names.
"""

import math
import re
from itertools import islice
from typing import Any

from eisync.core.formats.json_syntax import members
from eisync.core.labels.path_rules import MEDIA, names_media

DEEPEST = 64

_INT64 = 1 << 63
_ODD_NUMBER = re.compile(r"[0-9](?:[0-9]{17}|[eE])")
_FEW_LEVELS = 60


def why_unusable(value: Any) -> str | None:
    """Return why the value cannot be used, as one clause for a person; None when it can.

    The value may be of any depth and size.

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


def is_suspect(text: str, at: int, end: int) -> bool:
    """Return whether a JSON value may contain a lone surrogate, a number that does not fit, or too many levels."""
    return (
        text.find("\\u", at, end) >= 0
        or text.count("[", at, end) + text.count("{", at, end) > _FEW_LEVELS
        or _ODD_NUMBER.search(text, at, end) is not None
    )


def is_whole(text: str) -> bool:
    """Return whether the text has no lone surrogate (half a character), which neither UTF-8 nor a database takes."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def mended(text: str) -> str:
    """Return the text with U+FFFD in place of each lone surrogate."""
    if is_whole(text):
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= one <= "\udfff" else one for one in text)


_DESCRIBES = "JSON that describes other files"

_MEMBERS = (
    {"annotations"},
    {"images", "info"},
    {"images", "categories"},
    {"shapes", "version"},
    {"imagePath"},
    {"boundingBoxes"},
    {"_via_settings"},
    {"_via_img_metadata"},
    {"_via_attributes"},
    {"project", "attribute", "view"},
    {"asset", "regions"},
    {"assets", "tags"},
    {"filename", "regions"},
    {"fileref", "regions"},
    {"objects", "size"},
    {"openlabel"},
    {"data", "completions"},
    {"data", "predictions"},
    {"image_id", "bbox"},
    {"External ID"},
    {"classes", "tags"},
    {"categories", "info"},
)
_ACQUISITION = {b"protected", b"payload"}

_NAME_OF_MEDIA = re.compile(rb'"[^"\\]{1,300}\.(?:' + "|".join(MEDIA).encode() + rb')"', re.IGNORECASE)
_KEY_BEHIND = re.compile(rb'[\s,]*"((?:[^"\\]|\\.)*)"\s*:', re.DOTALL)


def is_acquisition(raw: bytes) -> bool:
    """Return whether the object has a member that only an acquisition has. The first member mostly decides."""
    first = _KEY_BEHIND.match(raw, 1)
    return (first is not None and first[1] in _ACQUISITION) or any(
        name.encode() in _ACQUISITION for name in _names(raw, 0)
    )


def what_it_describes(raw: bytes, at: int) -> str | None:
    """Return in a few words what the object at `at` describes; None when it is not recognised.

    Decide by its members, or by the members of its first value. Do not ask for an acquisition.
    """
    names = _names(raw, at)
    if any(known <= names.keys() for known in _MEMBERS):
        return _DESCRIBES
    if any(map(names_media, (*names, *names.values()))) or _NAME_OF_MEDIA.search(raw, at):
        return "JSON that names other files"
    inner = next(members(raw, at), None)
    if inner is not None and raw[inner[1] : inner[1] + 1] == b"{":
        inside = _names(raw, inner[1])
        if any(known <= inside.keys() for known in _MEMBERS):
            return _DESCRIBES
    return None


def _names(raw: bytes, at: int) -> dict[str, str]:
    """Return the names of the object's members up to where the text ends. A short text value comes with its name."""
    found = {}
    behind = at + 1
    for name, start, end in islice(members(raw, at), 200):
        text = raw[start + 1 : end - 1] if raw[start : start + 1] == b'"' and end - start < 300 else b""
        found[name.decode("utf-8", "replace")] = text.decode("utf-8", "replace")
        behind = end
    cut = _KEY_BEHIND.match(raw, behind)  # the key of a member whose value the end of the text cuts
    if cut is not None:
        found.setdefault(cut[1].decode("utf-8", "replace"), "")
    return found
