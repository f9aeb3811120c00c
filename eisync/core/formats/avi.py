"""Decide whether an AVI is complete: its frames are there, in a list (movi) that states its length.

Two kinds of length lead to the end of the file: that of the outermost list (RIFF), and those of the parts inside.
Either may be wrong by a header in files that play. If the outermost lengths lead to the end, the file is complete;
otherwise the parts are followed one by one.

The index (idx1) comes last. Players read the frames without it (ffmpeg's avidec.c). A file that was cut at that point
cannot be told from one that never had an index, so such a file is open-ended: it is sent once no more is expected.

`docs/whole-files.md` has each case with its source. Sources: AVI RIFF File Reference (Microsoft); OpenDML AVI File
Format Extensions 1.02; ffmpeg's avidec.c.
"""

import struct
from collections.abc import Generator
from dataclasses import dataclass

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
from eisync.core.formats.wav import HEAD_BYTES, MAX_PARTS, OFF_BY_A_HEADER, is_name, read_chunk
from eisync.core.model import MAX_FILE_BYTES

_LIST_BYTES = 12
_BEHIND_PICTURES = frozenset({b"idx1", b"JUNK", b"LIST", b"RIFF", bytes(4)})
_AROUND = 16  # search for the index this many bytes before and after the place where it should be


@dataclass(slots=True)
class _Parts:
    """What was found so far in the current outermost list, and where in the file that list ends by its length."""

    ends_at: int
    has_pictures: bool = False
    has_index: bool = False


def avi(size: int) -> Probe:
    """Probe an AVI: one RIFF list after another. The first is called "AVI ", all others AVIX."""
    offset = last = 0
    while offset < size:
        head = yield Read(offset, min(size - offset, _LIST_BYTES))
        if not _is_list(head, is_first=not offset):
            if not offset:
                return (yield from mismatch_to_the_end("an AVI file", head, size=size))
            break
        last = offset
        if len(head) < _LIST_BYTES:
            return Truncated(
                f"an AVI list begins at byte {offset:,} and has no header yet; the file has {size:,} bytes"
            )
        length = struct.unpack("<I", head[4:8])[0]
        if length < _LIST_BYTES or offset + HEAD_BYTES + length > size:
            break
        offset += HEAD_BYTES + length + length % 2
    if offset >= size:
        return Complete("as long as its AVI header says")
    return (yield from _by_parts(last, size))


def _is_list(head: bytes, *, is_first: bool) -> bool:
    kind = b"AVI " if is_first else b"AVIX"
    return b"RIFF".startswith(head[:4]) and kind.startswith(head[8:12])


def _by_parts(offset: int, size: int) -> Probe:
    """Follow the parts from the outermost list at `offset` on, whatever length that list states."""
    parts = _Parts(ends_at=size)
    is_odd = False
    for _ in range(MAX_PARTS):
        if offset + HEAD_BYTES > size:
            break
        offset, head = yield from read_chunk(offset, size, _LIST_BYTES, is_odd=is_odd)
        is_odd = False
        if head[:4] and not head[:4].strip(b"\0"):
            # Some writers align their lists with NUL bytes (contentauth/c2pa-rs#1910), others reserve blocks.
            nul_from, offset = offset, (yield from after_nul(offset, size))
            if offset < size:
                continue
            return (
                _ended(parts, nul_from, size) if parts.has_pictures else mismatch("an AVI file", head, offset=nul_from)
            )
        if len(head) < HEAD_BYTES or not is_name(head[:4]):
            break
        length = struct.unpack("<I", head[4:8])[0]
        end = offset + HEAD_BYTES + length
        if head[:4] == b"RIFF":
            parts = _Parts(ends_at=end, has_index=parts.has_index)
            offset += _LIST_BYTES
            continue
        if head[:4] == b"LIST" and head[8:12] == b"movi":
            missing = _missing_pictures(parts, offset, length, size)
            if missing is not None:
                return missing
            parts.has_pictures = True
            offset = yield from _behind_pictures(end, size)
            continue
        if end > size:
            return _ended(parts, offset, size) if parts.has_pictures else _cut(parts, end, size)
        parts.has_index |= head[:4] == b"idx1"
        offset, is_odd = end, length % 2 == 1
    return _ended(parts, offset, size) if parts.has_pictures else _without_pictures(parts, offset, size)


def _missing_pictures(parts: _Parts, offset: int, length: int, size: int) -> Completeness | None:
    """Return the verdict when the list of frames at `offset` is not as long as it states; None when it is."""
    end = offset + HEAD_BYTES + length
    if length < 4 or (end > size and length >= MAX_FILE_BYTES):
        if offset + _LIST_BYTES + HEAD_BYTES <= size:
            return OpenEnded("its AVI header leaves the length open, as recorders do until they finish")
        return Truncated(
            f"AVI header leaves the length open, as recorders do until they finish; the file has {size:,} bytes"
        )
    if end <= size:
        return None
    if end - size <= _AROUND:
        return OpenEnded(f"its AVI list of frames claims {byte_count(end - size)} more than the file has")
    return _cut(parts, end, size)


def _cut(parts: _Parts, end: int, size: int) -> Truncated:
    promised = max(end, parts.ends_at) if parts.ends_at < MAX_FILE_BYTES else end
    return cut_short("AVI header", promised=promised, size=size)


def _behind_pictures(end: int, size: int) -> Generator[Read, bytes, int]:
    """Return where the index begins, which may be a few bytes away from where the list of frames states its end."""
    begin = max(0, end - _AROUND)
    around = yield Read(begin, min(2 * _AROUND + HEAD_BYTES, size - begin))
    here = around[end - begin :]
    pad = end % 2 if here[:1] == b"\0" else 0
    found = around.find(b"idx1")
    if here[pad : pad + 4] in _BEHIND_PICTURES or found < 0:
        return end + pad
    return begin + found


def _ended(parts: _Parts, offset: int, size: int) -> Completeness:
    """Decide when all frames are there and the parts were followed up to `offset`."""
    left = max(0, size - offset)
    if parts.has_index and not left:
        return Complete("its AVI lists and its index end with the file")
    if parts.has_index or parts.ends_at <= size + OFF_BY_A_HEADER:
        follows = f"{byte_count(left)} follow its last AVI list" if left else "they end where the file ends"
        return Undecidable(f"its frames are complete, and {follows}")
    return OpenEnded("its frames are complete; its AVI index (idx1) is missing, but players do not need one")


def _without_pictures(parts: _Parts, offset: int, size: int) -> Completeness:
    if offset + HEAD_BYTES <= size:
        return Undecidable(f"it does not look like an AVI file at byte {offset:,}; the service will judge it")
    if not HEAD_BYTES + _LIST_BYTES <= parts.ends_at < MAX_FILE_BYTES:
        return Truncated(
            f"AVI header leaves the length open, as recorders do until they finish; the file has {size:,} bytes"
        )
    return cut_short("AVI header", promised=max(parts.ends_at, offset), size=size)
