"""Find the encoding of a text that a person, a spreadsheet or a shell wrote.

Excel saves "CSV" in cp1252 on most systems of western Europe, "Unicode text" as UTF-16, and "CSV UTF-8" with a byte
order mark. PowerShell's `>` writes UTF-16, and Praat writes it where a label needs it.

Sources: Python's codecs module; the WHATWG's Encoding Standard (windows-1252); the Unicode Standard, section 23.8.
"""

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ASCII_LE = re.compile(rb"(?:[\t -~]\0){2}")  # without a byte order mark
_ASCII_BE = re.compile(rb"(?:\0[\t -~]){2}")

MARK_BYTES = 4
"""So many bytes at the beginning tell UTF-16 from UTF-8."""


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text that begins with `head`, which may be cut anywhere.

    `cp1252` stands for every text that is not UTF-8. Some bytes have no character in it, so decode it with
    `errors="replace"`. A text whose first other character comes after the head is called `utf-8`: if decoding it fails
    later, decode all of it again as `cp1252`.

    >>> encoding_of("Tür;offen".encode("cp1252")), encoding_of("Tür;offen".encode()[:2])
    ('cp1252', 'utf-8')
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if _ASCII_LE.match(head):
        return "utf-16-le"
    if _ASCII_BE.match(head):
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
