"""Read boxes of an MP4, and how far its index (moov) says that its media reach.

The index names the place of every chunk of media in the file (stco, co64) and the size of every sample in them (stsz;
ISO/IEC 14496-12, 8.7). All samples lie behind the first chunk, and the last chunk begins inside the file: so the media
end no earlier than either says, whatever the length of the box says that holds them.
"""

import struct
from collections.abc import Generator
from dataclasses import dataclass

from eisync.core.probe import CHUNK_BYTES, Read
from eisync.core.values import value

BOX_BYTES = 16
"""So many bytes hold a box's header, with a length of 64 bits."""
TO_THE_END = 0

_MOST_BOXES = 2_000
_WAY_DOWN = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
_PLACES = {b"stco": ">I", b"co64": ">Q"}
_PLACES_COUNTED_AT, _SIZES_COUNTED_AT = (
    12,
    16,
)  # behind header, version and flags, and in `stsz` the size of all samples


@value
class Box:
    """The name of a box, and its length and its header's; `TO_THE_END` for one that goes to the end of the file."""

    name: bytes
    length: int
    header: int


@dataclass(slots=True)
class _Media:
    """What the index says of all tracks: where the first and the last chunk begin, and the bytes of all samples."""

    first_at: int | None = None
    last_at: int = 0
    total: int = 0


def box_of(head: bytes) -> Box | None:
    """Read the header of a box; None when these bytes are none, or not all of one."""
    if len(head) < 8:
        return None
    length, name = struct.unpack(">I4s", head[:8])
    if not name.isascii() or not name.decode("ascii").isprintable():
        return None
    if length == 1:
        if len(head) < BOX_BYTES:
            return None
        length = struct.unpack(">Q", head[8:16])[0]
        return Box(name, length, 16) if length >= 16 else None
    return Box(name, length, 8) if length == TO_THE_END or length >= 8 else None


def media_reach(offset: int, end: int) -> Generator[Read, bytes, int]:
    """Return how far the media reach, at least, by an index whose boxes stand from `offset` to `end`; 0 without any."""
    media = _Media()
    for _ in range(_MOST_BOXES):
        if offset + 8 > end:
            break
        box = box_of((yield Read(offset, min(BOX_BYTES, end - offset))))
        if box is not None and box.name in _WAY_DOWN:
            offset += box.header
            continue
        if box is None or not 0 < box.length <= end - offset:
            break
        if box.name in _PLACES:
            yield from _take_places(media, box, offset)
        elif box.name == b"stsz":
            yield from _take_sizes(media, box, offset)
        offset += box.length
    return max(media.last_at + 1, media.first_at + media.total) if media.first_at is not None else 0


def _take_places(media: _Media, table: Box, offset: int) -> Generator[Read, bytes, None]:
    entry = _PLACES[table.name]
    each = struct.calcsize(entry)
    begins_at = _PLACES_COUNTED_AT + 4
    count = yield from _count(table, offset, _PLACES_COUNTED_AT)
    if not 0 < count <= (table.length - begins_at) // each:
        return
    first: int = struct.unpack(entry, (yield Read(offset + begins_at, each)))[0]
    last: int = struct.unpack(entry, (yield Read(offset + begins_at + (count - 1) * each, each)))[0]
    media.first_at = min(first, last) if media.first_at is None else min(media.first_at, first, last)
    media.last_at = max(media.last_at, first, last)


def _take_sizes(media: _Media, table: Box, offset: int) -> Generator[Read, bytes, None]:
    count = yield from _count(table, offset, _SIZES_COUNTED_AT)
    if not count:
        return
    of_all = struct.unpack(">I", (yield Read(offset + _SIZES_COUNTED_AT - 4, 4)))[0]
    if of_all:
        media.total += of_all * count
        return
    begins_at = offset + _SIZES_COUNTED_AT + 4
    ends_at = min(begins_at + 4 * count, offset + table.length)
    for at in range(begins_at, ends_at - 3, CHUNK_BYTES):
        number = min(CHUNK_BYTES, ends_at - at) // 4
        media.total += sum(struct.unpack(f">{number}I", (yield Read(at, 4 * number))))


def _count(table: Box, offset: int, counted_at: int) -> Generator[Read, bytes, int]:
    """Return how many entries the table at `offset` names; 0 when it has no room for that."""
    if table.length < counted_at + 4:
        return 0
    count: int = struct.unpack(">I", (yield Read(offset + counted_at, 4)))[0]
    return count
