"""The service's rules for stored names, inferred labels and the split. Pure.

Source: the wire contract, section 1.
"""

import os
import re
from urllib.parse import unquote_to_bytes

_EPOCH_2019_MS = 1_546_300_800_000
_BASE32HEX = "0123456789abcdefghijklmnopqrstuv"
_TWO_DIGITS = [high + low for high in _BASE32HEX for low in _BASE32HEX]
# The service's rule is ^[a-zA-Z0-9\s-_]+. In JavaScript that dash is a plain dash; in Python it must be escaped.
_LEADING_WORD = re.compile(r"[a-zA-Z0-9\s\-_]+")
INFERENCE_RULES = {
    "documented": _LEADING_WORD,
    "letters": re.compile(r"[a-zA-Z]+"),
    "before-dot": re.compile(r"[^.]+"),
    "none": re.compile(r"(?!)"),
}
_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_STORED_EXTENSION = {".csv": ".json", ".txt": ".json", ".png": ".jpg", ".jpeg": ".jpg"}


def extension_of(file_name: str) -> str:
    """Return the extension in lower case, with its dot; empty if there is none."""
    return os.path.splitext(file_name)[1].lower()


def base_name(file_name: str) -> str:
    """Return the name without folders: names are never used as paths."""
    return file_name.rpartition("/")[2]


def infer_label(file_name: str, *, rule: str, otherwise: str) -> str:
    """Return the inferred label: `idle.01` gives `idle` by the documented rule.

    The other rules are for tests of clients. The service is not known to use them.
    """
    found = INFERENCE_RULES[rule].match(file_name)
    return found.group() if found else otherwise


def choose_split(md5_hex: str) -> str:
    """Return training or testing. Only the bytes of the file decide, so that a file always gets the same category."""
    digits = md5_hex.lstrip("f")
    return "training" if not digits or digits[0] < "c" else "testing"


def encode_id8(now_ms: int) -> str:
    """Return the milliseconds since 2019 as eight lower-case base32hex digits."""
    left = max(0, now_ms - _EPOCH_2019_MS)
    high, low = left >> 20, left & 0xFFFFF
    return (
        f"{_TWO_DIGITS[high >> 10 & 1023]}{_TWO_DIGITS[high & 1023]}{_TWO_DIGITS[low >> 10]}{_TWO_DIGITS[low & 1023]}"
    )


def stored_name(file_name: str, *, id8: str, pod: str) -> str:
    """Return `<name sent>.<id8>.<pod>.<ext>`. The extension of CSV becomes `.json`, that of every image `.jpg`."""
    extension = extension_of(file_name)
    return f"{file_name}.{id8}.{pod}{_STORED_EXTENSION.get(extension, extension)}"


def sent_name(stored: str) -> str:
    """Return the name that the client sent, from the stored name."""
    return stored.rsplit(".", 3)[0]


def shown_name(file_name: str) -> str:
    """Return the name that Studio shows: the name that was sent, without its last extension. It is not unique."""
    return os.path.splitext(file_name)[0]


def decode_header_text(raw: bytes) -> str:
    """Return the text of a header, percent-decoded if it is valid percent-encoding, else unchanged."""
    plain = decode_text(raw)
    if b"%" not in raw or _BROKEN_PERCENT.search(raw):
        return plain
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return plain


def decode_text(raw: bytes) -> str:
    """Decode UTF-8, or Latin-1 if it is not valid UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
