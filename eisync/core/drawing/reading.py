"""Read for a drawing, which needs a part of a large file only.

A reading here asks for bytes as the probes of `core.formats` do. Whoever answers may throw `Enough` into it instead,
when the time is over or the file has become shorter. It then draws what it has.
"""

from collections.abc import Generator

from eisync.core.formats.probe import CHUNK_BYTES, Read

MOST_BYTES = 4 * 1024 * 1024
"""Read at most this much of a file for its drawing."""


class Enough(Exception):  # it is no error
    """No more bytes come."""


def read_head(size: int, most: int = MOST_BYTES) -> Generator[Read, bytes, bytes]:
    """Return the first bytes of the file: all, or at most `most`; fewer when no more come."""
    head = bytearray()
    end = min(size, most)
    try:
        while len(head) < end:
            head += yield Read(len(head), min(CHUNK_BYTES, end - len(head)))
    except Enough:
        pass
    return bytes(head)


def is_cut(head: bytes, size: int) -> str | None:
    """Return the sentence which says that only `head` is drawn; None when that is the whole file."""
    if len(head) >= size:
        return None
    return f"Only the first {bytes_in_words(len(head))} of {bytes_in_words(size)} are drawn."


def bytes_in_words(count: int) -> str:
    """Return a number of bytes for a person.

    >>> bytes_in_words(1), bytes_in_words(2048), bytes_in_words(10 * 1024**3)
    ('1 byte', '2 KiB', '10 GiB')
    """
    if count < 1024:
        return f"{count} byte{'' if count == 1 else 's'}"
    number, unit = count / 1024, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:.1f}".removesuffix(".0") + f" {unit}"
