"""Whether recordings are whole: WAV and AVI by the sizes in their headers, MP4 by its boxes.

Recorders write a header first, the sound behind it, and the sizes last; so sizes of nothing, or of everything
(0xFFFFFFFF), are those of a recorder that is at work, or died, or writes into a pipe and can never set them.

Sources: Multimedia Programming Interface and Data Specifications 1.0 (RIFF); EBU Tech 3306 (RF64); ISO/IEC 14496-12;
what ffmpeg (0xFFFFFFFF), SoX (0x7FFFF000) and arecord (0x80000000) write where they cannot seek.
"""

import struct

from eisync.core.evidence import CannotTell, Cut, OpenEnded, Read, Verdict, Walk, Whole, cut_short, unlike

MOST_PARTS = 100_000
_OPEN = 0xFFFF_FFFF
_OPEN_SOUND = frozenset({0, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000, _OPEN, (1 << 64) - 1})
_USUAL_HEADER = 44
_WAVE_CALLED = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}
_BOXES_THAT_BEGIN = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"uuid"})


def wave(size: int) -> Walk:
    """WAV, RF64 and BW64."""
    start = yield Read(0, min(size, _USUAL_HEADER))
    head = start[:12]
    order = _WAVE_CALLED.get(head[:4])
    if order is None or head[8:12] != b"WAVE"[: max(0, size - 8)]:
        is_short = size < 12 and any(magic.startswith(head[:4]) for magic in _WAVE_CALLED)
        return _headerless(size) if is_short else unlike("a WAV file", head)
    if size < 12:
        return _headerless(size)
    is_long = head[:4] in (b"RF64", b"BW64")
    promised = 8 + struct.unpack(order + "I", head[4:8])[0]
    long_data = 0
    offset = 12
    for _ in range(MOST_PARTS):
        if offset + 8 > size:
            return _without_sound(promised, size)
        # Of most files all that is asked for is in the usual header.
        is_read = offset + 8 <= len(start) and start[offset : offset + 4] != b"ds64"
        chunk = start[offset:] if is_read else (yield Read(offset, min(size - offset, 36)))
        name, length = chunk[:4], struct.unpack(order + "I", chunk[4:8])[0]
        if is_long and name == b"ds64" and len(chunk) >= 24:
            long_riff, long_data = struct.unpack("<QQ", chunk[8:24])
            promised = 8 + long_riff
        elif name == b"data":
            data_bytes = long_data if is_long and length == _OPEN else length
            return _by_sound(promised, offset + 8, data_bytes, size)
        offset += 8 + length + length % 2
    return CannotTell("it has more parts than can be looked at")


def _by_sound(promised: int, begins_at: int, data_bytes: int, size: int) -> Verdict:
    if data_bytes in _OPEN_SOUND and size <= begins_at:
        return Cut(f"WAV header promises no sound yet, and there is none; the file has {size:,} bytes")
    if data_bytes in _OPEN_SOUND and size < begins_at + (data_bytes or _OPEN):
        return OpenEnded("its WAV header leaves its length open, as a recorder does until it ends")
    # Some programs set only one of the two sizes right.
    if promised < 12 or promised == 8 + _OPEN:
        promised = 0
    promised = max(promised, begins_at + data_bytes)
    if size < promised:
        return cut_short("WAV header", promised=promised, size=size)
    return _unless_longer(promised, size, "as long as its WAV header says")


def _headerless(size: int) -> Cut:
    return Cut(f"the file has {size:,} bytes, which is less than a WAV header")


def _without_sound(promised: int, size: int) -> Cut:
    if size < promised < 8 + _OPEN:
        return cut_short("WAV header", promised=promised, size=size)
    return Cut(f"it is a WAV header without sound; the file has {size:,} bytes")


def _unless_longer(promised: int, size: int, evidence: str) -> Verdict:
    if size > promised + promised % 2:
        return CannotTell(f"{size - promised:,} bytes follow the end that its header names")
    return Whole(evidence)


def avi(size: int) -> Walk:
    """AVI: one RIFF list after another, the second and those behind it called AVIX."""
    offset = 0
    while offset < size:
        head = yield Read(offset, min(size - offset, 12))
        kind = b"AVIX" if offset else b"AVI "
        if not b"RIFF".startswith(head[:4]) or not kind.startswith(head[8:12]):
            return unlike("an AVI file", head, offset=offset)
        if len(head) < 12:
            return Cut(f"an AVI list begins at byte {offset:,} and has no header yet; the file has {size:,} bytes")
        length = struct.unpack("<I", head[4:8])[0]
        if length < 12 or length == _OPEN:
            return Cut(
                f"AVI header leaves its length open, as a recorder does until it ends; the file has {size:,} bytes"
            )
        if offset + 8 + length > size:
            return cut_short("AVI header", promised=offset + 8 + length, size=size)
        offset += 8 + length + length % 2
    return Whole("as long as its AVI header says")


def mp4(size: int) -> Walk:
    """MP4: boxes that fill the file, with an index (moov) and the media (mdat) that it speaks of among them."""
    offset = 0
    boxes: list[bytes] = []
    while offset < size:
        head = yield Read(offset, min(size - offset, 16))
        if len(head) < 8:
            return Cut(f"an MP4 box begins at byte {offset:,} and has no header yet; the file has {size:,} bytes")
        length, name = struct.unpack(">I4s", head[:8])
        if not name.strip(b"\0") or (not boxes and name not in _BOXES_THAT_BEGIN):
            return unlike("an MP4 file", head, offset=offset)
        if length == 1:
            if len(head) < 16:
                return Cut(f"an MP4 box begins at byte {offset:,} and has no header yet; the file has {size:,} bytes")
            length = struct.unpack(">Q", head[8:16])[0]
        if length == 0:
            return _box_to_the_end(boxes, name, size)
        if length < 8:
            return unlike("an MP4 file", head, offset=offset)
        if offset + length > size:
            return cut_short(f"MP4 box {_shown(name)}", promised=offset + length, size=size)
        if len(boxes) == MOST_PARTS:
            return CannotTell("it has more parts than can be looked at")
        boxes.append(name)
        offset += length
    return _by_boxes(boxes, size)


def _by_boxes(boxes: list[bytes], size: int) -> Verdict:
    if b"moov" not in boxes:
        return Cut(f"MP4 has no index (moov), which a recorder writes when it ends; the file has {size:,} bytes")
    if b"moof" in boxes:
        # A fragment more could follow; an index of the fragments is written behind the last one.
        return Whole("its fragments end in an index") if boxes[-1] == b"mfra" else CannotTell("its fragments may go on")
    if b"mdat" not in boxes:
        return Cut(f"MP4 has an index and no media (mdat) yet; the file has {size:,} bytes")
    if boxes.count(b"mdat") > 1 and boxes.index(b"moov") < len(boxes) - 1 - boxes[::-1].index(b"mdat"):
        return CannotTell("its index stands before several pieces of media, and more of them may follow")
    return Whole("its MP4 boxes fill the file, index and media among them")


def _box_to_the_end(boxes: list[bytes], name: bytes, size: int) -> Verdict:
    if b"moov" not in boxes and name != b"moov":
        return Cut(f"MP4 has no index (moov), which a recorder writes when it ends; the file has {size:,} bytes")
    return CannotTell(f"its last MP4 box ({_shown(name)}) goes to the end, wherever that is")


def _shown(name: bytes) -> str:
    return name.decode("latin-1").encode("unicode_escape").decode("ascii")
