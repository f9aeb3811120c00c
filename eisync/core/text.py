"""Make texts fit for a terminal: none of them may move its cursor, change its title, or read otherwise than it is.

Compare names and labels as people see them: `ü` may be one character, or a `u` and an accent behind it.

macOS writes names in the second form (NFD), everything else in the first (NFC); git, zip and copies carry both about.
Only canonical forms are the same text: what merely looks alike (half-width letters, ligatures) stays apart.

Source: Unicode Standard Annex #15 (normalization forms).
"""

import unicodedata

LONGEST_REASON = 300


def printable(text: str) -> str:
    r"""`text` on one line of any terminal, whoever wrote it. Safe to repeat.

    Control characters, line separators, and what turns the direction of a text or is not seen at all are shown as
    escapes, undecodable bytes as `\xff`.

    >>> printable("a\x1b[31mb\n\u202ec\udcff")
    'a\\x1b[31mb\\n\\u202ec\\xff'
    """
    if text.isprintable():
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    visible = "".join(
        character if character.isprintable() or character == " " else _escape(character) for character in text
    )
    return visible.encode("utf-8", "backslashreplace").decode("utf-8")


def printable_lines(text: str) -> str:
    """The same of a text that has several lines on purpose, such as a traceback."""
    return "\n".join(map(printable, text.split("\n")))


def one_line(text: str) -> str:
    """Return `text` of a service or a file as a sentence of bearable length."""
    # JSON may hold half a character (a lone surrogate), which no log and no database takes.
    line = printable(" ".join(text.encode("utf-8", "replace").decode("utf-8").split()))
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def amount(number: int, noun: str) -> str:
    """Return so many of something, for a person.

    >>> amount(1, "file"), amount(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _escape(character: str) -> str:
    code = ord(character)
    # A surrogate escape stands for one undecodable byte.
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else character.encode("unicode_escape").decode("ascii")


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
