"""Names from the service, made safe for any folder of any file system, and never the same for two samples.

Pure. A name from outside may hold separators, control characters, half characters, or be `..`; several samples may
have one name, or names that differ in nothing but their case. What is harmless stays as it is, so that a file that is
uploaded again has the name it had.

Sources: Microsoft, "Naming Files, Paths, and Namespaces" (reserved names and characters); POSIX.1-2017, NAME_MAX.
"""

import re
import unicodedata
from collections.abc import Container

from eisync.core.unicode_form import caseless

LONGEST_NAME_BYTES = 200
"""Most file systems hold 255 bytes; what is written beside and encrypted folders (143 of 255) want room."""

NAMELESS = "sample"

_STAND_IN = "_"
_BARRED = frozenset('<>:"/\\|?*')
_BARRED_KINDS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # control, format, half a character, unassigned
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)
_LONGEST_EXTENSION = 16


def safe_name(name: str) -> str:
    """One part of a path that can be made anywhere: no folder, no device, not hidden. Safe to repeat.

    >>> safe_name("wave.01.csv"), safe_name("../../etc/passwd"), safe_name("NUL.txt")
    ('wave.01.csv', '_._.._etc_passwd', '_NUL.txt')
    """
    harmless = "".join(map(_harmless, name)).rstrip(". ")
    hidden = len(harmless) - len(harmless.lstrip(". "))
    if hidden:
        harmless = _STAND_IN + harmless[1:]
    if _RESERVED.fullmatch(harmless.partition(".")[0].rstrip(" ")):
        harmless = _STAND_IN + harmless
    return _shortened(harmless) or NAMELESS


def place_for(category: str, name: str, sample_id: int, taken: Container[str]) -> str:
    """Where the sample's file goes, relative to the dataset, with `/` between the parts.

    `category/name`; when that is in `taken` (see `place_key`), `category/id/name`: the file keeps its name, which is
    what it has when it is uploaded again.
    """
    folder, safe = safe_name(category), safe_name(name)
    place = f"{folder}/{safe}"
    # A file that is called like an id would stand where another sample's folder has to be.
    if place_key(place) in taken or safe.isdecimal():
        return f"{folder}/{sample_id}/{safe}"
    return place


def place_key(place: str) -> str:
    """Two places with one key are one file on a disk that ignores case, or the form of an accent."""
    return caseless(place)


def _harmless(character: str) -> str:
    if character in _BARRED or unicodedata.category(character) in _BARRED_KINDS:
        return _STAND_IN
    return character


def _shortened(name: str) -> str:
    """At most `LONGEST_NAME_BYTES` of UTF-8; the extension stays."""
    if len(name.encode()) <= LONGEST_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > _LONGEST_EXTENSION:
        stem, dot, extension = name, "", ""
    room = LONGEST_NAME_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + dot + extension
