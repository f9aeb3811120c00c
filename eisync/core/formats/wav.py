"""Decide whether a WAV is complete: all the sound that its header promises is in the file.

A recorder writes the header first, then the sound, and the sizes last. So a size of 0, or one above what the service
takes, means that the recorder still runs, that it died, or that it writes into a pipe and can never set the size.

In a finished file one of the two sizes may be wrong by the length of a header while the other is right. ffmpeg,
libsndfile and SciPy use the length of the sound, take as much of it as there is, and ignore the file's size.

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
    after_nul,
    byte_count,
    cut_short,
    mismatch,
    mismatch_to_the_end,
)
from eisync.core.model import MAX_FILE_BYTES, value

# WAV and AVI share their layout: chunks with a name, a length and, where the length is odd, a pad byte. Source:
# Multimedia Programming Interface and Data Specifications 1.0 (Microsoft and IBM, 1991), chapter 2.
MAX_PARTS = 100_000
HEAD_BYTES = 8
OFF_BY_A_HEADER = HEAD_BYTES + 1
"""The largest error of a length that also counts the eight bytes before it, or these and a missing pad byte."""

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
_MAX_CHUNK_HEAD_BYTES = 32  # enough for the sizes in a ds64
_FORM_BYTES = 12
_CALLED = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}
_LONG = frozenset({b"RF64", b"BW64"})
_ALL = 0xFFFF_FFFF


@value
class _Sound:
    """Where the sound begins, how many bytes of sound the header promises, and where the file ends by its header."""

    begins_at: int
    length: int
    file_ends_at: int


def wav(size: int) -> Probe:
    """Probe a WAV: RIFF, RIFX, RF64 or BW64."""
    start = yield Read(0, min(size, _USUAL_HEADER))
    if start[:4] not in _CALLED or start[8:12] != b"WAVE"[: max(0, size - 8)]:
        if size < _FORM_BYTES and any(magic.startswith(start[:4]) for magic in _CALLED):
            return _headerless(size)
        return (yield from mismatch_to_the_end("a WAV file", start, size=size))
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
    for _ in range(MAX_PARTS):
        if offset > size:
            return cut_short(f"WAV chunk {name.decode('ascii')}", promised=offset, size=size)
        if offset + HEAD_BYTES > size:
            return _without_sound(file_ends_at, size)
        chunk = start[offset:]
        # For most files the usual header has everything that is needed.
        if is_odd or len(chunk) < HEAD_BYTES or chunk[:4] == b"ds64":
            offset, chunk = yield from read_chunk(offset, size, _MAX_CHUNK_HEAD_BYTES, is_odd=is_odd)
        name, is_odd = chunk[:4], False
        if not is_name(name):
            if name.strip(b"\0"):
                return mismatch("a WAV file", name, offset=offset)
            nul_from, offset = offset, (yield from after_nul(offset, size))
            if offset == size:
                return mismatch("a WAV file", name, offset=nul_from)
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
            return mismatch("a WAV file", name, offset=offset)
        offset, is_odd = offset + HEAD_BYTES + length, length % 2 == 1
    return Undecidable("it has too many parts to examine")


def _by_sound(sound: _Sound, size: int) -> Completeness:
    """Decide by how much of the sound there is, and then by where the file should end."""
    is_there = size - sound.begins_at
    if is_there <= 0 and _is_open(sound.length):
        return Truncated(f"WAV header gives no sound yet, and there is no sound; the file has {size:,} bytes")
    if not sound.length or (is_there < sound.length and _is_open(sound.length)):
        return OpenEnded("its WAV header leaves the length open, as recorders do until they finish")
    if is_there < sound.length:
        return _short_of_sound(sound, size)
    return _by_end(sound, size)


def _is_open(length: int) -> bool:
    """Return whether the length is a placeholder: 0, or longer than any file that the service takes.

    Known placeholders are 0x7FFFF000 (SoX), 0x80000000 (arecord), 2,000,000,000 (kyutai-labs/pocket-tts#229) and
    0xFFFFFFFF (ffmpeg, and RF64 without its ds64).
    """
    return not length or length >= MAX_FILE_BYTES


def _short_of_sound(sound: _Sound, size: int) -> Completeness:
    end = sound.begins_at + sound.length
    missing = end - size
    if size > sound.begins_at:
        names_more = f"its WAV header claims {byte_count(missing)} of sound more than the file has"
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
    """Decide when all of the sound is there. What is missing after it, or follows the file's end, is not sound."""
    end = sound.begins_at + sound.length
    # Some programs set only the length of the sound and leave the file's size open.
    named = max(end, sound.file_ends_at) if sound.file_ends_at < MAX_FILE_BYTES else end
    missing = named - size
    if missing <= 0:
        if -missing > named % 2:
            return Undecidable(f"{-missing:,} bytes follow the end that its header gives")
        return Complete("as long as its WAV header says")
    if missing <= OFF_BY_A_HEADER and size <= end + end % 2:
        return Complete("its sound is as long as its WAV header says")
    why = f"its sound is complete, and its WAV header claims {byte_count(missing)} more after it"
    return Undecidable(why) if missing <= sound.begins_at + HEAD_BYTES else OpenEnded(why)


def _headerless(size: int) -> Truncated:
    return Truncated(f"the file has {size:,} bytes, which is less than a WAV header")


def _without_sound(file_ends_at: int, size: int) -> Truncated:
    if size < file_ends_at < MAX_FILE_BYTES:
        return cut_short("WAV header", promised=file_ends_at, size=size)
    return Truncated(f"it is a WAV header without sound; the file has {size:,} bytes")


def is_name(name: bytes) -> bool:
    """Return whether these four bytes can be the name of a chunk. It is printable, as libsndfile requires (wav.c)."""
    return name in _COMMON or (len(name) == 4 and name.isascii() and name.decode("ascii").isprintable())


def read_chunk(offset: int, size: int, most: int, *, is_odd: bool) -> Generator[Read, bytes, tuple[int, bytes]]:
    """Return where the chunk after a body that ended at `offset` begins, and up to `most` of its first bytes.

    `is_odd` says that the length of that body was odd. A pad byte should then follow it, but some writers leave it out
    (naudio/NAudio#386, jstrait/wavefile#8, taglib/taglib#883). The bytes at `offset` tell whether it is there.
    """
    head = yield Read(offset, min(size - offset, most + is_odd))
    if is_odd and is_pad_and_chunk(head):
        return offset + _PAD, head[_PAD:]
    return offset, head[:most]


def is_pad_and_chunk(head: bytes) -> bool:
    """Return whether these bytes begin with a pad byte, which is NUL in most files, rather than with a chunk."""
    if head[:1] == b"\0" or head[1:5] in _COMMON:
        return True
    return not is_name(head[:4])
