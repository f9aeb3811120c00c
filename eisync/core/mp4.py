"""Whether an MP4 is whole: its index (moov) and the media (mdat) that it speaks of are there, box by box.

What follows the boxes is not asked: NUL bytes of a reserved block, a maker's trailer, a box that is cut and holds
neither. Recorders write the index last, and without it no decoder finds a picture; a file that ends before it is cut.

`docs/whole-files.md` has each case with its source. Sources: ISO/IEC 14496-12, 4.2 (boxes) and 8.8 (fragments);
QuickTime File Format (Apple); ffmpeg's mov.c.
"""

from dataclasses import dataclass, field

from eisync.core.magic import is_still_image
from eisync.core.model import MAX_FILE_BYTES
from eisync.core.mp4_index import BOX_BYTES, TO_THE_END, Box, box_of, media_reach
from eisync.core.probe import (
    Complete,
    Completeness,
    OpenEnded,
    Probe,
    Read,
    Truncated,
    Undecidable,
    counted,
    cut_short,
    unlike_to_the_end,
)

MOST_PARTS = 100_000
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
    """The names of the boxes so far, and from where to where those of the index stand in it."""

    names: list[bytes] = field(default_factory=list)
    index: tuple[int, int] | None = None


def mp4(size: int) -> Probe:
    """MP4, and QuickTime under its name."""
    found = _Found()
    verdict = yield from _walk(found, size)
    if found.index is None or b"moof" in found.names or not isinstance(verdict, Undecidable | OpenEnded):
        return verdict
    # The boxes do not tell where the media end. The index does.
    reach = yield from media_reach(*found.index)
    return cut_short("MP4 index", promised=reach, size=size) if reach > size + _OFF_BY_A_HEADER else verdict


def _walk(found: _Found, size: int) -> Probe:
    offset = 0
    names = found.names
    while offset < size:
        head = yield Read(offset, min(size - offset, BOX_BYTES))
        if not offset and (is_still_image(head) or (size >= 8 and head[4:8] not in _BEGIN)):
            return (yield from unlike_to_the_end("an MP4 file", head, size=size))
        box = box_of(head)
        if box is None:
            return (yield from _no_box(names, head, offset, size))
        if box.length == TO_THE_END:
            return _box_to_the_end(names, box.name, size)
        if offset + box.length > size:
            return _cut_box(names, box, offset, size)
        if len(names) == MOST_PARTS:
            return Undecidable("it has too many parts to examine")
        names.append(box.name)
        if box.name == b"moov":
            found.index = (offset + box.header, offset + box.length)
        offset += box.length
    return _by_boxes(names, size)


def _has_all(names: list[bytes]) -> bool:
    """Whether an index is there, and media, and no fragment without its own."""
    return b"moov" in names and not _MEDIA.isdisjoint(names) and _last(names, b"moof") < _last_media(names)


def _last(names: list[bytes], name: bytes) -> int:
    return len(names) - 1 - names[::-1].index(name) if name in names else -1


def _last_media(names: list[bytes]) -> int:
    return max(_last(names, name) for name in _MEDIA)


def _no_box(names: list[bytes], head: bytes, offset: int, size: int) -> Probe:
    """Decide when no box stands at `offset`, where the file goes on with `head`."""
    if _has_all(names):
        return Undecidable(f"its index and media are complete, and {counted(size - offset)} follow its last MP4 box")
    if head.strip(b"\0") and (len(head) < 8 or (head[:4] == b"\0\0\0\1" and len(head) < 16)):
        return Truncated(f"an MP4 box begins at byte {offset:,} and has no header yet; the file has {size:,} bytes")
    if head[4:8] in _MEDIA and b"moov" not in names:
        return _without_index(size)
    return (yield from unlike_to_the_end("an MP4 file", head[:8], size=size, offset=offset))


def _cut_box(names: list[bytes], box: Box, offset: int, size: int) -> Completeness:
    """Decide when the box at `offset` is longer than the file."""
    missing = offset + box.length - size
    shown = box.name.decode("ascii")
    if box.name not in _PAYLOAD and _has_all(names):
        return Undecidable(
            f"its index and media are complete; its last MP4 box ({shown}) claims {counted(missing)} more than the "
            "file has"
        )
    if box.name in _MEDIA and b"moov" in names and b"moof" not in names:
        if box.length >= MAX_FILE_BYTES:
            return OpenEnded("its MP4 header leaves the length of its media open, as recorders do until they finish")
        if missing <= _OFF_BY_A_HEADER:
            return OpenEnded(f"its MP4 box {shown} claims {counted(missing)} more than the file has")
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
    # A fragment more could follow; an index of the fragments is written behind the last one.
    if _last(names, b"mfra") > _last(names, b"moof"):
        return Complete("its fragments end in an index")
    return Undecidable("more fragments may follow")


def _box_to_the_end(names: list[bytes], name: bytes, size: int) -> Completeness:
    if b"moov" not in names and name != b"moov":
        return _without_index(size)
    return Undecidable(f"its last MP4 box ({name.decode('ascii')}) extends to the end of the file, wherever that is")


def _without_index(size: int) -> Truncated:
    return Truncated(f"MP4 has no index (moov), which recorders write when they finish; the file has {size:,} bytes")
