"""Name the real format of a file from its first bytes, whatever its file name says.

File names are often wrong. Browsers save a "not found" page as `data.json`, phones save HEIC images as `.jpg`, a
spreadsheet is called `.csv`, and a repository holds pointers in place of recordings. The format's name is for a person
and has its article ("a ZIP archive"). It decides only what the sentence says, and that a placeholder is not complete.

Sources: the list of file signatures that file(1) and the WHATWG's MIME Sniffing Standard, section 6, use; ISO/IEC
14496-12, section 4.3 (ftyp) with the registered brands of mp4ra.org; RFC 9559 (Matroska); RFC 9649 (WebP); RFC 1952
(gzip); the Git LFS pointer specification (git-lfs/git-lfs, docs/spec.md).
"""

import re

HEAD_BYTES = 512
"""This many bytes are enough to recognise every format in this module."""

_BEGINNINGS = (
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"II+\0", "a TIFF image"),
    (b"MM\0+", "a TIFF image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (b"8BPS", "a Photoshop image"),
    (b"RF64", "a WAV file"),
    (b"BW64", "a WAV file"),
    (b"RIFX", "a WAV file"),
    (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "a Wave64 file"),
    (b"fLaC", "a FLAC file"),
    (b"OggS", "an Ogg file"),
    (b"ID3", "an MP3 file"),
    (b".snd", "an AU file"),
    (b"caff\0\x01\0", "a Core Audio file"),
    (b"#!AMR", "an AMR file"),
    (b"wvpk", "a WavPack file"),
    (b"MThd", "a MIDI file"),
    (b"FLV\x01", "a Flash video"),
    (b"0&\xb2u\x8ef\xcf\x11", "a Windows Media file"),
    (b"\0\0\x01\xba", "an MPEG video"),
    (b"\0\0\x01\xb3", "an MPEG video"),
    (b"%PDF-", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"(\xb5/\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"PAR1", "a Parquet file"),
    (b"PARE", "an encrypted Parquet file"),
    (b"ARROW1\0\0", "an Arrow file"),
    (b"Obj\x01", "an Avro file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"CDF\x01", "a NetCDF file"),
    (b"CDF\x02", "a NetCDF file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file"),
    (b"\x7fELF", "a program"),
    (b"bplist00", "an Apple property list"),
)

_BY_FIRST_BYTE: dict[bytes, list[tuple[bytes, str]]] = {}
for _beginning, _name in _BEGINNINGS:
    _BY_FIRST_BYTE.setdefault(_beginning[:1], []).append((_beginning, _name))

# The form type, which follows "RIFF" and a length.
_RIFF = {b"WAVE": "a WAV file", b"AVI ": "an AVI file", b"WEBP": "a WebP image", b"RMID": "a MIDI file"}

# The major brand, which follows the length and "ftyp". The brands of one family begin with the same letters.
_BRANDS = (
    (("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"), "a HEIC image"),
    (("avif", "avis"), "an AVIF image"),
    (("mif1", "msf1", "mif2", "miaf"), "a HEIF image"),
    (("qt  ",), "a QuickTime file"),
    (("M4A ", "M4B ", "M4P "), "an MPEG-4 audio file"),
    (("3gp", "3g2", "3ge", "3gg", "3gr", "3gs"), "a 3GP file"),
    (("crx ",), "a Canon raw photo"),
)
_STILL_IMAGES = frozenset({"a HEIC image", "an AVIF image", "a HEIF image"})
_BOXES_OF_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"pnot", b"skip", b"free"})

_BOXES = _BOXES_OF_QUICKTIME | {b"ftyp"}

_TS_PACKET_BYTES, _TS_BEGINS = 188, b"G"
"""Each packet of a transport stream begins with byte 0x47 (ISO/IEC 13818-1, section 2.4.3.2)."""

_BLANKS = b" \t\r\n\x0b\x0c"
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|script|meta|h1|p|div|table|iframe)\b", re.IGNORECASE)
_XML = re.compile(rb"<\?xml\b|<!DOCTYPE\b|<[A-Za-z_][\w.:-]*(?:\s+[\w.:-]+\s*=|\s*/?>)", re.IGNORECASE)
_TEXT = bytes(range(32, 127)) + b"\t\r\n"

_JSON = re.compile(rb'\{\s*["}]|\[\s*[\[{"\]]')
_LFS = re.compile(rb"version https?://(?:git-lfs\.github\.com|hawser\.github\.com|git-media\.io)/")
# Most tables and documents begin with none of these, and are not checked any further.
_FIRST_BYTES_OF_OTHERS = frozenset(bytes([byte]) for byte in b"v/.RFPBG\x1a<\xef\xfe\xff" + _BLANKS)
_ANNEX = re.compile(rb"/annex/objects/|(?:\.\./)*\.git/annex/objects/")


def recognised(head: bytes) -> str | None:
    """Return the name of the format of a file that begins with `head`, for a person; None when it is not recognised.

    Pass `HEAD_BYTES` of the file; fewer are enough for most formats. CSV and JSON are not recognised, because any text
    may be one of them.
    """
    for beginning, name in _BY_FIRST_BYTE.get(head[:1], ()):
        if head.startswith(beginning):
            return name
    if head[:1] not in _FIRST_BYTES_OF_OTHERS and head[4:8] not in _BOXES and head[257:262] != b"ustar":
        return None
    return placeholder(head) or _boxed(head) or _zipped(head) or _rarer(head) or _marked_up(head)


def placeholder(head: bytes) -> str | None:
    """Return the kind of pointer that `head` is, when the real content is elsewhere and can be fetched; else None."""
    if _LFS.match(head):
        return "a Git LFS pointer"
    if _ANNEX.match(head):
        return "a git-annex pointer"
    return None


def is_still_image(head: bytes) -> bool:
    """Return whether a file that is made of MP4 boxes is an image."""
    return head[4:8] == b"ftyp" and _by_brands(head) in _STILL_IMAGES


def is_json(head: bytes) -> bool:
    """Return whether these bytes begin a JSON document. Ask only of a file that should not be text."""
    return _JSON.match(head.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS)) is not None


def is_text(head: bytes) -> bool:
    """Return whether these bytes are plain ASCII text."""
    return bool(head) and not head.translate(None, _TEXT)


def _boxed(head: bytes) -> str | None:
    """Recognise RIFF, IFF and MPEG-4 boxes, in which a name follows a length."""
    kind = head[8:12]
    if head.startswith(b"RIFF"):
        return _RIFF.get(kind)
    if head.startswith(b"FORM") and kind in (b"AIFF", b"AIFC"):
        return "an AIFF file"
    name = head[4:8]
    if name == b"ftyp":
        return _by_brands(head)
    if name in _BOXES_OF_QUICKTIME and head[:2] == b"\0\0":
        return "a QuickTime file"
    return None


def _by_brands(head: bytes) -> str:
    """Decide by the major brand; where that is a general one, by the brands that the file is compatible with."""
    major = head[8:12].decode("latin-1")
    name = next((name for brands, name in _BRANDS if major.startswith(brands)), "an MP4 file")
    length = min(int.from_bytes(head[:4], "big"), len(head))
    compatible = {head[at : at + 4] for at in range(16, length, 4)}
    if name in ("a HEIF image", "an MP4 file"):
        # A major brand may be a vendor's own, which says nothing. An image then has an image brand among the others.
        if b"avif" in compatible:
            return "an AVIF image"
        if b"heic" in compatible or b"heix" in compatible:
            return "a HEIC image"
    return name


def _zipped(head: bytes) -> str | None:
    """Recognise ZIP archives. The name of the first member tells which are office documents."""
    if not head.startswith(b"PK\x03\x04"):
        return None
    if b"xl/" in head:
        return "an Excel workbook"
    if b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in head:
        return "an OpenDocument spreadsheet"
    if b"[Content_Types].xml" in head:
        return "a Microsoft Office document"
    return "a ZIP archive"


def _rarer(head: bytes) -> str | None:
    """Recognise formats whose signature is too short to be enough alone."""
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and head[15:18] == b"\0\0\0":
        return "a BMP image"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "a WebM file" if b"webm" in head[:64] else "a Matroska file"
    if head.startswith(b"BZh") and head[4:10] == b"1AY&SY":
        return "a bzip2 archive"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if head[:1] == _TS_BEGINS == head[_TS_PACKET_BYTES : _TS_PACKET_BYTES + 1]:
        return "an MPEG transport stream"
    return _mpeg_audio(head)


def _mpeg_audio(head: bytes) -> str | None:
    """Recognise MPEG audio without tags: it begins with a frame header, in which no field has a reserved value."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or head[1] == 0xFE:
        return None  # FF FE is the byte order mark of UTF-16; as audio it would be layer I, which is no longer used
    version, layer, rate, frequency = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if layer == 0:  # reserved in MPEG audio, and always 0 in the frames of AAC
        return "an AAC file" if head[1] & 0xF6 == 0xF0 and frequency != 3 else None
    return "an MP3 file" if version != 1 and rate not in (0, 15) and frequency != 3 else None


def _marked_up(head: bytes) -> str | None:
    """Recognise HTML and XML after a byte order mark and blanks."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "ignore").encode("utf-8", "ignore")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS)
    if not text.startswith(b"<"):
        return None
    if _HTML.match(text) or (_XML.match(text) and re.search(rb"<html\b", text, re.IGNORECASE)):
        return "an HTML page"
    if re.search(rb"<svg\b", text, re.IGNORECASE):
        return "an SVG image"
    return "an XML document" if _XML.match(text) else None
