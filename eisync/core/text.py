"""Make texts safe for a terminal, and compare names and labels in every Unicode form.

A text must not move the terminal's cursor, change its title, or hide what it says.

`ü` may be one character, or a `u` followed by an accent. macOS writes names in the second form (NFD), other systems
write the first (NFC), and git, zip and copies spread both. Only canonical forms count as the same text. Characters that
only look alike (half-width letters, ligatures) stay different.

Source: Unicode Standard Annex #15 (normalization forms).
"""

import unicodedata

LONGEST_REASON = 300


def printable(text: str) -> str:
    r"""Return `text` as one line that is safe for any terminal. Safe to repeat.

    Control characters, line separators, direction marks and invisible characters become escapes, undecodable bytes
    become `\xff`.

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
    """Return the same for a text with several lines, such as a traceback."""
    return "\n".join(map(printable, text.split("\n")))


def one_line(text: str) -> str:
    """Return a text from a service or a file as one line of limited length."""
    # JSON may contain half a character (a lone surrogate), which no log and no database takes.
    line = printable(" ".join(text.encode("utf-8", "replace").decode("utf-8").split()))
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def amount(number: int, noun: str) -> str:
    """Return a number with its noun, for a person.

    >>> amount(1, "file"), amount(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _escape(character: str) -> str:
    code = ord(character)
    # A surrogate escape represents one undecodable byte.
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else character.encode("unicode_escape").decode("ascii")


def nfc(text: str) -> str:
    """Return the text in NFC, which is the same for every way to write it. Safe to repeat.

    >>> nfc("tu\\u0308r") == "t\\u00fcr", nfc("\\uff21") == "A"
    (True, False)
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def caseless(text: str) -> str:
    """Return a text that is equal for all texts that differ only in Unicode form and letter case. Safe to repeat.

    >>> caseless("Tu\\u0308r.csv") == caseless("t\\u00dcr.CSV")
    True
    """
    return nfc(nfc(text).casefold())


def forms(text: str) -> tuple[str, ...]:
    """Return the text unchanged, in NFC and in NFD, each once. File systems use both forms."""
    if text.isascii():
        return (text,)
    return tuple(dict.fromkeys((text, nfc(text), unicodedata.normalize("NFD", text))))


def width_of(text: str) -> int:
    """Return how many columns of a terminal a printable text takes: wide characters take two, accents none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def fitted(text: str, columns: int) -> str:
    """Return the printable form of the text, cut to so many columns of a terminal. An ellipsis ends a cut text."""
    text = printable(text)
    if width_of(text) <= columns:
        return text
    end, width = 0, 0
    while width + _columns(text[end]) < columns:  # the text is wider, so this ends before it does
        width += _columns(text[end])
        end += 1
    return text[:end] + "\u2026"[:columns]


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
