"""Whether a WAV is whole: its sound is there, as much of it as its header names.

Recorders write a header first, the sound behind it, and the sizes last. So a size of nothing, or one that no file has
that the service takes, is that of a recorder that is at work, or died, or writes into a pipe and can never set it. Of
a finished file either size may be off by the bytes of a header while the other one is right: ffmpeg, libsndfile and
SciPy go by the length of the sound, take what is there of it, and do not ask the size of the file.

`docs/whole-files.md` has each case with its source. Sources: Multimedia Programming Interface and Data Specifications
1.0 (RIFF); EBU Tech 3306 and ITU-R BS.2088 (RF64, BW64); libsndfile's wav.c and ffmpeg's wavdec.c.
"""

import struct
from collections.abc import Generator

from eisync.core.formats.probe import (
    Complete,
    Completeness,
    OpenEnded,
    Probe,
    Read,
    Truncated,
    Undecidable,
    behind_nul,
    counted,
    cut_short,
    unlike,
    unlike_to_the_end,
)
from eisync.core.model import MAX_FILE_BYTES, value

# What WAV and AVI share: chunks of a name, a length and, where that is odd, a pad byte. Source: Multimedia Programming
# Interface and Data Specifications 1.0 (Microsoft and IBM, 1991), chapter 2.
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

_USUAL_HEADER = 44
_MOST_OF_A_CHUNK = 32  # a ds64 has its sizes in so many
_FORM_BYTES = 12
_CALLED = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}
_LONG = frozenset({b"RF64", b"BW64"})
_ALL = 0xFFFF_FFFF


@value
class _Sound:
    """Where the sound begins, how many bytes of it there are to be, and where the file ends by its header."""

    begins_at: int
    length: int
    file_ends_at: int


def wav(size: int) -> Probe:
    """WAV, RIFX, RF64 and BW64."""
    start = yield Read(0, min(size, _USUAL_HEADER))
    if start[:4] not in _CALLED or start[8:12] != b"WAVE"[: max(0, size - 8)]:
        if size < _FORM_BYTES and any(magic.startswith(start[:4]) for magic in _CALLED):
            return _headerless(size)
        return (yield from unlike_to_the_end("a WAV file", start, size=size))
    if size < _FORM_BYTES:
        return _headerless(size)
    found = yield from _find_sound(start, size)
    return _by_sound(found, size) if isinstance(found, _Sound) else found


def _find_sound(start: bytes, size: int) -> Generator[Read, bytes, _Sound | Completeness]:
    order = _CALLED[start[:4]] + "I"
    is_long = start[:4] in _LONG
    file_ends_at = HEAD_BYTES + struct.unpack(order, start[4:8])[0]
    long_data = 0
    offset, name, is_odd = _FORM_BYTES, b"", False
    for _ in range(MOST_PARTS):
        if offset > size:
            return cut_short(f"WAV chunk {name.decode('ascii')}", promised=offset, size=size)
        if offset + HEAD_BYTES > size:
            return _without_sound(file_ends_at, size)
        chunk = start[offset:]
        # Of most files all that is asked for is in the usual header.
        if is_odd or len(chunk) < HEAD_BYTES or chunk[:4] == b"ds64":
            offset, chunk = yield from read_chunk(offset, size, _MOST_OF_A_CHUNK, is_odd=is_odd)
        name, is_odd = chunk[:4], False
        if not is_name(name):
            if name.strip(b"\0"):
                return unlike("a WAV file", name, offset=offset)
            nul_from, offset = offset, (yield from behind_nul(offset, size))
            if offset == size:
                return unlike("a WAV file", name, offset=nul_from)
            continue
        if len(chunk) < HEAD_BYTES:
            return _without_sound(file_ends_at, size)
        length = struct.unpack(order, chunk[4:8])[0]
        if is_long and name == b"ds64" and len(chunk) >= 24:
            long_riff, long_data = struct.unpack("<QQ", chunk[8:24])
            file_ends_at = HEAD_BYTES + long_riff
        elif name == b"data":
            return _Sound(offset + HEAD_BYTES, long_data if is_long and length == _ALL else length, file_ends_at)
        elif length >= MAX_FILE_BYTES:
            return unlike("a WAV file", name, offset=offset)
        offset, is_odd = offset + HEAD_BYTES + length, length % 2 == 1
    return Undecidable("it has too many parts to examine")


def _by_sound(sound: _Sound, size: int) -> Completeness:
    """Decide by what there is of the sound, and then by where the file is to end."""
    is_there = size - sound.begins_at
    if is_there <= 0 and _is_open(sound.length):
        return Truncated(f"WAV header gives no sound yet, and there is no sound; the file has {size:,} bytes")
    if not sound.length or (is_there < sound.length and _is_open(sound.length)):
        return OpenEnded("its WAV header leaves the length open, as recorders do until they finish")
    if is_there < sound.length:
        return _short_of_sound(sound, size)
    return _by_end(sound, size)


def _is_open(length: int) -> bool:
    """Whether no file that the service takes has a length like this. Among them are 0x7FFFF000 (SoX), 0x80000000
    (arecord), 2,000,000,000 (kyutai-labs/pocket-tts#229) and 0xFFFFFFFF (ffmpeg, and RF64 without its ds64)."""
    return not length or length >= MAX_FILE_BYTES


def _short_of_sound(sound: _Sound, size: int) -> Completeness:
    end = sound.begins_at + sound.length
    missing = end - size
    if size > sound.begins_at:
        names_more = f"its WAV header claims {counted(missing)} of sound more than the file has"
        if sound.file_ends_at < end and abs(sound.file_ends_at - size) <= OFF_BY_A_HEADER:
            return Undecidable(f"{names_more}, but gives the right end of the file")
        if missing <= sound.begins_at + HEAD_BYTES:
            # llfbandit/record#96, cjcliffe/CubicSDR#616, cryptix/wav#10
            return OpenEnded(f"{names_more}; some recorders count their header as sound")
        if missing * 100 < sound.length:
            return OpenEnded(f"{names_more}, which is less than 1 % of it")
    promised = end if sound.file_ends_at >= MAX_FILE_BYTES else max(end, sound.file_ends_at)
    return cut_short("WAV header", promised=promised, size=size)


def _by_end(sound: _Sound, size: int) -> Completeness:
    """All of the sound is there. What is missing behind it, or follows the end, is none of it."""
    end = sound.begins_at + sound.length
    # Some programs set only the length of the sound.
    named = max(end, sound.file_ends_at) if sound.file_ends_at < MAX_FILE_BYTES else end
    missing = named - size
    if missing <= 0:
        if -missing > named % 2:
            return Undecidable(f"{-missing:,} bytes follow the end that its header gives")
        return Complete("as long as its WAV header says")
    if missing <= OFF_BY_A_HEADER and size <= end + end % 2:
        return Complete("its sound is as long as its WAV header says")
    why = f"its sound is complete, and its WAV header claims {counted(missing)} more after it"
    return Undecidable(why) if missing <= sound.begins_at + HEAD_BYTES else OpenEnded(why)


def _headerless(size: int) -> Truncated:
    return Truncated(f"the file has {size:,} bytes, which is less than a WAV header")


def _without_sound(file_ends_at: int, size: int) -> Truncated:
    if size < file_ends_at < MAX_FILE_BYTES:
        return cut_short("WAV header", promised=file_ends_at, size=size)
    return Truncated(f"it is a WAV header without sound; the file has {size:,} bytes")


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
