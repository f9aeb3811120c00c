"""What WAV and AVI share: chunks of a name, a length and, where that is odd, a pad byte.

Source: Multimedia Programming Interface and Data Specifications 1.0 (Microsoft and IBM, 1991), chapter 2.
"""

from collections.abc import Generator

from eisync.core.formats.probe import Read

MOST_PARTS = 100_000
HEAD_BYTES = 8
OFF_BY_A_HEADER = HEAD_BYTES + 1
"""So much a length is wrong that counts the eight bytes before it, or those and a pad byte that is not there."""

_PAD = 1
_COMMON = frozenset(
    {
        b"data",
        b"LIST",
        b"fmt ",
        b"fact",
        b"bext",
        b"JUNK",
        b"junk",
        b"PAD ",
        b"FLLR",
        b"cue ",
        b"iXML",
        b"idx1",
        b"RIFF",
    }
)


def is_name(name: bytes) -> bool:
    """Return whether these four bytes can be a chunk's name: printable, as libsndfile asks for (wav.c)."""
    return name in _COMMON or (len(name) == 4 and name.isascii() and name.decode("ascii").isprintable())


def read_chunk(offset: int, size: int, most: int, *, is_odd: bool) -> Generator[Read, bytes, tuple[int, bytes]]:
    """Return where the chunk behind a body that ended at `offset` begins, and its first bytes, `most` of them.

    `is_odd`: that body's length was odd. The pad byte that belongs behind it is missing from some writers' files
    (naudio/NAudio#386, jstrait/wavefile#8, taglib/taglib#883), which is seen by what stands there.
    """
    head = yield Read(offset, min(size - offset, most + is_odd))
    if is_odd and is_pad_and_chunk(head):
        return offset + _PAD, head[_PAD:]
    return offset, head[:most]


def is_pad_and_chunk(head: bytes) -> bool:
    """Return whether these bytes begin with a pad byte, which is NUL in most files, and not with the chunk itself."""
    if head[:1] == b"\0" or head[1:5] in _COMMON:
        return True
    return not is_name(head[:4])
