"""Decide whether an MP4 is complete: its index (moov) and the media (mdat) that the index refers to are there.

The file is followed box by box. Data after the last box does not matter: NUL bytes of a reserved block, a vendor's
trailer, a truncated box that holds neither index nor media. Recorders write the index last, and without it no decoder
finds a frame. So a file that ends before its index is truncated.

Where the boxes leave the end of the media open, the index decides. It gives the position of every chunk of media in the
file (stco, co64) and the size of every sample in the chunks (stsz; ISO/IEC 14496-12, 8.7). All samples lie after the
first chunk begins, and the last chunk begins inside the file. So the media end no earlier than either of these says,
whatever length the box around them states.

`docs/whole-files.md` has each case with its source. Sources: ISO/IEC 14496-12, 4.2 (boxes) and 8.8 (fragments);
QuickTime File Format (Apple); ffmpeg's mov.c.
"""

import struct
from collections.abc import Generator
from dataclasses import dataclass, field

from eisync.core.formats.magic import is_still_image
from eisync.core.formats.probe import (
    CHUNK_BYTES,
    Complete,
    Completeness,
    OpenEnded,
    Probe,
    Read,
    Truncated,
    Undecidable,
    byte_count,
    cut_short,
    mismatch_to_the_end,
)
from eisync.core.model import MAX_FILE_BYTES, value

BOX_BYTES = 16
"""The size of a box header with a length of 64 bits, the longest there is."""
TO_THE_END = 0

_MAX_BOXES = 2_000
_CONTAINERS = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
_PLACES = {b"stco": ">I", b"co64": ">Q"}
# Where the number of entries is: after header, version and flags, and in `stsz` after the size that all samples share.
_PLACES_COUNTED_AT, _SIZES_COUNTED_AT = 12, 16


@value
class Box:
    """The name of a box, its length and the length of its header. `TO_THE_END`: it extends to the end of the file."""

    name: bytes
    length: int
    header: int


@dataclass(slots=True)
class _Media:
    """What the index states for all tracks: where the first and the last chunk begin, and the bytes of all samples."""

    first_at: int | None = None
    last_at: int = 0
    total: int = 0


def box_of(head: bytes) -> Box | None:
    """Return the box whose header `head` begins with; None when it is no header, or not all of one."""
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
    """Return the least position where the media can end, by the index boxes from `offset` to `end`; 0 if unknown."""
    media = _Media()
    for _ in range(_MAX_BOXES):
        if offset + 8 > end:
            break
        box = box_of((yield Read(offset, min(BOX_BYTES, end - offset))))
        if box is not None and box.name in _CONTAINERS:
            offset += box.header
            continue
        if box is None or not 0 < box.length <= end - offset:
            break
        if box.name in _PLACES:
            yield from _read_places(media, box, offset)
        elif box.name == b"stsz":
            yield from _read_sizes(media, box, offset)
        offset += box.length
    return max(media.last_at + 1, media.first_at + media.total) if media.first_at is not None else 0


def _read_places(media: _Media, table: Box, offset: int) -> Generator[Read, bytes, None]:
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


def _read_sizes(media: _Media, table: Box, offset: int) -> Generator[Read, bytes, None]:
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
    """Return how many entries the table at `offset` states; 0 when it is too short to state that."""
    if table.length < counted_at + 4:
        return 0
    count: int = struct.unpack(">I", (yield Read(offset + counted_at, 4)))[0]
    return count


MAX_PARTS = 100_000
_OFF_BY_A_HEADER = 16
_BEGIN = frozenset(
    {
        *(b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"uuid"),
        *(b"moof", b"sidx", b"emsg", b"prft", b"junk", b"PICT"),
    }
)
_MEDIA = frozenset({b"mdat", b"imda"})
_IN_AN_INDEX = frozenset({b"mvhd", b"trak", b"udta"})
_PAYLOAD = _MEDIA | {b"moov", b"moof"}


@dataclass(slots=True)
class _Found:
    """The names of the boxes so far, and where the boxes inside the index begin and end."""

    names: list[bytes] = field(default_factory=list)
    index: tuple[int, int] | None = None


def mp4(size: int) -> Probe:
    """Probe an MP4, or a QuickTime file that is called .mp4."""
    found = _Found()
    verdict = yield from _follow(found, size)
    if found.index is None or b"moof" in found.names or not isinstance(verdict, Undecidable | OpenEnded):
        return verdict
    # The boxes do not say where the media end. The index does.
    reach = yield from media_reach(*found.index)
    return cut_short("MP4 index", promised=reach, size=size) if reach > size + _OFF_BY_A_HEADER else verdict


def _follow(found: _Found, size: int) -> Probe:
    offset = 0
    names = found.names
    while offset < size:
        head = yield Read(offset, min(size - offset, BOX_BYTES))
        if not offset and (is_still_image(head) or (size >= 8 and head[4:8] not in _BEGIN)):
            return (yield from mismatch_to_the_end("an MP4 file", head, size=size))
        box = box_of(head)
        if box is None:
            return (yield from _no_box(names, head, offset, size))
        if box.length == TO_THE_END:
            return _box_to_the_end(names, box.name, size)
        if offset + box.length > size:
            return _cut_box(names, box, offset, size)
        if len(names) == MAX_PARTS:
            return Undecidable("it has too many parts to examine")
        names.append(box.name)
        if box.name == b"moov":
            found.index = (offset + box.header, offset + box.length)
        offset += box.length
    return _by_boxes(names, size)


def _has_all(names: list[bytes]) -> bool:
    """Return whether there is an index, and media, and media for the last fragment."""
    return b"moov" in names and not _MEDIA.isdisjoint(names) and _last(names, b"moof") < _last_media(names)


def _last(names: list[bytes], name: bytes) -> int:
    return len(names) - 1 - names[::-1].index(name) if name in names else -1


def _last_media(names: list[bytes]) -> int:
    return max(_last(names, name) for name in _MEDIA)


def _no_box(names: list[bytes], head: bytes, offset: int, size: int) -> Probe:
    """Decide when no box begins at `offset`. `head` are the bytes there."""
    if _has_all(names):
        return Undecidable(f"its index and media are complete, and {byte_count(size - offset)} follow its last MP4 box")
    if head.strip(b"\0") and (len(head) < 8 or (head[:4] == b"\0\0\0\1" and len(head) < 16)):
        return Truncated(f"an MP4 box begins at byte {offset:,} and has no header yet; the file has {size:,} bytes")
    if head[4:8] in _MEDIA and b"moov" not in names:
        return _without_index(size)
    return (yield from mismatch_to_the_end("an MP4 file", head[:8], size=size, offset=offset))


def _cut_box(names: list[bytes], box: Box, offset: int, size: int) -> Completeness:
    """Decide when the box at `offset` is longer than the file."""
    missing = offset + box.length - size
    shown = box.name.decode("ascii")
    if box.name not in _PAYLOAD and _has_all(names):
        return Undecidable(
            f"its index and media are complete; its last MP4 box ({shown}) claims {byte_count(missing)} more than the "
            "file has"
        )
    if box.name in _MEDIA and b"moov" in names and b"moof" not in names:
        if box.length >= MAX_FILE_BYTES:
            return OpenEnded("its MP4 header leaves the length of its media open, as recorders do until they finish")
        if missing <= _OFF_BY_A_HEADER:
            return OpenEnded(f"its MP4 box {shown} claims {byte_count(missing)} more than the file has")
    if box.length >= MAX_FILE_BYTES and box.name not in _PAYLOAD:
        return Undecidable(f"it does not look like an MP4 file at byte {offset:,}; the service will judge it")
    if box.length >= MAX_FILE_BYTES and b"moov" not in names and box.name != b"moov":
        return _without_index(size)
    return cut_short(f"MP4 box {shown}", promised=offset + box.length, size=size)


def _by_boxes(names: list[bytes], size: int) -> Completeness:
    """Decide when the boxes fill the file."""
    if b"moov" not in names:
        if b"moof" in names:
            return Undecidable(
                "it is a piece of an MP4 stream whose index (moov) is elsewhere; the service will judge it"
            )
        if not _IN_AN_INDEX.isdisjoint(names):
            return Undecidable("its index (moov) is not where its boxes lead; the service will judge it")
        return _without_index(size)
    if b"moof" in names:
        return _by_fragments(names, size)
    if _MEDIA.isdisjoint(names):
        return Truncated(f"MP4 has an index and no media (mdat) yet; the file has {size:,} bytes")
    if names.count(b"mdat") > 1 and names.index(b"moov") < _last_media(names):
        return Undecidable("its index comes before several pieces of media, and more may follow")
    return Complete("its MP4 boxes fill the file and include index and media")


def _by_fragments(names: list[bytes], size: int) -> Completeness:
    if _last(names, b"moof") > _last_media(names):
        return Truncated(f"the last fragment of the MP4 has no media (mdat) yet; the file has {size:,} bytes")
    # Another fragment could follow, unless the index of the fragments is there: it is written after the last one.
    if _last(names, b"mfra") > _last(names, b"moof"):
        return Complete("its fragments end in an index")
    return Undecidable("more fragments may follow")


def _box_to_the_end(names: list[bytes], name: bytes, size: int) -> Completeness:
    if b"moov" not in names and name != b"moov":
        return _without_index(size)
    return Undecidable(f"its last MP4 box ({name.decode('ascii')}) extends to the end of the file, wherever that is")


def _without_index(size: int) -> Truncated:
    return Truncated(f"MP4 has no index (moov), which recorders write when they finish; the file has {size:,} bytes")
