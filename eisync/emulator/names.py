"""How the service names things: stored names, labels it infers, the split it decides. Pure.

Source: the wire contract, section 1.
"""

import os
import re
from urllib.parse import unquote_to_bytes

_EPOCH_2019_MS = 1_546_300_800_000
_BASE32HEX = "0123456789abcdefghijklmnopqrstuv"
_TWO_DIGITS = [high + low for high in _BASE32HEX for low in _BASE32HEX]
# The service's rule is ^[a-zA-Z0-9\s-_]+ in JavaScript, where that dash is a dash; Python wants it escaped.
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
    """Lower case, with its dot; empty when there is none."""
    return os.path.splitext(file_name)[1].lower()


def base_name(file_name: str) -> str:
    """The name without folders: whatever a client sends, nothing is stored by path."""
    return file_name.rpartition("/")[2]


def infer_label(file_name: str, *, rule: str, otherwise: str) -> str:
    """`idle.01` gives `idle` by the documented rule. The others are none of the service's, as far as is known."""
    found = INFERENCE_RULES[rule].match(file_name)
    return found.group() if found else otherwise


def choose_split(md5_hex: str) -> str:
    """training or testing, decided by the bytes of the file alone: the same file always lands in the same place."""
    digits = md5_hex.lstrip("f")
    return "training" if not digits or digits[0] < "c" else "testing"


def encode_id8(now_ms: int) -> str:
    """Milliseconds since 2019 in eight lower-case base32hex digits."""
    left = max(0, now_ms - _EPOCH_2019_MS)
    high, low = left >> 20, left & 0xFFFFF
    return (
        f"{_TWO_DIGITS[high >> 10 & 1023]}{_TWO_DIGITS[high & 1023]}{_TWO_DIGITS[low >> 10]}{_TWO_DIGITS[low & 1023]}"
    )


def stored_name(file_name: str, *, id8: str, pod: str) -> str:
    """`<name sent>.<id8>.<pod>.<ext>`: CSV becomes JSON, every image is called a JPEG."""
    extension = extension_of(file_name)
    return f"{file_name}.{id8}.{pod}{_STORED_EXTENSION.get(extension, extension)}"


def sent_name(stored: str) -> str:
    """The name a client sent, out of the stored one."""
    return stored.rsplit(".", 3)[0]


def shown_name(file_name: str) -> str:
    """The name in Studio: as sent, less its last extension. Not unique."""
    return os.path.splitext(file_name)[0]


def decode_header_text(raw: bytes) -> str:
    """A header's text: percent-decoded when that succeeds, as it came when it does not."""
    plain = decode_text(raw)
    if b"%" not in raw or _BROKEN_PERCENT.search(raw):
        return plain
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return plain


def decode_text(raw: bytes) -> str:
    """UTF-8, or Latin-1 when it cannot be."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
