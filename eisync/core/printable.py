"""Make texts fit for a terminal: none of them may move its cursor, change its title, or read otherwise than it is."""


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


def _escape(character: str) -> str:
    code = ord(character)
    # A surrogate escape stands for one undecodable byte.
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else character.encode("unicode_escape").decode("ascii")
