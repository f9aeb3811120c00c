"""Compare names and labels as people see them: `ü` may be one character, or a `u` and an accent behind it.

macOS writes names in the second form (NFD), everything else in the first (NFC); git, zip and copies carry both about.
Only canonical forms are the same text: what merely looks alike (half-width letters, ligatures) stays apart.

Source: Unicode Standard Annex #15 (normalization forms).
"""

import unicodedata


def nfc(text: str) -> str:
    """Return the text in the form that is the same for every way to write it. Safe to repeat.

    >>> nfc("tu\\u0308r") == "t\\u00fcr", nfc("\\uff21") == "A"
    (True, False)
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def caseless(text: str) -> str:
    """Return what is the same for all texts that differ in nothing but form and case. Safe to repeat.

    >>> caseless("Tu\\u0308r.csv") == caseless("t\\u00dcr.CSV")
    True
    """
    return nfc(nfc(text).casefold())


def forms(text: str) -> tuple[str, ...]:
    """Return the text as it is, and in the two forms in which file systems have it."""
    if text.isascii():
        return (text,)
    return tuple(dict.fromkeys((text, nfc(text), unicodedata.normalize("NFD", text))))
